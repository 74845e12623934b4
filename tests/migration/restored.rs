//! A server that goes back in time under the UIDVALIDITY that it had: a backup is restored, an index is lost. Links name
//! what is gone, or what was given to another message since.

use std::fs;
use std::path::Path;

use mailferry::model::{self, RawName};
use mailferry::store::Store;

use crate::migration::{Migration, count, dovecot_to_dovecot, gated_dovecot};
use crate::support::backup::Backup;
use crate::support::compare::expect;
use crate::support::ferry::Done;
use crate::support::seed::seed;
use crate::support::server::Server;
use crate::support::shared;
use crate::support::state::observe;

fn back_up_source(migration: &Migration<'_>) -> Backup {
    Backup::of(&shared::dovecot_pair().source, migration.user())
}

fn back_up_destination(migration: &Migration<'_>) -> Backup {
    Backup::of(&shared::dovecot_pair().destination, migration.user())
}

fn uid_validity(server: &dyn Server, user: &str) -> u32 {
    server.connect(user).select("INBOX").uid_validity
}

/// Six messages on both sides, a backup of the destination, four more on both sides, and back to the backup.
fn with_restored_destination() -> Migration<'static> {
    let migration = dovecot_to_dovecot().seeded("INBOX\n    1..6 early");
    migration.sync();
    let before = uid_validity(migration.destination, migration.user());
    let backup = back_up_destination(&migration);
    seed(migration.source, migration.user(), "INBOX\n    7..10 late");
    migration.sync();
    migration.assert_exact();
    backup.restore();
    assert_eq!(uid_validity(migration.destination, migration.user()), before);
    migration
}

fn copies(copied: u64) -> Done {
    Done { copied, flags_updated: 0 }
}

/// Syncs; where as many messages came as were lost, with every mailbox listed whole: STATUS may then be the same to the
/// last number.
#[track_caller]
fn sync_after(migration: &Migration<'_>, as_many: bool) -> Done {
    let arguments: &[&str] = if as_many { &["sync", "--full"] } else { &["sync"] };
    migration.run(arguments).expect(0);
    Done::of(&migration.ferry.status()["last_run"])
}

#[test]
fn what_a_restored_destination_lost_is_copied_again() {
    let migration = with_restored_destination();
    let output = migration.run(&["sync", "--progress", "plain"]).expect(0);
    output.complains(&["went back in time", "4 of its messages"]);
    migration.assert_exact();
    migration.assert_second_sync_does_nothing();
    migration.assert_verified();
}

#[test]
fn uids_that_a_restored_destination_gave_to_others_are_not_taken_for_copies() {
    // Fewer than were lost, as many, and more: UIDNEXT tells in the first case only.
    for own in [2, 4, 7] {
        let migration = with_restored_destination();
        seed(migration.destination, migration.user(), &format!("INBOX\n    7..{} own", 6 + own));
        assert_eq!(sync_after(&migration, own == 4), copies(4), "{own}");
        let found = observe(migration.destination, migration.user());
        let found = &found.mailboxes["INBOX"].messages;
        assert_eq!(found.len(), 10 + own, "{own}");
        migration.assert_second_sync_does_nothing();
        // A flag that follows goes to the copy, and not to who has its UID now.
        migration.at_source().add_flags("INBOX", 7, &["\\Flagged"]);
        assert_eq!(migration.sync(), Done { copied: 0, flags_updated: 1 });
        let late: Vec<_> = found[6 + own..].iter().map(|message| message.uid).collect();
        let flagged = observe(migration.destination, migration.user());
        let flagged = flagged.mailboxes["INBOX"].messages.iter().filter(|message| message.flags.contains("\\flagged"));
        assert_eq!(flagged.map(|message| message.uid).collect::<Vec<_>>(), late[..1], "{own}");
        let verified = migration.run(&["verify", "--deep", "--json", "-"]).expect(0).json();
        assert_eq!(count(&verified["totals"], "extra"), own as u64);
    }
}

