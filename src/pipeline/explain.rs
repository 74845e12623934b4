//! `explain`: the facts that the state holds of a mailbox or a message, and the rule behind each decision.

mod both_ways;

use crate::engine::identity;
use crate::error::{Error, Kind, Result, Scope};
use crate::model::counted::counted;
use crate::model::failures::{KeptFailure, LISTED_FAILURES};
use crate::model::plan::MailboxPlan;
use crate::model::policy::{Mode, Policy};
use crate::model::report::Explanation;
use crate::model::{Account, Attribute, Digest, Link, LinkOrigin, MailboxState, MessageRecord, Outcome, Side, Uid};
use crate::store::{AccountStore, Store};
use std::collections::HashSet;

/// Explains a source mailbox, or one message in it by UID or Message-ID.
///
/// # Errors
/// `State` when the state knows no such mailbox or message.
pub fn explain(
    store: &Store,
    account: &Account,
    policy: &Policy,
    mailbox: &str,
    message: Option<&str>,
) -> Result<Explanation> {
    let state = store.account_as_it_stands(&account.name)?;
    let direction = state.direction();
    let source = find_mailbox(&state, mailbox)?;
    let plan = state.plan()?.and_then(|plan| plan.mailboxes.into_iter().find(|plan| plan.source == source.name));
    let mut explainer = Explainer { state, policy, source, plan, lines: Vec::new(), messages: Vec::new() };
    match message {
        None => explainer.mailbox()?,
        Some(message) => explainer.messages(message)?,
    }
    let Explainer { source, plan, lines, messages, .. } = explainer;
    Ok(Explanation {
        account: account.name.to_string(),
        direction,
        mailbox: source.name.path(),
        lines,
        source: Some(source.name),
        destination: plan.map(|plan| plan.destination),
        messages,
    })
}

fn find_mailbox(state: &AccountStore, path: &str) -> Result<MailboxState> {
    let mailboxes = state.mailboxes(Side::Source)?;
    let same = |mailbox: &MailboxState| {
        mailbox.name.path() == path || mailbox.name.is_inbox() && path.eq_ignore_ascii_case("INBOX")
    };
    let found = mailboxes.into_iter().find(|mailbox| same(mailbox));
    found.ok_or_else(|| {
        Error::new(Kind::State, format!("the state knows no source mailbox `{path}`"))
            .scope(Scope::Account)
            .hint("names are written as in `mailferry plan --details`; run `mailferry scan` if it is new")
    })
}

struct Explainer<'a> {
    state: AccountStore,
    policy: &'a Policy,
    source: MailboxState,
    plan: Option<MailboxPlan>,
    lines: Vec<String>,
    /// With the UIDs of their copies.
    messages: Vec<(Uid, Option<Uid>)>,
}

