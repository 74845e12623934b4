//! Messages as they come: octets that some servers refuse and others rewrite. They are copied as they are; what is refused
//! is named; what is rewritten is recognised at every later run, with the state lost as well, and told by `verify`.

use crate::case::{Case, First, Table};
use crate::support::compare::{Automatic, compare};
use crate::support::fake::account::Account;
use crate::support::fake::behaviour::{Behaviour, Kept};
use crate::tally;

fn messages() -> Vec<(&'static str, Vec<u8>)> {
    let long = format!("Message-ID: <long@x>\r\nX-Long: {}\r\n\r\n{}\r\n", "h".repeat(70_000), "b".repeat(200_000));
    vec![
        ("bare LF", b"Message-ID: <lf@x>\nSubject: lf\n\none\ntwo\n".to_vec()),
        ("bare CR", b"Message-ID: <cr@x>\r\nSubject: a\rb\r\n\r\none\rtwo\r\n".to_vec()),
        ("NUL", b"Message-ID: <nul@x>\r\nSubject: n\0l\r\n\r\nbe\0fore\r\n".to_vec()),
        ("8-bit", b"Message-ID: <eight@x>\r\nSubject: gr\xfc\xdfe \xe2\x82\xac\r\n\r\n\xff\xfe\r\n".to_vec()),
        ("8-bit without Message-ID", b"From: J\xf6rg\r\nSubject: gr\xfc\xdfe\r\n\r\nbody\r\n".to_vec()),
        ("8-bit Message-ID", b"Message-ID: <gr\xfcn@x>\r\n\r\nbody\r\n".to_vec()),
        ("no header", b"\r\njust a body\r\n".to_vec()),
        ("another without header", b"\r\nanother body\r\n".to_vec()),
        ("no line", b"no line end, no colon".to_vec()),
        ("no body", b"Message-ID: <nobody@x>\r\nSubject: nobody\r\n\r\n".to_vec()),
        ("no empty line", b"Message-ID: <noline@x>\r\nSubject: noline\r\n".to_vec()),
        ("no final line end", b"Message-ID: <final@x>\r\n\r\nno end".to_vec()),
        ("one octet", b"x".to_vec()),
        ("mbox line", b"From ada Mon Jan  1 00:00:00 2024\r\nMessage-ID: <mbox@x>\r\n\r\nbody\r\n".to_vec()),
        ("header line that is none", b"Message-ID: <odd@x>\r\nthis is no header\r\n\r\nbody\r\n".to_vec()),
        ("folded", b"Message-ID:\r\n <folded@x>\r\nSubject: a\r\n\tb\r\n\r\nbody\r\n".to_vec()),
        ("two Message-IDs", b"Message-ID: <two@x>\r\nMessage-ID: <three@x>\r\n\r\nbody\r\n".to_vec()),
        ("empty Message-ID", b"Message-ID: \r\nSubject: nothing\r\n\r\nbody\r\n".to_vec()),
        ("braces", b"Message-ID: <braces@x>\r\n\r\nsee {5}\r\n{3+}\r\nabc)\r\n* 1 EXPUNGE\r\n".to_vec()),
        ("long lines", long.into_bytes()),
        ("twin", b"Message-ID: <twin@x>\r\n\r\ntwin\r\n".to_vec()),
        ("twin again", b"Message-ID: <twin@x>\r\n\r\ntwin\r\n".to_vec()),
        ("twin with another body", b"Message-ID: <twin@x>\r\n\r\nno twin\r\n".to_vec()),
    ]
}

fn fill(account: &mut Account) {
    account.fill("INBOX\n    a\nGood\n    g");
    let bad = account.create(b"Bad");
    for (_, octets) in messages() {
        bad.add_octets(octets);
    }
}

