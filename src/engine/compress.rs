//! COMPRESS=DEFLATE (RFC 4978): the command, and whether a line is so slow that it is worth it.
//!
//! It is sent after the login, when no command is under way. With `auto` a connection runs plain at first, and the time
//! in which we wait for the next octets of a large message is counted: within one, a server has nothing to do but to
//! send, so what is waited for is the line. When that is slow, this connection is compressed as soon as nothing is under
//! way on it, and so are the others, and all that are opened from then on. Nothing is compressed less again.
//!
//! Not judged by `auto`: what we send. That a server takes it slowly may be the line, or its disk.

use super::session::Session;
use super::status::Status;
use crate::error::Result;
use crate::model::limits::Limits;
use crate::model::server::{Compress, Server};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const CAPABILITY: &str = "COMPRESS=DEFLATE";

/// Octets a second on one connection below which compression is worth it: a server's processor deflates about 28 MB a
/// second for it, and has the mail to read besides.
const SLOW_LINE: u64 = 10_000_000;

/// Smaller messages say nothing of the line: between them a server has work to do.
pub const LARGE_MESSAGE_OCTETS: u64 = 16 << 10;

/// The first octets of a connection are not judged: TCP begins slowly on any line. No more are needed where the line is
/// so slow that they take [`ENOUGH_WAIT`].
const WARM_UP_OCTETS: u64 = 2 << 20;

/// After so much waiting it is judged.
const ENOUGH_WAIT: Duration = Duration::from_secs(2);

/// A longer wait is a pause of the server, and counts as no more than this.
const LONGEST_WAIT: Duration = Duration::from_millis(250);

/// How fast a connection brings octets while they stream.
#[derive(Clone, Copy, Default, Debug)]
pub struct Pace {
    is_warm: bool,
    /// Since it was last judged.
    octets: u64,
    waited: Duration,
    slow: Option<u64>,
}

impl Pace {
    /// Octets of a large message came, after that wait.
    pub fn add(&mut self, octets: u64, waited: Duration) {
        self.octets += octets;
        self.waited += waited.min(LONGEST_WAIT);
        let is_enough = self.waited >= ENOUGH_WAIT;
        if self.is_warm && is_enough {
            let rate = (self.octets as f64 / self.waited.as_secs_f64()) as u64;
            self.slow = (rate < SLOW_LINE).then_some(rate);
        }
        if is_enough || (!self.is_warm && self.octets >= WARM_UP_OCTETS) {
            (self.is_warm, self.octets, self.waited) = (true, 0, Duration::ZERO);
        }
    }

    /// Octets a second, if that is slow; `None` also while too few have come to say so.
    pub fn slow(&self) -> Option<u64> {
        self.slow
    }
}

/// Whether connections to one server are compressed; shared by all of them. Cheap to clone.
#[derive(Clone, Default)]
pub struct Compression(Arc<Shared>);

#[derive(Default)]
struct Shared {
    wish: Compress,
    server: String,
    /// All connections are to be compressed.
    wanted: AtomicBool,
    told: AtomicBool,
    news: Mutex<Option<String>>,
}

impl Compression {
    /// As the settings wish. With `auto`, a limit that makes the line slow is a slow line.
    pub fn new(server: &Server, limits: &Limits) -> Compression {
        let is_limited = limits.bandwidth.is_some_and(|rate| rate < SLOW_LINE);
        let wanted = match server.compress {
            Compress::Off => false,
            Compress::Auto => is_limited,
            Compress::On => true,
        };
        let (wish, wanted) = (server.compress, AtomicBool::new(wanted));
        Compression(Arc::new(Shared { wish, server: server.label(), wanted, ..Shared::default() }))
    }