impl Explainer<'_> {
    fn say(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    fn mailbox(&mut self) -> Result<()> {
        self.listing();
        let omitted = self
            .state
            .plan()?
            .and_then(|plan| plan.omitted.into_iter().find(|omitted| omitted.mailbox == self.source.name));
        if let Some(omitted) = omitted {
            let who = if omitted.condition.is_obstacle() { "It cannot be copied" } else { "It takes no part" };
            self.say(format!("{who}: {}.", omitted.reason));
        }
        if let Some(plan) = self.plan.clone() {
            self.destination(&plan);
            self.planned(&plan);
        }
        let pair = self.state.pair(&self.source.name.raw)?;
        if let Some(pair) = pair {
            let (source, destination) = (pair.pairing.source_validity, pair.pairing.destination_validity);
            self.say(format!(
                "{} links hold for UIDVALIDITY {source} on the source and {destination} on the destination.",
                pair.links
            ));
            if pair.intent.is_some() {
                self.say("The last apply did not end cleanly: the next one first looks at what has arrived, before it appends anything.");
            }
        }
        let exceptions: Vec<_> = self.state.exceptions(&self.source.name.raw).collect::<Result<_>>()?;
        for (uid, outcome) in &exceptions {
            self.say(format!("UID {uid}: {}.", words(outcome)));
        }
        self.failures(&exceptions)
    }

    /// What failed in the last run, besides the messages that have an outcome of their own.
    fn failures(&mut self, told: &[(Uid, Outcome)]) -> Result<()> {
        let destination = self.plan.as_ref().map(|plan| plan.destination.path());
        let names = [Some(self.source.name.path()), destination];
        let is_here = |failure: &KeptFailure| failure.mailbox.is_some() && names.contains(&failure.mailbox);
        let is_told = |uid: Uid| told.binary_search_by_key(&uid, |(uid, _)| *uid).is_ok();
        let mut count = 0;
        let mut lines = Vec::new();
        for failure in self.state.failures()? {
            let failure = failure?;
            if is_here(&failure) && !failure.uid.is_some_and(is_told) {
                count += 1;
                if lines.len() < LISTED_FAILURES {
                    lines.push(failure.line);
                }
            }
        }
        if count > 0 {
            self.say(format!("Failures of the last run besides: {count}."));
        }
        self.lines.extend(lines);
        Ok(())
    }

    fn listing(&mut self) {
        let source = &self.source;
        let listed = match (&source.sync_point, &source.trouble) {
            _ if source.left_out().is_some() => {
                format!(
                    "The settings leave it out, and the last scan did not open it; it holds {}.",
                    counted(source.held(), "message")
                )
            }
            _ if source.attributes.contains(&Attribute::Volatile) => "The last scan found no mailbox in it.".to_owned(),
            (Some(point), _) => format!(
                "The last scan found {} messages; UIDVALIDITY {}, UIDNEXT {}, HIGHESTMODSEQ {}.",
                source.records,
                point.uid_validity,
                point.uid_next.map_or("unknown".to_owned(), |uid| uid.to_string()),
                point.highest_modseq.map_or("none".to_owned(), |modseq| modseq.to_string()),
            ),
            (None, Some(trouble)) => format!("The last scan could not list it: {trouble}."),
            (None, None) => "It cannot hold messages (it is only a parent of others).".to_owned(),
        };
        self.say(listed);
    }

    fn destination(&mut self, plan: &MailboxPlan) {
        let how = if plan.create { ", which apply creates" } else { "" };
        self.say(format!("It goes to `{}` on the destination{how}.", plan.destination));
    }

    fn planned(&mut self, plan: &MailboxPlan) {
        let (copies, updates, departed) = (plan.copies.len(), plan.flag_updates.len(), plan.departed.len());
        self.say(format!(
            "The plan: {copies} to copy, {updates} flag changes, {} skipped; {} were there before, {} are copied.",
            plan.skipped.len(),
            plan.present,
            plan.copied
        ));
        self.planned_rename(plan);
        self.planned_moves(plan);
        self.planned_removals(plan);
        if departed > 0 {
            self.say(format!(
                "{departed} were copied once and are gone from the destination: its user removed them, and they are not brought back (restore_missing = {}).",
                self.policy.restore_missing
            ));
        }
    }

    fn planned_rename(&mut self, plan: &MailboxPlan) {
        let renames = self.state.plan().ok().flatten().map_or_else(Vec::new, |plan| plan.renames);
        for rename in renames.iter().filter(|rename| rename.from == plan.destination) {
            self.say(format!(
                "Before all else the destination is told to rename it to `{}`: it was copied from a mailbox of the same UIDVALIDITY, \
                 whose name the source lists no more; the messages under the linked UIDs are the ones that were linked, all that \
                 is in the copy is ours, and the new name is free (follow_moves = {}). Until then it goes on to be copied there.",
                rename.to,
                self.policy.follows_moves()
            ));
        }
    }

    fn planned_moves(&mut self, plan: &MailboxPlan) {
        for moves in &plan.moves {
            self.say(format!(
                "{} are moved here from `{}` on the destination: they left its source mailbox and are listed in this one with the \
                 same identity, size and date, no other message is, and their copies are ours and as we left them \
                 (follow_moves = {}).",
                counted(moves.messages.len() as u64, "copy"),
                moves.destination,
                self.policy.follows_moves()
            ));
        }
    }

    fn planned_removals(&mut self, plan: &MailboxPlan) {
        let (deletions, second_copies) = (plan.deletions.len(), plan.second_copies.len());
        if deletions > 0 {
            self.say(format!(
                "Copies to be deleted, because we made them and their source is gone (mode = \"mirror\"): {deletions}."
            ));
        }
        if plan.kept > 0 {
            self.say(format!(
                "Left alone though their source is gone, because they were on the destination before us: {}.",
                plan.kept
            ));
        }
        if let Some(guard) = &plan.guard {
            self.say(format!("What it deletes waits for --allow-deletes: {guard}."));
        }
        if second_copies > 0 {
            self.say(format!(
                "Duplicates that mailferry made on the destination, from appends of broken connections that landed late: \
                 {second_copies}. --allow-deletes removes those whose content is that of the linked copy."
            ));
        }
    }

    /// A message that is gone from the source, and that we know by its link.
    fn gone(&mut self, message: &str) -> Result<bool> {
        let uid = message.parse().map(Uid);
        let link = uid.ok().map(|uid| self.state.link(&self.source.name.raw, uid)).transpose()?.flatten();
        let Some(link) = link else { return Ok(false) };
        self.say(format!("UID {} is gone from the source.", link.source));
        self.linked(&link);
        if self.policy.is_two_way() {
            self.way_back(None, Some(&link))?;
            return Ok(true);
        }
        let planned = |plan: &MailboxPlan| plan.deletions.iter().any(|deletion| deletion.source == link.source);
        self.say(match (self.plan.as_ref().is_some_and(planned), link.is_ours(), self.policy.mode) {
            (true, ..) => "The plan deletes that copy: we made it (mode = \"mirror\").",
            (false, false, _) => "What was there before us is never deleted.",
            (false, true, Mode::Copy) => "Nothing is deleted because of it (mode = \"copy\").",
            (false, true, _) => "The plan deletes nothing for it: the copy is gone, or belongs to another message now.",
        });
        Ok(true)
    }

    fn messages(&mut self, message: &str) -> Result<()> {
        let records = self.find(message)?;
        if records.is_empty() && self.gone(message)? {
            return Ok(());
        }
        let is_new_there = self.new_there(identity_of(message))?;
        if records.is_empty() && !is_new_there {
            let mailbox = self.source.name.path();
            return Err(Error::new(Kind::State, format!("the last scan of `{mailbox}` holds no message `{message}`"))
                .scope(Scope::Account)
                .hint("name it by its UID on the source, or by its Message-ID; run `mailferry scan` if it is new"));
        }
        records.iter().try_for_each(|record| self.message(record))
    }

    fn find(&self, message: &str) -> Result<Vec<MessageRecord>> {
        if let Ok(uid) = message.parse() {
            let record = self.state.record(Side::Source, &self.source.name.raw, Uid(uid))?;
            return Ok(record.into_iter().collect());
        }
        let Some(identity) = identity_of(message) else { return Ok(Vec::new()) };
        // A first copy asks for no identities: the link has what was read as the message passed.
        let name = &self.source.name.raw;
        let links = self.state.links(name)?.filter(|link| link.as_ref().is_ok_and(|link| link.identity == identity));
        let linked = links.map(|link| link.map(|link| link.source)).collect::<Result<HashSet<Uid>>>()?;
        let is_it = |record: &MessageRecord| match record.identity {
            Some(own) => own == identity,
            None => linked.contains(&record.uid),
        };
        let records = self.state.records(Side::Source, name)?;
        records.filter(|record| record.as_ref().map_or(true, is_it)).collect()
    }

    fn message(&mut self, record: &MessageRecord) -> Result<()> {
        let uid = record.uid;
        let link = self.state.link(&self.source.name.raw, uid)?;
        self.messages.push((uid, link.as_ref().map(|link| link.destination)));
        let identity = record.identity.or(link.as_ref().map(|link| link.identity));
        let identity = identity.map_or_else(|| "not asked for yet".to_owned(), |identity| identity.to_string());
        self.say(format!(
            "UID {uid} on the source: {} bytes, flags {}, identity {identity}.",
            record.octets, record.flags
        ));
        let validity = self.source.sync_point.map(|point| point.uid_validity).unwrap_or_default();
        if let Some(about) = self.state.about(&self.source.name.raw, validity, uid)? {
            self.say(format!("From {}, subject {}, Message-ID {}.", about.from, about.subject, about.message_id));
        }
        if let Some(link) = &link {
            self.linked(link);
        }
        for (_, outcome) in self.exceptions_of(uid)? {
            self.say(format!("Last time: {}.", words(&outcome)));
        }
        let Some(plan) = self.plan.clone() else {
            self.say("There is no plan that decides about it: run `mailferry plan`.");
            return Ok(());
        };
        self.decision(&plan, uid, link.is_some());
        self.way_back(Some(record), link.as_ref())
    }

    fn exceptions_of(&self, uid: Uid) -> Result<Vec<(Uid, Outcome)>> {
        self.state
            .exceptions(&self.source.name.raw)
            .filter(|entry| entry.as_ref().map_or(true, |(other, _)| *other == uid))
            .collect()
    }

    fn linked(&mut self, link: &Link) {
        let how = match link.origin {
            LinkOrigin::Appended => "we appended it, and the server named its UID",
            LinkOrigin::Reconciled => {
                "we appended it, and found it again by identity, because the answer was lost or named no UID"
            }
            LinkOrigin::Moved => "we had made it, and moved it there when its message was moved on the source",
            LinkOrigin::Adopted => "it was on the destination before us, and was recognised by identity",
            LinkOrigin::BroughtBack | LinkOrigin::FoundBack => {
                "it is where the message came from: we appended the one on the source, when mail went the other way"
            }
        };
        match link.destination {
            Uid::NOWHERE => self.say(format!(
                "It had a copy ({how}), which was not found again when the UIDVALIDITY of the destination changed."
            )),
            uid => self.say(format!("Its copy has UID {uid} on the destination: {how}.")),
        }
        self.say(format!("Both sides last agreed on the flags {}.", link.agreed));
        if !link.lost.is_empty() {
            self.say(format!("The destination was given the flags {} and does not keep them.", link.lost));
        }
    }

    fn decision(&mut self, plan: &MailboxPlan, uid: Uid, linked: bool) {
        self.destination(plan);
        let decision = if plan.copies.contains(uid) {
            "The plan copies it: no link and no message of its identity on the destination is left for it.".to_owned()
        } else if let Some((moves, moved)) = plan.moves.iter().find_map(|moves| Some((moves, moves.of(uid)?))) {
            format!(
                "The plan moves its copy here, which has UID {} in `{}` on the destination: it left that source mailbox, and no \
                 other message of its identity, size and date is new or gone.",
                moved.destination, moves.destination
            )
        } else if let Some(skipped) = plan.skipped.iter().find(|skipped| skipped.uid == uid) {
            format!("The plan skips it: {}.", skipped.reason)
        } else if plan.departed.contains(uid) {
            let stays = "it is not brought back unless restore_missing = true";
            format!("It was copied, and is gone from the destination: its user removed it, and {stays}.")
        } else if let Some(update) = plan.flag_updates.iter().find(|update| update.source == uid) {
            format!(
                "The plan adds the flags {} and removes {}: the source changed them since both agreed.",
                update.add, update.remove
            )
        } else if linked {
            "The plan leaves it alone: it is on the destination, and the source's flags are as agreed.".to_owned()
        } else {
            "No link names it, and the last plan does not: the next sync looks for it on the destination, and copies it if it is not \
             there."
                .to_owned()
        };
        self.say(decision);
    }
}

/// That of a Message-ID; none of a UID.
fn identity_of(message: &str) -> Option<Digest> {
    let bare = message.trim().trim_start_matches('<').trim_end_matches('>');
    let is_uid = message.parse::<u32>().is_ok();
    if is_uid { None } else { identity::by_message_id(format!("Message-ID: <{bare}>\r\n\r\n").as_bytes()) }
}

fn words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Skipped(reason) => format!("skipped, because {reason}"),
        Outcome::Limited(reason) => format!("not taken by the destination: {reason}"),
        Outcome::NotFoundAgain(reason) => format!("stored on the destination, and not found there again: {reason}"),
        Outcome::Undecided(reason) => format!("not decided yet: {reason}"),
        Outcome::Accepted(reason) => format!("accepted as it is: {reason}"),
        Outcome::Refused(reason) => format!("refused by the destination: {reason}"),
        Outcome::Failed(reason) => format!("failed: {reason}"),
        Outcome::Vanished => "gone from the source when it was to be copied".to_owned(),
        Outcome::Present => "was on the destination before".to_owned(),
        Outcome::Copied => "copied".to_owned(),
        Outcome::Departed => "copied once, and removed on the destination since".to_owned(),
        Outcome::Pending => "not done yet".to_owned(),
    }
}
