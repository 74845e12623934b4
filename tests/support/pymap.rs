//! pymap, from the packages of Python that `setup.sh` installs in a place of their own, with Maildir. What it is known for: no
//! keywords, no CONDSTORE, LF for line ends, `* BYE [SERVERBUG]` for a CREATE of what exists or whose parent does not.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use ring::pbkdf2;
use tempfile::TempDir;

use super::base64;
use super::process::{ServerProcess, cached, free_port, server_directory};
use super::server::{Server, User};

/// As few rounds as are taken: no password here is a secret.
const ROUNDS: u32 = 1000;
const SALT: &[u8] = b"salt of the tests";

/// A running pymap. Its users log in with passwords of their own.
pub struct Pymap {
    port: u16,
    users: Mutex<BTreeMap<String, User>>,
    _process: ServerProcess,
    directory: TempDir,
}

impl Pymap {
    pub fn start() -> Pymap {
        let directory = server_directory("pymap-", None);
        let log = directory.path().join("log");
        for name in ["passwd", "shadow"] {
            fs::write(etc(directory.path(), name), "").expect("a list of users");
        }
        let port = free_port();
        let mut command = Command::new(cached("pymap").join("bin/pymap"));
        command.args(["--host", "127.0.0.1", "--port", &port.to_string(), "--no-tls", "maildir"]).arg(directory.path());
        let mut process = ServerProcess::spawn(command, &log, directory.path());
        if let Err(why) = process.wait_for_greeting(port) {
            panic!("pymap does not start: {why}\n{}", fs::read_to_string(&log).unwrap_or_default());
        }
        Pymap { port, users: Mutex::default(), _process: process, directory }
    }
}

fn etc(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!("pymap-etc-{name}"))
}

fn hashed(password: &str) -> String {
    let mut hash = [0; 32];
    let rounds = NonZeroU32::new(ROUNDS).expect("some rounds");
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, SALT, password.as_bytes(), &mut hash);
    format!("$pbkdf2-sha256${ROUNDS}${}${}", base64::encode(SALT), base64::encode(&hash))
}

impl Server for Pymap {
    fn plain_port(&self) -> u16 {
        self.port
    }

    fn add_user(&self, user: &User) {
        for directory in ["cur", "new", "tmp"] {
            fs::create_dir_all(self.directory.path().join(&user.name).join(directory)).expect("a Maildir");
        }
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        users.insert(user.name.clone(), user.clone());
        let list = |line: &dyn Fn(&User) -> String| users.values().map(line).collect::<String>();
        let files = [
            ("shadow", list(&|user| format!("{}:{}:::::::\n", user.name, hashed(&user.password)))),
            ("passwd", list(&|user| format!("{0}:x::::{0}:\n", user.name))),
        ];
        for (name, text) in files {
            let unfinished = self.directory.path().join("unfinished");
            fs::write(&unfinished, text).expect("a list of users");
            fs::rename(unfinished, etc(self.directory.path(), name)).expect("rename a finished file");
        }
    }

    fn user(&self, name: &str) -> User {
        let users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        users.get(name).unwrap_or_else(|| panic!("no user {name}")).clone()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// It keeps LF for each line end, and shows it so.
    fn stored_form(&self, octets: &[u8]) -> Vec<u8> {
        octets.to_vec()
    }

    fn with_line_ends(&self, octets: Vec<u8>) -> Vec<u8> {
        let mut whole = Vec::with_capacity(octets.len());
        for octet in octets {
            if octet == b'\n' && whole.last() != Some(&b'\r') {
                whole.push(b'\r');
            }
            whole.push(octet);
        }
        whole
    }
}
