//! Links under another UIDVALIDITY: which of them ties what now. Pure.
//!
//! 1. On a side whose UIDs are others now, the message of a link is the one that is listed as that was (`same` rule 2). Of
//!    messages that are alike, those come first whose flags are as agreed, then UID order; links of which a message was gone
//!    before come last. A copy that has departed is not looked for: one that is like it may be others'.
//! 2. A copy that is not found has departed: its user removed it, and it stays away. Its link names [`Uid::NOWHERE`], and is
//!    taken up again with the flags that it agrees on where the message turns out to be there after all (`messages`).
//! 3. A source message that is not found is gone: its link stands under a UID from [`Uid::LOST`] on, and says of the copy
//!    that it is ours.
//! 4. A link of which neither is found tells nothing any more.
//!
//! Memory: 24 octets for each link and each message of a side whose UIDs are others now.

use super::flags::FlagHistory;
use super::same::{self, Keeps};
use crate::error::Result;
use crate::model::{Digest, Flags, Link, MessageRecord, PairState, Side, Uid, UidSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// A link as it was, and what it ties now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Carried {
    /// The source UID under which the link stands until now.
    pub before: Uid,
    pub source: Uid,
    pub destination: Uid,
}

impl Carried {
    /// The link that was, of that pair, with what it ties now. Where the copy was never listed under the UID that it had, nobody
    /// knows what flags were kept of those that were sent: they are not agreed on.
    pub fn apply(&self, link: Link, known: &PairState) -> Link {
        let unseen = self.destination != link.destination && FlagHistory::of(known).is_unseen(&link);
        let agreed = if unseen { Flags::none() } else { link.agreed };
        Link { source: self.source, destination: self.destination, agreed, ..link }
    }
}

/// Carries links over, ascending by their new source UIDs. A side that is `None` has the UIDVALIDITY that it had; of the other
/// its records are read. `departed` are the source UIDs whose copies were known to be gone.
///
/// # Errors
/// Those of the iterators.
pub fn carry<R>(
    links: impl Iterator<Item = Result<Link>>,
    renumbered: [Option<R>; 2],
    departed: &UidSet,
    keeps: Keeps,
) -> Result<Vec<Carried>>
where
    R: Iterator<Item = Result<MessageRecord>>,
{
    let changed = [renumbered[0].is_some(), renumbered[1].is_some()];
    let mut carried = Vec::new();
    let mut wanted: [Vec<Sight>; 2] = Default::default();
    for link in links {
        let link = link?;
        for side in Side::BOTH.into_iter().filter(|side| changed[*side as usize]) {
            let has_departed = link.destination == Uid::NOWHERE || departed.contains(link.source);
            if has_departed && side == Side::Destination {
                continue;
            }
            let late = has_departed || link.source.is_stand_in();
            if let Some(trace) = same::trace_of_linked(&link, side, keeps) {
                let number = carried.len() as u32;
                wanted[side as usize].push(Sight { trace, flags: short(&link.agreed), late, number });
            }
        }
        let Link { source, destination, .. } = link;
        carried.push(Carried { before: source, source, destination });
    }
    for (side, records) in Side::BOTH.into_iter().zip(renumbered) {
        let Some(records) = records else { continue };
        let mut there = Vec::new();
        for record in records {
            let record = record?;
            if let Some(trace) = same::trace(&record.listed(), keeps) {
                there.push(Sight { trace, flags: short(&record.flags), late: false, number: record.uid.0 });
            }
        }
        for carried in &mut carried {
            *uid_of(carried, side) = Uid::NOWHERE;
        }
        let wanted = std::mem::take(&mut wanted[side as usize]);
        match_up(wanted, there, |link, uid| *uid_of(&mut carried[link as usize], side) = Uid(uid));
    }
    carried.retain(|carried| !(is_gone(carried.source) && carried.destination == Uid::NOWHERE));
    let gone = carried.iter_mut().filter(|carried| is_gone(carried.source));
    for (carried, uid) in gone.zip(Uid::LOST.0..) {
        carried.source = Uid(uid);
    }
    carried.sort_unstable_by_key(|carried| carried.source);
    Ok(carried)
}

