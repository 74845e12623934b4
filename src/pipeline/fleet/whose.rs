//! Whose mailbox is it? After a login for somebody else nothing proves it: a proxy may drop the authorization identity, and a
//! tunnel may give everyone the same. Two accounts of a run that see one INBOX end it.

use crate::error::{Error, Kind, Scope};
use crate::model::{InternalDate, RawName, ServerId, Side, SyncPoint, Uid, UidValidity};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// By what an account's mailboxes on one side are known again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Likeness {
    /// Of the INBOX, where the server tells one: it alone decides.
    object_id: Option<String>,
    seen: Seen,
}

/// Told apart by this where there is no object ID. That all of it agrees by chance takes two accounts that were made within a
/// second, and that hold the same.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Seen {
    uid_validity: UidValidity,
    uid_next: Option<Uid>,
    last: (Uid, u64, Option<i64>),
    /// Over the names and UIDVALIDITYs of all mailboxes.
    mailboxes: u64,
}

impl Likeness {
    /// `None` where nothing is seen that would tell it from another: an INBOX that has no ID, and is empty or without a lasting
    /// UIDVALIDITY.
    pub fn new(
        object_id: Option<String>,
        inbox: SyncPoint,
        last: Option<(Uid, u64, Option<InternalDate>)>,
        mailboxes: impl Iterator<Item = (RawName, UidValidity)>,
    ) -> Option<Likeness> {
        if object_id.is_none() && (last.is_none() || !inbox.uid_validity.is_lasting()) {
            return None;
        }
        let mut mailboxes: Vec<_> = mailboxes.collect();
        mailboxes.sort_unstable();
        let mut hasher = DefaultHasher::new();
        mailboxes.iter().for_each(|(name, validity)| (name, validity.0).hash(&mut hasher));
        let (uid, octets, date) = last.unwrap_or((Uid(0), 0, None));
        let seen = Seen {
            uid_validity: inbox.uid_validity,
            uid_next: inbox.uid_next,
            last: (uid, octets, date.map(|date| date.0)),
            mailboxes: hasher.finish(),
        };
        Some(Likeness { object_id, seen })
    }

    fn is(&self, other: &Likeness) -> bool {
        match (&self.object_id, &other.object_id) {
            (Some(own), Some(other)) => own == other,
            _ => self.seen == other.seen && self.seen.last.0.0 > 0 && self.seen.uid_validity.is_lasting(),
        }
    }
}

/// What the accounts of a run saw.
#[derive(Default)]
pub struct Whose {
    claims: Mutex<Claims>,
    /// Servers of which two different accounts were seen: each by itself, so that one waits for another's proof.
    proofs: Mutex<HashMap<ServerId, std::sync::Arc<Mutex<bool>>>>,
}

#[derive(Default)]
struct Claims {
    by_user: HashMap<(ServerId, String), (String, Likeness)>,
    by_id: HashMap<(ServerId, String), String>,
    by_seen: HashMap<(ServerId, Seen), String>,
    /// Two accounts saw one INBOX.
    conflict: Option<Error>,
}

impl Whose {
    /// What an account sees on that side; the user is whom it asked for.
    ///
    /// # Errors
    /// `Authorization` where another user's account saw the same: the run is over.
    pub fn claim(
        &self,
        (server, side): (ServerId, Side),
        (account, user): (&str, &str),
        likeness: Likeness,
    ) -> Result<(), Error> {
        let mut claims = lock(&self.claims);
        if let Some(other) = claims.other(server, user, &likeness) {
            let error = one_and_the_same(side, account, &other);
            return Err(claims.conflict.get_or_insert(error).clone());
        }
        if let Some(id) = &likeness.object_id {
            claims.by_id.insert((server, id.clone()), user.to_owned());
        }
        claims.by_seen.insert((server, likeness.seen.clone()), user.to_owned());
        claims.by_user.insert((server, user.to_owned()), (account.to_owned(), likeness));
        Ok(())
    }

    /// Whether two users of two servers were seen to have one and the same mailboxes.
    pub fn are_alike(&self, one: (ServerId, &str), other: (ServerId, &str)) -> bool {
        let claims = lock(&self.claims);
        let seen = |(server, user): (ServerId, &str)| Some(&claims.by_user.get(&(server, user.to_owned()))?.1);
        seen(one).zip(seen(other)).is_some_and(|(one, other)| one.is(other))
    }

    /// Why the run is over, if it is.
    pub fn conflict(&self) -> Option<Error> {
        lock(&self.claims).conflict.clone()
    }

    /// Whether that user's account, or another's, was seen there.
    pub fn is_seen(&self, server: ServerId, holds: impl Fn(&str) -> bool) -> bool {
        lock(&self.claims).by_user.keys().any(|(place, user)| *place == server && holds(user))
    }

