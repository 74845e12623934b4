//! Under systemd: the units that come with the program, what it tells its supervisor, and how the journal takes its lines.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;

use crate::migration::Migration;
use crate::support::shared;

/// Every unit is as systemd wants it.
#[test]
fn units_are_well_formed() {
    let directory = tempfile::tempdir().expect("a directory");
    let units = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/systemd");
    let mut verified = Vec::new();
    for unit in fs::read_dir(units).expect("the units") {
        let unit = unit.expect("a unit").path();
        // The program is looked for where the unit names it.
        let text = fs::read_to_string(&unit).expect("a unit");
        let text = text.replace("/usr/local/bin/mailferry", env!("CARGO_BIN_EXE_mailferry"));
        let copy = directory.path().join(unit.file_name().expect("a name"));
        fs::write(&copy, text).expect("copy the unit");
        verified.push(copy);
    }
    assert_eq!(verified.len(), 4);
    let verify = |units: &[std::path::PathBuf]| {
        let mut command = Command::new("systemd-analyze");
        let output = command.args(["verify", "--recursive-errors=no"]).args(units).output();
        let output = output.expect("systemd-analyze is here: run tests/support/setup.sh all");
        (output.status.success() && output.stderr.is_empty(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (is_well, said) = verify(&verified);
    assert!(is_well, "{said}");
    // It does look.
    let spoilt = directory.path().join("spoilt.service");
    let text = fs::read_to_string(&verified[0]).expect("a unit");
    fs::write(&spoilt, text + "\n[Service]\nExecStrat=/bin/true\n").expect("a spoilt unit");
    assert!(!verify(&[spoilt]).0);
}

/// Ready once the state is open, with a line that says what it is at, and signs of life.
#[test]
fn supervisor_is_told_that_the_run_is_ready_and_alive() {
    let pair = shared::dovecot_pair();
    let migration = Migration::between(&pair.source, &pair.destination).seeded("INBOX\n    1..20 bulk");
    let socket = migration.ferry.directory().join("notify");
    let listening = UnixDatagram::bind(&socket).expect("a socket");
    listening.set_nonblocking(true).expect("no waiting");
    let Migration { ferry, .. } = migration;
    let ferry =
        ferry.with_variable("NOTIFY_SOCKET", socket.to_str().expect("a path")).with_variable("WATCHDOG_USEC", "200000");
    let mut heard = String::new();
    let mut watching = ferry.start(&["sync", "--watch", "1h", "--progress", "plain"]);
    let mut hears = |awaited: &str| {
        let mut octets = [0; 4096];
        while let Ok(count) = listening.recv(&mut octets) {
            heard.push_str(&String::from_utf8_lossy(&octets[..count]));
            heard.push('\n');
        }
        heard.contains(awaited)
    };
    assert!(watching.wait_until(|| hears("STATUS=the next sync begins at ")), "it says what it waits for");
    assert!(watching.wait_until(|| hears("WATCHDOG=1")), "it is alive while it waits");
    watching.interrupt();
    watching.finish().expect(130);
    assert!(hears("STOPPING=1"));
    assert_eq!(heard.lines().next(), Some("READY=1"), "{heard}");
    assert_eq!(heard.matches("READY=1").count(), 1, "{heard}");
}

/// Where standard error is the journal's, each line says how grave it is; where it is not, none does.
#[test]
fn lines_for_the_journal_say_how_grave_they_are() {
    let pair = shared::dovecot_pair();
    let migration = Migration::between(&pair.source, &pair.destination).seeded("INBOX\n    a");
    let as_the_journal = r#"JOURNAL_STREAM=$(stat -L -c %d:%i /dev/fd/2) exec "$@""#;
    let wrapper = ["sh", "-c", as_the_journal, "sh"];
    let output = migration.ferry.run_through(&wrapper, &["sync", "nobody", "--progress", "plain"]).expect(2);
    assert!(output.stderr.starts_with("<3>error: "), "{output}");
    assert!(output.stderr.lines().all(|line| line.starts_with('<')), "{output}");
    let another = migration.ferry.run_through(&["env", "JOURNAL_STREAM=1:2"], &["sync", "nobody"]).expect(2);
    assert!(another.stderr.starts_with("error: "), "{another}");
}
