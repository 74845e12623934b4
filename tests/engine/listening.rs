//! IDLE: what is heard, what is not, and servers that will not have it.

use std::cell::Cell;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::thread;

use mailferry::error::Kind;

use crate::conversation::{connect_as, server};

/// A server that is asked to IDLE, says `invitation`, and at the end of it `answer`; then so again.
fn telling(invitation: &'static str, answer: &'static str) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = listener.local_addr().expect("its address").port();
    thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a client");
        let mut output = stream.try_clone().expect("a second handle");
        output.write_all(b"* OK [CAPABILITY IMAP4rev1 IDLE] ready\r\n").expect("greet");
        let mut tag = String::new();
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let said = match line.split_once(' ') {
                Some((own, "IDLE")) => {
                    tag = own.to_owned();
                    invitation.replace("$", own)
                }
                Some((own, command)) if command.starts_with("LOGIN") => {
                    format!("{own} OK [CAPABILITY IMAP4rev1 IDLE] in\r\n")
                }
                Some((own, _)) => format!("{own} OK\r\n"),
                None => answer.replace("$", &tag),
            };
            if output.write_all(said.as_bytes()).is_err() {
                return;
            }
        }
    });
    port
}

/// Listens, and is asked so often whether to go on.
fn heard(invitation: &'static str, answer: &'static str, patience: u32) -> mailferry::error::Result<bool> {
    let mut session = connect_as(server(telling(invitation, answer)), "alice", "secret").expect("a session");
    assert!(session.offers_idle());
    let asked = Cell::new(0);
    let heard = session.listen(&|| {
        asked.set(asked.get() + 1);
        asked.get() <= patience
    });
    assert!(heard.is_err() || session.run(b"NOOP", "could not go on", |_| Ok(())).is_ok(), "it is of use behind that");
    heard
}

/// Holds engine/commands/idle.rs invariant 2.
#[test]
fn change_is_heard_once_it_is_told_and_the_session_goes_on() {
    for told in ["+ go on\r\n* 4 EXISTS\r\n", "* 4 EXISTS\r\n+ go on\r\n", "+ \r\n* OK Still here\r\n* 2 EXPUNGE\r\n"] {
        assert!(heard(told, "$ OK done\r\n", 100).expect(told), "{told}");
    }
    assert!(heard("+ go on\r\n", "* 1 FETCH (FLAGS (\\Seen))\r\n$ OK done\r\n", 2).expect("late news"));
}

/// Holds engine/commands/idle.rs invariant 1.
#[test]
fn silence_is_no_change_and_ends_when_nobody_waits_for_it_any_more() {
    assert!(!heard("+ go on\r\n* OK Still here\r\n", "$ OK done\r\n", 3).expect("silence"));
}

#[test]
fn server_that_will_not_be_listened_to_is_named() {
    for refusal in ["$ NO not now\r\n", "$ BAD what\r\n"] {
        let error = heard(refusal, "", 100).unwrap_err();
        assert!(error.what().contains("could not wait for news"), "{error:?}");
    }
    for astray in ["+ go on\r\n+ and on\r\n", "+ go on\r\n* BYE\r\n", "no answer\r\n"] {
        let error = heard(astray, "", 100).unwrap_err();
        assert!(matches!(error.kind(), Kind::Protocol | Kind::Connection), "{error:?}");
    }
}
