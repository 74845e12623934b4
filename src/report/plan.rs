//! A plan as text and as JSON: what `apply` would do, mailbox by mailbox, and what stands in the way.

use super::quantity::{counted, noun_for, number, octets, verb_for};
use super::table::{Align, Table, padded};
use super::{failure, indented, outcomes, succeeded, warning_lines};
use crate::error::sanitized;
use crate::model::plan::{AccountPlan, MailboxPlan, Omitted, PlanTotals};
use crate::model::report::{AccountResult, PlanSummary};
use crate::model::{Outcomes, UidSet};
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
    let warnings = warning_lines(name, &plan.warnings, 1);
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
    let keywords = plan.dropped_keywords.iter().map(|(keyword, count)| {
        let messages = counted(*count, "message");
        format!("keyword `{}` on {messages}: the destination cannot keep it\n", sanitized(keyword))
    });
    skipped.chain(departed).chain(keywords).chain(removals(plan)).collect()
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
    let obstacles = all.iter().filter(|omitted| !omitted.intended);
    obstacles.map(|omitted| format!("obstacle: {} stays behind: {}\n", holding(omitted), reason(omitted))).collect()
}

fn omitted(all: &[Omitted], detail: Detail) -> String {
    let intended = all.iter().filter(|omitted| omitted.intended && detail == Detail::Full);
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
    let left_out = left_out_sentence(results, detail);
    if totals.is_empty() {
        return format!("Nothing to do{scope}: {}.\n{left_out}", held(results));
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
fn held(results: &[AccountResult<PlanSummary>]) -> String {
    let outcomes = all_outcomes(results);
    let (there, total) = (outcomes.present + outcomes.copied, outcomes.total());
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
fn left_out_sentence(results: &[AccountResult<PlanSummary>], detail: Detail) -> String {
    let mut parts: Vec<String> = Vec::new();
    let messages = outcomes::left_out(&all_outcomes(results));
    if !messages.is_empty() {
        parts.push(messages);
    }
    let keywords = dropped_keywords(results);
    if keywords > 0 {
        parts.push(format!("{} that the destination cannot keep", counted(keywords, "keyword")));
    }
    match (parts.is_empty(), detail) {
        (true, _) => String::new(),
        (false, Detail::Brief) => format!("Left out: {}; --details names them\n", parts.join(", ")),
        (false, Detail::Full) => format!("Left out: {}\n", parts.join(", ")),
    }
}

fn dropped_keywords(results: &[AccountResult<PlanSummary>]) -> u64 {
    let plans = succeeded(results).flat_map(|(_, summary)| &summary.plan.mailboxes);
    let names: BTreeMap<&str, ()> = plans.flat_map(|plan| plan.dropped_keywords.keys()).map(|k| (&**k, ())).collect();
    names.len() as u64
}

fn all_outcomes(results: &[AccountResult<PlanSummary>]) -> Outcomes {
    let mut all = Outcomes::default();
    succeeded(results).for_each(|(_, summary)| all.merge(&summary.outcomes));
    all
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
            "creates": totals.creates,
            "subscribes": totals.subscribes,
            "skipped": totals.skipped,
        },
    })
}

fn account_json(result: &AccountResult<PlanSummary>) -> Value {
    match &result.result {
        Ok(PlanSummary { plan: AccountPlan { mailboxes, omitted, warnings, .. }, outcomes, .. }) => json!({
            "account": result.account,
            "mailboxes": mailboxes.iter().map(mailbox_json).collect::<Vec<_>>(),
            "omitted": omitted.iter().map(omitted_json).collect::<Vec<_>>(),
            "outcomes": outcomes::json(outcomes),
            "warnings": warnings,
        }),
        Err(error) => json!({ "account": result.account, "mailboxes": [], "error": failure::json(error) }),
    }
}

fn mailbox_json(plan: &MailboxPlan) -> Value {
    let skipped = plan.skipped.iter().map(|skipped| json!({ "uid": skipped.uid, "reason": skipped.reason }));
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
        "kept": plan.kept,
        "guard": plan.guard,
        "skipped": skipped.collect::<Vec<_>>(),
        "departed": plan.departed.len(),
        "dropped_keywords": plan.dropped_keywords,
    })
}

fn omitted_json(omitted: &Omitted) -> Value {
    json!({
        "mailbox": omitted.mailbox.path(),
        "reason": omitted.reason,
        "intended": omitted.intended,
        "messages": omitted.messages,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, Kind};
    use crate::model::plan::{FlagUpdate, Skipped};
    use crate::model::{Flags, MailboxName, RawName, Uid, UidValidity};

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
            deletions: Vec::new(),
            kept: 0,
            second_copies: Vec::new(),
            guard: None,
            present: 0,
            copied: 0,
            dropped_keywords: BTreeMap::new(),
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
            result: Ok(PlanSummary { plan, outcomes, held: outcomes.total() }),
        }
    }

    fn archive() -> MailboxPlan {
        MailboxPlan { create: true, ..mailbox("Archive/2024", 2, 1_153_434, 0) }
    }

    fn left_out_mailbox() -> MailboxPlan {
        MailboxPlan {
            destination: name("Sent"),
            skipped: vec![Skipped { uid: Uid(17), reason: "61.0 MiB, and at most 50.0 MiB are taken".to_owned() }],
            departed: UidSet::range(Uid(3), Uid(5)),
            dropped_keywords: BTreeMap::from([("$Label1".to_owned(), 12)]),
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
To do exactly this, run: mailferry apply
";
        assert_eq!(text(&results, Detail::Brief, "mailferry apply"), expected);
    }

    #[test]
    fn text_full_detail_names_what_is_left_out() {
        let mut result = planned("alice", vec![left_out_mailbox()]);
        if let Ok(summary) = &mut result.result {
            let junk = Omitted { mailbox: name("Junk"), reason: "excluded".to_owned(), intended: true, messages: 9 };
            let odd = Omitted {
                mailbox: name("a\u{1b}b"),
                reason: "the destination has no such names".to_owned(),
                intended: false,
                messages: 1,
            };
            summary.plan.omitted = vec![junk, odd];
            summary.plan.warnings = vec!["the quota will be 97 % full".to_owned()];
            summary.outcomes.departed = 3;
        }
        let expected = "\
Sent Items   (to `Sent`, no change)
    skipped UID 17: 61.0 MiB, and at most 50.0 MiB are taken
    left alone UID 3:5: copied once, and gone from the destination since
    keyword `$Label1` on 12 messages: the destination cannot keep it
obstacle: `a?b` with 1 message stays behind: the destination has no such names
omitted: `Junk` with 9 messages: excluded
warning: the quota will be 97 % full

Nothing to do: 100 of 104 messages of the source are on the destination.
Left out: 1 skipped, 3 gone from the destination since, 1 keyword that the destination cannot keep
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
        let skipped = json!([{ "uid": 17, "reason": "61.0 MiB, and at most 50.0 MiB are taken" }]);
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
