//! What a command came to, for who uses the library. All of it is read from the ledgers.

use super::assembling;
use super::failure::Error;
use crate::error;
use crate::model::difference::{self, Differences as Counts};
use crate::model::ledger::{AccountLedger, Standing};
use crate::model::report::{AccountCheck, AccountResult, ApplySummary, PlanSummary, ScanSummary, VerifySummary};
use crate::model::run_ledger::Accounted;
use crate::model::{Outcomes, Step};
use crate::report;
use crate::report::document::{Body, Head, document};

/// What a command came to, account by account.
///
/// Success is derived from the whole of it: what was not compared is not identical, and what a server refused or kept back is
/// no success, whatever else went well.
pub struct Report {
    head: Head,
    results: Results,
}

/// What the pipeline gave.
pub(super) enum Results {
    Check(Vec<AccountResult<AccountCheck>>),
    Scan(Vec<AccountResult<ScanSummary>>),
    Plan(Vec<AccountResult<PlanSummary>>),
    Apply(Vec<AccountResult<ApplySummary>>),
    Verify(Vec<AccountResult<VerifySummary>>),
}

impl Report {
    /// Of a step between those servers, which began at that second.
    pub(super) fn new(servers: [Vec<String>; 2], step: Step, began: i64, results: Results) -> Report {
        let head = match &results {
            Results::Check(results) => assembling::head(servers, step, began, results),
            Results::Scan(results) => assembling::head(servers, step, began, results),
            Results::Plan(results) => assembling::head(servers, step, began, results),
            Results::Apply(results) => assembling::head(servers, step, began, results),
            Results::Verify(results) => assembling::head(servers, step, began, results),
        };
        Report { head, results }
    }

    /// Whether all was done that was to be done, and nothing failed: exit status 0.
    pub fn is_success(&self) -> bool {
        self.exit_status() == 0
    }

    /// The exit status with which the program would have ended: 3, something failed and is listed; 8, differences were found; 9, a
    /// limit was reached with work left; 130, it was asked to stop. The README has them all.
    pub fn exit_status(&self) -> u8 {
        self.head.exit_status
    }

    /// Every account that the command was for.
    pub fn accounts(&self) -> impl Iterator<Item = AccountReport<'_>> {
        (0..self.head.account_statuses.len()).map(|number| self.of_number(number))
    }

    /// The account of that name.
    pub fn account(&self, name: &str) -> Option<AccountReport<'_>> {
        self.accounts().find(|account| account.name() == name)
    }

    /// The outcomes of the messages of all accounts together.
    pub fn messages(&self) -> Messages {
        let mut sum = Outcomes::default();
        self.accounts().filter_map(|account| account.ledger.ok()).for_each(|ledger| sum.merge(&ledger.outcomes));
        Messages(sum)
    }

    /// All of it as JSON, in the form that the program writes with `--json` and that `schemas/` describes.
    pub fn to_json(&self) -> String {
        let body: Body = match &self.results {
            Results::Check(results) => report::check::json(results),
            Results::Scan(results) => report::scan::json(results),
            Results::Plan(results) => report::plan::json(results),
            Results::Apply(results) => report::apply::json(results),
            Results::Verify(results) => report::verify::json(results),
        };
        document(&self.head, body).to_string()
    }

    fn of_number(&self, number: usize) -> AccountReport<'_> {
        let status = self.head.account_statuses[number];
        match &self.results {
            Results::Check(results) => AccountReport::new(&results[number], status, |_| Detail::None),
            Results::Scan(results) => AccountReport::new(&results[number], status, |it| Detail::Warned(&it.warnings)),
            Results::Plan(results) => AccountReport::new(&results[number], status, Detail::Planned),
            Results::Apply(results) => AccountReport::new(&results[number], status, Detail::Done),
            Results::Verify(results) => AccountReport::new(&results[number], status, Detail::Verified),
        }
    }
}

impl std::fmt::Debug for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Head { command, exit_status, account_statuses, .. } = &self.head;
        f.debug_struct("Report")
            .field("command", command)
            .field("exit_status", exit_status)
            .field("accounts", &account_statuses.len())
            .finish_non_exhaustive()
    }
}

/// What a command came to for one account.
pub struct AccountReport<'a> {
    name: &'a str,
    status: u8,
    ledger: Result<&'a AccountLedger, &'a error::Error>,
    failures: Vec<&'a error::Error>,
    unlisted: u64,
    detail: Detail<'a>,
}

