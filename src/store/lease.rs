//! The lease: who works with the state, for those whom the lock does not keep out. These are processes on other machines, where
//! the file system that they share has no locks, or loses them.
//!
//! Whoever has the lock writes itself down, with a number that it raises again and again. Who finds the lease of another machine
//! observes it: if it changes, its owner lives, and the state is held; if it stands still for long enough, its owner is gone.
//!
//! Invariants:
//! 1. A lease of another machine is taken over only after it stood still for [`STALE`], by the clock of who takes it: no two
//!    machines' clocks are ever compared.
//! 2. An owner that could not renew its lease for [`LONGEST_PAUSE`], by its own clock, or that finds another's in its place,
//!    says so, once: its work is to end. That comes before anybody takes the lease over.
//! 3. What is another's is neither renewed nor removed.
//!
//! A lease is not made durable: it is told between processes that live, and what a power loss leaves of it is observed.

use super::directory::StateDirectory;
use super::files::unnamed_json;
use super::machine;
use super::ownership;
use crate::error::{Error, Kind, Result, sanitized};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How often an owner raises the number.
const RENEWAL: Duration = Duration::from_secs(10);

/// How long an owner goes on that cannot.
const LONGEST_PAUSE: Duration = Duration::from_secs(40);

/// How long a lease stands still before it is taken over: what an owner had in hand when it noticed ends in between.
const STALE: Duration = Duration::from_secs(60);

/// Between two looks at another's lease.
const LOOK: Duration = Duration::from_millis(500);

/// More than a lease is long.
const LARGEST_OCTETS: u64 = 4096;

/// What stands in the file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Lease {
    host: String,
    /// This start of that machine.
    boot: String,
    process: u32,
    /// Tells owners apart whose processes have one number, as in containers.
    owner: u64,
    counter: u64,
}

impl Lease {
    fn ours() -> Lease {
        Lease {
            host: machine::host_name().unwrap_or_default(),
            boot: machine::boot(),
            process: std::process::id(),
            owner: RandomState::new().hash_one(0),
            counter: 1,
        }
    }

    /// Whether its owner ran where we do: then it is gone, for we have the lock.
    fn is_of_this_machine(&self, ours: &Lease) -> bool {
        (&self.host, &self.boot) == (&ours.host, &ours.boot)
    }

    fn owner(&self) -> String {
        format!("process {} on {}", self.process, sanitized(&self.host))
    }
}

/// The owner of what stands in the file, in words.
fn owner(text: &[u8]) -> String {
    serde_json::from_slice(text).map_or_else(|_| "on another machine".to_owned(), |lease: Lease| lease.owner())
}

/// The file.
struct Place {
    path: PathBuf,
    directory: PathBuf,
}

impl Place {
    fn of(directory: &StateDirectory) -> Place {
        Place { path: directory.lease(), directory: directory.path().to_owned() }
    }

    /// What stands there; nothing where it is not there.
    fn read(&self) -> io::Result<Option<Vec<u8>>> {
        if let Some(objection) = ownership::objection(&self.path) {
            return Err(io::Error::other(objection));
        }
        let mut text = Vec::new();
        match File::open(&self.path).and_then(|file| file.take(LARGEST_OCTETS).read_to_end(&mut text)) {
            Ok(_) => Ok(Some(text)),
            Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(why) => Err(why),
        }
    }

    /// Puts a lease in the place of another, or where none is; false where one has come there meanwhile.
    fn write(&self, lease: &Lease, replaces: bool) -> io::Result<bool> {
        let written = unnamed_json(&self.directory, lease)?;
        match replaces {
            true => written.persist(&self.path).map(|_| true).map_err(|refused| refused.error),
            false => match written.persist_noclobber(&self.path) {
                Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
                written => written.map(|_| true).map_err(|refused| refused.error),
            },
        }
    }
}

/// Why an owner has to end its work.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Loss {
    TakenOver(String),
    NotRenewed(String),
}

/// An owner's.
struct Tenure {
    place: Place,
    lease: Lease,
    renewed: Instant,
}

impl Tenure {
    /// Raises the number.
    fn renew(&mut self, now: Instant) -> std::result::Result<(), Loss> {
        match self.raise() {
            Ok(None) => {
                self.renewed = now;
                Ok(())
            }
            Ok(Some(other)) => Err(Loss::TakenOver(other)),
            Err(why) if now.saturating_duration_since(self.renewed) >= LONGEST_PAUSE => {
                Err(Loss::NotRenewed(why.to_string()))
            }
            Err(_) => Ok(()),
        }
    }

    /// Gives the owner of what stands there, where that is not ours.
    fn raise(&mut self) -> io::Result<Option<String>> {
        let found = self.place.read()?;
        if let Some(found) = &found
            && !self.is_ours(found)
        {
            return Ok(Some(owner(found)));
        }
        let raised = Lease { counter: self.lease.counter + 1, ..self.lease.clone() };
        // Where somebody has removed it, another may be about to write his.
        if self.place.write(&raised, found.is_some())? {
            self.lease = raised;
        }
        Ok(None)
    }

    fn is_ours(&self, text: &[u8]) -> bool {
        serde_json::from_slice(text).is_ok_and(|lease: Lease| lease.owner == self.lease.owner)
    }

    fn end(&self) {
        if self.place.read().is_ok_and(|found| found.is_some_and(|found| self.is_ours(&found))) {
            let _ = fs::remove_file(&self.place.path);
        }
    }
}

