//! What does not go with two-way mode, and what is a question.

use super::{EXPUNGING, sync};
use crate::migration::{Migration, dovecot_to_dovecot};
use crate::support::compare::expect;
use crate::support::ferry::Ferry;

fn fresh(migration: &Migration<'_>, settings: &str) -> Ferry {
    let (source, destination) = (migration.ferry.source.clone(), migration.ferry.destination.clone());
    Ferry::new(source, destination).with_account(&migration.users[0]).with_settings(settings)
}

#[test]
fn settings_that_do_not_go_with_it_are_refused_before_anything_is_asked() {
    let migration = dovecot_to_dovecot();
    for more in [
        "unseen = true",
        "since = \"2024-01-01\"",
        "newest_first = \"30d\"",
        "search = 'ALL'",
        "[mailboxes]\nmerge = [\"Archive\"]",
        "[mailboxes]\nacl = true",
        "[mailboxes.rename]\n\"a\" = \"x\"\n\"b\" = \"x\"",
    ] {
        let ferry = fresh(&migration, &format!("{EXPUNGING}\n{more}"));
        ferry.run(&["sync"]).expect(2).complains(&["mode = \"two-way\"", "nothing was touched"]);
    }
    let ferry = fresh(&migration, EXPUNGING);
    ferry.run(&["sync", "--reverse"]).expect(2).complains(&["goes both ways by itself"]);
}

#[test]
fn commands_that_know_one_way_alone_say_so() {
    let migration = dovecot_to_dovecot().with_settings(EXPUNGING).seeded("INBOX\n    1 m");
    migration.run(&["scan"]).expect(0);
    for command in [&["plan"][..], &["apply"], &["sync", "--dry-run"], &["sync", "--repair"]] {
        migration.run(command).expect(2).complains(&["goes one way", "run `mailferry sync"]);
    }
}

/// More than the guard lets pass waits on either side, and goes with a word.
#[test]
fn many_deletions_wait_for_a_word_on_either_side() {
    let guarded = EXPUNGING.replace("100%", "10%");
    let migration = dovecot_to_dovecot().with_settings(&guarded).seeded("INBOX\n    1..20 m\nOther\n    1..20 o");
    migration.run(&["sync"]).expect(0);
    migration.at_source().expunge("INBOX", &[1, 2, 3]);
    migration.at_destination().expunge("Other", &[1, 2, 3, 4]);
    let refused = migration.run(&["sync"]).expect(6);
    refused.complains(&["3 of 20 messages would be deleted", "4 of 20 messages would be deleted"]);
    expect(migration.destination, migration.user(), "INBOX\n    1..20 m\nOther\n    5..20 o");
    expect(migration.source, migration.user(), "INBOX\n    4..20 m\nOther\n    1..20 o");
    migration.run(&["sync", "--allow-deletes"]).expect(0);
    sync(&migration);
    for server in [migration.source, migration.destination] {
        expect(server, migration.user(), "INBOX\n    4..20 m\nOther\n    5..20 o");
    }
}

/// Or they are brought back, all of them.
#[test]
fn what_is_gone_comes_back_where_that_is_wanted() {
    let migration = dovecot_to_dovecot().with_settings(EXPUNGING).seeded("INBOX\n    1..20 m\nOther\n    1..20 o");
    migration.run(&["sync"]).expect(0);
    migration.at_source().expunge("INBOX", &[1, 2, 3]);
    migration.at_destination().expunge("Other", &[1, 2, 3, 4]);
    let restoring = migration.with_settings(&format!("{EXPUNGING}\nrestore_missing = true"));
    assert_eq!(sync(&restoring), [7, 0, 0]);
    expect(
        restoring.destination,
        restoring.user(),
        "INBOX\n    1..20 m\nOther\n    5..20 o\n    21 o-1\n    22 o-2\n    23 o-3\n    24 o-4",
    );
}
