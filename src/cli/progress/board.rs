//! What is known of a run while it goes on. It shows nothing and has no clock: the time is handed in.

use crate::error::made_harmless;
use crate::model::amount::grow;
use crate::pipeline::{Event, Passing, Phase};
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
    /// What all accounts have to do, where it was known when the run began.
    planned: Option<Amount>,
    /// Where the accounts came to that have ended, and what of that was done before them.
    settled: Amount,
    before: Amount,
    /// The share of all accounts that was done before the run.
    share_before: f64,
}

/// What one account is being taken through.
pub struct Work {
    pub phase: Phase,
    /// The mailbox last heard of; harmless to show.
    pub mailbox: String,
    pub done: Amount,
    /// What the phase has to do, with what was done before it; zero where it is not known.
    pub whole: Amount,
    before: Amount,
    passing: Option<Passing>,
    /// What had passed when something was done last, and how many octets are shown.
    mark: u64,
    shown: u64,
    begun: Instant,
    /// All of the account that counts was done in an earlier phase.
    is_over: bool,
    /// It is shown once more, and counts among those that have ended.
    has_ended: bool,
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

    fn and(mut self, other: Amount) -> Amount {
        self.add(other.messages, other.octets);
        self
    }

    fn less(self, other: Amount) -> Amount {
        let octets = self.octets.saturating_sub(other.octets);
        Amount { messages: self.messages.saturating_sub(other.messages), octets }
    }
}

/// What there is to do in all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whole {
    /// That much.
    Known(Amount),
    /// That much, and what accounts have that were not begun.
    AtLeast(Amount),
}

impl Board {
    /// Before anything has happened.
    pub fn new(accounts: usize, planned: Option<Amount>, now: Instant) -> Self {
        Board {
            accounts,
            ended: 0,
            failures: 0,
            begun: now,
            moved: Amount::default(),
            listed: 0,
            at_work: BTreeMap::new(),
            planned,
            settled: Amount::default(),
            before: Amount::default(),
            share_before: 0.0,
        }
    }

    /// Takes note of an event.
    pub fn note(&mut self, event: &Event<'_>, now: Instant) {
        match *event {
            Event::Began { account, phase, messages, octets } => {
                let whole = Amount { messages, octets };
                let before = self.at_work.insert(account.to_owned(), Work::new(phase, whole, now));
                let is_over = before.as_ref().is_some_and(|before| before.is_over || before.is_counted());
                if let Some(before) = before.filter(Work::is_counted) {
                    self.settled = self.settled.and(before.so_far());
                }
                if let Some(work) = self.at_work.get_mut(account) {
                    work.is_over = is_over && !work.is_counted();
                }
            }
            Event::Resumed { account, messages, octets, passing } => {
                if let Some(work) = self.at_work.get_mut(account) {
                    work.resume(Amount { messages, octets }, passing);
                    self.before = self.before.and(work.before);
                    self.share_before += work.share_of_the_whole().unwrap_or(0.0) / self.accounts.max(1) as f64;
                }
            }
            Event::Advanced { account, mailbox, messages, octets } => self.advance(account, mailbox, messages, octets),
            Event::Failed { .. } => self.failures += 1,
            Event::Ended { account } => {
                self.ended += 1;
                if let Some(work) = self.at_work.get_mut(account) {
                    work.has_ended = true;
                    let done = if work.is_counted() { work.so_far() } else { Amount::default() };
                    self.settled = self.settled.and(done);
                }
            }
            Event::Noticed { .. } => {}
        }
    }

