//! What the reader of a plan must know before it is applied.

use super::planner::Planner;
use crate::error::Result;
use crate::model::policy::Mode;
use crate::model::{PairState, Pairing, Side};
use crate::pipeline::survey::spoiling::{known_spoilt, told};

impl Planner<'_> {
    /// What the reader must know of messages that would go.
    pub(super) fn removal_warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for plan in &self.plan.mailboxes {
            if let Some(guard) = &plan.guard {
                warnings.push(format!("`{}`: {guard}; they wait for --allow-deletes", plan.destination));
            }
        }
        let second_copies = self.plan.totals().second_copies;
        if second_copies > 0 && self.access.account.policy.mode == Mode::Copy {
            warnings.push(format!(
                "duplicates on the destination that mailferry created, which landed after their connection had broken: \
                 {second_copies}; to remove them, run `mailferry sync --allow-deletes`"
            ));
        }
        warnings
    }

    /// Copies that are known not to be what was sent are not planned anew without a word.
    pub(super) fn spoilt_warnings(&self) -> Result<Vec<String>> {
        let mut warnings = Vec::new();
        for plan in &self.plan.mailboxes {
            let uids = known_spoilt(&self.access.state, plan)?;
            warnings.extend((!uids.is_empty()).then(|| told(plan, &uids).line()));
        }
        Ok(warnings)
    }

    /// In mirror mode a mailbox that is gone from the source is a question: deleted or renamed, only the user can tell. An
    /// answer is kept.
    pub(super) fn questions(&self) -> Result<Vec<String>> {
        if self.access.account.policy.mode != Mode::Mirror {
            return Ok(Vec::new());
        }
        let gone = |pair: &PairState| {
            pair.links > 0
                && self.mailbox(Side::Source, &pair.pairing.source).is_none()
                && self.mailbox(Side::Destination, &pair.pairing.destination).is_some()
        };
        let question = |pair: &PairState| {
            let (mailbox, account) = (&pair.destination, &self.access.account.name);
            format!(
                "the source mailbox of `{mailbox}` is gone; none of the messages that were tied to it ({}) is deleted: delete the \
                 mailbox on the destination if that is what you want; `mailferry accept {account} '{mailbox}' --reason TEXT` \
                 keeps it, and asks no more",
                pair.links
            )
        };
        let mut questions = Vec::new();
        for pair in self.access.state.pairs()?.iter().filter(|pair| gone(pair)) {
            let Pairing { source, source_validity, .. } = &pair.pairing;
            if self.access.state.agreement(source, *source_validity)?.gone.is_none() {
                questions.push(question(pair));
            }
        }
        Ok(questions)
    }
}
