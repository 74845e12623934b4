//! A plan as a page, for those who review it before it is carried out. What stands in it came from servers and users: it is
//! made harmless, and escaped by the template.

use super::figures::{notes, totals};
use super::remarks::remarks;
use crate::error::made_harmless;
use crate::model::plan::MailboxPlan;
use crate::model::report::{AccountResult, PlanSummary};
use crate::report::invocation::Invocation;
use crate::report::quantity::{counted, minute_in, noun_for, number, octets};
use crate::report::style::STYLE;
use crate::report::succeeded;
use askama::Template;
use jiff::tz::TimeZone;

/// Accounts that are unfolded; of more, the reader unfolds the ones that matter.
const OPEN_ACCOUNTS: usize = 20;

/// Messages that are listed for one account with the reason why they are left out.
const LISTED_MESSAGES: usize = 1000;

#[derive(Template)]
#[template(path = "plan.html")]
struct Page {
    title: &'static str,
    style: &'static str,
    made: String,
    version: &'static str,
    apply: String,
    cards: Vec<(String, String)>,
    remarks: Vec<String>,
    accounts: Vec<Account>,
    failed: Vec<String>,
}

struct Account {
    name: String,
    open: bool,
    sentence: String,
    renames: Vec<(String, String)>,
    mailboxes: Vec<Row>,
    left_out: Vec<String>,
}

struct Row {
    source: String,
    destination: String,
    copies: String,
    size: String,
    moves: String,
    flags: String,
    deletions: String,
    notes: String,
}

/// The page: seconds since 1970 when it was made, by whose clock, and the commands to type next.
pub fn html(results: &[AccountResult<PlanSummary>], made: i64, zone: &TimeZone, commands: &Invocation) -> String {
    let sum = totals(results);
    let card = |count: u64, noun: &str| (number(count), noun_for(count, noun));
    let left_out = (number(sum.skipped), format!("{} left out", noun_for(sum.skipped, "message")));
    let cards = vec![
        card(sum.copies, "copy"),
        (octets(sum.octets), "to copy".to_owned()),
        card(sum.moves, "move"),
        card(sum.flag_updates, "flag change"),
        card(sum.deletes + sum.second_copies, "deletion"),
        (number(sum.renames), format!("{} renamed", noun_for(sum.renames, "mailbox"))),
        card(sum.creates, "new mailbox"),
        left_out,
    ];
    let open = results.len() <= OPEN_ACCOUNTS;
    let failed = results.iter().filter_map(|it| Some((&it.account, it.done().err()?)));
    let page = Page {
        title: "Migration plan",
        style: STYLE,
        made: minute_in(made, zone),
        version: env!("CARGO_PKG_VERSION"),
        apply: made_harmless(&commands.next("apply")),
        cards,
        remarks: succeeded(results).flat_map(|(name, summary)| remarks(name, &summary.plan, commands)).collect(),
        accounts: succeeded(results).map(|(name, summary)| account(name, summary, open)).collect(),
        failed: failed.map(|(name, error)| made_harmless(&format!("{name}: {}", error.summary()))).collect(),
    };
    // Templates write to memory: there is nothing that can fail.
    page.render().unwrap_or_default()
}

fn account(name: &str, summary: &PlanSummary, open: bool) -> Account {
    let plan = &summary.plan;
    let totals = plan.totals();
    let sentence = match totals.is_empty() {
        true => "nothing to do".to_owned(),
        false => format!("{}, {}", counted(totals.copies, "copy"), octets(totals.octets)),
    };
    let skipped = plan.mailboxes.iter().flat_map(|mailbox| {
        let place = made_harmless(&mailbox.source.path());
        mailbox.skipped.iter().map(move |it| format!("{place}, UID {}: {}", it.uid, made_harmless(&it.reason)))
    });
    let omitted = plan.omitted.iter().filter(|omitted| !omitted.condition.is_obstacle());
    let omitted = omitted.map(|it| format!("{}: {}", made_harmless(&it.mailbox.path()), made_harmless(&it.reason)));
    let count = totals.skipped.saturating_sub(LISTED_MESSAGES as u64);
    let more = (count > 0).then(|| format!("and {} that are not listed here", counted(count, "message")));
    Account {
        name: made_harmless(name),
        open,
        sentence,
        renames: plan.renames.iter().map(|it| (made_harmless(&it.from.path()), made_harmless(&it.to.path()))).collect(),
        mailboxes: plan.mailboxes.iter().map(row).collect(),
        left_out: omitted.chain(skipped.take(LISTED_MESSAGES)).chain(more).collect(),
    }
}

fn row(plan: &MailboxPlan) -> Row {
    let some = |count: u64| if count == 0 { String::new() } else { number(count) };
    Row {
        source: made_harmless(&plan.source.path()),
        destination: made_harmless(&plan.destination.path()),
        copies: some(plan.copies.len()),
        size: if plan.copies.is_empty() { String::new() } else { octets(plan.octets) },
        moves: some(plan.moved()),
        flags: some(plan.flag_updates.len() as u64),
        deletions: some(plan.removals()),
        notes: notes(plan),
    }
}
