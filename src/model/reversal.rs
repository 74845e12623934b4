//! An account with its roles swapped: what the settings call the destination is read, and what they call the source is
//! written, for the way back after a cutover.
//!
//! 1. Where a mailbox came from is where it goes back to, whatever the settings say of names (`MailboxPolicy::keeps_places`);
//!    their renames, read from right to left, are for mailboxes that were made since.
//! 2. What cannot be told apart on the way back is refused: mailboxes or accounts that were merged, and an account below a
//!    prefix, for what is beside that is somebody else's.

use super::oauth::Ingredient;
use super::policy::{MailboxPolicy, Policy};
use super::secret::Passwords;
use super::{Account, Direction, Secret, Side};
use crate::error::{Error, Kind, Result, Scope};
use std::collections::BTreeMap;
use std::sync::Arc;

impl Direction {
    /// The side that the settings call so, for the side that a run calls so, and the other way round.
    pub fn named(self, side: Side) -> Side {
        match self {
            Direction::Forward => side,
            Direction::Reversed => side.other(),
        }
    }
}

impl Account {
    /// Which way its mail goes.
    pub fn direction(&self) -> Direction {
        self.policy.direction
    }

    /// The same account the other way round.
    ///
    /// # Errors
    /// `Settings` where the settings do not tell what goes where on the way back.
    pub fn turned(&self) -> Result<Account> {
        let policy = self.policy.turned().map_err(|error| error.in_account(&self.name))?;
        Ok(Account { policy: Arc::new(policy), ..self.with_sides_swapped() })
    }

    fn with_sides_swapped(&self) -> Account {
        let [source, destination] = self.servers;
        Account {
            source_user: Arc::clone(&self.destination_user),
            destination_user: Arc::clone(&self.source_user),
            servers: [destination, source],
            ..self.clone()
        }
    }
}

/// The passwords of accounts that may be turned: the settings know them by the sides that they name themselves.
pub struct PasswordsBothWays(pub Arc<dyn Passwords>);

impl PasswordsBothWays {
    fn asked<T>(&self, account: &Account, side: Side, ask: impl FnOnce(&dyn Passwords, &Account, Side) -> T) -> T {
        match account.direction() {
            Direction::Forward => ask(&*self.0, account, side),
            Direction::Reversed => ask(&*self.0, &account.with_sides_swapped(), side.other()),
        }
    }
}

impl Passwords for PasswordsBothWays {
    fn password(&self, account: &Account, side: Side) -> Result<Secret> {
        self.asked(account, side, |passwords, account, side| passwords.password(account, side))
    }

    fn ingredient(&self, account: &Account, side: Side, which: Ingredient) -> Result<Secret> {
        self.asked(account, side, |passwords, account, side| passwords.ingredient(account, side, which))
    }

    fn keep_refresh_token(&self, account: &Account, side: Side, token: &Secret) -> Result<bool> {
        self.asked(account, side, |passwords, account, side| passwords.keep_refresh_token(account, side, token))
    }
}

impl Policy {
    /// What is wanted the other way round.
    ///
    /// # Errors
    /// `Settings`, as [`Account::turned`].
    pub fn turned(&self) -> Result<Policy> {
        let direction = self.direction.opposite();
        let keeps_places = direction == Direction::Reversed;
        Ok(Policy { direction, mailboxes: MailboxPolicy { keeps_places, ..turned(&self.mailboxes)? }, ..self.clone() })
    }
}

/// Rule 2.
fn turned(policy: &MailboxPolicy) -> Result<MailboxPolicy> {
    if !policy.merge.is_empty() {
        return Err(refused(
            "`merge` in [mailboxes] lets several mailboxes go to one, and nobody could part them again",
        ));
    }
    if policy.prefix.is_some() {
        return Err(refused("`prefix` puts the account below a mailbox of its own, and that is not undone"));
    }
    if !policy.reserved.is_empty() || !policy.companions.is_empty() {
        return Err(refused("other accounts go to the same mailbox of the destination, and would come back with it"));
    }
    let mut rename = BTreeMap::new();
    for (from, to) in &policy.rename {
        if let Some(other) = rename.insert(to.clone(), from.clone()) {
            let why = format!("\"{other}\" and \"{from}\" both become \"{to}\" in [mailboxes.rename]");
            return Err(refused(&why));
        }
    }
    Ok(MailboxPolicy { rename, ..policy.clone() })
}

fn refused(why: &str) -> Error {
    Error::new(Kind::Settings, "this account cannot be synced the other way round")
        .scope(Scope::Account)
        .because(why)
        .hint("leave it out of `mailferry sync --reverse`; nothing was touched")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(rename: &[(&str, &str)]) -> Policy {
        let rename = rename.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
        Policy { mailboxes: MailboxPolicy { rename, ..MailboxPolicy::default() }, ..Policy::default() }
    }

    #[test]
    fn policy_turned_twice_is_the_same() {
        let policy = policy(&[("Sent Items", "Sent"), ("mail/**", "**")]);
        let turned = policy.turned().unwrap();
        assert_eq!(turned.mailboxes.rename["Sent"], "Sent Items");
        assert!(turned.mailboxes.keeps_places && turned.direction == Direction::Reversed);
        assert_eq!(turned.turned().unwrap(), policy);
    }

    #[test]
    fn what_cannot_be_told_apart_on_the_way_back_is_refused() {
        let mut cases = vec![policy(&[("a", "x"), ("b", "x")])];
        let changes: [fn(&mut MailboxPolicy); 4] = [
            |policy| policy.merge = vec!["Archive".to_owned()],
            |policy| policy.prefix = Some("Old".to_owned()),
            |policy| policy.reserved = vec!["Old/bob".to_owned()],
            |policy| policy.companions = vec!["bob".to_owned()],
        ];
        for change in changes {
            let mut changed = Policy::default();
            change(&mut changed.mailboxes);
            cases.push(changed);
        }
        for policy in cases {
            let error = policy.turned().unwrap_err();
            assert!(*error.kind() == Kind::Settings && error.advice().is_some(), "{error:?}");
        }
    }
}
