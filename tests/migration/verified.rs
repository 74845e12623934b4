//! What `verify --deep` has verified: it is not read again while it is listed as it was, and nothing else is taken for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use crate::migration::{count, dovecot_to_dovecot, gated_dovecot};
use crate::pair::{Pair, USER};
use crate::support::fake::Fake;
use crate::support::fake::account::Content;
use crate::support::ferry::Output;
use crate::support::imap::NewMessage;
use crate::support::shared;

/// What was read now, and what an earlier one had read.
fn verified(output: &Output) -> [u64; 2] {
    let found: &Value = &output.json()["accounts"][0];
    ["verified_now", "verified_before"].map(|name| count(found, name))
}

fn deep(pair: &Pair, code: i32) -> [u64; 2] {
    verified(&pair.run(&["verify", "--deep", "--json", "-"]).expect(code))
}

/// The UIDs whose octets were asked for, as they were named, since that was forgotten.
fn asked(fake: &Fake) -> Vec<String> {
    let commands = fake.tenant(USER).commands();
    let sets = commands.iter().filter_map(|it| it.strip_suffix(" (UID BODY.PEEK[])")?.strip_prefix("UID FETCH "));
    let mut sets: Vec<String> = sets.map(str::to_owned).collect();
    sets.sort();
    sets
}

fn asked_on_both(pair: &Pair) -> [Vec<String>; 2] {
    let fakes = [&pair.source, &pair.destination];
    let sets = fakes.map(asked);
    fakes.iter().for_each(|fake| fake.tenant(USER).forget_commands());
    sets
}

fn sets<const N: usize>(sets: [&str; N]) -> Vec<String> {
    sets.map(str::to_owned).to_vec()
}

fn copied() -> Pair {
    let pair = Pair::with("INBOX\n    1..3 a\nOther\n    1..2 d");
    pair.run(&["sync"]).expect(0);
    asked_on_both(&pair);
    pair
}

#[test]
fn verified_messages_are_not_read_again_and_new_ones_are() {
    let pair = copied();
    assert_eq!(deep(&pair, 0), [5, 0]);
    assert_eq!(asked_on_both(&pair), [sets(["1:2", "1:3"]), sets(["1:2", "1:3"])]);
    let again = pair.run(&["verify", "--deep"]).expect(0).says("every byte was compared, now or before");
    again.says("0 messages now, and 5 before").says("--again");
    assert_eq!(asked_on_both(&pair), [sets([]), sets([])]);
    pair.source.tenant(USER).account().fill("INBOX\n    4 new");
    pair.run(&["sync"]).expect(0);
    asked_on_both(&pair);
    assert_eq!(deep(&pair, 0), [1, 5]);
    assert_eq!(asked_on_both(&pair), [sets(["4"]), sets(["4"])]);
    let all = pair.run(&["verify", "--deep", "--again", "--json", "-"]).expect(0);
    assert_eq!(verified(&all), [6, 0]);
    assert_eq!(asked_on_both(&pair), [sets(["1:2", "1:4"]), sets(["1:2", "1:4"])]);
    pair.run(&["verify", "--again"]).expect(2).complains(&["--deep"]);
}

#[test]
fn another_uidvalidity_of_either_side_leaves_nothing_verified() {
    for (side, synced) in [(0, false), (0, true), (1, false), (1, true)] {
        let pair = copied();
        assert_eq!(deep(&pair, 0), [5, 0]);
        let fake = [&pair.source, &pair.destination][side];
        fake.tenant(USER).account().mailbox("INBOX").renumber();
        if synced {
            // Its links are carried over.
            pair.run(&["sync"]).expect(0);
        }
        asked_on_both(&pair);
        assert_eq!(deep(&pair, 0), [3, 2], "side {side}, {synced}");
        assert_eq!(asked_on_both(&pair), [sets(["1:3"]), sets(["1:3"])], "side {side}, {synced}");
        assert_eq!(deep(&pair, 0), [0, 5], "side {side}, {synced}");
    }
}

/// One that differs is read until it does not, and what is copied anew was never verified.
#[test]
fn altered_message_is_never_verified_and_its_new_copy_is_read() {
    let pair = copied();
    assert_eq!(deep(&pair, 0), [5, 0]);
    alter(&pair.destination, "INBOX", 1);
    assert_eq!(deep(&pair, 0), [0, 5], "its listing is as it was");
    let told = pair.run(&["verify", "--deep", "--again"]).expect(8).says("1 altered");
    told.says("the content differs; that of the copy was altered since it was verified");
    for _ in 0..2 {
        asked_on_both(&pair);
        assert_eq!(deep(&pair, 8), [0, 4]);
        assert_eq!(asked_on_both(&pair), [sets(["2"]), sets(["2"])]);
    }
    pair.run(&["sync", "--repair"]).expect(0);
    asked_on_both(&pair);
    assert_eq!(deep(&pair, 0), [1, 4]);
    assert_eq!(asked_on_both(&pair), [sets(["2"]), sets(["4"])]);
    alter(&pair.source, "Other", 0);
    let told = pair.run(&["verify", "--deep", "--again"]).expect(8);
    told.says("the content differs; that of the source was altered since it was verified");
}

