//! The state on disk is damaged, lost, rolled back, somebody else's, or cannot be written. It only makes the program fast:
//! whatever becomes of it, no message is lost, doubled or deleted; at worst all is listed again, and that is said.

use std::cell::Cell;
use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::migration::{Migration, dovecot_to_dovecot, gated_dovecot};
use crate::support::compare::expect;
use crate::support::ferry::{Done, Ferry, Output, Running, Side};
use crate::support::seed::seed;
use crate::support::server::User;
use crate::support::shared;
use crate::support::state::observe;

const MAIL: &str = r"
INBOX
    1..150 bulk \Seen $Label
    151 twin
    152 twin
Archive/2024
    1..40 old
Empty
";

/// A migration under way, and a copy of its state from then: what is struck, again and again. The destination goes on, so
/// that each time the state is also older than the servers.
struct Bench {
    migration: Migration<'static>,
    sound: TempDir,
    uid: Cell<u32>,
}

impl Bench {
    fn new() -> Bench {
        let migration = dovecot_to_dovecot().seeded(MAIL);
        migration.sync();
        let sound = tempfile::tempdir().expect("a directory for the sound state");
        copy(&migration.ferry.state(), sound.path());
        Bench { migration, sound, uid: Cell::new(153) }
    }

    /// Puts the sound state back, damages it, and lets new mail come: the next sync has something to do.
    fn strike(&self, damage: impl FnOnce(&Path)) {
        let state = self.migration.ferry.state();
        let _ = fs::remove_dir_all(&state);
        copy(self.sound.path(), &state);
        damage(&state);
        let uid = self.uid.replace(self.uid.get() + 1);
        seed(self.migration.source, self.migration.user(), &format!("INBOX\n    {uid} new-{uid}"));
        self.migration.at_source().add_flags("INBOX", uid - 1, &["\\Flagged"]);
    }

    /// Syncs over the damage, and again until it is right; returns what the first one said.
    fn recover(&self, what: &str) -> Output {
        let first = self.migration.run(&["sync"]);
        assert!(matches!(first.code, Some(0 | 1 | 3)), "{what}: {first}");
        assert!(!first.stderr.contains("panicked"), "{what}: {first}");
        let honest = first.code == Some(0) || first.stderr.contains("error") || first.stderr.contains("failed");
        assert!(honest, "{what}: {first}");
        if first.code != Some(0) {
            let second = self.migration.run(&["sync"]);
            assert_eq!(second.code, Some(0), "{what}, the sync after it: {second}");
        }
        self.migration.assert_exact();
        if self.uid.get().is_multiple_of(2) {
            return first;
        }
        let idle = self.migration.run(&["sync"]);
        assert_eq!(idle.code, Some(0), "{what}: {idle}");
        assert_eq!(Done::of(&self.migration.ferry.status()["last_run"]), Done::NOTHING, "{what}");
        first
    }
}

/// All files and directories, without looking at what they are.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("make a directory");
    for entry in fs::read_dir(from).expect("read a directory").map(|entry| entry.expect("an entry")) {
        let target = to.join(entry.file_name());
        if entry.file_type().expect("its type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copy a file");
        }
    }
}

/// The files below a directory, by their path in it.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("read a directory").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() { found.extend(files(&entry)) } else { found.push(entry) }
    }
    found.sort();
    found
}

/// The same numbers in every run, and other ones for each `seed`.
fn numbers(seed: u64) -> impl Iterator<Item = u64> {
    std::iter::successors(Some(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1), |number| {
        let mut next = *number;
        next ^= next << 13;
        next ^= next >> 7;
        Some(next ^ (next << 17))
    })
    .skip(3)
}

fn flip(file: &Path, place: u64) {
    let file = fs::OpenOptions::new().read(true).write(true).open(file).expect("open a file of the state");
    let length = file.metadata().expect("its length").len();
    if length == 0 {
        return;
    }
    let mut octets = [0; 4];
    let read = file.read_at(&mut octets, place % length).expect("read it");
    octets.iter_mut().for_each(|octet| *octet ^= 0x5a);
    file.write_at(&octets[..read], place % length).expect("write it");
}

