//! Where the page is: a port of this machine, or a socket.
//!
//! Not an address that others can reach: what is told there is whose mail is moved, and without TLS anyone on the way
//! reads it. A tunnel or a proxy stands before it where others are to look.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// `127.0.0.1:8080`, `[::1]:0` or `unix:/run/mailferry.sock`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// Port 0 means any that is free.
    Port(SocketAddr),
    Socket(PathBuf),
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path {
                "" => Err("a path belongs behind unix:, as in unix:/run/mailferry/page".to_owned()),
                path => Ok(Place::Socket(path.into())),
            };
        }
        let text = text.strip_prefix("localhost:").map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
        let address: SocketAddr =
            text.parse().map_err(|_| "say 127.0.0.1:PORT (0 is any that is free) or unix:PATH".to_owned())?;
        match address.ip().is_loopback() {
            true => Ok(Place::Port(address)),
            false => Err(
                "others could read along there: serve 127.0.0.1, and let others in by `ssh -L` or by a proxy with TLS"
                    .to_owned(),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_of_this_machine_and_sockets_are_places_and_nothing_else() {
        let port = |text: &str| Ok(Place::Port(text.parse().unwrap()));
        assert_eq!("127.0.0.1:0".parse(), port("127.0.0.1:0"));
        assert_eq!("localhost:8080".parse(), port("127.0.0.1:8080"));
        assert_eq!("[::1]:8080".parse(), port("[::1]:8080"));
        assert_eq!("unix:/run/x".parse(), Ok(Place::Socket("/run/x".into())));
        for text in ["0.0.0.0:80", "192.0.2.1:80", "[::]:80", "127.0.0.1", "unix:", "example.org:80", ""] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }
}
