//! Who is who on the two servers of an account: all users of the settings, also those whom a run does not move.

use super::{Account, ServerId, Side};
use std::collections::HashMap;
use std::sync::Arc;

/// All users whom the settings name. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Everybody(Arc<HashMap<(ServerId, String), Newcomer>>);

/// Who a user of one server is on the other.
#[derive(Debug)]
struct Newcomer {
    server: ServerId,
    user: Arc<str>,
}

impl Everybody {
    /// Those of these accounts.
    pub fn of<'a>(accounts: impl Iterator<Item = &'a Account>) -> Everybody {
        // Mail may go the other way (`sync --reverse`).
        let entry = |(account, side): (&Account, Side)| {
            let other = side.other();
            let newcomer = Newcomer { server: account.server(other), user: account.user(other).into() };
            ((account.server(side), account.user(side).to_lowercase()), newcomer)
        };
        let both_ways = accounts.flat_map(|account| Side::BOTH.map(|side| (account, side)));
        Everybody(Arc::new(both_ways.map(entry).collect()))
    }

    /// Who somebody is on the destination of that account, as its source calls them: by their name, or by what stands before the
    /// `@` of those in its own domain.
    pub fn on_destination_of(&self, account: &Account, who: &str) -> Option<&str> {
        let who = who.to_lowercase();
        let domain = account.source_user.split_once('@').map(|(_, domain)| domain.to_lowercase());
        let in_domain = domain.filter(|_| !who.contains('@')).map(|domain| format!("{who}@{domain}"));
        let find = |name: String| self.0.get(&(account.server(Side::Source), name));
        let found = find(who).or_else(|| find(in_domain?))?;
        (found.server == account.server(Side::Destination)).then_some(&found.user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::policy::Policy;

    fn account(source: &str, destination: &str, server: usize) -> Account {
        Account {
            name: source.into(),
            source_user: source.into(),
            destination_user: destination.into(),
            tags: Vec::new(),
            servers: [ServerId(0), ServerId(server)],
            policy: Arc::new(Policy::default()),
            wave: None,
            priority: 0,
        }
    }

    #[test]
    fn on_destination_of_names_users_of_both_servers_alone() {
        let [alice, bob, carol] = [
            account("alice@old.test", "a.lice", 1),
            account("Bob@old.test", "bob@new.test", 1),
            account("carol@old.test", "carol", 2),
        ];
        let everybody = Everybody::of([&alice, &bob, &carol].into_iter());
        let who = |name| everybody.on_destination_of(&alice, name);
        assert_eq!(
            (who("bob@OLD.test"), who("bob"), who("alice")),
            (Some("bob@new.test"), Some("bob@new.test"), Some("a.lice"))
        );
        assert_eq!((who("carol"), who("bob@other.test"), who("group:staff")), (None, None, None));
    }
}
