//! What is measured: mailferry, the bare pipe, and whichever other tools are installed, each set up for the same work:
//! one way, deletions included, over TLS or not, as its documentation recommends for speed.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::encrypted::Door;
use super::launch::{self, Invocation, Launch, Usage};
use super::pipe;
use super::settings::Settings;
use super::support::dovecot;
use super::support::server::{MASTER_PASSWORD, MASTER_USER, User};
use super::table::Phase;

/// What a tool is to do, once and again.
pub struct Task<'a> {
    /// Of the same names and passwords on both sides.
    pub users: &'a [User],
    pub source: Door,
    pub destination: Door,
    /// Where the tool may keep what it remembers; empty the first time.
    pub directory: &'a Path,
    /// How many accounts are worked on at once.
    pub jobs: usize,
    /// Of the destination, for a tool that works from within.
    pub destination_configuration: PathBuf,
    pub ways: Ways,
}

/// What a tool is set up for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ways {
    /// The destination becomes as the source.
    One,
    /// What happened on either side happens on the other.
    Both,
}

pub struct Tool {
    pub name: String,
    pub version: String,
    /// Whether it can be run again.
    pub resyncs: bool,
    how: How,
}

enum How {
    Mailferry,
    Pipe { connections: usize },
    Peer(Peer),
}

/// The name in the servers' certificates.
const HOST: &str = "localhost";

/// The argument that makes this program the pipe; a [`pipe::Job`] follows.
pub const PIPE: &str = "--pipe";

/// Sets a tool up in its directory, for one account.
type Peer = fn(&Path, &Account, &Task) -> Invocation;

const PEERS: [(&str, &str, Peer); 5] = [
    ("interimap", "interimap", interimap),
    ("mbsync", "mbsync", mbsync),
    ("doveadm backup", "doveadm", doveadm),
    ("imapsync", "imapsync", imapsync),
    ("offlineimap", "offlineimap", offlineimap),
];

/// The tools that are wanted and there, and the names of those that are not there.
pub fn find(settings: &Settings) -> (Vec<Tool>, Vec<&'static str>) {
    let (mut tools, mut missing) = (Vec::new(), Vec::new());
    let mut add = |name: &str, version: String, resyncs: bool, how: How| {
        tools.push(Tool { name: name.to_owned(), version, resyncs, how });
    };
    if settings.wants("mailferry") {
        add("mailferry", version(mailferry_program()), true, How::Mailferry);
    }
    for (name, program, peer) in PEERS.into_iter().filter(|(_, program, _)| settings.wants(program)) {
        match on_path(program) {
            // It comes with the servers, and does not say.
            Some(_) if program == "doveadm" => add(name, number(&dovecot::version()), true, How::Peer(peer)),
            Some(program) => add(name, version(&program), true, How::Peer(peer)),
            None => missing.push(name),
        }
    }
    for connections in [1, 2, 4].into_iter().filter(|_| settings.wants("pipe")) {
        let name = format!("pipe, {connections} connection{}", if connections == 1 { "" } else { "s" });
        add(&name, String::new(), false, How::Pipe { connections });
    }
    (tools, missing)
}

/// Runs what a tool is to do, and shows the end of what it wrote if it failed.
pub fn run(settings: &Settings, task: &Task, invocations: Vec<Invocation>) -> Usage {
    let log = task.directory.join("log");
    // What was written before is on the disk when the clock starts.
    // SAFETY: takes and returns nothing.
    unsafe { libc::sync() };
    let at_once = task.jobs.min(invocations.len());
    let launch = Launch { invocations, at_once, time_limit_seconds: settings.time_limit_seconds, log: log.clone() };
    let usage = launch::measure(&launch);
    if usage.status != 0 && !usage.timed_out {
        let text = fs::read(log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text[text.len().saturating_sub(2_000)..]).into_owned();
        eprintln!("    exit status {}; it ends so:\n{text}", usage.status);
    }
    usage
}