#[test]
fn what_its_user_deleted_before_the_backup_is_not_brought_back() {
    let migration = dovecot_to_dovecot().seeded("INBOX\n    a\n    b\n    c");
    migration.sync();
    migration.at_destination().expunge("INBOX", &[1]);
    migration.sync();
    let backup = back_up_destination(&migration);
    seed(migration.source, migration.user(), "INBOX\n    4 d");
    migration.sync();
    backup.restore();
    assert_eq!(migration.sync(), copies(1));
    expect(migration.destination, migration.user(), "INBOX\n    b\n    c\n    d");
}

#[test]
fn what_its_user_deleted_after_the_backup_keeps_its_link() {
    let migration = dovecot_to_dovecot().seeded("INBOX\n    a\n    b\n    c");
    migration.sync();
    let backup = back_up_destination(&migration);
    migration.at_destination().expunge("INBOX", &[2]);
    migration.sync();
    backup.restore();
    assert_eq!(migration.sync(), Done::NOTHING);
    migration.assert_exact();
    let status = migration.ferry.status();
    assert_eq!((count(&status["outcomes"], "copied"), count(&status["outcomes"], "departed")), (3, 0), "{status}");
}

/// Holds pipeline/survey/rollback.rs invariant 1.
#[test]
fn destination_restored_after_a_kill_is_filled_again() {
    // The last copies were never listed: only the links know how far the mailbox had come. In the second round the note
    // that the tail is to be reconciled is above all that is there.
    for before in [0, 100] {
        let migration = gated_dovecot().seeded("INBOX\n    1..1500 bulk");
        let validity = uid_validity(migration.destination, migration.user());
        let backup = back_up_destination(&migration);
        migration.run(&["scan"]).expect(0);
        migration.run(&["plan"]).expect(0);
        if before > 0 {
            migration.run(&["apply", "--max-messages", &before.to_string()]).expect(9);
        }
        migration.killed(&["apply"], 200);
        backup.restore();
        assert_eq!(uid_validity(migration.destination, migration.user()), validity);
        migration.run(&["scan"]).expect(0);
        migration.run(&["plan"]).expect(0);
        migration.killed(&["apply"], 50);
        migration.run(&["apply"]).expect(0);
        migration.assert_exact();
        migration.assert_second_sync_does_nothing();
    }
}

/// Holds pipeline/survey/rollback.rs invariant 2.
#[test]
fn restored_destination_is_remembered_by_a_scan_that_was_cut_off() {
    // What such a scan leaves: the doubt, and neither the old listing nor the new one.
    let migration = with_restored_destination();
    seed(migration.destination, migration.user(), "INBOX\n    7..13 own");
    {
        let (store, _) = Store::open(&migration.ferry.state()).expect("open the state");
        let (account, inbox) = (store.account(migration.user()), RawName(b"INBOX".to_vec()));
        account.suspect_links(&inbox, model::Side::Destination).expect("record a doubt");
        account.forget_mailbox(model::Side::Destination, &inbox).expect("forget the listing");
        store.flush().expect("flush");
    }
    assert_eq!(migration.sync(), copies(4));
    migration.assert_second_sync_does_nothing();
    migration.run(&["verify", "--deep"]).expect(0);
}

#[test]
fn destination_restored_between_plan_and_apply_is_refused_and_then_synced() {
    let migration = dovecot_to_dovecot().seeded("INBOX\n    1..6 early");
    migration.sync();
    let backup = back_up_destination(&migration);
    seed(migration.source, migration.user(), "INBOX\n    7..10 late");
    migration.sync();
    seed(migration.source, migration.user(), "INBOX\n    11 latest");
    migration.run(&["scan"]).expect(0);
    migration.run(&["plan"]).expect(0);
    backup.restore();
    migration.run(&["apply"]).expect(3).complains(&["INBOX", "went back in time", "mailferry sync"]);
    assert_eq!(migration.sync(), copies(5));
    migration.assert_exact();
}

