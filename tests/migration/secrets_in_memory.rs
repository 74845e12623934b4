//! A password does not outlive its login: it is nowhere in the memory of the process, and no core file can hold it.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::PermissionsExt;

use crate::migration::Migration;
use crate::secrets::{shapes, write_accounts};
use crate::support::ferry::{Ferry, Running, Side};
use crate::support::server::{Server, User};
use crate::support::shared;

/// Not a word that anything else in the process could hold.
const PASSWORD: &str = "Kn\"öt%zp7\\qW-never-kept";

/// All that the process can write to, region by region.
fn memory(process: u32) -> Vec<(String, Vec<u8>)> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).expect("the regions");
    let mut memory = File::open(format!("/proc/{process}/mem")).expect("the memory");
    let writable = maps.lines().filter(|line| line.contains(" rw"));
    let regions = writable.filter_map(|line| {
        let (begin, end) = line.split_whitespace().next()?.split_once('-')?;
        let [begin, end] = [begin, end].map(|address| u64::from_str_radix(address, 16).expect("an address"));
        let mut octets = vec![0; usize::try_from(end - begin).expect("a size")];
        memory.seek(SeekFrom::Start(begin)).ok()?;
        memory.read_exact(&mut octets).ok()?;
        Some((line.to_owned(), octets))
    });
    regions.collect()
}

/// Root alone may look: the process is guarded against everyone else.
fn may_look_into(process: u32) -> bool {
    File::open(format!("/proc/{process}/mem")).is_ok()
}

/// A migration that has logged in everywhere and waits for the next sync.
fn waiting(ferry: &Ferry) -> Running {
    let mut running = ferry.start(&["sync", "--watch", "1h", "--progress", "plain"]);
    assert!(running.wait_until_said(|stderr| stderr.contains("The next sync begins in")), "{}", running.finish());
    running
}

/// By AUTHENTICATE on the source and by LOGIN on the destination, each with its own password from a file.
fn with_password_files(user: &User) -> Migration<'static> {
    let pair = shared::dovecot_pair();
    pair.source.add_user(user);
    pair.destination.add_user(user);
    let sides = [
        Side::of(&pair.source).with_own_passwords(),
        Side::of(&pair.destination).with_own_passwords().set("auth", "\"login\""),
    ];
    let migration = Migration::with_sides(Vec::new(), &pair.source, &pair.destination, sides);
    let file = migration.ferry.directory().join("one.password");
    fs::write(&file, format!("{}\n", user.password)).expect("the password file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("its mode");
    let lines = format!(
        "source_user = \"{}\"\nsource_password_file = \"one.password\"\ndestination_password_file = \"one.password\"",
        user.name
    );
    Migration { ferry: migration.ferry.with_account_lines(&lines), users: vec![user.clone()], ..migration }
}

/// The same with both passwords in an accounts file.
fn with_an_accounts_file(user: &User) -> Migration<'static> {
    let pair = shared::dovecot_pair();
    pair.source.add_user(user);
    pair.destination.add_user(user);
    let sides = [
        Side::of(&pair.source).with_own_passwords(),
        Side::of(&pair.destination).with_own_passwords().set("auth", "\"login\""),
    ];
    let migration = Migration::with_sides(Vec::new(), &pair.source, &pair.destination, sides);
    let migration = migration.with_settings("[accounts]\nfile = \"accounts.csv\"");
    write_accounts(&migration.ferry, user);
    Migration { users: vec![user.clone()], ..migration }
}

/// The same with both passwords in the settings.
fn with_passwords_in_the_settings(user: &User) -> Migration<'static> {
    let migration = with_password_files(user);
    let [from, to] = [&migration.ferry.source, &migration.ferry.destination].map(Side::clone);
    let ferry = Ferry::new(from, to);
    let file = ferry.directory().join("mailferry.toml");
    fs::write(&file, "").expect("the settings");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("their mode");
    let (name, password) = (&user.name, &user.password);
    let lines =
        format!("source_user = \"{name}\"\nsource_password = '{password}'\ndestination_password = '{password}'");
    Migration { ferry: ferry.with_account_lines(&lines), ..migration }
}

/// Holds engine/wire/buffered.rs invariant 5.
#[test]
fn passwords_of_the_settings_are_nowhere_in_memory_after_the_login() {
    assert_forgotten(&with_passwords_in_the_settings(&User::fresh("forgetful").with_password(PASSWORD)));
}

/// Holds engine/wire/buffered.rs invariant 5.
#[test]
fn own_passwords_are_nowhere_in_memory_after_the_login() {
    assert_forgotten(&with_password_files(&User::fresh("forgetful").with_password(PASSWORD)));
}

/// Holds engine/wire/buffered.rs invariant 5.
#[test]
fn passwords_of_an_accounts_file_are_nowhere_in_memory_after_the_login() {
    assert_forgotten(&with_an_accounts_file(&User::fresh("forgetful").with_password(PASSWORD)));
}

#[track_caller]
fn assert_forgotten(migration: &Migration) {
    migration.seed("INBOX\n    a");
    let running = waiting(&migration.ferry);
    if may_look_into(running.id()) {
        let regions = memory(running.id());
        let known = find_everywhere(&regions, migration.user().as_bytes());
        assert!(known.is_some(), "not even the user name is found: this is not the memory of the program");
        for shape in shapes(migration.user(), PASSWORD) {
            let found = find_everywhere(&regions, &shape);
            assert!(found.is_none(), "the password stands as {} in {found:?}", shape.escape_ascii());
        }
    } else {
        assert!(!is_root(), "root cannot look into the program");
    }
    running.interrupt();
    running.finish().expect(130);
    migration.assert_exact();
}

fn find_everywhere(regions: &[(String, Vec<u8>)], wanted: &[u8]) -> Option<String> {
    let found =
        regions.iter().find_map(|(region, octets)| Some((region, octets, memchr::memmem::find(octets, wanted)?)));
    found.map(|(region, octets, at)| {
        let around = &octets[at.saturating_sub(24)..(at + wanted.len() + 24).min(octets.len())];
        format!("{region}: {}", around.escape_ascii())
    })
}

fn is_root() -> bool {
    crate::support::process::ServiceUser::current().started_by_root
}

#[test]
fn core_files_and_looks_into_the_memory_are_forbidden() {
    let migration = with_password_files(&User::fresh("forgetful").with_password(PASSWORD)).seeded("INBOX\n    a");
    let running = waiting(&migration.ferry);
    let limits = fs::read_to_string(format!("/proc/{}/limits", running.id())).expect("the limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("the limit of core files");
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
    // What belongs to a process that is not dumpable belongs to root; root itself sees no difference.
    assert_eq!(may_look_into(running.id()), is_root());
    running.interrupt();
    running.finish().expect(130);
}
