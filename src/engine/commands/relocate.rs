//! UID MOVE (RFC 6851) and UID COPY within one server, and what COPYUID says of both (RFC 4315 3).
//!
//! A server may have moved some of the messages when it says NO, or when the connection breaks: what it named until then is
//! with the caller, and where the rest is only the mailboxes can tell.

use super::fetch::COMMAND_OCTETS;
use crate::engine::conversation::mailbox_name::with_mailbox;
use crate::engine::conversation::session::{Session, Tag};
use crate::engine::conversation::status::{Command, Status};
use crate::engine::wire::response::Response;
use crate::error::{Error, Result};
use crate::model::{RawName, Uid, UidSet, UidValidity};
use std::collections::BTreeMap;

/// Messages in one command: its answer brings a line for each.
const WINDOW: u64 = 1_000;

/// Whether the messages stay where they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Relocation {
    Move,
    Copy,
}

/// Where messages are now, as far as the server named it: the UIDVALIDITY there, and by the UIDs that were asked for those there.
#[derive(Debug, Default)]
pub struct Relocated {
    pub named: BTreeMap<Uid, (UidValidity, Uid)>,
    /// Why it was not done, or not for all.
    pub refusal: Option<Error>,
}

impl Session {
    /// Whether messages can be moved in one step.
    pub fn moves(&self) -> bool {
        self.capabilities.has("MOVE")
    }

    /// Moves or copies messages of the open mailbox to another one, those of each set after those before it. What is named is
    /// added to `relocated`, also before an error.
    ///
    /// # Errors
    /// `Connection`, `Protocol`: what was done is not known.
    pub fn relocate(
        &mut self,
        relocation: Relocation,
        sets: &[UidSet],
        to: &RawName,
        relocated: &mut Relocated,
    ) -> Result<()> {
        let most = WINDOW.min(self.most_messages());
        let windows: Vec<UidSet> = sets.iter().flat_map(|set| set.chunks(COMMAND_OCTETS, most)).collect();
        let mut asked = UidSet::new();
        sets.iter().for_each(|set| asked.merge(set));
        if self.keeps_order() {
            let sent = windows.iter().map(|window| self.send_relocation(relocation, window, to));
            let sent = sent.collect::<Result<Vec<Tag>>>()?;
            return sent.into_iter().try_for_each(|tag| self.finish_relocation(tag, &asked, relocated));
        }
        for window in &windows {
            if relocated.refusal.is_some() {
                break;
            }
            let tag = self.send_relocation(relocation, window, to)?;
            self.finish_relocation(tag, &asked, relocated)?;
        }
        Ok(())
    }

    /// Begins to move or copy so many messages of the open mailbox as one command may name.
    ///
    /// # Errors
    /// `Connection`.
    pub fn send_relocation(&mut self, relocation: Relocation, uids: &UidSet, to: &RawName) -> Result<Tag> {
        let word = match relocation {
            Relocation::Move => "UID MOVE",
            Relocation::Copy => "UID COPY",
        };
        self.send_for(&with_mailbox(&format!("{word} {uids}"), to, "")?, uids.len())
    }

    /// Reads what came of it, for the messages that were `asked` for.
    ///
    /// # Errors
    /// `Connection`, `Protocol`: what was done is not known. What was refused is in `relocated`.
    //
    // COPYUID stands in an untagged OK before the EXPUNGEs of a MOVE, and in the tagged one of a COPY. Of commands that are sent
    // ahead Dovecot tells those of all of them before the first is answered.
    pub fn finish_relocation(&mut self, tag: Tag, asked: &UidSet, relocated: &mut Relocated) -> Result<()> {
        let status = self.finish(tag, |response| {
            note_untagged(&response, asked, relocated);
            Ok(())
        })?;
        note(&status, asked, relocated);
        if !status.is_ok() && relocated.refusal.is_none() {
            relocated.refusal = Some(self.located(status.error_of(Command::Store, "could not move messages")));
        }
        Ok(())
    }
}

fn note_untagged(response: &Response, asked: &UidSet, relocated: &mut Relocated) {
    if let Some(status) = response.text().strip_prefix(b"* ").and_then(Status::parse) {
        note(&status, asked, relocated);
    }
}

/// Takes what a COPYUID names of those that were asked for. One that cannot be true names nothing.
fn note(status: &Status, asked: &UidSet, relocated: &mut Relocated) {
    let Some((validity, pairs)) = copied(status, asked) else { return };
    for (from, to) in pairs {
        relocated.named.entry(from).or_insert((validity, to));
    }
}

/// `[COPYUID uidvalidity from to]`: two lists of one length, each ascending, whose numbers belong together one by one. Where
/// one is in another order it cannot be told what belongs to what.
fn copied(status: &Status, asked: &UidSet) -> Option<(UidValidity, Vec<(Uid, Uid)>)> {
    if status.code != "COPYUID" {
        return None;
    }
    let mut arguments = status.arguments.split_ascii_whitespace();
    let validity = arguments.next()?.parse().ok().filter(|validity: &u32| *validity > 0)?;
    let [from, to] = [arguments.next()?, arguments.next()?].map(ascending);
    let (from, to) = (from?, to?);
    let possible = arguments.next().is_none() && from.len() == to.len() && from.len() <= asked.len();
    let pairs = || from.iter().zip(to.iter());
    (possible && from.iter().all(|uid| asked.contains(uid))).then(|| (UidValidity(validity), pairs().collect()))
}

/// A set that is written in ascending order.
fn ascending(text: &str) -> Option<UidSet> {
    let mut last = 0;
    for range in text.split(',') {
        let (first, end) = range.split_once(':').unwrap_or((range, range));
        let (first, end): (u32, u32) = (first.parse().ok()?, end.parse().ok()?);
        if first <= last || end < first {
            return None;
        }
        last = end;
    }
    UidSet::parse(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(line: &str, asked: &str) -> Vec<(u32, u32)> {
        let mut relocated = Relocated::default();
        note(&Status::parse(line.as_bytes()).unwrap(), &UidSet::parse(asked.as_bytes()).unwrap(), &mut relocated);
        relocated.named.iter().map(|(from, (_, to))| (from.0, to.0)).collect()
    }

    #[test]
    fn copyuid_ties_ascending_lists_one_by_one() {
        assert_eq!(named("OK [COPYUID 5 2,4:5 10:12] Moved", "1:9"), [(2, 10), (4, 11), (5, 12)]);
        assert_eq!(named("OK [COPYUID 5 3 7] Moved", "3"), [(3, 7)]);
        assert_eq!(named("OK [COPYUID 5 3:3 7:7] Moved", "3"), [(3, 7)]);
    }

    #[test]
    fn copyuid_that_cannot_be_true_names_nothing() {
        for line in [
            "OK [COPYUID 5 2,4:5 10:11] Moved",
            "OK [COPYUID 5 4,2 10:11] Moved",
            "OK [COPYUID 5 2,4 11,10] Moved",
            "OK [COPYUID 5 2:1 10:11] Moved",
            "OK [COPYUID 0 2 10] Moved",
            "OK [COPYUID 5 20 10] Moved",
            "OK [COPYUID 5 2 0] Moved",
            "OK [COPYUID 5 2:* 10:11] Moved",
            "OK [COPYUID 5 2 10 11] Moved",
            "OK [COPYUID 5 1:4294967295 1:4294967295] Moved",
            "OK [COPYUID 5] Moved",
            "OK Moved",
        ] {
            assert_eq!(named(line, "1:9"), [], "{line}");
        }
    }
}
