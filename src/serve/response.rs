//! What is answered: a status, fields that forbid a page to do anything but show us, and a body of known length.

use std::io::{self, ErrorKind, Write};
use std::time::{Duration, Instant};

/// Who does not read an answer within so long is given up.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Of every answer. Scripts, styles and connections are ours or none; nothing is kept, framed or sent elsewhere.
const FIELDS: &str = "\
Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r
X-Content-Type-Options: nosniff\r
Referrer-Policy: no-referrer\r
Cross-Origin-Resource-Policy: same-origin\r
Cross-Origin-Opener-Policy: same-origin\r
Cache-Control: no-store\r
Connection: close\r
";

/// Something to write to that can be told how long to wait.
pub trait Outgoing: Write {
    /// How long the next write waits.
    ///
    /// # Errors
    /// Those of the system.
    fn wait_for_reader(&self, patience: Duration) -> io::Result<()>;
}

/// One answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Response {
    pub status: u16,
    pub kind: &'static str,
    pub body: Vec<u8>,
}

pub const HTML: &str = "text/html; charset=utf-8";
pub const SCRIPT: &str = "text/javascript; charset=utf-8";
pub const STYLE: &str = "text/css; charset=utf-8";
pub const JSON: &str = "application/json";
pub const TEXT: &str = "text/plain; charset=utf-8";

impl Response {
    /// What was asked for.
    pub fn of(kind: &'static str, body: impl Into<Vec<u8>>) -> Response {
        Response { status: 200, kind, body: body.into() }
    }

    /// As JSON.
    pub fn json(status: u16, value: &serde_json::Value) -> Response {
        Response { status, kind: JSON, body: value.to_string().into_bytes() }
    }

    /// Nothing but a status, with its words.
    pub fn refusal(status: u16) -> Response {
        Response { status, kind: TEXT, body: format!("{}\n", words(status)).into_bytes() }
    }

    /// Writes it; of a HEAD request without its body.
    ///
    /// # Errors
    /// Those of the system; `TimedOut` where nobody reads it.
    pub fn write(&self, to: &mut impl Outgoing, is_head: bool) -> io::Result<()> {
        let length = format!("Content-Length: {}\r\n", self.body.len());
        let mut octets = head(self.status, self.kind, &length).into_bytes();
        if !is_head {
            octets.extend_from_slice(&self.body);
        }
        write_within(to, &octets, PATIENCE)
    }
}

/// The head of an answer.
pub fn head(status: u16, kind: &str, more: &str) -> String {
    let allow = if status == 405 { "Allow: GET, HEAD\r\n" } else { "" };
    format!("HTTP/1.1 {status} {}\r\nContent-Type: {kind}\r\n{FIELDS}{allow}{more}\r\n", words(status))
}

fn words(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        421 => "Misdirected Request",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    }
}

/// Writes all of it within that time, however slowly it is read.
///
/// # Errors
/// Those of the system; `TimedOut` where it takes longer.
pub fn write_within(to: &mut impl Outgoing, octets: &[u8], patience: Duration) -> io::Result<()> {
    let (until, mut rest) = (Instant::now() + patience, octets);
    while !rest.is_empty() {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        to.wait_for_reader(left)?;
        match to.write(rest) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => rest = &rest[count..],
            Err(why) if why.kind() == ErrorKind::Interrupted => {}
            Err(why) if why.kind() == ErrorKind::WouldBlock => return Err(ErrorKind::TimedOut.into()),
            Err(why) => return Err(why),
        }
    }
    to.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Outgoing for Vec<u8> {
        fn wait_for_reader(&self, _patience: Duration) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn answer_has_its_length_and_forbids_what_a_page_could_do() {
        let written = |is_head| {
            let mut written = Vec::new();
            Response::of(TEXT, "hi").write(&mut written, is_head).unwrap();
            String::from_utf8(written).unwrap()
        };
        assert!(written(false).starts_with("HTTP/1.1 200 OK\r\n") && written(false).ends_with("\r\n\r\nhi"));
        assert!(written(true).contains("Content-Length: 2\r\n") && written(true).ends_with("\r\n\r\n"));
        assert!(written(false).contains("default-src 'none'; script-src 'self';"));
    }

    /// Holds serve/server.rs invariant 1.
    #[test]
    fn reader_that_never_reads_is_given_up() {
        assert_eq!(write_within(&mut Vec::new(), b"x", Duration::ZERO).unwrap_err().kind(), ErrorKind::TimedOut);
    }
}
