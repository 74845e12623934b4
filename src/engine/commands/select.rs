//! Opening a mailbox: EXAMINE on the source, SELECT where flags are to be stored (RFC 9051 6.3.2, RFC 7162 3.1).

use crate::engine::conversation::mailbox_name::with_mailbox;
use crate::engine::conversation::session::{Session, Tag};
use crate::engine::conversation::status::{Command, Status};
use crate::engine::wire::response::{Response, number};
use crate::error::{Result, sanitized};
use crate::model::{FlagCapacity, MailboxName, ModSeq, RawName, SyncPoint, SystemFlag, Uid, UidValidity};

/// With which rights a mailbox is opened. The source is only ever examined.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Opening {
    Examine,
    Select,
}

/// What a server says of a mailbox that it opened.
#[derive(Clone, PartialEq, Debug)]
pub struct Opened {
    /// Taken before anything is listed: what changes meanwhile is seen twice rather than never.
    pub sync_point: SyncPoint,
    /// From PERMANENTFLAGS. After EXAMINE it says nothing about what a SELECT would allow.
    pub capacity: FlagCapacity,
    /// Whether STORE can have any effect: an OK to STORE proves nothing.
    pub read_write: bool,
    /// Whether its UIDs may be remembered: what says `[UIDNOTSTICKY]` is a file that is no mailbox (UW-IMAP lists those, too).
    pub is_lasting: bool,
}

impl Opened {
    /// What the mailbox keeps of flags, as a SELECT tells it: one that can only be read keeps nothing, unless it says
    /// itself what (a `\Seen` that is each user's own).
    pub fn keeps(&self) -> FlagCapacity {
        if self.read_write || self.capacity.is_told() { self.capacity.clone() } else { FlagCapacity::nothing() }
    }
}

pub(in crate::engine) struct Gathered {
    pub(in crate::engine) opened: Opened,
    exists: Option<u32>,
    /// A list of PERMANENTFLAGS that cannot be understood.
    odd_flags: Option<String>,
}

impl Session {
    /// Sends EXAMINE or SELECT without waiting. Between two mailboxes is also the time to compress the line, if that
    /// turned out to be worth it; then it waits once.
    ///
    /// # Errors
    /// `Connection`; `Refused` for a name that cannot be sent.
    pub fn send_open(&mut self, name: &RawName, opening: Opening) -> Result<Tag> {
        let command = match opening {
            Opening::Examine => "EXAMINE",
            Opening::Select => "SELECT",
        };
        // With QRESYNC enabled every SELECT is CONDSTORE-aware already.
        self.compress_if_wanted()?;
        let condstore = self.capabilities.condstore() && !self.qresync;
        self.open = Some(name.clone());
        self.reads_only = opening == Opening::Examine;
        self.send(&with_mailbox(command, name, if condstore { " (CONDSTORE)" } else { "" })?)
    }

    /// Reads the answer to [`Session::send_open`].
    ///
    /// # Errors
    /// `Changed` when there is no such mailbox, `Refused`, `Connection`.
    pub fn finish_open(&mut self, tag: Tag, name: &MailboxName) -> Result<Opened> {
        let timeout = self.server.timeouts;
        self.set_timeout(timeout.slow)?;
        let mut gathered = Gathered::default();
        let status = self.finish(tag, |response| {
            gathered.take(&response);
            Ok(())
        })?;
        self.set_timeout(timeout.read)?;
        if let Some(flags) = &gathered.odd_flags {
            let side = self.server.side;
            self.oddities.note("PERMANENTFLAGS", || {
                let (name, flags) = (name.path(), sanitized(flags));
                format!(
                    "what the {side} says that it keeps of flags cannot be understood (`{name}`: {flags}): all are sent"
                )
            });
        }
        if !status.is_ok() {
            let error = status.error_of(Command::Open, "could not open the mailbox").in_mailbox(&name.path());
            return Err(self.locate(error.hint(
                "if it was deleted or renamed meanwhile, `mailferry sync` plans without it; else see to its rights",
            )));
        }
        let mut opened = gathered.opened;
        opened.sync_point.messages = gathered.exists.unwrap_or(0);
        opened.read_write = status.code != "READ-ONLY";
        if self.is_gmail() {
            // With Gmail's own settings a message that comes with it, or gets it, is gone at once.
            opened.capacity = opened.capacity.without(SystemFlag::Deleted);
        }
        Ok(opened)
    }

    /// Leaves the mailbox that is open if it is among these, before STATUS is asked of them: Courier 5.0 answers with what
    /// the session knew of it before (RFC 9051 6.3.11 says not to ask). Dovecot and Cyrus tell it as it is.
    ///
    /// # Errors
    /// `Connection`.
    pub fn leave(&mut self, names: &[RawName]) -> Result<()> {
        let is_open = self.open.as_ref().is_some_and(|open| names.contains(open));
        // Between commands that are on their way, what they are answered would go astray.
        if !is_open || self.keeps_order() || !self.is_idle() {
            return Ok(());
        }
        let unselects = self.capabilities.has("UNSELECT");
        let tag = self.send(if unselects { b"UNSELECT" } else { b"NOOP" })?;
        // Where it is refused, what STATUS says is compared with what is found in the mailbox.
        let status = self.finish(tag, |_| Ok(()))?;
        if unselects && status.is_ok() {
            self.open = None;
        }
        Ok(())
    }

