//! Links under another UIDVALIDITY: which of them ties what now. Pure.
//!
//! 1. On a side whose UIDs are others now, the message of a link is the one that is listed as that was (`same` rule 2). Of
//!    messages that are alike, those come first whose flags are as agreed, then UID order; links of which a message was gone
//!    before come last, and so does all but the last of several links to one copy: the message was moved away and came back.
//!    A copy that has departed is not looked for: one that is like it may be others'.
//! 2. A copy that is not found has departed: its user removed it, and it stays away. Its link names [`Uid::NOWHERE`], and is
//!    taken up again with the flags that it agrees on where the message turns out to be there after all (`messages`).
//! 3. A source message that is not found is gone: its link stands under a UID from [`Uid::LOST`] on, and says of the copy
//!    that it is ours.
//! 4. A link of which neither is found tells nothing any more.
//! 5. What is remembered of source messages without a link is known again by the same question, after the links.
//! 6. Of a message that no listing tells from others (it has no name, or no date) every one that is listed alike may be it.
//!    Where that message had no copy any more, or nobody knows, such a one is in question until it turns out by its octets to be
//!    another's copy: it is not sent again without a word.
//!
//! Memory: 24 octets for each link and each message of a side whose UIDs are others now; for those of rule 6 what is listed.

use super::flags::FlagHistory;
use super::same::{self, Keeps};
use crate::error::Result;
use crate::model::{Digest, Flags, Link, Listed, MessageRecord, PairState, Remembered, Side, Uid, UidSet};
use std::collections::HashSet;
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

/// What was carried over.
#[derive(Default)]
pub struct CarriedOver {
    /// Ascending by their new source UIDs.
    pub links: Vec<Carried>,
    /// Of remembered messages: the number in what was given, and the UID of now.
    pub remembered: Vec<(usize, Uid)>,
    /// Source messages that may be one that was linked or remembered, ascending.
    pub in_question: Vec<(Uid, Listed)>,
}

/// Carries links over, and what is `remembered` of source messages under UIDs of before. A side that is `None` has the
/// UIDVALIDITY that it had; of the other its records are read. `departed` are the source UIDs whose copies are known to be
/// gone.
///
/// # Errors
/// Those of the iterators.
pub fn carry<R>(
    links: impl Iterator<Item = Result<Link>>,
    remembered: &[Remembered],
    renumbered: [Option<R>; 2],
    departed: &UidSet,
    keeps: Keeps,
) -> Result<CarriedOver>
where
    R: Iterator<Item = Result<MessageRecord>>,
{
    let changed = [renumbered[0].is_some(), renumbered[1].is_some()];
    let mut carried = Vec::new();
    let (mut wanted, mut likenesses): ([Vec<Sight>; 2], _) = (Default::default(), Likenesses::new(keeps));
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
            } else if side == Side::Source && !link.source.is_stand_in() && (has_departed || changed[1]) {
                likenesses.add(link.listed_source());
            }
        }
        let Link { source, destination, .. } = link;
        carried.push(Carried { before: source, source, destination });
    }
    let links = carried.len();
    for (number, message) in remembered.iter().enumerate().filter(|_| changed[Side::Source as usize]) {
        if carried.binary_search_by_key(&message.uid, |carried| carried.before).is_ok() {
            continue;
        }
        match same::trace(&message.listed, keeps) {
            Some(trace) => {
                let (number, flags) = ((links + number) as u32, short(&Flags::none()));
                wanted[Side::Source as usize].push(Sight { trace, flags, late: true, number });
            }
            None => likenesses.add(message.listed),
        }
    }
    set_back_superseded(&carried, &mut wanted[Side::Destination as usize]);
    let (mut again, mut in_question) = (Vec::new(), Vec::new());
    for (side, records) in Side::BOTH.into_iter().zip(renumbered) {
        let Some(records) = records else { continue };
        let mut there = Vec::new();
        for record in records {
            let record = record?;
            if side == Side::Source && likenesses.fit(&record.listed()) {
                in_question.push((record.uid, record.listed()));
            }
            if let Some(trace) = same::trace(&record.listed(), keeps) {
                there.push(Sight { trace, flags: short(&record.flags), late: false, number: record.uid.0 });
            }
        }
        for carried in &mut carried {
            *uid_of(carried, side) = Uid::NOWHERE;
        }
        let wanted = std::mem::take(&mut wanted[side as usize]);
        match_up(wanted, there, |wanted, uid| match carried.get_mut(wanted as usize) {
            Some(carried) => *uid_of(carried, side) = Uid(uid),
            None => again.push((wanted as usize - links, Uid(uid))),
        });
    }
    Ok(settled(carried, again, in_question))
}

