//! Messages and their copies that a deep verification has read on both sides and found the same, so that it need not read them again.
//!
//! Invariants:
//! 1. What is found was read of these very two messages: of these users on these servers, in these mailboxes under these UIDVALIDITYs,
//!    under these UIDs, and as they are listed now. A copy that was made anew has another UID; anything else is as good as not read.
//! 2. It is never taken over from another state (`moving`), and is gone with the links of its pair.
//! 3. What was read since and found to be otherwise is not among it.
//!
//! What the listing does not show, an octet that was altered in place under its UID, size and date, is not seen by it: who wants that
//! seen has all read again.

use super::account::{AccountStore, Binding};
use super::database::Changes;
use super::keys::PerMessage;
use super::kinds::StoredKind;
use super::leaves::{Entry, LeafEditor, Lookup};
use super::tally::Tally;
use crate::error::{Kind, Result};
use crate::model::{Digest, MessageRecord, Pairing, RawName, Uid, UidSet};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A message and its copy, as they were read.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct VerifiedCopy {
    source: Uid,
    destination: Uid,
    /// Of all that must be as it was then (invariant 1).
    told_by: Digest,
    /// SHA-256 of the octets of either.
    octets: [u8; 32],
}

impl Entry for VerifiedCopy {
    const KIND: StoredKind = StoredKind::Verified;
    const NOUN: &'static str = "verified copies";

    fn uid(&self) -> Uid {
        self.source
    }
}

/// What was verified of one pair of mailboxes.
pub struct Verified {
    account: AccountStore,
    source: RawName,
    /// Of all that the messages of the pair share; `None` where a UIDVALIDITY does not last.
    shared: Option<Sha256>,
    lookup: Lookup<VerifiedCopy>,
}

impl Verified {
    /// SHA-256 of both, where they were read and found the same, and are listed as they were then. What cannot be read from the
    /// state is read from the servers again.
    pub fn octets(&mut self, [source, copy]: [&MessageRecord; 2]) -> Option<[u8; 32]> {
        let told_by = self.told_by([source, copy])?;
        let known = self.lookup.get(source.uid).ok().flatten()?;
        (known.destination == copy.uid && known.told_by == told_by).then_some(known.octets)
    }

    /// Records those that were read and are the same, and forgets those source messages that are not, or were not read.
    ///
    /// # Errors
    ///
    /// [`Kind::State`].
    pub fn note(&self, same: &[([MessageRecord; 2], [u8; 32])], others: &UidSet) -> Result<()> {
        let entries: Vec<VerifiedCopy> = same.iter().filter_map(|(pair, octets)| self.entry(pair, *octets)).collect();
        self.account.change_verified(&self.source, &entries, others)
    }

    fn entry(&self, [source, copy]: &[MessageRecord; 2], octets: [u8; 32]) -> Option<VerifiedCopy> {
        let told_by = self.told_by([source, copy])?;
        Some(VerifiedCopy { source: source.uid, destination: copy.uid, told_by, octets })
    }

    /// `None` for messages that nothing is known by: they are read each time.
    fn told_by(&self, pair: [&MessageRecord; 2]) -> Option<Digest> {
        let mut shared = self.shared.clone()?;
        for record in pair {
            let identity = record.identity.filter(|identity| *identity != Digest::NAMELESS)?;
            shared.update(record.uid.0.to_be_bytes());
            shared.update(record.octets.to_be_bytes());
            shared.update(record.internal_date?.0.to_be_bytes());
            shared.update(identity.0);
        }
        Some(Digest::from_sha256(shared.finalize().into()))
    }
}

