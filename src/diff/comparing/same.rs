//! Same message? The one place that answers. Pure; its evidence is plain data.
//!
//! Identity proposes, content decides:
//!
//! 1. Messages of different identities are different messages.
//! 2. Those that agree in identity, size and internal date are one, without being read.
//! 3. Those that agree in identity alone are read. The same octets are one message. Other octets are another, unless the
//!    date and the text agree: that is what servers make of a message that rewrite headers or line ends.
//! 4. What was not read, or could not be, is unsettled: neither tied, nor copied, nor deleted.
//! 5. [`Digest::NAMELESS`] is no identity: messages that have none of the fields are always read.
//!
//! Where a server is known to give all it is given back in another form ([`Keeps`]), what it does not keep tells nothing.

pub use crate::model::Keeps;
use crate::model::{Content, Digest, Flags, InternalDate, Link, LinkOrigin, Listed, MessageRecord, Side};
use sha2::{Digest as _, Sha256};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// The answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    Same,
    Other,
    Unsettled,
}

impl Keeps {
    /// What a destination keeps, as it shows by what it made of our own appends. One that changes single messages (line
    /// ends, NUL) keeps the others; only what comes back changed more often than not is not kept.
    pub fn as_seen<'a>(links: impl Iterator<Item = &'a Link>) -> Keeps {
        let (mut appended, mut sizes, mut dates) = (0u32, 0u32, 0u32);
        for link in links.filter(|link| link.origin == LinkOrigin::Appended) {
            appended += 1;
            if let Some(altered) = &link.altered {
                sizes += u32::from(altered.octets != link.octets);
                dates += u32::from(link.date.is_some() && altered.date != link.date);
            }
        }
        Keeps { sizes: sizes * 2 <= appended, dates: dates * 2 <= appended }
    }
}

/// What two messages must share to be one, and their order where many are walked through. Those of one key are alike.
pub(in crate::diff) type Key = (Digest, u64, Option<InternalDate>, [u8; 32], u64);

/// Where what was read of a message is looked up.
pub type Contents<'a> = &'a dyn Fn(Side, &MessageRecord) -> Option<Content>;

/// Reads nothing.
pub const UNREAD: Contents<'static> = &|_, _| None;

/// The key of rule 2; `None` where a listing alone never tells.
pub(in crate::diff) fn at_sight(record: &MessageRecord, keeps: Keeps) -> Option<Key> {
    let identity = record.identity.filter(|identity| *identity != Digest::NAMELESS)?;
    let octets = if keeps.sizes { record.octets } else { 0 };
    let date = if keeps.dates { Some(record.internal_date?) } else { None };
    Some((identity, octets, date, [0; 32], 0))
}

/// The key of rule 3 for the same octets.
pub(in crate::diff) fn by_octets(record: &MessageRecord, content: &Content) -> Option<Key> {
    Some((record.identity?, 0, None, content.octets, 0))
}

/// The key of rule 3 for what was rewritten on the way.
pub(in crate::diff) fn by_text(record: &MessageRecord, content: &Content, keeps: Keeps) -> Option<Key> {
    let identity = record.identity?;
    let date = if keeps.dates || identity == Digest::NAMELESS { Some(record.internal_date?) } else { None };
    let mut text = [0; 32];
    text[..16].copy_from_slice(&content.text.0);
    text[16] = 1;
    Some((identity, 0, date, text, 0))
}

/// The same key for messages of the same date and flags alone: of those that are alike it tells which is which.
pub(in crate::diff) fn closest((identity, octets, _, content, _): Key, record: &MessageRecord) -> Key {
    (identity, octets, record.internal_date, content, hash(&record.flags))
}

/// Flags of one hash are taken for equal: where they are not, twins are paired in another order, and nothing else.
fn hash(flags: &Flags) -> u64 {
    let mut hasher = DefaultHasher::new();
    flags.texts().for_each(|text| text.to_ascii_lowercase().hash(&mut hasher));
    hasher.finish() | 1
}