pub fn mailferry_program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_mailferry"))
}

fn on_path(program: &str) -> Option<PathBuf> {
    let directories = env::var_os("PATH")?;
    env::split_paths(&directories).map(|directory| directory.join(program)).find(|path| path.is_file())
}

fn version(program: &Path) -> String {
    let output = Command::new(program).arg("--version").output();
    number(&output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default())
}

/// The first word of what a program says of itself that begins with a digit.
pub fn number(version: &str) -> String {
    let mut words = version.split_whitespace();
    words.find(|word| word.starts_with(|first: char| first.is_ascii_digit())).unwrap_or_default().to_owned()
}

impl Tool {
    pub fn is_pipe(&self) -> bool {
        matches!(self.how, How::Pipe { .. })
    }

    pub fn is_mailferry(&self) -> bool {
        matches!(self.how, How::Mailferry)
    }

    /// Whether it can keep both sides equal.
    pub fn goes_both_ways(&self) -> bool {
        ["mailferry", "interimap", "mbsync"].contains(&self.name.as_str())
    }

    /// Further arguments that have it take a mailbox away on both sides; `None` where a person does that.
    pub fn command_to_remove(&self, mailbox: &str) -> Option<Vec<String>> {
        (self.name == "interimap").then(|| vec!["--delete".to_owned(), mailbox.to_owned()])
    }

    /// Whether it has a part in that phase.
    pub fn does(&self, phase: Phase) -> bool {
        if phase.verifies() { self.is_mailferry() } else { self.resyncs || phase == Phase::FirstCopy }
    }

    /// What is to be run.
    pub fn invocations(&self, task: &Task, phase: Phase) -> Vec<Invocation> {
        match self.how {
            How::Mailferry => vec![match phase {
                Phase::Verify => verifying(task, &["verify"]),
                Phase::DeepVerify => verifying(task, &["verify", "--deep", "--again"]),
                _ => mailferry(task),
            }],
            How::Pipe { connections } => vec![pipe(task, connections)],
            How::Peer(peer) => task.users.iter().map(|user| one_account(peer, user, task)).collect(),
        }
    }
}

/// The place of one account in a tool's directory, and how it logs in.
struct Account<'a> {
    name: &'a str,
    password: &'a str,
    source: &'a Door,
    destination: &'a Door,
}

fn one_account(peer: Peer, user: &User, task: &Task) -> Invocation {
    let directory = task.directory.join(&user.name);
    fs::create_dir_all(&directory).expect("make a directory for a tool");
    let Task { source, destination, .. } = task;
    let account = Account { name: &user.name, password: &user.password, source, destination };
    let invocation = peer(&directory, &account, task);
    let home = directory.display().to_string();
    let names = ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"];
    let mut environment = names.map(|name| (name.to_owned(), home.clone())).to_vec();
    environment.extend(invocation.environment);
    Invocation { environment, directory, ..invocation }
}

fn program(name: &str, arguments: &[&str]) -> Invocation {
    Invocation {
        program: PathBuf::from(name),
        arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
        environment: Vec::new(),
        directory: PathBuf::new(),
    }
}

/// Readable by us alone: there is a password in it, and some tools insist.
fn write_private(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, text).expect("write the settings of a tool");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("set the mode of a tool's settings");
}

/// All accounts in one run, by the master user; one way in mirror mode, as the others delete too.
pub fn mailferry(task: &Task) -> Invocation {
    let mode = match task.ways {
        Ways::One => "mode = \"mirror\"",
        // The others have no trash either.
        Ways::Both => "mode = \"two-way\"\ndeleted = \"expunge\"",
    };
    mailferry_set(task, &format!("{mode}\ndelete_guard = \"100%\""))
}

