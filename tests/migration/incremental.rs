//! What changes between two syncs, on either side: a sync brings exactly that.

use crate::migration::{Migration, count, dovecot_to_dovecot};
use crate::support::compare::expect;
use crate::support::ferry::Done;
use crate::support::imap::NewMessage;
use crate::support::seed::seed;
use crate::support::server::Server;
use crate::support::state::observe;
use crate::support::{cyrus, shared};

const START: &str = r"
INBOX subscribed
    1..20 old
    21 read \Seen $Label1
Archive
    a
    b \Flagged
Quiet
    q
";

fn only(copied: u64, flags_updated: u64) -> Done {
    Done { copied, flags_updated }
}

/// Everything that mail programs do between two syncs.
fn assert_changes_are_followed(migration: Migration<'_>) {
    let migration = migration.seeded(START);
    assert_eq!(migration.sync(), only(24, 0));
    migration.assert_second_sync_does_nothing();

    seed(
        migration.source,
        migration.user(),
        "INBOX\n    22 new \\Seen\n    23 newer\nArchive/2025 subscribed\n    c\n    d",
    );
    assert_eq!(migration.sync(), only(4, 0), "new messages and a new mailbox");
    migration.assert_exact();

    let mut source = migration.at_source();
    source.add_flags("INBOX", 1, &["\\Seen", "\\Answered", "$Later"]);
    source.remove_flags("INBOX", 21, &["\\Seen", "$Label1"]);
    source.remove_flags("Archive", 2, &["\\Flagged"]);
    assert_eq!(migration.sync(), only(0, 3), "flags that were added and removed");
    migration.assert_exact();

    source.subscribe("Quiet");
    assert_eq!(migration.sync(), Done::NOTHING);
    migration.assert_exact();

    source.expunge("INBOX", &[2, 3]);
    source.expunge("Archive", &[1]);
    assert_eq!(migration.sync(), Done::NOTHING, "in copy mode nothing is deleted");
    let found = migration.run(&["verify", "--json", "-"]).expect(0).json();
    assert_eq!(count(&found["totals"], "extra"), 3, "{found}");
    assert_eq!(count(&found["totals"], "missing"), 0, "{found}");
    assert_eq!(observe(migration.destination, migration.user()).mailboxes["INBOX"].messages.len(), 23);
    migration.assert_second_sync_does_nothing();
}

#[test]
fn changes_on_the_source_are_followed_exactly() {
    assert_changes_are_followed(dovecot_to_dovecot());
}

#[test]
fn changes_on_a_cyrus_source_are_followed_exactly() {
    assert_changes_are_followed(Migration::between(shared::cyrus(), &shared::dovecot_pair().destination));
}

#[test]
fn changes_are_followed_exactly_to_cyrus() {
    assert_changes_are_followed(Migration::between(&shared::dovecot_pair().source, shared::cyrus()));
}

#[test]
fn changes_are_followed_exactly_without_condstore_and_qresync() {
    // `imap_capability` of Dovecot replaces the list after login: what old servers offer.
    let options = crate::support::dovecot::Options {
        extra_configuration: vec!["imap_capability = IMAP4rev1 LITERAL+ UIDPLUS NAMESPACE ID".to_owned()],
        ..crate::support::dovecot::Options::maildir_with_dots()
    };
    let old = crate::support::dovecot::Dovecot::start(options);
    assert_changes_are_followed(Migration::between(&old, &shared::dovecot_pair().destination));
}

#[test]
fn flags_that_the_destination_user_changed_stay() {
    let migration = dovecot_to_dovecot().seeded("INBOX\n    a\n    b \\Flagged\n    c");
    migration.sync();
    let mut destination = migration.at_destination();
    destination.add_flags("INBOX", 1, &["\\Seen", "$Mine"]);
    destination.remove_flags("INBOX", 2, &["\\Flagged"]);
    assert_eq!(migration.sync(), Done::NOTHING);
    migration.at_source().add_flags("INBOX", 1, &["\\Answered"]);
    assert_eq!(migration.sync(), only(0, 1), "the source's own change arrives beside them");
    let wanted = "INBOX\n    a \\Seen \\Answered $Mine\n    b\n    c";
    expect(migration.destination, migration.user(), wanted);
    let found = migration.run(&["verify", "--json", "-"]).expect(0).json();
    assert_eq!(count(&found["totals"], "flags_differ"), 0, "{found}");
}

