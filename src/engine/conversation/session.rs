//! A logged-in connection: commands go out, tagged answers come back in order, untagged ones are handed on.
//!
//! Pipelining is natural here: [`Session::send`] several commands, then [`Session::finish`] each in turn. How many of them
//! are on their way at one time is decided in one place ([`super::sender`]), and not by who gives them. A server may
//! work on several at once (Dovecot interleaves UID FETCHes): an untagged response belongs to what it says, never to the
//! command that is being finished, and tagged answers may come in another order than the commands.
//!
//! Invariants:
//! 1. A tag is never used twice on one connection.
//! 2. After any protocol error, untagged BAD, unknown tag or BYE the session is dead: every later call fails.
//! 3. Nothing from a server goes back into a command but through [`super::mailbox_name::quoted`] or a type that cannot hold more.
//! 4. Only answers, and data that was asked for, give a server more time ([`crate::engine::wire::patience`]); and what
//!    nobody asked for is bounded between two answers. So every wait ends.

use super::capabilities::Capabilities;
use super::event::{Event, classify, is_news, no_answer};
use super::oddities::Oddities;
use super::order::Order;
use super::reticence::{Optional, Reticence};
pub use super::sender::Tag;
use super::sender::{Sender, UNASKED_OCTETS, WANTED_OCTETS};
use super::status::{Condition, Status};
use crate::engine::conversation::compression::Compression;
use crate::engine::conversation::vetted::Vetted;
use crate::engine::wire::budget::Permits;
use crate::engine::wire::buffered::Wire;
use crate::engine::wire::octets::{Spill, Spool};
use crate::engine::wire::response::Response;
use crate::error::{Error, Kind, Result};
use crate::model::RawName;
use crate::model::server::{Preset, Server};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many untagged responses a command may bring of which nobody knows how many there are: no mailbox is larger.
pub const ANY_RESPONSES: u64 = 20_000_000;

/// Those to LIST and its kin, of the largest account.
pub const LISTING_RESPONSES: u64 = 400_000;

/// What all other commands bring is less: a SELECT a dozen.
const FEW_RESPONSES: u64 = 20;

/// How long a session may last that was opened with a token.
pub(in crate::engine) struct Lease {
    /// From then on it is better given up.
    pub ends: Option<Instant>,
    /// From then on the server may end it.
    pub token_ends: Option<Instant>,
    /// Told that the token has ended.
    pub on_end: Box<dyn Fn() + Send>,
}

/// A logged-in connection to one server for one user.
pub struct Session {
    pub(in crate::engine) wire: Wire,
    pub(in crate::engine) server: Arc<Server>,
    pub(in crate::engine) capabilities: Capabilities,
    pub(in crate::engine) greeting: String,
    pub(in crate::engine) product: String,
    pub(in crate::engine) preset: Preset,
    pub(in crate::engine) spool: Arc<Spool>,
    /// Whose mailboxes an administrator's login is to open.
    pub(in crate::engine) meant: Option<String>,
    /// Whether Gmail's labels count among the flags.
    pub(in crate::engine) counts_labels: bool,
    /// Whether ENABLE QRESYNC was accepted.
    pub(in crate::engine) qresync: bool,
    /// Argument shapes of APPEND that this server has accepted from this account with a synchronising literal.
    pub(in crate::engine) vetted: Arc<Vetted>,
    /// Every literal is announced and waited for, whatever the server advertises.
    pub(in crate::engine) announces_all: bool,
    /// Whether it was seen to lose the order of commands.
    pub(in crate::engine) order: Order,
    /// What of it its users should hear.
    pub(in crate::engine) oddities: Oddities,
    /// Whether the line is to be compressed.
    pub(in crate::engine) compression: Compression,
    /// The mailbox that was opened last.
    pub(in crate::engine) open: Option<RawName>,
    /// It was opened with EXAMINE.
    pub(in crate::engine) reads_only: bool,
    pub(in crate::engine) reticence: Reticence,
    pub(in crate::engine) sender: Sender,
    /// What can be done without, of what is on its way.
    optional: BTreeMap<Tag, Optional>,
    /// Answered before their turn.
    answered: BTreeMap<Tag, Status>,
    /// What was asked right after login, to be read with the first answer that is awaited.
    pub(in crate::engine) introduction: Vec<(Tag, Introduction)>,
    /// What is to be told when the server ends the session with its token.
    pub(in crate::engine) lease: Option<Lease>,
    dead: bool,
    /// Given back when the connection is closed.
    _permits: Permits,
}

impl Session {
    pub(in crate::engine) fn new(wire: Wire, server: Arc<Server>, spool: Arc<Spool>, permits: Permits) -> Self {
        Session {
            wire,
            server,
            capabilities: Capabilities::default(),
            greeting: String::new(),
            product: String::new(),
            preset: Preset::Generic,
            spool,
            meant: None,
            counts_labels: false,
            qresync: false,
            vetted: Default::default(),
            announces_all: false,
            order: Order::default(),
            oddities: Oddities::default(),
            compression: Compression::default(),
            open: None,
            reads_only: false,
            reticence: Reticence::default(),
            sender: Sender::default(),
            optional: BTreeMap::new(),
            answered: BTreeMap::new(),
            introduction: Vec::new(),
            lease: None,
            dead: false,
            _permits: permits,
        }
    }

