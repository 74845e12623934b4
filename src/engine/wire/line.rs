//! The line: octets as they cross it, in clear or under TLS: counted, within the rate of the settings, and waited for no
//! longer than the server may take.
//!
//! Not here: what is kept of them ([`super::buffered`]), and what they mean.
//!
//! Two bounds hold for every wait: one for the next octet, and one for all the waiting of a command ([`Patience`]).

use super::binding::ChannelBinding;
use super::deflate::NotDeflate;
use super::meter::Meter;
use super::pace::Pace;
use super::patience::Patience;
use super::socket::Socket;
use super::stream::Stream;
use super::throttle::Throttle;
use super::tls::TlsClient;
use crate::error::{Error, Kind, Result};
use crate::model::Side;
use std::fmt;
use std::io::{self, IoSlice, Read, Write};
use std::time::{Duration, Instant};

/// One connection's octets, in both directions.
pub struct Line {
    stream: Stream,
    timeout: Duration,
    pub patience: Patience,
    meter: Meter,
    /// Something was sent since the server was last heard.
    asked: bool,
    /// Nothing is pipelined yet: each exchange tells how far away the server is.
    introducing: bool,
    /// The login is through, and what is sent next is still sent into silence.
    first_after_login: bool,
    /// Octets a second, over all connections to this server.
    bandwidth: Throttle,
    pace: Pace,
    /// What is received now are the octets of a large message.
    pub in_large_message: bool,
}

/// The server used up the time that it had.
#[derive(Debug)]
struct TooSlow;

impl fmt::Display for TooSlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("too slow")
    }
}

impl std::error::Error for TooSlow {}

impl Line {
    /// Over an open socket.
    pub fn new(socket: Socket, bandwidth: Throttle, meter: Meter) -> Self {
        Line {
            stream: Stream::Clear(socket),
            timeout: Duration::ZERO,
            patience: Patience::default(),
            meter,
            asked: false,
            introducing: true,
            first_after_login: false,
            bandwidth,
            pace: Pace::default(),
            in_large_message: false,
        }
    }

    /// See [`Stream::start_tls`].
    pub fn start_tls(&mut self, client: &TlsClient) -> Result<()> {
        self.stream.start_tls(client)
    }

    /// See [`Stream::channel_binding`].
    pub fn channel_binding(&self) -> Option<ChannelBinding> {
        self.stream.channel_binding()
    }

    /// Bounds the wait for each next octet from now on.
    pub fn set_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        if self.timeout != timeout {
            self.stream.set_timeout(timeout)?;
            self.timeout = timeout;
        }
        Ok(())
    }

    /// How long is waited for the next octet.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// How fast octets come while a large message does.
    pub fn pace(&self) -> Pace {
        self.pace
    }

    /// The login is through: from now on answers may be on their way when something is sent.
    pub fn end_introduction(&mut self) {
        (self.introducing, self.first_after_login) = (false, true);
    }

    /// Sends octets. That the server takes them is worth the time that it needs for it.
    pub fn send(&mut self, pieces: [&[u8]; 2]) -> io::Result<()> {
        let octets = pieces.iter().map(|piece| piece.len() as u64).sum();
        if octets == 0 {
            return Ok(());
        }
        self.bandwidth.take(octets);
        self.meter.sent(octets);
        self.asked = true;
        let mut slices = pieces.map(IoSlice::new);
        let mut rest = &mut slices[..];
        // Passes what is empty, too.
        IoSlice::advance_slices(&mut rest, 0);
        while !rest.is_empty() {
            match self.wait(|stream| stream.write_vectored(rest)) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    IoSlice::advance_slices(&mut rest, count);
                    self.patience.earn(count as u64);
                }
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(cause),
            }
        }
        self.wait(Write::flush)
    }

    /// Receives octets, as many as have come; 0 at the end.
    pub fn receive(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let asked = std::mem::take(&mut self.asked);
        if asked {
            self.meter.round_trip();
        }
        let began = Instant::now();
        let count = loop {
            match self.wait(|stream| stream.read(room)) {
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                // A server that ends TLS without close_notify has closed the connection; framing tells a cut message.
                Err(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => break 0,
                other => break other?,
            }
        };
        if self.in_large_message {
            self.pace.add(count as u64, began.elapsed());
        }
        self.meter.received(count as u64);
        if asked && (self.introducing || std::mem::take(&mut self.first_after_login)) {
            self.meter.note_latency(began.elapsed());
        }
        self.bandwidth.take(count as u64);
        Ok(count)
    }

    fn wait<T>(&mut self, wait: impl FnOnce(&mut Stream) -> io::Result<T>) -> io::Result<T> {
        let began = Instant::now();
        let stream = &mut self.stream;
        let result = self.meter.waiting(|| wait(stream))?;
        match self.patience.spend(began.elapsed()) {
            true => Ok(result),
            false => Err(io::Error::new(io::ErrorKind::TimedOut, TooSlow)),
        }
    }

    /// What an error of this line means.
    pub fn broken(&self, cause: &io::Error, side: Side) -> Error {
        let inner = cause.get_ref();
        match cause.kind() {
            _ if inner.is_some_and(|inner| inner.is::<TooSlow>()) => {
                let seconds = self.patience.whole().as_secs();
                let what = format!("the server was waited for {seconds} seconds, and did not do what it was asked for");
                Error::new(Kind::Connection, what)
                    .hint("look at what keeps the server busy; where it is only slow, raise `timeout` in [limits]")
            }
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                let seconds = self.timeout.as_secs();
                Error::new(Kind::Connection, format!("the server was silent for {seconds} seconds"))
            }
            _ if inner.is_some_and(|inner| inner.is::<NotDeflate>()) => {
                Error::new(Kind::Connection, "what the server compressed (COMPRESS=DEFLATE) cannot be read")
                    .because(cause)
                    .hint(format!("set compress = \"off\" in [{side}]"))
            }
            _ => Error::new(Kind::Connection, "the connection broke").because(cause),
        }
    }
}
