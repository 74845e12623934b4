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
//!
//! Invariants:
//! 1. A recorded sync point is never later than the listing that it stands for: a change meanwhile is seen twice.
//! 2. An incomplete listing is an error, never a deletion.
//! 3. What STATUS did not know of, and the mailbox says when it is opened, is listed, too (`extent.rs`).

use super::asking::{UIDS_PER_FETCH, ask, must_look_first};
use super::described::{blind, described, left_out};
use super::errand::{Identities, SideResult, Wanted};
use super::extent::Extent;
use super::gathering::{Conclusion, Gathering};
use super::rollback::{Memory, Watch};
use super::side_record::SideRecord;
use super::silence::Silence;
use super::task::{Begun, Open, Task, Unreadable};
use super::unreadable::{known_poison, passed_over, record_unreadable};
use super::way::Way;
use crate::engine::Session;
use crate::engine::commands::fetch::{COMMAND_OCTETS, FetchEvent, Fetched};
use crate::engine::commands::listed::{ListedMailbox, Listing};
use crate::engine::commands::select::{Opened, Opening, is_no_mailbox};
use crate::engine::conversation::session::Tag;
use crate::error::{Error, Kind, Result};
use crate::model::amount::grow;
use crate::model::{Attribute, MailboxState, RawName, Side, SyncPoint, UidSet};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::fleet::suspects::{BrokeOn, Suspicion};
use crate::pipeline::{Event, Thoroughness};
use crate::store::ListingWriter;
use std::collections::{HashMap, HashSet, VecDeque};

/// Mailboxes whose commands are in flight at one time, and how many commands these are at most: together they are less
/// than what lies on a connection unread, so that nobody waits for room while the other does, too.
const MAILBOXES_IN_FLIGHT: usize = 64;
const COMMANDS_IN_FLIGHT: usize = 200;

/// After this many deltas a mailbox is listed whole again.
const DELTAS: u32 = 100;

