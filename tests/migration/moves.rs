//! What is moved on the source is moved on the destination: nothing of it goes over the line again, and nothing is doubled or
//! lost, whatever happens meanwhile.

use crate::migration::{Migration, count, dovecot_to_dovecot, gated_dovecot};
use crate::support::compare::expect;
use crate::support::dovecot::{Dovecot, Options};
use crate::support::ferry::Done;
use crate::support::imap::Connection;
use crate::support::seed::seed;
use crate::support::shared;
use crate::support::state::observe;

const FOLLOWED: &str = "[sync]\nfollow_moves = true";
const MIRROR: &str = "[sync]\nfollow_moves = true\nmode = \"mirror\"";

const BOTH_WAYS: &str = "[sync]\nmode = \"two-way\"\ndelete_guard = \"100%\"";

const MAIL: &str = "INBOX\n    1..20 old $Label1\n    21 kept\nArchive\n    a\n    b \\Flagged\n    twin\n    twin\nGone\n    x\n    y";

/// Moves messages of one mailbox to another.
fn file(connection: &mut Connection, uids: &str, from: &str, to: &str) {
    connection.select(from);
    connection.command(format!("UID MOVE {uids} \"{to}\"").as_bytes());
}

fn last_run(migration: &Migration<'_>) -> serde_json::Value {
    migration.ferry.status()["last_run"].clone()
}

#[track_caller]
fn moved(migration: &Migration<'_>) -> u64 {
    count(&last_run(migration), "messages_moved")
}

/// Mail is filed in a mailbox that is there, in one that is new, and out of one that is deleted then; beside new mail and changed
/// flags on both sides.
fn assert_moves_follow(migration: Migration<'_>) {
    let migration = migration.seeded(MAIL);
    migration.sync();
    let mut source = migration.at_source();
    file(&mut source, "3:6", "INBOX", "Archive");
    source.create("New");
    file(&mut source, "7,20", "INBOX", "New");
    file(&mut source, "2", "Archive", "INBOX");
    file(&mut source, "1:2", "Gone", "New");
    source.select("INBOX");
    source.delete("Gone");
    source.add_flags("Archive", 5, &["\\Seen"]);
    source.remove_flags("Archive", 6, &["$Label1"]);
    migration.at_destination().add_flags("INBOX", 7, &["\\Answered"]);
    seed(migration.source, migration.user(), "Archive\n    9 fresh");
    migration.run(&["scan"]).expect(0);
    let plan = migration.ferry.plan();
    let totals = ["moves", "copies", "deletes"].map(|name| count(&plan["totals"], name));
    assert_eq!(totals, [9, 1, 0], "{plan}");
    migration.run(&["apply"]).expect(0);
    assert_eq!(moved(&migration), 9);
    migration.at_destination().remove_flags("New", 1, &["\\Answered"]);
    expect_gone(&migration, "Gone");
    migration.assert_exact();
    migration.assert_second_sync_does_nothing();
    migration.assert_verified();
}

/// The mailbox that its mail left stays, empty, on the destination.
fn expect_gone(migration: &Migration<'_>, mailbox: &str) {
    let state = observe(migration.destination, migration.user());
    assert!(state.mailboxes[mailbox].messages.is_empty());
    migration.at_destination().delete(mailbox);
}

#[test]
fn moved_mail_is_moved_and_not_copied_again() {
    assert_moves_follow(dovecot_to_dovecot().with_settings(FOLLOWED));
}

#[test]
fn moved_mail_is_moved_in_mirror_mode_and_no_guard_counts_it() {
    assert_moves_follow(dovecot_to_dovecot().with_settings(MIRROR));
}

#[test]
fn moved_mail_is_moved_on_cyrus() {
    assert_moves_follow(Migration::between(&shared::dovecot_pair().source, shared::cyrus()).with_settings(FOLLOWED));
}

#[test]
fn moved_mail_of_cyrus_is_moved() {
    assert_moves_follow(
        Migration::between(shared::cyrus(), &shared::dovecot_pair().destination).with_settings(FOLLOWED),
    );
}

