//! `check`: log in on both sides, look around, and say what was found and what will not work. Nothing is changed or
//! recorded.

use super::{Event, Migration, Phase};
use crate::diff::fit::quota_excess;
use crate::engine::Session;
use crate::engine::commands::listed::{ListedMailbox, Listing};
use crate::engine::commands::select::Opening;
use crate::engine::conversation::capabilities::NonSynchronising;
use crate::error::{Error, Kind, Result, Scope};
use crate::model::ledger::{AccountLedger, Stage};
use crate::model::report::{AccountCheck, AccountResult, SideCheck};
use crate::model::server::{Address, Quota, QuotaResource, Tls};
use crate::model::{RawName, Side, Step};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::fleet::for_each::for_each_account;
use crate::pipeline::fleet::proof::{likeness, own_likeness};
use crate::pipeline::survey::described::{blind, left_out};
use crate::pipeline::survey::snapshots::empty_source;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

/// So many accounts show whether the list of accounts is sound.
const FIRST: usize = 20;

/// More than this part of them refused is a mistake of the list, not of accounts.
const TOLERATED_PART: usize = 5;

/// Checks both sides of every account; stops where too many of the first ones are refused.
pub fn check(migration: &Migration) -> Vec<AccountResult<AccountCheck>> {
    let brake = Brake::default();
    for_each_account(migration, Step::Check, |access| {
        let turn = brake.begin()?;
        let account = &*access.account.name;
        let event = Event::Began { account, phase: Phase::Connecting, messages: 0, octets: 0 };
        access.migration.observer.event(event);
        let [mut source, mut destination] = thread::scope(|scope| {
            let destination = scope.spawn(|| check_side(access, Side::Destination));
            let source = check_side(access, Side::Source);
            [source, destination.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))]
        });
        brake.note(turn, [&source, &destination].into_iter().any(|side| side.as_ref().is_err_and(is_refusal)));
        if let (Ok((source, due)), Ok((destination, _))) = (&mut source, &mut destination) {
            compare(source, *due, destination);
        }
        let [source, destination] = [source, destination].map(|side| side.map(|(side, _)| side));
        let mut ledger = AccountLedger::at(Stage::Looked);
        for side in [&source, &destination].into_iter().flatten() {
            access.failures.note_all(&mut ledger.failures, obstacles(access, side));
        }
        Ok(AccountCheck { ledger, sides: vec![source, destination] })
    })
}

fn is_refusal(error: &Error) -> bool {
    matches!(error.kind(), Kind::Authentication | Kind::Authorization)
}

/// What of a side is certainly to be copied.
#[derive(Clone, Copy)]
struct Due {
    messages: u64,
    /// `None` where the server does not tell.
    octets: Option<u64>,
}

/// What both sides together tell.
fn compare(source: &mut SideCheck, due: Due, destination: &mut SideCheck) {
    match (source.messages, destination.messages) {
        (0, 0) => source.notes.push("it holds no message: is it the right user?".to_owned()),
        (0, there) => source.notes.push(empty_source(there)),
        _ => {}
    }
    let free = |quota: &Quota| match destination.messages {
        0 => quota.clone(),
        // What is there already may be what is to come.
        _ => Quota { used: 0, ..quota.clone() },
    };
    let quotas = destination.quotas.iter().map(free);
    let excess = quota_excess(&quotas.collect::<Vec<_>>(), due.messages, due.octets.unwrap_or(0));
    destination.obstacles.extend(excess.map(|excess| format!("{excess}: raise it before mail is copied")));
}

fn obstacles<'a>(access: &'a Access<'_>, side: &'a SideCheck) -> impl Iterator<Item = Error> + 'a {
    side.obstacles.iter().map(|obstacle| {
        Error::new(Kind::Refused, "something will not work")
            .scope(Scope::Account)
            .because(obstacle)
            .on(side.side, &side.server)
            .in_account(&access.account.name)
    })
}

/// Stops a fleet of which the list of accounts is wrong.
///
/// The first accounts are those that began first: which of them ends first is chance.
#[derive(Default)]
struct Brake {
    begun: AtomicUsize,
    /// How many of the first were looked at, and how many of them were refused.
    first: Mutex<(usize, usize)>,
}