#[test]
fn state_with_octets_flipped_anywhere_costs_a_listing_at_most() {
    let bench = Bench::new();
    for (round, place) in numbers(7).take(10).enumerate() {
        bench.strike(|state| {
            let files = files(state);
            // The data file is most of it; each of the others gets its turn.
            let data = state.join("database/db");
            let file = if round % 3 == 0 { &files[round % files.len()] } else { &data };
            flip(file, place);
        });
        bench.recover(&format!("flipped, round {round}, place {place}"));
    }
}

#[test]
fn state_with_a_file_cut_or_missing_costs_a_listing_at_most() {
    let bench = Bench::new();
    let names: Vec<PathBuf> = files(bench.sound.path());
    let names: Vec<&Path> = names.iter().map(|file| file.strip_prefix(bench.sound.path()).expect("below it")).collect();
    for name in names {
        for keep in [None, Some(0), Some(2)] {
            bench.strike(|state| match keep {
                None => fs::remove_file(state.join(name)).expect("remove a file"),
                Some(parts) => {
                    let file = fs::OpenOptions::new().write(true).open(state.join(name)).expect("open a file");
                    let length = file.metadata().expect("its length").len();
                    file.set_len(length * parts / 3).expect("cut a file");
                }
            });
            bench.recover(&format!("{} cut to {keep:?} thirds", name.display()));
        }
    }
}

#[test]
fn state_that_is_set_aside_is_announced_and_kept() {
    let bench = Bench::new();
    bench.strike(|state| fs::write(state.join("database/db"), "junk".repeat(5000)).expect("overwrite the data"));
    bench.recover("junk").complains(&["the state was damaged", "database.damaged-1", "rebuilt from the servers"]);
    assert!(bench.migration.ferry.state().join("database.damaged-1/db").is_file());
}

/// Every kind of value that the state holds, damaged in one place or lost.
#[test]
fn state_with_one_value_of_any_kind_damaged_or_lost_is_rebuilt() {
    let bench = Bench::new();
    let tables = [(1, None)].into_iter().chain(b"AMRPLXTUS".map(|table| (2, Some(table))));
    for (kind, table) in tables {
        for lost in [false, true] {
            let mut struck = false;
            bench.strike(|state| struck = strike_value(&state.join("database"), kind, table, lost));
            let shown = table.map_or("account".to_owned(), |table| char::from(table).to_string());
            if struck {
                bench.recover(&format!("value of table {shown}, lost: {lost}"));
            }
        }
    }
}

/// Damages the value in the middle of a table.
fn strike_value(database: &Path, kind: u8, table: Option<u8>, lost: bool) -> bool {
    let tree = sled::open(database).expect("open the database");
    let in_table = |key: &sled::IVec| key[0] == kind && table.is_none_or(|table| key.get(17) == Some(&table));
    let keys: Vec<sled::IVec> = tree.iter().keys().filter_map(Result::ok).filter(in_table).collect();
    let Some(key) = keys.get(keys.len() / 2) else { return false };
    if lost {
        tree.remove(key).expect("remove a value");
    } else {
        let mut value = tree.get(key).expect("read a value").expect("it is there").to_vec();
        let middle = value.len() / 2;
        value[middle] ^= 1;
        tree.insert(key, value).expect("write a value");
    }
    tree.flush().expect("write it to disk");
    true
}

#[test]
fn state_rolled_back_doubles_nothing_and_brings_nothing_back() {
    let bench = Bench::new();
    let migration = &bench.migration;
    // After the copy was taken: mail comes and goes on both sides, and is synced.
    seed(migration.source, migration.user(), "INBOX\n    153..180 later\nNew\n    1..3 new");
    migration.at_destination().expunge("INBOX", &[5, 6, 151]);
    migration.at_source().add_flags("INBOX", 9, &["\\Answered"]);
    migration.sync();
    migration.at_source().expunge("INBOX", &[10, 160]);
    migration.sync();
    let before = observe(migration.destination, migration.user());
    let _ = fs::remove_dir_all(migration.ferry.state());
    copy(bench.sound.path(), &migration.ferry.state());
    assert_eq!(migration.sync(), Done::NOTHING);
    assert_eq!(observe(migration.destination, migration.user()), before, "nothing came, nothing went, nothing changed");
    migration.assert_second_sync_does_nothing();
}

