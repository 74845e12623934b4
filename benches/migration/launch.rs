//! Programs are run by a small process of their own, and what they used is asked of the kernel (`wait4`).
//!
//! The small process is needed for the peak of memory: the kernel counts in what the parent of a program held when it
//! was started.

use std::collections::BTreeSet;
use std::env;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// One program to be run.
#[derive(Serialize, Deserialize)]
pub struct Invocation {
    pub program: PathBuf,
    pub arguments: Vec<String>,
    /// Added to what the benchmark itself was given.
    pub environment: Vec<(String, String)>,
    pub directory: PathBuf,
}

/// Programs that do one job together.
#[derive(Serialize, Deserialize)]
pub struct Launch {
    pub invocations: Vec<Invocation>,
    pub at_once: usize,
    pub time_limit_seconds: u64,
    /// Gets all that they write.
    pub log: PathBuf,
}

/// What the programs used.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Usage {
    /// From the start of the first to the end of the last.
    pub wall_seconds: f64,
    /// User and system, of all.
    pub cpu_seconds: f64,
    /// The peak of the largest one.
    pub memory_octets: u64,
    /// The highest exit status; 128 and more for signals.
    pub status: i32,
    pub timed_out: bool,
}

impl Usage {
    pub fn failed(&self) -> bool {
        self.timed_out || self.status != 0
    }
}

/// The argument that makes this program the small process.
pub const LAUNCHER: &str = "--launch";

/// Runs the programs to their end.
pub fn measure(launch: &Launch) -> Usage {
    let own = env::current_exe().expect("the benchmark's own program");
    let mut child = Command::new(own)
        .arg(LAUNCHER)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("start the launcher");
    let mut input = child.stdin.take().expect("the launcher's input");
    serde_json::to_writer(&input, launch).expect("tell the launcher");
    input.flush().expect("tell the launcher");
    drop(input);
    let output = child.wait_with_output().expect("the launcher ends");
    serde_json::from_slice(&output.stdout).expect("what the launcher measured")
}

/// The small process: reads a [`Launch`], writes a [`Usage`].
pub fn launcher() {
    let launch: Launch = serde_json::from_reader(io::stdin()).expect("what to launch");
    let usage = run(&launch);
    serde_json::to_writer(io::stdout(), &usage).expect("tell what was measured");
}

/// Programs that run now.
type Running = Mutex<BTreeSet<i32>>;

/// Runs the programs from within this process.
pub fn run(launch: &Launch) -> Usage {
    let running = Running::default();
    let waiting = Mutex::new(launch.invocations.iter());
    let total = Mutex::new(Usage::default());
    let (ended, end) = channel::<()>();
    // Not in the head of a loop: the lock would be held through its body.
    let next = || locked(&waiting).next();
    let start = Instant::now();
    thread::scope(|scope| {
        let limit = Duration::from_secs(launch.time_limit_seconds);
        let (now, left) = (&running, &waiting);
        let watch = scope.spawn(move || match end.recv_timeout(limit) {
            Err(RecvTimeoutError::Timeout) => kill_until_ended(now, left, &end),
            _ => false,
        });
        let workers: Vec<_> = (0..launch.at_once)
            .map(|_| {
                scope.spawn(|| {
                    while let Some(invocation) = next() {
                        let usage = run_one(invocation, launch, &running);
                        add(&mut locked(&total), &usage);
                    }
                })
            })
            .collect();
        workers.into_iter().for_each(|worker| worker.join().expect("a worker"));
        locked(&total).wall_seconds = start.elapsed().as_secs_f64();
        drop(ended);
        locked(&total).timed_out = watch.join().expect("the watch");
    });
    *locked(&total)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes away all that waits, and kills what runs, again and again, for one may be just starting.
fn kill_until_ended<'a>(
    running: &Running,
    waiting: &Mutex<impl Iterator<Item = &'a Invocation>>,
    end: &Receiver<()>,
) -> bool {
    loop {
        locked(waiting).by_ref().for_each(drop);
        for process in locked(running).iter() {
            // SAFETY: sends a signal to a child of ours that was not waited for, and touches no memory.
            unsafe { libc::kill(*process, libc::SIGKILL) };
        }
        if end.recv_timeout(Duration::from_millis(50)) != Err(RecvTimeoutError::Timeout) {
            return true;
        }
    }
}

fn add(total: &mut Usage, usage: &Usage) {
    total.cpu_seconds += usage.cpu_seconds;
    total.memory_octets = total.memory_octets.max(usage.memory_octets);
    total.status = total.status.max(usage.status);
}

fn run_one(invocation: &Invocation, launch: &Launch, running: &Running) -> Usage {
    let log = || OpenOptions::new().create(true).append(true).open(&launch.log).expect("open the log of a program");
    let mut command = Command::new(&invocation.program);
    command.args(&invocation.arguments).envs(invocation.environment.iter().map(|(name, value)| (name, value)));
    command.current_dir(&invocation.directory).stdin(Stdio::null()).stdout(log()).stderr(log());
    let child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", invocation.program.display()));
    let process = i32::try_from(child.id()).expect("a process number");
    locked(running).insert(process);
    let usage = wait(process, running);
    drop(child);
    usage
}

/// Waits for a child, and takes it off the list before its number can be given to another.
fn wait(process: i32, running: &Running) -> Usage {
    // SAFETY: `waitid` with WNOWAIT only waits; all zeroes is a valid `siginfo_t`.
    unsafe {
        let mut ended: libc::siginfo_t = std::mem::zeroed();
        libc::waitid(libc::P_PID, process.unsigned_abs(), &raw mut ended, libc::WEXITED | libc::WNOWAIT);
    }
    locked(running).remove(&process);
    let mut status = 0;
    // SAFETY: both pointers are to variables of ours; all zeroes is a valid `rusage`.
    let used = unsafe {
        let mut used: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::wait4(process, &raw mut status, 0, &raw mut used), process, "wait4");
        used
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    let status = if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { 128 + libc::WTERMSIG(status) };
    Usage {
        cpu_seconds: seconds(used.ru_utime) + seconds(used.ru_stime),
        memory_octets: used.ru_maxrss.unsigned_abs() * 1024,
        status,
        ..Usage::default()
    }
}
