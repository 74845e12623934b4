//! A thread of the program panics, whichever it is and wherever it stands: the run ends with an error and never hangs, and
//! the next one is exact.
//!
//! The library runs in this process, and the panics come from outside of it: a log that panics in the thread that is about
//! to say, or has just heard, certain words; a source of passwords that does in the thread that logs in; an observer that
//! does in the thread that tells it something.

use std::fmt::{Debug, Write as _};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::thread;

use mailferry::config::Settings;
use mailferry::engine::Connector;
use mailferry::error::{Error, Result};
use mailferry::model::secret::Passwords;
use mailferry::model::{self, Mark, Secret, Step};
use mailferry::pipeline::beside::{answering, ask_status};
use mailferry::pipeline::check::check;
use mailferry::pipeline::fleet::agenda::{Agenda, Hours};
use mailferry::pipeline::fleet::attempts::now;
use mailferry::pipeline::fleet::roll::Roll;
use mailferry::pipeline::resync::sync;
use mailferry::pipeline::verify::verify;
use mailferry::pipeline::{ApplyOptions, Depth, Event, Migration, Observer, Stop, Thoroughness};
use mailferry::store::{Store, mark};
use tracing::field::{Field, Visit};
use tracing::span;

use crate::case::MAIL;
use crate::support::fake::Fake;
use crate::support::fake::behaviour::Behaviour;
use crate::support::ferry::{Ferry, Side};
use crate::support::process::{PATIENCE, poll};
use crate::support::server::{MASTER_PASSWORD, User};

/// More than the belt between the two halves of a mailbox holds: whoever fills it waits for room.
const LARGE_MAIL: &str = "Large\n    1..8 large size:200k";

/// Enough to be read over several connections.
const BULK_MAIL: &str = "Bulk\n    1..1100 bulk";

/// Where a panic comes from, and at the how manieth occasion.
#[derive(Clone, Copy, Debug)]
enum Strike {
    /// The thread that says (`C: …`) or hears (`S: …`) a line with these words on that side.
    Wire { side: &'static str, words: [&'static str; 2] },
    /// The thread that logs these words of its own.
    Logged(&'static str),
    /// The thread that logs in on that side.
    Password(model::Side),
    /// The thread that tells how the work goes.
    Told(&'static str),
}

#[derive(Clone, Copy, Debug)]
enum Command {
    Check,
    Sync,
    VerifyOctets,
}

/// The strike that is due, and how many occasions are let pass before it.
static DUE: Mutex<Option<(Strike, usize)>> = Mutex::new(None);

const INJECTED: &str = "a test lets this thread panic";

/// Panics if this is the occasion that is waited for.
fn occasion(is_meant: impl Fn(&Strike) -> bool) {
    let mut due = DUE.lock().unwrap_or_else(PoisonError::into_inner);
    match due.as_mut() {
        Some((strike, 0)) if is_meant(strike) => *due = None,
        Some((strike, left)) if is_meant(strike) => {
            *left -= 1;
            return;
        }
        _ => return,
    }
    drop(due);
    panic!("{INJECTED}");
}

/// A log that only waits for words, on the wire and of the pipeline's own.
struct Log;

#[derive(Default)]
struct Line {
    side: String,
    text: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let target = if field.name() == "side" { &mut self.side } else { &mut self.text };
        write!(target, "{value:?}").expect("write to a string");
    }
}

impl tracing::Subscriber for Log {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "wire" || metadata.target().starts_with("mailferry::pipeline")
    }

    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        occasion(|strike| match strike {
            Strike::Wire { side, words } => *side == line.side && words.iter().all(|word| line.text.contains(word)),
            Strike::Logged(words) => line.text.contains(words),
            _ => false,
        });
    }

    fn new_span(&self, _span: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _span: &span::Id, _values: &span::Record<'_>) {}
    fn record_follows_from(&self, _span: &span::Id, _follows: &span::Id) {}
    fn enter(&self, _span: &span::Id) {}
    fn exit(&self, _span: &span::Id) {}
}