fn is_gone(source: Uid) -> bool {
    source.is_stand_in()
}

fn uid_of(carried: &mut Carried, side: Side) -> &mut Uid {
    match side {
        Side::Source => &mut carried.source,
        Side::Destination => &mut carried.destination,
    }
}

/// A link, or a message that is listed now.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Sight {
    trace: Digest,
    late: bool,
    flags: u16,
    /// Of the link, in the order of UIDs; or the UID.
    number: u32,
}

/// Flags in short: where others are taken for the same, twins change places, and nothing else.
fn short(flags: &Flags) -> u16 {
    let mut hasher = DefaultHasher::new();
    let mut texts: Vec<String> = flags.texts().map(str::to_ascii_lowercase).collect();
    texts.sort_unstable();
    texts.hash(&mut hasher);
    hasher.finish() as u16
}

/// Pairs links with messages of the same trace.
fn match_up(mut links: Vec<Sight>, mut there: Vec<Sight>, mut pair: impl FnMut(u32, u32)) {
    links.sort_unstable();
    there.sort_unstable();
    let mut there = &there[..];
    for group in links.chunk_by(|one, next| one.trace == next.trace) {
        let trace = group[0].trace;
        there = &there[there.partition_point(|sight| sight.trace < trace)..];
        let (alike, rest) = there.split_at(there.partition_point(|sight| sight.trace == trace));
        there = rest;
        let first_late = group.partition_point(|sight| !sight.late);
        let mut free = alike.to_vec();
        for part in [&group[..first_late], &group[first_late..]] {
            free = pair_group(part, free, &mut pair);
        }
    }
}

