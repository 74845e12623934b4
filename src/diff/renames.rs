//! Which mailboxes of the source were renamed, and which of their copies follow. Pure.
//!
//! 1. A mailbox that the source lists no more is the one that it lists anew if both have one UIDVALIDITY, no message under a
//!    linked UID is another than the one that was linked, and of those that were there when it was last looked at half are. Where
//!    nothing is linked, it is the only one of that UIDVALIDITY; both ways that is enough where most of its messages are gone, too.
//! 2. A copy follows only if all that is in it is there because we put it there.
//! 3. RENAME takes along what is below: so a mailbox follows only where all of that follows, and to the same place, or is an empty copy
//!    of what is gone. Else what is below follows by itself, and what is in the mailbox is moved message by message (`moves`).
//!    So, too, one that goes below the former name of another waits until that has its new one; where each waits for another, none follows.
//! 4. INBOX is never renamed (RENAME moves its mail), nor what has a special use; and nothing is given a name that is there, or that
//!    has mailboxes below it, and none is given twice.

use super::comparing::same::is_source_of;
use crate::model::{Link, MailboxName, MailboxState, MessageRecord, RawName, Renaming};
use std::collections::{HashMap, HashSet};

/// What the messages of a mailbox that came say of one that is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Likeness {
    same: u64,
    other: u64,
}

impl Likeness {
    /// Takes a message and the link of its UID.
    pub fn see(&mut self, link: &Link, record: &MessageRecord) {
        self.count(is_source_of(link, record));
    }

    /// Takes what stands under a linked UID: that message, or another.
    pub fn count(&mut self, is_same: bool) {
        *(if is_same { &mut self.same } else { &mut self.other }) += 1;
    }

    /// Whether nothing more need be looked at: it is another mailbox.
    pub fn is_other(&self) -> bool {
        self.other > 0
    }

    /// Rule 1, where so many messages were there when it was last looked at.
    pub fn is_one(&self, known: u64) -> bool {
        self.other == 0 && self.same > 0 && self.same.saturating_mul(2) >= known
    }
}

/// A copy that may follow its source mailbox.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Follower {
    /// The source mailbox as it was called, and as it is called.
    pub former: RawName,
    pub source: RawName,
    /// The copy as it is called, and as it is to be called.
    pub from: MailboxName,
    pub to: MailboxName,
}

/// Those of them that follow, by what the destination lists, of which these are `empty` copies of what is gone: rules 3 and 4.
pub fn following(
    mut followers: Vec<Follower>,
    destination: &[MailboxState],
    empty: &HashSet<&RawName>,
) -> Vec<Follower> {
    let mut times: HashMap<Vec<u8>, usize> = HashMap::new();
    let name = |follower: &Follower| follower.to.raw.0.to_ascii_lowercase();
    followers.iter().for_each(|follower| *times.entry(name(follower)).or_default() += 1);
    followers.retain(|follower| times.get(&name(follower)) == Some(&1) && may_be_renamed(follower, destination));
    loop {
        let places: HashMap<&RawName, &RawName> = followers.iter().map(|it| (&it.from.raw, &it.to.raw)).collect();
        let takes_along = |follower: &Follower| {
            destination.iter().filter(|it| is_below(it, &follower.from.raw)).all(|below| {
                let there = [&follower.to.raw.0, &below.name.raw.0[follower.from.raw.0.len()..]].concat();
                let goes_there = || places.get(&below.name.raw).is_some_and(|place| place.0 == there);
                !below.is_selectable() || empty.contains(&below.name.raw) || goes_there()
            })
        };
        let stuck = stuck(&followers, destination);
        let stays: Vec<bool> =
            followers.iter().map(|it| !takes_along(it) || stuck.contains(it.from.raw.0.as_slice())).collect();
        if !stays.contains(&true) {
            return followers;
        }
        let mut stays = stays.into_iter();
        followers.retain(|_| !stays.next().unwrap_or(true));
    }
}

/// Those of which none can be the first: each goes below another one of them.
fn stuck<'f>(followers: &'f [Follower], destination: &[MailboxState]) -> HashSet<&'f [u8]> {
    let delimiters: HashMap<&RawName, Option<char>> =
        destination.iter().map(|mailbox| (&mailbox.name.raw, mailbox.delimiter)).collect();
    let mut waiting: Vec<&Follower> = followers.iter().collect();
    loop {
        let former: HashSet<&[u8]> = waiting.iter().map(|it| it.from.raw.0.as_slice()).collect();
        let waits = |it: &&Follower| {
            let delimiter = delimiters.get(&it.from.raw).copied().flatten();
            tops(delimiter, &it.to.raw.0).any(|top| former.contains(top))
        };
        let still: Vec<&Follower> = waiting.iter().copied().filter(waits).collect();
        if still.len() == waiting.len() {
            return former;
        }
        waiting = still;
    }
}

