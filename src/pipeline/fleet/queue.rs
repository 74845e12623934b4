//! Whose turn it is: the accounts in their order, each as soon as both of its servers have room for one more.
//!
//! 1. Never more accounts at once on a server than it has connections: so every account gets its first pair of sessions,
//!    and none waits for another that waits for it.
//! 2. A server whose accounts share a master login is entered by one account first, and after a refusal by one more: a wrong
//!    password is then found with few logins, and not by every job at the same time.
//! 3. Accounts that are merged into one have their turns one after the other: what lands in their mailbox is one account's at a
//!    time.
//! 4. Accounts of a server that has no room do not stand in the way of the others.

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
    /// Accounts by their numbers, those on the same two servers in one line.
    lines: BTreeMap<[ServerId; 2], VecDeque<usize>>,
    /// By the numbers of the servers.
    rooms: Vec<Room>,
    /// By the numbers of the accounts, the destination of those that are merged into one.
    meetings: Vec<Option<Meeting>>,
    /// Where one of them is at work.
    met: BTreeSet<Meeting>,
}

/// A user of a destination whom several accounts are merged into.
type Meeting = (ServerId, String);

/// How many accounts may be on one server.
struct Room {
    most: usize,
    taken: usize,
    /// One account is to go first, and has not logged in yet.
    is_to_be_scouted: bool,
    /// The master login was refused: the accounts go on one by one.
    is_doubtful: bool,
}

impl Room {
    fn has_a_seat(&self) -> bool {
        self.taken < if self.is_to_be_scouted { 1 } else { self.most }
    }
}

impl Queue {
    pub fn new(migration: &Migration) -> Queue {
        let rooms = migration.servers.iter().map(|connector| Room {
            most: connector.connections(),
            taken: 0,
            is_to_be_scouted: connector.server().master.is_some(),
            is_doubtful: false,
        });
        let rooms = rooms.collect();
        Queue { state: Mutex::new(State::new(&migration.accounts, rooms)), changed: Condvar::new() }
    }

    /// The number of the next account; `None` when all have had their turn. Waits while no server has room.
    pub fn take(&self, accounts: &[Account]) -> Option<usize> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if state.lines.is_empty() {
                return None;
            }
            if let Some(number) = state.take() {
                state.begin(&accounts[number]);
                return Some(number);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// An account is done.
    pub fn leave(&self, account: &Account) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.end(account);
        state.seat(account, |room| room.is_to_be_scouted &= room.is_doubtful);
        self.changed.notify_all();
    }

    /// An account gave its turn up: it comes first when there is room again.
    pub fn put_back(&self, account: &Account, number: usize) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.end(account);
        state.lines.entry(account.servers).or_default().push_front(number);
        self.changed.notify_all();
    }

    /// Accounts that have another turn when all had theirs.
    pub fn refill(&self, accounts: &[Account], numbers: &[usize]) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for number in numbers {
            state.lines.entry(accounts[*number].servers).or_default().push_back(*number);
        }
    }

    /// Whether more accounts are on that server than it turns out to have connections for; no more are let in.
    pub fn is_crowded(&self, server: ServerId, connections: usize) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let room = &mut state.rooms[server.0];
        room.most = room.most.min(connections.max(1));
        room.taken > room.most
    }

    /// The master login was refused there, which may be the account's own fault: the next one goes alone, too.
    pub fn doubt(&self, server: ServerId) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).rooms[server.0].is_doubtful = true;
    }

    /// Somebody has logged in there, or nobody is to try any more.
    pub fn let_others_follow(&self, server: ServerId) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.rooms[server.0].is_to_be_scouted = false;
        self.changed.notify_all();
    }
}

fn lines(accounts: &[Account]) -> BTreeMap<[ServerId; 2], VecDeque<usize>> {
    let mut lines: BTreeMap<_, VecDeque<usize>> = BTreeMap::new();
    for (number, account) in accounts.iter().enumerate() {
        lines.entry(account.servers).or_default().push_back(number);
    }
    lines
}

fn meeting(account: &Account) -> Option<Meeting> {
    let is_merged = !account.policy.mailboxes.companions.is_empty();
    is_merged.then(|| (account.server(Side::Destination), account.destination_user.to_lowercase()))
}

impl State {
    fn new(accounts: &[Account], rooms: Vec<Room>) -> State {
        let meetings = accounts.iter().map(meeting).collect();
        State { lines: lines(accounts), rooms, meetings, met: BTreeSet::new() }
    }

    /// The first account whose servers both have a seat, and whose companions are not at work.
    fn take(&mut self) -> Option<usize> {
        let is_open = |servers: &[ServerId; 2]| servers.iter().all(|server| self.rooms[server.0].has_a_seat());
        let is_free =
            |number: &usize| self.meetings[*number].as_ref().is_none_or(|meeting| !self.met.contains(meeting));
        let open = self.lines.iter().filter(|(servers, _)| is_open(servers));
        let first = |(servers, line): (&[ServerId; 2], &VecDeque<usize>)| {
            let place = line.iter().position(is_free)?;
            Some((line[place], *servers, place))
        };
        let (_, servers, place) = open.filter_map(first).min()?;
        let line = self.lines.get_mut(&servers)?;
        let number = line.remove(place);
        if line.is_empty() {
            self.lines.remove(&servers);
        }
        number
    }

    fn begin(&mut self, account: &Account) {
        self.seat(account, |room| room.taken += 1);
        self.met.extend(meeting(account));
    }

