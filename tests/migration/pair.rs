//! One account on two servers in memory, which refuse, drop and lie as they are told to.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::fake::Fake;
use crate::support::fake::behaviour::Behaviour;
use crate::support::ferry::{Ferry, Output, Side};
use crate::support::server::User;

/// One account on two servers in memory.
pub struct Pair {
    pub source: Fake,
    pub destination: Fake,
    pub ferry: Ferry,
}

pub const USER: &str = "mover";

impl Pair {
    pub fn with(mail: &str) -> Pair {
        Pair::of(&[USER], mail)
    }

    /// Several accounts with the same mail.
    pub fn of(users: &[&str], mail: &str) -> Pair {
        let (source, destination) = (Fake::start(), Fake::start());
        let side = |fake: &Fake| Side::in_clear_text(fake.port());
        let mut ferry = Ferry::new(side(&source), side(&destination));
        for user in users.iter().copied() {
            ferry = ferry.with_account(&User::named(user));
            source.tenant(user).account().fill(mail);
        }
        Pair { source, destination, ferry }
    }

    pub fn source(self, behaviour: Behaviour) -> Pair {
        self.source.tenant(USER).behave(behaviour);
        self
    }

    pub fn destination(self, behaviour: Behaviour) -> Pair {
        self.destination.tenant(USER).behave(behaviour);
        self
    }

    pub fn with_settings(mut self, text: &str) -> Pair {
        self.ferry = self.ferry.with_settings(text);
        self
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.ferry.run(&[arguments, &["--progress", "none"]].concat())
    }

    /// The outcomes that the status of the account tells.
    pub fn outcomes(&self) -> Value {
        self.ferry.status()["outcomes"].clone()
    }

    /// What the last verification counts for the account; its exit status must be that.
    #[track_caller]
    pub fn verified(&self, code: i32) -> Value {
        self.run(&["verify", "--deep", "--json", "-"]).expect(code).json()["accounts"][0].clone()
    }

    /// The flags of each message of the destination's INBOX.
    pub fn flags(&self) -> Vec<BTreeSet<String>> {
        let tenant = self.destination.tenant(USER);
        let mut account = tenant.account();
        account.mailbox("INBOX").messages.iter().map(|message| message.flags.clone()).collect()
    }
}

pub fn flags(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// An honest server but for this text in its answers.
pub fn saying(text: &'static str, instead: &'static str) -> Behaviour {
    Behaviour::honest().lying(move |_, response| replaced(&response, text, instead))
}

pub fn replaced(response: &[u8], text: &str, instead: &str) -> Vec<u8> {
    match memchr::memmem::find(response, text.as_bytes()) {
        Some(at) => [&response[..at], instead.as_bytes(), &response[at + text.len()..]].concat(),
        None => response.to_vec(),
    }
}

/// As an honest server in memory tells them.
pub const ALL_FLAGS: &str = "PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)";
