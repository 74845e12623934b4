//! The disk that holds the state is full, at any write: of the scan, the plan, a checkpoint, a large message on its way.

use std::fs;
use std::process::Command;

use crate::migration::{Migration, dovecot_to_dovecot};
use crate::support::ferry::Output;

/// Large messages pass through files in the state directory.
const MAIL: &str = r"
INBOX
    1..900 bulk \Seen $Label
    901 huge size:3m
    902..1000 more
    1001 huger size:5m
Archive/2024
    1..200 old
";

/// In KiB. Small ones strike when the state is opened, larger ones later; the largest may be enough.
const ROOM: [u64; 13] = [4, 24, 64, 96, 128, 192, 256, 384, 512, 768, 1100, 2100, 4200];

/// A file may not grow beyond so many KiB: what is beyond is refused (EFBIG), as by a quota of the file system.
fn with_small_files(migration: &Migration<'_>, kibibytes: u64) -> Output {
    // In units of 512 octets, as POSIX has it.
    let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$@\"", kibibytes * 2);
    migration.ferry.run_through(&["sh", "-c", &script, "sh"], &["sync"])
}

/// On a file system of that size, which is there for this run only; what is on it is kept.
fn on_a_small_disk(migration: &Migration<'_>, kibibytes: u64) -> Output {
    let state = migration.ferry.state();
    fs::create_dir_all(&state).expect("make the state directory");
    let kept = migration.ferry.directory().join("kept");
    let script = r#"
        mount -t tmpfs -o size="$1"k,mode=700 tmpfs "$2" || exit 99
        if [ -d "$3" ]; then cp -a "$3/." "$2"; fi
        state=$2; kept=$3; shift 3
        "$@"; code=$?
        rm -rf "$kept"; cp -a "$state" "$kept"
        exit $code"#;
    let size = kibibytes.max(4).to_string();
    let wrapper =
        ["unshare", "-rm", "sh", "-c", script, "sh", &size, &state.to_string_lossy(), &kept.to_string_lossy()];
    let output = migration.ferry.run_through(&wrapper, &["sync"]);
    // With more room again, the state is where it was.
    fs::remove_dir_all(&state).expect("remove the mount point");
    fs::rename(&kept, &state).expect("put the state there");
    output
}

pub fn may_mount() -> bool {
    let tried = Command::new("unshare").args(["-rm", "sh", "-c", "mount -t tmpfs tmpfs /mnt"]).output();
    tried.is_ok_and(|output| output.status.success())
}

/// Each time with a little more room, then with as much as it needs.
fn fills_up_again_and_again(run: fn(&Migration<'_>, u64) -> Output) {
    let migration = dovecot_to_dovecot().seeded(MAIL).with_settings("[limits]\nmemory = \"16MB\"");
    let mut failed = 0;
    for room in ROOM {
        let output = run(&migration, room);
        assert!(matches!(output.code, Some(0 | 1)), "{room} KiB: {output}");
        assert!(!output.stderr.contains("panicked"), "{room} KiB: {output}");
        if output.code != Some(0) {
            failed += 1;
            assert!(output.stderr.contains("hint") && output.stderr.contains("state"), "{room} KiB: {output}");
        }
    }
    assert!(failed >= 5, "the disk was full {failed} times only");
    migration.run(&["sync"]).expect(0);
    migration.assert_exact_but_for_the_order();
    migration.assert_second_sync_does_nothing();
    migration.run(&["verify", "--deep"]).expect(0);
}

#[test]
fn state_whose_files_may_not_grow_costs_time_only() {
    fills_up_again_and_again(with_small_files);
}

#[test]
fn state_on_a_full_disk_costs_time_only() {
    if may_mount() {
        fills_up_again_and_again(on_a_small_disk);
    } else {
        eprintln!("no file system of a test's own can be mounted here: a full disk was not tried");
    }
}
