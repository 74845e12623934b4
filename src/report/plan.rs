//! A plan as text and as JSON: what `apply` would do, mailbox by mailbox, and what stands in the way.

use super::quantity::{counted, noun_for, number, octets, verb_for};
use super::table::{Align, Table, padded};
use super::{failure, indented, losses, outcomes, recognition, succeeded, unreached, warning_lines};
use crate::error::sanitized;
use crate::model::plan::{AccountPlan, MailboxPlan, Omitted, PlanTotals};
use crate::model::report::{AccountResult, PlanSummary};
use crate::model::run_ledger::RunLedger;
use crate::model::{AccountLedger, UidSet};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How much of a plan is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Detail {
    /// Mailboxes with something to do, and what stands in the way.
    Brief,
    /// All mailboxes, each message that is left out with its reason, lost keywords and omitted mailboxes.
    Full,
}

/// Sums over the plans of all accounts.
pub fn totals(results: &[AccountResult<PlanSummary>]) -> PlanTotals {
    let mut totals = PlanTotals::default();
    succeeded(results).for_each(|(_, summary)| totals.merge(&summary.plan.totals()));
    totals
}

/// The plans of all accounts, their sum, and the command that does exactly this.
pub fn text(results: &[AccountResult<PlanSummary>], detail: Detail, apply_command: &str) -> String {
    let accounts: String =
        succeeded(results).map(|(name, summary)| account(name, summary, detail, results.len())).collect();
    accounts + &conclusion(results, detail, apply_command)
}

fn account(name: &str, summary: &PlanSummary, detail: Detail, accounts: usize) -> String {
    let plan = &summary.plan;
    let body = mailboxes(&plan.mailboxes, detail) + &obstacles(&plan.omitted) + &omitted(&plan.omitted, detail);
    let warnings = warning_lines(name, &plan.warnings, 1) + &recognition::line(summary.keeps);
    match (body.is_empty() && warnings.is_empty(), accounts) {
        (true, _) => String::new(),
        (false, 1) => format!("{body}{warnings}\n"),
        (false, _) => format!("{}\n{}\n", sanitized(name), indented(&(body + &warnings), 2)),
    }
}

/// A line for each mailbox that has something to do; with full detail for each, and below it what is left out.
fn mailboxes(plans: &[MailboxPlan], detail: Detail) -> String {
    let shown: Vec<&MailboxPlan> = plans.iter().filter(|plan| detail == Detail::Full || !plan.is_empty()).collect();
    let copies = signed("+", "copy", shown.iter().map(|plan| plan.copies.len()));
    let flag_changes = signed("~", "flag change", shown.iter().map(|plan| plan.flag_updates.len() as u64));
    let deletions = signed("-", "deletion", shown.iter().map(|plan| plan.deletions.len() as u64));
    let mut table = Table::new([Align::Left, Align::Left, Align::Left, Align::Left, Align::Right, Align::Left]);
    for (((plan, copies), flag_changes), deletions) in shown.iter().zip(copies).zip(flag_changes).zip(deletions) {
        let octets = if plan.copies.is_empty() { String::new() } else { octets(plan.octets) };
        table.row([sanitized(&plan.source.path()), copies, flag_changes, deletions, octets, notes(plan)]);
    }
    let lines = table.lines().into_iter().zip(shown);
    lines.map(|(line, plan)| format!("{line}\n{}", indented(&left_out(plan, detail), 4))).collect()
}

/// `+ 118 copies` for each count, aligned among themselves; nothing where there is nothing.
fn signed(sign: &str, noun: &str, counts: impl Iterator<Item = u64> + Clone) -> Vec<String> {
    let digits = counts.clone().map(|count| number(count).len()).max().unwrap_or(0);
    let text = |count| format!("{sign} {} {}", padded(&number(count), digits, Align::Right), noun_for(count, noun));
    counts.map(|count| if count == 0 { String::new() } else { text(count) }).collect()
}

fn notes(plan: &MailboxPlan) -> String {
    let mut notes = Vec::new();
    if plan.create {
        notes.push("new mailbox".to_owned());
    }
    if plan.source.path() != plan.destination.path() {
        notes.push(format!("to `{}`", sanitized(&plan.destination.path())));
    }
    if plan.subscribe && !plan.create {
        notes.push("subscribe".to_owned());
    }
    if !plan.second_copies.is_empty() {
        notes.push(format!("{} of ours", counted(plan.second_copies.len() as u64, "second copy")));
    }
    if !plan.replaced.is_empty() {
        notes.push(format!("{} to be replaced", counted(plan.replaced.len(), "copy")));
    }
    if plan.guard.is_some() {
        notes.push("guarded".to_owned());
    }
    if plan.is_empty() {
        notes.push("no change".to_owned());
    }
    if notes.is_empty() { String::new() } else { format!("({})", notes.join(", ")) }
}

