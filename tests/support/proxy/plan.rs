//! What the proxies of one run share: which places occurred, and what is to happen where.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use super::fault::{Fault, Strike};
use super::gate::Gate;
use super::place::Place;
use crate::support::process::{PATIENCE, poll};

/// What a test does at a place, while the conversation waits.
pub type Hook = Box<dyn FnOnce() + Send>;

/// A program that has not come back by then does not come any more in this run, or not to this mailbox.
const RETURN_TIMEOUT: Duration = Duration::from_secs(5);
/// Longer than a server takes to store what comes late.
const LANDING_TIMEOUT: Duration = Duration::from_secs(130);

/// Which places occurred, and what is to happen where.
#[derive(Default)]
pub struct Plan {
    state: Mutex<State>,
    /// Where runs are held until the test lets them go.
    pub gate: Gate,
}

#[derive(Default)]
struct State {
    armed: bool,
    seen: BTreeMap<Place, u32>,
    strikes: Vec<(Strike, Option<Hook>)>,
    struck: Vec<Strike>,
    process: Option<u32>,
    /// Late deliveries under way.
    late: u32,
    /// Mailboxes of the destination that were opened since one was struck that is to land between two looks.
    looks: Option<u32>,
}

/// What is to happen at a place now.
pub struct Blow {
    pub fault: Fault,
    pub hook: Option<Hook>,
}

impl Plan {
    /// Counts from here on, and strikes.
    pub fn arm(&self, strikes: impl IntoIterator<Item = Strike>) {
        self.with(|state| {
            state.strikes.extend(strikes.into_iter().map(|strike| (strike, None)));
            (state.armed, state.process) = (true, None);
            state.seen.clear();
            state.struck.clear();
        });
    }

    /// Has the test do something at a place. Call it before [`Plan::arm`].
    pub fn hook(&self, strike: Strike, hook: Hook) {
        self.with(|state| state.strikes.push((strike, Some(hook))));
    }

    /// Strikes no more, and lets go what is stalled. Returns what was struck.
    pub fn disarm(&self) -> Vec<Strike> {
        self.with(|state| {
            state.armed = false;
            state.strikes.clear();
            std::mem::take(&mut state.struck)
        })
    }

    pub fn is_armed(&self) -> bool {
        self.with(|state| state.armed)
    }

    /// The process that [`Fault::Kill`] kills.
    pub fn set_process(&self, id: u32) {
        self.with(|state| state.process = Some(id));
    }

    /// How often each place occurred since it was armed.
    pub fn seen(&self) -> BTreeMap<Place, u32> {
        self.with(|state| state.seen.clone())
    }

    /// Whether something was struck.
    pub fn has_struck(&self) -> bool {
        self.with(|state| !state.struck.is_empty())
    }

    /// Waits until nothing is on its way to a server any more.
    pub fn wait_until_quiet(&self) {
        poll(PATIENCE, || self.with(|state| (state.late == 0).then_some(()))).expect("late deliveries end");
    }

    /// A connection has come to a place.
    pub(super) fn arrive(&self, place: Place) -> Option<Blow> {
        self.with(|state| {
            if !state.armed {
                return None;
            }
            let count = state.seen.entry(place.clone()).or_default();
            *count += 1;
            let occurrence = *count;
            let due = |(strike, _): &(Strike, _)| strike.place == place && strike.occurrence == occurrence;
            let position = state.strikes.iter().position(due)?;
            let (strike, hook) = state.strikes.remove(position);
            let fault = strike.fault;
            state.struck.push(strike);
            state.late += u32::from(matches!(fault, Fault::Late | Fault::TooLate));
            if fault == Fault::Late {
                state.looks = Some(0);
            }
            Some(Blow { fault, hook })
        })
    }

    pub(super) fn wait_until_disarmed(&self) {
        poll(PATIENCE, || (!self.is_armed()).then_some(())).expect("the run ends");
    }

    pub(super) fn late_delivery_ended(&self) {
        self.with(|state| {
            state.late -= 1;
            state.looks = None;
        });
    }

    /// Waits until the program has come back and looked at what is there.
    pub(super) fn wait_until_looked(&self) {
        poll(RETURN_TIMEOUT, || self.with(|state| state.looks.is_none_or(|looks| looks > 0).then_some(())));
    }

    /// The server has opened a mailbox of the destination: the program sees what is there.
    pub(super) fn looked(&self) {
        self.with(|state| state.looks.iter_mut().for_each(|looks| *looks += 1));
    }

    /// The program is about to look again: what is to land between two looks lands first, however slow the machine.
    pub(super) fn hold_second_look(&self) {
        let landed = || self.with(|state| state.looks.is_none_or(|looks| looks == 0).then_some(()));
        poll(LANDING_TIMEOUT, landed);
    }

    /// SIGKILL, at once.
    pub(super) fn kill(&self) {
        // The program is started before its number is known.
        let id = poll(PATIENCE, || self.with(|state| state.process)).expect("the program's number");
        let _ = Command::new("sh").args(["-c", r#"kill -s KILL "$0""#, &id.to_string()]).status();
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().expect("the plan"))
    }
}
