//! What a plan says, as text and as JSON.

use super::*;
use crate::error::{Error, Kind};
use crate::model::ledger::Stage;
use crate::model::plan::{AccountPlan, Deletion, Doubt, FlagUpdate, Moved, Moves, Rename, SecondCopy, Skipped, Whose};
use crate::model::{Digest, Flags, Listed, Losses, MailboxCondition, MailboxName, Outcomes, RawName, Uid, UidValidity};
use crate::report::document::{Head, document};

fn name(path: &str) -> MailboxName {
    MailboxName { raw: RawName(path.as_bytes().to_vec()), levels: path.split('/').map(str::to_owned).collect() }
}

fn mailbox(path: &str, copies: u32, octets: u64, flag_updates: u32) -> MailboxPlan {
    let update = |uid| FlagUpdate {
        source: Uid(uid),
        destination: Uid(uid),
        add: Flags::none(),
        remove: Flags::none(),
        agreed: Flags::none(),
    };
    MailboxPlan {
        source: name(path),
        destination: name(path),
        source_validity: UidValidity(1),
        destination_validity: Some(UidValidity(1)),
        revisions: (1, 1),
        create: false,
        special_use: None,
        subscribe: false,
        copies: UidSet::range(Uid(1), Uid(copies)),
        octets,
        moves: Vec::new(),
        flag_updates: (1..=flag_updates).map(update).collect(),
        skipped: Vec::new(),
        departed: UidSet::new(),
        doubt: Doubt::default(),
        not_found_again: UidSet::new(),
        deletions: Vec::new(),
        kept: 0,
        second_copies: Vec::new(),
        replaced: UidSet::new(),
        guard: None,
        present: 0,
        copied: 0,
        losses: Losses::default(),
    }
}

fn planned(account: &str, mailboxes: Vec<MailboxPlan>) -> AccountResult<PlanSummary> {
    renaming(account, Vec::new(), mailboxes)
}

fn renaming(account: &str, renames: Vec<Rename>, mailboxes: Vec<MailboxPlan>) -> AccountResult<PlanSummary> {
    let plan = AccountPlan {
        account: account.to_owned(),
        generation: 1,
        policy: [0; 16],
        renames,
        mailboxes,
        omitted: Vec::new(),
        leftovers: 0,
        warnings: Vec::new(),
    };
    let totals = plan.totals();
    let outcomes = Outcomes { pending: totals.copies, skipped: totals.skipped, present: 100, ..Outcomes::default() };
    AccountResult::new(
        account,
        Ok(PlanSummary {
            plan,
            ledger: AccountLedger { outcomes, held: outcomes.total(), ..AccountLedger::at(Stage::Planned) },
            keeps: None,
            labels: None,
            unmatched: Vec::new(),
        }),
    )
}

fn archive() -> MailboxPlan {
    MailboxPlan { create: true, ..mailbox("Archive/2024", 2, 1_153_434, 0) }
}

fn left_out_mailbox() -> MailboxPlan {
    MailboxPlan {
        destination: name("Sent"),
        skipped: vec![Skipped {
            uid: Uid(17),
            reason: "61.0 MiB, and at most 50.0 MiB are taken".to_owned(),
            whose: Whose::Settings,
        }],
        departed: UidSet::range(Uid(3), Uid(5)),
        losses: Losses { flags: [("$Label1".to_owned(), 12)].into(), ..Losses::default() },
        ..mailbox("Sent Items", 0, 0, 0)
    }
}

#[test]
fn text_one_account_is_as_the_style_shows_it() {
    let results = [planned("alice", vec![mailbox("INBOX", 118, 50_541_363, 14), mailbox("Empty", 0, 0, 0), archive()])];
    let expected = "\
INBOX          + 118 copies   ~ 14 flag changes   48.2 MiB
Archive/2024   +   2 copies                        1.1 MiB   (new mailbox)

Plan: + 120 copies  ~ 14 flag changes  (1 mailbox to create, 49.3 MiB)
To do exactly this, run: mailferry apply
";
    assert_eq!(text(&results, Detail::Brief, &Invocation::default(), Step::Apply), expected);
}

fn mirrored() -> MailboxPlan {
    let copy = Listed { octets: 9, date: None, identity: None };
    let deletion = |uid| Deletion { source: Uid(uid), destination: Uid(uid), identity: Digest([0; 16]), copy };
    MailboxPlan {
        deletions: (4..=6).map(deletion).collect(),
        kept: 1,
        second_copies: vec![SecondCopy { source: Uid(1), linked: Uid(1), surplus: Uid(9) }],
        guard: Some("3 of 10 messages would be deleted, and delete_guard is 10%".to_owned()),
        ..mailbox("INBOX", 118, 50_541_363, 14)
    }
}

