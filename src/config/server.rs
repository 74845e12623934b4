//! `[source]`, `[destination]` and `[servers.NAME]`: how to reach a server and log in on it.
//!
//! Read in three steps: the keys one by one, then what contradicts what, then the [`Server`].

use super::document::{At, Table};
use super::fields::Fields;
use super::mistake::{Findings, Mistake, Origin};
use super::oauth::{self, Ingredients};
use super::place::{Place, PlaceKeys};
use super::preset::PRESETS;
use super::value::checked_text;
use crate::model::Side;
use crate::model::fingerprint::Fingerprint;
use crate::model::oauth::OAuth;
use crate::model::server::{
    Address, ClientCertificate, Compress, Master, MasterStyle, Mechanism, Pipelining, Preset, Server, Tls,
};
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

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
const IMAPS_PORT: u16 = 993;
const IMAP_PORT: u16 = 143;

/// How the settings name a [`MasterStyle`].
#[derive(Clone, Copy, PartialEq)]
enum Style {
    AuthzId,
    Separator,
    Backslash,
    ProxyAuth,
    MasterAuth,
    TrustedApplication,
}

const TLS: [(&str, Option<Tls>); 3] =
    [("implicit", Some(Tls::Implicit)), ("starttls", Some(Tls::StartTls)), ("none", Some(Tls::None))];
const AUTH: [(&str, Option<Mechanism>); 10] = [
    ("plain", Some(Mechanism::Plain)),
    ("login", Some(Mechanism::Login)),
    ("cram-md5", Some(Mechanism::CramMd5)),
    ("scram-sha-1", Some(Mechanism::ScramSha1)),
    ("scram-sha-1-plus", Some(Mechanism::ScramSha1Plus)),
    ("scram-sha-256", Some(Mechanism::ScramSha256)),
    ("scram-sha-256-plus", Some(Mechanism::ScramSha256Plus)),
    ("external", Some(Mechanism::External)),
    ("xoauth2", Some(Mechanism::XOAuth2)),
    ("oauthbearer", Some(Mechanism::OAuthBearer)),
];
const PIPELINING: [(&str, Option<Pipelining>); 2] = [("auto", Some(Pipelining::Auto)), ("off", Some(Pipelining::Off))];
const COMPRESS: [(&str, Option<Compress>); 3] =
    [("off", Some(Compress::Off)), ("auto", Some(Compress::Auto)), ("on", Some(Compress::On))];
const STYLES: [(&str, Option<Style>); 6] = [
    ("authzid", Some(Style::AuthzId)),
    ("separator", Some(Style::Separator)),
    ("backslash", Some(Style::Backslash)),
    ("proxyauth", Some(Style::ProxyAuth)),
    ("x-masterauth", Some(Style::MasterAuth)),
    ("trusted-application", Some(Style::TrustedApplication)),
];

/// What the table says, key by key.
#[derive(Default)]
pub(super) struct Keys {
    host: Option<At<String>>,
    port: Option<At<u16>>,
    tunnel: Option<At<Vec<String>>>,
    tls: Option<At<Tls>>,
    allow_plaintext: Option<At<bool>>,
    ca_file: Option<At<PathBuf>>,
    server_name: Option<At<String>>,
    fingerprint: Option<At<Fingerprint>>,
    client_certificate_file: Option<At<PathBuf>>,
    client_key_file: Option<At<PathBuf>>,
    preset: Option<At<Preset>>,
    auth: Option<At<Mechanism>>,
    master_user: Option<At<String>>,
    master_style: Option<At<Style>>,
    master_separator: Option<At<char>>,
    max_connections: Option<At<usize>>,
    compress: Option<At<Compress>>,
    pipelining: Option<At<Pipelining>>,
    /// Where tokens come from; `None` in it: it is wrong.
    oauth: Option<Option<(OAuth, Ingredients)>>,
    password: Option<Place>,
}

