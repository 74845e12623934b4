//! Where mail goes when the user wants it elsewhere than on the source: below a mailbox, by patterns, several accounts into
//! one; and what is left out by special use.

use crate::migration::Migration;
use crate::support::compare::expect;
use crate::support::ferry::{Done, Ferry, Side};
use crate::support::seed::seed;
use crate::support::server::{Server, User};
use crate::support::shared;

/// A source with a Trash that says what it is, and a user of it with that mail.
fn mover(stem: &str, notation: &str) -> User {
    let pair = shared::dovecot_pair();
    let user = pair.add_fresh_user(stem);
    seed(&pair.source, &user.name, notation);
    user
}

fn ferry(accounts: &[String]) -> Ferry {
    let pair = shared::dovecot_pair();
    let ferry = Ferry::new(Side::of(&pair.source), Side::of(&pair.destination));
    accounts.iter().fold(ferry, |ferry, lines| ferry.with_account_lines(lines))
}

/// Planned, applied, resynced, and once more after the loss of the state; nothing is copied twice.
#[track_caller]
fn assert_arrives(ferry: &Ferry, at: &User, notation: &str) {
    let new = &shared::dovecot_pair().destination;
    ferry.run(&["scan"]).expect(0);
    ferry.run(&["plan"]).expect(0);
    ferry.run(&["apply"]).expect(0);
    expect(new, &at.name, notation);
    ferry.run(&["sync"]).expect(0);
    ferry.run(&["verify", "--deep"]).expect(0).says("Identical");
    ferry.forget_state();
    ferry.run(&["sync"]).expect(0);
    let status = ferry.run(&["status", "--json", "-"]).expect(0).json();
    for account in status["accounts"].as_array().expect("accounts") {
        assert_eq!(Done::of(&account["last_run"]), Done::NOTHING, "{account}");
    }
    expect(new, &at.name, notation);
}

#[test]
fn whole_account_goes_below_its_prefix() {
    let user = mover("below", "INBOX\n    a\nSent\n    b\nArchive/2024\n    c");
    let ferry = ferry(&[format!("source_user = \"{}\"\nprefix = \"Old mail/ünder\"", user.name)]);
    let expected = "Old mail/ünder/INBOX\n    a\nOld mail/ünder/Sent\n    b\nOld mail/ünder/Archive/2024\n    c";
    assert_arrives(&ferry, &user, &expected.replace("Old mail", "\"Old mail\""));
}

#[test]
fn several_accounts_go_into_one_each_below_its_prefix() {
    let (one, two, three) = (
        mover("main", "INBOX\n    a\nSent\n    b"),
        mover("side", "INBOX\n    a\n    c"),
        mover("third", "INBOX\n    d"),
    );
    let account = |user: &User, further: &str| {
        format!("source_user = \"{}\"\ndestination_user = \"{}\"\n{further}", user.name, one.name)
    };
    let accounts =
        [account(&one, ""), account(&two, "prefix = \"Old/two\""), account(&three, "prefix = \"Old/three\"")];
    let expected = "INBOX\n    a\nSent\n    b\nOld/two/INBOX\n    a\n    c\nOld/three/INBOX\n    d";
    assert_arrives(&ferry(&accounts), &one, expected);
}

#[test]
fn accounts_into_one_never_meet_by_accident() {
    let (one, two) = (mover("host", "INBOX\n    a\nOld/two/INBOX\n    x"), mover("guest", "INBOX\n    b"));
    let account = |user: &User, further: &str| {
        format!("source_user = \"{}\"\ndestination_user = \"{}\"\n{further}", user.name, one.name)
    };
    let ferry = ferry(&[account(&one, ""), account(&two, "prefix = \"Old/two\"")]);
    ferry.run(&["sync"]).expect(3).complains(&["where another account goes"]);
    expect(&shared::dovecot_pair().destination, &one.name, "INBOX\n    a\nOld/two/INBOX\n    b");
    for (further, complaint) in
        [("", "two accounts would be mixed into one"), ("prefix = \"Old\"", "is the place of another account")]
    {
        let both =
            [account(&one, "prefix = \"old\""), account(&two, further), account(&mover("third", "INBOX"), further)];
        self::ferry(&both).run(&["check"]).expect(2).complains(&[complaint]);
    }
}

#[test]
fn patterns_take_a_prefix_off_all_mailboxes() {
    let user = mover("stripped", "INBOX\n    a\nmail/Sent\n    b\nmail/Archive/2024\n    c\nother\n    d");
    let ferry = ferry(&[format!("source_user = \"{}\"", user.name)]);
    let ferry = ferry.with_settings("[mailboxes.rename]\n\"mail/**\" = \"**\"");
    assert_arrives(&ferry, &user, "INBOX\n    a\nSent\n    b\nArchive/2024\n    c\nother\n    d");
}