    /// A file for messages for which there is no memory.
    pub fn spill(&self) -> Spill {
        Spill::new(self.spool.clone())
    }

    /// Whether the connection can still be used.
    pub fn is_alive(&self) -> bool {
        !self.dead
    }

    /// Whether no command is under way.
    pub(in crate::engine) fn is_idle(&self) -> bool {
        self.sender.is_idle()
    }

    /// Gives the connection up: the next use fails.
    pub fn kill(&mut self) {
        self.dead = true;
    }

    /// Sends one command line, without waiting: it leaves when there is room for it, and at the latest when an answer is
    /// awaited.
    ///
    /// # Errors
    /// `Connection`; `Protocol` for what is not one line, which would be another command to the server (invariant 3).
    pub fn send(&mut self, command: &[u8]) -> Result<Tag> {
        self.send_for(command, FEW_RESPONSES)
    }

    /// The same with a command that brings many untagged responses: so many at most. Further ones are no reason to have
    /// patience with the server.
    ///
    /// # Errors
    /// As [`Session::send`].
    pub fn send_for(&mut self, command: &[u8], responses: u64) -> Result<Tag> {
        if command.iter().any(|octet| b"\r\n\0".contains(octet)) {
            return Err(self.locate(Error::new(Kind::Protocol, "a command with a line end in it was not sent")));
        }
        self.check_alive()?;
        let tag = self.sender.give(command, responses.min(ANY_RESPONSES));
        self.push()?;
        Ok(tag)
    }

    /// The same for what can be done without; `None` where the connection broke on it before.
    ///
    /// # Errors
    /// As [`Session::send`].
    pub(in crate::engine) fn send_optional(&mut self, optional: Optional, command: &[u8]) -> Result<Option<Tag>> {
        if !self.reticence.may_ask(optional) {
            return Ok(None);
        }
        let responses = if optional.lists() { LISTING_RESPONSES } else { FEW_RESPONSES };
        let tag = self.send_for(command, responses)?;
        self.optional.insert(tag, optional);
        Ok(Some(tag))
    }

    /// Writes what may leave.
    pub(in crate::engine) fn push(&mut self) -> Result<()> {
        while let Some(line) = self.sender.release() {
            let sent = self.wire.write_line(&line);
            self.alive_after(sent)?;
        }
        Ok(())
    }

    pub(in crate::engine) fn check_alive(&self) -> Result<()> {
        match self.dead {
            true => Err(self.locate(Error::new(Kind::Connection, "the connection was given up"))),
            false => Ok(()),
        }
    }

    pub(in crate::engine) fn tag_text(tag: Tag) -> String {
        format!("m{}", tag.0)
    }

    /// Reads until the command's tagged answer, handing each untagged response to `untagged`.
    ///
    /// # Errors
    /// `Connection` for BYE or a broken line, `Protocol` for what is no IMAP; or what `untagged` returns, after which
    /// the session is dead, because answers are left unread.
    pub fn finish(&mut self, tag: Tag, mut untagged: impl FnMut(Response) -> Result<()>) -> Result<Status> {
        self.settle_introduction(&mut untagged)?;
        self.await_answer(tag, untagged)
    }

    /// Reads the answers to what was asked right after login, if they were not read yet. What belongs to commands that
    /// were sent behind goes to `untagged`: a server may answer those first.
    pub(in crate::engine) fn settle_introduction(
        &mut self,
        untagged: &mut dyn FnMut(Response) -> Result<()>,
    ) -> Result<()> {
        for (tag, introduction) in std::mem::take(&mut self.introduction) {
            self.finish_introduction(tag, introduction, untagged)?;
        }
        Ok(())
    }

    pub(in crate::engine) fn await_answer(
        &mut self,
        tag: Tag,
        mut untagged: impl FnMut(Response) -> Result<()>,
    ) -> Result<Status> {
        if let Some(status) = self.answered.remove(&tag) {
            return Ok(status);
        }
        loop {
            match self.read_event()? {
                Event::Completed(answered, status) if answered == tag => return Ok(status),
                Event::Completed(other, status) => self.keep_answer(other, status),
                Event::Untagged(response) => {
                    let handled = untagged(response);
                    self.alive_after(handled)?;
                }
                Event::Continuation => {
                    let unasked = Err(Error::new(Kind::Protocol, "the server asked for a literal that nobody offered"));
                    self.alive_after(unasked)?;
                }
            }
        }
    }

    /// Keeps an answer that came before its turn.
    pub(in crate::engine) fn keep_answer(&mut self, tag: Tag, status: Status) {
        self.answered.insert(tag, status);
    }

