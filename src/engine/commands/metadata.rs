//! Annotations of mailboxes (METADATA, RFC 5464): read, and set where there are none.

use crate::engine::conversation::mailbox_name::{quoted, with_mailbox};
use crate::engine::conversation::reticence::Optional;
use crate::engine::conversation::session::Session;
use crate::engine::wire::response::{Response, Value};
use crate::error::{Error, Kind, Result};
use crate::model::RawName;
use std::collections::{BTreeMap, HashMap};

/// All that is said of a mailbox, whoever may see it.
const ALL_ENTRIES: &str = " (/private /shared)";

/// Entries of one mailbox, and octets of one of their values, at most.
const ENTRIES: usize = 200;
const VALUE_OCTETS: u64 = 4096;

/// Commands in flight.
const IN_FLIGHT: usize = 32;

/// By their names, the values of the entries of one mailbox.
pub type Entries = BTreeMap<String, Vec<u8>>;

impl Session {
    /// What is said of these mailboxes; `None` where the server keeps nothing of the kind.
    ///
    /// # Errors
    /// `Connection`, `Protocol`.
    pub fn metadata(&mut self, names: &[RawName]) -> Result<Option<HashMap<RawName, Entries>>> {
        if !self.capabilities().has("METADATA") {
            return Ok(None);
        }
        let mut found: HashMap<RawName, Entries> = HashMap::new();
        for window in names.chunks(IN_FLIGHT) {
            let send = |name| {
                let command = with_mailbox("GETMETADATA (DEPTH infinity)", name, ALL_ENTRIES)?;
                self.send_optional(Optional::Metadata, &command)
            };
            for tag in window.iter().map(send).collect::<Result<Vec<_>>>()?.into_iter().flatten() {
                self.finish(tag, |mut response| {
                    if let Some((name, entries)) = metadata_line(&mut response) {
                        let known = found.entry(name).or_default();
                        known.extend(entries.into_iter().take(ENTRIES.saturating_sub(known.len())));
                    }
                    Ok(())
                })?;
            }
        }
        Ok(Some(found))
    }

    /// Says that of a mailbox.
    ///
    /// # Errors
    /// `Refused`, also for what no quoted string can hold; `Connection`.
    pub fn set_metadata(&mut self, mailbox: &RawName, entry: &str, value: &[u8]) -> Result<()> {
        let is_plain = |octet: &u8| octet.is_ascii_graphic() && !b"\"\\*%(){".contains(octet);
        if !entry.bytes().all(|octet| is_plain(&octet)) {
            return Err(self.located(Error::new(Kind::Refused, "the name of the annotation cannot be sent")));
        }
        let command = [
            with_mailbox("SETMETADATA", mailbox, &format!(" ({entry} "))?,
            quoted(&RawName(value.to_vec()))
                .map_err(|_| self.located(Error::new(Kind::Refused, "the annotation holds a line end or a NUL")))?,
            b")".to_vec(),
        ];
        self.run(&command.concat(), "could not annotate the mailbox", |_| Ok(())).map(drop)
    }
}

/// `* METADATA name (/shared/comment "text" …)`
fn metadata_line(response: &mut Response) -> Option<(RawName, Entries)> {
    let mut scanner = response.scan();
    scanner.word()?;
    scanner.spaces();
    if !scanner.word()?.eq_ignore_ascii_case(b"METADATA") {
        return None;
    }
    scanner.spaces();
    let name = RawName(scanner.string()?);
    scanner.spaces();
    let mut entries = Entries::new();
    if !scanner.take(b'(') {
        return None;
    }
    while entries.len() < ENTRIES {
        scanner.spaces();
        if scanner.take(b')') {
            break;
        }
        let Some(entry) = scanner.string().and_then(|entry| String::from_utf8(entry).ok()) else { break };
        scanner.spaces();
        match scanner.value() {
            Some(Value::Octets(value)) => {
                entries.extend(value.into_small(VALUE_OCTETS).ok().map(|value| (entry, value)))
            }
            Some(Value::Nil) => {}
            None => break,
        }
    }
    Some((name, entries))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_lines_are_pairs_and_nil_is_none() {
        let read = |line: &str| {
            let (name, entries) = metadata_line(&mut Response::from_text(line))?;
            let entries =
                entries.into_iter().map(|(entry, value)| format!("{entry}={}", String::from_utf8_lossy(&value)));
            Some((String::from_utf8_lossy(&name.0).into_owned(), entries.collect::<Vec<_>>()))
        };
        let line = "* METADATA \"a b\" (/shared/comment \"of (us)\" /private/comment NIL /private/x y)";
        let entries = vec!["/private/x=y".to_owned(), "/shared/comment=of (us)".to_owned()];
        assert_eq!(read(line), Some(("a b".to_owned(), entries)));
        assert_eq!(read("* METADATA INBOX ()"), Some(("INBOX".to_owned(), Vec::new())));
        assert_eq!(read("* METADATA INBOX /shared/comment"), None);
        assert_eq!(read("* ACL INBOX a b"), None);
    }
}