/// Without MOVE: the server copies, and the old copies go.
///
/// Holds pipeline/transfer/moving.rs invariant 4.
#[test]
fn moved_mail_is_copied_on_a_server_without_move_and_expunged() {
    for settings in [FOLLOWED, MIRROR] {
        let old = without("MOVE");
        assert_moves_follow(Migration::between(&shared::dovecot_pair().source, &old).with_settings(settings));
    }
}

/// Without UIDPLUS nothing can be expunged: in copy mode the old copies stay, and nothing goes over the line.
#[test]
fn moved_mail_is_copied_on_a_server_that_cannot_expunge_it() {
    let old = without("MOVE UIDPLUS");
    let migration = Migration::between(&shared::dovecot_pair().source, &old)
        .with_settings(FOLLOWED)
        .seeded("INBOX\n    1..9 old size:9k\nArchive");
    migration.sync();
    file(&mut migration.at_source(), "2:4,7", "INBOX", "Archive");
    migration.run(&["sync"]).expect(0);
    expect(&old, migration.user(), "INBOX\n    1..9 old size:9k\nArchive\n    old-2\n    old-3\n    old-4\n    old-7");
    let run = last_run(&migration);
    let received: u64 =
        run["parts"].as_array().expect("parts").iter().map(|part| count(&part["source"], "received")).sum();
    assert!(received < 9_000, "{received} octets came from the source");
    migration.assert_second_sync_does_nothing();
}

/// A Dovecot that does not offer these.
fn without(capabilities: &str) -> Dovecot {
    let all = "IMAP4rev1 LITERAL+ UIDPLUS MOVE NAMESPACE ID ENABLE CONDSTORE QRESYNC LIST-EXTENDED LIST-STATUS SPECIAL-USE \
        ESEARCH MULTIAPPEND UNSELECT";
    let left: Vec<&str> =
        all.split_whitespace().filter(|it| !capabilities.split_whitespace().any(|without| without == *it)).collect();
    let extra_configuration = vec![format!("imap_capability = {}", left.join(" "))];
    Dovecot::start(Options { extra_configuration, ..Options::maildir_with_dots() })
}

/// A whole mailbox is filed elsewhere: nothing of it goes over the line, and no guard asks.
#[test]
fn emptied_mailbox_is_moved_without_a_word_and_without_its_octets() {
    for settings in [FOLLOWED, MIRROR] {
        let migration = dovecot_to_dovecot().with_settings(settings).seeded("INBOX\n    1..200 bulk size:20k");
        migration.sync();
        migration.at_source().create("Done");
        file(&mut migration.at_source(), "1:200", "INBOX", "Done");
        assert_eq!(migration.sync(), Done { copied: 0, flags_updated: 0 });
        assert_eq!(moved(&migration), 200);
        let run = last_run(&migration);
        let parts = run["parts"].as_array().expect("parts");
        let octets = |side: &str, way: &str| parts.iter().map(|part| count(&part[side], way)).sum::<u64>();
        let over_the_line = octets("source", "received") + octets("destination", "sent");
        assert!(over_the_line < 200_000, "{over_the_line} octets of 4 MB");
        migration.assert_exact();
        migration.assert_second_sync_does_nothing();
        migration.assert_verified();
    }
}

/// Filed one by one from the last to the first: the copies stand in the order that their messages have now.
#[test]
fn moved_copies_stand_in_the_order_of_their_messages() {
    let migration = dovecot_to_dovecot().with_settings(FOLLOWED).seeded("INBOX\n    1..12 old\nArchive");
    migration.sync();
    let mut source = migration.at_source();
    for uid in ["9", "4:6", "2", "12", "3"] {
        file(&mut source, uid, "INBOX", "Archive");
    }
    migration.sync();
    assert_eq!(moved(&migration), 7);
    migration.assert_exact();
}

