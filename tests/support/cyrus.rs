//! A private Cyrus IMAP server, from the programs that `setup.sh` unpacked.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use tempfile::TempDir;

use super::authority::{self, TlsFiles};
use super::imap::Connection;
use super::process::{self, ServerProcess, ServiceUser};
use super::server::{MASTER_PASSWORD, MASTER_USER, Server, User};

/// Who creates the accounts; the master user of the tests is only a member of `proxyservers`.
const ADMINISTRATOR: &str = "cyrus";
const ADMINISTRATOR_PASSWORD: &str = "pw-cyrus";

/// How mailboxes are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// Delimiter `/`, mailboxes beside INBOX: the default since 3.0.
    Modern,
    /// Delimiter `.`, everything below `INBOX.`: the default of 2.x.
    Classic,
}

#[derive(Clone, Debug)]
pub struct Options {
    pub names: Names,
    pub certificate_names: Vec<String>,
    /// What it offers to log in with.
    pub mechanisms: String,
    /// Lines for the end of imapd.conf, as they are.
    pub extra_configuration: Vec<String>,
    /// Where the server's directory is made; `None`: the system's temporary directory.
    pub parent_directory: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            names: Names::Modern,
            certificate_names: authority::LOOPBACK_NAMES.map(str::to_owned).to_vec(),
            mechanisms: "PLAIN LOGIN".to_owned(),
            extra_configuration: Vec::new(),
            parent_directory: None,
        }
    }
}

/// A running Cyrus. Stopped and removed when dropped.
pub struct Cyrus {
    // Before `directory`: the processes end before their files go.
    process: Option<ServerProcess>,
    users: Mutex<BTreeMap<String, User>>,
    programs: Programs,
    layout: Layout,
    directory: TempDir,
}

impl Cyrus {
    /// Starts a server; panics with what it printed if that fails.
    pub fn start(options: Options) -> Cyrus {
        let owner = ServiceUser::current();
        let directory = process::server_directory("cyrus-", options.parent_directory.as_deref());
        let root = directory.path();
        owner.own(root);
        let layout = Layout {
            tls: authority::write_tls_files(root, &options.certificate_names, &owner),
            plain_port: process::free_port(),
            tls_port: process::free_port(),
            names: options.names,
            root: root.to_owned(),
            owner,
        };
        let programs = Programs::find();
        layout.write(&programs, &options);
        let mut server = Cyrus { process: None, users: Mutex::default(), programs, layout, directory };
        server.set_password(ADMINISTRATOR, ADMINISTRATOR_PASSWORD);
        server.set_password(MASTER_USER, MASTER_PASSWORD);
        server.restart();
        server
    }

    /// Ends the server's processes and keeps its mail; [`Cyrus::restart`] brings it back.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Starts the server again, with the same ports and the same mail.
    pub fn restart(&mut self) {
        self.stop();
        let mut command = self.programs.command("usr/lib/cyrus/bin/master");
        command.arg("-D").arg("-C").arg(self.layout.imapd_configuration());
        command.arg("-M").arg(self.layout.master_configuration());
        command.arg("-p").arg(self.layout.root.join("pid"));
        let mut process = ServerProcess::spawn(command, &self.layout.log(), self.directory.path());
        if let Err(reason) = process.wait_for_greeting(self.layout.plain_port) {
            panic!("Cyrus did not start: {reason}\n{}", self.log());
        }
        self.process = Some(process);
    }

    fn set_password(&self, name: &str, password: &str) {
        let mut command = self.programs.command("usr/sbin/saslpasswd2");
        command.args(["-p", "-c", "-u", "localhost", "-f"]).arg(self.layout.passwords()).arg(name);
        let mut child = command
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
        let mut input = child.stdin.take().expect("its stdin");
        input.write_all(password.as_bytes()).expect("write a password to saslpasswd2");
        drop(input);
        assert!(child.wait().expect("saslpasswd2 ends").success(), "no password for {name}");
        self.layout.owner.own(&self.layout.passwords());
    }

    fn create_account(&self, user: &User) {
        let mut administrator = Connection::open(self.layout.plain_port);
        administrator.login(ADMINISTRATOR, ADMINISTRATOR_PASSWORD);
        let root = match self.layout.names {
            Names::Modern => format!("user/{}", user.name),
            Names::Classic => format!("user.{}", user.name),
        };
        administrator.command(format!("CREATE \"{root}\"").as_bytes());
        if let Some(limit) = user.quota_kibibytes {
            administrator.command(format!("SETQUOTA \"{root}\" (STORAGE {limit})").as_bytes());
        }
        administrator.logout();
    }
}