/// What was found, in order; what is gone from the source stands under stand-ins.
fn settled(
    mut carried: Vec<Carried>,
    mut again: Vec<(usize, Uid)>,
    mut in_question: Vec<(Uid, Listed)>,
) -> CarriedOver {
    carried.retain(|carried| !(is_gone(carried.source) && carried.destination == Uid::NOWHERE));
    let gone = carried.iter_mut().filter(|carried| is_gone(carried.source));
    for (carried, uid) in gone.zip(Uid::LOST.0..) {
        carried.source = Uid(uid);
    }
    carried.sort_unstable_by_key(|carried| carried.source);
    in_question.retain(|(uid, _)| carried.binary_search_by_key(uid, |carried| carried.source).is_err());
    again.sort_unstable();
    CarriedOver { links: carried, remembered: again, in_question }
}

/// Links to a copy that a later link names, too, come last.
fn set_back_superseded(links: &[Carried], wanted: &mut [Sight]) {
    let superseded = if wanted.is_empty() { HashSet::new() } else { superseded(links) };
    wanted.iter_mut().for_each(|sight| sight.late |= superseded.contains(&sight.number));
}

/// All but the last of the links to one copy, by number.
fn superseded(links: &[Carried]) -> HashSet<u32> {
    let copy = |number: &u32| links[*number as usize].destination;
    let mut by_copy: Vec<u32> = (0..links.len() as u32).filter(|number| copy(number) != Uid::NOWHERE).collect();
    by_copy.sort_unstable_by_key(|number| (copy(number), *number));
    by_copy.windows(2).filter(|pair| copy(&pair[0]) == copy(&pair[1])).map(|pair| pair[0]).collect()
}

/// What was listed of messages that no listing tells from others.
struct Likenesses {
    keeps: Keeps,
    listed: HashSet<Listed>,
    /// Without their dates.
    undated: HashSet<Listed>,
}

impl Likenesses {
    fn new(keeps: Keeps) -> Self {
        Likenesses { keeps, listed: HashSet::new(), undated: HashSet::new() }
    }

    fn add(&mut self, listed: Listed) {
        let listed = self.kept(listed);
        self.listed.insert(listed);
        self.undated.insert(Listed { date: None, ..listed });
    }

    fn kept(&self, listed: Listed) -> Listed {
        let octets = if self.keeps.sizes { listed.octets } else { 0 };
        Listed { octets, date: listed.date.filter(|_| self.keeps.dates), ..listed }
    }

    /// Whether a message may be one of them: nothing that is told of both differs.
    fn fit(&self, now: &Listed) -> bool {
        let now = self.kept(*now);
        let known = if now.date.is_none() { &self.undated } else { &self.listed };
        let identities = [now.identity, None].into_iter();
        let mut dates = identities.flat_map(|identity| [now.date, None].map(|date| Listed { date, identity, ..now }));
        dates.any(|listed| known.contains(&listed))
    }
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
    use crate::model::{InternalDate, LinkOrigin, UidValidity};

