//! UID FETCH: listings, flag changes and whole messages (RFC 9051 6.4.5, 7.5.2; RFC 7162 3.1.4, 3.2.6).
//!
//! Completeness is decided message by message, never by the tagged OK: an item that did not come is `None` here, and the
//! caller decides.

use super::labels;
use crate::engine::conversation::session::{ANY_RESPONSES, Session, Tag};
use crate::engine::conversation::status::{Condition, Status};
use crate::engine::date;
use crate::engine::wire::octets::{LITERAL_OCTETS, Octets};
use crate::engine::wire::response::{Response, Scanner, Value};
use crate::error::Result;
use crate::model::server::Preset;
use crate::model::{Flags, GmailId, InternalDate, ModSeq, Uid, UidSet};

/// Command lines stay below this: every server tried takes it.
pub const COMMAND_OCTETS: usize = 7_500;

/// The largest size that is believed: more than any literal that is taken. As many of it as a mailbox has UIDs still add up
/// to a number of 64 bits.
const SIZE_OCTETS: u64 = LITERAL_OCTETS + 1;

/// The longest list of flags that is taken, of a message as of a mailbox. One that is longer counts as none: thousands of
/// keywords are no message's.
pub const FLAGS_OCTETS: usize = 64 << 10;

/// What one FETCH response says of one message.
#[derive(Debug, Default)]
pub struct Fetched {
    pub uid: Option<Uid>,
    pub flags: Option<Flags>,
    /// `Some(None)`: the server gave one that is no date.
    pub internal_date: Option<Option<InternalDate>>,
    pub octets: Option<u64>,
    /// A section of the header, as asked for.
    pub header: Option<Vec<u8>>,
    /// The whole message. `None` when the item is missing or NIL.
    pub body: Option<Octets>,
    /// What Gmail knows it by.
    pub gmail_id: Option<GmailId>,
    /// The keywords that stand for Gmail's labels.
    pub labels: Option<Flags>,
}

impl Fetched {
    /// Takes what is lacking from another response about the same message. Octets of a message are not put together.
    pub fn complete_with(&mut self, other: Fetched) {
        self.uid = self.uid.or(other.uid);
        self.flags = self.flags.take().or(other.flags);
        self.internal_date = self.internal_date.or(other.internal_date);
        self.octets = self.octets.or(other.octets);
        self.header = self.header.take().or(other.header);
        self.gmail_id = self.gmail_id.or(other.gmail_id);
    }

    /// With the flags as they are read there.
    fn flagged_by(mut self, reading: FlagReading) -> Self {
        match reading {
            FlagReading::Plain => {}
            // Flags without labels are half of what is to be known, and so none.
            FlagReading::WithLabels => {
                self.flags = self.flags.zip(self.labels.take()).map(|(flags, labels)| flags.plus(&labels));
            }
            FlagReading::WithoutTagNumbers => self.flags = self.flags.map(Flags::without_tag_numbers),
        }
        self
    }
}

/// How the flags of a server are to be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::engine) enum FlagReading {
    Plain,
    /// Labels are keywords (Gmail).
    WithLabels,
    /// Keywords have numbers behind their names (Zimbra).
    WithoutTagNumbers,
}

/// The items of a first listing.
pub const LISTING_ITEMS: &str = "(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])";

/// The items of a first listing in which nothing is to be recognised. Many servers read a message's file for its header.
pub const BARE_ITEMS: &str = "(UID FLAGS INTERNALDATE RFC822.SIZE)";

/// The items of the second look at a message without Message-ID, or whose items did not all come. The fields are those
/// of [`crate::engine::identity::STABLE_FIELDS`].
pub const IDENTITY_ITEMS: &str = "(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID DATE FROM TO CC SUBJECT REFERENCES RECEIVED)])";

/// Whole messages.
pub const MESSAGE_ITEMS: &str = "(UID FLAGS INTERNALDATE BODY.PEEK[])";

/// Flags alone.
pub const FLAG_ITEMS: &str = "(UID FLAGS)";

/// What can come in answer to a UID FETCH.
#[derive(Debug)]
pub enum FetchEvent {
    Message(Fetched),
    /// UIDs that are gone. May name UIDs that never were: subtract, never count.
    Vanished(UidSet),
    /// The mailbox holds this many messages now.
    Exists(u32),
    /// One message went, by sequence number: all that it says is that the listing is old.
    Expunged,
}

impl Session {
    /// Sends one UID FETCH without waiting.
    ///
    /// # Errors
    /// `Connection`.
    pub fn send_fetch(&mut self, uids: &UidSet, items: &str) -> Result<Tag> {
        let items = self.labelled(items);
        self.send_for(format!("UID FETCH {uids} {items}").as_bytes(), uids.len())
    }

