//! What is waited for by who looks after many accounts: `status`, `report`, and the page of a run, of 5,000 accounts on
//! servers that invent their mail. Most of them are as they were; a resync is under way while the page is asked for.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fs};

use super::encrypted::Door;
use super::launch::{Invocation, Usage};
use super::settings::Settings;
use super::support::server::User;
use super::synthetic::{Shape, Synthetic};
use super::table::{mebibytes, shown};
use super::tools::{self, Task, Ways};

/// The name among the corpora.
pub const DESK: &str = "desk";

const ACCOUNTS: u64 = 5_000;
const JOBS: usize = 16;
const SHAPE: Shape = Shape { mailboxes: 2, messages: 3, octets: 4_000 };

/// How often each thing is asked for; the slowest answer is told.
const ASKED: usize = 20;

const PATHS: [&str; 4] = ["/", "/api/board", "/api/accounts?q=user-49", "/metrics"];

/// Measures all, and writes a table.
pub fn bench(settings: &Settings) {
    let accounts = ((ACCOUNTS as f64 * settings.scaling) as u64).max(1);
    let (source, destination) = (Synthetic::start(SHAPE), Synthetic::start(SHAPE));
    let directory = tempfile::tempdir().expect("a directory for the state");
    let users: Vec<User> = (0..accounts).map(|number| User::named(format!("user-{number}"))).collect();
    let task = Task {
        users: &users,
        source: Door::in_clear_text(source.port()),
        destination: Door::in_clear_text(destination.port()),
        directory: directory.path(),
        jobs: JOBS,
        destination_configuration: PathBuf::new(),
        ways: Ways::One,
    };
    let sync = tools::mailferry(&task);
    let with = |words: &[&str]| Invocation {
        program: sync.program.clone(),
        arguments: words.iter().map(|word| (*word).to_owned()).collect(),
        environment: sync.environment.clone(),
        directory: sync.directory.clone(),
    };
    let run = |invocation: Invocation| {
        eprintln!("{DESK}, {accounts} accounts: {}", invocation.arguments.join(" "));
        tools::run(settings, &task, vec![invocation])
    };
    println!("### {DESK}: {accounts} accounts\n\n| what | wall | memory |\n|---|--:|--:|");
    let row = |what: &str, usage: &Usage| {
        let memory = mebibytes(usage.memory_octets as f64);
        println!("| {what} | {} s | {memory} |", shown(usage.wall_seconds));
    };
    row("the first sync", &run(tools::mailferry(&task)));
    row("status", &run(with(&["status", "-q"])));
    row("report", &run(with(&["report", "--html", "report.html"])));
    let (answers, memory) = watched(&with(&["sync", "-q", "--full", "--serve", "unix:page"]));
    for (what, seconds) in answers {
        println!("| {what} | {} | |", seconds.map_or("not answered".to_owned(), |it| format!("{} s", shown(it))));
    }
    println!("| the run that was watched, so far | | {} |\n", mebibytes(memory as f64));
}

/// The slowest answers of the page while the run goes on, in seconds, and how many octets the run took at its most.
fn watched(invocation: &Invocation) -> (Vec<(String, Option<f64>)>, u64) {
    let mut command = Command::new(&invocation.program);
    command.args(&invocation.arguments).current_dir(&invocation.directory).env_clear();
    command.envs(env::var_os("PATH").map(|path| ("PATH", path)));
    command.envs(invocation.environment.iter().map(|(name, value)| (name, value)));
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("mailferry");
    let socket = invocation.directory.join("page");
    while ask(&socket, "/healthz").is_none() && is_running(&mut child) {
        thread::sleep(Duration::from_millis(10));
    }
    let slowest =
        |path: &str| (0..ASKED).map(|_| ask(&socket, path)).try_fold(0.0, |most, it| Some(f64::max(most, it?)));
    let answers = PATHS.map(|path| (format!("the page's `{path}`, the slowest of {ASKED}"), slowest(path)));
    let memory = peak(child.id());
    let _ = child.kill();
    let _ = child.wait();
    (answers.into(), memory)
}

/// Seconds to the end of a whole answer.
fn ask(socket: &Path, path: &str) -> Option<f64> {
    let begun = Instant::now();
    let mut connection = UnixStream::connect(socket).ok()?;
    write!(connection, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").ok()?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).ok()?;
    answer.starts_with("HTTP/1.1 200 ").then(|| begun.elapsed().as_secs_f64())
}

fn is_running(child: &mut Child) -> bool {
    matches!(child.try_wait(), Ok(None))
}

/// Octets.
fn peak(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|peak| peak.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) << 10
}