impl Keys {
    fn read(table: &mut Table, side: Side) -> Keys {
        for key in ["user", "username"] {
            table.refuse(
                key,
                "users are given for each account",
                "write `source_user` in [[account]], or `master_user`",
            );
        }
        Keys {
            host: table.text("host"),
            port: table.number("port", 1..=u16::MAX.into()),
            tunnel: table.command("tunnel"),
            tls: table.word("tls", &TLS),
            allow_plaintext: table.switch("allow_plaintext"),
            ca_file: table.path("ca_file"),
            server_name: table.text("server_name"),
            fingerprint: read_fingerprint(table),
            client_certificate_file: table.path("client_certificate_file"),
            client_key_file: table.path("client_key_file"),
            preset: table.word("preset", &PRESETS.map(|(name, preset)| (name, Some(preset)))),
            auth: table.word("auth", &AUTH),
            master_user: table.text("master_user"),
            master_style: table.word("master_style", &STYLES),
            master_separator: table.character("master_separator"),
            max_connections: table.number("max_connections", 1..=1000),
            compress: table.word("compress", &COMPRESS),
            pipelining: table.word("pipelining", &PIPELINING),
            oauth: table.table("oauth").map(|tokens| oauth::read(tokens, side)),
            password: PlaceKeys::SIDE.read(table),
        }
    }
}

/// The keys with which an account says for itself which server it is on.
pub(super) struct OwnKeys {
    pub host: &'static str,
    pub port: &'static str,
    pub tls: &'static str,
    pub allow_plaintext: &'static str,
    pub ca_file: &'static str,
    pub server_name: &'static str,
    pub preset: &'static str,
    pub auth: &'static str,
}

impl OwnKeys {
    pub const fn of(side: Side) -> OwnKeys {
        match side {
            Side::Source => OwnKeys {
                host: "source_host",
                port: "source_port",
                tls: "source_tls",
                allow_plaintext: "source_allow_plaintext",
                ca_file: "source_ca_file",
                server_name: "source_server_name",
                preset: "source_preset",
                auth: "source_auth",
            },
            Side::Destination => OwnKeys {
                host: "destination_host",
                port: "destination_port",
                tls: "destination_tls",
                allow_plaintext: "destination_allow_plaintext",
                ca_file: "destination_ca_file",
                server_name: "destination_server_name",
                preset: "destination_preset",
                auth: "destination_auth",
            },
        }
    }

    pub fn all(&self) -> [&'static str; 8] {
        let OwnKeys { host, port, tls, allow_plaintext, ca_file, server_name, preset, auth } = *self;
        [host, port, tls, allow_plaintext, ca_file, server_name, preset, auth]
    }

    /// What an account says.
    pub fn read(&self, fields: &mut impl Fields) -> Keys {
        Keys {
            host: fields.text(self.host),
            port: fields.port(self.port),
            tls: fields.word(self.tls, &TLS),
            allow_plaintext: fields.switch(self.allow_plaintext),
            ca_file: fields.path(self.ca_file),
            server_name: fields.text(self.server_name),
            preset: fields.word(self.preset, &PRESETS.map(|(name, preset)| (name, Some(preset)))),
            auth: fields.word(self.auth, &AUTH),
            ..Keys::default()
        }
    }
}

impl Keys {
    /// Which of the servers that accounts name it is: the same for the same words.
    pub fn identity(&self) -> String {
        fn value<T>(at: &Option<At<T>>) -> Option<&T> {
            at.as_ref().map(|at| &at.value)
        }
        let way = (value(&self.host), value(&self.port), value(&self.tls), value(&self.allow_plaintext));
        let trust = (value(&self.ca_file), value(&self.server_name), value(&self.preset), value(&self.auth));
        format!("{way:?} {trust:?}")
    }

