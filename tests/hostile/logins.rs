//! Servers that let some accounts in and others not, in the same words as if the master user's password were wrong.

use crate::support::fake::Fake;
use crate::support::fake::behaviour::Behaviour;
use crate::support::ferry::{Ferry, Output, Side};
use crate::support::server::User;
use crate::tally;

const MAIL: &str = "INBOX\n    a\n    b";

/// As Cyrus, Zimbra and others answer both a wrong password and a user whom they do not know.
const VAGUE: &str = "NO [AUTHENTICATIONFAILED] Authentication failed.";

/// A source that knows some of its accounts.
struct Fleet {
    source: Fake,
    destination: Fake,
    ferry: Ferry,
    accounts: Vec<String>,
}

impl Fleet {
    /// Accounts in that order: `unknown-n`, whom the source does not know, and `known-n`.
    fn of(unknown: usize, known: usize) -> Fleet {
        let (source, destination) = (Fake::start(), Fake::start());
        let side = |fake: &Fake| Side::in_clear_text(fake.port());
        let mut ferry = Ferry::new(side(&source), side(&destination));
        let names = |stem: &'static str, count| (0..count).map(move |number| format!("{stem}-{number}"));
        let accounts: Vec<String> = names("unknown", unknown).chain(names("known", known)).collect();
        for name in &accounts {
            ferry = ferry.with_account(&User::named(name));
            source.tenant(name).account().fill(MAIL);
        }
        let fleet = Fleet { source, destination, ferry, accounts };
        fleet.shut("unknown", VAGUE);
        fleet
    }

    /// The source answers the logins of those accounts so from now on.
    fn shut(&self, stem: &str, answer: &str) {
        let shut = self.accounts.iter().filter(|name| name.starts_with(stem));
        shut.for_each(|name| self.source.tenant(name).behave(Behaviour::honest().shut(answer)));
    }

    fn sync(&self, accounts: &[&str], code: i32) -> Output {
        self.ferry.run(&[&["sync", "--jobs", "4", "--progress", "plain"], accounts].concat()).expect(code)
    }

    #[track_caller]
    fn assert_all_arrived(&self, stem: &str) {
        for name in self.accounts.iter().filter(|name| name.starts_with(stem)) {
            let arrived = self.destination.tenant(name).account().find(b"INBOX").map(|inbox| inbox.messages.len());
            assert_eq!(arrived, Some(2), "{name}");
        }
    }
}

/// How many accounts' logins were refused.
fn refused(output: &Output) -> usize {
    output.stderr.lines().filter(|line| line.starts_with("failed: ") && line.contains("could not log in")).count()
}

#[test]
fn accounts_that_a_server_does_not_know_stop_nobody_else() {
    let fleet = Fleet::of(2, 4);
    let output = fleet.sync(&[], 3);
    assert_eq!(refused(&output), 2, "{output}");
    fleet.assert_all_arrived("known");
    tally::count(1);
}

#[test]
fn login_that_is_refused_for_three_accounts_and_good_for_none_is_not_tried_again() {
    let fleet = Fleet::of(3, 4);
    let output = fleet.sync(&[], 4).complains(&["not tried", "refused for three accounts"]);
    assert_eq!(refused(&output), 3, "{output}");
    tally::count(1);
}

/// The state knows whom the login was good for.
#[test]
fn login_that_was_good_before_is_not_wrong_because_of_unknown_accounts() {
    let fleet = Fleet::of(5, 4);
    fleet.sync(&["known-0", "known-1", "known-2", "known-3"], 0);
    let output = fleet.sync(&[], 3);
    assert_eq!(refused(&output), 5, "{output}");
    // But it is wrong where those are refused whom it was good for.
    fleet.shut("known", VAGUE);
    let output = fleet.sync(&[], 4).complains(&["not tried"]);
    assert_eq!(refused(&output), 5 + 3, "{output}");
    tally::count(1);
}