    /// `uid:identity:octets:date`, and a keyword perhaps; `-` for what is not told.
    fn records(text: &str) -> Vec<MessageRecord> {
        let record = |word: &str| {
            let facts: Vec<&str> = word.split(':').collect();
            let number = |index: usize| facts[index].parse::<i64>().unwrap();
            let told = |index: usize| (facts[index] != "-").then(|| number(index));
            let identity = |number| if number == 255 { Digest::NAMELESS } else { Digest([number as u8; 16]) };
            MessageRecord {
                uid: Uid(number(0) as u32),
                identity: told(1).map(identity),
                octets: number(2) as u64,
                internal_date: told(3).map(InternalDate),
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

    fn carry_over(known: &str, remembered: &[Remembered], listed: [Option<&str>; 2], departed: u32) -> CarriedOver {
        let listed = listed.map(|text| text.map(|text| records(text).into_iter().map(Ok)));
        let departed = if departed > 0 { UidSet::range(Uid(departed), Uid(departed)) } else { UidSet::new() };
        carry(links(known).into_iter().map(Ok), remembered, listed, &departed, Keeps::ALL).unwrap()
    }

    /// `before>source-destination`, `x` where there is none.
    fn carried(known: &str, source: Option<&str>, destination: Option<&str>, departed: u32) -> String {
        let carried = carry_over(known, &[], [source, destination], departed).links;
        let shown = |uid: Uid| if uid.is_stand_in() { "x".to_owned() } else { uid.to_string() };
        let shown = carried.iter().map(|it| format!("{}>{}-{}", it.before, shown(it.source), shown(it.destination)));
        shown.collect::<Vec<_>>().join(" ")
    }

    /// `before>now` of what is remembered, and `?now` of what may be something that was known.
    fn recalled(links: &str, remembered: &str, source: &str) -> String {
        let message = |record: MessageRecord| {
            let (uid, listed) = (record.uid, record.listed());
            Remembered { uid, validity: UidValidity(1), listed, stored: None }
        };
        let remembered: Vec<Remembered> = records(remembered).into_iter().map(message).collect();
        let over = carry_over(links, &remembered, [Some(source), None], 0);
        let again = over.remembered.iter().map(|(number, now)| format!("{}>{now}", remembered[*number].uid));
        again.chain(over.in_question.iter().map(|(now, _)| format!("?{now}"))).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_is_remembered_is_known_again_after_the_links() {
        assert_eq!(recalled("1:1:9:5", "2:2:9:5 3:3:9:5", "7:3:9:5 8:2:9:5 9:1:9:5"), "2>8 3>7");
        assert_eq!(recalled("", "2:2:9:5", "7:2:8:5 8:2:9:6 9:4:9:5"), "", "edited, saved again, another");
        assert_eq!(recalled("1:1:9:5", "2:1:9:5", "7:1:9:5"), "", "the copy that is there is that of the one left");
        assert_eq!(recalled("1:1:9:5", "2:1:9:5", "7:1:9:5 8:1:9:5"), "2>8", "twins");
        assert_eq!(recalled("1:1:9:5", "1:1:9:5", "7:1:9:5 8:1:9:5"), "", "it has a link by now");
    }

    #[test]
    fn whoever_may_be_one_that_no_listing_tells_from_others_is_in_question() {
        // No name; no date; of a listing that did not ask for names.
        assert_eq!(recalled("", "2:255:9:5", "7:255:9:5 8:255:9:6 9:255:8:5 10:1:9:5"), "?7");
        assert_eq!(recalled("", "2:1:9:-", "7:1:9:5 8:1:9:- 9:2:9:5 10:1:8:-"), "?7 ?8");
        assert_eq!(recalled("", "2:-:9:5", "7:1:9:5 8:255:9:5 9:1:8:5"), "?7 ?8");
        assert_eq!(recalled("!2:255:9:5", "", "7:255:9:5 8:255:9:6"), "?7", "a link tells no more");
        assert_eq!(recalled("2:255:9:5", "", "7:255:9:5"), "", "its copy tells by its octets");
        assert_eq!(recalled("1:1:9:5", "2:-:9:5", "7:1:9:5"), "", "it is linked");
        assert_eq!(recalled("!2:255:9:5", "", "7:255:9:-"), "?7");
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
    fn of_several_links_to_one_copy_the_last_ties_it() {
        let mut known = links("1:1:9:5 2:1:9:5");
        known[1].destination = known[0].destination;
        let listed = [None, Some(records("6:1:9:5").into_iter().map(Ok))];
        let over = carry(known.into_iter().map(Ok), &[], listed, &UidSet::new(), Keeps::ALL).unwrap();
        let ties: Vec<_> = over.links.iter().map(|carried| (carried.source, carried.destination)).collect();
        assert_eq!(ties, [(Uid(1), Uid::NOWHERE), (Uid(2), Uid(6))]);
    }

    #[test]
    fn what_departed_stays_so_and_what_is_lost_on_both_sides_goes() {
        assert_eq!(carried("!1:1:9:5 2:2:9:5", Some("4:1:9:5"), None, 0), "1>4-x 2>x-20");
        assert_eq!(carried("!1:1:9:5 2:2:9:5", Some("4:2:9:5"), None, 0), "2>4-20");
    }
}
