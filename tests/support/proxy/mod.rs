//! A proxy of ours between the program and a real server, which strikes at a place: it understands enough IMAP to know
//! where a connection stands, in both directions, and no more.
//!
//! - [`place`]: where a connection can be struck.
//! - [`fault`]: what can happen there.
//! - [`gate`]: where a run is held until the test lets it go.
//! - [`plan`]: which places occurred, and which are to be struck; shared by the proxies of one run.
//! - [`client`], [`server`], [`tls`]: what was sent, cut into octets and places.
//! - [`link`]: the two sockets of a connection, and how they end.
//! - [`pump`]: one direction of a connection, faults included.
//!
//! In front of a port without TLS it sees everything; in front of a TLS port only records.

mod client;
pub mod fault;
pub mod gate;
mod link;
pub mod place;
pub mod plan;
mod pump;
mod server;
mod tls;

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use client::ClientScanner;
use link::Link;
use place::Role;
use plan::Plan;
use pump::Pump;
use server::ServerScanner;
use tls::TlsScanner;

/// A piece of a conversation.
enum Step {
    Octets(Vec<u8>),
    Place {
        moment: place::Moment,
        subject: String,
        /// Of the command that it is about; empty where there is none.
        tag: String,
    },
}

/// Cuts what was sent into steps. It may hold octets back until it knows what they are.
trait Scanner: Send {
    fn feed(&mut self, octets: &[u8]) -> Vec<Step>;

    /// That command was refused. True if the client waits for leave to send its literal, and now will not send it.
    fn refuse(&mut self, _tag: &str) -> bool {
        false
    }
}

/// What a proxy makes of what passes.
#[derive(Clone, Debug, Default)]
pub struct Manner {
    /// In front of a TLS port.
    pub opaque: bool,
    /// Capabilities that the server shall not seem to have.
    pub masked: &'static [&'static str],
}

/// A listening proxy. It stops when dropped, and so do its connections.
pub struct Proxy {
    port: u16,
    stopped: Arc<AtomicBool>,
}

impl Proxy {
    /// Listens on a free port, in front of a port of this machine.
    pub fn start(role: Role, server_port: u16, manner: Manner, plan: &Arc<Plan>) -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let stopped = Arc::<AtomicBool>::default();
        let (plan, flag) = (Arc::clone(plan), Arc::clone(&stopped));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if flag.load(Ordering::SeqCst) {
                    return;
                }
                if let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server_port)) {
                    relay(role, Link::new(client, server), &manner, &plan);
                }
            }
        });
        Proxy { port, stopped }
    }

    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the listener.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

/// Serves one connection with a thread for each direction.
fn relay(role: Role, link: Arc<Link>, manner: &Manner, plan: &Arc<Plan>) {
    let scanners: [Box<dyn Scanner>; 2] = match manner.opaque {
        true => [Box::new(TlsScanner::new("client")), Box::new(TlsScanner::new("server"))],
        false => [
            Box::new(ClientScanner::new(Arc::clone(&link))),
            Box::new(ServerScanner::new(Arc::clone(&link), manner.masked)),
        ],
    };
    let [client, server] = scanners;
    for (scanner, from_client) in [(client, true), (server, false)] {
        let pump = Pump::new(role, Arc::clone(&link), scanner, from_client, Arc::clone(plan));
        thread::spawn(move || pump.run());
    }
}