fn left_out(plan: &MailboxPlan, detail: Detail) -> String {
    if detail == Detail::Brief {
        return String::new();
    }
    let skipped =
        plan.skipped.iter().map(|skipped| format!("skipped UID {}: {}\n", skipped.uid, sanitized(&skipped.reason)));
    let departed = (!plan.departed.is_empty()).then(|| {
        let uids = sanitized(&plan.departed.to_string());
        format!("left alone UID {uids}: copied once, and gone from the destination since\n")
    });
    let flags =
        losses::flags(&plan.losses).into_iter().map(|flag| format!("flag {flag}: the destination cannot keep it\n"));
    skipped.chain(departed).chain(flags).chain(removals(plan)).collect()
}

/// Each message of the destination that would go, by its UID there, and how many stay that have no source any more.
fn removals(plan: &MailboxPlan) -> impl Iterator<Item = String> + '_ {
    let uids: UidSet = plan.deletions.iter().map(|deletion| deletion.destination).collect();
    let deleted = (!uids.is_empty()).then(|| {
        format!("deletes destination UID {}: copied by us, and gone from the source\n", sanitized(&uids.to_string()))
    });
    let kept = (plan.kept > 0).then(|| {
        let messages = counted(plan.kept, "message");
        format!("left alone {messages} of the destination: gone from the source, and there before us\n")
    });
    let second_copies = plan.second_copies.iter().map(|second| {
        let (linked, surplus) = (second.linked, second.surplus);
        format!("second copy with destination UID {surplus}: UID {linked} is the one that counts\n")
    });
    deleted.into_iter().chain(kept).chain(second_copies)
}

/// Mailboxes whose mail stays behind though nobody asked for it: always shown.
fn obstacles(all: &[Omitted]) -> String {
    let obstacles = all.iter().filter(|omitted| omitted.condition.is_obstacle());
    obstacles.map(|omitted| format!("obstacle: {} stays behind: {}\n", holding(omitted), reason(omitted))).collect()
}

fn omitted(all: &[Omitted], detail: Detail) -> String {
    let intended = all.iter().filter(|omitted| !omitted.condition.is_obstacle() && detail == Detail::Full);
    intended.map(|omitted| format!("omitted: {}: {}\n", holding(omitted), reason(omitted))).collect()
}

fn holding(omitted: &Omitted) -> String {
    let mailbox = sanitized(&omitted.mailbox.path());
    match omitted.messages {
        0 => format!("`{mailbox}`"),
        messages => format!("`{mailbox}` with {}", counted(messages, "message")),
    }
}

fn reason(omitted: &Omitted) -> String {
    sanitized(&omitted.reason)
}

/// What all plans come to, and what to do next.
fn conclusion(results: &[AccountResult<PlanSummary>], detail: Detail, apply_command: &str) -> String {
    let planned = succeeded(results).count() as u64;
    if planned == 0 {
        return String::new();
    }
    let totals = totals(results);
    let scope = if results.len() > 1 { format!(" for {}", counted(planned, "account")) } else { String::new() };
    let ledger = RunLedger::of(results).sum();
    let left_out = left_out_sentence(&ledger, detail)
        + &losses::line(&ledger.losses)
        + &losses::unknown(&ledger.losses)
        + &unreached(results, "planned");
    if totals.is_empty() {
        return format!("Nothing to do{scope}: {}.\n{left_out}", held(&ledger));
    }
    format!("Plan{scope}: {}\n{left_out}To do exactly this, run: {apply_command}\n", total_line(&totals))
}

/// `+ 120 copies  ~ 14 flag changes  (1 mailbox to create, 49.3 MiB)`
fn total_line(totals: &PlanTotals) -> String {
    let signed =
        [("+", totals.copies, "copy"), ("~", totals.flag_updates, "flag change"), ("-", totals.deletes, "deletion")];
    let signed = signed.iter().filter(|(_, count, _)| *count > 0);
    let actions: Vec<_> = signed.map(|(sign, count, noun)| format!("{sign} {}", counted(*count, noun))).collect();
    let mut extras = Vec::new();
    if totals.creates > 0 {
        extras.push(format!("{} to create", counted(totals.creates, "mailbox")));
    }
    if totals.subscribes > 0 {
        extras.push(format!("{} to subscribe", number(totals.subscribes)));
    }
    if totals.second_copies > 0 {
        extras.push(counted(totals.second_copies, "second copy"));
    }
    if totals.replaced > 0 {
        extras.push(format!("{} to be replaced", counted(totals.replaced, "copy")));
    }
    if totals.copies > 0 {
        extras.push(octets(totals.octets));
    }
    let extras = extras.join(", ");
    match (actions.is_empty(), extras.is_empty()) {
        (true, _) => extras,
        (false, true) => actions.join("  "),
        (false, false) => format!("{}  ({extras})", actions.join("  ")),
    }
}

