//! What two-way mode asks of an account and its settings.
//!
//! 1. Each side keeps its own trash where deleted messages go there: the trash takes no part, so that what was moved to it is
//!    neither copied as new mail, nor deleted on the other side when a person empties it.
//! 2. What cannot be read from both sides (`reversal`), or leaves messages out, is refused before anything is asked.

use super::policy::{Deleted, MessageFilter, Mode, Policy};
use super::{Account, Direction, SpecialUse};
use crate::error::{Error, Kind, Result, Scope};

impl Policy {
    /// Whether what happened on either side happens on the other.
    pub fn is_two_way(&self) -> bool {
        self.mode == Mode::TwoWay
    }

    /// Whether what is deleted both ways goes to the trash of its side.
    pub fn fills_trash(&self) -> bool {
        self.is_two_way() && self.deleted == Deleted::Trash
    }

    /// Rule 1.
    pub fn with_trash_apart(mut self) -> Policy {
        let trash = SpecialUse::Trash.as_str();
        if self.fills_trash() && !self.mailboxes.exclude.iter().any(|it| it == trash) {
            self.mailboxes.exclude.push(trash.to_owned());
        }
        self
    }

    /// Why it cannot be kept both ways, if so: rule 2.
    fn objection_to_two_ways(&self) -> Option<&'static str> {
        if self.messages != MessageFilter::default() || self.search.is_some() {
            Some("`since`, `before`, `unseen`, `flagged`, `min_message_size` and `search` in [sync] leave messages out")
        } else if self.newest_first.is_some() {
            Some("`newest_first` in [sync] is for a migration")
        } else if self.mailboxes.besides.acl || self.mailboxes.besides.metadata {
            Some("`acl` and `metadata` in [mailboxes] are carried over one way alone")
        } else {
            None
        }
    }
}

impl Account {
    /// The same account looked at from its other side, where it is kept both ways; `None` where it is not.
    ///
    /// # Errors
    /// `Settings` where the settings do not go with two-way mode.
    pub fn other_way(&self) -> Result<Option<Account>> {
        if !self.policy.is_two_way() {
            return Ok(None);
        }
        if let Some(why) = self.policy.objection_to_two_ways() {
            return Err(refused(why).in_account(&self.name));
        }
        let turned = self.turned().map_err(|error| refused(&error.summary()).in_account(&self.name))?;
        Ok(Some(turned))
    }

    /// Makes sure that mail may go that way by the settings.
    ///
    /// # Errors
    /// As [`Account::other_way`]; `Settings` for the way back of an account that is kept both ways.
    pub fn check_way(&self, direction: Direction) -> Result<()> {
        if self.other_way()?.is_some() && direction == Direction::Reversed {
            return Err(refused("`sync` goes both ways by itself: `--reverse` is the way back of a copy")
                .in_account(&self.name));
        }
        Ok(())
    }
}

/// Makes sure that none of these accounts is kept both ways: `what` goes one way.
///
/// # Errors
/// `Settings` with the first that is.
pub fn check_one_way<'a>(accounts: impl IntoIterator<Item = &'a Account>, what: &str) -> Result<()> {
    match accounts.into_iter().find(|account| account.policy.is_two_way()) {
        None => Ok(()),
        Some(account) => {
            Err(Error::new(Kind::Settings, format!("`{what}` goes one way, and this account is kept both ways"))
                .scope(Scope::Account)
                .in_account(&account.name)
                .hint("run `mailferry sync`, which scans, plans and applies each way in turn; nothing was touched"))
        }
    }
}

fn refused(why: &str) -> Error {
    Error::new(Kind::Settings, "`mode = \"two-way\"` in [sync] does not go with other settings of this account")
        .scope(Scope::Account)
        .because(why)
        .hint("leave one of the two out; nothing was touched")
}

#[cfg(test)]
mod tests {
    use super::super::policy::MailboxPolicy;
    use super::*;

    fn two_way() -> Policy {
        Policy { mode: Mode::TwoWay, ..Policy::default() }
    }

    #[test]
    fn each_side_keeps_its_own_trash_where_deleted_messages_go_there() {
        assert_eq!(two_way().with_trash_apart().with_trash_apart().mailboxes.exclude, ["\\Trash"]);
        let expunging = Policy { deleted: Deleted::Expunge, ..two_way() };
        assert_eq!(expunging.clone().with_trash_apart(), expunging);
        assert_eq!(Policy::default().with_trash_apart(), Policy::default());
    }

    #[test]
    fn what_leaves_messages_out_or_knows_one_way_alone_is_refused() {
        let changes: [fn(&mut Policy); 5] = [
            |policy| policy.messages.unseen = true,
            |policy| policy.newest_first = Some(7),
            |policy| policy.mailboxes.besides.acl = true,
            |policy| policy.mailboxes.besides.metadata = true,
            |policy| policy.search = super::super::search_keys::SearchKeys::parse("ALL").ok(),
        ];
        assert_eq!(two_way().objection_to_two_ways(), None);
        for change in changes {
            let mut policy = two_way();
            change(&mut policy);
            assert!(policy.objection_to_two_ways().is_some(), "{policy:?}");
        }
        let merged = MailboxPolicy { merge: vec!["Archive".to_owned()], ..MailboxPolicy::default() };
        assert!(Policy { mailboxes: merged, ..two_way() }.turned().is_err());
    }
}
