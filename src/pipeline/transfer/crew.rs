//! The lanes of one account, on one queue of mailboxes. Those that go to one mailbox of the destination are one lane's, one after the
//! other: what lands there is then one mailbox' at a time. They connect while the destination is made ready, and wait for the
//! queue. Whoever was to fill it and panics lets them go, and a lane that panics lets no other begin another mailbox: the
//! account ends with an error.

use super::copy::copy_mailbox;
use super::job::Job;
use super::lane::Lane;
use super::progress::Progress;
use crate::error::Result;
use crate::model::RawName;
use crate::model::amount::Amounts;
use crate::model::ledger::Ending;
use crate::pipeline::fleet::access::Access;
use crate::pipeline::fleet::allowance::Allowance;
use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How long a lane waits for the work to begin before it looks whether it is in somebody's way.
const PATIENCE: Duration = Duration::from_millis(200);

/// How the work on one source mailbox ended.
pub type MailboxResult = (RawName, Result<(Progress, Ending)>);

/// Some lanes on one queue of mailboxes.
pub struct Crew<'a> {
    access: &'a Access<'a>,
    allowance: &'a Allowance,
    /// `None`: the work has not begun.
    queue: Mutex<Option<VecDeque<Vec<Job>>>>,
    begun: Condvar,
    results: Mutex<Vec<MailboxResult>>,
}

impl<'a> Crew<'a> {
    /// Nobody works yet.
    pub fn new(access: &'a Access<'a>, allowance: &'a Allowance) -> Self {
        Crew { access, allowance, queue: Mutex::default(), begun: Condvar::new(), results: Mutex::default() }
    }

    fn queue(&self) -> MutexGuard<'_, Option<VecDeque<Vec<Job>>>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The guard of who is to call [`Crew::begin`]: when it goes without, the lanes find an empty queue.
    pub fn foreman(&self) -> Foreman<'_, 'a> {
        Foreman(self)
    }

    fn dismiss(&self) {
        self.queue().get_or_insert_default().clear();
        self.begun.notify_all();
    }

    /// Lets the lanes begin. The largest mailbox is first: the last lane to end ends soon after the others.
    pub fn begin(&self, jobs: Vec<Job>) {
        let mut turns = by_destination(jobs);
        turns.sort_by_key(|jobs| Reverse(jobs.iter().map(|job| job.plan.octets).total()));
        *self.queue() = Some(turns.into());
        self.begun.notify_all();
    }

    /// Works on a further lane, if the budget has connections to spare.
    pub fn join(&self) {
        if let Some(lane) = Lane::spare(self.access) {
            self.work(Some(lane));
        }
    }

    /// Works as long as there are mailboxes; without a lane, on one that is waited for.
    pub fn work(&self, mut lane: Option<Lane>) {
        let _dismissal = Dismissal(self);
        while let Some(jobs) = self.next(&mut lane) {
            if !jobs.iter().all(|job| self.copy(job, &mut lane)) {
                self.dismiss();
            }
        }
        if let Some(lane) = lane {
            lane.close(self.access);
        }
    }

    /// Whether the account's work goes on behind this mailbox.
    fn copy(&self, job: &Job, lane: &mut Option<Lane>) -> bool {
        let result = self.access.gauge.in_lane(|| copy_mailbox(self.access, lane, job, self.allowance));
        let goes_on = result.is_ok();
        let source = job.plan.source.raw.clone();
        self.results.lock().unwrap_or_else(PoisonError::into_inner).push((source, result));
        goes_on
    }

    /// What is next, once the work has begun. Until then a lane is given back when its sessions are waited for: what
    /// makes the destination ready may need the only one that the server grants.
    fn next(&self, lane: &mut Option<Lane>) -> Option<Vec<Job>> {
        loop {
            let waited = self.begun.wait_timeout_while(self.queue(), PATIENCE, |queue| queue.is_none());
            let (mut queue, waited) = waited.unwrap_or_else(PoisonError::into_inner);
            if !waited.timed_out() {
                return queue.as_mut().and_then(VecDeque::pop_front);
            }
            drop(queue);
            if self.access.is_waiting()
                && let Some(lane) = lane.take()
            {
                lane.close(self.access);
            }
        }
    }

    /// How the work on each mailbox ended.
    pub fn into_results(self) -> Vec<MailboxResult> {
        self.results.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Those of one destination mailbox together, all in their order.
fn by_destination(jobs: Vec<Job>) -> Vec<Vec<Job>> {
    let mut numbers: HashMap<RawName, usize> = HashMap::new();
    let mut together: Vec<Vec<Job>> = Vec::new();
    for job in jobs {
        let number = *numbers.entry(job.plan.destination.raw.clone()).or_insert(together.len());
        match together.get_mut(number) {
            Some(jobs) => jobs.push(job),
            None => together.push(vec![job]),
        }
    }
    together
}

/// Leaves no lane waiting for work that does not come.
pub struct Foreman<'c, 'a>(&'c Crew<'a>);

impl Drop for Foreman<'_, '_> {
    fn drop(&mut self) {
        if self.0.queue().is_none() {
            self.0.dismiss();
        }
    }
}

/// Ends the work of all lanes where one panics.
struct Dismissal<'c, 'a>(&'c Crew<'a>);

impl Drop for Dismissal<'_, '_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.dismiss();
        }
    }
}
