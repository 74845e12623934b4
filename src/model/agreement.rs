//! What a person agreed to of one source mailbox and its copy, and what happened since: guards count over time, not per run.

use super::{Uid, UidSet, UidValidity};
use serde::{Deserialize, Serialize};

/// What a person agreed to of one source mailbox.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Agreement {
    /// The UIDVALIDITY of the source that the UIDs below belong to.
    pub source_validity: UidValidity,
    /// Copies that we deleted since a person last agreed.
    pub deleted: u64,
    /// Messages whose copies are gone from the destination: a few at a time, which is taken for its users' work.
    pub departed: UidSet,
    /// What a person has seen, and said why it is good.
    pub accepted: Vec<Acceptance>,
    /// The whole mailbox is gone from one side and is there on the other, and why that is good.
    pub gone: Option<String>,
}

/// Messages that are not there, or not as they were, and why that is good.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Acceptance {
    pub uids: UidSet,
    pub reason: String,
}

impl Agreement {
    /// What it says of a mailbox with that UIDVALIDITY: under another one the UIDs are those of others.
    pub fn under(self, source_validity: UidValidity) -> Agreement {
        if self.source_validity == source_validity {
            return self;
        }
        Agreement { source_validity, departed: UidSet::new(), accepted: Vec::new(), ..self }
    }

    /// What it says where each message has the UID that `now` tells; a message that has none is not spoken of.
    pub fn renumbered(self, source_validity: UidValidity, now: impl Fn(Uid) -> Option<Uid>) -> Agreement {
        let uids = |before: &UidSet| {
            let mut uids: Vec<Uid> = before.iter().filter_map(&now).collect();
            uids.sort_unstable();
            uids.into_iter().collect::<UidSet>()
        };
        let departed = uids(&self.departed);
        let accepted = self.accepted.iter().map(|it| Acceptance { uids: uids(&it.uids), reason: it.reason.clone() });
        let accepted = accepted.filter(|acceptance| !acceptance.uids.is_empty()).collect();
        Agreement { source_validity, departed, accepted, ..self }
    }

    /// What it says without a word of these messages.
    pub fn without(self, uids: &UidSet) -> Agreement {
        let validity = self.source_validity;
        self.renumbered(validity, |uid| (!uids.contains(uid)).then_some(uid))
    }

    /// Why a message is good as it is; the last word counts.
    pub fn reason(&self, uid: Uid) -> Option<&str> {
        let said = self.accepted.iter().rev().find(|acceptance| acceptance.uids.contains(uid));
        said.map(|acceptance| acceptance.reason.as_str())
    }

    /// Notes what a person has said.
    pub fn accept(&mut self, uids: UidSet, reason: &str) {
        if !uids.is_empty() {
            self.accepted.push(Acceptance { uids, reason: reason.to_owned() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renumbered_speaks_of_the_same_messages() {
        let mut agreement = Agreement { deleted: 7, departed: UidSet::range(Uid(1), Uid(2)), ..Agreement::default() };
        agreement.accept(UidSet::range(Uid(2), Uid(3)), "why");
        agreement.accept(UidSet::range(Uid(4), Uid(4)), "gone");
        let now = agreement.renumbered(UidValidity(9), |uid| (uid < Uid(4)).then(|| Uid(30 - uid.0)));
        assert_eq!((now.deleted, now.departed.to_string(), now.accepted.len()), (7, "28:29".to_owned(), 1));
        assert_eq!(
            (now.reason(Uid(27)), now.reason(Uid(29)), now.source_validity),
            (Some("why"), None, UidValidity(9))
        );
    }

    #[test]
    fn under_another_uidvalidity_only_the_counts_stay() {
        let mut agreement = Agreement { deleted: 7, source_validity: UidValidity(1), ..Agreement::default() };
        agreement.accept(UidSet::range(Uid(1), Uid(3)), "first");
        agreement.accept(UidSet::range(Uid(3), Uid(3)), "second");
        assert_eq!((agreement.reason(Uid(2)), agreement.reason(Uid(3))), (Some("first"), Some("second")));
        let same = agreement.clone().under(UidValidity(1));
        assert_eq!(same, agreement);
        let other = agreement.under(UidValidity(2));
        assert_eq!((other.deleted, other.reason(Uid(2))), (7, None));
    }
}
