//! Copies that are not what was sent. Those that the destination lists in another way are looked at right after they were made:
//! what servers write in their own way (header lines, line ends) leaves the text. What does not is kept in the state, and told
//! by every run until it is replaced, gone or accepted; so is what a verification read.

use crate::diff::comparing::same::{Keeps, is_spoilt};
use crate::error::{Error, Kind, Result, Scope};
use crate::model::plan::MailboxPlan;
use crate::model::{Content, Link, PairState, Side, Uid, UidSet};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::survey::content::read_both;
use crate::pipeline::survey::keeping::presets_keep;
use crate::store::AccountStore;

/// Copies of one mailbox that are read. Where all are listed in another way, those tell of the others.
const LOOKS: usize = 32;

/// UIDs that a message names.
const NAMED: usize = 100;

/// Reads copies of a pair that are listed in another way than they were sent, and notes those that are not what was sent.
/// What cannot be read is left to `verify`.
///
/// # Errors
/// `State`, and what ends the account's work.
pub fn look_at_altered(access: &Access<'_>, altered: &[Link], pair: &PairState) -> Result<()> {
    let keeps = presets_keep(access)?;
    let state = &access.state;
    let (source, destination) = (&pair.pairing.source, &pair.pairing.destination);
    let mailboxes = (state.mailbox(Side::Source, source)?, state.mailbox(Side::Destination, destination)?);
    let (true, (Some(ours), Some(theirs))) = (keeps.sizes && !altered.is_empty(), mailboxes) else { return Ok(()) };
    let looked: Vec<&Link> = altered.iter().take(LOOKS).collect();
    let pairs: Vec<(Uid, Uid)> = looked.iter().map(|link| (link.source, link.destination)).collect();
    let [sources, copies] = match read_both(access, [&ours, &theirs], &pairs) {
        Ok(read) => read.map(|read| read.contents),
        Err(error) if *error.kind() == Kind::Interrupted || error.reach() > Scope::Mailbox => return Err(error),
        Err(_) => return Ok(()),
    };
    let mut spoilt = state.spoilt_copies(&pair.pairing)?;
    for link in looked {
        let date = link.altered.and_then(|altered| altered.date);
        if let Some((ours, theirs)) = sources.get(&link.source).zip(copies.get(&link.destination)) {
            spoilt.note((link.source, link.destination), is_spoilt((link.date, ours), (date, theirs), keeps));
        }
    }
    state.put_spoilt_copies(&spoilt)
}

/// What a verification has read of copies, by the UIDs of source and copy.
#[derive(Default)]
pub struct CopiesRead {
    /// Source messages whose copies have their octets.
    pub sound: UidSet,
    pub differing: Vec<((Uid, Uid), [Content; 2])>,
    /// Under the UID of the copy there is another message.
    pub taken: Vec<(Uid, Uid)>,
}

impl CopiesRead {
    /// Takes one that was read.
    pub fn take(&mut self, uids: (Uid, Uid), [ours, theirs]: [Content; 2]) {
        match ours.octets == theirs.octets {
            true => self.sound.insert(uids.0),
            false => self.differing.push((uids, [ours, theirs])),
        }
    }
}

/// Notes which copies of ours a verification has found not to be what was sent, and which are so no more. The second store
/// holds their records.
///
/// # Errors
/// `State`.
pub fn note_read([state, listed]: [&AccountStore; 2], pair: &PairState, read: &CopiesRead, keeps: Keeps) -> Result<()> {
    let source = &pair.pairing.source;
    let known = state.spoilt_copies(&pair.pairing)?;
    let mut now = known.clone();
    let mut links = state.link_lookup(source)?;
    let mut records = Side::BOTH.map(|side| listed.record_lookup(side, pair.pairing.mailbox(side)));
    now.forget(&read.sound);
    read.taken.iter().for_each(|uids| now.note(*uids, true));
    for (uids, [ours, theirs]) in &read.differing {
        let is_ours = links.get(uids.0)?.is_some_and(|link| link.destination == uids.1 && link.is_ours());
        let [sources, copies] = &mut records;
        let listed = sources.get(uids.0)?.zip(copies.get(uids.1)?);
        let [sent, kept] = listed.map_or([None; 2], |(ours, theirs)| [ours.internal_date, theirs.internal_date]);
        now.note(*uids, is_ours && is_spoilt((sent, ours), (kept, theirs), keeps));
    }
    if now == known { Ok(()) } else { state.put_spoilt_copies(&now) }
}

/// Source messages of a planned mailbox whose copies are there and known not to be what was sent, and that nobody accepted.
///
/// # Errors
/// `State`.
pub fn known_spoilt(state: &AccountStore, plan: &MailboxPlan) -> Result<UidSet> {
    let source = &plan.source.raw;
    let mut found = UidSet::new();
    let Some(pair) = state.pair(source)? else { return Ok(found) };
    let spoilt = state.spoilt_copies(&pair.pairing)?;
    if spoilt.is_empty() {
        return Ok(found);
    }
    let agreement = state.agreement(source, plan.source_validity)?;
    let mut links = state.link_lookup(source)?;
    let mut records = Side::BOTH.map(|side| state.record_lookup(side, pair.pairing.mailbox(side)));
    for (ours, theirs) in spoilt.pairs() {
        let is_tied = links.get(ours)?.is_some_and(|link| spoilt.is(&link));
        let [sources, copies] = &mut records;
        let are_there = sources.get(ours)?.is_some() && copies.get(theirs)?.is_some();
        if is_tied && are_there && agreement.reason(ours).is_none() {
            found.insert(ours);
        }
    }
    Ok(found)
}

/// What a run has to say of them: they are no success.
pub fn told(plan: &MailboxPlan, uids: &UidSet) -> Error {
    let named: UidSet = uids.iter().take(NAMED).collect();
    let more = if uids.len() > named.len() { " and others" } else { "" };
    let what = match uids.len() {
        1 => "1 copy holds other bytes than it was sent".to_owned(),
        count => format!("{count} copies hold other bytes than they were sent"),
    };
    Error::new(Kind::Refused, "the destination did not keep what it was sent")
        .scope(Scope::Mailbox)
        .because(format!("{what}: UID {named}{more} of the source"))
        .in_mailbox(&plan.destination.path())
        .hint(
            "`mailferry verify --deep` names all that are so; `mailferry sync --repair` copies them anew; where that is good as \
             it is, say so with `mailferry accept`",
        )
}