/// Holds pipeline/transfer/moving.rs invariant 1.
#[test]
fn copy_that_its_user_took_away_or_that_is_not_ours_is_not_moved() {
    let migration = dovecot_to_dovecot().with_settings(FOLLOWED);
    seed(migration.destination, migration.user(), "INBOX\n    1 theirs");
    let migration = migration.seeded("INBOX\n    1 theirs\n    2 taken\n    3 marked\n    4 plain\nArchive");
    migration.sync();
    let mut destination = migration.at_destination();
    destination.create("Mine");
    file(&mut destination, "2", "INBOX", "Mine");
    destination.add_flags("INBOX", 3, &["\\Deleted"]);
    file(&mut migration.at_source(), "1:4", "INBOX", "Archive");
    assert_eq!(migration.sync(), Done { copied: 3, flags_updated: 0 });
    assert_eq!(moved(&migration), 1);
    // What is moved comes before what is copied.
    expect(
        migration.destination,
        migration.user(),
        "INBOX\n    theirs\n    marked \\Deleted\nArchive\n    plain\n    theirs\n    taken\n    marked\nMine\n    taken",
    );
    migration.assert_second_sync_does_nothing();
}

/// Of twins nobody can tell which is which.
#[test]
fn twins_are_copied_and_stay() {
    let migration = dovecot_to_dovecot().with_settings(FOLLOWED).seeded("INBOX\n    twin\n    twin\n    one\nArchive");
    migration.sync();
    file(&mut migration.at_source(), "1:3", "INBOX", "Archive");
    assert_eq!(migration.sync(), Done { copied: 2, flags_updated: 0 });
    assert_eq!(moved(&migration), 1);
    migration.assert_second_sync_does_nothing();
}

/// Within its mailbox, by way of another one; its copy has two links then, and both go with it.
#[test]
fn message_that_was_moved_within_its_mailbox_is_moved_ever_after() {
    for migration in [dovecot_to_dovecot(), Migration::between(&shared::dovecot_pair().source, shared::cyrus())] {
        let migration = migration.with_settings(FOLLOWED).seeded("INBOX\n    1..3 m\nArchive\n    x");
        migration.sync();
        let mut source = migration.at_source();
        file(&mut source, "2", "INBOX", "Archive");
        file(&mut source, "2", "Archive", "INBOX");
        assert_eq!((migration.sync().copied, moved(&migration)), (0, 0));
        for [from, to] in [["INBOX", "Archive"], ["Archive", "INBOX"], ["INBOX", "Archive"]] {
            let last = source.select(from).uid_next - 1;
            file(&mut source, &last.to_string(), from, to);
            assert_eq!((migration.sync().copied, moved(&migration)), (0, 1), "{from} to {to}");
        }
        expect(migration.destination, migration.user(), "INBOX\n    m-1\n    m-3\nArchive\n    x\n    m-2");
        migration.assert_second_sync_does_nothing();
    }
}

#[test]
fn follow_moves_off_copies_what_was_moved() {
    let settings = "[sync]\nfollow_moves = false";
    let migration = dovecot_to_dovecot().with_settings(settings).seeded("INBOX\n    1..3 old\nArchive");
    migration.sync();
    file(&mut migration.at_source(), "2", "INBOX", "Archive");
    assert_eq!(migration.sync(), Done { copied: 1, flags_updated: 0 });
    expect(migration.destination, migration.user(), "INBOX\n    1..3 old\nArchive\n    old-2");
}

/// Without MOVE, killed before and after the server has copied, and before and after the old copies go.
///
/// Holds pipeline/transfer/leftovers.rs invariant 1. Holds pipeline/transfer/leftovers.rs invariant 2.
#[test]
fn killed_between_copy_and_expunge_the_old_copies_go_with_the_next_run() {
    let old = without("MOVE");
    let places = [
        "command/UID-COPY",
        "before-answer/UID-COPY",
        "after-answer/UID-COPY",
        "command/UID-EXPUNGE",
        "before-answer/UID-EXPUNGE",
    ];
    for place in places {
        let migration = Migration::gated(&shared::dovecot_pair().source, &old)
            .with_settings(FOLLOWED)
            .seeded("INBOX\n    1..30 old \\Seen\nArchive\n    a");
        migration.sync();
        file(&mut migration.at_source(), "3:9", "INBOX", "Archive");
        migration.held_at(&["sync"], &format!("destination/{place}"), 0).kill();
        migration.gates().cut();
        assert_eq!(migration.sync().copied, 0, "{place}");
        migration.assert_exact();
        migration.assert_second_sync_does_nothing();
        migration.assert_verified();
    }
}

