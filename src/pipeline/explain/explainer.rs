//! What there is to say of a mailbox.

use super::wording::words;
use crate::error::Result;
use crate::model::counted::counted;
use crate::model::failures::{KeptFailure, LISTED_FAILURES};
use crate::model::plan::MailboxPlan;
use crate::model::policy::Policy;
use crate::model::{Attribute, MailboxState, Outcome, Uid};
use crate::store::AccountStore;

/// An explanation in the making.
pub struct Explainer<'a> {
    pub(super) state: AccountStore,
    pub(super) policy: &'a Policy,
    pub(super) source: MailboxState,
    pub(super) plan: Option<MailboxPlan>,
    pub(super) lines: Vec<String>,
    /// With the UIDs of their copies.
    pub(super) messages: Vec<(Uid, Option<Uid>)>,
}

impl Explainer<'_> {
    pub(super) fn say(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    /// The source mailbox.
    ///
    /// # Errors
    /// `State`.
    pub fn mailbox(&mut self) -> Result<()> {
        self.listing();
        let omitted = self
            .state
            .plan()?
            .and_then(|plan| plan.omitted.into_iter().find(|omitted| omitted.mailbox == self.source.name));
        if let Some(omitted) = omitted {
            let who = if omitted.condition.is_obstacle() { "It cannot be copied" } else { "It takes no part" };
            self.say(format!("{who}: {}.", omitted.reason));
        }
        if let Some(plan) = self.plan.clone() {
            self.destination(&plan);
            self.planned(&plan);
        }
        let pair = self.state.pair(&self.source.name.raw)?;
        if let Some(pair) = pair {
            let (source, destination) = (pair.pairing.source_validity, pair.pairing.destination_validity);
            self.say(format!(
                "{} links hold for UIDVALIDITY {source} on the source and {destination} on the destination.",
                pair.links
            ));
            if pair.intent.is_some() {
                self.say("The last apply did not end cleanly: the next one first looks at what has arrived, before it appends anything.");
            }
        }
        let exceptions: Vec<_> = self.state.exceptions(&self.source.name.raw).collect::<Result<_>>()?;
        for (uid, outcome) in &exceptions {
            self.say(format!("UID {uid}: {}.", words(outcome)));
        }
        self.failures(&exceptions)
    }

    /// What failed in the last run, besides the messages that have an outcome of their own.
    fn failures(&mut self, told: &[(Uid, Outcome)]) -> Result<()> {
        let destination = self.plan.as_ref().map(|plan| plan.destination.path());
        let names = [Some(self.source.name.path()), destination];
        let is_here = |failure: &KeptFailure| failure.mailbox.is_some() && names.contains(&failure.mailbox);
        let is_told = |uid: Uid| told.binary_search_by_key(&uid, |(uid, _)| *uid).is_ok();
        let mut count = 0;
        let mut lines = Vec::new();
        for failure in self.state.failures()? {
            let failure = failure?;
            if is_here(&failure) && !failure.uid.is_some_and(is_told) {
                count += 1;
                if lines.len() < LISTED_FAILURES {
                    lines.push(failure.line);
                }
            }
        }
        if count > 0 {
            self.say(format!("Failures of the last run besides: {count}."));
        }
        self.lines.extend(lines);
        Ok(())
    }

    fn listing(&mut self) {
        let source = &self.source;
        let listed = match (&source.sync_point, &source.trouble) {
            _ if source.left_out().is_some() => {
                format!(
                    "The settings leave it out, and the last scan did not open it; it holds {}.",
                    counted(source.held(), "message")
                )
            }
            _ if source.attributes.contains(&Attribute::Volatile) => "The last scan found no mailbox in it.".to_owned(),
            (Some(point), _) => format!(
                "The last scan found {} messages; UIDVALIDITY {}, UIDNEXT {}, HIGHESTMODSEQ {}.",
                source.records,
                point.uid_validity,
                point.uid_next.map_or("unknown".to_owned(), |uid| uid.to_string()),
                point.highest_modseq.map_or("none".to_owned(), |modseq| modseq.to_string()),
            ),
            (None, Some(trouble)) => format!("The last scan could not list it: {trouble}."),
            (None, None) => "It cannot hold messages (it is only a parent of others).".to_owned(),
        };
        self.say(listed);
    }

    pub(super) fn destination(&mut self, plan: &MailboxPlan) {
        let how = if plan.create { ", which apply creates" } else { "" };
        self.say(format!("It goes to `{}` on the destination{how}.", plan.destination));
    }

    fn planned(&mut self, plan: &MailboxPlan) {
        let (copies, updates, departed) = (plan.copies.len(), plan.flag_updates.len(), plan.departed.len());
        self.say(format!(
            "The plan: {copies} to copy, {updates} flag changes, {} skipped; {} were there before, {} are copied.",
            plan.skipped.len(),
            plan.present,
            plan.copied
        ));
        self.planned_rename(plan);
        self.planned_moves(plan);
        self.planned_removals(plan);
        if departed > 0 {
            self.say(format!(
                "{departed} were copied once and are gone from the destination: its user removed them, and they are not brought back (restore_missing = {}).",
                self.policy.restore_missing
            ));
        }
    }

    fn planned_rename(&mut self, plan: &MailboxPlan) {
        let renames = self.state.plan().ok().flatten().map_or_else(Vec::new, |plan| plan.renames);
        for rename in renames.iter().filter(|rename| rename.from == plan.destination) {
            self.say(format!(
                "Before all else the destination is told to rename it to `{}`: it was copied from a mailbox of the same UIDVALIDITY, \
                 whose name the source lists no more; the messages under the linked UIDs are the ones that were linked, all that \
                 is in the copy is ours, and the new name is free (follow_moves = {}). Until then it goes on to be copied there.",
                rename.to,
                self.policy.follows_moves()
            ));
        }
    }

    fn planned_moves(&mut self, plan: &MailboxPlan) {
        for moves in &plan.moves {
            self.say(format!(
                "{} are moved here from `{}` on the destination: they left its source mailbox and are listed in this one with the \
                 same identity, size and date, no other message is, and their copies are ours and as we left them \
                 (follow_moves = {}).",
                counted(moves.messages.len() as u64, "copy"),
                moves.destination,
                self.policy.follows_moves()
            ));
        }
    }

    fn planned_removals(&mut self, plan: &MailboxPlan) {
        let (deletions, second_copies) = (plan.deletions.len(), plan.second_copies.len());
        if deletions > 0 {
            self.say(format!(
                "Copies to be deleted, because we made them and their source is gone (mode = \"mirror\"): {deletions}."
            ));
        }
        if plan.kept > 0 {
            self.say(format!(
                "Left alone though their source is gone, because they were on the destination before us: {}.",
                plan.kept
            ));
        }
        if let Some(guard) = &plan.guard {
            self.say(format!("What it deletes waits for --allow-deletes: {guard}."));
        }
        if second_copies > 0 {
            self.say(format!(
                "Duplicates that mailferry made on the destination, from appends of broken connections that landed late: \
                 {second_copies}. --allow-deletes removes those whose content is that of the linked copy."
            ));
        }
    }
}
