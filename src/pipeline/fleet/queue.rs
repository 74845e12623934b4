//! Whose turn it is: the accounts in their order, each as soon as both of its servers have room for one more.
//!
//! 1. Never more accounts at once on a server than it has connections: so every account gets its first pair of sessions,
//!    and none waits for another that waits for it.
//! 2. A server whose accounts share a master login is entered by one account first, and after a refusal by one more: a wrong
//!    password is then found with few logins, and not by every job at the same time.
//! 3. Accounts that are merged into one have their turns one after the other: what lands in their mailbox is one account's at a
//!    time.
//! 4. Accounts of a server that has no room do not stand in the way of the others; nor do those of a wave, or of a kind of
//!    work, of which enough are worked on.

use super::order::{Work, ranks, standings};
use super::rooms::Rooms;
use crate::engine::Connector;
use crate::model::{Account, ServerId, Side};
use crate::pipeline::Migration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Condvar, Mutex, PoisonError};

/// The accounts whose turn has not come.
pub struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// Accounts by their numbers, those for which the same has to be free in one line.
    lines: BTreeMap<Line, VecDeque<usize>>,
    /// By the numbers of the accounts.
    entries: Vec<Entry>,
    rooms: Rooms,
    /// Waves that bound how many of theirs are worked on, and kinds of work that are bounded.
    bounds: BTreeMap<Bound, Bounded>,
}

/// In which line an account stands, and where.
#[derive(Clone)]
struct Entry {
    line: Line,
    rank: usize,
}

/// What has to be free for an account.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    servers: [ServerId; 2],
    bounds: Vec<Bound>,
}

/// Of what only so many accounts are worked on at once.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Bound {
    Wave(String),
    Work(Work),
    /// A user of a destination whom several accounts are merged into.
    Meeting(ServerId, String),
}

struct Bounded {
    most: usize,
    taken: usize,
}

impl Queue {
    pub fn new(migration: &Migration) -> Queue {
        let standings = standings(migration);
        let works: Vec<Work> = standings.iter().map(|standing| standing.work).collect();
        let bounds = bounds(migration);
        let bounds = bounds.into_iter().chain(meetings(&migration.accounts)).collect();
        let entries = entries(&migration.accounts, &works, &ranks(&standings), &bounds);
        Queue { state: Mutex::new(State::new(entries, Rooms::of(&migration.servers), bounds)), changed: Condvar::new() }
    }

    /// The number of the next account; `None` when all have had their turn. Waits while no server has room.
    pub fn take(&self) -> Option<usize> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if state.lines.is_empty() {
                return None;
            }
            if let Some(number) = state.take() {
                state.seat(number);
                return Some(number);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// An account is done.
    pub fn leave(&self, number: usize) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.unseat(number);
        for server in state.entries[number].line.servers {
            state.rooms.note_end_of_scout(server);
        }
        self.changed.notify_all();
    }

    /// An account gave its turn up: it comes first when there is room again.
    pub fn put_back(&self, number: usize) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.unseat(number);
        let line = state.entries[number].line.clone();
        state.lines.entry(line).or_default().push_front(number);
        self.changed.notify_all();
    }

    /// Accounts that have another turn when all had theirs.
    pub fn refill(&self, numbers: &[usize]) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        numbers.iter().for_each(|number| state.append(*number));
    }

    /// Whether more accounts are on that server than it turns out to have connections for; no more are let in.
    pub fn is_crowded(&self, server: ServerId, connectors: &[Connector]) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.rooms.look(connectors);
        state.rooms.is_crowded(server)
    }

    /// The master login was refused there, which may be the account's own fault: the next one goes alone, too.
    pub fn doubt(&self, server: ServerId) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).rooms.doubt(server);
    }

    /// Somebody has logged in there, or nobody is to try any more.
    pub fn let_others_follow(&self, server: ServerId) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.rooms.let_others_follow(server);
        self.changed.notify_all();
    }
}

