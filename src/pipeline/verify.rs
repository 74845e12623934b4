//! `verify`: both sides are listed whole and anew, and every source message must have its copy; `--deep` also compares
//! the SHA-256 of the octets of every message.
//!
//! The listing stands aside from the account's own and is dropped at the end: a plan that was made before goes on to hold,
//! and what apply knows of where mailboxes stood is as it was.

use super::deep::{Earlier, altered_pairs, compare_octets, contents};
use super::plan::stamp;
use super::scan::scan_account;
use super::{Depth, Event, Migration, Phase, Thoroughness};
use crate::diff::agreements::Departures;
use crate::diff::comparing::flags::FlagHistory;
use crate::diff::comparing::same::Keeps;
use crate::diff::labels::is_elsewhere;
use crate::diff::routing::mapping::{MailboxPair, Mapping};
use crate::diff::verdict::Verdict;
use crate::diff::verification::{Verification, verify_mailbox};
use crate::error::{Error, Result};
use crate::model::account_report;
use crate::model::amount::grow;
use crate::model::difference::{Difference, DifferenceKind, SHOWN_DIFFERENCES};
use crate::model::ledger::{AccountLedger, Stage};
use crate::model::plan::Omitted;
use crate::model::report::{AccountResult, VerifySummary};
use crate::model::{FlagCapacity, MailboxState, MessageRecord, Outcome, PairState, RawName, Side, Step, Uid, UidSet};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::fleet::attempts::now;
use crate::pipeline::fleet::for_each::for_each_account;
use crate::pipeline::fleet::in_order::in_order;
use crate::pipeline::survey::agreeing::{accepted_gone, exceptions, gone, questioned, unanswered};
use crate::pipeline::survey::carrying::{Known, known_between};
use crate::pipeline::survey::content::read_doubt;
use crate::pipeline::survey::errand::Identities;
use crate::pipeline::survey::keeping::{keeps, presets_keep};
use crate::pipeline::survey::labels::shared_now;
use crate::pipeline::survey::naming::told_of;
use crate::pipeline::survey::outdated::{Settings, distrust, leave_out, without_outdated};
use crate::pipeline::survey::pairing::pairing;
use crate::pipeline::survey::shares::Shares;
use crate::pipeline::survey::snapshots::Snapshots;
use crate::pipeline::survey::spoiling::{CopiesRead, note_read};
use crate::pipeline::survey::whereabouts::recognise_server;
use crate::pipeline::transfer::lane::Lane;
use crate::pipeline::transfer::share::Share;
use crate::store::ListWriter;
use std::cell::OnceCell;
use std::collections::HashMap;

/// Messages of an account that the source is asked about, so that a person knows which are meant.
const NAMED_MESSAGES: u64 = 200;

/// Verifies every account.
pub fn verify(migration: &Migration, depth: Depth) -> Vec<AccountResult<VerifySummary>> {
    for_each_account(migration, Step::Verify, |access| verify_account(access, depth))
}

fn verify_account(access: &Access<'_>, depth: Depth) -> Result<VerifySummary> {
    access.check_users()?;
    Side::BOTH.into_iter().try_for_each(|side| recognise_server(access, side).map(drop))?;
    let aside = access.aside()?;
    let verified = verify_aside(access, &aside, depth);
    aside.close();
    let dropped = aside.state.drop_account();
    access.migration.store.flush()?;
    let summary = verified?;
    access.state.put_verification(&kept(&summary, access.state.status()?.octets_copied))?;
    dropped.map(|()| summary)
}

/// What is kept of it for the report: as it is at the end of it.
fn kept(summary: &VerifySummary, octets_copied: u64) -> account_report::Verification {
    account_report::Verification {
        at: now(),
        deep: summary.deep,
        messages: summary.messages,
        octets: summary.octets,
        octets_copied,
        standing: summary.ledger.standing(),
        differences: summary.ledger.differences,
    }
}

