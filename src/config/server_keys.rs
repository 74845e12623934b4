//! What a table of a server, or an account of its own server, says: key by key.

use super::document::{At, Table};
use super::fields::Fields;
use super::mistake::Mistake;
use super::oauth::{self, Ingredients};
use super::place::{Place, PlaceKeys};
use super::preset::PRESETS;
use crate::model::Side;
use crate::model::fingerprint::Fingerprint;
use crate::model::oauth::OAuth;
use crate::model::server::{Compress, Mechanism, Pipelining, Preset, Tls};
use std::path::PathBuf;

pub(super) const IMAPS_PORT: u16 = 993;
pub(super) const IMAP_PORT: u16 = 143;

/// How the settings name a [`MasterStyle`].
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Style {
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
    pub(super) host: Option<At<String>>,
    pub(super) port: Option<At<u16>>,
    pub(super) tunnel: Option<At<Vec<String>>>,
    pub(super) tls: Option<At<Tls>>,
    pub(super) allow_plaintext: Option<At<bool>>,
    pub(super) ca_file: Option<At<PathBuf>>,
    pub(super) server_name: Option<At<String>>,
    pub(super) fingerprint: Option<At<Fingerprint>>,
    pub(super) client_certificate_file: Option<At<PathBuf>>,
    pub(super) client_key_file: Option<At<PathBuf>>,
    pub(super) preset: Option<At<Preset>>,
    pub(super) auth: Option<At<Mechanism>>,
    pub(super) master_user: Option<At<String>>,
    pub(super) master_style: Option<At<Style>>,
    pub(super) master_separator: Option<At<char>>,
    pub(super) max_connections: Option<At<usize>>,
    pub(super) compress: Option<At<Compress>>,
    pub(super) pipelining: Option<At<Pipelining>>,
    /// Where tokens come from; `None` in it: it is wrong.
    pub(super) oauth: Option<Option<(OAuth, Ingredients)>>,
    pub(super) password: Option<Place>,
}

impl Keys {
    pub(super) fn read(table: &mut Table, side: Side) -> Keys {
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
