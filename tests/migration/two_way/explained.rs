//! `explain` tells of both directions.

use super::{EXPUNGING, seed_there, sync};
use crate::migration::dovecot_to_dovecot;

#[test]
fn explain_tells_what_goes_either_way_and_why() {
    let migration = dovecot_to_dovecot().with_settings(EXPUNGING).seeded("INBOX\n    1 a\n    2 b\n    3 c\n    4 d");
    sync(&migration);
    seed_there(&migration, "INBOX\n    20 new");
    let mut there = migration.destination.connect(migration.user());
    there.expunge("INBOX", &[2, 3]);
    there.add_flags("INBOX", 4, &["\\Flagged"]);
    migration.at_source().add_flags("INBOX", 3, &["$Label1"]);
    // A pass of one way alone is what a run has done when it is cut off between the two.
    migration.run(&["scan"]).expect(0);
    let explained = |what: &str| migration.run(&["explain", migration.user(), "INBOX", what]).expect(0).stdout;
    for (message, words) in [
        ("1", &["The plan leaves it alone", "The other way: nothing, the flags of the copy are as agreed"][..]),
        ("2", &["The other way: the copy is gone, and this message is expunged", "delete_guard"]),
        ("3", &["No link names it", "copies it if it is not there"]),
        ("4", &["The other way: its user changed the flags there to", "\\Flagged"]),
        ("<new@seed.example.org>", &["No link names it: it is new there", "copied to the source"]),
    ] {
        let told = explained(message);
        words.iter().for_each(|words| assert!(told.contains(words), "{message}: {told}"));
    }
    sync(&migration);
}
