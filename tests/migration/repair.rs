//! `sync --repair`: copies of ours that are not as their source messages are, copied anew and only then removed.

use std::sync::Arc;

use mailferry::model;
use mailferry::store::Store;

use crate::migration::{count, dovecot_to_dovecot};
use crate::pair::{Pair, USER, flags};
use crate::support::fake::account::{Content, Stored};
use crate::support::fake::behaviour::{Behaviour, Kept, Rule, Then};
use crate::support::ferry::Done;
use crate::support::imap::NewMessage;

const MAIL: &str = "INBOX\n    1 a \\Seen\n    2 b work\n    3 c\nOther\n    1 d";

/// Half of that message is left on the destination, under its UID.
fn halve(pair: &Pair, mailbox: &str, index: usize) {
    let tenant = pair.destination.tenant(USER);
    let mut account = tenant.account();
    let message = &mut account.mailbox(mailbox).messages[index];
    let octets = message.octets().into_owned();
    let header = Stored::header(&octets).len();
    message.content = Content::Octets(Arc::new(octets[..header + (octets.len() - header) / 2].to_vec()));
}

/// The octets of a mailbox of both sides, in any order.
fn mailboxes(pair: &Pair, name: &str) -> [Vec<Vec<u8>>; 2] {
    [&pair.source, &pair.destination].map(|fake| {
        let mut messages = fake.tenant(USER).account().messages(name);
        messages.sort();
        messages
    })
}

#[track_caller]
fn assert_exact(pair: &Pair) {
    for name in ["INBOX", "Other"] {
        let [ours, theirs] = mailboxes(pair, name);
        assert!(ours == theirs, "{name} differs: {} and {} messages", ours.len(), theirs.len());
    }
}

fn copied() -> Pair {
    let pair = Pair::with(MAIL);
    pair.run(&["sync"]).expect(0);
    pair
}

#[test]
fn half_messages_are_named_and_replaced_only_when_told_to() {
    let pair = copied();
    halve(&pair, "INBOX", 1);
    halve(&pair, "Other", 0);
    let before = pair.destination.tenant(USER).account().messages("INBOX");
    pair.run(&["sync"]).expect(0);
    assert!(pair.destination.tenant(USER).account().messages("INBOX") == before);
    pair.run(&["verify", "--deep"]).expect(8).says("2 altered").says("sync --repair");
    for _ in 0..2 {
        pair.run(&["sync"]).expect(3).complains(&["did not keep what it was sent", "UID 2 of the source", "`Other`"]);
    }
    pair.run(&["sync", "--repair"]).expect(0).says("2 messages copied");
    assert_exact(&pair);
    assert_eq!(pair.flags(), [flags(&["\\Seen"]), flags(&[]), flags(&["work"])]);
    pair.run(&["verify", "--deep"]).expect(0).says("Every message is there, byte for byte; 1 copy stands out of order");
    let tenant = pair.destination.tenant(USER);
    tenant.forget_commands();
    pair.run(&["sync", "--repair"]).expect(0);
    let changes =
        |command: &String| ["APPEND", "UID STORE", "UID EXPUNGE"].iter().any(|verb| command.starts_with(verb));
    assert!(!tenant.commands().iter().any(changes), "{:#?}", tenant.commands());
}

/// What is known of a copy is known of it under other UIDs, too.
#[test]
fn spoilt_copies_stay_known_under_a_new_uidvalidity() {
    let pair = copied();
    {
        let tenant = pair.destination.tenant(USER);
        let mut account = tenant.account();
        let message = &mut account.mailbox("INBOX").messages[1];
        let mut octets = message.octets().into_owned();
        let last = octets.len() - 3;
        octets[last] = b'?';
        message.content = Content::Octets(Arc::new(octets));
    }
    pair.run(&["sync"]).expect(0);
    pair.run(&["verify"]).expect(0);
    pair.run(&["verify", "--deep"]).expect(8);
    for fake in [&pair.source, &pair.destination] {
        let tenant = fake.tenant(USER);
        tenant.account().mailbox("INBOX").renumber();
        pair.run(&["sync"]).expect(3).complains(&["did not keep what it was sent"]);
    }
    pair.run(&["sync", "--repair"]).expect(0).says("1 message copied");
    assert_exact(&pair);
    pair.run(&["sync"]).expect(0);
}

