//! The lanes of one account, on one queue of mailboxes. Those that go to one mailbox of the destination are one lane's, one after the
//! other: what lands there is then one mailbox' at a time. They connect while the destination is made ready, and wait for the
//! queue. Whoever was to fill it and panics lets them go, and a lane that panics lets no other begin another mailbox: the
//! account ends with an error.
//!
//! Of a mailbox whose first pass did not end with all that it sent linked, no second one begins: the next run goes on with it.

use super::copy::{Company, copy_mailbox};
use super::job::Job;
use super::lane::Lane;
use super::originals::Originals;
use super::passes::{Pass, Turn};
use super::progress::Progress;
use crate::error::Result;
use crate::model::ledger::Ending;
use crate::model::{RawName, Uid};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::fleet::allowance::Allowance;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How long a lane waits for work before it looks whether it is in somebody's way.
const PATIENCE: Duration = Duration::from_millis(200);

/// How the work on one source mailbox ended; of one with two passes there are two.
pub type MailboxResult = (RawName, Result<(Progress, Ending)>);

/// Some lanes on one queue of mailboxes.
pub struct Crew<'a> {
    access: &'a Access<'a>,
    allowance: &'a Allowance,
    originals: &'a Originals,
    /// `None`: the work has not begun.
    queue: Mutex<Option<Queue>>,
    changed: Condvar,
    results: Mutex<Vec<MailboxResult>>,
    /// The account is left to another process that copies it.
    gives_way: AtomicBool,
    /// Up to which UID mailboxes of the destination are known.
    reached: Mutex<HashMap<RawName, Uid>>,
}

/// What is left to do.
#[derive(Default)]
struct Queue {
    passes: VecDeque<Pass>,
    /// Turns that a lane is at.
    in_hand: usize,
    /// Source mailboxes of which nothing more is copied.
    broken_off: HashSet<RawName>,
}

impl Queue {
    /// Whether what comes next begins only when others are done.
    fn is_held(&self) -> bool {
        self.in_hand > 0 && self.passes.len() > 1 && self.passes[0].is_empty()
    }

    fn take(&mut self) -> Option<Turn> {
        while self.passes.front().is_some_and(VecDeque::is_empty) {
            self.passes.pop_front();
        }
        let turn = self.passes.front_mut()?.pop_front()?;
        self.in_hand += 1;
        Some(turn)
    }
}

impl<'a> Crew<'a> {
    /// Nobody works yet.
    pub fn new(access: &'a Access<'a>, allowance: &'a Allowance, originals: &'a Originals) -> Self {
        Crew {
            access,
            allowance,
            originals,
            queue: Mutex::default(),
            changed: Condvar::new(),
            results: Mutex::default(),
            gives_way: AtomicBool::new(false),
            reached: Mutex::default(),
        }
    }

    fn reached(&self) -> MutexGuard<'_, HashMap<RawName, Uid>> {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queue(&self) -> MutexGuard<'_, Option<Queue>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The guard of who is to call [`Crew::begin`]: when it goes without, the lanes find an empty queue.
    pub fn foreman(&self) -> Foreman<'_, 'a> {
        Foreman(self)
    }

    fn dismiss(&self) {
        self.queue().get_or_insert_default().passes.clear();
        self.changed.notify_all();
    }

    /// Lets the lanes begin.
    pub fn begin(&self, passes: VecDeque<Pass>) {
        *self.queue() = Some(Queue { passes, ..Queue::default() });
        self.changed.notify_all();
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
        while let Some(turn) = self.next(&mut lane) {
            let _in_hand = InHand(self);
            if !turn.iter().all(|job| self.copy(job, &mut lane)) {
                self.dismiss();
            }
        }
        if let Some(lane) = lane {
            lane.close(self.access);
        }
    }

    /// Whether the account's work goes on behind this mailbox.
    fn copy(&self, job: &Job, lane: &mut Option<Lane>) -> bool {
        let source = &job.plan.source.raw;
        if self.queue().as_ref().is_some_and(|queue| queue.broken_off.contains(source)) {
            return true;
        }
        let reached = self.reached().get(&job.plan.destination.raw).copied();
        let company = Company { gives_way: &self.gives_way, originals: self.originals, reached };
        let result = self.access.gauge.in_lane(|| copy_mailbox(self.access, lane, job, self.allowance, company));
        let is_whole =
            result.as_ref().is_ok_and(|(progress, ending)| !progress.is_unclean && *ending == Ending::Complete);
        if let Some(queue) = self.queue().as_mut().filter(|_| !is_whole) {
            queue.broken_off.insert(source.clone());
        }
        if let Ok((progress, _)) = &result
            && is_whole
        {
            self.reached().insert(job.plan.destination.raw.clone(), progress.tail);
        }
        let goes_on = result.is_ok() && !self.gives_way();
        self.results.lock().unwrap_or_else(PoisonError::into_inner).push((source.clone(), result));
        goes_on
    }

    /// What is next, once the work has begun and the pass before is over. Until then a lane is given back when its sessions
    /// are waited for: what makes the destination ready may need the only one that the server grants.
    fn next(&self, lane: &mut Option<Lane>) -> Option<Turn> {
        let is_held = |queue: &mut Option<Queue>| queue.as_ref().is_none_or(Queue::is_held);
        loop {
            let waited = self.changed.wait_timeout_while(self.queue(), PATIENCE, is_held);
            let (mut queue, waited) = waited.unwrap_or_else(PoisonError::into_inner);
            if !waited.timed_out() {
                return queue.as_mut().and_then(Queue::take);
            }
            drop(queue);
            if self.access.is_waiting()
                && let Some(lane) = lane.take()
            {
                lane.close(self.access);
            }
        }
    }

    /// Whether the account is left to another process.
    pub fn gives_way(&self) -> bool {
        self.gives_way.load(Ordering::Relaxed)
    }

    /// How the work on each mailbox ended.
    pub fn into_results(self) -> Vec<MailboxResult> {
        self.results.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
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

/// A turn that a lane is at; what waits for it goes on however it ends.
struct InHand<'c, 'a>(&'c Crew<'a>);

impl Drop for InHand<'_, '_> {
    fn drop(&mut self) {
        if let Some(queue) = self.0.queue().as_mut() {
            queue.in_hand -= 1;
        }
        self.0.changed.notify_all();
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
