//! How to reach one server and log in on it: settings as plain data.

use super::Side;
use super::fingerprint::Fingerprint;
use super::namespace::Namespace;
use super::oauth::OAuth;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Where the server is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Address {
    /// A host name or address, and a port.
    Tcp { host: String, port: u16 },
    /// A command whose standard input and output are the server; `{user}` stands for the account's user.
    Tunnel(Vec<String>),
}

/// How the connection is protected (RFC 8314).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tls {
    Implicit,
    StartTls,
    /// Clear text; only when the settings allow it in words.
    None,
}

/// How to log in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Mechanism {
    /// SASL PLAIN (RFC 4616).
    Plain,
    /// The LOGIN command.
    Login,
    /// CRAM-MD5 (RFC 2195): for old servers.
    CramMd5,
    /// SCRAM (RFC 5802, 7677); with PLUS it is bound to the TLS connection.
    ScramSha1,
    ScramSha1Plus,
    ScramSha256,
    ScramSha256Plus,
    /// Who it is was told by the client's certificate (RFC 4422, appendix A).
    External,
    /// A token, in the words of Google and Microsoft.
    XOAuth2,
    /// A token (RFC 7628).
    OAuthBearer,
}

impl Mechanism {
    /// All, with the names by which servers offer them, and which settings give in lower case.
    pub const NAMES: [(Mechanism, &str); 10] = [
        (Mechanism::Plain, "PLAIN"),
        (Mechanism::Login, "LOGIN"),
        (Mechanism::CramMd5, "CRAM-MD5"),
        (Mechanism::ScramSha1, "SCRAM-SHA-1"),
        (Mechanism::ScramSha1Plus, "SCRAM-SHA-1-PLUS"),
        (Mechanism::ScramSha256, "SCRAM-SHA-256"),
        (Mechanism::ScramSha256Plus, "SCRAM-SHA-256-PLUS"),
        (Mechanism::External, "EXTERNAL"),
        (Mechanism::XOAuth2, "XOAUTH2"),
        (Mechanism::OAuthBearer, "OAUTHBEARER"),
    ];

    /// The name by which servers offer it.
    pub fn name(self) -> &'static str {
        Self::NAMES.into_iter().find(|(mechanism, _)| *mechanism == self).map_or("", |(_, name)| name)
    }

    /// Whether one can log in with it for another user (the authorization identity of SASL).
    pub fn carries_authorization(self) -> bool {
        !matches!(self, Mechanism::Login | Mechanism::CramMd5 | Mechanism::XOAuth2 | Mechanism::OAuthBearer)
    }

    /// Whether it is bound to the TLS connection (RFC 5929, 9266).
    pub fn is_bound(self) -> bool {
        matches!(self, Mechanism::ScramSha1Plus | Mechanism::ScramSha256Plus)
    }

    /// Whether what is given is a token.
    pub fn takes_token(self) -> bool {
        matches!(self, Mechanism::XOAuth2 | Mechanism::OAuthBearer)
    }
}

/// How one login opens another user's mailboxes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MasterStyle {
    /// The user is the authorization identity of a SASL mechanism.
    AuthzId,
    /// `user` + separator + `master` as the login name.
    Separator(char),
    /// `master\user` as the login name: Exchange on premises, with a master of the form `DOMAIN\admin`.
    Backslash,
    /// The master logs in, and then says `PROXYAUTH user` (Sun, Oracle).
    ProxyAuth,
    /// Kerio's X-MASTERAUTH: there is a master password, and no master's name.
    MasterAuth,
    /// GroupWise: the master is a trusted application, and the password its key.
    TrustedApplication,
}

impl MasterStyle {
    /// Whether the master logs in by a command of its own, and not by a mechanism.
    pub fn is_its_own_mechanism(self) -> bool {
        matches!(self, MasterStyle::MasterAuth | MasterStyle::TrustedApplication)
    }
}

/// The login that opens every account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Master {
    pub user: String,
    pub style: MasterStyle,
}

/// Files in PEM form: our certificate with its chain, and its private key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientCertificate {
    pub certificates: PathBuf,
    pub key: PathBuf,
}

/// The servers whose oddities are known by name (ARCHITECTURE.md, "Server oddities").
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Preset {
    Zimbra,
    Dovecot,
    Cyrus,
    Courier,
    Exchange,
    Gmail,
    Generic,
    // The state holds their numbers: new ones come last.
    Yahoo,
    Icloud,
}

/// Whether the line is compressed (COMPRESS=DEFLATE, RFC 4978), where the server offers it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Compress {
    /// Compressing costs a server more of its processor's time than the mail itself.
    #[default]
    Off,
    /// Once the line turns out to be slow.
    Auto,
    /// From the login on.
    On,
}

/// Whether commands are sent ahead of answers that their meaning depends on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Pipelining {
    /// Where the server is known to work on them in order.
    #[default]
    Auto,
    Off,
}

/// How long to wait for what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timeouts {
    /// For the connection and the TLS handshake.
    pub connect: Duration,
    /// For the greeting and the login.
    pub login: Duration,
    /// For the next octet of an answer.
    pub read: Duration,
    /// For commands that make a server work before it speaks: SELECT and APPEND.
    pub slow: Duration,
}

/// How much longer a command may take than one of its octets.
const COMMAND_FACTOR: u32 = 2;

impl Timeouts {
    /// For a command, as long as nothing comes that it asked for. Some servers say again and again that they are still
    /// there, and work meanwhile.
    pub fn command(&self) -> Duration {
        self.slow.saturating_mul(COMMAND_FACTOR)
    }

    /// For the greeting and the login in all.
    pub fn whole_login(&self) -> Duration {
        self.login.saturating_mul(COMMAND_FACTOR)
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Timeouts { connect: seconds(15), login: seconds(30), read: seconds(120), slow: seconds(300) }
    }
}

