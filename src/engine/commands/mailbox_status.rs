//! STATUS: where a mailbox stands that is not open.

use crate::engine::conversation::mailbox_name::with_mailbox;
use crate::engine::conversation::session::{Session, Tag};
use crate::engine::wire::response::Response;
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
    pub fn finish_status(&mut self, tag: Tag, found: &mut Statuses) -> Result<()> {
        self.finish(tag, |mut response| {
            found.0.extend(status_line(&mut response));
            Ok(())
        })
        .map(drop)
    }

    /// STATUS of each of these mailboxes, pipelined; `None` for one that the server refuses.
    ///
    /// # Errors
    /// `Connection`, `Protocol`.
    pub fn statuses(&mut self, names: &[RawName]) -> Result<Vec<Option<SyncPoint>>> {
        self.leave(names)?;
        let mut found: HashMap<RawName, SyncPoint> = HashMap::new();
        for window in names.chunks(STATUS_IN_FLIGHT) {
            let after = format!(" ({})", self.status_items());
            let tags: Vec<_> =
                window.iter().map(|name| self.send(&with_mailbox("STATUS", name, &after)?)).collect::<Result<_>>()?;
            for tag in tags {
                self.finish(tag, |mut response| {
                    found.extend(status_line(&mut response));
                    Ok(())
                })?;
            }
        }
        Ok(names.iter().map(|name| status_of(&found, name)).collect())
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
    let small = |name: &str| item(name).and_then(|number| u32::try_from(number).ok());
    Some((
        name,
        SyncPoint {
            uid_validity: UidValidity(small("UIDVALIDITY").unwrap_or(0)),
            uid_next: small("UIDNEXT").filter(|&number| number > 0).map(Uid),
            highest_modseq: item("HIGHESTMODSEQ").filter(|&number| number > 0).map(ModSeq),
            messages: small("MESSAGES")?,
        },
    ))
}

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
    let items = scanner.words()?;
    let item = move |name: &str| {
        let at = items.iter().position(|word| word.eq_ignore_ascii_case(name))?;
        crate::engine::wire::response::number(items.get(at + 1)?.as_bytes())
    };
    Some((name, item))
}
