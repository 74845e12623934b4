//! How one account differs from another. Counts every difference; nothing is a near miss.
//!
//! Messages are matched by the SHA-256 of their octets, as multisets: two twins here need two
//! twins there. UIDs are not compared, the order of messages is.

use std::collections::BTreeMap;
use std::fmt;

use super::server::Server;
use super::state::{AccountState, MailboxState, MessageState, expected, observe};

/// So many differences of a kind are spelt out.
const SHOWN: usize = 10;
/// Mailboxes that a server may make by itself.
const AUTOMATIC: [&str; 4] = ["Drafts", "Junk", "Sent", "Trash"];

/// What to make of empty mailboxes that a server made by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Automatic {
    Reported,
    /// An empty Drafts, Junk, Sent or Trash that only the destination has is no difference.
    Ignored,
}

/// One message that differs, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub mailbox: String,
    pub uid: u32,
    pub label: String,
    pub detail: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference { mailbox, uid, label, detail } = self;
        write!(formatter, "{mailbox} UID {uid} \"{label}\"{detail}")
    }
}

/// How the destination differs from the source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// Messages of the source that the destination lacks. UIDs are the source's.
    pub missing: Vec<Difference>,
    /// Messages that only the destination has. UIDs are the destination's.
    pub extra: Vec<Difference>,
    /// Messages that both have, and the destination more often.
    pub duplicated: Vec<Difference>,
    /// Messages with the same Message-ID, or else date and subject, but other octets.
    pub altered: Vec<Difference>,
    pub flags_differ: Vec<Difference>,
    pub dates_differ: Vec<Difference>,
    /// Mailboxes whose common messages come in another order.
    pub order_differs: Vec<String>,
    pub mailboxes_missing: Vec<String>,
    pub mailboxes_extra: Vec<String>,
    pub subscriptions_missing: Vec<String>,
    pub subscriptions_extra: Vec<String>,
}

impl Differences {
    pub fn is_empty(&self) -> bool {
        *self == Differences::default()
    }
}

impl fmt::Display for Differences {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(formatter, "missing", &self.missing)?;
        show(formatter, "extra", &self.extra)?;
        show(formatter, "duplicated", &self.duplicated)?;
        show(formatter, "altered", &self.altered)?;
        show(formatter, "flags differ", &self.flags_differ)?;
        show(formatter, "dates differ", &self.dates_differ)?;
        show(formatter, "order differs", &self.order_differs)?;
        show(formatter, "mailboxes missing", &self.mailboxes_missing)?;
        show(formatter, "mailboxes extra", &self.mailboxes_extra)?;
        show(formatter, "subscriptions missing", &self.subscriptions_missing)?;
        show(formatter, "subscriptions extra", &self.subscriptions_extra)
    }
}

fn show<T: fmt::Display>(formatter: &mut fmt::Formatter<'_>, title: &str, differences: &[T]) -> fmt::Result {
    if differences.is_empty() {
        return Ok(());
    }
    writeln!(formatter, "{title}: {}", differences.len())?;
    for difference in differences.iter().take(SHOWN) {
        writeln!(formatter, "    {difference}")?;
    }
    if differences.len() > SHOWN {
        writeln!(formatter, "    and {} more", differences.len() - SHOWN)?;
    }
    Ok(())
}

/// Everything in which `destination` differs from `source`.
///
/// A name that is only a container at the source may be a real, empty mailbox at the destination:
/// some servers (Cyrus) have no containers.
pub fn compare(source: &AccountState, destination: &AccountState, automatic: Automatic) -> Differences {
    let mut differences = Differences::default();
    let empty = MailboxState::default();
    for (name, state) in &source.mailboxes {
        match destination.mailboxes.get(name) {
            Some(other) => Matching::new(name, state, other).report(&mut differences),
            None => {
                differences.mailboxes_missing.push(name.clone());
                Matching::new(name, state, &empty).report(&mut differences);
            }
        }
    }
    for (name, state) in &destination.mailboxes {
        if source.mailboxes.contains_key(name) || is_excused(name, state, source, automatic) {
            continue;
        }
        differences.mailboxes_extra.push(name.clone());
        Matching::new(name, &empty, state).report(&mut differences);
    }
    let (wanted, found) = (&source.subscriptions, &destination.subscriptions);
    differences.subscriptions_missing = wanted.difference(found).cloned().collect();
    differences.subscriptions_extra = found.difference(wanted).cloned().collect();
    differences
}

fn is_excused(name: &str, state: &MailboxState, source: &AccountState, automatic: Automatic) -> bool {
    let made_by_server = automatic == Automatic::Ignored && AUTOMATIC.contains(&name);
    state.messages.is_empty() && (made_by_server || source.containers.contains(name))
}

/// The messages of a mailbox on both sides, matched.
struct Matching<'a> {
    mailbox: &'a str,
    /// Twins are paired in the order that leaves the fewest differences in flags and dates.
    pairs: Vec<(&'a MessageState, &'a MessageState)>,
    missing: Vec<&'a MessageState>,
    duplicated: Vec<&'a MessageState>,
    extra: Vec<&'a MessageState>,
    order_differs: bool,
}