/// Nothing of its name is left, and it is known as what our message begins with; another message of that UID is not ours.
///
/// Holds pipeline/repair.rs invariant 1.
#[test]
fn message_that_was_cut_off_within_its_header_is_replaced_and_another_is_not() {
    let pair = copied();
    let cut = |index: usize, change: fn(&[u8]) -> Vec<u8>| {
        let tenant = pair.destination.tenant(USER);
        let mut account = tenant.account();
        let message = &mut account.mailbox("INBOX").messages[index];
        message.content = Content::Octets(Arc::new(change(&message.octets())));
    };
    cut(1, |octets| octets[..8].to_vec());
    pair.run(&["verify", "--deep"]).expect(8);
    pair.run(&["sync", "--repair"]).expect(0).says("1 message copied");
    assert_exact(&pair);
    cut(0, |octets| [b"Z", &octets[1..8]].concat());
    let before = mailboxes(&pair, "INBOX")[1].clone();
    pair.run(&["sync", "--repair"]).expect(3).complains(&["another message stands under the UID of a copy"]);
    assert!(mailboxes(&pair, "INBOX")[1] == before);
    pair.run(&["verify", "--deep"]).expect(8);
    pair.run(&["sync"]).expect(0).says("1 message copied");
    pair.run(&["verify", "--deep"]).expect(0).says("1 message is only on the destination");
    let [ours, theirs] = mailboxes(&pair, "INBOX");
    assert!(before.iter().chain(&ours).all(|octets| theirs.contains(octets)), "the other one stays");
}

/// Holds pipeline/transfer/replace.rs invariant 3.
/// What the users of the destination did to a half message is done to the whole one.
#[test]
fn flags_of_the_destinations_users_are_those_of_the_new_copy() {
    let pair = copied();
    halve(&pair, "INBOX", 1);
    {
        let tenant = pair.destination.tenant(USER);
        let mut account = tenant.account();
        let mailbox = account.mailbox("INBOX");
        let modseq = mailbox.change();
        mailbox.messages[1].flags = flags(&["\\Flagged", "mine"]);
        mailbox.messages[1].modseq = modseq;
    }
    pair.run(&["sync", "--repair"]).expect(0);
    assert_exact(&pair);
    assert_eq!(pair.flags()[2], flags(&["\\Flagged", "mine"]));
    pair.run(&["sync"]).expect(0);
    assert_eq!(pair.flags()[2], flags(&["\\Flagged", "mine"]));
}

/// Holds pipeline/transfer/replace.rs invariant 4.
/// Whatever breaks it off, the next sync goes on with it.
#[test]
fn repair_that_breaks_off_is_gone_on_with() {
    for begins in ["APPEND", "UID STORE", "UID EXPUNGE"] {
        let pair = copied();
        halve(&pair, "INBOX", 1);
        let breaking = Rule::on(begins, Then::Close);
        let pair = pair.destination(Behaviour::honest().rule(breaking)).with_settings("[limits]\nretries = 1");
        let output = pair.run(&["sync", "--repair"]);
        assert_ne!(output.code, Some(0), "{begins}: {output}");
        let pair = pair.destination(Behaviour::honest());
        pair.run(&["sync"]).expect(0);
        assert_exact(&pair);
        assert_eq!(pair.flags()[2], flags(&["work"]), "{begins}");
    }
}

/// Holds pipeline/repair.rs invariant 3.
#[test]
fn more_than_the_guard_allows_waits_and_nothing_else_does() {
    let pair = copied();
    (0..3).for_each(|index| halve(&pair, "INBOX", index));
    halve(&pair, "Other", 0);
    pair.source.tenant(USER).account().fill("Other\n    2 new");
    let before = pair.destination.tenant(USER).account().messages("INBOX");
    pair.run(&["sync", "--repair"]).expect(6).complains(&["3 of 3 messages", "--repair --allow-deletes"]);
    assert!(pair.destination.tenant(USER).account().messages("INBOX") == before);
    let [ours, theirs] = mailboxes(&pair, "Other");
    assert!(ours == theirs, "one copy may be replaced, and new mail is copied: {} messages", theirs.len());
    pair.run(&["sync", "--repair", "--allow-deletes"]).expect(0);
    assert_exact(&pair);
}

#[test]
fn without_single_expunges_the_old_copy_is_named() {
    let plain = || Behaviour::honest().without(&["UIDPLUS"]);
    let pair = Pair::with(MAIL).destination(plain());
    pair.run(&["sync"]).expect(0);
    halve(&pair, "INBOX", 1);
    pair.run(&["sync", "--repair"]).expect(3).complains(&["UID 2", "was replaced, and stays beside", "UIDPLUS"]);
    let [ours, theirs] = mailboxes(&pair, "INBOX");
    assert_eq!((ours.len(), theirs.len()), (3, 4));
    assert!(ours.iter().all(|message| theirs.contains(message)));
    assert_eq!(pair.flags()[1], flags(&["work"]), "it is not marked, either");
    pair.run(&["sync"]).expect(0);
    assert_eq!(mailboxes(&pair, "INBOX")[1].len(), 4);
    assert_eq!(count(&pair.verified(8), "duplicated"), 1);
}

