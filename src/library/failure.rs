//! What failed, for who uses the library.

use crate::error;
use std::fmt;

/// What failed, where, why, and what to do next.
///
/// Its `Display` is one line with all but the advice. No secret is ever in it, and what a server said is made harmless for a
/// terminal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error(error::Error);

/// What kind of failure it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The server could not be reached, the connection broke, or the server asks to come back later: another try may do.
    Connection,
    /// Name or password was refused, or the login may not act for this user.
    Login,
    /// The certificate is not trusted, or TLS could not be agreed on.
    Certificate,
    /// The server refused what was asked of it; the same will fare the same.
    Refused,
    /// The destination is full.
    Quota,
    /// The server does not speak as IMAP demands, or lacks what is needed.
    Protocol,
    /// A mailbox changed while it was worked on.
    Changed,
    /// Wrong settings; nothing was touched.
    Settings,
    /// The state directory cannot be used, or a part of it is damaged.
    State,
    /// Another process holds the state.
    Locked,
    /// The plan does not fit the snapshots any more: scan and plan again.
    Stale,
    /// A guard refused: a person has to say that this is meant.
    Guard,
    /// It was asked to stop.
    Interrupted,
    /// A person has set the account aside: paused, or complete. No failure.
    SetAside,
    /// The account's turn comes later. No failure.
    Waiting,
    /// A file, or the system.
    Io,
}

impl Error {
    /// What kind it is.
    pub fn kind(&self) -> ErrorKind {
        match self.0.kind() {
            error::Kind::Unreachable | error::Kind::Connection | error::Kind::Expired | error::Kind::Throttled(_) => {
                ErrorKind::Connection
            }
            error::Kind::Authentication | error::Kind::Authorization => ErrorKind::Login,
            error::Kind::Certificate => ErrorKind::Certificate,
            error::Kind::Refused => ErrorKind::Refused,
            error::Kind::Quota => ErrorKind::Quota,
            error::Kind::Protocol => ErrorKind::Protocol,
            error::Kind::Changed => ErrorKind::Changed,
            error::Kind::Settings => ErrorKind::Settings,
            error::Kind::State | error::Kind::Damaged => ErrorKind::State,
            error::Kind::Locked => ErrorKind::Locked,
            error::Kind::Stale => ErrorKind::Stale,
            error::Kind::Guard => ErrorKind::Guard,
            error::Kind::Interrupted => ErrorKind::Interrupted,
            error::Kind::SetAside => ErrorKind::SetAside,
            error::Kind::Waiting => ErrorKind::Waiting,
            error::Kind::Io => ErrorKind::Io,
        }
    }

    /// What failed, without the place: a clause such as `could not append a message`.
    pub fn what(&self) -> &str {
        self.0.what()
    }

    /// Why, outermost first: the server's own words, or the system's.
    pub fn causes(&self) -> &[String] {
        self.0.causes()
    }

    /// What to do next. Where it names a command, that is one of the program `mailferry`.
    pub fn advice(&self) -> Option<&str> {
        self.0.advice()
    }

    /// The name of the account that it is about.
    pub fn account(&self) -> Option<&str> {
        self.0.place().account.as_deref()
    }

    /// The server that it is about, as the settings name it.
    pub fn server(&self) -> Option<&str> {
        self.0.place().server.as_deref()
    }

    /// The mailbox that it is about, its name decoded.
    pub fn mailbox(&self) -> Option<&str> {
        self.0.place().mailbox.as_deref()
    }

    /// The UID of the message that it is about.
    pub fn uid(&self) -> Option<u32> {
        self.0.place().uid.map(|uid| uid.0)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.line())
    }
}

impl std::error::Error for Error {}

#[doc(hidden)]
impl From<error::Error> for Error {
    fn from(error: error::Error) -> Error {
        Error(error)
    }
}
