//! What may have been moved: messages of the source that have no copy where they are now.

use crate::engine::Session;
use crate::engine::commands::list::ListedMailbox;
use crate::engine::commands::select::Opening;
use crate::error::Result;
use crate::model::plan::{AccountPlan, Deletion};
use crate::model::{Digest, MailboxState, RawName, Side, Uid};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::survey::listing::is_selectable;
use crate::pipeline::survey::recognise::identities;
use std::collections::{HashMap, HashSet};

/// Messages of the source that have no copy where they are now: what looks deleted may have been moved there.
#[derive(Default)]
pub struct Unsettled {
    identities: HashSet<Digest>,
    /// Why it cannot be told for any message.
    pub all: Option<String>,
}

impl Unsettled {
    /// Looks at what is not copied, and at what came to the source since it was scanned.
    ///
    /// # Errors
    /// What the source's session gives; `State`.
    pub fn find(access: &Access<'_>, plan: &AccountPlan) -> Result<Unsettled> {
        let mut unsettled = Unsettled::default();
        if let Some(omitted) = plan.omitted.iter().find(|omitted| !omitted.intended) {
            unsettled.all = Some(format!("`{}` stays behind, and they may have been moved there", omitted.mailbox));
            return Ok(unsettled);
        }
        unsettled.add_uncopied(access, plan)?;
        access.with_session(Side::Source, |session| unsettled.add_arrived_since(access, session, plan))?;
        Ok(unsettled)
    }

    /// Whether the message may be elsewhere.
    pub fn holds_back(&self, deletion: &Deletion) -> bool {
        self.all.is_some() || self.identities.contains(&deletion.identity)
    }

    /// What was planned to be copied and is not linked, and what was skipped.
    fn add_uncopied(&mut self, access: &Access<'_>, plan: &AccountPlan) -> Result<()> {
        for mailbox in &plan.mailboxes {
            let name = &mailbox.source.raw;
            for uid in mailbox.copies.iter().chain(mailbox.skipped.iter().map(|skipped| skipped.uid)) {
                if access.state.link(name, uid)?.is_none()
                    && let Some(record) = access.state.record(Side::Source, name, uid)?
                {
                    match record.identity {
                        Some(identity) => drop(self.identities.insert(identity)),
                        None => self.all = Some(format!("UID {uid} of `{}` is not copied yet", mailbox.source)),
                    }
                }
            }
        }
        Ok(())
    }

    /// What came to the source since it was scanned. Mailboxes are listed one after the other: a message may have left
    /// one that was not listed yet for one that was.
    fn add_arrived_since(&mut self, access: &Access<'_>, session: &mut Session, plan: &AccountPlan) -> Result<()> {
        let known = access.state.mailboxes(Side::Source)?;
        let known: HashMap<&RawName, &MailboxState> =
            known.iter().map(|mailbox| (&mailbox.name.raw, mailbox)).collect();
        let takes_part: HashSet<&RawName> = plan.mailboxes.iter().map(|mailbox| &mailbox.source.raw).collect();
        for listed in session.list_mailboxes()?.mailboxes.iter().filter(|listed| is_selectable(listed)) {
            match known.get(&listed.name.raw) {
                Some(known) if takes_part.contains(&listed.name.raw) => self.add_tail(session, listed, known)?,
                Some(_) => {}
                None if listed.status.is_some_and(|status| status.messages == 0) => {}
                None => self.all = Some(format!("the source has a new mailbox `{}`", listed.name)),
            }
        }
        Ok(())
    }

    fn add_tail(&mut self, session: &mut Session, listed: &ListedMailbox, known: &MailboxState) -> Result<()> {
        let before = known.sync_point.unwrap_or_default();
        let unchanged = |now: crate::model::SyncPoint| {
            now.uid_validity == before.uid_validity && now.uid_next.is_some() && now.uid_next == before.uid_next
        };
        if listed.status.is_some_and(unchanged) {
            return Ok(());
        }
        let opened = session.open(&listed.name, Opening::Examine)?;
        if opened.sync_point.uid_validity != before.uid_validity {
            self.all = Some(format!("`{}` on the source changed its UIDVALIDITY", listed.name));
            return Ok(());
        }
        let first = before.uid_next.unwrap_or(Uid(1));
        // `n:*` names the last message even where it is below n.
        let arrived = identities(session, &format!("{first}:*"))?;
        self.identities.extend(arrived.into_iter().filter(|(uid, _)| *uid >= first).map(|(_, (identity, _))| identity));
        Ok(())
    }
}
