//! A connection in clear: a TCP socket, or a tunnel command.

use super::tunnel::Tunnel;
use crate::error::{Error, Kind, Result};
use crate::model::server::{Address, Server};
use socket2::{SockRef, TcpKeepalive};
use std::io::{self, IoSlice, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// How long a connection may be silent before the kernel asks whether the other end still lives.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(60);

/// A connection in clear: to a socket, or to the standard input and output of a command.
pub enum Socket {
    Tcp(Stream),
    Tunnel(Tunnel),
    /// No connection at all, but what a server would have said.
    #[cfg(any(test, feature = "fuzzing"))]
    Played(super::played::Played),
}

impl Socket {
    /// Opens the connection that the settings describe; `user` replaces `{user}` in a tunnel command.
    ///
    /// # Errors
    /// `Connection` when no address answers in time, `Settings` when the tunnel command cannot be started.
    pub fn open(server: &Server, user: &str) -> Result<Socket> {
        match &server.address {
            Address::Tcp { host, port } => dial(host, *port, server.timeouts.connect).map(Stream::new).map(Socket::Tcp),
            Address::Tunnel(command) => Tunnel::start(command, user, &server.withheld).map(Socket::Tunnel),
        }
    }

    /// Bounds the wait for the next octet, and for room to write the next.
    pub fn set_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        match self {
            Socket::Tcp(Stream { stream, .. }) => {
                stream.set_read_timeout(Some(timeout)).and_then(|()| stream.set_write_timeout(Some(timeout)))
            }
            Socket::Tunnel(tunnel) => {
                tunnel.set_timeout(timeout);
                Ok(())
            }
            #[cfg(any(test, feature = "fuzzing"))]
            Socket::Played(_) => Ok(()),
        }
    }
}

/// A TCP connection that keeps no server waiting for an acknowledgement. A server that writes an answer in pieces (Cyrus does, and
/// whoever continues behind a literal) holds the next piece back until the one before is acknowledged, as long as Nagle's
/// algorithm is on; and the kernel puts that off by 40 ms, for it expects something to be written meanwhile.
pub struct Stream {
    stream: TcpStream,
    /// Something was read and nothing written since, so that no written octets carry the acknowledgement.
    owes_acknowledgement: bool,
}

impl Stream {
    fn new(stream: TcpStream) -> Stream {
        Stream { stream, owes_acknowledgement: false }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.owes_acknowledgement {
            acknowledge(&self.stream);
        }
        let count = self.stream.read(buffer)?;
        self.owes_acknowledgement = true;
        Ok(count)
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.owes_acknowledgement = false;
        self.stream.write_vectored(pieces)
    }
}

/// Has the kernel acknowledge at once what it has taken. Where it cannot, answers in pieces take longer, and no more than that.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn acknowledge(stream: &TcpStream) {
    drop(SockRef::from(stream).set_tcp_quickack(true));
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn acknowledge(_: &TcpStream) {}

fn dial(host: &str, port: u16, timeout: Duration) -> Result<TcpStream> {
    let hint = "check `host` and `port` in the settings, and that this machine can reach it";
    let addresses = (host, port).to_socket_addrs().map_err(|cause| {
        Error::new(Kind::Connection, format!("could not find the address of {host}")).because(cause).hint(hint)
    })?;
    let mut last = None;
    for address in addresses {
        match TcpStream::connect_timeout(&address, timeout).and_then(|stream| prepare(&stream).map(|()| stream)) {
            Ok(stream) => return Ok(stream),
            Err(cause) => last = Some(format!("{address}: {cause}")),
        }
    }
    let cause = last.unwrap_or_else(|| "the name has no address".to_owned());
    Err(Error::new(Kind::Connection, format!("could not connect to {host} port {port}")).because(cause).hint(hint))
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    SockRef::from(stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE_AFTER))
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.read(buffer),
            Socket::Tunnel(tunnel) => tunnel.read(buffer),
            #[cfg(any(test, feature = "fuzzing"))]
            Socket::Played(played) => played.read(buffer),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.write_vectored(&[IoSlice::new(octets)]),
            Socket::Tunnel(tunnel) => tunnel.write(octets),
            #[cfg(any(test, feature = "fuzzing"))]
            Socket::Played(played) => played.write(octets),
        }
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.write_vectored(pieces),
            Socket::Tunnel(tunnel) => tunnel.write_vectored(pieces),
            #[cfg(any(test, feature = "fuzzing"))]
            Socket::Played(played) => played.write_vectored(pieces),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
