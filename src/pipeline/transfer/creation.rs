//! Destination mailboxes are created.
//!
//! NO to a CREATE may mean that the mailbox is there already, in whatever words; or that another one is, where the server does
//! not tell their names apart (`Work` and `work`). So after a NO, and where names differ in case alone, the listing must show
//! that very name: else two mailboxes would be copied into one.

use crate::engine::commands::change::{Made, Wish};
use crate::engine::commands::list::Subscriptions;
use crate::error::{Error, Kind, Result, Scope};
use crate::model::failures::Failures;
use crate::model::plan::MailboxPlan;
use crate::model::policy::rename_line;
use crate::model::{MailboxName, RawName, Side};
use crate::pipeline::fleet::access::Access;
use std::collections::{HashMap, HashSet};

/// Mailboxes that are created at once: their answers are short.
const CREATIONS_IN_FLIGHT: usize = 100;

/// Creates what is not there. Those that are there now are returned, in their order.
///
/// # Errors
/// What ends the account's work; a single mailbox's is in `failures`.
pub fn create<'a>(
    access: &Access<'_>,
    work: Vec<&'a MailboxPlan>,
    failures: &mut Failures,
) -> Result<Vec<&'a MailboxPlan>> {
    let wanted: Vec<&MailboxPlan> = work.iter().copied().filter(|mailbox| mailbox.create).collect();
    let wishes: Vec<Wish<'_>> = wanted.iter().map(|mailbox| wish(mailbox)).collect();
    let created = access.ask_each(
        Side::Destination,
        &wishes,
        CREATIONS_IN_FLIGHT,
        |session, wish| session.send_create(wish),
        |session, wish, sent| session.finish_create(wish, sent),
    )?;
    let alike = alike(&wanted);
    let is_sure = |mailbox: &MailboxPlan, made: &Result<Made>| {
        matches!(made, Ok(Made::Created)) && !alike.contains(&mailbox.destination.raw)
    };
    let doubtful = wanted.into_iter().zip(created).filter(|(mailbox, made)| !is_sure(mailbox, made));
    let absent = confirm(access, doubtful.collect(), failures)?;
    Ok(work.into_iter().filter(|mailbox| !absent.contains(&mailbox.destination.raw)).collect())
}

fn wish(mailbox: &MailboxPlan) -> Wish<'_> {
    Wish { name: &mailbox.destination.raw, special_use: mailbox.special_use }
}

/// Names to be created that differ from another in case alone.
fn alike(wanted: &[&MailboxPlan]) -> HashSet<RawName> {
    let mut by_letters: HashMap<Vec<u8>, Vec<&RawName>> = HashMap::new();
    for mailbox in wanted {
        let raw = &mailbox.destination.raw;
        by_letters.entry(raw.0.to_ascii_lowercase()).or_default().push(raw);
    }
    by_letters.into_values().filter(|names| names.len() > 1).flatten().cloned().collect()
}

/// Only what is listed under that very name is there. Returned is what is not.
fn confirm(
    access: &Access<'_>,
    doubtful: Vec<(&MailboxPlan, Result<Made>)>,
    failures: &mut Failures,
) -> Result<HashSet<RawName>> {
    let mut absent = HashSet::new();
    if doubtful.is_empty() {
        return Ok(absent);
    }
    let listing = access.with_session(Side::Destination, |session| session.list_names(Subscriptions::Unwanted))?;
    let listed: Vec<MailboxName> = listing.mailboxes.into_iter().map(|it| it.name).collect();
    for (mailbox, made) in doubtful {
        let name = &mailbox.destination;
        if made.is_ok() && listed.iter().any(|listed| listed.raw == name.raw) {
            continue;
        }
        let is_alike = |listed: &&MailboxName| listed.raw.0.eq_ignore_ascii_case(&name.raw.0);
        let error = match (listed.iter().find(is_alike), made) {
            (Some(other), _) if other.raw != name.raw => one_name(name, other),
            (_, Err(refusal)) => refusal,
            _ => Error::new(Kind::Refused, "the mailbox was created, and is not listed"),
        };
        let error = error.on(Side::Destination, &access.connector(Side::Destination).server().label());
        access.failures.note(failures, not_created(error, mailbox));
        absent.insert(name.raw.clone());
    }
    Ok(absent)
}

fn one_name(name: &MailboxName, other: &MailboxName) -> Error {
    Error::new(Kind::Refused, format!("the destination takes `{name}` and `{other}` for one name"))
        .because("two mailboxes are not merged into one")
}

/// The error with the line of the settings that helps.
pub(super) fn not_created(error: Error, mailbox: &MailboxPlan) -> Error {
    let (source, destination) = (mailbox.source.path(), mailbox.destination.path());
    error
        .scope(Scope::Mailbox)
        .in_mailbox(&destination)
        .hint(format!("if the destination does not take the name, give it another one under {}", rename_line(&source)))
}
