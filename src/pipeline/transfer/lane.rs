//! A session on each side, for one mailbox at a time.

use crate::engine::Session;
use crate::error::Result;
use crate::model::Side;
use crate::pipeline::fleet::access::Access;
use std::thread;

/// A session on each side, for one mailbox at a time.
pub struct Lane {
    pub source: Session,
    pub destination: Session,
}

impl Lane {
    /// Opens both; always the source first, so that no two accounts wait for each other's connections.
    ///
    /// # Errors
    /// What [`Access::session`] gives.
    pub fn open(access: &Access<'_>) -> Result<Lane> {
        let source = access.session(Side::Source)?;
        match access.session(Side::Destination) {
            Ok(destination) => Ok(Lane { source, destination }),
            Err(error) => {
                access.give_back(Side::Source, source);
                Err(error)
            }
        }
    }

    /// Opens both, at the same time, if the budgets have connections to spare. Neither is waited for, so accounts cannot
    /// wait for each other here.
    pub fn spare(access: &Access<'_>) -> Option<Lane> {
        let (source, destination) = thread::scope(|scope| {
            let destination = scope.spawn(|| access.spare_session(Side::Destination));
            let source = access.spare_session(Side::Source);
            (source, destination.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        match (source, destination) {
            (Some(source), Some(destination)) => Some(Lane { source, destination }),
            (source, destination) => {
                let opened = [(Side::Source, source), (Side::Destination, destination)];
                opened.into_iter().filter_map(|(side, session)| Some((side, session?))).for_each(|(side, session)| {
                    access.give_back(side, session);
                });
                None
            }
        }
    }

    /// How many there can be at one time, up to so many; they are opened, and kept for later. One there is always.
    pub fn possible(access: &Access<'_>, most: usize) -> usize {
        if most < 2 {
            return 1;
        }
        let lanes: Vec<Lane> = thread::scope(|scope| {
            let opening: Vec<_> = (0..most).map(|_| scope.spawn(|| Lane::spare(access))).collect();
            let opened = opening.into_iter().map(|lane| lane.join().unwrap_or_else(|it| std::panic::resume_unwind(it)));
            opened.flatten().collect()
        });
        let possible = lanes.len().max(1);
        lanes.into_iter().for_each(|lane| lane.close(access));
        possible
    }

    /// Keeps what is still alive for later.
    pub fn close(self, access: &Access<'_>) {
        access.give_back(Side::Source, self.source);
        access.give_back(Side::Destination, self.destination);
    }
}
