//! A command whose standard input and output are the server.
//!
//! Pipes, not a socket pair: `doveadm exec imap` takes a socket for inetd's and refuses. A pipe has no timeouts of its
//! own, so each read and write waits with poll(2) first.

use crate::error::{Error, Kind, Result};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// How long to wait before anybody said how long.
const FIRST_TIMEOUT: Duration = Duration::from_secs(30);

/// A running tunnel command; it is ended when this is dropped.
pub struct Tunnel {
    command: Child,
    input: ChildStdin,
    output: ChildStdout,
    timeout: Duration,
}

impl Tunnel {
    /// Starts the command, without a shell; `{user}` in its arguments becomes the user. It does not see the environment
    /// variables in `withheld`.
    ///
    /// # Errors
    /// `Settings` when it cannot be started.
    pub fn start(command: &[String], user: &str, withheld: &[String]) -> Result<Tunnel> {
        // The program alone: an argument may be a password (`sshpass -p`).
        let program = command.first().map_or("", String::as_str);
        let failed = |cause: io::Error| {
            Error::new(Kind::Settings, format!("could not start the tunnel `{program}`"))
                .because(cause)
                .hint("`tunnel` in the settings is a list: the program, then its arguments")
        };
        let (program, arguments) = command.split_first().ok_or_else(|| failed(io::ErrorKind::InvalidInput.into()))?;
        let mut tunnel = Command::new(program);
        tunnel.args(arguments.iter().map(|argument| argument.replace("{user}", user)));
        withheld.iter().for_each(|variable| {
            tunnel.env_remove(variable);
        });
        let piped = tunnel.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut command = piped.spawn().map_err(failed)?;
        let ends = command.stdin.take().zip(command.stdout.take());
        let (input, output) = ends.ok_or_else(|| failed(io::ErrorKind::BrokenPipe.into()))?;
        never_block(input.as_raw_fd()).map_err(failed)?;
        Ok(Tunnel { command, input, output, timeout: FIRST_TIMEOUT })
    }

    /// Bounds the wait for the next octet, and for room to write the next.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        let _ = self.command.kill();
        let _ = self.command.wait();
    }
}

impl Read for Tunnel {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        wait_for(self.output.as_raw_fd(), libc::POLLIN, self.timeout)?;
        self.output.read(buffer)
    }
}

impl Write for Tunnel {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        wait_for(self.input.as_raw_fd(), libc::POLLOUT, self.timeout)?;
        self.input.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A write to a pipe with too little room would wait for ever, whatever poll said.
fn never_block(pipe: RawFd) -> io::Result<()> {
    // SAFETY: the descriptor is open, it belongs to the caller; the calls take and give integers.
    let set = unsafe { libc::fcntl(pipe, libc::F_SETFL, libc::fcntl(pipe, libc::F_GETFL) | libc::O_NONBLOCK) };
    if set < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn wait_for(pipe: RawFd, events: libc::c_short, timeout: Duration) -> io::Result<()> {
    let mut awaited = libc::pollfd { fd: pipe, events, revents: 0 };
    let milliseconds = libc::c_int::try_from(timeout.as_millis()).unwrap_or(libc::c_int::MAX);
    // SAFETY: one valid pollfd, for the duration of the call.
    match unsafe { libc::poll(&raw mut awaited, 1, milliseconds) } {
        0 => Err(io::ErrorKind::TimedOut.into()),
        // The pipe is ready, or broken: then reading or writing says so.
        count if count > 0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tunnel(script: &str) -> Tunnel {
        let command = ["sh", "-c", script].map(str::to_owned);
        let mut tunnel = Tunnel::start(&command, "", &[]).unwrap();
        tunnel.set_timeout(Duration::from_millis(50));
        tunnel
    }

    #[test]
    fn read_silent_command_times_out() {
        let error = tunnel("exec sleep 60").read(&mut [0; 8]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn write_to_a_command_that_does_not_read_times_out() {
        let error = tunnel("exec sleep 60").write_all(&[0; 1 << 20]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn read_after_the_command_ended_is_the_end() {
        let mut tunnel = tunnel("printf done");
        tunnel.set_timeout(Duration::from_secs(10));
        let mut said = String::new();
        tunnel.read_to_string(&mut said).unwrap();
        assert_eq!(said, "done");
    }
}
