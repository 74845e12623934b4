//! How a flag change is decided: a three-way merge of what the source has, what both last agreed on, and what the
//! destination has.
//!
//! 1. A flag that the destination's user set or removed since the last agreement is left as it is.
//! 2. A flag is removed only when the source removed it: one that the destination merely cannot hold any more is not.
//! 3. Once the change is done both agree on the source's flags, so the next comparison finds nothing.
//! 4. What a copy that was not listed before does not have of what was sent with it was dropped on the way, not removed by a
//!    user: it is set.
//! 5. Both ways (`Mode::TwoWay`), a mark of deletion never wins over another change, or over a message of which nothing was agreed
//!    on yet: it is taken off where it was set, when mail goes the other way.
//! 6. What the destination did not keep though it was told to is lost: neither wanted again nor taken for a change by its
//!    user, until the mailbox grants more than it did then, or all is listed anew.

use crate::model::{FlagCapacity, Flags, Link, LinkOrigin, PairState, SystemFlag, Uid};
use std::borrow::Cow;

/// What an earlier run left to be known of the flags of a mailbox.
#[derive(Clone, Copy, Default)]
pub struct FlagHistory<'a> {
    /// `PairState::unseen_from`.
    pub unseen_from: Option<Uid>,
    /// `PairState::lost_under`. `None`: it is to be tried again.
    pub lost_under: Option<&'a FlagCapacity>,
}

impl<'a> FlagHistory<'a> {
    /// That of a pair.
    pub fn of(pair: &'a PairState) -> Self {
        FlagHistory { unseen_from: pair.unseen_from, lost_under: pair.lost_under.as_ref() }
    }

    /// What both sides agree on as the copy shows it: rule 4.
    pub(in crate::diff) fn agreed<'l>(&self, link: &'l Link, destination: &Flags) -> Cow<'l, Flags> {
        match self.is_unseen(link) && link.agreed != *destination {
            true => Cow::Owned(link.agreed.shared_with(destination)),
            false => Cow::Borrowed(&link.agreed),
        }
    }

    /// Whether the copy was not listed since it was appended. One that was moved had been before.
    pub(in crate::diff) fn is_unseen(&self, link: &Link) -> bool {
        link.is_ours()
            && link.origin != LinkOrigin::Moved
            && self.unseen_from.is_some_and(|from| link.destination >= from)
    }

    /// What of a source message's flags is lost with its copy: rule 6.
    pub(in crate::diff) fn lost(&self, source: &Flags, link: &Link, destination: &Flags, now: &FlagCapacity) -> Flags {
        if link.lost.is_empty() {
            return Flags::none();
        }
        let lost = link.lost.shared_with(source).minus(destination);
        self.lost_under.map_or_else(Flags::none, |before| lost.minus(&now.grants_beyond(before, &lost)))
    }
}

/// What is to be done so that the flags of a copy follow its source.
#[derive(PartialEq, Eq, Debug)]
pub(in crate::diff) struct FlagChange {
    pub add: Flags,
    pub remove: Flags,
    /// What both sides agree on afterwards.
    pub agreed: Flags,
}

impl FlagChange {
    pub(in crate::diff) fn is_empty(&self) -> bool {
        self.add.is_empty() && self.remove.is_empty()
    }
}

/// The change for a linked message, of whose flags those are `lost`.
pub(in crate::diff) fn follow_source(
    source: &Flags,
    agreed: &Flags,
    lost: &Flags,
    destination: &Flags,
    capacity: &FlagCapacity,
) -> FlagChange {
    let wanted = source.within(capacity).minus(lost);
    FlagChange {
        add: wanted.minus(agreed).minus(destination),
        remove: agreed.minus(source).shared_with(destination).within(capacity),
        agreed: wanted,
    }
}

/// Rule 5: the change without a mark of deletion that the destination's user has other plans with. Both are taken to have agreed on
/// the mark, so that its absence is what is new.
pub(in crate::diff) fn spare_changed(change: FlagChange, agreed: Option<&Flags>, destination: &Flags) -> FlagChange {
    let is_spared = agreed.is_none_or(|agreed| is_changed(agreed, destination, &FlagCapacity::everything()));
    let add = if is_spared { change.add.minus(&deleted()) } else { change.add };
    FlagChange { add, ..change }
}

/// Whether a message's flags are others than both sides agreed on, as far as the other side can keep them. That it was marked as
/// deleted is no change.
pub(in crate::diff) fn is_changed(agreed: &Flags, flags: &Flags, other: &FlagCapacity) -> bool {
    let kept = |flags: &Flags| flags.within(other).minus(&deleted());
    let (agreed, flags) = (kept(agreed), kept(flags));
    !(agreed.minus(&flags).is_empty() && flags.minus(&agreed).is_empty())
}

fn deleted() -> Flags {
    Flags::none().with(SystemFlag::Deleted)
}

/// What both sides agree on when a message is found on the destination: what they share. So the flags that the
/// destination lacks are added, and those that it has besides are kept.
pub(in crate::diff) fn agreed_on_adoption(source: &Flags, destination: &Flags, capacity: &FlagCapacity) -> Flags {
    source.within(capacity).shared_with(destination)
}

