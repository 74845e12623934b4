//! One migration: two servers, users whom no other test has, and the program set up to move them.

use serde_json::Value;

use crate::support::compare::{Automatic, assert_identical_but_automatic, compare};
use crate::support::ferry::{Done, Ferry, Output, Side};
use crate::support::imap::Connection;
use crate::support::seed::seed;
use crate::support::server::{Server, User};
use crate::support::shared;
use crate::support::state::observe;

/// Users who move from one server to another.
pub struct Migration<'a> {
    pub source: &'a dyn Server,
    pub destination: &'a dyn Server,
    pub users: Vec<User>,
    pub ferry: Ferry,
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
        Migration { source, destination, users, ferry }
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
        self.ferry = self.ferry.with_settings(text);
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
        for depth in [&["verify", "--json", "-"][..], &["verify", "--deep", "--json", "-"]] {
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

/// A number in JSON.
#[track_caller]
pub fn count(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap_or_else(|| panic!("no number {name} in {value}"))
}
