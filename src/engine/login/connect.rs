//! From settings to a logged-in session: dial, greet, STARTTLS, log in, learn what the server is.

use super::authenticate;
use super::authenticate::{Identity, Login};
use super::grant::{Grant, Stage};
use super::introduction::{ask_capabilities, introduce, is_logged_in_after_alert};
use super::mechanism::{Disappointments, choose};
use super::neighbours::{Neighbours, Rations, Share, addresses, are_one_server};
use crate::engine::conversation::capabilities::Capabilities;
use crate::engine::conversation::compression::Compression;
use crate::engine::conversation::oddities::Oddities;
use crate::engine::conversation::order::Order;
use crate::engine::conversation::reticence::Reticence;
use crate::engine::conversation::session::{Lease, Session};
use crate::engine::conversation::status::{Command, Condition, Status};
use crate::engine::conversation::vetted::Vetted;
use crate::engine::token::jar::{Jar, Token};
use crate::engine::wire::budget::Permits;
use crate::engine::wire::buffered::Wire;
use crate::engine::wire::meter::Meter;
use crate::engine::wire::octets::Spool;
use crate::engine::wire::socket::Socket;
use crate::engine::wire::tls::TlsClient;
use crate::error::{Error, Kind, Result};
use crate::model::limits::Limits;
use crate::model::secret::Credentials;
use crate::model::server::{Address, Mechanism, Server, Tls};
use crate::model::{Secret, Side};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Connections of this process so far: the log tells them apart by it.
static CONNECTIONS: AtomicU64 = AtomicU64::new(0);

/// Opens sessions on one server, within its connection budget. Cheap to clone.
#[derive(Clone)]
pub struct Connector {
    server: Arc<Server>,
    /// `None` where the settings say that there is no TLS.
    tls: Option<TlsClient>,
    share: Share,
    compression: Compression,
    order: Order,
    oddities: Oddities,
    disappointments: Disappointments,
    tokens: Option<Jar>,
    spool: Arc<Spool>,
    /// How many users are opened there, in this run or another with the same settings.
    users: usize,
    /// The same server as the other side.
    twin: Arc<OnceLock<Box<Connector>>>,
}

/// What the connections of one account to one server have in common. Cheap to clone.
#[derive(Clone, Default)]
pub struct Common {
    pub meter: Meter,
    vetted: Arc<Vetted>,
    reticence: Reticence,
    grant: Grant,
}

impl Common {
    /// How many connections of the account are open.
    pub fn open(&self) -> usize {
        self.grant.open()
    }
}

impl Connector {
    /// Prepares connections to a server, for so many accounts at once; large messages for which there is no memory go
    /// through temporary files in `spool`.
    ///
    /// # Errors
    /// `Settings` when the trusted certificates cannot be read.
    pub fn new(server: Server, limits: &Limits, accounts: usize, spool: PathBuf) -> Result<Connector> {
        let share = Share::new(&server, limits, accounts, None);
        Self::with_spool(server, limits, share, Arc::new(Spool::new(spool, limits.large_octets())))
    }

    /// Prepares connections to all servers of a run, each with how many of its accounts are worked on at once. The servers
    /// of one side share the memory for large messages; settings that lead to one place share its connections and rates.
    ///
    /// # Errors
    /// As [`Connector::new`].
    pub fn all(servers: Vec<(Server, usize)>, limits: &Limits, spool: &Path) -> Result<Vec<Connector>> {
        let spools = Side::BOTH.map(|_| Arc::new(Spool::new(spool.to_owned(), limits.large_octets())));
        let mut connectors: Vec<Connector> = Vec::with_capacity(servers.len());
        let of_side = |side: Side| servers.iter().filter(|(server, _)| server.side == side).count();
        let neighbours = Side::BOTH.map(|side| (of_side(side) > 1).then(Neighbours::default));
        for (server, accounts) in servers {
            let side = server.side as usize;
            let share = Share::new(&server, limits, accounts, neighbours[side].clone());
            let mut connector = Self::with_spool(server, limits, share, spools[side].clone())?;
            let is_same = |other: &&Connector| {
                let (own, other) = (&connector.server, &other.server);
                own.side == other.side && own.address.machine() == other.address.machine()
            };
            if let Some(other) = connectors.iter().find(is_same) {
                other.rations().share_with(&connector.server);
                let Connector { server, tls, tokens, spool, users, twin, .. } = connector;
                connector = Connector { server, tls, tokens, spool, users, twin, ..other.clone() };
            }
            connectors.push(connector);
        }
        Ok(connectors)
    }