    /// The same from this UID on to the last. The answer names the last message even where that is below it.
    ///
    /// # Errors
    /// `Connection`.
    pub fn send_fetch_from(&mut self, first: Uid, items: &str) -> Result<Tag> {
        let items = self.labelled(items);
        self.send_for(format!("UID FETCH {first}:* {items}").as_bytes(), ANY_RESPONSES)
    }

    /// Sends UID FETCH for flags changed after `modseq`, with vanished UIDs where QRESYNC is on.
    ///
    /// # Errors
    /// `Connection`.
    pub fn send_fetch_changed(&mut self, last: Uid, modseq: ModSeq) -> Result<Tag> {
        let vanished = if self.qresync { " VANISHED" } else { "" };
        let items = self.labelled(FLAG_ITEMS);
        let command = format!("UID FETCH 1:{last} {items} (CHANGEDSINCE {modseq}{vanished})");
        self.send_for(command.as_bytes(), u64::from(last.0))
    }

    fn flag_reading(&self) -> FlagReading {
        match self.preset {
            _ if self.counts_labels => FlagReading::WithLabels,
            Preset::Zimbra => FlagReading::WithoutTagNumbers,
            _ => FlagReading::Plain,
        }
    }

    /// Whether [`Session::send_fetch_changed`] also brings vanished UIDs.
    pub fn tells_vanished(&self) -> bool {
        self.qresync
    }

    /// Reads the answer to a UID FETCH. With several in flight, what belongs to another of them may come as well.
    ///
    /// # Errors
    /// `Connection`, `Protocol`, what `event` returns.
    pub fn finish_fetch(&mut self, tag: Tag, mut event: impl FnMut(FetchEvent) -> Result<()>) -> Result<Status> {
        let reading = self.flag_reading();
        let status = self.finish(tag, |response| match fetch_event(response) {
            Some(FetchEvent::Message(found)) => event(FetchEvent::Message(found.flagged_by(reading))),
            Some(found) => event(found),
            None => Ok(()),
        })?;
        if status.condition == Condition::Bad {
            self.doubt_order();
        }
        Ok(status)
    }
}