impl AccountStore {
    /// What was verified of that pair, for those users on those servers.
    pub fn verified(&self, pairing: &Pairing, here: &Binding) -> Verified {
        let Pairing { source, source_validity, destination, destination_validity } = pairing;
        let is_lasting = source_validity.is_lasting() && destination_validity.is_lasting();
        let mut shared = Sha256::new();
        let names = here.users.iter().chain(&here.places).map(String::as_bytes);
        for name in names.chain([&source.0[..], &destination.0[..]]) {
            shared.update((name.len() as u64).to_be_bytes());
            shared.update(name);
        }
        shared.update(source_validity.0.to_be_bytes());
        shared.update(destination_validity.0.to_be_bytes());
        let lookup = Lookup::new(self.database(), self.of_source(PerMessage::Verified, source), source);
        Verified { account: self.clone(), source: source.clone(), shared: is_lasting.then_some(shared), lookup }
    }

    /// These source messages are to be read again: they, or their copies, were found to be otherwise.
    ///
    /// # Errors
    ///
    /// [`Kind::State`].
    pub fn forget_verified(&self, source: &RawName, uids: &UidSet) -> Result<()> {
        self.change_verified(source, &[], uids)
    }

    fn change_verified(&self, source: &RawName, same: &[VerifiedCopy], others: &UidSet) -> Result<()> {
        let _alone = self.store.alone();
        match self.write_verified(source, same, others) {
            // What cannot be read is as good as not verified, and its place is taken.
            Err(error) if *error.kind() == Kind::Damaged => {
                self.database().clear(&self.of_source(PerMessage::Verified, source))?;
                self.write_verified(source, same, others)
            }
            written => written,
        }
    }