    /// Whether it was proved that the server opens what it is asked for.
    pub fn proof(&self, server: ServerId) -> std::sync::Arc<Mutex<bool>> {
        lock(&self.proofs).entry(server).or_default().clone()
    }
}

impl Claims {
    /// The account of another user that saw the same.
    fn other(&self, server: ServerId, user: &str, likeness: &Likeness) -> Option<String> {
        let by_id = likeness.object_id.as_ref().and_then(|id| self.by_id.get(&(server, id.clone())));
        let candidates = by_id.into_iter().chain(self.by_seen.get(&(server, likeness.seen.clone())));
        let mut known = candidates.filter_map(|other| self.by_user.get(&(server, other.clone())).map(|it| (other, it)));
        let found = known.find(|(other, (_, seen))| other.as_str() != user && seen.is(likeness));
        found.map(|(_, (account, _))| account.clone())
    }
}

fn one_and_the_same(side: Side, account: &str, other: &str) -> Error {
    Error::new(
        Kind::Authorization,
        format!("`{account}` and `{other}` have one and the same INBOX on the {side}: the run was stopped"),
    )
    .scope(Scope::Run)
    .because("the server opens another mailbox than it is asked for, or both accounts are one person's")
    .hint(
        "with a master user, a proxy may drop the authorization identity: name the server behind it, or try master_style = \
         \"separator\"; a tunnel needs `{user}` in its command; two names of one person are one account",
    )
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn likeness(id: Option<&str>, last: u32, mailbox: &str) -> Option<Likeness> {
        let inbox = SyncPoint { uid_validity: UidValidity(7), uid_next: Some(Uid(9)), ..SyncPoint::default() };
        let last = (last > 0).then_some((Uid(last), 100, None));
        let mailboxes = [(RawName(mailbox.as_bytes().to_vec()), UidValidity(1))];
        Likeness::new(id.map(str::to_owned), inbox, last, mailboxes.into_iter())
    }

    /// Whether two users may have these.
    fn differ(first: Option<Likeness>, second: Option<Likeness>) -> bool {
        let whose = Whose::default();
        let place = (ServerId(0), Side::Source);
        whose.claim(place, ("a", "a"), first.unwrap()).unwrap();
        whose.claim((ServerId(1), Side::Source), ("b", "b"), second.clone().unwrap()).expect("on another server");
        whose.claim(place, ("b", "b"), second.unwrap()).is_ok()
    }

    #[test]
    fn claim_of_one_inbox_by_two_users_is_refused() {
        assert!(!differ(likeness(None, 8, "x"), likeness(None, 8, "x")));
        assert!(!differ(likeness(Some("i"), 8, "x"), likeness(Some("i"), 9, "y")), "it changed meanwhile");
        assert!(!differ(likeness(Some("i"), 8, "x"), likeness(None, 8, "x")));
    }

    #[test]
    fn claim_of_what_differs_is_taken() {
        assert!(differ(likeness(None, 8, "x"), likeness(None, 7, "x")));
        assert!(differ(likeness(None, 8, "x"), likeness(None, 8, "y")));
        assert!(differ(likeness(Some("i"), 8, "x"), likeness(Some("j"), 8, "x")), "made within a second");
        assert!(differ(likeness(Some("i"), 0, "x"), likeness(Some("j"), 0, "x")));
        assert_eq!(likeness(None, 0, "x"), None, "an empty one says nothing");
    }

    #[test]
    fn mailboxes_on_two_servers_are_alike_where_all_that_is_seen_agrees() {
        let whose = Whose::default();
        let [source, destination] = [(ServerId(0), Side::Source), (ServerId(1), Side::Destination)];
        whose.claim(source, ("a", "u"), likeness(None, 8, "x").unwrap()).unwrap();
        assert!(!whose.are_alike((ServerId(0), "u"), (ServerId(1), "v")), "the other was not seen yet");
        whose.claim(destination, ("a", "v"), likeness(None, 9, "x").unwrap()).unwrap();
        assert!(!whose.are_alike((ServerId(0), "u"), (ServerId(1), "v")));
        whose.claim(destination, ("a", "v"), likeness(None, 8, "x").unwrap()).unwrap();
        assert!(whose.are_alike((ServerId(0), "u"), (ServerId(1), "v")));
    }

    #[test]
    fn claim_is_renewed_and_shared_by_accounts_of_one_user() {
        let whose = Whose::default();
        let claim = |account, likeness: Option<Likeness>| {
            whose.claim((ServerId(0), Side::Source), (account, "u"), likeness.unwrap())
        };
        claim("a", likeness(None, 8, "x")).unwrap();
        claim("a", likeness(None, 9, "x")).unwrap();
        claim("b", likeness(None, 9, "x")).unwrap();
        assert!(whose.conflict().is_none());
    }
}