#[test]
fn plan_of_a_state_that_was_rolled_back_is_not_carried_out_twice() {
    let migration = dovecot_to_dovecot().seeded(MAIL);
    migration.run(&["scan"]).expect(0);
    migration.run(&["plan"]).expect(0);
    let planned = tempfile::tempdir().expect("a directory");
    copy(&migration.ferry.state(), planned.path());
    migration.run(&["apply"]).expect(0);
    seed(migration.destination, migration.user(), "INBOX\n    153 own");
    migration.ferry.forget_state();
    copy(planned.path(), &migration.ferry.state());
    migration.run(&["apply"]).expect(0);
    let wanted = MAIL.replace("    152 twin", "    152 twin\n    153 own");
    expect(migration.destination, migration.user(), &wanted);
}

#[test]
fn state_rolled_back_over_a_change_of_settings_doubles_nothing() {
    let bench = Bench::new();
    let Bench { migration, sound, .. } = bench;
    let migration = migration.with_settings("[sync]\nmax_message_size = \"10KB\"\nrestore_missing = true");
    seed(migration.source, migration.user(), "INBOX\n    153 large size:40k\n    154 small");
    assert_eq!(migration.sync(), Done { copied: 1, flags_updated: 0 });
    migration.ferry.forget_state();
    copy(sound.path(), &migration.ferry.state());
    let migration = migration.with_settings("");
    assert_eq!(migration.sync(), Done { copied: 1, flags_updated: 0 });
    migration.assert_exact_but_for_the_order();
    migration.assert_second_sync_does_nothing();
}

#[test]
fn state_of_another_account_or_of_swapped_sides_is_refused_and_stays_as_it_is() {
    let pair = shared::dovecot_pair();
    let [one, two] = ["one", "two"].map(|stem| pair.add_fresh_user(stem));
    let lines = |source: &User, destination: &User| {
        format!("name = \"mover\"\nsource_user = \"{}\"\ndestination_user = \"{}\"", source.name, destination.name)
    };
    let sides = || [Side::of(&pair.source), Side::of(&pair.destination)];
    let ferry =
        |lines: &str, [source, destination]: [Side; 2]| Ferry::new(source, destination).with_account_lines(lines);
    let own = ferry(&lines(&one, &one), sides());
    seed(&pair.source, &one.name, MAIL);
    own.sync();
    let before = observe(&pair.destination, &two.name);
    let [source, destination] = sides();
    let strangers = [
        ferry(&lines(&two, &one), sides()),
        ferry(&lines(&one, &two), sides()),
        ferry(&lines(&one, &one), [destination, source]),
    ];
    for (number, stranger) in strangers.into_iter().enumerate() {
        copy(&own.state(), &stranger.state());
        for command in ["scan", "sync"] {
            let output = stranger.run(&[command]).expect(3);
            let what =
                if number < 2 { ["holds other users", &one.name] } else { ["holds another source", "other side"] };
            output.complains(&["mover", "--state"]).complains(&what);
        }
        stranger.run(&["apply"]).expect(if number < 2 { 3 } else { 5 });
    }
    assert_eq!(observe(&pair.destination, &two.name), before);
    own.run(&["sync"]).expect(0);
    expect(&pair.destination, &one.name, MAIL);
}

#[test]
fn state_of_a_newer_version_is_refused_and_kept() {
    let bench = Bench::new();
    bench.strike(|_| {});
    let database = bench.migration.ferry.state().join("database");
    let older = plant_schema(&database, None);
    for command in ["scan", "plan", "apply", "sync", "verify", "status"] {
        let output = bench.migration.run(&[command]).expect(1);
        output.complains(&["newer mailferry", "mailferry.state", "--state"]);
    }
    assert!(!bench.migration.ferry.state().join("database.damaged-1").exists());
    plant_schema(&database, Some(older));
    let status = bench.migration.ferry.status();
    assert_eq!(status["outcomes"]["copied"], 192, "all that it held is still there: {status}");
    bench.recover("the newer version is gone");
}