    fn advance(&mut self, account: &str, mailbox: &str, messages: u64, octets: u64) {
        let Some(work) = self.at_work.get_mut(account) else { return };
        work.done.add(messages, octets);
        work.mark = work.passing.as_ref().map_or(0, Passing::octets);
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

    /// Looks what has passed meanwhile of messages that are not whole yet.
    pub fn look(&mut self) {
        self.at_work.values_mut().for_each(Work::look);
    }

    /// What was copied or compared so far.
    pub fn moved(&self) -> Amount {
        self.moved
    }

    /// Where the run is: with what was done before it, and what is on its way.
    pub fn so_far(&self) -> Amount {
        let way = self.at_work.values().map(|work| work.so_far().octets - work.before.octets - work.done.octets);
        self.moved.and(self.before).and(Amount { messages: 0, octets: way.sum() })
    }

    /// What there is to do in all, as far as it is known; `None` as long as nothing is.
    pub fn whole(&self) -> Option<Whole> {
        if let Some(planned) = self.planned {
            return Some(Whole::Known(planned)).filter(|_| planned != Amount::default());
        }
        let at_work = || self.at_work.values().filter(|work| !work.has_ended);
        let over = at_work().filter(|work| work.is_over).count();
        let counted = at_work().filter(|work| work.is_counted());
        let (known, whole) =
            counted.fold((self.ended + over, self.settled), |(count, sum), work| (count + 1, sum.and(work.whole)));
        let told = if known < self.accounts { Whole::AtLeast } else { Whole::Known };
        (whole != Amount::default()).then_some(told(whole))
    }

    /// Messages listed so far.
    pub fn listed(&self) -> u64 {
        self.listed
    }

    /// Seconds since the run began.
    pub fn seconds(&self, now: Instant) -> f64 {
        (now - self.begun).as_secs_f64()
    }

    /// The share of the run that is done: of what was planned; else accounts that ended, and parts of those at work. What an
    /// account is that was not begun, nobody knows then.
    pub fn progress(&self) -> f64 {
        if let Some(planned) = self.planned.filter(|planned| planned.octets > 0) {
            return (self.so_far().octets as f64 / planned.octets as f64).min(1.0);
        }
        let at_work = self.at_work.values().filter(|work| !work.has_ended);
        let parts: f64 = at_work.filter_map(Work::share_of_the_whole).sum();
        if self.accounts == 0 { 0.0 } else { ((self.ended as f64 + parts) / self.accounts as f64).min(1.0) }
    }

    /// As long as the rest takes at the pace so far; `None` while that would jump about.
    pub fn time_left(&self, now: Instant) -> Option<Duration> {
        let (elapsed, done) = (now - self.begun, self.progress());
        let before = match self.planned.filter(|planned| planned.octets > 0) {
            Some(planned) => self.before.octets as f64 / planned.octets as f64,
            None => self.share_before,
        };
        if elapsed < SHORTEST_PACE_OF_ALL || done - before < LEAST_SHARE {
            return None;
        }
        let left = (1.0 - done) / (done - before);
        (left > 0.0).then(|| elapsed.mul_f64(left.min(1e6)))
    }

    /// What the account is doing.
    pub fn work(&self, account: &str) -> Option<&Work> {
        self.at_work.get(account)
    }

    /// `3 of 10 accounts   1,234 messages   48.2 MiB   3.1 MiB/s   2 failures`
    pub fn summary(&self, now: Instant) -> String {
        let mut parts = vec![format!("{} of {}", number(self.ended as u64), counted(self.accounts as u64, "account"))];
        let (so_far, whole) = (self.so_far(), self.whole());
        if so_far.messages > 0 {
            parts.push(messages_of(so_far, whole));
            parts.push(octets_of(so_far, whole));
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

/// `1,234 of at least 5,678 messages`
pub fn messages_of(so_far: Amount, whole: Option<Whole>) -> String {
    match whole {
        Some(Whole::Known(whole)) if whole.messages >= so_far.messages => {
            format!("{} of {}", number(so_far.messages), counted(whole.messages, "message"))
        }
        Some(Whole::AtLeast(whole)) if whole.messages >= so_far.messages => {
            format!("{} of at least {}", number(so_far.messages), counted(whole.messages, "message"))
        }
        _ => counted(so_far.messages, "message"),
    }
}

/// `12.3 MiB of at least 48.2 MiB`
pub fn octets_of(so_far: Amount, whole: Option<Whole>) -> String {
    match whole {
        Some(Whole::Known(whole)) if whole.octets >= so_far.octets => {
            format!("{} of {}", octets(so_far.octets), octets(whole.octets))
        }
        Some(Whole::AtLeast(whole)) if whole.octets >= so_far.octets => {
            format!("{} of at least {}", octets(so_far.octets), octets(whole.octets))
        }
        _ => octets(so_far.octets),
    }
}

impl Work {
    fn new(phase: Phase, whole: Amount, now: Instant) -> Work {
        let (mailbox, none) = (String::new(), Amount::default());
        Work {
            phase,
            mailbox,
            done: none,
            whole,
            before: none,
            passing: None,
            mark: 0,
            shown: 0,
            begun: now,
            is_over: false,
            has_ended: false,
        }
    }

    fn resume(&mut self, before: Amount, passing: &Passing) {
        self.whole = self.whole.and(before);
        self.before = before;
        self.mark = passing.octets();
        self.passing = Some(passing.clone());
    }

    fn look(&mut self) {
        if let Some(passing) = &self.passing {
            self.show_on_its_way(passing.octets().saturating_sub(self.mark));
        }
    }

    /// So many octets have passed since something was done last. They never count twice, and what was shown is not taken
    /// back.
    fn show_on_its_way(&mut self, octets: u64) {
        let room = self.whole.less(self.before).octets;
        self.shown = self.shown.max(self.done.octets.saturating_add(octets).min(room));
    }

    /// Where the account is: with what was done before the phase, and what is on its way.
    pub fn so_far(&self) -> Amount {
        let octets = self.done.octets.max(self.shown);
        self.before.and(Amount { messages: self.done.messages, octets })
    }

    /// Whether octets of it have passed whose message is not whole yet.
    pub fn is_on_its_way(&self) -> bool {
        self.shown > self.done.octets
    }

    /// Whether what it does counts: nearly all of an account's work.
    fn is_counted(&self) -> bool {
        matches!(self.phase, Phase::Copying | Phase::Verifying)
    }

    /// `copying   1,234 of 5,678 messages   12.3 MiB of 48.2 MiB   2.1 MiB/s   17s left`
    pub fn summary(&self, now: Instant) -> String {
        let mut parts = vec![phase_word(self.phase).to_owned()];
        let so_far = self.so_far();
        if self.whole.messages > 0 {
            parts.push(messages_of(so_far, Some(Whole::Known(self.whole))));
        } else if self.done.messages > 0 {
            parts.push(counted(self.done.messages, "message"));
        }
        if self.whole.octets > 0 {
            parts.push(octets_of(so_far, Some(Whole::Known(self.whole))));
        }
        parts.extend(self.rate(now));
        parts.extend(self.time_left(now).map(|left| format!("{} left", duration(left.as_secs_f64()))));
        parts.join("   ")
    }

    /// Octets a second since the phase began, told; `None` before the first.
    pub fn rate(&self, now: Instant) -> Option<String> {
        let moved = self.so_far().less(self.before).octets;
        octet_rate(moved, (now - self.begun).as_secs_f64()).filter(|_| moved > 0)
    }

    /// The share of the phase that is done, where its whole is known.
    pub fn share(&self) -> Option<f64> {
        let (done, whole) = self.measure();
        (whole > 0).then(|| (done as f64 / whole as f64).min(1.0))
    }

    /// The share of the account's work that is done: copying and verifying are nearly all of it.
    fn share_of_the_whole(&self) -> Option<f64> {
        if self.is_over {
            return Some(1.0);
        }
        self.share().filter(|_| self.is_counted())
    }

    /// Done and whole in what tells most: octets, or else messages.
    fn measure(&self) -> (u64, u64) {
        match self.whole.octets {
            0 => (self.so_far().messages, self.whole.messages),
            octets => (self.so_far().octets, octets),
        }
    }

    /// As long as the rest takes at the pace so far. `None` until there is a pace.
    pub fn time_left(&self, now: Instant) -> Option<Duration> {
        let elapsed = now - self.begun;
        let (so_far, whole) = self.measure();
        let before = if self.whole.octets == 0 { self.before.messages } else { self.before.octets };
        let done = so_far.saturating_sub(before);
        if done == 0 || elapsed < SHORTEST_PACE {
            return None;
        }
        let left = whole.saturating_sub(so_far) as f64 / done as f64;
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
        let mut board = Board::new(2, None, start);
        board.note(&Event::Began { account: "alice", phase: Phase::Copying, messages: 100, octets: 40 << 20 }, start);
        board.note(&Event::Advanced { account: "alice", mailbox: "INBOX", messages: 25, octets: 10 << 20 }, start);
        let now = start + Duration::from_secs(10);
        let expected = "copying   25 of 100 messages   10.0 MiB of 40.0 MiB   1.0 MiB/s   30s left";
        assert_eq!(board.work("alice").unwrap().summary(now), expected);
        assert_eq!(
            board.summary(now),
            "0 of 2 accounts   25 of at least 100 messages   10.0 MiB of at least 40.0 MiB   1.0 MiB/s"
        );
    }

    #[test]
    fn work_without_a_known_whole_counts_up() {
        let start = Instant::now();
        let mut board = Board::new(1, None, start);
        board.note(&Event::Began { account: "alice", phase: Phase::Scanning, messages: 0, octets: 0 }, start);
        board.note(&Event::Advanced { account: "alice", mailbox: "INBOX", messages: 1234, octets: 0 }, start);
        assert_eq!(board.work("alice").unwrap().summary(start + Duration::from_secs(9)), "scanning   1,234 messages");
        assert_eq!(board.summary(start), "0 of 1 account   1,234 messages listed");
    }

    fn began(account: &str, messages: u64) -> Event<'_> {
        Event::Began { account, phase: Phase::Copying, messages, octets: messages << 20 }
    }

    fn advanced(messages: u64) -> Event<'static> {
        Event::Advanced { account: "alice", mailbox: "INBOX", messages, octets: messages << 20 }
    }

    #[test]
    fn run_that_goes_on_begins_at_what_was_done_and_its_pace_is_its_own() {
        let start = Instant::now();
        let mut board = Board::new(1, None, start);
        board.note(&began("alice", 115), start);
        let passing = Passing::default();
        board.note(&Event::Resumed { account: "alice", messages: 285, octets: 285 << 20, passing: &passing }, start);
        board.note(&advanced(15), start);
        let now = start + Duration::from_secs(15);
        let expected = "copying   300 of 400 messages   300.0 MiB of 400.0 MiB   1.0 MiB/s   1m 40s left";
        assert_eq!(board.work("alice").unwrap().summary(now), expected);
        let whole = Amount { messages: 400, octets: 400 << 20 };
        assert_eq!((board.whole(), board.progress()), (Some(Whole::Known(whole)), 0.75));
        let left = board.time_left(now).unwrap().as_secs_f64();
        assert!((left - 100.0).abs() < 1e-6, "{left}");
    }

    #[test]
    fn whole_is_known_once_every_account_was_begun_or_by_the_plan() {
        let start = Instant::now();
        let mut board = Board::new(3, None, start);
        assert_eq!(board.whole(), None);
        board.note(&began("alice", 4), start);
        board.note(&advanced(1), start);
        let ended = Event::Ended { account: "alice" };
        board.note(&ended, start);
        board.forget_ended(&ended);
        board.note(&began("bob", 6), start);
        assert_eq!(messages_of(board.so_far(), board.whole()), "1 of at least 7 messages");
        assert_eq!(octets_of(board.so_far(), board.whole()), "1.0 MiB of at least 7.0 MiB");
        board.note(&Event::Ended { account: "carol" }, start);
        assert_eq!(messages_of(board.so_far(), board.whole()), "1 of 7 messages");

        let planned = Amount { messages: 40, octets: 40 << 20 };
        let mut board = Board::new(9, Some(planned), start);
        board.note(&began("alice", 20), start);
        board.note(&advanced(10), start);
        assert_eq!(
            (messages_of(board.so_far(), board.whole()).as_str(), board.progress()),
            ("10 of 40 messages", 0.25)
        );
    }

    #[test]
    fn what_was_copied_counts_while_the_account_is_looked_at_once_more() {
        let start = Instant::now();
        let mut board = Board::new(2, None, start);
        board.note(&began("alice", 4), start);
        board.note(&advanced(4), start);
        board.note(&Event::Began { account: "alice", phase: Phase::Scanning, messages: 0, octets: 0 }, start);
        assert_eq!(messages_of(board.so_far(), board.whole()), "4 of at least 4 messages");
        assert_eq!(board.progress(), 0.5);
        board.note(&Event::Ended { account: "alice" }, start);
        assert_eq!(messages_of(board.so_far(), board.whole()), "4 of at least 4 messages");
    }

    #[test]
    fn octets_count_within_a_message_and_only_once() {
        let start = Instant::now();
        let mut board = Board::new(1, None, start);
        board.note(&began("alice", 10), start);
        board.note(&advanced(2), start);
        let work = board.at_work.get_mut("alice").unwrap();
        work.show_on_its_way(3 << 20);
        assert_eq!((work.so_far().octets >> 20, work.so_far().messages), (5, 2));
        board.note(&advanced(4), start);
        assert_eq!(board.so_far().octets >> 20, 6, "they are whole now");
        let work = board.at_work.get_mut("alice").unwrap();
        work.show_on_its_way(100 << 20);
        assert_eq!(board.so_far().octets >> 20, 10, "a line carries more than messages");
        board.note(&advanced(4), start);
        assert_eq!((board.so_far().octets >> 20, board.moved().octets >> 20), (10, 10));
    }

    #[test]
    fn ended_account_is_counted_and_forgotten() {
        let start = Instant::now();
        let mut board = Board::new(1, None, start);
        board.note(&Event::Began { account: "alice", phase: Phase::Scanning, messages: 0, octets: 0 }, start);
        let ended = Event::Ended { account: "alice" };
        board.note(&ended, start);
        board.forget_ended(&ended);
        assert!(board.work("alice").is_none());
        assert_eq!(board.summary(start), "1 of 1 account");
    }
}
