//! The settings for one mailbox without a file: each server and its user in a URL, `imaps://user@host[:port]` (RFC 5092,
//! and no more of it).
//!
//! `imap://` is STARTTLS. A URL is never quoted in a mistake: it may hold a password where none belongs.

use super::account::{AccountDraft, account, checked_user};
use super::choice::Choice;
use super::keyring::fallback_variable;
use super::limits::LimitSettings;
use super::mistake::{Findings, Mistake, Origin};
use super::oauth::Ingredients;
use super::place::Quoting;
use super::server::{self, ServerSettings};
use super::{DEFAULT_STATE, Draft};
use crate::model::policy::Policy;
use crate::model::server::{Server, Tls};
use crate::model::{ServerId, Side};
use std::path::Path;
use url::Url;

const FORM: &str = "write it like imaps://user@host, where @ in the user may stand as it is or as %40";

/// Reads both URLs. `None` after noting why they are no settings.
pub(super) fn read(source: &str, destination: &str, state: Option<&Path>, findings: &Findings) -> Option<Draft> {
    let origin = Origin::default();
    let side = |text, side: Side| {
        let parts = server_and_user(text, side).map_err(|mistake| mistake.about(format!("--{side}")));
        findings.accept(&origin, parts)
    };
    let (source, destination) = (side(source, Side::Source), side(destination, Side::Destination));
    let ((source, source_user), (destination, destination_user)) = source.zip(destination)?;
    let mut account = account(None, source_user, Some(destination_user), Vec::new());
    account.servers = [ServerId(0), ServerId(1)];
    let servers = [source, destination];
    let servers = servers.map(|server| {
        let (title, ingredients) = (format!("[{}]", server.side), Ingredients::default());
        ServerSettings { title, server, password: None, ingredients }
    });
    Some(Draft {
        state: state.unwrap_or(Path::new(DEFAULT_STATE)).to_owned(),
        servers: servers.into(),
        shards_file: None,
        accounts: vec![AccountDraft {
            wave: None,
            account,
            places: [None, None],
            servers: [Choice::Default, Choice::Default],
            prefix: None,
            merges: false,
            policy: None,
            origin,
            quoting: Quoting::Allowed,
        }],
        policy: Policy::default(),
        limits: LimitSettings::default(),
        fleet: None,
        notices: Vec::new(),
    })
}

/// The server of that side, and the user on it.
fn server_and_user(text: &str, side: Side) -> Result<(Server, String), Mistake> {
    // `user@host`, as people say it, is under TLS.
    let whole = if text.contains("://") || !text.contains('@') { text.to_owned() } else { format!("imaps://{text}") };
    let text = whole.as_str();
    let url = Url::parse(text).map_err(|error| Mistake::new(format!("this is not a URL: {error}")).fix(FORM))?;
    let tls = match url.scheme() {
        "imaps" => Tls::Implicit,
        "imap" => Tls::StartTls,
        _ => return Err(Mistake::new("only imaps:// and imap:// lead to a mailbox").fix(FORM)),
    };
    refuse_password(&url, text, side)?;
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(Mistake::new("something follows the host").fix(FORM));
    }
    let host = url.host_str().filter(|host| !host.is_empty());
    let host = host.ok_or_else(|| Mistake::new("the host is missing").fix(FORM))?;
    let host = server::host(&decoded(host)?)?;
    Ok((server::plain(side, host, url.port(), tls), user(&url)?))
}

/// Everyone on the machine sees arguments, and shells remember them.
fn refuse_password(url: &Url, text: &str, side: Side) -> Result<(), Mistake> {
    // The parser does not tell an empty password from none.
    let user_part = text.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@')).map_or("", |(user, _)| user);
    if url.password().is_none() && !user_part.contains(':') {
        return Ok(());
    }
    let fix = format!("leave it out; it is asked for, or taken from {}", fallback_variable(side));
    Err(Mistake::new("a password in a URL is seen by everyone on this machine (`ps`) and kept by shells").fix(fix))
}

fn user(url: &Url) -> Result<String, Mistake> {
    if url.username().is_empty() {
        return Err(Mistake::new("the user is missing").fix(FORM));
    }
    checked_user(&decoded(url.username())?)
}

fn decoded(text: &str) -> Result<String, Mistake> {
    let octets: Vec<u8> = percent_encoding::percent_decode_str(text).collect();
    String::from_utf8(octets).map_err(|_| Mistake::new("its percent-encoding is not UTF-8").fix(FORM))
}
