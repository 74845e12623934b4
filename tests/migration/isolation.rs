//! One bad thing stays one bad thing: servers that are restarted, grant one connection, or cannot do one thing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::gates::Gates;
use crate::migration::Migration;
use crate::support::compare::assert_identical_but_automatic;
use crate::support::dovecot::{self, Dialect, Dovecot, Options};
use crate::support::ferry::{Ferry, Side};
use crate::support::seed::seed;
use crate::support::server::{Server, User};
use crate::support::shared;
use crate::support::state::observe;

/// Several mailboxes, so that more than one connection would be of use.
const MAIL: &str = "INBOX\n    a\n    b\nA\n    1..12 bulk\nB\n    1..12 bulk\nC\n    1..12 bulk\nD\n    1..12 bulk\nE\n    \
    1..12 bulk\nF\n    1..12 bulk";

const MESSAGES: u32 = 2 + 6 * 12;

fn users(stem: &str, count: usize, source: &dyn Server, destination: &dyn Server) -> Vec<User> {
    let users: Vec<User> = (0..count).map(|_| User::fresh(stem)).collect();
    for user in &users {
        source.add_user(user);
        destination.add_user(user);
        seed(source, &user.name, MAIL);
    }
    users
}

#[track_caller]
fn assert_exact(users: &[User], source: &dyn Server, destination: &dyn Server) {
    for user in users {
        assert_identical_but_automatic(&observe(source, &user.name), &observe(destination, &user.name));
    }
}

/// Those that are left are held at the source while the destination goes away.
#[test]
fn server_that_is_restarted_in_the_midst_fails_none_of_ten_accounts() {
    let source = &shared::dovecot_pair().source;
    let mut destination = Dovecot::start(Options::mdbox_with_slashes());
    let users = users("restarted", 10, source, &destination);
    let (gates, [held, _]) = Gates::before([source, &destination]);
    let mut ferry = Ferry::new(held, Side::of(&destination)).with_settings("[limits]\nretries = 10");
    for user in &users {
        ferry = ferry.with_account(user);
    }
    // More than two accounts have, which are copied at once; less than four.
    gates.close("source/literal/FETCH", 3 * u64::from(MESSAGES));
    let mut running = ferry.start(&["sync", "--jobs", "2", "--progress", "plain"]);
    assert!(running.wait_until_said(|said| said.contains("ended (so far 1 of 10")), "it ended before the restart");
    destination.stop();
    gates.open();
    assert!(running.wait_until_said(|said| said.matches("all wait").count() >= 2), "nobody waited");
    destination.restart();
    running.finish().expect(0);
    assert_exact(&users, source, &destination);
}

#[test]
fn server_that_grants_each_user_one_connection_is_served_with_it() {
    let source = &shared::dovecot_pair().source;
    let destination = Dovecot::start(Options { connections_per_user: 1, ..Options::mdbox_with_slashes() });
    let users = users("single", 4, source, &destination);
    let side = |server: &dyn Server| Side::of(server).without("max_connections");
    let mut ferry = Ferry::new(side(source), side(&destination));
    for user in &users {
        ferry = ferry.with_account(user);
    }
    ferry.run(&["sync", "--jobs", "2"]).expect(0);
    assert_exact(&users, source, &destination);
    ferry.run(&["verify"]).expect(0);
}

/// The Maildir files of the INBOX that hold such a text.
fn files_holding(source: &Dovecot, user: &str, text: &str) -> Vec<PathBuf> {
    let maildir = source.mail_directory(user).join("Maildir");
    let listed = ["cur", "new"].map(|place| fs::read_dir(maildir.join(place)).expect("a Maildir"));
    let files = listed.into_iter().flatten().map(|entry| entry.expect("an entry").path());
    files.filter(|file| fs::read_to_string(file).is_ok_and(|octets| octets.contains(text))).collect()
}

fn permit(file: &Path, mode: u32) {
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).expect("its mode changes");
}

