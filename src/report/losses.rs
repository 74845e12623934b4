//! What cannot be kept of messages that are there, in words and for machines.

use super::quantity::{counted, number};
use crate::model::Losses;
use serde_json::{Value, json};

/// `3 flags and 1 date cannot be kept by the destination; the source tells no date of 2 messages`. Empty where all is
/// kept.
pub fn sentence(losses: &Losses) -> String {
    let kept = [(losses.lost_flags(), "flag"), (losses.dates, "date")];
    let kept: Vec<String> =
        kept.into_iter().filter(|(count, _)| *count > 0).map(|(count, noun)| counted(count, noun)).collect();
    let mut parts = Vec::new();
    if !kept.is_empty() {
        parts.push(format!("{} cannot be kept by the destination", kept.join(" and ")));
    }
    if losses.untold_dates > 0 {
        parts.push(format!("the source tells no date of {}", counted(losses.untold_dates, "message")));
    }
    if losses.out_of_order > 0 {
        let verb = if losses.out_of_order == 1 { "stands" } else { "stand" };
        parts.push(format!("{} {verb} out of order", counted(losses.out_of_order, "copy")));
    }
    parts.join("; ")
}

/// Each flag that is lost, with the number of its messages: ``\Flagged` on 3 messages``.
pub fn flags(losses: &Losses) -> Vec<String> {
    let flag = |(flag, count): (&String, &u64)| {
        format!("`{}` on {}", crate::error::made_harmless(flag), counted(*count, "message"))
    };
    losses.flags.iter().map(flag).collect()
}

/// All of it by name; `flags` has each flag and keyword with the number of its messages.
pub fn json(losses: &Losses) -> Value {
    let Losses { flags, dates, untold_dates, out_of_order, unknown_flags } = losses;
    json!({
        "flags": flags,
        "dates": dates,
        "untold_dates": untold_dates,
        "out_of_order": out_of_order,
        "unknown_flags": unknown_flags,
    })
}

/// The line that names the losses, for the end of a report; empty where there are none.
pub fn line(losses: &Losses) -> String {
    if losses.is_empty() {
        return String::new();
    }
    let mut named = flags(losses);
    let more = named.len().saturating_sub(NAMED_FLAGS);
    named.truncate(NAMED_FLAGS);
    if more > 0 {
        named.push(format!("and {} more", number(more as u64)));
    }
    let named = if named.is_empty() { String::new() } else { format!(": {}", named.join(", ")) };
    format!("Not kept: {}{named}\n", sentence(losses))
}

/// What a plan cannot tell: the destination says what it keeps of flags only when it is written to. Empty where it is known.
pub fn unknown(losses: &Losses) -> String {
    match losses.unknown_flags {
        0 => String::new(),
        count => format!(
            "Not known before the copy: whether the destination keeps all flags of {}; what it does not keep is named then\n",
            counted(count, "message")
        ),
    }
}

/// Flags that are named in one line; JSON has all.
const NAMED_FLAGS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentence_names_only_what_is_lost() {
        let losses = Losses { flags: [("\\Flagged".to_owned(), 3)].into(), dates: 1, ..Losses::default() };
        assert_eq!(sentence(&losses), "3 flags and 1 date cannot be kept by the destination");
        assert_eq!(
            line(&losses),
            "Not kept: 3 flags and 1 date cannot be kept by the destination: `\\Flagged` on 3 messages\n"
        );
        let others = Losses { untold_dates: 2, out_of_order: 1, ..Losses::default() };
        assert_eq!(sentence(&others), "the source tells no date of 2 messages; 1 copy stands out of order");
        assert_eq!(line(&Losses::default()), "");
        let unknown_yet = Losses { unknown_flags: 2, ..Losses::default() };
        assert_eq!((line(&unknown_yet), unknown_yet.is_empty()), (String::new(), true), "nothing is lost yet");
        assert!(unknown(&unknown_yet).contains("all flags of 2 messages"));
    }
}
