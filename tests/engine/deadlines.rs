//! Servers that never come to an end, and say something all the time: no wait for them is endless.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::thread;
use std::time::Duration;

use mailferry::engine::Session;
use mailferry::engine::commands::fetch::FLAG_ITEMS;
use mailferry::error::{Error, Kind};
use mailferry::model::{Uid, UidSet};

use crate::conversation::{connect_as, server};

/// How long a command may take here. What is tried says something in much shorter intervals, and never ends by itself.
const DEADLINE: Duration = Duration::from_millis(100);

/// Answers the login, and the next command with `text`, again and again with that pause, as long as somebody listens.
fn endless(text: &'static str, pause: Duration) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = listener.local_addr().expect("its address").port();
    thread::spawn(move || -> Option<()> {
        let (mut output, _) = listener.accept().ok()?;
        let mut lines = BufReader::new(output.try_clone().ok()?).lines();
        output.write_all(b"* OK [CAPABILITY IMAP4rev1] ready\r\n").ok()?;
        let login = lines.next()?.ok()?;
        let tag = login.split(' ').next()?;
        output.write_all(format!("{tag} OK [CAPABILITY IMAP4rev1] in\r\n").as_bytes()).ok()?;
        lines.next()?.ok()?;
        loop {
            output.write_all(text.as_bytes()).ok()?;
            thread::sleep(pause);
        }
    });
    port
}

fn session(port: u16) -> Session {
    let mut settings = server(port);
    settings.timeouts.slow = DEADLINE / 2;
    connect_as(settings, "user", "secret").expect("log in")
}

/// How the listing of six messages ends.
fn listing(text: &'static str, pause: Duration) -> Error {
    let mut session = session(endless(text, pause));
    let tag = session.send_fetch(&UidSet::range(Uid(1), Uid(6)), FLAG_ITEMS).expect("sent");
    let error = session.finish_fetch(tag, |_| Ok(())).expect_err("there is no answer");
    assert!(!session.is_alive());
    error
}

/// Holds engine/conversation/session.rs invariant 4.
#[test]
fn server_that_only_says_that_it_is_there_is_given_up() {
    for text in ["* OK Still here\r\n", "* 7 EXISTS\r\n", "* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n", "* X"] {
        let error = listing(text, DEADLINE / 20);
        assert_eq!(*error.kind(), Kind::Connection, "{text}: {}", error.line());
        assert!(error.line().contains("did not do what it was asked for"), "{text}: {}", error.line());
    }
}

/// Holds engine/conversation/session.rs invariant 4.
#[test]
fn what_nobody_asked_for_is_bounded() {
    const NOISE: &str =
        "* NOISE xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n";
    const DOUBLED: &str = "* 1 FETCH (UID 1 FLAGS (\\Seen $xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx))\r\n";
    for text in [NOISE, DOUBLED] {
        let error = {
            let mut session = connect_as(server(endless(text, Duration::ZERO)), "user", "secret").expect("log in");
            let tag = session.send_fetch(&UidSet::range(Uid(1), Uid(6)), FLAG_ITEMS).expect("sent");
            session.finish_fetch(tag, |_| Ok(())).expect_err("there is no answer")
        };
        assert_eq!(*error.kind(), Kind::Protocol, "{text}: {}", error.line());
        assert!(error.line().contains("nobody had asked for"), "{text}: {}", error.line());
    }
}

/// The greeting and the login have a deadline, too.
#[test]
fn server_that_drips_its_greeting_is_given_up() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = listener.local_addr().expect("its address").port();
    thread::spawn(move || -> Option<()> {
        let (mut output, _) = listener.accept().ok()?;
        loop {
            output.write_all(b"*").ok()?;
            thread::sleep(DEADLINE / 20);
        }
    });
    let mut settings = server(port);
    settings.timeouts.login = DEADLINE;
    let error = connect_as(settings, "user", "secret").err().expect("no session");
    assert_eq!(*error.kind(), Kind::Unreachable, "{}", error.line());
}