#[test]
fn accounts_have_mailboxes_and_sync_of_their_own() {
    let (one, two) =
        (mover("own", "INBOX\n    a\nJunk\n    b\nWork\n    w"), mover("common", "INBOX\n    a\nJunk\n    b"));
    let own = "[account.mailboxes]\nexclude = [\"Work\"]\n[account.mailboxes.rename]\n\"Junk\" = \"Spam/old\"";
    let lines = [format!("source_user = \"{}\"\n{own}", one.name), format!("source_user = \"{}\"", two.name)];
    let ferry = ferry(&lines).with_settings("[mailboxes]\nexclude = [\"Junk\"]");
    ferry.run(&["sync"]).expect(0);
    let new = &shared::dovecot_pair().destination;
    expect(new, &one.name, "INBOX\n    a\nSpam/old\n    b");
    expect(new, &two.name, "INBOX\n    a");
}

#[test]
fn what_a_filter_leaves_out_is_not_deleted_by_mirror() {
    let (pair, mail) = (shared::dovecot_pair(), "INBOX\n    a\nTrash\n    b\nTrash/old\n    c\nWork\n    w");
    for (source, exclude) in [(&pair.source as &dyn Server, "\\\\Trash"), (shared::cyrus(), "\\\\trash")] {
        let migration =
            Migration::between(source, &pair.destination).seeded(mail).with_settings("[sync]\nmode = \"mirror\"");
        migration.run(&["sync"]).expect(0);
        let settings = format!("[sync]\nmode = \"mirror\"\n[mailboxes]\nexclude = [\"{exclude}\"]");
        let migration = migration.with_settings(&settings);
        let mut source = migration.at_source();
        source.select("Trash");
        source.expunge("Trash", &[1]);
        migration.run(&["sync"]).expect(0);
        expect(&pair.destination, migration.user(), mail);
        let plan = migration.ferry.plan();
        assert_eq!(plan["totals"]["deletes"], 0, "{plan}");
    }
}

#[test]
fn special_use_that_is_excluded_stays_out_whatever_it_is_called() {
    let pair = shared::dovecot_pair();
    let mail = "INBOX\n    a\nTrash\n    b\nTrash/old\n    c\nWork\n    w";
    let settings = "[mailboxes]\nexclude = [\"\\\\Trash\", \"\\\\Junk\"]\n[sync]\nmode = \"mirror\"";
    let migration = Migration::between(&pair.source, &pair.destination).seeded(mail).with_settings(settings);
    migration.run(&["scan"]).expect(0);
    assert_eq!(migration.ferry.plan()["totals"]["copies"], 2);
    migration.run(&["apply"]).expect(0);
    migration.assert_second_sync_does_nothing();
    migration.run(&["verify", "--deep"]).expect(0).says("No difference found: 2 messages");
    migration.ferry.forget_state();
    migration.assert_second_sync_does_nothing();
    expect(&pair.destination, migration.user(), "INBOX\n    a\nWork\n    w");
}

#[test]
fn settings_that_match_nothing_are_named() {
    let user = mover("unmatched", "INBOX\n    a\nJunk\n    b");
    let other = mover("matched", "INBOX\n    a\nWork\n    b");
    let lines = [format!("source_user = \"{}\"", user.name), format!("source_user = \"{}\"", other.name)];
    let settings =
        "[mailboxes]\nexclude = [\"junk\", \"Work\", \"\\\\Archive\"]\n[mailboxes.rename]\n\"Gel&APY-scht\" = \"x\"";
    let ferry = ferry(&lines).with_settings(settings);
    let expected = [
        "`junk` in [mailboxes] exclude matches no mailbox of any account",
        "`\\Archive` in [mailboxes] exclude matches no mailbox",
        "`Gel&APY-scht` in [mailboxes.rename] matches no mailbox",
    ];
    let output = ferry.run(&["sync"]).expect(0).complains(&expected);
    assert!(!output.stderr.contains("`Work`"), "one of the accounts has it: {output}");
    ferry.run(&["plan"]).expect(0).complains(&expected);
}

#[test]
fn sync_of_two_urls_shows_first_and_copies_then() {
    let pair = shared::dovecot_pair();
    let user = mover("urls", "INBOX\n    a\nArchive\n    b");
    let ferry = Ferry::new(Side::unnamed(), Side::unnamed())
        .with_variable("MAILFERRY_SOURCE_PASSWORD", &user.password)
        .with_variable("MAILFERRY_DESTINATION_PASSWORD", &user.password);
    let authority = pair.source.authority_file().to_string_lossy().into_owned();
    let urls = [pair.source.tls_port(), pair.destination.tls_port()]
        .map(|port| format!("imaps://{}@localhost:{port}", user.name));
    let run = |arguments: &[&str]| {
        let arguments = [&["sync", &urls[0], &urls[1], "--ca-file", &authority], arguments].concat();
        ferry.start_without_settings(&arguments).finish()
    };
    run(&["--dry-run"]).expect(0).says("+ 2 copies");
    expect(&pair.destination, &user.name, "INBOX");
    run(&[]).expect(0);
    expect(&pair.destination, &user.name, "INBOX\n    a\nArchive\n    b");
    run(&["--dry-run"]).expect(0).says("Nothing to do");
    // Both ways of saying it are one and the same.
    let bare = urls.clone().map(|url| url.replace("imaps://", ""));
    let options = ["sync", "--source", &bare[0], "--destination", &bare[1], "--ca-file", &authority];
    ferry.start_without_settings(&options).finish().expect(0);
    ferry.start_without_settings(&["sync", &urls[0], &urls[1]]).finish().expect(4).complains(&["certificate"]);
}
