//! COMPRESS=DEFLATE (RFC 4978).
//!
//! It is sent after the login, when no command is under way. With `auto` a connection runs plain at first. When its line
//! turns out to be slow (`wire/pace.rs`), this connection is compressed as soon as nothing is under way on it, and so are
//! the others (`conversation/compression.rs`), and all that are opened from then on. Nothing is compressed less again.

use crate::engine::conversation::reticence::Optional;
use crate::engine::conversation::session::Session;
use crate::error::Result;
use crate::model::server::Compress;

const CAPABILITY: &str = "COMPRESS=DEFLATE";

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
        let Some(tag) = self.send_optional(Optional::Compress, b"COMPRESS DEFLATE")? else {
            self.capabilities.forget(CAPABILITY);
            return Ok(());
        };
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
    pub(in crate::engine) fn compress_at_once(&mut self) -> Result<()> {
        if self.server.compress == Compress::On && !self.capabilities.has(CAPABILITY) {
            self.compression.tell(|server| format!("{server} offers no {CAPABILITY}: its mail comes and goes plain"));
        }
        self.compress_if_wanted()
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::wire::buffered::Wire;
    use crate::engine::wire::stand_in::StandIn;
    use std::io::Write;

    /// Holds engine/wire/buffered.rs invariant 6.
    #[test]
    fn start_deflate_no_login_goes_through_it() {
        let (mut wire, heard) = Wire::heard(b"", &[]);
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
}
