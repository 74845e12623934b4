//! The real program, as a user runs it: a directory with `mailferry.toml`, passwords in the environment, and what came
//! out of each run.
//!
//! Each [`Ferry`] has a directory of its own, which goes when it is dropped. Nothing of the test's own environment that
//! the program would read reaches it.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::process::{PATIENCE, poll};
use super::server::{MASTER_PASSWORD, MASTER_USER, Server, User};

/// Unknown where the harness is compiled into an example, which does not run it.
const PROGRAM: Option<&str> = option_env!("CARGO_BIN_EXE_mailferry");

const SETTINGS_FILE: &str = "mailferry.toml";
const STATE_DIRECTORY: &str = "mailferry.state";

/// How one side is reached: the lines of its section, and the password of its master user.
#[derive(Clone, Debug)]
pub struct Side {
    settings: Vec<(&'static str, String)>,
    master_password: Option<String>,
}

impl Side {
    /// That server under implicit TLS, its certificate trusted, opened by the master user as authorization identity.
    pub fn of(server: &dyn Server) -> Side {
        Side { settings: Vec::new(), master_password: Some(MASTER_PASSWORD.to_owned()) }
            .set("host", "\"localhost\"")
            .set("port", server.tls_port())
            .set("ca_file", format_args!("'{}'", server.authority_file().display()))
            .set("master_user", format_args!("\"{MASTER_USER}\""))
            // One account of a test is busy enough with these.
            .set("max_connections", 8)
    }

    /// No table at all: each account names its server.
    pub fn unnamed() -> Side {
        Side { settings: Vec::new(), master_password: None }
    }

    /// A server that is only a port, without TLS.
    pub fn in_clear_text(port: u16) -> Side {
        Side { settings: Vec::new(), master_password: Some(MASTER_PASSWORD.to_owned()) }
            .set("host", "\"localhost\"")
            .set("port", port)
            .set("tls", "\"none\"")
            .set("allow_plaintext", true)
            .set("master_user", format_args!("\"{MASTER_USER}\""))
    }

    /// A command whose standard input and output are the server.
    pub fn through_tunnel(command: &str) -> Side {
        Side { settings: Vec::new(), master_password: None }.set("tunnel", command)
    }

    /// Sets one key to a value in TOML, instead of what it was.
    pub fn set(mut self, key: &'static str, value: impl ToString) -> Side {
        self = self.without(key);
        self.settings.push((key, value.to_string()));
        self
    }

    pub fn without(mut self, key: &str) -> Side {
        self.settings.retain(|(known, _)| *known != key);
        self
    }

    /// The master user logs in as `user*master`.
    pub fn master_by_separator(self) -> Side {
        self.set("master_style", "\"separator\"")
    }

    pub fn with_master_password(mut self, password: &str) -> Side {
        self.master_password = Some(password.to_owned());
        self
    }

    /// Every user logs in with a password of their own.
    pub fn with_own_passwords(mut self) -> Side {
        self.master_password = None;
        self.without("master_user").without("master_style")
    }

    /// The port that offers STARTTLS.
    pub fn by_starttls(self, server: &dyn Server) -> Side {
        self.set("port", server.plain_port()).set("tls", "\"starttls\"")
    }

    /// A table of that name with these settings, the password of its master user in that variable.
    pub fn section(&self, name: &str, password_variable: &str) -> String {
        let mut lines = vec![format!("[{name}]")];
        lines.extend(self.settings.iter().map(|(key, value)| format!("{key} = {value}")));
        if self.master_password.is_some() {
            lines.push(format!("password_env = \"{password_variable}\""));
        }
        lines.join("\n") + "\n"
    }
}

/// What a run left behind.
#[derive(Debug)]
pub struct Output {
    /// The exit status; `None` after a signal.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// Panics with both outputs unless the exit status is `code`.
    #[track_caller]
    pub fn expect(self, code: i32) -> Output {
        assert!(self.code == Some(code), "exit status {code} was expected: {self}");
        self
    }

    /// Panics unless standard error has every one of these texts.
    #[track_caller]
    pub fn complains(self, texts: &[&str]) -> Output {
        for text in texts {
            assert!(self.stderr.contains(text), "`{text}` is missing: {self}");
        }
        self
    }

    #[track_caller]
    pub fn says(self, text: &str) -> Output {
        assert!(self.stdout.contains(text), "`{text}` is missing: {self}");
        self
    }

