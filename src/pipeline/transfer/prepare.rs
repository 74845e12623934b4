//! Before the first message: destination mailboxes are created, everything is checked against the plan,
//! and where each mailbox stands is noted durably, so that whatever happens next can be reconciled.

use super::creation::{create, not_created};
use super::job::{Job, Standing, Unclean, went_back};
use super::settling::settled;
use super::share::Share;
use crate::engine::commands::list::Subscriptions;
use crate::engine::commands::select::Opening;
use crate::error::{Error, Kind, Result, Scope};
use crate::model::failures::Failures;
use crate::model::link::Intent;
use crate::model::plan::{AccountPlan, MailboxPlan, SizeLimit};
use crate::model::server::Preset;
use crate::model::{FlagCapacity, MailboxState, PairState, Pairing, RawName, Side, SyncPoint, Uid};
use crate::pipeline::fleet::access::Access;
use std::collections::HashSet;

/// What is ready to be copied, and what is not.
pub struct Prepared {
    pub jobs: Vec<Job>,
    pub failures: Failures,
}

/// Makes the destination ready for a plan; each mailbox may use that share.
///
/// # Errors
/// What ends the account's work; a single mailbox's failure is in the result.
pub fn prepare(access: &Access<'_>, plan: &AccountPlan, share: Share) -> Result<Prepared> {
    let mut prepared = Prepared { jobs: Vec::new(), failures: Failures::default() };
    let work: Vec<&MailboxPlan> = plan.mailboxes.iter().filter(|mailbox| mailbox.adds()).collect();
    let ready = create(access, work, &mut prepared.failures)?;
    let (ready, statuses) = look(access, ready, &mut prepared.failures)?;
    let sample = ready.first().map(|first| sample(access, first)).transpose()?.flatten();
    let shared = Shared::load(access, share, sample)?;
    for (mailbox, status) in ready.into_iter().zip(statuses) {
        match note(access, mailbox, status, &shared) {
            Ok(job) => prepared.jobs.push(job),
            Err(error) => {
                let server = access.connector(Side::Destination).server().label();
                let error = error.in_mailbox(&mailbox.destination.path()).on(Side::Destination, &server);
                access.failures.note(&mut prepared.failures, error);
            }
        }
    }
    // Invariant 1 of upload.rs: all intents are durable before anything is appended.
    access.gauge.on_state(|| access.migration.store.flush())?;
    Ok(prepared)
}

/// Where each of these mailboxes stands on the destination.
fn look<'a>(
    access: &Access<'_>,
    ready: Vec<&'a MailboxPlan>,
    failures: &mut Failures,
) -> Result<(Vec<&'a MailboxPlan>, Vec<Option<SyncPoint>>)> {
    let names: Vec<RawName> = ready.iter().map(|mailbox| mailbox.destination.raw.clone()).collect();
    let told = access.statuses(Side::Destination, &names)?;
    let (mut seen, mut statuses) = (Vec::with_capacity(ready.len()), Vec::with_capacity(ready.len()));
    for (mailbox, told) in ready.into_iter().zip(told) {
        match told {
            Ok(status) => {
                seen.push(mailbox);
                statuses.push(status);
            }
            Err(error) => {
                access.failures.note(failures, error.scope(Scope::Mailbox).in_mailbox(&mailbox.destination.path()))
            }
        }
    }
    if statuses.contains(&None) {
        (seen, statuses) = ask_again(access, seen, statuses, failures)?;
    }
    if any_may_grow(access, &seen, &statuses)? {
        let before = statuses;
        let names: Vec<RawName> = seen.iter().map(|mailbox| mailbox.destination.raw.clone()).collect();
        let after =
            access.with_session(Side::Destination, |session| settled(access, session, &names, before.clone()))?;
        statuses = before.iter().zip(after).map(|(before, after)| before.and(after)).collect();
        if statuses != before && statuses.contains(&None) {
            (seen, statuses) = ask_again(access, seen, statuses, failures)?;
        }
    }
    settle_validities(access, &seen, &mut statuses)?;
    Ok((seen, statuses))
}