/// Holds pipeline/repair.rs invariant 2.
#[test]
fn what_cannot_be_read_is_not_spoilt() {
    let pair = copied();
    halve(&pair, "INBOX", 1);
    let shut = Rule::refuse("UID FETCH", "NO [NOPERM] not now").holding("BODY.PEEK[])");
    let pair = pair.destination(Behaviour::honest().rule(shut));
    let before = mailboxes(&pair, "INBOX")[1].clone();
    pair.run(&["sync", "--repair"]).expect(0);
    assert!(mailboxes(&pair, "INBOX")[1] == before);
}

/// Holds pipeline/transfer/replace.rs invariant 2.
#[test]
fn another_message_under_the_uid_of_the_old_copy_is_not_removed() {
    let pair = copied();
    halve(&pair, "INBOX", 1);
    let breaking = Rule::on("UID EXPUNGE", Then::Close);
    let pair = pair.destination(Behaviour::honest().rule(breaking)).with_settings("[limits]\nretries = 1");
    assert_ne!(pair.run(&["sync", "--repair"]).code, Some(0));
    halve(&pair, "INBOX", 1);
    let pair = pair.destination(Behaviour::honest());
    pair.run(&["sync"]).expect(3).complains(&["UID 2", "under its UID there is another message"]);
    assert_eq!(mailboxes(&pair, "INBOX")[1].len(), 4);
}

/// Holds pipeline/repair.rs invariant 1.
#[test]
fn what_was_there_before_us_is_never_replaced() {
    let pair = Pair::with(MAIL);
    pair.destination.tenant(USER).account().fill(MAIL);
    pair.run(&["sync"]).expect(0);
    halve(&pair, "INBOX", 1);
    let before = mailboxes(&pair, "INBOX")[1].clone();
    pair.run(&["sync", "--repair"]).expect(0);
    assert!(mailboxes(&pair, "INBOX")[1] == before);
    pair.run(&["verify", "--deep"]).expect(8);
}

/// Holds pipeline/transfer/replace.rs invariant 1.
/// A destination that makes the same of it each time: one copy is left, and it is named.
#[test]
fn what_the_destination_does_not_keep_is_not_doubled() {
    let halving = Behaviour::honest().keeping(|octets| {
        let header = Stored::header(octets).len();
        Kept::As(octets[..header + (octets.len() - header) / 2].to_vec())
    });
    let pair = Pair::with("INBOX\n    1 a\nOther\n    1 d").destination(halving);
    pair.run(&["sync"]);
    let before = mailboxes(&pair, "INBOX")[1].clone();
    pair.run(&["sync", "--repair"]).expect(3).complains(&["the destination made the same"]);
    assert!(mailboxes(&pair, "INBOX")[1] == before);
}

/// Headers and line ends that a server writes in its own way are not spoilt.
#[test]
fn what_the_destination_writes_in_its_own_way_stays() {
    let stamping = Behaviour::honest().keeping(|octets| Kept::As([b"X-Stored: here\r\n", octets].concat()));
    let pair = Pair::with(MAIL).destination(stamping);
    pair.run(&["sync"]).expect(0);
    let before = mailboxes(&pair, "INBOX")[1].clone();
    pair.run(&["sync", "--repair"]).expect(0);
    assert!(mailboxes(&pair, "INBOX")[1] == before);
}

/// As a version of before linked what it had read of a literal that was too short.
#[test]
fn half_message_on_a_real_server_is_replaced() {
    let migration = dovecot_to_dovecot().seeded("INBOX\n    1..20 bulk \\Seen");
    let octets = format!("Message-ID: <half@example.org>\r\nSubject: half\r\n\r\n{}", "a line\r\n".repeat(400));
    let message = |octets: &str| NewMessage {
        octets: octets.as_bytes().to_vec(),
        flags: vec!["\\Flagged".to_owned()],
        date: Some(1_704_067_200),
    };
    migration.at_source().append("INBOX", &[message(&octets)]);
    migration.sync();
    let half = &octets[..octets.len() / 2];
    let mut destination = migration.at_destination();
    destination.append("INBOX", &[message(half)]);
    destination.expunge("INBOX", &[21]);
    {
        let store = Store::open(&migration.ferry.state()).expect("open the state").0;
        let (account, inbox) = (store.account(migration.user()), model::RawName(b"INBOX".to_vec()));
        let link = account.link(&inbox, model::Uid(21)).expect("read the link").expect("a link");
        let (octets, source_octets) = (half.len() as u64, Some(link.octets));
        let link = model::Link { destination: model::Uid(22), octets, source_octets, ..link };
        account.checkpoint(&inbox, &[link], &[]).expect("record the link");
        store.flush().expect("flush");
    }
    assert_eq!(migration.sync(), Done::NOTHING);
    migration.run(&["verify"]).expect(8).says("sync --repair");
    migration.run(&["sync", "--repair"]).expect(0);
    migration.assert_exact();
    migration.assert_second_sync_does_nothing();
    migration.run(&["verify", "--deep"]).expect(0).says("Identical");
}
