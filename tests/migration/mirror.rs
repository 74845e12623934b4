//! Mirror mode: what is deleted on the source goes from the destination, and nothing else ever does.

use crate::migration::{Migration, count, dovecot_to_dovecot, gated_dovecot};
use crate::support::compare::expect;
use crate::support::dovecot::{Dovecot, Options};
use crate::support::ferry::Done;
use crate::support::seed::seed;
use crate::support::shared;
use crate::support::state::observe;

const MIRROR: &str = "[sync]\nmode = \"mirror\"";

/// Small mailboxes: one message is more than a tenth of them.
const UNGUARDED: &str = "[sync]\nmode = \"mirror\"\ndelete_guard = \"100%\"";

/// What is moved is copied to its new place, and deleted in the old one.
const UNFOLLOWED: &str = "[sync]\nmode = \"mirror\"\nfollow_moves = false\ndelete_guard = \"100%\"";

fn mirrored<'a>(migration: Migration<'a>, notation: &str) -> Migration<'a> {
    mirrored_with(UNGUARDED, migration, notation)
}

fn mirrored_with<'a>(settings: &str, migration: Migration<'a>, notation: &str) -> Migration<'a> {
    let migration = migration.with_settings(settings).seeded(notation);
    migration.sync();
    migration
}

fn labels(migration: &Migration<'_>, mailbox: &str) -> Vec<String> {
    let state = observe(migration.destination, migration.user());
    state.mailboxes[mailbox].messages.iter().map(|message| message.label.replace("message ", "")).collect()
}

#[track_caller]
fn deleted(migration: &Migration<'_>) -> u64 {
    count(&migration.ferry.status()["last_run"], "messages_deleted")
}

/// Deletions follow in several mailboxes, beside new mail and changed flags, and the next sync has nothing to do.
fn assert_deletions_follow(migration: Migration<'_>) {
    let migration = mirrored(migration, "INBOX\n    1..20 old\nArchive\n    a\n    b\n    twin\n    twin");
    let mut source = migration.at_source();
    source.expunge("INBOX", &[3, 4, 5, 20]);
    source.expunge("Archive", &[1, 4]);
    source.add_flags("INBOX", 1, &["\\Seen"]);
    seed(migration.source, migration.user(), "INBOX\n    21 new");
    migration.run(&["scan"]).expect(0);
    let plan = migration.ferry.plan();
    assert_eq!((count(&plan["totals"], "deletes"), count(&plan["totals"], "copies")), (6, 1), "{plan}");
    assert_eq!(migration.run(&["verify"]).code, Some(8), "what is not deleted yet differs");
    assert_eq!(migration.sync(), Done { copied: 1, flags_updated: 1 });
    assert_eq!(deleted(&migration), 6);
    migration.assert_exact();
    migration.assert_second_sync_does_nothing();
    assert_eq!(deleted(&migration), 0);
    migration.assert_verified();
}

#[test]
fn deletions_follow_exactly() {
    assert_deletions_follow(dovecot_to_dovecot());
}

#[test]
fn deletions_follow_exactly_to_cyrus() {
    assert_deletions_follow(Migration::between(&shared::dovecot_pair().source, shared::cyrus()));
}

#[test]
fn deletions_follow_exactly_from_cyrus() {
    assert_deletions_follow(Migration::between(shared::cyrus(), &shared::dovecot_pair().destination));
}

/// Without CONDSTORE and QRESYNC the source's deletions are seen in a list of all UIDs.
#[test]
fn deletions_follow_exactly_from_a_server_without_extensions() {
    let options = Options {
        extra_configuration: vec!["imap_capability = IMAP4rev1 LITERAL+ UIDPLUS NAMESPACE ID".to_owned()],
        ..Options::maildir_with_dots()
    };
    let old = Dovecot::start(options);
    assert_deletions_follow(Migration::between(&old, &shared::dovecot_pair().destination));
}

