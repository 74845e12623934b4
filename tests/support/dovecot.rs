//! A private Dovecot: its own configuration, users, mail and log, below one directory that goes
//! when the server is dropped.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use tempfile::TempDir;

use super::authority;
pub use super::dovecot_configuration::Dialect;
use super::dovecot_configuration::Layout;
use super::process::{self, ServerProcess, ServiceUser};
use super::server::{MASTER_PASSWORD, MASTER_USER, Server, User};

/// How mail is kept on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    Maildir,
    Mdbox,
}

/// Which Dovecot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// The one that is installed.
    Installed,
    /// 2.4, as `setup.sh` unpacked it.
    V2_4,
}

/// What the master user may do in the accounts that it opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MasterRights {
    All,
    /// The acl plugin is on and grants the master nothing: every account looks empty.
    None,
}

/// The mailboxes Drafts, Sent, Trash and Junk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpecialUse {
    /// They carry their special use once somebody creates them.
    Declared,
    /// They appear in every account at the first login (`auto = create`).
    Created,
}

#[derive(Clone, Debug)]
pub struct Options {
    pub release: Release,
    pub storage: Storage,
    /// The hierarchy delimiter, `.` or `/`.
    pub separator: char,
    /// What the names of the personal namespace begin with, such as `INBOX.`.
    pub namespace_prefix: String,
    pub special_use: SpecialUse,
    pub master_rights: MasterRights,
    /// Loads the quota plugin; the limits are in [`User::quota_kibibytes`].
    pub quota: bool,
    /// How many connections one user may have (`mail_max_userip_connections`).
    pub connections_per_user: u32,
    pub certificate_names: Vec<String>,
    /// Lines for the end of the configuration, as they are.
    pub extra_configuration: Vec<String>,
    /// Where the server's directory is made; `None`: the system's temporary directory.
    pub parent_directory: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            release: Release::Installed,
            storage: Storage::Maildir,
            separator: '/',
            namespace_prefix: String::new(),
            special_use: SpecialUse::Declared,
            master_rights: MasterRights::All,
            quota: false,
            connections_per_user: 50,
            certificate_names: authority::LOOPBACK_NAMES.map(str::to_owned).to_vec(),
            extra_configuration: Vec::new(),
            parent_directory: None,
        }
    }
}

impl Options {
    /// What old mail servers look like: Maildir, delimiter `.`.
    pub fn maildir_with_dots() -> Options {
        Options { storage: Storage::Maildir, separator: '.', ..Options::default() }
    }

    /// What new mail servers look like: mdbox, delimiter `/`.
    pub fn mdbox_with_slashes() -> Options {
        Options { storage: Storage::Mdbox, separator: '/', ..Options::default() }
    }
}

/// A running Dovecot. Stopped and removed when dropped.
pub struct Dovecot {
    // Before `directory`: the processes end before their files go.
    process: Option<ServerProcess>,
    users: Mutex<BTreeMap<String, User>>,
    release: Release,
    dialect: Dialect,
    layout: Layout,
    directory: TempDir,
}

impl Dovecot {
    /// Starts a server; panics with its log if that fails.
    pub fn start(options: Options) -> Dovecot {
        let owner = ServiceUser::current();
        let directory = process::server_directory("dovecot-", options.parent_directory.as_deref());
        let root = directory.path();
        let layout = Layout {
            tls: authority::write_tls_files(root, &options.certificate_names, &owner),
            mail: owner.make_directory(root.join("mail")),
            users: owner.make_directory(root.join("users")),
            masters_file: root.join("masters"),
            log: root.join("dovecot.log"),
            plain_port: process::free_port(),
            tls_port: process::free_port(),
            root: root.to_owned(),
            programs: options.release.tree().map(|tree| tree.join("usr")),
            owner,
        };
        let release = options.release;
        let dialect = Dialect::of_version(&release.version());
        layout.owner.write_file(&layout.masters_file, &password_entry(MASTER_USER, MASTER_PASSWORD));
        layout.owner.write_file(&layout.configuration_file(), &layout.configuration(&options, dialect));
        let mut server = Dovecot { process: None, users: Mutex::default(), release, dialect, layout, directory };
        server.restart();
        server
    }

