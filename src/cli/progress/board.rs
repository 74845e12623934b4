//! What is known of a run while it goes on. It shows nothing and has no clock: the time is handed in.

use crate::error::made_harmless;
use crate::model::amount::grow;
use crate::pipeline::{Event, Phase};
use crate::report::quantity::{counted, duration, number, octet_rate, octets};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// All accounts of a run.
pub struct Board {
    pub accounts: usize,
    pub ended: usize,
    pub failures: u64,
    begun: Instant,
    moved: Amount,
    listed: u64,
    at_work: BTreeMap<String, Work>,
}

/// What one account is being taken through.
pub struct Work {
    pub phase: Phase,
    /// The mailbox last heard of; harmless to show.
    pub mailbox: String,
    pub done: Amount,
    /// What the phase has to do; zero where it is not known.
    pub whole: Amount,
    begun: Instant,
}

/// Messages and their octets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Amount {
    pub messages: u64,
    pub octets: u64,
}

impl Amount {
    fn add(&mut self, messages: u64, octets: u64) {
        self.messages += messages;
        grow(&mut self.octets, octets);
    }
}

impl Board {
    /// Before anything has happened.
    pub fn new(accounts: usize, now: Instant) -> Self {
        Board {
            accounts,
            ended: 0,
            failures: 0,
            begun: now,
            moved: Amount::default(),
            listed: 0,
            at_work: BTreeMap::new(),
        }
    }

    /// Takes note of an event.
    pub fn note(&mut self, event: &Event<'_>, now: Instant) {
        match *event {
            Event::Began { account, phase, messages, octets } => {
                let whole = Amount { messages, octets };
                let work = Work { phase, mailbox: String::new(), done: Amount::default(), whole, begun: now };
                self.at_work.insert(account.to_owned(), work);
            }
            Event::Advanced { account, mailbox, messages, octets } => self.advance(account, mailbox, messages, octets),
            Event::Failed { .. } => self.failures += 1,
            Event::Ended { .. } => self.ended += 1,
            Event::Noticed { .. } => {}
        }
    }

    fn advance(&mut self, account: &str, mailbox: &str, messages: u64, octets: u64) {
        let Some(work) = self.at_work.get_mut(account) else { return };
        work.done.add(messages, octets);
        let mailbox = made_harmless(mailbox);
        if work.mailbox != mailbox {
            work.mailbox = mailbox;
        }
        match work.phase {
            Phase::Copying | Phase::Verifying => self.moved.add(messages, octets),
            Phase::Connecting | Phase::Scanning | Phase::Planning => self.listed += messages,
        }
    }

    /// Lets go of an account that has ended, once that was shown.
    pub fn forget_ended(&mut self, event: &Event<'_>) {
        if let Event::Ended { account } = event {
            self.at_work.remove(*account);
        }
    }

    /// Every account at work, by name.
    pub fn at_work(&self) -> impl Iterator<Item = (&str, &Work)> {
        self.at_work.iter().map(|(name, work)| (name.as_str(), work))
    }

    /// What was copied or compared so far.
    pub fn moved(&self) -> Amount {
        self.moved
    }

    /// Messages listed so far.
    pub fn listed(&self) -> u64 {
        self.listed
    }

    /// Seconds since the run began.
    pub fn seconds(&self, now: Instant) -> f64 {
        (now - self.begun).as_secs_f64()
    }

    /// The share of the run that is done: accounts that ended, and parts of those at work. What an account is that was
    /// not begun, nobody knows yet.
    pub fn progress(&self) -> f64 {
        let parts: f64 = self.at_work.values().filter_map(Work::share_of_the_whole).sum();
        if self.accounts == 0 { 0.0 } else { ((self.ended as f64 + parts) / self.accounts as f64).min(1.0) }
    }

    /// As long as the rest takes at the pace so far; `None` while that would jump about.
    pub fn time_left(&self, now: Instant) -> Option<Duration> {
        let (elapsed, done) = (now - self.begun, self.progress());
        if elapsed < SHORTEST_PACE_OF_ALL || done < LEAST_SHARE {
            return None;
        }
        let left = (1.0 - done) / done;
        (left > 0.0).then(|| elapsed.mul_f64(left.min(1e6)))
    }

    /// What the account is doing.
    pub fn work(&self, account: &str) -> Option<&Work> {
        self.at_work.get(account)
    }

    /// `3 of 10 accounts   1,234 messages   48.2 MiB   3.1 MiB/s   2 failures`
    pub fn summary(&self, now: Instant) -> String {
        let mut parts = vec![format!("{} of {}", number(self.ended as u64), counted(self.accounts as u64, "account"))];
        if self.moved.messages > 0 {
            parts.push(counted(self.moved.messages, "message"));
            parts.push(octets(self.moved.octets));
            parts.extend(octet_rate(self.moved.octets, (now - self.begun).as_secs_f64()));
        } else if self.listed > 0 {
            parts.push(format!("{} listed", counted(self.listed, "message")));
        }
        if self.failures > 0 {
            parts.push(counted(self.failures, "failure"));
        }
        parts.join("   ")
    }
}

