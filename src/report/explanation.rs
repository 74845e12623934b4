//! The facts and rules behind a decision, as text.

use crate::error::sanitized;
use crate::model::report::Explanation;

/// A heading, and a line for each fact or rule.
pub fn text(explanation: &Explanation) -> String {
    let Explanation { account, mailbox, lines } = explanation;
    let heading = format!("{}: `{}`\n", sanitized(account), sanitized(mailbox));
    let lines = lines.iter().map(|line| format!("  - {}\n", sanitized(line)));
    std::iter::once(heading).chain(lines).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_hostile_subject_is_harmless() {
        let lines = vec!["UID 7 has the subject \x1b[2J".to_owned(), "it is copied".to_owned()];
        let explanation = Explanation { account: "alice".to_owned(), mailbox: "INBOX".to_owned(), lines };
        assert_eq!(text(&explanation), "alice: `INBOX`\n  - UID 7 has the subject ?[2J\n  - it is copied\n");
    }
}