/// Holds pipeline/transfer/purge.rs invariant 3.
/// Holds disaster rule 2.
#[test]
fn mail_that_others_put_or_marked_on_the_destination_stays() {
    let migration = mirrored(dovecot_to_dovecot(), "INBOX\n    a\n    b\n    c");
    // `c` is there twice: once by us, once by somebody else.
    seed(migration.destination, migration.user(), "INBOX\n    4 own\n    5 c");
    let mut destination = migration.at_destination();
    destination.add_flags("INBOX", 4, &["\\Deleted"]);
    destination.add_flags("INBOX", 1, &["\\Deleted"]);
    migration.at_source().expunge("INBOX", &[2, 3]);
    migration.sync();
    expect(migration.destination, migration.user(), "INBOX\n    a \\Deleted\n    own \\Deleted\n    c");
    assert_eq!(deleted(&migration), 2);
    migration.assert_second_sync_does_nothing();
}

#[test]
fn message_that_the_destination_user_changed_goes_and_one_that_was_moved_stays() {
    let migration = mirrored(dovecot_to_dovecot(), "INBOX\n    a\n    b\n    c");
    let mut destination = migration.at_destination();
    destination.add_flags("INBOX", 1, &["\\Answered", "$Mine"]);
    destination.add_flags("INBOX", 2, &["\\Deleted"]);
    destination.create("Kept");
    destination.select("INBOX");
    destination.command(b"UID COPY 3 Kept");
    destination.expunge("INBOX", &[3]);
    migration.at_source().expunge("INBOX", &[1, 2, 3]);
    migration.sync();
    expect(migration.destination, migration.user(), "INBOX\nKept\n    c");
    assert_eq!(deleted(&migration), 2);
    migration.assert_second_sync_does_nothing();
}

/// Holds diff/comparing/removals.rs invariant 5.
/// Holds pipeline/granted.rs invariant 2.
#[test]
fn guard_withholds_what_is_more_than_its_share_and_nothing_else() {
    let migration = dovecot_to_dovecot().with_settings(MIRROR).seeded("INBOX\n    1..30 old\nSmall\n    x\n    y");
    migration.sync();
    migration.at_source().expunge("INBOX", &[1, 2, 3]);
    migration.at_source().expunge("Small", &[1]);
    migration.sync();
    assert_eq!(deleted(&migration), 4, "a tenth may go, and one message of a small mailbox");
    migration.at_source().expunge("INBOX", &[11, 12, 13]);
    migration.at_source().expunge("Small", &[2]);
    seed(migration.source, migration.user(), "INBOX\n    40 new\nSmall\n    3 z");
    let output = migration.run(&["sync"]).expect(6);
    output.complains(&["3 of 27 messages would be deleted", "delete_guard is 10%", "mailferry sync --allow-deletes"]);
    assert_eq!(labels(&migration, "INBOX").len(), 28, "all is there, and the new one");
    assert_eq!(labels(&migration, "Small"), ["y", "z"], "the guard counts what went before");
    let output = migration.run(&["plan"]).expect(0);
    output.says("- 4 deletions").says("they wait for --allow-deletes");
    migration.run(&["apply"]).expect(6);
    migration.run(&["apply", "--allow-deletes"]).expect(0);
    migration.assert_exact();
    migration.assert_second_sync_does_nothing();
}

/// Holds disaster rule 8.
#[test]
fn emptied_source_mailbox_is_guarded_however_small() {
    let migration = dovecot_to_dovecot().with_settings(MIRROR).seeded("INBOX\n    a\nDrafts\n    b");
    migration.sync();
    migration.at_source().expunge("Drafts", &[1]);
    migration.run(&["sync"]).expect(6).complains(&["the source mailbox is empty now"]);
    assert_eq!(labels(&migration, "Drafts"), ["b"]);
    migration.run(&["sync", "--allow-deletes"]).expect(0);
    migration.assert_exact();
}

