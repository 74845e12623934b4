//! Listing one side of one account into the state, by the cheapest way that can be trusted:
//!
//! 1. A mailbox whose STATUS is as recorded is not opened.
//! 2. QRESYNC: flags changed and UIDs vanished since the last sync point, and the new messages.
//! 3. CONDSTORE: flags changed, a compact list of UIDs, and the new messages.
//! 4. Else all flags, and the new messages.
//! 5. The whole listing: the first time, and whenever the recorded one cannot be trusted. Where nothing may have to be
//!    recognised, it is a bare one, without identities (`recognise` asks for them where it has to).
//!
//! All commands of a mailbox follow from STATUS and the state, so they leave without waiting, several mailboxes at once.
//! Their answers are read in `concluding.rs`.
//!
//! Invariants:
//! 1. A recorded sync point is never later than the listing that it stands for: a change meanwhile is seen twice.
//! 2. An incomplete listing is an error, never a deletion.
//! 3. What STATUS did not know of, and the mailbox says when it is opened, is listed, too (`extent.rs`).

use super::asking::{ask, must_look_first};
use super::described::{blind, described, left_out};
use super::errand::{Identities, SideResult, Wanted};
use super::rollback::Watch;
use super::side_record::SideRecord;
use super::silence::Silence;
use super::task::{Begun, Task};
use super::unreadable::{known_poison, passed_over};
use super::way::Way;
use crate::engine::Session;
use crate::engine::commands::listed::{ListedMailbox, Listing};
use crate::engine::commands::select::{Opening, is_no_mailbox};
use crate::error::{Error, Result};
use crate::model::amount::grow;
use crate::model::{Attribute, MailboxState, RawName, Side, SyncPoint};
use crate::pipeline::Thoroughness;
use crate::pipeline::fleet::access::Access;
use crate::pipeline::fleet::suspects::{BrokeOn, Suspicion};
use std::collections::{HashMap, HashSet, VecDeque};

/// Mailboxes whose commands are in flight at one time, and how many commands these are at most: together they are less
/// than what lies on a connection unread, so that nobody waits for room while the other does, too.
const MAILBOXES_IN_FLIGHT: usize = 64;
const COMMANDS_IN_FLIGHT: usize = 200;

/// After this many deltas a mailbox is listed whole again.
const DELTAS: u32 = 100;

/// One side of one account being listed.
pub struct SideScan<'a> {
    pub(super) access: &'a Access<'a>,
    pub(super) side: Side,
    pub(super) session: &'a mut Session,
    pub(super) thoroughness: Thoroughness,
    pub(super) identities: Identities,
    pub(super) opening: Opening,
    pub(super) watch: Watch<'a>,
    /// Some mailbox besides the INBOX can be read: then one that cannot is damaged, and not ours to see.
    pub(super) sees_others: bool,
    pub(super) tasks: VecDeque<Task>,
    /// Why mailboxes that STATUS tells nothing about cannot be opened either.
    pub(super) refusals: HashMap<RawName, String>,
    /// What the settings leave out: it is not opened.
    pub(super) left_out: HashSet<RawName>,
    /// The mailbox in hand is open: what breaks now is the reading of its messages.
    pub(super) reads: bool,
    pub(super) result: SideResult,
}

impl<'a> SideScan<'a> {
    /// Nothing is sent yet. Mailboxes will be examined: who only looks changes nothing, not even `\Recent`.
    pub fn new(
        access: &'a Access<'a>,
        side: Side,
        session: &'a mut Session,
        thoroughness: Thoroughness,
        identities: Identities,
    ) -> Self {
        let (watch, tasks, result) = (Watch::new(access, side), VecDeque::new(), SideResult::default());
        SideScan {
            access,
            side,
            session,
            thoroughness,
            identities,
            opening: Opening::Examine,
            watch,
            sees_others: false,
            tasks,
            refusals: HashMap::new(),
            left_out: HashSet::new(),
            reads: false,
            result,
        }
    }

    /// Of mailboxes that were just changed: they are selected, which tells what they keep of flags.
    pub fn of_changed(self) -> Self {
        SideScan { opening: Opening::Select, ..self }
    }

