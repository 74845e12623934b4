//! What holds of the engine whatever a server sends. Each function panics where its property does not hold.
//!
//! What they have in common: nothing panics or hangs, memory is bounded by what was sent and by the limits, and nothing
//! that was read can become more than one line of a command.

use super::{date, identity};
use crate::engine::commands::append::{Appended, append_uids, flag_list};
use crate::engine::commands::fetch::{FetchEvent, Fetched, fetch_event};
use crate::engine::commands::found::Found;
use crate::engine::commands::listed::Listing;
use crate::engine::commands::quota::quota_line;
use crate::engine::commands::search::searched;
use crate::engine::commands::select::Gathered;
use crate::engine::conversation::capabilities::Capabilities;
use crate::engine::conversation::event::tagged;
use crate::engine::conversation::mailbox_name::with_mailbox;
use crate::engine::conversation::status::Status;
use crate::engine::login::authenticate;
use crate::engine::login::authenticate::{Identity, Login};
use crate::engine::login::mechanism::Disappointments;
use crate::engine::login::quirks::{id_fields, product};
use crate::engine::wire::buffered::{LINE_OCTETS, Wire};
use crate::engine::wire::deflate::Deflate;
use crate::engine::wire::octets::{Octets, Spool};
use crate::engine::wire::response::{Part, RESPONSE_MEMORY_OCTETS, Response, Value};
use crate::error::{Result, sanitized};
use crate::model::server::{Address, Mechanism, Server, Tls};
use crate::model::{Flags, InternalDate, RawName, Secret, Side, UidSet};
use std::collections::BTreeSet;
use std::env::temp_dir;
use std::io::{self, Read};

/// The first octets say how the rest is cut into pieces.
fn cut(octets: &[u8]) -> (Vec<usize>, &[u8]) {
    const SIZES: usize = 3;
    let (sizes, rest) = octets.split_at(octets.len().min(SIZES));
    (sizes.iter().map(|size| usize::from(*size % 32) + 1).collect(), rest)
}

/// All responses, and the error at the end.
fn responses(wire: &mut Wire) -> (Vec<Response>, String) {
    let mut found = Vec::new();
    loop {
        match Response::read(wire, &Spool::new(temp_dir(), 0)) {
            Ok(response) => found.push(response),
            Err(error) => return (found, error.line()),
        }
    }
}

fn whole(octets: &[u8]) -> Vec<Response> {
    responses(&mut Wire::played(octets, &[])).0
}

fn contents(response: &Response) -> Vec<(bool, Vec<u8>)> {
    let part = |part: &Part| match part {
        Part::Text(text) => (false, text.clone()),
        Part::Literal(octets) => {
            let mut content = Vec::new();
            let mut take = |piece: &[u8]| -> Result<()> {
                content.extend_from_slice(piece);
                Ok(())
            };
            octets.each_piece(&mut take).expect("what was read can be read again");
            (true, content)
        }
    };
    response.parts.iter().map(part).collect()
}

fn memory(response: &Response) -> u64 {
    let part = |part: &Part| match part {
        Part::Text(text) | Part::Literal(Octets::Memory(text)) => text.capacity() as u64,
        Part::Literal(Octets::Large { .. } | Octets::Spooled { .. }) => 0,
    };
    response.parts.iter().map(part).sum()
}

/// Framing: responses are the same in whatever pieces they arrive, and hold no more memory than was sent and promised
/// within the limits.
pub fn framing(octets: &[u8]) {
    let (pieces, sent) = cut(octets);
    let (responses_at_once, end) = responses(&mut Wire::played(sent, &[]));
    let (responses_in_pieces, end_in_pieces) = responses(&mut Wire::played(sent, &pieces));
    let contents = |responses: &[Response]| responses.iter().map(contents).collect::<Vec<_>>();
    assert_eq!(contents(&responses_at_once), contents(&responses_in_pieces), "in pieces of {pieces:?}");
    assert_eq!(end, end_in_pieces, "in pieces of {pieces:?}");
    let held: u64 = responses_at_once.iter().map(memory).sum();
    // A vector that grows may hold twice what is in it.
    assert!(held <= 3 * sent.len() as u64 + RESPONSE_MEMORY_OCTETS, "{held} octets for {}", sent.len());
    let texts: usize = responses_at_once.iter().flat_map(contents_length).sum();
    assert!(texts <= sent.len(), "{texts} octets came of {}", sent.len());
}

fn contents_length(response: &Response) -> impl Iterator<Item = usize> + '_ {
    contents(response).into_iter().map(|(_, content)| content.len())
}