    /// Whether both lead to one server, as far as the addresses tell that their names stand for now. Of tunnels nobody knows.
    pub fn shares_machine(&self, other: &Connector) -> bool {
        let addresses = |connector: &Connector| addresses(&connector.server.address);
        addresses(self).zip(addresses(other)).is_some_and(|(own, others)| are_one_server(&own, &others))
    }

    /// The same number for servers that turned out to be one: they share their connections.
    pub fn place(&self) -> usize {
        self.rations().grants.key()
    }

    fn rations(&self) -> &Rations {
        self.share.rations()
    }

    fn with_spool(server: Server, limits: &Limits, share: Share, spool: Arc<Spool>) -> Result<Connector> {
        let tls = if server.tls == Tls::None { None } else { Some(TlsClient::new(&server)?) };
        let (compression, order) = (Compression::new(&server, limits), Order::default());
        let tokens = server.oauth.as_ref().map(Jar::new).transpose()?;
        let (server, disappointments) = (Arc::new(server), Disappointments::default());
        Ok(Connector {
            server,
            tls,
            share,
            compression,
            order,
            oddities: Oddities::default(),
            disappointments,
            tokens,
            spool,
            users: 1,
            twin: Arc::default(),
        })
    }

    /// That so many users are opened there.
    pub fn for_users(self, users: usize) -> Connector {
        Connector { users, twin: Arc::default(), ..self }
    }

    /// The same server, with the same connections to share, as that side: an account that is kept both ways reads from it and
    /// writes to it in turns.
    pub fn on(&self, side: Side) -> &Connector {
        if self.server.side == side {
            return self;
        }
        let server = || Arc::new(Server { side, ..(*self.server).clone() });
        self.twin.get_or_init(|| Box::new(Connector { server: server(), twin: Arc::default(), ..self.clone() }))
    }

    /// Whether the settings limit the messages a second.
    pub fn is_paced(&self) -> bool {
        self.rations().messages.is_limiting()
    }

    /// Waits until that many more messages may be appended.
    pub fn pace(&self, messages: u64) {
        self.rations().messages.take(messages);
    }

    /// What users should hear about this server's connections; each is told once.
    pub fn take_news(&self) -> Option<String> {
        let news = self.compression.take_news().or_else(|| self.rations().grants.take_news());
        news.or_else(|| self.disappointments.take_news()).or_else(|| self.oddities.take_news())
    }

    /// How many sessions there may be at one time: as the settings say, or as few as the server turns out to grant.
    pub fn connections(&self) -> usize {
        self.rations().grants.most()
    }

    /// How many sessions the server was learnt to grant, to a user or in all; `None` while it refused none.
    pub fn learnt_connections(&self) -> Option<usize> {
        self.rations().grants.learnt()
    }

    /// The server.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Opens a session for `user`, if the budget has a free connection within `patience`, and the server grants it. The
    /// password is asked for when the server wants one: a tunnel is logged in as a rule. What it costs, and what it
    /// teaches, is in `common`.
    ///
    /// # Errors
    /// `Unreachable`, `Connection`, `Certificate`, `Authentication`, `Authorization`, `Throttled`, `Protocol`, `Settings`, and those of
    /// `credentials`.
    pub fn connect(
        &self,
        user: &str,
        credentials: &dyn Credentials,
        common: &Common,
        patience: Duration,
    ) -> Result<Option<Session>> {
        self.share.settle(&self.server);
        let mut stage = Stage::Dial;
        let mut attempt = || {
            let Some(permits) = self.rations().grants.acquire(&common.grant, patience) else { return Ok(None) };
            self.open(user, credentials, common, permits, &mut stage).map(Some)
        };
        let opened = match attempt() {
            // It may be the kept token that is refused, and not the user.
            Err(Refusal { is_of_kept_token: true, .. }) if self.tokens.as_ref().is_some_and(|jar| jar.doubt(user)) => {
                attempt()
            }
            opened => opened,
        };
        match opened.map_err(|refusal| refusal.error) {
            Err(error) if self.rations().grants.refused_one_more(&common.grant, stage, &error) => Ok(None),
            Err(error) => Err(self.by_stage(error, stage).on(self.server.side, &self.server.label())),
            Ok(session) => {
                session.iter().for_each(|_| common.grant.note_success());
                Ok(session)
            }
        }
    }

