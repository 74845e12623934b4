//! What a command found or did, as data: `report` makes it readable. How it ended is in its ledger.

use super::amount::grow;
use super::attempt::{Attempt, Step};
use super::condition::Condition;
use super::difference::Difference;
use super::forecast::{Known, RunSample};
use super::gmail::LabelForecast;
use super::ledger::AccountLedger;
use super::plan::AccountPlan;
use super::server::Quota;
use super::statistics::{AccountStatus, RunFigures};
use super::{Direction, Keeps, MailboxName, Side, Uid};
use crate::error::Error;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;

/// The result of a command for one account.
#[derive(Debug)]
pub struct AccountResult<T> {
    pub account: Arc<str>,
    /// Boxed: of 100,000 accounts most may not have been begun.
    pub result: Result<Box<T>, Error>,
}

impl<T> AccountResult<T> {
    /// That of the account of that name.
    pub fn new(account: impl Into<Arc<str>>, result: Result<T, Error>) -> Self {
        AccountResult { account: account.into(), result: result.map(Box::new) }
    }

    /// What the command has come to, or why it has not.
    pub fn done(&self) -> Result<&T, &Error> {
        self.result.as_deref()
    }
}

/// What `check` found on one side of an account.
#[derive(Clone, PartialEq, Debug)]
pub struct SideCheck {
    pub side: Side,
    pub server: String,
    pub product: String,
    /// How the connection is protected: `TLS 1.3`, `none`, `tunnel`.
    pub protection: String,
    pub user: String,
    pub capabilities: Vec<String>,
    pub mailboxes: u64,
    pub messages: u64,
    pub quotas: Vec<Quota>,
    pub append_limit: Option<u64>,
    /// In all mailboxes, where the server tells.
    pub octets: Option<u64>,
    /// What will work, but slower or with less.
    pub notes: Vec<String>,
    /// What will not work.
    pub obstacles: Vec<String>,
}

/// What `check` found for one account: each side may fail on its own.
#[derive(Debug)]
pub struct AccountCheck {
    pub ledger: AccountLedger,
    pub sides: Vec<Result<SideCheck, Error>>,
}

/// What `scan` did for one account.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ScanSummary {
    pub source: SideSummary,
    pub destination: SideSummary,
    pub warnings: Vec<String>,
    /// Its failures are mailboxes that could not be listed.
    pub ledger: AccountLedger,
}

/// What a scan of one side found.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct SideSummary {
    pub mailboxes: u64,
    /// Mailboxes that were as recorded, and not opened.
    pub unchanged: u64,
    pub messages: u64,
    pub octets: u64,
}

impl SideSummary {
    /// Adds what other mailboxes of the side hold.
    pub fn merge(&mut self, others: &SideSummary) {
        let SideSummary { mailboxes, unchanged, messages, octets } = others;
        self.mailboxes += mailboxes;
        self.unchanged += unchanged;
        self.messages += messages;
        grow(&mut self.octets, *octets);
    }
}

/// How `apply` or `sync` ended for one account.
#[derive(Clone, PartialEq, Debug)]
pub struct ApplySummary {
    pub figures: RunFigures,
    pub ledger: AccountLedger,
    pub warnings: Vec<String>,
    /// What the settings say of mailboxes that its source does not have; where a plan was made for it.
    pub unmatched: Vec<String>,
    /// How many connections each side's server was learnt to grant, to a user or in all; `None` where it refused none.
    pub granted: [Option<usize>; 2],
}

/// A plan with what the account's mailboxes hold, for printing.
#[derive(Clone, PartialEq, Debug)]
pub struct PlanSummary {
    pub plan: AccountPlan,
    pub ledger: AccountLedger,
    /// By what messages were told apart; `None` where none had to be compared.
    pub keeps: Option<Keeps>,
    /// What each choice of what becomes of Gmail's labels comes to.
    pub labels: Option<LabelForecast>,
    /// What the settings say of mailboxes that its source does not have.
    pub unmatched: Vec<String>,
}

