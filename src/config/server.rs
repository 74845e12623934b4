//! `[source]`, `[destination]` and `[servers.NAME]`: how to reach a server and log in on it.
//!
//! Read in three steps: the keys one by one, then what contradicts what, then the [`Server`].

use super::document::Table;
use super::mistake::{Findings, Mistake};
use super::oauth::Ingredients;
use super::place::Place;
use super::server_checks::{
    check_ca_file, check_client_certificate, check_master, check_oauth, check_tls, check_tunnel, warn_of_oddities,
};
use super::server_keys::{IMAP_PORT, IMAPS_PORT, Keys, Style};
use super::value::checked_text;
use crate::model::Side;
use crate::model::server::{Address, ClientCertificate, Compress, Master, MasterStyle, Pipelining, Server, Tls};
use std::net::IpAddr;
use std::path::Path;

/// A server and where its logins' shared password is.
#[derive(Clone)]
pub(super) struct ServerSettings {
    pub server: Server,
    pub password: Option<Place>,
    /// What its tokens are made with.
    pub ingredients: Ingredients,
    /// Where it is written: `[source]`.
    pub title: String,
}

const DEFAULT_SEPARATOR: char = '*';

impl Keys {
    /// The server that an account says it is on. `None` after noting why it is none.
    pub fn own_server(mut self, side: Side, directory: &Path, findings: &Findings) -> Option<ServerSettings> {
        let title = format!("the account's `{side}_host`");
        self.judged(side, false, directory, findings).map(|server| ServerSettings { title, ..server })
    }

    fn judged(
        &mut self,
        side: Side,
        has_master: bool,
        directory: &Path,
        findings: &Findings,
    ) -> Option<ServerSettings> {
        check_tunnel(self, findings);
        check_tls(self, findings);
        check_master(self, has_master, findings);
        check_ca_file(self, findings);
        check_client_certificate(self, findings);
        warn_of_oddities(self, findings);
        check_oauth(self, findings);
        let password = self.password.take();
        let (oauth, ingredients) = self.oauth.take().map_or(Some((None, Ingredients::default())), |read| {
            read.map(|(oauth, ingredients)| (Some(oauth), ingredients))
        })?;
        let server = server(std::mem::take(self), side, directory, findings)?;
        let server = Server { oauth, ..server };
        Some(ServerSettings { server, password, ingredients, title: String::new() })
    }
}

/// Reads a table of that title. `None` after noting why there is no server in it.
pub(super) fn read(mut table: Table, side: Side, title: String) -> Option<ServerSettings> {
    let mut keys = Keys::read(&mut table, side);
    if !table.has("host") && !table.has("tunnel") {
        table.missing("host", "name the server, or a `tunnel` command that leads to it");
    }
    let findings = table.findings();
    let directory = table.directory();
    // A master that is there and wrong has been noted; what hangs on it is not a second mistake.
    let has_master = table.has("master_user");
    table.finish();
    keys.judged(side, has_master, directory, findings).map(|server| ServerSettings { title, ..server })
}

/// A server reached by host name and otherwise by defaults, as a URL gives it.
pub(super) fn plain(side: Side, host: String, port: Option<u16>, tls: Tls) -> Server {
    Server::at(side, Address::Tcp { host, port: port.unwrap_or(default_port(tls)) }, tls)
}

/// A host as it is looked up and as certificates name it: international names in their ASCII form (RFC 5890).
pub(super) fn host(written: &str) -> Result<String, Mistake> {
    checked_text(written)?;
    let wrong = || match written.contains('@') {
        // What stands before it may hold a password.
        true => Mistake::new("this is not a host name").fix("write the name alone, without a user"),
        false => Mistake::new("this is not a host name").fix(host_fix(written)),
    };
    let bare = written.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(written);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(address.to_string());
    }
    // `%` would be decoded, and a host of 127.1 be read as an address: neither is what a server is called.
    match url::Host::parse(written).map_err(|_| wrong())? {
        url::Host::Domain(name) if !written.contains('%') => Ok(name),
        _ => Err(wrong()),
    }
}

fn host_fix(written: &str) -> &'static str {
    if written.contains("://") || written.contains('/') {
        "write the name alone; `tls` says how to connect"
    } else if written.contains(':') {
        "write the name alone, and its port as `port`"
    } else {
        "write a name such as imap.example.com, or an address"
    }
}

fn server(keys: Keys, side: Side, directory: &Path, findings: &Findings) -> Option<Server> {
    let is_tunnel = keys.tunnel.is_some();
    let tls = if is_tunnel { Tls::None } else { keys.tls.map_or(Tls::Implicit, |tls| tls.value) };
    let address = match (keys.tunnel, keys.host) {
        (Some(tunnel), _) => Address::Tunnel(findings.accept(&tunnel.origin, tunnel_command(tunnel.value, directory))?),
        (None, written) => {
            let written = written?;
            let host = findings.accept(&written.origin, host(&written.value).map_err(|m| m.about("`host`")))?;
            Address::Tcp { host, port: keys.port.map_or(default_port(tls), |port| port.value) }
        }
    };
    let style = match keys.master_style.map(|style| style.value) {
        Some(Style::Separator) => {
            MasterStyle::Separator(keys.master_separator.map_or(DEFAULT_SEPARATOR, |separator| separator.value))
        }
        Some(Style::Backslash) => MasterStyle::Backslash,
        Some(Style::ProxyAuth) => MasterStyle::ProxyAuth,
        Some(Style::MasterAuth) => MasterStyle::MasterAuth,
        Some(Style::TrustedApplication) => MasterStyle::TrustedApplication,
        Some(Style::AuthzId) | None => MasterStyle::AuthzId,
    };
    Some(Server {
        address,
        ca_file: keys.ca_file.map(|path| path.value),
        server_name: keys.server_name.map(|name| name.value),
        fingerprints: keys.fingerprint.into_iter().map(|fingerprint| fingerprint.value).collect(),
        client_certificate: keys.client_certificate_file.map(|certificates| {
            let key = keys.client_key_file.map_or_else(|| certificates.value.clone(), |key| key.value);
            ClientCertificate { certificates: certificates.value, key }
        }),
        mechanism: keys.auth.map(|auth| auth.value),
        master: keys.master_user.map(|user| Master { user: user.value, style }),
        preset: keys.preset.map(|preset| preset.value),
        max_connections: keys.max_connections.map(|count| count.value),
        compress: keys.compress.map_or_else(Compress::default, |compress| compress.value),
        pipelining: keys.pipelining.map_or_else(Pipelining::default, |pipelining| pipelining.value),
        ..plain(side, String::new(), None, tls)
    })
}

/// The tunnel with its program found from the file's directory, if it is written as a path.
fn tunnel_command(mut command: Vec<String>, directory: &Path) -> Result<Vec<String>, Mistake> {
    let program = command.first_mut().filter(|program| !program.is_empty());
    let program = program.ok_or_else(|| Mistake::new("`tunnel` names no program"))?;
    if program.contains('/') {
        *program = directory.join(&*program).to_string_lossy().into_owned();
    }
    Ok(command)
}

fn default_port(tls: Tls) -> u16 {
    if tls == Tls::Implicit { IMAPS_PORT } else { IMAP_PORT }
}