/// The names that a name is below.
fn tops(delimiter: Option<char>, name: &[u8]) -> impl Iterator<Item = &[u8]> {
    (1..name.len()).map(|end| &name[..end]).filter(move |top| below(delimiter, top, name).is_some())
}

fn may_be_renamed(Follower { from, to, .. }: &Follower, destination: &[MailboxState]) -> bool {
    let Some(copy) = destination.iter().find(|mailbox| mailbox.name.raw == from.raw) else { return false };
    let is_plain = !from.is_inbox() && !to.is_inbox() && copy.is_selectable() && copy.special_use().is_none();
    let is_taken = |mailbox: &MailboxState| {
        mailbox.name.raw.0.eq_ignore_ascii_case(&to.raw.0) || begins(mailbox, &to.raw.0, &mailbox.name.raw.0)
    };
    let nested = begins(copy, &from.raw.0, &to.raw.0) || begins(copy, &to.raw.0, &from.raw.0);
    is_plain && !nested && !destination.iter().any(is_taken)
}

fn is_below(mailbox: &MailboxState, top: &RawName) -> bool {
    begins(mailbox, &top.0, &mailbox.name.raw.0)
}

fn begins(mailbox: &MailboxState, top: &[u8], name: &[u8]) -> bool {
    below(mailbox.delimiter, top, name).is_some()
}

/// The rest of a name that is below another one, with the delimiter.
fn below<'n>(delimiter: Option<char>, top: &[u8], name: &'n [u8]) -> Option<&'n [u8]> {
    let mut octets = [0; 4];
    let delimiter = delimiter?.encode_utf8(&mut octets).as_bytes();
    name.strip_prefix(top).filter(|rest| rest.starts_with(delimiter))
}

/// Whether RENAME of the upper mailbox does what is to be done with the lower one.
pub fn takes_along(upper: &Renaming, lower: &Renaming, delimiter: Option<char>) -> bool {
    let [from, to] = [(&upper.from, &lower.from), (&upper.to, &lower.to)]
        .map(|(top, name)| below(delimiter, &top.raw.0, &name.raw.0));
    from.is_some() && from == to
}

