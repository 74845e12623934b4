//! Messages that came and wait for the answer to their FETCH, or for those before them.
//!
//! How many are asked for follows from the sizes that the server listed. Where those were wrong, what is more than the
//! mailbox's share of the memory goes into a file, and the limit of the settings stands.

use crate::engine::Octets;
use crate::engine::commands::fetch::Fetched;
use crate::engine::wire::octets::Spill;
use crate::error::Result;
use crate::model::Uid;
use std::collections::HashMap;

/// Messages by UID.
pub struct Held {
    messages: HashMap<Uid, Fetched>,
    /// Octets of them in memory, large ones apart: those are counted elsewhere.
    memory: u64,
    most: u64,
    spill: Spill,
}

impl Held {
    /// Holds so many octets in memory.
    pub fn new(most: u64, spill: Spill) -> Held {
        Held { messages: HashMap::new(), memory: 0, most, spill }
    }

    /// Puts a message in.
    ///
    /// # Errors
    /// `Io` when the file cannot be written.
    pub fn insert(&mut self, uid: Uid, mut message: Fetched) -> Result<()> {
        let own = weight(&message);
        match &message.body {
            Some(body) if own > 0 && self.memory + own > self.most => message.body = Some(self.spill.take(body)?),
            _ => self.memory += own,
        }
        let replaced = self.messages.insert(uid, message);
        self.memory -= replaced.as_ref().map_or(0, weight);
        Ok(())
    }

    /// A message that is in.
    pub fn get(&self, uid: Uid) -> Option<&Fetched> {
        self.messages.get(&uid)
    }

    /// Takes a message out.
    pub fn remove(&mut self, uid: Uid) -> Option<Fetched> {
        let message = self.messages.remove(&uid)?;
        self.memory -= weight(&message);
        Some(message)
    }
}

fn weight(message: &Fetched) -> u64 {
    match &message.body {
        Some(Octets::Memory(octets)) => octets.len() as u64,
        _ => 0,
    }
}
