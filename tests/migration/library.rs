//! The crate as other programs use it: the examples, on real servers.

use crate::support::compare::{assert_identical, expect};
use crate::support::seed::seed;
use crate::support::server::{MASTER_PASSWORD, MASTER_USER, Server, User};
use crate::support::shared;
use crate::support::state::observe;
use mailferry::{Account, ErrorKind, Limits, Migration, Password, Settings, SettingsBuilder, Stop, Verdict};
use std::path::Path;

#[allow(dead_code)]
#[path = "../../examples/fleet.rs"]
mod fleet;
#[allow(dead_code)]
#[path = "../../examples/one_mailbox.rs"]
mod one_mailbox;
#[allow(dead_code)]
#[path = "../../examples/verify_only.rs"]
mod verify_only;

const MAIL: &str = "
INBOX
  first \\Seen
  second
Archive/2023
  old \\Flagged
";

/// That server under TLS, its certificate trusted.
fn server(server: &dyn Server) -> mailferry::Server {
    mailferry::Server::new("localhost")
        .set("port", server.tls_port())
        .set("ca_file", server.authority_file())
        .set("max_connections", 8)
}

/// Both of them, opened by the master users.
fn by_master(source: &dyn Server, destination: &dyn Server, state: &Path) -> SettingsBuilder {
    let mastered = |it: &dyn Server| server(it).master_user(MASTER_USER).password(Password::new(MASTER_PASSWORD));
    Settings::builder(state).source(mastered(source)).destination(mastered(destination))
}

#[test]
fn example_of_one_mailbox_moves_it_and_proves_it() {
    let pair = shared::dovecot_pair();
    let user = pair.add_fresh_user("library");
    seed(&pair.source, &user.name, MAIL);
    let state = tempfile::tempdir().expect("a directory");
    let own = user.password.clone();
    let account = Account::new(&user.name)
        .source_password(Password::new(&user.password))
        .destination_password(Password::asked(move |_, _| Ok(own.clone())));
    let moved = |account: Account| {
        one_mailbox::move_mailbox(server(&pair.source), server(&pair.destination), account, &state.path().join("s"))
    };
    assert!(moved(account.clone()).expect("it is moved"));
    assert_identical(&observe(&pair.source, &user.name), &observe(&pair.destination, &user.name));
    // Again: nothing is copied twice.
    assert!(moved(account).expect("it is there"));
    expect(&pair.destination, &user.name, MAIL);
}

#[test]
fn example_of_a_fleet_hears_of_every_account_and_stops_when_asked() {
    let pair = shared::dovecot_pair();
    let users: Vec<User> = (0..3).map(|_| pair.add_fresh_user("library")).collect();
    users.iter().for_each(|user| seed(&pair.source, &user.name, MAIL));
    let directory = tempfile::tempdir().expect("a directory");
    let accounts = users.iter().map(|user| Account::new(&user.name)).chain([Account::new("nobody-at-all")]);
    let settings = by_master(&pair.source, &pair.destination, &directory.path().join("s")).accounts(accounts);
    let settings = settings.build().expect("settings");

    let stop = Stop::default();
    stop.request();
    let stopped = fleet::move_all(&settings, Vec::new(), &stop, fleet::Progress::default()).expect("it opens");
    assert_eq!(stopped.exit_status(), 130, "{}", stopped.to_json());

    let progress = fleet::Progress::default();
    let report = fleet::move_all(&settings, Vec::new(), &Stop::default(), progress.clone()).expect("it opens");
    let heard = progress.heard();
    assert_eq!((report.exit_status(), report.accounts().count()), (3, 4), "{}", report.to_json());
    for user in &users {
        let account = report.account(&user.name).expect("it is told of");
        assert_eq!((account.is_success(), account.messages().copied(), account.messages().total()), (true, 3, 3));
        assert_eq!(account.done().map(|done| done.copied), Some(3));
        assert!(heard[&user.name].has_ended && heard[&user.name].failures.is_empty(), "{heard:?}");
        assert_identical(&observe(&pair.source, &user.name), &observe(&pair.destination, &user.name));
    }
    let nobody = report.account("nobody-at-all").expect("it is told of");
    let why = nobody.error().expect("nobody has this user");
    assert_eq!((why.account(), why.kind()), (Some("nobody-at-all"), ErrorKind::Login), "{why}");
    assert!(!heard["nobody-at-all"].failures.is_empty(), "{heard:?}");
    let json: serde_json::Value = serde_json::from_str(&report.to_json()).expect("JSON");
    assert_eq!((&json["command"], &json["exit_status"]), (&"sync".into(), &3.into()));

    // A word narrows it, and what failed is known.
    let failed =
        fleet::move_all(&settings, vec!["state:failed".into(), "state:blocked".into()], &Stop::default(), progress);
    assert_eq!(
        failed.expect("it opens").accounts().map(|it| it.name().to_owned()).collect::<Vec<_>>(),
        ["nobody-at-all"]
    );
}

