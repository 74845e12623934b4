//! APPEND, with non-synchronising literals and MULTIAPPEND where they are safe (RFC 3502, 4315, 7888).
//!
//! The hazard (seen on Dovecot 2.3 and 2.4): when a server rejects a command while parsing it, it does
//! not skip a `{n+}` literal, and the message's own text is then run as commands. Hence the
//! invariants:
//!
//! 1. Flags, keywords and dates come from our own serialiser, never from source text.
//! 2. `{n+}` only with argument shapes that this server has accepted from this account with a `{n}` before, on this
//!    connection or another of the same run (`conversation/vetted.rs`).
//! 3. On any BAD the connection is dead.

use crate::engine::conversation::capabilities::{LITERAL_MINUS_OCTETS, NonSynchronising};
use crate::engine::conversation::event::Event;
use crate::engine::conversation::mailbox_name::quoted;
use crate::engine::conversation::session::{Session, Tag};
use crate::engine::conversation::status::{Command, Condition, Status};
use crate::engine::date;
use crate::engine::wire::octets::Octets;
use crate::error::{Error, Kind, Result};
use crate::model::flags::is_writable_keyword;
use crate::model::{Flags, InternalDate, RawName, Uid, UidSet, UidValidity};

/// One message to append.
#[derive(Debug)]
pub struct Upload {
    pub octets: Octets,
    /// Only what the destination can keep; see [`Flags::within`].
    pub flags: Flags,
    /// `None`: the server stamps the time of arrival.
    pub internal_date: Option<InternalDate>,
}

/// An APPEND on its way: begun, or sent and not answered.
#[derive(Debug)]
pub struct PendingAppend {
    tag: Tag,
    /// The command up to its first message, until that is sent.
    head: Vec<u8>,
    /// The answer that came before a literal was sent.
    early: Option<Status>,
    count: usize,
    /// A literal of it was not announced first: a refusal may be about that, and not about a message.
    at_once: bool,
}

impl PendingAppend {
    /// Whether any of its literals was sent without being invited.
    pub fn went_at_once(&self) -> bool {
        self.at_once
    }

    /// Whether the server refused it before its end: nothing can be added any more.
    pub fn is_refused(&self) -> bool {
        self.early.is_some()
    }
}

/// How an APPEND ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Appended {
    /// Stored, under these UIDs, in the order of the messages.
    Stored { uid_validity: UidValidity, uids: Vec<Uid> },
    /// Stored, but the server did not say where, or what it said cannot be true.
    StoredSomewhere,
    /// The server refused the command. A MULTIAPPEND is atomic by RFC 3502, but not on every server.
    Refused(Status),
}

impl Session {
    /// Whether several messages can go in one APPEND.
    pub fn appends_many(&self) -> bool {
        self.capabilities.has("MULTIAPPEND")
    }

    /// Whether messages get their UIDs when their command ends, and not as they come: then commands on two connections
    /// can be sent side by side and ended one after the other. Seen on Dovecot 2.3 and Cyrus 3.6; others are not
    /// trusted with it.
    pub fn numbers_at_the_end(&self) -> bool {
        self.keeps_order()
    }

    /// Whether an APPEND may follow another before that is answered. Behind a literal that is announced that wins nothing:
    /// the server's `+` is waited for each time.
    pub fn sends_ahead(&self) -> bool {
        let announces = self.announces_all || self.capabilities.non_synchronising() == NonSynchronising::Never;
        self.keeps_order() && !announces
    }

    /// Announces every literal from now on, or again only those that must be.
    pub fn announce_literals(&mut self, all: bool) {
        self.announces_all = all;
    }

    fn may_send_at_once(&self, upload: &Upload) -> bool {
        let allowed = match self.capabilities.non_synchronising() {
            NonSynchronising::Never => false,
            NonSynchronising::Small => upload.octets.len() <= LITERAL_MINUS_OCTETS,
            NonSynchronising::Always => true,
        };
        allowed && !self.announces_all && self.vetted.knows(&upload.flags, upload.internal_date)
    }