/// Whether RENAME of the other one, which is still to be done, would take along what is given its name now.
pub fn waits_for(renaming: &Renaming, other: &Renaming, delimiter: Option<char>) -> bool {
    below(delimiter, &other.from.raw.0, &renaming.to.raw.0).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        Attribute, Digest, FlagCapacity, Flags, InternalDate, LinkOrigin, SpecialUse, Stage, SyncPoint, Uid,
    };

    fn name(path: &str) -> MailboxName {
        MailboxName { raw: RawName(path.as_bytes().to_vec()), levels: path.split('/').map(str::to_owned).collect() }
    }

    fn mailbox(path: &str, attributes: &[Attribute]) -> MailboxState {
        MailboxState {
            name: name(path),
            delimiter: Some('/'),
            attributes: attributes.to_vec(),
            subscribed: false,
            sync_point: Some(SyncPoint::default()),
            capacity: FlagCapacity::everything(),
            octets: 0,
            records: 0,
            revision: 1,
            deltas: 0,
            identified: true,
            trouble: None,
        }
    }

    fn renaming(from: &str, to: &str) -> Renaming {
        Renaming { source: name(to).raw, from: name(from), to: name(to), stage: Stage::Ready }
    }

    /// What follows of `from:to`, where the destination lists these; `!` is a mailbox that holds no messages, `$` has a special use, `?`
    /// is an empty copy of what is gone.
    fn followed(renamed: &str, listed: &str) -> String {
        let follower = |text: &str| {
            let (from, to) = text.split_once(':').unwrap();
            Follower { former: name(from).raw, source: name(to).raw, from: name(from), to: name(to) }
        };
        let empty: Vec<RawName> =
            listed.split_whitespace().filter_map(|word| Some(name(word.strip_prefix('?')?).raw)).collect();
        let listed = listed.split_whitespace().map(|word| match word.split_at(1) {
            ("!", path) => mailbox(path, &[Attribute::NoSelect]),
            ("$", path) => mailbox(path, &[Attribute::SpecialUse(SpecialUse::Archive)]),
            ("?", path) => mailbox(path, &[]),
            _ => mailbox(word, &[]),
        });
        let listed: Vec<MailboxState> = listed.collect();
        let followers = following(renamed.split_whitespace().map(follower).collect(), &listed, &empty.iter().collect());
        followers.iter().map(|it| it.from.path()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn tree_follows_with_all_that_is_below() {
        let tree = "a:n a/b:n/b a/b/c:n/b/c";
        assert_eq!(followed(tree, "INBOX a a/b a/b/c other ab"), "a a/b a/b/c");
        assert_eq!(followed(tree, "a !a/b a/b/c"), "a a/b/c", "what holds no messages goes along");
        assert_eq!(followed("a:n a/b:m/b", "a a/b"), "a/b", "its child goes elsewhere");
        assert_eq!(followed("a:n", "a ?a/b"), "a", "what is empty goes along");
        assert_eq!(followed("a:n", "a a/b"), "", "what is not is not taken along");
    }

    #[test]
    fn name_is_given_once() {
        assert_eq!(followed("a:n b:n c:m", "a b c"), "c");
        assert_eq!(followed("a:n b:N", "a b"), "", "some servers know no case");
    }

    #[test]
    fn mailbox_of_others_below_holds_its_parents_and_not_its_siblings() {
        assert_eq!(followed("a:n a/b:n/b a/c:n/c a/c/d:n/c/d", "a a/b a/b/own a/c a/c/d"), "a/c a/c/d");
    }

    #[test]
    fn mailbox_goes_below_a_former_name_when_that_is_free() {
        assert_eq!(followed("a:c/y c:n", "a c"), "a c");
        assert_eq!(followed("a:b/y b:a/y", "a b"), "", "each would take the other along");
        assert_eq!(followed("a:b/y b:a/y c:a/z d:n", "a b c d"), "d", "nor what waits for them");
        let waits = |one: (&str, &str), other: (&str, &str)| {
            waits_for(&renaming(one.0, one.1), &renaming(other.0, other.1), Some('/'))
        };
        assert!(waits(("a", "c/y"), ("c", "n")) && !waits(("c", "n"), ("a", "c/y")) && !waits(("a", "cy"), ("c", "n")));
    }

    #[test]
    fn inbox_special_uses_and_names_that_are_there_are_left_alone() {
        for (renamed, listed) in [
            ("INBOX:n", "INBOX"),
            ("a:INBOX", "a"),
            ("a:n", "$a"),
            ("a:n", "!a"),
            ("a:n", "a n"),
            ("a:n", "a N"),
            ("a:A", "a"),
            ("a:n", "a n/b"),
            ("a:a/b", "a"),
            ("a/b:a", "a/b"),
            ("a:n", "other"),
        ] {
            assert_eq!(followed(renamed, listed), "", "{renamed} beside {listed}");
        }
        assert_eq!(followed("a:n", "a nb ab"), "a", "no delimiter, nothing below");
    }

    #[test]
    fn rename_takes_along_what_keeps_its_place_below() {
        let takes = |upper: (&str, &str), lower: (&str, &str)| {
            takes_along(&renaming(upper.0, upper.1), &renaming(lower.0, lower.1), Some('/'))
        };
        assert!(takes(("a", "n"), ("a/b", "n/b")) && takes(("a", "n"), ("a/b/c", "n/b/c")));
        assert!(
            !takes(("a", "n"), ("a", "n")) && !takes(("a", "n"), ("a/b", "n/c")) && !takes(("a", "n"), ("ab", "nb"))
        );
    }

    #[test]
    fn mailbox_is_the_one_that_is_gone_by_its_messages() {
        let record = |octets| MessageRecord {
            uid: Uid(3),
            octets,
            internal_date: Some(InternalDate(5)),
            flags: Flags::none(),
            identity: None,
        };
        let link = Link {
            source: Uid(3),
            destination: Uid(7),
            agreed: Flags::none(),
            lost: Flags::none(),
            origin: LinkOrigin::Appended,
            octets: 90,
            date: Some(InternalDate(5)),
            source_octets: None,
            altered: None,
            identity: Digest([1; 16]),
        };
        let likeness = |sizes: &[u64]| {
            let mut likeness = Likeness::default();
            sizes.iter().for_each(|octets| likeness.see(&link, &record(*octets)));
            likeness
        };
        assert!(likeness(&[90]).is_one(2) && likeness(&[90]).is_one(0) && likeness(&[90, 90]).is_one(3));
        assert!(!likeness(&[90]).is_one(3), "most are gone");
        assert!(!likeness(&[]).is_one(0), "nothing tells");
        assert!(!likeness(&[90, 90, 91]).is_one(3) && likeness(&[91]).is_other(), "a UID names one message");
    }
}
