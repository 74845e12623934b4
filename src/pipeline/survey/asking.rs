//! What is asked of one mailbox, by the way that was chosen for it. All of it follows from STATUS and the state, so it is
//! sent without waiting, where the server keeps the order of commands; else the mailbox is opened first.

use super::task::{Begun, Open, Task};
use super::way::Way;
use crate::engine::Session;
use crate::engine::commands::fetch::{BARE_ITEMS, COMMAND_OCTETS, FLAG_ITEMS, IDENTITY_ITEMS, LISTING_ITEMS};
use crate::engine::commands::select::Opening;
use crate::engine::conversation::session::Tag;
use crate::error::Result;
use crate::model::{RawName, Side, SyncPoint, Uid, UidSet};
use crate::store::AccountStore;

/// UIDs asked for with one FETCH. A server that announces a MESSAGELIMIT gets that.
pub const UIDS_PER_FETCH: u64 = 200_000;

/// A mailbox with more FETCH windows than this is sparse: it is asked for in one piece, or, where a server takes only so
/// many messages a command, looked for first.
const WINDOWS: u64 = 64;

/// Sends the commands of one task.
///
/// # Errors
/// `Connection`, `State`; `Refused` for a name that cannot be sent.
pub fn ask(session: &mut Session, state: &AccountStore, side: Side, opening: Opening, task: Task) -> Result<Begun> {
    let name = task.listed.name.raw.clone();
    let status = task.listed.status.unwrap_or_default();
    let sent = session.send_open(&name, opening)?;
    let open = match session.keeps_order() {
        true => Open::Sent(sent),
        false => Open::Answered(session.finish_open(sent, &task.listed.name)),
    };
    let is_shut = matches!(open, Open::Answered(Err(_)));
    let mut begun = Begun::new(task, open);
    if is_shut {
        return Ok(begun);
    }
    if begun.task.looks_first {
        begun.search = session.send_search_all(status.messages)?;
        return Ok(begun);
    }
    match &begun.task.way {
        Way::Whole => begun.windows = windows_of(session, &begun.task, status, LISTING_ITEMS)?,
        Way::Bare => begun.windows = windows_of(session, &begun.task, status, BARE_ITEMS)?,
        Way::Rest { since, is_bare } => {
            let items = if *is_bare { BARE_ITEMS } else { LISTING_ITEMS };
            begun.windows = send_windows(session, since.uid_next.unwrap_or(Uid(1)), status, items)?;
        }
        Way::Delta(since) => send_delta(session, state, side, &name, *since, status, &mut begun)?,
        Way::Identify(unfinished) => {
            let sets = unfinished.uids.chunks(COMMAND_OCTETS, UIDS_PER_FETCH.min(session.most_messages()));
            begun.windows = sets.iter().map(|set| session.send_fetch(set, IDENTITY_ITEMS)).collect::<Result<_>>()?;
        }
    }
    Ok(begun)
}

/// Whether its messages must be looked for before they can be listed: their UIDs lie so far apart that to ask for
/// windows of as many as the server takes would not end.
pub fn must_look_first(session: &Session, task: &Task) -> bool {
    let next =
        task.listed.status.and_then(|status| status.uid_next).map_or(u64::from(u32::MAX), |next| u64::from(next.0));
    let begins = match &task.way {
        Way::Whole | Way::Bare if task.windows.is_none() => 0,
        Way::Delta(since) => since.uid_next.map_or(0, |next| u64::from(next.0)),
        _ => return false,
    };
    session.most_messages() != u64::MAX && next.saturating_sub(begins).div_ceil(session.most_messages()) > WINDOWS
}

/// The windows of a whole listing.
fn windows_of(session: &mut Session, task: &Task, status: SyncPoint, items: &str) -> Result<Vec<Tag>> {
    let Some(windows) = &task.windows else { return send_windows(session, Uid(1), status, items) };
    windows.iter().map(|set| session.send_fetch(set, items)).collect()
}

fn send_windows(session: &mut Session, first: Uid, status: SyncPoint, items: &str) -> Result<Vec<Tag>> {
    let Some(last) = status.uid_next.map(|next| Uid(next.0 - 1)) else {
        return Ok(vec![session.send_fetch_from(first, items)?]);
    };
    if status.messages == 0 && first == Uid(1) {
        return Ok(Vec::new());
    }
    let range = UidSet::range(first, last);
    let limit = UIDS_PER_FETCH.min(session.most_messages());
    let windows = match session.most_messages() == u64::MAX && range.len().div_ceil(limit) > WINDOWS {
        true => vec![range],
        false => range.chunks(COMMAND_OCTETS, limit),
    };
    windows.iter().map(|window| session.send_fetch(window, items)).collect()
}

fn send_delta(
    session: &mut Session,
    state: &AccountStore,
    side: Side,
    name: &RawName,
    since: SyncPoint,
    status: SyncPoint,
    begun: &mut Begun,
) -> Result<()> {
    let last = since.uid_next.map_or(Uid(1), |next| Uid(next.0 - 1));
    match since.highest_modseq.filter(|_| status.highest_modseq.is_some() && last.0 > 0) {
        Some(modseq) => {
            begun.changed = Some(session.send_fetch_changed(last, modseq)?);
            begun.must_search = !session.tells_vanished();
            if begun.must_search {
                begun.search = session.send_search_all(status.messages)?;
            }
        }
        None if last.0 > 0 => {
            begun.flags = Some(session.send_fetch(&UidSet::range(Uid(1), last), FLAG_ITEMS)?);
        }
        None => {}
    }
    // From the last known message on: that it is still the same one costs nothing to see.
    let known = state.last_record(side, name)?.map(|record| record.uid);
    begun.windows = match known {
        Some(uid) if status.uid_next == since.uid_next => {
            vec![session.send_fetch(&UidSet::range(uid, uid), LISTING_ITEMS)?]
        }
        None if status.uid_next == since.uid_next => Vec::new(),
        known => send_windows(session, known.unwrap_or(Uid(last.0.max(1))), status, LISTING_ITEMS)?,
    };
    Ok(())
}