#[test]
fn example_that_only_verifies_names_what_is_missing_and_changes_nothing() {
    let pair = shared::dovecot_pair();
    let user = pair.add_fresh_user("library");
    seed(&pair.source, &user.name, MAIL);
    let directory = tempfile::tempdir().expect("a directory");
    let settings = by_master(&pair.source, &pair.destination, &directory.path().join("s"));
    let settings = settings.account(Account::new(&user.name)).build().expect("settings");
    let mut migration = Migration::open(&settings).expect("it opens");
    let before = observe(&pair.destination, &user.name);
    let report = migration.verify_deep();
    let account = report.account(&user.name).expect("it is told of");
    let missing = account.differences().map(|differences| differences.missing());
    assert_eq!((report.exit_status(), account.verdict(), missing), (8, Some(Verdict::Different), Some(3)));
    let told = verify_only::told(&migration, &report).expect("the state tells it");
    assert_eq!(told.lines().filter(|line| line.contains(": missing")).count(), 3, "{told}");
    assert_identical(&before, &observe(&pair.destination, &user.name));

    assert!(migration.sync(&Limits::default()).is_success());
    let report = migration.verify();
    let told = verify_only::told(&migration, &report).expect("the state tells it");
    assert_eq!(told, format!("{}: identical, 3 messages\n", user.name));
}

#[test]
fn commands_of_the_library_are_those_of_the_program() {
    let pair = shared::dovecot_pair();
    let user = pair.add_fresh_user("library");
    seed(&pair.source, &user.name, MAIL);
    let directory = tempfile::tempdir().expect("a directory");
    let settings = by_master(&pair.source, &pair.destination, &directory.path().join("s"));
    let settings = settings.account(Account::new(&user.name)).build().expect("settings");
    let mut migration = Migration::open(&settings).expect("it opens");
    let locked = Migration::open(&settings).map(|_| ()).expect_err("the state is held");
    assert_eq!(locked.kind(), ErrorKind::Locked, "{locked}");

    assert!(migration.check().is_success());
    assert_eq!(
        migration.plan().accounts().next().and_then(|it| it.error()).map(|it| it.kind()),
        Some(ErrorKind::Stale)
    );
    assert!(migration.scan().is_success());
    let planned = migration.plan();
    let planned = planned.account(&user.name).and_then(|it| it.planned()).expect("a plan");
    assert_eq!((planned.copies, planned.new_mailboxes, planned.deletions), (3, 1, 0));
    let part = migration.apply(&Limits::default().max_messages(1));
    assert_eq!((part.exit_status(), part.messages().pending()), (9, 2), "{}", part.to_json());
    assert!(migration.apply(&Limits::default()).is_success());
    assert_identical(&observe(&pair.source, &user.name), &observe(&pair.destination, &user.name));
    drop(migration);

    // What was done is known to who opens it next.
    let mut migration = Migration::open(&settings).expect("the state is free again");
    assert_eq!(migration.sync(&Limits::default()).messages().copied(), 3);
}
