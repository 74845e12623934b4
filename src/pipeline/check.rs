//! `check`: log in on both sides, look around, and say what was found and what will not work. Nothing is changed or
//! recorded.

use super::{Event, Migration, Phase};
use crate::engine::Session;
use crate::engine::commands::listed::Listing;
use crate::engine::commands::select::Opening;
use crate::engine::conversation::capabilities::NonSynchronising;
use crate::error::{Kind, Result};
use crate::model::ledger::{AccountLedger, Stage};
use crate::model::report::{AccountCheck, AccountResult, SideCheck};
use crate::model::server::{Address, Tls};
use crate::model::{Side, Step};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::fleet::for_each::for_each_account;
use crate::pipeline::fleet::proof::likeness;
use crate::pipeline::survey::described::{blind, is_selectable};
use crate::pipeline::survey::snapshots::empty_source;
use std::thread;

/// Checks both sides of every account.
pub fn check(migration: &Migration) -> Vec<AccountResult<AccountCheck>> {
    for_each_account(migration, Step::Check, |access| {
        let account = &*access.account.name;
        let event = Event::Began { account, phase: Phase::Connecting, messages: 0, octets: 0 };
        access.migration.observer.event(event);
        let [mut source, destination] = thread::scope(|scope| {
            let destination = scope.spawn(|| check_side(access, Side::Destination));
            let source = check_side(access, Side::Source);
            [source, destination.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))]
        });
        if let (Ok(source), Ok(destination)) = (&mut source, &destination)
            && source.messages == 0
            && destination.messages > 0
        {
            source.notes.push(empty_source(destination.messages));
        }
        Ok(AccountCheck { ledger: AccountLedger::at(Stage::Looked), sides: vec![source, destination] })
    })
}

fn check_side(access: &Access<'_>, side: Side) -> Result<SideCheck> {
    let account = &access.account.name;
    access.with_session(side, |session| look_around(access, session, side)).map_err(|error| error.in_account(account))
}

fn look_around(access: &Access<'_>, session: &mut Session, side: Side) -> Result<SideCheck> {
    let listing = session.list_mailboxes(access.subscriptions())?;
    open_inbox(session, &listing, side)?;
    if let Some(likeness) = likeness(session, &listing)? {
        access.claim(access.account, side, likeness)?;
    }
    let server = access.connector(side).server();
    let capabilities = session.capabilities();
    Ok(SideCheck {
        side,
        server: server.label(),
        product: session.product().to_owned(),
        protection: protection(&server.address, server.tls),
        user: access.account.user(side).to_owned(),
        capabilities: capabilities.words().map(str::to_owned).collect(),
        mailboxes: listing.mailboxes.len() as u64,
        messages: listing.mailboxes.iter().filter_map(|mailbox| mailbox.status).map(|it| u64::from(it.messages)).sum(),
        quotas: listing.quotas.clone(),
        append_limit: capabilities.append_limit(),
        notes: notes(session, &listing, side),
    })
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
    notes.extend(listing.names.unreadable.iter().map(|it| format!("`{}` stays behind: {}", it.name, it.reason)));
    let silent = listing.mailboxes.iter().filter(|mailbox| is_selectable(mailbox) && mailbox.status.is_none());
    notes.extend(silent.map(|mailbox| format!("`{}`: the server tells nothing about it by STATUS", mailbox.name)));
    notes
}
