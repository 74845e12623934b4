//! What was said of messages that are others by now: a source that was restored from a backup gives its UIDs out again, under the
//! UIDVALIDITY that it had. A word about the message that was says nothing of the one that is.

use crate::diff::comparing::same::{Keeps, is_source_of, is_still};
use crate::diff::comparing::wanted::objection;
use crate::error::Result;
use crate::model::plan::SizeLimit;
use crate::model::policy::{MessageFilter, Policy};
use crate::model::{
    Agreement, MailboxState, MessageRecord, Outcome, RawName, Remembered, Side, Uid, UidSet, UidValidity,
};
use crate::pipeline::survey::carrying::Known;
use crate::pipeline::survey::remembering::remembered;
use crate::store::AccountStore;

/// The UIDs under which another message stands, as it is listed in the second state, than the one that was spoken of.
///
/// # Errors
/// `State`.
pub fn outdated<'r>(
    [state, listed]: [&AccountStore; 2],
    source: &RawName,
    agreement: &Agreement,
    remembered: impl Iterator<Item = &'r Remembered>,
    keeps: Keeps,
) -> Result<UidSet> {
    let (mut records, mut links) = (listed.record_lookup(Side::Source, source), state.link_lookup(source)?);
    let mut others = Vec::new();
    for message in remembered {
        let now = records.get(message.uid)?;
        others.extend(now.filter(|now| !is_still(&message.listed, &now.listed(), keeps)).map(|now| now.uid));
    }
    for uid in agreement.accepted.iter().flat_map(|acceptance| acceptance.uids.iter()) {
        let (now, link) = (records.get(uid)?, links.get(uid)?);
        others.extend(now.zip(link).filter(|(now, link)| !is_source_of(link, now)).map(|(now, _)| now.uid));
    }
    others.sort_unstable();
    others.dedup();
    Ok(others.into_iter().collect())
}

/// Takes out of what is known of a source mailbox that stands aside what was said of messages that are others by now.
///
/// # Errors
/// `State`.
pub fn without_outdated(
    stores: [&AccountStore; 2],
    source: &MailboxState,
    keeps: Keeps,
    known: &mut Known,
) -> Result<()> {
    let (name, validity) = (&source.name.raw, source.sync_point.unwrap_or_default().uid_validity);
    // What stands under other UIDs was carried over by what is listed.
    if stores[0].pair(name)?.is_some_and(|pair| pair.pairing.source_validity != validity) {
        return Ok(());
    }
    let said = remembered(stores[0], name, validity);
    let others = outdated(stores, name, &known.agreement, said.values(), keeps)?;
    if !others.is_empty() {
        known.agreement = std::mem::take(&mut known.agreement).without(&others);
        known.outcomes.retain(|uid, _| !others.contains(*uid));
    }
    Ok(())
}

/// Forgets what was said of messages that are others by now.
///
/// # Errors
/// `State`.
pub fn forget_outdated(state: &AccountStore, source: &MailboxState, keeps: Keeps) -> Result<()> {
    let (name, validity) = (&source.name.raw, source.sync_point.unwrap_or_default().uid_validity);
    let (agreement, known) = (state.agreement(name, validity)?, remembered(state, name, validity));
    if agreement.accepted.is_empty() && known.is_empty() {
        return Ok(());
    }
    let others = outdated([state, state], name, &agreement, known.values(), keeps)?;
    forget_said_of(state, name, validity, &others)
}

/// Forgets what was said of these source messages.
///
/// # Errors
/// `State`.
pub fn forget_said_of(state: &AccountStore, source: &RawName, validity: UidValidity, uids: &UidSet) -> Result<()> {
    if uids.is_empty() {
        return Ok(());
    }
    let over: Vec<Uid> = uids.iter().collect();
    let exceptions: Vec<_> = state.exceptions(source).map_while(Result::ok).collect();
    state.clear_exceptions(source)?;
    let kept: Vec<_> = exceptions.into_iter().filter(|(uid, _)| !uids.contains(*uid)).collect();
    state.checkpoint(source, &[], &kept)?;
    state.put_agreement(source, &state.agreement(source, validity)?.without(uids))?;
    state.remember(source, &[], &over)
}

/// Sees to it that a source mailbox is listed whole by the next scan where a fresh listing, the second, found what the recorded
/// one did not tell, though the server says of both the same: else that scan would see no change. What became of copies is for
/// a repair to find.
///
/// # Errors
/// `State`.
pub fn distrust(stores: [&AccountStore; 2], source: &RawName) -> Result<()> {
    let [known, fresh] = stores.map(|state| state.mailbox(Side::Source, source));
    let [known, fresh] = [known?, fresh?].map(|mailbox| mailbox.and_then(|mailbox| mailbox.sync_point));
    if known.is_some() && known == fresh { stores[0].suspect_links(source, Side::Source) } else { Ok(()) }
}

/// Whether the settings are those by which it was recorded why messages were left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Settings {
    AsRecorded,
    Changed,
}

/// Brings why messages that were never copied are left out up to the settings of now, and to the messages of now. Whether the
/// settings changed is asked where something hangs on it.
///
/// # Errors
/// `State`.
pub fn leave_out(
    [state, listed]: [&AccountStore; 2],
    source: &RawName,
    policy: &Policy,
    settings: impl Fn() -> Settings,
    known: &mut Known,
) -> Result<()> {
    let is_of_settings = |outcome: Option<&Outcome>| matches!(outcome, Some(Outcome::Skipped(_)));
    let limit = SizeLimit { settings: policy.max_message_octets, destination: None };
    let all_wanted = policy.messages == MessageFilter::default() && limit == SizeLimit::default();
    if all_wanted && !known.outcomes.values().any(|outcome| is_of_settings(Some(outcome))) {
        return Ok(());
    }
    let linked = known.links.read()?.map(|link| Ok(link?.source)).collect::<Result<UidSet>>()?;
    let mut recorded = state.record_lookup(Side::Source, source);
    for record in listed.records(Side::Source, source)? {
        let record: MessageRecord = record?;
        let left_out = is_of_settings(known.outcomes.get(&record.uid));
        if linked.contains(record.uid) || (known.outcomes.contains_key(&record.uid) && !left_out) {
            continue;
        }
        let by_size = || limit.objection(record.octets).map(|(_, reason)| reason);
        let reason = objection(&policy.messages, &record).map(str::to_owned).or_else(by_size);
        if let Some(reason) = reason {
            known.outcomes.insert(record.uid, Outcome::Skipped(reason));
        } else if left_out {
            // One that turned out to be larger than it is listed.
            let before = recorded.get(record.uid)?.map(|before| before.listed());
            let is_same = before.is_some_and(|before| is_still(&before, &record.listed(), Keeps::ALL));
            if !is_same || settings() == Settings::Changed {
                known.outcomes.remove(&record.uid);
            }
        }
    }
    Ok(())
}
