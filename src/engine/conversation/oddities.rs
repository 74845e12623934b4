//! What a server says that cannot be understood, and that its users should hear of: each kind once.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The oddities of a server; shared by all connections to it. Cheap to clone.
#[derive(Clone, Default)]
pub struct Oddities(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    kinds: BTreeSet<&'static str>,
    news: Option<String>,
}

impl Oddities {
    /// Notes one of that kind, unless one was noted before.
    pub(in crate::engine) fn note(&self, kind: &'static str, text: impl FnOnce() -> String) {
        let mut known = self.known();
        if known.kinds.insert(kind) {
            known.news = Some(text());
        }
    }

    /// What is to be told, once.
    pub fn take_news(&self) -> Option<String> {
        self.known().news.take()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_told_once() {
        let oddities = Oddities::default();
        oddities.note("a", || "first".to_owned());
        assert_eq!(oddities.take_news().as_deref(), Some("first"));
        oddities.note("a", || "again".to_owned());
        assert_eq!(oddities.take_news(), None);
        oddities.note("b", || "other".to_owned());
        assert_eq!(oddities.clone().take_news().as_deref(), Some("other"));
    }
}