struct Keys;

impl Passwords for Keys {
    fn password(&self, _account: &model::Account, side: model::Side) -> Result<Secret> {
        occasion(|strike| matches!(strike, Strike::Password(struck) if *struck == side));
        Ok(Secret::new(MASTER_PASSWORD.to_owned()))
    }
}

struct Watcher;

impl Observer for Watcher {
    fn event(&self, event: Event<'_>) {
        let told = match event {
            Event::Began { .. } => "began",
            Event::Resumed { .. } => "resumed",
            Event::Advanced { .. } => "advanced",
            Event::Noticed { .. } => "noticed",
            Event::Failed { .. } => "failed",
            Event::Ended { .. } => "ended",
        };
        occasion(|strike| matches!(strike, Strike::Told(struck) if *struck == told));
    }
}

/// How many accounts there are at once, how many connections to each server, what memory may be used, and whether a mailbox is large.
#[derive(Clone, Copy, Debug)]
struct Fleet {
    accounts: usize,
    connections: usize,
    memory: &'static str,
    is_bulky: bool,
}

/// Several lanes for one account.
const WIDE: Fleet = Fleet { accounts: 1, connections: 8, memory: "64MiB", is_bulky: false };
/// One lane, and halves of it that wait for each other.
const TIGHT: Fleet = Fleet { accounts: 1, connections: 8, memory: "1MiB", is_bulky: false };
/// Accounts that wait for each other's places.
const NARROW: Fleet = Fleet { accounts: 3, connections: 1, memory: "1MiB", is_bulky: false };

/// The same, and several connections for one mailbox.
const BULKY: Fleet = Fleet { is_bulky: true, ..WIDE };

/// Servers and accounts of one case.
struct Bench {
    source: Fake,
    destination: Fake,
    ferry: Ferry,
    accounts: Vec<String>,
}

impl Bench {
    fn new(fleet: Fleet) -> Bench {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let (source, destination) = (Fake::start(), Fake::start());
        let side = |fake: &Fake| Side::in_clear_text(fake.port()).set("max_connections", fleet.connections);
        let settings = format!("[limits]\nretries = 1\ntimeout = \"5s\"\nmemory = \"{}\"", fleet.memory);
        let mut ferry = Ferry::new(side(&source), side(&destination)).with_settings(&settings);
        let accounts: Vec<String> = (0..fleet.accounts).map(|account| format!("panics-{number}-{account}")).collect();
        for name in &accounts {
            ferry = ferry.with_account(&User::named(name));
            source.tenant(name).behave(Behaviour::honest());
            source.tenant(name).account().fill(MAIL);
            source.tenant(name).account().fill(LARGE_MAIL);
            if fleet.is_bulky {
                source.tenant(name).account().fill(BULK_MAIL);
            }
        }
        fs::write(ferry.directory().join("mailferry.toml"), ferry.settings()).expect("write the settings");
        Bench { source, destination, ferry, accounts }
    }

    fn migration(&self) -> Migration {
        let settings = Settings::from_file(&self.ferry.directory().join("mailferry.toml")).expect("the settings");
        let servers = settings.servers.iter().map(|server| (server.clone(), self.accounts.len())).collect();
        Migration {
            servers: Connector::all(servers, &settings.limits, &settings.state).expect("connectors"),
            everybody: Default::default(),
            accounts: settings.accounts,
            limits: settings.limits,
            jobs: self.accounts.len(),
            resync_jobs: None,
            fleet: None,
            bulletin: None,
            agenda: Agenda::new(Arc::new(now), Hours::Obeyed),
            passwords: Arc::new(Keys),
            store: Store::open(&settings.state).expect("a state").0,
            observer: Arc::new(Watcher),
            stop: Stop::default(),
            names_messages: true,
            roll: Arc::new(Roll::new(self.accounts.len())),
        }
    }