    /// Before anyone had logged in, it is the server that is away, for whoever wants to connect. A tunnel is a command for
    /// one user: that it ends says nothing of the others.
    fn by_stage(&self, error: Error, stage: Stage) -> Error {
        let of_server = stage < Stage::LogIn && matches!(self.server.address, Address::Tcp { .. });
        if of_server && *error.kind() == Kind::Connection { error.recast(Kind::Unreachable) } else { error }
    }

    fn open(
        &self,
        user: &str,
        credentials: &dyn Credentials,
        common: &Common,
        permits: Permits,
        stage: &mut Stage,
    ) -> Result<Session, Refusal> {
        let server = &self.server;
        // Before the server has somebody to wait for.
        let token = self.tokens.as_ref().map(|jar| jar.token(user, credentials)).transpose()?;
        let socket = Socket::open(server, user)?;
        *stage = Stage::Greet;
        let number = CONNECTIONS.fetch_add(1, Ordering::Relaxed) + 1;
        let wire = Wire::new(socket, server.side, self.rations().bandwidth.clone(), common.meter.clone());
        let mut wire = wire.named(&format!("{user}#{number}"));
        wire.set_timeout(server.timeouts.login)?;
        wire.patience().renew(server.timeouts.whole_login());
        if let (Tls::Implicit, Some(tls)) = (server.tls, &self.tls) {
            wire.start_tls(tls)?;
        }
        let greeting = read_greeting(&mut wire)?;
        *stage = Stage::LogIn;
        let mut session = Session::new(wire, server.clone(), self.spool.clone(), permits);
        session.compression = self.compression.clone();
        session.order = self.order.clone();
        session.oddities = self.oddities.clone();
        session.vetted = common.vetted.clone();
        session.reticence = common.reticence.clone();
        session.greeting = greeting.text.clone();
        session.capabilities = announced(&greeting);
        if let (Tls::StartTls, Some(tls)) = (server.tls, &self.tls) {
            if greeting.condition == Condition::Preauth {
                return Err(preauth_before_tls().into());
            }
            start_tls(&mut session, tls)?;
        }
        match greeting.condition == Condition::Preauth || is_logged_in_after_alert(&mut session, &greeting)? {
            true => self.check_logged_in()?,
            false => self.log_in(&mut session, user, token, credentials)?,
        }
        session.wire.end_introduction();
        session.wire.patience().renew(server.timeouts.command());
        introduce(&mut session)?;
        session.set_timeout(server.timeouts.read)?;
        Ok(session)
    }
}

