//! One account as a line of the index, of the CSV file and of the JSON: what is kept of it while the others are read.

use crate::model::account_report::{AccountReport, Grade};
use crate::model::attempt::AttemptResult;
use crate::model::ledger::Standing;
use crate::model::report::StatusSummary;
use crate::model::{Condition, Outcomes};

/// One account, in short.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    pub account: String,
    pub source_user: String,
    pub destination_user: String,
    pub grade: Grade,
    pub condition: Condition,
    pub outcomes: Outcomes,
    pub held: u64,
    pub octets: u64,
    /// Seconds since 1970, and what it came to.
    pub verified: Option<(i64, bool, Standing)>,
    pub error: String,
    /// Where its own page or section is.
    pub link: String,
}

impl Row {
    /// Of this account, whose page or section is there.
    pub fn of(report: &AccountReport, link: String) -> Row {
        let StatusSummary { account, status, attempt, condition, .. } = &report.status;
        let error = match attempt.as_ref().map(|attempt| &attempt.result) {
            Some(AttemptResult::Failed(trouble)) => trouble.line.clone(),
            _ => String::new(),
        };
        Row {
            account: account.clone(),
            source_user: report.source_user.clone(),
            destination_user: report.destination_user.clone(),
            grade: report.grade(),
            condition: *condition,
            outcomes: status.ledger.outcomes,
            held: status.ledger.held,
            octets: status.source_octets,
            verified: report.verification.as_ref().map(|it| (it.at, it.deep, it.standing)),
            error,
            link,
        }
    }

    /// Messages that are left out, and are no failure.
    pub fn left_out(&self) -> u64 {
        let Outcomes { skipped, vanished, departed, accepted, .. } = self.outcomes;
        skipped + vanished + departed + accepted
    }
}