/// What is bounded, and to how many.
fn bounds(migration: &Migration) -> BTreeMap<Bound, Bounded> {
    let waves = migration.accounts.iter().filter_map(|account| account.wave.as_ref());
    let waves = waves.filter_map(|wave| Some((Bound::Wave(wave.name.clone()), wave.jobs?)));
    let works = migration
        .resync_jobs
        .map(|jobs| [(Bound::Work(Work::FirstCopy), migration.jobs), (Bound::Work(Work::Resync), jobs)]);
    let all = waves.chain(works.into_iter().flatten());
    all.map(|(bound, most)| (bound, Bounded { most, taken: 0 })).collect()
}

/// One at a time of those that are merged into one.
fn meetings(accounts: &[Account]) -> BTreeMap<Bound, Bounded> {
    let met = accounts.iter().filter_map(meeting);
    met.map(|bound| (bound, Bounded { most: 1, taken: 0 })).collect()
}

fn meeting(account: &Account) -> Option<Bound> {
    let is_merged = !account.policy.mailboxes.companions.is_empty();
    is_merged.then(|| Bound::Meeting(account.server(Side::Destination), account.destination_user.to_lowercase()))
}

fn entries(accounts: &[Account], works: &[Work], ranks: &[usize], bounds: &BTreeMap<Bound, Bounded>) -> Vec<Entry> {
    let entry = |((account, work), rank): ((&Account, &Work), &usize)| {
        let wave = account.wave.as_ref().map(|wave| Bound::Wave(wave.name.clone()));
        let own = wave.into_iter().chain([Bound::Work(*work)]).chain(meeting(account));
        let own = own.filter(|bound| bounds.contains_key(bound));
        Entry { line: Line { servers: account.servers, bounds: own.collect() }, rank: *rank }
    };
    accounts.iter().zip(works).zip(ranks).map(entry).collect()
}

impl State {
    fn new(entries: Vec<Entry>, rooms: Rooms, bounds: BTreeMap<Bound, Bounded>) -> State {
        let mut numbers: Vec<usize> = (0..entries.len()).collect();
        numbers.sort_by_key(|number| entries[*number].rank);
        let mut state = State { lines: BTreeMap::new(), entries, rooms, bounds };
        numbers.into_iter().for_each(|number| state.append(number));
        state
    }

    fn append(&mut self, number: usize) {
        self.lines.entry(self.entries[number].line.clone()).or_default().push_back(number);
    }

    /// The first account for which all is free.
    fn take(&mut self) -> Option<usize> {
        let is_free = |bound: &Bound| self.bounds.get(bound).is_none_or(|bounded| bounded.taken < bounded.most);
        let is_open = |line: &Line| {
            line.servers.iter().all(|server| self.rooms.has_a_seat(*server)) && line.bounds.iter().all(is_free)
        };
        let open = self.lines.iter().filter(|(line, _)| is_open(line));
        let rank = |numbers: &VecDeque<usize>| numbers.front().map(|number| self.entries[*number].rank);
        let (line, _) = open.min_by_key(|(_, numbers)| rank(numbers))?;
        let line = line.clone();
        let numbers = self.lines.get_mut(&line)?;
        let number = numbers.pop_front();
        if numbers.is_empty() {
            self.lines.remove(&line);
        }
        number
    }

    fn seat(&mut self, number: usize) {
        self.change(number, |taken| *taken += 1);
    }

    fn unseat(&mut self, number: usize) {
        self.change(number, |taken| *taken -= 1);
    }

    fn change(&mut self, number: usize, change: impl Fn(&mut usize)) {
        let Line { servers, bounds } = &self.entries[number].line;
        servers.iter().for_each(|server| self.rooms.change(*server, &change));
        for bound in bounds {
            if let Some(bounded) = self.bounds.get_mut(bound) {
                change(&mut bounded.taken);
            }
        }
    }
}