    fn end(&mut self, account: &Account) {
        self.seat(account, |room| room.taken -= 1);
        if let Some(meeting) = meeting(account) {
            self.met.remove(&meeting);
        }
    }

    fn seat(&mut self, account: &Account, change: impl Fn(&mut Room)) {
        account.servers.iter().for_each(|server| change(&mut self.rooms[server.0]));
    }
}

/// How many accounts are worked on at once: as many as the user wants, and as the servers of either side have room for.
pub fn accounts_at_once(migration: &Migration) -> usize {
    let lines = lines(&migration.accounts);
    let room = Side::BOTH.map(|side| {
        let mut servers: Vec<ServerId> = lines.keys().map(|servers| servers[side as usize]).collect();
        servers.sort_unstable();
        servers.dedup();
        servers.into_iter().map(|server| migration.servers[server.0].connections()).sum::<usize>()
    });
    migration.jobs.min(room[0]).min(room[1]).min(migration.accounts.len()).max(1)
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
            servers,
            policy: Arc::default(),
        }
    }

    fn queue(accounts: &[Account], rooms: &[(usize, bool)]) -> Queue {
        let room = |(most, is_to_be_scouted): &(usize, bool)| Room {
            most: *most,
            taken: 0,
            is_to_be_scouted: *is_to_be_scouted,
            is_doubtful: false,
        };
        let state = State::new(accounts, rooms.iter().map(room).collect());
        Queue { state: Mutex::new(state), changed: Condvar::new() }
    }

    fn next(queue: &Queue, accounts: &[Account]) -> Option<usize> {
        let mut state = queue.state.lock().unwrap();
        let number = state.take()?;
        state.begin(&accounts[number]);
        Some(number)
    }

    #[test]
    fn full_server_does_not_stand_in_the_way_of_others() {
        let accounts = [[0, 2], [0, 2], [0, 2], [1, 2], [1, 2]].iter().enumerate();
        let accounts: Vec<Account> = accounts.map(|(number, servers)| account(number, *servers)).collect();
        let queue = queue(&accounts, &[(1, false), (8, false), (8, false)]);
        assert_eq!([next(&queue, &accounts), next(&queue, &accounts)], [Some(0), Some(3)]);
        assert_eq!([next(&queue, &accounts), next(&queue, &accounts)], [Some(4), None]);
        queue.leave(&accounts[0]);
        assert_eq!([next(&queue, &accounts), next(&queue, &accounts)], [Some(1), None]);
        queue.leave(&accounts[1]);
        assert_eq!(next(&queue, &accounts), Some(2));
        assert_eq!(queue.take(&accounts), None, "all have had their turn");
    }

    #[test]
    fn server_with_a_master_login_is_entered_by_one_account_first() {
        let accounts: Vec<Account> = (0..4).map(|number| account(number, [0, 1])).collect();
        let queue = queue(&accounts, &[(8, true), (8, true)]);
        assert_eq!([next(&queue, &accounts), next(&queue, &accounts)], [Some(0), None]);
        queue.let_others_follow(ServerId(0));
        assert_eq!(next(&queue, &accounts), None, "the other server is not scouted yet");
        queue.let_others_follow(ServerId(1));
        assert_eq!([next(&queue, &accounts), next(&queue, &accounts)], [Some(1), Some(2)]);
    }

    #[test]
    fn account_that_gives_its_turn_up_comes_first_when_there_is_room() {
        let accounts: Vec<Account> = (0..3).map(|number| account(number, [0, 1])).collect();
        let queue = queue(&accounts, &[(2, false), (8, false)]);
        assert_eq!([next(&queue, &accounts), next(&queue, &accounts)], [Some(0), Some(1)]);
        assert!(!queue.is_crowded(ServerId(0), 2) && queue.is_crowded(ServerId(0), 1));
        queue.put_back(&accounts[1], 1);
        assert!(!queue.is_crowded(ServerId(0), 1));
        assert_eq!(next(&queue, &accounts), None);
        queue.leave(&accounts[0]);
        assert_eq!(next(&queue, &accounts), Some(1));
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
        assert_eq!([(); 3].map(|()| next(&queue, &accounts)), [Some(0), Some(3), None]);
        queue.put_back(&accounts[0], 0);
        assert_eq!([(); 2].map(|()| next(&queue, &accounts)), [Some(0), None]);
        queue.leave(&accounts[0]);
        assert_eq!([(); 2].map(|()| next(&queue, &accounts)), [Some(1), None]);
        queue.leave(&accounts[1]);
        assert_eq!(next(&queue, &accounts), Some(2));
    }

    #[test]
    fn scout_that_fails_lets_the_others_follow() {
        let accounts: Vec<Account> = (0..2).map(|number| account(number, [0, 1])).collect();
        let queue = queue(&accounts, &[(8, true), (8, true)]);
        assert_eq!(next(&queue, &accounts), Some(0));
        queue.leave(&accounts[0]);
        assert_eq!(next(&queue, &accounts), Some(1));
    }

    #[test]
    fn after_a_refusal_accounts_go_one_by_one() {
        let accounts: Vec<Account> = (0..4).map(|number| account(number, [0, 1])).collect();
        let queue = queue(&accounts, &[(8, true), (8, false)]);
        assert_eq!(next(&queue, &accounts), Some(0));
        queue.doubt(ServerId(0));
        queue.leave(&accounts[0]);
        assert_eq!([next(&queue, &accounts), next(&queue, &accounts)], [Some(1), None]);
        queue.let_others_follow(ServerId(0));
        assert_eq!([next(&queue, &accounts), next(&queue, &accounts)], [Some(2), Some(3)]);
    }
}
