//! Which mailboxes there are: NAMESPACE, LIST with special uses, subscriptions and STATUS in one go where offered
//! (RFC 5258, 5819, 6154), LSUB and pipelined STATUS elsewhere.
//!
//! An option that is not advertised makes the whole LIST BAD, so only advertised things are asked for. A name from a
//! listing is never used as a pattern, and STATUS lines are matched by name, never by order.

use super::found::Found;
use super::listed::{ListedMailbox, Listing};
use super::quota::QUOTA_COMMAND;
use crate::engine::conversation::reticence::Optional;
use crate::engine::conversation::session::{LISTING_RESPONSES, Session, Tag};
use crate::error::Result;
use crate::model::mailbox::RawName;

/// Whether it is to be asked what is subscribed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Subscriptions {
    Wanted,
    Unwanted,
}

/// For servers that do not tell it with LIST.
const LSUB: &[u8] = b"LSUB \"\" \"*\"";

impl Session {
    /// Lists the account, with the STATUS of each mailbox.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn list_mailboxes(&mut self, subscriptions: Subscriptions) -> Result<Listing> {
        let mut listing = self.list_names(subscriptions)?;
        let lacking = |mailbox: &ListedMailbox| mailbox.status.is_none() && mailbox.is_selectable();
        let mailboxes = listing.mailboxes.iter().filter(|mailbox| lacking(mailbox));
        let names: Vec<RawName> = mailboxes.map(|mailbox| mailbox.name.raw.clone()).collect();
        let mut answers = self.statuses(&names)?.into_iter();
        for mailbox in listing.mailboxes.iter_mut().filter(|mailbox| lacking(mailbox)) {
            mailbox.status = answers.next().flatten();
        }
        Ok(listing)
    }

    /// Lists the account, with as many STATUS as come with LIST. What is not mail does not keep it from being listed: where namespaces, subscriptions or quotas are
    /// refused, or the connection breaks on them, it is done without them.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn list_names(&mut self, subscriptions: Subscriptions) -> Result<Listing> {
        let mut found = Found::default();
        let forms = self.list_forms(subscriptions);
        let offers_subscribed = forms[0].contains("SUBSCRIBED");
        let lsub = subscriptions == Subscriptions::Wanted && !offers_subscribed;
        let mut form = (0..forms.len() - 1).find(|form| self.reticence.may_ask(Optional::List(*form)));
        let namespace = match self.capabilities.has("NAMESPACE") {
            true => self.send_optional(Optional::Namespace, b"NAMESPACE")?,
            false => None,
        };
        let mut list = self.send_list(&forms, form)?;
        let lsub = if lsub { self.send_optional(Optional::Subscriptions, LSUB)? } else { None };
        let quota = match self.capabilities.has("QUOTA") {
            true => self.send_optional(Optional::Quota, QUOTA_COMMAND)?,
            false => None,
        };
        let inbox_id = match self.object_id_command() {
            Some(command) => self.send_optional(Optional::ObjectId, command)?,
            None => None,
        };
        if let Some(tag) = namespace {
            self.finish(tag, |response| found.take(response))?;
        }
        loop {
            let listed = self.finish(list, |response| found.take(response))?;
            let Some(refused) = form.filter(|_| !listed.is_ok()) else {
                self.accepted(listed, "could not list the mailboxes")?;
                break;
            };
            self.reticence.drop_it(Optional::List(refused));
            found.forget_lines();
            form = Some(refused + 1).filter(|next| *next < forms.len() - 1);
            list = self.send_list(&forms, form)?;
        }
        self.finish_extras(&mut found, lsub, [quota, inbox_id])?;
        let accepted = &forms[form.unwrap_or(forms.len() - 1)];
        if offers_subscribed && !accepted.contains("SUBSCRIBED") {
            let lsub = self.send_optional(Optional::Subscriptions, LSUB)?;
            self.finish_extras(&mut found, lsub, [None, None])?;
        }
        Ok(found.into_listing())
    }

    /// A server may advertise QUOTA and refuse to tell: then there is nothing to compare with.
    fn finish_extras(&mut self, found: &mut Found, lsub: Option<Tag>, others: [Option<Tag>; 2]) -> Result<()> {
        if let Some(tag) = lsub {
            let status = self.finish(tag, |response| found.take(response))?;
            found.subscriptions_refused = (!status.is_ok()).then_some(status.text);
        }
        for tag in others.into_iter().flatten() {
            self.finish(tag, |response| found.take(response))?;
        }
        Ok(())
    }

    fn send_list(&mut self, forms: &[String], form: Option<usize>) -> Result<Tag> {
        let command = |form: usize| forms[form].as_bytes();
        let last = forms.len() - 1;
        match form {
            Some(form) => match self.send_optional(Optional::List(form), command(form))? {
                Some(tag) => Ok(tag),
                None => self.send_for(command(last), LISTING_RESPONSES),
            },
            None => self.send_for(command(last), LISTING_RESPONSES),
        }
    }

    /// LIST in the forms to be tried, from the one that tells most to the one that every server knows.
    fn list_forms(&self, subscriptions: Subscriptions) -> Vec<String> {
        let has = |name: &str| self.capabilities.has(name);
        let plain = "LIST \"\" \"*\"".to_owned();
        if !has("LIST-EXTENDED") {
            return vec![plain];
        }
        let special_use = if has("SPECIAL-USE") { " SPECIAL-USE" } else { "" };
        let status = if has("LIST-STATUS") { format!(" STATUS ({})", self.status_items()) } else { String::new() };
        let with = |subscribed: &str| format!("{plain} RETURN ({subscribed}CHILDREN{special_use}{status})");
        match subscriptions {
            Subscriptions::Wanted => vec![with("SUBSCRIBED "), with(""), plain],
            Subscriptions::Unwanted => vec![with(""), plain],
        }
    }
}