#[test]
fn text_deletions_have_a_column_and_their_uids_with_details() {
    let results = [planned("alice", vec![mirrored(), archive()])];
    let expected = "\
INBOX          + 118 copies   ~ 14 flag changes   - 3 deletions   48.2 MiB   (1 second copy of ours, guarded)
    deletes destination UID 4:6: copied by us, and gone from the source
    left alone 1 message of the destination: gone from the source, and there before us
    second copy with destination UID 9: UID 1 is the one that counts
Archive/2024   +   2 copies                                        1.1 MiB   (new mailbox)

Plan: + 120 copies  ~ 14 flag changes  - 3 deletions  (1 mailbox to create, 1 second copy, 49.3 MiB)
To do exactly this, run: mailferry apply
";
    assert_eq!(text(&results, Detail::Full, &Invocation::default(), Step::Apply), expected);
}

fn moved_into() -> MailboxPlan {
    let moved = |uid| Moved { source: Uid(uid + 3), former: Uid(uid), destination: Uid(uid + 1) };
    let moves = Moves {
        source: name("INBOX").raw,
        source_validity: UidValidity(1),
        is_gone: false,
        destination: name("INBOX"),
        destination_validity: UidValidity(1),
        messages: (4..=6).map(moved).collect(),
    };
    MailboxPlan { moves: vec![moves], ..archive() }
}

#[test]
fn moves_have_a_column_and_their_uids_with_details() {
    let results = [planned("alice", vec![mailbox("INBOX", 118, 50_541_363, 14), moved_into()])];
    let expected = "\
INBOX          + 118 copies               ~ 14 flag changes   48.2 MiB
Archive/2024   +   2 copies   > 3 moves                        1.1 MiB   (new mailbox)
    moves destination UID 5:7 from `INBOX`: copied by us, and moved so on the source

Plan: + 120 copies  > 3 moves  ~ 14 flag changes  (1 mailbox to create, 49.3 MiB)
To do exactly this, run: mailferry apply
";
    assert_eq!(text(&results, Detail::Full, &Invocation::default(), Step::Apply), expected);
    let json = document(&Head::default(), json(&results));
    assert_eq!((&json["totals"]["moves"], &json["totals"]["copies"]), (&3.into(), &120.into()));
    assert_eq!(json["accounts"][0]["mailboxes"][1]["moves"], 3);
}

#[test]
fn renames_come_first_and_what_goes_along_is_counted() {
    let rename = |(from, to)| Rename { from: name(from), to: name(to) };
    let renames = [("Old", "New"), ("Old/a", "New/a"), ("Old/b", "New/c"), ("Other", "Else")].map(rename);
    let results = [renaming("alice", renames.into(), vec![mailbox("INBOX", 2, 9_000, 0)])];
    let shown = |detail| text(&results, detail, &Invocation::default(), Step::Apply);
    let expected = "\
> rename `Old` with 1 mailbox below it on the destination to `New`: the source calls it so now
> rename `Old/b` on the destination to `New/c`: the source calls it so now
> rename `Other` on the destination to `Else`: the source calls it so now
INBOX   + 2 copies   8.8 KiB

Plan: + 2 copies  (4 mailboxes to rename, 8.8 KiB)
To do exactly this, run: mailferry apply
";
    assert_eq!(shown(Detail::Brief), expected);
    assert!(shown(Detail::Full).contains("rename `Old/a` on the destination to `New/a`"));
    let json = document(&Head::default(), json(&results));
    assert_eq!(json["totals"]["renames"], 4);
    assert_eq!(json["accounts"][0]["renames"][3], serde_json::json!({ "from": "Other", "to": "Else" }));
    let page = html(&results, 0, &jiff::tz::TimeZone::UTC, &Invocation::default());
    assert!(page.contains("<li>Old/b → New/c</li>") && page.contains("mailboxes renamed"), "{page}");
}

#[test]
fn json_second_copies_stand_beside_the_deletes() {
    let json = document(&Head::default(), json(&[planned("alice", vec![mirrored()])]));
    assert_eq!(
        (&json["totals"]["deletes"], &json["totals"]["second_copies"]),
        (&serde_json::json!(3), &serde_json::json!(1))
    );
    let mailbox = &json["accounts"][0]["mailboxes"][0];
    assert_eq!(
        (&mailbox["deletes"], &mailbox["second_copies"], &mailbox["kept"]),
        (&serde_json::json!(3), &serde_json::json!(1), &serde_json::json!(1))
    );
    assert!(mailbox["guard"].is_string());
}

#[test]
fn text_several_accounts_have_headings_and_one_total() {
    let failed = Err(Error::new(Kind::Stale, "there is no scan of this account"));
    let failed = AccountResult::new("carol", failed);
    let results = [planned("alice", vec![mailbox("INBOX", 1, 2048, 0)]), planned("bob", vec![archive()]), failed];
    let expected = "\
alice
  INBOX   + 1 copy   2.0 KiB

bob
  Archive/2024   + 2 copies   1.1 MiB   (new mailbox)

Plan for 2 accounts: + 3 copies  (1 mailbox to create, 1.1 MiB)
2 of 3 accounts planned; 1 failed: carol
To do exactly this, run: mailferry apply
";
    assert_eq!(text(&results, Detail::Brief, &Invocation::default(), Step::Apply), expected);
}

