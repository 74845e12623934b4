//! `plan`: the two snapshots of each account become a plan, without a word to any server.
//!
//! What the diff learns on the way (messages that are on both sides already) is recorded as links: it is a fact about
//! the snapshots, not an action.
//!
//! How a plan is put together: `planning`.

use super::{Event, Migration, Phase};
use crate::diff::policy::policy_digest;
use crate::error::Result;
use crate::model::amount::Amounts;
use crate::model::both_ways::check_one_way;
use crate::model::failures::Failures;
use crate::model::ledger::AccountLedger;
use crate::model::report::{AccountResult, PlanSummary};
use crate::model::{Account, Side, Step};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::fleet::for_each::for_each_account;
use crate::pipeline::planning::planner::Planner;
use crate::pipeline::survey::labels::decide_labels;
use crate::pipeline::survey::settle::settle;
use crate::pipeline::survey::sharing::Sharing;
use crate::pipeline::survey::snapshots::Snapshots;
use crate::store::AccountStore;

/// Plans every account from its last scan.
pub fn plan(migration: &Migration) -> Vec<AccountResult<PlanSummary>> {
    for_each_account(migration, Step::Plan, |access| {
        check_one_way([access.account], "plan")?;
        let summary = plan_account(access)?;
        migration.store.flush()?;
        Ok(summary)
    })
}

/// Plans one account and saves the plan.
///
/// # Errors
/// `Stale` when it was never scanned, `Settings` for a wrong glob, `State`.
pub fn plan_account(access: &Access<'_>) -> Result<PlanSummary> {
    let account = &*access.account.name;
    access.check_users()?;
    access.migration.observer.event(Event::Began { account, phase: Phase::Planning, messages: 0, octets: 0 });
    let (snapshots, summary) = draft(access)?;
    access.state.put_plan(&summary.plan)?;
    record_status(&access.state, &snapshots, &summary)?;
    Ok(summary)
}

/// What is read may raise a further doubt: of messages that had departed, about what others leave over.
const SETTLING_ROUNDS: usize = 3;

/// Reads what the last scan leaves in doubt, so that the next plan is not.
///
/// # Errors
/// Those of [`plan_account`], and of the servers.
pub fn settle_doubts(access: &Access<'_>) -> Result<()> {
    for _ in 0..SETTLING_ROUNDS {
        let (_, summary) = draft(access)?;
        if summary.plan.mailboxes.iter().all(|mailbox| mailbox.doubt.is_empty()) {
            break;
        }
        settle(access, &summary.plan)?;
    }
    Ok(())
}

/// Plans one account, and reads what is in doubt first.
///
/// # Errors
/// Those of [`plan_account`], and of the servers.
pub fn plan_settled(access: &Access<'_>) -> Result<PlanSummary> {
    let planned = plan_account(access)?;
    if planned.plan.mailboxes.iter().all(|mailbox| mailbox.doubt.is_empty()) {
        return Ok(planned);
    }
    settle(access, &planned.plan)?;
    settle_doubts(access)?;
    plan_account(access)
}

fn draft<'a>(access: &'a Access<'a>) -> Result<(Snapshots<'a>, PlanSummary)> {
    let snapshots = Snapshots::load(access)?;
    let mapping = snapshots.map()?;
    let sharing = Sharing::load(access, &mapping.pairs)?;
    let labels = decide_labels(access, &snapshots, &mapping.pairs)?;
    let mut planner = Planner::new(access, &snapshots, sharing, labels, stamp(access.account));
    planner.carry_shared(&mapping.pairs)?;
    for pair in &mapping.pairs {
        planner.take_pair(pair)?;
    }
    let summary = planner.finish(mapping)?;
    Ok((snapshots, summary))
}

/// The digest that a plan is stamped with.
pub fn stamp(account: &Account) -> [u8; 16] {
    policy_digest(&account.policy)
}

fn record_status(state: &AccountStore, snapshots: &Snapshots<'_>, summary: &PlanSummary) -> Result<()> {
    let source = snapshots.mailboxes(Side::Source);
    let mut status = state.status()?;
    let before = status.clone();
    status.ledger = AccountLedger { failures: Failures::default(), ..summary.ledger.clone() };
    status.source_octets = source.iter().map(|mailbox| mailbox.octets).total();
    if status == before { Ok(()) } else { state.put_status(&status) }
}
