//! A link ties one source message to the destination message that is its copy.

use super::{
    Digest, FlagCapacity, Flags, InternalDate, Listed, Losses, MailboxName, MailboxState, Outcomes, RawName, Side, Uid,
    UidValidity,
};
use serde::{Deserialize, Serialize};

/// How a link came to be. Only what we put there ourselves may ever be deleted by us.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum LinkOrigin {
    /// We appended it and the server named its UID.
    Appended,
    /// We appended it, the answer was lost or named no UID, and it was found again by identity above the noted UIDNEXT.
    Reconciled,
    /// It was on the destination before us, and matched by identity.
    Adopted,
    /// It is the source message that is a copy: we appended it from here on the way back, as [`LinkOrigin::Appended`].
    BroughtBack,
    /// The same, as [`LinkOrigin::Reconciled`].
    FoundBack,
    /// We had put it there, and moved it on the destination when its source message was moved.
    Moved,
}

impl LinkOrigin {
    /// Whether the message is there because we put it there.
    pub fn is_ours(self) -> bool {
        matches!(self, LinkOrigin::Appended | LinkOrigin::Reconciled | LinkOrigin::Moved)
    }

    /// Whether the source message is there because we put it there.
    pub fn is_of_the_source(self) -> bool {
        self.mirrored().is_ours()
    }

    /// The same with the two sides swapped.
    fn mirrored(self) -> LinkOrigin {
        match self {
            LinkOrigin::Appended => LinkOrigin::BroughtBack,
            LinkOrigin::Moved => LinkOrigin::BroughtBack,
            LinkOrigin::Reconciled => LinkOrigin::FoundBack,
            LinkOrigin::Adopted => LinkOrigin::Adopted,
            LinkOrigin::BroughtBack => LinkOrigin::Appended,
            LinkOrigin::FoundBack => LinkOrigin::Reconciled,
        }
    }
}

/// One source message and its copy. Holds for one [`Pairing`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Link {
    pub source: Uid,
    pub destination: Uid,
    /// The flags that both sides last agreed on. Until the copy is listed (`PairState::unseen_from`): those that were sent.
    pub agreed: Flags,
    /// Flags of the source that the destination was given, said OK to, and does not have.
    pub lost: Flags,
    pub origin: LinkOrigin,
    /// Size in octets as read from the source when it was appended, or as listed there when it was found.
    pub octets: u64,
    /// The internal date that was sent, or that the source listed. `None`: there was none, or an older version of the
    /// state did not keep it.
    pub date: Option<InternalDate>,
    /// The size that the source lists, where that is not `octets`: some servers list estimates.
    pub source_octets: Option<u64>,
    /// What the destination lists of the copy, where that is not the identity, octets and date above.
    pub altered: Option<Listed>,
    /// The identity of the source message. When that is gone, it is what tells that the destination message is still
    /// the one that was meant.
    pub identity: Digest,
}

impl Link {
    /// Whether the destination message is there because we put it there.
    pub fn is_ours(&self) -> bool {
        self.origin.is_ours()
    }

    /// What the source lists of the message that was linked.
    pub fn listed_source(&self) -> Listed {
        let octets = self.source_octets.unwrap_or(self.octets);
        Listed { octets, date: self.date, identity: Some(self.identity) }
    }

    /// What the destination lists of it.
    pub fn listed_copy(&self) -> Listed {
        self.altered.unwrap_or(Listed { octets: self.octets, date: self.date, identity: Some(self.identity) })
    }

    /// The same link as it is read the other way round: what it says of either message holds on. What the destination does not
    /// keep of the flags was never agreed on. A message that is nowhere has `stand_in` for a UID.
    pub fn mirrored(&self, stand_in: Uid) -> Link {
        let (source, copy) = (self.listed_source(), self.listed_copy());
        let identity = copy.identity.unwrap_or(self.identity);
        let expected = Listed { octets: self.octets, date: copy.date, identity: Some(identity) };
        Link {
            source: if self.destination.is_stand_in() { stand_in } else { self.destination },
            destination: if self.source.is_stand_in() { Uid::NOWHERE } else { self.source },
            agreed: self.agreed.minus(&self.lost),
            lost: Flags::none(),
            origin: self.origin.mirrored(),
            octets: self.octets,
            date: copy.date,
            source_octets: Some(copy.octets).filter(|octets| *octets != self.octets),
            altered: Some(source).filter(|source| *source != expected),
            identity,
        }
    }
}

/// The two mailboxes, with their UIDVALIDITY, that a set of links holds for. When either value changes the links are void.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Pairing {
    pub source: RawName,
    pub source_validity: UidValidity,
    pub destination: RawName,
    pub destination_validity: UidValidity,
}

impl Pairing {
    /// The same two mailboxes with their sides swapped.
    pub fn mirrored(&self) -> Pairing {
        Pairing {
            source: self.destination.clone(),
            source_validity: self.destination_validity,
            destination: self.source.clone(),
            destination_validity: self.source_validity,
        }
    }

