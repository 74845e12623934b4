//! What was accepted, as text.

use super::quantity::counted;
use crate::error::made_harmless;
use crate::model::report::{AcceptSummary, AccountResult};

/// A line for each account.
pub fn text(results: &[AccountResult<AcceptSummary>]) -> String {
    let line = |result: &AccountResult<AcceptSummary>| {
        let AcceptSummary { messages, gone, reason, .. } = result.done().ok()?;
        let (messages, gone) = (counted(*messages, "message"), counted(*gone, "mailbox"));
        Some(format!(
            "Accepted for {}: {messages} as they are, {gone} gone from one side: {}\n\
             Guards count anew from here. To go on, run: mailferry sync\n",
            made_harmless(&result.account),
            made_harmless(reason)
        ))
    };
    results.iter().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_names_what_was_accepted_and_why() {
        let summary =
            AcceptSummary { mailboxes: 1, messages: 50, gone: 0, reason: "moved\x1b".to_owned(), ..Default::default() };
        let text = text(&[AccountResult::new("alice", Ok(summary))]);
        let expected = "Accepted for alice: 50 messages as they are, 0 mailboxes gone from one side: moved?\n";
        assert!(text.starts_with(expected), "{text}");
    }
}