/// Takes the lease of the state in that directory, of which we have the lock. `tell` is told what is waited for; `pause` waits a
/// little, and gives how long that was.
fn acquire(
    place: Place,
    lease: Lease,
    mut tell: impl FnMut(&str),
    mut pause: impl FnMut() -> Duration,
) -> std::result::Result<(Tenure, Option<String>), Refusal> {
    let found = place.read()?;
    let Some(found) = found else {
        return match place.write(&lease, false)? {
            true => Ok((Tenure { place, lease, renewed: Instant::now() }, None)),
            false => Err(Refusal::Held(owner(&place.read()?.unwrap_or_default()))),
        };
    };
    if serde_json::from_slice(&found).is_ok_and(|found: Lease| found.is_of_this_machine(&lease)) {
        place.write(&lease, true)?;
        return Ok((Tenure { place, lease, renewed: Instant::now() }, None));
    }
    let seconds = STALE.as_secs();
    tell(&format!(
        "the state was last held by mailferry ({}): waiting up to {seconds} s to see whether it still is",
        owner(&found)
    ));
    let mut stood = Duration::ZERO;
    while stood < STALE {
        stood += pause();
        match place.read()? {
            Some(now) if now != found => return Err(Refusal::Held(owner(&now))),
            // Its owner has ended.
            None => return acquire(place, lease, tell, pause),
            Some(_) => {}
        }
    }
    place.write(&lease, true)?;
    // Another may have seen the same, and have written after us.
    pause();
    let tenure = Tenure { place, lease, renewed: Instant::now() };
    match tenure.place.read()? {
        Some(now) if !tenure.is_ours(&now) => Err(Refusal::Held(owner(&now))),
        _ => {
            let notice = format!(
                "the lease of the state was taken over: its owner ({}) had not renewed it for {seconds} s",
                owner(&found)
            );
            Ok((tenure, Some(notice)))
        }
    }
}

/// Why there is no lease for us.
#[derive(Debug)]
enum Refusal {
    Held(String),
    System(io::Error),
}

impl From<io::Error> for Refusal {
    fn from(why: io::Error) -> Refusal {
        Refusal::System(why)
    }
}

/// What is done where the lease is lost, with the reason in words.
type OnLoss = Box<dyn FnOnce(&str) + Send>;

/// What the one who renews shares with the one who works.
#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    ended: bool,
    lost: Option<String>,
    on_loss: Option<OnLoss>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Held, and renewed, for as long as it lives.
pub(super) struct HeldLease {
    shared: Arc<Shared>,
    renewing: Option<JoinHandle<()>>,
}

impl HeldLease {
    /// Takes the lease. `tell` is told what is waited for; the second part is what the user should be told.
    ///
    /// # Errors
    ///
    /// [`Kind::Locked`] while another process has it; [`Kind::State`] where it cannot be written.
    pub(super) fn acquire(directory: &StateDirectory, tell: &mut dyn FnMut(&str)) -> Result<(Self, Option<String>)> {
        let pause = || {
            let began = Instant::now();
            thread::sleep(LOOK);
            began.elapsed()
        };
        let acquired = acquire(Place::of(directory), Lease::ours(), tell, pause);
        let (tenure, notice) = acquired.map_err(|refusal| refused(directory, refusal))?;
        let shared = Arc::<Shared>::default();
        let renews = Arc::clone(&shared);
        let renewing = thread::Builder::new().name("lease".to_owned()).spawn(move || renew(tenure, &renews));
        let renewing = renewing.map_err(|why| refused(directory, Refusal::System(why)))?;
        Ok((HeldLease { shared, renewing: Some(renewing) }, notice))
    }

    /// What is to be done where the lease is lost: at once, if it is.
    pub(super) fn on_loss(&self, work: OnLoss) {
        let mut state = self.shared.state();
        match state.lost.clone() {
            Some(lost) => {
                drop(state);
                work(&lost);
            }
            None => state.on_loss = Some(work),
        }
    }
}

impl Drop for HeldLease {
    fn drop(&mut self) {
        self.shared.state().ended = true;
        self.shared.changed.notify_all();
        if let Some(renewing) = self.renewing.take() {
            let _ = renewing.join();
        }
    }
}

/// Renews until the work has ended, or the lease is lost.
fn renew(mut tenure: Tenure, shared: &Shared) {
    loop {
        let waited = shared.changed.wait_timeout_while(shared.state(), RENEWAL, |state| !state.ended);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if state.ended {
            drop(state);
            return tenure.end();
        }
        drop(state);
        if let Err(loss) = tenure.renew(Instant::now()) {
            return tell_of(loss, &tenure.place, shared);
        }
    }
}

fn tell_of(loss: Loss, place: &Place, shared: &Shared) {
    let state = place.directory.display();
    let text = match loss {
        Loss::TakenOver(owner) => format!("another mailferry ({owner}) has taken the state {state} over"),
        Loss::NotRenewed(why) => {
            let seconds = LONGEST_PAUSE.as_secs();
            format!(
                "the lease of the state {state} could not be renewed for {seconds} s ({why}): another may take it over"
            )
        }
    };
    tracing::error!("{text}");
    let mut shared = shared.state();
    shared.lost = Some(text.clone());
    let work = shared.on_loss.take();
    drop(shared);
    if let Some(work) = work {
        work(&text);
    }
}

fn refused(directory: &StateDirectory, refusal: Refusal) -> Error {
    match refusal {
        Refusal::Held(owner) => {
            Error::new(Kind::Locked, format!("another mailferry ({owner}) holds the state {directory}"))
                .hint("wait until it is done, or use another state directory with --state")
        }
        Refusal::System(why) => Error::new(Kind::State, format!("could not write who holds the state {directory}"))
            .because(why)
            .hint("see to it that the state directory can be written to, and that its disk has room"),
    }
}

#[cfg(test)]
mod tests;