    /// What was printed as JSON, with `--json -`.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no JSON ({error}): {self}"))
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:?}\n--- stdout\n{}\n--- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}

/// A place to run the program in.
pub struct Ferry {
    pub source: Side,
    pub destination: Side,
    /// Further lines of the settings file: whole sections.
    pub further_settings: String,
    accounts: String,
    environment: Vec<(String, String)>,
    directory: TempDir,
}

impl Ferry {
    pub fn new(source: Side, destination: Side) -> Ferry {
        Ferry {
            source,
            destination,
            further_settings: String::new(),
            accounts: String::new(),
            environment: Vec::new(),
            directory: tempfile::tempdir().expect("a directory to run in"),
        }
    }

    /// Adds an account that has the same name on both sides, and its own password where the side has no master user.
    pub fn with_account(mut self, user: &User) -> Ferry {
        let mut lines = vec!["[[account]]".to_owned(), format!("source_user = \"{}\"", user.name)];
        for (side, name) in [(&self.source, "source"), (&self.destination, "destination")] {
            if side.master_password.is_none() {
                let stem = user.name.to_uppercase().replace(|letter: char| !letter.is_ascii_alphanumeric(), "_");
                let variable = format!("{stem}_{name}_PASSWORD");
                lines.push(format!("{name}_password_env = \"{variable}\""));
                self.environment.push((variable, user.password.clone()));
            }
        }
        self.accounts.push_str(&(lines.join("\n") + "\n"));
        self
    }

    /// Adds an account as lines of the settings file.
    pub fn with_account_lines(mut self, lines: &str) -> Ferry {
        self.accounts.push_str(&format!("[[account]]\n{lines}\n"));
        self
    }

    pub fn with_settings(mut self, text: &str) -> Ferry {
        self.further_settings = format!("{text}\n");
        self
    }

    /// Further lines behind those that there are.
    pub fn with_settings_added(mut self, text: &str) -> Ferry {
        self.further_settings.push_str(&format!("{text}\n"));
        self
    }

    /// A variable in the program's environment.
    pub fn with_variable(mut self, name: &str, value: &str) -> Ferry {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub fn state(&self) -> PathBuf {
        self.directory().join(STATE_DIRECTORY)
    }

    /// What a lost disk or a cautious hand does.
    pub fn forget_state(&self) {
        fs::remove_dir_all(self.state()).expect("remove the state");
    }

    /// The settings file as it will be written.
    pub fn settings(&self) -> String {
        [
            if self.source.settings.is_empty() {
                String::new()
            } else {
                self.source.section("source", "SOURCE_PASSWORD")
            },
            self.destination.section("destination", "DESTINATION_PASSWORD"),
            self.further_settings.clone(),
            self.accounts.clone(),
        ]
        .concat()
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.start(arguments).finish()
    }

    /// Starts the program, and leaves it running.
    pub fn start(&self, arguments: &[&str]) -> Running {
        fs::write(self.directory().join(SETTINGS_FILE), self.settings()).expect("write the settings");
        self.start_without_settings(arguments)
    }

    /// Starts the program in the directory as it is.
    pub fn start_without_settings(&self, arguments: &[&str]) -> Running {
        Running::spawn(self.command(arguments))
    }

    /// Runs a command with the program and its arguments as its own last arguments.
    pub fn run_through(&self, wrapper: &[&str], arguments: &[&str]) -> Output {
        self.start_through(wrapper, arguments).finish()
    }

    /// As [`Ferry::run_through`], and leaves it running.
    pub fn start_through(&self, wrapper: &[&str], arguments: &[&str]) -> Running {
        fs::write(self.directory().join(SETTINGS_FILE), self.settings()).expect("write the settings");
        let words = [wrapper, &[PROGRAM.expect("an integration test runs this")], arguments].concat();
        Running::spawn(self.command_of(words[0], &words[1..]))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        self.command_of(PROGRAM.expect("an integration test runs this"), arguments)
    }

    fn command_of(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.directory()).env_clear();
        let inherited = ["PATH", "TMPDIR", "HOME"].map(|name| (name, std::env::var_os(name)));
        command.envs(inherited.into_iter().filter_map(|(name, value)| Some((name, value?))));
        command.envs(self.variables().map(|(name, value)| (OsStr::new(name), OsStr::new(value))));
        command
    }