    /// All errors of a run in a thread of its own. What is left of one that hangs goes with the process.
    fn run(&self, command: Command, what: &str) -> Vec<Error> {
        let (migration, (done, outcome)) = (self.migration(), channel());
        thread::spawn(move || {
            let errors = catch_unwind(AssertUnwindSafe(|| errors(&migration, command)));
            drop(migration);
            let _ = done.send(errors);
        });
        let ended = outcome.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{what}: it hangs"));
        ended.unwrap_or_else(|_| panic!("{what}: the whole run panicked, and its other accounts are not told of"))
    }

    #[track_caller]
    fn assert_exact(&self, what: &str) {
        for name in &self.accounts {
            for mailbox in ["INBOX", "Bad", "Good", "Large"] {
                let side = |fake: &Fake| fake.tenant(name).account().messages(mailbox);
                assert!(side(&self.source) == side(&self.destination), "{what}: {mailbox} of {name}");
            }
        }
    }
}

fn errors(migration: &Migration, command: Command) -> Vec<Error> {
    match command {
        Command::Check => check(migration)
            .into_iter()
            .flat_map(|result| match result.result {
                Ok(check) => check.sides.into_iter().filter_map(Result::err).collect(),
                Err(error) => vec![error],
            })
            .collect(),
        Command::Sync => sync(migration, Thoroughness::Incremental, ApplyOptions::default())
            .into_iter()
            .flat_map(|result| {
                result.result.map_or_else(|error| vec![error], |summary| summary.ledger.failures.to_vec())
            })
            .collect(),
        Command::VerifyOctets => verify(migration, Depth::Octets)
            .into_iter()
            .flat_map(|result| {
                result.result.map_or_else(|error| vec![error], |summary| summary.ledger.failures.to_vec())
            })
            .collect(),
    }
}

/// One at a time, for the occasion is one for all.
static ALONE: Mutex<()> = Mutex::new(());

fn struck(command: Command, fleet: Fleet, strike: Strike, passes: usize) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let what = format!("{command:?} {fleet:?} {strike:?} after {passes}");
    let bench = Bench::new(fleet);
    if matches!(command, Command::VerifyOctets) {
        assert!(bench.run(Command::Sync, &what).is_empty(), "{what}: the sync before it");
    }
    *DUE.lock().unwrap_or_else(PoisonError::into_inner) = Some((strike, passes));
    let errors = bench.run(command, &what);
    let left = DUE.lock().unwrap_or_else(PoisonError::into_inner).take();
    assert!(left.is_none(), "{what}: nothing was struck: {left:?}");
    let told = errors.iter().filter(|error| error.what().contains("does not handle")).count();
    assert_eq!((told, errors.len()), (1, 1), "{what}: {errors:?}");
    let errors = bench.run(Command::Sync, &what);
    assert!(errors.is_empty(), "{what}, the sync after it: {errors:?}");
    bench.assert_exact(&what);
}

/// The panics that are meant are not shown.
fn quieten() {
    static QUIETENED: Once = Once::new();
    QUIETENED.call_once(|| {
        tracing::subscriber::set_global_default(Log).expect("no other log");
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let text = panic.payload().downcast_ref::<String>().map_or("", String::as_str);
            let text = panic.payload().downcast_ref::<&str>().copied().unwrap_or(text);
            if text != INJECTED {
                before(panic);
            }
        }));
    });
}

