//! The facts and rules behind a decision, as text.

use super::succeeded;
use crate::error::made_harmless;
use crate::model::report::{AccountResult, Explanation, HeadersSummary, MessageHeader};

/// A heading, and a line for each fact or rule.
pub fn text(explanation: &Explanation) -> String {
    let Explanation { account, mailbox, lines, .. } = explanation;
    let heading = format!("{}: `{}`\n", made_harmless(account), made_harmless(mailbox));
    let lines = lines.iter().map(|line| format!("  - {}\n", made_harmless(line)));
    std::iter::once(heading).chain(lines).collect()
}

/// What both servers tell of the messages.
pub fn headers(results: &[AccountResult<HeadersSummary>]) -> String {
    let all = succeeded(results).flat_map(|(_, summary)| &summary.headers);
    let told = all.map(|MessageHeader { side, uid, lines }| {
        let lines = match lines {
            Some(lines) => lines.iter().map(|line| format!("    {}\n", made_harmless(line))).collect(),
            None => "    it is not there any more\n".to_owned(),
        };
        format!("  UID {uid} on the {side}:\n{lines}")
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Direction;

    #[test]
    fn text_of_a_hostile_subject_is_harmless() {
        let lines = vec!["UID 7 has the subject \x1b[2J".to_owned(), "it is copied".to_owned()];
        let explanation = Explanation {
            direction: Direction::Forward,
            account: "alice".to_owned(),
            mailbox: "INBOX".to_owned(),
            lines,
            source: None,
            destination: None,
            messages: Vec::new(),
        };
        assert_eq!(text(&explanation), "alice: `INBOX`\n  - UID 7 has the subject ?[2J\n  - it is copied\n");
    }
}
