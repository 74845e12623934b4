//! A relay between the program and a server, which counts what passes, and may be a slow line.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// Octets that pass at once.
const PIECE: usize = 16 << 10;

/// A listening relay. It takes no more connections when dropped.
pub struct Relay {
    port: u16,
    stopped: Arc<AtomicBool>,
    received: Arc<AtomicU64>,
    sent: Arc<AtomicU64>,
    most_at_once: Arc<AtomicU64>,
}

impl Relay {
    /// Listens on a free port, in front of a port of this machine; behind each piece from the server the line rests.
    pub fn start(server_port: u16, rest: Duration) -> Relay {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let relay = Relay {
            port,
            stopped: Arc::default(),
            received: Arc::default(),
            sent: Arc::default(),
            most_at_once: Arc::default(),
        };
        let (stopped, received, sent) = (relay.stopped.clone(), relay.received.clone(), relay.sent.clone());
        let most_at_once = relay.most_at_once.clone();
        thread::spawn(move || {
            let mut open: Vec<TcpStream> = Vec::new();
            for client in listener.incoming().flatten() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server_port)) else { continue };
                let twin = |stream: &TcpStream| stream.try_clone().expect("a second handle");
                open.retain(|client| !is_closed_by_peer(client));
                open.push(twin(&client));
                most_at_once.fetch_max(open.len() as u64, Ordering::SeqCst);
                pump([twin(&client), twin(&server)], sent.clone(), Duration::ZERO);
                pump([server, client], received.clone(), rest);
            }
        });
        relay
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Octets that the server sent, over all connections.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::SeqCst)
    }

    /// How many connections there were at one time, at most.
    pub fn most_at_once(&self) -> u64 {
        self.most_at_once.load(Ordering::SeqCst)
    }

    /// Octets that were sent to the server, over all connections.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the listener.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

/// Whether the client has closed its end, though not all that it sent was read: known as soon as it has done so.
fn is_closed_by_peer(client: &TcpStream) -> bool {
    let mut asked = libc::pollfd { fd: client.as_raw_fd(), events: libc::POLLRDHUP, revents: 0 };
    // SAFETY: one valid structure, and no wait.
    unsafe { libc::poll(&mut asked, 1, 0) == 1 }
}

/// One direction of a connection.
fn pump([mut from, mut to]: [TcpStream; 2], count: Arc<AtomicU64>, rest: Duration) {
    let _ = to.set_nodelay(true);
    thread::spawn(move || {
        let mut piece = vec![0; PIECE];
        while let Ok(octets @ 1..) = from.read(&mut piece) {
            count.fetch_add(octets as u64, Ordering::SeqCst);
            if to.write_all(&piece[..octets]).is_err() {
                break;
            }
            thread::sleep(rest);
        }
        let _ = to.shutdown(Shutdown::Write);
    });
}