    /// Lists the side into the state.
    ///
    /// # Errors
    /// What makes the whole side impossible; a single mailbox's trouble is in the result.
    pub fn run(mut self, wanted: &Wanted) -> Result<SideResult> {
        let mut listing = self.session.list_names(self.access.subscriptions())?;
        self.check_not_blind(&listing)?;
        self.result.inbox_id = listing.inbox_id.take();
        self.left_out = left_out(self.access, self.side, &listing)?;
        let silence = Silence::of(self.access, self.side, &mut *self.session);
        self.refusals = silence.break_in(&mut listing, &self.left_out)?;
        let readable = |mailbox: &ListedMailbox| !mailbox.name.is_inbox() && mailbox.status.is_some();
        self.sees_others = listing.mailboxes.iter().any(readable);
        if matches!(wanted, Wanted::All) {
            let warnings = &mut self.result.warnings;
            let mut record = SideRecord { access: self.access, side: self.side, session: &*self.session, warnings };
            record.record(&listing)?;
            record.forget_vanished(&listing)?;
        }
        for listed in listing.mailboxes {
            if let Wanted::Only(names) = wanted
                && !names.contains(&listed.name.raw)
            {
                continue;
            }
            self.consider(listed)?;
        }
        self.work_through()?;
        Ok(self.result)
    }

    /// An account without an INBOX is one that we may not see (on Dovecot: a master user without rights).
    fn check_not_blind(&self, listing: &Listing) -> Result<()> {
        if listing.mailboxes.iter().any(|mailbox| mailbox.name.is_inbox()) {
            return Ok(());
        }
        Err(self.located(blind("the server lists no INBOX for this account")))
    }

    pub(super) fn located(&self, error: Error) -> Error {
        error.on(self.side, &self.session.server().label())
    }

    /// Decides how a mailbox is listed, if at all.
    fn consider(&mut self, listed: ListedMailbox) -> Result<()> {
        let known = self.access.state.mailbox(self.side, &listed.name.raw)?;
        if self.left_out.contains(&listed.name.raw) {
            return self.record_left_out(&listed, known);
        }
        let suspicion = self.access.suspects.of(self.side, &listed.name.raw);
        if let Suspicion::Due = suspicion {
            self.result.suspects.push(listed.name);
            return Ok(());
        }
        self.result.summary.mailboxes += 1;
        let Some(status) = listed.status.filter(|_| listed.is_selectable()) else {
            return self.record_unlisted(&listed, known);
        };
        if let Suspicion::Convicted(error) = suspicion {
            return self.trouble(&listed, known.as_ref(), error);
        }
        let recorded = known.as_ref().and_then(|known| known.sync_point);
        let doubtful = self.watch.doubts(&listed.name.raw, status);
        if self.thoroughness == Thoroughness::Incremental
            && !doubtful
            && status.is_conclusive()
            && recorded == Some(status)
            && let Some(known) = known
        {
            self.count(&known);
            self.result.summary.unchanged += 1;
            return self.record_description(&listed, known);
        }
        let way = if doubtful { Way::Whole } else { self.way(&listed.name.raw, status, known.as_ref()) };
        let known = known.filter(|known| known.sync_point.is_some());
        match suspicion {
            Suspicion::Dissected(dissected) => {
                let unreadable = passed_over(self.access, self.side, &listed.name, &dissected)?;
                self.tasks.push_back(Task::new(listed, known, way).in_parts(&dissected.parts, unreadable));
            }
            _ if self.has_known_poison(&listed)? => {
                self.access.suspects.remember(self.side, &listed.name.raw);
                self.leave_to_the_end(listed);
            }
            _ => self.tasks.push_back(Task::new(listed, known, way)),
        }
        Ok(())
    }

    /// Messages that could not be listed in an earlier run are tried last.
    fn has_known_poison(&self, listed: &ListedMailbox) -> Result<bool> {
        let is_new = self.access.suspects.is_unknown(self.side, &listed.name.raw);
        Ok(is_new && !known_poison(self.access, self.side, &listed.name)?.is_empty())
    }

    pub(super) fn leave_to_the_end(&mut self, listed: ListedMailbox) {
        self.result.summary.mailboxes -= 1;
        self.result.suspects.push(listed.name);
    }

    /// A recorded listing is trusted while UIDVALIDITY stands and neither UIDNEXT nor HIGHESTMODSEQ went backwards, but
    /// not for ever; the count is looked at when the delta is in.
    fn way(&self, name: &RawName, status: SyncPoint, known: Option<&MailboxState>) -> Way {
        let trusted = || {
            let known = known.filter(|known| known.identified && known.deltas < DELTAS);
            let known = known.filter(|_| self.thoroughness == Thoroughness::Incremental)?;
            let recorded = known.sync_point?;
            let ascends = status.uid_next? >= recorded.uid_next?
                && (recorded.highest_modseq.is_none() || status.highest_modseq >= recorded.highest_modseq);
            let same = status.uid_validity == recorded.uid_validity && status.uid_validity.is_lasting();
            (same && ascends).then_some(recorded)
        };
        let bare = self.identities == Identities::WhereOthersMayBe && self.thoroughness == Thoroughness::Incremental;
        let was_empty = known.is_none_or(|known| known.records == 0);
        match (self.side, trusted()) {
            (Side::Destination, _) if bare && was_empty => Way::Bare,
            (_, Some(recorded)) => Way::Delta(recorded),
            (Side::Source, None) if bare && self.watch.is_free(name) => Way::Bare,
            _ => Way::Whole,
        }
    }