impl Brake {
    /// An account begins, as the returned one of all.
    fn begin(&self) -> Result<usize> {
        match *self.first() {
            (FIRST, refused) if refused > FIRST / TOLERATED_PART => Err(Self::pulled(refused)),
            _ => Ok(self.begun.fetch_add(1, Ordering::SeqCst)),
        }
    }

    /// The account that began as this one was looked at.
    fn note(&self, turn: usize, is_refused: bool) {
        if turn < FIRST {
            let mut first = self.first();
            *first = (first.0 + 1, first.1 + usize::from(is_refused));
        }
    }

    fn first(&self) -> MutexGuard<'_, (usize, usize)> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pulled(refused: usize) -> Error {
        let what = format!("not tried, because {refused} of the first {FIRST} accounts were refused");
        let hint = "have the columns of the accounts shifted? Look at the accounts that were refused, then run \
                    `mailferry check` again; `mailferry check NAME` looks at one";
        Error::new(Kind::Settings, what).scope(Scope::Account).hint(hint)
    }
}

fn check_side(access: &Access<'_>, side: Side) -> Result<(SideCheck, Due)> {
    let account = &access.account.name;
    let looked = || {
        let listing = access.list_mailboxes(side, access.subscriptions())?;
        let check = access.with_session(side, |session| look_around(access, session, side, &listing))?;
        if let Some(likeness) = own_likeness(access, side, |session| likeness(session, &listing))? {
            access.claim(access.account, side, likeness)?;
        }
        Ok(check)
    };
    looked().map_err(|error: Error| error.in_account(account))
}

fn look_around(access: &Access<'_>, session: &mut Session, side: Side, listing: &Listing) -> Result<(SideCheck, Due)> {
    open_inbox(session, listing, side)?;
    let server = access.connector(side).server();
    let left_out = left_out(access, side, listing)?;
    let obstacles = hindrances(session, listing, side, &left_out)?;
    let readable = || listing.mailboxes.iter().filter(|mailbox| mailbox.status.is_some());
    let names: Vec<RawName> = readable().map(|mailbox| mailbox.name.raw.clone()).collect();
    let held = session.octets_held(&names)?;
    let taking_part = readable().filter(|mailbox| !left_out.contains(&mailbox.name.raw));
    let due = match access.account.policy.chooses_messages() {
        // Which of them are to come only a scan tells.
        true => Due { messages: 0, octets: None },
        false => Due {
            messages: messages(taking_part.clone()),
            octets: octets(taking_part, &held).or_else(|| storage_used(listing).filter(|_| left_out.is_empty())),
        },
    };
    let capabilities = session.capabilities();
    let check = SideCheck {
        side,
        server: server.label(),
        product: session.product().to_owned(),
        protection: protection(&server.address, server.tls),
        user: access.account.user(side).to_owned(),
        capabilities: capabilities.words().map(str::to_owned).collect(),
        mailboxes: listing.mailboxes.len() as u64,
        messages: messages(readable()),
        octets: octets(readable(), &held),
        quotas: listing.quotas.clone(),
        append_limit: capabilities.append_limit(),
        notes: notes(session, listing, side),
        obstacles,
    };
    Ok((check, due))
}

fn messages<'l>(mailboxes: impl Iterator<Item = &'l ListedMailbox>) -> u64 {
    mailboxes.filter_map(|mailbox| mailbox.status).map(|status| u64::from(status.messages)).sum()
}

/// How much these hold together; `None` where that is not known of each.
fn octets<'l>(mut mailboxes: impl Iterator<Item = &'l ListedMailbox>, held: &HashMap<RawName, u64>) -> Option<u64> {
    mailboxes.try_fold(0_u64, |sum, mailbox| Some(sum.saturating_add(*held.get(&mailbox.name.raw)?)))
}

/// What all mailboxes together take of the storage, as the quota counts it.
fn storage_used(listing: &Listing) -> Option<u64> {
    listing.quotas.iter().find(|quota| quota.resource == QuotaResource::Storage).map(|quota| quota.used)
}

/// A login that sees an INBOX and cannot open it has no rights on the account.
fn open_inbox(session: &mut Session, listing: &Listing, side: Side) -> Result<()> {
    let inbox = listing.mailboxes.iter().find(|mailbox| mailbox.name.is_inbox());
    let inbox = inbox.ok_or_else(|| blind("the server lists no INBOX for this account"))?;
    let opened = session.open(&inbox.name, Opening::Examine);
    match opened {
        Ok(_) => Ok(()),
        Err(error) if matches!(error.kind(), Kind::Refused | Kind::Changed) => {
            Err(blind(&format!("the {side}'s INBOX is listed but cannot be opened")).because(error.summary()))
        }
        Err(error) => Err(error),
    }
}

