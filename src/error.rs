//! The one error type: what failed, where, why, and what to do next.
//!
//! An error knows how much has to be given up because of it ([`Scope`]) and what kind it is ([`Kind`]), so that the
//! caller decides by type and never by text. The library never prints; `cli` shows errors in one place.

use crate::model::{Side, Uid};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The library's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of failure it is; decides what is tried again and the exit status.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Nobody answered, or what answered ended the connection before anyone had logged in: the server is away.
    Unreachable,
    /// The connection broke or timed out; worth another try.
    Connection,
    /// The server ended the session with the token that it was opened with: no fault, and it goes on with a new one.
    Expired,
    /// The server asks to come back later; `Some` is its own figure.
    Throttled(Option<Duration>),
    /// Name or password refused.
    Authentication,
    /// The login was good, but may not act for this user; or the account looks empty because rights are missing.
    Authorization,
    /// The certificate is not trusted, or TLS could not be agreed on.
    Certificate,
    /// The server said NO or BAD to this; another try of the same will fare the same.
    Refused,
    /// The destination is full.
    Quota,
    /// The server does not speak as IMAP demands, or lacks what is needed.
    Protocol,
    /// The mailbox is not what it was: gone, or its UIDVALIDITY changed.
    Changed,
    /// Wrong settings or arguments; nothing was touched.
    Settings,
    /// The state directory cannot be used.
    State,
    /// A part of the state is not what was written: it is forgotten, and rebuilt from the servers.
    Damaged,
    /// Another mailferry holds the state.
    Locked,
    /// The plan does not fit the snapshot any more.
    Stale,
    /// A guard refused.
    Guard,
    /// The user asked to stop.
    Interrupted,
    /// A person has set the account aside: paused, or complete. No failure.
    SetAside,
    /// The account's turn comes later: its hours have not begun, or it rests. No failure.
    Waiting,
    /// A file or the terminal.
    Io,
}

/// How much has to be given up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Scope {
    Message,
    Mailbox,
    Account,
    Run,
}

/// Where it happened, as far as known.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Place {
    pub account: Option<String>,
    pub side: Option<Side>,
    pub server: Option<String>,
    pub mailbox: Option<String>,
    pub uid: Option<Uid>,
    /// Which message it is, in a person's words: its sender and subject.
    pub about: Option<String>,
}

/// A failure that a user may meet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error(Arc<Inner>);

#[derive(Clone, PartialEq, Eq, Debug)]
struct Inner {
    kind: Kind,
    scope: Scope,
    what: String,
    place: Place,
    causes: Vec<String>,
    hint: Option<String>,
}

impl Error {
    /// A failure of that kind; `what` is a lower-case clause without a full stop. The scope follows from the kind and
    /// can be changed with [`Error::scope_at_least`].
    pub fn new(kind: Kind, what: impl Into<String>) -> Self {
        let scope = match kind {
            Kind::Refused | Kind::Changed => Scope::Mailbox,
            Kind::Settings | Kind::State | Kind::Locked | Kind::Interrupted => Scope::Run,
            _ => Scope::Account,
        };
        Error(Arc::new(Inner {
            kind,
            scope,
            what: what.into(),
            place: Place::default(),
            causes: Vec::new(),
            hint: None,
        }))
    }

    /// A copy of its own, where others hold it, too.
    fn change(&mut self) -> &mut Inner {
        Arc::make_mut(&mut self.0)
    }

