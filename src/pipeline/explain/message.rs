//! What there is to say of a message: what is known of it, and what decided.

use super::both_ways;
use super::explainer::Explainer;
use super::wording::words;
use crate::engine::identity;
use crate::error::{Error, Kind, Result, Scope};
use crate::model::plan::MailboxPlan;
use crate::model::policy::Mode;
use crate::model::{Digest, Link, LinkOrigin, MailboxState, MessageRecord, Outcome, RawName, Side, Uid};
use std::collections::HashSet;

impl Explainer<'_> {
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

    /// The messages of that UID or Message-ID.
    ///
    /// # Errors
    /// `State` when the state knows none.
    pub fn messages(&mut self, message: &str) -> Result<()> {
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
        self.of_identity(identity, Side::Source, &self.source.name.raw)
    }

    /// What is listed on that side of an identity. A first copy asks for none: the link has what was read as the message passed.
    fn of_identity(&self, identity: Digest, side: Side, mailbox: &RawName) -> Result<Vec<MessageRecord>> {
        let links = self.state.links(&self.source.name.raw)?;
        let links = links.filter(|link| link.as_ref().is_ok_and(|link| link.identity == identity));
        let linked = links.map(|link| link.map(|link| uid_on(side, &link))).collect::<Result<HashSet<Uid>>>()?;
        let is_it = |record: &MessageRecord| match record.identity {
            Some(own) => own == identity,
            None => linked.contains(&record.uid),
        };
        let records = self.state.records(side, mailbox)?;
        records.filter(|record| record.as_ref().map_or(true, is_it)).collect()
    }

    /// The destination mailbox as last listed, where the account is kept both ways.
    fn counterpart(&self) -> Result<Option<MailboxState>> {
        let place = self.plan.as_ref().map(|plan| &plan.destination.raw).filter(|_| self.policy.is_two_way());
        let Some(place) = place else { return Ok(None) };
        Ok(self.state.mailbox(Side::Destination, place)?.filter(|it| it.sync_point.is_some() && it.trouble.is_none()))
    }

    fn way_back(&mut self, record: Option<&MessageRecord>, link: Option<&Link>) -> Result<()> {
        let (Some(theirs), Some(link)) = (self.counterpart()?, link) else { return Ok(()) };
        let copy = self.state.record(Side::Destination, &theirs.name.raw, link.destination)?;
        self.say(both_ways::way_back(self.policy, record, link, copy.as_ref()));
        Ok(())
    }

    /// Messages of that identity that only the destination has. Whether there are any.
    fn new_there(&mut self, identity: Option<Digest>) -> Result<bool> {
        let (Some(theirs), Some(identity)) = (self.counterpart()?, identity) else { return Ok(false) };
        let links = self.state.links(&self.source.name.raw)?;
        let linked = links.map(|link| Ok(link?.destination)).collect::<Result<HashSet<Uid>>>()?;
        let there = self.of_identity(identity, Side::Destination, &theirs.name.raw)?;
        let new: Vec<_> = there.iter().filter(|record| !linked.contains(&record.uid)).collect();
        new.iter().for_each(|record| self.say(both_ways::new_there(record, &theirs.name)));
        Ok(!new.is_empty())
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

fn uid_on(side: Side, link: &Link) -> Uid {
    match side {
        Side::Source => link.source,
        Side::Destination => link.destination,
    }
}
