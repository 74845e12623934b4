//! Which source mailbox goes to which destination mailbox.
//!
//! A mailbox first has to take part (`part`), then asks for a place (`routes`), and then settles there (`settlement`).
//! Who asks first is the same in every run: INBOX, special uses, own names, renames; among equals by name.

use super::all_mail::{labels_of, warnings};
use super::filter::Filter;
use super::levels::Levels;
use super::mapping::{Mapping, SideView};
use super::part::{Part, Tree, part};
use super::ranks::Ranks;
use super::rename::Renames;
use super::routes::Routes;
use super::settlement::Settlement;
use super::special_use::holders;
use crate::error::Result;
use crate::model::policy::MailboxPolicy;
use crate::model::{MailboxState, RawName};
use std::collections::{HashMap, HashSet};

/// Maps every source mailbox. `copied` tells to which destination mailbox a source mailbox was copied before; it goes on
/// to go there.
///
/// # Errors
/// `Kind::Settings` for a glob that is none.
pub fn map_mailboxes(
    source: SideView,
    destination: SideView,
    copied: &HashMap<RawName, RawName>,
    policy: &MailboxPolicy,
) -> Result<Mapping> {
    let holders = |wanted| holders(source.mailboxes, wanted).map(|mailbox| Levels::of(&mailbox.name)).collect();
    let filter = Filter::new(policy, &holders)?;
    let renames = Renames::new(policy, source.mailboxes);
    let labels = labels_of(source, policy.labels);
    let mut routes = Routes::new(source, destination, policy, &renames);
    if policy.special_use && labels.copies_all_mail() {
        routes.route_all_mail(source, destination);
    }
    routes.keep(copied, source, destination);
    let mut settlement = Settlement::new(destination, policy, &copied.values().collect());
    let (tree, mut requests) = (Tree::of(source), Vec::new());
    for mailbox in source.mailboxes {
        match part(mailbox, source, &tree, &filter, &renames, labels) {
            Part::Taken => requests.push(routes.request(mailbox)),
            Part::Omitted { reason, condition } => settlement.omit(mailbox, reason, condition),
            Part::Silent => {}
        }
    }
    source.names.unreadable.iter().for_each(|unreadable| settlement.leave_behind(unreadable));
    requests.sort_by(|a, b| a.rank().cmp(&b.rank()));
    for request in requests {
        let merges = filter.merges_into(&renames.without_prefix(&request.place));
        settlement.settle(request, merges);
    }
    let unmatched = filter.unmatched().map(|(key, pattern)| format!("`{pattern}` in [mailboxes] {key}"));
    let ranked = unranked(source, policy)?;
    let renamed = renames.unmatched().into_iter().map(|key| format!("`{key}` in [mailboxes.rename]"));
    let mut mapping = settlement.into_mapping();
    mapping.warnings.extend(warnings(source, policy.labels));
    Ok(Mapping { unmatched: unmatched.chain(renamed).chain(ranked).collect(), ..mapping })
}

/// What `priority` names and the source does not have; what is first by default may be missing.
fn unranked(source: SideView, policy: &MailboxPolicy) -> Result<Vec<String>> {
    let ranks = Ranks::new(policy)?;
    for mailbox in source.mailboxes {
        ranks.of(&mailbox.name);
    }
    let unmatched = ranks.unmatched().filter(|_| policy.priority != MailboxPolicy::default().priority);
    Ok(unmatched.map(|pattern| format!("`{pattern}` in [mailboxes] priority")).collect())
}

/// Which of these source mailboxes the settings leave out.
///
/// # Errors
/// As [`map_mailboxes`].
pub fn left_out(source: &[MailboxState], policy: &MailboxPolicy) -> Result<HashSet<RawName>> {
    let holders = |wanted| holders(source, wanted).map(|mailbox| Levels::of(&mailbox.name)).collect();
    let filter = Filter::new(policy, &holders)?;
    let excluded = source.iter().filter(|mailbox| filter.objection(&Levels::of(&mailbox.name)).is_some());
    Ok(excluded.map(|mailbox| mailbox.name.raw.clone()).collect())
}

#[cfg(test)]
mod tests;
