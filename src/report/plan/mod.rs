//! A plan as text and as JSON: what `apply` would do, mailbox by mailbox, and what stands in the way.

mod figures;
mod fleet;
mod html;
mod json;
mod labels;
mod remarks;

use super::invocation::Invocation;
use super::quantity::{counted, noun_for, number, octets, verb_for};
use super::table::{Align, Table, padded};
use super::{indented, losses, outcomes, recognition, succeeded, unreached, warning_lines};
use crate::error::made_harmless;
use crate::model::plan::{MailboxPlan, Omitted, PlanTotals, Rename};
use crate::model::report::{AccountResult, PlanSummary};
use crate::model::run_ledger::RunLedger;
use crate::model::{AccountLedger, Step, UidSet};
use figures::notes;
pub use figures::totals;
pub use html::html;
pub use json::json;

/// How much of a plan is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Detail {
    /// Mailboxes with something to do, and what stands in the way.
    Brief,
    /// All mailboxes, each message that is left out with its reason, lost keywords and omitted mailboxes.
    Full,
}

/// With more accounts than these each has a line, unless all is to be shown.
const PAGES: usize = 10;

/// The plans of all accounts, their sum, and the command that does this next.
pub fn text(results: &[AccountResult<PlanSummary>], detail: Detail, commands: &Invocation, next: Step) -> String {
    let accounts: String = match detail == Detail::Brief && results.len() > PAGES {
        true => fleet::text(results, commands),
        false => succeeded(results)
            .map(|(name, summary)| account(name, summary, detail, (results.len(), commands)))
            .collect(),
    };
    accounts + &conclusion(results, detail, &commands.next(next.word()))
}

fn account(name: &str, summary: &PlanSummary, detail: Detail, (accounts, commands): (usize, &Invocation)) -> String {
    let plan = &summary.plan;
    let body = renames(&plan.renames, detail)
        + &mailboxes(&plan.mailboxes, detail)
        + &obstacles(&plan.omitted)
        + &omitted(&plan.omitted, detail);
    let warnings = warning_lines(name, &plan.warnings, 1, commands)
        + &recognition::line(summary.keeps)
        + &labels::text(summary.labels.as_ref());
    match (body.is_empty() && warnings.is_empty(), accounts) {
        (true, _) => String::new(),
        (false, 1) => format!("{body}{warnings}\n"),
        (false, _) => format!("{}\n{}\n", made_harmless(name), indented(&(body + &warnings), 2)),
    }
}

/// A line for each mailbox that gets another name. What a parent takes along is counted, and named with full detail.
fn renames(renames: &[Rename], detail: Detail) -> String {
    let is_led = |it: &&Rename| renames.iter().any(|top| top.takes_along(it));
    let (led, tops): (Vec<&Rename>, Vec<&Rename>) = renames.iter().partition(is_led);
    let line = |it: &Rename| {
        let below = led.iter().filter(|led| it.takes_along(led)).count() as u64;
        let below = if below > 0 { format!(" with {} below it", counted(below, "mailbox")) } else { String::new() };
        let (from, to) = (made_harmless(&it.from.path()), made_harmless(&it.to.path()));
        format!("> rename `{from}`{below} on the destination to `{to}`: the source calls it so now\n")
    };
    match detail {
        Detail::Brief => tops.into_iter().map(line).collect(),
        Detail::Full => renames.iter().map(line).collect(),
    }
}