/// Holds pipeline/transfer/moving.rs invariant 2. Holds pipeline/transfer/moving.rs invariant 3.
/// Killed before the server has the MOVE, and after it has done it: nothing is lost, doubled or copied.
#[test]
fn killed_between_the_move_and_its_record_it_is_recognised() {
    for place in
        ["destination/command/UID-MOVE", "destination/before-answer/UID-MOVE", "destination/after-answer/UID-MOVE"]
    {
        for settings in [FOLLOWED, MIRROR] {
            let migration =
                gated_dovecot().with_settings(settings).seeded("INBOX\n    1..30 old \\Seen\nArchive\n    a");
            migration.sync();
            migration.at_source().create("New");
            file(&mut migration.at_source(), "3:9", "INBOX", "Archive");
            file(&mut migration.at_source(), "20:30", "INBOX", "New");
            migration.held_at(&["sync"], place, 0).kill();
            migration.gates().cut();
            assert_eq!(migration.sync().copied, 0, "{place}");
            migration.assert_exact();
            migration.assert_second_sync_does_nothing();
            // What was recognised is ours: in mirror mode it goes with its source.
            migration.at_source().expunge("Archive", &[1, 2]);
            migration.run(&["sync", "--allow-deletes"]).expect(0);
            if settings == MIRROR {
                migration.assert_exact();
            }
        }
    }
}

/// Moved on either side, by one user or the other, whoever put it there; and marked on the other side meanwhile. Nothing goes over the
/// line, and nothing comes back to where it was.
#[test]
fn moved_mail_is_moved_both_ways_and_keeps_what_was_marked_on_the_other_side() {
    let migration = dovecot_to_dovecot().with_settings(BOTH_WAYS).seeded("INBOX\n    1..8 here\nArchive\n    a");
    seed(migration.destination, migration.user(), "INBOX\n    11..18 there");
    migration.run(&["sync"]).expect(0);
    let [mut source, mut destination] = [migration.at_source(), migration.at_destination()];
    let uid = |connection: &mut Connection, mailbox: &str, label: &str| {
        let (_, messages) = connection.fetch_all(mailbox);
        let is_it = |octets: &[u8]| String::from_utf8_lossy(octets).contains(label);
        messages.iter().find(|message| is_it(&message.octets)).expect("the message").uid
    };
    for (label, side) in [("here-2", 0), ("there-12", 0), ("here-3", 1), ("there-13", 1)] {
        let (one, other) = match side {
            0 => (&mut source, &mut destination),
            _ => (&mut destination, &mut source),
        };
        let [here, there] = [uid(one, "INBOX", label), uid(other, "INBOX", label)];
        file(one, &here.to_string(), "INBOX", "Archive");
        other.add_flags("INBOX", there, &["\\Flagged"]);
    }
    let copied = |migration: &Migration<'_>| count(&last_run(migration), "messages_copied");
    migration.run(&["sync"]).expect(0);
    assert_eq!((moved(&migration), copied(&migration)), (4, 0), "{}", last_run(&migration));
    for _ in 0..2 {
        migration.run(&["sync"]).expect(0);
    }
    let held = |server, mailbox: &str| {
        let state = observe(server, migration.user());
        let messages = state.mailboxes[mailbox].messages.iter();
        let mut held: Vec<_> = messages.map(|message| (message.label.clone(), message.flags.clone())).collect();
        held.sort();
        held
    };
    for mailbox in ["INBOX", "Archive"] {
        assert_eq!(held(migration.source, mailbox), held(migration.destination, mailbox), "{mailbox}");
    }
    let archive = held(migration.destination, "Archive");
    let marked = archive.iter().filter(|(_, flags)| flags.contains("\\flagged")).count();
    assert_eq!((archive.len(), marked), (5, 4), "{archive:?}");
    migration.assert_second_sync_does_nothing();
}
