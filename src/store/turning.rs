//! A pair of mailboxes stands one way: its links are read from what is its source. Turned, they are read from the other side,
//! and say the same of both messages.
//!
//! Invariants:
//! 1. A pair stands one way or the other, and never both: its header changes its place in one batch with the one that it
//!    leaves (`turn_cut_off_leaves_each_pair_standing_one_way`).
//! 2. Turned back, a link is what it was (`pairs_turned_twice_are_as_they_were`).
//! 3. What stands by the UIDs of one mailbox (listings, what was read, what was agreed to) stays where it is, both ways.
//!
//! Memory: 8 octets for each link of the largest mailbox.

use super::account::AccountStore;
use super::codec;
use super::database::Changes;
use super::keys::PerMessage;
use super::leaves::{BATCH_LEAVES, LeafEditor};
use super::pair_header::PairHeader;
use super::tally::Tally;
use crate::error::{Kind, Result};
use crate::model::{Direction, MailboxName, PairState, RawName, Side, Uid};

impl AccountStore {
    /// The same part of the state, looked at that way: what is its source and what its destination follows from it.
    pub fn facing(&self, direction: Direction) -> AccountStore {
        let mut facing = self.clone();
        facing.id = self.id.facing(direction);
        facing
    }

    /// Which way it is looked at.
    pub fn direction(&self) -> Direction {
        self.id.direction()
    }

    /// The mailboxes of pairs that stand the other way and cannot be turned now: a run did not end cleanly there, and what it
    /// stored is known by that way alone; or copies are still to be replaced.
    ///
    /// # Errors
    ///
    /// [`Kind::State`](crate::error::Kind::State).
    pub fn unfinished(&self) -> Result<Vec<RawName>> {
        let other = self.facing(self.direction().opposite());
        let mut unfinished = Vec::new();
        for (_, header) in other.standing_headers()? {
            let source = header.state.pairing.source;
            if header.state.intent.is_some() || other.replaced(&source)?.next().is_some() {
                unfinished.push(source);
            }
        }
        Ok(unfinished)
    }

    /// Turns all pairs that stand the other way. What of them is damaged is forgotten, and matched anew. Returns how many
    /// were turned.
    ///
    /// # Errors
    ///
    /// [`Kind::State`](crate::error::Kind::State): what was turned by then stands.
    pub fn turn(&self) -> Result<u64> {
        let _alone = self.store.alone();
        self.enrolled()?;
        let other = self.facing(self.direction().opposite());
        let mut turned = 0;
        for (key, header) in other.standing_headers()? {
            match self.turn_pair(&other, &header) {
                Err(error) if *error.kind() == Kind::Damaged => self.database().clear(&key)?,
                done => done.map(|()| turned += 1)?,
            }
        }
        self.note_standing()?;
        Ok(turned)
    }

    /// The headers of pairs that stand the way that this is looked at, with their keys. One that is damaged goes.
    fn standing_headers(&self) -> Result<Vec<(Vec<u8>, PairHeader)>> {
        let mut headers = Vec::new();
        for entry in self.database().walk(&self.id.pairs()) {
            let (key, octets) = entry?;
            match codec::decode_or_damage(&key, &octets) {
                Ok(header) => headers.push((key.to_vec(), header)),
                Err(error) if *error.kind() == Kind::Damaged => self.database().clear(&key)?,
                Err(error) => return Err(error),
            }
        }
        Ok(headers)
    }

    fn turn_pair(&self, other: &AccountStore, header: &PairHeader) -> Result<()> {
        let pairing = header.state.pairing.mirrored();
        let (source, destination) = (&pairing.source, &pairing.destination);
        for table in [PerMessage::Link, PerMessage::CarriedLink, PerMessage::Replaced] {
            self.database().clear(&self.of_source(table, source))?;
        }
        let (tally, mut changes) = self.write_mirrored(other, header, source)?;
        changes.remove(self.id.settlement(source));
        changes.remove(other.id.settlement(destination));
        let name = MailboxName { raw: destination.clone(), levels: vec![destination.wire_text()] };
        let name = self.mailbox(Side::Destination, destination)?.map_or(name, |known| known.name);
        // What landed late on either side is known both ways.
        self.note_late_appends(Side::Source, source, (pairing.source_validity, header.state.late_from))?;
        let late_from = self.late_appends(Side::Destination, destination, pairing.destination_validity)?;
        let state = PairState { links: tally.count, late_from, ..PairState::new(pairing.clone(), name) };
        let [ours, theirs] = header.reach;
        let turned = PairHeader { state, tally, reach: [theirs, ours], carried: false };
        changes.put(&self.id.pair(source), &turned)?;
        changes.remove(other.id.pair(destination));
        self.database().apply(changes)?;
        for table in [PerMessage::Link, PerMessage::CarriedLink] {
            self.database().clear(&other.of_source(table, destination))?;
        }
        Ok(())
    }