    fn record_unlisted(&mut self, listed: &ListedMailbox, known: Option<MailboxState>) -> Result<()> {
        let mut state = described(listed, known.as_ref());
        state.sync_point = None;
        if listed.is_selectable() {
            if listed.name.is_inbox() && !self.sees_others {
                let error = blind("the INBOX is listed, but the server tells nothing about it");
                let why = self.refusals.remove(&listed.name.raw);
                return Err(self.located(why.into_iter().fold(error, Error::because)));
            }
            let why = self.refusals.remove(&listed.name.raw);
            if why.as_deref().is_some_and(is_no_mailbox) {
                return self.record_volatile(listed, known.as_ref());
            }
            state.trouble = Some(why.unwrap_or_else(|| "the server tells nothing about it".to_owned()));
        }
        if known.as_ref() == Some(&state) { Ok(()) } else { self.access.state.put_mailbox(self.side, &state) }
    }

    fn record_description(&mut self, listed: &ListedMailbox, known: MailboxState) -> Result<()> {
        let state = described(listed, Some(&known));
        if state == known { Ok(()) } else { self.access.state.put_mailbox(self.side, &state) }
    }

    /// What the settings leave out is not opened; what was known of it is kept for the day on which it is wanted again.
    fn record_left_out(&self, listed: &ListedMailbox, known: Option<MailboxState>) -> Result<()> {
        let mut state = described(listed, known.as_ref());
        let messages = listed.status.map_or(0, |status| status.messages);
        state.attributes.push(Attribute::LeftOut { messages });
        if known.as_ref() == Some(&state) { Ok(()) } else { self.access.state.put_mailbox(self.side, &state) }
    }

    pub(super) fn count(&mut self, state: &MailboxState) {
        self.result.summary.messages += u64::from(state.records);
        grow(&mut self.result.summary.octets, state.octets);
    }

    /// Sends the commands of several mailboxes ahead of reading their answers.
    fn work_through(&mut self) -> Result<()> {
        let mut in_flight: VecDeque<Begun> = VecDeque::new();
        loop {
            self.access.go_on()?;
            let several = self.session.keeps_order() && !self.access.suspects.is_careful(self.side);
            let most = if several { MAILBOXES_IN_FLIGHT } else { 1 };
            while in_flight.len() < most
                && in_flight.iter().map(Begun::commands).sum::<usize>() < COMMANDS_IN_FLIGHT
                && let Some(task) = self.tasks.pop_front()
            {
                in_flight.push_back(self.begin(task)?);
            }
            let Some(begun) = in_flight.pop_front() else { return Ok(()) };
            self.reads = false;
            let name = begun.task.listed.name.raw.clone();
            let concluded = self.conclude(begun);
            let broke_on = if self.reads { BrokeOn::Reading } else { BrokeOn::Opening };
            concluded.inspect_err(|error| self.access.suspect(self.side, &name, broke_on, error))?;
        }
    }

    fn begin(&mut self, mut task: Task) -> Result<Begun> {
        task.looks_first = must_look_first(self.session, &task);
        if task.looks_first && matches!(task.way, Way::Delta(_)) {
            task.way = Way::Whole;
        }
        if matches!(task.way, Way::Whole) && !task.looks_first {
            let status = task.listed.status.unwrap_or_default();
            let (name, known) = (&task.listed.name.raw, task.known.as_ref());
            task.memory = self.watch.recall(name, status, known, task.distrusted)?;
        }
        ask(self.session, &self.access.state, self.side, self.opening, task)
    }

    /// What is no mailbox is left out, with a note.
    pub(super) fn record_volatile(&mut self, listed: &ListedMailbox, known: Option<&MailboxState>) -> Result<()> {
        let mut state = described(listed, known);
        state.sync_point = None;
        state.attributes.push(Attribute::Volatile);
        self.result.warnings.push(format!(
            "`{}` on the {} is left out: it is a file that is no mailbox, or its UIDs do not last ([UIDNOTSTICKY])",
            listed.name, self.side
        ));
        self.access.state.put_mailbox(self.side, &state)
    }

    pub(super) fn trouble(&mut self, listed: &ListedMailbox, known: Option<&MailboxState>, error: Error) -> Result<()> {
        let error = self.located(error);
        let mut state = described(listed, known);
        state.sync_point = None;
        self.access.suspects.note_told(&error.summary());
        state.trouble = Some(error.summary());
        self.access.state.put_mailbox(self.side, &state)?;
        self.access.failures.note(&mut self.result.troubles, error.in_mailbox(&listed.name.path()));
        Ok(())
    }
}