/// The wire as the `imap` crate sees it: a read ends with the line, whatever has arrived (wire.rs invariant 1).
pub fn reading_by_line(octets: &[u8]) {
    let (pieces, sent) = cut(octets);
    let mut wire = Wire::played(sent, &pieces);
    let mut lines = sent.split(|octet| *octet == b'\n');
    let first = lines.next().unwrap_or_default();
    let mut read = Vec::new();
    let mut buffer = vec![0; pieces.first().copied().unwrap_or(1)];
    while !read.ends_with(b"\n") {
        match wire.read(&mut buffer) {
            Ok(count) if count > 0 => read.extend_from_slice(&buffer[..count]),
            _ => break,
        }
    }
    let masked: Vec<u8> = first.iter().map(|octet| if octet.is_ascii() { *octet } else { b'?' }).collect();
    assert_eq!(read.strip_suffix(b"\n").unwrap_or(&read), masked);
    if let (Some(second), true) = (lines.next(), lines.next().is_some()) {
        let mut line = Vec::new();
        wire.read_line(&mut line).expect("a line that is there");
        assert_eq!(line, second.strip_suffix(b"\r").unwrap_or(second), "what comes after the first line is lost");
    }
}

/// Greeting and login, by each mechanism: an answer or an error, and no word of the password in either.
pub fn logging_in(octets: &[u8]) {
    const PASSWORD: &str = "zx\\\"Q7~never shown";
    let (pieces, sent) = cut(octets);
    let mut wire = Wire::played(sent, &pieces);
    let Ok(greeting) = authenticate::greeting(&mut wire) else { return };
    assert!(!greeting.contains(&b'\n'));
    let way = octets.first().copied().unwrap_or(0);
    let mechanism = Mechanism::NAMES[usize::from(way) % Mechanism::NAMES.len()].0;
    let offered = Capabilities::parse(if way & 128 == 0 { "SASL-IR" } else { "" });
    let server = Server::at(Side::Source, Address::Tcp { host: "h".to_owned(), port: 993 }, Tls::Implicit);
    let identity = Identity::new(&server, "reader");
    let login = Login { wire: &mut wire, server: &server, identity, offered: &offered };
    let password = Secret::new(PASSWORD.to_owned());
    match login.run(&password, &[mechanism], &Disappointments::default()) {
        Ok(witness) => assert!(witness.tagged.is_some_and(|status| status.is_ok()), "logged in without an OK"),
        Err(error) => assert!(!error.line().contains("Q7~never") || String::from_utf8_lossy(sent).contains("Q7~never")),
    }
}

/// How many messages the rest of that wire describes: for the micro-benchmark of reading a listing.
pub fn fetched_messages(mut wire: Wire) -> usize {
    let mut messages = 0;
    while let Ok(response) = Response::read(&mut wire, &Spool::new(temp_dir(), 0)) {
        messages += usize::from(matches!(fetch_event(response), Some(FetchEvent::Message(_))));
    }
    messages
}

/// Answers to FETCH and SEARCH.
pub fn fetching(octets: &[u8]) {
    for response in whole(octets) {
        if let Some(found) = searched(response.text()) {
            check_uids(&found);
        }
        match fetch_event(response) {
            Some(FetchEvent::Message(fetched)) => check_fetched(&fetched),
            Some(FetchEvent::Vanished(uids)) => check_uids(&uids),
            _ => {}
        }
    }
}

fn check_fetched(fetched: &Fetched) {
    assert!(fetched.uid.is_none_or(|uid| uid.0 > 0), "UID 0");
    fetched.flags.iter().for_each(check_flags);
    fetched.internal_date.flatten().iter().for_each(|date| check_date(*date));
    if let Some(header) = &fetched.header {
        identities(header);
    }
}

fn check_uids(uids: &UidSet) {
    let text = uids.to_string();
    assert!(text.bytes().all(|octet| octet.is_ascii_digit() || b":,".contains(&octet)), "{text}");
    assert!(uids.is_empty() || UidSet::parse(text.as_bytes()).as_ref() == Some(uids), "{text}");
}

/// What is written of flags is one list of flags.
fn check_flags(flags: &Flags) {
    let list = flag_list(flags);
    let mut response = Response { parts: vec![Part::Text(list.clone().into_bytes())] };
    let mut scanner = response.scan();
    let words = scanner.words().expect("a list");
    assert!(scanner.remainder().is_empty(), "{list}");
    assert!(words.iter().all(|word| flags.texts().any(|text| text == word)), "{list}");
    assert!(list.bytes().all(|octet| (b' '..=b'~').contains(&octet) && !b"{\"%*".contains(&octet)), "{list}");
}

fn check_date(date: InternalDate) {
    let Some(text) = date::format(date) else { return };
    assert_eq!(date::parse(text.trim_matches('"').as_bytes()), Some(date), "{text}");
    assert!(
        text.len() == "\"17-Jul-1996 02:44:25 -0700\"".len()
            && text.bytes().all(|it| it.is_ascii_graphic() || it == b' ')
    );
}

