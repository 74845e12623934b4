//! By what messages were told apart, in words and for machines.

use crate::model::Keeps;
use serde_json::{Value, json};

/// What both servers list and keep: identity always, and what of the rest can be relied on. `null` where nothing had to be
/// compared.
pub fn json(keeps: Option<Keeps>) -> Value {
    let named = |keeps: Keeps| {
        let parts = [("identity", true), ("size", keeps.sizes), ("date", keeps.dates)];
        json!(parts.into_iter().filter(|(_, kept)| *kept).map(|(name, _)| name).collect::<Vec<_>>())
    };
    keeps.map_or(Value::Null, named)
}

/// The line that tells of a looser rule than that of honest servers; empty where there is none.
pub fn line(keeps: Option<Keeps>) -> String {
    let (by, why) = match keeps {
        Some(Keeps { sizes: false, dates: true }) => {
            ("identity and date", "the sizes that the servers list are estimates")
        }
        Some(Keeps { sizes: true, dates: false }) => {
            ("identity and size", "the destination gives messages dates of its own")
        }
        Some(Keeps { sizes: false, dates: false }) => (
            "identity",
            "the sizes that the servers list are estimates, and the destination gives messages dates of its own",
        ),
        Some(Keeps { sizes: true, dates: true }) | None => return String::new(),
    };
    format!("Messages were told apart by their {by} alone: {why}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_looser_rule_is_told_in_words_and_every_rule_in_json() {
        let estimated = Keeps { sizes: false, dates: true };
        assert_eq!(line(Some(Keeps::ALL)) + &line(None), "");
        let told = "Messages were told apart by their identity and date alone: the sizes that the servers list are estimates\n";
        assert_eq!(line(Some(estimated)), told);
        assert!(line(Some(Keeps { sizes: true, dates: false })).contains("identity and size alone"));
        assert_eq!(json(Some(estimated)), json!(["identity", "date"]));
        assert_eq!(json(Some(Keeps::ALL)), json!(["identity", "size", "date"]));
        assert_eq!(json(None), Value::Null);
    }
}
