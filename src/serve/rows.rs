//! What is known of each account of the run.
//!
//! Counts are kept as events come, so that none costs a walk over all accounts.

use super::waves::Waves;
use crate::error::made_harmless;
use crate::model::attempt::AttemptResult;
use crate::model::forecast::{Basis, Range, rates};
use crate::model::notify::{News, Occasion};
use crate::model::report::StatusSummary;
use crate::model::wave::Wave;
use crate::model::{Account, Condition, ServerId};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Rows that one answer has.
pub const ROWS_OF_AN_ANSWER: usize = 100;

/// What an account is being taken through just now.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Work {
    pub phase: &'static str,
    pub mailbox: String,
    pub messages_done: u64,
    pub octets_done: u64,
    /// What the phase has to do; zero where that is not known.
    pub messages: u64,
    pub octets: u64,
}

/// What the state told of it last.
#[derive(Clone, Copy, Default)]
struct Known {
    there: u64,
    to_copy: u64,
    left_behind: u64,
    held: u64,
    octets: u64,
    last: Option<i64>,
}

pub(super) struct Row {
    /// As the state knows it.
    name: String,
    /// By its number.
    wave: Option<usize>,
    pub(super) servers: [ServerId; 2],
    /// What its forecast follows from.
    pub(super) basis: Option<Basis>,
    condition: Condition,
    known: Known,
    trouble: Option<Box<(String, Option<String>)>>,
    work: Option<Box<Work>>,
    /// What was told last of how badly it fares.
    told: Option<Condition>,
}

/// Which accounts are wanted.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Wanted {
    pub condition: Option<Condition>,
    /// The name of a wave.
    pub wave: Option<String>,
    /// What their names have in them, in small or capital letters.
    pub text: String,
    pub offset: usize,
}

/// All accounts, by their numbers in the run.
#[derive(Default)]
pub struct Rows {
    pub(super) rows: Vec<Row>,
    numbers: HashMap<String, u32>,
    counts: BTreeMap<Condition, u64>,
    /// Octets a second of first copies between two servers.
    pub(super) rates: HashMap<[ServerId; 2], Range>,
    pub waves: Waves,
}

/// An account by its name, with whom it moves, and between which servers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Enrolled {
    pub name: String,
    pub wave: Option<Arc<Wave>>,
    pub servers: [ServerId; 2],
}

impl From<&Account> for Enrolled {
    fn from(account: &Account) -> Enrolled {
        Enrolled { name: account.name.to_string(), wave: account.wave.clone(), servers: account.servers }
    }
}

impl Rows {
    /// Other accounts from now on. What was told of those that stay, and of their waves, is not told again.
    pub fn follow(&mut self, accounts: Vec<Enrolled>) {
        let before = std::mem::replace(self, Rows::of(accounts));
        for row in &mut self.rows {
            let known = before.numbers.get(&row.name).and_then(|number| before.rows.get(*number as usize));
            row.told = known.and_then(|known| known.told);
        }
        self.waves.recall(&before.waves);
    }

    /// These accounts, of which nothing is known but that their turn comes.
    pub fn of(accounts: Vec<Enrolled>) -> Rows {
        let mut rows = Rows::default();
        for (number, Enrolled { name, wave, servers }) in (0..).zip(accounts) {
            let wave = wave.map(|wave| rows.waves.number(&wave));
            rows.numbers.insert(name.clone(), number);
            rows.rows.push(Row {
                name,
                wave,
                servers,
                basis: None,
                condition: Condition::Waiting,
                known: Known::default(),
                trouble: None,
                work: None,
                told: None,
            });
            rows.recount(number, None);
        }
        rows
    }

    /// Whether these are the accounts.
    pub fn are(&self, accounts: &[Enrolled]) -> bool {
        let wave_of = |row: &Row| row.wave.and_then(|wave| self.waves.name(wave));
        let is = |row: &Row, it: &Enrolled| {
            let wave = it.wave.as_ref().map(|wave| wave.name.as_str());
            row.name == it.name && row.servers == it.servers && wave_of(row) == wave
        };
        self.rows.len() == accounts.len() && self.rows.iter().zip(accounts).all(|(row, account)| is(row, account))
    }

