//! The failures of a command for one account: the first so many as they are, the others only counted. A destination that
//! refuses every message of a large mailbox fails a million times, each time with some hundred octets of words.
//!
//! Nothing is lost of them: what is not listed here comes back to who adds it, and goes to the state.

use super::Uid;
use crate::error::{Error, Kind, Scope};
use serde::{Deserialize, Serialize};
use std::mem::{Discriminant, discriminant};
use std::ops::Deref;

/// So many are listed over all accounts of a run; what comes then is listed by one of each kind for each account.
pub const LISTED_IN_A_RUN: usize = 10_000;

/// So many are listed: more than anybody reads, and less than a mebibyte.
pub const LISTED_FAILURES: usize = 1000;

/// Failures, in the order in which they came.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Failures {
    listed: Vec<Error>,
    unlisted: u64,
    /// What is listed, by kind: few.
    kinds: Vec<(Discriminant<Kind>, Scope)>,
}

impl Failures {
    /// Adds one. It comes back where so many are listed already; but the first of each kind is listed in any case, for the
    /// exit status depends on it. A mailbox that fails in each stage of a run for the same reason is one failure.
    #[must_use = "what is not listed is to be kept elsewhere"]
    pub fn add(&mut self, failure: Error) -> Option<Error> {
        if failure.place().uid.is_none() && self.listed.iter().any(|listed| listed.says_the_same_as(&failure)) {
            return None;
        }
        let kind = (discriminant(failure.kind()), failure.reach());
        let is_new = !self.kinds.contains(&kind);
        if is_new || self.listed.len() < LISTED_FAILURES {
            self.kinds.extend(is_new.then_some(kind));
            self.listed.push(failure);
            return None;
        }
        self.unlisted += 1;
        Some(failure)
    }

    /// Adds one that is told before all others.
    pub fn add_first(&mut self, failure: Error) {
        let kind = (discriminant(failure.kind()), failure.reach());
        self.kinds.extend((!self.kinds.contains(&kind)).then_some(kind));
        self.listed.insert(0, failure);
    }

    /// Takes over all of `others`; gives back those that are not listed any more.
    #[must_use = "what is not listed is to be kept elsewhere"]
    pub fn append(&mut self, others: Failures) -> Vec<Error> {
        self.unlisted += others.unlisted;
        others.listed.into_iter().filter_map(|failure| self.add(failure)).collect()
    }

    /// Lists only the first of each kind from now on: the others are counted.
    pub fn shorten(&mut self) {
        let (before, kinds) = (self.listed.len(), self.kinds.clone());
        let mut kinds: Vec<_> = kinds.into_iter().map(Some).collect();
        self.listed.retain(|failure| {
            let kind = Some((discriminant(failure.kind()), failure.reach()));
            kinds.iter_mut().find(|known| **known == kind).is_some_and(|known| known.take().is_some())
        });
        self.unlisted += (before - self.listed.len()) as u64;
        self.listed.shrink_to_fit();
    }

    /// Those that are listed, changed.
    pub fn map(self, change: impl Fn(Error) -> Error) -> Failures {
        Failures { listed: self.listed.into_iter().map(change).collect(), ..self }
    }

    /// How many there are, listed or not.
    pub fn count(&self) -> u64 {
        self.listed.len() as u64 + self.unlisted
    }

    /// How many are not listed.
    pub fn unlisted(&self) -> u64 {
        self.unlisted
    }
}

/// Those that are listed.
impl Deref for Failures {
    type Target = [Error];

    fn deref(&self) -> &[Error] {
        &self.listed
    }
}

/// One failure as the state keeps it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KeptFailure {
    pub mailbox: Option<String>,
    pub uid: Option<Uid>,
    /// What, where and why.
    pub line: String,
}

impl KeptFailure {
    /// What is to be kept of a failure.
    pub fn of(failure: &Error) -> Self {
        let place = failure.place();
        KeptFailure { mailbox: place.mailbox.clone(), uid: place.uid, line: failure.line() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(uid: u32) -> Error {
        Error::new(Kind::Refused, "could not append a message").at_uid(Uid(uid))
    }

    #[test]
    fn first_failures_are_listed_and_all_are_counted() {
        let mut failures = Failures::default();
        let back: Vec<Error> = (1..=5000).filter_map(|uid| failures.add(refusal(uid))).collect();
        assert_eq!((failures.len(), failures.count(), failures.unlisted()), (LISTED_FAILURES, 5000, 4000));
        assert_eq!((back.len(), &back[0]), (4000, &refusal(1001)));
    }

    #[test]
    fn mailbox_that_fails_again_for_the_same_reason_is_one_failure() {
        let refused = |mailbox| Error::new(Kind::Refused, "could not open the mailbox").in_mailbox(mailbox);
        let mut failures = Failures::default();
        for failure in [refused("a"), refused("b"), refused("a").hint("look"), refused("a").because("NO again")] {
            assert_eq!(failures.add(failure), None);
        }
        assert_eq!((failures.len(), failures.count()), (3, 3));
    }

    #[test]
    fn failure_of_another_kind_is_listed_however_late_it_comes() {
        let mut failures = Failures::default();
        (1..=2000).for_each(|uid| drop(failures.add(refusal(uid))));
        assert_eq!(failures.add(Error::new(Kind::State, "the disk is full")), None);
        assert_eq!(failures.last().map(Error::kind), Some(&Kind::State));
    }

    #[test]
    fn shortened_list_has_one_of_each_kind_and_counts_all() {
        let mut failures = Failures::default();
        (1..=500).for_each(|uid| drop(failures.add(refusal(uid))));
        drop(failures.add(Error::new(Kind::State, "the disk is full")));
        failures.shorten();
        assert_eq!((failures.len(), failures.count()), (2, 501));
        assert_eq!((failures[0].place().uid, failures[1].kind()), (Some(Uid(1)), &Kind::State));
    }

    #[test]
    fn append_lists_no_more_and_gives_the_rest_back() {
        let many = |from: u32| {
            let mut failures = Failures::default();
            (from..from + 1500).for_each(|uid| drop(failures.add(refusal(uid))));
            failures
        };
        let mut failures = many(1);
        let back = failures.append(many(5000));
        assert_eq!((failures.len(), failures.count(), back.len()), (LISTED_FAILURES, 3000, LISTED_FAILURES));
    }
}
