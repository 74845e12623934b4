//! Which messages of a Gmail are copied with another mailbox, and what each choice of [`Labels`] would come to. Pure.
//!
//! Invariants:
//! 1. What is left out of a mailbox because of this is copied, or was, with another mailbox that takes part: the very message, by
//!    `X-GM-MSGID`, whatever its labels say. Labels that are not shown by IMAP, and those of stars, are no mailbox that is copied.
//! 2. Where each message is copied once, one that was copied stays where it is, whatever labels it got since.
//!
//! A message of which that number is not known is never left out.

use crate::diff::comparing::wanted::ELSEWHERE;
use crate::diff::routing::mapping::MailboxPair;
use crate::model::gmail::{LabelCost, LabelForecast};
use crate::model::{GmailId, Labels, Outcome, RawName, SpecialUse, Uid, UidSet};
use std::collections::{HashMap, HashSet};

/// One mailbox of a Gmail as it is listed.
pub struct Labelled {
    pub name: RawName,
    /// How many levels its name has.
    pub depth: usize,
    pub is_inbox: bool,
    pub special_use: Option<SpecialUse>,
    pub messages: Vec<LabelledMessage>,
}

/// One message of such a mailbox.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LabelledMessage {
    pub uid: Uid,
    pub id: GmailId,
    pub octets: u64,
    /// It was copied from this mailbox.
    pub linked: bool,
}

impl Labelled {
    fn is(&self, special_use: SpecialUse) -> bool {
        self.special_use == Some(special_use)
    }

    /// Where each message is copied once: labels of its user before those of Gmail, and the deepest first.
    fn rank(&self) -> (u8, usize, &RawName) {
        let class = match self.special_use {
            Some(SpecialUse::All) => 3,
            Some(_) => 2,
            None if self.is_inbox => 1,
            None => 0,
        };
        (class, usize::MAX - self.depth, &self.name)
    }
}

/// What of each mailbox that takes part is copied with another one.
pub fn elsewhere(mailboxes: &[Labelled], pairs: &[MailboxPair], labels: Labels) -> HashMap<RawName, UidSet> {
    let taking_part: HashSet<&RawName> = pairs.iter().map(|pair| &pair.source.raw).collect();
    let taking_part = mailboxes.iter().filter(|mailbox| taking_part.contains(&mailbox.name));
    match labels {
        Labels::Folders | Labels::AllMail => HashMap::new(),
        Labels::FoldersAndRest => rest(taking_part.collect()),
        Labels::Primary => once(taking_part.collect()),
    }
}

/// What of All Mail is in another mailbox.
fn rest(taking_part: Vec<&Labelled>) -> HashMap<RawName, UidSet> {
    let (all, others): (Vec<_>, Vec<_>) = taking_part.into_iter().partition(|mailbox| mailbox.is(SpecialUse::All));
    let taken: HashSet<GmailId> = others.iter().flat_map(|it| &it.messages).map(|message| message.id).collect();
    let left_out = |mailbox: &Labelled| {
        let others = mailbox.messages.iter().filter(|message| !message.linked && taken.contains(&message.id));
        (mailbox.name.clone(), others.map(|message| message.uid).collect())
    };
    all.into_iter().map(left_out).collect()
}

/// What of each mailbox has another one to be copied with.
fn once(mut taking_part: Vec<&Labelled>) -> HashMap<RawName, UidSet> {
    let linked = taking_part.iter().flat_map(|it| &it.messages).filter(|message| message.linked);
    let mut taken: HashSet<GmailId> = linked.map(|message| message.id).collect();
    taking_part.sort_by(|a, b| a.rank().cmp(&b.rank()));
    let mut left_out = HashMap::new();
    for mailbox in taking_part {
        let unlinked = mailbox.messages.iter().filter(|message| !message.linked);
        let uids: UidSet = unlinked.filter(|message| !taken.insert(message.id)).map(|message| message.uid).collect();
        left_out.insert(mailbox.name.clone(), uids);
    }
    left_out
}

/// What of each mailbox that takes part is in another one, too, as they are listed: nothing else may be said to be copied with
/// another one.
pub fn shared(mailboxes: &[Labelled], pairs: &[MailboxPair]) -> HashMap<RawName, UidSet> {
    let taking_part: HashSet<&RawName> = pairs.iter().map(|pair| &pair.source.raw).collect();
    let taking_part = || mailboxes.iter().filter(|mailbox| taking_part.contains(&mailbox.name));
    let mut holders: HashMap<GmailId, u32> = HashMap::new();
    for message in taking_part().flat_map(|mailbox| &mailbox.messages) {
        *holders.entry(message.id).or_default() += 1;
    }
    let shared = |mailbox: &Labelled| {
        let of_others = mailbox.messages.iter().filter(|message| holders[&message.id] > 1);
        (mailbox.name.clone(), of_others.map(|message| message.uid).collect())
    };
    taking_part().map(shared).collect()
}

/// Whether a message was left out because it is copied with another mailbox.
pub fn is_elsewhere(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Skipped(reason) if reason == ELSEWHERE)
}

/// What each choice comes to, of the mailboxes that take part where labels are mailboxes and All Mail the rest; `None` where All
/// Mail is not among them.
pub fn forecast(mailboxes: &[Labelled], chosen: Labels) -> Option<LabelForecast> {
    let (all_mail, others): (Vec<_>, Vec<_>) = mailboxes.iter().partition(|mailbox| mailbox.is(SpecialUse::All));
    if all_mail.is_empty() {
        return None;
    }
    let is_apart = |mailbox: &&&Labelled| mailbox.is(SpecialUse::Junk) || mailbox.is(SpecialUse::Trash);
    let apart: Vec<&Labelled> = others.iter().filter(is_apart).copied().collect();
    let cost = |labels: Labels| {
        let (once, then, left): (bool, &[&Labelled], &[&Labelled]) = match labels {
            Labels::FoldersAndRest => (false, &all_mail, &[]),
            Labels::Primary => (true, &all_mail, &[]),
            Labels::Folders => (false, &[], &all_mail),
            Labels::AllMail => (true, &all_mail, &others),
        };
        let first = if labels == Labels::AllMail { &apart } else { &others };
        let (mut cost, mut seen) = (LabelCost::default(), HashSet::new());
        for message in first.iter().flat_map(|mailbox| &mailbox.messages) {
            if seen.insert(message.id) || !once {
                cost.add(message.octets);
            }
        }
        let rest = then.iter().flat_map(|mailbox| &mailbox.messages);
        rest.filter(|message| seen.insert(message.id)).for_each(|message| cost.add(message.octets));
        let left = left.iter().flat_map(|mailbox| &mailbox.messages);
        cost.left_out = left.filter(|message| seen.insert(message.id)).count() as u64;
        cost
    };
    let ids: HashSet<GmailId> = mailboxes.iter().flat_map(|it| &it.messages).map(|message| message.id).collect();
    Some(LabelForecast { chosen, messages: ids.len() as u64, costs: Labels::ALL.map(cost) })
}

#[cfg(test)]
mod tests;
