//! What is asked: the head of an HTTP/1.1 request (RFC 9112), read within bounds of size and time, and judged before
//! anything is answered.
//!
//! Invariants:
//! 1. Only GET and HEAD, and nothing with a body: nothing can be changed, and nothing is smuggled.
//! 2. One Host, and it is an address or `localhost`: a page of somebody else's, whose name leads here, is told nothing
//!    (DNS rebinding).

use percent_encoding::percent_decode_str;
use std::io::{self, ErrorKind, Read};
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// More than any browser sends.
pub const LARGEST_HEAD_OCTETS: usize = 16 << 10;
const MOST_FIELDS: usize = 64;

/// A head is there within so long, however slowly it drips.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Something to read from that can be told how long to wait.
pub trait Incoming: Read {
    /// How long the next read waits.
    ///
    /// # Errors
    /// Those of the system.
    fn wait_for(&self, patience: Duration) -> io::Result<()>;
}

/// What is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    pub is_head: bool,
    /// Decoded; without what stands behind `?`.
    pub path: String,
    pub query: Vec<(String, String)>,
    /// What an Authorization field has behind `Bearer`.
    pub bearer: Option<String>,
}

/// Why nothing is answered but this status; `None` where nobody is there to read it.
pub type Refusal = Option<u16>;

impl Request {
    /// Reads the head.
    ///
    /// # Errors
    /// The status to refuse it with.
    pub fn read(from: &mut impl Incoming) -> Result<Request, Refusal> {
        let (mut head, until) = (Vec::new(), Instant::now() + PATIENCE);
        loop {
            let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
            let mut parsed = httparse::Request::new(&mut fields);
            match parsed.parse(&head) {
                Ok(httparse::Status::Complete(_)) => return Request::judged(&parsed).map_err(Some),
                Ok(httparse::Status::Partial) if head.len() >= LARGEST_HEAD_OCTETS => return Err(Some(431)),
                Ok(httparse::Status::Partial) => {}
                Err(httparse::Error::TooManyHeaders) => return Err(Some(431)),
                Err(_) => return Err(Some(400)),
            }
            more(from, &mut head, until)?;
        }
    }

    fn judged(parsed: &httparse::Request<'_, '_>) -> Result<Request, u16> {
        let is_head = match parsed.method {
            Some("GET") => false,
            Some("HEAD") => true,
            _ => return Err(405),
        };
        if field(parsed, "transfer-encoding").next().is_some() || field(parsed, "content-length").any(|it| it != b"0") {
            return Err(400);
        }
        let mut hosts = field(parsed, "host");
        match (hosts.next(), hosts.next()) {
            (Some(host), None) if is_ours(host) => {}
            (Some(_), None) => return Err(421),
            _ => return Err(400),
        }
        let target = parsed.path.unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if !path.starts_with('/') {
            return Err(400);
        }
        let bearer = field(parsed, "authorization").next().and_then(|it| std::str::from_utf8(it).ok());
        let bearer = bearer.and_then(|it| it.strip_prefix("Bearer ")).map(str::to_owned);
        Ok(Request { is_head, path: decoded(path)?, query: pairs(query)?, bearer })
    }

    /// What the query says of that.
    pub fn asked(&self, key: &str) -> Option<&str> {
        self.query.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

/// Reads some octets more of the head.
fn more(from: &mut impl Incoming, head: &mut Vec<u8>, until: Instant) -> Result<(), Refusal> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(Some(408));
    }
    from.wait_for(left).map_err(|_| None)?;
    let mut octets = [0; 4096];
    let room = octets.len().min(LARGEST_HEAD_OCTETS - head.len());
    match from.read(&mut octets[..room]) {
        Ok(0) => Err(None),
        Ok(count) => {
            head.extend_from_slice(&octets[..count]);
            Ok(())
        }
        Err(why) if matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Err(Some(408)),
        Err(why) if why.kind() == ErrorKind::Interrupted => Ok(()),
        Err(_) => Err(None),
    }
}

fn field<'a>(parsed: &'a httparse::Request<'_, '_>, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    parsed.headers.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
}