/// The key of messages that a server stored under another identity: their date and text.
pub(in crate::diff) fn under_another_identity(record: &MessageRecord, content: &Content) -> Option<Key> {
    let mut text = [0; 32];
    text[..16].copy_from_slice(&content.text.0);
    Some((Digest::NAMELESS, 0, Some(record.internal_date?), text, 0))
}

/// Whether a message of the destination is as we would have sent that of the source: in date, and in size or octets.
pub(in crate::diff) fn is_as_sent(source: &MessageRecord, copy: &MessageRecord, contents: Contents<'_>) -> bool {
    let read = || Some((contents(Side::Source, source)?.octets, contents(Side::Destination, copy)?.octets));
    let same_octets = || source.octets == copy.octets || read().is_some_and(|(ours, theirs)| ours == theirs);
    let dated = source.internal_date.is_some() && source.internal_date == copy.internal_date;
    dated && source.identity == copy.identity && same_octets()
}

/// Whether of two messages of the destination that are listed alike one is a second copy of the other. Their octets are
/// compared once more before one goes.
pub(in crate::diff) fn second_copy(linked: &MessageRecord, other: &MessageRecord, contents: Contents<'_>) -> Verdict {
    let sight = at_sight(linked, Keeps::ALL);
    if sight.is_some() && sight == at_sight(other, Keeps::ALL) {
        return Verdict::Same;
    }
    match [linked, other].map(|copy| contents(Side::Destination, copy)) {
        [Some(one), Some(two)] if one.octets == two.octets => Verdict::Same,
        [Some(_), Some(_)] => Verdict::Other,
        _ => Verdict::Unsettled,
    }
}

/// Whether a message of the source and one of the destination are one.
pub fn same_message(source: &MessageRecord, copy: &MessageRecord, keeps: Keeps, contents: Contents<'_>) -> Verdict {
    match (source.identity, copy.identity) {
        (Some(one), Some(other)) if one == other => {}
        (Some(_), Some(_)) => return Verdict::Other,
        _ => return Verdict::Unsettled,
    }
    let alike = |one: Option<Key>, other: Option<Key>| one.is_some() && one == other;
    if alike(at_sight(source, keeps), at_sight(copy, keeps)) {
        return Verdict::Same;
    }
    let (Some(ours), Some(theirs)) = (contents(Side::Source, source), contents(Side::Destination, copy)) else {
        return Verdict::Unsettled;
    };
    let same = alike(by_octets(source, &ours), by_octets(copy, &theirs))
        || alike(by_text(source, &ours, keeps), by_text(copy, &theirs, keeps));
    if same { Verdict::Same } else { Verdict::Other }
}

/// Whether a source message is still the one that was linked, from what its listing says.
pub fn is_source_of(link: &Link, source: &MessageRecord) -> bool {
    let linked = link.listed_source();
    let (date, identity) = (linked.date.or(source.internal_date), source.identity.and(linked.identity));
    Listed { date, identity, ..linked } == source.listed()
}

/// Whether a destination message is still the copy that was linked, from what its listing says.
pub fn is_copy_of(link: &Link, copy: &MessageRecord) -> bool {
    let mut expected = link.listed_copy();
    // An older state did not keep it, or the source told none and the destination chose one.
    if expected.date.is_none() {
        expected.date = copy.internal_date;
    }
    expected == copy.listed()
}

/// Whether two messages that are tied are listed with one size and identity.
pub(in crate::diff) fn is_listed_alike(source: &MessageRecord, copy: &MessageRecord) -> bool {
    (source.octets, source.identity) == (copy.octets, copy.identity)
}

/// The internal date of a message, and what was read of it.
pub type Dated<'a> = (Option<InternalDate>, &'a Content);

/// Whether a copy of ours that was read has neither the octets of its source nor what servers make of them that rewrite
/// headers or line ends: rule 3, for what was tied before.
pub fn is_spoilt(source: Dated<'_>, copy: Dated<'_>, keeps: Keeps) -> bool {
    let (sent, ours, theirs) = (source.0.map(InternalDate::as_sent), source.1, copy.1);
    let dated = !keeps.dates || sent.is_none() || sent == copy.0;
    ours.octets != theirs.octets && !(ours.text == theirs.text && dated)
}

