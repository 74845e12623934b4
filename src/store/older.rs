//! Values as an older version of the state wrote them, and what they are today.

use super::codec::{Flaw, decode_payload};
use crate::model::link::Intent;
use crate::model::statistics::{AccountStatus, BatchFigures, PartFigures, RunFigures};
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

/// A run until schema 3, which moved nothing.
#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
struct FormerRun {
    started: i64,
    seconds: f64,
    mailboxes_scanned: u64,
    mailboxes_unchanged: u64,
    messages_copied: u64,
    octets_copied: u64,
    flags_updated: u64,
    messages_deleted: u64,
    reconnects: u64,
    parts: Vec<PartFigures>,
    batch: Option<BatchFigures>,
}

impl FormerRun {
    fn today(self) -> RunFigures {
        let FormerRun { started, seconds, mailboxes_scanned, mailboxes_unchanged, messages_copied, .. } = self;
        let FormerRun { octets_copied, flags_updated, messages_deleted, reconnects, parts, batch, .. } = self;
        RunFigures {
            started,
            seconds,
            mailboxes_scanned,
            mailboxes_unchanged,
            messages_copied,
            octets_copied,
            messages_moved: 0,
            mailboxes_renamed: 0,
            flags_updated,
            messages_deleted,
            reconnects,
            parts,
            batch,
        }
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
    last_run: Option<FormerRun>,
    _last_error: Option<String>,
}

/// The status that schema 2 wrote.
pub(super) fn status(payload: &[u8]) -> Result<AccountStatus, Flaw> {
    let FormerStatus { outcomes, source_messages, source_octets, octets_copied, last_run, _last_error } =
        decode_payload(payload)?;
    let ledger = AccountLedger { outcomes: outcomes.today(), held: source_messages, ..AccountLedger::default() };
    Ok(AccountStatus { ledger, source_octets, octets_copied, last_run: last_run.map(FormerRun::today) })
}

/// The status that schema 3 wrote.
pub(super) fn status_of_3(payload: &[u8]) -> Result<AccountStatus, Flaw> {
    let (ledger, source_octets, octets_copied, last_run): (AccountLedger, u64, u64, Option<FormerRun>) =
        decode_payload(payload)?;
    Ok(AccountStatus { ledger, source_octets, octets_copied, last_run: last_run.map(FormerRun::today) })
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

    fn run() -> FormerRun {
        FormerRun {
            started: 1,
            seconds: 2.0,
            mailboxes_scanned: 0,
            mailboxes_unchanged: 0,
            messages_copied: 2,
            octets_copied: 0,
            flags_updated: 0,
            messages_deleted: 3,
            reconnects: 0,
            parts: Vec::new(),
            batch: None,
        }
    }

    #[test]
    fn status_of_schema_3_keeps_its_run() {
        let former = (AccountLedger::default(), 9u64, 11u64, Some(run()));
        let payload = bincode::serde::encode_to_vec(former, bincode::config::standard()).unwrap();
        let envelope = codec::sealed(KEY, &[&[3, AccountStatus::KIND as u8], &payload[..]].concat());
        let status: AccountStatus = codec::decode(KEY, &envelope).unwrap();
        let run = status.last_run.unwrap();
        assert_eq!(
            (status.octets_copied, run.messages_copied, run.messages_deleted, run.messages_moved),
            (11, 2, 3, 0)
        );
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
            last_run: Some(run()),
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