/// What Cyrus 3.6 says.
fn like_cyrus(octets: &[u8]) -> Kept {
    let header_ends = memchr::memmem::find(octets, b"\r\n\r\n").map_or(octets.len(), |at| at + 2);
    let odd_line = |line: &&[u8]| !line.is_empty() && !line.contains(&b':') && !b" \t".contains(&line[0]);
    let lines = octets[..header_ends].split(|octet| *octet == b'\n').map(<[u8]>::trim_ascii_end);
    let refusal = if octets.contains(&0) {
        "NO Message contains NUL characters"
    } else if octets.iter().enumerate().any(|(at, octet)| *octet == b'\n' && (at == 0 || octets[at - 1] != b'\r')) {
        "NO Message contains bare newlines"
    } else if !octets.starts_with(b"\r\n") && lines.into_iter().any(|line| odd_line(&line)) {
        "NO Message contains invalid header"
    } else {
        let clean = |(at, octet): (usize, &u8)| if at < header_ends && *octet > 127 { b'X' } else { *octet };
        return Kept::As(octets.iter().enumerate().map(clean).collect());
    };
    Kept::Refused(refusal.to_owned())
}

fn with_line_ends(octets: &[u8]) -> Vec<u8> {
    let mut kept = Vec::new();
    for &octet in octets {
        if octet == b'\n' && kept.last() != Some(&b'\r') {
            kept.push(b'\r');
        }
        kept.push(if octet == 0 { 0x80 } else { octet });
    }
    kept
}

fn with_final_line_end(octets: &[u8]) -> Vec<u8> {
    let mut kept = octets.to_vec();
    if !kept.ends_with(b"\n") {
        kept.extend_from_slice(b"\r\n");
    }
    kept
}

#[test]
fn messages_of_every_kind_are_copied_octet_for_octet() {
    let from = |name, source: Behaviour| Case::new(name, First::Exact).mail(fill).source(source);
    let to = |name, destination: Behaviour| Case::new(name, First::Exact).mail(fill).destination(destination);
    Table::of(vec![
        from("octets", Behaviour::honest()),
        to("octets-announced", Behaviour::honest().without(&["LITERAL+"])),
        to("octets-one-by-one", Behaviour::honest().without(&["MULTIAPPEND"])),
        to("octets-literal-minus", Behaviour::honest().without(&["LITERAL+"]).with("LITERAL-")),
        to("octets-without-uids", Behaviour::honest().without(&["UIDPLUS"]).coding(|_, _| String::new())),
    ])
    .judge();
}

/// Nothing of an empty message is appended: it is what servers send for one that is gone.
///
/// Holds disaster rule 9.
#[test]
fn empty_messages_and_what_is_refused_are_named() {
    let cyrus = Behaviour::honest().keeping(like_cyrus);
    let refusing = |name| Case::new(name, First::Told(&["UID 1", "UID 3", "NUL characters", "bare newlines"]));
    let empty = Case::new("octets-empty", First::Told(&["UID 3", "does not give its content"]));
    let table = Table::of(vec![
        refusing("octets-refused").mail(fill).destination(cyrus),
        empty.mail(|account: &mut Account| {
            account.fill("INBOX\n    a\nBad\n    1 one\n    2 two\nGood\n    g");
            account.mailbox("Bad").add_octets(Vec::new());
        }),
    ]);
    let first = table.run(&["sync"]).expect(3);
    first.complains(&["UID 1", "UID 3", "NUL characters", "bare newlines", "does not give its content"]);
    let again = table.run(&["sync"]).expect(3);
    assert!(again.stdout.contains("nothing was copied"), "{again}");
    tally::count(2);
}

