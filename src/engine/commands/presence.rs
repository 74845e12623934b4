//! Whether messages are there: asked in two ways, because a tagged OK to FETCH proves nothing about single messages (Zimbra
//! ends a FETCH early with one), and NO proves nothing at all.

use super::fetch::{COMMAND_OCTETS, FLAG_ITEMS, FetchEvent, Fetched, fetch_event};
use super::search::searched;
use crate::engine::conversation::session::{Session, Tag};
use crate::engine::conversation::status::Condition;
use crate::engine::wire::response::Response;
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

    /// Takes what a response shows of the messages that were asked for.
    fn take(&mut self, response: Response, asked: &UidSet) {
        if let Some(found) = searched(response.text()) {
            // By what was asked: a server may name four billion.
            for uid in asked.without(&asked.without(&found)).iter() {
                self.there.entry(uid).or_default();
            }
        } else if let Some(FetchEvent::Message(Fetched { uid: Some(uid), flags, .. })) = fetch_event(response)
            && asked.contains(uid)
        {
            self.there.insert(uid, flags.unwrap_or_default());
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
        for chunk in self.chunks_to_look_for(uids) {
            let part = self.send_part(chunk.clone())?;
            self.finish_part(part, &chunk, &mut sighting)?;
        }
        Ok(sighting)
    }

    /// Sends what [`Session::look_for`] asks, without waiting. The answers are read with [`Session::finish_look`].
    ///
    /// # Errors
    /// `Connection`.
    pub fn send_look(&mut self, uids: &UidSet) -> Result<Look> {
        let chunks = self.chunks_to_look_for(uids).into_iter();
        let parts = chunks.map(|chunk| self.send_part(chunk)).collect::<Result<_>>()?;
        Ok(Look { asked: uids.clone(), parts })
    }

    /// Reads all answers to [`Session::send_look`].
    ///
    /// # Errors
    /// As [`Session::look_for`].
    pub fn finish_look(&mut self, look: Look) -> Result<Sighting> {
        let Look { asked, parts } = look;
        let mut sighting = Sighting::default();
        parts.into_iter().try_for_each(|part| self.finish_part(part, &asked, &mut sighting))?;
        Ok(sighting)
    }

    fn chunks_to_look_for(&self, uids: &UidSet) -> Vec<UidSet> {
        uids.chunks(COMMAND_OCTETS, WINDOW.min(self.most_messages()))
    }

    fn send_part(&mut self, uids: UidSet) -> Result<Part> {
        let fetch = self.send_fetch(&uids, FLAG_ITEMS)?;
        let search = self.send_search(&uids)?;
        Ok(Part { uids, fetch, search })
    }

    /// What comes about any that was asked for counts: a server may answer several commands at once.
    fn finish_part(&mut self, part: Part, asked: &UidSet, sighting: &mut Sighting) -> Result<()> {
        let fetched = self.finish_sighting(part.fetch, asked, sighting)?;
        let searched = self.finish_sighting(part.search, asked, sighting)?;
        let refusal = match (fetched, searched) {
            (Answer::Told, Answer::Told | Answer::NotUnderstood) => return Ok(()),
            (Answer::Refused(why), _) | (_, Answer::Refused(why)) => why,
            _ => "the server does not list its messages".to_owned(),
        };
        sighting.unknown.merge(&part.uids);
        sighting.refusal.get_or_insert(refusal);
        Ok(())
    }

    fn send_search(&mut self, uids: &UidSet) -> Result<Tag> {
        let extended = if self.capabilities.has("ESEARCH") { "RETURN (ALL) " } else { "" };
        self.send(format!("UID SEARCH {extended}UID {uids}").as_bytes())
    }

    fn finish_sighting(&mut self, tag: Tag, asked: &UidSet, sighting: &mut Sighting) -> Result<Answer> {
        let status = self.finish(tag, |response| {
            sighting.take(response, asked);
            Ok(())
        })?;
        Ok(match status.condition {
            Condition::Ok if !status.is_cut() => Answer::Told,
            Condition::Bad => Answer::NotUnderstood,
            _ => Answer::Refused(status.text),
        })
    }
}

/// A look for messages that was sent and is not answered.
#[must_use = "answers that nobody reads stand in the way of the next"]
pub struct Look {
    asked: UidSet,
    parts: Vec<Part>,
}

struct Part {
    uids: UidSet,
    fetch: Tag,
    search: Tag,
}

enum Answer {
    Told,
    NotUnderstood,
    Refused(String),
}
