//! Servers that the tests of one binary share: started when the first test needs them.
//!
//! Each test takes its own user ([`super::server::User::fresh`]), so they do not see each other.
//! A test that stops a server or changes its settings starts its own.

use std::sync::OnceLock;
use std::thread;

use super::courier::Courier;
use super::cyrus::{self, Cyrus};
use super::dovecot::{self, Dovecot};
use super::mailutils::Mailutils;
use super::pymap::Pymap;
use super::server::{Server, User};

/// An old server and a new one, as in a migration.
pub struct Pair {
    /// Maildir, delimiter `.`.
    pub source: Dovecot,
    /// mdbox, delimiter `/`.
    pub destination: Dovecot,
}

impl Pair {
    pub fn start() -> Pair {
        thread::scope(|scope| {
            let source = scope.spawn(|| Dovecot::start(dovecot::Options::maildir_with_dots()));
            let destination = Dovecot::start(dovecot::Options::mdbox_with_slashes());
            Pair { source: source.join().expect("the source starts"), destination }
        })
    }

    /// A user of both servers whom no other test has.
    pub fn add_fresh_user(&self, stem: &str) -> User {
        let user = User::fresh(stem);
        self.source.add_user(&user);
        self.destination.add_user(&user);
        user
    }
}

/// The Dovecot pair of this test binary.
pub fn dovecot_pair() -> &'static Pair {
    static PAIR: OnceLock<Pair> = OnceLock::new();
    PAIR.get_or_init(Pair::start)
}

/// The Dovecot 2.4 of this test binary: mdbox, delimiter `/`.
pub fn dovecot_2_4() -> &'static Dovecot {
    static DOVECOT: OnceLock<Dovecot> = OnceLock::new();
    let options = || dovecot::Options { release: dovecot::Release::V2_4, ..dovecot::Options::mdbox_with_slashes() };
    DOVECOT.get_or_init(|| Dovecot::start(options()))
}

/// The Cyrus of this test binary, with modern names (delimiter `/`).
pub fn cyrus() -> &'static Cyrus {
    static CYRUS: OnceLock<Cyrus> = OnceLock::new();
    CYRUS.get_or_init(|| Cyrus::start(cyrus::Options::default()))
}

/// The Courier of this test binary.
pub fn courier() -> &'static Courier {
    static COURIER: OnceLock<Courier> = OnceLock::new();
    COURIER.get_or_init(Courier::start)
}

/// The imap4d of this test binary.
pub fn mailutils() -> &'static Mailutils {
    static MAILUTILS: OnceLock<Mailutils> = OnceLock::new();
    MAILUTILS.get_or_init(Mailutils::start)
}

/// The pymap of this test binary.
pub fn pymap() -> &'static Pymap {
    static PYMAP: OnceLock<Pymap> = OnceLock::new();
    PYMAP.get_or_init(Pymap::start)
}