impl Connector {
    fn log_in(
        &self,
        session: &mut Session,
        user: &str,
        token: Option<Token>,
        credentials: &dyn Credentials,
    ) -> Result<(), Refusal> {
        if session.capabilities.is_empty() {
            ask_capabilities(session)?;
        }
        let (server, offered) = (session.server.clone(), session.capabilities.clone());
        let can_bind = session.wire.channel_binding().is_some();
        let mechanisms = match server.master.as_ref().is_some_and(|master| master.style.is_its_own_mechanism()) {
            true => Vec::new(),
            false => choose(&server, &offered, can_bind, &self.disappointments)?,
        };
        let mut is_kept = false;
        let secret = match (token, &self.tokens) {
            (Some(token), Some(jar)) => {
                is_kept = token.is_kept;
                session.lease = Some(lease(jar, user, &token));
                token.secret
            }
            _ if mechanisms == [Mechanism::External] => Secret::new(String::new()),
            _ => credentials.password()?,
        };
        session.meant = server.master.is_some().then(|| user.to_owned());
        let identity = Identity::new(&server, user);
        let login = Login { wire: &mut session.wire, server: &server, identity, offered: &offered };
        let witness = login.run(&secret, &mechanisms, &self.disappointments);
        let witness = witness.map_err(|error| match (error.kind(), secret.oddity()) {
            (Kind::Authentication, Some(oddity)) if self.tokens.is_none() => {
                let hint = format!(
                    "the password that was found {oddity}: correct the place that it comes from, unless it is meant so"
                );
                error.advise(hint)
            }
            _ => error,
        });
        let is_refusal = witness.as_ref().is_err_and(|error| *error.kind() == Kind::Authentication);
        let refused = |error| Refusal { error, is_of_kept_token: is_kept && is_refusal };
        session.capabilities = witness.map_err(refused)?.capabilities;
        Ok(())
    }

    /// A server that is logged in by itself must be told for whom.
    fn check_logged_in(&self) -> Result<()> {
        let error = |what| Error::new(Kind::Authorization, what);
        match &self.server.address {
            Address::Tcp { .. } => Err(error("the server is logged in before anybody was asked for, over the network")
                .because("nobody can tell whose mailboxes these are")
                .hint("connect to a port that asks for a login, or use a `tunnel` with `{user}` in its command")),
            Address::Tunnel(command) if self.users > 1 && !command.iter().any(|word| word.contains("{user}")) => {
                Err(error("the tunnel is logged in by itself, and opens the same mailboxes for every account")
                    .hint("put `{user}` into the command of `tunnel`: it stands for the account's user"))
            }
            Address::Tunnel(_) => Ok(()),
        }
    }
}

/// Why there is no session.
struct Refusal {
    error: Error,
    /// A token was refused that had been fetched for another login.
    is_of_kept_token: bool,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        Refusal { error, is_of_kept_token: false }
    }
}

/// How long a session with this token may last.
fn lease(jar: &Jar, user: &str, token: &Token) -> Lease {
    let (jar, user, secret) = (jar.clone(), user.to_owned(), token.secret.clone());
    Lease {
        ends: token.session_ends(),
        token_ends: token.ends(),
        on_end: Box::new(move || jar.note_end(&user, &secret)),
    }
}

fn read_greeting(wire: &mut Wire) -> Result<Status> {
    let line = authenticate::greeting(wire)?;
    let status = line.strip_prefix(b"* ").and_then(Status::parse);
    match status {
        Some(status) if status.condition == Condition::Bye => {
            Err(status.error_of(Command::Login, "the server refused the connection"))
        }
        Some(status) if matches!(status.condition, Condition::No | Condition::Bad) => {
            Err(Error::new(Kind::Protocol, "the server did not greet, but complained").because(&status.text))
        }
        Some(status) => Ok(status),
        None => Err(Error::new(Kind::Protocol, "this is no IMAP server: it did not greet as one")
            .because(String::from_utf8_lossy(&line))
            .hint("check `host`, `port` and `tls`: implicit is port 993, starttls is port 143")),
    }
}

fn announced(status: &Status) -> Capabilities {
    if status.code == "CAPABILITY" { Capabilities::parse(&status.arguments) } else { Capabilities::default() }
}

fn preauth_before_tls() -> Error {
    Error::new(Kind::Protocol, "the server is logged in before TLS: STARTTLS is impossible")
        .hint("use tls = \"implicit\", or a tunnel")
}

/// STARTTLS; nothing that came before it is carried over, the capabilities least of all.
fn start_tls(session: &mut Session, tls: &TlsClient) -> Result<()> {
    session.run(b"STARTTLS", "the server refused STARTTLS", |_| Ok(())).map_err(|error| {
        error.hint("set tls = \"implicit\" and port = 993; clear text needs tls = \"none\" with allow_plaintext = true")
    })?;
    let started = session.wire.start_tls(tls);
    session.alive_after(started)?;
    session.capabilities = Capabilities::default();
    Ok(())
}
