//! Accounts that move together: how they stand, and whether it is their time.

use crate::error::made_harmless;
use crate::model::Condition;
use crate::model::notify::{News, Occasion};
use crate::model::wave::{Opening, Wave};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Of a run, by their numbers in it.
#[derive(Default)]
pub struct Waves(Vec<Known>);

struct Known {
    wave: Arc<Wave>,
    counts: BTreeMap<Condition, u64>,
    /// As it was when it was looked at last.
    is_open: Option<bool>,
    is_told_finished: bool,
}

impl Waves {
    /// The number of that one, which is known from now on.
    pub fn number(&mut self, wave: &Arc<Wave>) -> usize {
        if let Some(number) = self.0.iter().position(|known| known.wave.name == wave.name) {
            return number;
        }
        self.0.push(Known { wave: wave.clone(), counts: BTreeMap::new(), is_open: None, is_told_finished: false });
        self.0.len() - 1
    }

    /// What was told of those that were there before is known.
    pub fn recall(&mut self, before: &Waves) {
        for known in &mut self.0 {
            if let Some(earlier) = before.0.iter().find(|it| it.wave.name == known.wave.name) {
                (known.is_open, known.is_told_finished) = (earlier.is_open, earlier.is_told_finished);
            }
        }
    }

    /// The number of the one with that name.
    pub fn named(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|known| known.wave.name == name)
    }

    pub fn name(&self, number: usize) -> Option<&str> {
        self.0.get(number).map(|known| known.wave.name.as_str())
    }

    /// One of its accounts comes to be in a condition, and was in another before, if it was there.
    pub fn turn(&mut self, number: usize, before: Option<Condition>, now: Condition) {
        let Some(known) = self.0.get_mut(number) else { return };
        if let Some(count) = before.and_then(|before| known.counts.get_mut(&before)) {
            *count -= 1;
        }
        *known.counts.entry(now).or_default() += 1;
    }

    /// Which of them opened, and of which all accounts are where they belong, since the last look.
    pub fn news(&mut self, now: i64) -> Vec<News> {
        let mut news = Vec::new();
        for known in &mut self.0 {
            let occasions = [known.opened(now).then_some(Occasion::WaveOpened), known.finished()];
            let told = |occasion| News {
                occasion,
                subject: made_harmless(&known.wave.name),
                error: String::new(),
                hint: None,
            };
            news.extend(occasions.into_iter().flatten().map(told));
        }
        news
    }

    /// Each as it is told.
    pub fn told(&self, now: i64) -> Vec<Value> {
        self.0.iter().map(|known| known.told(now)).collect()
    }

    /// Each with its name, whether it is open, and its accounts by condition.
    pub fn figures(&self, now: i64) -> impl Iterator<Item = (&str, bool, &BTreeMap<Condition, u64>)> {
        self.0.iter().map(move |known| (known.wave.name.as_str(), is_open(known.wave.at(now)), &known.counts))
    }
}

fn is_open(opening: Opening) -> bool {
    matches!(opening, Opening::Open { .. })
}

impl Known {
    fn opened(&mut self, now: i64) -> bool {
        let is_open = is_open(self.wave.at(now));
        self.is_open.replace(is_open) == Some(false) && is_open
    }

    fn finished(&mut self) -> Option<Occasion> {
        let count = |conditions: &[Condition]| -> u64 {
            conditions.iter().filter_map(|condition| self.counts.get(condition)).sum()
        };
        let all: u64 = self.counts.values().sum();
        if count(&[Condition::Synced, Condition::Complete]) == all && all > 0 {
            return (!std::mem::replace(&mut self.is_told_finished, true)).then_some(Occasion::WaveFinished);
        }
        // Another round over what is there is no news; what is left is.
        if count(&[Condition::Waiting, Condition::Working, Condition::Synced, Condition::Complete]) < all {
            self.is_told_finished = false;
        }
        None
    }

    fn told(&self, now: i64) -> Value {
        let (is_open, turns) = match self.wave.at(now) {
            Opening::Open { until } => (true, until),
            Opening::Closed { opens } => (false, opens),
        };
        let counts = self.counts.iter().filter(|(_, count)| **count > 0);
        json!({
            "wave": made_harmless(&self.wave.name),
            "open": is_open,
            "turns": turns,
            "accounts": self.counts.values().sum::<u64>(),
            "conditions": counts.map(|(condition, count)| (condition.word(), count)).collect::<BTreeMap<_, _>>(),
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use jiff::tz::TimeZone;

    /// Open from that second on.
    pub(in crate::serve) fn wave(name: &str, not_before: Option<i64>) -> Arc<Wave> {
        Arc::new(Wave {
            name: name.to_owned(),
            not_before,
            windows: Vec::new(),
            time_zone: TimeZone::UTC,
            jobs: None,
            priority: 0,
            complete_after: None,
        })
    }

    fn occasions(waves: &mut Waves, now: i64) -> Vec<Occasion> {
        waves.news(now).into_iter().map(|news| news.occasion).collect()
    }

    #[test]
    fn wave_that_opens_is_news_once_and_one_that_was_open_before_is_none() {
        let mut waves = Waves::default();
        waves.number(&wave("later", Some(100)));
        waves.number(&wave("open", None));
        assert_eq!(occasions(&mut waves, 99), []);
        assert_eq!(occasions(&mut waves, 100), [Occasion::WaveOpened]);
        assert_eq!(occasions(&mut waves, 101), []);
    }

    #[test]
    fn wave_is_finished_once_until_something_is_left() {
        use Condition::{Behind, Complete, Synced, Waiting, Working};
        let mut waves = Waves::default();
        let number = waves.number(&wave("finance", None));
        waves.turn(number, None, Waiting);
        waves.turn(number, None, Complete);
        let mut before = Waiting;
        let told = [Working, Synced, Waiting, Synced, Behind, Synced].map(|condition| {
            waves.turn(number, Some(before), condition);
            before = condition;
            occasions(&mut waves, 0).len()
        });
        assert_eq!(told, [0, 1, 0, 0, 0, 1]);
        let shown = &waves.told(0)[0];
        assert_eq!(
            (&shown["accounts"], &shown["conditions"]["synced"], &shown["open"]),
            (&json!(2), &json!(1), &json!(true))
        );
        assert_eq!(shown["conditions"].as_object().map(serde_json::Map::len), Some(2));
    }
}