#[test]
fn mailbox_that_vanished_from_the_source_is_a_question() {
    let migration = mirrored_with(UNFOLLOWED, dovecot_to_dovecot(), "INBOX\n    a\nGone\n    b\n    c\nOld\n    d");
    migration.at_source().delete("Gone");
    migration.at_source().rename("Old", "New");
    migration.run(&["scan"]).expect(0);
    for question in ["`Gone` is gone", "`Old` is gone"] {
        migration.run(&["plan"]).expect(0).says(question);
    }
    migration.sync();
    assert_eq!(deleted(&migration), 0);
    expect(migration.destination, migration.user(), "INBOX\n    a\nGone\n    b\n    c\nOld\n    d\nNew\n    d");
    migration.assert_second_sync_does_nothing();
    // An answer is kept.
    let accept = migration.run(&["accept", migration.user(), "Gone", "--reason", "it was old"]);
    accept.expect(0).says("1 mailbox gone from one side: it was old");
    let said = migration.run(&["sync"]).expect(0).stdout;
    assert!(said.contains("`Old` is gone") && !said.contains("`Gone` is gone"), "{said}");
    expect(migration.destination, migration.user(), "INBOX\n    a\nGone\n    b\n    c\nOld\n    d\nNew\n    d");
}

#[test]
fn mailbox_recreated_on_the_source_deletes_nothing() {
    let migration = mirrored(dovecot_to_dovecot(), "INBOX\n    a\nBox\n    b\n    c");
    migration.at_source().delete("Box");
    seed(migration.source, migration.user(), "Box\n    c");
    migration.sync();
    assert_eq!((deleted(&migration), labels(&migration, "Box")), (0, vec!["b".to_owned(), "c".to_owned()]));
    // The links were carried over by what is there: what we copied and is gone from the source goes with the next sync.
    migration.at_source().expunge("Box", &[1]);
    migration.sync();
    assert_eq!((deleted(&migration), labels(&migration, "Box").len()), (2, 0));
}

#[test]
fn mailbox_recreated_on_the_destination_is_not_deleted_from() {
    let migration = mirrored(dovecot_to_dovecot(), "Box\n    a\n    b\n    c");
    migration.at_destination().delete("Box");
    seed(migration.destination, migration.user(), "Box\n    a\n    b\n    c");
    migration.at_source().expunge("Box", &[1]);
    migration.sync();
    assert_eq!((deleted(&migration), labels(&migration, "Box").len()), (0, 3));
}

#[test]
fn lost_state_deletes_nothing() {
    let migration = mirrored(dovecot_to_dovecot(), "INBOX\n    a\n    b\n    c");
    migration.at_source().expunge("INBOX", &[1]);
    migration.ferry.forget_state();
    migration.sync();
    migration.at_source().expunge("INBOX", &[2]);
    migration.sync();
    assert_eq!((deleted(&migration), labels(&migration, "INBOX").len()), (0, 3));
}

/// Holds pipeline/transfer/purge.rs invariant 1.
#[test]
fn message_moved_on_the_source_is_copied_before_it_is_deleted() {
    let migration = mirrored_with(UNFOLLOWED, dovecot_to_dovecot(), "INBOX\n    a\n    b\nArchive\n    c");
    let mut source = migration.at_source();
    source.select("INBOX");
    source.command(b"UID MOVE 1 Archive");
    assert_eq!(migration.sync().copied, 1);
    assert_eq!(deleted(&migration), 1);
    migration.assert_exact();
    // And back: its first copy is gone, so it is copied again.
    source.select("Archive");
    source.command(b"UID MOVE 2 INBOX");
    assert_eq!(migration.sync().copied, 1);
    migration.assert_exact();
    migration.assert_second_sync_does_nothing();
}

/// The new copy is refused, so the old one stays. Holds pipeline/transfer/purge.rs invariant 1.
#[test]
fn message_moved_on_the_source_and_refused_keeps_its_old_copy() {
    let migration = mirrored_with(UNFOLLOWED, dovecot_to_dovecot(), "INBOX\n    a size:300k\n    b\nArchive\n    c");
    let migration = migration.with_settings(&format!("{UNFOLLOWED}\nmax_message_size = \"100KB\""));
    let mut source = migration.at_source();
    source.select("INBOX");
    source.command(b"UID MOVE 1,2 Archive");
    let output = migration.run(&["sync"]).expect(0);
    assert!(output.stdout.contains("for another sync") || output.stderr.contains("for another sync"), "{output}");
    assert_eq!((deleted(&migration), labels(&migration, "INBOX")), (1, vec!["a".to_owned()]));
}

