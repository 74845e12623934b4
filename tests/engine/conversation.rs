//! A session of ours with a scripted server.

use std::time::Duration;

use mailferry::engine::login::connect::Common;
use mailferry::engine::{Connector, Session};
use mailferry::error::{Error, Result};
use mailferry::model::limits::Limits;
use mailferry::model::server::{Address, Server, Timeouts, Tls};
use mailferry::model::{MailboxName, RawName, Secret, Side};

use crate::support::scripted::Scripted;

/// Nothing takes so long, on a busy machine, too; who waits for it has failed.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// For servers that fall silent: what comes before that must be done in it, on a busy machine, too.
pub const LITTLE_PATIENCE: Duration = Duration::from_secs(2);

/// What most scripts begin with: capabilities at once, a login in one line, no further questions.
pub const LOGIN: &str =
    "S: * OK [CAPABILITY IMAP4rev1] ready\nC: LOGIN\nS: $ OK [CAPABILITY IMAP4rev1 $CAPABILITIES] in\n";

/// How to reach that port in clear text.
pub fn server(port: u16) -> Server {
    let timeouts = Timeouts { connect: PATIENCE, login: PATIENCE, read: PATIENCE, slow: PATIENCE };
    let address = Address::Tcp { host: "localhost".to_owned(), port };
    let server = Server::at(Side::Destination, address, Tls::None);
    Server { max_connections: Some(1), timeouts, retries: 0, ..server }
}

pub fn connect_as(server: Server, user: &str, password: &str) -> Result<Session> {
    let connector = Connector::new(server, &Limits::default(), 1, std::env::temp_dir()).expect("a connector");
    let password = || Ok(Secret::new(password.to_owned()));
    let connected = connector.connect(user, &password, &Common::default(), Duration::ZERO);
    connected.map(|session| session.expect("the budget has one"))
}

/// A server that goes on with `script` after an ordinary login, and a session with it. Its capabilities are
/// IMAP4rev1 and these.
pub fn logged_in(capabilities: &str, script: &str) -> (Scripted, Session) {
    let scripted = Scripted::start(&(LOGIN.replace("$CAPABILITIES", capabilities) + script));
    let session = connect_as(server(scripted.port()), "user", "secret").expect("log in");
    (scripted, session)
}

/// The error of a connection that must not come about.
#[track_caller]
pub fn refused(script: &str) -> Error {
    let scripted = Scripted::start(script);
    connect_as(server(scripted.port()), "user", "secret").err().expect("no session")
}

pub fn raw(name: &str) -> RawName {
    RawName(name.as_bytes().to_vec())
}

pub fn mailbox(name: &str) -> MailboxName {
    MailboxName { raw: raw(name), levels: vec![name.to_owned()] }
}
