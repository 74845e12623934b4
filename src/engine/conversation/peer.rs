//! What a session knows of the server that it speaks with.

use super::capabilities::Capabilities;
use super::session::Session;
use crate::model::server::{Pipelining, Preset, Server};
use std::time::Instant;

impl Session {
    /// What the server says that it can do, after login.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// What the server calls itself: from ID, else from its greeting.
    pub fn product(&self) -> &str {
        &self.product
    }

    /// Which oddities to expect.
    pub fn preset(&self) -> Preset {
        self.preset
    }

    /// How many messages one command may be about (MESSAGELIMIT, RFC 9738).
    pub fn most_messages(&self) -> u64 {
        self.capabilities.message_limit().unwrap_or(u64::MAX)
    }

    /// The server that this is a connection to.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Whether this server is known to work on the commands of one connection in the order in which they come, so that a
    /// FETCH may follow its EXAMINE, and an APPEND its CREATE or another APPEND, before that is answered. RFC 9051 5.5
    /// forbids it elsewhere: Stalwart 0.15 answers BAD to a FETCH that it reads before its EXAMINE is done, gives the
    /// messages of one mailbox to the FETCH of another, and stores pipelined APPENDs in any order. Dovecot and Cyrus are
    /// held to it by the tests.
    pub fn keeps_order(&self) -> bool {
        self.server.pipelining == Pipelining::Auto
            && matches!(self.preset, Preset::Dovecot | Preset::Cyrus)
            && !self.order.is_lost()
    }

    /// A command that had been sent ahead was refused: from now on, until the run ends, this server gets one at a time.
    pub(in crate::engine) fn doubt_order(&self) {
        if self.keeps_order() {
            let server = self.server.label();
            self.oddities.note("order", || {
                format!("{server} refused a command that was sent ahead: one at a time from here on")
            });
            self.order.lose();
        }
    }

    /// Whether its token is near its end, on a server that then ends the session: better a new one than this.
    pub fn is_spent(&self) -> bool {
        let ends = self.lease.as_ref().and_then(|lease| lease.ends);
        matches!(self.preset, Preset::Exchange | Preset::Gmail) && ends.is_some_and(|ends| Instant::now() >= ends)
    }
}
