//! What happens while a command runs, for who uses the library.

use super::failure::Error;
use crate::pipeline;

/// What an account is being taken through.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Phase {
    /// It logs in on both sides.
    Connecting,
    /// Both sides are listed.
    Scanning,
    /// The snapshots are compared.
    Planning,
    /// Messages are copied, flags set, and what is to go is deleted.
    Copying,
    /// Both sides are listed anew and compared.
    Verifying,
}

/// Something that happened.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// An account enters a phase.
    Began {
        /// The name of the account.
        account: &'a str,
        /// The phase.
        phase: Phase,
        /// Messages that the phase has to do, where that is known; else 0.
        messages: u64,
        /// Octets that the phase has to do, where that is known; else 0.
        octets: u64,
    },
    /// So much of the account was done before the phase, in an earlier run.
    Resumed {
        /// The name of the account.
        account: &'a str,
        /// Messages that are done.
        messages: u64,
        /// Their octets.
        octets: u64,
    },
    /// A part of the phase is done.
    Advanced {
        /// The name of the account.
        account: &'a str,
        /// The mailbox, its name decoded.
        mailbox: &'a str,
        /// Messages that were done since the last event of this kind.
        messages: u64,
        /// Their octets.
        octets: u64,
    },
    /// Something that is good to know, and no failure: a connection broke and was opened again, a server asked for patience.
    Noticed {
        /// The name of the account; none where it is about the run as a whole.
        account: Option<&'a str>,
        /// What it is, as a sentence.
        text: &'a str,
    },
    /// Something failed and is recorded; the run goes on with the rest.
    Failed {
        /// The name of the account.
        account: &'a str,
        /// What failed.
        error: Error,
    },
    /// The account is done.
    Ended {
        /// The name of the account.
        account: &'a str,
    },
}

/// Whoever is told of events.
pub(super) type Listener = dyn Fn(Event<'_>) + Send + Sync;

/// Tells a listener what the pipeline tells its observer.
pub(super) struct Telling(pub std::sync::Arc<Listener>);

impl pipeline::Observer for Telling {
    fn event(&self, event: pipeline::Event<'_>) {
        (self.0)(match event {
            pipeline::Event::Began { account, phase, messages, octets } => {
                Event::Began { account, phase: phase.into(), messages, octets }
            }
            pipeline::Event::Resumed { account, messages, octets, passing: _ } => {
                Event::Resumed { account, messages, octets }
            }
            pipeline::Event::Advanced { account, mailbox, messages, octets } => {
                Event::Advanced { account, mailbox, messages, octets }
            }
            pipeline::Event::Noticed { account, text } => {
                Event::Noticed { account: Some(account).filter(|account| !account.is_empty()), text }
            }
            pipeline::Event::Failed { account, error } => Event::Failed { account, error: error.clone().into() },
            pipeline::Event::Ended { account } => Event::Ended { account },
        });
    }
}

impl From<pipeline::Phase> for Phase {
    fn from(phase: pipeline::Phase) -> Phase {
        match phase {
            pipeline::Phase::Connecting => Phase::Connecting,
            pipeline::Phase::Scanning => Phase::Scanning,
            pipeline::Phase::Planning => Phase::Planning,
            pipeline::Phase::Copying => Phase::Copying,
            pipeline::Phase::Verifying => Phase::Verifying,
        }
    }
}
