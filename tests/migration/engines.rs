//! Many machines, on engines that exist: what is in `deploy/` does what it says, on a real Slurm and GNU parallel, and by the schemas of
//! Kubernetes. Machines die in the midst of the work; nothing is doubled by that.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::gates::Gates;
use crate::migration::Migration;
use crate::support::ferry::Running;
use crate::support::process::{Of, PATIENCE, cached, living, poll};
use crate::support::server::User;
use crate::support::shared;
use crate::support::slurm::Slurm;

const ACCOUNTS: usize = 24;

/// So many that none of four shards is empty.
const MOVED: usize = 8;

/// Where a run is held in the midst of its work.
const MESSAGE: &str = "destination/upload-begin/APPEND";

fn deployed(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name)
}

/// Accounts in shards, each with a state of its own, in a directory that all machines see.
struct Fleet {
    migration: Migration<'static>,
}

impl Fleet {
    /// Besides the accounts of users that are there, those of these lines.
    fn new(stem: &str, accounts: usize, others: &str) -> Fleet {
        let users: Vec<User> = (0..accounts).map(|number| User::named(format!("{stem}-{number}"))).collect();
        let pair = shared::dovecot_pair();
        let (gates, sides) = Gates::before([&pair.source, &pair.destination]);
        let mut migration = Migration::with_sides(users, &pair.source, &pair.destination, sides).held_by(gates);
        migration.ferry.further_settings.push_str("[fleet]\ndirectory = \"fleet\"\n");
        let migration = migration.seeded("INBOX\n    1..40 a \\Seen\nArchive\n    1..9 b");
        let fleet = Fleet { migration };
        let settings = format!("state = \"states/{{shard}}\"\n{}{others}", fleet.migration.ferry.settings());
        fs::create_dir_all(fleet.directory().join("states")).expect("a directory for the states");
        fs::write(fleet.directory().join("mailferry.toml"), settings).expect("the settings");
        fleet
    }

    fn directory(&self) -> &Path {
        self.migration.ferry.directory()
    }

