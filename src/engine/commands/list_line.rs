//! One line of a listing: what it names, and with which attributes.

use crate::engine::wire::response::Response;
use crate::error::made_harmless;
use crate::model::mailbox::{Attribute, MailboxName, RawName, SpecialUse};
use crate::model::namespace::{Namespace, Unreadable};
use crate::model::utf7;

pub(super) struct ListLine {
    pub(super) raw: RawName,
    pub(super) delimiter: Option<char>,
    /// Those that are understood, each once.
    attributes: Vec<String>,
}

impl ListLine {
    pub(super) fn has(&self, attribute: &str) -> bool {
        self.attributes.iter().any(|text| text.eq_ignore_ascii_case(attribute))
    }

    /// See [`crate::engine::conversation::mailbox_name::quoted`].
    pub(super) fn is_unusable(&self) -> bool {
        self.raw.0.iter().any(|octet| b"\r\n\0".contains(octet))
    }

    pub(super) fn is_container(&self) -> bool {
        self.has("\\Noselect") || self.has("\\NonExistent")
    }

    /// Those that are mailbox attributes or special uses.
    pub(super) fn attributes(&self) -> Vec<Attribute> {
        self.attributes.iter().filter_map(|text| attribute(text)).collect()
    }

    /// Its name, without the prefix of the home namespace.
    pub(super) fn name(&self, home: &Namespace) -> MailboxName {
        decoded(&self.raw, self.delimiter, home)
    }
}

fn attribute(text: &str) -> Option<Attribute> {
    let is = |name: &str| text.eq_ignore_ascii_case(name);
    match () {
        () if is("\\Noselect") => Some(Attribute::NoSelect),
        () if is("\\NonExistent") => Some(Attribute::NonExistent),
        () if is("\\Noinferiors") => Some(Attribute::NoInferiors),
        () if is("\\Remote") => Some(Attribute::Remote),
        () => SpecialUse::ALL.into_iter().find(|special| is(special.as_str())).map(Attribute::SpecialUse),
    }
}

/// Those of the attributes that are understood, each once: a server may send any number.
fn known(attributes: Vec<String>) -> Vec<String> {
    let mut known: Vec<String> = Vec::new();
    for text in attributes {
        let is_understood = attribute(&text).is_some() || text.eq_ignore_ascii_case("\\Subscribed");
        if is_understood && !known.iter().any(|other| other.eq_ignore_ascii_case(&text)) {
            known.push(text);
        }
    }
    known
}

pub(super) fn shown(octets: &[u8]) -> String {
    made_harmless(&String::from_utf8_lossy(octets))
}

/// Splits a raw name at its delimiter and decodes the levels, without the prefix of the home namespace. What is not modified UTF-7 is shown as it is: the name
/// stays usable, because only its raw form ever goes back to the server. Courier's `INBOX.INBOX` keeps its prefix: without, it
/// would have the name of the INBOX.
fn decoded(raw: &RawName, delimiter: Option<char>, home: &Namespace) -> MailboxName {
    let delimiter = delimiter.and_then(|character| u8::try_from(character).ok());
    let is_inbox = |rest: &[u8]| levels(rest, delimiter)[0].eq_ignore_ascii_case(b"INBOX");
    let would_be_inbox = |rest: &[u8]| !home.prefix.0.is_empty() && is_inbox(rest);
    let stripped = raw.0.strip_prefix(&home.prefix.0[..]).filter(|rest| !rest.is_empty() && !would_be_inbox(rest));
    let split = levels(stripped.unwrap_or(&raw.0), delimiter);
    let decode = |level: &[u8]| utf7::decode(level).unwrap_or_else(|| String::from_utf8_lossy(level).into_owned());
    MailboxName { raw: raw.clone(), levels: split.into_iter().map(decode).collect() }
}

fn levels(name: &[u8], delimiter: Option<u8>) -> Vec<&[u8]> {
    match delimiter {
        Some(delimiter) => name.split(|&octet| octet == delimiter).collect(),
        None => vec![name],
    }
}

/// Why a line of a listing is no mailbox.
pub(super) enum Misread {
    /// It names something, and it cannot be told what.
    Line(Unreadable),
    /// The top of the hierarchy, which can hold no mail: the answer to a question about the delimiter.
    Root,
}

/// `* LIST (attributes) "/" name`, with the extended items of RFC 5258 behind the name.
///
/// What is not understood to its end names another mailbox than was read: Exchange leaves names with blanks and control
/// characters unquoted, so that `My` is read of `My Letters`.
pub(super) fn list_line(response: &mut Response) -> Result<ListLine, Misread> {
    let mut scanner = response.scan();
    let head = (|| {
        scanner.word()?;
        scanner.spaces();
        scanner.word()?;
        scanner.spaces();
        let attributes = known(scanner.words()?);
        scanner.spaces();
        let delimiter = scanner.string()?.first().map(|&octet| char::from(octet));
        scanner.spaces();
        Some((attributes, delimiter))
    })();
    let Some((attributes, delimiter)) = head else {
        return Err(misread(response.text(), "the line that lists it cannot be read"));
    };
    let written = scanner.remainder().to_vec();
    let raw = scanner.string().map(RawName);
    scanner.spaces();
    let extended = scanner.peek() == Some(b'(') && scanner.skip().is_some();
    let whole = scanner.is_at_end() || (extended && scanner.remainder().is_empty());
    match raw {
        Some(raw) if !raw.0.is_empty() && whole => Ok(ListLine { raw, delimiter, attributes }),
        Some(raw) if raw.0.is_empty() && whole && attributes.iter().any(|it| it.eq_ignore_ascii_case("\\Noselect")) => {
            Err(Misread::Root)
        }
        Some(raw) if raw.0.is_empty() && whole => Err(misread(response.text(), "its name is empty")),
        _ => Err(misread(&written, "its name is not quoted as IMAP demands, and cannot be read for certain")),
    }
}

fn misread(written: &[u8], reason: &str) -> Misread {
    Misread::Line(Unreadable { name: shown(written), reason: reason.to_owned() })
}