/// A repair reads all copies; what it finds and may not replace is found again.
#[test]
fn what_a_repair_found_is_not_verified_any_more() {
    let pair = copied();
    assert_eq!(deep(&pair, 0), [5, 0]);
    (0..3).for_each(|index| alter(&pair.destination, "INBOX", index));
    pair.run(&["sync", "--repair"]).expect(6).complains(&["3 of 3 messages"]);
    assert_eq!(deep(&pair, 8), [0, 2]);
}

/// The last letter of a message is another one.
fn alter(fake: &Fake, mailbox: &str, index: usize) {
    let tenant = fake.tenant(USER);
    let mut account = tenant.account();
    let message = &mut account.mailbox(mailbox).messages[index];
    let octets = altered(&message.octets());
    message.content = Content::Octets(Arc::new(octets));
}

fn altered(octets: &[u8]) -> Vec<u8> {
    let mut octets = octets.to_vec();
    let last = octets.iter_mut().rev().find(|octet| octet.is_ascii_lowercase()).expect("a letter");
    *last = if *last == b'x' { b'y' } else { b'x' };
    octets
}

/// The first window of the larger mailbox is known, and all else is read again: no message less, and none more.
#[test]
fn killed_verification_is_gone_on_with_and_reads_what_was_not_kept() {
    const WINDOW: u64 = 2_000;
    const MAIL: u64 = WINDOW + 300;
    let migration = gated_dovecot().seeded(&format!("INBOX\n    1..{MAIL} bulk"));
    migration.run(&["sync"]).expect(0);
    let places = ["source/untagged/FETCH", "destination/untagged/FETCH"];
    let listed = migration.gates().counted(places, || migration.run(&["verify"]).expect(0));
    migration.held_at(&["verify", "--deep"], places[0], u64::from(listed[0]) + WINDOW + 100).kill();
    migration.gates().cut();
    let mut read = [0; 2];
    let seen = migration.gates().counted(places, || {
        let output = migration.run(&["verify", "--deep", "--json", "-"]).expect(0);
        read = verified(&output);
        output
    });
    assert_eq!(read, [MAIL - WINDOW, WINDOW]);
    assert_eq!([0, 1].map(|side| u64::from(seen[side] - listed[side])), [MAIL - WINDOW; 2], "on the wire");
    migration.run(&["verify", "--deep"]).expect(0).says("2,300 before");
}

/// The files of a directory and those below it.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Changes a word where it stands among the files of a user, and nothing else.
fn change_word(mail: &Path, word: &[u8], other: &[u8]) {
    let mut changed = 0;
    for file in files(mail) {
        let mut octets = fs::read(&file).expect("a file");
        let Some(at) = memchr::memmem::find(&octets, word) else { continue };
        octets[at..at + word.len()].copy_from_slice(other);
        fs::write(&file, octets).expect("write it");
        changed += 1;
    }
    assert_eq!(changed, 1, "one file holds it");
}

/// On either side, whose files are of two kinds.
#[test]
fn message_that_is_altered_in_place_on_a_real_server_is_found_again() {
    let servers = shared::dovecot_pair();
    for (server, whose) in [(&servers.source, "source"), (&servers.destination, "copy")] {
        let migration = dovecot_to_dovecot().seeded("INBOX\n    1..20 bulk");
        let text = "Message-ID: <in-place@example.org>\r\nSubject: x\r\n\r\nthe altered-word of it\r\n";
        let message = NewMessage { octets: text.as_bytes().to_vec(), flags: vec![], date: Some(1_704_067_200) };
        migration.at_source().append("INBOX", &[message]);
        migration.sync();
        migration.run(&["verify", "--deep"]).expect(0).says("Identical");
        change_word(&server.mail_directory(migration.user()), b"altered-word", b"another-word");
        migration.run(&["verify", "--deep"]).expect(0).says("21 before");
        let told = migration.run(&["verify", "--deep", "--again"]).expect(8).says("1 altered");
        told.says(&format!("that of the {whose} was altered since it was verified"));
        migration.run(&["verify", "--deep"]).expect(8).says("20 before");
    }
}