/// What only some commands know.
#[derive(Clone, Copy)]
enum Detail<'a> {
    None,
    Warned(&'a [String]),
    Planned(&'a PlanSummary),
    Done(&'a ApplySummary),
    Verified(&'a VerifySummary),
}

impl<'a> AccountReport<'a> {
    fn new<T: Accounted>(result: &'a AccountResult<T>, status: u8, detail: impl Fn(&'a T) -> Detail<'a>) -> Self {
        let done = result.done();
        AccountReport {
            name: &result.account,
            status,
            ledger: done.and_then(Accounted::ledger),
            failures: done.map_or_else(|error| vec![error], Accounted::failures),
            unlisted: done.map_or(0, Accounted::unlisted_failures),
            detail: done.map_or(Detail::None, detail),
        }
    }

    /// Its name.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Whether all was done for it, and nothing failed.
    pub fn is_success(&self) -> bool {
        self.status == 0
    }

    /// As [`Report::exit_status`], of this account alone.
    pub fn exit_status(&self) -> u8 {
        self.status
    }

    /// What kept the command from taking place for this account.
    pub fn error(&self) -> Option<Error> {
        self.ledger.err().cloned().map(Error::from)
    }

    /// Everything that failed, the error of [`error`](AccountReport::error) included. Of very many the first are listed.
    pub fn failures(&self) -> impl Iterator<Item = Error> {
        self.failures.iter().map(|error| (*error).clone().into())
    }

    /// How many more failures there were, which are only counted.
    pub fn unlisted_failures(&self) -> u64 {
        self.unlisted
    }

    /// What became of the messages of the source: each is in one outcome. All nought where the command did not take place, and
    /// for a scan, which decides nothing.
    pub fn messages(&self) -> Messages {
        Messages(self.ledger.map_or_else(|_| Outcomes::default(), |ledger| ledger.outcomes))
    }

    /// Whether there is something left to do on the destination.
    pub fn has_work_left(&self) -> bool {
        self.ledger.is_ok_and(|ledger| ledger.to_do)
    }

    /// What is good to know and no failure, a sentence each.
    pub fn warnings(&self) -> &'a [String] {
        match self.detail {
            Detail::Warned(warnings) => warnings,
            Detail::Done(done) => &done.warnings,
            Detail::Verified(verified) => &verified.warnings,
            Detail::None | Detail::Planned(_) => &[],
        }
    }

    /// What a plan would do; only of [`Migration::plan`](crate::Migration::plan).
    pub fn planned(&self) -> Option<Planned> {
        let Detail::Planned(summary) = self.detail else { return None };
        let totals = summary.plan.totals();
        Some(Planned {
            copies: totals.copies,
            octets: totals.octets,
            flag_updates: totals.flag_updates,
            moves: totals.moves,
            deletions: totals.deletes + totals.second_copies,
            new_mailboxes: totals.creates,
            skipped: totals.skipped,
        })
    }

    /// What was done; only of [`Migration::apply`](crate::Migration::apply) and [`Migration::sync`](crate::Migration::sync).
    pub fn done(&self) -> Option<Done> {
        let Detail::Done(summary) = self.detail else { return None };
        let figures = &summary.figures;
        Some(Done {
            copied: figures.messages_copied,
            octets: figures.octets_copied,
            flags_updated: figures.flags_updated,
            moved: figures.messages_moved,
            deleted: figures.messages_deleted,
        })
    }

    /// What the comparison says; only of [`Migration::verify`](crate::Migration::verify).
    pub fn verdict(&self) -> Option<Verdict> {
        let Detail::Verified(summary) = self.detail else { return None };
        Some(match summary.ledger.standing() {
            Standing::Identical => Verdict::Identical,
            Standing::Lossy => Verdict::EveryMessage,
            Standing::Partial => Verdict::Partial,
            Standing::Uncompared => Verdict::Uncompared,
            Standing::Different => Verdict::Different,
        })
    }

    /// How many differences there are, by their kinds; only of [`Migration::verify`](crate::Migration::verify). Each of them is
    /// told by [`Migration::differences`](crate::Migration::differences).
    pub fn differences(&self) -> Option<Differences> {
        let Detail::Verified(summary) = self.detail else { return None };
        Some(Differences(summary.ledger.differences))
    }
}

impl std::fmt::Debug for AccountReport<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccountReport")
            .field("name", &self.name)
            .field("exit_status", &self.status)
            .field("messages", &self.messages())
            .finish_non_exhaustive()
    }
}