#[test]
fn message_deleted_on_the_destination_is_not_brought_back() {
    let migration = dovecot_to_dovecot().seeded("INBOX\n    a\n    b\n    c");
    migration.sync();
    migration.at_destination().expunge("INBOX", &[2]);
    assert_eq!(migration.sync(), Done::NOTHING);
    let status = migration.ferry.status();
    assert_eq!((count(&status["outcomes"], "departed"), count(&status["outcomes"], "copied")), (1, 2), "{status}");
    expect(migration.destination, migration.user(), "INBOX\n    a\n    c");
    migration.run(&["verify"]).expect(0);
}

#[test]
fn message_deleted_on_the_destination_is_brought_back_where_the_settings_say_so() {
    let migration = dovecot_to_dovecot().seeded("INBOX\n    a\n    b\n    c");
    migration.sync();
    migration.at_destination().expunge("INBOX", &[2]);
    let migration = migration.with_settings("[sync]\nrestore_missing = true");
    assert_eq!(migration.sync(), only(1, 0));
    expect(migration.destination, migration.user(), "INBOX\n    a\n    c\n    b");
    migration.assert_second_sync_does_nothing();
}

#[test]
fn mail_that_the_destination_received_itself_is_left_alone() {
    let migration = dovecot_to_dovecot().seeded("INBOX\n    a\n    b");
    migration.sync();
    seed(migration.destination, migration.user(), "INBOX\n    3 own\nOwn\n    own");
    migration.assert_second_sync_does_nothing();
    seed(migration.source, migration.user(), "INBOX\n    3 c");
    assert_eq!(migration.sync(), only(1, 0));
    expect(migration.destination, migration.user(), "INBOX\n    a\n    b\n    own\n    c\nOwn\n    own");
    let found = migration.run(&["verify", "--json", "-"]).expect(0).json();
    assert_eq!(count(&found["totals"], "extra"), 1, "{found}");
}

/// Another UIDVALIDITY, the same mail in other order, and with it something new.
fn recreate(server: &dyn Server, user: &str) {
    let uid_validity = || server.connect(user).select("Archive").uid_validity;
    let before = uid_validity();
    server.connect(user).delete("Archive");
    seed(server, user, "Archive\n    5 twin\n    6 b \\Flagged\n    9 a\n    10 twin");
    assert_ne!(uid_validity(), before);
}

fn with_archive() -> Migration<'static> {
    let migration = dovecot_to_dovecot().seeded("Archive\n    a\n    b \\Flagged\n    twin\n    twin");
    migration.sync();
    migration
}

#[test]
fn source_mailbox_recreated_with_another_uidvalidity_is_not_copied_again() {
    let migration = with_archive();
    recreate(migration.source, migration.user());
    assert_eq!(migration.sync(), Done::NOTHING);
    expect(migration.destination, migration.user(), "Archive\n    a\n    b \\Flagged\n    twin\n    twin");
    migration.run(&["verify", "--deep"]).expect(0);
    seed(migration.source, migration.user(), "Archive\n    11 new");
    assert_eq!(migration.sync(), only(1, 0));
}

#[test]
fn destination_mailbox_recreated_with_another_uidvalidity_is_not_filled_again() {
    let migration = with_archive();
    recreate(migration.destination, migration.user());
    assert_eq!(migration.sync(), Done::NOTHING);
    expect(migration.destination, migration.user(), "Archive\n    twin\n    b \\Flagged\n    a\n    twin");
    migration.run(&["verify", "--deep"]).expect(0);
    seed(migration.source, migration.user(), "Archive\n    5 new");
    assert_eq!(migration.sync(), only(1, 0));
}

#[test]
fn source_mailbox_recreated_with_less_mail_deletes_nothing() {
    let migration = with_archive();
    migration.at_source().delete("Archive");
    seed(migration.source, migration.user(), "Archive\n    b \\Flagged\n    c");
    assert_eq!(migration.sync(), only(1, 0));
    expect(migration.destination, migration.user(), "Archive\n    a\n    b \\Flagged\n    twin\n    twin\n    c");
}

