//! What is known of a run, for those who look on from outside. An event costs O(1), however many accounts there are.
//!
//! Invariants:
//! 1. Counts are kept as events come: they are what a walk over all accounts would find.
//! 2. What is kept is bounded by the number of accounts: notices are the last ones, of changes a few seconds are known.

use super::changes::{Changed, Changes};
use super::cutover::Cutover;
use super::rows::{Enrolled, Rows, Wanted, Work};
use crate::error::{Error, made_harmless};
use crate::model::notify::News;
use crate::model::report::StatusSummary;
use serde_json::{Value, json};
use std::collections::{BTreeSet, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The form of what is told: raised when a field changes its meaning or goes.
pub const SCHEMA: u32 = 1;

/// Notices that are kept, the last ones.
const NOTICES: usize = 50;

/// Between two reckonings of what a cutover would take, which cost a walk over all accounts.
const RECKONING_SECONDS: u64 = 10;

/// Seconds over which the rate is told.
const RATE_SECONDS: usize = 30;

/// Which run it is.
#[derive(Clone, Debug)]
pub struct Run {
    /// Different for each start of the program.
    pub id: String,
    /// `sync`.
    pub command: String,
    /// Seconds since 1970.
    pub started: i64,
}

/// Where the run is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    Working,
    /// Between two rounds of a watch: the next one begins then, in seconds since 1970.
    Resting(i64),
    /// With this exit status.
    Ended(u8),
}

/// Sums over all accounts of the round.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Totals {
    pub ended: u64,
    pub failures: u64,
    pub messages: u64,
    pub octets: u64,
    /// The same with what earlier runs did of it and what is on its way, in messages and octets.
    pub so_far: (u64, u64),
    /// What there is to do in all, as far as it is known, and whether that is all.
    pub whole: Option<(u64, u64, bool)>,
    pub listed: u64,
    pub seconds: f64,
    /// Between 0 and 1.
    pub share: f64,
    /// At the pace so far; `None` until there is one.
    pub seconds_left: Option<f64>,
}

/// Something that was said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Notice {
    pub at: i64,
    pub account: String,
    pub text: String,
    pub is_failure: bool,
}

/// Shared by all who tell and all who look.
pub struct Watch {
    state: Mutex<State>,
    second: Condvar,
}

pub(super) struct State {
    pub(super) run: Run,
    pub(super) stage: Stage,
    pub(super) rounds: u64,
    pub(super) rows: Rows,
    pub(super) totals: Totals,
    /// Of the rounds before.
    pub(super) sums: Totals,
    pub(super) last_success: Option<i64>,
    /// Accounts worked on at the same time.
    jobs: usize,
    /// As it was reckoned last, and how many seconds ago.
    pub(super) cutover: (Option<Cutover>, u64),
    changes: Changes,
    /// Accounts whose standing is to be asked for.
    unsettled: BTreeSet<u32>,
    pub(super) notices: VecDeque<Notice>,
    /// What those are to be told who are not looking.
    news: Vec<News>,
    octets: VecDeque<u64>,
    closed: bool,
}

