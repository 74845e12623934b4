//! Two-way mode beside other tools that go both ways: the same scenarios for each, and afterwards both sides are compared with
//! what must be there, to the octet.
//!
//! - [`scenarios`]: what users do on both sides, and what disturbs the run then; data. [`acts`]: how they do it.
//! - [`book`]: what must be there in the end, and how far both sides are from it.
//!
//! Each scenario begins with mail on one side that the tool itself has brought to the other. It ends when the tool was run
//! [`RUNS`] times more, with nothing in its way. Each is played twice, the second time with the sides exchanged.

mod acts;
mod book;
mod scenarios;

use std::fs::{self, OpenOptions};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use self::acts::Act;
use self::book::{Book, Faults};
use self::scenarios::{Disturbance, MAIL, SCENARIOS, Scenario};
use crate::encrypted::Door;
use crate::launch::Invocation;
use crate::servers::Pair;
use crate::settings::Settings;
use crate::support::mailbox;
use crate::support::process::poll;
use crate::support::proxy::fault::{Fault, Strike};
use crate::support::proxy::place::Role;
use crate::support::proxy::plan::Plan;
use crate::support::proxy::{Manner, Proxy};
use crate::support::seed::seed_account;
use crate::support::server::{Server, User};
use crate::table::Phase;
use crate::tools::{self, Task, Tool, Ways};

/// The name among the corpora.
pub const BOTH_WAYS: &str = "both-ways";

/// After the disturbed one.
const RUNS: usize = 3;

/// Octets that are compressed have no places for the proxy.
const READABLE: Manner = Manner { opaque: false, masked: &["COMPRESS=DEFLATE"] };

/// A tool that takes longer is ended.
const PATIENCE: Duration = Duration::from_secs(60);
const ENDED: i32 = 124;

/// Runs all scenarios with all tools, and writes a table.
pub fn bench(settings: &Settings) {
    let (tools, missing) = tools::find(settings);
    let tools: Vec<Tool> = tools.into_iter().filter(Tool::goes_both_ways).collect();
    let pair = Pair::start(settings.directory.as_deref());
    let names: Vec<String> = tools.iter().map(|tool| format!("{} {}", tool.name, tool.version)).collect();
    println!("### {BOTH_WAYS}: both users act, and the run is disturbed\n");
    if !missing.is_empty() {
        println!("Not installed here: {}.\n", missing.join(", "));
    }
    println!("| scenario | {} |\n|---|{}", names.join(" | "), "---|".repeat(tools.len()));
    let wanted = |scenario: &&Scenario| settings.scenario.as_ref().is_none_or(|text| scenario.name.contains(text));
    let mut outcomes: Vec<Vec<[Outcome; 2]>> = tools.iter().map(|_| Vec::new()).collect();
    for scenario in SCENARIOS.iter().filter(wanted) {
        let mut texts = Vec::new();
        for (tool, outcomes) in tools.iter().zip(&mut outcomes) {
            let both = [false, true].map(|exchanged| Stage::set(&pair, tool, exchanged).play(scenario));
            let [one, other] = both.each_ref().map(Outcome::text);
            texts.push(if one == other { one } else { format!("{one} / {other}") });
            outcomes.push(both);
        }
        println!("| {} | {} |", scenario.name, texts.join(" | "));
    }
    let row = |what: &str, figure: &dyn Fn(&[[Outcome; 2]]) -> usize| {
        let figures: Vec<String> = outcomes.iter().map(|outcomes| figure(outcomes).to_string()).collect();
        println!("| {what} | {} |", figures.join(" | "));
    };
    let is_exact = |both: &&[Outcome; 2]| both.iter().all(|it| it.went_well() && it.faults.none());
    let went_well = |both: &&[Outcome; 2]| both.iter().all(Outcome::went_well);
    row("exact", &|outcomes| outcomes.iter().filter(is_exact).count());
    row("exact but for headers", &|outcomes| outcomes.iter().filter(went_well).filter(|it| !is_exact(it)).count());
    row("messages altered", &|outcomes| outcomes.iter().flatten().map(|it| it.faults.altered()).sum());
    println!("\nWhere two results are told, the second is with the sides exchanged.\n");
}

/// What came of a scenario.
struct Outcome {
    faults: Faults,
    /// Of the last run.
    status: i32,
    asked: Asked,
}

/// What it did about a mailbox that one user took away.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Nothing,
    /// It waited for a word, with that mailbox alone.
    Alone,
    /// Everything waited.
    AndStopped,
}

