//! Server processes that cannot outlive the test process, and what they need from the machine:
//! a directory, ports, a user to run as.
//!
//! Every server runs in a process group of its own, with a guardian beside it: a shell that waits
//! on a pipe from the test process. However the test process ends (return, panic, abort, SIGKILL),
//! the kernel closes the pipe, and the guardian kills the group and removes the directory. Two
//! other ways were rejected: PR_SET_PDEATHSIG fires when the *thread* that spawned the server ends,
//! which in `cargo test` is the first test that needed it; and statics are never dropped, so `Drop`
//! alone would leave the shared servers behind.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Nothing that a test waits for takes so long, however busy the machine is. What does hangs, and is shown.
pub const PATIENCE: Duration = Duration::from_secs(600);
/// How long a server may take to end by itself before it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// $1: the server's process group; $2: its directory. A line on stdin means that the server has
/// already been stopped; the end of stdin means that the test process is gone.
const GUARDIAN: &str = r#"
read -r stopped && exit
kill -s TERM -- "-$1"
for attempt in 1 2 3 4 5 6 7 8 9 10; do
    kill -s 0 -- "-$1" || break
    sleep 0.1
done
kill -s KILL -- "-$1"
rm -rf -- "$2"
"#;

/// A running server and its guardian. Stopped when dropped.
pub struct ServerProcess {
    server: Child,
    guardian: Child,
}

impl ServerProcess {
    /// Starts `command` with both outputs appended to `log`; `directory` goes if we are killed.
    pub fn spawn(mut command: Command, log: &Path, directory: &Path) -> ServerProcess {
        let output = append_to(log);
        let errors = output.try_clone().expect("a second handle on the log");
        let server = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
        let guardian = guard(server.id(), directory);
        ServerProcess { server, guardian }
    }

    /// Ends the server: politely, then by force after [`STOP_TIMEOUT`].
    pub fn stop(&mut self) {
        if self.is_running() {
            signal_group("TERM", self.server.id());
            if poll(STOP_TIMEOUT, || (!self.is_running()).then_some(())).is_none() {
                signal_group("KILL", self.server.id());
            }
        }
        let _ = self.server.wait();
        self.dismiss_guardian();
    }

    fn is_running(&mut self) -> bool {
        matches!(self.server.try_wait(), Ok(None))
    }

    fn dismiss_guardian(&mut self) {
        if let Some(mut pipe) = self.guardian.stdin.take() {
            let _ = pipe.write_all(b"stopped\n");
        }
        let _ = self.guardian.wait();
    }

    /// Waits until those of its processes that serve somebody now have ended.
    pub fn let_sessions_end(&self) {
        let parent = self.server.id().to_string();
        let serving = living(Of::Parent, &parent);
        let is_over = || living(Of::Parent, &parent).iter().all(|process| !serving.contains(process)).then_some(());
        assert!(poll(PATIENCE, is_over).is_some(), "sessions do not end: {serving:?}");
    }

    /// Waits until something that greets like an IMAP server answers on `port`, or says why not.
    pub fn wait_for_greeting(&mut self, port: u16) -> Result<(), String> {
        let greeted = poll(PATIENCE, || {
            if greets(port) {
                return Some(Ok(()));
            }
            match self.server.try_wait() {
                Ok(None) => None,
                ended => Some(Err(format!("it ended at once ({ended:?})"))),
            }
        });
        greeted.unwrap_or_else(|| Err(format!("no greeting on port {port} in {PATIENCE:?}")))
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        self.stop();
    }
}