/// Answers to LIST, LSUB, NAMESPACE, STATUS and GETQUOTAROOT.
pub fn listing(octets: &[u8]) {
    let mut found = Found::default();
    for response in whole(octets) {
        found.take(response).expect("what is not understood is no error");
    }
    let Listing { mailboxes, foreign, names: of_all, namespace, .. } = found.into_listing();
    let mut names = BTreeSet::new();
    for mailbox in mailboxes.iter().chain(&foreign) {
        check_name(&mailbox.name.raw);
        assert!(!mailbox.name.levels.is_empty(), "{:?} has no levels", mailbox.name.raw);
        assert!(names.insert(&mailbox.name.raw), "{:?} is there twice", mailbox.name.raw);
    }
    of_all.unreadable.iter().for_each(|it| assert!(!it.name.chars().any(char::is_control)));
    drop(with_mailbox("LIST", &namespace.prefix, ""));
}

/// A name comes back from a command as it was, and nothing after it is part of it.
fn check_name(name: &RawName) {
    let command = with_mailbox("SELECT", name, " (CONDSTORE)").expect("a name that was listed can be sent");
    assert!(!command.iter().any(|octet| b"\r\n\0".contains(octet)), "{name:?}");
    let mut response = Response { parts: vec![Part::Text(command)] };
    let mut scanner = response.scan();
    assert_eq!(scanner.word().as_deref(), Some(&b"SELECT"[..]));
    scanner.spaces();
    assert_eq!(scanner.string(), Some(name.0.clone()));
    assert_eq!(scanner.remainder(), b" (CONDSTORE)");
}

/// Status responses with their codes: greetings, tagged answers, SELECT, APPENDUID; and what else a server says of
/// itself.
pub fn statuses(octets: &[u8]) {
    let mut gathered = Gathered::default();
    for response in whole(octets) {
        gathered.take(&response);
        let line = response.text();
        drop(tagged(line));
        let status = line.iter().position(|octet| *octet == b' ').and_then(|at| Status::parse(&line[at + 1..]));
        status.iter().for_each(check_status);
        let mut response = response;
        quota_line(&mut response).iter().flatten().for_each(|quota| assert_eq!(quota.root, sanitized(&quota.root)));
        let named = product(&id_fields(response));
        assert!(!named.chars().any(char::is_control), "{named}");
    }
    let point = gathered.opened.sync_point;
    assert!(point.uid_next.is_none_or(|uid| uid.0 > 0) && point.highest_modseq.is_none_or(|modseq| modseq.0 > 0));
}

fn check_status(status: &Status) {
    let error = status.error("it failed").line();
    assert!(!error.chars().any(char::is_control) && error.len() < 4 * 1024, "{error}");
    assert!(status.code.len() + status.arguments.len() <= 3 * LINE_OCTETS);
    for count in 1..4 {
        if let Appended::Stored { uid_validity, uids } = append_uids(status, count) {
            assert!(uid_validity.is_lasting() && uids.len() == count && uids.is_sorted() && uids[0].0 > 0);
        }
    }
    let capabilities = Capabilities::parse(&status.arguments);
    let _ = (capabilities.append_limit(), capabilities.non_synchronising(), capabilities.is_imap4rev1());
}

/// The scanner takes every response to its end, whatever is asked of it in whatever order.
pub fn scanning(octets: &[u8]) {
    let (questions, sent) = octets.split_at(octets.len().min(16));
    for mut response in whole(sent) {
        let parts = response.parts.len();
        let mut scanner = response.scan();
        for question in questions {
            match question % 8 {
                0 => scanner.spaces(),
                1 => drop(scanner.word()),
                2 => drop(scanner.number()),
                3 => drop(scanner.item_name(<[u8]>::to_vec)),
                4 => drop(scanner.string()),
                5 => drop(scanner.words()),
                6 => drop(scanner.skip()),
                _ => drop(scanner.value().map(|value| matches!(value, Value::Nil))),
            }
        }
        // Nothing is read twice: with as many skips as there are octets and literals, the end is reached or refused.
        let mut steps = sent.len() + parts + 1;
        while steps > 0 && (scanner.take(b'(') || scanner.take(b')') || scanner.skip().is_some()) {
            steps -= 1;
        }
        assert!(steps > 0, "the scanner goes round in circles");
    }
}

/// Dates: what was read is written as the same instant.
pub fn dates(octets: &[u8]) {
    date::parse(octets).iter().for_each(|date| check_date(*date));
    if let Some(seconds) = octets.first_chunk() {
        check_date(InternalDate(i64::from_be_bytes(*seconds)));
    }
}

