//! What is learnt right before and right after the login: what the server can do, who it is, and what resyncs need.

use super::quirks;
use crate::engine::conversation::capabilities::Capabilities;
use crate::engine::conversation::reticence::Optional;
use crate::engine::conversation::session::{Introduction, Session, Tag};
use crate::engine::conversation::status::{Condition, Status};
use crate::engine::wire::response::Response;
use crate::error::{Error, Kind, Result, Scope};
use crate::model::server::{Address, Preset};

/// Whether a tunnel that greets with an alert says behind it that it is logged in: Courier 5.0 warns of file system
/// notifications that it cannot have, before its `* PREAUTH`.
pub(super) fn is_logged_in_after_alert(session: &mut Session, greeting: &Status) -> Result<bool> {
    let is_tunnel = matches!(session.server.address, Address::Tunnel(_));
    if !is_tunnel || greeting.code != "ALERT" {
        return Ok(false);
    }
    let second = ask_capabilities(session)?;
    Ok(second == Some(Condition::Preauth))
}

/// Learns the capabilities. Returned is what a second greeting before them said, if there was one.
pub(super) fn ask_capabilities(session: &mut Session) -> Result<Option<Condition>> {
    let (mut found, mut greeting) = (Capabilities::default(), None);
    session.run(b"CAPABILITY", "the server refused CAPABILITY", |response| {
        if let Some(words) = capability_words(&response) {
            found = Capabilities::parse(&words);
        } else if let Some(status) = response.text().strip_prefix(b"* ").and_then(Status::parse) {
            greeting = Some(status.condition);
        }
        Ok(())
    })?;
    session.capabilities = found;
    Ok(greeting)
}

fn capability_words(response: &Response) -> Option<String> {
    let text = String::from_utf8_lossy(response.text());
    let rest = text.strip_prefix("* ")?;
    let (word, words) = rest.split_once(' ')?;
    word.eq_ignore_ascii_case("CAPABILITY").then(|| words.to_owned())
}

/// Learns the capabilities after login, compresses the line where that is wanted, asks who the server is, and switches on
/// what resyncs need. The answers to the last two are read with the first answer that is awaited: they cost no round trip
/// of their own.
pub(super) fn introduce(session: &mut Session) -> Result<()> {
    if session.capabilities.is_empty() {
        ask_capabilities(session)?;
    }
    if session.capabilities.is_endless() {
        return Err(Error::new(Kind::Protocol, "the server lists more capabilities than there can be"));
    }
    if !session.capabilities.is_imap4rev1() {
        return Err(Error::new(Kind::Protocol, "the server does not speak IMAP4rev1")
            .because(session.capabilities.words().collect::<Vec<_>>().join(" ")));
    }
    session.compress_at_once()?;
    quirks::recognise(session);
    if session.capabilities.has("ID") {
        let tag = session.send_optional(Optional::Id, quirks::ID_COMMAND)?;
        session.introduction.extend(tag.map(|tag| (tag, Introduction::Id)));
    }
    if session.capabilities.has("QRESYNC") && session.capabilities.has("ENABLE") {
        let tag = session.send_optional(Optional::Enable, b"ENABLE QRESYNC")?;
        session.introduction.extend(tag.map(|tag| (tag, Introduction::Enable)));
    }
    Ok(())
}

impl Session {
    pub(in crate::engine) fn finish_introduction(
        &mut self,
        tag: Tag,
        introduction: Introduction,
        untagged: &mut dyn FnMut(Response) -> Result<()>,
    ) -> Result<()> {
        match introduction {
            Introduction::Id => {
                let mut fields = Vec::new();
                // NO and BAD to ID are no reason to stop.
                self.await_answer(tag, |response| {
                    if !quirks::is_id(&response) {
                        return untagged(response);
                    }
                    if fields.is_empty() {
                        fields = quirks::id_fields(response);
                    }
                    Ok(())
                })?;
                self.product = quirks::product(&fields);
                quirks::recognise(self);
                let opened = quirks::field(&fields, "user").filter(|_| self.preset == Preset::Zimbra);
                let checked = opened.map_or(Ok(()), |opened| check_user(&self.meant, opened));
                self.alive_after(checked)?;
            }
            Introduction::Enable => {
                let mut enabled = false;
                let status = self.await_answer(tag, |response| {
                    let text = response.text().to_ascii_uppercase();
                    if !text.starts_with(b"* ENABLED ") {
                        return untagged(response);
                    }
                    enabled |= text.windows(7).any(|word| word == b"QRESYNC");
                    Ok(())
                })?;
                // iCloud enables it, and does not say so. ID was asked for before, so that its name is known.
                self.qresync = enabled || (status.is_ok() && self.preset == Preset::Icloud);
            }
        }
        Ok(())
    }
}

/// Zimbra tries a user that it does not know once more in the administrator's own domain, and says whose mailboxes it opened.
fn check_user(meant: &Option<String>, opened: &str) -> Result<()> {
    let Some(meant) = meant.as_deref().filter(|meant| !is_of_one_user(meant, opened)) else { return Ok(()) };
    Err(Error::new(Kind::Authorization, format!("the server opened the mailboxes of `{opened}` for `{meant}`"))
        .scope(Scope::Account)
        .hint(format!("write `{opened}` as the user of this account if that is another name of the same person")))
}

/// A user without a domain is of whichever the server knows.
fn is_of_one_user(meant: &str, opened: &str) -> bool {
    let local = |name: &str| name.split('@').next().unwrap_or_default().to_lowercase();
    let same = meant.to_lowercase() == opened.to_lowercase();
    same || (local(meant) == local(opened) && !(meant.contains('@') && opened.contains('@')))
}