fn guard(process_group: u32, directory: &Path) -> Child {
    Command::new("sh")
        .args(["-c", GUARDIAN, "guardian", &process_group.to_string()])
        .arg(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("run the guardian shell")
}

fn signal_group(signal: &str, process_group: u32) {
    let _ = Command::new("sh")
        .args(["-c", r#"kill -s "$0" -- "-$1""#, signal, &process_group.to_string()])
        .stderr(Stdio::null())
        .status();
}

fn greets(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else {
        return false;
    };
    let _ = stream.set_read_timeout(Some(PATIENCE));
    let mut start = [0; 4];
    stream.read_exact(&mut start).is_ok() && &start == b"* OK"
}

/// What a process may be known by: where it stands among the fields behind its name (proc(5): state, parent, group, session).
#[derive(Clone, Copy)]
pub enum Of {
    Parent = 1,
    Session = 3,
}

/// The processes of a parent or a session that have not ended.
pub fn living(of: Of, id: &str) -> Vec<String> {
    let every =
        fs::read_dir("/proc").expect("processes").filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let is_of = |process: &String| {
        let status = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        let fields: Vec<&str> = status.rsplit(')').next().unwrap_or("").split_whitespace().collect();
        fields.get(of as usize) == Some(&id) && fields[0] != "Z"
    };
    every.filter(|name| name.parse::<u32>().is_ok()).filter(is_of).collect()
}

/// Asks `probe` until it has an answer, or `None` after `timeout`.
pub fn poll<T>(timeout: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + timeout;
    loop {
        if let Some(answer) = probe() {
            return Some(answer);
        }
        if Instant::now() >= deadline {
            return None;
        }
        std::thread::sleep(POLL_INTERVAL);
    }
}

fn append_to(log: &Path) -> File {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .unwrap_or_else(|error| panic!("cannot open {}: {error}", log.display()))
}

/// A free loopback port, never given twice by this process.
///
/// Taken from below the range that Linux uses for outgoing connections (from 32768), because a
/// client's connection could otherwise take the port between this check and the server's start.
pub fn free_port() -> u16 {
    const FIRST: u32 = 20_000;
    const COUNT: u32 = 12_000;
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    // Test processes that run side by side begin at different places.
    let start = std::process::id().wrapping_mul(97);
    for _ in 0..COUNT {
        let step = TAKEN.fetch_add(1, Ordering::Relaxed);
        let port = (FIRST + start.wrapping_add(step) % COUNT) as u16;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no free port between {FIRST} and {}", FIRST + COUNT);
}

/// A new directory for one server, below `parent` or the system's temporary directory, which the
/// server's user can reach. `parent` is made if it is missing, and opened to the server's user.
pub fn server_directory(name: &str, parent: Option<&Path>) -> TempDir {
    let mut builder = tempfile::Builder::new();
    let builder = builder.prefix(name);
    let directory = match parent {
        Some(parent) => {
            fs::create_dir_all(parent).expect("make the directory for the servers");
            let mode = parent.metadata().expect("its mode").permissions().mode();
            set_mode(parent, mode | 0o111);
            builder.tempdir_in(parent)
        }
        None => builder.tempdir(),
    };
    let directory = directory.expect("make a directory for the server");
    set_mode(directory.path(), 0o755);
    directory
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set a directory's mode");
}

/// Who the servers' mail processes run as: `mail` when we are root, ourselves otherwise.
#[derive(Clone, Debug)]
pub struct ServiceUser {
    pub name: String,
    pub group: String,
    pub uid: u32,
    pub gid: u32,
    /// Whether we are root, and the servers may change users themselves.
    pub started_by_root: bool,
}

impl ServiceUser {
    pub fn current() -> ServiceUser {
        let own = fs::metadata("/proc/self").expect("our own process");
        let started_by_root = own.uid() == 0;
        let name = if started_by_root { "mail".to_owned() } else { ask_id(&["-un"]) };
        let number = |flag| ask_id(&[flag, &name]).parse().expect("a number from id");
        ServiceUser { group: ask_id(&["-gn", &name]), uid: number("-u"), gid: number("-g"), name, started_by_root }
    }

    /// Makes a directory that belongs to this user.
    pub fn make_directory(&self, path: PathBuf) -> PathBuf {
        fs::create_dir_all(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        self.own(&path);
        path
    }

    /// Writes a file that belongs to this user, all at once: a server never sees half of it.
    pub fn write_file(&self, path: &Path, text: &str) {
        let mut unfinished = path.as_os_str().to_owned();
        unfinished.push(".unfinished");
        let unfinished = PathBuf::from(unfinished);
        fs::write(&unfinished, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        self.own(&unfinished);
        fs::rename(&unfinished, path).expect("rename a finished file");
    }

    pub fn own(&self, path: &Path) {
        if self.started_by_root {
            chown(path, Some(self.uid), Some(self.gid)).expect("give a file to the server's user");
        }
    }
}

fn ask_id(arguments: &[&str]) -> String {
    let output = Command::new("id").args(arguments).output().expect("run id");
    String::from_utf8(output.stdout).expect("a name from id").trim().to_owned()
}

/// Where `setup.sh` unpacked a server.
pub fn cached(name: &str) -> PathBuf {
    let parent = if let Some(cache) = env::var_os("XDG_CACHE_HOME").filter(|home| !home.is_empty()) {
        PathBuf::from(cache)
    } else if ServiceUser::current().started_by_root {
        PathBuf::from("/var/cache")
    } else {
        PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".cache")
    };
    let root = parent.join("mailferry-test").join(name);
    assert!(root.join("complete").exists(), "{name} is not in {}: run tests/support/setup.sh all", root.display());
    root
}
