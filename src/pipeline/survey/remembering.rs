//! What must outlive the UIDs of source messages without a link is noted with what is listed of them
//! (`store/remembered.rs`).

use crate::error::Result;
use crate::model::{RawName, Remembered, Side, Uid, UidValidity};
use crate::store::AccountStore;
use std::collections::BTreeMap;

/// Notes source messages, each with why it is not sent again, if that is so. What was known of them before stays: a message
/// that was stored goes on to be one when a person accepts that it is not there.
///
/// # Errors
/// `State`.
pub fn remember(
    state: &AccountStore,
    source: &RawName,
    validity: UidValidity,
    messages: impl IntoIterator<Item = (Uid, Option<String>)>,
) -> Result<()> {
    let mut messages = messages.into_iter().peekable();
    if messages.peek().is_none() {
        return Ok(());
    }
    let (known, mut records) = (remembered(state, source, validity), state.record_lookup(Side::Source, source));
    let mut noted = Vec::new();
    for (uid, why) in messages {
        let Some(record) = records.get(uid)? else { continue };
        let before = known.get(&uid);
        let stored = before.and_then(|before| before.stored.clone()).or(why);
        let now = Remembered { uid, validity, listed: record.listed(), stored };
        noted.extend((before != Some(&now)).then_some(now));
    }
    if noted.is_empty() { Ok(()) } else { state.remember(source, &noted, &[]) }
}

/// What is remembered of the messages of a source mailbox with that UIDVALIDITY. What cannot be read of the state is as good as
/// not known.
pub fn remembered(state: &AccountStore, source: &RawName, validity: UidValidity) -> BTreeMap<Uid, Remembered> {
    let remembered = state.remembered(source).map_while(Result::ok);
    remembered.filter(|message| message.validity == validity).map(|message| (message.uid, message)).collect()
}