impl Server for Cyrus {
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
        // The lock is held to the end: saslpasswd2 does not like company.
        let mut users = self.users.lock().expect("the users of Cyrus");
        self.set_password(&user.name, &user.password);
        if users.insert(user.name.clone(), user.clone()).is_none() {
            self.create_account(user);
        }
    }

    fn user(&self, name: &str) -> User {
        let users = self.users.lock().expect("the users of Cyrus");
        users.get(name).unwrap_or_else(|| panic!("no user {name} was added")).clone()
    }

    /// What the master process printed. Cyrus logs to syslog only, which a test cannot catch.
    fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.layout.log()).unwrap_or_default()).into_owned()
    }

    /// Cyrus puts `X` for each 8-bit octet in a header (`munge8bit`, seen in 3.6.1).
    fn stored_form(&self, octets: &[u8]) -> Vec<u8> {
        let end_of_header = memchr::memmem::find(octets, b"\r\n\r\n");
        let (header, body) = octets.split_at(end_of_header.unwrap_or(octets.len()));
        let mut stored: Vec<u8> = header.iter().map(|&octet| if octet.is_ascii() { octet } else { b'X' }).collect();
        stored.extend_from_slice(body);
        stored
    }
}

/// Where the unpacked programs are, and what they need in the environment to run from there.
struct Programs {
    root: PathBuf,
    library_path: OsString,
    sasl_path: OsString,
}

impl Programs {
    fn find() -> Programs {
        let root = process::cached("cyrus");
        let libraries = library_directories(&root.join("usr/lib"));
        let plugins = libraries.iter().map(|directory| directory.join("sasl2"));
        Programs {
            sasl_path: env::join_paths(plugins).expect("paths without colons"),
            library_path: env::join_paths(&libraries).expect("paths without colons"),
            root,
        }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.root.join(program));
        command.env("LD_LIBRARY_PATH", &self.library_path).env("SASL_PATH", &self.sasl_path);
        command
    }
}

/// Debian's directories for one architecture, such as `x86_64-linux-gnu`.
fn library_directories(parent: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).unwrap_or_else(|e| panic!("{}: {e}", parent.display()));
    let paths = entries.map(|entry| entry.expect("a directory entry").path());
    paths.filter(|path| path.to_string_lossy().contains("-linux-gnu")).collect()
}

/// Where one server's things are.
struct Layout {
    root: PathBuf,
    tls: TlsFiles,
    plain_port: u16,
    tls_port: u16,
    names: Names,
    owner: ServiceUser,
}

impl Layout {
    fn imapd_configuration(&self) -> PathBuf {
        self.root.join("imapd.conf")
    }

    fn master_configuration(&self) -> PathBuf {
        self.root.join("cyrus.conf")
    }

    fn passwords(&self) -> PathBuf {
        self.root.join("sasldb2")
    }

    fn log(&self) -> PathBuf {
        self.root.join("cyrus.log")
    }

    fn write(&self, programs: &Programs, options: &Options) {
        for directory in ["conf", "spool", "run"] {
            self.owner.make_directory(self.root.join(directory));
        }
        let mut lines = vec![self.imapd_settings(), format!("sasl_mech_list: {}", options.mechanisms)];
        lines.extend(options.extra_configuration.iter().cloned());
        self.owner.write_file(&self.imapd_configuration(), &(lines.join("\n") + "\n"));
        self.owner.write_file(&self.master_configuration(), &self.services(&programs.root));
    }

    fn imapd_settings(&self) -> String {
        let TlsFiles { authority, certificate, key } = &self.tls;
        let modern = if self.names == Names::Modern { "yes" } else { "no" };
        format!(
            "\
cyrus_user: {user}
configdirectory: {root}/conf
defaultpartition: default
partition-default: {root}/spool
admins: {ADMINISTRATOR}
proxyservers: {MASTER_USER}
servername: localhost
virtdomains: off
unixhierarchysep: {modern}
altnamespace: {modern}
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {passwords}
allowplaintext: yes
allowstarttls: yes
failedloginpause: 0
tls_server_cert: {certificate}
tls_server_key: {key}
tls_client_ca_file: {authority}
idlesocket: {root}/run/idle
notifysocket: {root}/run/notify
lmtpsocket: {root}/run/lmtp
delete_mode: immediate
expunge_mode: immediate",
            user = self.owner.name,
            root = self.root.display(),
            passwords = self.passwords().display(),
            certificate = certificate.display(),
            key = key.display(),
            authority = authority.display(),
        )
    }

    fn services(&self, programs: &Path) -> String {
        let programs = programs.join("usr/lib/cyrus/bin");
        let programs = programs.display();
        let configuration = self.imapd_configuration();
        let configuration = configuration.display();
        let (plain, tls) = (self.plain_port, self.tls_port);
        format!(
            r#"START {{
  recover cmd="{programs}/ctl_cyrusdb -C {configuration} -r"
}}
SERVICES {{
  imap cmd="{programs}/imapd -C {configuration}" listen="127.0.0.1:{plain}" prefork=1
  imaps cmd="{programs}/imapd -s -C {configuration}" listen="127.0.0.1:{tls}" prefork=0
}}
EVENTS {{
}}
"#
        )
    }
}