#[test]
fn source_mailbox_renamed_is_copied_under_its_new_name_where_renames_are_not_followed() {
    let migration = with_archive().with_settings("[sync]\nfollow_moves = false");
    migration.at_source().rename("Archive", "Archive 2020");
    assert_eq!(migration.sync().copied, 4);
    let both = "Archive\n    a\n    b \\Flagged\n    twin\n    twin\n\"Archive 2020\"\n    a\n    b \\Flagged\n    twin\n    twin";
    expect(migration.destination, migration.user(), both);
    migration.assert_second_sync_does_nothing();
}

#[test]
fn source_mailbox_deleted_between_scan_and_apply_is_named_and_the_rest_arrives() {
    let migration = dovecot_to_dovecot().seeded("INBOX\n    a\nDoomed\n    b\nLater\n    c");
    migration.run(&["scan"]).expect(0);
    migration.run(&["plan"]).expect(0);
    migration.at_source().delete("Doomed");
    let output = migration.run(&["apply"]).expect(3);
    output.complains(&["Doomed"]);
    expect(migration.destination, migration.user(), "INBOX\n    a\nDoomed\nLater\n    c");
    migration.run(&["sync"]).expect(0);
}

#[test]
fn message_expunged_between_scan_and_apply_vanishes_and_is_no_failure() {
    let migration = dovecot_to_dovecot().seeded("INBOX\n    a\n    b\n    c");
    migration.run(&["scan"]).expect(0);
    migration.run(&["plan"]).expect(0);
    migration.at_source().expunge("INBOX", &[2]);
    migration.run(&["apply"]).expect(0);
    expect(migration.destination, migration.user(), "INBOX\n    a\n    c");
    migration.assert_second_sync_does_nothing();
}

#[test]
fn destination_mailbox_deleted_by_its_user_is_named_and_not_filled_again() {
    let migration = with_archive();
    migration.at_destination().delete("Archive");
    let output = migration.run(&["sync"]);
    assert!(matches!(output.code, Some(0 | 3)), "{output}");
    expect(migration.destination, migration.user(), "INBOX");
    let migration = migration.with_settings("[sync]\nrestore_missing = true");
    assert_eq!(migration.sync().copied, 4);
    migration.assert_exact();
}

#[test]
fn classic_cyrus_keeps_its_prefix_to_itself() {
    let classic = cyrus::Cyrus::start(cyrus::Options { names: cyrus::Names::Classic, ..Default::default() });
    let migration = Migration::between(&shared::dovecot_pair().source, &classic).seeded(START);
    assert_eq!(migration.sync(), only(24, 0));
    migration.assert_exact();
}

/// What both sides have lost is not remembered for ever; what one of them still has is.
#[test]
fn links_whose_two_messages_are_gone_are_dropped() {
    let migration = dovecot_to_dovecot()
        .seeded("INBOX\n    1..300 bulk\n    301 last")
        .with_settings("[sync]\ndelete_guard = \"100%\"");
    migration.sync();
    let uids = |range: std::ops::RangeInclusive<u32>| range.collect::<Vec<_>>();
    migration.at_source().expunge("INBOX", &uids(1..=200));
    migration.at_destination().expunge("INBOX", &uids(101..=250));
    migration.sync();
    migration.assert_second_sync_does_nothing();
    // 101 to 200 are gone from both sides.
    migration.run(&["forget", migration.user()]).expect(0).says(" 201 messages tied to their copies");
    assert_eq!(migration.sync().copied, 50, "what its user deleted is not known to be deleted any more");
}

/// `\\Recent` is for the user's own mail program, and goes with the first SELECT.
#[test]
fn recent_stays_with_the_mail_of_the_destination_that_is_only_looked_at() {
    let migration = dovecot_to_dovecot().seeded("INBOX\n    a");
    migration.sync();
    let octets = b"Message-ID: <news@example.org>\r\nSubject: news\r\n\r\nnews\r\n".to_vec();
    migration.at_destination().append("INBOX", &[NewMessage { octets, flags: Vec::new(), date: None }]);
    migration.run(&["scan", "--full"]).expect(0);
    migration.run(&["plan"]).expect(0);
    for verify in [&["verify"][..], &["verify", "--deep"]] {
        migration.run(verify);
    }
    migration.sync();
    let recent = |migration: &Migration<'_>| {
        let answer = migration.at_destination().command(b"SELECT INBOX");
        answer.untagged.iter().any(|line| String::from_utf8_lossy(line).contains("* 1 RECENT"))
    };
    assert!(recent(&migration), "its user does not see it as new");
    assert!(!recent(&migration), "a SELECT takes it");
}
