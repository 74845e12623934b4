//! IDLE (RFC 2177): the server tells by itself that the open mailbox changes.
//!
//! Invariants:
//! 1. Nothing is waited for longer than a slice before whoever waits is asked whether it is still to be waited for; and IDLE is
//!    begun anew before servers take the connection for dead (RFC 2177: 29 minutes).
//! 2. What is told is no listing: that something changed, and nothing else, is taken from it.

use crate::engine::conversation::event::Event;
use crate::engine::conversation::session::Session;
use crate::engine::wire::response::Response;
use crate::error::{Error, Kind, Result};
use std::time::{Duration, Instant};

/// How long is listened before it is asked whether to go on.
const SLICE: Duration = Duration::from_millis(500);

/// How long one IDLE lasts: some gateways forget a silent connection after a quarter of an hour.
const LASTS: Duration = Duration::from_secs(9 * 60);

impl Session {
    /// Whether the server tells by itself what changes.
    pub fn offers_idle(&self) -> bool {
        self.capabilities.has("IDLE")
    }

    /// Listens until the open mailbox changes, and as long as `goes_on`. Returns whether it changed.
    ///
    /// # Errors
    /// `Refused`, `Connection`, `Protocol`.
    pub fn listen(&mut self, goes_on: &dyn Fn() -> bool) -> Result<bool> {
        let mut changed = false;
        while !changed && goes_on() {
            changed = self.idle(goes_on)?;
        }
        Ok(changed)
    }

    fn idle(&mut self, goes_on: &dyn Fn() -> bool) -> Result<bool> {
        let began = Instant::now();
        let tag = self.send(b"IDLE")?;
        let (mut changed, mut invited) = (false, false);
        loop {
            let is_over = invited && (changed || !goes_on() || began.elapsed() >= LASTS);
            if is_over {
                break;
            }
            if invited && !self.hears_within(SLICE)? {
                continue;
            }
            match self.read_event()? {
                Event::Continuation if !invited => invited = true,
                Event::Continuation => return self.gone_astray("the server asked for what nobody offered"),
                Event::Untagged(response) => changed |= tells_change(&response),
                // Some end it by themselves, as before they go down for a moment.
                Event::Completed(answered, status) if answered == tag => {
                    return self.accepted(status, "could not wait for news").map(|_| changed);
                }
                Event::Completed(other, status) => self.keep_answer(other, status),
            }
        }
        let said = self.wire.write_line(b"DONE");
        self.alive_after(said)?;
        let status = self.await_answer(tag, |response| {
            changed |= tells_change(&response);
            Ok(())
        })?;
        self.accepted(status, "could not wait for news").map(|_| changed)
    }

    fn hears_within(&mut self, patience: Duration) -> Result<bool> {
        // A wait that we wish for does not use up the server's time.
        self.wire.patience().renew(self.server.timeouts.command());
        let heard = self.wire.hears_within(patience);
        self.alive_after(heard)
    }

    fn gone_astray(&mut self, what: &str) -> Result<bool> {
        let astray = Err(Error::new(Kind::Protocol, what));
        self.alive_after(astray)
    }
}

/// Invariant 2.
fn tells_change(response: &Response) -> bool {
    let rest = response.text().strip_prefix(b"* ").unwrap_or_default();
    let word = rest.split(|octet| *octet == b' ').nth(1).unwrap_or_default();
    let first = rest.split(|octet| *octet == b' ').next().unwrap_or_default();
    let is_counted =
        |word: &[u8]| ["EXISTS", "EXPUNGE", "FETCH"].iter().any(|it| word.eq_ignore_ascii_case(it.as_bytes()));
    is_counted(word) || first.eq_ignore_ascii_case(b"VANISHED")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn change_is_told_by_what_counts_messages() {
        let told = |line: &str| tells_change(&Response::from_text(line));
        for line in ["* 4 EXISTS", "* 2 expunge", "* 2 FETCH (FLAGS (\\Seen))", "* VANISHED 7:9"] {
            assert!(told(line), "{line}");
        }
        for line in ["* OK Still here", "* 0 RECENT", "* FLAGS (\\Seen)", "*"] {
            assert!(!told(line), "{line}");
        }
    }
}