type Twins<'a> = BTreeMap<[u8; 32], (Vec<&'a MessageState>, Vec<&'a MessageState>)>;

impl<'a> Matching<'a> {
    fn new(mailbox: &'a str, source: &'a MailboxState, destination: &'a MailboxState) -> Matching<'a> {
        let mut twins = Twins::new();
        for message in &source.messages {
            twins.entry(message.digest).or_default().0.push(message);
        }
        for message in &destination.messages {
            twins.entry(message.digest).or_default().1.push(message);
        }
        let mut matching = Matching {
            mailbox,
            pairs: Vec::new(),
            missing: Vec::new(),
            duplicated: Vec::new(),
            extra: Vec::new(),
            order_differs: order_differs(&twins, source, destination),
        };
        for (ours, theirs) in twins.into_values() {
            matching.pair(ours, theirs);
        }
        matching.missing.sort_by_key(|message| message.uid);
        matching.extra.sort_by_key(|message| message.uid);
        matching
    }

    fn pair(&mut self, mut ours: Vec<&'a MessageState>, mut theirs: Vec<&'a MessageState>) {
        let known = !ours.is_empty();
        let alike: [fn(&MessageState, &MessageState) -> bool; 4] = [
            |a, b| a.flags == b.flags && a.date == b.date,
            |a, b| a.flags == b.flags,
            |a, b| a.date == b.date,
            |_, _| true,
        ];
        for alike in alike {
            self.pairs.extend(take_pairs(&mut ours, &mut theirs, alike));
        }
        self.missing.append(&mut ours);
        if known { self.duplicated.append(&mut theirs) } else { self.extra.append(&mut theirs) }
    }

    fn report(mut self, differences: &mut Differences) {
        let altered = take_pairs(&mut self.missing, &mut self.extra, is_same_letter);
        let difference = |message: &MessageState, detail: String| Difference {
            mailbox: self.mailbox.to_owned(),
            uid: message.uid,
            label: message.label.clone(),
            detail,
        };
        let plain = |message: &&MessageState| difference(message, String::new());
        differences.missing.extend(self.missing.iter().map(plain));
        differences.extra.extend(self.extra.iter().map(plain));
        differences.duplicated.extend(self.duplicated.iter().map(plain));
        for (ours, theirs) in altered {
            let detail = format!(": {} octets became {}", ours.size, theirs.size);
            differences.altered.push(difference(ours, detail));
        }
        for (ours, theirs) in self.pairs {
            if ours.flags != theirs.flags {
                let detail = format!(": {:?} became {:?}", ours.flags, theirs.flags);
                differences.flags_differ.push(difference(ours, detail));
            }
            if ours.date != theirs.date {
                let detail = format!(": {} became {}", ours.date, theirs.date);
                differences.dates_differ.push(difference(ours, detail));
            }
        }
        if self.order_differs {
            differences.order_differs.push(self.mailbox.to_owned());
        }
    }
}

/// Takes out of both lists the pairs that are alike, first come, first served.
fn take_pairs<'a>(
    ours: &mut Vec<&'a MessageState>,
    theirs: &mut Vec<&'a MessageState>,
    alike: impl Fn(&MessageState, &MessageState) -> bool,
) -> Vec<(&'a MessageState, &'a MessageState)> {
    let mut pairs = Vec::new();
    ours.retain(|our| match theirs.iter().position(|their| alike(our, their)) {
        Some(position) => {
            pairs.push((*our, theirs.remove(position)));
            false
        }
        None => true,
    });
    pairs
}

fn is_same_letter(ours: &MessageState, theirs: &MessageState) -> bool {
    match (&ours.message_id, &theirs.message_id) {
        (Some(our_id), Some(their_id)) => our_id == their_id,
        _ => ours.date == theirs.date && ours.label == theirs.label,
    }
}

/// Compares the order of the messages that both sides have equally often.
fn order_differs(twins: &Twins, source: &MailboxState, destination: &MailboxState) -> bool {
    let common = |message: &&MessageState| {
        let (ours, theirs) = &twins[&message.digest];
        ours.len() == theirs.len()
    };
    let ours = source.messages.iter().filter(common).map(|message| message.digest);
    let theirs = destination.messages.iter().filter(common).map(|message| message.digest);
    !ours.eq(theirs)
}

/// Panics with the differences if there are any.
#[track_caller]
pub fn assert_identical(source: &AccountState, destination: &AccountState) {
    assert_no_differences(&compare(source, destination, Automatic::Reported));
}

/// Like [`assert_identical`], except for empty mailboxes that the destination made by itself.
#[track_caller]
pub fn assert_identical_but_automatic(source: &AccountState, destination: &AccountState) {
    assert_no_differences(&compare(source, destination, Automatic::Ignored));
}

/// Panics unless the account of `user` is what `notation` says (see [`super::mailbox`]): as the server
/// keeps it, and apart from empty mailboxes that the server made by itself.
#[track_caller]
pub fn expect(server: &dyn Server, user: &str, notation: &str) {
    let wanted = expected(server, notation);
    assert_no_differences(&compare(&wanted, &observe(server, user), Automatic::Ignored));
}

#[track_caller]
fn assert_no_differences(differences: &Differences) {
    assert!(differences.is_empty(), "the accounts differ:\n{differences}");
}