/// Puts a schema version in place, one above ours if none is given; returns what stood there.
fn plant_schema(database: &Path, octets: Option<Vec<u8>>) -> Vec<u8> {
    const KEY: [u8; 1] = [0];
    let tree = sled::open(database).expect("open the database");
    let before = tree.get(KEY).expect("read the schema").expect("there is one").to_vec();
    let octets = octets.unwrap_or_else(|| {
        let body = [before[0] + 1, before[1]];
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(&KEY);
        checksum.update(&body);
        [&body[..], &checksum.finalize().to_be_bytes()].concat()
    });
    tree.insert(KEY, octets).expect("write the schema");
    tree.flush().expect("write it to disk");
    before
}

#[test]
fn place_that_cannot_hold_a_state_is_refused_and_left_alone() {
    let migration = dovecot_to_dovecot().seeded("INBOX\n    a");
    let state = migration.ferry.state();
    let refused = |causes: &[&str]| {
        for command in ["scan", "sync"] {
            migration.run(&[command]).expect(1).complains(causes);
        }
    };
    fs::write(&state, "a file").expect("write a file");
    refused(&["mailferry.state", "is not a directory", "--state"]);
    assert_eq!(fs::read(&state).expect("read it"), b"a file");
    fs::remove_file(&state).expect("remove it");

    fs::create_dir(&state).expect("make a directory");
    fs::write(state.join("thesis.tex"), "dear").expect("write a file");
    refused(&["not a state directory of mailferry", "thesis.tex", "--state"]);
    assert_eq!(files(&state), [state.join("thesis.tex")]);
    fs::remove_dir_all(&state).expect("remove it");

    std::os::unix::fs::symlink("nowhere", &state).expect("make a link");
    refused(&["mailferry.state", "--state"]);
    fs::remove_file(&state).expect("remove it");
    migration.sync();
    migration.assert_exact();
}

/// Root may write anywhere, so the program runs as somebody else.
#[test]
fn state_that_may_not_be_written_is_refused_and_goes_on_later() {
    let bench = Bench::new();
    let migration = &bench.migration;
    let as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    let is_root = fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    let wrapper: &[&str] = if is_root { &as_nobody } else { &["env"] };
    let give_to = |path: &Path, user| {
        if is_root {
            std::os::unix::fs::chown(path, Some(user), None).expect("give it away");
        }
    };
    let set_mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set a mode");
    };
    set_mode(migration.ferry.directory(), 0o755);
    bench.strike(|state| {
        files(state).iter().for_each(|file| set_mode(file, 0o444));
        set_mode(&state.join("database"), 0o555);
        set_mode(state, 0o555);
    });
    let state = migration.ferry.state();
    if is_root {
        let foreign = migration.ferry.run_through(wrapper, &["sync"]).expect(1);
        foreign.complains(&["mailferry.state", "it belongs to user 0", "hint"]);
    }
    let all = [&[state.clone(), state.join("database")], files(&state).as_slice()].concat();
    all.iter().for_each(|path| give_to(path, 65534));
    let refused = migration.ferry.run_through(wrapper, &["sync"]).expect(1);
    refused.complains(&["mailferry.state", "ermission", "hint"]);
    all.iter().for_each(|path| give_to(path, 0));
    set_mode(&state, 0o700);
    set_mode(&state.join("database"), 0o700);
    files(&state).iter().for_each(|file| set_mode(file, 0o600));
    bench.recover("readable again");

    let moved = tempfile::tempdir().expect("a directory");
    set_mode(moved.path(), 0o555);
    let place = moved.path().join("below/state");
    let place = place.to_str().expect("a path");
    let refused = migration.ferry.run_through(wrapper, &["sync", "--state", place]).expect(1);
    refused.complains(&["could not create the state directory", place, "ermission"]);
}

#[test]
fn second_process_does_nothing_and_a_killed_one_lets_go() {
    let migration = gated_dovecot().seeded("INBOX\n    1..300 bulk\nArchive\n    1..30 old");
    let running = migration.held(&["sync"], 1);
    let holder = format!("process {}", running.id());
    for command in ["scan", "apply", "sync", "verify"] {
        migration.run(&[command]).expect(7).complains(&["another mailferry", &holder, "--state"]);
    }
    migration.run(&["plan"]).expect(0).complains(&["another mailferry", &holder, "what it works by is shown"]);
    Running::kill(running);
    migration.gates().cut();
    migration.run(&["sync"]).expect(0);
    migration.assert_exact();
    migration.assert_second_sync_does_nothing();
}