fn protection(address: &Address, tls: Tls) -> String {
    match (address, tls) {
        (Address::Tunnel(_), _) => "tunnel",
        (_, Tls::Implicit) => "TLS",
        (_, Tls::StartTls) => "STARTTLS",
        (_, Tls::None) => "none: clear text",
    }
    .to_owned()
}

fn notes(session: &Session, listing: &Listing, side: Side) -> Vec<String> {
    let capabilities = session.capabilities();
    let mut notes = Vec::new();
    if !capabilities.condstore() {
        notes.push("no CONDSTORE: each resync lists the flags of every message".to_owned());
    } else if !capabilities.has("QRESYNC") {
        notes.push("no QRESYNC: each resync of a changed mailbox lists its UIDs".to_owned());
    }
    if side == Side::Destination {
        if !capabilities.has("UIDPLUS") {
            notes.push("no UIDPLUS: copies are found again by identity after they are appended".to_owned());
        }
        if !capabilities.has("MULTIAPPEND") {
            notes.push("no MULTIAPPEND: messages are appended one by one".to_owned());
        }
        if capabilities.non_synchronising() == NonSynchronising::Never {
            notes.push("no LITERAL+: each message waits for the server's go-ahead".to_owned());
        }
    }
    notes.extend(listing.odd_namespaces.iter().map(|odd| format!("its namespaces cannot be understood: `{odd}`")));
    notes.extend(listing.names.foreign.iter().map(|it| format!("`{}` takes no part: it is {}", it.name, it.owner)));
    if listing.names.foreign_unnamed > 0 {
        notes.push(format!("{} more mailboxes of others take no part", listing.names.foreign_unnamed));
    }
    notes
}

/// What will not work: mailboxes that cannot be read, and of the destination those that take nothing. What the settings leave
/// out need not.
fn hindrances(
    session: &mut Session,
    listing: &Listing,
    side: Side,
    left_out: &HashSet<RawName>,
) -> Result<Vec<String>> {
    let mut found: Vec<String> =
        listing.names.unreadable.iter().map(|it| format!("`{}` cannot be copied: {}", it.name, it.reason)).collect();
    let wanted = |mailbox: &&ListedMailbox| mailbox.is_selectable() && !left_out.contains(&mailbox.name.raw);
    let mailboxes = || listing.mailboxes.iter().filter(wanted);
    let silent = mailboxes().filter(|mailbox| mailbox.status.is_none());
    let silent: Vec<_> = silent.map(|mailbox| &mailbox.name).collect();
    let needed = if side == Side::Source { 'r' } else { 'i' };
    let names: Vec<RawName> = mailboxes().map(|mailbox| mailbox.name.raw.clone()).collect();
    let rights = session.rights(&names)?;
    for mailbox in mailboxes().map(|mailbox| &mailbox.name) {
        let may = rights.get(&mailbox.raw).is_none_or(|rights| rights.contains(needed));
        match (may, side) {
            (false, Side::Source) => {
                found.push(format!("`{mailbox}` cannot be read: the login lacks the right `r` on it"));
            }
            (false, Side::Destination) => {
                found.push(format!("nothing can be stored in `{mailbox}`: the login lacks the right `i` on it"));
            }
            (true, _) if silent.contains(&mailbox) => {
                found.push(format!("`{mailbox}` cannot be read: the server refuses STATUS of it"));
            }
            (true, _) => {}
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_a_fifth_of_the_first_twenty_refused_stops_the_rest() {
        let brake = |refused: usize, looked: usize| {
            let brake = Brake::default();
            let turns: Vec<_> = (0..looked).map_while(|_| brake.begin().ok()).collect();
            turns.iter().for_each(|turn| brake.note(*turn, *turn < refused));
            brake.begin().is_err()
        };
        assert!(brake(5, 20) && brake(20, 20) && brake(5, 40));
        assert!(!brake(4, 20) && !brake(19, 19), "of fewer nothing can be told");
        let late = Brake::default();
        for turn in (0..40).map(|_| late.begin().unwrap()).rev() {
            late.note(turn, turn >= FIRST);
        }
        assert!(late.begin().is_ok(), "the list was sound, whoever was looked at first");
    }
}
