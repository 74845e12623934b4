//! Which mechanism to log in with: what the settings fix, else the strongest that is offered, and the next one where that
//! is refused.
//!
//! Under TLS a password may be told to the server it belongs to, so that PLAIN is as good as what hides it weakly
//! (CRAM-MD5); without TLS it is not. Some servers offer SCRAM and have no secrets for it, as where passwords are stored
//! in another form: so PLAIN is tried behind it, once, and remembered for the run.

use crate::engine::conversation::capabilities::Capabilities;
use crate::error::{Error, Kind, Result};
use crate::model::server::{Address, Master, MasterStyle, Mechanism, Server, Tls};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Mechanisms that this server offers and does not take, and what is to be told of it. Shared by its connections.
#[derive(Clone, Default)]
pub struct Disappointments(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    refused: BTreeSet<Mechanism>,
    news: Option<String>,
}

impl Disappointments {
    /// One mechanism was refused and the next accepted, with the same password.
    pub fn note(&self, server: &Server, refused: Mechanism, accepted: Mechanism) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.refused.insert(refused) {
            let (label, refused, accepted) = (server.label(), refused.name(), accepted.name());
            known.news = Some(format!("{label} offers {refused} and refused it; {accepted} serves from here on"));
        }
    }

    /// What is to be told, once.
    pub fn take_news(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).news.take()
    }

    fn include(&self, mechanism: Mechanism) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).refused.contains(&mechanism)
    }
}

/// The SCRAM family, strongest first.
const SCRAM: [Mechanism; 4] =
    [Mechanism::ScramSha256Plus, Mechanism::ScramSha1Plus, Mechanism::ScramSha256, Mechanism::ScramSha1];

/// How to log in: the first that serves, and the one to be tried where that is refused.
///
/// `can_bind`: whether the connection has a channel binding.
///
/// # Errors
/// `Settings` when what the settings ask for cannot carry the login, `Protocol` when the server offers nothing that could.
pub fn choose(
    server: &Server,
    offered: &Capabilities,
    can_bind: bool,
    disappointments: &Disappointments,
) -> Result<Vec<Mechanism>> {
    if let Some(mechanism) = server.mechanism {
        return fixed(server, mechanism, can_bind).map(|()| vec![mechanism]);
    }
    let offers = |mechanism: Mechanism| offered.has(&format!("AUTH={}", mechanism.name()));
    if server.oauth.is_some() {
        let known = [Mechanism::OAuthBearer, Mechanism::XOAuth2].into_iter().find(|mechanism| offers(*mechanism));
        return known.map(|mechanism| vec![mechanism]).ok_or_else(|| takes_no_token(offered));
    }
    let needs_authorization = needs_authorization(server);
    let may = |mechanism: &Mechanism| {
        offers(*mechanism)
            && (!needs_authorization || mechanism.carries_authorization())
            && (can_bind || !mechanism.is_bound())
            && !disappointments.include(*mechanism)
    };
    let mut found = Vec::new();
    found.extend(SCRAM.into_iter().find(may));
    let hiding = Some(Mechanism::CramMd5).filter(may);
    let plain = plain(server, offered, needs_authorization);
    let is_private = server.tls != Tls::None || matches!(server.address, Address::Tunnel(_));
    found.extend(if is_private { [plain, hiding] } else { [hiding, plain] }.into_iter().flatten());
    // A wrong password is refused once by each: more would lock the user out.
    found.truncate(2);
    match found.is_empty() {
        false => Ok(found),
        true => Err(nothing_offered(offered)),
    }
}

/// What tells the password as it is.
fn plain(server: &Server, offered: &Capabilities, needs_authorization: bool) -> Option<Mechanism> {
    // Exchange reads a name with `\` in LOGIN, and not always in PLAIN.
    let prefers_login = matches!(server.master, Some(Master { style: MasterStyle::Backslash, .. }));
    let takes_login = !offered.has("LOGINDISABLED") && !needs_authorization;
    match offered.has("AUTH=PLAIN") || needs_authorization {
        true if takes_login && prefers_login => Some(Mechanism::Login),
        true => Some(Mechanism::Plain),
        false if takes_login => Some(Mechanism::Login),
        false => None,
    }
}

fn needs_authorization(server: &Server) -> bool {
    matches!(server.master, Some(Master { style: MasterStyle::AuthzId, .. }))
}

fn fixed(server: &Server, mechanism: Mechanism, can_bind: bool) -> Result<()> {
    let name = mechanism.name();
    if needs_authorization(server) && !mechanism.carries_authorization() && !mechanism.takes_token() {
        return Err(Error::new(Kind::Settings, format!("{name} cannot carry a master user as authorization identity"))
            .hint("remove `auth`, or set master_style = \"separator\" if the server knows that form"));
    }
    if mechanism.is_bound() && !can_bind {
        return Err(Error::new(
            Kind::Settings,
            format!("{name} needs TLS with a channel binding, and there is none here"),
        )
        .hint(format!("set auth = \"{}\"", name.trim_end_matches("-PLUS").to_ascii_lowercase())));
    }
    Ok(())
}

fn takes_no_token(offered: &Capabilities) -> Error {
    let mechanisms: Vec<_> = offered.words().filter_map(|word| word.strip_prefix("AUTH=")).collect();
    Error::new(Kind::Protocol, "the server takes no tokens (OAuth) on this connection")
        .because(mechanisms.join(" "))
        .hint("remove the table `oauth`, or set `auth` where the server takes tokens and does not say so")
}