#[test]
fn panic_in_any_thread_ends_with_an_error_and_the_next_run_is_exact() {
    quieten();
    let wire = |side, words| Strike::Wire { side, words };
    let (source, destination) = ("source", "destination");
    let cases = [
        // The account's own thread, and the one beside it.
        (Command::Check, wire(source, ["C: ", "LIST"]), 0),
        (Command::Check, wire(destination, ["C: ", "LIST"]), 0),
        (Command::Sync, wire(source, ["C: ", "LIST"]), 0),
        (Command::Sync, wire(destination, ["S: ", "LIST"]), 0),
        (Command::Sync, wire(source, ["S: ", "RFC822.SIZE"]), 3),
        (Command::VerifyOctets, wire(source, ["C: ", "(UID BODY.PEEK[])"]), 0),
        (Command::VerifyOctets, wire(destination, ["C: ", "(UID BODY.PEEK[])"]), 1),
        // The two halves of a copy, while the other one waits for what it gives or takes.
        (Command::Sync, wire(source, ["C: ", "BODY.PEEK[]"]), 0),
        (Command::Sync, wire(source, ["S: ", "FETCH (UID"]), 25),
        (Command::Sync, wire(destination, ["C: ", "APPEND"]), 0),
        (Command::Sync, wire(destination, ["C: ", "APPEND"]), 3),
        (Command::Sync, wire(destination, ["S: ", "APPENDUID"]), 2),
        // Whoever logs in.
        (Command::Sync, Strike::Password(model::Side::Source), 0),
        (Command::Sync, Strike::Password(model::Side::Destination), 0),
        // Whoever tells of the work.
        (Command::Sync, Strike::Told("began"), 1),
        (Command::Sync, Strike::Told("resumed"), 0),
        (Command::Sync, Strike::Told("advanced"), 9),
        (Command::Sync, Strike::Told("ended"), 0),
    ];
    for fleet in [WIDE, TIGHT, NARROW] {
        for (command, strike, passes) in cases {
            struck(command, fleet, strike, passes);
        }
    }
}

#[test]
fn panic_with_further_lanes_ends_with_an_error_and_the_next_run_is_exact() {
    quieten();
    let wire = |words| Strike::Wire { side: "destination", words };
    // While they wait for the destination to be made ready; while one of them logs in.
    struck(Command::Sync, WIDE, wire(["C: ", "CREATE"]), 0);
    struck(Command::Sync, WIDE, Strike::Password(model::Side::Destination), 1);
}

/// Whoever asks for octets of a mailbox that several connections read, in a lane or beside it.
#[test]
fn panic_among_several_connections_into_one_mailbox_ends_with_an_error() {
    quieten();
    for side in ["source", "destination"] {
        for passes in [2, 6, 9, 12] {
            struck(Command::VerifyOctets, BULKY, Strike::Wire { side, words: ["C: ", "(UID BODY.PEEK[])"] }, passes);
        }
    }
}

/// When the work has begun, something is done that wakes another thread, which panics; then the work goes on.
struct Provoker<F>(F);

impl<F: Fn() + Send + Sync> Observer for Provoker<F> {
    fn event(&self, event: Event<'_>) {
        let is_due = || DUE.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        if matches!(event, Event::Began { .. }) && is_due() {
            (self.0)();
            poll(PATIENCE, || (!is_due()).then_some(())).expect("the other thread comes to its occasion");
        }
    }
}

/// Those who only listen and answer: no work is lost with them, and they go on.
#[test]
fn panic_beside_the_work_is_no_failure_of_it() {
    quieten();
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    for words in ["from here on", "another process asks"] {
        let bench = Bench::new(WIDE);
        let mut migration = bench.migration();
        let (state, accounts) = (bench.ferry.state(), bench.accounts.clone());
        let asked = move || ask_status(&state, accounts.clone()).is_some();
        let state = bench.ferry.state();
        let again = asked.clone();
        let provoke = move || match words {
            "from here on" => drop(mark(&state, &["somebody else"], Some(Mark::Paused)).expect("a mark")),
            _ => assert!(!again(), "the thread that answers panicked"),
        };
        migration.observer = Arc::new(Provoker(provoke));
        *DUE.lock().unwrap_or_else(PoisonError::into_inner) = Some((Strike::Logged(words), 0));
        let errors = answering(&migration, Step::Sync, |migration| {
            let errors = errors(migration, Command::Sync);
            assert!(asked(), "{words}: the next one is answered");
            errors
        });
        assert!(errors.is_empty(), "{words}: {errors:?}");
        bench.assert_exact(words);
    }
}