pub(in crate::engine) fn fetch_event(mut response: Response) -> Option<FetchEvent> {
    let rest = response.text().strip_prefix(b"* ")?;
    let mut words = rest.splitn(3, |&octet| octet == b' ');
    let (first, second, third) = (words.next()?, words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if first.eq_ignore_ascii_case(b"VANISHED") {
        let set = if second.eq_ignore_ascii_case(b"(EARLIER)") { third } else { second };
        return UidSet::parse(set).map(FetchEvent::Vanished);
    }
    let count = crate::engine::wire::response::number(first)?;
    if second.eq_ignore_ascii_case(b"EXISTS") {
        return u32::try_from(count).ok().map(FetchEvent::Exists);
    }
    if second.eq_ignore_ascii_case(b"EXPUNGE") {
        return Some(FetchEvent::Expunged);
    }
    second.eq_ignore_ascii_case(b"FETCH").then(|| FetchEvent::Message(fetched(&mut response)))
}

/// Reads the items, in any order; stops at the first that is malformed, and keeps what it has. Octets of the message are
/// kept only of a response that is whole and names them once: a literal of a wrong length has swallowed what follows it.
fn fetched(response: &mut Response) -> Fetched {
    let mut found = Found::default();
    let mut scanner = response.scan();
    let opened = (|| {
        for _ in 0..3 {
            scanner.skip_word()?;
            scanner.spaces();
        }
        scanner.take(b'(').then_some(())
    })();
    // Domino puts the items into one more pair.
    let is_twofold = opened.is_some() && scanner.take(b'(');
    if opened.is_some() {
        while item(&mut scanner, &mut found).is_some() {}
    }
    scanner.spaces();
    let whole = scanner.take(b')') && (!is_twofold || scanner.take(b')')) && scanner.is_at_end();
    let Found { mut message, doubled } = found;
    if !whole || doubled {
        (message.header, message.body) = (None, None);
    }
    message
}

#[derive(Default)]
struct Found {
    message: Fetched,
    /// Octets of the message came more than once.
    doubled: bool,
}

/// The items that are asked for.
enum Item {
    Uid,
    Flags,
    InternalDate,
    Size,
    Body,
    Header,
    GmailId,
    Labels,
    Other,
}

impl Item {
    fn named(name: &[u8]) -> Item {
        let is = |text: &str| name.eq_ignore_ascii_case(text.as_bytes());
        let begins = |text: &str| name.get(..text.len()).is_some_and(|head| head.eq_ignore_ascii_case(text.as_bytes()));
        match () {
            () if is("UID") => Item::Uid,
            () if is("FLAGS") => Item::Flags,
            () if is("INTERNALDATE") => Item::InternalDate,
            () if is("RFC822.SIZE") => Item::Size,
            () if is("BODY[]") => Item::Body,
            () if begins("BODY[HEADER") => Item::Header,
            () if is("X-GM-MSGID") => Item::GmailId,
            () if is("X-GM-LABELS") => Item::Labels,
            () => Item::Other,
        }
    }
}

fn item(scanner: &mut Scanner<'_>, all: &mut Found) -> Option<()> {
    let found = &mut all.message;
    scanner.spaces();
    let item = scanner.item_name(Item::named)?;
    scanner.spaces();
    match item {
        Item::Uid => {
            found.uid = scanner.number().and_then(|uid| u32::try_from(uid).ok()).filter(|&uid| uid > 0).map(Uid);
        }
        Item::Flags => {
            let flags = |list: &str| (list.len() <= FLAGS_OCTETS).then(|| Flags::from_texts(list.split(' ')));
            found.flags = match scanner.read_list(flags) {
                Some(flags) => flags,
                // Not a list, but no doubt about what is meant.
                None if matches!(scanner.value()?, Value::Nil) => Some(Flags::none()),
                None => return None,
            };
        }
        Item::InternalDate => found.internal_date = Some(date::parse(&scanner.string()?)),
        Item::Size => found.octets = scanner.number().map(|octets| octets.min(SIZE_OCTETS)),
        Item::Body => {
            if let Value::Octets(octets) = scanner.value()? {
                all.doubled |= found.body.replace(octets).is_some();
            }
        }
        Item::Header => all.doubled |= found.header.replace(scanner.string()?).is_some(),
        Item::GmailId => found.gmail_id = scanner.number().map(GmailId),
        Item::Labels => found.labels = Some(labels::labels(scanner, FLAGS_OCTETS)?),
        Item::Other => scanner.skip()?,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> Fetched {
        match fetch_event(Response::from_text(text)) {
            Some(FetchEvent::Message(fetched)) => fetched,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn size_beyond_any_literal_is_believed_to_be_just_beyond() {
        let found = message(&format!("* 1 FETCH (UID 9 RFC822.SIZE {})", u64::MAX));
        assert_eq!(found.octets, Some(SIZE_OCTETS));
        assert_eq!(SIZE_OCTETS.checked_mul(u64::from(u32::MAX)), Some(u64::MAX));
    }

    #[test]
    fn fetched_items_in_any_order_with_unknown_ones_are_read() {
        let found = message(
            "* 5 FETCH (MODSEQ (3) X-FOO ((a \"b)\") NIL) FLAGS (\\Seen $x) INTERNALDATE \" 1-Jan-2024 00:00:00 +0100\" RFC822.SIZE 104 UID 9)",
        );
        assert_eq!((found.uid, found.octets), (Some(Uid(9)), Some(104)));
        assert_eq!(found.flags, Some(Flags::from_texts(["\\Seen", "$x"])));
        assert_eq!(found.internal_date, Some(Some(InternalDate(1_704_063_600))));
    }

    /// Domino 9 puts the items into one more pair of parentheses, and gives unset dates as of the year 0; mail.ru writes numbers
    /// with a decimal.
    #[test]
    fn fetched_in_odd_dialects_is_read() {
        let items =
            "UID 9 INTERNALDATE \"00-Jan-0000 00:00:00 +0000\" RFC822.SIZE 104 BODY[HEADER.FIELDS (MESSAGE-ID)] \"x\"";
        let found = message(&format!("* 5 FETCH (({items}))"));
        assert_eq!((found.uid, found.octets, found.internal_date), (Some(Uid(9)), Some(104), Some(None)));
        assert!(found.header.is_some(), "the response is whole");
        let cut = message(&format!("* 5 FETCH (({items})"));
        assert!(cut.header.is_none(), "half a response is none");
        let found = message("* 5 FETCH (UID 9 RFC822.SIZE 12.0)");
        assert_eq!((found.uid, found.octets), (Some(Uid(9)), Some(12)));
        assert_eq!(message("* 5 FETCH (UID 9 RFC822.SIZE 12.5)").octets, None);
    }

    #[test]
    fn fetched_nil_and_malformed_items_do_not_fail() {
        let found = message("* 5 FETCH (UID 9 INTERNALDATE NIL BODY[] NIL FLAGS oops RFC822.SIZE 5)");
        assert_eq!((found.uid, found.internal_date, found.octets), (Some(Uid(9)), Some(None), None));
        assert!(found.body.is_none() && found.flags.is_none());
        assert_eq!(message("* 1 FETCH (UID 0 RFC822.SIZE 99999999999999999999)").uid, None);
        assert_eq!(message("* 1 FETCH (UID 4294967296)").uid, None);
        assert_eq!(message("* 1 FETCH ").uid, None);
    }

    #[test]
    fn fetch_event_vanished_both_forms_are_read() {
        for text in ["* VANISHED (EARLIER) 2:3,7", "* VANISHED 2:3,7"] {
            assert!(
                matches!(fetch_event(Response::from_text(text)), Some(FetchEvent::Vanished(set)) if set.len() == 3)
            );
        }
        assert!(fetch_event(Response::from_text("* VANISHED (EARLIER) 1:*")).is_none());
    }
}
