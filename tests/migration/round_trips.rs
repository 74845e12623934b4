//! Round trips, as the program counts them (times that something was sent and then waited for, of all connections): they are what
//! a migration waits for, and follow from what changed, and not from how many mailboxes there are.

use crate::migration::{Migration, count, dovecot_to_dovecot};

const UNGUARDED: &str = "[sync]\nmode = \"mirror\"\ndelete_guard = \"100%\"";

/// What an unchanged account may wait for behind the TLS handshake, of either side: login, and one list.
const UNCHANGED: u64 = 4;

/// What is waited for besides, where copies are deleted in several mailboxes: the logins of further connections, the last
/// answers of each, and one look at what is left.
const BESIDES: u64 = 16;

/// One mailbox after the other.
fn mailboxes(number: usize) -> String {
    (1..=number).map(|box_number| format!("Box{box_number:02}\n    1..3 letter\n")).collect()
}

/// Of the source and of the destination, in the parts of the last run that are meant.
fn round_trips(migration: &Migration<'_>, is_meant: impl Fn(&str) -> bool) -> [u64; 2] {
    let status = migration.ferry.status();
    let parts = status["last_run"]["parts"].as_array().expect("parts of the run");
    let meant = parts.iter().filter(|part| is_meant(part["part"].as_str().expect("a name")));
    let [mut source, mut destination] = [0; 2];
    for part in meant {
        source += count(&part["source"], "round_trips");
        destination += count(&part["destination"], "round_trips");
    }
    [source, destination]
}

#[test]
fn unchanged_account_waits_for_the_same_whatever_its_mailboxes() {
    let waited = [1, 40].map(|number| {
        let migration = dovecot_to_dovecot().seeded(&mailboxes(number));
        migration.sync();
        migration.assert_second_sync_does_nothing();
        round_trips(&migration, |_| true)
    });
    assert_eq!(waited[0], waited[1]);
    assert!(waited[0].iter().all(|side| *side <= UNCHANGED), "{waited:?}");
}

#[test]
fn deletions_in_many_mailboxes_do_not_wait_for_one_after_the_other() {
    let waited = [6, 24].map(|number| {
        let migration = dovecot_to_dovecot().with_settings(UNGUARDED).seeded(&mailboxes(number));
        migration.sync();
        let mut source = migration.at_source();
        (1..=number).for_each(|number| source.expunge(&format!("Box{number:02}"), &[2]));
        migration.sync();
        assert_eq!(count(&migration.ferry.status()["last_run"], "messages_deleted"), number as u64);
        let waited = round_trips(&migration, |part| part == "copy");
        migration.assert_exact();
        migration.assert_second_sync_does_nothing();
        waited
    });
    let [[few_of_source, _], [many_of_source, many_of_destination]] = waited;
    assert_eq!(few_of_source, many_of_source, "the source is asked about all of them at once");
    assert!(many_of_destination <= 24 + BESIDES, "{waited:?}");
}

/// Each way has its look at what is left, and its own logins.
const BESIDES_BOTH_WAYS: u64 = 2 * BESIDES;

#[test]
fn deletions_both_ways_do_not_wait_for_one_mailbox_after_the_other() {
    const NUMBER: usize = 24;
    for deleted in ["trash", "expunge"] {
        let settings = format!("[sync]\nmode = \"two-way\"\ndeleted = \"{deleted}\"\ndelete_guard = \"100%\"");
        let migration = dovecot_to_dovecot().with_settings(&settings).seeded(&format!("{}Trash\n", mailboxes(NUMBER)));
        migration.at_destination().create("Trash");
        migration.run(&["sync"]).expect(0);
        let mut source = migration.at_source();
        (1..=NUMBER).for_each(|number| source.expunge(&format!("Box{number:02}"), &[2]));
        migration.run(&["sync"]).expect(0);
        assert_eq!(count(&migration.ferry.status()["last_run"], "messages_deleted"), NUMBER as u64);
        let [_, destination] = round_trips(&migration, |part| part == "copy");
        assert!(destination <= NUMBER as u64 + BESIDES_BOTH_WAYS, "{deleted}: {destination}");
        migration.run(&["sync"]).expect(0).says("nothing to copy");
    }
}