impl Outcome {
    fn went_well(&self) -> bool {
        self.faults.is_only_altered() && self.status == 0
    }

    fn text(&self) -> String {
        let asked = match self.asked {
            Asked::Nothing => "",
            Asked::Alone => "asks; then ",
            Asked::AndStopped => "asks, and all else waits; then ",
        };
        let status = match self.status {
            0 => String::new(),
            ENDED => "; does not end".to_owned(),
            status => format!("; stops (exit status {status})"),
        };
        format!("{asked}{}{status}", self.faults)
    }
}

/// One account on both servers, and a tool that keeps it equal through proxies of ours.
struct Stage<'a> {
    tool: &'a Tool,
    users: [User; 1],
    /// The scenario's first side is the destination.
    exchanged: bool,
    /// Of the servers themselves, for users.
    ports: [u16; 2],
    plan: Arc<Plan>,
    proxies: [Proxy; 2],
    directory: TempDir,
}

impl<'a> Stage<'a> {
    fn set(pair: &Pair, tool: &'a Tool, exchanged: bool) -> Stage<'a> {
        let user = User::fresh(BOTH_WAYS);
        let servers = pair.servers();
        servers.iter().for_each(|server| server.add_user(&user));
        seed_account(servers[0], &user.name, &mailbox::parse(MAIL));
        let ports = servers.map(Server::plain_port);
        let plan = Arc::<Plan>::default();
        let proxy = |role, port| Proxy::start(role, port, READABLE, &plan);
        let proxies = [proxy(Role::Source, ports[0]), proxy(Role::Destination, ports[1])];
        let directory = tempfile::tempdir().expect("a directory for a tool");
        Stage { tool, users: [user], exchanged, ports, plan, proxies, directory }
    }

    fn play(&self, scenario: &Scenario) -> Outcome {
        let exchanged = if self.exchanged { ", sides exchanged" } else { "" };
        eprintln!("{}: {}{exchanged}", self.tool.name, scenario.name);
        self.run(&[]);
        let status = self.run(&[]);
        let first = Book::of_first().compare(self.ports, &self.users[0], None);
        if status != 0 || !first.is_only_altered() {
            eprintln!("    the first run: {first}, exit status {status}\n{}", self.log());
        }
        let before = self.keep();
        self.perform(scenario.here, scenario.there);
        self.disturb(&scenario.disturbance, &before);
        let (mut status, mut asked) = (self.run_again(), Asked::Nothing);
        let book = Book::of(scenario);
        if let Some(mailbox) = scenario.question.filter(|mailbox| status != 0 || self.has(mailbox)) {
            let rest = book.compare(self.ports, &self.users[0], Some(mailbox));
            asked = if rest.is_only_altered() { Asked::Alone } else { Asked::AndStopped };
            self.answer(mailbox);
            status = self.run_again();
        }
        let outcome = Outcome { faults: book.compare(self.ports, &self.users[0], None), status, asked };
        eprintln!("    {}", outcome.text());
        if status != 0 {
            eprintln!("{}", self.log());
        }
        outcome
    }

    /// Where the user of the scenario's first side works, and the other one.
    fn desks(&self) -> [u16; 2] {
        let [source, destination] = self.ports;
        if self.exchanged { [destination, source] } else { [source, destination] }
    }

    fn perform(&self, here: &[Act], there: &[Act]) {
        for (port, acts) in self.desks().into_iter().zip([here, there]) {
            acts::perform(port, &self.users[0], acts);
        }
    }

    fn strike(&self, text: &str) -> Strike {
        let mut strike: Strike = text.parse().expect("a strike");
        if self.exchanged {
            strike.place.role = match strike.place.role {
                Role::Source => Role::Destination,
                Role::Destination => Role::Source,
            };
        }
        strike
    }

    /// The first run behind what the users did.
    fn disturb(&self, disturbance: &Disturbance, before: &TempDir) {
        let remembered = self.directory.path();
        match disturbance {
            Disturbance::None => drop(self.run(&[])),
            Disturbance::StateLost => {
                fs::remove_dir_all(remembered).expect("remove what a tool remembers");
                fs::create_dir(remembered).expect("make its directory anew");
                self.run(&[]);
            }
            Disturbance::StateOfBefore => {
                self.run(&[]);
                fs::remove_dir_all(remembered).expect("remove what a tool remembers");
                copy_tree(before.path(), remembered);
            }
            Disturbance::Strike(strike) => self.run_struck(self.strike(strike), None),
            Disturbance::Meanwhile { place, here, there } => {
                let strike = self.strike(&format!("{place}={}", Fault::Hook));
                let (ports, user) = (self.desks(), self.users[0].clone());
                let acts = [*here, *there];
                let hook =
                    move || ports.into_iter().zip(acts).for_each(|(port, acts)| acts::perform(port, &user, acts));
                self.run_struck(strike, Some(Box::new(hook)));
            }
        }
    }

    fn run_struck(&self, strike: Strike, hook: Option<Box<dyn FnOnce() + Send>>) {
        match hook {
            Some(hook) => {
                self.plan.hook(strike, hook);
                self.plan.arm([]);
            }
            None => self.plan.arm([strike]),
        }
        let status = self.run(&[]);
        let struck = self.plan.disarm();
        self.plan.wait_until_quiet();
        let what = if struck.is_empty() { "nothing was struck".to_owned() } else { format!("struck: {}", struck[0]) };
        eprintln!("    {what}, exit status {status}");
    }

    /// Until both sides must be equal. The exit status of the last run.
    fn run_again(&self) -> i32 {
        (0..RUNS).fold(0, |_, _| self.run(&[]))
    }

    /// Takes the mailbox away on the other side, too: with the tool's own command where it has one.
    fn answer(&self, mailbox: &'static str) {
        if let Some(command) = self.tool.command_to_remove(mailbox) {
            self.run(&command);
            return;
        }
        for port in self.ports.into_iter().filter(|port| self.lists(*port, mailbox)) {
            acts::perform(port, &self.users[0], &[Act::Remove(mailbox)]);
        }
    }

    /// Whether it is on any side.
    fn has(&self, mailbox: &str) -> bool {
        self.ports.into_iter().any(|port| self.lists(port, mailbox))
    }

    fn lists(&self, port: u16, mailbox: &str) -> bool {
        let mut connection = acts::session(port, &self.users[0]);
        connection.list().iter().any(|listed| listed.name == mailbox)
    }

    /// One run of the tool, with further arguments.
    fn run(&self, further: &[String]) -> i32 {
        let doors = self.proxies.each_ref().map(|proxy| Door::in_clear_text(proxy.port()));
        let [source, destination] = doors;
        let task = Task {
            users: &self.users,
            source,
            destination,
            directory: self.directory.path(),
            jobs: 1,
            destination_configuration: Default::default(),
            ways: Ways::Both,
        };
        let invocation = self.tool.invocations(&task, Phase::FirstCopy).remove(0);
        let mut child = start(&invocation, further, &self.directory.path().join("log"));
        self.plan.set_process(child.id());
        wait(&mut child)
    }

    /// The end of what the tool wrote.
    fn log(&self) -> String {
        let text = fs::read(self.directory.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&text[text.len().saturating_sub(1_500)..]).into_owned()
    }

    /// A copy of what the tool remembers.
    fn keep(&self) -> TempDir {
        let copy = tempfile::tempdir().expect("a directory");
        copy_tree(self.directory.path(), copy.path());
        copy
    }
}

fn start(invocation: &Invocation, further: &[String], log: &Path) -> Child {
    let output = || OpenOptions::new().create(true).append(true).open(log).expect("open the log of a tool");
    let mut command = Command::new(&invocation.program);
    command.args(&invocation.arguments).args(further);
    command.envs(invocation.environment.iter().map(|(name, value)| (name, value)));
    command.current_dir(&invocation.directory).stdin(Stdio::null()).stdout(output()).stderr(output());
    command.spawn().unwrap_or_else(|error| panic!("{}: {error}", invocation.program.display()))
}

/// The exit status; 128 and more for signals.
fn wait(child: &mut Child) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    let started = Instant::now();
    let ended = poll(PATIENCE, || child.try_wait().expect("wait for a tool"));
    let Some(status) = ended else {
        eprintln!("    ended after {:?}", started.elapsed());
        let _ = child.kill();
        let _ = child.wait();
        return ENDED;
    };
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("make a directory");
    let mut permissions = fs::metadata(from).expect("a directory's mode").permissions();
    fs::set_permissions(to, permissions.clone()).expect("set a directory's mode");
    for entry in fs::read_dir(from).expect("list a directory") {
        let entry = entry.expect("an entry");
        let (kind, path) = (entry.file_type().expect("its kind"), to.join(entry.file_name()));
        if kind.is_dir() {
            copy_tree(&entry.path(), &path);
        } else if kind.is_file() {
            fs::copy(entry.path(), &path).expect("copy a file");
            permissions = entry.metadata().expect("its mode").permissions();
            fs::set_permissions(&path, permissions.clone()).expect("set its mode");
        }
    }
}