/// Only a server that gave a UID twice leaves such links behind.
#[test]
fn message_whose_link_names_the_copy_of_another_is_copied_again() {
    let migration = dovecot_to_dovecot().seeded("INBOX\n    a\n    b");
    migration.sync();
    migration.at_destination().expunge("INBOX", &[2]);
    {
        let (store, _) = Store::open(&migration.ferry.state()).expect("open the state");
        let (account, inbox) = (store.account(migration.user()), RawName(b"INBOX".to_vec()));
        let link = account.link(&inbox, model::Uid(2)).expect("read the link").expect("a link");
        let link = model::Link { destination: model::Uid(1), ..link };
        account.checkpoint(&inbox, &[link], &[]).expect("record the link");
        store.flush().expect("flush");
    }
    assert_eq!(migration.sync(), copies(1));
    migration.assert_exact();
    migration.assert_second_sync_does_nothing();
}

#[test]
fn destination_restored_while_it_is_filled_converges() {
    let migration = gated_dovecot().seeded("INBOX\n    1..5 early");
    migration.sync();
    let backup = back_up_destination(&migration);
    seed(migration.source, migration.user(), "INBOX\n    6..1500 bulk");
    let running = migration.held(&["sync"], 200);
    backup.restore();
    migration.gates().open();
    let output = running.finish();
    assert!(matches!(output.code, Some(0 | 3)), "{output}");
    migration.run(&["sync"]).expect(0);
    migration.assert_exact_but_for_the_order();
    migration.assert_second_sync_does_nothing();
}

#[test]
fn new_mail_under_old_uids_of_a_restored_source_is_copied() {
    for new in [1, 4, 6] {
        let migration = dovecot_to_dovecot().seeded("INBOX\n    1..6 early");
        let backup = back_up_source(&migration);
        seed(migration.source, migration.user(), "INBOX\n    7..10 late");
        migration.sync();
        backup.restore();
        seed(migration.source, migration.user(), &format!("INBOX\n    7..{} other", 6 + new));
        assert_eq!(sync_after(&migration, new == 4), copies(new), "{new}");
        let found = observe(migration.destination, migration.user());
        assert_eq!(found.mailboxes["INBOX"].messages.len() as u64, 10 + new, "{new}");
        migration.run(&["verify", "--deep"]).expect(0);
        migration.assert_second_sync_does_nothing();
    }
}

#[test]
fn new_mail_under_old_uids_is_copied_though_the_source_was_scanned_in_between() {
    let migration = dovecot_to_dovecot().seeded("INBOX\n    1..6 early");
    let backup = back_up_source(&migration);
    seed(migration.source, migration.user(), "INBOX\n    7..10 late");
    migration.sync();
    backup.restore();
    assert_eq!(migration.sync(), Done::NOTHING, "nothing is deleted because of it");
    seed(migration.source, migration.user(), "INBOX\n    7..8 other");
    assert_eq!(migration.sync(), copies(2));
    migration.run(&["verify", "--deep"]).expect(0);
}

/// Holds disaster rule 5.
#[test]
fn flags_changed_after_the_index_was_lost_are_followed() {
    let migration = dovecot_to_dovecot().seeded("INBOX\n    1..6 early");
    for round in 0..4 {
        migration.at_source().add_flags("INBOX", 2, &[&format!("$Round{round}")]);
    }
    migration.sync();
    lose_index(&shared::dovecot_pair().source.mail_directory(migration.user()));
    // HIGHESTMODSEQ is lower now, UIDVALIDITY and UIDNEXT are the same.
    migration.at_source().add_flags("INBOX", 3, &["\\Flagged"]);
    migration.sync();
    let found = observe(migration.destination, migration.user());
    let flagged = |uid: usize| found.mailboxes["INBOX"].messages[uid - 1].flags.contains("\\flagged");
    assert!(flagged(3) && !flagged(2));
    migration.assert_second_sync_does_nothing();
}

fn lose_index(mail: &Path) {
    for entry in fs::read_dir(mail).expect("the mail directory").map(|entry| entry.expect("an entry")) {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("dovecot.index") || name.starts_with("dovecot.list.index") {
            fs::remove_file(entry.path()).expect("remove an index");
        }
    }
}
