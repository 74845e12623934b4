//! What all test servers have in common, so that a test need not know which one it talks to.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use super::imap::Connection;

/// The administrator who may open every account: `user*admin` on Dovecot, SASL authzid on all.
pub const MASTER_USER: &str = "admin";
pub const MASTER_PASSWORD: &str = "master-secret";

/// An account of a test server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub password: String,
    /// `None`: no limit. Dovecot needs `Options::quota` for a limit.
    pub quota_kibibytes: Option<u64>,
}

impl User {
    /// The user `name` with the password `pw-name`.
    pub fn named(name: impl Into<String>) -> User {
        let name = name.into();
        User { password: format!("pw-{name}"), name, quota_kibibytes: None }
    }

    /// A user whose name begins with `stem` and whom no other test of this process has.
    pub fn fresh(stem: &str) -> User {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        User::named(format!("{stem}-{}", COUNT.fetch_add(1, Ordering::Relaxed)))
    }

    pub fn with_password(mut self, password: &str) -> User {
        self.password = password.to_owned();
        self
    }

    pub fn with_quota_kibibytes(mut self, quota: u64) -> User {
        self.quota_kibibytes = Some(quota);
        self
    }
}

/// A running IMAP server on loopback.
pub trait Server: Send + Sync {
    /// The port without TLS, which offers STARTTLS.
    fn plain_port(&self) -> u16;
    /// The port with TLS from the first octet.
    fn tls_port(&self) -> u16 {
        unreachable!("it speaks in clear text")
    }
    /// The certificate (PEM) that a client must trust.
    fn authority_file(&self) -> &Path {
        unreachable!("it speaks in clear text")
    }
    /// Adds an account; it can be used at once.
    fn add_user(&self, user: &User);
    /// The account added under this name.
    fn user(&self, name: &str) -> User;
    /// Everything that the server has written to its log.
    fn log(&self) -> String;
    /// What the server keeps of `octets` that were appended, where that is not what it was given.
    fn stored_form(&self, octets: &[u8]) -> Vec<u8>;
    /// The octets of a message that it shows with other line ends than those of RFC 9051, with these.
    fn with_line_ends(&self, octets: Vec<u8>) -> Vec<u8> {
        octets
    }

    /// A session of that user, without TLS.
    fn connect(&self, name: &str) -> Connection {
        let user = self.user(name);
        let mut connection = Connection::open(self.plain_port());
        connection.login(&user.name, &user.password);
        connection
    }
}
