//! What is remembered of source messages without a link, under the UIDVALIDITY that the source has now: those that the
//! destination stored and does not show are not sent again, and what a person accepted stays accepted.
//!
//! Where it cannot be told which message it is (`diff/comparing/carry.rs` rule 6), whoever may be it is named, and is not sent
//! without a word.

use crate::diff::comparing::carry::{CarriedOver, carry};
use crate::diff::comparing::same::Keeps;
use crate::error::{Error, Kind, Result, Scope};
use crate::model::{Agreement, MailboxState, Remembered, Side, Uid, UidValidity};
use crate::pipeline::fleet::access::Access;
use crate::store::AccountStore;
use std::collections::HashMap;
use std::iter;

/// Why a message is not sent that may have been there before.
const IN_QUESTION: &str = "the source gave its messages other UIDs, and one that looks like this was copied or spoken of before; \
     which it is cannot be told";

/// What holds under the UIDVALIDITY of the source of now.
pub(super) struct Recalled {
    pub agreement: Agreement,
    pub remembered: Vec<Remembered>,
}

/// Records what is remembered of a source mailbox without links, and what was agreed to of it, under its UIDVALIDITY of now.
/// Nothing is done where that is what it was.
///
/// # Errors
/// `State`; `Stale` where the listing does not tell what it holds.
pub fn recall(access: &Access<'_>, source: &MailboxState, keeps: Keeps) -> Result<()> {
    let state = &access.state;
    if !is_to_be_recalled(state, source) {
        return Ok(());
    }
    if !source.identified {
        return Err(not_listed_whole());
    }
    let Recalled { agreement, remembered } = recalled_alone([state, state], source, keeps)?;
    state.recall(&source.name.raw, &agreement, &remembered)
}

/// Whether something is remembered of messages of a source mailbox under another UIDVALIDITY than it has now.
fn is_to_be_recalled(state: &AccountStore, source: &MailboxState) -> bool {
    !remembered_before(state, source).is_empty()
}

/// Whether identities of a source mailbox are wanted: to know again what is remembered of it, now or one day.
pub fn wants_identities(state: &AccountStore, source: &MailboxState) -> bool {
    let mut remembered = state.remembered(&source.name.raw).map_while(Result::ok);
    remembered.any(|message| message.listed.identity.is_none()) || is_to_be_recalled(state, source)
}

/// What is remembered under UIDs of before. What cannot be read of the state is as good as not known.
pub(super) fn remembered_before(state: &AccountStore, source: &MailboxState) -> Vec<Remembered> {
    let now = validity(source);
    let remembered = state.remembered(&source.name.raw).map_while(Result::ok);
    remembered.filter(|message| message.validity != now || !now.is_lasting()).collect()
}

/// The same where there are no links, or they hold; the listing stands in the second state.
pub(super) fn recalled_alone(
    [state, listed]: [&AccountStore; 2],
    source: &MailboxState,
    keeps: Keeps,
) -> Result<Recalled> {
    let (name, now) = (&source.name.raw, validity(source));
    let before = remembered_before(state, source);
    let Some(first) = before.first() else {
        let remembered = state.remembered(name).map_while(Result::ok).collect();
        return Ok(Recalled { agreement: state.agreement(name, now)?, remembered });
    };
    let agreement = state.agreement(name, first.validity)?;
    let records = [Some(listed.records(Side::Source, name)?), None];
    let over = carry(iter::empty(), &before, records, &agreement.departed, keeps)?;
    Ok(recalled(agreement, &before, &over, now))
}

/// What was agreed to, and what is `remembered`, of the messages that were carried over.
pub(super) fn recalled(
    agreement: Agreement,
    remembered: &[Remembered],
    over: &CarriedOver,
    validity: UidValidity,
) -> Recalled {
    let linked = over.links.iter().filter(|carried| !carried.source.is_stand_in());
    let linked = linked.map(|carried| (carried.before, carried.source));
    let unlinked = over.remembered.iter().map(|(number, now)| (remembered[*number].uid, *now));
    let uids: HashMap<Uid, Uid> = linked.chain(unlinked).collect();
    let agreement = agreement.renumbered(validity, |before| uids.get(&before).copied());
    let known =
        over.remembered.iter().map(|(number, uid)| Remembered { uid: *uid, validity, ..remembered[*number].clone() });
    let in_question = over.in_question.iter().map(|(uid, listed)| {
        let (uid, listed, stored) = (*uid, *listed, Some(IN_QUESTION.to_owned()));
        Remembered { uid, validity, listed, stored }
    });
    // What is certain of a message comes last: it replaces the question.
    Recalled { agreement, remembered: in_question.chain(known).collect() }
}

pub(super) fn validity(source: &MailboxState) -> UidValidity {
    source.sync_point.map(|point| point.uid_validity).unwrap_or_default()
}

/// A listing without identities does not tell what is gone.
pub(super) fn not_listed_whole() -> Error {
    Error::new(Kind::Stale, "the mailbox has another UIDVALIDITY, and was not listed whole since")
        .scope(Scope::Mailbox)
        .hint("run `mailferry scan`, or `mailferry sync` for all in one")
}