/// The answer may have called a mailbox by another name, or refused it. One that is listed under its very name is asked for alone;
/// else what is told may be of another, as where the server trims names or does not care for their case.
fn ask_again<'a>(
    access: &Access<'_>,
    mailboxes: Vec<&'a MailboxPlan>,
    statuses: Vec<Option<SyncPoint>>,
    failures: &mut Failures,
) -> Result<(Vec<&'a MailboxPlan>, Vec<Option<SyncPoint>>)> {
    let listing = access.with_session(Side::Destination, |session| session.list_names(Subscriptions::Unwanted))?;
    let listed: HashSet<RawName> = listing.mailboxes.into_iter().map(|it| it.name.raw).collect();
    let mut told = Vec::with_capacity(mailboxes.len());
    for (mailbox, status) in mailboxes.into_iter().zip(statuses) {
        let status = match status {
            None if listed.contains(&mailbox.destination.raw) => stands_at(access, mailbox).map(Some),
            told => Ok(told),
        };
        match status {
            Ok(status) => told.push((mailbox, status)),
            Err(error) if error.reach() <= Scope::Mailbox => {
                access.failures.note(failures, error.in_mailbox(&mailbox.destination.path()));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(told.into_iter().unzip())
}

/// Where a mailbox stands of which STATUS tells nothing: EXAMINE may, as in a scan; else its words are the reason.
fn stands_at(access: &Access<'_>, mailbox: &MailboxPlan) -> Result<SyncPoint> {
    match access.status_alone(Side::Destination, &mailbox.destination.raw)? {
        Some(status) => Ok(status),
        None => access
            .ask_one(Side::Destination, |session| session.open(&mailbox.destination, Opening::Examine))
            .map(|opened| opened.sync_point),
    }
}

/// Courier makes the UIDVALIDITY of a mailbox anew each second (seen with 5.0: STATUS and EXAMINE), until the first SELECT or
/// the first message. So mailboxes that are empty are selected there, and wherever theirs is another one than was planned.
fn settle_validities(access: &Access<'_>, ready: &[&MailboxPlan], statuses: &mut [Option<SyncPoint>]) -> Result<()> {
    let preset = access.state.side(Side::Destination)?.map(|side| side.preset);
    for (mailbox, status) in ready.iter().zip(statuses) {
        let Some(status) = status.as_mut().filter(|status| status.messages == 0) else { continue };
        if preset == Some(Preset::Courier) || is_replaced(mailbox, *status) {
            let mut session = access.session(Side::Destination)?;
            let opened = session.open(&mailbox.destination, Opening::Select);
            access.give_back(Side::Destination, session);
            if let Ok(opened) = opened
                && opened.sync_point.messages == 0
            {
                status.uid_validity = opened.sync_point.uid_validity;
            }
        }
    }
    Ok(())
}

fn is_replaced(mailbox: &MailboxPlan, status: SyncPoint) -> bool {
    mailbox.destination_validity.is_some_and(|planned| planned != status.uid_validity)
}

/// Whether nothing hangs on which mailbox it is: it was empty when it was planned, it is now, and nothing is linked.
fn is_as_empty(
    access: &Access<'_>,
    mailbox: &MailboxPlan,
    status: SyncPoint,
    known: Option<&MailboxState>,
) -> Result<bool> {
    let linked = access.state.pair(&mailbox.source.raw)?.is_some_and(|pair| pair.links > 0 || pair.intent.is_some());
    Ok(status.messages == 0 && known.is_some_and(|known| known.records == 0) && !linked)
}

/// Whether appends of an earlier run may still land in one of these mailboxes: its intent is open, or there is more than
/// was listed.
fn any_may_grow(access: &Access<'_>, ready: &[&MailboxPlan], statuses: &[Option<SyncPoint>]) -> Result<bool> {
    for (mailbox, status) in ready.iter().zip(statuses) {
        let pair = access.state.pair(&mailbox.source.raw)?;
        let listed = access.state.mailbox(Side::Destination, &mailbox.destination.raw)?;
        let listed_next = listed.and_then(|listed| listed.sync_point).and_then(|point| point.uid_next);
        if pair.is_some_and(|pair| pair.intent.is_some()) || status.is_some_and(|status| has_grown(status, listed_next))
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the mailbox holds messages, and some may have come since it was listed.
fn has_grown(status: SyncPoint, listed_next: Option<Uid>) -> bool {
    status.messages > 0 && status.uid_next.is_none_or(|next| next > listed_next.unwrap_or(Uid(1)))
}

/// What a mailbox keeps of flags, which only a SELECT tells: a scan does not. Of one alone, as those of an account are
/// mostly alike; where they are not, the listing after the copy shows it. `None` where it cannot be opened, or only read:
/// what that means will be seen when it is copied to.
fn sample(access: &Access<'_>, mailbox: &MailboxPlan) -> Result<Option<FlagCapacity>> {
    let mut session = access.session(Side::Destination)?;
    let opened = session.open(&mailbox.destination, Opening::Select);
    access.give_back(Side::Destination, session);
    Ok(opened.ok().filter(|opened| opened.read_write).map(|opened| opened.keeps()))
}

/// What holds for all mailboxes of the destination.
struct Shared {
    /// What a mailbox keeps of flags of which nothing else is known.
    capacity: FlagCapacity,
    size_limit: SizeLimit,
    share: Share,
}

impl Shared {
    fn load(access: &Access<'_>, share: Share, sample: Option<FlagCapacity>) -> Result<Shared> {
        let destination = access.state.side(Side::Destination)?.and_then(|side| side.append_limit);
        Ok(Shared {
            capacity: sample.unwrap_or_else(FlagCapacity::everything),
            size_limit: SizeLimit { settings: access.account.policy.max_message_octets, destination },
            share,
        })
    }
}

fn note(access: &Access<'_>, mailbox: &MailboxPlan, status: Option<SyncPoint>, shared: &Shared) -> Result<Job> {
    let status = status.ok_or_else(|| match mailbox.create {
        // What trims blanks or cuts names does it with an OK.
        true => {
            not_created(Error::new(Kind::Refused, "the mailbox was created, and is not there under its name"), mailbox)
        }
        false => {
            Error::new(Kind::Changed, "the mailbox is not there any more").hint("run `mailferry sync` to plan anew")
        }
    })?;
    let known = access.state.mailbox(Side::Destination, &mailbox.destination.raw)?;
    if is_replaced(mailbox, status) && !is_as_empty(access, mailbox, status, known.as_ref())? {
        return Err(Error::new(Kind::Changed, "the mailbox changed its UIDVALIDITY since it was planned")
            .hint("run `mailferry sync`: the mailbox is matched anew, and nothing is copied twice"));
    }
    let listed_next = known.as_ref().and_then(|known| known.sync_point).and_then(|point| point.uid_next);
    if status.uid_next.is_some() && status.uid_next < listed_next {
        return Err(went_back());
    }
    let pairing = Pairing {
        source: mailbox.source.raw.clone(),
        source_validity: mailbox.source_validity,
        destination: mailbox.destination.raw.clone(),
        destination_validity: status.uid_validity,
    };
    let (pair, unclean) = noted_pair(access, mailbox, pairing, status, listed_next)?;
    let capacity = known.map(|known| known.capacity).filter(FlagCapacity::is_told);
    let tail = pair.intent.map_or(Uid(1), |intent| intent.uid_next);
    let standing = Standing { tail, next: status.uid_next, unclean };
    // What cannot be moved is copied.
    let plan = MailboxPlan { copies: mailbox.arrivals(), ..mailbox.clone() };
    Ok(Job::new(
        plan,
        status.uid_validity,
        capacity.unwrap_or_else(|| shared.capacity.clone()),
        standing,
        shared.size_limit,
        shared.share,
    ))
}

/// The pair with its intent noted, and whether there may be messages above it that are ours.
///
/// The intent is where the listing ended that the plan was made from. What came after it may be other people's mail, or
/// ours: appended by a run whose state was lost or rolled back. So it is looked at like the tail of a broken run.
fn noted_pair(
    access: &Access<'_>,
    mailbox: &MailboxPlan,
    pairing: Pairing,
    status: SyncPoint,
    listed_next: Option<Uid>,
) -> Result<(PairState, Option<Unclean>)> {
    let known = access.state.pair(&pairing.source)?.filter(|known| known.pairing == pairing);
    let fresh = known.is_none();
    let mut pair = known.unwrap_or_else(|| PairState::new(pairing, mailbox.destination.clone()));
    let begin = listed_next.unwrap_or(Uid(1));
    // That run's appends may still land after they were looked for.
    pair.late_from = pair.late_from.or(pair.intent.map(|intent| intent.uid_next));
    // The mailbox may have gone back below an intent of before.
    let tail = pair.intent.map_or(begin, |intent| intent.uid_next.min(begin));
    let has_landed = pair.intent.is_some() && status.uid_next != Some(tail);
    let unclean = match has_landed {
        true => Some(Unclean::Broken),
        false => has_grown(status, listed_next).then_some(Unclean::Grown),
    };
    pair.intent = Some(Intent { uid_next: tail });
    pair.unseen_from = Some(pair.unseen_from.map_or(tail, |from| from.min(tail)));
    pair.settled = None;
    match fresh {
        true => access.state.reset_pair(&pair)?,
        false => access.state.put_pair(&pair)?,
    }
    Ok((pair, unclean))
}

/// Closes the intents of these mailboxes: all that was done is linked, durably.
///
/// # Errors
/// `State`.
pub fn close_intents<'a>(access: &Access<'_>, sources: impl Iterator<Item = &'a RawName>) -> Result<()> {
    access.migration.store.flush()?;
    for source in sources {
        if let Some(mut pair) = access.state.pair(source)?
            && pair.intent.take().is_some()
        {
            access.state.put_pair(&pair)?;
        }
    }
    Ok(())
}
