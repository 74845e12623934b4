//! hoodiecrow-imap, from its package of npm that `setup.sh` installs, behind a few lines of ours. What it is known for: CONDSTORE
//! without QRESYNC, no MULTIAPPEND, everything in memory, and one account, whoever logs in: so a test that needs it starts its own.

use std::fs;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use tempfile::TempDir;

use super::process::{ServerProcess, cached, free_port, server_directory};
use super::server::{Server, User};

/// Its users are those of a file, which is looked into at each login.
const PROGRAM: &str = r#"
const [directory, port, users] = process.argv.slice(1);
const fs = require("fs");
const hoodiecrow = require(directory + "/node_modules/hoodiecrow-imap");
const known = name => JSON.parse(fs.readFileSync(users, "utf8"))[name];
const server = hoodiecrow({
    plugins: ["ID", "SASL-IR", "AUTH-PLAIN", "NAMESPACE", "ENABLE", "CONDSTORE", "LITERALPLUS", "UNSELECT", "SPECIAL-USE",
        "CREATE-SPECIAL-USE", "UIDPLUS", "MOVE"],
    storage: {INBOX: {}, "": {separator: "/"}},
});
server.users = new Proxy({}, {
    get: (none, name) => name in none ? none[name] : known(name),
    getOwnPropertyDescriptor: (_, name) =>
        known(name) && {value: known(name), configurable: true, enumerable: true, writable: true},
});
server.listen(Number(port), "127.0.0.1");
"#;

/// A running hoodiecrow.
pub struct Hoodiecrow {
    port: u16,
    users: Mutex<Vec<User>>,
    _process: ServerProcess,
    directory: TempDir,
}

impl Hoodiecrow {
    pub fn start() -> Hoodiecrow {
        let directory = server_directory("hoodiecrow-", None);
        let (root, port) = (directory.path(), free_port());
        let (log, users) = (root.join("log"), root.join("users.json"));
        fs::write(&users, "{}").expect("a list of users");
        let mut command = Command::new("node");
        command.args(["-e", PROGRAM]).arg(cached("hoodiecrow")).arg(port.to_string()).arg(&users);
        let mut process = ServerProcess::spawn(command, &log, root);
        if let Err(why) = process.wait_for_greeting(port) {
            panic!("hoodiecrow does not start: {why}\n{}", fs::read_to_string(&log).unwrap_or_default());
        }
        Hoodiecrow { port, users: Mutex::default(), _process: process, directory }
    }
}

impl Server for Hoodiecrow {
    fn plain_port(&self) -> u16 {
        self.port
    }

    fn add_user(&self, user: &User) {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        users.push(user.clone());
        let known = users.iter().map(|user| (user.name.clone(), serde_json::json!({ "password": user.password })));
        let text = serde_json::Value::Object(known.collect()).to_string();
        let unfinished = self.directory.path().join("unfinished");
        fs::write(&unfinished, text).expect("a list of users");
        fs::rename(unfinished, self.directory.path().join("users.json")).expect("rename a finished file");
    }

    fn user(&self, name: &str) -> User {
        let users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        users.iter().find(|user| user.name == name).unwrap_or_else(|| panic!("no user {name}")).clone()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    fn stored_form(&self, octets: &[u8]) -> Vec<u8> {
        octets.to_vec()
    }
}
