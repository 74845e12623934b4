//! What the login may do with mailboxes (RFC 4314), and how much they hold (RFC 8438): for a look around before the work. And what
//! others may do, which is carried over on request.

use super::mailbox_status::named_numbers;
use crate::engine::conversation::mailbox_name::{quoted, with_mailbox};
use crate::engine::conversation::reticence::Optional;
use crate::engine::conversation::session::Session;
use crate::engine::wire::response::Response;
use crate::error::Result;
use crate::model::mailbox::RawName;
use std::collections::HashMap;

/// How many commands are in flight.
const IN_FLIGHT: usize = 32;

/// Rights that are told of one mailbox: there are fewer letters.
const RIGHTS_OCTETS: usize = 64;

impl Session {
    /// The rights that the login has on these mailboxes, as letters; nothing of one of which it is not told, and nothing at
    /// all where the server knows no ACL.
    ///
    /// # Errors
    /// `Connection`, `Protocol`.
    pub fn rights(&mut self, names: &[RawName]) -> Result<HashMap<RawName, String>> {
        let mut found = HashMap::new();
        if !self.capabilities().has("ACL") {
            return Ok(found);
        }
        self.each(Optional::Rights, names, "MYRIGHTS", "", |mut response| found.extend(rights_line(&mut response)))?;
        Ok(found)
    }

    /// Whose rights are which on these mailboxes; nothing of one of which it is not told, and `None` where the server knows no ACL.
    ///
    /// # Errors
    /// `Connection`, `Protocol`.
    pub fn access_lists(&mut self, names: &[RawName]) -> Result<Option<HashMap<RawName, Vec<Granted>>>> {
        if !self.capabilities().has("ACL") {
            return Ok(None);
        }
        let mut found = HashMap::new();
        self.each(Optional::AccessLists, names, "GETACL", "", |mut response| found.extend(acl_line(&mut response)))?;
        Ok(Some(found))
    }

    /// Gives rights on a mailbox, beside those that are there.
    ///
    /// # Errors
    /// `Refused` also where the name cannot be sent, `Connection`.
    pub fn grant(&mut self, mailbox: &RawName, granted: &Granted) -> Result<()> {
        let rights: String = granted.rights.chars().filter(char::is_ascii_alphanumeric).collect();
        let who = quoted(&RawName(granted.who.as_bytes().to_vec()))?;
        let after = [b" ".as_slice(), &who, format!(" \"+{rights}\"").as_bytes()].concat();
        let command = [with_mailbox("SETACL", mailbox, "")?, after].concat();
        self.run(&command, "could not give rights", |_| Ok(())).map(drop)
    }

    /// How many octets each of these mailboxes holds; nothing of those of which the server does not tell.
    ///
    /// # Errors
    /// `Connection`, `Protocol`.
    pub fn octets_held(&mut self, names: &[RawName]) -> Result<HashMap<RawName, u64>> {
        let mut found: HashMap<RawName, u64> = HashMap::new();
        if !self.capabilities().has("STATUS=SIZE") {
            return Ok(found);
        }
        self.leave(names)?;
        self.each(Optional::Sizes, names, "STATUS", " (SIZE)", |mut response| {
            let told = named_numbers(&mut response).and_then(|(name, of)| Some((name, of("SIZE")?)));
            found.extend(told);
        })?;
        Ok(found)
    }

    /// One command for each of these mailboxes, some at a time; a refusal tells nothing, and where the connection breaks on
    /// it again and again, it is not asked.
    fn each(
        &mut self,
        optional: Optional,
        names: &[RawName],
        verb: &str,
        after: &str,
        mut each: impl FnMut(Response),
    ) -> Result<()> {
        for window in names.chunks(IN_FLIGHT) {
            let sent = window.iter().map(|name| self.send_optional(optional, &with_mailbox(verb, name, after)?));
            for tag in sent.collect::<Result<Vec<_>>>()?.into_iter().flatten() {
                self.finish(tag, |response| {
                    each(response);
                    Ok(())
                })?;
            }
        }
        Ok(())
    }
}

/// Rights of one user, or of whoever an identifier means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Granted {
    pub who: String,
    /// Letters.
    pub rights: String,
}

/// Whose rights are told of one mailbox, at most.
const GRANTS: usize = 1000;

/// How long an identifier may be.
const IDENTIFIER_OCTETS: usize = 1000;

/// `* ACL name who rights who rights`
fn acl_line(response: &mut Response) -> Option<(RawName, Vec<Granted>)> {
    let mut scanner = response.scan();
    scanner.word()?;
    scanner.spaces();
    if !scanner.word()?.eq_ignore_ascii_case(b"ACL") {
        return None;
    }
    scanner.spaces();
    let (name, mut granted) = (RawName(scanner.string()?), Vec::new());
    while granted.len() < GRANTS {
        scanner.spaces();
        let Some(who) = scanner.string().filter(|who| !who.is_empty() && who.len() <= IDENTIFIER_OCTETS) else { break };
        scanner.spaces();
        let Some(rights) = scanner.string().filter(|rights| rights.len() <= RIGHTS_OCTETS) else { break };
        // What is no UTF-8 is nobody that can be named again.
        if let (Ok(who), Ok(rights)) = (String::from_utf8(who), String::from_utf8(rights)) {
            granted.push(Granted { who, rights });
        }
    }
    Some((name, granted))
}

/// `* MYRIGHTS name lrswi`
fn rights_line(response: &mut Response) -> Option<(RawName, String)> {
    let mut scanner = response.scan();
    scanner.word()?;
    scanner.spaces();
    if !scanner.word()?.eq_ignore_ascii_case(b"MYRIGHTS") {
        return None;
    }
    scanner.spaces();
    let name = RawName(scanner.string()?);
    scanner.spaces();
    let rights = scanner.string()?;
    let is_sound = rights.len() <= RIGHTS_OCTETS && rights.iter().all(u8::is_ascii_alphanumeric);
    is_sound.then(|| (name, String::from_utf8_lossy(&rights).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_letters_of_a_mailbox() {
        let read = |line: &str| rights_line(&mut Response::from_text(line)).map(|(name, rights)| (name.0, rights));
        assert_eq!(read("* MYRIGHTS \"Old mail\" lrs"), Some((b"Old mail".to_vec(), "lrs".to_owned())));
        assert_eq!(read("* MYRIGHTS INBOX \"\""), Some((b"INBOX".to_vec(), String::new())));
        assert_eq!(read("* MYRIGHTS INBOX \"l r\""), None);
        assert_eq!(read("* STATUS INBOX (MESSAGES 1)"), None);
    }

    #[test]
    fn access_lists_are_pairs_and_end_where_they_are_odd() {
        let read = |line: &str| {
            let (_, granted) = acl_line(&mut Response::from_text(line))?;
            Some(granted.into_iter().map(|it| format!("{} {}", it.who, it.rights)).collect::<Vec<_>>())
        };
        let some = |words: &[&str]| Some(words.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>());
        assert_eq!(read("* ACL \"a b\" bob lrs \"c d\" \"\" anyone l"), some(&["bob lrs", "c d ", "anyone l"]));
        assert_eq!(read("* ACL INBOX"), some(&[]));
        assert_eq!(read("* ACL INBOX bob lr carol"), some(&["bob lr"]));
        assert_eq!(read("* MYRIGHTS INBOX lr"), None);
    }
}
