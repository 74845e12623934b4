//! The bytes below the wire: a connection in clear, or under TLS.

use super::binding::ChannelBinding;
use super::socket::Socket;
use super::tls::{Encrypted, TlsClient};
use crate::error::{Error, Kind, Result};
use std::io::{self, IoSlice, Read, Write};
use std::time::Duration;

/// A connection, in clear or under TLS.
pub(super) enum Stream {
    Clear(Socket),
    Tls(Box<Encrypted>),
    /// Between the two, and after a failed handshake.
    Closed,
}

impl Stream {
    /// Puts TLS on the connection; the handshake is done when this returns.
    ///
    /// # Errors
    /// `Certificate` when it is not trusted or TLS cannot be agreed on, `Connection` when the line breaks.
    pub fn start_tls(&mut self, client: &TlsClient) -> Result<()> {
        let Stream::Clear(socket) = std::mem::replace(self, Stream::Closed) else {
            return Err(Error::new(Kind::Protocol, "TLS is on already"));
        };
        *self = Stream::Tls(Box::new(client.handshake(socket)?));
        Ok(())
    }

    /// What ties a login to this TLS connection.
    pub fn channel_binding(&self) -> Option<ChannelBinding> {
        match self {
            Stream::Tls(tls) => ChannelBinding::of(&tls.conn),
            _ => None,
        }
    }

    /// See [`Socket::set_timeout`].
    pub fn set_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        match self {
            Stream::Clear(socket) => socket.set_timeout(timeout),
            Stream::Tls(tls) => tls.sock.set_timeout(timeout),
            Stream::Closed => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Clear(socket) => socket.read(buffer),
            Stream::Tls(tls) => tls.read(buffer),
            Stream::Closed => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Clear(socket) => socket.write(octets),
            Stream::Tls(tls) => tls.write(octets),
            Stream::Closed => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Stream::Clear(socket) => socket.write_vectored(pieces),
            Stream::Tls(tls) => tls.write_vectored(pieces),
            Stream::Closed => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Clear(socket) => socket.flush(),
            Stream::Tls(tls) => tls.flush(),
            Stream::Closed => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}
