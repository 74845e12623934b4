//! Before the first message of a run is copied: does a server that lets us in for somebody else open what it is asked for?
//!
//! Once a server and run, a second account is opened and must not be the first. It costs a login; what accounts see when they
//! are scanned is compared in any case (`whose`).

use super::access::Access;
use super::whose::Likeness;
use crate::engine::Session;
use crate::engine::commands::inbox::Inbox;
use crate::engine::commands::list::Subscriptions;
use crate::engine::commands::listed::Listing;
use crate::error::{Kind, Result};
use crate::model::server::{Address, Server};
use crate::model::{Account, Side};
use std::sync::PoisonError;
use std::time::Duration;

/// How many other accounts are opened to find one that tells something.
const PROBES: usize = 3;

/// How long a connection is waited for: accounts that wait for the proof hold one each.
const PATIENCE: Duration = Duration::from_secs(20);

/// Makes sure that both servers open what they are asked for.
///
/// # Errors
/// `Authorization` where they do not, `Interrupted`, and what looking at the account's own INBOX gives.
pub fn prove_mailboxes(access: &Access<'_>) -> Result<()> {
    Side::BOTH.into_iter().try_for_each(|side| prove(access, side))
}

fn prove(access: &Access<'_>, side: Side) -> Result<()> {
    let (server, user) = (access.account.server(side), access.account.user(side));
    // The accounts of a run stand forward while one that is kept both ways goes back.
    let direction = access.account.direction();
    let there = |account: &Account| if account.direction() == direction { side } else { side.other() };
    let is_other =
        |account: &&Account| account.server(there(account)) == server && account.user(there(account)) != user;
    let mut others = access.migration.accounts.iter().filter(is_other).peekable();
    if !acts_for_others(access.connector(side).server()) || others.peek().is_none() {
        return Ok(());
    }
    let whose = access.whose();
    let proof = whose.proof(server);
    let mut is_proved = proof.lock().unwrap_or_else(PoisonError::into_inner);
    if *is_proved {
        return access.go_on();
    }
    if !whose.is_seen(server, |seen| seen == user) {
        let look = |session: &mut Session| {
            session.list_mailboxes(Subscriptions::Unwanted).and_then(|listing| likeness(session, &listing))
        };
        let Some(likeness) = own_likeness(access, side, look)? else { return Ok(()) };
        access.claim(access.account, side, likeness)?;
    }
    let mut others = others.take(PROBES);
    *is_proved = whose.is_seen(server, |seen| seen != user);
    while !*is_proved && let Some(other) = others.next() {
        *is_proved = probe(access, other, side)?;
    }
    access.go_on()
}

/// Whether that account was seen to be another. One that cannot be opened, or is empty, says nothing.
fn probe(access: &Access<'_>, other: &Account, side: Side) -> Result<bool> {
    let turned = if other.direction() == access.account.direction() { None } else { other.turned().ok() };
    let other = turned.as_ref().unwrap_or(other);
    // Its connection may be the only one that there is.
    access.close();
    let Some(mut session) = access.session_as(other, side, PATIENCE) else { return Ok(false) };
    let seen = session.list_mailboxes(Subscriptions::Unwanted).and_then(|listing| likeness(&mut session, &listing));
    session.logout();
    match seen {
        Ok(Some(likeness)) => access.claim(other, side, likeness).map(|()| true),
        Ok(None) => Ok(false),
        Err(error) if *error.kind() == Kind::Interrupted => Err(error),
        Err(_) => Ok(false),
    }
}

/// By what the account's own mailboxes are known again, as `look` sees it. Nothing where that is refused or ends the connection,
/// as a last message of the INBOX may that cannot be read: the scan tells of it, and nothing else of the account waits for it.
///
/// # Errors
/// What makes going on impossible.
pub fn own_likeness(
    access: &Access<'_>,
    side: Side,
    look: impl FnMut(&mut Session) -> Result<Option<Likeness>>,
) -> Result<Option<Likeness>> {
    match access.ask_one(side, look) {
        Err(error) if matches!(error.kind(), Kind::Refused | Kind::Changed) => Ok(None),
        likeness => likeness,
    }
}

/// By what the account of this session is known again.
///
/// # Errors
/// Those of looking at its INBOX.
pub fn likeness(session: &mut Session, listing: &Listing) -> Result<Option<Likeness>> {
    let Inbox { sync_point, last } = session.look_at_inbox()?;
    let mailboxes = listing.mailboxes.iter().filter_map(|it| Some((it.name.raw.clone(), it.status?.uid_validity)));
    Ok(Likeness::new(listing.inbox_id.clone(), sync_point, last, mailboxes))
}

/// Whether the login says nothing about whose mailboxes are opened.
fn acts_for_others(server: &Server) -> bool {
    server.master.is_some() || matches!(server.address, Address::Tunnel(_))
}
