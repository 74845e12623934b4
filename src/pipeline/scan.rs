//! `scan`: a snapshot of both sides, taken at the same time. What is unchanged since the last one is not opened.

use super::access::Access;
use super::fleet::for_each_account;
use super::listing::{SideScan, Wanted};
use super::{Event, Migration, Phase, Thoroughness};
use crate::error::Result;
use crate::model::Side;
use crate::model::report::{AccountResult, ScanSummary};
use std::thread;

/// Scans every account.
pub fn scan(migration: &Migration, thoroughness: Thoroughness) -> Vec<AccountResult<ScanSummary>> {
    for_each_account(migration, |access| {
        access.state.begin_scan()?;
        let summary = scan_account(access, thoroughness)?;
        migration.store.flush()?;
        Ok(summary)
    })
}

/// Scans both sides of one account.
///
/// # Errors
/// What makes the account's snapshot impossible: a login, rights, a broken connection. A mailbox that cannot be listed
/// is in the summary's `troubles`.
pub fn scan_account(access: &Access<'_>, thoroughness: Thoroughness) -> Result<ScanSummary> {
    let account = &access.account.name;
    access.bind()?;
    access.migration.observer.event(Event::Began { account, phase: Phase::Scanning, messages: 0, octets: 0 });
    let (source, destination) = thread::scope(|scope| {
        let destination = scope.spawn(|| scan_side(access, Side::Destination, thoroughness));
        let source = scan_side(access, Side::Source, thoroughness);
        (source, destination.join())
    });
    let source = source?;
    let destination = destination.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    let mut summary =
        ScanSummary { source: source.summary, destination: destination.summary, ..ScanSummary::default() };
    for side in [source, destination] {
        summary.warnings.extend(side.warnings);
        summary.troubles.extend(side.troubles.into_iter().map(|trouble| trouble.in_account(account)));
    }
    Ok(summary)
}

fn scan_side<'a>(access: &'a Access<'a>, side: Side, thoroughness: Thoroughness) -> Result<super::listing::SideResult> {
    access.with_session(side, |session| SideScan::new(access, side, session, thoroughness).run(&Wanted::All))
}
