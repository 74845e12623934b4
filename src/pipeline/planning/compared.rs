//! The comparison of a pair, read from the state: of all of it, or of the part that a change bears on.

use super::part::Part;
use crate::diff::comparing::comparison::Comparison;
use crate::diff::comparing::messages::{Planned, plan_mailbox};
use crate::error::{Result, Scope};
use crate::model::policy::{Mode, Policy};
use crate::model::{Link, PairState, RawName, Side};
use crate::store::AccountStore;

/// What is compared, and with what.
pub(super) struct Compared<'a> {
    pub state: &'a AccountStore,
    pub comparison: Comparison<'a>,
    /// `None`: nothing is tied yet.
    pub known: Option<&'a PairState>,
    pub policy: &'a Policy,
}

impl Compared<'_> {
    /// The part that is to be compared, by settings of that digest; `None`: all.
    ///
    /// # Errors
    /// What concerns more than this mailbox: `State`.
    pub(super) fn part(&self, policy: [u8; 16]) -> Result<Option<Part>> {
        let Comparison { source, destination, found, elsewhere, replaced, others, stored, merged, .. } =
            self.comparison;
        let (Some(destination), Some(known)) = (destination, self.known) else { return Ok(None) };
        let is_one_way = self.policy.mode != Mode::TwoWay && self.policy.newest_first.is_none();
        let besides = [elsewhere, replaced, others, stored, merged];
        if !is_one_way || self.comparison.pair.create || found.is_some() || !besides.iter().all(|uids| uids.is_empty())
        {
            return Ok(None);
        }
        match Part::of(self.state, [source, destination], known, policy) {
            // What is damaged is met by who compares the whole.
            Err(error) if error.reach() <= Scope::Mailbox => Ok(None),
            part => part,
        }
    }

    /// Plans that part, or the whole: the plan is the same.
    ///
    /// # Errors
    /// As [`plan_mailbox`].
    pub(super) fn planned(
        &self,
        part: Option<&Part>,
        record: &mut dyn FnMut(&[Link]) -> Result<()>,
    ) -> Result<Planned> {
        let Some(part) = part else { return self.whole(record) };
        #[cfg(debug_assertions)]
        self.check(part);
        self.by_part(part, record)
    }

    /// Plans the whole.
    ///
    /// # Errors
    /// As [`plan_mailbox`].
    fn whole(&self, record: &mut dyn FnMut(&[Link]) -> Result<()>) -> Result<Planned> {
        let Compared { state, comparison, known, policy } = self;
        let name = &comparison.source.name.raw;
        let records = || flattened(state.records(Side::Source, name));
        let listed = || comparison.destination.map(|it| flattened(state.records(Side::Destination, &it.name.raw)));
        let listed = || listed().into_iter().flatten();
        let links = || known.map(|_| flattened(state.links(name))).into_iter().flatten();
        plan_mailbox(comparison, records, listed, links, policy, record)
    }

    /// Plans by that part what is the plan of the whole.
    ///
    /// # Errors
    /// As [`plan_mailbox`].
    fn by_part(&self, part: &Part, record: &mut dyn FnMut(&[Link]) -> Result<()>) -> Result<Planned> {
        let comparison = Comparison { apart: part.apart, ..self.comparison };
        let source = || part.source.iter().cloned().map(Ok);
        let destination = || part.destination.iter().cloned().map(Ok);
        let links = || part.links.iter().cloned().map(Ok);
        let planned = plan_mailbox(&comparison, source, destination, links, self.policy, record)?;
        Ok(Planned { ground: planned.ground.map(|ground| part.ground(ground)), ..planned })
    }

    /// Plans the whole, too, and holds that it is the same; of mailboxes that are not so large that it would take long.
    #[cfg(debug_assertions)]
    fn check(&self, part: &Part) {
        /// Records of one side.
        const LARGE: u32 = 2_000;
        let Comparison { source, destination, .. } = self.comparison;
        if source.records.max(destination.map_or(0, |it| it.records)) > LARGE {
            return;
        }
        let [mut one, mut other] = [Vec::new(), Vec::new()];
        let whole = self.whole(&mut |links| {
            one.extend_from_slice(links);
            Ok(())
        });
        let by_part = self.by_part(part, &mut |links| {
            other.extend_from_slice(links);
            Ok(())
        });
        // What is damaged may be told by the whole alone.
        let (Ok(whole), Ok(by_part)) = (whole, by_part) else { return };
        [&mut one, &mut other].into_iter().for_each(|links| links.sort_by_key(|link| link.source));
        assert_eq!(
            (&whole.plan, whole.ownerless),
            (&by_part.plan, by_part.ownerless),
            "a plan of a part of {source:?}"
        );
        assert_eq!(one, other, "links by a part of {source:?}");
        if let (Some(whole), Some(by_part)) = (whole.ground, by_part.ground) {
            let of = |ground: &crate::model::Ground| {
                [ground.unlinked.clone(), ground.orphaned.clone(), ground.lossy.clone()]
            };
            assert_eq!(of(&whole), of(&by_part), "the ground by a part of {source:?}");
            assert!(whole.last[0] <= by_part.last[0] && whole.last[1] <= by_part.last[1]);
        }
    }
}

/// The links of a source mailbox that were compared, as they are now where it was all.
pub(super) fn links<'p>(
    state: &AccountStore,
    source: &RawName,
    part: Option<&'p Part>,
) -> Box<dyn Iterator<Item = Result<Link>> + 'p> {
    match part {
        Some(part) => Box::new(part.links.iter().cloned().map(Ok)),
        None => Box::new(flattened(state.links(source))),
    }
}

/// An error in the place of the records, for an iterator that is asked for again and again.
fn flattened<T>(records: Result<impl Iterator<Item = Result<T>>>) -> impl Iterator<Item = Result<T>> {
    let (records, error) = match records {
        Ok(records) => (Some(records), None),
        Err(error) => (None, Some(Err(error))),
    };
    error.into_iter().chain(records.into_iter().flatten())
}
