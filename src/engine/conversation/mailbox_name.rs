//! Mailbox names in commands. What a server calls its mailboxes never goes back to it but through here.

use crate::error::{Error, Kind, Result};
use crate::model::RawName;

/// A mailbox name as an IMAP string. Names with CR, LF or NUL cannot be sent so; such a name is refused when listed.
///
/// # Errors
/// `Refused` for such a name.
pub fn quoted(name: &RawName) -> Result<Vec<u8>> {
    if name.0.iter().any(|octet| b"\r\n\0".contains(octet)) {
        return Err(Error::new(
            Kind::Refused,
            "the mailbox name holds a line end or a NUL, and cannot be sent to a server",
        ));
    }
    let mut text = Vec::with_capacity(name.0.len() + 2);
    text.push(b'"');
    for &octet in &name.0 {
        if octet == b'"' || octet == b'\\' {
            text.push(b'\\');
        }
        text.push(octet);
    }
    text.push(b'"');
    Ok(text)
}

/// A command of words and one mailbox name in the middle.
///
/// # Errors
/// See [`quoted`].
pub fn with_mailbox(before: &str, name: &RawName, after: &str) -> Result<Vec<u8>> {
    let mut command = before.as_bytes().to_vec();
    command.push(b' ');
    command.extend_from_slice(&quoted(name)?);
    command.extend_from_slice(after.as_bytes());
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Holds engine/conversation/session.rs invariant 3.
    #[test]
    fn quoted_special_octets_are_escaped_and_line_ends_refused() {
        let name = |text: &str| RawName(text.as_bytes().to_vec());
        assert_eq!(quoted(&name("a\"b\\c")).unwrap(), b"\"a\\\"b\\\\c\"");
        assert!(quoted(&name("a\r\ny1 DELETE INBOX")).is_err());
    }
}