/// Dovecot ends the connection when it cannot read a message's file, be it for its octets or for its header.
fn message_that_the_server_cannot_read(command: &[&str]) {
    let source = &shared::dovecot_pair().source;
    let sides = [Side::of(source).set("max_connections", 1), Side::of(&shared::dovecot_pair().destination)];
    let migration =
        Migration::with_sides(vec![User::fresh("poison")], source, &shared::dovecot_pair().destination, sides);
    let migration = migration.seeded("INBOX\n    1..40 bulk\n    41 unreadable\n    42..60 bulk\nOther\n    1..5 bulk");
    let user = migration.user();
    let files = files_holding(source, user, "unreadable");
    assert_eq!(files.len(), 1);
    permit(&files[0], 0o000);
    // What the server has noted of it would hide that.
    for entry in fs::read_dir(source.mail_directory(user).join("Maildir")).expect("a Maildir").flatten() {
        if entry.file_name().to_string_lossy().starts_with("dovecot.index") {
            fs::remove_file(entry.path()).expect("it goes");
        }
    }
    migration.run(command).expect(3).complains(&["in `INBOX`, UID 41 on the source"]);
    let arrived = |count| assert_eq!(migration.at_destination().fetch_all("INBOX").1.len(), count);
    arrived(59);
    migration.seed("INBOX\n    61 later");
    migration.run(&["sync"]).expect(3).complains(&["in `INBOX`, UID 41 on the source"]);
    assert_eq!(migration.ferry.status()["failures"], 1);
    arrived(60);
    permit(&files[0], 0o600);
    migration.sync();
    migration.assert_exact_but_for_the_order();
    migration.assert_second_sync_does_nothing();
}

#[test]
fn message_whose_file_cannot_be_read_is_named_alone_by_a_first_sync() {
    message_that_the_server_cannot_read(&["sync"]);
}

#[test]
fn message_whose_file_cannot_be_read_is_named_alone_by_a_full_sync() {
    message_that_the_server_cannot_read(&["sync", "--full"]);
}

/// A file that is shorter than its name says: Dovecot ends the connection in the midst of its octets.
#[test]
fn message_whose_file_is_not_as_its_name_says_is_the_only_one_that_is_not_compared() {
    let pair = shared::dovecot_pair();
    let migration = Migration::between(&pair.source, &pair.destination);
    let migration = migration.seeded("INBOX\n    1..4 bulk\n    5 spoilt\n    6..9 bulk\nOther\n    1..5 bulk");
    migration.sync();
    // The servers know from it what is to be listed, and do not look into the file for that.
    migration.assert_verified();
    let files = files_holding(&pair.source, migration.user(), "spoilt");
    assert_eq!(files.len(), 1);
    let octets = fs::read(&files[0]).expect("a message");
    fs::write(&files[0], &octets[..octets.len() / 2]).expect("half of it");
    let output = migration.run(&["verify", "--deep", "--again", "--json", "-"]).expect(8);
    let output = output.says("it could not be compared");
    let totals = &output.json()["totals"];
    assert_eq!((&totals["altered"], &totals["missing"]), (&1.into(), &0.into()), "{output}");
}

/// A directory stands where the server keeps what is subscribed, in an account's mail.
struct BrokenSubscriptions(PathBuf);

impl BrokenSubscriptions {
    fn of(server: &Dovecot, user: &str, mail: &str) -> BrokenSubscriptions {
        let file = server.mail_directory(user).join(mail).join("subscriptions");
        let _ = fs::remove_file(&file);
        fs::create_dir(&file).expect("a directory in an account's mail");
        BrokenSubscriptions(file)
    }

    fn mend(self) {
        fs::remove_dir(self.0).expect("it goes");
    }
}

#[test]
fn source_whose_subscriptions_cannot_be_read_loses_no_mail() {
    let source = &shared::dovecot_pair().source;
    let migration = crate::migration::dovecot_to_dovecot().seeded("INBOX\n    a\nWork subscribed\n    1..5 bulk");
    let broken = BrokenSubscriptions::of(source, migration.user(), "Maildir");
    migration.run(&["sync"]).expect(0).says("the source localhost does not tell what is subscribed");
    assert_eq!(migration.at_destination().fetch_all("Work").1.len(), 5);
    let quiet = migration.with_settings("[mailboxes]\nsubscriptions = false");
    let output = quiet.run(&["sync"]).expect(0);
    assert!(!output.stdout.contains("subscribed"), "{output}");
    broken.mend();
    quiet.at_source().subscribe("Work");
    let again = quiet.with_settings("");
    again.sync();
    again.assert_exact();
}