    /// The variables in the program's environment that the settings name.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        let master = [(&self.source, "SOURCE_PASSWORD"), (&self.destination, "DESTINATION_PASSWORD")];
        let master = master.into_iter().filter_map(|(side, name)| Some((name, side.master_password.as_deref()?)));
        self.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(master)
    }

    // What scripts read

    /// The plan of the last scan, as JSON.
    #[track_caller]
    pub fn plan(&self) -> Value {
        self.run(&["plan", "--json", "-"]).expect(0).json()
    }

    /// The status of the only account, as JSON.
    #[track_caller]
    pub fn status(&self) -> Value {
        self.run(&["status", "--json", "-"]).expect(0).json()["accounts"][0].clone()
    }

    /// Which accounts are in one of these conditions.
    #[track_caller]
    pub fn accounts_in(&self, conditions: &[&str]) -> BTreeSet<String> {
        let status = self.run(&["status", "--json", "-"]).expect(0).json();
        let accounts = status["accounts"].as_array().expect("accounts").iter();
        let chosen = accounts.filter(|account| conditions.iter().any(|it| account["condition"] == *it));
        chosen.map(|it| it["account"].as_str().expect("a name").to_owned()).collect()
    }

    /// Syncs, which must succeed, and returns what was done for the only account.
    #[track_caller]
    pub fn sync(&self) -> Done {
        self.run(&["sync"]).expect(0);
        Done::of(&self.status()["last_run"])
    }
}

/// What a run did, as `status` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    pub copied: u64,
    pub flags_updated: u64,
}

impl Done {
    pub const NOTHING: Done = Done { copied: 0, flags_updated: 0 };

    #[track_caller]
    pub fn of(last_run: &Value) -> Done {
        let figure = |name: &str| last_run[name].as_u64().unwrap_or_else(|| panic!("no {name} in {last_run}"));
        Done { copied: figure("messages_copied"), flags_updated: figure("flags_updated") }
    }
}

/// The program while it runs. Killed when dropped.
pub struct Running {
    child: Child,
    outputs: TempDir,
}

impl Running {
    /// Outputs go to files: a pipe that nobody reads would stop the program.
    fn spawn(mut command: Command) -> Running {
        let outputs = tempfile::tempdir().expect("a directory for the outputs");
        let file = |name: &str| File::create(outputs.path().join(name)).expect("a file for an output");
        let child = command
            .stdin(Stdio::null())
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
        Running { child, outputs }
    }

    /// Starts another program as this one is.
    pub fn of(command: Command) -> Running {
        Running::spawn(command)
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended yet.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for `condition`; false if the program ended before it held.
    pub fn wait_until(&mut self, mut condition: impl FnMut() -> bool) -> bool {
        let held = poll(PATIENCE, || match condition() {
            true => Some(true),
            false => (!self.is_running()).then_some(false),
        });
        held.unwrap_or_else(|| panic!("the awaited condition never held: {}", self.output(None)))
    }

    /// SIGKILL: nothing of it runs any more when this returns.
    pub fn kill(mut self) {
        self.child.kill().expect("kill the program");
        self.child.wait().expect("the program ends");
    }

    /// What Ctrl-C does.
    pub fn interrupt(&self) {
        let sent = Command::new("sh").args(["-c", r#"kill -s INT "$0""#, &self.id().to_string()]).status();
        assert!(sent.expect("run kill").success(), "the program is gone already");
    }

    /// Waits until what it has written to standard error is as awaited; false if it ended before.
    pub fn wait_until_said(&mut self, awaited: impl Fn(&str) -> bool) -> bool {
        let file = self.stderr_file();
        self.wait_until(|| awaited(&String::from_utf8_lossy(&fs::read(&file).expect("standard error"))))
    }

    /// Where its standard error goes.
    pub fn stderr_file(&self) -> PathBuf {
        self.outputs.path().join("stderr")
    }

    pub fn finish(mut self) -> Output {
        let ended = poll(PATIENCE, || self.child.try_wait().expect("ask for the program"));
        match ended {
            Some(status) => self.output(status.code()),
            None => panic!("it runs longer than {PATIENCE:?}: {}", self.output(None)),
        }
    }

    fn output(&self, code: Option<i32>) -> Output {
        Output { code, stdout: self.read("stdout"), stderr: self.read("stderr") }
    }

    fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.outputs.path().join(name)).expect("an output")).into_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
