//! Which arguments of APPEND a server is known to take: those that it took with an announced literal.

use crate::model::{Flags, InternalDate};
use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Later dates are out of range for servers that count seconds in 32 bits.
const LATEST_COMMON_DATE: InternalDate = InternalDate(i32::MAX as i64);

/// Argument shapes that were accepted with a synchronising literal: each flag, a date, and no date. A date that some
/// servers take for out of range is never among them.
#[derive(Default)]
pub(in crate::engine) struct Vetted(Mutex<Shapes>);

#[derive(Default)]
struct Shapes {
    with_date: bool,
    without_date: bool,
    flags: HashSet<String>,
}

impl Vetted {
    fn shapes(&self) -> MutexGuard<'_, Shapes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::engine) fn knows(&self, flags: &Flags, internal_date: Option<InternalDate>) -> bool {
        let shapes = self.shapes();
        let date = match internal_date {
            None => shapes.without_date,
            Some(date) => shapes.with_date && date <= LATEST_COMMON_DATE,
        };
        date && flags.texts().all(|flag| shapes.flags.contains(&*lower(flag)))
    }

    pub(in crate::engine) fn learn(&self, flags: &Flags, internal_date: Option<InternalDate>) {
        let mut shapes = self.shapes();
        match internal_date {
            None => shapes.without_date = true,
            Some(_) => shapes.with_date = true,
        }
        shapes.flags.extend(flags.texts().map(str::to_ascii_lowercase));
    }
}

fn lower(flag: &str) -> Cow<'_, str> {
    match flag.bytes().any(|octet| octet.is_ascii_uppercase()) {
        true => Cow::Owned(flag.to_ascii_lowercase()),
        false => Cow::Borrowed(flag),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knows(vetted: &Vetted, flags: &[&str], date: i64) -> bool {
        vetted.knows(&Flags::from_texts(flags.iter().copied()), Some(InternalDate(date)))
    }

    #[test]
    fn vetted_new_flags_and_odd_dates_need_a_synchronising_literal() {
        let vetted = Vetted::default();
        assert!(!knows(&vetted, &[], 100_000));
        vetted.learn(&Flags::from_texts(["\\Seen", "$a"]), Some(InternalDate(100_000)));
        assert!(knows(&vetted, &["\\Seen", "$A"], 200_000));
        assert!(!knows(&vetted, &["$b"], 100_000) && !knows(&vetted, &["\\Draft"], 100_000));
        assert!(!knows(&vetted, &["$a"], 4_102_444_800));
        assert!(!vetted.knows(&Flags::from_texts(["$a"]), None));
    }
}