/// What a destination rewrites is the same message for every later run, and no success of `verify`.
#[test]
fn rewritten_messages_are_recognised_and_told() {
    let rewriting = |name, rewrite: fn(&[u8]) -> Vec<u8>| {
        let keeps = move |octets: &[u8]| Kept::As(rewrite(octets));
        Case::new(name, First::Exact).mail(fill).destination(Behaviour::honest().keeping(keeps))
    };
    let table = Table::of(vec![
        rewriting("rewrites-line-ends", with_line_ends),
        rewriting("rewrites-8-bit", |octets| {
            let end = memchr::memmem::find(octets, b"\r\n\r\n").unwrap_or(0);
            octets.iter().enumerate().map(|(at, it)| if at < end && *it > 127 { b'X' } else { *it }).collect()
        }),
        rewriting("adds-header", |octets| [b"X-Filter: seen\r\nReturn-Path: <>\r\n", octets].concat()),
        rewriting("adds-line-end", with_final_line_end),
        rewriting("adds-two-octets", |octets| [octets, b"\r\n"].concat()),
    ]);
    table.run(&["sync"]).expect(0);
    for lost in [false, true] {
        if lost {
            table.ferry.forget_state();
        }
        table.tenants().values().flatten().for_each(|tenant| tenant.forget_commands());
        table.run(&["sync"]).expect(0);
        for (name, [source, destination]) in table.tenants() {
            let copied = destination.commands().into_iter().find(|command| command.starts_with("APPEND"));
            assert_eq!(copied, None, "{name}, state lost: {lost}");
            let found = compare(&source.state(), &destination.state(), Automatic::Ignored);
            assert!(found.duplicated.is_empty(), "{name}: {found}");
        }
    }
    let found = table.run(&["verify", "--deep", "--json", "-"]).expect(8).json();
    for account in found["accounts"].as_array().expect("accounts") {
        assert!(account["altered"].as_u64() > Some(0), "{account}");
        assert_eq!((account["missing"].as_u64(), account["duplicated"].as_u64()), (Some(0), Some(0)), "{account}");
    }
    tally::count(5);
}

/// Half of each message, or the beginning of one, or another one: a server that says OK to that keeps no mail, and what it lists
/// of it is no excuse.
#[test]
fn copies_that_lost_their_text_are_named_whatever_is_listed_of_them() {
    let mail =
        |account: &mut Account| account.fill("INBOX\n    a\nBad\n    1 one\n    2 two\n    3 three\nGood\n    g");
    fn header_of(octets: &[u8]) -> Vec<u8> {
        let end = memchr::memmem::find(octets, b"\r\n\r\n").map_or(octets.len(), |at| at + 4);
        octets[..end].to_vec()
    }
    let is_three = |octets: &[u8]| memchr::memmem::find(octets, b"three").is_some();
    let spoiling = |name, spoil: fn(&[u8]) -> Vec<u8>, all: bool| {
        let keeps =
            move |octets: &[u8]| Kept::As(if all || is_three(octets) { spoil(octets) } else { octets.to_vec() });
        let told = First::Told(&["did not keep what it was sent"]);
        Case::new(name, told).mail(mail).destination(Behaviour::honest().keeping(keeps))
    };
    let table = Table::of(vec![
        spoiling("header-alone", header_of, true),
        spoiling("header-of-one", header_of, false),
        spoiling("half-of-each", |octets| octets[..octets.len() / 2].to_vec(), true),
        spoiling(
            "another-in-its-place",
            |octets| octets.iter().map(|it| if *it == b'h' { b'j' } else { *it }).collect(),
            false,
        ),
    ]);
    table.run(&["sync"]).expect(3).complains(&["did not keep what it was sent", "UID 3"]);
    let verified = table.run(&["verify", "--json", "-"]).expect(8).json();
    for account in verified["accounts"].as_array().expect("accounts") {
        let found = ["altered", "missing"].map(|kind| account[kind].as_u64().unwrap_or_default());
        assert!(found[0] + found[1] > 0, "{account}");
    }
    // What is known stays known.
    for _ in 0..2 {
        let again = table.run(&["sync", "--json", "-"]).expect(3).json();
        for account in again["accounts"].as_array().expect("accounts") {
            assert_eq!(account["exit_status"], 3, "{account}");
            let failures = account["failures"].as_array().expect("failures");
            assert!(
                failures.iter().all(|it| it["what"] == "the destination did not keep what it was sent"),
                "{account}"
            );
        }
    }
    table.run(&["plan"]).expect(0).says("did not keep what it was sent");
    // A person may say that it is good.
    table.run(&["accept", "header-of-one", "Bad", "--reason", "the body is of no use"]).expect(0);
    table.run(&["sync", "header-of-one"]).expect(0);
    table.run(&["verify", "header-of-one"]).expect(0);
    table.run(&["sync"]).expect(3);
    tally::count(4);
}
