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
mod tests {
    use super::*;
    use crate::store::Store;

    /// A directory for a lease, and the place of it.
    fn place() -> (tempfile::TempDir, impl Fn() -> Place) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().to_owned();
        (directory, move || Place { path: path.join("mailferry.lease"), directory: path.clone() })
    }

    fn of(host: &str, owner: u64, counter: u64) -> Lease {
        Lease { host: host.to_owned(), boot: "b".to_owned(), process: 7, owner, counter }
    }

    fn no_pause() -> Duration {
        panic!("it waits")
    }

    fn silent(_: &str) {}

    fn in_words(refusal: Refusal) -> String {
        match refusal {
            Refusal::Held(owner) => owner,
            Refusal::System(why) => panic!("{why}"),
        }
    }

    /// Holds store/lease.rs invariant 1.
    #[test]
    fn lease_of_another_machine_is_taken_over_only_when_it_stood_still_long_enough() {
        let (_directory, place) = place();
        place().write(&of("one", 1, 5), false).unwrap();
        let (mut told, mut seconds) = (Vec::new(), 0);
        let pause = || {
            seconds += 1;
            Duration::from_secs(1)
        };
        let (tenure, notice) =
            acquire(place(), of("two", 2, 1), |text| told.push(text.to_owned()), pause).expect("it is stale");
        assert_eq!(seconds, STALE.as_secs() + 1, "and one to see whether another took it, too");
        assert!(told[0].contains("process 7 on one") && notice.unwrap().contains("had not renewed it for 60 s"));
        tenure.end();
        assert_eq!(place().read().unwrap(), None);
    }

    #[test]
    fn lease_that_changes_while_it_is_observed_is_held_and_one_that_goes_is_free() {
        let (_directory, place) = place();
        place().write(&of("one", 1, 5), false).unwrap();
        let mut seconds = 0;
        let renewed_at_last = || {
            seconds += 1;
            if seconds == STALE.as_secs() {
                place().write(&of("one", 1, 6), true).unwrap();
            }
            Duration::from_secs(1)
        };
        let refusal = acquire(place(), of("two", 2, 1), silent, renewed_at_last).err().unwrap();
        assert_eq!((in_words(refusal).as_str(), seconds), ("process 7 on one", 60));
        let ends = || {
            fs::remove_file(place().path).unwrap();
            Duration::from_secs(1)
        };
        assert!(acquire(place(), of("two", 2, 1), silent, ends).is_ok_and(|(_, notice)| notice.is_none()));
    }

    #[test]
    fn of_two_who_take_a_stale_lease_over_one_has_it() {
        let (_directory, place) = place();
        place().write(&of("one", 1, 5), false).unwrap();
        let mut seconds = 0;
        let another_writes_last = || {
            seconds += 1;
            if seconds == STALE.as_secs() + 1 {
                place().write(&of("three", 3, 1), true).unwrap();
            }
            Duration::from_secs(1)
        };
        let refusal = acquire(place(), of("two", 2, 1), silent, another_writes_last).err().unwrap();
        assert_eq!(in_words(refusal), "process 7 on three");
    }

    #[test]
    fn lease_that_this_machine_left_behind_is_taken_at_once_and_junk_is_observed() {
        let (_directory, place) = place();
        place().write(&of("one", 1, 5), false).unwrap();
        assert!(acquire(place(), of("one", 2, 1), silent, no_pause).is_ok());
        let (mut observed, rebooted) = (0, Lease { boot: "c".to_owned(), ..of("one", 3, 1) });
        let pause = |observed: &mut u64| {
            *observed += 1;
            Duration::from_secs(30)
        };
        assert!(acquire(place(), rebooted, silent, || pause(&mut observed)).is_ok());
        fs::write(place().path, "junk").unwrap();
        assert!(acquire(place(), of("one", 4, 1), silent, || pause(&mut observed)).is_ok());
        assert_eq!(observed, 6);
    }

    /// Holds store/lease.rs invariant 2. Holds store/lease.rs invariant 3.
    #[test]
    fn owner_ends_its_work_when_it_could_not_renew_for_long_or_another_has_its_lease() {
        let (directory, place) = place();
        let (mut tenure, _) = acquire(place(), of("one", 1, 1), silent, no_pause).ok().unwrap();
        let began = tenure.renewed;
        let after = |seconds| began + Duration::from_secs(seconds);
        assert_eq!((tenure.renew(after(10)), tenure.lease.counter), (Ok(()), 2));
        tenure.place.directory = directory.path().join("gone");
        assert_eq!(tenure.renew(after(49)), Ok(()));
        assert!(matches!(tenure.renew(after(50)), Err(Loss::NotRenewed(_))));
        tenure.place.directory = directory.path().to_owned();
        assert_eq!((tenure.renew(after(51)), tenure.lease.counter), (Ok(()), 3));
        fs::remove_file(place().path).unwrap();
        assert_eq!((tenure.renew(after(61)), tenure.lease.counter), (Ok(()), 4), "somebody removed it");
        place().write(&of("two", 2, 1), true).unwrap();
        assert_eq!(tenure.renew(after(62)), Err(Loss::TakenOver("process 7 on two".to_owned())));
        tenure.end();
        assert!(place().read().unwrap().is_some(), "it is not ours to remove");
    }

    #[test]
    fn state_has_its_lease_while_it_is_open_and_no_longer() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("mailferry.lease");
        let (store, _) = Store::open(directory.path()).unwrap();
        let lease: Lease = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!((lease.process, lease.counter), (std::process::id(), 1));
        drop(store);
        assert!(!path.exists());
    }

    #[test]
    fn loss_is_told_once_to_who_asked_before_and_to_who_asks_after() {
        let (_directory, place) = place();
        let shared = Arc::<Shared>::default();
        let held = HeldLease { shared: Arc::clone(&shared), renewing: None };
        let (told, hears) = std::sync::mpsc::channel();
        let (first, second) = (told.clone(), told);
        held.on_loss(Box::new(move |text| first.send(format!("before: {text}")).unwrap()));
        tell_of(Loss::TakenOver("process 7 on two".to_owned()), &place(), &shared);
        held.on_loss(Box::new(move |text| second.send(format!("after: {text}")).unwrap()));
        let heard: Vec<String> = hears.iter().collect();
        assert!(heard[0].starts_with("before: another mailferry (process 7 on two) has taken"), "{heard:?}");
        assert!(heard.len() == 2 && heard[1].starts_with("after: "), "{heard:?}");
    }
}