/// The flags of a source message that the destination cannot keep, by what it says.
pub(in crate::diff) fn beyond(source: &Flags, capacity: &FlagCapacity) -> Flags {
    source.minus(&source.within(capacity))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Digest;

    fn flags(text: &str) -> Flags {
        Flags::from_texts(text.split_whitespace())
    }

    fn following(source: &str, agreed: &str, lost: &str, destination: &str, capacity: &FlagCapacity) -> FlagChange {
        follow_source(&flags(source), &flags(agreed), &flags(lost), &flags(destination), capacity)
    }

    fn link(agreed: &str, lost: &str) -> Link {
        let (source, destination, identity) = (Uid(1), Uid(7), Digest([1; 16]));
        let (agreed, lost, origin) = (flags(agreed), flags(lost), LinkOrigin::Appended);
        let (octets, date, source_octets, altered) = (1, None, None, None);
        Link { source, destination, agreed, lost, origin, octets, date, source_octets, altered, identity }
    }

    #[test]
    fn what_a_copy_that_was_not_listed_before_lacks_was_dropped_and_is_set() {
        let seen = |from: Option<u32>, origin| {
            let history = FlagHistory { unseen_from: from.map(Uid), lost_under: None };
            let link = Link { origin, ..link("\\Seen work", "") };
            let agreed = history.agreed(&link, &flags("\\Seen mine")).into_owned();
            following(
                "\\Seen work",
                &agreed.texts().collect::<Vec<_>>().join(" "),
                "",
                "\\Seen mine",
                &FlagCapacity::everything(),
            )
            .add
        };
        assert_eq!(seen(Some(7), LinkOrigin::Appended), flags("work"));
        assert_eq!(seen(Some(8), LinkOrigin::Appended), flags(""), "its user took it off");
        assert_eq!(seen(None, LinkOrigin::Appended), flags(""));
        assert_eq!(seen(Some(1), LinkOrigin::Adopted), flags(""), "nothing was sent with it");
        assert_eq!(seen(Some(7), LinkOrigin::Moved), flags(""), "its user took it off before it was moved");
    }

    #[test]
    fn what_is_lost_is_not_wanted_until_more_is_granted() {
        let (told, open) = (FlagCapacity::from_texts(["\\Seen", "work", "\\*"]), FlagCapacity::everything());
        let lost = |source, destination, before, now| {
            let history = FlagHistory { unseen_from: None, lost_under: before };
            history.lost(&flags(source), &link("\\Seen", "work"), &flags(destination), now)
        };
        assert_eq!(lost("\\Seen work", "\\Seen", Some(&told), &told), flags("work"));
        assert_eq!(lost("\\Seen work", "\\Seen", Some(&open), &told), flags(""), "it is named now");
        assert_eq!(lost("\\Seen work", "\\Seen", None, &told), flags(""), "it is to be tried again");
        assert_eq!(lost("\\Seen", "\\Seen", Some(&told), &told), flags(""), "the source dropped it");
        assert_eq!(lost("\\Seen work", "\\Seen work", Some(&told), &told), flags(""), "it is there after all");
        let change = following("\\Seen work", "\\Seen", "work", "\\Seen", &told);
        assert_eq!((change.is_empty(), change.agreed), (true, flags("\\Seen")));
    }

    #[test]
    fn three_way_merge_follows_only_what_the_source_changed() {
        // source, agreed, destination → add, remove
        let cases = [
            ("", "", "", "", ""),
            ("\\Seen", "", "", "\\Seen", ""),
            ("\\Seen", "", "\\Seen", "", ""),
            ("", "\\Seen", "\\Seen", "", "\\Seen"),
            ("", "\\Seen", "", "", ""),
            ("\\Seen", "\\Seen", "", "", ""),
            ("", "", "\\Flagged mine", "", ""),
            ("\\Seen", "\\Flagged", "\\Flagged mine", "\\Seen", "\\Flagged"),
            ("$Work", "$WORK", "", "", ""),
        ];
        for (source, agreed, destination, add, remove) in cases {
            let change = following(source, agreed, "", destination, &FlagCapacity::everything());
            let expected = FlagChange { add: flags(add), remove: flags(remove), agreed: flags(source) };
            assert_eq!(change, expected, "{source} | {agreed} | {destination}");
        }
    }

    #[test]
    fn keyword_beyond_the_capacity_is_neither_added_nor_removed() {
        let capacity = FlagCapacity::from_texts(["\\Seen"]);
        let change = following("\\Seen new kept", "kept", "", "kept", &capacity);
        let expected = FlagChange { add: flags("\\Seen"), remove: Flags::none(), agreed: flags("\\Seen") };
        assert_eq!(change, expected);
        assert_eq!(beyond(&flags("\\Seen \\Draft new"), &capacity), flags("\\Draft new"));
    }

    #[test]
    fn adoption_keeps_extras_of_the_destination() {
        let (source, destination) = (flags("\\Seen a"), flags("a b"));
        let capacity = FlagCapacity::everything();
        let agreed = agreed_on_adoption(&source, &destination, &capacity);
        let change = follow_source(&source, &agreed, &Flags::none(), &destination, &capacity);
        assert_eq!((change.add, change.remove), (flags("\\Seen"), Flags::none()));
    }
}
