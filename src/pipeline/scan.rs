//! `scan`: a snapshot of both sides, taken at the same time. What is unchanged since the last one is not opened.

use super::plan::settle_doubts;
use super::{Event, Migration, Phase, Thoroughness};
use crate::error::{Error, Kind, Result};
use crate::model::namespace::{RENAME_IT, Unreadable};
use crate::model::report::{AccountResult, ScanSummary};
use crate::model::{Side, Step};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::fleet::for_each::for_each_account;
use crate::pipeline::survey::errand::{How, Identities, Occasion, SideResult, Wanted};
use crate::pipeline::survey::labels::ask_gmail_ids;
use crate::pipeline::survey::renamed::recognise_renamed;
use crate::pipeline::survey::searching::search_source;
use crate::pipeline::survey::side::list_side;
use crate::pipeline::survey::whereabouts::{Whereabouts, recognise_server};
use std::thread;

/// Scans every account.
pub fn scan(migration: &Migration, thoroughness: Thoroughness) -> Vec<AccountResult<ScanSummary>> {
    for_each_account(migration, Step::Scan, |access| {
        access.state.begin_scan()?;
        let mut summary = scan_account(access, thoroughness, Identities::All)?;
        access.failures.note_all(&mut summary.ledger.failures, unreadable(access)?);
        recognise_renamed(access)?;
        settle_doubts(access)?;
        access.failures.record(&summary.ledger.failures)?;
        migration.store.flush()?;
        Ok(summary)
    })
}

/// What the source lists in a way that cannot be understood: the plan has it among what stays behind.
fn unreadable(access: &Access<'_>) -> Result<Vec<Error>> {
    let source = access.connector(Side::Source).server().label();
    let error = |it: Unreadable| {
        let error = Error::new(Kind::Refused, "a mailbox cannot be copied").because(it.reason);
        error.in_mailbox(&it.name).on(Side::Source, &source)
    };
    let named = access.state.names(Side::Source)?.unreadable.into_iter().map(error);
    Ok(named.map(|error| error.in_account(&access.account.name).hint(RENAME_IT)).collect())
}

/// Scans both sides of one account.
///
/// # Errors
/// What makes the account's snapshot impossible: a login, rights, a broken connection. A mailbox that cannot be listed
/// is among the ledger's failures.
pub fn scan_account(access: &Access<'_>, thoroughness: Thoroughness, identities: Identities) -> Result<ScanSummary> {
    let account = &access.account.name;
    access.check_users()?;
    let [source_is, destination_is] =
        [recognise_server(access, Side::Source)?, recognise_server(access, Side::Destination)?];
    let thorough = |whereabouts| match whereabouts {
        Whereabouts::AsBefore => thoroughness,
        Whereabouts::Elsewhere => Thoroughness::Full,
    };
    access.migration.observer.event(Event::Began { account, phase: Phase::Scanning, messages: 0, octets: 0 });
    if thoroughness == Thoroughness::Full {
        try_lost_flags_again(access)?;
    }
    let (source, destination) = thread::scope(|scope| {
        let destination =
            scope.spawn(|| scan_side(access, Side::Destination, thorough(destination_is), Identities::All));
        let source = scan_side(access, Side::Source, thorough(source_is), identities);
        let source = source.and_then(|result| search_source(access).map(|()| result));
        let source = source.and_then(|result| ask_gmail_ids(access).map(|()| result));
        (source, destination.join())
    });
    let source = source?;
    let destination = destination.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    access.claim_scanned(Side::Source, source.inbox_id.clone())?;
    access.claim_scanned(Side::Destination, destination.inbox_id.clone())?;
    access.bind()?;
    let mut summary =
        ScanSummary { source: source.summary, destination: destination.summary, ..ScanSummary::default() };
    for side in [source, destination] {
        summary.warnings.extend(side.warnings);
        let troubles = side.troubles.map(|trouble| trouble.in_account(account));
        access.failures.note_others(&mut summary.ledger.failures, troubles);
    }
    Ok(summary)
}

/// Who lists all anew wants to know what the destination keeps of flags by now.
fn try_lost_flags_again(access: &Access<'_>) -> Result<()> {
    // What cannot be read of the state is matched anew.
    for mut pair in access.state.pairs().unwrap_or_default() {
        if pair.lost_under.take().is_some() {
            pair.settled = None;
            access.state.put_pair(&pair)?;
        }
    }
    Ok(())
}

fn scan_side(
    access: &Access<'_>,
    side: Side,
    thoroughness: Thoroughness,
    identities: Identities,
) -> Result<SideResult> {
    list_side(access, side, How { thoroughness, identities, occasion: Occasion::Survey }, &Wanted::All)
}
