//! Which messages are copied: by date, size, flags and a search of one's own. What is left out is skipped, counted, and never deleted by mirror.

use crate::migration::Migration;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::compare::expect;
use crate::support::date::parse_internal_date;
use crate::support::ferry::Side;
use crate::support::server::{Server, User};
use crate::support::shared;

const MAIL: &str = r#"
INBOX
    old \Seen "31-Dec-2023 23:59:59 +0000"
    new1 \Seen "01-Jan-2024 00:00:00 +0000"
    new2 \Flagged size:20k "01-Feb-2024 10:00:00 +0100"
    later "01-Mar-2024 00:00:00 +0000"
Archive
    ancient "01-Jan-2001 00:00:00 +0000"
"#;

fn servers() -> [(&'static dyn Server, &'static dyn Server); 2] {
    let pair = shared::dovecot_pair();
    [(&pair.source, &pair.destination), (&pair.source, shared::cyrus())]
}

/// The lines of [`MAIL`] that name these.
fn only(names: &[&str]) -> String {
    let is_kept = |line: &&str| !line.starts_with(' ') || names.iter().any(|name| line.trim_start().starts_with(name));
    MAIL.lines().filter(is_kept).collect::<Vec<_>>().join("\n")
}

#[test]
fn messages_are_left_out_by_date_size_and_flags() {
    for (source, destination) in servers() {
        for (settings, expected) in [
            ("since = 2024-01-01\nbefore = \"2024-03-01\"", &["new1", "new2"][..]),
            ("since = \"2024-01-01\"", &["new1", "new2", "later"]),
            ("min_message_size = \"10kB\"", &["new2"]),
            ("unseen = true", &["new2", "later", "ancient"]),
            ("flagged = true", &["new2"]),
            ("search = 'OR SINCE 1-Mar-2024 NOT SMALLER 10000'", &["new2", "later"]),
            ("since = 2024-01-01\nsearch = 'not or flagged subject \"nobody\"'", &["new1", "later"]),
        ] {
            let migration = Migration::between(source, destination).seeded(MAIL);
            let migration = migration.with_settings(&format!("[sync]\n{settings}"));
            migration.run(&["scan"]).expect(0);
            let plan = migration.ferry.plan();
            assert_eq!(plan["totals"]["copies"], expected.len(), "{settings}: {plan}");
            assert_eq!(plan["totals"]["skipped"], 5 - expected.len(), "{settings}: {plan}");
            migration.run(&["apply"]).expect(0);
            expect(destination, migration.user(), &only(expected));
            migration.assert_second_sync_does_nothing();
            migration.run(&["verify", "--deep"]).expect(0);
            migration.ferry.forget_state();
            migration.assert_second_sync_does_nothing();
            expect(destination, migration.user(), &only(expected));
        }
    }
}

#[test]
fn first_pass_of_recent_mail_is_followed_by_the_rest() {
    for (source, destination) in servers() {
        let migration = Migration::between(source, destination).seeded(MAIL);
        let recent = migration.with_settings("[sync]\nsince = 2024-01-01");
        recent.sync();
        expect(destination, recent.user(), &only(&["new1", "new2", "later"]));
        let whole = recent.with_settings("");
        assert_eq!(whole.sync().copied, 2);
        whole.assert_exact_but_for_the_order();
        whole.assert_second_sync_does_nothing();
    }
}

/// Settings by which mail of that date or later comes first.
fn recent_from(date: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970").as_secs() as i64;
    let since = now - parse_internal_date(date).expect("a date");
    format!("[sync]\nnewest_first = \"{since}s\"")
}

/// In the second mailbox there is recent mail, too.
const OLD_AND_NEW: &str = r#"
INBOX
    old1 "01-Jan-2001 00:00:00 +0000"
    new1 "01-Feb-2024 00:00:00 +0000"
    old2 "02-Jan-2001 00:00:00 +0000"
    new2 "01-Mar-2024 00:00:00 +0000"
Archive
    ancient \Seen "01-Jan-2000 00:00:00 +0000"
    new3 "01-Apr-2024 00:00:00 +0000"
"#;

