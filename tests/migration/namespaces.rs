//! Accounts whose mailboxes stand in several namespaces: all of the user's own move, wherever they stand, and those of
//! others never do.

use crate::migration::Migration;
use crate::support::compare::expect;
use crate::support::dovecot::{Dialect, Dovecot, Options};

use crate::support::shared;

/// A server on which `Archive/` is a personal namespace of its own, on other disks.
fn with_archive(options: Options) -> Dovecot {
    let namespace = namespace("private", "Archive/", "~/Archive");
    Dovecot::start(Options { extra_configuration: vec![namespace], ..options })
}

/// A namespace with `/` in the words of the installed version.
fn namespace(kind: &str, prefix: &str, path: &str) -> String {
    let place = match Dialect::of_version(&crate::support::dovecot::version()) {
        Dialect::V2_3 => format!("location = maildir:{path}"),
        Dialect::V2_4 => format!("mail_driver = maildir\n  mail_path = {path}"),
    };
    format!("namespace further {{\n  type = {kind}\n  separator = /\n  prefix = {prefix}\n  list = yes\n  {place}\n}}")
}

const MAIL: &str = "INBOX subscribed\n    1..5 a \\Seen\nWork/Old\n    b\nArchive/2011 subscribed\n    1..4 c\n    d \
    \\Flagged\nArchive/2011/May\n    e";

#[test]
fn second_personal_namespace_of_the_source_arrives_exactly_once() {
    let old = with_archive(Options::mdbox_with_slashes());
    Migration::between(&old, &shared::dovecot_pair().destination).seeded(MAIL).assert_arrives_exactly_once();
}

#[test]
fn second_personal_namespace_of_the_destination_takes_what_is_named_so() {
    let new = with_archive(Options::mdbox_with_slashes());
    let migration = Migration::between(&shared::dovecot_pair().source, &new).seeded(MAIL);
    migration.assert_arrives_exactly_once();
    let archive = new.mail_directory(migration.user()).join("Archive");
    assert!(archive.exists(), "it was created in the other namespace");
}

#[test]
fn second_personal_namespaces_of_both_arrive_exactly_once() {
    let (old, new) = (with_archive(Options::mdbox_with_slashes()), with_archive(Options::mdbox_with_slashes()));
    Migration::between(&old, &new).seeded(MAIL).assert_arrives_exactly_once();
}

/// Shared mail is nobody's to copy; but what a user moved there is not gone, and its copy stays.
///
/// Holds pipeline/transfer/unsettled.rs invariant 1.
#[test]
fn shared_mailboxes_are_named_and_not_copied_and_keep_what_was_moved_there() {
    let shared_mail = tempfile::tempdir().expect("a directory for shared mail");
    std::fs::set_permissions(shared_mail.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777))
        .expect("open to all");
    let public = namespace("public", "Public/", &shared_mail.path().display().to_string());
    let old = Dovecot::start(Options { extra_configuration: vec![public], ..Options::mdbox_with_slashes() });
    let migration = Migration::between(&old, &shared::dovecot_pair().destination)
        .with_settings("[sync]\nmode = \"mirror\"\ndelete_guard = \"100%\"")
        .seeded("INBOX\n    a\n    b\nPublic/team\n    c");
    migration.sync();
    migration.run(&["check"]).expect(0).says("`Public/team` takes no part: it is shared");
    let mut source = migration.at_source();
    source.select("INBOX");
    source.command(b"UID MOVE 1 Public/team");
    let output = migration.run(&["sync"]).expect(0);
    assert!(format!("{output}").contains("still in `Public/team`"), "{output}");
    expect(migration.destination, migration.user(), "INBOX\n    a\n    b");
    source.expunge("Public/team", &[2]);
    migration.sync();
    expect(migration.destination, migration.user(), "INBOX\n    b");
}

/// What was moved into another personal namespace is copied there, and only then deleted here.
#[test]
fn message_moved_into_a_second_personal_namespace_is_not_lost() {
    let old = with_archive(Options::mdbox_with_slashes());
    let migration = Migration::between(&old, &shared::dovecot_pair().destination)
        .with_settings("[sync]\nmode = \"mirror\"\ndelete_guard = \"100%\"")
        .seeded("INBOX\n    a\n    b\nArchive/2011\n    c");
    migration.sync();
    let mut source = migration.at_source();
    source.select("INBOX");
    source.command(b"UID MOVE 1 Archive/2011");
    migration.sync();
    expect(migration.destination, migration.user(), "INBOX\n    b\nArchive/2011\n    c\n    a");
    migration.assert_second_sync_does_nothing();
    migration.assert_verified();
}
