//! Servers that go away in the midst of a run, and servers that grant few connections.

use crate::support::fake::Fake;
use crate::support::fake::behaviour::{Behaviour, Rule, Then};
use crate::support::ferry::{Ferry, Running, Side};
use crate::support::server::User;
use crate::tally;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

const MAIL: &str = "INBOX\n    a\n    b\nA\n    1..9 bulk\nB\n    1..9 bulk\nC\n    1..9 bulk\nD\n    1..9 bulk\nE";

/// Accounts on a source and a destination.
struct Fleet {
    source: Fake,
    destination: Fake,
    ferry: Ferry,
    accounts: Vec<String>,
    said: Said,
}

/// What the run has said so far. Whoever asks waits until there is one.
#[derive(Clone, Default)]
struct Said(Arc<OnceLock<PathBuf>>);

impl Said {
    fn holds(&self, times: usize, words: &str) -> bool {
        std::fs::read_to_string(self.0.wait()).expect("standard error").matches(words).count() >= times
    }
}

const ONE_HAS_ENDED: &str = "ended (so far 1 of ";

impl Fleet {
    fn of(accounts: usize, limits: &str) -> Fleet {
        let (source, destination) = (Fake::start(), Fake::start());
        let side = |fake: &Fake| Side::in_clear_text(fake.port());
        let mut ferry = Ferry::new(side(&source), side(&destination)).with_settings(limits);
        let accounts: Vec<String> = (0..accounts).map(|number| format!("user-{number}")).collect();
        for name in &accounts {
            ferry = ferry.with_account(&User::named(name));
            source.tenant(name).account().fill(MAIL);
        }
        Fleet { source, destination, ferry, accounts, said: Said::default() }
    }

    /// The server goes away once an account has ended, and comes back when so much was said.
    fn is_left_by(&self, server: &Fake, (times, words): (usize, &'static str)) {
        let said = self.said.clone();
        server.be_away_while(move || said.holds(1, ONE_HAS_ENDED) && !said.holds(times, words));
    }

    fn start(&self, jobs: &str) -> Running {
        let running = self.ferry.start(&["sync", "--jobs", jobs, "--progress", "plain"]);
        self.said.0.get_or_init(|| running.stderr_file());
        running
    }

    #[track_caller]
    fn assert_all_arrived(&self) {
        for name in &self.accounts {
            let mailboxes = |fake: &Fake| fake.tenant(name).state().mailboxes;
            let count = |fake: &Fake| mailboxes(fake).values().map(|mailbox| mailbox.messages.len()).sum::<usize>();
            assert_eq!(count(&self.destination), count(&self.source), "{name}");
        }
    }
}

/// The server is back before anybody gives up: all is done, and the exit status is 0.
#[test]
fn server_that_goes_away_for_a_moment_is_nobodys_failure() {
    for side in ["source", "destination"] {
        let fleet = Fleet::of(6, "[limits]\nretries = 8");
        let server = if side == "source" { &fleet.source } else { &fleet.destination };
        fleet.is_left_by(server, (2, "all wait"));
        fleet.start("2").finish().expect(0).complains(&["all wait"]);
        fleet.assert_all_arrived();
        tally::count(1);
    }
}

/// The server is back when all have given up: who failed for it has another turn at the end.
#[test]
fn server_that_comes_back_late_is_asked_again_at_the_end_of_the_run() {
    let fleet = Fleet::of(6, "[limits]\nretries = 1\ntimeout = \"2s\"");
    let again = "another try at the end of the run";
    fleet.is_left_by(&fleet.destination, (1, again));
    fleet.start("2").finish().expect(0).complains(&[again]);
    fleet.assert_all_arrived();
    tally::count(1);
}

/// The server does not come back: what it had promised is known, and the advice is not about `tls`.
#[test]
fn server_that_stays_away_is_told_as_one_that_answered_before() {
    let fleet = Fleet::of(4, "[limits]\nretries = 1\ntimeout = \"1s\"");
    fleet.is_left_by(&fleet.destination, (1, "what is never said"));
    let output = fleet.start("2").finish();
    let output = output.expect(3).complains(&["on the destination", "answered before in this run"]);
    assert!(!output.stderr.contains("check `tls`"), "{output}");
    fleet.destination.be_back();
    fleet.ferry.run(&["sync"]).expect(0);
    fleet.assert_all_arrived();
    tally::count(1);
}

/// A server that never answered is told soon, with what may be wrong in the settings.
#[test]
fn server_that_never_answered_is_told_with_what_to_check() {
    let fleet = Fleet::of(3, "[limits]\nretries = 50");
    fleet.destination.be_away_while(|| true);
    fleet.ferry.run(&["sync"]).expect(4).complains(&["check `tls`", "on the destination"]);
    tally::count(1);
}

/// No account fails for its second connection, and none waits for ever.
#[test]
fn server_that_grants_few_connections_is_served_with_them() {
    for (all, each, jobs) in [(usize::MAX, 1, "1"), (usize::MAX, 2, "3"), (1, usize::MAX, "1"), (1, usize::MAX, "4")] {
        for side in ["source", "destination"] {
            let fleet = Fleet::of(4, "");
            let server = if side == "source" { &fleet.source } else { &fleet.destination };
            server.grant(all);
            server.grant_each(each);
            fleet.start(jobs).finish().expect(0).complains(&["grants"]);
            fleet.assert_all_arrived();
            tally::count(1);
        }
    }
}

/// Each side has one connection to give, and the accounts began with one of the two each.
#[test]
fn accounts_that_hold_each_others_connection_give_one_back() {
    let fleet = Fleet::of(5, "");
    fleet.source.grant(1);
    fleet.destination.grant(1);
    fleet.start("5").finish().expect(0);
    fleet.assert_all_arrived();
    tally::count(1);
}

/// An account that cannot log in for a reason of its own does not make the others wait.
#[test]
fn account_that_the_server_cannot_serve_now_is_its_own_failure() {
    let fleet = Fleet::of(4, "[limits]\nretries = 1");
    let shut = Behaviour::honest().shut("NO [UNAVAILABLE] Internal error, see the log");
    fleet.destination.tenant("user-1").behave(shut);
    let output = fleet.start("2").finish().expect(3).complains(&["user-1: could not log in"]);
    assert!(!output.stderr.contains("all wait"), "{output}");
    fleet.destination.tenant("user-1").behave(Behaviour::honest().rule(Rule::on("LIST", Then::Close)));
    let output = fleet.start("2").finish().expect(3).complains(&["user-1"]);
    assert!(!output.stderr.contains("all wait"), "{output}");
    tally::count(1);
}