    /// Ends the server's processes and keeps its mail; [`Dovecot::restart`] brings it back.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Starts the server again, with the same ports and the same mail.
    pub fn restart(&mut self) {
        self.stop();
        let mut command = Command::new(self.release.program());
        if let Some(programs) = &self.layout.programs {
            // What it looks for under compiled-in names it looks for in the directory where it runs.
            let base = self.directory.path().join("run");
            let _ = fs::create_dir(&base);
            let _ = std::os::unix::fs::symlink(programs, base.join("usr"));
            command.current_dir(base);
        }
        command.arg("-F").arg("-c").arg(self.layout.configuration_file());
        let mut process = ServerProcess::spawn(command, &self.layout.log, self.directory.path());
        if let Err(reason) = process.wait_for_greeting(self.layout.plain_port) {
            panic!("Dovecot did not start: {reason}\n{}", self.log());
        }
        self.process = Some(process);
    }

    /// For programs that look at this server, such as `doveadm`.
    pub fn configuration_file(&self) -> PathBuf {
        self.layout.configuration_file()
    }

    /// Where that user's mail is, for tests that look at it or damage it behind the server's back.
    pub fn mail_directory(&self, name: &str) -> PathBuf {
        self.layout.mail.join(name)
    }
}

impl Server for Dovecot {
    fn plain_port(&self) -> u16 {
        self.layout.plain_port
    }

    fn tls_port(&self) -> u16 {
        self.layout.tls_port
    }

    fn authority_file(&self) -> &Path {
        &self.layout.tls.authority
    }

    fn add_user(&self, user: &User) {
        let entry = self.layout.user_entry(user, self.dialect);
        self.layout.owner.write_file(&self.layout.users.join(&user.name), &entry);
        self.users.lock().expect("the users of Dovecot").insert(user.name.clone(), user.clone());
    }

    fn user(&self, name: &str) -> User {
        let users = self.users.lock().expect("the users of Dovecot");
        users.get(name).unwrap_or_else(|| panic!("no user {name} was added")).clone()
    }

    fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.layout.log).unwrap_or_default()).into_owned()
    }

    /// Dovecot turns a bare LF into CRLF and NUL into 0x80 (seen in 2.3.19 and 2.4.1).
    fn stored_form(&self, octets: &[u8]) -> Vec<u8> {
        let mut stored = Vec::with_capacity(octets.len());
        for &octet in octets {
            if octet == b'\n' && stored.last() != Some(&b'\r') {
                stored.push(b'\r');
            }
            stored.push(if octet == 0 { 0x80 } else { octet });
        }
        stored
    }
}

/// One line of a passwd-file, whatever characters the password has.
pub fn password_entry(name: &str, password: &str) -> String {
    let hexadecimal: String = password.bytes().map(|octet| format!("{octet:02x}")).collect();
    format!("{name}:{{PLAIN.HEX}}{hexadecimal}\n")
}

impl Release {
    /// Where it was unpacked.
    fn tree(self) -> Option<PathBuf> {
        (self == Release::V2_4).then(|| process::cached("dovecot-2.4"))
    }

    fn program(self) -> PathBuf {
        // Debian keeps it where an ordinary user's PATH does not look.
        const DEBIAN: &str = "/usr/sbin/dovecot";
        match self.tree() {
            Some(tree) => tree.join("usr/sbin/dovecot"),
            None => PathBuf::from(if Path::new(DEBIAN).exists() { DEBIAN } else { "dovecot" }),
        }
    }

    /// What it says of itself, such as `2.3.19.1 (9b53102964)`.
    fn version(self) -> String {
        let output = Command::new(self.program()).arg("--version").output();
        let output = output.unwrap_or_else(|error| panic!("cannot run Dovecot ({error}): run tests/support/setup.sh"));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

/// What the installed Dovecot says of itself.
pub fn version() -> String {
    Release::Installed.version()
}