/// A message's identity is the same after all that servers are known to do to a header.
pub fn identities(octets: &[u8]) {
    let Some((place, rest)) = octets.split_first_chunk::<2>() else { return };
    // A CR alone is neither kept nor refused alike by servers; with them nothing is promised.
    let header: Vec<u8> = rest.iter().map(|octet| if *octet == b'\r' { b' ' } else { *octet }).collect();
    let expected = identity::of_message(&header);
    let crlf = replaced(&header, |octet| if octet == b'\n' { b"\r\n".to_vec() } else { vec![octet] });
    assert_eq!(identity::of_message(&crlf), expected, "line ends");
    let masked = replaced(&header, |octet| vec![if octet.is_ascii() && octet != 0 { octet } else { b'X' }]);
    assert_eq!(identity::of_message(&masked), expected, "8-bit octets");
    let tabbed = replaced(&header, |octet| vec![if octet == b'\t' { b' ' } else { octet }]);
    assert_eq!(identity::of_message(&tabbed), expected, "white space");
    let ended = [&header[..], b"\n\nMessage-ID: <of@the.body>\nSubject: body\n"].concat();
    assert_eq!(identity::of_message(&ended), identity::of_message(&[&header[..], b"\n\n"].concat()), "the body");
    let folded = folded(&header, u16::from_be_bytes(*place).into());
    assert_eq!(identity::of_message(&folded), expected, "folding");
}

fn replaced(octets: &[u8], replacement: impl Fn(u8) -> Vec<u8>) -> Vec<u8> {
    octets.iter().flat_map(|octet| replacement(*octet)).collect()
}

/// The header with one more fold: at the first blank from `place` on that stands between words of a field's value.
fn folded(header: &[u8], place: usize) -> Vec<u8> {
    let is_word = |at: usize| header.get(at).is_some_and(|octet| octet.is_ascii_graphic());
    let in_value = |at: usize| {
        let line = header[..at].rsplit(|octet| *octet == b'\n').next().unwrap_or_default();
        line.contains(&b':') && !line.starts_with(b":")
    };
    let from = place % header.len().max(1);
    match (from..header.len())
        .find(|&at| header[at] == b' ' && is_word(at + 1) && at > 0 && is_word(at - 1) && in_value(at))
    {
        Some(at) => [&header[..at], b"\r\n", &header[at..]].concat(),
        None => header.to_vec(),
    }
}

/// What the server reads of what we wrote in these pieces, each flushed or not.
pub(in crate::engine) fn deflated(pieces: &[(Vec<u8>, bool)]) -> Vec<u8> {
    let mut deflate = Deflate::new(b"");
    let mut line = Vec::new();
    for (piece, flush) in pieces {
        deflate
            .deflate(piece, *flush, |octets| {
                line.extend_from_slice(octets);
                Ok(())
            })
            .expect("nothing fails in memory");
    }
    line
}

/// What comes out of `line`, of which the first octets came early, into this much room at a time.
pub(in crate::engine) fn inflated(
    line: &[u8],
    early: usize,
    room: usize,
    mut pieces: impl Iterator<Item = usize>,
) -> io::Result<Vec<u8>> {
    let (early, mut late) = line.split_at(early.min(line.len()));
    let mut deflate = Deflate::new(early);
    let (mut plain, mut all) = (vec![0; room], Vec::new());
    loop {
        let count = deflate.inflate(&mut plain, |octets| {
            let count = pieces.next().unwrap_or(usize::MAX).min(late.len()).min(octets.len());
            octets[..count].copy_from_slice(&late[..count]);
            late = &late[count..];
            Ok(count)
        })?;
        if count == 0 {
            return Ok(all);
        }
        all.extend_from_slice(&plain[..count]);
    }
}

/// DEFLATE: whatever the server writes in whatever pieces, and however it arrives, is read as it was written.
pub fn deflating(octets: &[u8]) {
    let (ways, plain) = cut(octets);
    let way = |index: usize| ways.get(index).copied().unwrap_or(1);
    // Repeated, so that there is something to compress.
    let piece = |(index, piece): (usize, &[u8])| (piece.repeat(way(0)), index % way(1) == 0);
    let mut pieces: Vec<(Vec<u8>, bool)> = plain.chunks(way(2) * 8).enumerate().map(piece).collect();
    pieces.push((Vec::new(), true));
    let line = deflated(&pieces);
    let came = inflated(&line, way(1) * 3, way(2) * 90, ways.iter().map(|way| way * 60).cycle());
    let plain: Vec<u8> = pieces.into_iter().flat_map(|(piece, _)| piece).collect();
    assert!(came.expect("what was deflated can be inflated") == plain, "other octets");
}

/// Inflation of any octets ends, and gives no more than there is room for.
pub fn inflating(octets: &[u8]) {
    let (ways, line) = cut(octets);
    let room = ways.first().map_or(1, |way| way * 10);
    let _ = inflated(line, 10, room, std::iter::repeat(100));
}