    /// The UIDVALIDITY that it holds for on that side.
    pub fn validity(&self, side: Side) -> UidValidity {
        match side {
            Side::Source => self.source_validity,
            Side::Destination => self.destination_validity,
        }
    }

    /// The mailbox of that side.
    pub fn mailbox(&self, side: Side) -> &RawName {
        match side {
            Side::Source => &self.source,
            Side::Destination => &self.destination,
        }
    }

    /// Whether UIDs of its links are those of this listing.
    pub fn holds_for(&self, side: Side, listing: &MailboxState) -> bool {
        listing.sync_point.is_some_and(|point| point.uid_validity == self.validity(side))
    }
}

/// Noted durably before the first append to a destination mailbox: all that we may have stored there without
/// knowing it has a UID at or above `uid_next`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Intent {
    /// UIDNEXT of the destination mailbox before anything was sent.
    pub uid_next: Uid,
}

/// The two listings and the policy that were compared with nothing left to do; while all three stay the same, the
/// pair needs no look.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Settled {
    pub source_revision: u64,
    pub destination_revision: u64,
    pub policy: [u8; 16],
}

/// What the state keeps of one source mailbox and the destination mailbox that it goes to. The links stand beside it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PairState {
    pub pairing: Pairing,
    /// The destination mailbox, decoded.
    pub destination: MailboxName,
    /// `Some` while appends may have happened whose answers were not recorded: the tail must be reconciled.
    pub intent: Option<Intent>,
    /// Where appends may have landed whose answers we never had, and which came after we had looked for them: at or above
    /// this destination UID. The UIDNEXT of the intent at the first unclean end; kept as long as the pairing.
    pub late_from: Option<Uid>,
    /// From this destination UID on copies were not listed since they were appended: what flags they have is not known.
    pub unseen_from: Option<Uid>,
    /// What the destination mailbox said that it keeps of flags when some were last seen to be lost. What it grants beyond
    /// that is given again; all of it where this is not known.
    pub lost_under: Option<FlagCapacity>,
    pub settled: Option<Settled>,
    /// What became of the source mailbox's messages, as of the last plan or apply.
    pub outcomes: Outcomes,
    /// What the destination cannot keep of them.
    pub losses: Losses,
    /// Number of links; a different count on disk means damage.
    pub links: u64,
}

impl PairState {
    /// A pair that nothing is known of yet.
    pub fn new(pairing: Pairing, destination: MailboxName) -> Self {
        PairState {
            pairing,
            destination,
            intent: None,
            late_from: None,
            unseen_from: None,
            lost_under: None,
            settled: None,
            outcomes: Outcomes::default(),
            losses: Losses::default(),
            links: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> Link {
        Link {
            source: Uid(3),
            destination: Uid(1003),
            agreed: Flags::from_texts(["\\Seen", "work"]),
            lost: Flags::from_texts(["work"]),
            origin: LinkOrigin::Appended,
            octets: 100,
            date: Some(InternalDate(7)),
            source_octets: None,
            altered: None,
            identity: Digest([1; 16]),
        }
    }

    #[test]
    fn link_mirrored_says_the_same_of_both_messages() {
        let altered = Listed { octets: 90, date: Some(InternalDate(8)), identity: Some(Digest([2; 16])) };
        let estimated = Link { source_octets: Some(120), ..link() };
        let rewritten = Link { altered: Some(altered), ..link() };
        let both = Link { altered: Some(altered), source_octets: Some(120), ..link() };
        for link in [link(), estimated, rewritten, both] {
            let mirrored = link.mirrored(Uid::LOST);
            assert_eq!((mirrored.source, mirrored.destination), (Uid(1003), Uid(3)));
            assert_eq!((mirrored.listed_source(), mirrored.listed_copy()), (link.listed_copy(), link.listed_source()));
            assert!(!mirrored.is_ours(), "what was there before us is nobody's to delete");
            let again = mirrored.mirrored(Uid::LOST);
            assert_eq!(again, Link { agreed: link.agreed.minus(&link.lost), lost: Flags::none(), ..link });
        }
    }

    #[test]
    fn link_mirrored_has_a_stand_in_for_what_is_nowhere() {
        let departed = Link { destination: Uid::NOWHERE, ..link() }.mirrored(Uid(Uid::LOST.0 + 5));
        assert_eq!((departed.source, departed.destination), (Uid(Uid::LOST.0 + 5), Uid(3)));
        let gone = Link { source: Uid(Uid::LOST.0 + 5), ..link() }.mirrored(Uid::LOST);
        assert_eq!((gone.source, gone.destination), (Uid(1003), Uid::NOWHERE));
    }

    #[test]
    fn what_we_brought_back_is_ours_only_on_the_side_that_it_was_brought_to() {
        let origins = [LinkOrigin::Appended, LinkOrigin::Reconciled, LinkOrigin::Adopted];
        for origin in origins {
            assert!(!origin.mirrored().is_ours());
            assert_eq!(origin.mirrored().mirrored(), origin);
        }
    }
}
