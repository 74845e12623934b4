//! The one or two connections that a mailbox is appended over, and whose turn it is.

use crate::engine::Session;
use std::sync::{Mutex, PoisonError};

/// The connections that messages are appended over.
pub struct Uplinks<'a> {
    pub first: &'a mut Session,
    /// Where a second one is put once it is open.
    spare: &'a Mutex<Option<Session>>,
    pub second: Option<Session>,
    pub last: Uplink,
}

/// One of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Uplink {
    First,
    Second,
}

impl<'a> Uplinks<'a> {
    /// A second connection may turn up in `spare`.
    pub fn new(first: &'a mut Session, spare: &'a Mutex<Option<Session>>) -> Self {
        Uplinks { first, spare, second: None, last: Uplink::Second }
    }

    /// The session of that connection; the first, where there is no second.
    pub fn session(&mut self, uplink: Uplink) -> &mut Session {
        match (uplink, &mut self.second) {
            (Uplink::Second, Some(second)) => second,
            _ => self.first,
        }
    }

    /// Whose turn it is.
    pub fn take_turns(&mut self) -> Uplink {
        if self.second.is_none() {
            self.second = self.spare.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
        self.last = match (&self.second, self.last) {
            (Some(_), Uplink::First) => Uplink::Second,
            _ => Uplink::First,
        };
        self.last
    }
}