    pub fn count(&self) -> usize {
        self.rows.len()
    }

    pub fn number(&self, account: &str) -> Option<u32> {
        self.numbers.get(account).copied()
    }

    pub fn name(&self, number: u32) -> Option<&str> {
        self.rows.get(number as usize).map(|row| row.name.as_str())
    }

    /// How many are in each condition that any is in.
    pub fn counts(&self) -> impl Iterator<Item = (Condition, u64)> {
        self.counts.iter().map(|(condition, count)| (*condition, *count)).filter(|(_, count)| *count > 0)
    }

    /// It is at work.
    pub fn works(&mut self, number: u32, work: Work) {
        self.turn(number, Condition::Working);
        if let Some(row) = self.rows.get_mut(number as usize) {
            row.work = Some(Box::new(work));
        }
    }

    /// Its work is over. What came of it is asked for.
    pub fn rests(&mut self, number: u32) {
        if let Some(row) = self.rows.get_mut(number as usize) {
            row.work = None;
        }
    }

    /// What the state says of it. What is new of it for those who are not looking: that it fares badly, once until it
    /// fares well, or otherwise.
    pub fn stands(&mut self, number: u32, summary: &StatusSummary) -> Option<News> {
        let is_at_work = self.rows.get(number as usize).is_some_and(|row| row.work.is_some());
        // What began meanwhile is told anew when it ends.
        self.turn(number, if is_at_work { Condition::Working } else { summary.condition });
        let row = self.rows.get_mut(number as usize)?;
        row.basis = Basis::of(summary.known());
        if let Some(own) = rates(summary.runs.iter()) {
            self.rates.entry(row.servers).and_modify(|known| *known = known.around(own)).or_insert(own);
        }
        let ledger = &summary.status.ledger;
        row.known = Known {
            there: ledger.outcomes.there(),
            to_copy: ledger.outcomes.pending,
            left_behind: ledger.outcomes.left_behind(),
            held: ledger.held,
            octets: summary.status.source_octets,
            last: summary.attempt.as_ref().map(|attempt| attempt.started),
        };
        row.trouble = match summary.attempt.as_ref().map(|attempt| &attempt.result) {
            Some(AttemptResult::Failed(trouble)) => {
                Some(Box::new((made_harmless(&trouble.line), trouble.hint.as_deref().map(made_harmless))))
            }
            _ => None,
        };
        let occasion = match row.condition {
            Condition::Blocked => Some(Occasion::AccountBlocked),
            Condition::Failed => Some(Occasion::AccountFailed),
            // A new attempt tells nothing yet.
            Condition::Working | Condition::Waiting => return None,
            _ => None,
        };
        let before = std::mem::replace(&mut row.told, occasion.map(|_| row.condition));
        let (error, hint) = row.trouble.as_deref().cloned().unwrap_or_default();
        let news = |occasion| News { occasion, subject: made_harmless(&row.name), error, hint };
        occasion.filter(|_| before != row.told).map(news)
    }

    fn turn(&mut self, number: u32, condition: Condition) {
        let Some(row) = self.rows.get_mut(number as usize) else { return };
        let before = std::mem::replace(&mut row.condition, condition);
        self.recount(number, Some(before));
    }

    /// It is in its condition, and was in another before, if it was there.
    fn recount(&mut self, number: u32, before: Option<Condition>) {
        let Some(row) = self.rows.get(number as usize) else { return };
        if let Some(count) = before.and_then(|before| self.counts.get_mut(&before)) {
            *count -= 1;
        }
        *self.counts.entry(row.condition).or_default() += 1;
        if let Some(wave) = row.wave {
            self.waves.turn(wave, before, row.condition);
        }
    }