    /// Whether all that the account gives could be read.
    pub fn is_whole(&self, fields: &impl Fields, keys: &OwnKeys) -> bool {
        let read = [
            (keys.host, self.host.is_some()),
            (keys.port, self.port.is_some()),
            (keys.tls, self.tls.is_some()),
            (keys.allow_plaintext, self.allow_plaintext.is_some()),
            (keys.ca_file, self.ca_file.is_some()),
            (keys.server_name, self.server_name.is_some()),
            (keys.preset, self.preset.is_some()),
            (keys.auth, self.auth.is_some()),
        ];
        read.into_iter().all(|(key, is_read)| is_read || !fields.has(key))
    }

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

fn read_fingerprint(table: &mut Table) -> Option<At<Fingerprint>> {
    let text = table.text("fingerprint")?;
    let wrong = || {
        let fix = "write \"sha256:\" and 64 hexadecimal digits: openssl x509 -noout -fingerprint -sha256";
        Mistake::new("`fingerprint` is no SHA-256 fingerprint of a certificate").fix(fix)
    };
    let value = table.findings().accept(&text.origin, Fingerprint::parse(&text.value).ok_or_else(wrong))?;
    Some(At { value, origin: text.origin })
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
        true => Mistake::new("what stands here is not a host name").fix("write the name alone, without a user"),
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

fn check_tunnel(keys: &Keys, findings: &Findings) {
    if keys.tunnel.is_none() {
        return;
    }
    let useless = [
        ("host", origin(&keys.host)),
        ("port", origin(&keys.port)),
        ("tls", origin(&keys.tls)),
        ("allow_plaintext", origin(&keys.allow_plaintext)),
        ("ca_file", origin(&keys.ca_file)),
        ("server_name", origin(&keys.server_name)),
        ("fingerprint", origin(&keys.fingerprint)),
        ("client_certificate_file", origin(&keys.client_certificate_file)),
    ];
    for (key, origin) in useless {
        let what = format!("`{key}` contradicts `tunnel`: the command's standard input and output are the server");
        refuse_at(origin, findings, || Mistake::new(&what).fix("keep one of the two"));
    }
}

fn check_tls(keys: &Keys, findings: &Findings) {
    if keys.tls.as_ref().is_none_or(|tls| tls.value != Tls::None) || keys.tunnel.is_some() {
        return;
    }
    if keys.allow_plaintext.as_ref().is_none_or(|allow| !allow.value) {
        let what = "`tls = \"none\"` sends passwords and mail in clear text";
        let fix = "use \"implicit\" or \"starttls\", or add `allow_plaintext = true` where nobody can listen";
        refuse_at(origin(&keys.tls), findings, || Mistake::new(what).fix(fix));
    }
    let of_certificates = [
        ("ca_file", origin(&keys.ca_file)),
        ("server_name", origin(&keys.server_name)),
        ("fingerprint", origin(&keys.fingerprint)),
        ("client_certificate_file", origin(&keys.client_certificate_file)),
    ];
    for (key, origin) in of_certificates {
        let what = format!("`{key}` contradicts `tls = \"none\"`: there is no certificate to check");
        refuse_at(origin, findings, || Mistake::new(&what).fix("remove one of the two"));
    }
}

fn check_master(keys: &Keys, has_master: bool, findings: &Findings) {
    if !has_master {
        let hanging =
            [("master_style", origin(&keys.master_style)), ("master_separator", origin(&keys.master_separator))];
        for (key, origin) in hanging {
            let what = format!("`{key}` is given without `master_user`");
            refuse_at(origin, findings, || Mistake::new(&what).fix("add `master_user`, or remove it"));
        }
        return;
    }
    let style = keys.master_style.as_ref().map_or(Style::AuthzId, |style| style.value);
    if style != Style::Separator {
        let what = "`master_separator` is used only with `master_style = \"separator\"`";
        refuse_at(origin(&keys.master_separator), findings, || Mistake::new(what).fix("set that style, or remove it"));
    }
    if style == Style::AuthzId {
        let carries = |auth: &At<Mechanism>| auth.value.carries_authorization() || auth.value.takes_token();
        if let Some(auth) = keys.auth.as_ref().filter(|auth| !carries(auth)) {
            let name = auth.value.name().to_ascii_lowercase();
            let what = format!("`auth = \"{name}\"` cannot log in as one user for another");
            let fix = "set `auth = \"plain\"`, or `master_style = \"separator\"` if the server knows it";
            refuse_at(origin(&keys.auth), findings, || Mistake::new(&what).fix(fix));
        }
    }
}

fn check_ca_file(keys: &Keys, findings: &Findings) {
    check_pem("ca_file", &keys.ca_file, &["-----BEGIN CERTIFICATE-----"], "certificate", findings);
}

/// Who we are is a certificate and its key, in one file or in two.
fn check_client_certificate(keys: &Keys, findings: &Findings) {
    const KEYS: &[&str] =
        &["-----BEGIN PRIVATE KEY-----", "-----BEGIN RSA PRIVATE KEY-----", "-----BEGIN EC PRIVATE KEY-----"];
    let Keys { client_certificate_file: certificate, client_key_file: key, .. } = keys;
    check_pem("client_certificate_file", certificate, &["-----BEGIN CERTIFICATE-----"], "certificate", findings);
    match (certificate, key) {
        (Some(_), None) => check_pem("client_certificate_file", certificate, KEYS, "private key", findings),
        (_, Some(_)) => check_pem("client_key_file", key, KEYS, "private key", findings),
        (None, None) => {}
    }
    if certificate.is_none() {
        let what = "`client_key_file` is given without `client_certificate_file`";
        refuse_at(origin(key), findings, || Mistake::new(what).fix("add the certificate, or remove it"));
        if let Some(auth) = keys.auth.as_ref().filter(|auth| auth.value == Mechanism::External) {
            let what = "`auth = \"external\"` needs a certificate of ours";
            let fix = "add `client_certificate_file` and `client_key_file`";
            refuse_at(Some(&auth.origin), findings, || Mistake::new(what).fix(fix));
        }
    }
}

/// With tokens there is no password, and no other way to log in.
fn check_oauth(keys: &Keys, findings: &Findings) {
    if keys.oauth.is_none() {
        return;
    }
    if let Some(auth) = keys.auth.as_ref().filter(|auth| !auth.value.takes_token()) {
        let what = format!("`auth = \"{}\"` takes no token", auth.value.name().to_ascii_lowercase());
        let fix = "remove it, or set \"xoauth2\" or \"oauthbearer\"";
        refuse_at(Some(&auth.origin), findings, || Mistake::new(&what).fix(fix));
    }
    if let Some(place) = &keys.password {
        let what = "a password is named beside the table `oauth`, which says where tokens come from";
        refuse_at(Some(&place.origin), findings, || Mistake::new(what).fix("keep one of the two"));
    }
}

/// A file that must hold one of these blocks.
fn check_pem(key: &str, file: &Option<At<PathBuf>>, blocks: &[&str], noun: &str, findings: &Findings) {
    let Some(At { value: path, origin }) = file else { return };
    let holds = match fs::read(path).map(Zeroizing::new) {
        Ok(octets) => blocks.iter().any(|block| memchr::memmem::find(&octets, block.as_bytes()).is_some()),
        Err(error) => {
            let mistake = Mistake::new(format!("`{key}` {} cannot be read: {error}", path.display()));
            return findings.add(mistake.fix("correct the path or its rights").at(origin));
        }
    };
    if !holds {
        let mistake = Mistake::new(format!("`{key}` {} holds no {noun}", path.display()));
        findings.add(mistake.fix(format!("give a file in PEM form, with {}", blocks[0])).at(origin));
    }
}

fn warn_of_oddities(keys: &Keys, findings: &Findings) {
    let tls = keys.tls.as_ref().map_or(Tls::Implicit, |tls| tls.value);
    if let Some(port) = &keys.port {
        match (port.value, tls) {
            (IMAP_PORT, Tls::Implicit) => findings.warn(&port.origin, "port 143 is as a rule `tls = \"starttls\"`"),
            (IMAPS_PORT, Tls::StartTls | Tls::None) => {
                findings.warn(&port.origin, "port 993 is as a rule `tls = \"implicit\"`");
            }
            _ => {}
        }
    }
    let is_courier = keys.preset.as_ref().is_some_and(|preset| preset.value == Preset::Courier);
    if let (true, Some(master)) = (is_courier, &keys.master_user) {
        findings.warn(&master.origin, "Courier knows no master user: give each account's own password");
    }
}

fn origin<T>(value: &Option<At<T>>) -> Option<&Origin> {
    value.as_ref().map(|value| &value.origin)
}

fn refuse_at(origin: Option<&Origin>, findings: &Findings, mistake: impl FnOnce() -> Mistake) {
    if let Some(origin) = origin {
        findings.add(mistake().at(origin));
    }
}
