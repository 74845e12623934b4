//! Is it still the same server? An account is known by its users: the name of a server may be spelt otherwise, or lead to
//! another machine by now, and the state holds on. But a wrong server that was typed must not be taken for the old one, or for
//! the other side: where the address of a server is not the one of before, something of what is known must be found there.
//!
//! 1. Shown is it by a message that is known, in the mailbox that it is known in; where there is no message any more, by the
//!    UIDVALIDITYs of all mailboxes: one alone is the second that a mailbox was made in, or a number that servers begin with.
//! 2. The other side is no answer: its messages are known, too, for they were copied from there or to there.
//! 3. What is looked at stands aside from the account's own: a refusal leaves everything as it was.
//!
//! It costs nothing where the address is the one of before.

use super::errand::{Identities, Wanted};
use super::listing::SideScan;
use crate::diff::comparing::same::{Keeps, trace};
use crate::error::{Error, Kind, Result, Scope};
use crate::model::{Digest, MailboxState, RawName, Side, UidValidity};
use crate::pipeline::Thoroughness;
use crate::pipeline::fleet::access::Access;
use crate::store::AccountStore;
use std::collections::HashSet;

/// Whether the server of that side is where it was when the account was seen last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whereabouts {
    AsBefore,
    /// It is elsewhere, and is the same, as far as anything is known of it: its mailboxes are to be listed whole.
    Elsewhere,
}

/// Makes sure that the server of that side is the one that the state knows.
///
/// # Errors
/// `State` where it is not; those of the server.
pub fn recognise_server(access: &Access<'_>, side: Side) -> Result<Whereabouts> {
    let Some(known) = access.state.binding()? else { return Ok(Whereabouts::AsBefore) };
    let place = &known.places[side as usize];
    if *place == access.here().places[side as usize] {
        return Ok(Whereabouts::AsBefore);
    }
    let aside = access.aside()?;
    let seen = look(access, &aside, side);
    aside.close();
    aside.state.drop_account()?;
    match seen? {
        Seen::Known | Seen::NothingToKnow => {
            access.notice(&format!("the {side} is at another address than before ({place}), and is the same server"));
            Ok(Whereabouts::Elsewhere)
        }
        Seen::OtherSide => Err(refusal(access, side, place, "it holds the very mailboxes that the other side held")),
        Seen::Stranger => {
            let why = "none of the messages that were seen before is there, and the UIDVALIDITYs are others";
            Err(refusal(access, side, place, why))
        }
    }
}

fn refusal(access: &Access<'_>, side: Side, place: &str, why: &str) -> Error {
    let name = &access.account.name;
    Error::new(Kind::State, format!("the state holds another {side} under the name of this account"))
        .scope(Scope::Account)
        .in_account(name)
        .because(format!("it was at {place}, what is at {} is not the same: {why}", access.here().places[side as usize]))
        .hint(format!(
            "correct the address of the {side}; if this is the right server, run `mailferry forget {name}`: all is matched anew, and \
             nothing is copied twice; or use another state directory with --state"
        ))
}

/// What is found at the new address.
enum Seen {
    Known,
    /// Nothing was ever seen there.
    NothingToKnow,
    OtherSide,
    Stranger,
}

fn look(access: &Access<'_>, aside: &Access<'_>, side: Side) -> Result<Seen> {
    let is_listed = |mailbox: &MailboxState| mailbox.sync_point.is_some() && mailbox.left_out().is_none();
    let held = |mailbox: &MailboxState| mailbox.records > 0 && mailbox.identified && is_listed(mailbox);
    let mut known: Vec<MailboxState> = access.state.mailboxes(side)?.into_iter().filter(held).collect();
    if known.is_empty() {
        return Ok(Seen::NothingToKnow);
    }
    // A small one is enough, as a rule.
    known.sort_by_key(|mailbox| mailbox.records);
    let rest = known.split_off(1);
    let (all, mut unchanged) = (1 + rest.len(), 0);
    for part in [known, rest] {
        if part.is_empty() {
            continue;
        }
        list_aside(aside, side, &part)?;
        for before in &part {
            let Some(now) = aside.state.mailbox(side, &before.name.raw)? else { continue };
            match compare(access, aside, side, before, &now)? {
                Some(seen) => return Ok(seen),
                None => unchanged += usize::from(validity(before) == validity(&now) && now.records == 0),
            }
        }
    }
    Ok(if unchanged == all { Seen::Known } else { Seen::Stranger })
}

fn list_aside(aside: &Access<'_>, side: Side, mailboxes: &[MailboxState]) -> Result<()> {
    let names: HashSet<RawName> = mailboxes.iter().map(|mailbox| mailbox.name.raw.clone()).collect();
    let wanted = Wanted::Only(names);
    aside.with_session(side, |session| {
        SideScan::new(aside, side, session, Thoroughness::Full, Identities::All).run(&wanted)
    })?;
    Ok(())
}

/// What one mailbox tells, if anything.
fn compare(
    access: &Access<'_>,
    aside: &Access<'_>,
    side: Side,
    before: &MailboxState,
    now: &MailboxState,
) -> Result<Option<Seen>> {
    if now.sync_point.is_none() {
        return Ok(None);
    }
    let name = &before.name.raw;
    let there = traces(&aside.state, side, name)?;
    // Where both were made within one second, only the address tells.
    let tells = validity(before) != validity(now) || is_where_the_other_was(access, side)?;
    if tells && is_other_side(access, side.other(), now, &there)? {
        return Ok(Some(Seen::OtherSide));
    }
    for record in access.state.records(side, name)? {
        if trace(&record?.listed(), Keeps::ALL).is_some_and(|trace| there.contains(&trace)) {
            return Ok(Some(Seen::Known));
        }
    }
    Ok(None)
}

fn is_where_the_other_was(access: &Access<'_>, side: Side) -> Result<bool> {
    let known = access.state.binding()?;
    Ok(known.is_some_and(|known| known.places[side.other() as usize] == access.here().places[side as usize]))
}

/// Whether these are the messages of a mailbox that the other side held, under its UIDVALIDITY.
fn is_other_side(access: &Access<'_>, other: Side, now: &MailboxState, there: &HashSet<Digest>) -> Result<bool> {
    for mailbox in access.state.mailboxes(other)? {
        let alike = mailbox.name.levels == now.name.levels && validity(&mailbox) == validity(now);
        if alike && validity(now).is_lasting() && mailbox.sync_point.is_some() {
            let known = traces(&access.state, other, &mailbox.name.raw)?;
            return Ok(known.iter().any(|trace| there.contains(trace)));
        }
    }
    Ok(false)
}

fn traces(state: &AccountStore, side: Side, mailbox: &RawName) -> Result<HashSet<Digest>> {
    let mut traces = HashSet::new();
    for record in state.records(side, mailbox)? {
        traces.extend(trace(&record?.listed(), Keeps::ALL));
    }
    Ok(traces)
}

fn validity(mailbox: &MailboxState) -> UidValidity {
    mailbox.sync_point.unwrap_or_default().uid_validity
}
