//! A whole side listed, and at its end what holds messages that cannot be listed with the others: it is found out which, and
//! each stays behind alone.

use super::errand::{How, Identities, Occasion, SideResult, Wanted};
use super::listing::SideScan;
use super::unreadable::known_poison;
use crate::engine::commands::fetch::{BARE_ITEMS, IDENTITY_ITEMS};
use crate::error::{Kind, Result};
use crate::model::{MailboxName, Side};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::fleet::probing::{About, Question};
use crate::pipeline::fleet::suspects::Look;

/// Lists a side into the state.
///
/// # Errors
/// What makes the whole side impossible; what concerns one mailbox or message is in the result.
pub fn list_side(access: &Access<'_>, side: Side, how: How, wanted: &Wanted) -> Result<SideResult> {
    let mut result = scan(access, side, how, wanted)?;
    while !result.suspects.is_empty() {
        let suspects = std::mem::take(&mut result.suspects);
        suspects.iter().try_for_each(|mailbox| look_through(access, side, how, mailbox))?;
        let names = suspects.into_iter().map(|name| name.raw).collect();
        let more = scan(access, side, how, &Wanted::Only(names))?;
        result.summary.merge(&more.summary);
        access.failures.note_others(&mut result.troubles, more.troubles);
        result.suspects = more.suspects;
    }
    Ok(result)
}

fn scan(access: &Access<'_>, side: Side, how: How, wanted: &Wanted) -> Result<SideResult> {
    access.with_session(side, |session| {
        let scan = SideScan::new(access, side, session, how.thoroughness, how.identities);
        match how.occasion {
            Occasion::Survey => scan.run(wanted),
            Occasion::Change => scan.of_changed().run(wanted),
        }
    })
}

/// Finds the messages of a mailbox that cannot be listed.
fn look_through(access: &Access<'_>, side: Side, how: How, mailbox: &MailboxName) -> Result<()> {
    access.notice(&format!("`{mailbox}` on the {side}: looking for the messages that cannot be listed"));
    let known = known_poison(access, side, mailbox)?;
    let (look, about, items) = match (access.suspects.looked(side, &mailbox.raw), how.identities) {
        (Look::Never, Identities::All) if !known.is_empty() => (Look::AtKnown, About::GivenUp(known), IDENTITY_ITEMS),
        (Look::Never, Identities::WhereOthersMayBe) if !known.is_empty() => {
            (Look::AtKnown, About::GivenUp(known), BARE_ITEMS)
        }
        (Look::Never | Look::AtKnown, Identities::WhereOthersMayBe) => (Look::AtSizes, About::All, BARE_ITEMS),
        _ => (Look::AtHeaders, About::All, IDENTITY_ITEMS),
    };
    let result = access.dissect(side, Question { mailbox, about, items }, &mut |_| Ok(()));
    if let Err(error) = &result
        && !(error.breaks_connection() || matches!(error.kind(), Kind::Refused | Kind::Changed))
    {
        return result.map(drop);
    }
    access.suspects.note_dissected(side, &mailbox.raw, look, result);
    Ok(())
}