    /// Begins an APPEND, to which messages are added, with [`Session::end_append`] behind the last. Meanwhile nothing else
    /// leaves. Other APPENDs may be unanswered: what comes before the `+` of a literal that is announced is kept for them.
    ///
    /// # Errors
    /// `Connection`, `Refused` for a name that cannot be sent.
    pub fn begin_append(&mut self, mailbox: &RawName) -> Result<PendingAppend> {
        let timeout = self.server.timeouts.slow;
        self.set_timeout(timeout)?;
        self.settle_introduction(&mut |_| Ok(()))?;
        let name = quoted(mailbox)?;
        self.check_alive()?;
        self.await_others()?;
        let tag = self.sender.begin_append();
        let head = [format!("{} APPEND ", Session::tag_text(tag)).as_bytes(), &name].concat();
        Ok(PendingAppend { tag, head, early: None, count: 0, at_once: false })
    }

    /// Reads until nothing but APPENDs is unanswered (`conversation/sender.rs` invariant 3).
    fn await_others(&mut self) -> Result<()> {
        while !self.sender.may_append() {
            match self.read_event()? {
                Event::Completed(tag, status) => self.keep_answer(tag, status),
                Event::Untagged(_) => {}
                Event::Continuation => {
                    let what = "the server asked for a literal before one was offered";
                    self.alive_after(Err(Error::new(Kind::Protocol, what)))?;
                }
            }
        }
        Ok(())
    }

    /// Sends the next message of an APPEND, which may be refused by that.
    ///
    /// # Errors
    /// `Connection`, `Io`.
    pub fn add_message(&mut self, pending: &mut PendingAppend, upload: &Upload) -> Result<()> {
        let at_once = self.may_send_at_once(upload);
        pending.count += 1;
        pending.at_once |= at_once;
        let mut line = std::mem::take(&mut pending.head);
        add_arguments(&mut line, upload, at_once);
        let sent = self.wire.write_line(&line);
        self.alive_after(sent)?;
        if !at_once {
            pending.early = self.await_continuation(pending.tag)?;
            if pending.is_refused() {
                return Ok(());
            }
            self.vetted.learn(&upload.flags, upload.internal_date);
        }
        let wire = &mut self.wire;
        let sent = upload.octets.each_piece(|piece| wire.write(piece));
        self.alive_after(sent)
    }

    /// Ends an APPEND of at least one message: only now is any of it stored.
    ///
    /// # Errors
    /// `Connection`.
    pub fn end_append(&mut self, pending: &PendingAppend) -> Result<()> {
        if !pending.is_refused() {
            let sent = self.wire.write(b"\r\n").and_then(|()| self.wire.flush());
            self.alive_after(sent)?;
        }
        self.sender.end_append();
        self.push()
    }

    /// Sends what is gathered of an APPEND that waits for its next message.
    ///
    /// # Errors
    /// `Connection`.
    pub fn push_append(&mut self) -> Result<()> {
        let flushed = self.wire.flush();
        self.alive_after(flushed)
    }

    /// Waits for `+`. A tagged answer instead means: do not send the literal.
    fn await_continuation(&mut self, tag: Tag) -> Result<Option<Status>> {
        let flushed = self.wire.flush();
        self.alive_after(flushed)?;
        loop {
            match self.read_event()? {
                Event::Continuation => return Ok(None),
                Event::Completed(answered, status) if answered == tag => return Ok(Some(status)),
                Event::Completed(other, status) => self.keep_answer(other, status),
                Event::Untagged(_) => {}
            }
        }
    }

