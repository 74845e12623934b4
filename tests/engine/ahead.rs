//! Commands that are sent ahead of their answers, on a server that does not read while it writes, with the smallest
//! buffers that a socket can have: who writes on without reading waits for ever, and so does the server.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::thread;

use mailferry::engine::Session;
use mailferry::engine::commands::change::FlagChange;
use mailferry::engine::commands::fetch::{COMMAND_OCTETS, FLAG_ITEMS, FetchEvent, IDENTITY_ITEMS};
use mailferry::model::{Flags, Uid, UidSet};

use crate::conversation::{connect_as, server};

/// Next to the least that Linux takes, and packets so small that the client's kernel gives it no more room than on a
/// long line.
const BUFFER_OCTETS: libc::c_int = 4096;
const SEGMENT_OCTETS: libc::c_int = 1000;

/// A server that answers one command after the other, and reads the next when all of the answer is written.
fn narrow_server() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    narrow(&listener, libc::SOL_SOCKET, libc::SO_RCVBUF, BUFFER_OCTETS);
    narrow(&listener, libc::SOL_SOCKET, libc::SO_SNDBUF, 8 * BUFFER_OCTETS);
    narrow(&listener, libc::IPPROTO_TCP, libc::TCP_MAXSEG, SEGMENT_OCTETS);
    let port = listener.local_addr().expect("its address").port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(stream));
        }
    });
    port
}

fn narrow(socket: &impl AsRawFd, level: libc::c_int, option: libc::c_int, value: libc::c_int) {
    let size = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the descriptor is open, and the option's value is an integer of that size.
    let set = unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const value).cast(), size) };
    assert_eq!(set, 0, "the buffers cannot be made small");
}

fn serve(mut output: TcpStream) -> Option<()> {
    let input = BufReader::with_capacity(BUFFER_OCTETS as usize, output.try_clone().ok()?);
    output.write_all(b"* OK [CAPABILITY IMAP4rev1] ready\r\n").ok()?;
    for line in input.lines() {
        let line = line.ok()?;
        let (tag, command) = line.split_once(' ')?;
        let mut answer = String::new();
        // Not every server cares for `.SILENT`.
        let rest = ["UID FETCH ", "UID STORE "].iter().find_map(|verb| command.strip_prefix(verb));
        if let Some((uids, items)) = rest.and_then(|rest| rest.split_once(' ')) {
            for uid in UidSet::parse(uids.as_bytes())?.iter() {
                let header = if items == IDENTITY_ITEMS {
                    " BODY[HEADER.FIELDS (SUBJECT)] {14}\r\nSubject: x\r\n\r\n"
                } else {
                    ""
                };
                answer += &format!("* {uid} FETCH (UID {uid} FLAGS (\\Seen $Forwarded){header})\r\n");
            }
        }
        answer += &format!("{tag} OK [CAPABILITY IMAP4rev1] done\r\n");
        output.write_all(answer.as_bytes()).ok()?;
    }
    Some(())
}

fn scattered(count: u32) -> UidSet {
    (1..=count).map(|number| Uid(2_000_000 + 2 * number)).collect()
}

fn fetched(session: &mut Session, sets: &[UidSet], items: &str) -> u64 {
    let tags: Vec<_> = sets.iter().map(|set| session.send_fetch(set, items).expect("sent")).collect();
    let mut count = 0;
    for tag in tags {
        let status = session.finish_fetch(tag, |event| {
            count += u64::from(matches!(event, FetchEvent::Message(_)));
            Ok(())
        });
        assert!(status.expect("an answer").is_ok());
    }
    count
}

/// Holds engine/conversation/sender.rs invariant 1.
#[test]
fn scattered_flag_changes_sent_ahead_do_not_lock() {
    let mut session = connect_as(server(narrow_server()), "user", "secret").expect("log in");
    let sets = scattered(40_000).chunks(COMMAND_OCTETS, 1000);
    let flags = Flags::from_texts(["\\Flagged"]);
    let stores: Vec<_> =
        sets.iter().map(|set| session.send_store(set, FlagChange::Add, &flags).expect("sent")).collect();
    // What the STOREs brought is read on the way.
    assert_eq!(fetched(&mut session, &sets, FLAG_ITEMS), 80_000);
    for tag in stores {
        assert!(session.finish(tag, |_| Ok(())).expect("an answer").is_ok());
    }
}

/// Holds engine/conversation/sender.rs invariant 1.
#[test]
fn scattered_identifications_sent_ahead_do_not_lock() {
    let mut session = connect_as(server(narrow_server()), "user", "secret").expect("log in");
    let sets = scattered(60_000).chunks(COMMAND_OCTETS, 200_000);
    assert_eq!(fetched(&mut session, &sets, IDENTITY_ITEMS), 60_000);
}
