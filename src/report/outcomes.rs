//! The account of outcomes as a sentence that adds up.

use super::quantity::{counted, number};
use crate::model::Outcomes;
use serde_json::{Value, json};

/// `20,000 messages: 19,880 copied, 100 present before, 20 skipped`. The parts add up to the whole.
pub fn sentence(outcomes: &Outcomes) -> String {
    let parts = parts(outcomes);
    let total = counted(outcomes.total(), "message");
    if parts.is_empty() { total } else { format!("{total}: {}", parts.join(", ")) }
}

/// What is neither on the destination nor still to come, in words: `20 skipped, 1 refused`. Empty where all is well.
pub fn left_out(outcomes: &Outcomes) -> String {
    parts(&Outcomes { present: 0, copied: 0, pending: 0, ..*outcomes }).join(", ")
}

fn parts(outcomes: &Outcomes) -> Vec<String> {
    let Outcomes { present, copied, skipped, refused, vanished, failed, departed, pending } = *outcomes;
    let named = [
        (copied, "copied"),
        (present, "present before"),
        (skipped, "skipped"),
        (refused, "refused"),
        (failed, "failed"),
        (vanished, "vanished from the source"),
        (departed, "gone from the destination since"),
        (pending, "still to copy"),
    ];
    named.iter().filter(|(count, _)| *count > 0).map(|(count, name)| format!("{} {name}", number(*count))).collect()
}

/// Every count by its name, and their sum.
pub fn json(outcomes: &Outcomes) -> Value {
    let Outcomes { present, copied, skipped, refused, vanished, failed, departed, pending } = *outcomes;
    json!({
        "present": present,
        "copied": copied,
        "skipped": skipped,
        "refused": refused,
        "vanished": vanished,
        "failed": failed,
        "departed": departed,
        "pending": pending,
        "total": outcomes.total(),
    })
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
