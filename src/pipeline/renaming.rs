//! Mailboxes that have another name at the source get it on the destination before anything else is done there. Then the plan is made
//! once more, the destination having been listed again: it says the same by the names that they have now.

use super::Thoroughness;
use super::plan::plan_settled;
use crate::error::Result;
use crate::model::Side;
use crate::model::failures::Failures;
use crate::model::plan::{AccountPlan, Rename};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::fleet::proof::prove_mailboxes;
use crate::pipeline::survey::errand::{How, Identities, Occasion, Wanted};
use crate::pipeline::survey::side::list_side;
use crate::pipeline::transfer::renaming::{Renamed, rename};

/// Renames what the plan renames. Returns how many were, and the plan that holds from then on, where any was; what was not is in
/// `failures`.
///
/// # Errors
/// What ends the account's work: what was renamed by then is found by the next scan.
pub fn follow_renames(
    access: &Access<'_>,
    plan: &AccountPlan,
    failures: &mut Failures,
) -> Result<Option<(u64, AccountPlan)>> {
    let mut renamings = access.state.renamings();
    renamings.retain(|it| plan.renames.contains(&Rename { from: it.from.clone(), to: it.to.clone() }));
    if renamings.is_empty() {
        return Ok(None);
    }
    prove_mailboxes(access)?;
    let Renamed { done, failures: refused } = rename(access, &renamings)?;
    access.failures.note_others(failures, refused);
    if done.is_empty() {
        return Ok(None);
    }
    // Some give a mailbox another UIDVALIDITY with its name (Cyrus), and empty ones went along.
    let how = How { thoroughness: Thoroughness::Incremental, identities: Identities::All, occasion: Occasion::Survey };
    let listed = list_side(access, Side::Destination, how, &Wanted::All)?;
    access.claim_scanned(Side::Destination, listed.inbox_id)?;
    access.failures.note_others(failures, listed.troubles);
    Ok(Some((done.len() as u64, plan_settled(access)?.plan)))
}
