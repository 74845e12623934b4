//! What the destination answers to appended messages: links are made of it, or refusals, and what is to be tried again.

use super::originals::{self, Original};
use super::progress::Careful;
use super::uplinks::Uplink;
use super::upload::{InFlight, Sent, UploadEnd, UploadRun};
use crate::engine::commands::append::{Appended, refusal};
use crate::engine::conversation::status::Status;
use crate::error::{Error, Kind, Result, Scope};
use crate::model::{Flags, Link, LinkOrigin, Outcome, Uid, UidValidity};
use std::time::Instant;

/// A refused batch is tried again in that many parts.
const SPLIT: usize = 4;

impl UploadRun<'_> {
    /// Reads the answer to the oldest APPEND; false when there is none.
    pub(super) fn settle_oldest(&mut self) -> Result<bool> {
        let Some(sent) = self.in_flight.pop_front() else { return Ok(false) };
        let InFlight { pending, uplink, batch, full, began, .. } = sent;
        let at_once = pending.went_at_once();
        match self.uplinks.session(uplink).finish_append(pending)? {
            Appended::Stored { uid_validity, uids } if self.can_be_true(uid_validity, &uids) => {
                let now = Instant::now();
                let busy_since = self.answered.replace(now).map_or(began, |answered| answered.max(began));
                self.access.batch().stored(full, now - busy_since);
                self.link(batch, &uids)?;
            }
            Appended::Stored { uid_validity, uids } => {
                self.stored_elsewhere(batch.iter().map(|sent| sent.uid).zip(uids), uid_validity);
            }
            Appended::StoredSomewhere => {
                self.progress.stored.extend(batch.iter().map(|sent| sent.uid));
                self.end = self.end.max(UploadEnd::Reconcile);
            }
            Appended::Refused(status) => self.refused(batch, &status, uplink, at_once)?,
        }
        Ok(true)
    }

    /// Invariant 2.
    pub(super) fn can_be_true(&self, uid_validity: UidValidity, uids: &[Uid]) -> bool {
        let lowest = uids.iter().min();
        uid_validity == self.job.destination_validity
            && lowest.is_some_and(|lowest| *lowest >= self.progress.tail && *lowest > self.given)
    }

    /// The destination says that it stored them under UIDs that cannot be theirs. Gmail does where it takes a message for one that
    /// it has: then that may be as good.
    pub(super) fn stored_elsewhere(&mut self, messages: impl Iterator<Item = (Uid, Uid)>, uid_validity: UidValidity) {
        let merges = self.uplinks.first.is_gmail() && uid_validity == self.job.destination_validity;
        for (uid, there) in messages {
            self.progress.stored.push(uid);
            self.progress.merged.extend(merges.then_some((uid, there)));
        }
        self.end = self.end.max(UploadEnd::Reconcile);
    }

    fn link(&mut self, mut batch: Vec<Sent>, uids: &[Uid]) -> Result<()> {
        let reflagged = batch.iter_mut().filter_map(|sent| Some((sent.uid, sent.reflagged.take()?)));
        self.owed.reflagged.extend(reflagged);
        let (messages, octets) = (batch.len() as u64, batch.iter().map(|sent| sent.octets).sum());
        self.note_originals(&batch, uids);
        self.owed.links.extend(batch.into_iter().zip(uids).map(|(sent, uid)| Link {
            source: sent.uid,
            destination: *uid,
            agreed: sent.agreed,
            lost: Flags::none(),
            origin: LinkOrigin::Appended,
            octets: sent.octets,
            date: sent.date,
            source_octets: Some(sent.listed_octets).filter(|listed| *listed != sent.octets),
            altered: None,
            identity: sent.identity,
        }));
        self.linked(uids, messages, octets)
    }

    /// Links were made: recorded at once, or with others.
    pub(super) fn linked(&mut self, uids: &[Uid], messages: u64, octets: u64) -> Result<()> {
        if self.owed.are_due() {
            self.record_owed()?;
        }
        // What is copied within may get them in another order.
        let mut uids = uids.to_vec();
        uids.sort_unstable();
        if let Some(highest) = uids.last().copied() {
            self.given = self.given.max(highest);
            // An earlier batch whose outcome is not known may stand below these: then the tail still begins before it.
            if self.end <= UploadEnd::Stopped {
                self.progress.tail = highest.next().unwrap_or(self.progress.tail);
                self.progress.strangers.note(&uids);
                if self.progress.strangers.are_due() {
                    self.end = self.end.max(UploadEnd::Grown);
                }
            }
        }
        self.progress.copied(self.access, self.job, messages, octets);
        Ok(())
    }

    fn note_originals(&self, batch: &[Sent], uids: &[Uid]) {
        for (sent, uid) in batch.iter().zip(uids) {
            if let (Some(sha256), Some(date)) = (sent.sha256, sent.date) {
                let stored = originals::Sent { uid: *uid, octets: sent.octets, date, identity: sent.identity };
                let (mailbox, validity) = (&self.job.plan.destination, self.job.destination_validity);
                self.originals.note(sha256, || Original::new(mailbox, validity, stored));
            }
        }
    }

    /// A refused batch is tried again in parts, down to single messages with each literal announced, so that the one is
    /// found. Before that the tail is looked at: not every server undoes what it stored of a refused MULTIAPPEND.
    fn refused(&mut self, batch: Vec<Sent>, status: &Status, uplink: Uplink, at_once: bool) -> Result<()> {
        let error = refusal(status).in_mailbox(&self.job.plan.destination.path());
        if !self.uplinks.session(uplink).is_alive() || error.is_transient() {
            return Err(self.broken_by_refusal(&batch, error, at_once)?);
        }
        if *error.kind() == Kind::Quota {
            return Err(self.at_destination(error));
        }
        let Some(last) = batch.last().map(|sent| sent.uid) else { return Ok(()) };
        if batch.len() > 1 || at_once {
            self.access.batch().failed();
            self.try_again(Careful { through: last, messages: (batch.len() / SPLIT).max(1) });
            return Ok(());
        }
        batch.into_iter().try_for_each(|sent| self.refused_message(sent, status, &error))
    }

    fn try_again(&mut self, careful: Careful) {
        self.end = UploadEnd::Split;
        self.progress.careful = Some(careful);
    }

    /// A BAD ends the connection. It may be about literals that were not announced; else, if it was about one message,
    /// that message is the one.
    fn broken_by_refusal(&mut self, batch: &[Sent], error: Error, at_once: bool) -> Result<Error> {
        // The server says itself how long it wants to be left alone.
        if let Kind::Throttled(Some(_)) = error.kind() {
            return Ok(error.scope(Scope::Account));
        }
        if at_once && !error.is_transient() {
            self.progress.announces_literals = true;
        } else if let ([sent], false) = (batch, error.is_transient())
            && !self.goes_in_another_form(sent, &error.summary())
        {
            self.conclude(sent.uid, Outcome::Refused(error.summary()))?;
        }
        Ok(self.at_destination(Error::new(Kind::Connection, "it refused a command").because(error.summary())))
    }

    fn refused_message(&mut self, sent: Sent, status: &Status, error: &Error) -> Result<()> {
        if status.code == "TRYCREATE" || *error.kind() == Kind::Changed {
            let gone = Error::new(Kind::Changed, "the mailbox is gone").because(&status.text);
            let gone = gone.in_mailbox(&self.job.plan.destination.path());
            return Err(self.at_destination(gone).hint("run `mailferry sync` to create it again"));
        }
        if self.goes_in_another_form(&sent, &status.text) {
            self.try_again(Careful { through: sent.uid, messages: 1 });
            return Ok(());
        }
        self.conclude(sent.uid, Outcome::Refused(status.text.clone()))
    }

    /// A message that was refused alone may have been so for its date, if that is said; or for its keywords, whatever is said:
    /// they are stored apart when it is there, each that is taken. Each is tried once.
    fn goes_in_another_form(&mut self, sent: &Sent, why: &str) -> bool {
        let is_of_date = why.to_ascii_lowercase().contains("date");
        if is_of_date && sent.date.is_some() && self.progress.with_another_date.insert(sent.uid) {
            self.access.notice(&format!("UID {} goes with another date: {why}", sent.uid));
            self.progress.steps += 1;
            return true;
        }
        let goes = sent.agreed.keywords().next().is_some() && self.progress.without_keywords.insert(sent.uid);
        if goes {
            self.access.notice(&format!("UID {} goes without its keywords: {why}", sent.uid));
            self.progress.steps += 1;
        }
        goes
    }

    /// Records what became of a message that is not copied.
    pub(super) fn conclude(&mut self, uid: Uid, outcome: Outcome) -> Result<()> {
        let outcomes = [(uid, outcome)];
        self.access.state.checkpoint(&self.job.plan.source.raw, &[], &outcomes)?;
        let [(uid, outcome)] = outcomes;
        // Not again in this run: another pass would count it twice.
        self.job.give_up(uid);
        self.progress.concluded(self.access, self.job, uid, outcome);
        Ok(())
    }
}
