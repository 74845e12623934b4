//! The answers of one mailbox on their way into the state: what is a record, what must be asked for again, and when a
//! recorded listing is not to be trusted.

use crate::engine::commands::fetch::{FetchEvent, Fetched};
use crate::engine::commands::select::Opened;
use crate::engine::conversation::status::Status;
use crate::engine::identity;
use crate::error::{Error, Kind, Result};
use crate::model::counted::counted;
use crate::model::{Listed, MailboxState, MessageRecord, Side, SyncPoint, Uid, UidSet};
use crate::store::{AccountStore, ListingWriter};

use super::extent::{Extent, extent};
use super::way::{Unfinished, Way};
use std::collections::HashMap;

/// Messages of which parts are kept: a server that splits its answers tells of one message after the other.
const PARTIAL_MESSAGES: usize = 1000;

/// How reading a mailbox ended.
pub enum Conclusion {
    /// All is in; the messages in `unreadable` exist, and the server does not describe them.
    Complete {
        writer: Box<ListingWriter>,
        state: Box<MailboxState>,
        unreadable: UidSet,
        extent: Extent,
    },
    Identify(Box<Unfinished>),
    /// The recorded listing does not fit what the server says: list it whole.
    Distrusted(String),
    Impossible(Error),
    /// It is not all that the mailbox holds: it may have changed in this moment.
    Miscounted(Error),
    /// A FETCH was refused: it may be for one of its messages.
    Refused(Error),
}

/// Which listing is being read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    Whole,
    Bare,
    Delta,
    SecondLook,
}

/// The answers of one mailbox, as they come.
pub struct Gathering {
    pass: Pass,
    writer: Option<ListingWriter>,
    state: MailboxState,
    /// What STATUS said before anything was listed.
    status: SyncPoint,
    opened: Option<Opened>,
    /// The message with the highest UID that the state holds.
    last_known: Option<MessageRecord>,
    /// All UIDs that were given out at the recorded sync point.
    highest_known: Uid,
    /// Messages whose items did not all come.
    incomplete: UidSet,
    distrust: Option<String>,
    failure: Option<Error>,
    /// What came of messages in several responses, until it is all.
    partial: HashMap<Uid, Fetched>,
    /// The failure is that a FETCH was refused.
    refused: bool,
    /// It goes on from a listing that is recorded.
    amends: bool,
    extent: Extent,
    /// Messages that are not asked for, and not in the listing.
    lacking: u64,
}

impl Gathering {
    /// Begins with the answer to EXAMINE or SELECT.
    ///
    /// # Errors
    /// `State`.
    pub fn new(
        store: &AccountStore,
        side: Side,
        state: MailboxState,
        status: SyncPoint,
        way: Way,
        opened: Result<Opened>,
    ) -> Result<Self> {
        let name = state.name.raw.clone();
        let pass = match &way {
            Way::Whole => Pass::Whole,
            Way::Bare => Pass::Bare,
            Way::Rest { is_bare: true, .. } => Pass::Bare,
            Way::Delta(_) | Way::Rest { .. } => Pass::Delta,
            Way::Identify(_) => Pass::SecondLook,
        };
        let amends = matches!(way, Way::Delta(_) | Way::Rest { .. });
        let is_listed_whole = matches!(way, Way::Whole | Way::Bare);
        let mut gathering = Gathering {
            pass,
            writer: None,
            state,
            status,
            opened: None,
            last_known: None,
            highest_known: Uid(0),
            incomplete: UidSet::new(),
            distrust: None,
            failure: None,
            partial: HashMap::new(),
            refused: false,
            amends,
            extent: Extent::Whole,
            lacking: 0,
        };
        match opened {
            Ok(opened) if opened.sync_point.uid_validity == status.uid_validity => gathering.opened = Some(opened),
            // Courier gives an empty mailbox another one each second. Nothing hangs on it: there are no UIDs.
            Ok(opened) if is_listed_whole && status.messages == 0 && opened.sync_point.messages == 0 => {
                gathering.status.uid_validity = opened.sync_point.uid_validity;
                gathering.opened = Some(opened);
            }
            Ok(_) => gathering.failure = Some(changed_meanwhile()),
            Err(error) => gathering.failure = Some(error),
        }
        if gathering.failure.is_some() {
            return Ok(gathering);
        }
        match way {
            Way::Whole | Way::Bare => gathering.writer = Some(store.relist(side, &name)?),
            Way::Delta(since) | Way::Rest { since, .. } => {
                gathering.writer = Some(store.amend(side, &name)?);
                gathering.highest_known = since.uid_next.map_or(Uid(0), |next| Uid(next.0 - 1));
                gathering.last_known = store.last_record(side, &name)?;
            }
            Way::Identify(unfinished) => {
                gathering.writer = Some(unfinished.writer);
                gathering.state = unfinished.state;
                gathering.incomplete = unfinished.uids;
                gathering.extent = unfinished.extent;
            }
        }
        Ok(gathering)
    }

