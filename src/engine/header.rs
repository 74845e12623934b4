//! What a message's header says to a person: decoded, made harmless, and cut where it is long.

use crate::error::sanitized;
use crate::model::about::About;
use mail_parser::{Address, MessageParser};

/// Of these fields.
pub fn about(header: &[u8]) -> About {
    let Some(message) = MessageParser::default().parse_headers(header) else { return About::default() };
    About {
        from: sanitized(&message.from().map_or_else(String::new, sender)),
        subject: sanitized(message.subject().unwrap_or_default().trim()),
        message_id: sanitized(message.message_id().unwrap_or_default()),
    }
}

/// The first sender: by name, or else by address.
fn sender(address: &Address<'_>) -> String {
    let Some(first) = address.first() else { return String::new() };
    let name = first.name().map(str::trim).filter(|name| !name.is_empty());
    name.or(first.address()).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_is_decoded_and_harmless() {
        let header = b"From: =?utf-8?q?J=C3=B6rg?= <j@example.org>\r\nSubject: =?utf-8?b?QW5nZWJvdCAyMDIx?=\r\n =?utf-8?q?=1B[2J?=\r\nMessage-ID: <7@example.org>\r\n\r\n";
        let expected = About {
            from: "Jörg".to_owned(),
            subject: "Angebot 2021?[2J".to_owned(),
            message_id: "7@example.org".to_owned(),
        };
        assert_eq!(about(header), expected);
        assert_eq!(about(b"From: j@example.org\r\n\r\n").from, "j@example.org");
        assert_eq!(about(b""), About::default());
        assert_eq!(about(b"\xff\xfe\0: \r\n\r\n"), About::default());
    }
}
