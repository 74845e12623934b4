//! Several accounts that go into one: each below a mailbox of its own, so that none meets the mail of another.

use super::account::AccountDraft;
use super::mistake::{Findings, Mistake};
use super::server::ServerSettings;
use crate::model::Side;
use crate::model::policy::Policy;
use std::collections::BTreeMap;
use std::sync::Arc;
use unicode_normalization::UnicodeNormalization;

/// The accounts with one destination, by their numbers.
fn destinations(drafts: &[AccountDraft], servers: &[ServerSettings]) -> Vec<Vec<usize>> {
    let mut shared: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
    for (number, draft) in drafts.iter().enumerate() {
        let server = servers[draft.account.server(Side::Destination).0].server.address.place();
        // Without case: nearly every server takes `Alice` and `alice` for one user, and mail that was mixed stays mixed.
        let user = draft.account.destination_user.to_lowercase();
        shared.entry((server, user)).or_default().push(number);
    }
    shared.into_values().collect()
}

/// Notes accounts that would meet in one mailbox.
pub(super) fn check(drafts: &[AccountDraft], servers: &[ServerSettings], findings: &Findings) {
    for accounts in destinations(drafts, servers).iter().filter(|accounts| accounts.len() > 1) {
        // In the order of their names, a place comes right before what is below it.
        let mut placed: Vec<(Vec<String>, &AccountDraft)> =
            accounts.iter().map(|number| (place(&drafts[*number]), &drafts[*number])).collect();
        placed.sort_by(|(place, _), (other, _)| place.cmp(other));
        let roots = placed.iter().filter(|(place, _)| place.is_empty()).map(|(_, draft)| *draft);
        let mut in_order: Vec<&AccountDraft> = roots.collect();
        in_order.sort_by_key(|draft| (draft.origin.file.clone(), draft.origin.line));
        for draft in in_order.iter().skip(1) {
            let user = draft.called("destination user", &draft.account.destination_user.to_lowercase());
            let what = format!("{user} is used already at {}", in_order[0].origin);
            let fix =
                "two accounts would be mixed into one; correct `destination_user`, or give one a `prefix` to go below";
            findings.add(Mistake::new(what).fix(fix).at(&draft.origin));
        }
        let mut top: Option<&(Vec<String>, &AccountDraft)> = None;
        for below in placed.iter().filter(|(place, _)| !place.is_empty()) {
            match top.filter(|(place, _)| below.0.starts_with(place)) {
                Some((_, holder)) => {
                    let prefix = below.1.called("prefix", below.1.prefix.as_deref().unwrap_or_default());
                    let what = format!("{prefix} is the place of another account, or below it: see {}", holder.origin);
                    findings.add(Mistake::new(what).fix("give each account a `prefix` of its own").at(&below.1.origin));
                }
                None => top = Some(below),
            }
        }
    }
}

/// The levels of the mailbox below which an account goes, in the form in which any server tells names apart.
fn place(draft: &AccountDraft) -> Vec<String> {
    let prefix = draft.prefix.iter().flat_map(|prefix| prefix.split('/'));
    prefix.map(|level| level.nfc().collect::<String>().to_lowercase()).collect()
}

/// Tells each account what is wanted of it, and where others go.
pub(super) fn give_policies(drafts: &mut [AccountDraft], servers: &[ServerSettings], default: &Policy) {
    let default = Arc::new(default.clone());
    for accounts in destinations(drafts, servers) {
        let prefixes: Vec<Option<String>> = accounts.iter().map(|number| drafts[*number].prefix.clone()).collect();
        for (index, number) in accounts.into_iter().enumerate() {
            let draft = &mut drafts[number];
            let others = prefixes.iter().enumerate().filter(|(other, _)| *other != index);
            let reserved: Vec<String> = others.filter_map(|(_, prefix)| prefix.clone()).collect();
            draft.account.policy = match (draft.policy.take(), &draft.prefix) {
                (None, None) if reserved.is_empty() => default.clone(),
                (own, prefix) => {
                    let mut policy = own.unwrap_or_else(|| (*default).clone());
                    policy.mailboxes.prefix.clone_from(prefix);
                    policy.mailboxes.reserved = reserved;
                    Arc::new(policy)
                }
            };
        }
    }
}