impl Watch {
    /// Of a run that has not begun with any account.
    pub fn new(run: Run) -> Watch {
        let state = State {
            run,
            stage: Stage::Working,
            rounds: 0,
            rows: Rows::default(),
            totals: Totals::default(),
            sums: Totals::default(),
            last_success: None,
            jobs: 1,
            cutover: (None, 0),
            changes: Changes::default(),
            unsettled: BTreeSet::new(),
            notices: VecDeque::new(),
            news: Vec::new(),
            octets: VecDeque::new(),
            closed: false,
        };
        Watch { state: Mutex::new(state), second: Condvar::new() }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A round over these accounts begins, so many of them at the same time.
    pub fn begin(&self, accounts: Vec<Enrolled>, jobs: usize) {
        let mut state = self.state();
        state.jobs = jobs;
        let State { sums, totals, .. } = &mut *state;
        sums.add(totals);
        state.totals = Totals::default();
        (state.stage, state.rounds) = (Stage::Working, state.rounds + 1);
        state.octets.clear();
        if !state.rows.are(&accounts) {
            state.rows.follow(accounts);
        }
        let all = 0..u32::try_from(state.rows.count()).unwrap_or(u32::MAX);
        state.unsettled = all.collect();
    }

    /// Where the run is from now on.
    pub fn turn(&self, stage: Stage) {
        let mut state = self.state();
        state.stage = stage;
        state.reckon();
    }

    /// A round ended with nothing left to say.
    pub fn succeed(&self) {
        self.state().last_success = Some(now());
    }

    /// An account is at work, or has come further.
    pub fn works(&self, account: &str, work: Work) {
        self.change(account, |rows, number| rows.works(number, work));
    }

    /// An account is done.
    pub fn rests(&self, account: &str) {
        self.change(account, Rows::rests);
        let mut state = self.state();
        if let Some(number) = state.rows.number(account) {
            state.unsettled.insert(number);
        }
    }

    fn change(&self, account: &str, how: impl FnOnce(&mut Rows, u32)) {
        let mut state = self.state();
        if let Some(number) = state.rows.number(account) {
            how(&mut state.rows, number);
            state.changes.add(number);
        }
    }

    /// Something is to be known of an account.
    pub fn notice(&self, account: &str, text: &str) {
        self.note(Notice { at: now(), account: made_harmless(account), text: made_harmless(text), is_failure: false });
    }

    /// Something failed.
    pub fn failure(&self, account: &str, error: &Error) {
        let text = made_harmless(&error.line_within_account());
        self.note(Notice { at: now(), account: made_harmless(account), text, is_failure: true });
    }

    fn note(&self, notice: Notice) {
        let mut state = self.state();
        state.notices.push_back(notice);
        if state.notices.len() > NOTICES {
            state.notices.pop_front();
        }
    }

    /// The sums have come to this.
    pub fn total(&self, totals: Totals) {
        self.state().totals = totals;
    }

    /// Names of accounts whose standing is to be asked for, so many at most. Who takes them asks.
    pub fn take_unsettled(&self, most: usize) -> Vec<String> {
        let mut state = self.state();
        let taken: Vec<u32> = std::iter::from_fn(|| state.unsettled.pop_first()).take(most).collect();
        taken.iter().filter_map(|number| state.rows.name(*number)).map(str::to_owned).collect()
    }

    /// Nobody answered: they are to be asked for still.
    pub fn unsettle(&self, accounts: &[String]) {
        let mut state = self.state();
        let numbers: Vec<u32> = accounts.iter().filter_map(|name| state.rows.number(name)).collect();
        state.unsettled.extend(numbers);
    }

    /// How these accounts stand.
    pub fn settle(&self, summaries: &[StatusSummary]) {
        let mut state = self.state();
        let State { rows, changes, news, .. } = &mut *state;
        for summary in summaries {
            let Some(number) = rows.number(&summary.account) else { continue };
            news.extend(rows.stands(number, summary));
            changes.add(number);
        }
    }

    /// What happened to accounts since the last call, for those who are not looking.
    pub fn take_news(&self) -> Vec<News> {
        std::mem::take(&mut self.state().news)
    }

    /// A second is over: who looks on is told what changed in it.
    pub fn tick(&self) {
        let mut state = self.state();
        state.changes.tick();
        state.cutover.1 += 1;
        if state.cutover.1 >= RECKONING_SECONDS {
            state.reckon();
        }
        let State { rows, news, .. } = &mut *state;
        news.extend(rows.waves.news(now()));
        let octets = state.totals.octets;
        state.octets.push_back(octets);
        if state.octets.len() > RATE_SECONDS + 1 {
            state.octets.pop_front();
        }
        drop(state);
        self.second.notify_all();
    }

    /// Nothing more will happen: who waits is woken.
    pub fn close(&self) {
        self.state().closed = true;
        self.tick();
    }

    pub fn is_closed(&self) -> bool {
        self.state().closed
    }

    /// Waits until seconds after that one are over, or no longer than this. The last one, and whether nothing more comes.
    pub(super) fn wait(&self, after: u64, patience: Duration) -> (u64, bool) {
        let still = |state: &mut State| state.changes.ticks() <= after && !state.closed;
        let waited = self.second.wait_timeout_while(self.state(), patience, still);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        (state.changes.ticks(), state.closed)
    }

    /// Waits so long, or until the watch is closed.
    pub(super) fn sleep(&self, length: Duration) {
        let until = Instant::now() + length;
        let mut state = self.state();
        while !state.closed {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.second.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Those of the accounts that are wanted.
    pub(super) fn accounts(&self, wanted: &Wanted) -> Value {
        let state = self.state();
        let (accounts, count) = state.rows.wanted(wanted);
        json!({ "schema": SCHEMA, "run": state.run.id, "offset": wanted.offset, "count": count, "accounts": accounts })
    }

    /// The name of the account with that number.
    pub(super) fn name(&self, number: u32) -> Option<String> {
        self.state().rows.name(number).map(str::to_owned)
    }

    /// What a cutover of that account would take now; null where too little is known of it.
    pub(super) fn cutover_of(&self, number: u32) -> Value {
        json!(self.state().rows.cutover_of(number, now()))
    }

    /// The accounts that changed in the seconds after that one.
    pub(super) fn since(&self, tick: u64) -> Value {
        let state = self.state();
        match state.changes.since(tick) {
            Changed::Many => json!({ "many": true, "accounts": [] }),
            Changed::These(numbers) => {
                let accounts: Vec<Value> = numbers.into_iter().filter_map(|number| state.rows.told(number)).collect();
                json!({ "many": false, "accounts": accounts })
            }
        }
    }
}

impl State {
    fn reckon(&mut self) {
        self.cutover = (self.rows.cutover(self.jobs, now()), 0);
    }

    /// Octets a second, over the last seconds.
    pub(super) fn rate(&self) -> f64 {
        let (Some(first), Some(last)) = (self.octets.front(), self.octets.back()) else { return 0.0 };
        last.saturating_sub(*first) as f64 / (self.octets.len() - 1).max(1) as f64
    }
}

impl Totals {
    fn add(&mut self, other: &Totals) {
        self.ended += other.ended;
        self.failures += other.failures;
        self.messages += other.messages;
        self.octets += other.octets;
        self.listed += other.listed;
        self.seconds += other.seconds;
    }
}

/// Seconds since 1970.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    i64::try_from(since).unwrap_or(i64::MAX)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::serve::rows::tests::enrolled;

    pub(in crate::serve) fn watch(accounts: &[&str]) -> Watch {
        let watch = Watch::new(Run { id: "7-1".to_owned(), command: "sync".to_owned(), started: 1 });
        watch.begin(accounts.iter().map(|name| enrolled(name, None)).collect(), 1);
        watch
    }

    #[test]
    fn accounts_are_asked_for_when_a_round_begins_and_when_they_end() {
        let watch = watch(&["alice", "bob"]);
        assert_eq!(watch.take_unsettled(9), ["alice", "bob"]);
        assert!(watch.take_unsettled(9).is_empty(), "they are being asked for");
        watch.rests("bob");
        watch.rests("nobody");
        assert_eq!(watch.take_unsettled(9), ["bob"]);
        watch.unsettle(&["alice".to_owned()]);
        assert_eq!(watch.take_unsettled(9), ["alice"]);
    }

    /// Holds serve/watch.rs invariant 2.
    #[test]
    fn notices_are_bounded() {
        let watch = watch(&[]);
        (0..1000).for_each(|number| watch.notice("alice", &number.to_string()));
        let board = watch.board();
        let notices = board["notices"].as_array().unwrap();
        assert_eq!((notices.len(), &notices[0]["text"]), (NOTICES, &json!("999")));
    }

    #[test]
    fn who_waits_is_woken_when_the_watch_closes() {
        let watch = watch(&[]);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| watch.wait(u64::MAX, Duration::from_secs(3600)));
            let sleeping = scope.spawn(|| watch.sleep(Duration::from_secs(3600)));
            watch.close();
            assert!(waiting.join().unwrap().1);
            sleeping.join().unwrap();
        });
    }
}