#[test]
fn destination_whose_subscriptions_cannot_be_written_gets_all_mail() {
    let destination = &shared::dovecot_pair().destination;
    let migration = crate::migration::dovecot_to_dovecot().seeded("INBOX\n    a\nWork subscribed\n    1..5 bulk");
    // The account is made with its first login.
    migration.at_destination().fetch_all("INBOX");
    let broken = BrokenSubscriptions::of(destination, migration.user(), "mdbox");
    migration.run(&["sync"]).expect(0).says("could not subscribe the mailbox in `Work` on the destination localhost");
    assert_eq!(migration.at_destination().fetch_all("Work").1.len(), 5);
    broken.mend();
    migration.sync();
    migration.assert_exact();
}

/// Dovecot writes a limit of nothing into no answer, or as zero: either keeps no mail from coming.
#[test]
fn quota_of_nothing_keeps_no_mail_back() {
    let source = &shared::dovecot_pair().source;
    let destination = Dovecot::start(Options { quota: true, ..Options::mdbox_with_slashes() });
    let user = User::fresh("unlimited").with_quota_kibibytes(0);
    let migration = Migration::of(vec![user], source, &destination).seeded("INBOX\n    1..3 bulk\nWork\n    a");
    migration.run(&["check"]).expect(0);
    migration.run(&["sync"]).expect(0);
    migration.assert_exact();
}

/// An old server keeps mbox files, and whatever text lies among them is listed as a mailbox.
#[test]
fn file_that_is_no_mailbox_is_left_out_with_a_note() {
    let mbox = match Dialect::of_version(&dovecot::version()) {
        Dialect::V2_3 => "mail_location = mbox:~/mbox:INBOX=~/mbox/inbox",
        Dialect::V2_4 => "mail_driver = mbox\nmail_path = ~/mbox\nmail_inbox_path = ~/mbox/inbox",
    };
    let options = Options { extra_configuration: vec![mbox.to_owned()], ..Options::default() };
    let source = Dovecot::start(options);
    let migration = Migration::of(vec![User::fresh("mboxer")], &source, &shared::dovecot_pair().destination)
        .seeded("INBOX\n    1..3 bulk\nWork\n    a\n    b");
    let file = source.mail_directory(migration.user()).join("mbox/notes.txt");
    fs::write(&file, "Milk, bread, and the letter to the bank.\n").expect("a file among the mailboxes");
    permit(&file, 0o666);
    migration.run(&["sync"]).expect(0).says("`notes.txt` on the source is left out");
    migration.assert_second_sync_does_nothing();
    assert_eq!(migration.at_destination().fetch_all("Work").1.len(), 2);
    migration.run(&["verify"]).expect(0);
}

/// What does not count against the quota cannot be known: whether it fits is a question, and its answer is obeyed.
#[test]
fn mailbox_that_does_not_count_against_the_quota_is_copied_when_told_so() {
    let source = &shared::dovecot_pair().source;
    let ignoring = match Dialect::of_version(&dovecot::version()) {
        Dialect::V2_3 => "plugin {\n  quota_rule2 = Trash:ignore\n}",
        Dialect::V2_4 => "namespace inbox {\n  mailbox Trash {\n    quota_ignore = yes\n  }\n}",
    };
    let options =
        Options { quota: true, extra_configuration: vec![ignoring.to_owned()], ..Options::mdbox_with_slashes() };
    let destination = Dovecot::start(options);
    let user = User::fresh("hoarder").with_quota_kibibytes(100);
    let migration = Migration::of(vec![user], source, &destination)
        .seeded("INBOX\n    1..3 bulk\nTrash\n    1..40 large size:8000");
    migration.run(&["sync"]).expect(6).complains(&["does not fit", "--over-quota"]);
    migration.run(&["sync", "--over-quota"]).expect(0);
    migration.assert_exact();
}
