//! `sync`: scan, plan and apply in one go: the incremental resync, run again and again before the cutover.

use super::apply::{Clock, apply_account};
use super::both_ways::{check_servers, sync_each_way};
use super::plan::plan_settled;
use super::repair::plan_repair;
use super::scan::scan_account;
use super::{ApplyOptions, Migration, Repair, Thoroughness};
use crate::error::{Error, Kind, Result, Scope};
use crate::model::Step;
use crate::model::both_ways::check_one_way;
use crate::model::report::{AccountResult, ApplySummary, ScanSummary};
use crate::model::statistics::Part;
use crate::pipeline::fleet::access::Access;
use crate::pipeline::fleet::allowance::Allowance;
use crate::pipeline::fleet::for_each::for_each_account;
use crate::pipeline::survey::errand::Identities;
use crate::pipeline::survey::recognise::recognise;
use crate::pipeline::survey::renamed::recognise_renamed;

/// Resyncs every account.
pub fn sync(
    migration: &Migration,
    thoroughness: Thoroughness,
    options: ApplyOptions,
) -> Vec<AccountResult<ApplySummary>> {
    let allowance = Allowance::new(options.chunk);
    for_each_account(migration, Step::Sync, |access| {
        sync_each_way(access, |access| sync_account(access, thoroughness, &allowance, options))
    })
}

fn sync_account(
    access: &Access<'_>,
    thoroughness: Thoroughness,
    allowance: &Allowance,
    options: ApplyOptions,
) -> Result<ApplySummary> {
    if allowance.is_out_of_time() {
        return Err(out_of_time());
    }
    let clock = Clock::start();
    access.state.begin_scan()?;
    let mut scanned = access.gauge.part(Part::Scan, || {
        let mut scanned = scan_account(access, thoroughness, Identities::WhereOthersMayBe)?;
        recognise_renamed(access)?;
        access.failures.note_others(&mut scanned.ledger.failures, recognise(access)?);
        Ok::<_, Error>(scanned)
    })?;
    check_servers(access)?;
    let mut planned = access.gauge.part(Part::Plan, || plan_settled(access))?;
    let mut questions = Vec::new();
    if options.repair == Repair::SpoiltCopies {
        check_one_way([access.account], "sync --repair")?;
        (planned, questions) = access.gauge.part(Part::Plan, || plan_repair(access, planned, options.deletes))?;
    }
    let mut summary = apply_account(access, &planned.plan, allowance, options, clock)?;
    access.failures.note_others(&mut summary.ledger.failures, std::mem::take(&mut scanned.ledger.failures));
    access.failures.note_all(&mut summary.ledger.failures, questions);
    access.failures.record(&summary.ledger.failures)?;
    note_scan(&mut summary, scanned);
    summary.unmatched = planned.unmatched;
    Ok(summary)
}

fn out_of_time() -> Error {
    Error::new(Kind::Waiting, "not begun, because the time of --max-time was over")
        .scope(Scope::Account)
        .hint("run it again to go on")
}

fn note_scan(summary: &mut ApplySummary, scanned: ScanSummary) {
    summary.figures.mailboxes_scanned = scanned.source.mailboxes + scanned.destination.mailboxes;
    summary.figures.mailboxes_unchanged = scanned.source.unchanged + scanned.destination.unchanged;
    summary.warnings.extend(scanned.warnings);
}
