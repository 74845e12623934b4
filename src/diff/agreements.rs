//! Guards over time, on both ends: how much may go without a word from a person, counted since they last agreed. Pure.
//!
//! 1. Copies that we delete: more than the guard's share of a mailbox, over all runs, needs a word.
//! 2. Copies that are gone from the destination: more than that share at once is a question (a lost disk, or its users' work?);
//!    fewer are its users' work in copy mode, and in mirror mode a person has to say so.
//! 3. What a person accepted is as they want it.

use crate::model::Agreement;
use crate::model::plan::{MailboxPlan, Skipped, Whose};
use crate::model::policy::{Mode, Policy};
use crate::model::{Uid, UidSet};

/// From here on nothing is guarded.
const NO_GUARD: u8 = 100;

/// How many of so many may go without a word: one always may, however small the mailbox.
fn allowed(of: u64, guard: u8) -> Option<u64> {
    match guard {
        NO_GUARD.. => None,
        0 => Some(0),
        _ => Some((of * u64::from(guard) / 100).max(1)),
    }
}

/// Rule 1, for what a plan would delete of a mailbox that holds so many.
pub fn deletion_objection(deletions: u64, held: u64, agreement: &Agreement, guard: u8) -> Option<String> {
    let before = agreement.deleted;
    let allowed = allowed(held + before, guard)?;
    (deletions > 0 && deletions + before > allowed).then(|| {
        format!(
            "{deletions} of {held} messages would be deleted, {before} were since you last agreed, and delete_guard is {guard}%"
        )
    })
}

/// The same share, for copies of a mailbox that holds so many that a repair would replace.
pub fn replacement_objection(replaced: u64, held: u64, guard: u8) -> Option<String> {
    let exceeded = replaced > 0 && allowed(held, guard).is_some_and(|allowed| replaced > allowed);
    exceeded.then(|| {
        format!("{replaced} of {held} messages are not as their source is and would be replaced, and delete_guard is {guard}%")
    })
}

/// What to make of the copies that are gone from the destination.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Departures {
    /// How many a person has to say of that this is good.
    pub questioned: u64,
    /// More are gone at once than the guard lets pass.
    pub question: Option<String>,
}

/// Rule 2. `gone` are the messages whose copies are gone, of so many that were linked.
pub fn departures(gone: &UidSet, linked: u64, agreement: &Agreement, policy: &Policy) -> Departures {
    let unsaid = gone.iter().filter(|uid| agreement.reason(*uid).is_none());
    let (known, new): (Vec<Uid>, Vec<Uid>) = unsaid.partition(|uid| agreement.departed.contains(*uid));
    let (known, new) = (known.len() as u64, new.len() as u64);
    let exceeded = allowed(linked, policy.delete_guard).is_some_and(|allowed| new > allowed);
    let question = (exceeded && policy.mode != Mode::TwoWay).then(|| {
        format!(
            "{new} of {linked} copies are gone from the destination at once, and delete_guard is {}%",
            policy.delete_guard
        )
    });
    let questioned = match policy.mode {
        Mode::Mirror => known + new,
        Mode::Copy if exceeded => new,
        // They are deletions of the other way, and guarded there.
        Mode::Copy | Mode::TwoWay => 0,
    };
    Departures { questioned, question }
}