#[test]
fn text_full_detail_names_what_is_left_out() {
    let mut result = planned("alice", vec![left_out_mailbox()]);
    if let Ok(summary) = &mut result.result {
        let condition = MailboxCondition::Excluded;
        let junk = Omitted { mailbox: name("Junk"), reason: "excluded".to_owned(), condition, messages: 9 };
        let odd = Omitted {
            mailbox: name("a\u{1b}b"),
            reason: "the destination has no such names".to_owned(),
            condition: MailboxCondition::Unreadable,
            messages: 1,
        };
        summary.plan.omitted = vec![junk, odd];
        summary.plan.warnings = vec!["the quota will be 97 % full".to_owned()];
        summary.ledger.outcomes.departed = 3;
        summary.ledger.losses = summary.plan.mailboxes[0].losses.clone();
    }
    let expected = "\
Sent Items   (to `Sent`, no change)
    skipped UID 17: 61.0 MiB, and at most 50.0 MiB are taken
    left alone UID 3:5: copied once, and deleted on the destination since
    flag `$Label1` on 12 messages: the destination cannot keep it
obstacle: cannot copy `a?b` with 1 message: the destination has no such names
omitted: `Junk` with 9 messages: excluded
warning: the quota will be 97 % full

Nothing to do: 100 of 104 messages of the source are on the destination.
Left out: 1 skipped, 3 deleted on the destination since
Not kept: 12 flags cannot be kept by the destination: `$Label1` on 12 messages
";
    assert_eq!(text(&[result], Detail::Full, &Invocation::default(), Step::Apply), expected);
}

#[test]
fn text_nothing_to_do_says_so() {
    let results = [planned("alice", vec![mailbox("INBOX", 0, 0, 0)])];
    let expected = "Nothing to do: 100 messages of the source are all on the destination.\n";
    assert_eq!(text(&results, Detail::Brief, &Invocation::default(), Step::Apply), expected);
}

#[test]
fn json_has_the_shape_of_the_contract() {
    let results = [planned("alice", vec![archive(), left_out_mailbox()])];
    let json = document(&Head::default(), json(&results));
    let first = &json["accounts"][0];
    assert_eq!(first["account"], "alice");
    let mailbox = &first["mailboxes"][0];
    assert_eq!(mailbox["mailbox"], "Archive/2024");
    assert_eq!(mailbox["create"], true);
    let numbers = ["copies", "octets", "flag_updates", "deletes"].map(|key| mailbox[key].as_u64());
    assert_eq!(numbers, [2, 1_153_434, 0, 0].map(Some));
    let skipped =
        serde_json::json!([{ "uid": 17, "reason": "61.0 MiB, and at most 50.0 MiB are taken", "whose": "settings" }]);
    assert_eq!(first["mailboxes"][1]["skipped"], skipped);
    let totals = ["copies", "octets", "flag_updates", "deletes", "creates", "skipped"];
    assert_eq!(totals.map(|key| json["totals"][key].as_u64()), [2, 1_153_434, 0, 0, 1, 1].map(Some));
}

#[test]
fn json_account_without_plan_has_its_error() {
    let failed = Err(Error::new(Kind::Stale, "there is no scan").because("never scanned").hint("run it"));
    let json = document(&Head::default(), json(&[AccountResult::new("carol", failed)]));
    assert_eq!(json["accounts"][0]["error"]["what"], "there is no scan");
    assert_eq!(json["totals"]["copies"], 0);
}

#[test]
fn text_of_many_accounts_has_a_line_each_and_what_is_to_be_read_at_the_end() {
    let names: Vec<String> = (1..=12).map(|number| format!("u{number:02}")).collect();
    let mut results: Vec<_> = names.iter().map(|name| planned(name, vec![mailbox("INBOX", 3, 2048, 1)])).collect();
    results[11] = planned("u12", Vec::new());
    results[1].result.as_mut().unwrap().plan.warnings.push("it does not fit".to_owned());
    let shown = text(&results, Detail::Brief, &Invocation::default(), Step::Apply);
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines[0], "ACCOUNT   COPIES      SIZE   FLAG CHANGES");
    assert_eq!(lines[1], "u01            3   2.0 KiB              1");
    assert_eq!(lines[13], "1 account with nothing to do");
    assert_eq!(lines[14..16], ["1 remark to read:", "  warning: u02: it does not fit"]);
    assert!(text(&results, Detail::Full, &Invocation::default(), Step::Apply).contains("u01\n  INBOX"));
}

#[test]
fn page_names_what_is_to_be_read_and_hostile_names_do_nothing() {
    let hostile = "<script>alert(1)</script>\u{202e}";
    let mut results = vec![planned(hostile, vec![mailbox(hostile, 3, 2048, 1)])];
    results[0].result.as_mut().unwrap().plan.warnings.push(format!("{hostile} does not fit"));
    results.push(AccountResult::new("bob", Err(Error::new(Kind::Stale, "never scanned"))));
    let page = html(&results, 1_783_900_000, &jiff::tz::TimeZone::UTC, &Invocation::default());
    assert!(!page.contains("<script") && !page.contains('\u{202e}'), "{page}");
    for words in ["To read first", "does not fit", "3 copies, 2.0 KiB", "bob: never scanned", "mailferry apply"] {
        assert!(page.contains(words), "{words}: {page}");
    }
}
