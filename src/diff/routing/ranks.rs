//! Which mailboxes come first: `[mailboxes] priority`.

use super::filter::Pattern;
use super::levels::Levels;
use crate::error::Result;
use crate::model::MailboxName;
use crate::model::policy::MailboxPolicy;

/// The patterns in their order.
pub struct Ranks(Vec<Pattern>);

impl Ranks {
    /// Of these settings.
    ///
    /// # Errors
    /// `Kind::Settings` for a pattern that is no glob.
    pub fn new(policy: &MailboxPolicy) -> Result<Ranks> {
        let pattern = |written: &String| Pattern::new("priority", written, &|_| Vec::new());
        policy.priority.iter().map(pattern).collect::<Result<_>>().map(Ranks)
    }

    /// The number of the first pattern that a source mailbox matches; how many there are where it matches none.
    pub fn of(&self, mailbox: &MailboxName) -> usize {
        let levels = Levels::of(mailbox);
        // All are asked, so that it is known which of them match nothing.
        let matching = self.0.iter().enumerate().filter(|(_, pattern)| pattern.matches(&levels));
        matching.map(|(number, _)| number).min().unwrap_or(self.0.len())
    }

    /// The patterns that no mailbox asked about matched.
    pub fn unmatched(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|pattern| !pattern.is_used()).map(Pattern::written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RawName;

    #[test]
    fn first_pattern_that_matches_decides() {
        let priority = ["INBOX", "Sent*", "**/2026", "Gone"].map(str::to_owned).into();
        let ranks = Ranks::new(&MailboxPolicy { priority, ..MailboxPolicy::default() }).unwrap();
        let rank = |path: &str| {
            let levels = path.split('/').map(str::to_owned).collect();
            ranks.of(&MailboxName { raw: RawName(path.into()), levels })
        };
        assert_eq!(["inbox", "Sent Items", "Archive/2026", "Sent/2026", "Else"].map(rank), [0, 1, 2, 2, 4]);
        assert_eq!(ranks.unmatched().collect::<Vec<_>>(), ["Gone"]);
        let default = Ranks::new(&MailboxPolicy::default()).unwrap();
        let inbox = MailboxName { raw: RawName(b"INBOX".to_vec()), levels: vec!["INBOX".to_owned()] };
        assert_eq!(default.of(&inbox), 0);
    }
}