/// One side of one account being listed.
pub struct SideScan<'a> {
    access: &'a Access<'a>,
    side: Side,
    session: &'a mut Session,
    thoroughness: Thoroughness,
    identities: Identities,
    opening: Opening,
    watch: Watch<'a>,
    /// Some mailbox besides the INBOX can be read: then one that cannot is damaged, and not ours to see.
    sees_others: bool,
    tasks: VecDeque<Task>,
    /// Why mailboxes that STATUS tells nothing about cannot be opened either.
    refusals: HashMap<RawName, String>,
    /// What the settings leave out: it is not opened.
    left_out: HashSet<RawName>,
    /// The mailbox in hand is open: what breaks now is the reading of its messages.
    reads: bool,
    result: SideResult,
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

    fn located(&self, error: Error) -> Error {
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

    fn leave_to_the_end(&mut self, listed: ListedMailbox) {
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

    fn count(&mut self, state: &MailboxState) {
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

    /// Reads which UIDs a mailbox holds, and lists it with them.
    fn conclude_look(&mut self, begun: Begun) -> Result<()> {
        let Begun { task, open, search, .. } = begun;
        let Task { listed, known, way, distrusted, .. } = task;
        let opened = open.finish(self.session, &listed.name);
        if !self.session.is_alive() {
            return opened.map(drop);
        }
        let uids = match search {
            Some(search) => self.session.finish_search_all(search, |_| Ok(()))?,
            None => None,
        };
        match (opened, uids) {
            (Err(error), _) => {
                let error = self.inbox_is_open(&listed, error)?;
                self.trouble(&listed, known.as_ref(), error)
            }
            (Ok(_), Some(uids)) => {
                let windows = Some(uids.chunks(COMMAND_OCTETS, UIDS_PER_FETCH.min(self.session.most_messages())));
                self.tasks.push_back(Task { windows, distrusted, ..Task::new(listed, known, way) });
                Ok(())
            }
            _ => self.trouble(&listed, known.as_ref(), cannot_be_found(self.session.most_messages())),
        }
    }

    /// An INBOX that is listed and cannot be opened is a matter of rights, if no other mailbox can.
    fn inbox_is_open(&self, listed: &ListedMailbox, error: Error) -> Result<Error> {
        let refused = matches!(error.kind(), Kind::Refused | Kind::Changed);
        if listed.name.is_inbox() && !self.sees_others && refused {
            let blind = blind("the INBOX is listed but cannot be opened");
            return Err(self.located(blind.because(error.summary())));
        }
        Ok(error)
    }

    /// Reads the answers of one mailbox and records them. All tags are finished whatever happens, so that the answers
    /// of the next mailbox are not taken for this one's.
    fn conclude(&mut self, begun: Begun) -> Result<()> {
        if begun.task.looks_first {
            return self.conclude_look(begun);
        }
        let Begun { task, open, changed, must_search, search, flags, windows } = begun;
        let Task { listed, known, way, mut memory, unreadable, is_again, .. } = task;
        let sent_ahead = matches!(open, Open::Sent(_));
        let opened = open.finish(self.session, &listed.name);
        if !self.session.is_alive() {
            return opened.map(drop);
        }
        self.reads = opened.is_ok();
        if let (Some(memory), Ok(opened)) = (&mut memory, &opened) {
            memory.note_opened(opened.sync_point);
        }
        let lacks_some = !unreadable.is_empty();
        let (shut, standing) = (opened.is_err(), opened.as_ref().ok().map(|opened| opened.sync_point));
        let is_volatile = is_volatile(&opened);
        let status = listed.status.unwrap_or_default();
        let described = described(&listed, known.as_ref());
        let opened = match self.opening {
            Opening::Select => opened.map(|opened| Opened { capacity: opened.keeps(), ..opened }),
            // What PERMANENTFLAGS says now is not what a SELECT would say.
            Opening::Examine => opened.map(|opened| Opened { capacity: described.capacity.clone(), ..opened }),
        };
        let mut gathering = Gathering::new(&self.access.state, self.side, described, status, way, opened)?;
        gathering.leave_out(unreadable.values().map(|(record, _)| record.as_ref()))?;
        if let Some(tag) = changed {
            let status = self.session.finish_fetch(tag, |event| gathering.take(event))?;
            gathering.require(&status);
        }
        if must_search {
            let uids = match search {
                Some(search) => self.session.finish_search_all(search, |event| gathering.take(event))?,
                None => None,
            };
            gathering.keep_only(uids)?;
        }
        if let Some(tag) = flags {
            self.take_all_flags(tag, &mut gathering)?;
        }
        for tag in windows {
            let status = self.session.finish_fetch(tag, |event| gathering.take(event))?;
            gathering.require(&status);
        }
        match gathering.conclude() {
            _ if is_volatile => self.record_volatile(&listed, known.as_ref()),
            Conclusion::Miscounted(_) if !is_again => {
                let listed = as_opened(listed, standing);
                self.tasks.push_back(Task { is_again: true, ..Task::new(listed, known, Way::Whole) });
                Ok(())
            }
            Conclusion::Complete { writer, state, unreadable, extent: Extent::Behind }
                if !is_again && !lacks_some && unreadable.is_empty() =>
            {
                let state = self.keep(*writer, *state, memory)?;
                self.list_rest(listed, standing, state);
                Ok(())
            }
            // The server turned out not to take commands ahead: once more, one at a time.
            Conclusion::Impossible(_) | Conclusion::Refused(_) | Conclusion::Miscounted(_)
                if sent_ahead && !self.session.keeps_order() =>
            {
                self.tasks.push_back(Task::new(listed, known, Way::Whole));
                Ok(())
            }
            Conclusion::Impossible(error) if shut => {
                let error = self.inbox_is_open(&listed, error)?;
                self.trouble(&listed, known.as_ref(), error)
            }
            Conclusion::Refused(error) if self.access.suspects.doubt(self.side, &listed.name.raw, &error) => {
                self.leave_to_the_end(listed);
                Ok(())
            }
            conclusion => {
                let task = Task { is_again, ..Task::new(listed, known, Way::Whole) };
                self.record(task, memory, unreadable, conclusion)
            }
        }
    }

    fn record(
        &mut self,
        task: Task,
        memory: Option<Memory>,
        poisonous: Unreadable,
        conclusion: Conclusion,
    ) -> Result<()> {
        match conclusion {
            Conclusion::Complete { writer, mut state, unreadable, .. } => {
                let lacks = !unreadable.is_empty() || !poisonous.is_empty();
                if let Some(point) = state.sync_point.as_mut().filter(|_| lacks) {
                    // Not what the server says: so it is not unchanged next time, and they are asked for again.
                    let kept = poisonous.values().filter(|(record, _)| record.is_some()).count() as u64;
                    point.messages = u32::try_from(writer.records().saturating_sub(kept)).unwrap_or(u32::MAX);
                }
                let state = self.keep(*writer, *state, memory)?;
                self.advanced(&state);
                let errors = record_unreadable(self.access, self.side, &state, &unreadable, &poisonous)?;
                let errors = errors.into_iter().map(|error| error.on(self.side, &self.session.server().label()));
                self.access.failures.note_all(&mut self.result.troubles, errors);
            }
            Conclusion::Identify(unfinished) => {
                let way = Way::Identify(unfinished);
                self.tasks.push_back(Task { memory, unreadable: poisonous, way, ..task });
            }
            Conclusion::Distrusted(reason) => {
                let name = &task.listed.name;
                self.access.notice(&format!("`{name}` on the {} is listed whole again: {reason}", self.side));
                self.tasks.push_back(Task { distrusted: true, ..task });
            }
            Conclusion::Impossible(error) | Conclusion::Miscounted(error) | Conclusion::Refused(error) => {
                self.trouble(&task.listed, task.known.as_ref(), error)?;
            }
        }
        Ok(())
    }

    /// Reads the flags of all that was known.
    fn take_all_flags(&mut self, tag: Tag, gathering: &mut Gathering) -> Result<()> {
        let mut seen = UidSet::new();
        let status = self.session.finish_fetch(tag, |event| {
            if let FetchEvent::Message(Fetched { uid: Some(uid), .. }) = &event {
                seen.insert(*uid);
            }
            gathering.take(event)
        })?;
        let complete = status.is_ok() && !status.is_cut();
        gathering.require(&status);
        gathering.keep_only(complete.then_some(seen))
    }

    /// Lists what STATUS did not know of.
    fn list_rest(&mut self, listed: ListedMailbox, standing: Option<SyncPoint>, state: MailboxState) {
        let way = Way::Rest { since: listed.status.unwrap_or_default(), is_bare: !state.identified };
        let task = Task::new(as_opened(listed, standing), Some(state), way);
        self.tasks.push_back(Task { is_again: true, ..task });
    }

    fn keep(&self, writer: ListingWriter, state: MailboxState, memory: Option<Memory>) -> Result<MailboxState> {
        let state = self.access.gauge.on_state(|| writer.finish(state))?;
        memory.map_or(Ok(()), |memory| self.watch.compare(&memory, &state))?;
        Ok(state)
    }

    fn advanced(&mut self, state: &MailboxState) {
        self.count(state);
        let (account, mailbox) = (&*self.access.account.name, state.name.path());
        let messages = u64::from(state.records);
        self.access.gauge.count(messages, 0);
        let event = Event::Advanced { account, mailbox: &mailbox, messages, octets: 0 };
        self.access.migration.observer.event(event);
    }

    /// What is no mailbox is left out, with a note.
    fn record_volatile(&mut self, listed: &ListedMailbox, known: Option<&MailboxState>) -> Result<()> {
        let mut state = described(listed, known);
        state.sync_point = None;
        state.attributes.push(Attribute::Volatile);
        self.result.warnings.push(format!(
            "`{}` on the {} is left out: it is a file that is no mailbox, or its UIDs do not last ([UIDNOTSTICKY])",
            listed.name, self.side
        ));
        self.access.state.put_mailbox(self.side, &state)
    }

    fn trouble(&mut self, listed: &ListedMailbox, known: Option<&MailboxState>, error: Error) -> Result<()> {
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

/// What STATUS would have said if it had known what the mailbox said when it was opened. One that holds nothing by one of both
/// is asked nevertheless.
fn as_opened(listed: ListedMailbox, opened: Option<SyncPoint>) -> ListedMailbox {
    let of_now = opened.filter(|now| listed.status.is_some_and(|then| then.uid_validity == now.uid_validity));
    let messages = |now: SyncPoint| now.messages.max(listed.status.unwrap_or_default().messages);
    let of_now = of_now.map(|now| SyncPoint { messages: messages(now), ..now });
    ListedMailbox { status: of_now.or(listed.status), ..listed }
}

/// Whether it is no mailbox, by what opening it says.
fn is_volatile(opened: &Result<Opened>) -> bool {
    match opened {
        Ok(opened) => !opened.is_lasting,
        Err(error) => is_no_mailbox(&error.summary()),
    }
}

fn cannot_be_found(most_messages: u64) -> Error {
    Error::new(Kind::Refused, "the server does not tell which messages the mailbox holds")
        .because(format!("it takes {most_messages} messages a command (MESSAGELIMIT)"))
        .hint("ask for a login that may take more")
}
