//! Namespaces (RFC 2342): whose the mailboxes below a prefix are, and what a listing names besides the user's own.

use super::{MailboxName, RawName};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::fmt;

/// Whose mailboxes a namespace holds. Where two have the same prefix, the first of these counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Owner {
    /// The personal namespaces: all of them take part in a migration.
    User,
    OtherUser,
    Everyone,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Owner::User => "the user's own",
            Owner::OtherUser => "another user's",
            Owner::Everyone => "shared",
        })
    }
}

/// What stands before each name of a namespace, and what divides levels.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Namespace {
    /// As on the wire, with the delimiter at its end: `INBOX.` or empty.
    pub prefix: RawName,
    /// `None`: names are flat.
    pub delimiter: Option<char>,
}

impl Namespace {
    /// Whether the name stands in this namespace, or is that of its top (`INBOX` under `INBOX.`).
    fn holds(&self, name: &RawName) -> bool {
        let prefix = &self.prefix.0;
        let top = prefix.strip_suffix(self.delimiter.map(String::from).unwrap_or_default().as_bytes());
        begins_with(&name.0, prefix)
            || top.is_some_and(|top| top.len() == name.0.len() && begins_with(&name.0, top) && !top.is_empty())
    }
}

/// Whether an octet string begins so; INBOX at its beginning has no case (RFC 9051 5.1).
fn begins_with(name: &[u8], prefix: &[u8]) -> bool {
    let inbox = prefix.get(..INBOX.len()).map_or(0, |start| if is_inbox(start) { INBOX.len() } else { 0 });
    name.len() >= prefix.len()
        && name[..inbox].eq_ignore_ascii_case(&prefix[..inbox])
        && name[inbox..].starts_with(&prefix[inbox..])
}

const INBOX: &[u8] = b"INBOX";

fn is_inbox(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(INBOX)
}

/// All namespaces of a session, as the server tells them. None where it has no NAMESPACE: then every name is the user's
/// own.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Namespaces(pub Vec<(Owner, Namespace)>);

impl Namespaces {
    /// Whose a mailbox is: the longest matching prefix over all namespaces decides, the empty one included. A name in
    /// no namespace is the user's own.
    pub fn owner(&self, name: &RawName) -> Owner {
        if is_inbox(&name.0) {
            return Owner::User;
        }
        let matching = self.0.iter().filter(|(_, namespace)| namespace.holds(name));
        let longest = matching.max_by_key(|(owner, namespace)| (namespace.prefix.0.len(), Reverse(*owner)));
        longest.map_or(Owner::User, |(owner, _)| *owner)
    }

    /// The personal namespace whose prefix is no part of a mailbox's name: the one without a prefix, else the one below
    /// INBOX, else the first.
    pub fn home(&self) -> Option<&Namespace> {
        let rank = |namespace: &Namespace| match namespace.prefix.0.as_slice() {
            [] => 0,
            prefix if begins_with(prefix, INBOX) => 1,
            _ => 2,
        };
        self.personal().min_by_key(|namespace| rank(namespace))
    }

    /// The other personal ones: their prefix is the top of their mailboxes' names.
    pub fn further(&self) -> impl Iterator<Item = &Namespace> {
        self.personal().filter(|namespace| Some(*namespace) != self.home())
    }

    fn personal(&self) -> impl Iterator<Item = &Namespace> {
        self.0.iter().filter(|(owner, _)| *owner == Owner::User).map(|(_, namespace)| namespace)
    }
}

/// What a listing names besides the user's own mailboxes.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Names {
    pub namespaces: Namespaces,
    /// Other users' and shared mailboxes: at most [`FOREIGN_NAMED`], the rest is counted.
    pub foreign: Vec<Foreign>,
    pub foreign_unnamed: u64,
    /// What cannot be told from another name, or not be sent back to the server.
    pub unreadable: Vec<Unreadable>,
}

/// How many foreign mailboxes are named: an organisation may share a hundred thousand with everyone.
pub const FOREIGN_NAMED: usize = 1000;

/// A mailbox that is not the user's own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Foreign {
    pub name: MailboxName,
    pub owner: Owner,
}

/// A line of a listing that names something which cannot be asked for: it stays behind.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Unreadable {
    /// As the server wrote it, made harmless for a terminal.
    pub name: String,
    /// Why, as a clause.
    pub reason: String,
}

/// What a user can do about such a name.
pub const RENAME_IT: &str = "rename it on the source, then run `mailferry sync`";

#[cfg(test)]
mod tests {
    use super::*;

    fn namespaces(told: &[(Owner, &str, char)]) -> Namespaces {
        let namespace = |(owner, prefix, delimiter): &(Owner, &str, char)| {
            (*owner, Namespace { prefix: RawName(prefix.as_bytes().to_vec()), delimiter: Some(*delimiter) })
        };
        Namespaces(told.iter().map(namespace).collect())
    }

    fn owner(namespaces: &Namespaces, name: &str) -> Owner {
        namespaces.owner(&RawName(name.as_bytes().to_vec()))
    }

    #[test]
    fn owner_longest_prefix_decides_the_empty_one_included() {
        use Owner::{Everyone, OtherUser, User};
        let cyrus = namespaces(&[(User, "INBOX.", '.'), (OtherUser, "user.", '.'), (Everyone, "", '.')]);
        let names = [("INBOX", User), ("inbox.Sent", User), ("user.bob", OtherUser), ("user", OtherUser)];
        let shared = [("Archiv", Everyone), ("INBOXES", Everyone), ("users", Everyone)];
        for (name, expected) in names.into_iter().chain(shared) {
            assert_eq!(owner(&cyrus, name), expected, "{name}");
        }
        let nested = namespaces(&[(User, "", '/'), (Everyone, "Public/", '/'), (User, "Public/mine/", '/')]);
        let names = [("a", User), ("Public", Everyone), ("Public/a", Everyone), ("Public/mine/a", User)];
        for (name, expected) in names {
            assert_eq!(owner(&nested, name), expected, "{name}");
        }
    }

    #[test]
    fn owner_without_namespaces_or_in_none_of_them_is_the_user() {
        assert_eq!(owner(&Namespaces::default(), "a"), Owner::User);
        assert_eq!(owner(&namespaces(&[(Owner::User, "INBOX.", '.')]), "a"), Owner::User);
        assert_eq!(owner(&namespaces(&[(Owner::Everyone, "", '/'), (Owner::User, "", '/')]), "a"), Owner::User);
    }

    #[test]
    fn home_is_the_one_without_a_prefix_whatever_the_order() {
        let prefix = |namespaces: &Namespaces| namespaces.home().map(|home| home.prefix.clone());
        let two = namespaces(&[(Owner::User, "Archive/", '/'), (Owner::User, "", '/')]);
        assert_eq!(prefix(&two), Some(RawName(Vec::new())));
        assert_eq!(two.further().count(), 1);
        let below = namespaces(&[(Owner::User, "Archive/", '/'), (Owner::User, "INBOX.", '.')]);
        assert_eq!(prefix(&below), Some(RawName(b"INBOX.".to_vec())));
        assert_eq!(prefix(&namespaces(&[(Owner::Everyone, "", '/')])), None);
    }
}