    /// Opens the mailbox anew for changes if it was opened for reading alone, before something is appended to it: Courier 5.0
    /// refuses that (`NO Current box is selected READ-ONLY.`). Dovecot and Cyrus do not mind.
    ///
    /// # Errors
    /// As [`Session::finish_open`].
    pub fn open_for_appends(&mut self, name: &MailboxName) -> Result<()> {
        let is_in_the_way = self.reads_only && self.open.as_ref() == Some(&name.raw) && !self.keeps_order();
        if is_in_the_way { self.open(name, Opening::Select).map(drop) } else { Ok(()) }
    }

    /// Opens a mailbox.
    ///
    /// # Errors
    /// As [`Session::finish_open`].
    pub fn open(&mut self, name: &MailboxName, opening: Opening) -> Result<Opened> {
        let tag = self.send_open(&name.raw, opening)?;
        self.finish_open(tag, name)
    }
}

/// Whether a mailbox cannot be opened because it is none, but a file among those in which others are kept (Dovecot 2.3 with mbox
/// lists any). It holds no mail that could stay behind.
pub fn is_no_mailbox(refusal: &str) -> bool {
    refusal.contains("isn't a valid mbox file")
}

impl Default for Gathered {
    fn default() -> Self {
        let opened = Opened {
            sync_point: SyncPoint::default(),
            capacity: FlagCapacity::everything(),
            read_write: true,
            is_lasting: true,
        };
        Gathered { opened, exists: None, odd_flags: None }
    }
}

impl Gathered {
    pub(in crate::engine) fn take(&mut self, response: &Response) {
        let Some(rest) = response.text().strip_prefix(b"* ") else { return };
        if let Some(status) = Status::parse(rest) {
            self.take_code(&status);
        } else if let Some(count) = numbered(rest, "EXISTS") {
            self.exists = u32::try_from(count).ok();
        }
    }

    fn take_code(&mut self, status: &Status) {
        let value = number(status.arguments.trim().as_bytes());
        let small = value.and_then(|value| u32::try_from(value).ok());
        let point = &mut self.opened.sync_point;
        match status.code.as_str() {
            "UIDVALIDITY" => point.uid_validity = UidValidity(small.unwrap_or(0)),
            "UIDNEXT" => point.uid_next = small.filter(|&value| value > 0).map(Uid),
            "HIGHESTMODSEQ" => point.highest_modseq = value.filter(|&value| value > 0).map(ModSeq),
            "NOMODSEQ" => point.highest_modseq = None,
            "UIDNOTSTICKY" => self.opened.is_lasting = false,
            "PERMANENTFLAGS" => {
                self.opened.capacity = permanent_flags(&status.arguments).unwrap_or_else(|| {
                    self.odd_flags = Some(status.arguments.clone());
                    FlagCapacity::everything()
                });
            }
            // The mailbox selected before was closed: what came until now was about it.
            "CLOSED" => *self = Gathered::default(),
            _ => {}
        }
    }
}

/// What a list of flags tells that can be read whole: a shorter one would take flags from messages. A keyword with a `]`
/// in it ends the code early.
fn permanent_flags(arguments: &str) -> Option<FlagCapacity> {
    let inside = arguments.trim().strip_prefix('(')?.strip_suffix(')')?;
    let readable = !inside.contains(['(', ')', '{', '"', '%', ']']);
    readable.then(|| FlagCapacity::from_texts(inside.split_ascii_whitespace()))
}

/// `n NAME`: the number of an untagged response such as EXISTS.
pub fn numbered(rest: &[u8], name: &str) -> Option<u64> {
    let text = std::str::from_utf8(rest).ok()?;
    let (count, word) = text.split_once(' ')?;
    word.trim().eq_ignore_ascii_case(name).then(|| number(count.as_bytes()))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn take_answers_of_the_mailbox_before_are_forgotten() {
        let mut gathered = Gathered::default();
        for line in [
            "* 3 EXISTS",
            "* OK [UIDVALIDITY 1] old",
            "* OK [CLOSED] Previous mailbox closed.",
            "* FLAGS (\\Seen)",
            "* OK [PERMANENTFLAGS (\\Seen \\*)] Limited",
            "* 10 EXISTS",
            "* OK [UIDVALIDITY 1795372555] UIDs valid",
            "* OK [UIDNEXT 11] Predicted next UID",
            "* OK [HIGHESTMODSEQ 9223372036854775807] Highest",
        ] {
            gathered.take(&Response::from_text(line));
        }
        let point = gathered.opened.sync_point;
        assert_eq!((point.uid_validity, point.uid_next), (UidValidity(1_795_372_555), Some(Uid(11))));
        assert_eq!(point.highest_modseq, Some(ModSeq(u64::MAX / 2)));
        assert_eq!(gathered.exists, Some(10));
        assert!(gathered.opened.capacity.takes_keyword("new"));
    }

    #[test]
    fn keeps_of_a_mailbox_that_can_only_be_read_is_nothing_unless_it_says_so() {
        let opened = |flags: &str, read_write| {
            let mut gathered = Gathered::default();
            gathered.take(&Response::from_text(&format!("* OK [PERMANENTFLAGS ({flags})] told")));
            Opened { read_write, ..gathered.opened }.keeps()
        };
        assert_eq!(opened("", true), FlagCapacity::everything());
        assert_eq!(opened("", false), FlagCapacity::nothing());
        assert_eq!(opened("\\Seen", false), FlagCapacity::from_texts(["\\Seen"]));
    }
}