/// One side of the migration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Server {
    pub side: Side,
    /// What the settings call it, where it is one of several.
    pub name: Option<String>,
    pub address: Address,
    pub tls: Tls,
    /// PEM certificates to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// The certificates to trust, and no others; empty: those that somebody vouches for.
    pub fingerprints: Vec<Fingerprint>,
    /// The name that the certificate must carry, where it is not the host.
    pub server_name: Option<String>,
    /// Who we are, as certificates tell it: for `EXTERNAL`.
    pub client_certificate: Option<ClientCertificate>,
    /// `None`: the best that is offered.
    pub mechanism: Option<Mechanism>,
    /// Where tokens come from, in the stead of passwords.
    pub oauth: Option<OAuth>,
    pub master: Option<Master>,
    /// `None`: found from greeting, ID and capabilities.
    pub preset: Option<Preset>,
    /// Connections to this server at one time, over all accounts; `None`: see [`Server::connections`].
    pub max_connections: Option<usize>,
    pub compress: Compress,
    pub pipelining: Pipelining,
    pub timeouts: Timeouts,
    /// Environment variables that hold passwords: a tunnel command must not see them.
    pub withheld: Vec<String>,
    /// How often a broken connection is opened again before the account is given up for this run.
    pub retries: u32,
}

/// Enough to keep a wide pipe full; below the limits of every server tried, which count per user.
const DEFAULT_CONNECTIONS: usize = 8;

/// With the engine's backoff these last through a restart of a server, not through a night.
pub const DEFAULT_RETRIES: u32 = 5;

impl Server {
    /// A server with everything else by default.
    pub fn at(side: Side, address: Address, tls: Tls) -> Server {
        Server {
            side,
            name: None,
            address,
            tls,
            ca_file: None,
            fingerprints: Vec::new(),
            server_name: None,
            client_certificate: None,
            mechanism: None,
            oauth: None,
            master: None,
            preset: None,
            max_connections: None,
            compress: Compress::default(),
            pipelining: Pipelining::default(),
            timeouts: Timeouts::default(),
            withheld: Vec::new(),
            retries: DEFAULT_RETRIES,
        }
    }

    /// How many connections there may be at one time while so many accounts are worked on at once: one for each of them,
    /// if the settings do not say less.
    pub fn connections(&self, accounts: usize) -> usize {
        self.max_connections.unwrap_or(DEFAULT_CONNECTIONS.max(accounts))
    }
}

impl Address {
    /// Which server this is, as far as an address can tell: the same on both of IMAP's own ports, another on any other
    /// port (forwarded ports of one machine lead to different servers) or by another tunnel.
    pub fn place(&self) -> String {
        match self {
            Address::Tcp { host, port: 143 | 993 } => host.clone(),
            Address::Tcp { host, port } => format!("{host}:{port}"),
            Address::Tunnel(command) => format!("{} {}", program(command), fingerprint(command)),
        }
    }
}

impl Address {
    /// The same for two spellings of one server, as far as names tell: upper and lower case, a final dot, and the names of this
    /// very machine.
    pub fn machine(&self) -> String {
        let Address::Tcp { host, port } = self else { return self.place() };
        let bare = host.trim_end_matches('.').to_ascii_lowercase();
        let is_loopback = bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        let host = if is_loopback { "localhost".to_owned() } else { bare };
        Address::Tcp { host, port: *port }.place()
    }
}

/// The program alone: an argument may be a password (`sshpass -p`).
fn program(command: &[String]) -> String {
    format!("tunnel `{}`", command.first().map_or("", String::as_str))
}

/// Tells commands apart without showing them.
fn fingerprint(command: &[String]) -> String {
    let digest = Sha256::digest(command.join("\0"));
    digest.iter().take(FINGERPRINT_OCTETS).map(|octet| format!("{octet:02x}")).collect()
}

/// Too few to try out what was in the command.
const FINGERPRINT_OCTETS: usize = 4;

impl Server {
    /// The name by which messages speak of this server.
    pub fn label(&self) -> String {
        let address = match &self.address {
            Address::Tcp { host, .. } => host.clone(),
            Address::Tunnel(command) => program(command),
        };
        match &self.name {
            Some(name) => format!("{name} ({address})"),
            None => address,
        }
    }
}

/// One limit of one quota root (RFC 9208).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Quota {
    pub root: String,
    pub resource: QuotaResource,
    pub used: u64,
    pub limit: u64,
}

/// What a quota counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum QuotaResource {
    /// In octets here (units of 1024 octets on the wire).
    Storage,
    Messages,
}

/// What a scan learns of one side of an account besides its mailboxes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SideState {
    /// What the server calls itself.
    pub product: String,
    pub preset: Preset,
    /// The personal namespace whose prefix is no part of a name.
    pub namespace: Namespace,
    /// APPENDLIMIT in octets (RFC 7889).
    pub append_limit: Option<u64>,
    /// Whether CREATE takes a special use (RFC 6154).
    pub creates_special_use: bool,
    /// Whether single messages can be expunged (RFC 4315).
    pub expunges_by_uid: bool,
    pub quotas: Vec<Quota>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn place_tells_servers_apart_and_not_the_ways_to_one() {
        let tcp = |port| Address::Tcp { host: "mail.example.org".to_owned(), port };
        assert_eq!(tcp(143).place(), tcp(993).place());
        assert_ne!(tcp(1143).place(), tcp(2143).place());
        let tunnel = |host: &str| Address::Tunnel(["ssh", host, "imap"].map(str::to_owned).to_vec());
        assert_ne!(tunnel("old").place(), tunnel("new").place());
        assert!(!tunnel("old").place().contains("old"), "an argument may be a password");
    }
}