    /// Reads the answer to an APPEND.
    ///
    /// # Errors
    /// `Connection`, `Protocol`: the outcome is unknown, the tail of the mailbox must be looked at.
    pub fn finish_append(&mut self, pending: PendingAppend) -> Result<Appended> {
        let status = match pending.early {
            Some(status) => status,
            None => self.finish(pending.tag, |_| Ok(()))?,
        };
        match status.condition {
            Condition::Ok => Ok(append_uids(&status, pending.count)),
            Condition::Bad => {
                self.kill();
                Ok(Appended::Refused(status))
            }
            _ => Ok(Appended::Refused(status)),
        }
    }
}

/// Adds ` (flags) "date" {n}`.
fn add_arguments(line: &mut Vec<u8>, upload: &Upload, at_once: bool) {
    line.extend_from_slice(b" ");
    line.extend_from_slice(flag_list(&upload.flags).as_bytes());
    if let Some(date) = upload.internal_date.map(InternalDate::as_sent).and_then(date::format) {
        line.extend_from_slice(b" ");
        line.extend_from_slice(date.as_bytes());
    }
    let plus = if at_once { "+" } else { "" };
    line.extend_from_slice(format!(" {{{}{plus}}}", upload.octets.len()).as_bytes());
}

/// A flag list that cannot be anything but one: whatever is not a known system flag or a harmless keyword is not in it.
pub(in crate::engine) fn flag_list(flags: &Flags) -> String {
    let safe = |text: &&str| text.starts_with('\\') || is_writable_keyword(text);
    let mut list = String::from("(");
    for text in flags.texts().filter(safe) {
        if list.len() > 1 {
            list.push(' ');
        }
        list.push_str(text);
    }
    list.push(')');
    list
}

/// The UIDs of `[APPENDUID uidvalidity uid-set]`: as many as messages, ascending in their order (RFC 4315 3).
pub(in crate::engine) fn append_uids(status: &Status, count: usize) -> Appended {
    let parsed = (|| {
        let (validity, set) = status.arguments.split_once(' ')?;
        let validity = validity.parse().ok().filter(|&validity: &u32| validity > 0)?;
        let set = UidSet::parse(set.trim().as_bytes())?;
        let complete = status.code == "APPENDUID" && set.len() == count as u64;
        complete.then(|| Appended::Stored { uid_validity: UidValidity(validity), uids: set.iter().collect() })
    })();
    parsed.unwrap_or(Appended::StoredSomewhere)
}

/// Why the destination refused one message.
pub fn refusal(status: &Status) -> Error {
    let error = status.error_of(Command::Append, "the destination refused a message");
    match error.kind() {
        Kind::Refused => error.scope(crate::error::Scope::Message),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upload(flags: &[&str], date: i64) -> Upload {
        Upload {
            octets: Octets::Memory(vec![b'x'; 12]),
            flags: Flags::from_texts(flags.iter().copied()),
            internal_date: Some(InternalDate(date)),
        }
    }

    /// Holds engine/commands/append.rs invariant 1. Holds disaster rule 10.
    #[test]
    fn arguments_are_only_what_our_serialiser_makes() {
        let hostile = upload(&["\\Seen", "ok", "a]b", "x\r\ny1 DELETE INBOX"], -5);
        let mut line = Vec::new();
        add_arguments(&mut line, &hostile, true);
        assert_eq!(String::from_utf8(line).unwrap(), " (\\Seen ok) \"02-Jan-1970 00:00:00 +0000\" {12+}");
    }

    #[test]
    fn append_uids_wrong_count_is_not_believed() {
        let answer = |text: &str, count| append_uids(&Status::parse(text.as_bytes()).unwrap(), count);
        let stored = Appended::Stored { uid_validity: UidValidity(17), uids: vec![Uid(3), Uid(4), Uid(9)] };
        assert_eq!(answer("OK [APPENDUID 17 3:4,9] done", 3), stored);
        for text in ["OK [APPENDUID 17 3:4] x", "OK [APPENDUID 0 3:5] x", "OK done", "OK [APPENDUID 17 1:4294967295] x"]
        {
            assert_eq!(answer(text, 3), Appended::StoredSomewhere, "{text}");
        }
    }
}