/// Why there is nothing to do: what the destination holds already.
fn held(ledger: &AccountLedger) -> String {
    let (there, total) = (ledger.outcomes.there(), ledger.outcomes.total());
    match total {
        0 => "the source holds no messages that take part".to_owned(),
        _ if there == total => {
            let verb = verb_for(total, "is", "are all");
            format!("{} of the source {verb} on the destination", counted(total, "message"))
        }
        _ => format!("{} of {} of the source are on the destination", number(there), counted(total, "message")),
    }
}

/// Tells that something is left out, and where to read more; empty where nothing is.
fn left_out_sentence(ledger: &AccountLedger, detail: Detail) -> String {
    let messages = outcomes::left_out(&ledger.outcomes);
    match (messages.is_empty(), detail) {
        (true, _) => String::new(),
        (false, Detail::Brief) => format!("Left out: {messages}; --details names them\n"),
        (false, Detail::Full) => format!("Left out: {messages}\n"),
    }
}

/// The plan as the Contract has it; an account without a plan has an `error` instead.
pub fn json(results: &[AccountResult<PlanSummary>]) -> Value {
    let totals = totals(results);
    json!({
        "accounts": results.iter().map(account_json).collect::<Vec<_>>(),
        "totals": {
            "copies": totals.copies,
            "octets": totals.octets,
            "flag_updates": totals.flag_updates,
            "deletes": totals.deletes,
            "second_copies": totals.second_copies,
            "replaced": totals.replaced,
            "creates": totals.creates,
            "subscribes": totals.subscribes,
            "skipped": totals.skipped,
        },
    })
}

fn account_json(result: &AccountResult<PlanSummary>) -> Value {
    match &result.result {
        Ok(PlanSummary { plan: AccountPlan { mailboxes, omitted, warnings, .. }, ledger, keeps, .. }) => json!({
            "account": result.account,
            "mailboxes": mailboxes.iter().map(mailbox_json).collect::<Vec<_>>(),
            "omitted": omitted.iter().map(omitted_json).collect::<Vec<_>>(),
            "outcomes": outcomes::json(&ledger.outcomes),
            "losses": losses::json(&ledger.losses),
            "recognised_by": recognition::json(*keeps),
            "warnings": warnings,
        }),
        Err(error) => json!({ "account": result.account, "mailboxes": [], "error": failure::json(error) }),
    }
}

fn mailbox_json(plan: &MailboxPlan) -> Value {
    let skipped = plan
        .skipped
        .iter()
        .map(|skipped| json!({ "uid": skipped.uid, "reason": skipped.reason, "whose": skipped.whose }));
    json!({
        "mailbox": plan.source.path(),
        "destination": plan.destination.path(),
        "create": plan.create,
        "subscribe": plan.subscribe,
        "copies": plan.copies.len(),
        "octets": plan.octets,
        "flag_updates": plan.flag_updates.len(),
        "deletes": plan.deletions.len(),
        "second_copies": plan.second_copies.len(),
        "replaced": plan.replaced.len(),
        "kept": plan.kept,
        "guard": plan.guard,
        "skipped": skipped.collect::<Vec<_>>(),
        "departed": plan.departed.len(),
        "losses": losses::json(&plan.losses),
        "dropped_keywords": plan.losses.flags.iter().filter(|(flag, _)| !flag.starts_with('\\')).collect::<BTreeMap<_, _>>(),
    })
}