/// Compares what is listed `aside` with what the account's own state knows of it.
fn verify_aside(access: &Access<'_>, aside: &Access<'_>, depth: Depth) -> Result<VerifySummary> {
    let scanned = scan_account(aside, Thoroughness::Full, Identities::All)?;
    let snapshots = Snapshots::beside(aside, &access.state)?;
    let Mapping { pairs, mut omitted, warnings, unmatched: _ } = snapshots.map()?;
    let messages = scanned.source.messages;
    let account = &*access.account.name;
    let event = Event::Began { account, phase: Phase::Verifying, messages, octets: scanned.source.octets };
    access.migration.observer.event(event);
    let mut summary = VerifySummary {
        deep: depth != Depth::Listing,
        warnings: [scanned.warnings, warnings].concat(),
        ledger: AccountLedger { failures: scanned.ledger.failures, ..AccountLedger::at(Stage::Verified) },
        ..VerifySummary::default()
    };
    let keeps = keeps(access, &snapshots)?;
    summary.keeps = Some(keeps);
    let shares = Shares::of([access, aside], &snapshots, &pairs, keeps)?;
    let labelled = shared_now(aside, &snapshots, &pairs)?;
    let mut list = DifferenceList::begin(access, aside)?;
    omitted.iter().filter_map(whole_mailbox).try_for_each(|missing| list.take(&mut summary, vec![missing]))?;
    let mut pairs = pairs;
    pairs.sort_by_cached_key(|pair| pair.source.path());
    let of_others = Others { shares: &shares, labelled: &labelled };
    let compare = |pair: &MailboxPair| {
        access.go_on()?;
        match gone_with_a_word(access, &snapshots, pair)? {
            Some(reason) => Ok(Compared::Omitted(reason)),
            None => Ok(Compared::Pair(verify_pair([access, aside], &snapshots, pair, of_others, keeps, depth)?.into())),
        }
    };
    in_order(&pairs, at_once(aside, &snapshots, &pairs, depth), compare, |pair, compared| {
        let (mut verdict, departures) = match compared {
            Compared::Pair(found) => *found,
            Compared::Omitted(reason) => {
                omitted.push(reason);
                return Ok(());
            }
        };
        list.take_named(&mut summary, snapshots.mailbox(Side::Source, &pair.source.raw), &mut verdict)?;
        merge(&mut summary, verdict);
        summary.ledger.questioned += departures.questioned;
        let question = departures.question.map(|why| unanswered(&why, &pair.source, &pair.destination, account));
        let question = question.map(|error| format!("{}; {}", error.line(), error.advice().unwrap_or_default()));
        summary.warnings.extend(question);
        Ok(())
    })?;
    summary.warnings.extend(snapshots.emptiness());
    omitted.iter().for_each(|omitted| count_omitted(&mut summary, omitted));
    let left_out = |pair: &&MailboxPair| omitted.iter().any(|omitted| omitted.mailbox.raw == pair.source.raw);
    let taking_part: Vec<_> = pairs.iter().filter(|pair| !left_out(pair)).map(|pair| &pair.source.raw).collect();
    summary.ledger.conditions = snapshots.conditions(&taking_part, &omitted);
    summary.ledger.held = summary.ledger.outcomes.total();
    list.finish()?;
    Ok(summary)
}

/// What came of a pair.
enum Compared {
    Pair(Box<(Verdict, Departures)>),
    Omitted(Omitted),
}

/// Mailboxes that are worth a further connection to each server, and messages of one that are too many to be compared beside
/// others: what is read of a mailbox is held until it is compared.
const MAILBOXES_PER_LANE: usize = 3;
const LARGE_MAILBOX: u32 = 50_000;

/// How many mailboxes are compared at one time: where octets are read, as many as can be read at one time.
fn at_once(aside: &Access<'_>, snapshots: &Snapshots<'_>, pairs: &[MailboxPair], depth: Depth) -> usize {
    let source = |pair: &MailboxPair| snapshots.mailbox(Side::Source, &pair.source.raw);
    let is_large = |pair| source(pair).is_some_and(|source| source.records > LARGE_MAILBOX);
    if depth == Depth::Listing || pairs.iter().any(is_large) {
        return 1;
    }
    let share = Share::new(aside.migration, aside.account, pairs.len(), aside.gauge.latency());
    Lane::possible(aside, share.lanes.min(pairs.len().div_ceil(MAILBOXES_PER_LANE)))
}

/// A mailbox that is gone from the destination, where a person has said that this is good.
fn gone_with_a_word(access: &Access<'_>, snapshots: &Snapshots<'_>, pair: &MailboxPair) -> Result<Option<Omitted>> {
    let destination = snapshots.mailbox(Side::Destination, &pair.destination.raw);
    let Some(source) = snapshots.mailbox(Side::Source, &pair.source.raw) else { return Ok(None) };
    if destination.is_some_and(|destination| destination.sync_point.is_some()) {
        return Ok(None);
    }
    Ok(accepted_gone(access, source)?.map(|reason| gone(source, &reason)))
}

/// What other mailboxes of the account have to do with one.
#[derive(Clone, Copy)]
struct Others<'a> {
    shares: &'a Shares,
    /// Source messages that are in another mailbox, too.
    labelled: &'a HashMap<RawName, UidSet>,
}