/// Holds pipeline/transfer/purge.rs invariant 1: what was moved into a mailbox that was listed already is not seen by that scan.
#[test]
fn message_moved_after_the_scan_of_its_new_mailbox_keeps_its_copy() {
    let migration = mirrored_with(UNFOLLOWED, dovecot_to_dovecot(), "INBOX\n    a\n    b\nArchive\n    c");
    migration.at_source().expunge("INBOX", &[1]);
    migration.run(&["scan"]).expect(0);
    migration.run(&["plan"]).expect(0);
    seed(migration.source, migration.user(), "Archive\n    5 a");
    migration.run(&["apply"]).expect(0);
    assert_eq!((deleted(&migration), labels(&migration, "INBOX").len()), (0, 2));
    assert_eq!(migration.sync().copied, 1);
    assert_eq!(deleted(&migration), 1);
    migration.assert_exact();
}

/// What was archived or thrown away on the source is not gone from it: its copy stays while it is in a mailbox from which
/// nothing is copied, and goes when it goes.
///
/// Holds pipeline/transfer/unsettled.rs invariant 1.
#[test]
fn message_moved_to_a_mailbox_that_takes_no_part_keeps_its_copy() {
    let settings = format!("{UNGUARDED}\n[mailboxes]\nexclude = [\"Trash\"]");
    let migration =
        dovecot_to_dovecot().with_settings(&settings).seeded("INBOX\n    a\n    b\n    c\n    d\nTrash\n    x");
    migration.sync();
    let mut source = migration.at_source();
    source.select("INBOX");
    source.command(b"UID MOVE 1 Trash");
    source.expunge("INBOX", &[2]);
    let output = migration.run(&["sync"]).expect(0);
    assert!(format!("{output}").contains("still in `Trash`"), "{output}");
    assert_eq!((deleted(&migration), labels(&migration, "INBOX")), (1, ["a", "c", "d"].map(str::to_owned).to_vec()));
    source.expunge("Trash", &[2]);
    migration.sync();
    assert_eq!((deleted(&migration), labels(&migration, "INBOX")), (1, ["c", "d"].map(str::to_owned).to_vec()));
}

/// As on Gmail: a mailbox that shows all others is not copied, and what is only there is not gone. What has a copy elsewhere
/// loses this one.
#[test]
fn message_archived_into_a_view_of_all_keeps_its_copy() {
    let all = "namespace inbox {\n  mailbox \"All Mail\" {\n    special_use = \\All\n  }\n}".to_owned();
    let old = Dovecot::start(Options { extra_configuration: vec![all], ..Options::mdbox_with_slashes() });
    let migration = Migration::between(&old, &shared::dovecot_pair().destination).with_settings(UNGUARDED);
    migration.seed("INBOX\n    a\n    b\n    c\nWork\n    b\n\"All Mail\"\n    a\n    b\n    c");
    migration.sync();
    migration.at_source().expunge("INBOX", &[1, 2]);
    migration.sync();
    assert_eq!((deleted(&migration), labels(&migration, "INBOX")), (1, ["a", "c"].map(str::to_owned).to_vec()));
    assert_eq!(labels(&migration, "Work"), ["b"]);
}

/// Holds pipeline/transfer/purge.rs invariant 4.
#[test]
fn killed_between_mark_and_expunge_is_gone_on_with() {
    let migration = mirrored(dovecot_to_dovecot(), "INBOX\n    a\n    b\n    c");
    migration.at_source().expunge("INBOX", &[1, 2]);
    migration.run(&["scan"]).expect(0);
    migration.run(&["plan"]).expect(0);
    // As a kill would leave it: both are marked, one is expunged, and neither is known to be gone.
    let mut destination = migration.at_destination();
    destination.add_flags("INBOX", 1, &["\\Deleted"]);
    destination.expunge("INBOX", &[2]);
    migration.run(&["apply"]).expect(0);
    assert_eq!(deleted(&migration), 1);
    migration.assert_exact();
    migration.assert_second_sync_does_nothing();
}