/// How many accounts are worked on at once: as many as the user wants, and as the servers of either side have room for.
pub fn accounts_at_once(migration: &Migration) -> usize {
    let room = Side::BOTH.map(|side| {
        let servers: BTreeSet<ServerId> = migration.accounts.iter().map(|account| account.server(side)).collect();
        servers.into_iter().map(|server| migration.servers[server.0].connections()).sum::<usize>()
    });
    let jobs = migration.jobs.max(migration.resync_jobs.unwrap_or(0));
    jobs.min(room[0]).min(room[1]).min(migration.accounts.len()).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn account(number: usize, servers: [usize; 2]) -> Account {
        let name = Arc::<str>::from(number.to_string());
        let servers = servers.map(ServerId);
        Account {
            source_user: Arc::clone(&name),
            destination_user: Arc::clone(&name),
            name,
            tags: Vec::new(),
            wave: None,
            priority: 0,
            servers,
            policy: Arc::default(),
        }
    }

    fn queue(accounts: &[Account], rooms: &[(usize, bool)]) -> Queue {
        bounded(accounts, rooms, &[], meetings(accounts))
    }

    fn bounded(
        accounts: &[Account],
        rooms: &[(usize, bool)],
        resyncs: &[usize],
        bounds: BTreeMap<Bound, Bounded>,
    ) -> Queue {
        let work = |number| if resyncs.contains(&number) { Work::Resync } else { Work::FirstCopy };
        let works: Vec<Work> = (0..accounts.len()).map(work).collect();
        let ranks: Vec<usize> = (0..accounts.len()).collect();
        let entries = entries(accounts, &works, &ranks, &bounds);
        let state = State::new(entries, Rooms::new(rooms), bounds);
        Queue { state: Mutex::new(state), changed: Condvar::new() }
    }

    fn next(queue: &Queue) -> Option<usize> {
        let mut state = queue.state.lock().unwrap();
        let number = state.take()?;
        state.seat(number);
        Some(number)
    }

    /// Of first copies two at once, of resyncs three; of the wave one.
    #[test]
    fn kinds_of_work_and_waves_are_bounded_each_for_itself() {
        let mut accounts: Vec<Account> = (0..8).map(|number| account(number, [0, 1])).collect();
        let wave = std::sync::Arc::new(crate::model::wave::Wave {
            name: "few".to_owned(),
            not_before: None,
            windows: Vec::new(),
            time_zone: jiff::tz::TimeZone::UTC,
            jobs: Some(1),
            priority: 0,
            complete_after: None,
        });
        accounts[..2].iter_mut().for_each(|account| account.wave = Some(wave.clone()));
        let most = |most| Bounded { most, taken: 0 };
        let bounds = [
            (Bound::Wave("few".to_owned()), most(1)),
            (Bound::Work(Work::FirstCopy), most(2)),
            (Bound::Work(Work::Resync), most(3)),
        ];
        let queue = bounded(&accounts, &[(9, false), (9, false)], &[4, 5, 6, 7], bounds.into());
        let taken: Vec<usize> = std::iter::from_fn(|| next(&queue)).collect();
        assert_eq!(taken, [0, 2, 4, 5, 6], "1 waits for its wave, 3 for a first copy, 7 for a resync");
        queue.leave(0);
        assert_eq!([next(&queue), next(&queue)], [Some(1), None]);
        queue.leave(5);
        assert_eq!([next(&queue), next(&queue)], [Some(7), None]);
        queue.put_back(2);
        assert_eq!(next(&queue), Some(2), "who gave its turn up comes first");
    }

    #[test]
    fn full_server_does_not_stand_in_the_way_of_others() {
        let accounts = [[0, 2], [0, 2], [0, 2], [1, 2], [1, 2]].iter().enumerate();
        let accounts: Vec<Account> = accounts.map(|(number, servers)| account(number, *servers)).collect();
        let queue = queue(&accounts, &[(1, false), (8, false), (8, false)]);
        assert_eq!([next(&queue), next(&queue)], [Some(0), Some(3)]);
        assert_eq!([next(&queue), next(&queue)], [Some(4), None]);
        queue.leave(0);
        assert_eq!([next(&queue), next(&queue)], [Some(1), None]);
        queue.leave(1);
        assert_eq!(next(&queue), Some(2));
        assert_eq!(queue.take(), None, "all have had their turn");
    }

    #[test]
    fn server_with_a_master_login_is_entered_by_one_account_first() {
        let accounts: Vec<Account> = (0..4).map(|number| account(number, [0, 1])).collect();
        let queue = queue(&accounts, &[(8, true), (8, true)]);
        assert_eq!([next(&queue), next(&queue)], [Some(0), None]);
        queue.let_others_follow(ServerId(0));
        assert_eq!(next(&queue), None, "the other server is not scouted yet");
        queue.let_others_follow(ServerId(1));
        assert_eq!([next(&queue), next(&queue)], [Some(1), Some(2)]);
    }

    #[test]
    fn account_that_gives_its_turn_up_comes_first_when_there_is_room() {
        let accounts: Vec<Account> = (0..3).map(|number| account(number, [0, 1])).collect();
        let queue = queue(&accounts, &[(2, false), (8, false)]);
        assert_eq!([next(&queue), next(&queue)], [Some(0), Some(1)]);
        let is_crowded = |most: usize| {
            let mut state = queue.state.lock().unwrap();
            state.rooms.note([(0, most), (1, 8)]);
            state.rooms.is_crowded(ServerId(0))
        };
        assert!(!is_crowded(2) && is_crowded(1));
        queue.put_back(1);
        assert!(!is_crowded(1));
        assert_eq!(next(&queue), None);
        queue.leave(0);
        assert_eq!(next(&queue), Some(1));
    }

    #[test]
    fn accounts_that_are_merged_into_one_have_their_turns_one_after_the_other() {
        let merged = |number: usize, source: usize| {
            let mut policy = crate::model::policy::Policy::default();
            policy.mailboxes.companions = vec!["another".to_owned()];
            let destination_user = if source == 0 { "One" } else { "one" }.into();
            Account { policy: policy.into(), destination_user, ..account(number, [source, 2]) }
        };
        let accounts = [merged(0, 0), merged(1, 0), merged(2, 1), account(3, [0, 2])];
        let queue = queue(&accounts, &[(8, false), (8, false), (8, false)]);
        assert_eq!([(); 3].map(|()| next(&queue)), [Some(0), Some(3), None]);
        queue.put_back(0);
        assert_eq!([(); 2].map(|()| next(&queue)), [Some(0), None]);
        queue.leave(0);
        assert_eq!([(); 2].map(|()| next(&queue)), [Some(1), None]);
        queue.leave(1);
        assert_eq!(next(&queue), Some(2));
    }

    #[test]
    fn scout_that_fails_lets_the_others_follow() {
        let accounts: Vec<Account> = (0..2).map(|number| account(number, [0, 1])).collect();
        let queue = queue(&accounts, &[(8, true), (8, true)]);
        assert_eq!(next(&queue), Some(0));
        queue.leave(0);
        assert_eq!(next(&queue), Some(1));
    }

    #[test]
    fn after_a_refusal_accounts_go_one_by_one() {
        let accounts: Vec<Account> = (0..4).map(|number| account(number, [0, 1])).collect();
        let queue = queue(&accounts, &[(8, true), (8, false)]);
        assert_eq!(next(&queue), Some(0));
        queue.doubt(ServerId(0));
        queue.leave(0);
        assert_eq!([next(&queue), next(&queue)], [Some(1), None]);
        queue.let_others_follow(ServerId(0));
        assert_eq!([next(&queue), next(&queue)], [Some(2), Some(3)]);
    }
}