    /// Adds why: the server's own words, or the operating system's. Made harmless for a terminal.
    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        self.change().causes.push(sanitized(&cause.to_string()));
        self
    }

    /// Adds what to do next, commands in full.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.change().hint.get_or_insert(hint.into());
        self
    }

    /// Sets the scope.
    pub fn scope(mut self, scope: Scope) -> Self {
        self.change().scope = scope;
        self
    }

    /// The same as another kind.
    pub fn recast(mut self, kind: Kind) -> Self {
        self.change().kind = kind;
        self
    }

    /// Gives other advice than whoever saw it first.
    pub fn advise(mut self, hint: impl Into<String>) -> Self {
        self.change().hint = Some(hint.into());
        self
    }

    /// Names the account, unless it is known already.
    pub fn in_account(mut self, account: &str) -> Self {
        self.change().place.account.get_or_insert_with(|| account.to_owned());
        self
    }

    /// Names the side and its server, unless known already.
    pub fn on(mut self, side: Side, server: &str) -> Self {
        self.change().place.side.get_or_insert(side);
        self.change().place.server.get_or_insert_with(|| server.to_owned());
        self
    }

    /// Names the mailbox, unless known already.
    pub fn in_mailbox(mut self, mailbox: &str) -> Self {
        self.change().place.mailbox.get_or_insert_with(|| mailbox.to_owned());
        self
    }

    /// Names the message, unless known already.
    pub fn at_uid(mut self, uid: Uid) -> Self {
        self.change().place.uid.get_or_insert(uid);
        self
    }

    /// Tells which message it is, in a person's words. Made harmless for a terminal.
    pub fn about(mut self, text: impl AsRef<str>) -> Self {
        let text = sanitized(text.as_ref());
        self.change().place.about = Some(text).filter(|text| !text.is_empty());
        self
    }

    /// What kind it is.
    pub fn kind(&self) -> &Kind {
        &self.0.kind
    }

    /// How much has to be given up.
    pub fn reach(&self) -> Scope {
        self.0.scope
    }

    /// What failed, without the place.
    pub fn what(&self) -> &str {
        &self.0.what
    }

    /// Where.
    pub fn place(&self) -> &Place {
        &self.0.place
    }

    /// Why, outermost first.
    pub fn causes(&self) -> &[String] {
        &self.0.causes
    }

    /// What to do next.
    pub fn advice(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Whether it tells the same: what, where and why.
    pub fn says_the_same_as(&self, other: &Error) -> bool {
        let (one, other) = (&self.0, &other.0);
        one.place == other.place && one.what == other.what && one.causes == other.causes && one.kind == other.kind
    }

    /// Whether the same may succeed on a new connection.
    pub fn is_transient(&self) -> bool {
        matches!(self.0.kind, Kind::Unreachable | Kind::Connection | Kind::Expired | Kind::Throttled(_))
    }

    /// Whether the connection is of no more use, and the work may go on with a new one: also after what is no IMAP.
    pub fn breaks_connection(&self) -> bool {
        self.is_transient() || self.0.kind == Kind::Protocol
    }

    /// One line with everything but the hint: what, where and why.
    pub fn line(&self) -> String {
        std::iter::once(self.to_string()).chain(self.causes().iter().cloned()).collect::<Vec<_>>().join(": ")
    }

    /// As [`Error::line`], where the account is named already.
    pub fn line_within_account(&self) -> String {
        let mut nameless = self.clone();
        nameless.change().place.account = None;
        nameless.line()
    }

    /// One line for reports and the state: what and why, without place and hint.
    pub fn summary(&self) -> String {
        std::iter::once(self.what()).chain(self.causes().iter().map(String::as_str)).collect::<Vec<_>>().join(": ")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = &self.0.place;
        if let Some(account) = &place.account {
            write!(f, "{account}: ")?;
        }
        f.write_str(&self.0.what)?;
        if let Some(mailbox) = &place.mailbox {
            write!(f, " in `{mailbox}`")?;
        }
        if let Some(uid) = place.uid {
            write!(f, ", UID {uid}")?;
        }
        if let Some(about) = &place.about {
            write!(f, " ({about})")?;
        }
        match (place.side, &place.server) {
            (Some(side), Some(server)) => write!(f, " on the {side} {server}"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

/// Makes text from outside harmless for a terminal and a log: control characters, bidirectional overrides and line
/// ends become `?`, and what is longer than [`SHOWN_CHARACTERS`] is cut.
pub fn sanitized(text: &str) -> String {
    shown(text, SHOWN_CHARACTERS)
}

/// The same of what we say ourselves, with names in it: these are never cut, for a mailbox that cannot be seen cannot be written
/// into the settings either.
pub fn made_harmless(text: &str) -> String {
    shown(text, SAID_CHARACTERS)
}

fn shown(text: &str, most: usize) -> String {
    let harmless = |character: char| {
        let overrides =
            matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if character.is_control() || overrides { '?' } else { character }
    };
    let mut shown: String = text.trim().chars().take(most).map(harmless).collect();
    if text.trim().chars().count() > most {
        shown.push('…');
    }
    shown
}

/// Longer than any line with two names in it that servers take in a command (RFC 7162 4: lines of 8192 octets).
const SAID_CHARACTERS: usize = 20_000;

/// How much of a server's text is shown: more is never needed to understand it, and a server may send a mebibyte.
const SHOWN_CHARACTERS: usize = 400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_names_place_in_order() {
        let error = Error::new(Kind::Refused, "could not append a message")
            .in_account("alice")
            .in_mailbox("INBOX")
            .at_uid(Uid(7))
            .on(Side::Destination, "new.example.org");
        let text = "alice: could not append a message in `INBOX`, UID 7 on the destination new.example.org";
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn sanitized_escape_sequences_and_line_ends_are_replaced() {
        assert_eq!(sanitized("a\x1b[31mb\r\nc\u{202e}d"), "a?[31mb??c?d");
        assert!(sanitized(&"x".repeat(10_000)).chars().count() <= SHOWN_CHARACTERS + 1);
        let name = format!("could not create the mailbox in `{}`", "level/".repeat(1000));
        assert_eq!(made_harmless(&name), name);
        assert!(made_harmless(&"x".repeat(1 << 20)).chars().count() <= SAID_CHARACTERS + 1);
    }
}