/// Pairs links that are alike with messages that are, and returns the messages that are left. Both are sorted.
fn pair_group(links: &[Sight], there: Vec<Sight>, pair: &mut impl FnMut(u32, u32)) -> Vec<Sight> {
    let (mut unpaired, mut left) = (Vec::new(), Vec::new());
    let mut there = there.into_iter().peekable();
    for link in links {
        while let Some(other) = there.next_if(|sight| sight.flags < link.flags) {
            left.push(other);
        }
        match there.next_if(|sight| sight.flags == link.flags) {
            Some(same) => pair(link.number, same.number),
            None => unpaired.push(link.number),
        }
    }
    left.extend(there);
    left.sort_unstable_by_key(|sight| sight.number);
    unpaired.sort_unstable();
    let paired = unpaired.len().min(left.len());
    unpaired.iter().zip(&left).for_each(|(link, sight)| pair(*link, sight.number));
    let mut left = left.split_off(paired);
    left.sort_unstable();
    left
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{InternalDate, LinkOrigin};

    /// `uid:identity:octets:date`, and a keyword perhaps.
    fn records(text: &str) -> Vec<MessageRecord> {
        let record = |word: &str| {
            let facts: Vec<&str> = word.split(':').collect();
            let number = |index: usize| facts[index].parse::<i64>().unwrap();
            let identity = if number(1) == 255 { Digest::NAMELESS } else { Digest([number(1) as u8; 16]) };
            MessageRecord {
                uid: Uid(number(0) as u32),
                identity: Some(identity),
                octets: number(2) as u64,
                internal_date: Some(InternalDate(number(3))),
                flags: Flags::from_texts(facts.get(4).copied()),
            }
        };
        text.split_whitespace().map(record).collect()
    }

    /// Links of source messages with a copy under ten times their UID; `!` where that was gone already.
    fn links(text: &str) -> Vec<Link> {
        let link = |word: &str| {
            let record = records(word.trim_start_matches('!')).remove(0);
            let destination = if word.starts_with('!') { Uid::NOWHERE } else { Uid(record.uid.0 * 10) };
            Link {
                source: record.uid,
                destination,
                agreed: record.flags,
                lost: Flags::none(),
                origin: LinkOrigin::Appended,
                octets: record.octets,
                date: record.internal_date,
                source_octets: None,
                altered: None,
                identity: record.identity.unwrap(),
            }
        };
        text.split_whitespace().map(link).collect()
    }

    /// `before>source-destination`, `x` where there is none.
    fn carried(known: &str, source: Option<&str>, destination: Option<&str>, departed: u32) -> String {
        let listed = [source, destination].map(|text| text.map(|text| records(text).into_iter().map(Ok)));
        let departed = if departed > 0 { UidSet::range(Uid(departed), Uid(departed)) } else { UidSet::new() };
        let carried = carry(links(known).into_iter().map(Ok), listed, &departed, Keeps::ALL).unwrap();
        let shown = |uid: Uid| if uid.is_stand_in() { "x".to_owned() } else { uid.to_string() };
        let shown = carried.iter().map(|it| format!("{}>{}-{}", it.before, shown(it.source), shown(it.destination)));
        shown.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn links_follow_what_is_listed_as_it_was() {
        let known = "1:1:9:5 2:2:9:5 3:3:9:5";
        assert_eq!(carried(known, None, Some("1:3:9:5 2:1:9:5"), 0), "1>1-2 2>2-x 3>3-1");
        assert_eq!(carried(known, Some("7:3:9:5 8:1:9:5"), None, 0), "3>7-30 1>8-10 2>x-20");
        assert_eq!(carried(known, Some("7:3:9:5 8:1:9:5"), Some("5:1:9:5"), 0), "3>7-x 1>8-5");
        assert_eq!(carried(known, None, Some(""), 0), "1>1-x 2>2-x 3>3-x");
        assert_eq!(carried(known, Some(""), None, 0), "1>x-10 2>x-20 3>x-30");
    }

    #[test]
    fn identity_alone_ties_nothing() {
        // Another size, another date, and none of the fields by which messages are known.
        assert_eq!(
            carried("1:1:9:5 2:2:9:5 3:255:9:5", None, Some("1:1:8:5 2:2:9:6 3:255:9:5"), 0),
            "1>1-x 2>2-x 3>3-x"
        );
    }

    #[test]
    fn twins_are_told_apart_by_flags_and_the_departed_come_last() {
        assert_eq!(carried("1:1:9:5:x 2:1:9:5", None, Some("6:1:9:5 7:1:9:5:X"), 0), "1>1-7 2>2-6");
        assert_eq!(carried("1:1:9:5:x 2:1:9:5:y", None, Some("6:1:9:5 7:1:9:5"), 0), "1>1-6 2>2-7");
        assert_eq!(carried("1:1:9:5 2:1:9:5", None, Some("6:1:9:5"), 0), "1>1-6 2>2-x");
        assert_eq!(carried("1:1:9:5 2:1:9:5", None, Some("6:1:9:5"), 1), "1>1-x 2>2-6");
        assert_eq!(carried("!1:1:9:5 2:1:9:5", None, Some("6:1:9:5"), 0), "1>1-x 2>2-6");
        assert_eq!(carried("!1:1:9:5 2:1:9:5", None, Some("6:1:9:5 7:1:9:5"), 0), "1>1-x 2>2-6", "7 is others'");
        assert_eq!(
            carried("1:1:9:5:a 2:1:9:5 3:1:9:5:b", Some("5:1:9:5:b 6:1:9:5:c"), None, 0),
            "3>5-30 1>6-10 2>x-20"
        );
    }

    #[test]
    fn what_departed_stays_so_and_what_is_lost_on_both_sides_goes() {
        assert_eq!(carried("!1:1:9:5 2:2:9:5", Some("4:1:9:5"), None, 0), "1>4-x 2>x-20");
        assert_eq!(carried("!1:1:9:5 2:2:9:5", Some("4:2:9:5"), None, 0), "2>4-20");
    }
}