/// Whether that is an address, with or without a port, or this machine's own name for itself.
fn is_ours(host: &[u8]) -> bool {
    let Ok(host) = std::str::from_utf8(host) else { return false };
    if let Some((address, port)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address.parse::<Ipv6Addr>().is_ok() && (port.is_empty() || port.starts_with(':'));
    }
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

fn decoded(text: &str) -> Result<String, u16> {
    percent_decode_str(text).decode_utf8().map(|text| text.into_owned()).map_err(|_| 400)
}

fn pairs(query: &str) -> Result<Vec<(String, String)>, u16> {
    let pair = |part: &str| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        Ok((decoded(name)?, decoded(&value.replace('+', " "))?))
    };
    query.split('&').filter(|part| !part.is_empty()).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its octets in pieces of that size, and nothing more.
    struct Pieces<'a>(&'a [u8], usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(octets.len()).min(self.0.len());
            octets[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    impl Incoming for Pieces<'_> {
        fn wait_for(&self, _patience: Duration) -> io::Result<()> {
            Ok(())
        }
    }

    fn read(head: &str) -> Result<Request, Refusal> {
        let whole = Request::read(&mut Pieces(head.as_bytes(), usize::MAX));
        assert_eq!(Request::read(&mut Pieces(head.as_bytes(), 1)), whole, "in pieces it is the same");
        whole
    }

    #[test]
    fn path_and_query_are_decoded() {
        let read = read("GET /t/api?q=a%20b+c&x HTTP/1.1\r\nhost: localhost:80\r\n\r\n").unwrap();
        assert_eq!((read.path.as_str(), read.asked("q"), read.asked("x")), ("/t/api", Some("a b c"), Some("")));
        assert!(!read.is_head && read.asked("y").is_none());
    }

    #[test]
    fn bearer_is_taken_from_its_field() {
        let read = read("HEAD / HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer abc\r\n\r\n").unwrap();
        assert_eq!((read.is_head, read.bearer.as_deref()), (true, Some("abc")));
    }

    /// Holds serve/request.rs invariant 1. Holds serve/request.rs invariant 2.
    #[test]
    fn whatever_is_not_a_plain_question_is_refused() {
        let with = |fields: &str| format!("GET / HTTP/1.1\r\n{fields}\r\n\r\n");
        let table = [
            (with("Host: localhost\r\nContent-Length: 3"), Some(400)),
            (with("Host: localhost\r\nContent-Length: 0\r\nContent-Length: 3"), Some(400)),
            (with("Host: localhost\r\nTransfer-Encoding: chunked"), Some(400)),
            (with("Host: evil.example"), Some(421)),
            (with("Host: 127.0.0.1.evil.example"), Some(421)),
            (with("Host: localhost.evil.example:80"), Some(421)),
            (with("Host: [::1].evil.example"), Some(421)),
            (with("Host: "), Some(421)),
            (with("X: y"), Some(400)),
            (with("Host: localhost\r\nHost: localhost"), Some(400)),
            (with("Host: localhost\r\n folded: x"), Some(400)),
            ("POST / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), Some(405)),
            ("CONNECT a:1 HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), Some(405)),
            ("GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), Some(400)),
            ("GET /%ff HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), Some(400)),
            ("\x16\x03\x01\x02".to_owned(), Some(400)),
            ("GET / HTTP/1.1\r\nHost: local".to_owned(), None),
        ];
        for (head, status) in table {
            assert_eq!(read(&head), Err(status), "{head:?}");
        }
        for host in ["127.0.0.1:8080", "[::1]:80", "[::1]", "LOCALHOST"] {
            assert!(read(&with(&format!("Host: {host}"))).is_ok(), "{host}");
        }
        assert!(read(&with("Host: localhost\r\nContent-Length: 0")).is_ok());
    }

    #[test]
    fn head_that_is_too_large_or_too_long_is_refused_without_reading_it_all() {
        let long = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}", "x".repeat(1 << 20));
        let mut pieces = Pieces(long.as_bytes(), 4096);
        assert_eq!(Request::read(&mut pieces), Err(Some(431)));
        assert!(long.len() - pieces.0.len() <= LARGEST_HEAD_OCTETS);
        let many = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "a: b\r\n".repeat(100));
        assert_eq!(read(&many), Err(Some(431)));
    }

    /// Gives an octet at each read, and never ends.
    struct Drip;

    impl Read for Drip {
        fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
            octets[0] = b'G';
            Ok(1)
        }
    }

    impl Incoming for Drip {
        fn wait_for(&self, _patience: Duration) -> io::Result<()> {
            Ok(())
        }
    }

    /// Holds serve/server.rs invariant 1.
    #[test]
    fn head_that_is_not_there_in_time_is_refused() {
        let mut head = Vec::new();
        assert_eq!(more(&mut Drip, &mut head, Instant::now()), Err(Some(408)));
        assert_eq!(more(&mut Drip, &mut head, Instant::now() + PATIENCE), Ok(()));
    }
}
