//! GNU mailutils' imap4d, from the package that `setup.sh` unpacked, with virtual users and mbox. What it is known for: no
//! UIDPLUS, no keywords, UIDVALIDITYs that do not last, a bare LF behind the answer to AUTHENTICATE, names without quotes in
//! STATUS.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use tempfile::TempDir;

use super::process::{ServerProcess, cached, free_port, server_directory};
use super::server::{Server, User};

/// Users are known by it: `alice@zoo`.
pub const DOMAIN: &str = "zoo";

/// A running imap4d. Its users log in with passwords of their own.
pub struct Mailutils {
    port: u16,
    users: Mutex<Vec<User>>,
    process: ServerProcess,
    directory: TempDir,
}

impl Mailutils {
    pub fn start() -> Mailutils {
        let tree = cached("mailutils");
        let directory = server_directory("mailutils-", None);
        let (root, port) = (directory.path(), free_port());
        let log = root.join("log");
        fs::create_dir_all(root.join("domains")).expect("a directory for users");
        fs::write(root.join("domains").join(DOMAIN), "").expect("a list of users");
        let configuration = root.join("imap4d.conf");
        fs::write(&configuration, settings(root, port)).expect("the configuration");
        let library_path = format!("{0}/usr/lib:{0}/usr/lib/{1}-linux-gnu", tree.display(), std::env::consts::ARCH);
        let mut command = Command::new(tree.join("usr/sbin/imap4d"));
        command.arg("--no-site-config").arg(format!("--config-file={}", configuration.display()));
        command.env("LD_LIBRARY_PATH", library_path);
        let mut process = ServerProcess::spawn(command, &log, root);
        if let Err(why) = process.wait_for_greeting(port) {
            panic!("imap4d does not start: {why}\n{}", fs::read_to_string(&log).unwrap_or_default());
        }
        Mailutils { port, users: Mutex::default(), process, directory }
    }

    /// A user whom no other test has.
    pub fn fresh_user() -> User {
        User::named(format!("{}@{DOMAIN}", User::fresh("mailutils").name))
    }

    /// A process whose connection was cut may write its own idea of a mailbox when it ends, and with that lose what came meanwhile.
    pub fn let_sessions_end(&self) {
        self.process.let_sessions_end();
    }

    fn home(&self, user: &User) -> PathBuf {
        self.directory.path().join("homes").join(local(user))
    }
}

fn local(user: &User) -> &str {
    user.name.strip_suffix(&format!("@{DOMAIN}")).expect("a user of the domain")
}

fn settings(root: &Path, port: u16) -> String {
    let root = root.display();
    format!(
        "mode daemon;\nforeground yes;\nmax-children 60;\nlogin-disabled no;\npidfile {root}/pid;\n\
         logging {{ syslog no; }}\n\
         server 127.0.0.1:{port} {{ }}\n\
         auth {{ authentication generic:system; authorization virtdomain:system; }}\n\
         virtdomain {{ passwd-dir {root}/domains; }}\n\
         mailbox {{ mailbox-type mbox; }}\n\
         namespace personal {{ prefix \"\" {{ directory \"${{home}}\"; mailbox-type mbox; }}; }}\n"
    )
}

/// As crypt(3) has it; no password here is a secret.
fn hashed(password: &str) -> String {
    const CRYPT: &str = "print crypt($ARGV[0], q($5$rounds=1000$saltoftests$))";
    let output = Command::new("perl").args(["-e", CRYPT, password]).output().expect("run perl");
    String::from_utf8(output.stdout).expect("a hash")
}

impl Server for Mailutils {
    fn plain_port(&self) -> u16 {
        self.port
    }

    fn add_user(&self, user: &User) {
        let home = self.home(user);
        fs::create_dir_all(&home).expect("a home");
        fs::write(home.join("INBOX"), "").expect("an empty mailbox");
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        users.push(user.clone());
        let line = |user: &User| {
            format!("{}:{}:0:0::{}:/bin/sh\n", local(user), hashed(&user.password), self.home(user).display())
        };
        let unfinished = self.directory.path().join("unfinished");
        fs::write(&unfinished, users.iter().map(line).collect::<String>()).expect("a list of users");
        fs::rename(unfinished, self.directory.path().join("domains").join(DOMAIN)).expect("rename a finished file");
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