    /// One account as it is told.
    pub fn told(&self, number: u32) -> Option<Value> {
        let row = self.rows.get(number as usize)?;
        let Known { there, to_copy, left_behind, held, octets, last } = row.known;
        let work = row.work.as_ref().map(|work| {
            json!({
                "phase": work.phase,
                "mailbox": work.mailbox,
                "messages_done": work.messages_done,
                "octets_done": work.octets_done,
                "messages": work.messages,
                "octets": work.octets,
            })
        });
        Some(json!({
            "number": number,
            "account": made_harmless(&row.name),
            "wave": row.wave.and_then(|wave| self.waves.name(wave)).map(made_harmless),
            "condition": row.condition.word(),
            "work": work,
            "there": there,
            "to_copy": to_copy,
            "failed": left_behind,
            "source_messages": held,
            "source_octets": octets,
            "last_attempt": last,
            "error": row.trouble.as_ref().map(|trouble| &trouble.0),
            "hint": row.trouble.as_ref().and_then(|trouble| trouble.1.as_ref()),
        }))
    }

    /// Those that are wanted, what is not well first: so many as an answer has, and how many there are in all.
    pub fn wanted(&self, wanted: &Wanted) -> (Vec<Value>, usize) {
        let conditions = Condition::ALL.into_iter().filter(|it| wanted.condition.is_none_or(|only| only == *it));
        let of = |condition| (0u32..).zip(&self.rows).filter(move |(_, row)| row.condition == condition);
        let wave = wanted.wave.as_deref().map(|name| self.waves.named(name));
        let fits =
            |row: &Row| contains(&row.name, &wanted.text) && wave.is_none_or(|wave| wave.is_some() && row.wave == wave);
        let fitting = conditions.flat_map(of).filter(|(_, row)| fits(row));
        let numbers: Vec<u32> = fitting.map(|(number, _)| number).collect();
        let shown = numbers.iter().skip(wanted.offset).take(ROWS_OF_AN_ANSWER);
        (shown.filter_map(|number| self.told(*number)).collect(), numbers.len())
    }
}

