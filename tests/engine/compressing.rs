//! COMPRESS=DEFLATE agreed on, refused, and broken.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use mailferry::engine::commands::select::Opening;
use mailferry::engine::login::connect::Common;
use mailferry::engine::{Connector, Session};
use mailferry::error::{Error, Kind, Result};
use mailferry::model::Secret;
use mailferry::model::limits::Limits;
use mailferry::model::server::{Compress, Server};

use crate::conversation::{LITTLE_PATIENCE, PATIENCE, mailbox, server};
use crate::support::scripted::Scripted;

const GREETING: &str = "* OK [CAPABILITY IMAP4rev1] ready\r\n";
const LOGGED_IN: &str = "OK [CAPABILITY IMAP4rev1 COMPRESS=DEFLATE] in\r\n";

/// A server that compresses, then says `at_once` in one piece with its consent, and `answer` to the next command, and
/// nothing more; it `stays`, or says that it has said all. The command comes out of the channel.
fn compressing(at_once: Vec<u8>, answer: Vec<u8>, stays: bool) -> (u16, Receiver<String>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = listener.local_addr().expect("its address").port();
    let (told, heard) = channel();
    thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a client");
        let mut output = stream.try_clone().expect("a second handle");
        let mut input = BufReader::new(stream);
        output.write_all(GREETING.as_bytes()).expect("greet");
        for consent in [LOGGED_IN.as_bytes().to_vec(), [b"OK begin\r\n", &at_once[..]].concat()] {
            let mut line = String::new();
            input.read_line(&mut line).expect("a command");
            let tag = line.split(' ').next().unwrap_or_default();
            output.write_all(&[tag.as_bytes(), b" ", &consent].concat()).expect("answer");
        }
        let mut inflated = BufReader::new(DeflateDecoder::new(input));
        let mut line = String::new();
        let _ = inflated.read_line(&mut line);
        let _ = told.send(line);
        let _ = output.write_all(&answer);
        if !stays {
            let _ = output.shutdown(Shutdown::Write);
        }
        // What was left unread would reset the connection.
        let _ = inflated.into_inner().into_inner().read_to_end(&mut Vec::new());
    });
    (port, heard)
}

fn deflated(text: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text).expect("deflate");
    encoder.flush().expect("deflate");
    encoder.get_ref().clone()
}

fn connect(server: Server, limits: &Limits) -> (Connector, Result<Session>) {
    let connector = Connector::new(server, limits, 1, std::env::temp_dir()).expect("a connector");
    let password = || Ok(Secret::new("secret".to_owned()));
    let session = connector.connect("user", &password, &Common::default(), Duration::ZERO);
    (connector, session.map(|session| session.expect("the budget has one")))
}

fn compressed(port: u16) -> Session {
    let settings = Server { compress: Compress::On, ..server(port) };
    connect(settings, &Limits::default()).1.expect("log in")
}

/// What a NOOP brings.
fn noop(session: &mut Session) -> Result<Vec<String>> {
    let mut seen = Vec::new();
    session.run(b"NOOP", "noop", |response| {
        seen.push(String::from_utf8_lossy(response.text()).into_owned());
        Ok(())
    })?;
    Ok(seen)
}

/// Why nothing more is understood of a server that answers so.
#[track_caller]
fn broken_by(answer: &[u8], timeout: Duration, stays: bool) -> Error {
    let (port, _heard) = compressing(Vec::new(), answer.to_vec(), stays);
    let mut settings = Server { compress: Compress::On, ..server(port) };
    settings.timeouts.read = timeout;
    let mut session = connect(settings, &Limits::default()).1.expect("log in");
    let error = noop(&mut session).expect_err("it is broken");
    assert!(!session.is_alive());
    error
}

/// Holds engine/wire/buffered.rs invariant 6.
#[test]
fn octets_behind_the_consent_are_compressed_already() {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(b"* 7 EXISTS\r\n").expect("deflate");
    encoder.flush().expect("deflate");
    let at_once = std::mem::take(encoder.get_mut());
    encoder.write_all(b"* 8 EXISTS\r\nm2 OK done\r\n").expect("deflate");
    encoder.flush().expect("deflate");
    let (port, heard) = compressing(at_once, encoder.get_ref().clone(), true);
    let mut session = compressed(port);
    assert_eq!(noop(&mut session).expect("it is understood"), ["* 7 EXISTS", "* 8 EXISTS"]);
    assert_eq!(heard.recv().expect("a command"), "m2 NOOP\r\n");
}