/// How many messages of the source ended how: each is in one of these.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Messages(Outcomes);

impl Messages {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.0.total()
    }

    /// On the destination, because mailferry copied them.
    pub fn copied(&self) -> u64 {
        self.0.copied
    }

    /// On the destination before mailferry.
    pub fn present(&self) -> u64 {
        self.0.present
    }

    /// To be copied, and not yet.
    pub fn pending(&self) -> u64 {
        self.0.pending
    }

    /// Left out by the settings.
    pub fn skipped(&self) -> u64 {
        self.0.skipped
    }

    /// Kept back by the destination, by a fault or by a doubt: refused, too large for it, failed, or stored and not found again. No
    /// success, whatever else went well.
    pub fn left_behind(&self) -> u64 {
        self.0.left_behind()
    }

    /// Copied once, and since then deleted or moved by their users on the destination.
    pub fn departed(&self) -> u64 {
        self.0.departed
    }

    /// Gone from the source when they were to be copied.
    pub fn vanished(&self) -> u64 {
        self.0.vanished
    }

    /// Not there, or not as they were, and a person said why that is good.
    pub fn accepted(&self) -> u64 {
        self.0.accepted
    }
}

impl std::fmt::Debug for Messages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(&self.0, f)
    }
}

/// What a plan would do for one account.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Planned {
    /// Messages to copy.
    pub copies: u64,
    /// Their octets.
    pub octets: u64,
    /// Messages of the destination whose flags are to change.
    pub flag_updates: u64,
    /// Messages to move on the destination.
    pub moves: u64,
    /// Messages of the destination to delete: copies that mailferry made.
    pub deletions: u64,
    /// Mailboxes to create.
    pub new_mailboxes: u64,
    /// Messages that are left out, each with a reason.
    pub skipped: u64,
}

/// What was done for one account.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Done {
    /// Messages that were copied.
    pub copied: u64,
    /// Their octets.
    pub octets: u64,
    /// Messages of the destination whose flags were changed.
    pub flags_updated: u64,
    /// Messages that were moved on the destination.
    pub moved: u64,
    /// Messages that were deleted from the destination.
    pub deleted: u64,
}

/// What a comparison of both sides says of an account.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// All that the source holds is there, and nothing differs.
    Identical,
    /// Every message is there; the destination cannot keep something of its flags, dates or order.
    EveryMessage,
    /// Nothing differs; the settings leave messages out, or their users removed them.
    Partial,
    /// Something was not compared.
    Uncompared,
    /// Something is missing, differs, or was kept back.
    Different,
}

/// How many differences a comparison found, by their kinds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Differences(Counts);

impl Differences {
    /// Whether what left has arrived: nothing but extra messages differs.
    pub fn is_clean(&self) -> bool {
        self.0.is_clean()
    }

    /// Messages of the source that are not there.
    pub fn missing(&self) -> u64 {
        self.0.missing
    }

    /// Messages that are there more often than on the source.
    pub fn duplicated(&self) -> u64 {
        self.0.duplicated
    }

    /// Messages whose octets or size are not those of the source.
    pub fn altered(&self) -> u64 {
        self.0.altered
    }

    /// Messages whose flags are not those of the source, nor what their users made of them.
    pub fn flags_differ(&self) -> u64 {
        self.0.flags_differ
    }

    /// Messages whose internal dates are not those of the source.
    pub fn dates_differ(&self) -> u64 {
        self.0.dates_differ
    }

    /// Messages of the destination that the source does not have. No fault.
    pub fn extra(&self) -> u64 {
        self.0.extra
    }

    /// Copies whose source is gone and that are not deleted yet; only in mirror mode.
    pub fn undeleted(&self) -> u64 {
        self.0.undeleted
    }
}

/// One difference that a comparison found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference(pub(super) difference::Difference);

impl Difference {
    /// The mailbox, its name decoded.
    pub fn mailbox(&self) -> &str {
        &self.0.mailbox
    }

    /// What differs, in a word or two: `missing`, `duplicated`, `altered`, `flags differ`, `dates differ`, `extra`, `not deleted`.
    pub fn kind(&self) -> &'static str {
        self.0.kind.word()
    }

    /// The UID on the source, where there is one.
    pub fn source_uid(&self) -> Option<u32> {
        self.0.source.map(|uid| uid.0)
    }

    /// The UID on the destination, where there is one.
    pub fn destination_uid(&self) -> Option<u32> {
        self.0.destination.map(|uid| uid.0)
    }

    /// What there is to say of it.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }
}