/// The same with other lines under `[sync]`.
pub fn mailferry_set(task: &Task, sync: &str) -> Invocation {
    let side = |name: &str, door: &Door| {
        let login = format!("master_user = \"{MASTER_USER}\"\npassword_env = \"BENCH_PASSWORD\"");
        let tls = match &door.authority {
            Some(authority) => format!("ca_file = {:?}", authority.display().to_string()),
            None => "tls = \"none\"\nallow_plaintext = true".to_owned(),
        };
        format!("[{name}]\nhost = \"{HOST}\"\nport = {}\n{tls}\n{login}\n", door.port)
    };
    let mut settings = side("source", &task.source) + &side("destination", &task.destination);
    settings += &format!("[sync]\n{sync}\n");
    settings += "[accounts]\nfile = \"accounts.csv\"\n";
    let names = task.users.iter().map(|user| format!("{}\n", user.name)).collect::<String>();
    write_private(&task.directory.join("accounts.csv"), &format!("source_user\n{names}"));
    write_private(&task.directory.join("mailferry.toml"), &settings);
    let mut invocation = program("", &["sync", "--progress", "none"]);
    if task.users.len() > 1 {
        invocation.arguments.extend(["--jobs".to_owned(), task.jobs.to_string()]);
    }
    invocation.program = mailferry_program().to_owned();
    invocation.environment.push(("BENCH_PASSWORD".to_owned(), MASTER_PASSWORD.to_owned()));
    Invocation { directory: task.directory.to_owned(), ..invocation }
}

/// mailferry with another command than `sync`.
pub fn verifying(task: &Task, command: &[&str]) -> Invocation {
    let Invocation { arguments, .. } = mailferry(task);
    let arguments = command.iter().map(|word| (*word).to_owned()).chain(arguments.into_iter().skip(1)).collect();
    Invocation { arguments, ..mailferry(task) }
}

fn pipe(task: &Task, connections: usize) -> Invocation {
    let job = pipe::Job {
        source: task.source.clone(),
        destination: task.destination.clone(),
        accounts: task.users.iter().map(|user| (user.name.clone(), user.password.clone())).collect(),
        connections,
    };
    let job = serde_json::to_string(&job).expect("a job as JSON");
    Invocation {
        program: env::current_exe().expect("the benchmark's own program"),
        directory: task.directory.to_owned(),
        ..program("", &[PIPE, &job])
    }
}

/// It always goes both ways; what does not change on the destination does not go back.
fn interimap(directory: &Path, account: &Account, _: &Task) -> Invocation {
    let section = |name: &str, door: &Door| {
        let Account { name: user, password, .. } = account;
        let kind = match &door.authority {
            Some(authority) => format!("type = imaps\nSSL_verify = YES\nSSL_CAfile = {}", authority.display()),
            None => "type = imap\nSTARTTLS = NO".to_owned(),
        };
        let port = door.port;
        format!(
            "[{name}]\n{kind}\nhost = {HOST}\nport = {port}\nusername = {user}\npassword = {password}\ncompress = NO\n"
        )
    };
    let settings = directory.join("interimap.conf");
    let (local, remote) = (section("local", account.destination), section("remote", account.source));
    let database = directory.join("interimap.db");
    write_private(&settings, &format!("database = {}\n{local}{remote}", database.display()));
    program("interimap", &[&format!("--config={}", settings.display())])
}

fn mbsync(directory: &Path, account: &Account, task: &Task) -> Invocation {
    let store = |name: &str, door: &Door| {
        let Account { name: user, password, .. } = account;
        let tls = match &door.authority {
            Some(authority) => format!("SSLType IMAPS\nCertificateFile {}", authority.display()),
            None => "SSLType None".to_owned(),
        };
        let port = door.port;
        format!("IMAPStore {name}\nHost {HOST}\nPort {port}\nUser {user}\nPass {password}\n{tls}\nAuthMechs LOGIN\n\n")
    };
    let settings = directory.join("mbsyncrc");
    let stores = store("source", account.source) + &store("destination", account.destination);
    let ways = match task.ways {
        Ways::One => "Sync Pull\nCreate Near\nExpunge Near",
        Ways::Both => "Sync All\nCreate Both\nRemove Both\nExpunge Both",
    };
    let channel = format!("Channel all\nFar :source:\nNear :destination:\nPatterns *\n{ways}\nCopyArrivalDate yes\n");
    let state = directory.join("state-");
    write_private(&settings, &format!("SyncState {}\n\n{stores}{channel}", state.display()));
    program("mbsync", &["-c", &settings.display().to_string(), "all"])
}

