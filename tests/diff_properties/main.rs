//! What holds of every plan, shown on generated accounts (`account`), of plans of one way and the other in turns (`both_ways`),
//! and of two mailboxes whose messages go from one to the other (`moves`).

mod account;
mod both_ways;
mod by_change;
mod moves;
#[path = "../support"]
mod support {
    pub mod listed;
    pub mod property;
    pub mod replay;
}

use account::*;
use mailferry::model::plan::MailboxPlan;
use mailferry::model::{Flags, LinkOrigin, Uid};
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeSet;
use support::property::cases;

proptest! {
    #![proptest_config(cases(1_000))]

    /// Holds diff/comparing/removals.rs invariant 1. What was found in the tail of a killed run is ours as far as we can know.
    #[test]
    fn mirror_deletes_only_what_we_copied_and_the_source_lost(account in mirrored_account()) {
        let plan = account.plan().plan;
        for deletion in &plan.deletions {
            let link = &account.links[&deletion.source];
            prop_assert!(!account.source.messages.contains_key(&deletion.source));
            prop_assert_eq!(link.destination, deletion.destination);
            prop_assert!(link.origin == LinkOrigin::Reconciled || account.ours.contains(&deletion.destination));
            prop_assert_eq!(account.destination.messages[&deletion.destination].identity, Some(link.identity));
        }
        let gone = account.links.keys().filter(|uid| !account.source.messages.contains_key(uid)).count();
        prop_assert!(plan.deletions.len() <= gone);
    }

    /// Holds diff/comparing/removals.rs invariant 2.
    #[test]
    fn mirror_takes_no_copy_from_a_source_message(mut account in mirrored_account()) {
        let before = account.clone();
        let plan = account.plan().plan;
        account.happen(&Event::Synchronises);
        let present = account.present();
        for uid in account.source.messages.keys() {
            let skipped = plan.skipped.iter().any(|skipped| skipped.uid == *uid);
            let named = skipped || plan.departed.contains(*uid) || plan.not_found_again.contains(*uid);
            prop_assert!(present.contains_key(uid) || named, "{:?} is lost", uid);
        }
        for uid in before.destination.messages.keys().filter(|uid| !before.ours.contains(uid)) {
            let stays = account.destination.messages.contains_key(uid);
            let known = before.links.values().any(|link| link.destination == *uid && link.is_ours());
            let surplus = plan.second_copies.iter().any(|second| second.surplus == *uid);
            prop_assert!(stays || known || surplus, "{:?} is not ours and is deleted", uid);
        }
    }

    #[test]
    fn mirror_once_applied_leaves_nothing_to_do(mut account in mirrored_account()) {
        account.happen(&Event::Synchronises);
        let next = account.plan();
        prop_assert!(next.plan.is_empty(), "{:?}", next.plan);
        prop_assert!(next.links.is_empty(), "{:?}", next.links);
    }

    /// Holds diff/comparing/removals.rs invariant 4.
    #[test]
    fn second_copy_is_unlinked_and_in_surplus(mut account in mirrored_account()) {
        let MailboxDiff { plan, links } = account.plan();
        account.links.extend(links.into_iter().map(|link| (link.source, link)));
        prop_assert!(account.appends.late.is_some() || plan.second_copies.is_empty());
        for second in &plan.second_copies {
            prop_assert!(Some(second.surplus) >= account.appends.late);
            prop_assert!(account.links.values().all(|link| link.destination != second.surplus));
            prop_assert_eq!(account.links[&second.source].destination, second.linked);
            let (linked, surplus) = (&account.destination.messages[&second.linked], &account.destination.messages[&second.surplus]);
            prop_assert_eq!((linked.identity, linked.octets, linked.internal_date), (surplus.identity, surplus.octets, surplus.internal_date));
            let tied = account.present();
            let alike = |copy: &Message| (copy.identity, copy.octets, copy.internal_date) == (linked.identity, linked.octets, linked.internal_date);
            let needed = tied.values().filter(|copy| alike(&account.destination.messages[copy])).count();
            prop_assert!(account.destination.messages.values().filter(|copy| alike(copy)).count() > needed);
        }
        let surplus: BTreeSet<Uid> = plan.second_copies.iter().map(|second| second.surplus).collect();
        prop_assert_eq!(surplus.len(), plan.second_copies.len());
        prop_assert!(plan.second_copies.iter().all(|second| !surplus.contains(&second.linked)));
    }
}