    /// A refused command makes the listing impossible; one that was done in part makes a delta incomplete.
    pub fn require(&mut self, status: &Status) {
        if status.is_ok() && status.is_cut() && self.amends {
            self.distrust.get_or_insert_with(|| "the server told a part of the changes".to_owned());
        } else if !status.is_ok() || status.is_cut() {
            self.refused |= self.failure.is_none() && !status.is_ok();
            self.failure.get_or_insert(status.error("could not list the mailbox"));
        }
    }

    /// Messages that are not asked for: what is known of some of them stays.
    ///
    /// # Errors
    /// `State`.
    pub fn leave_out<'r>(&mut self, known: impl Iterator<Item = Option<&'r MessageRecord>>) -> Result<()> {
        for record in known {
            match (record, self.writer()) {
                (Some(record), Some(writer)) => writer.put(record)?,
                _ => self.lacking += 1,
            }
        }
        Ok(())
    }

    fn writer(&mut self) -> Option<&mut ListingWriter> {
        self.writer.as_mut().filter(|_| self.failure.is_none() && self.distrust.is_none())
    }

    /// Takes what a FETCH of this mailbox brought; which one it was is told by the items.
    ///
    /// # Errors
    /// `State`.
    pub fn take(&mut self, event: FetchEvent) -> Result<()> {
        match event {
            FetchEvent::Message(fetched) if self.is_listing(&fetched) => self.take_message(fetched),
            FetchEvent::Message(fetched) if fetched.uid.is_some_and(|uid| uid > self.highest_known) => {
                self.take_part(fetched);
                Ok(())
            }
            other => self.take_flags(other),
        }
    }

    /// Whether it is the answer to what lists messages. A server may tell changed flags by itself at any time.
    fn is_listing(&self, fetched: &Fetched) -> bool {
        fetched.header.is_some() || fetched.octets.is_some() || self.pass == Pass::Bare
    }

    fn take_flags(&mut self, event: FetchEvent) -> Result<()> {
        match event {
            FetchEvent::Message(Fetched { uid: Some(uid), flags: Some(flags), .. }) if uid <= self.highest_known => {
                if let Some(writer) = self.writer()
                    && !writer.set_flags(uid, &flags)?
                {
                    self.distrust = Some(came_back(uid));
                }
            }
            FetchEvent::Vanished(uids) => {
                if let Some(writer) = self.writer() {
                    writer.remove(&uids)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes a list of all UIDs: what is not among them is gone, unless it is newer than they.
    ///
    /// # Errors
    /// `State`.
    pub fn keep_only(&mut self, uids: Option<UidSet>) -> Result<()> {
        let newer = UidSet::range(Uid(self.highest_known.0.saturating_add(1)), Uid(u32::MAX));
        match (uids, self.writer()) {
            (Some(mut uids), Some(writer)) => {
                uids.merge(&newer);
                writer.retain(&uids)
            }
            (None, Some(_)) => {
                self.distrust = Some("the server does not list its UIDs".to_owned());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Keeps what one response of several says of a message.
    fn take_part(&mut self, mut fetched: Fetched) {
        let Some(uid) = fetched.uid else { return };
        match self.partial.remove(&uid) {
            Some(partial) => fetched.complete_with(partial),
            None if self.partial.len() >= PARTIAL_MESSAGES => return,
            None => {}
        }
        self.partial.insert(uid, fetched);
    }

    fn take_message(&mut self, mut fetched: Fetched) -> Result<()> {
        let Some(uid) = fetched.uid else { return Ok(()) };
        let mut record = complete(uid, &fetched, self.pass);
        if record.is_none()
            && let Some(partial) = self.partial.remove(&uid)
        {
            fetched.complete_with(partial);
            record = complete(uid, &fetched, self.pass);
        }
        match record {
            Some(record) if uid <= self.highest_known => self.compare_known(&record),
            Some(record) => {
                self.incomplete.remove(uid);
                if let Some(writer) = self.writer() {
                    writer.put(&record)?;
                }
            }
            None if uid <= self.highest_known => {}
            None => {
                let flags = fetched.flags.as_ref().filter(|_| fetched.octets.is_none());
                let known = match (self.writer(), flags) {
                    (Some(writer), Some(flags)) => writer.set_flags(uid, flags)?,
                    (Some(writer), None) => writer.holds(uid)?,
                    _ => false,
                };
                if !known {
                    self.incomplete.insert(uid);
                    self.take_part(fetched);
                }
            }
        }
        Ok(())
    }

    /// The highest known message must still be the one that it was, and none may have come between it and the UIDs that
    /// are new (content replaced under one UIDVALIDITY, as after a restored backup).
    fn compare_known(&mut self, now: &MessageRecord) {
        let last_known = self.last_known.as_ref();
        if last_known.is_none_or(|last| now.uid > last.uid) {
            self.distrust = Some(came_back(now.uid));
        }
        let Some(before) = last_known.filter(|before| before.uid == now.uid) else { return };
        // One that was listed without identity tells none.
        let as_before = Listed { identity: before.identity.and(now.identity), ..now.listed() };
        if before.listed() != as_before {
            self.distrust = Some(format!("UID {} is not the message that it was", now.uid));
        }
    }

    /// Decides what to do with what came.
    pub fn conclude(mut self) -> Conclusion {
        if let Some(error) = self.failure {
            return if self.refused { Conclusion::Refused(error) } else { Conclusion::Impossible(error) };
        }
        if let Some(reason) = self.distrust {
            return Conclusion::Distrusted(reason);
        }
        let (Some(opened), Some(writer)) = (self.opened.take(), self.writer.take()) else {
            return Conclusion::Impossible(changed_meanwhile());
        };
        if self.pass == Pass::SecondLook {
            return Conclusion::Complete {
                writer: Box::new(writer),
                state: Box::new(self.state),
                unreadable: self.incomplete,
                extent: self.extent,
            };
        }
        self.state.capacity = opened.capacity.clone();
        self.state.deltas = if self.pass == Pass::Delta { self.state.deltas + 1 } else { 0 };
        self.state.identified = self.pass != Pass::Bare;
        self.state.sync_point = Some(self.status);
        let count = writer.records() + self.incomplete.len() + self.lacking;
        let Some(extent) = extent(count, opened.sync_point, self.status) else {
            return self.miscounted(count, opened.sync_point.messages);
        };
        match self.incomplete.is_empty() {
            true => Conclusion::Complete {
                writer: Box::new(writer),
                state: Box::new(self.state),
                unreadable: UidSet::new(),
                extent,
            },
            false => {
                let (state, uids) = (self.state, self.incomplete);
                Conclusion::Identify(Box::new(Unfinished { writer, state, uids, extent }))
            }
        }
    }

    /// A delta that does not add up is distrusted; a whole listing that does not is none (disaster rule 8).
    fn miscounted(&self, count: u64, exists: u32) -> Conclusion {
        if self.amends {
            return Conclusion::Distrusted(format!(
                "it holds {}, and {count} are accounted for",
                counted(exists.into(), "message")
            ));
        }
        let error =
            Error::new(Kind::Changed, format!("the server listed {count} of {}", counted(exists.into(), "message")));
        Conclusion::Miscounted(error.hint("the mailbox may have changed in this moment: run the command again"))
    }
}

fn came_back(uid: Uid) -> String {
    format!("it holds UID {uid}, which it did not hold before")
}

fn changed_meanwhile() -> Error {
    Error::new(Kind::Changed, "the mailbox changed its UIDVALIDITY while it was listed")
        .hint("run the command again; if it happens each time, the server gives its UIDs no lasting meaning")
}

/// The record of a message, if all its items came. A message without Message-ID is complete only at the second look,
/// when its other fields were asked for.
fn complete(uid: Uid, fetched: &Fetched, pass: Pass) -> Option<MessageRecord> {
    let header = fetched.header.as_deref();
    let identity = match header.and_then(identity::by_message_id) {
        None if pass == Pass::Bare => None,
        None if pass == Pass::SecondLook => Some(identity::by_stable_fields(header?)),
        found => Some(found?),
    };
    Some(MessageRecord {
        uid,
        octets: fetched.octets?,
        internal_date: fetched.internal_date?,
        flags: fetched.flags.clone()?,
        identity,
    })
}
