//! The answers of one mailbox, read and recorded; what they leave open becomes another task.

use super::asking::UIDS_PER_FETCH;
use super::described::{blind, described};
use super::extent::Extent;
use super::gathering::{Conclusion, Gathering};
use super::listing::SideScan;
use super::rollback::Memory;
use super::task::{Begun, Open, Task, Unreadable};
use super::unreadable::record_unreadable;
use super::way::Way;
use crate::engine::commands::fetch::{COMMAND_OCTETS, FetchEvent, Fetched};
use crate::engine::commands::listed::ListedMailbox;
use crate::engine::commands::select::{Opened, Opening, is_no_mailbox};
use crate::engine::conversation::session::Tag;
use crate::error::{Error, Kind, Result};
use crate::model::{MailboxState, SyncPoint, UidSet};
use crate::pipeline::Event;
use crate::store::ListingWriter;

impl SideScan<'_> {
    /// Reads the answers of one mailbox and records them. All tags are finished whatever happens, so that the answers
    /// of the next mailbox are not taken for this one's.
    pub(super) fn conclude(&mut self, begun: Begun) -> Result<()> {
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