/// Works within the destination, so that only the source is far away; with what its migration guide recommends.
fn doveadm(_: &Path, account: &Account, task: &Task) -> Invocation {
    let configuration = task.destination_configuration.display().to_string();
    let mut arguments = vec!["-c".to_owned(), configuration];
    let mut set = |name: &str, value: &str| arguments.extend(["-o".to_owned(), format!("{name}={value}")]);
    set("imapc_host", HOST);
    set("imapc_port", &account.source.port.to_string());
    if let Some(authority) = &account.source.authority {
        set("imapc_ssl", "imaps");
        set("ssl_client_ca_file", &authority.display().to_string());
    }
    set("imapc_user", account.name);
    set("imapc_password", account.password);
    // From 2.4 on they are the default, and no longer names of features.
    if dovecot::version().starts_with("2.3") {
        set("imapc_features", "rfc822.size fetch-headers");
    }
    set("mail_prefetch_count", "20");
    arguments.extend(["backup", "-R", "-u", account.name, "imapc:"].map(str::to_owned));
    Invocation { arguments, ..program("doveadm", &[]) }
}

/// With what its FAQ recommends for speed.
fn imapsync(directory: &Path, account: &Account, _: &Task) -> Invocation {
    let mut arguments: Vec<String> = Vec::new();
    for (side, door) in [("1", account.source), ("2", account.destination)] {
        let values = [("host", HOST), ("port", &door.port.to_string()), ("user", account.name)];
        for (option, value) in values.into_iter().chain([("password", account.password)]) {
            arguments.extend([format!("--{option}{side}"), value.to_owned()]);
        }
        match &door.authority {
            Some(authority) => {
                arguments.push(format!("--ssl{side}"));
                for value in ["SSL_verify_mode=1".to_owned(), format!("SSL_ca_file={}", authority.display())] {
                    arguments.extend([format!("--sslargs{side}"), value]);
                }
            }
            None => arguments.extend([format!("--nossl{side}"), format!("--notls{side}")]),
        }
    }
    let options = "--noreleasecheck --nolog --useuid --delete2 --nofoldersizes --nofoldersizesatend \
                   --nocheckselectable --nocheckfoldersexist --tmpdir";
    arguments.extend(options.split_whitespace().map(str::to_owned));
    arguments.push(directory.display().to_string());
    Invocation { arguments, ..program("imapsync", &[]) }
}

fn offlineimap(directory: &Path, account: &Account, _: &Task) -> Invocation {
    let repository = |name: &str, door: &Door, further: &str| {
        let Account { name: user, password, .. } = account;
        let tls = match &door.authority {
            Some(authority) => format!("ssl = yes\nsslcacertfile = {}", authority.display()),
            None => "ssl = no\nstarttls = no".to_owned(),
        };
        let port = door.port;
        format!(
            "[Repository {name}]\ntype = IMAP\nremotehost = {HOST}\nremoteport = {port}\nremoteuser = {user}\n\
             remotepass = {password}\n{tls}\nmaxconnections = 3\n{further}"
        )
    };
    let general = format!("[general]\naccounts = a\nmetadata = {}\nui = basic\n", directory.join("state").display());
    let account_section = "[Account a]\nlocalrepository = destination\nremoterepository = source\n";
    let repositories =
        repository("destination", account.destination, "") + &repository("source", account.source, "readonly = True\n");
    let settings = directory.join("offlineimaprc");
    write_private(&settings, &format!("{general}{account_section}{repositories}"));
    program("offlineimap", &["-o", "-c", &settings.display().to_string()])
}