/// Whether what is listed under one UID and UIDVALIDITY of the source may still be the message that it was. What was not known
/// of it tells nothing.
pub fn is_still(before: &Listed, now: &Listed, keeps: Keeps) -> bool {
    let date = before.date.and(now.date);
    let identity = before.identity.and(now.identity);
    let (before, now) =
        (Listed { date: date.and(before.date), ..*before }, Listed { date: date.and(now.date), ..*now });
    let facts = |listed: Listed| mark(&Listed { identity: identity.and(listed.identity), ..listed }, keeps);
    facts(before) == facts(now)
}

/// Whether on that side a message, as listed now, is still the one that was linked, as far as that server keeps it.
pub(in crate::diff) fn is_linked(link: &Link, side: Side, now: &Listed, keeps: Keeps) -> bool {
    let linked = match side {
        Side::Source => link.listed_source(),
        Side::Destination => link.listed_copy(),
    };
    let date = linked.date.or(now.date);
    mark(&Listed { date, ..linked }, keeps) == mark(now, keeps)
}

/// Whether a link says of these two that one is the copy of the other, whatever became of its octets.
pub(in crate::diff) fn are_linked(link: &Link, source: &MessageRecord, copy: &MessageRecord) -> bool {
    source.identity == Some(link.identity) && (copy.identity == source.identity || is_copy_of(link, copy))
}

/// Whether what is listed under the UID of a copy goes by the name that the copy had, whatever became of its octets.
pub fn is_known_as(link: &Link, copy: &Listed) -> bool {
    let made = link.altered.and_then(|altered| altered.identity);
    copy.identity.is_some_and(|now| now == link.identity || Some(now) == made)
}

/// What is listed of a message, as far as that server keeps it, in 16 octets: what one server lists under one UID and
/// UIDVALIDITY at two times is one message where this is the same. It never leaves memory.
pub fn mark(listed: &Listed, keeps: Keeps) -> Digest {
    let mut facts = Sha256::new();
    facts.update([u8::from(listed.identity.is_some())]);
    facts.update(listed.identity.map_or([0; 16], |identity| identity.0));
    facts.update(if keeps.sizes { listed.octets.to_be_bytes() } else { [0; 8] });
    let date = listed.date.filter(|_| keeps.dates);
    facts.update([u8::from(date.is_some())]);
    facts.update(date.map_or([0; 8], |date| date.0.to_be_bytes()));
    Digest::from_sha256(facts.finalize().into())
}

/// By what a message of one mailbox is known again there under another UID, by rule 2, in 16 octets; `None` where a listing
/// alone never tells. It never leaves memory.
pub fn trace(listed: &Listed, keeps: Keeps) -> Option<Digest> {
    let identity = listed.identity.filter(|identity| *identity != Digest::NAMELESS)?;
    (listed.date.is_some() || !keeps.dates).then(|| mark(&Listed { identity: Some(identity), ..*listed }, keeps))
}

/// The same of what was linked, on that side.
pub fn trace_of_linked(link: &Link, side: Side, keeps: Keeps) -> Option<Digest> {
    match side {
        Side::Source => trace(&link.listed_source(), keeps),
        Side::Destination => trace(&link.listed_copy(), keeps),
    }
}

/// Whether the source message of a link is told from others by what is listed of it.
pub fn is_told(link: &Link, keeps: Keeps) -> bool {
    trace_of_linked(link, Side::Source, keeps).is_some()
}

/// Whether the flags that a link agrees on are those of this source message: it, or what it was before it came back under
/// another UID.
pub(in crate::diff) fn is_of_one_name(link: &Link, source: &MessageRecord) -> bool {
    source.identity == Some(link.identity) && link.identity != Digest::NAMELESS
}

