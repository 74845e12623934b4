//! Whether messages are there: asked in two ways, because a tagged OK to FETCH proves nothing about single messages (Zimbra
//! ends a FETCH early with one), and NO proves nothing at all.

use super::fetch::{COMMAND_OCTETS, FLAG_ITEMS, FetchEvent, Fetched};
use super::search::searched;
use crate::engine::conversation::session::{Session, Tag};
use crate::engine::conversation::status::Condition;
use crate::error::Result;
use crate::model::{Flags, Presence, Uid, UidSet};
use std::collections::HashMap;

/// UIDs asked for at once.
const WINDOW: u64 = 500;

/// What was seen of messages of the open mailbox.
#[derive(Debug, Default)]
pub struct Sighting {
    there: HashMap<Uid, Flags>,
    /// Asked for, and not answered for certain.
    unknown: UidSet,
    /// In the server's words, why.
    pub refusal: Option<String>,
}

impl Sighting {
    /// Whether a message that was asked for is there.
    pub fn of(&self, uid: Uid) -> Presence {
        match (self.there.contains_key(&uid), self.unknown.contains(uid)) {
            (true, _) => Presence::There,
            (false, true) => Presence::Unknown,
            (false, false) => Presence::NotThere,
        }
    }

    /// The flags of a message that is there; none where they were not told.
    pub fn flags(&self, uid: Uid) -> Option<&Flags> {
        self.there.get(&uid)
    }
}

impl Session {
    /// Looks for messages of the open mailbox by FETCH and by SEARCH: one that either shows is there. One is not there when
    /// no command that was answered with OK shows it, and none was refused; but a server that does not know UID SEARCH is
    /// believed on its FETCH.
    ///
    /// # Errors
    /// `Connection`, `Protocol`.
    pub fn look_for(&mut self, uids: &UidSet) -> Result<Sighting> {
        let mut sighting = Sighting::default();
        for chunk in uids.chunks(COMMAND_OCTETS, WINDOW.min(self.most_messages())) {
            let fetch = self.send_fetch(&chunk, FLAG_ITEMS)?;
            let search = self.send_search(&chunk)?;
            let fetched = self.finish_sighting(fetch, &chunk, &mut sighting)?;
            let searched = self.finish_sighting(search, &chunk, &mut sighting)?;
            let refusal = match (fetched, searched) {
                (Answer::Told, Answer::Told | Answer::NotUnderstood) => None,
                (Answer::Refused(why), _) | (_, Answer::Refused(why)) => Some(why),
                _ => Some("the server does not list its messages".to_owned()),
            };
            if let Some(why) = refusal {
                sighting.unknown.merge(&chunk);
                sighting.refusal.get_or_insert(why);
            }
        }
        Ok(sighting)
    }

    fn send_search(&mut self, uids: &UidSet) -> Result<Tag> {
        let extended = if self.capabilities.has("ESEARCH") { "RETURN (ALL) " } else { "" };
        self.send(format!("UID SEARCH {extended}UID {uids}").as_bytes())
    }

    fn finish_sighting(&mut self, tag: Tag, asked: &UidSet, sighting: &mut Sighting) -> Result<Answer> {
        let status = self.finish(tag, |response| {
            if let Some(found) = searched(response.text()) {
                // By what was asked: a server may name four billion.
                for uid in asked.iter().filter(|uid| found.contains(*uid)) {
                    sighting.there.entry(uid).or_default();
                }
            } else if let Some(FetchEvent::Message(Fetched { uid: Some(uid), flags, .. })) =
                super::fetch::fetch_event(response)
                && asked.contains(uid)
            {
                sighting.there.insert(uid, flags.unwrap_or_default());
            }
            Ok(())
        })?;
        Ok(match status.condition {
            Condition::Ok if !status.is_cut() => Answer::Told,
            Condition::Bad => Answer::NotUnderstood,
            _ => Answer::Refused(status.text),
        })
    }
}

enum Answer {
    Told,
    NotUnderstood,
    Refused(String),
}