    fn write_verified(&self, source: &RawName, same: &[VerifiedCopy], others: &UidSet) -> Result<()> {
        let mut editor: LeafEditor<VerifiedCopy> = self.editor(PerMessage::Verified, source, Tally::default());
        for uid in others.iter() {
            editor.remove(uid)?;
        }
        for known in same {
            editor.put(known.clone())?;
        }
        let mut changes = Changes::default();
        editor.seal_into(&mut changes)?;
        self.database().apply(changes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{InternalDate, UidValidity};
    use crate::store::tests::{inbox, name, open, pair, record};

    const OCTETS: [u8; 32] = [9; 32];

    fn here() -> Binding {
        Binding { users: ["alice", "bob"].map(str::to_owned), places: ["old", "new"].map(str::to_owned) }
    }

    fn two(uid: u32) -> [MessageRecord; 2] {
        [record(uid), MessageRecord { uid: Uid(uid + 1000), ..record(uid) }]
    }

    fn known(account: &AccountStore, pairing: &Pairing, here: &Binding, [source, copy]: &[MessageRecord; 2]) -> bool {
        account.verified(pairing, here).octets([source, copy]) == Some(OCTETS)
    }

    fn verified(uids: &[u32]) -> (tempfile::TempDir, AccountStore) {
        let (directory, store) = open();
        let account = store.account("alice");
        let same: Vec<_> = uids.iter().map(|uid| (two(*uid), OCTETS)).collect();
        account.verified(&pair().pairing, &here()).note(&same, &UidSet::new()).unwrap();
        (directory, account)
    }

    /// Holds store/verified.rs invariant 1.
    #[test]
    fn what_is_verified_holds_for_the_very_two_messages() {
        let (_directory, account) = verified(&[1, 701]);
        let (pairing, here) = (pair().pairing, here());
        assert!(known(&account, &pairing, &here, &two(1)) && known(&account, &pairing, &here, &two(701)));
        assert!(!known(&account, &pairing, &here, &two(2)));
        let others = |change: &dyn Fn(&mut MessageRecord)| {
            for side in [0, 1] {
                let mut changed = two(1);
                change(&mut changed[side]);
                assert!(!known(&account, &pairing, &here, &changed), "{changed:?}");
            }
        };
        others(&|record| record.octets += 1);
        others(&|record| record.internal_date = Some(InternalDate(1)));
        others(&|record| record.internal_date = None);
        others(&|record| record.identity = Some(Digest([1; 16])));
        others(&|record| record.identity = None);
        others(&|record| record.uid = Uid(record.uid.0 + 1));
        let others: [fn(&mut Pairing); 4] = [
            |pairing| pairing.source_validity = UidValidity(9),
            |pairing| pairing.destination_validity = UidValidity(9),
            |pairing| pairing.destination = name("Other").raw,
            |pairing| pairing.source = name("Other").raw,
        ];
        for change in others {
            let mut other = pairing.clone();
            change(&mut other);
            assert!(!known(&account, &other, &here, &two(1)), "{other:?}");
        }
        let others: [fn(&mut Binding); 4] = [
            |here| here.places[0] = "another".to_owned(),
            |here| here.places[1] = "another".to_owned(),
            |here| here.users[0] = "another".to_owned(),
            |here| here.users[1] = "another".to_owned(),
        ];
        for change in others {
            let mut elsewhere = here.clone();
            change(&mut elsewhere);
            assert!(!known(&account, &pairing, &elsewhere, &two(1)), "{elsewhere}");
        }
    }

    /// Holds store/verified.rs invariant 3.
    #[test]
    fn what_was_found_to_be_otherwise_is_not_verified() {
        let (_directory, account) = verified(&[1, 2]);
        let (pairing, here) = (pair().pairing, here());
        account.forget_verified(&inbox(), &[Uid(1)].into_iter().collect()).unwrap();
        assert_eq!([1, 2].map(|uid| known(&account, &pairing, &here, &two(uid))), [false, true]);
        account.verified(&pairing, &here).note(&[(two(1), OCTETS)], &[Uid(2)].into_iter().collect()).unwrap();
        assert_eq!([1, 2].map(|uid| known(&account, &pairing, &here, &two(uid))), [true, false]);
    }

    #[test]
    fn messages_that_nothing_is_known_by_are_never_verified() {
        let (_directory, account) = verified(&[]);
        let (pairing, here) = (pair().pairing, here());
        let nameless = two(1).map(|record| MessageRecord { identity: Some(Digest::NAMELESS), ..record });
        account.verified(&pairing, &here).note(&[(nameless.clone(), OCTETS)], &UidSet::new()).unwrap();
        assert!(!known(&account, &pairing, &here, &nameless));
        let fleeting = Pairing { source_validity: UidValidity(0), ..pairing };
        account.verified(&fleeting, &here).note(&[(two(1), OCTETS)], &UidSet::new()).unwrap();
        assert!(!known(&account, &fleeting, &here, &two(1)), "its UIDs do not last");
    }

    /// Holds store/verified.rs invariant 2.
    #[test]
    fn what_is_verified_goes_with_its_links() {
        let (pairing, here) = (pair().pairing, here());
        let (_directory, account) = verified(&[1]);
        account.put_pair(&pair()).unwrap();
        account.verified(&pairing, &here).note(&[(two(1), OCTETS)], &UidSet::new()).unwrap();
        account.put_pair(&pair()).unwrap();
        assert!(known(&account, &pairing, &here, &two(1)));
        account.reset_pair(&pair()).unwrap();
        assert!(!known(&account, &pairing, &here, &two(1)), "its messages are matched anew");
    }

    #[test]
    fn what_cannot_be_read_is_as_good_as_not_verified_and_is_written_anew() {
        let (_directory, account) = verified(&[1]);
        let (pairing, here) = (pair().pairing, here());
        let keys = account.of_source(PerMessage::Verified, &inbox());
        let (key, octets) = account.database().walk(&keys).next().unwrap().unwrap();
        let mut changes = Changes::default();
        changes.put_sealed(&key, octets[..octets.len() - 1].to_vec());
        account.database().apply(changes).unwrap();
        assert!(!known(&account, &pairing, &here, &two(1)));
        account.verified(&pairing, &here).note(&[(two(2), OCTETS)], &UidSet::new()).unwrap();
        assert_eq!([1, 2].map(|uid| known(&account, &pairing, &here, &two(uid))), [false, true]);
    }
}