fn contains(name: &str, text: &str) -> bool {
    text.is_empty() || name.to_lowercase().contains(&text.to_lowercase())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::Step;
    use crate::model::attempt::{Attempt, Trouble};
    use crate::model::statistics::AccountStatus;
    use crate::serve::waves::tests::wave;

    pub(in crate::serve) fn failed(account: &str, line: &str) -> StatusSummary {
        let trouble = Trouble { line: line.to_owned(), hint: None, count: 1, needs_a_person: false };
        let attempt = Attempt { step: Step::Sync, started: 5, ended: 6, result: AttemptResult::Failed(trouble) };
        StatusSummary {
            account: account.to_owned(),
            status: AccountStatus::default(),
            failures: 1,
            planned: 0,
            attempt: Some(attempt),
            condition: Condition::Failed,
            runs: Vec::new(),
        }
    }

    pub(in crate::serve) fn rows() -> Rows {
        Rows::of(["alice", "bob", "Carol"].map(|name| enrolled(name, None)).to_vec())
    }

    pub(in crate::serve) fn enrolled(name: &str, wave: Option<Arc<Wave>>) -> Enrolled {
        Enrolled { name: name.to_owned(), wave, servers: [ServerId(0), ServerId(1)] }
    }

    #[test]
    fn counts_follow_the_conditions() {
        let mut rows = rows();
        rows.works(1, Work { phase: "copying", ..Work::default() });
        rows.works(1, Work { phase: "copying", messages_done: 3, ..Work::default() });
        rows.stands(2, &failed("Carol", "why")).unwrap();
        let counts: Vec<_> = rows.counts().collect();
        assert_eq!(counts, [(Condition::Failed, 1), (Condition::Working, 1), (Condition::Waiting, 1)]);
        assert_eq!(rows.told(1).unwrap()["work"]["messages_done"], 3);
        let _ = rows.stands(1, &failed("bob", "yesterday"));
        assert_eq!(rows.told(1).unwrap()["condition"], "working");
        rows.rests(1);
        assert_eq!(rows.told(1).unwrap()["work"], Value::Null);
    }

    #[test]
    fn account_that_fares_badly_is_news_once_until_it_fares_otherwise() {
        let mut rows = rows();
        let stand = |rows: &mut Rows, condition| {
            let summary = StatusSummary { condition, ..failed("bob", "why") };
            rows.stands(1, &summary).map(|news| news.occasion)
        };
        use Condition::{Blocked, Failed, Synced, Waiting};
        let told = [Failed, Waiting, Failed, Blocked, Synced, Synced, Failed].map(|it| stand(&mut rows, it));
        let (failed, blocked) = (Some(Occasion::AccountFailed), Some(Occasion::AccountBlocked));
        assert_eq!(told, [failed, None, None, blocked, None, None, failed]);
    }

    #[test]
    fn account_that_fares_badly_still_is_no_news_when_others_come() {
        let mut rows = rows();
        assert!(rows.stands(1, &failed("bob", "why")).is_some());
        rows.follow(["zoe", "bob"].map(|name| enrolled(name, None)).to_vec());
        assert_eq!((rows.count(), rows.stands(1, &failed("bob", "why"))), (2, None));
        assert!(rows.stands(0, &failed("zoe", "why")).is_some());
    }

    /// Holds serve/watch.rs invariant 1.
    #[test]
    fn counts_are_what_a_walk_would_find_whatever_comes() {
        let mut rows = Rows::of((0..20).map(|number| enrolled(&number.to_string(), None)).collect());
        let mut dice = 7_u32;
        for _ in 0..2000 {
            dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let (number, condition) = ((dice >> 16) % 20, Condition::ALL[(dice >> 24) as usize % 9]);
            match (dice >> 8) % 3 {
                0 => rows.works(number, Work::default()),
                1 => rows.rests(number),
                _ => drop(rows.stands(number, &StatusSummary { condition, ..failed("x", "why") })),
            }
            let walk = |condition| rows.rows.iter().filter(|row| row.condition == condition).count() as u64;
            assert!(Condition::ALL.into_iter().all(|it| rows.counts.get(&it).copied().unwrap_or(0) == walk(it)));
        }
    }

    #[test]
    fn what_is_not_well_comes_first_and_is_found_by_condition_and_name() {
        let mut rows = rows();
        let _ = rows.stands(2, &failed("Carol", "why"));
        let names = |wanted: &Wanted| {
            let (shown, count) = rows.wanted(wanted);
            let names: Vec<String> = shown.iter().map(|row| row["account"].as_str().unwrap().to_owned()).collect();
            (names.join(" "), count)
        };
        assert_eq!(names(&Wanted::default()), ("Carol alice bob".to_owned(), 3));
        assert_eq!(names(&Wanted { offset: 1, ..Wanted::default() }), ("alice bob".to_owned(), 3));
        assert_eq!(names(&Wanted { text: "cAR".to_owned(), ..Wanted::default() }), ("Carol".to_owned(), 1));
        let failed = Wanted { condition: Some(Condition::Failed), ..Wanted::default() };
        assert_eq!(names(&failed), ("Carol".to_owned(), 1));
    }

    #[test]
    fn accounts_of_a_wave_are_counted_and_found() {
        let finance = wave("finance", None);
        let enrolled = [("alice", Some(finance.clone())), ("bob", None), ("carol", Some(finance))];
        let accounts = enrolled.map(|(name, wave)| self::enrolled(name, wave)).to_vec();
        let mut rows = Rows::of(accounts.clone());
        let others = [&[self::enrolled("alice", None)], &accounts[1..]].concat();
        assert!(rows.are(&accounts) && !rows.are(&others));
        let _ = rows.stands(0, &failed("alice", "why"));
        assert_eq!(rows.waves.told(0)[0]["conditions"], json!({ "failed": 1, "waiting": 1 }));
        let found = |name: &str| rows.wanted(&Wanted { wave: Some(name.to_owned()), ..Wanted::default() }).1;
        assert_eq!((found("finance"), found("sales")), (2, 0));
        assert_eq!(rows.told(2).unwrap()["wave"], "finance");
    }

    #[test]
    fn hostile_words_are_made_harmless() {
        let mut rows = Rows::of(vec![enrolled("al\x1b[31m\u{202e}ice", None)]);
        let _ = rows.stands(0, &failed("x", "NO \x07<script>"));
        let told = rows.told(0).unwrap();
        assert_eq!((&told["account"], &told["error"]), (&json!("al?[31m?ice"), &json!("NO ?<script>")));
    }
}
