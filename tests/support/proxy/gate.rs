//! A gate in the conversation: so many pass at a place, and who comes then is held until the test lets them go. So a run
//! can be met in the midst of its work, however fast or slow the machine is.

use std::sync::{Condvar, Mutex, MutexGuard};

use super::place::Place;

/// Open until it is closed.
#[derive(Default)]
pub struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Where it stands and how many it lets pass; none while it is open.
    closed: Option<(Place, u64)>,
    /// How often it was closed.
    closings: u64,
    /// Who was held by a closing up to this one is cut off.
    cut: u64,
    held: u64,
}

impl Gate {
    /// Lets so many pass at that place, over all connections, and holds the next.
    pub fn close_behind(&self, place: Place, count: u64) {
        self.change(|state| {
            state.closed = Some((place, count));
            state.closings += 1;
            state.held = 0;
        });
    }

    /// Lets so many more pass.
    pub fn let_through(&self, count: u64) {
        self.change(|state| state.closed.iter_mut().for_each(|(_, left)| *left += count));
    }

    /// Lets all go on.
    pub fn open(&self) {
        self.change(|state| state.closed = None);
    }

    /// Cuts the connections off that are held, and holds nobody any more.
    pub fn cut(&self) {
        self.change(|state| {
            state.closed = None;
            state.cut = state.closings;
        });
    }

    /// Whether somebody is held.
    pub fn is_holding(&self) -> bool {
        self.lock().held > 0
    }

    pub(super) fn stands_at(&self, place: &Place) -> bool {
        self.lock().closed.as_ref().is_some_and(|(stands, _)| stands == place)
    }

    /// Passes the gate, once it may; false if it is to be cut off.
    pub(super) fn pass(&self, place: &Place) -> bool {
        let mut state = self.lock();
        let closing = state.closings;
        loop {
            if state.cut >= closing || state.closings != closing {
                return false;
            }
            match &mut state.closed {
                Some((stands, left)) if stands == place && *left > 0 => {
                    *left -= 1;
                    return true;
                }
                Some((stands, _)) if stands == place => {}
                _ => return true,
            }
            state.held += 1;
            state = self.changed.wait(state).expect("the gate");
            state.held = state.held.saturating_sub(1);
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("the gate")
    }
}