fn omitted_json(omitted: &Omitted) -> Value {
    json!({
        "mailbox": omitted.mailbox.path(),
        "reason": omitted.reason,
        "condition": omitted.condition,
        "intended": !omitted.condition.is_obstacle(),
        "messages": omitted.messages,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, Kind};
    use crate::model::ledger::Stage;
    use crate::model::plan::{Deletion, Doubt, FlagUpdate, SecondCopy, Skipped, Whose};
    use crate::model::{
        Digest, Flags, Listed, Losses, MailboxCondition, MailboxName, Outcomes, RawName, Uid, UidValidity,
    };

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
        let plan = AccountPlan {
            account: account.to_owned(),
            generation: 1,
            policy: [0; 16],
            mailboxes,
            omitted: Vec::new(),
            warnings: Vec::new(),
        };
        let totals = plan.totals();
        let outcomes =
            Outcomes { pending: totals.copies, skipped: totals.skipped, present: 100, ..Outcomes::default() };
        AccountResult {
            account: account.to_owned(),
            result: Ok(PlanSummary {
                plan,
                ledger: AccountLedger { outcomes, held: outcomes.total(), ..AccountLedger::at(Stage::Planned) },
                keeps: None,
                unmatched: Vec::new(),
            }),
        }
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
        let results =
            [planned("alice", vec![mailbox("INBOX", 118, 50_541_363, 14), mailbox("Empty", 0, 0, 0), archive()])];
        let expected = "\
INBOX          + 118 copies   ~ 14 flag changes   48.2 MiB
Archive/2024   +   2 copies                        1.1 MiB   (new mailbox)

Plan: + 120 copies  ~ 14 flag changes  (1 mailbox to create, 49.3 MiB)
To do exactly this, run: mailferry apply
";
        assert_eq!(text(&results, Detail::Brief, "mailferry apply"), expected);
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
        assert_eq!(text(&results, Detail::Full, "mailferry apply"), expected);
    }

    #[test]
    fn json_second_copies_stand_beside_the_deletes() {
        let json = json(&[planned("alice", vec![mirrored()])]);
        assert_eq!((&json["totals"]["deletes"], &json["totals"]["second_copies"]), (&json!(3), &json!(1)));
        let mailbox = &json["accounts"][0]["mailboxes"][0];
        assert_eq!(
            (&mailbox["deletes"], &mailbox["second_copies"], &mailbox["kept"]),
            (&json!(3), &json!(1), &json!(1))
        );
        assert!(mailbox["guard"].is_string());
    }

    #[test]
    fn text_several_accounts_have_headings_and_one_total() {
        let failed = Err(Error::new(Kind::Stale, "there is no scan of this account"));
        let failed = AccountResult { account: "carol".to_owned(), result: failed };
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
        assert_eq!(text(&results, Detail::Brief, "mailferry apply"), expected);
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
    left alone UID 3:5: copied once, and gone from the destination since
    flag `$Label1` on 12 messages: the destination cannot keep it
obstacle: `a?b` with 1 message stays behind: the destination has no such names
omitted: `Junk` with 9 messages: excluded
warning: the quota will be 97 % full

Nothing to do: 100 of 104 messages of the source are on the destination.
Left out: 1 skipped, 3 gone from the destination since
Not kept: 12 flags cannot be kept by the destination: `$Label1` on 12 messages
";
        assert_eq!(text(&[result], Detail::Full, "mailferry apply"), expected);
    }

    #[test]
    fn text_nothing_to_do_says_so() {
        let results = [planned("alice", vec![mailbox("INBOX", 0, 0, 0)])];
        let expected = "Nothing to do: 100 messages of the source are all on the destination.\n";
        assert_eq!(text(&results, Detail::Brief, "mailferry apply"), expected);
    }

    #[test]
    fn json_has_the_shape_of_the_contract() {
        let results = [planned("alice", vec![archive(), left_out_mailbox()])];
        let json = json(&results);
        let first = &json["accounts"][0];
        assert_eq!(first["account"], "alice");
        let mailbox = &first["mailboxes"][0];
        assert_eq!(mailbox["mailbox"], "Archive/2024");
        assert_eq!(mailbox["create"], true);
        let numbers = ["copies", "octets", "flag_updates", "deletes"].map(|key| mailbox[key].as_u64());
        assert_eq!(numbers, [2, 1_153_434, 0, 0].map(Some));
        let skipped = json!([{ "uid": 17, "reason": "61.0 MiB, and at most 50.0 MiB are taken", "whose": "settings" }]);
        assert_eq!(first["mailboxes"][1]["skipped"], skipped);
        let totals = ["copies", "octets", "flag_updates", "deletes", "creates", "skipped"];
        assert_eq!(totals.map(|key| json["totals"][key].as_u64()), [2, 1_153_434, 0, 0, 1, 1].map(Some));
    }

    #[test]
    fn json_account_without_plan_has_its_error() {
        let failed = Err(Error::new(Kind::Stale, "there is no scan").because("never scanned").hint("run it"));
        let json = json(&[AccountResult { account: "carol".to_owned(), result: failed }]);
        assert_eq!(json["accounts"][0]["error"]["what"], "there is no scan");
        assert_eq!(json["totals"]["copies"], 0);
    }
}