/// What `verify` found for one account.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct VerifySummary {
    pub ledger: AccountLedger,
    /// The first differences, at most [`SHOWN_DIFFERENCES`](super::difference::SHOWN_DIFFERENCES) of each kind and
    /// mailbox; the state has them all.
    pub listed: Vec<Difference>,
    pub mailboxes: u64,
    pub messages: u64,
    pub octets: u64,
    /// Whether the octets of every message were compared: now, or before and not since.
    pub deep: bool,
    /// Messages whose octets were read on both sides and are the same: now, and by an earlier verification, where they are listed
    /// as they were then. Those were not read again.
    pub verified_now: u64,
    pub verified_before: u64,
    /// Flags that were changed on the destination after they were copied: its user's doing, no difference.
    pub flags_changed_there: u64,
    /// By what messages were told apart.
    pub keeps: Option<Keeps>,
    /// Copies that the destination keeps in a form of its own, by which they are known.
    pub rewritten: u64,
    pub warnings: Vec<String>,
}

/// What `status` knows of one account.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct StatusSummary {
    pub account: String,
    pub status: AccountStatus,
    /// Failures of the last run: the state lists them.
    pub failures: u64,
    /// What the saved plan still has to do, where there is one.
    pub planned: u64,
    /// What was last tried, though nobody could log in.
    pub attempt: Option<Attempt>,
    pub condition: Condition,
    /// Runs that were, the oldest first: what a forecast is told from.
    pub runs: Vec<RunSample>,
}

impl StatusSummary {
    /// What a forecast is told from. The octets of what is not there yet are as many as the messages have on average.
    pub fn known(&self) -> Known<'_> {
        let ledger = &self.status.ledger;
        let (pending, held) = (ledger.outcomes.pending, ledger.held.max(1));
        let octets = u128::from(self.status.source_octets) * u128::from(pending) / u128::from(held);
        Known { runs: &self.runs, pending, pending_octets: u64::try_from(octets).unwrap_or(u64::MAX) }
    }
}

/// The run that holds the state.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct UnderWay {
    pub process: u32,
    pub step: Step,
    /// Seconds since 1970.
    pub since: i64,
    pub accounts: u64,
    pub done: u64,
}

/// What a person accepted for one account.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct AcceptSummary {
    /// Mailboxes that were looked at.
    pub mailboxes: u64,
    /// Messages that are good as they are.
    pub messages: u64,
    /// Mailboxes of which it is good that they are gone from one side.
    pub gone: u64,
    pub reason: String,
    pub ledger: AccountLedger,
}

/// What was carried over from the state of another shard: names of accounts.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Taken {
    pub from: PathBuf,
    pub taken: Vec<String>,
    /// Both states knew them, and that one more.
    pub replaced: Vec<String>,
    /// Both states knew them, and that one no more than this.
    pub kept: Vec<String>,
}

/// What the state knew of an account that was dropped from it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Forgotten {
    pub account: String,
    /// Mailboxes of the source.
    pub mailboxes: u64,
    /// Messages that were tied to their copies.
    pub links: u64,
}

/// The facts and the rule behind what became, or will become, of one message.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Explanation {
    pub account: String,
    /// Which way its mail went last: what is called source and destination follows from it.
    pub direction: Direction,
    pub mailbox: String,
    /// Each a sentence: a fact with its source, or a rule with its reason.
    pub lines: Vec<String>,
    /// The mailbox that it is about, and where it goes.
    pub source: Option<MailboxName>,
    pub destination: Option<MailboxName>,
    /// The messages that it is about, with the UIDs of their copies.
    pub messages: Vec<(Uid, Option<Uid>)>,
}

/// What both servers tell of messages.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct HeadersSummary {
    pub headers: Vec<MessageHeader>,
    pub ledger: AccountLedger,
}

/// What a server tells of one message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MessageHeader {
    pub side: Side,
    pub uid: Uid,
    /// `None`: it does not have it any more.
    pub lines: Option<Vec<String>>,
}
