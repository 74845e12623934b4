//! What is merged on request: mailboxes of an account into one, and accounts into one destination. Each message has its own copy,
//! and no copy is taken for another's, or deleted as another's.

use crate::migration::Migration;
use crate::support::compare::expect;
use crate::support::ferry::{Done, Ferry, Side};
use crate::support::seed::seed;
use crate::support::server::{Server, User};
use crate::support::shared;

const MERGE_SENT: &str =
    "[mailboxes]\nmerge = [\"Sent\"]\n[mailboxes.rename]\n\"Sent Items\" = \"Sent\"\n\"Outbox/*\" = \"*\"";
const MIRROR: &str = "[sync]\nmode = \"mirror\"\ndelete_guard = \"100%\"";

fn destinations() -> [&'static dyn Server; 2] {
    [&shared::dovecot_pair().destination, shared::cyrus()]
}

fn merged(destination: &'static dyn Server, notation: &str) -> Migration<'static> {
    let migration = Migration::between(&shared::dovecot_pair().source, destination).seeded(notation);
    migration.with_settings(&format!("{MERGE_SENT}\n{MIRROR}"))
}

#[track_caller]
fn assert_nothing_is_left(ferry: &Ferry) {
    ferry.run(&["sync"]).expect(0);
    let status = ferry.run(&["status", "--json", "-"]).expect(0).json();
    for account in status["accounts"].as_array().expect("accounts") {
        assert_eq!(Done::of(&account["last_run"]), Done::NOTHING, "{account}");
    }
    ferry.run(&["verify", "--deep"]).expect(0).says("Identical");
}

#[test]
fn mailboxes_are_merged_into_one_and_each_message_has_its_own_copy() {
    for destination in destinations() {
        let mail =
            "INBOX\n    a\nSent\n    b \\Seen\n    c\n\"Sent Items\"\n    b\n    d \\Flagged\nOutbox/Sent\n    b";
        let migration = merged(destination, mail);
        migration.run(&["scan"]).expect(0);
        let plan = migration.ferry.plan();
        assert_eq!((&plan["totals"]["copies"], &plan["totals"]["skipped"]), (&6.into(), &0.into()), "{plan}");
        migration.run(&["apply"]).expect(0);
        let arrived = "INBOX\n    a\nSent\n    b\n    b \\Seen\n    c\n    b\n    d \\Flagged";
        expect(destination, migration.user(), arrived);
        assert_nothing_is_left(&migration.ferry);
        migration.ferry.forget_state();
        assert_nothing_is_left(&migration.ferry);
        expect(destination, migration.user(), arrived);
    }
}

/// Holds pipeline/survey/sharing.rs invariant 1.
#[test]
fn mirror_deletes_of_a_merged_mailbox_only_what_came_from_where_it_is_gone() {
    for destination in destinations() {
        let migration = merged(destination, "Sent\n    b\n    c\n\"Sent Items\"\n    b\n    d");
        migration.run(&["sync"]).expect(0);
        expect(destination, migration.user(), "Sent\n    b\n    c\n    b\n    d");
        let mut source = migration.at_source();
        source.add_flags("Sent", 1, &["\\Answered"]);
        source.expunge("Sent Items", &[1]);
        migration.run(&["sync"]).expect(0);
        expect(destination, migration.user(), "Sent\n    b \\Answered\n    c\n    d");
        assert_nothing_is_left(&migration.ferry);
        // A whole mailbox of them empties: of the other nothing goes.
        source.expunge("Sent", &[1, 2]);
        migration.run(&["sync", "--allow-deletes"]).expect(0);
        expect(destination, migration.user(), "Sent\n    d");
        assert_nothing_is_left(&migration.ferry);
    }
}

/// Holds pipeline/survey/sharing.rs invariant 2.
#[test]
fn mailbox_that_is_renamed_on_the_source_keeps_its_copies_in_what_it_is_merged_into() {
    let destination = &shared::dovecot_pair().destination;
    let migration = merged(destination, "Sent\n    b\n    c\n\"Sent Items\"\n    b\n    d");
    migration.run(&["sync"]).expect(0);
    migration.at_source().rename("Sent Items", "Outbox/Sent");
    assert_eq!(migration.sync().copied, 0);
    expect(destination, migration.user(), "Sent\n    b\n    c\n    b\n    d");
}

#[test]
fn copies_under_a_new_uidvalidity_are_each_mailbox_own_again() {
    let destination = &shared::dovecot_pair().destination;
    let migration = merged(destination, "Sent\n    b\n    c\n\"Sent Items\"\n    b\n    d");
    migration.run(&["sync"]).expect(0);
    let mut there = migration.at_destination();
    there.rename("Sent", "Elsewhere");
    there.create("Sent");
    there.select("Elsewhere");
    there.command(b"UID COPY 1:* Sent");
    there.delete("Elsewhere");
    seed(migration.source, migration.user(), "Sent\n    3 d");
    migration.run(&["sync"]).expect(0);
    expect(destination, migration.user(), "Sent\n    b\n    c\n    b\n    d\n    d");
    migration.at_source().expunge("Sent Items", &[1]);
    migration.run(&["sync"]).expect(0);
    expect(destination, migration.user(), "Sent\n    b\n    c\n    d\n    d");
    migration.run(&["verify", "--deep"]).expect(0).says("Identical");
}

#[test]
fn merging_that_is_killed_in_its_midst_is_gone_on_with() {
    let pair = shared::dovecot_pair();
    let gated = Migration::gated(&pair.source, &pair.destination).with_settings(MERGE_SENT);
    gated.seed("INBOX\n    x\nSent\n    1..30 m\n\"Sent Items\"\n    1..30 m\n    31..60 n");
    gated.killed(&["sync"], 5);
    gated.killed(&["sync"], 15);
    gated.gates().open();
    gated.run(&["sync"]).expect(0);
    assert_eq!(gated.arrived(), 91);
    assert_nothing_is_left(&gated.ferry);
    assert_eq!(gated.arrived(), 91);
}

#[test]
fn mailboxes_are_never_merged_by_accident() {
    let pair = shared::dovecot_pair();
    let migration = Migration::between(&pair.source, &pair.destination).seeded("Sent\n    b\n\"Sent Items\"\n    c");
    let migration =
        migration.with_settings("[mailboxes]\nmerge = [\"Else\"]\n[mailboxes.rename]\n\"Sent Items\" = \"Sent\"");
    let refused = ["goes to `Sent` already", "`Else` in [mailboxes] merge matches no mailbox of any account"];
    migration.run(&["sync"]).expect(3).complains(&refused);
    expect(&pair.destination, migration.user(), "Sent\n    b");
}

/// Accounts of one destination, each with these further lines.
fn accounts(users: &[&User], further: &str) -> Ferry {
    let pair = shared::dovecot_pair();
    let ferry = Ferry::new(Side::of(&pair.source), Side::of(&pair.destination));
    let ferry = users.iter().fold(ferry, |ferry, user| {
        let [source, destination] = [&user.name, &users[0].name];
        let lines = format!("source_user = \"{source}\"\ndestination_user = \"{destination}\"\n{further}");
        ferry.with_account_lines(&lines)
    });
    ferry.with_settings(MIRROR)
}

fn mover(stem: &str, notation: &str) -> User {
    let user = shared::dovecot_pair().add_fresh_user(stem);
    seed(&shared::dovecot_pair().source, &user.name, notation);
    user
}

#[test]
fn accounts_are_merged_into_one_where_each_of_them_says_so() {
    let pair = shared::dovecot_pair();
    // The larger one has its turn first.
    let one = mover("merged", "INBOX\n    a\n    b size:20k\nWork\n    w");
    let other = mover("other", "INBOX\n    a\n    c\nWork\n    w\n    v");
    let users = [&one, &other];
    accounts(&users, "").run(&["check"]).expect(2).complains(&["merge_with_others = true"]);
    let ferry = accounts(&users, "merge_with_others = true");
    ferry.run(&["scan"]).expect(0);
    ferry.run(&["plan"]).expect(0);
    ferry.run(&["apply"]).expect(0);
    let arrived = "INBOX\n    a\n    b size:20k\n    a\n    c\nWork\n    w\n    w\n    v";
    expect(&pair.destination, &one.name, arrived);
    assert_nothing_is_left(&ferry);
    ferry.forget_state();
    assert_nothing_is_left(&ferry);
    expect(&pair.destination, &one.name, arrived);
}

#[test]
fn mirror_of_accounts_that_are_merged_deletes_only_its_own() {
    let pair = shared::dovecot_pair();
    let one = mover("keeper", "INBOX\n    a\n    b");
    let other = mover("leaver", "INBOX\n    a\n    c");
    let ferry = accounts(&[&one, &other], "merge_with_others = true");
    ferry.run(&["sync"]).expect(0);
    let mut source = pair.source.connect(&other.name);
    source.expunge("INBOX", &[1]);
    seed(&pair.source, &one.name, "INBOX\n    3 c");
    ferry.run(&["sync"]).expect(0);
    expect(&pair.destination, &one.name, "INBOX\n    a\n    b\n    c\n    c");
    assert_nothing_is_left(&ferry);
    source.expunge("INBOX", &[2]);
    ferry.run(&["sync", "--allow-deletes", other.name.as_str()]).expect(0);
    expect(&pair.destination, &one.name, "INBOX\n    a\n    b\n    c");
    assert_nothing_is_left(&ferry);
}
