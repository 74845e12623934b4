//! Gmail's labels (X-GM-LABELS), read as keywords.

use crate::engine::conversation::session::Session;
use crate::engine::wire::octets::Octets;
use crate::engine::wire::response::{Scanner, Value};
use crate::model::Flags;
use crate::model::gmail::keyword;
use std::borrow::Cow;

const EXTENSION: &str = "X-GM-EXT-1";

impl Session {
    /// Whether the server has labels, and tells by what it knows its messages.
    pub fn is_gmail(&self) -> bool {
        self.capabilities.has(EXTENSION)
    }

    /// From now on labels count among the flags, where the server has any.
    pub fn count_labels(&mut self) {
        self.counts_labels = self.is_gmail();
    }

    /// Items of a FETCH that ask for flags, with labels where these count among them.
    pub(super) fn labelled<'i>(&self, items: &'i str) -> Cow<'i, str> {
        match self.counts_labels {
            true => items.replacen("FLAGS", "FLAGS X-GM-LABELS", 1).into(),
            false => items.into(),
        }
    }
}

/// A list of labels as keywords: quoted, literals or atoms with brackets in them; NIL is none. What takes more than
/// `most` octets counts as none.
pub(super) fn labels(scanner: &mut Scanner<'_>, most: usize) -> Option<Flags> {
    if !scanner.take(b'(') {
        return matches!(scanner.value()?, Value::Nil).then(Flags::none);
    }
    let (mut keywords, mut octets) = (Vec::new(), 0);
    loop {
        scanner.spaces();
        if scanner.take(b')') {
            break;
        }
        let label = match scanner.value()? {
            Value::Nil => Octets::Memory(b"NIL".to_vec()),
            Value::Octets(label) => label,
        };
        let label = label.into_small(most as u64).ok()?;
        octets += label.len();
        keywords.extend(keyword(&label).filter(|_| octets <= most));
    }
    let keywords = if octets > most { Vec::new() } else { keywords };
    Some(Flags::from_texts(keywords.iter().map(String::as_str)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::wire::response::Response;

    fn read(text: &str) -> Option<Flags> {
        let mut response = Response::from_text(text);
        labels(&mut response.scan(), 100)
    }

    /// As they were seen: nothing, an atom with a plus sign first, brackets without quotes.
    #[test]
    fn labels_in_all_their_forms_are_keywords() {
        let keywords = |text| read(text).map(|flags| flags.texts().map(str::to_owned).collect::<Vec<_>>());
        let some = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert_eq!(keywords("NIL"), some(&[]));
        assert_eq!(keywords("()"), some(&[]));
        assert_eq!(
            keywords("(\"\\\\Inbox\" +x Work \"a b\" [Mail]/y NIL)"),
            some(&["+x", "[Mail_/y", "a_b", "Inbox", "NIL", "Work"])
        );
        assert_eq!(keywords("(\"\\\\Starred\")"), some(&[]));
        assert_eq!(keywords("(a"), None);
    }
}
