//! What the login may do with mailboxes (RFC 4314), and how much they hold (RFC 8438): for a look around before the work.

use super::mailbox_status::named_numbers;
use crate::engine::conversation::mailbox_name::with_mailbox;
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
}