#[test]
fn garbage_instead_of_deflate_is_told_with_what_to_do() {
    let error = broken_by(b"m2 OK in plain text\r\n", PATIENCE, true);
    assert_eq!(*error.kind(), Kind::Connection);
    let advice = error.advice().unwrap_or_default();
    assert!(advice.contains("compress = \"off\" in [destination]"), "{advice}");
    assert!(error.line().contains("COMPRESS=DEFLATE"), "{}", error.line());
}

#[test]
fn stream_that_is_cut_is_a_closed_connection() {
    let whole = deflated(b"* 7 EXISTS\r\nm2 OK done\r\n");
    for octets in [0, 1, whole.len() / 2] {
        let error = broken_by(&whole[..octets], PATIENCE, false);
        assert_eq!(*error.kind(), Kind::Connection);
        assert!(error.line().contains("closed the connection"), "{}", error.line());
    }
}

#[test]
fn server_that_falls_silent_is_given_up() {
    let error = broken_by(&deflated(b"* 7 EXI"), LITTLE_PATIENCE, true);
    assert!(error.line().contains("silent"), "{}", error.line());
}

/// Holds engine/wire/buffered.rs invariant 2.
#[test]
fn line_without_end_is_an_error_however_few_octets_it_takes() {
    let bomb = deflated(&vec![b'x'; 4 << 20]);
    assert!(bomb.len() < 100 << 10);
    let error = broken_by(&bomb, PATIENCE, true);
    assert_eq!(*error.kind(), Kind::Protocol);
    assert!(error.line().contains("a line of more than"), "{}", error.line());
}

/// Connects to a server of these capabilities that follows this script, says NOOP and opens a mailbox; what was said, and
/// what users hear of it.
fn heard_of(capabilities: &str, script: &str, compress: Compress, limits: &Limits) -> (Vec<String>, Option<String>) {
    let login =
        format!("S: * OK [CAPABILITY IMAP4rev1] ready\nC: LOGIN\nS: $ OK [CAPABILITY IMAP4rev1 {capabilities}] in\n");
    let scripted = Scripted::start(&format!("{login}{script}\nC: NOOP\nS: $ OK done\nC: EXAMINE\nS: $ OK open"));
    let (connector, session) = connect(Server { compress, ..server(scripted.port()) }, limits);
    let mut session = session.expect("log in");
    noop(&mut session).expect("it goes on in plain text");
    session.open(&mailbox("INBOX"), Opening::Examine).expect("it is not asked again");
    let commands = scripted.commands();
    (commands[1..].to_vec(), connector.take_news())
}

#[test]
fn server_that_does_not_compress_is_used_as_it_is_and_told_once() {
    for refusal in ["NO [COMPRESSIONACTIVE] no", "BAD what"] {
        let script = format!("C: COMPRESS DEFLATE\nS: $ {refusal}");
        let (commands, news) = heard_of("COMPRESS=DEFLATE", &script, Compress::On, &Limits::default());
        assert_eq!(commands, ["COMPRESS DEFLATE", "NOOP", "EXAMINE \"INBOX\""]);
        assert!(news.is_some_and(|news| news.contains("localhost refused to compress")), "{refusal}");
    }
    let (commands, news) = heard_of("", "", Compress::On, &Limits::default());
    assert_eq!(commands, ["NOOP", "EXAMINE \"INBOX\""]);
    assert!(news.is_some_and(|news| news.contains("offers no COMPRESS=DEFLATE")));
}

#[test]
fn line_is_compressed_only_where_that_is_wished() {
    let slow = Limits { bandwidth: Some(1_000_000), ..Limits::default() };
    let asked = "C: COMPRESS DEFLATE\nS: $ NO no";
    for (compress, limits, script) in [
        (Compress::Off, &slow, ""),
        (Compress::Auto, &Limits::default(), ""),
        (Compress::Auto, &slow, asked),
        (Compress::On, &Limits::default(), asked),
    ] {
        let (commands, _) = heard_of("COMPRESS=DEFLATE", script, compress, limits);
        assert_eq!(commands.len(), if script.is_empty() { 2 } else { 3 }, "{compress:?}");
    }
}
