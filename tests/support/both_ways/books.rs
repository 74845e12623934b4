//! What came to an account and went from it, by its users, and what must be there by that.

use std::collections::{BTreeMap, BTreeSet};

use super::Home;

/// A mailbox by its first name, and the octets of a message.
pub type Key = (String, Vec<u8>);
pub type Count = BTreeMap<Key, u64>;

/// What a side holds, with the flags of each.
pub type Held = BTreeMap<Key, Vec<BTreeSet<String>>>;

/// Whatever else a side has takes no part.
#[derive(Default)]
pub struct Books {
    /// By each name that a mailbox ever had, its first one.
    pub first_names: BTreeMap<String, String>,
    /// How often it came to be there, by whatever user.
    pub ever: Count,
    /// How often it was removed, by side.
    pub removed: [Count; 2],
    /// What may be there though it was removed: it was changed, or nobody could know.
    pub may_stay: BTreeSet<Key>,
    /// Removed since the account was last seen to be synced.
    pub unsettled: BTreeSet<Key>,
    /// Something was forgotten since then.
    pub is_forgetful: bool,
    pub events: Vec<String>,
}

pub fn of(count: &Count, key: &Key) -> u64 {
    count.get(key).copied().unwrap_or(0)
}

pub fn shown(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
}

impl Books {
    pub fn key(&self, mailbox: &str, octets: &[u8]) -> Key {
        (self.first_names[mailbox].clone(), octets.to_vec())
    }

    pub fn note(&mut self, event: String) {
        self.events.push(event);
    }

    pub fn arrives(&mut self, side: usize, mailbox: &str, octets: &[u8]) {
        self.note(format!("side {side}: {} arrives in {mailbox}", shown(octets)));
        *self.ever.entry(self.key(mailbox, octets)).or_default() += 1;
    }

    pub fn goes(&mut self, side: usize, mailbox: &str, octets: &[u8]) {
        self.note(format!("side {side}: {} goes from {mailbox}", shown(octets)));
        let key = self.key(mailbox, octets);
        *self.removed[side].entry(key.clone()).or_default() += 1;
        if self.is_forgetful {
            self.may_stay.insert(key.clone());
        }
        self.unsettled.insert(key);
    }

    /// What was removed, and was not seen to be gone, nobody knows of any more.
    pub fn forget(&mut self) {
        self.is_forgetful = true;
        self.may_stay.append(&mut self.unsettled);
    }

    pub fn synced(&mut self) {
        self.unsettled.clear();
        self.is_forgetful = false;
    }

    /// What a side holds where mail takes part, by the names that mailboxes have now.
    fn by_name(&self, home: &dyn Home) -> Held {
        let mut held = Held::new();
        for name in home.names().into_iter().filter(|name| self.first_names.contains_key(name)) {
            for message in home.messages(&name) {
                held.entry((name.clone(), message.octets)).or_default().push(message.flags);
            }
        }
        held
    }

    fn by_first_name(&self, held: &Held) -> Held {
        let mut first = Held::new();
        for ((name, octets), flags) in held {
            first.entry(self.key(name, octets)).or_default().extend(flags.iter().cloned());
        }
        first
    }

    /// What a run made of it: rules 1 and 2.
    pub fn judge(&self, homes: [&dyn Home; 2]) -> Vec<String> {
        let sides = homes.map(|home| self.by_first_name(&self.by_name(home)));
        let mut faults = Vec::new();
        for (key, came) in &self.ever {
            let there = sides.each_ref().map(|side| side.get(key).map_or(0, |flags| flags.len() as u64));
            let gone = self.removed.each_ref().map(|removed| of(removed, key));
            let what = format!("{} in {}: {there:?} there, {came} came, {gone:?} went", shown(&key.1), key.0);
            if gone == [0, 0] && there == [0, 0] {
                faults.push(format!("gone from both, and nobody removed it: {what}"));
            }
            if there.iter().any(|there| there > came) {
                faults.push(format!("doubled: {what}"));
            }
        }
        let unknown = sides.iter().flat_map(|side| side.keys()).find(|key| !self.ever.contains_key(*key));
        faults.extend(unknown.map(|key| format!("never came: {} in {}", shown(&key.1), key.0)));
        faults
    }

    /// What holds when nothing more happens: rule 3. Where a server can only mark what is to go, what is marked is gone.
    pub fn judge_quiet(&self, homes: [&dyn Home; 2], only_marks: bool) -> Vec<String> {
        let mut sides = homes.map(|home| self.by_name(home));
        for side in &mut sides {
            for flags in side.values_mut() {
                flags.retain(|flags| !only_marks || !flags.contains("\\deleted"));
                flags.sort();
            }
            side.retain(|_, flags| !flags.is_empty());
        }
        let mut faults = Vec::new();
        let [one, other] = &sides;
        for key in one.keys().chain(other.keys()).collect::<BTreeSet<&Key>>() {
            if one.get(key) != other.get(key) {
                let what = format!("{} in {}", shown(&key.1), key.0);
                faults.push(format!("the sides differ: {what}: {:?} and {:?}", one.get(key), other.get(key)));
            }
        }
        for (key, flags) in self.by_first_name(one) {
            let gone = self.removed.iter().map(|removed| of(removed, &key)).max().unwrap_or(0);
            let most = of(&self.ever, &key).saturating_sub(gone);
            if flags.len() as u64 > most && !self.may_stay.contains(&key) {
                let what = format!("{} in {}", shown(&key.1), key.0);
                faults.push(format!("came back, and at most {most} should be there: {what}: {flags:?}"));
            }
        }
        faults
    }
}
