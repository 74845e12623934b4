//! Which messages are copied: by date, size and flags. What is left out is skipped, counted, and never deleted by mirror.

use crate::migration::Migration;
use crate::support::compare::expect;
use crate::support::server::Server;
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