#[test]
fn message_that_came_back_after_its_copy_was_marked_loses_the_mark() {
    let migration = mirrored(dovecot_to_dovecot(), "INBOX\n    a\n    b");
    migration.at_source().expunge("INBOX", &[1]);
    migration.at_destination().add_flags("INBOX", 1, &["\\Deleted"]);
    seed(migration.source, migration.user(), "INBOX\n    9 a");
    assert_eq!(migration.sync(), Done { copied: 0, flags_updated: 1 });
    expect(migration.destination, migration.user(), "INBOX\n    a\n    b");
    migration.assert_second_sync_does_nothing();
}

#[test]
fn killed_in_the_middle_of_copying_and_deleting_ends_exact() {
    let migration = mirrored(gated_dovecot(), "INBOX\n    1..900 old\nA\n    1..300 other");
    let uids: Vec<u32> = (1..=600).collect();
    migration.at_source().expunge("INBOX", &uids);
    seed(migration.source, migration.user(), "INBOX\n    2001..2400 new\nA\n    2001..2300 more");
    for messages in [50, 250] {
        migration.killed(&["sync"], messages);
    }
    // They are gone, and the program was not told.
    migration.held_at(&["sync"], "destination/before-answer/UID-EXPUNGE", 0).kill();
    migration.gates().cut();
    migration.run(&["sync"]).expect(0);
    migration.assert_exact();
    migration.assert_second_sync_does_nothing();
    migration.run(&["verify"]).expect(0);
}

#[test]
fn destination_without_uidplus_has_them_marked_and_says_so() {
    let options = Options {
        extra_configuration: vec!["imap_capability = IMAP4rev1 LITERAL+ CONDSTORE NAMESPACE ID".to_owned()],
        ..Options::mdbox_with_slashes()
    };
    let new = Dovecot::start(options);
    let migration = mirrored(Migration::between(&shared::dovecot_pair().source, &new), "INBOX\n    a\n    b\n    c");
    migration.at_source().expunge("INBOX", &[2]);
    let output = migration.run(&["sync"]).expect(0);
    assert!(format!("{output}").contains("cannot expunge single messages"), "{output}");
    expect(migration.destination, migration.user(), "INBOX\n    a\n    b \\Deleted\n    c");
    migration.assert_second_sync_does_nothing();
    migration.run(&["verify"]).expect(0);
}

#[test]
fn message_doubled_on_the_source_and_deleted_once_keeps_one_copy() {
    let migration = mirrored(dovecot_to_dovecot(), "INBOX\n    twin\n    b\n    twin");
    migration.at_source().expunge("INBOX", &[1]);
    migration.sync();
    expect(migration.destination, migration.user(), "INBOX\n    b\n    twin");
    // Delivered again: it is new mail.
    seed(migration.source, migration.user(), "INBOX\n    9 twin");
    assert_eq!(migration.sync().copied, 1);
    migration.assert_exact();
}

#[test]
fn copy_mode_deletes_nothing_though_it_is_allowed_to() {
    let migration = dovecot_to_dovecot().seeded("INBOX\n    a\n    b\n    c");
    migration.sync();
    migration.at_source().expunge("INBOX", &[1, 2]);
    migration.run(&["sync", "--allow-deletes"]).expect(0);
    assert_eq!((deleted(&migration), labels(&migration, "INBOX").len()), (0, 3));
    // Later, in mirror mode, what was deleted meanwhile follows.
    let migration = migration.with_settings(UNGUARDED);
    migration.sync();
    migration.assert_exact();
}

#[test]
fn explain_tells_why_a_copy_goes() {
    let migration = mirrored(dovecot_to_dovecot(), "INBOX\n    a\n    b");
    migration.at_source().expunge("INBOX", &[1]);
    migration.run(&["scan"]).expect(0);
    migration.run(&["plan"]).expect(0);
    let user = migration.user();
    migration.run(&["explain", user, "INBOX", "1"]).expect(0).says("The plan deletes that copy");
    migration.run(&["explain", user, "INBOX"]).expect(0).says("their source is gone (mode = \"mirror\"): 1.");
}

/// What is in a user's mail directory now, to be put back later: as a server restored from a backup.
struct Backup {
    directory: std::path::PathBuf,
    copy: tempfile::TempDir,
}

