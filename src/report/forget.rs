//! What was dropped from the state, as text.

use super::quantity::counted;
use crate::error::made_harmless;
use crate::model::report::Forgotten;

/// A line for each account, and what that means for its mail.
pub fn text(forgotten: &[Forgotten]) -> String {
    let line = |Forgotten { account, mailboxes, links }: &Forgotten| {
        let (mailboxes, links) = (counted(*mailboxes, "mailbox"), counted(*links, "message"));
        format!("Forgot {}: {mailboxes}, {links} tied to their copies\n", made_harmless(account))
    };
    let lines: String = forgotten.iter().map(line).collect();
    format!(
        "{lines}\nNo server was asked, and no mail is touched: the next sync of what was forgotten compares both sides anew.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_names_every_account_and_what_was_known() {
        let forgotten = [("alice", 12, 3456), ("bob\x1b", 1, 1)].map(|(account, mailboxes, links)| Forgotten {
            account: account.to_owned(),
            mailboxes,
            links,
        });
        let expected = "\
Forgot alice: 12 mailboxes, 3,456 messages tied to their copies
Forgot bob?: 1 mailbox, 1 message tied to their copies

No server was asked, and no mail is touched: the next sync of what was forgotten compares both sides anew.
";
        assert_eq!(text(&forgotten), expected);
    }
}
