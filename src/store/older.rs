//! Values as an older version of the state wrote them, and what they are today.

use super::codec::{Flaw, decode_payload};
use crate::model::link::Intent;
use crate::model::statistics::{AccountStatus, RunFigures};
use crate::model::{AccountLedger, MailboxName, Outcomes, PairState, Pairing, Uid};
use serde::Deserialize;

/// The outcomes of schema 2. What it counted as skipped may have been the destination's limit: the next plan tells.
#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
struct FormerOutcomes {
    present: u64,
    copied: u64,
    skipped: u64,
    refused: u64,
    vanished: u64,
    failed: u64,
    departed: u64,
    pending: u64,
}

impl FormerOutcomes {
    fn today(self) -> Outcomes {
        let FormerOutcomes { present, copied, skipped, refused, vanished, failed, departed, pending } = self;
        Outcomes { present, copied, skipped, refused, vanished, failed, departed, pending, ..Outcomes::default() }
    }
}

/// The status of schema 2, which had no ledger.
#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
struct FormerStatus {
    outcomes: FormerOutcomes,
    source_messages: u64,
    source_octets: u64,
    octets_copied: u64,
    last_run: Option<RunFigures>,
    _last_error: Option<String>,
}

/// The status that schema 2 wrote.
pub(super) fn status(payload: &[u8]) -> Result<AccountStatus, Flaw> {
    let FormerStatus { outcomes, source_messages, source_octets, octets_copied, last_run, _last_error } =
        decode_payload(payload)?;
    let ledger = AccountLedger { outcomes: outcomes.today(), held: source_messages, ..AccountLedger::default() };
    Ok(AccountStatus { ledger, source_octets, octets_copied, last_run })
}

/// A pair of schema 2. That it was settled is not taken over: what it loses was not counted.
#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct FormerPair {
    pairing: Pairing,
    destination: MailboxName,
    intent: Option<Intent>,
    late_from: Option<Uid>,
    _settled: Option<(u64, u64, [u8; 16])>,
    outcomes: FormerOutcomes,
    links: u64,
}

impl FormerPair {
    pub(super) fn today(self) -> PairState {
        let FormerPair { pairing, destination, intent, late_from, _settled: _, outcomes, links } = self;
        let pair = PairState::new(pairing, destination);
        PairState { intent, late_from, outcomes: outcomes.today(), links, ..pair }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::codec::{self, Stored};
    use crate::store::pair_header::{PairHeader, SideReach};
    use crate::store::tally::Tally;
    use crate::store::tests::pair;

    const KEY: &[u8] = b"key";

    fn written<T: Stored>(value: &impl serde::Serialize) -> Vec<u8> {
        let payload = bincode::serde::encode_to_vec(value, bincode::config::standard()).unwrap();
        codec::sealed(KEY, &[&[2, T::KIND as u8], &payload[..]].concat())
    }

    fn outcomes() -> FormerOutcomes {
        FormerOutcomes {
            present: 1,
            copied: 2,
            skipped: 3,
            refused: 4,
            vanished: 5,
            failed: 6,
            departed: 7,
            pending: 8,
        }
    }

    #[test]
    fn status_of_schema_2_keeps_its_figures() {
        let former = FormerStatus {
            outcomes: outcomes(),
            source_messages: 36,
            source_octets: 9,
            octets_copied: 11,
            last_run: Some(RunFigures { messages_copied: 2, ..RunFigures::default() }),
            _last_error: Some("why".to_owned()),
        };
        let status: AccountStatus = codec::decode(KEY, &written::<AccountStatus>(&former)).unwrap();
        assert_eq!((status.ledger.outcomes.total(), status.ledger.held, status.octets_copied), (36, 36, 11));
        assert_eq!(status.last_run.map(|run| run.messages_copied), Some(2));
    }

    #[test]
    fn pair_of_schema_2_keeps_its_links_and_intent_and_is_compared_anew() {
        let PairState { pairing, destination, .. } = pair();
        let former = FormerPair {
            pairing: pairing.clone(),
            destination,
            intent: Some(Intent { uid_next: Uid(7) }),
            late_from: Some(Uid(5)),
            _settled: Some((1, 2, [3; 16])),
            outcomes: outcomes(),
            links: 2,
        };
        let reach = [SideReach { below: Uid(9), suspect: true }; 2];
        let header: PairHeader =
            codec::decode(KEY, &written::<PairHeader>(&(former, Tally::default(), reach))).unwrap();
        assert_eq!((header.state.pairing, header.state.links, header.reach), (pairing, 2, reach));
        assert_eq!((header.state.intent, header.state.late_from), (Some(Intent { uid_next: Uid(7) }), Some(Uid(5))));
        assert_eq!((header.state.settled, header.state.outcomes.failed), (None, 6));
    }
}
