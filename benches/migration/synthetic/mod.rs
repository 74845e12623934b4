//! An IMAP server that invents its mail and stores next to nothing, so that mailboxes of a million messages, accounts of
//! ten thousand mailboxes and messages of a gigabyte cost their client something, and nobody else.
//!
//! Every user has the same mail, which follows from the [`Shape`]; two servers of one shape hold the same messages. What
//! is appended is counted and thrown away; of it only what a listing tells is kept. What the protocol has in common with
//! the tests' server in memory is taken from there (`tests/support/fake`).
//!
//! - [`mail`]: mailboxes and messages. [`session`]: a client's conversation.

mod mail;
mod session;

use std::collections::HashMap;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use mail::Message;

/// What each account holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    /// The INBOX is one of them.
    pub mailboxes: u32,
    /// In each mailbox.
    pub messages: u32,
    /// Of each message; a header is always whole.
    pub octets: u64,
}

/// A server on a free port, until the process ends.
pub struct Synthetic {
    port: u16,
    world: Arc<World>,
}

/// The argument that makes this program such a server, to look at a client by hand; the figures of a [`Shape`] follow.
pub const SERVE: &str = "--synthetic";

/// Serves until it is ended.
pub fn serve(shape: &[&str]) {
    let number = |place: usize| shape.get(place).and_then(|text| text.parse().ok()).expect("mailboxes messages octets");
    let shape = Shape { mailboxes: number(0), messages: number(1), octets: u64::from(number(2)) };
    println!("{}", Synthetic::start(shape).port());
    loop {
        thread::park();
    }
}

/// What all clients of a server see.
struct World {
    shape: Shape,
    /// How many messages each mailbox of a user has, where that is not the same for all.
    of_user: Option<fn(&str) -> u32>,
    /// Messages in each INBOX beyond those of the shape.
    arrived: AtomicU32,
    /// By user and number of the mailbox, without their bodies.
    appended: Mutex<HashMap<(String, u32), Vec<Message>>>,
}

impl Synthetic {
    /// Starts to listen; each connection is served by a thread of its own.
    pub fn start(shape: Shape) -> Synthetic {
        Synthetic::listen(shape, None)
    }

    /// The same, with as many messages in each mailbox as follow from the user's name.
    pub fn of_users(shape: Shape, messages: fn(&str) -> u32) -> Synthetic {
        Synthetic::listen(shape, Some(messages))
    }

    fn listen(shape: Shape, of_user: Option<fn(&str) -> u32>) -> Synthetic {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let world = Arc::new(World { shape, of_user, arrived: AtomicU32::new(0), appended: Mutex::default() });
        let shared = Arc::clone(&world);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let world = Arc::clone(&shared);
                // A connection that breaks is the client's affair.
                thread::spawn(move || session::serve(stream, &world));
            }
        });
        Synthetic { port, world }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Another message arrives in every INBOX. Not for servers that are appended to.
    pub fn receive(&self) {
        self.world.arrived.fetch_add(1, Ordering::SeqCst);
    }

    /// The octets of every message that was appended.
    pub fn appended_octets(&self) -> Vec<u64> {
        self.world.appended().values().flatten().map(|message| message.octets).collect()
    }
}

impl World {
    fn appended(&self) -> MutexGuard<'_, HashMap<(String, u32), Vec<Message>>> {
        self.appended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many messages a mailbox holds without those that were appended: their UIDs begin with 1.
    fn invented(&self, user: &str, mailbox: u32) -> u32 {
        let arrived = if mailbox == 0 { self.arrived.load(Ordering::SeqCst) } else { 0 };
        self.of_user.map_or(self.shape.messages, |messages| messages(user)) + arrived
    }
}