/// What the destination lists of a copy, where it is not what was sent.
pub fn alteration(link: &Link, copy: &MessageRecord) -> Option<Listed> {
    let as_sent = Link { altered: None, ..link.clone() };
    (!is_copy_of(&as_sent, copy)).then(|| copy.listed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Uid;

    fn record(identity: u8, octets: u64, date: Option<i64>) -> MessageRecord {
        let (flags, identity) = (Flags::none(), Some(Digest([identity; 16])).filter(|_| identity != 0));
        MessageRecord { uid: Uid(1), octets, internal_date: date.map(InternalDate), flags, identity }
    }

    fn read(octets: u8, text: u8) -> Content {
        Content { octets: [octets; 32], text: Digest([text; 16]) }
    }

    const NAMELESS: u8 = 0xff;

    #[test]
    fn identity_proposes_and_content_decides() {
        use Verdict::{Other, Same, Unsettled};
        let (plain, read_same, read_other, rewritten) =
            (None, Some([read(1, 1), read(1, 1)]), Some([read(1, 1), read(2, 2)]), Some([read(1, 1), read(2, 1)]));
        let cases = [
            // identity, size, date of both; what was read; the verdict
            ((1, 9, Some(5)), (2, 9, Some(5)), plain, Other),
            ((1, 9, Some(5)), (1, 9, Some(5)), plain, Same),
            ((1, 9, Some(5)), (1, 8, Some(5)), plain, Unsettled),
            ((1, 9, Some(5)), (1, 9, Some(6)), plain, Unsettled),
            ((1, 9, None), (1, 9, None), plain, Unsettled),
            ((0, 9, Some(5)), (1, 9, Some(5)), plain, Unsettled),
            ((NAMELESS, 9, Some(5)), (NAMELESS, 9, Some(5)), plain, Unsettled),
            ((NAMELESS, 9, Some(5)), (NAMELESS, 9, Some(5)), read_other, Other),
            ((NAMELESS, 9, Some(5)), (NAMELESS, 9, Some(6)), rewritten, Other),
            ((NAMELESS, 9, Some(5)), (NAMELESS, 9, Some(6)), read_same, Same),
            ((1, 9, Some(5)), (1, 8, Some(6)), read_same, Same),
            ((1, 9, Some(5)), (1, 8, Some(5)), read_other, Other),
            // A server added a line to the header; a draft of the same text was saved again later.
            ((1, 9, Some(5)), (1, 12, Some(5)), rewritten, Same),
            ((1, 9, Some(5)), (1, 12, Some(6)), rewritten, Other),
        ];
        for (one, other, contents, expected) in cases {
            let of = |side: Side, _: &MessageRecord| contents.map(|contents| contents[side as usize]);
            let (source, copy) = (record(one.0, one.1, one.2), record(other.0, other.1, other.2));
            assert_eq!(same_message(&source, &copy, Keeps::ALL, &of), expected, "{one:?} {other:?} {contents:?}");
        }
    }

    #[test]
    fn message_of_before_is_another_by_what_was_known_of_it() {
        let still = |before: MessageRecord, now: MessageRecord| is_still(&before.listed(), &now.listed(), Keeps::ALL);
        assert!(still(record(1, 9, Some(5)), record(1, 9, Some(5))));
        assert!(
            still(record(0, 9, Some(5)), record(1, 9, Some(5))) && still(record(1, 9, None), record(0, 9, Some(5)))
        );
        assert!(!still(record(1, 9, Some(5)), record(2, 9, Some(5))) && !still(record(0, 9, None), record(0, 8, None)));
        assert!(!still(record(1, 9, Some(5)), record(1, 9, Some(6))));
    }

    #[test]
    fn what_a_server_does_not_keep_tells_nothing() {
        let (sizes, dates) = (Keeps { sizes: false, dates: true }, Keeps { sizes: true, dates: false });
        let verdict = |one, other, keeps| same_message(&one, &other, keeps, UNREAD);
        assert_eq!(verdict(record(1, 9, Some(5)), record(1, 8, Some(5)), sizes), Verdict::Same);
        assert_eq!(verdict(record(1, 9, Some(5)), record(1, 9, Some(6)), sizes), Verdict::Unsettled);
        assert_eq!(verdict(record(1, 9, Some(5)), record(1, 9, Some(6)), dates), Verdict::Same);
        assert_eq!(verdict(record(1, 9, Some(5)), record(1, 8, Some(5)), dates), Verdict::Unsettled);
    }

    #[test]
    fn spoilt_is_what_no_server_makes_of_a_message() {
        let spoilt = |dates: [Option<i64>; 2], contents: [Content; 2], keeps| {
            let [ours, theirs] = dates.map(|date| date.map(InternalDate));
            is_spoilt((ours, &contents[0]), (theirs, &contents[1]), keeps)
        };
        let undated = Keeps { dates: false, ..Keeps::ALL };
        let (whole, rewritten, half) = (read(1, 1), read(2, 1), read(3, 3));
        let day = [Some(90_000); 2];
        assert!(!spoilt(day, [whole, whole], Keeps::ALL) && !spoilt(day, [whole, rewritten], Keeps::ALL));
        assert!(spoilt(day, [whole, half], Keeps::ALL) && spoilt(day, [whole, half], undated));
        let other_day = [Some(90_000), Some(90_060)];
        assert!(spoilt(other_day, [whole, rewritten], Keeps::ALL), "a draft was saved again");
        assert!(!spoilt(other_day, [whole, rewritten], undated) && !spoilt(other_day, [whole, whole], Keeps::ALL));
        assert!(!spoilt([None, Some(90_060)], [whole, rewritten], Keeps::ALL), "the source tells no date");
    }

    fn link(origin: LinkOrigin, altered: Option<(u64, i64)>) -> Link {
        let (source, destination, identity) = (Uid(1), Uid(2), Digest([1; 16]));
        let (agreed, lost) = (Flags::none(), Flags::none());
        let altered = altered.map(|(octets, date)| record(1, octets, Some(date)).listed());
        let date = Some(InternalDate(5));
        Link { source, destination, agreed, lost, origin, octets: 9, date, source_octets: None, altered, identity }
    }

    #[test]
    fn what_a_server_keeps_is_seen_by_our_own_appends() {
        use LinkOrigin::{Adopted, Appended};
        let keeps = |links: &[Link]| Keeps::as_seen(links.iter());
        let [whole, resized, redated] = [None, Some((8, 5)), Some((9, 6))].map(|altered| link(Appended, altered));
        assert_eq!(keeps(&[]), Keeps::ALL);
        assert_eq!(keeps(&[whole.clone(), resized.clone(), redated.clone()]), Keeps::ALL, "single messages");
        assert_eq!(keeps(&[whole, resized.clone(), resized]), Keeps { sizes: false, dates: true });
        assert_eq!(keeps(&[redated]), Keeps { sizes: true, dates: false });
        assert_eq!(keeps(&[link(Adopted, Some((8, 6)))]), Keeps::ALL, "others put it there");
    }

    #[test]
    fn link_holds_for_the_message_that_was_linked_and_for_no_other() {
        let link = Link { source_octets: Some(7), ..link(LinkOrigin::Appended, None) };
        assert!(is_source_of(&link, &record(1, 7, Some(5))) && is_source_of(&link, &record(0, 7, Some(5))));
        for other in [record(1, 9, Some(5)), record(1, 7, Some(6)), record(2, 7, Some(5)), record(1, 7, None)] {
            assert!(!is_source_of(&link, &other), "{other:?}");
        }
        assert!(is_copy_of(&link, &record(1, 9, Some(5))));
        for other in [record(1, 7, Some(5)), record(1, 9, Some(6)), record(2, 9, Some(5)), record(0, 9, Some(5))] {
            assert!(!is_copy_of(&link, &other), "{other:?}");
            let altered = alteration(&link, &other);
            assert!(is_copy_of(&Link { altered, ..link.clone() }, &other), "{other:?}");
        }
        let older = Link { date: None, ..link };
        assert!(is_source_of(&older, &record(1, 7, Some(6))) && is_copy_of(&older, &record(1, 9, Some(6))));
    }
}