impl Backup {
    fn of(server: &Dovecot, user: &str) -> Backup {
        let backup = Backup { directory: server.mail_directory(user), copy: tempfile::tempdir().expect("a directory") };
        copy_tree(&backup.directory, backup.copy.path());
        backup
    }

    fn restore(&self) {
        std::fs::remove_dir_all(&self.directory).expect("remove the mail");
        copy_tree(self.copy.path(), &self.directory);
    }
}

/// With owners and modes.
fn copy_tree(from: &std::path::Path, to: &std::path::Path) {
    let copied = std::process::Command::new("cp").arg("-aT").args([from, to]).status().expect("run cp");
    assert!(copied.success(), "copy {}", from.display());
}

/// The source has it after all. Holds pipeline/transfer/purge.rs invariant 2.
#[test]
fn message_that_the_source_has_after_all_keeps_its_copy() {
    let pair = shared::dovecot_pair();
    let migration = mirrored(Migration::between(&pair.source, &pair.destination), "INBOX\n    a\n    b\n    c");
    let backup = Backup::of(&pair.source, migration.user());
    migration.at_source().expunge("INBOX", &[1]);
    migration.run(&["scan"]).expect(0);
    assert_eq!(count(&migration.ferry.plan()["totals"], "deletes"), 1);
    backup.restore();
    migration.run(&["apply"]).expect(3).complains(&["and has them", "mailferry sync --full"]);
    assert_eq!(labels(&migration, "INBOX").len(), 3);
}

/// The destination has another message under that UID. Holds pipeline/transfer/purge.rs invariant 2.
#[test]
fn message_under_the_uid_of_a_copy_that_is_another_stays() {
    let new = Dovecot::start(Options::maildir_with_dots());
    let migration = Migration::between(&shared::dovecot_pair().source, &new).with_settings(UNGUARDED);
    seed(&new, migration.user(), "INBOX\n    own");
    let backup = Backup::of(&new, migration.user());
    let migration = mirrored(migration, "INBOX\n    a\n    b");
    migration.at_source().expunge("INBOX", &[1]);
    migration.run(&["scan"]).expect(0);
    assert_eq!(count(&migration.ferry.plan()["totals"], "deletes"), 1);
    backup.restore();
    seed(&new, migration.user(), "INBOX\n    2 x\n    3 y");
    migration.run(&["apply"]).expect(3).complains(&["there is another message", "UID 2"]);
    assert_eq!(labels(&migration, "INBOX"), ["own", "x", "y"]);
}

/// Some of several mailboxes are not as they were when it was planned: nothing is done to them, and the others are worked through.
///
/// Holds pipeline/transfer/clearing.rs invariant 1.
#[test]
fn mailboxes_that_are_others_by_now_keep_all_and_the_rest_is_worked_through() {
    let new = Dovecot::start(Options::maildir_with_dots());
    let migration = Migration::between(&shared::dovecot_pair().source, &new).with_settings(UNGUARDED);
    seed(&new, migration.user(), "A\n    own");
    let directory = new.mail_directory(migration.user()).join("Maildir/.A");
    let backup = Backup { copy: tempfile::tempdir().expect("a directory"), directory };
    copy_tree(&backup.directory, backup.copy.path());
    let migration = mirrored(migration, "INBOX\n    a\n    b\nA\n    a\n    b\nB\n    a\n    b\nC\n    a\n    b");
    let mut source = migration.at_source();
    ["INBOX", "A", "B", "C"].iter().for_each(|mailbox| source.expunge(mailbox, &[1]));
    migration.run(&["scan"]).expect(0);
    assert_eq!(count(&migration.ferry.plan()["totals"], "deletes"), 4);
    backup.restore();
    seed(&new, migration.user(), "A\n    2 x\n    3 y");
    migration.at_destination().delete("B");
    seed(&new, migration.user(), "B\n    a\n    b");
    let output = migration.run(&["apply"]).expect(3);
    output.complains(&["there is another message", "UID 2", "changed its UIDVALIDITY"]);
    let left = |mailbox| labels(&migration, mailbox).join(" ");
    assert_eq!(["INBOX", "A", "B", "C"].map(left), ["b", "own x y", "a b", "b"].map(str::to_owned));
    assert_eq!(deleted(&migration), 2);
}
