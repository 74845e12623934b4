//! STATUS: where a mailbox stands that is not open.

use crate::engine::conversation::mailbox_name::with_mailbox;
use crate::engine::conversation::session::{Session, Tag};
use crate::engine::conversation::status::Status;
use crate::engine::wire::response::{Response, number};
use crate::error::Result;
use crate::model::mailbox::{RawName, SyncPoint};
use crate::model::{ModSeq, Uid, UidValidity};
use std::collections::HashMap;

/// How many STATUS commands are in flight where LIST cannot bring their answers.
const STATUS_IN_FLIGHT: usize = 32;

impl Session {
    pub(super) fn status_items(&self) -> &'static str {
        match self.capabilities.condstore() {
            true => "MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ",
            false => "MESSAGES UIDNEXT UIDVALIDITY",
        }
    }

    /// Sends STATUS, without waiting; not for a mailbox that is open: see [`Session::leave`]. The answer is read with
    /// [`Session::finish_status`].
    ///
    /// # Errors
    /// `Connection`.
    pub fn send_status(&mut self, name: &RawName) -> Result<Tag> {
        let after = format!(" ({})", self.status_items());
        self.send(&with_mailbox("STATUS", name, &after)?)
    }

    /// Reads the answer; what is told of any mailbox meanwhile is added to `found`, as several may be answered at once.
    ///
    /// # Errors
    /// `Connection`, `Protocol`.
    pub fn finish_status(&mut self, tag: Tag, found: &mut Statuses) -> Result<Status> {
        self.finish(tag, |mut response| {
            found.0.extend(status_line(&mut response));
            Ok(())
        })
    }

    /// STATUS of each of these mailboxes, pipelined; `None` for one that the server refuses. One of which nothing is told
    /// under its name, with an OK, is asked for once more, alone: then the answer is about it, whatever it calls it (GNU
    /// mailutils 3.15 leaves names with blanks unquoted). The names must be such as the server lists: one that takes two names
    /// for one answers of the other.
    ///
    /// # Errors
    /// `Connection`, `Protocol`.
    pub fn statuses(&mut self, names: &[RawName]) -> Result<Vec<Option<SyncPoint>>> {
        self.leave(names)?;
        let (mut found, mut accepted) = (Statuses::default(), Vec::with_capacity(names.len()));
        for window in names.chunks(STATUS_IN_FLIGHT) {
            let tags: Vec<Tag> = window.iter().map(|name| self.send_status(name)).collect::<Result<_>>()?;
            for tag in tags {
                accepted.push(self.finish_status(tag, &mut found)?.is_ok());
            }
        }
        let told = names.iter().zip(accepted).map(|(name, is_ok)| match found.of(name) {
            None if is_ok => self.status_alone(name),
            told => Ok(told),
        });
        told.collect()
    }

    /// What the only STATUS response says that comes while nothing else is asked.
    fn status_alone(&mut self, name: &RawName) -> Result<Option<SyncPoint>> {
        let (tag, mut told) = (self.send_status(name)?, Vec::new());
        let status = self.finish(tag, |response| {
            told.extend(nameless_status(&response));
            Ok(())
        })?;
        Ok(told.pop().filter(|_| status.is_ok() && told.is_empty()))
    }
}

/// What STATUS told of some mailboxes.
#[derive(Default)]
pub struct Statuses(HashMap<RawName, SyncPoint>);

impl Statuses {
    /// Of that one; none where it was refused.
    pub fn of(&self, name: &RawName) -> Option<SyncPoint> {
        status_of(&self.0, name)
    }
}

/// The status of a mailbox, by its name; INBOX comes back in any case.
pub(super) fn status_of(found: &HashMap<RawName, SyncPoint>, name: &RawName) -> Option<SyncPoint> {
    let is_inbox = |name: &RawName| name.0.eq_ignore_ascii_case(b"INBOX");
    let same_inbox = || found.iter().find(|(other, _)| is_inbox(name) && is_inbox(other)).map(|(_, status)| status);
    found.get(name).or_else(same_inbox).copied()
}

/// `* STATUS name (ITEM value …)`
pub(super) fn status_line(response: &mut Response) -> Option<(RawName, SyncPoint)> {
    let (name, item) = named_numbers(response)?;
    Some((name, sync_point(item)?))
}

fn sync_point(item: impl Fn(&str) -> Option<u64>) -> Option<SyncPoint> {
    let small = |name: &str| item(name).and_then(|number| u32::try_from(number).ok());
    Some(SyncPoint {
        uid_validity: UidValidity(small("UIDVALIDITY").unwrap_or(0)),
        uid_next: small("UIDNEXT").filter(|&number| number > 0).map(Uid),
        highest_modseq: item("HIGHESTMODSEQ").filter(|&number| number > 0).map(ModSeq),
        messages: small("MESSAGES")?,
    })
}

/// `* STATUS whatever (ITEM value …)`: the list at its end, whatever stands before it.
fn nameless_status(response: &Response) -> Option<SyncPoint> {
    let text = String::from_utf8_lossy(response.text());
    let rest =
        text.get(..STATUS.len()).filter(|start| start.eq_ignore_ascii_case(STATUS)).map(|_| &text[STATUS.len()..])?;
    let (_, items) = rest.trim_end().strip_suffix(')')?.rsplit_once('(')?;
    sync_point(numbers(items.split_ascii_whitespace().map(str::to_owned).collect()))
}

const STATUS: &str = "* STATUS ";

/// The mailbox that a STATUS response is about, and its numbers by name.
pub(super) fn named_numbers(response: &mut Response) -> Option<(RawName, impl Fn(&str) -> Option<u64> + use<>)> {
    let mut scanner = response.scan();
    scanner.word()?;
    scanner.spaces();
    if !scanner.word()?.eq_ignore_ascii_case(b"STATUS") {
        return None;
    }
    scanner.spaces();
    let name = RawName(scanner.string()?);
    scanner.spaces();
    Some((name, numbers(scanner.words()?)))
}

/// The numbers of a list, each by the word before it.
fn numbers(items: Vec<String>) -> impl Fn(&str) -> Option<u64> {
    move |name: &str| {
        let at = items.iter().position(|word| word.eq_ignore_ascii_case(name))?;
        number(items.get(at + 1)?.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nameless_status_is_read_whatever_stands_for_the_name() {
        let read =
            |line: &str| nameless_status(&Response::from_text(line)).map(|point| (point.messages, point.uid_next));
        for name in ["With Space", "\"Back\\slash\"", "\"open", "a (b) c", "Größe", ""] {
            let line = format!("* STATUS {name} (MESSAGES 3 UIDNEXT 9 UIDVALIDITY 7)");
            assert_eq!(read(&line), Some((3, Some(Uid(9)))), "{name}");
        }
        for line in [
            "* STATUS x (UIDNEXT 9)",
            "* STATUS x",
            "* LIST () \"/\" x (MESSAGES 3)",
            "* STATUS ()",
            "* STATUS x (MESSAGES",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }
}
