//! What happens to an account, as a seed has it.

use super::Home;
use super::books::{Books, shown};
use crate::support::dice::Dice;
use crate::support::imap::{FetchedMessage, NewMessage};

/// Those that take part; each side has a trash besides.
const PLACES: [&str; 4] = ["INBOX", "Box", "Box/Sub", "Archive/Old"];
const TRASH: &str = "Trash";

pub struct History {
    pub dice: Dice,
    pub homes: [Box<dyn Home>; 2],
    pub books: Books,
    letters: usize,
    /// A mailbox has another name on one side than on the other: nothing else that nobody could follow happens meanwhile.
    is_renamed: bool,
    is_synced: bool,
    names: usize,
}

impl History {
    pub fn new(seed: u64, homes: [Box<dyn Home>; 2]) -> History {
        for (home, places) in homes.iter().zip([["Box", "Box/Sub", TRASH], ["Archive/Old", "Box", TRASH]]) {
            places.iter().for_each(|place| home.create(place));
        }
        let first_names = PLACES.map(|place| (place.to_owned(), place.to_owned()));
        let books = Books { first_names: first_names.into(), ..Books::default() };
        let dice = Dice::new(seed);
        History { dice, homes, books, letters: 0, is_renamed: false, is_synced: false, names: 0 }
    }

    pub fn note(&mut self, event: impl Into<String>) {
        self.books.note(event.into());
    }

    /// Some of what users do, on either side.
    pub fn live(&mut self) {
        for _ in 0..self.dice.below(8) {
            let side = self.dice.below(2);
            self.happen(side);
        }
    }

    /// The state of the account is lost, unless a mailbox has just been renamed.
    pub fn may_forget(&mut self) -> bool {
        if self.is_renamed {
            return false;
        }
        self.note("the state is lost");
        self.books.forget();
        self.is_synced = false;
        true
    }

    /// What a run said that it did.
    pub fn has_run(&mut self, is_synced: bool) {
        self.is_synced = is_synced;
        if is_synced {
            self.is_renamed = false;
            self.books.synced();
        }
    }

    pub fn judge(&self) -> Vec<String> {
        self.books.judge(self.both())
    }

    pub fn judge_quiet(&self, only_marks: bool) -> Vec<String> {
        self.books.judge_quiet(self.both(), only_marks)
    }

    fn both(&self) -> [&dyn Home; 2] {
        self.homes.each_ref().map(|home| &**home)
    }

    pub fn told(&self, name: &str, what: &str) -> String {
        format!("{name}: {what}\n  {}", self.books.events.join("\n  "))
    }

    fn there(&self, side: usize) -> Vec<String> {
        self.homes[side].names().into_iter().filter(|name| self.books.first_names.contains_key(name)).collect()
    }