impl Work {
    /// `copying   1,234 of 5,678 messages   12.3 MiB of 48.2 MiB   2.1 MiB/s   17s left`
    pub fn summary(&self, now: Instant) -> String {
        let mut parts = vec![phase_word(self.phase).to_owned()];
        if self.whole.messages > 0 {
            let (done, whole) = (number(self.done.messages), counted(self.whole.messages, "message"));
            parts.push(format!("{done} of {whole}"));
        } else if self.done.messages > 0 {
            parts.push(counted(self.done.messages, "message"));
        }
        if self.whole.octets > 0 {
            parts.push(format!("{} of {}", octets(self.done.octets), octets(self.whole.octets)));
        }
        if self.done.octets > 0 {
            parts.extend(octet_rate(self.done.octets, (now - self.begun).as_secs_f64()));
        }
        parts.extend(self.time_left(now).map(|left| format!("{} left", duration(left.as_secs_f64()))));
        parts.join("   ")
    }

    /// Seconds since the phase began.
    pub fn seconds(&self, now: Instant) -> f64 {
        (now - self.begun).as_secs_f64()
    }

    /// The share of the phase that is done, where its whole is known.
    pub fn share(&self) -> Option<f64> {
        let (done, whole) = self.measure();
        (whole > 0).then(|| (done as f64 / whole as f64).min(1.0))
    }

    /// The share of the account's work that is done: copying and verifying are nearly all of it.
    fn share_of_the_whole(&self) -> Option<f64> {
        self.share().filter(|_| matches!(self.phase, Phase::Copying | Phase::Verifying))
    }

    /// Done and whole in what tells most: octets, or else messages.
    fn measure(&self) -> (u64, u64) {
        match self.whole.octets {
            0 => (self.done.messages, self.whole.messages),
            octets => (self.done.octets, octets),
        }
    }

    /// As long as the rest takes at the pace so far. `None` until there is a pace.
    pub fn time_left(&self, now: Instant) -> Option<Duration> {
        let elapsed = now - self.begun;
        let (done, whole) = self.measure();
        if done == 0 || elapsed < SHORTEST_PACE {
            return None;
        }
        let left = whole.saturating_sub(done) as f64 / done as f64;
        (left > 0.0).then(|| elapsed.mul_f64(left.min(1e6)))
    }
}

/// A forecast from less than this jumps about.
const SHORTEST_PACE: Duration = Duration::from_secs(2);

/// The same for all accounts.
const SHORTEST_PACE_OF_ALL: Duration = Duration::from_secs(10);
const LEAST_SHARE: f64 = 0.02;

/// What an account in that phase is doing.
pub fn phase_word(phase: Phase) -> &'static str {
    match phase {
        Phase::Connecting => "connecting",
        Phase::Scanning => "scanning",
        Phase::Planning => "planning",
        Phase::Copying => "copying",
        Phase::Verifying => "verifying",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_tells_pace_and_time_left() {
        let start = Instant::now();
        let mut board = Board::new(2, start);
        board.note(&Event::Began { account: "alice", phase: Phase::Copying, messages: 100, octets: 40 << 20 }, start);
        board.note(&Event::Advanced { account: "alice", mailbox: "INBOX", messages: 25, octets: 10 << 20 }, start);
        let now = start + Duration::from_secs(10);
        let expected = "copying   25 of 100 messages   10.0 MiB of 40.0 MiB   1.0 MiB/s   30s left";
        assert_eq!(board.work("alice").unwrap().summary(now), expected);
        assert_eq!(board.summary(now), "0 of 2 accounts   25 messages   10.0 MiB   1.0 MiB/s");
    }

    #[test]
    fn work_without_a_known_whole_counts_up() {
        let start = Instant::now();
        let mut board = Board::new(1, start);
        board.note(&Event::Began { account: "alice", phase: Phase::Scanning, messages: 0, octets: 0 }, start);
        board.note(&Event::Advanced { account: "alice", mailbox: "INBOX", messages: 1234, octets: 0 }, start);
        assert_eq!(board.work("alice").unwrap().summary(start + Duration::from_secs(9)), "scanning   1,234 messages");
        assert_eq!(board.summary(start), "0 of 1 account   1,234 messages listed");
    }

    #[test]
    fn ended_account_is_counted_and_forgotten() {
        let start = Instant::now();
        let mut board = Board::new(1, start);
        board.note(&Event::Began { account: "alice", phase: Phase::Scanning, messages: 0, octets: 0 }, start);
        let ended = Event::Ended { account: "alice" };
        board.note(&ended, start);
        board.forget_ended(&ended);
        assert!(board.work("alice").is_none());
        assert_eq!(board.summary(start), "1 of 1 account");
    }
}