/// Rule 3: what was accepted is neither copied, nor missing. Returned are the messages that are not copied because of it.
pub fn take_accepted(plan: &mut MailboxPlan, agreement: &Agreement) -> Vec<Uid> {
    let mut spared = Vec::new();
    for uid in agreement.accepted.iter().flat_map(|acceptance| acceptance.uids.iter()) {
        let Some(reason) = agreement.reason(uid) else { continue };
        let reason = format!("accepted: {reason}");
        if plan.copies.contains(uid) {
            plan.copies.remove(uid);
            spared.push(uid);
        } else if plan.departed.contains(uid) {
            plan.departed.remove(uid);
        } else if plan.not_found_again.contains(uid) {
            plan.not_found_again.remove(uid);
        } else if plan.doubt.source.contains(uid) {
            plan.doubt.source.remove(uid);
        } else if let Some(skipped) = plan.skipped.iter_mut().find(|skipped| skipped.uid == uid) {
            (skipped.reason, skipped.whose) = (reason, Whose::Person);
            continue;
        } else {
            continue;
        }
        plan.skipped.push(Skipped { uid, reason, whose: Whose::Person });
    }
    plan.skipped.sort_by_key(|skipped| skipped.uid);
    spared
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::routing::mapping::MailboxPair;
    use crate::model::{FlagCapacity, MailboxName, MailboxState, RawName};

    fn agreed(deleted: u64) -> Agreement {
        Agreement { deleted, ..Agreement::default() }
    }

    fn uids(first: u32, last: u32) -> UidSet {
        UidSet::range(Uid(first), Uid(last))
    }

    #[test]
    fn deletions_are_counted_since_a_person_last_agreed() {
        let objects = |deletions, held, before| deletion_objection(deletions, held, &agreed(before), 10).is_some();
        assert!(!objects(10, 100, 0) && objects(11, 100, 0));
        assert!(!objects(5, 95, 5) && objects(6, 95, 5), "of the hundred that there were");
        assert!(!objects(1, 3, 0) && objects(1, 2, 1), "a small mailbox is not emptied one by one");
        assert!(!objects(0, 0, 50), "nothing goes");
        assert!(deletion_objection(90, 100, &agreed(90), 100).is_none());
        assert!(deletion_objection(1, 100, &agreed(0), 0).is_some());
    }

    fn plan() -> MailboxPlan {
        let name = MailboxName { raw: RawName(b"a".to_vec()), levels: vec!["a".to_owned()] };
        let source = MailboxState {
            name: name.clone(),
            delimiter: None,
            attributes: Vec::new(),
            subscribed: false,
            sync_point: None,
            capacity: FlagCapacity::everything(),
            octets: 0,
            records: 0,
            revision: 0,
            deltas: 0,
            identified: true,
            trouble: None,
        };
        let destination = name.clone();
        let pair = MailboxPair { source: name, destination, create: false, special_use: None, subscribe: false };
        pair.empty_plan(&source, None)
    }

    #[test]
    fn what_was_accepted_is_neither_copied_nor_missing_whatever_it_was() {
        let mut agreement = agreed(0);
        agreement.accept(uids(1, 6), "why");
        let mut plan = MailboxPlan { copies: uids(1, 1), departed: uids(2, 2), not_found_again: uids(3, 3), ..plan() };
        let skipped = |uid, whose| Skipped { uid: Uid(uid), reason: "too large".to_owned(), whose };
        plan.skipped = vec![skipped(4, Whose::Destination), skipped(9, Whose::Settings)];
        plan.doubt.source = uids(5, 5);
        assert_eq!(take_accepted(&mut plan, &agreement), [Uid(1)]);
        assert!(plan.copies.is_empty() && plan.departed.is_empty() && plan.not_found_again.is_empty());
        let shown: Vec<_> = plan.skipped.iter().map(|skipped| (skipped.uid.0, skipped.whose)).collect();
        let person = |uid| (uid, Whose::Person);
        assert_eq!(shown, [person(1), person(2), person(3), person(4), person(5), (9, Whose::Settings)]);
        assert!(plan.doubt.source.is_empty());
    }

    #[test]
    fn departures_of_many_at_once_are_a_question_and_of_few_are_not() {
        let copy = Policy::default();
        let found = |gone, known, linked| {
            let agreement = Agreement { departed: known, ..Agreement::default() };
            let found = departures(&gone, linked, &agreement, &copy);
            (found.questioned, found.question.is_some())
        };
        assert_eq!(found(uids(1, 50), UidSet::new(), 50), (50, true));
        assert_eq!(found(uids(1, 5), UidSet::new(), 50), (0, false));
        assert_eq!(found(uids(1, 8), uids(1, 3), 50), (0, false), "five more");
        assert_eq!(found(uids(1, 9), uids(1, 3), 50), (6, true));
        assert_eq!(found(uids(1, 1), UidSet::new(), 2), (0, false), "one may always go");
    }

    #[test]
    fn departures_in_mirror_mode_want_a_word_and_accepted_ones_have_it() {
        let mirror = Policy { mode: Mode::Mirror, ..Policy::default() };
        let mut agreement = Agreement { departed: uids(1, 2), ..Agreement::default() };
        assert_eq!(departures(&uids(1, 4), 100, &agreement, &mirror).questioned, 4);
        agreement.accept(uids(1, 4), "moved by hand");
        assert_eq!(departures(&uids(1, 4), 100, &agreement, &mirror), Departures::default());
    }
}
