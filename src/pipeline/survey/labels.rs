//! Where the source is Gmail: which of its messages are one. It is asked behind the listing, of new messages alone, and kept in
//! the state, so that planning needs no server.

use crate::diff::labels::{Labelled, LabelledMessage, elsewhere, forecast, shared};
use crate::diff::routing::mapping::MailboxPair;
use crate::engine::commands::select::Opening;
use crate::error::{Error, Kind, Result, Scope};
use crate::model::gmail::LabelForecast;
use crate::model::server::Preset;
use crate::model::{GmailId, Labels, MailboxState, RawName, Side, Uid, UidSet};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::survey::snapshots::Snapshots;
use std::collections::{HashMap, HashSet};

/// What Gmail's labels mean for an account.
#[derive(Default)]
pub struct LabelDecision {
    /// What of each source mailbox is copied with another one.
    elsewhere: HashMap<RawName, UidSet>,
    nothing: UidSet,
    /// What each choice comes to.
    pub forecast: Option<LabelForecast>,
}

impl LabelDecision {
    /// What of that source mailbox is copied with another one.
    pub fn elsewhere_of(&self, source: &RawName) -> &UidSet {
        self.elsewhere.get(source).unwrap_or(&self.nothing)
    }
}

/// Asks a Gmail by what it knows the messages that came since it was asked last.
///
/// # Errors
/// What makes the whole side impossible. What concerns one mailbox is told as a notice: of its messages it is not known that they
/// are elsewhere, too.
pub fn ask_gmail_ids(access: &Access<'_>) -> Result<()> {
    if !access.state.side(Side::Source)?.is_some_and(|side| side.preset == Preset::Gmail) {
        return Ok(());
    }
    for mailbox in access.state.mailboxes(Side::Source)? {
        let Some((point, last)) = mailbox.sync_point.zip(access.state.last_record(Side::Source, &mailbox.name.raw)?)
        else {
            continue;
        };
        let known = access.state.gmail_ids(&mailbox.name.raw, point.uid_validity).last();
        let first = known.map_or(Uid(1), |(uid, _)| Uid(uid.0.saturating_add(1)));
        if last.uid < first {
            continue;
        }
        access.go_on()?;
        match ask(access, &mailbox, first) {
            Ok(ids) => access.state.put_gmail_ids(&mailbox.name.raw, point.uid_validity, &ids)?,
            Err(error) if error.reach() > Scope::Mailbox || error.breaks_connection() => return Err(error),
            Err(error) => access.notice(&format!("{}; its messages may be copied more than once", error.line())),
        }
    }
    Ok(())
}

fn ask(access: &Access<'_>, mailbox: &MailboxState, first: Uid) -> Result<Vec<(Uid, GmailId)>> {
    let validity = mailbox.sync_point.unwrap_or_default().uid_validity;
    access.with_session(Side::Source, |session| {
        if !session.is_gmail() {
            return Ok(Vec::new());
        }
        let opened = session.open(&mailbox.name, Opening::Examine)?;
        if opened.sync_point.uid_validity != validity {
            return Err(Error::new(Kind::Changed, "the mailbox changed its UIDVALIDITY since it was listed"));
        }
        session.gmail_ids(first)
    })
}

/// Decides by what was listed.
///
/// # Errors
/// `Settings` for a wrong glob, `State`.
pub fn decide_labels(access: &Access<'_>, snapshots: &Snapshots<'_>, pairs: &[MailboxPair]) -> Result<LabelDecision> {
    if snapshots.side(Side::Source).preset != Preset::Gmail {
        return Ok(LabelDecision::default());
    }
    let chosen = access.account.policy.mailboxes.labels;
    let with_rest = snapshots.map_with(Labels::FoldersAndRest)?;
    let taking_part: HashSet<&RawName> = with_rest.pairs.iter().map(|pair| &pair.source.raw).collect();
    let mailboxes = snapshots.mailboxes(Side::Source).iter();
    let mailboxes = mailboxes.filter(|mailbox| taking_part.contains(&mailbox.name.raw));
    let mailboxes: Vec<Labelled> = mailboxes.map(|mailbox| labelled(access, mailbox)).collect();
    Ok(match forecast(&mailboxes, chosen) {
        Some(forecast) => LabelDecision {
            elsewhere: elsewhere(&mailboxes, pairs, chosen),
            forecast: Some(forecast),
            ..LabelDecision::default()
        },
        None => LabelDecision::default(),
    })
}

/// What of each source mailbox is in another one that takes part, as a fresh listing has it; nothing where it is not Gmail.
///
/// # Errors
/// `State`.
pub fn shared_now(
    access: &Access<'_>,
    snapshots: &Snapshots<'_>,
    pairs: &[MailboxPair],
) -> Result<HashMap<RawName, UidSet>> {
    if snapshots.side(Side::Source).preset != Preset::Gmail {
        return Ok(HashMap::new());
    }
    let mailboxes: Vec<Labelled> =
        snapshots.mailboxes(Side::Source).iter().map(|mailbox| labelled(access, mailbox)).collect();
    Ok(shared(&mailboxes, pairs))
}

/// What is known of one mailbox. Messages of which it is not known what Gmail knows them by are not among it, nor what cannot be
/// read of the state.
fn labelled(access: &Access<'_>, mailbox: &MailboxState) -> Labelled {
    let (state, name) = (&access.state, &mailbox.name.raw);
    let validity = mailbox.sync_point.unwrap_or_default().uid_validity;
    let pair = state.pair(name).ok().flatten();
    let holds = pair.is_some_and(|pair| pair.pairing.source_validity == validity);
    let mut links = state.link_lookup(name).ok().filter(|_| holds);
    let mut records = state.record_lookup(Side::Source, name);
    let messages = state.gmail_ids(name, validity).filter_map(|(uid, id)| {
        let octets = records.get(uid).ok()??.octets;
        let linked = links.as_mut().is_some_and(|links| links.get(uid).is_ok_and(|link| link.is_some()));
        Some(LabelledMessage { uid, id, octets, linked })
    });
    Labelled {
        name: name.clone(),
        depth: mailbox.name.levels.len(),
        is_inbox: mailbox.name.is_inbox(),
        special_use: mailbox.special_use(),
        messages: messages.collect(),
    }
}
