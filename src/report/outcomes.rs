//! The account of outcomes as a sentence that adds up.

use super::quantity::{counted, number};
use crate::model::Outcomes;
use serde_json::{Value, json};

/// `20,000 messages: 19,880 copied, 100 already there, 20 skipped`. The parts add up to the whole.
pub fn sentence(outcomes: &Outcomes) -> String {
    let parts = parts(outcomes);
    let total = counted(outcomes.total(), "message");
    if parts.is_empty() { total } else { format!("{total}: {}", parts.join(", ")) }
}

/// What is neither on the destination nor still to come, in words: `20 skipped, 1 refused`. Empty where all is well.
pub fn left_out(outcomes: &Outcomes) -> String {
    parts(&Outcomes { present: 0, copied: 0, pending: 0, ..*outcomes }).join(", ")
}

/// Every count with its key for machines and its words, in the order in which people read them.
fn named(outcomes: &Outcomes) -> [(&'static str, u64, &'static str); 12] {
    let Outcomes {
        present,
        copied,
        skipped,
        limited,
        refused,
        vanished,
        failed,
        departed,
        pending,
        not_found_again,
        undecided,
        accepted,
    } = *outcomes;
    [
        ("copied", copied, "copied"),
        ("present", present, "already there"),
        ("skipped", skipped, "skipped"),
        ("limited", limited, "beyond the destination's limit"),
        ("refused", refused, "refused"),
        ("failed", failed, "failed"),
        ("not_found_again", not_found_again, "stored and not found again"),
        ("undecided", undecided, "not decided yet"),
        ("vanished", vanished, "vanished from the source"),
        ("departed", departed, "deleted on the destination since"),
        ("accepted", accepted, "accepted as they are"),
        ("pending", pending, "still to copy"),
    ]
}

fn parts(outcomes: &Outcomes) -> Vec<String> {
    let named = named(outcomes).into_iter().filter(|(_, count, _)| *count > 0);
    named.map(|(_, count, words)| format!("{} {words}", number(count))).collect()
}

/// Every count by its name, and their sum.
pub fn json(outcomes: &Outcomes) -> Value {
    let counts = named(outcomes).into_iter().map(|(key, count, _)| (key.to_owned(), json!(count)));
    Value::Object(counts.chain([("total".to_owned(), json!(outcomes.total()))]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentence_names_only_what_occurred() {
        let outcomes = Outcomes { copied: 1200, skipped: 3, ..Outcomes::default() };
        assert_eq!(sentence(&outcomes), "1,203 messages: 1,200 copied, 3 skipped");
        assert_eq!(sentence(&Outcomes::default()), "0 messages");
        assert_eq!(left_out(&outcomes), "3 skipped");
    }
}