impl Others<'_> {
    /// Whether a message may be left out for what became of it.
    fn bear_out(self, source: &RawName, uid: Uid, outcome: &Outcome) -> bool {
        !is_elsewhere(outcome) || self.labelled.get(source).is_some_and(|uids| uids.contains(uid))
    }
}

fn verify_pair(
    [access, aside]: [&Access<'_>; 2],
    snapshots: &Snapshots<'_>,
    pair: &MailboxPair,
    of_others: Others<'_>,
    keeps: Keeps,
    depth: Depth,
) -> Result<(Verdict, Departures)> {
    let mailbox = pair.source.path();
    let others = &of_others.shares.others(&pair.source.raw);
    let Some(source) = snapshots.mailbox(Side::Source, &pair.source.raw) else { return Ok(Default::default()) };
    let destination = snapshots.mailbox(Side::Destination, &pair.destination.raw);
    let destination = destination.filter(|destination| destination.sync_point.is_some() && !pair.create);
    // Learnt when something was copied: a verification only looks at the destination, which tells nothing of it.
    let known = access.state.mailbox(Side::Destination, &pair.destination.raw)?;
    let known = known.map(|known| known.capacity).filter(FlagCapacity::is_told);
    let capacity = known.or_else(|| destination.map(|destination| destination.capacity.clone()));
    let capacity = capacity.unwrap_or_else(|| snapshots.capacity());
    let policy = &access.account.policy;
    // The plan that tells is as long as what is left out: it is read once.
    let by_now = OnceCell::new();
    let settings = || *by_now.get_or_init(|| settings(access));
    let known = || {
        let mut known = known_between([access, aside], source, destination, others, keeps)?;
        let stores = [&access.state, &aside.state];
        without_outdated(stores, source, keeps, &mut known)?;
        leave_out(stores, &source.name.raw, policy, settings, &mut known)?;
        known.outcomes.retain(|uid, outcome| of_others.bear_out(&source.name.raw, *uid, outcome));
        Ok::<_, Error>(known)
    };
    let departures = questioned(access, &aside.state, source, destination, &known()?)?;
    let compare = || compare_listings([access, aside], source, destination, others, known()?, &capacity, keeps);
    let mut verdict = compare()?;
    if let Some(destination) = destination.filter(|_| !verdict.doubt.is_empty()) {
        read_doubt(aside, &access.state, [source, destination], &verdict.doubt)?;
        verdict = compare()?;
    }
    if let Some(destination) = destination {
        let mailboxes = [source, destination];
        let read = match depth {
            Depth::Listing => altered_pairs([access, aside], mailboxes, &verdict)?,
            Depth::Octets => compare_octets([access, aside], mailboxes, Earlier::Stands, &mut verdict)?,
            Depth::OctetsAgain => compare_octets([access, aside], mailboxes, Earlier::IsReadAgain, &mut verdict)?,
        };
        if let Some(pair) = valid_pair(access, source, Some(destination))? {
            note_read(
                [&access.state, &aside.state],
                &pair,
                &CopiesRead { taken: verdict.taken.clone(), ..read },
                keeps,
            )?;
        }
    }
    let untold = verdict.outcomes.pending + verdict.outcomes.not_found_again > 0;
    if untold {
        distrust([&access.state, &aside.state], &source.name.raw)?;
    }
    for unread in aside.state.exceptions(&source.name.raw) {
        verdict.leave_unread(&mailbox, unread?);
    }
    let (messages, octets) = (verdict.messages, verdict.octets);
    let event = Event::Advanced { account: &access.account.name, mailbox: &mailbox, messages, octets };
    access.migration.observer.event(event);
    Ok((verdict, departures))
}

/// Whether what was left out, was so by the settings of now.
fn settings(access: &Access<'_>) -> Settings {
    let plan = access.state.plan().ok().flatten();
    match plan.is_some_and(|plan| plan.policy == stamp(access.account)) {
        true => Settings::AsRecorded,
        false => Settings::Changed,
    }
}

fn compare_listings(
    [access, aside]: [&Access<'_>; 2],
    source: &MailboxState,
    destination: Option<&MailboxState>,
    others: &UidSet,
    known: Known,
    capacity: &FlagCapacity,
    keeps: Keeps,
) -> Result<Verdict> {
    let listed = &aside.state;
    let known_pair = valid_pair(access, source, destination)?;
    let read = (contents(access, Side::Source, source), destination.map(|it| contents(access, Side::Destination, it)));
    let verification = Verification {
        mailbox: &source.name.path(),
        exceptions: exceptions(listed, source, destination, &known)?,
        given_below: destination.and_then(|destination| destination.sync_point?.uid_next),
        capacity,
        flags: known_pair.as_ref().map_or_else(FlagHistory::default, FlagHistory::of),
        keeps,
        known_to_keep: presets_keep(access)?,
        contents: &|side, record| match side {
            Side::Source => read.0.of(record),
            Side::Destination => read.1.as_ref()?.of(record),
        },
        mode: access.account.policy.mode,
        recent_first: access.account.policy.newest_first.is_some(),
    };
    let records = || listed.records(Side::Source, &source.name.raw);
    let copies = destination.map(|it| listed.records(Side::Destination, &it.name.raw)).transpose()?;
    let is_own = |record: &Result<MessageRecord>| record.as_ref().map_or(true, |it| !others.contains(it.uid));
    verify_mailbox(verification, records, copies.into_iter().flatten().filter(is_own), known.links.read()?)
}

/// What is known of the pair, if it holds for both listings.
fn valid_pair(
    access: &Access<'_>,
    source: &MailboxState,
    destination: Option<&MailboxState>,
) -> Result<Option<PairState>> {
    let Some(destination) = destination else { return Ok(None) };
    let known = access.state.pair(&source.name.raw)?;
    Ok(known.filter(|known| known.pairing == pairing(source, destination)))
}

fn merge(summary: &mut VerifySummary, verdict: Verdict) {
    summary.ledger.differences.merge(&verdict.differences);
    summary.ledger.outcomes.merge(&verdict.outcomes);
    summary.ledger.losses.merge(&verdict.losses);
    summary.mailboxes += 1;
    summary.messages += verdict.messages;
    summary.verified_now += verdict.verified_now;
    summary.verified_before += verdict.verified_before;
    grow(&mut summary.octets, verdict.octets);
    summary.flags_changed_there += verdict.flags_changed_there;
    summary.rewritten += verdict.rewritten;
}

/// A mailbox that takes no part because the user said so is left out; one that could not take part is missing.
fn count_omitted(summary: &mut VerifySummary, omitted: &Omitted) {
    summary.ledger.outcomes.add(&omitted.outcome(), omitted.messages);
    if omitted.condition.is_obstacle() {
        summary.ledger.differences.add(DifferenceKind::Missing, omitted.messages);
    }
}

fn whole_mailbox(omitted: &Omitted) -> Option<Difference> {
    let detail = format!("the whole mailbox: {}", omitted.reason);
    let whole = || Difference::new(omitted.mailbox.path(), DifferenceKind::Missing, (None, None), detail);
    omitted.condition.is_obstacle().then(whole)
}

/// The differences of an account: all go to the state, sorted within each mailbox, and the first stay with the summary.
struct DifferenceList<'a> {
    /// Who has the sessions: a server may grant no others.
    aside: &'a Access<'a>,
    list: ListWriter<Difference>,
    /// Messages that may still be asked about.
    left: u64,
}

impl<'a> DifferenceList<'a> {
    fn begin(access: &Access<'_>, aside: &'a Access<'a>) -> Result<Self> {
        let left = if access.migration.names_messages { NAMED_MESSAGES } else { 0 };
        Ok(DifferenceList { aside, list: access.state.list_differences()?, left })
    }

    /// Those of one mailbox, with who sent the messages that are shown.
    fn take_named(
        &mut self,
        summary: &mut VerifySummary,
        source: Option<&MailboxState>,
        verdict: &mut Verdict,
    ) -> Result<()> {
        let mut differences = std::mem::take(&mut verdict.listed);
        differences.sort_by_key(Difference::rank);
        let shown = differences.iter().filter(|it| it.kind != DifferenceKind::FlagsDiffer).filter_map(|it| it.source);
        let uids: UidSet = shown.take(SHOWN_DIFFERENCES.min(self.left as usize)).collect();
        if let Some(source) = source.filter(|_| !uids.is_empty()) {
            self.left -= uids.len();
            let validity = source.sync_point.unwrap_or_default().uid_validity;
            let mut about = told_of(self.aside, &source.name, validity, &uids);
            differences.iter_mut().for_each(|it| it.about = it.source.and_then(|uid| about.remove(&uid)));
        }
        self.take(summary, differences)
    }

    /// Those of one mailbox.
    fn take(&mut self, summary: &mut VerifySummary, differences: Vec<Difference>) -> Result<()> {
        let mut shown: HashMap<DifferenceKind, usize> = HashMap::new();
        for difference in differences {
            let count = shown.entry(difference.kind).or_default();
            if *count < SHOWN_DIFFERENCES {
                *count += 1;
                summary.listed.push(difference.clone());
            }
            self.list.add(difference)?;
        }
        Ok(())
    }

    fn finish(self) -> Result<()> {
        self.list.finish()
    }
}
