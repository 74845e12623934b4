//! What stands over the links of a pair: the pair itself, how many links there are, and how far they reach.

use super::codec::{Flaw, Stored, decode_payload};
use super::keys::PerMessage;
use super::kinds::StoredKind;
use super::older::FormerPair;
use super::tally::Tally;
use crate::model::{Link, PairState, Uid};
use serde::{Deserialize, Serialize};

/// How far links reach on one side.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct SideReach {
    /// All linked UIDs are below it. A mailbox whose UIDNEXT is lower went back.
    pub below: Uid,
    /// The mailbox was seen to have gone back, and the links were not compared with it since.
    pub suspect: bool,
}

#[derive(Serialize, Deserialize)]
pub(super) struct PairHeader {
    pub(super) state: PairState,
    /// The links.
    pub(super) tally: Tally,
    /// How far the links reach, by side.
    pub(super) reach: [SideReach; 2],
    /// Which of two tables the links stand in: they change it when they are carried over to another UIDVALIDITY.
    pub(super) carried: bool,
}

impl PairHeader {
    /// Where the links stand.
    pub(super) fn table(&self) -> PerMessage {
        table(self.carried)
    }
}

pub(super) fn table(carried: bool) -> PerMessage {
    if carried { PerMessage::CarriedLink } else { PerMessage::Link }
}

impl Stored for PairHeader {
    const KIND: StoredKind = StoredKind::Pair;
    const NOUN: &'static str = "the header of a mailbox pair";

    fn from_older(version: u8, payload: &[u8]) -> Option<std::result::Result<Self, Flaw>> {
        if version > 2 {
            return Some(decode_payload(payload));
        }
        let former = decode_payload::<(FormerPair, Tally, [SideReach; 2])>(payload);
        let today =
            |(pair, tally, reach): (FormerPair, _, _)| PairHeader { state: pair.today(), tally, reach, carried: false };
        Some(former.map(today))
    }
}

/// Takes new links into the reach.
pub(super) fn extend(reach: &mut [SideReach; 2], links: &[Link]) {
    for link in links {
        let uids = [link.source, link.destination].into_iter().enumerate();
        for (side, uid) in uids.filter(|(_, uid)| !uid.is_stand_in()) {
            reach[side].below = reach[side].below.max(uid.next().unwrap_or(uid));
        }
    }
}