    /// Reads one response and tells what it is.
    pub(in crate::engine) fn read_event(&mut self) -> Result<Event> {
        self.wire.patience().is_wanted = self.sender.wants_more();
        let read = Response::read(&mut self.wire, &self.spool);
        let response = self.alive_after(read)?;
        let event = classify(response).and_then(|event| self.take_note(event));
        let event = self.alive_after(event)?;
        if let Event::Completed(..) = event {
            self.push()?;
        }
        Ok(event)
    }

    /// Invariants 2 and 4.
    fn take_note(&mut self, event: Event) -> Result<Event> {
        match &event {
            Event::Completed(tag, _) if !self.sender.answered(*tag) => return Err(no_answer(&Self::tag_text(*tag))),
            Event::Completed(..) | Event::Continuation => self.wire.patience().renew(self.server.timeouts.command()),
            Event::Untagged(response) => self.weigh(response)?,
        }
        Ok(event)
    }

    /// Invariant 4.
    fn weigh(&mut self, response: &Response) -> Result<()> {
        let unasked = match !is_news(response) && self.sender.came() {
            true => {
                let [text, literals] = response.octets();
                self.wire.patience().earn(text + literals);
                text.saturating_sub(WANTED_OCTETS)
            }
            false => response.weight(),
        };
        if self.sender.came_unasked(unasked) { Ok(()) } else { Err(endless()) }
    }

    /// Sends one command and reads its answer; NO and BAD become an error that starts with `what`.
    ///
    /// # Errors
    /// As [`Session::finish`], and the refusal.
    pub fn run(&mut self, command: &[u8], what: &str, untagged: impl FnMut(Response) -> Result<()>) -> Result<Status> {
        let tag = self.send(command)?;
        let status = self.finish(tag, untagged)?;
        self.accepted(status, what)
    }

    /// Turns NO and BAD into an error that starts with `what`.
    ///
    /// # Errors
    /// The refusal.
    pub fn accepted(&self, status: Status, what: &str) -> Result<Status> {
        if status.is_ok() { Ok(status) } else { Err(self.locate(status.error(what))) }
    }

    /// The same where the answer is of use only if it is whole: a server may cut it, and say so (RFC 9738).
    ///
    /// # Errors
    /// The refusal.
    pub fn complete(&self, status: Status, what: &str) -> Result<Status> {
        let status = self.accepted(status, what)?;
        match status.is_cut() {
            true => Err(self.locate(Error::new(Kind::Refused, what).because(&status.text))),
            false => Ok(status),
        }
    }

    /// Bounds the wait for each octet of an answer; see [`crate::model::server::Timeouts`].
    pub(in crate::engine) fn set_timeout(&mut self, timeout: Duration) -> Result<()> {
        let set = self.wire.set_timeout(timeout);
        self.alive_after(set)
    }

    /// Marks the session dead when this is an error, and says on which server it was.
    pub(in crate::engine) fn alive_after<T>(&mut self, result: Result<T>) -> Result<T> {
        result.map_err(|error| {
            let error = self.farewell(error);
            if let (Kind::Expired, Some(lease)) = (error.kind(), &self.lease) {
                (lease.on_end)();
            }
            if !self.dead
                && let Some(optional) = self.sender.oldest().and_then(|tag| self.optional.get(&tag))
            {
                self.reticence.blame(*optional);
            }
            self.dead = true;
            self.locate(error)
        })
    }

    /// Where the line broke as we sent: the server may have said why, and nobody was listening.
    fn farewell(&mut self, error: Error) -> Error {
        if self.dead || *error.kind() != Kind::Connection {
            return error;
        }
        let last_words = self.wire.last_words();
        let bye = last_words.iter().filter_map(|line| Status::parse(line.strip_prefix(b"* ")?));
        match bye.into_iter().find(|status| status.condition == Condition::Bye) {
            Some(status) => status.error("the server ended the connection"),
            // Whatever it said in the midst of a message was taken for a part of that.
            None if self.outlived_its_token() => {
                Error::new(Kind::Expired, "the connection ended after its token had").because(error.summary())
            }
            None => error,
        }
    }

    fn outlived_its_token(&self) -> bool {
        self.lease.as_ref().and_then(|lease| lease.token_ends).is_some_and(|ends| Instant::now() >= ends)
    }

    /// The error with this server as its place.
    pub fn located(&self, error: Error) -> Error {
        self.locate(error)
    }

    pub(in crate::engine) fn locate(&self, error: Error) -> Error {
        error.on(self.server.side, &self.server.label())
    }

    /// Says goodbye, and does not wait for the answer: there is nothing left to learn from it.
    pub fn logout(mut self) {
        if self.send(b"LOGOUT").is_ok() {
            let _ = self.wire.flush();
        }
    }
}

/// What was asked right after login.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::engine) enum Introduction {
    /// ID: who the server is.
    Id,
    /// ENABLE QRESYNC.
    Enable,
}

fn endless() -> Error {
    let mebibytes = UNASKED_OCTETS >> 20;
    Error::new(Kind::Protocol, format!("the server sent more than {mebibytes} MiB that nobody had asked for"))
}