    /// Writes the links of the pair under its other mailbox. Of two that name one message the first holds; one whose two
    /// messages are nowhere tells nothing.
    fn write_mirrored(&self, other: &AccountStore, header: &PairHeader, source: &RawName) -> Result<(Tally, Changes)> {
        let before = &header.state.pairing.source;
        let mut order = Vec::new();
        for link in other.links(before)? {
            let link = link?;
            let is_nowhere = link.source.is_stand_in() && link.destination.is_stand_in();
            order.extend((!is_nowhere).then_some((link.destination, link.source)));
        }
        // What is nowhere comes last, under stand-ins.
        order.sort_unstable_by_key(|(uid, before)| (uid.is_stand_in(), *uid, *before));
        order.dedup_by(|one, kept| one.0 == kept.0 && !kept.0.is_stand_in());
        let (mut links, mut stand_in) = (other.link_lookup(before)?, Uid::LOST);
        let mut written = LeafEditor::new(self.database(), self.of_source(PerMessage::Link, source), Tally::default());
        written = written.ending_at(0);
        let mut changes = Changes::default();
        for (uid, before) in order {
            let Some(link) = links.get(before)? else { continue };
            written.put(link.mirrored(stand_in))?;
            stand_in = if uid.is_stand_in() { stand_in.next().unwrap_or(stand_in) } else { stand_in };
            if written.changed_leaves() >= BATCH_LEAVES {
                written.seal_into(&mut changes)?;
                self.database().apply(std::mem::take(&mut changes))?;
            }
        }
        written.seal_into(&mut changes)?;
        Ok((written.tally(), changes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::link::Intent;
    use crate::model::{Flags, Link, Outcome, Replaced};
    use crate::store::Store;
    use crate::store::tests::{copy_of, fill, inbox, link, name, open, pair};

    const BACK: Direction = Direction::Reversed;

    fn links(account: &AccountStore, source: &RawName) -> Vec<Link> {
        account.links(source).unwrap().collect::<Result<_>>().unwrap()
    }

    fn named(path: &str) -> PairState {
        let mut named = pair();
        named.pairing.source = name(path).raw;
        named.pairing.destination = name(&format!("{path} there")).raw;
        named
    }

    /// Links of all kinds: crossed, departed, gone from the source, twice to one message.
    fn account() -> (tempfile::TempDir, Store, AccountStore) {
        let (directory, store) = open();
        let account = store.account("alice");
        account.begin_scan().unwrap();
        account.put_pair(&pair()).unwrap();
        let crossed = Link { destination: Uid(5), ..link(300) };
        let departed = Link { destination: Uid::NOWHERE, ..link(7) };
        let gone = Link { source: Uid::LOST, ..link(8) };
        account.checkpoint(&inbox(), &[link(1), link(2), crossed, departed, gone], &[]).unwrap();
        (directory, store, account)
    }

    /// Holds store/turning.rs invariant 2.
    #[test]
    fn pairs_turned_twice_are_as_they_were() {
        let (_directory, _store, account) = account();
        let before = links(&account, &inbox());
        let back = account.facing(BACK);
        assert_eq!(back.turn().unwrap(), 1);
        assert_eq!((account.pairs().unwrap(), links(&account, &inbox())), (vec![], vec![]));
        let turned = back.pair(&inbox()).unwrap().unwrap();
        assert_eq!((turned.pairing, turned.links), (pair().pairing.mirrored(), 5));
        let uids: Vec<(u32, u32)> = links(&back, &inbox()).iter().map(|it| (it.source.0, it.destination.0)).collect();
        assert_eq!(uids, [(5, 300), (1001, 1), (1002, 2), (1008, 0), (Uid::LOST.0, 7)]);
        assert_eq!(back.link(&inbox(), Uid(1002)).unwrap().unwrap().destination, Uid(2));
        assert_eq!(back.reaches()[0].sides.map(|side| side.below), [Uid(1009), Uid(301)]);
        assert_eq!(account.turn().unwrap(), 1);
        assert_eq!(links(&account, &inbox()), before);
        assert_eq!(account.turn().unwrap(), 0, "it stands this way");
    }

    /// Holds store/turning.rs invariant 3.
    #[test]
    fn listings_and_what_was_agreed_to_stand_both_ways() {
        let (_directory, _store, account) = account();
        fill(&account, Side::Source, 8);
        account.checkpoint(&inbox(), &[], &[(Uid(9), Outcome::Vanished)]).unwrap();
        let back = account.facing(BACK);
        back.turn().unwrap();
        assert_eq!(back.records(Side::Destination, &inbox()).unwrap().count(), 8);
        assert_eq!(back.exceptions(&inbox()).count(), 0, "they are of the other mailbox");
        account.turn().unwrap();
        assert_eq!(account.exceptions(&inbox()).count(), 1);
    }

    #[test]
    fn what_is_not_finished_one_way_is_known_the_other_way() {
        let (_directory, _store, account) = account();
        let back = account.facing(BACK);
        assert_eq!(back.unfinished().unwrap(), []);
        account.put_pair(&PairState { intent: Some(Intent { uid_next: Uid(9) }), ..pair() }).unwrap();
        assert_eq!(back.unfinished().unwrap(), [inbox()]);
        account.put_pair(&pair()).unwrap();
        account.replace(&inbox(), &[Replaced { copy: link(1), octets: [7; 32] }]).unwrap();
        assert_eq!((back.unfinished().unwrap(), account.unfinished().unwrap()), (vec![inbox()], vec![]));
    }

    #[test]
    fn what_may_have_landed_late_is_known_both_ways() {
        let (_directory, _store, account) = account();
        account.put_pair(&PairState { late_from: Some(Uid(1003)), ..pair() }).unwrap();
        let back = account.facing(BACK);
        back.turn().unwrap();
        let validity = pair().pairing.destination_validity;
        assert_eq!(back.late_appends(Side::Source, &inbox(), validity).unwrap(), Some(Uid(1003)));
        assert_eq!(back.late_appends(Side::Source, &inbox(), crate::model::UidValidity(1)).unwrap(), None);
        assert_eq!(back.pair(&inbox()).unwrap().unwrap().late_from, None, "it is of the other side");
        account.turn().unwrap();
        assert_eq!(account.pair(&inbox()).unwrap().unwrap().late_from, Some(Uid(1003)));
    }

    #[test]
    fn link_to_what_another_link_names_is_void() {
        let (_directory, _store, account) = account();
        account.checkpoint(&inbox(), &[Link { destination: Uid(5), ..link(301) }], &[]).unwrap();
        let back = account.facing(BACK);
        back.turn().unwrap();
        assert_eq!(back.link(&inbox(), Uid(5)).unwrap().unwrap().destination, Uid(300));
        assert_eq!(links(&back, &inbox()).len(), 5, "and what is counted is what is there");
    }

    /// Holds store/turning.rs invariant 1. The files as a kill would leave them: behind each pair, and before its header is there.
    #[test]
    fn turn_cut_off_leaves_each_pair_standing_one_way() {
        let (directory, store, account) = account();
        for number in 0..3u32 {
            let pair = named(&format!("mailbox {number}"));
            account.put_pair(&pair).unwrap();
            let many: Vec<Link> = (1..5_000).map(|uid| Link { agreed: Flags::none(), ..link(uid) }).collect();
            many.chunks(500).try_for_each(|links| account.checkpoint(&pair.pairing.source, links, &[])).unwrap();
        }
        let back = account.facing(BACK);
        let assert_killed_here = |expected: usize| {
            store.flush().unwrap();
            let killed = copy_of(directory.path());
            let found = Store::open(killed.path()).unwrap().0.account("alice");
            let back = found.facing(BACK);
            let (there, turned) = (found.pairs().unwrap(), back.pairs().unwrap());
            assert_eq!((there.len(), turned.len()), (4 - expected, expected));
            for (standing, pair) in there.iter().map(|it| (&found, it)).chain(turned.iter().map(|it| (&back, it))) {
                assert_eq!(links(standing, &pair.pairing.source).len() as u64, pair.links);
            }
        };
        for (number, (_, header)) in account.standing_headers().unwrap().into_iter().enumerate() {
            let pairing = header.state.pairing.mirrored();
            let (_, changes) = back.write_mirrored(&account, &header, &pairing.source).unwrap();
            back.database().apply(changes).unwrap();
            assert_killed_here(number);
            back.turn_pair(&account, &header).unwrap();
            assert_killed_here(number + 1);
        }
    }
}
