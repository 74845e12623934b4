//! What the `imap` crate is given in a secret's stead: it formats and buffers copies of what it writes, and none of them
//! is ever erased. The wire puts the secret in when the line leaves, and erases what it sent.

use zeroize::Zeroizing;

/// Nobody's password, and part of no command.
pub const STAND_IN: &str = "mailferry puts the secret here";

/// A secret, and what stands for it until it is sent.
pub struct StandIn {
    /// What the crate writes.
    token: Vec<u8>,
    /// What is sent instead.
    secret: Zeroizing<Vec<u8>>,
    /// Announced with its length, and sent when the server says `+`.
    literal: bool,
}

impl StandIn {
    /// For [`STAND_IN`] in quotes: a password in quotes, or as a literal where a quoted string cannot hold it (RFC 9051
    /// 4.3: no line ends, nothing beyond ASCII).
    pub fn for_password(password: &str) -> StandIn {
        let token = format!("\"{STAND_IN}\"").into_bytes();
        let literal = password.bytes().any(|octet| octet == b'\r' || octet == b'\n' || !octet.is_ascii());
        if literal {
            return StandIn { token, secret: Zeroizing::new(password.as_bytes().to_vec()), literal };
        }
        // With room for an escape before each octet, so that nothing is left behind in a smaller vector.
        let mut quoted = Zeroizing::new(Vec::with_capacity(2 * password.len() + 2));
        quoted.push(b'"');
        for octet in password.bytes() {
            if octet == b'"' || octet == b'\\' {
                quoted.push(b'\\');
            }
            quoted.push(octet);
        }
        quoted.push(b'"');
        StandIn { token, secret: quoted, literal }
    }

    /// What is to be sent for `written`: up to where the server must say `+`, and from there on. The second is empty
    /// where nothing has to be waited for. `None`: nothing stands for a secret there.
    pub fn replace(&self, written: &[u8]) -> Option<[Zeroizing<Vec<u8>>; 2]> {
        let at = written.windows(self.token.len()).rposition(|window| window == self.token)?;
        let (before, after) = (&written[..at], &written[at + self.token.len()..]);
        let joined = |pieces: &[&[u8]]| Zeroizing::new(pieces.concat());
        Some(match self.literal {
            true => {
                [joined(&[before, format!("{{{}}}\r\n", self.secret.len()).as_bytes()]), joined(&[&self.secret, after])]
            }
            false => [joined(&[before, &self.secret, after]), Zeroizing::default()],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(stand_in: &StandIn, written: &str) -> [String; 2] {
        let octets = stand_in.replace(written.as_bytes()).expect("a token");
        octets.map(|octets| String::from_utf8(octets.to_vec()).unwrap())
    }

    #[test]
    fn replace_password_that_fits_is_quoted() {
        let written = format!("a1 LOGIN \"user\" \"{STAND_IN}\"\r\n");
        let line = sent(&StandIn::for_password("a \"b\" \\ %\t{3}"), &written);
        assert!(StandIn::for_password("x").replace(b"a1 CAPABILITY\r\n").is_none());
        assert_eq!(line, ["a1 LOGIN \"user\" \"a \\\"b\\\" \\\\ %\t{3}\"\r\n".to_owned(), String::new()]);
    }

    #[test]
    fn replace_password_that_no_quotes_hold_is_a_literal() {
        let written = format!("a1 LOGIN \"user\" \"{STAND_IN}\"\r\n");
        let [head, tail] = sent(&StandIn::for_password("ö\r\nb"), &written);
        assert_eq!((head.as_str(), tail.as_str()), ("a1 LOGIN \"user\" {5}\r\n", "ö\r\nb\r\n"));
    }
}