proptest! {
    #![proptest_config(cases(1_000))]

    #[test]
    fn applied_plan_leaves_nothing_to_do(mut account in account()) {
        account.happen(&Event::Synchronises);
        let next = account.plan();
        let quiet = !next.plan.adds() && next.plan.deletions.is_empty();
        prop_assert!(quiet, "{:?}", next.plan);
        prop_assert!(next.links.is_empty(), "{:?}", next.links);
    }

    #[test]
    fn every_source_message_is_counted_once(account in account()) {
        let plan = account.plan().plan;
        let counted = counted(&plan);
        prop_assert_eq!(counted, account.source.messages.len() as u64);
        prop_assert!(plan.not_found_again.iter().all(|uid| !plan.copies.contains(uid) && !plan.departed.contains(uid)));
        prop_assert!(plan.departed.iter().all(|uid| !plan.copies.contains(uid)));
        prop_assert!(plan.skipped.iter().all(|skipped| !plan.copies.contains(skipped.uid)));
    }

    #[test]
    fn nothing_is_lost(mut account in account()) {
        let before = account.clone();
        let plan = account.plan().plan;
        account.happen(&Event::Synchronises);
        prop_assert!(before.destination.messages.keys().all(|uid| account.destination.messages.contains_key(uid)));
        let present = account.present();
        let copies: BTreeSet<&Uid> = present.values().collect();
        prop_assert_eq!(copies.len(), present.len(), "two source messages share a copy");
        for uid in account.source.messages.keys() {
            let skipped = plan.skipped.iter().any(|skipped| skipped.uid == *uid);
            let named = skipped || plan.departed.contains(*uid) || plan.not_found_again.contains(*uid);
            prop_assert!(present.contains_key(uid) || named, "{:?} is lost", uid);
        }
        prop_assert!(!account.restore_missing || plan.departed.is_empty());
    }

    /// What its user removed stays away, what they marked stays marked, and nothing is doubled or deleted because of it.
    #[test]
    fn another_uidvalidity_leaves_nothing_to_do(
        (mut account, mirror, sides) in (account(), any::<bool>(), select(vec![vec![Side::Source], vec![Side::Destination], vec![Side::Source, Side::Destination]]))
    ) {
        account.mirror = mirror;
        account.keep_what_is_told();
        account.happen(&Event::Synchronises);
        let before = account.plan().plan;
        sides.iter().for_each(|side| account.happen(&Event::IsRenumbered(*side)));
        let MailboxDiff { plan, links } = account.plan();
        let nothing = plan.copies.is_empty() && plan.flag_updates.is_empty() && plan.deletions.is_empty() && plan.doubt.is_empty();
        prop_assert!(nothing && links.is_empty(), "{:?} {:?}", plan, links);
        let counted = |plan: &MailboxPlan| (plan.present, plan.copied, plan.departed.len());
        prop_assert_eq!(counted(&plan), counted(&before));
        // And mirror mode goes on to know what is ours.
        let live: BTreeSet<Uid> = account.links.values().filter(|link| link.is_ours()).map(|link| link.destination).collect();
        account.mirror = true;
        account.source.messages.clear();
        let deletions = account.plan().plan.deletions;
        prop_assert!(deletions.iter().all(|deletion| live.contains(&deletion.destination)));
        let there = live.iter().filter(|uid| account.destination.messages.contains_key(uid)).count();
        prop_assert_eq!(deletions.len(), there, "{:?}", deletions);
    }

    /// Of messages that no listing tells from others as of all the rest: nothing is sent under other UIDs that was not to be sent
    /// under those of before, and what is not sent is named.
    #[test]
    fn another_uidvalidity_of_the_source_sends_nothing_that_it_would_not_have_sent(
        (mut account, twice) in (account(), any::<bool>())
    ) {
        account.restore_missing = false;
        let before = account.plan().plan;
        let wanted = account.by_octets(&before.copies);
        for _ in 0..=u8::from(twice) {
            account.happen(&Event::IsRenumbered(Side::Source));
        }
        let plan = account.plan().plan;
        for (octets, sent) in account.by_octets(&plan.copies) {
            prop_assert!(sent <= wanted.get(&octets).copied().unwrap_or(0), "{:?} {:?}", before, plan);
        }
        prop_assert_eq!(counted(&plan), account.source.messages.len() as u64);
    }

    /// Whatever is tied has the octets of its source, whatever was edited, moved, renumbered or lost in between.
    #[test]
    fn what_is_tied_is_the_same_octet_for_octet((mut account, mirror) in (account(), any::<bool>())) {
        account.mirror = mirror;
        account.happen(&Event::Synchronises);
        for (source, copy) in account.present() {
            let (source, copy) = (&account.source.messages[&source], &account.destination.messages[&copy]);
            prop_assert_eq!(source.octets(), copy.octets());
        }
    }

    /// With servers that give no octets, what only octets could tell stays where it is, and the rest is done.
    #[test]
    fn what_cannot_be_read_is_neither_tied_nor_copied_nor_deleted((mut account, mirror) in (account(), any::<bool>())) {
        account.mirror = mirror;
        let told = account.plan().plan;
        account.unreadable = true;
        let before = account.clone();
        let plan = account.plan().plan;
        prop_assert!(plan.copies.iter().all(|uid| told.copies.contains(uid)), "more is copied than is right");
        account.happen(&Event::Synchronises);
        for uid in plan.doubt.source.iter() {
            prop_assert!(!account.present().contains_key(&uid) || before.present().contains_key(&uid));
        }
        prop_assert!(plan.doubt.destination.iter().all(|uid| account.destination.messages.contains_key(&uid)));
        let counted = counted(&plan);
        prop_assert_eq!(counted, account.source.messages.len() as u64);
    }

    /// A message is copied only when all that are like it on the destination are copies of others already.
    #[test]
    fn nothing_is_doubled(mut account in account()) {
        let plan = account.plan().plan;
        let copied: BTreeSet<_> = plan.copies.iter().map(|uid| account.source.messages[&uid].octets()).collect();
        account.happen(&Event::Synchronises);
        let present = account.present();
        for octets in copied {
            let needed = present.keys().filter(|uid| account.source.messages[uid].octets() == octets).count();
            prop_assert_eq!(account.destination.count(octets), needed as u64);
        }
    }

    /// Without any link the destination ends with as many of each as the source has, and never with fewer than it had.
    #[test]
    fn matching_without_links_is_a_matching_of_multisets(mut account in account()) {
        account.happen(&Event::LosesLinks);
        let before = account.destination.clone();
        let skipped = account.plan().plan.skipped;
        account.happen(&Event::Synchronises);
        let all: BTreeSet<_> = account.source.messages.values().chain(before.messages.values()).map(Message::octets).collect();
        for octets in all {
            let left = skipped.iter().filter(|skipped| account.source.messages[&skipped.uid].octets() == octets).count();
            let wanted = account.source.count(octets) - left as u64;
            prop_assert_eq!(account.destination.count(octets), wanted.max(before.count(octets)));
        }
    }

    #[test]
    fn flags_of_the_destination_are_changed_only_after_the_source(account in account()) {
        let diff = account.plan();
        for update in &diff.plan.flag_updates {
            let source = &account.source.messages[&update.source].flags;
            let recorded = diff.links.iter().find(|link| link.source == update.source);
            let agreed = &recorded.unwrap_or_else(|| &account.links[&update.source]).agreed;
            prop_assert_eq!(update.add.minus(&source.minus(agreed)), Flags::none());
            prop_assert_eq!(update.remove.minus(&agreed.minus(source)), Flags::none());
        }
    }

    #[test]
    fn adopted_message_has_the_flags_of_both(mut account in account()) {
        account.happen(&Event::LosesLinks);
        let before = account.destination.clone();
        account.happen(&Event::Synchronises);
        for (source, copy) in account.present() {
            let kept = before.messages.get(&copy).map_or(Flags::none(), |message| message.flags.clone());
            let both = account.source.messages[&source].flags.plus(&kept);
            prop_assert_eq!(&account.destination.messages[&copy].flags, &both);
        }
    }
}
