//! One migration: two servers, users whom no other test has, and the program set up to move them.

use serde_json::Value;

use crate::gates::{CONNECTIONS, Gates};
use crate::support::compare::{Automatic, assert_identical_but_automatic, compare};
use crate::support::ferry::{Done, Ferry, Output, Running, Side};
use crate::support::imap::{Connection, ListedMailbox};
use crate::support::seed::seed;
use crate::support::server::{Server, User};
use crate::support::shared;
use crate::support::state::observe;

/// Messages in one APPEND of a run that is to be held.
const BATCH_MESSAGES: u64 = 10;

/// Users who move from one server to another.
pub struct Migration<'a> {
    pub source: &'a dyn Server,
    pub destination: &'a dyn Server,
    pub users: Vec<User>,
    pub ferry: Ferry,
    /// Between the program and the servers, where it is to be held in the midst of its work.
    pub gates: Option<Gates>,
}

impl<'a> Migration<'a> {
    /// One fresh user, opened by the master user of each side.
    pub fn between(source: &'a dyn Server, destination: &'a dyn Server) -> Migration<'a> {
        Migration::of(vec![User::fresh("mover")], source, destination)
    }

    pub fn of(users: Vec<User>, source: &'a dyn Server, destination: &'a dyn Server) -> Migration<'a> {
        Migration::with_sides(users, source, destination, [Side::of(source), Side::of(destination)])
    }

    /// Reached in other ways than by default.
    pub fn with_sides(
        users: Vec<User>,
        source: &'a dyn Server,
        destination: &'a dyn Server,
        [source_side, destination_side]: [Side; 2],
    ) -> Migration<'a> {
        let mut ferry = Ferry::new(source_side, destination_side);
        for user in &users {
            source.add_user(user);
            destination.add_user(user);
            ferry = ferry.with_account(user);
        }
        Migration { source, destination, users, ferry, gates: None }
    }

    /// One fresh user, with a gate before each server.
    pub fn gated(source: &'a dyn Server, destination: &'a dyn Server) -> Migration<'a> {
        let (gates, sides) = Gates::before([source, destination]);
        let migration = Migration::with_sides(vec![User::fresh("held")], source, destination, sides);
        Migration { gates: Some(gates), ..migration }.with_settings("")
    }

    /// The same behind these gates.
    pub fn held_by(self, gates: Gates) -> Migration<'a> {
        Migration { gates: Some(gates), ..self }.with_settings("")
    }

    /// Where a run is held.
    pub fn gates(&self) -> &Gates {
        self.gates.as_ref().expect("a migration with gates")
    }

    /// Starts the program, and returns once so many messages have come to the destination. No more may come than fill
    /// the batches that are open then, until it is let go.
    #[track_caller]
    pub fn held(&self, arguments: &[&str], messages: u64) -> Running {
        let before = self.arrived();
        self.gates().close("destination/upload-begin/APPEND", messages + CONNECTIONS * BATCH_MESSAGES);
        let mut running = self.ferry.start(arguments);
        let held = running.wait_until(|| self.arrived() >= before + messages);
        assert!(held, "it ended before {messages} had arrived: {}", running.finish());
        running
    }

    /// Starts the program, and returns when it is held at a place, which so many have passed.
    #[track_caller]
    pub fn held_at(&self, arguments: &[&str], place: &str, passed: u64) -> Running {
        self.gates().close(place, passed);
        let mut running = self.ferry.start(arguments);
        let held = running.wait_until(|| self.gates().are_holding());
        assert!(held, "it never came to {place}: {}", running.finish());
        running
    }

    /// Starts the program, and kills it as [`Migration::held`] has it.
    #[track_caller]
    pub fn killed(&self, arguments: &[&str], messages: u64) {
        let running = self.held(arguments, messages);
        Running::kill(running);
        self.gates().cut();
    }

    /// How many messages are on the destination, in all mailboxes.
    pub fn arrived(&self) -> u64 {
        let mut destination = self.at_destination();
        let status = |mailbox: &ListedMailbox, destination: &mut Connection| {
            let answer = destination.attempt(format!("STATUS \"{}\" (MESSAGES)", mailbox.name).as_bytes());
            let text: String = answer.untagged.iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect();
            let behind = text.rsplit("MESSAGES ").next().unwrap_or_default();
            behind.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap_or(0)
        };
        let mailboxes = destination.list();
        let count = mailboxes.iter().map(|mailbox| status(mailbox, &mut destination)).sum();
        destination.logout();
        count
    }

    /// Puts mail onto the source, for every user.
    pub fn seeded(self, notation: &str) -> Migration<'a> {
        self.seed(notation);
        self
    }

    /// The same.
    pub fn seed(&self, notation: &str) {
        self.users.iter().for_each(|user| seed(self.source, &user.name, notation));
    }

    /// Changes the settings.
    pub fn with_settings(mut self, text: &str) -> Migration<'a> {
        let batches = format!("{text}\n[limits]\nbatch_messages = {BATCH_MESSAGES}");
        self.ferry = self.ferry.with_settings(if self.gates.is_some() { &batches } else { text });
        self
    }

    /// The name of the first user.
    pub fn user(&self) -> &str {
        &self.users[0].name
    }

    pub fn at_source(&self) -> Connection {
        self.source.connect(self.user())
    }

    pub fn at_destination(&self) -> Connection {
        self.destination.connect(self.user())
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.ferry.run(arguments)
    }

    /// Syncs, which must succeed.
    #[track_caller]
    pub fn sync(&self) -> Done {
        self.ferry.sync()
    }

    /// Panics unless every user has on the destination exactly what is on the source.
    #[track_caller]
    pub fn assert_exact(&self) {
        for user in &self.users {
            let destination = observe(self.destination, &user.name);
            assert_identical_but_automatic(&observe(self.source, &user.name), &destination);
        }
    }

    /// Like [`Migration::assert_exact`] after a refusal in the middle: what was under way then came before the rest.
    #[track_caller]
    pub fn assert_exact_but_for_the_order(&self) {
        for user in &self.users {
            let destination = observe(self.destination, &user.name);
            let mut differences = compare(&observe(self.source, &user.name), &destination, Automatic::Ignored);
            differences.order_differs.clear();
            assert!(differences.is_empty(), "{}: {differences}", user.name);
        }
    }

    /// Panics unless `verify` and `verify --deep` find nothing, and every message is accounted for.
    #[track_caller]
    pub fn assert_verified(&self) {
        for depth in [&["verify", "--json", "-"][..], &["verify", "--deep", "--again", "--json", "-"]] {
            let found = self.run(depth).expect(0).json();
            let totals = &found["totals"];
            assert_eq!(count(totals, "extra"), 0, "{found}");
            assert_eq!(count(&totals["outcomes"], "total"), count(totals, "messages"), "{found}");
        }
    }

    /// The whole way of an account, once there is mail: all arrives, a second sync has nothing to do, verify agrees, and
    /// the loss of the state doubles nothing.
    #[track_caller]
    pub fn assert_arrives_exactly_once(&self) {
        self.run(&["sync"]).expect(0);
        self.assert_exact();
        self.assert_second_sync_does_nothing();
        self.assert_verified();
        self.ferry.forget_state();
        self.assert_second_sync_does_nothing();
        self.assert_exact();
        self.run(&["verify"]).expect(0);
    }

    #[track_caller]
    pub fn assert_second_sync_does_nothing(&self) {
        self.run(&["sync"]).expect(0);
        let status = self.run(&["status", "--json", "-"]).expect(0).json();
        for account in status["accounts"].as_array().expect("accounts") {
            assert_eq!(Done::of(&account["last_run"]), Done::NOTHING, "{account}");
        }
    }
}

/// From the old server to the new one: Maildir with `.` to mdbox with `/`.
pub fn dovecot_to_dovecot() -> Migration<'static> {
    let pair = shared::dovecot_pair();
    Migration::between(&pair.source, &pair.destination)
}

/// The same, with a gate before each server.
pub fn gated_dovecot() -> Migration<'static> {
    let pair = shared::dovecot_pair();
    Migration::gated(&pair.source, &pair.destination)
}

/// A number in JSON.
#[track_caller]
pub fn count(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap_or_else(|| panic!("no number {name} in {value}"))
}