#[test]
fn recent_mail_comes_first_from_all_mailboxes_and_then_the_rest() {
    for (source, destination) in servers() {
        let migration = Migration::between(source, destination).seeded(OLD_AND_NEW);
        let migration = migration.with_settings(&recent_from("15-Jan-2024 00:00:00 +0000"));
        migration.run(&["scan"]).expect(0);
        assert_eq!(migration.ferry.plan()["totals"]["copies"], 6);
        migration.run(&["apply", "--max-messages", "3"]).expect(9);
        let recent = "INBOX\n new1 \"01-Feb-2024 00:00:00 +0000\"\n new2 \"01-Mar-2024 00:00:00 +0000\"\n";
        let archived = "Archive\n new3 \"01-Apr-2024 00:00:00 +0000\"\n";
        expect(destination, migration.user(), &format!("{recent}{archived}"));
        migration.run(&["sync"]).expect(0);
        let old = " old1 \"01-Jan-2001 00:00:00 +0000\"\n old2 \"02-Jan-2001 00:00:00 +0000\"\n";
        let oldest = " ancient \\Seen \"01-Jan-2000 00:00:00 +0000\"\n";
        let all = format!("{recent}{old}{archived}{oldest}");
        expect(destination, migration.user(), &all);
        migration.assert_second_sync_does_nothing();
        migration.run(&["verify", "--deep"]).expect(0).says("Identical");
        migration.ferry.forget_state();
        migration.assert_second_sync_does_nothing();
        migration.run(&["verify", "--deep"]).expect(0).says("Identical");
        expect(destination, migration.user(), &all);
    }
}

#[test]
fn passes_that_are_killed_are_gone_on_with() {
    let pair = shared::dovecot_pair();
    let settings = recent_from("15-Jan-2024 00:00:00 +0000");
    let migration = Migration::gated(&pair.source, &pair.destination).with_settings(&settings);
    let mail = "INBOX\n 1..30 old \"01-Jan-2001 00:00:00 +0000\"\n 31..60 new \"01-Feb-2024 00:00:00 +0000\"\n";
    migration.seed(&format!("{mail}Archive\n 1..30 older \"01-Jan-2000 00:00:00 +0000\""));
    migration.killed(&["sync"], 10);
    migration.killed(&["sync"], 30);
    migration.gates().open();
    migration.run(&["sync"]).expect(0);
    migration.assert_exact_but_for_the_order();
    migration.assert_second_sync_does_nothing();
    migration.run(&["verify"]).expect(0);
}

#[test]
fn mailboxes_of_priority_come_first() {
    let pair = shared::dovecot_pair();
    let mail = "Archive\n    1..20 a\nINBOX\n    i\n\"Sent Items\"\n    s\nWork\n    w size:10k\n    v size:10k";
    for (settings, first) in [("", "INBOX"), ("[mailboxes]\npriority = [\"Sent*\", \"INBOX\"]", "Sent")] {
        // Of one lane, so that nobody else has the only message.
        let sides = [Side::of(&pair.source), Side::of(&pair.destination)].map(|side| side.set("max_connections", 1));
        let users = vec![User::fresh("first")];
        let migration = Migration::with_sides(users, &pair.source, &pair.destination, sides).seeded(mail);
        let migration = migration.with_settings(&format!("{settings}\n[mailboxes.rename]\n\"Sent Items\" = \"Sent\""));
        migration.run(&["sync", "--max-messages", "1"]).expect(9);
        assert_eq!((migration.arrived(), migration.at_destination().select(first).exists), (1, 1), "{settings}");
    }
}

#[test]
fn mirror_deletes_nothing_that_a_filter_leaves_out() {
    for (source, destination) in servers() {
        let migration = Migration::between(source, destination).seeded(MAIL);
        let migration = migration.with_settings("[sync]\nmode = \"mirror\"");
        migration.sync();
        let filtered =
            migration.with_settings("[sync]\nmode = \"mirror\"\nsince = 2024-01-01\ndelete_guard = \"100%\"");
        filtered.sync();
        expect(destination, filtered.user(), MAIL);
        // Moved on the source to where the filter keeps it from being copied: its copy stays until it is there.
        let mut at_source = filtered.at_source();
        at_source.select("INBOX");
        at_source.command(b"UID COPY 1 Archive");
        at_source.expunge("INBOX", &[1]);
        filtered.run(&["sync"]);
        expect(destination, filtered.user(), MAIL);
    }
}