    /// What is to be told, once.
    pub fn take_news(&self) -> Option<String> {
        self.0.news.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn is_wanted(&self, pace: Pace) -> bool {
        match self.0.wish {
            Compress::Off => false,
            Compress::On => true,
            Compress::Auto => self.0.wanted.load(Ordering::Relaxed) || pace.slow().is_some(),
        }
    }

    fn tell(&self, text: impl FnOnce(&str) -> String) {
        if !self.0.told.swap(true, Ordering::Relaxed) {
            *self.0.news.lock().unwrap_or_else(PoisonError::into_inner) = Some(text(&self.0.server));
        }
    }

    fn refused(&self, status: &Status) {
        self.tell(|server| format!("{server} refused to compress ({}): going on without", status.text));
    }

    /// The other connections need not find out by themselves.
    fn agreed(&self, pace: Pace) {
        self.0.wanted.store(true, Ordering::Relaxed);
        if let (Compress::Auto, Some(rate)) = (self.0.wish, pace.slow()) {
            let rate = rate as f64 / 1e6;
            self.tell(|server| format!("a connection to {server} brings {rate:.1} MB/s: compressed from here on"));
        }
    }
}

impl Session {
    /// Whether this connection is to be compressed and is not yet: no further command should be sent before it is idle.
    pub fn wants_compression(&self) -> bool {
        !self.wire.is_compressed() && self.capabilities.has(CAPABILITY) && self.compression.is_wanted(self.wire.pace())
    }

    /// Compresses this connection if that is wanted and no command is under way. Where the server refuses, it goes on
    /// as it is.
    ///
    /// # Errors
    /// As [`Session::finish`].
    pub fn compress_if_wanted(&mut self) -> Result<()> {
        if !self.wants_compression() || !self.is_idle() {
            return Ok(());
        }
        let tag = self.send(b"COMPRESS DEFLATE")?;
        let status = self.await_answer(tag, |_| Ok(()))?;
        if !status.is_ok() {
            self.capabilities.forget(CAPABILITY);
            self.compression.refused(&status);
            return Ok(());
        }
        self.compression.agreed(self.wire.pace());
        let started = self.wire.start_deflate();
        self.alive_after(started)
    }

    /// Compresses this connection from its beginning, if that is wanted; before anything else is asked.
    pub(super) fn compress_at_once(&mut self) -> Result<()> {
        if self.server.compress == Compress::On && !self.capabilities.has(CAPABILITY) {
            self.compression.tell(|server| format!("{server} offers no {CAPABILITY}: its mail comes and goes plain"));
        }
        self.compress_if_wanted()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::played::Played;
    use crate::engine::stand_in::StandIn;
    use std::io::Write;

    /// Holds engine/wire.rs invariant 6.
    #[test]
    fn start_deflate_no_login_goes_through_it() {
        let (mut wire, heard) = Played::heard(b"", &[]);
        wire.set_stand_in(Some(StandIn::for_password("secret")));
        assert!(wire.start_deflate().is_err(), "in the midst of a login");
        wire.set_stand_in(None);
        wire.write(b"m1 COMPRESS DEFLATE\r\n").unwrap();
        assert!(wire.start_deflate().is_err(), "before the command is sent");
        wire.flush().unwrap();
        wire.start_deflate().unwrap();
        let before = heard.octets();
        let login: std::io::Result<()> =
            Write::write_all(&mut wire, b"a1 LOGIN u secret\r\n").and_then(|()| Write::flush(&mut wire));
        assert!(login.is_err() && heard.octets() == before, "a login over the compressed line");
    }

    fn pace(octets: u64, seconds: f64) -> Option<u64> {
        const PIECE: u64 = 16 << 10;
        let pieces = octets / PIECE;
        let mut pace = Pace::default();
        (0..pieces).for_each(|_| pace.add(PIECE, Duration::from_secs_f64(seconds / pieces as f64)));
        pace.slow()
    }

    #[test]
    fn slow_is_what_takes_long_and_only_after_enough_octets() {
        let rate = pace(100 << 20, 100.0).expect("a megabyte a second is slow");
        assert!((1_000_000..1_100_000).contains(&rate), "{rate}");
        assert_eq!(pace(100 << 20, 5.0), None, "twenty megabytes a second are not");
        assert_eq!(pace(1 << 30, 0.0), None, "no wait at all");
        assert_eq!(pace(1 << 20, 1.5), None, "too few to say");
        assert!(pace(1 << 20, 10.0).is_some(), "enough where each is waited for");
    }

    #[test]
    fn slow_first_octets_and_pauses_do_not_count() {
        let mut pace = Pace::default();
        (0..128).for_each(|_| pace.add(WARM_UP_OCTETS / 128, Duration::from_millis(15)));
        (0..1000).for_each(|_| pace.add(64 << 10, Duration::from_millis(3)));
        assert_eq!(pace.slow(), None);
        pace.add(64 << 10, Duration::from_secs(100));
        (0..1000).for_each(|_| pace.add(64 << 10, Duration::from_millis(3)));
        assert_eq!(pace.slow(), None, "the server paused once");
    }
}