    fn happen(&mut self, side: usize) {
        let there = self.there(side);
        let place = self.dice.pick(&there).clone();
        let messages = self.homes[side].messages(&place);
        let chosen = messages.get(self.dice.below(messages.len())).cloned();
        match (self.dice.below(15), chosen) {
            (0..=3, _) => {
                let letter = self.letter();
                self.arrives(side, &place, &letter);
            }
            (4, _) => self.arrives_on_both(),
            (5 | 6, Some(message)) => {
                self.homes[side].expunge(&place, message.uid);
                self.books.goes(side, &place, &message.octets);
            }
            (7 | 8, Some(message)) => {
                let flag = *self.dice.pick(&["\\Seen", "\\Flagged", "work"]);
                self.note(format!("side {side}: {flag} of {} in {place}", shown(&message.octets)));
                self.books.may_stay.insert(self.books.key(&place, &message.octets));
                let is_set = message.flags.contains(&flag.to_lowercase());
                self.homes[side].reflag(&place, message.uid, flag, !is_set);
            }
            (9, Some(message)) => self.is_filed(side, &place, &message, &there),
            (10, Some(message)) => {
                // Saved again under its Message-ID.
                self.homes[side].expunge(&place, message.uid);
                self.books.goes(side, &place, &message.octets);
                let letter = self.letter_of(name_of(&message));
                self.arrives(side, &place, &NewMessage { flags: message.flags.into_iter().collect(), ..letter });
            }
            (11, _) if !self.is_renamed && self.homes[side].renumber(&place) => {
                self.note(format!("side {side}: {place} has another UIDVALIDITY"));
                self.books.forget();
                self.is_synced = false;
            }
            (12, Some(FetchedMessage { octets, flags, date, .. })) => {
                self.books.may_stay.insert(self.books.key(&place, &octets));
                let copy = NewMessage { octets, flags: flags.into_iter().collect(), date: Some(date) };
                self.arrives(side, &place, &copy);
                self.note("which is a copy");
            }
            (13, Some(message)) => {
                self.note(format!("side {side}: {} in {place} is marked as deleted", shown(&message.octets)));
                self.homes[side].reflag(&place, message.uid, "\\Deleted", true);
            }
            (14, _) if self.is_synced && !self.is_renamed => self.rename(side, &place),
            _ => {}
        }
    }

    fn arrives(&mut self, side: usize, place: &str, letter: &NewMessage) {
        self.books.arrives(side, place, &letter.octets);
        self.homes[side].add(place, letter);
    }

    fn arrives_on_both(&mut self) {
        let letter = self.letter();
        self.arrives(0, "INBOX", &letter);
        self.homes[1].add("INBOX", &letter);
        self.note("and on the other side");
        // Where one of them is removed before both were seen, nobody can know that there was another.
        self.books.may_stay.insert(self.books.key("INBOX", &letter.octets));
    }

    fn is_filed(&mut self, side: usize, place: &str, message: &FetchedMessage, there: &[String]) {
        let to = self.dice.pick(&[there[0].as_str(), there[there.len() - 1].as_str(), TRASH]).to_string();
        if to == place {
            return;
        }
        self.books.goes(side, place, &message.octets);
        self.note(format!("which is moved to {to}"));
        if to != TRASH {
            self.books.arrives(side, &to, &message.octets);
        }
        self.homes[side].relocate(place, message.uid, &to);
    }

    /// To a name that was never there; where both sides have it under one name.
    fn rename(&mut self, side: usize, place: &str) {
        if place == "INBOX" || !self.there(1 - side).iter().any(|name| name == place) {
            return;
        }
        self.names += 1;
        let name = format!("Name-{}", self.names);
        if !self.homes[side].rename(place, &name) {
            return;
        }
        self.note(format!("side {side}: {place} is renamed to {name}"));
        let tree = self.books.first_names.iter().filter_map(|(old, first)| {
            let rest = old.strip_prefix(place)?;
            (rest.is_empty() || rest.starts_with('/')).then(|| (format!("{name}{rest}"), first.clone()))
        });
        let tree: Vec<_> = tree.collect();
        self.books.first_names.extend(tree);
        self.is_renamed = true;
    }

    /// Another letter; few have a Message-ID of their own.
    fn letter(&mut self) -> NewMessage {
        let name = self.dice.below(4);
        self.letter_of(name)
    }

    fn letter_of(&mut self, name: usize) -> NewMessage {
        self.letters += 1;
        let number = self.letters;
        let padding = "+".repeat(number % 3);
        let octets = format!("Message-ID: <{name}@example.org>\r\nSubject: {name}\r\n\r\n{number:04}{padding}\r\n");
        NewMessage { octets: octets.into_bytes(), flags: Vec::new(), date: Some(1_704_067_200 + 60 * number as i64) }
    }
}

fn name_of(message: &FetchedMessage) -> usize {
    let digit = message.octets.iter().find(|octet| octet.is_ascii_digit()).expect("a name");
    usize::from(digit - b'0')
}
