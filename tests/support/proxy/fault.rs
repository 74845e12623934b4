//! What can happen at a place.

use std::fmt;
use std::str::FromStr;

use super::place::{Moment, Place};

/// What happens. All but [`Fault::Drip`] and [`Fault::Hook`] end something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Both connections are closed.
    Cut,
    /// The client's connection is reset.
    Reset,
    /// Nothing passes any more, in either direction, and nothing is read.
    Stall,
    /// What comes next passes octet by octet.
    Drip,
    /// `* BYE`, and the end.
    Bye,
    /// The client is sent what is no IMAP, and the conversation goes on.
    Garbage,
    /// NO instead of the command, which the server never sees.
    Refuse,
    /// The same with INUSE.
    Busy,
    /// The same with OVERQUOTA.
    Full,
    /// The same with BAD.
    Bad,
    /// The server did it, and the client is told NO.
    Deny,
    /// The tagged answer never comes; the connection stands.
    Swallow,
    /// SIGKILL of the program.
    Kill,
    /// Cut; the end of the command reaches the server when the program has come back and looked, and before it looks
    /// again.
    Late,
    /// The same when the plan is disarmed: after the program has looked, gone on and ended.
    TooLate,
    /// The test does something, and the conversation goes on.
    Hook,
}

/// Every fault with its name.
pub const FAULTS: [(Fault, &str); 16] = [
    (Fault::Cut, "cut"),
    (Fault::Reset, "reset"),
    (Fault::Stall, "stall"),
    (Fault::Drip, "drip"),
    (Fault::Bye, "bye"),
    (Fault::Garbage, "garbage"),
    (Fault::Refuse, "refuse"),
    (Fault::Busy, "busy"),
    (Fault::Full, "full"),
    (Fault::Bad, "bad"),
    (Fault::Deny, "deny"),
    (Fault::Swallow, "swallow"),
    (Fault::Kill, "kill"),
    (Fault::Late, "late"),
    (Fault::TooLate, "too-late"),
    (Fault::Hook, "hook"),
];

impl Fault {
    /// Whether it can strike there. A conversation under TLS cannot be changed, only broken.
    pub fn applies_at(self, moment: Moment) -> bool {
        let sealed = matches!(moment, Moment::TlsRecord | Moment::InTlsRecord);
        match self {
            Fault::Cut | Fault::Reset | Fault::Stall | Fault::Drip | Fault::Garbage | Fault::Kill | Fault::Hook => true,
            Fault::Bye => !sealed,
            Fault::Refuse | Fault::Busy | Fault::Full | Fault::Bad => moment == Moment::Command,
            Fault::Deny | Fault::Swallow => moment == Moment::BeforeAnswer,
            Fault::Late | Fault::TooLate => moment == Moment::FinalLineEnd,
        }
    }

    /// Whether somebody may wait for what does not come.
    pub fn may_silence(self) -> bool {
        matches!(self, Fault::Stall | Fault::Drip | Fault::Garbage | Fault::Swallow)
    }

    /// Whether it may have the messages of a mailbox stored in another order: what was refused comes after the rest.
    pub fn may_change_the_order(self) -> bool {
        matches!(self, Fault::Refuse | Fault::Busy | Fault::Full | Fault::Bad | Fault::Deny)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = FAULTS.iter().find(|(fault, _)| fault == self).map_or("?", |(_, name)| name);
        formatter.write_str(name)
    }
}

/// A fault at one occurrence of a place, counted from 1 over all connections: `source/answer/LIST#1=cut`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strike {
    pub place: Place,
    pub occurrence: u32,
    pub fault: Fault,
}

impl fmt::Display for Strike {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}#{}={}", self.place, self.occurrence, self.fault)
    }
}

impl FromStr for Strike {
    type Err = String;

    fn from_str(text: &str) -> Result<Strike, String> {
        let no_strike = || format!("no strike: {text}");
        let (place, rest) = text.rsplit_once('#').ok_or_else(no_strike)?;
        let (occurrence, fault) = rest.split_once('=').ok_or_else(no_strike)?;
        let (fault, _) = FAULTS.iter().find(|(_, name)| *name == fault).ok_or_else(no_strike)?;
        let occurrence = occurrence.parse().map_err(|_| no_strike())?;
        Ok(Strike { place: place.parse()?, occurrence, fault: *fault })
    }
}