/// A line for each mailbox that has something to do; with full detail for each, and below it what is left out.
fn mailboxes(plans: &[MailboxPlan], detail: Detail) -> String {
    let shown: Vec<&MailboxPlan> = plans.iter().filter(|plan| detail == Detail::Full || !plan.is_empty()).collect();
    let copies = signed("+", "copy", shown.iter().map(|plan| plan.copies.len()));
    let moves = signed(">", "move", shown.iter().map(|plan| plan.moved()));
    let flag_changes = signed("~", "flag change", shown.iter().map(|plan| plan.flag_updates.len() as u64));
    let deletions = signed("-", "deletion", shown.iter().map(|plan| plan.deletions.len() as u64));
    let left = Align::Left;
    let mut table = Table::new([left, left, left, left, left, Align::Right, left]);
    let signs = copies.into_iter().zip(moves).zip(flag_changes).zip(deletions);
    for (plan, (((copies, moves), flag_changes), deletions)) in shown.iter().zip(signs) {
        let octets = if plan.copies.is_empty() { String::new() } else { octets(plan.octets) };
        let mailbox = made_harmless(&plan.source.path());
        table.row([mailbox, copies, moves, flag_changes, deletions, octets, noted(plan)]);
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

fn noted(plan: &MailboxPlan) -> String {
    let notes = notes(plan);
    if notes.is_empty() { notes } else { format!("({notes})") }
}

fn left_out(plan: &MailboxPlan, detail: Detail) -> String {
    if detail == Detail::Brief {
        return String::new();
    }
    let skipped =
        plan.skipped.iter().map(|skipped| format!("skipped UID {}: {}\n", skipped.uid, made_harmless(&skipped.reason)));
    let departed = (!plan.departed.is_empty()).then(|| {
        let uids = made_harmless(&plan.departed.to_string());
        format!("left alone UID {uids}: copied once, and deleted on the destination since\n")
    });
    let flags =
        losses::flags(&plan.losses).into_iter().map(|flag| format!("flag {flag}: the destination cannot keep it\n"));
    moved(plan).chain(skipped).chain(departed).chain(flags).chain(removals(plan)).collect()
}

/// What comes from other mailboxes of the destination, by the UIDs that it has there.
fn moved(plan: &MailboxPlan) -> impl Iterator<Item = String> + '_ {
    plan.moves.iter().map(|moves| {
        let mut uids = UidSet::new();
        moves.messages.iter().for_each(|moved| uids.insert(moved.destination));
        let (uids, mailbox) = (made_harmless(&uids.to_string()), made_harmless(&moves.destination.path()));
        format!("moves destination UID {uids} from `{mailbox}`: copied by us, and moved so on the source\n")
    })
}

/// Each message of the destination that would go, by its UID there, and how many stay that have no source any more.
fn removals(plan: &MailboxPlan) -> impl Iterator<Item = String> + '_ {
    let uids: UidSet = plan.deletions.iter().map(|deletion| deletion.destination).collect();
    let deleted = (!uids.is_empty()).then(|| {
        format!(
            "deletes destination UID {}: copied by us, and gone from the source\n",
            made_harmless(&uids.to_string())
        )
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
    obstacles.map(|omitted| format!("obstacle: cannot copy {}: {}\n", holding(omitted), reason(omitted))).collect()
}

fn omitted(all: &[Omitted], detail: Detail) -> String {
    let intended = all.iter().filter(|omitted| !omitted.condition.is_obstacle() && detail == Detail::Full);
    intended.map(|omitted| format!("omitted: {}: {}\n", holding(omitted), reason(omitted))).collect()
}

fn holding(omitted: &Omitted) -> String {
    let mailbox = made_harmless(&omitted.mailbox.path());
    match omitted.messages {
        0 => format!("`{mailbox}`"),
        messages => format!("`{mailbox}` with {}", counted(messages, "message")),
    }
}

fn reason(omitted: &Omitted) -> String {
    made_harmless(&omitted.reason)
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
    let signed = [
        ("+", totals.copies, "copy"),
        (">", totals.moves, "move"),
        ("~", totals.flag_updates, "flag change"),
        ("-", totals.deletes, "deletion"),
    ];
    let signed = signed.iter().filter(|(_, count, _)| *count > 0);
    let actions: Vec<_> = signed.map(|(sign, count, noun)| format!("{sign} {}", counted(*count, noun))).collect();
    let mut extras = Vec::new();
    if totals.renames > 0 {
        extras.push(format!("{} to rename", counted(totals.renames, "mailbox")));
    }
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
    if totals.leftovers > 0 {
        extras.push(format!("{} left in its old place", counted(totals.leftovers, "copy")));
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

#[cfg(test)]
mod tests;