    /// What the program finds in its environment, and which program that is: a script, if there is one.
    fn variables(&self, program: Option<&str>) -> Vec<(&'static str, String)> {
        let mut variables: Vec<(&'static str, String)> =
            ["SOURCE_PASSWORD", "DESTINATION_PASSWORD"].map(|name| (name, self.variable(name))).into();
        let itself = env!("CARGO_BIN_EXE_mailferry").to_owned();
        variables.push(("MAILFERRY", program.map_or(itself, |text| self.script("ferry-or-less", text))));
        variables
    }

    fn variable(&self, name: &str) -> String {
        self.migration.ferry.variables().find(|(known, _)| *known == name).expect("a password").1.to_owned()
    }

    /// A shell script in the directory, in which {program} is the program.
    fn script(&self, name: &str, text: &str) -> String {
        let path = self.directory().join(name);
        let text = text.replace("{program}", env!("CARGO_BIN_EXE_mailferry"));
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("a script");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("rights");
        path.display().to_string()
    }

    /// What all shards tell, put together.
    fn report(&self, shards: u32, code: i32) -> serde_json::Value {
        let states: Vec<String> = (0..shards).map(|index| format!("states/{index}")).collect();
        let mut arguments = vec!["report", "--json", "-", "--from"];
        arguments.extend(states.iter().map(String::as_str));
        self.migration.ferry.start_without_settings(&arguments).finish().expect(code).json()
    }
}

/// Five shards over three nodes: one node goes down in mid-copy, one shard comes to a limit, in one an account fails. Then the same
/// accounts in seven shards.
#[test]
fn slurm_brings_all_shards_to_their_end_though_a_node_goes_down() {
    let slurm = Slurm::start();
    let fleet = Fleet::new("slurm", ACCOUNTS - 1, "[[account]]\nsource_user = \"slurm-gone\"\n");
    let limited = r#"[ "$SLURM_ARRAY_TASK_ID-${SLURM_RESTART_COUNT:-0}" != 2-0 ] || set -- "$@" --max-messages 30
exec {program} "$@""#;
    let mut variables = fleet.variables(Some(limited));
    variables.extend([("SHARDS", "5".to_owned()), ("AT_ONCE", "1".to_owned())]);
    fleet.migration.gates().close(MESSAGE, 200);
    let script = deployed("slurm/ferry.sbatch").display().to_string();
    slurm.submit(fleet.directory(), &["--array=0-4", &script], &variables);
    let held = poll(PATIENCE, || fleet.migration.gates().are_holding().then_some(()));
    assert!(held.is_some(), "nothing is copied: {}", slurm.told("squeue", &[]));
    slurm.told("scontrol", &["update", "nodename=ferry1", "state=down", "reason=test"]);
    fleet.migration.gates().open();
    slurm.told("scontrol", &["update", "nodename=ferry1", "state=resume"]);
    let ended = slurm.ended();
    let last = |task: u32| {
        ended.iter().rfind(|(number, ..)| *number == task).map(|(_, state, code)| (state.as_str(), code.as_str()))
    };
    let failed: Vec<u32> = (0..5).filter(|task| last(*task) == Some(("FAILED", "3:0"))).collect();
    assert_eq!(failed.len(), 1, "{ended:?}");
    assert!((0..5).all(|task| failed.contains(&task) || last(task) == Some(("COMPLETED", "0:0"))), "{ended:?}");
    assert!(ended.iter().any(|(_, state, _)| state == "NODE_FAIL"), "{ended:?}");
    // It has asked for that itself, with 9.
    assert!(ended.iter().any(|(task, state, _)| (*task, state.as_str()) == (2, "PENDING")), "{ended:?}");
    let report = fleet.report(5, 0);
    let (totals, copied) = (&report["totals"], 49 * (ACCOUNTS as u64 - 1));
    assert_eq!((&totals["accounts"], &totals["outcomes"]["copied"]), (&ACCOUNTS.into(), &copied.into()), "{report}");
    assert_eq!(totals["outcomes"]["total"], copied, "{report}");
    fleet.migration.assert_exact();
    fleet.goes_on_in_seven(&slurm);
}

impl Fleet {
    /// Nothing is copied again, and what users deleted on the new server stays deleted: the state follows its accounts.
    fn goes_on_in_seven(&self, slurm: &Slurm) {
        let user = &self.migration.users[0];
        self.migration.destination.connect(&user.name).expunge("INBOX", &[1, 2]);
        for index in 0..7 {
            let shard = format!("{index}/7");
            let others: Vec<String> = (0..5).filter(|it| *it != index).map(|it| format!("states/{it}")).collect();
            let mut words = vec!["state", "take", "--at-once", "1", "--shard", &shard];
            words.extend(others.iter().map(String::as_str));
            self.migration.ferry.start_without_settings(&words).finish().expect(0);
        }
        let mut variables = self.variables(None);
        variables.extend([("SHARDS", "7".to_owned()), ("AT_ONCE", "1".to_owned())]);
        let script = deployed("slurm/ferry.sbatch").display().to_string();
        slurm.submit(self.directory(), &["--array=0-6", &script], &variables);
        slurm.ended();
        let report = self.report(7, 0);
        let outcomes = &report["totals"]["outcomes"];
        assert_eq!((&report["totals"]["accounts"], &outcomes["departed"]), (&ACCOUNTS.into(), &2.into()), "{report}");
        let again = |account: &serde_json::Value| account["last_run"]["messages_copied"].as_u64().unwrap_or(0);
        let accounts = report["accounts"].as_array().expect("accounts");
        assert_eq!(accounts.iter().map(again).sum::<u64>(), 0, "{report}");
        assert_eq!(self.migration.destination.connect(&user.name).fetch_all("INBOX").1.len(), 38);
    }
}

/// A stand-in for ssh starts what it is told on this machine, in a session of its own and with a shell, as sshd does, and knows
/// machines that are dead.
const SSH: &str = r#"while :; do case $1 in -o | -p | -l) shift 2 ;; -*) shift ;; *) break ;; esac; done
machine=$1; shift
[ "$1" != -- ] || shift
[ ! -e "$FERRY_DIR/$machine.dead" ] || exit 255
export SHELL=/bin/sh
setsid sh -c 'echo $$ >> "$0"; exec sh -c "$1"' "$FERRY_DIR/$machine.alive" "$*" &
wait $!; status=$?
[ ! -e "$FERRY_DIR/$machine.dead" ] || exit 255
exit $status"#;

/// Nothing of a session runs any more when this returns, whatever groups there were in it.
fn end_session(session: &str) {
    let ended = poll(PATIENCE, || {
        let alive = living(Of::Session, session);
        let ids = alive.iter().map(String::as_str);
        (alive.is_empty() || Command::new("kill").args(["-s", "KILL", "--"]).args(ids).output().is_err()).then_some(())
    });
    assert!(ended.is_some(), "session {session} does not end: {:?}", living(Of::Session, session));
}

/// Each machine is held in its first shard, of which none is empty, when one of them dies.
#[test]
fn parallel_moves_the_shards_of_a_machine_that_dies() {
    let fleet = Fleet::new("parallel", MOVED, "");
    let directory = fleet.directory().display().to_string();
    let parallel = cached("parallel").join("usr/bin");
    let path = format!("{}:{}", parallel.display(), std::env::var("PATH").unwrap_or_default());
    let ssh = fleet.script("ssh", SSH);
    fleet.migration.gates().close(MESSAGE, 10);
    let mut command = Command::new("sh");
    command.arg(deployed("parallel/ferry.sh")).args(["m1", "m2"]).current_dir(fleet.directory());
    command.envs(fleet.variables(None)).env("PATH", path).env("SSH", ssh).env("SHARDS", "4");
    command.env("FERRY_DIR", &directory).env("HOME", &directory).env("TMPDIR", &directory).env_remove("SHELL");
    let mut running = Running::of(command);
    let read = |name: &str| fs::read_to_string(fleet.directory().join(name)).unwrap_or_default();
    let both = running.wait_until(|| {
        fleet.migration.gates().are_holding() && !read("m1.alive").is_empty() && !read("m2.alive").is_empty()
    });
    assert!(both, "it ended before: {}\n{}", running.finish(), read("ferry.joblog"));
    fs::write(fleet.directory().join("m1.dead"), "").expect("a dead machine");
    end_session(read("m1.alive").trim());
    fleet.migration.gates().open();
    let ended = running.finish();
    let log = read("ferry.joblog");
    assert_eq!(ended.code, Some(0), "{ended}\n{log}");
    let done = log.lines().skip(1).filter(|line| line.split('\t').nth(6) == Some("0"));
    assert!(done.clone().count() == 4 && done.clone().all(|line| line.contains("m2")), "{log}");
    fleet.migration.assert_exact();
    let totals = fleet.report(4, 0)["totals"].clone();
    assert_eq!(totals["outcomes"]["copied"], 49 * MOVED as u64);
}

#[test]
fn manifests_are_as_kubernetes_wants_them() {
    let validate = |version: &str, file: &Path| {
        let mut command = Command::new(cached("kubernetes-validate").join("bin/kubernetes-validate"));
        let output = command.args(["--strict", "-k", version]).arg(file).output().expect("kubernetes-validate");
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr),
        )
    };
    for version in ["1.31", "1.32", "1.33", "1.34", "1.35", "1.36", "1.37"] {
        for name in ["kubernetes/job.yaml", "kubernetes/statefulset.yaml"] {
            let (is_well, said) = validate(version, &deployed(name));
            assert!(is_well && said.contains(version), "{name} for {version}: {said}");
        }
    }
    // It does look.
    let spoilt = tempfile::NamedTempFile::new().expect("a file");
    let job = fs::read_to_string(deployed("kubernetes/job.yaml")).expect("the job");
    fs::write(spoilt.path(), job.replace("backoffLimitPerIndex", "backofLimitPerIndex")).expect("a spoilt job");
    assert!(!validate("1.37", spoilt.path()).0);
}