fn nothing_offered(offered: &Capabilities) -> Error {
    let error = |what| Error::new(Kind::Protocol, what);
    let mechanisms: Vec<_> = offered.words().filter_map(|word| word.strip_prefix("AUTH=")).collect();
    let wants_token = ["OAUTHBEARER", "XOAUTH2"].iter().any(|name| mechanisms.contains(name));
    match mechanisms.is_empty() {
        true => error("the server offers no way to log in on this connection")
            .hint("set tls = \"implicit\" or \"starttls\": most servers take passwords only under TLS"),
        false if wants_token => error("the server takes no passwords, only tokens (OAuth)")
            .because(mechanisms.join(" "))
            .hint("describe in [source.oauth] or [destination.oauth] where tokens come from"),
        false => error("the server offers no way to log in that mailferry knows, or that carries a master user")
            .because(mechanisms.join(" "))
            .hint("fix one with `auth`, or use the users' own passwords instead of `master_user`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Side;

    fn server(tls: Tls, style: Option<MasterStyle>) -> Server {
        let address = Address::Tcp { host: "h".to_owned(), port: 1 };
        let master = style.map(|style| Master { user: "admin".to_owned(), style });
        Server { master, ..Server::at(Side::Source, address, tls) }
    }

    #[test]
    fn choose_takes_the_strongest_that_serves_and_one_more() {
        use Mechanism::{CramMd5, Login, Plain, ScramSha1, ScramSha256, ScramSha256Plus};
        const ALL: &str =
            "AUTH=PLAIN AUTH=LOGIN AUTH=CRAM-MD5 AUTH=SCRAM-SHA-1 AUTH=SCRAM-SHA-256 AUTH=SCRAM-SHA-256-PLUS";
        let clear = Tls::None;
        let authzid = Some(MasterStyle::AuthzId);
        type Case<'a> = (Tls, Option<MasterStyle>, bool, &'a str, &'a [Mechanism]);
        let cases: [Case; 13] = [
            (Tls::Implicit, None, true, ALL, &[ScramSha256Plus, Plain]),
            (Tls::Implicit, None, false, ALL, &[ScramSha256, Plain]),
            (clear, None, false, ALL, &[ScramSha256, CramMd5]),
            (Tls::Implicit, None, true, "AUTH=SCRAM-SHA-1", &[ScramSha1, Login]),
            (Tls::Implicit, None, true, "AUTH=CRAM-MD5 AUTH=PLAIN", &[Plain, CramMd5]),
            (clear, None, true, "AUTH=CRAM-MD5 AUTH=PLAIN", &[CramMd5, Plain]),
            (Tls::Implicit, None, true, "", &[Login]),
            (Tls::Implicit, None, true, "LOGINDISABLED AUTH=CRAM-MD5", &[CramMd5]),
            (Tls::Implicit, authzid, true, "AUTH=CRAM-MD5 AUTH=LOGIN", &[Plain]),
            (clear, authzid, true, "AUTH=CRAM-MD5 AUTH=SCRAM-SHA-1", &[ScramSha1, Plain]),
            (clear, Some(MasterStyle::Separator('*')), true, "AUTH=CRAM-MD5 LOGINDISABLED", &[CramMd5]),
            (Tls::Implicit, Some(MasterStyle::Backslash), true, "AUTH=PLAIN", &[Login]),
            (Tls::Implicit, Some(MasterStyle::Backslash), true, "AUTH=PLAIN LOGINDISABLED", &[Plain]),
        ];
        for (tls, style, can_bind, offered, expected) in cases {
            let found = choose(&server(tls, style), &Capabilities::parse(offered), can_bind, &Default::default());
            assert_eq!(found.as_deref(), Ok(expected), "{tls:?} {style:?} {offered}");
        }
    }

    #[test]
    fn choose_what_was_refused_where_the_next_was_taken_is_not_tried_again() {
        let (known, server) = (Disappointments::default(), server(Tls::Implicit, None));
        known.note(&server, Mechanism::ScramSha256, Mechanism::Plain);
        let offered = Capabilities::parse("AUTH=PLAIN AUTH=SCRAM-SHA-256");
        assert_eq!(choose(&server, &offered, true, &known), Ok(vec![Mechanism::Plain]));
        assert!(known.take_news().is_some_and(|news| news.contains("SCRAM-SHA-256 and refused it; PLAIN")));
        assert_eq!(known.take_news(), None);
    }

    #[test]
    fn choose_what_cannot_serve_is_an_error_with_a_way_out() {
        let advice = |server: &Server, offered: &str| {
            let chosen = choose(server, &Capabilities::parse(offered), false, &Default::default());
            chosen.expect_err("nothing").advice().unwrap_or_default().to_owned()
        };
        let mut settings = server(Tls::Implicit, Some(MasterStyle::AuthzId));
        settings.mechanism = Some(Mechanism::CramMd5);
        assert!(advice(&settings, "").contains("separator"));
        let mut settings = server(Tls::Implicit, None);
        assert!(advice(&settings, "LOGINDISABLED AUTH=XOAUTH2").contains("oauth"));
        assert!(advice(&settings, "LOGINDISABLED").contains("tls"));
        assert!(advice(&settings, "LOGINDISABLED AUTH=GSSAPI").contains("auth"));
        settings.mechanism = Some(Mechanism::ScramSha1Plus);
        assert!(advice(&settings, "").contains("\"scram-sha-1\""));
    }
}
