//! Several accounts that go into one: each below a mailbox of its own, so that none meets the mail of another; or mixed, where
//! each of them says so.

use super::account::{AccountDraft, MERGE};
use super::mistake::{Findings, Mistake};
use super::server::ServerSettings;
use crate::model::Side;
use crate::model::policy::Policy;
use std::collections::HashMap;
use std::sync::Arc;
use unicode_normalization::UnicodeNormalization;

/// The accounts that have their destination in common with others, by their numbers.
fn shared(drafts: &[AccountDraft], servers: &[ServerSettings]) -> Vec<Vec<usize>> {
    let servers: Vec<String> = servers.iter().map(|settings| settings.server.address.machine()).collect();
    let destination = |(number, draft): (usize, &AccountDraft)| {
        let server = servers[draft.account.server(Side::Destination).0].as_str();
        // Without case: nearly every server takes `Alice` and `alice` for one user, and mail that was mixed stays mixed.
        (server, draft.account.destination_user.to_lowercase(), number)
    };
    let mut destinations: Vec<_> = drafts.iter().enumerate().map(destination).collect();
    destinations.sort_unstable();
    let groups = destinations.chunk_by(|(server, user, _), (other, with, _)| (server, user) == (other, with));
    let numbers = |group: &[(&str, String, usize)]| group.iter().map(|(.., number)| *number).collect();
    groups.filter(|group| group.len() > 1).map(numbers).collect()
}

/// An account, and the mailbox of the destination below which it goes.
struct Placed<'a> {
    place: Vec<String>,
    draft: &'a AccountDraft,
}

/// Notes accounts that would meet in one mailbox.
pub(super) fn check(drafts: &[AccountDraft], servers: &[ServerSettings], findings: &Findings) {
    for accounts in shared(drafts, servers) {
        // In the order of their names, a place comes right before what is below it.
        let placed = accounts.iter().map(|number| Placed { place: place(&drafts[*number]), draft: &drafts[*number] });
        let (mut roots, mut below): (Vec<Placed>, Vec<Placed>) = placed.partition(|placed| placed.place.is_empty());
        roots.sort_by_key(|root| (root.draft.origin.file.clone(), root.draft.origin.line));
        check_whole(&roots, findings);
        below.sort_by(|one, other| one.place.cmp(&other.place));
        check_below(&below, findings);
    }
}

/// Those that have the whole destination.
fn check_whole(roots: &[Placed], findings: &Findings) {
    let Some((first, others)) = roots.split_first() else { return };
    for Placed { draft, .. } in others.iter().filter(|other| !may_meet(first.draft, other.draft)) {
        let user = draft.called("destination user", &draft.account.destination_user.to_lowercase());
        let what = format!("{user} is used already at {}", first.draft.origin);
        let fix = format!(
            "two accounts would be mixed into one; correct `destination_user`, or give one a `prefix` to go below; or write \
             `{MERGE} = true` for each, if they are to be mixed"
        );
        findings.add(Mistake::new(what).fix(fix).at(&draft.origin));
    }
}

/// Those that go below a mailbox, in the order of their places.
fn check_below(placed: &[Placed], findings: &Findings) {
    let mut above: Vec<&Placed> = Vec::new();
    for below in placed {
        above.retain(|holder| below.place.starts_with(&holder.place));
        if let Some(holder) = above.iter().find(|holder| !may_meet(holder.draft, below.draft)) {
            let prefix = below.draft.called("prefix", below.draft.prefix.as_deref().unwrap_or_default());
            let what = format!("{prefix} is the place of another account, or below it: see {}", holder.draft.origin);
            let fix = format!(
                "give each account a `prefix` of its own, or write `{MERGE} = true` for each, if they are to be mixed"
            );
            findings.add(Mistake::new(what).fix(fix).at(&below.draft.origin));
        }
        above.push(below);
    }
}

fn may_meet(one: &AccountDraft, other: &AccountDraft) -> bool {
    one.merges && other.merges
}

/// The levels of the mailbox below which an account goes, in the form in which any server tells names apart.
fn place(draft: &AccountDraft) -> Vec<String> {
    let prefix = draft.prefix.iter().flat_map(|prefix| prefix.split('/'));
    prefix.map(|level| level.nfc().collect::<String>().to_lowercase()).collect()
}

/// Tells each account what is wanted of it, and where others go.
pub(super) fn give_policies(drafts: &mut [AccountDraft], servers: &[ServerSettings], default: &Policy) {
    let default = Arc::new(default.clone().with_trash_apart());
    let mut shared_by: HashMap<usize, Neighbours> = HashMap::new();
    for accounts in shared(drafts, servers) {
        shared_by.extend(accounts.iter().map(|own| (*own, neighbours(*own, &accounts, drafts))));
    }
    for (number, draft) in drafts.iter_mut().enumerate() {
        let neighbours = shared_by.remove(&number);
        draft.account.policy = match (draft.policy.take(), &draft.prefix, neighbours) {
            (None, None, None) => default.clone(),
            (own, prefix, neighbours) => {
                let mut policy = own.map_or_else(|| (*default).clone(), |own| *own);
                let Neighbours { reserved, companions } = neighbours.unwrap_or_default();
                policy.mailboxes.prefix.clone_from(prefix);
                policy.mailboxes.reserved = reserved;
                policy.mailboxes.companions = companions;
                Arc::new(policy.with_trash_apart())
            }
        };
    }
}

/// Who else goes to an account's destination.
#[derive(Default)]
struct Neighbours {
    /// Below which mailboxes others go whom it may not meet.
    reserved: Vec<String>,
    /// The names of those whom it may meet.
    companions: Vec<String>,
}

fn neighbours(own: usize, accounts: &[usize], drafts: &[AccountDraft]) -> Neighbours {
    let others = accounts.iter().filter(|other| **other != own).map(|other| &drafts[*other]);
    let (companions, strangers): (Vec<_>, Vec<_>) = others.partition(|other| may_meet(&drafts[own], other));
    let reserved = strangers.into_iter().filter_map(|other| other.prefix.clone()).collect();
    Neighbours { reserved, companions: companions.into_iter().map(|other| other.account.name.to_string()).collect() }
}
