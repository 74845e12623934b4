//! How a flag change is decided: a three-way merge of what the source has, what both last agreed on, and what the
//! destination has.
//!
//! 1. A flag that the destination's user set or removed since the last agreement is left as it is.
//! 2. A flag is removed only when the source removed it: one that the destination merely cannot hold any more is not.
//! 3. Once the change is done both agree on the source's flags, so the next comparison finds nothing.

use crate::model::{FlagCapacity, Flags};

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

/// The change for a linked message.
pub(in crate::diff) fn follow_source(
    source: &Flags,
    agreed: &Flags,
    destination: &Flags,
    capacity: &FlagCapacity,
) -> FlagChange {
    let wanted = source.within(capacity);
    FlagChange {
        add: wanted.minus(agreed).minus(destination),
        remove: in_both(&agreed.minus(source), destination).within(capacity),
        agreed: wanted,
    }
}

/// What both sides agree on when a message is found on the destination: what they share. So the flags that the
/// destination lacks are added, and those that it has besides are kept.
pub(in crate::diff) fn agreed_on_adoption(source: &Flags, destination: &Flags, capacity: &FlagCapacity) -> Flags {
    in_both(&source.within(capacity), destination)
}

/// The flags of a source message that the destination cannot keep.
pub(in crate::diff) fn lost(source: &Flags, capacity: &FlagCapacity) -> Flags {
    source.minus(&source.within(capacity))
}

fn in_both(flags: &Flags, other: &Flags) -> Flags {
    flags.minus(&flags.minus(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(text: &str) -> Flags {
        Flags::from_texts(text.split_whitespace())
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
            let change =
                follow_source(&flags(source), &flags(agreed), &flags(destination), &FlagCapacity::everything());
            let expected = FlagChange { add: flags(add), remove: flags(remove), agreed: flags(source) };
            assert_eq!(change, expected, "{source} | {agreed} | {destination}");
        }
    }

    #[test]
    fn keyword_beyond_the_capacity_is_neither_added_nor_removed() {
        let capacity = FlagCapacity::from_texts(["\\Seen"]);
        let change = follow_source(&flags("\\Seen new kept"), &flags("kept"), &flags("kept"), &capacity);
        let expected = FlagChange { add: flags("\\Seen"), remove: Flags::none(), agreed: flags("\\Seen") };
        assert_eq!(change, expected);
        assert_eq!(lost(&flags("\\Seen \\Draft new"), &capacity), flags("\\Draft new"));
    }

    #[test]
    fn adoption_keeps_extras_of_the_destination() {
        let (source, destination) = (flags("\\Seen a"), flags("a b"));
        let capacity = FlagCapacity::everything();
        let agreed = agreed_on_adoption(&source, &destination, &capacity);
        let change = follow_source(&source, &agreed, &destination, &capacity);
        assert_eq!((change.add, change.remove), (flags("\\Seen"), Flags::none()));
    }
}
