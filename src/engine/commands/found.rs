//! What the responses to the listing of an account tell, gathered while they come and put together behind the last.

use super::inbox::object_id;
use super::list_line::{ListLine, Misread, list_line, shown};
use super::listed::{ListedMailbox, Listing};
use super::mailbox_status::{status_line, status_of};
use super::namespaces::namespaces;
use super::quota::quota_line;
use crate::engine::wire::response::Response;
use crate::error::{Error, Kind, Result, sanitized};
use crate::model::mailbox::{RawName, SyncPoint};
use crate::model::namespace::{FOREIGN_NAMED, Foreign, Names, Namespace, Namespaces, Owner, Unreadable};
use crate::model::server::Quota;
use std::collections::{HashMap, HashSet};

/// How many octets of responses the listing of one account may bring, so that a server that never ends does not fill the
/// memory: more than any account has.
const LISTING_OCTETS: u64 = 12 << 20;

/// An account has a handful of quotas.
const QUOTAS: usize = 100;

#[derive(Default)]
pub(in crate::engine) struct Found {
    /// Octets so far.
    octets: u64,
    /// Lines of a listing that cannot be understood.
    unreadable: Vec<Unreadable>,
    quotas: Vec<Quota>,
    namespaces: Namespaces,
    odd_namespaces: Option<String>,
    inbox_id: Option<String>,
    lines: Vec<ListLine>,
    subscribed: HashSet<RawName>,
    pub(super) subscriptions_refused: Option<String>,
    statuses: HashMap<RawName, SyncPoint>,
}

impl Found {
    pub(in crate::engine) fn take(&mut self, mut response: Response) -> Result<()> {
        let text = response.text().to_ascii_uppercase();
        self.octets = self.octets.saturating_add(response.weight());
        if self.octets > LISTING_OCTETS {
            let mebibytes = LISTING_OCTETS >> 20;
            let what = format!("the server sent more than {mebibytes} MiB of responses to the listing of an account");
            return Err(Error::new(Kind::Protocol, what));
        }
        if text.starts_with(b"* LIST ") {
            match list_line(&mut response) {
                Ok(line) => self.lines.push(line),
                Err(Misread::Line(unreadable)) => self.unreadable.push(unreadable),
                Err(Misread::Root) => {}
            }
        } else if text.starts_with(b"* LSUB ") {
            // A parent of what is subscribed comes as `\Noselect`, and is not subscribed itself (RFC 3501 6.3.9).
            let line = list_line(&mut response).ok().filter(|line| !line.has(r"\Noselect"));
            self.subscribed.extend(line.map(|line| line.raw));
        } else if text.starts_with(b"* STATUS ") {
            self.inbox_id = self.inbox_id.take().or_else(|| object_id(&response));
            self.statuses.extend(status_line(&mut response));
        } else if text.starts_with(b"* QUOTA ") {
            self.quotas.extend(quota_line(&mut response).unwrap_or_default());
            self.quotas.truncate(QUOTAS);
        } else if text.starts_with(b"* NAMESPACE ") {
            match namespaces(&mut response) {
                Some(namespaces) => self.namespaces = namespaces,
                None => self.odd_namespaces = Some(sanitized(&String::from_utf8_lossy(response.text()))),
            }
        }
        Ok(())
    }

    /// What came of a form of LIST that was refused in the end.
    pub(super) fn forget_lines(&mut self) {
        self.lines.clear();
        self.unreadable.clear();
        self.statuses.clear();
    }

    pub(in crate::engine) fn into_listing(mut self) -> Listing {
        let delimiter = self.lines.iter().find_map(|line| line.delimiter);
        let namespace = self.namespaces.home().cloned();
        let namespace = namespace.unwrap_or(Namespace { prefix: RawName(Vec::new()), delimiter });
        let mut listing = Listing {
            mailboxes: Vec::new(),
            foreign: Vec::new(),
            names: Names { unreadable: std::mem::take(&mut self.unreadable), ..Names::default() },
            odd_namespaces: self.odd_namespaces.take(),
            inbox_id: self.inbox_id.take(),
            subscriptions_refused: self.subscriptions_refused.take(),
            quotas: std::mem::take(&mut self.quotas),
            namespace,
        };
        let mut seen = HashSet::new();
        for line in self.lines.iter().filter(|line| seen.insert(&line.raw)) {
            self.place(line, &mut listing);
        }
        listing.mailboxes.sort_by(|a, b| a.name.levels.cmp(&b.name.levels));
        listing.names.namespaces = self.namespaces;
        listing
    }

    fn place(&self, line: &ListLine, listing: &mut Listing) {
        let owner = self.namespaces.owner(&line.raw);
        if line.is_unusable() {
            let reason = "its name holds a line end or a NUL, and cannot be sent to a server".to_owned();
            listing.names.unreadable.push(Unreadable { name: shown(&line.raw.0), reason });
            return;
        }
        let listed = self.listed(line, &listing.namespace);
        if owner == Owner::User {
            listing.mailboxes.push(listed);
        } else if !line.is_container() {
            match listing.foreign.len() < FOREIGN_NAMED {
                true => listing.names.foreign.push(Foreign { name: listed.name.clone(), owner }),
                false => listing.names.foreign_unnamed += 1,
            }
            listing.foreign.push(listed);
        }
    }

    fn listed(&self, line: &ListLine, home: &Namespace) -> ListedMailbox {
        ListedMailbox {
            name: line.name(home),
            delimiter: line.delimiter,
            attributes: line.attributes(),
            subscribed: line.has("\\Subscribed") || self.subscribed.contains(&line.raw),
            status: status_of(&self.statuses, &line.raw),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::mailbox::{Attribute, SpecialUse};

    fn listing(lines: &[&str]) -> Listing {
        let mut found = Found::default();
        lines.iter().for_each(|line| found.take(Response::from_text(line)).unwrap());
        found.into_listing()
    }

    fn named(listing: &Listing) -> Vec<String> {
        listing.names.foreign.iter().map(|foreign| foreign.name.path()).collect()
    }

    /// All personal namespaces are the user's, and only the home's prefix is no part of a name.
    #[test]
    fn listing_mailboxes_of_every_personal_namespace_take_part() {
        let listing = listing(&[
            r#"* NAMESPACE (("INBOX." ".")("Archive/" "/")) (("user." ".")) (("" "."))"#,
            r#"* LIST () "." INBOX"#,
            r#"* LIST () "." INBOX.Sent"#,
            r#"* LIST () "/" Archive/2011/May"#,
            r#"* LIST () "." Archiv"#,
            r#"* LIST (\Noselect) "." user"#,
            r#"* LIST () "." user.bob"#,
        ]);
        let paths: Vec<_> = listing.mailboxes.iter().map(|mailbox| mailbox.name.path()).collect();
        assert_eq!(paths, ["Archive/2011/May", "INBOX", "Sent"]);
        assert_eq!(named(&listing), ["Archiv", "user/bob"]);
        assert_eq!(
            listing.names.foreign.iter().map(|foreign| foreign.owner).collect::<Vec<_>>(),
            [Owner::Everyone, Owner::OtherUser]
        );
    }

    #[test]
    fn listing_what_is_not_understood_is_named_and_ends_nothing() {
        let listing = listing(&[
            r#"* LIST () "/" My Letters"#,
            r#"* LIST () "/" "#,
            r#"* LIST () "/" """#,
            r#"* LIST (\Noselect) "/" """#,
            r#"* LIST () "/" "open"#,
            r#"* LIST broken"#,
            r#"* LIST () "/" "extended" ("CHILDINFO" ("SUBSCRIBED"))"#,
            r#"* LIST () "/" plain"#,
        ]);
        let names: Vec<_> = listing.names.unreadable.iter().map(|unreadable| unreadable.name.as_str()).collect();
        assert_eq!(names, ["My Letters", "", r#"* LIST () "/" """#, r#""open"#, "* LIST broken"]);
        let paths: Vec<_> = listing.mailboxes.iter().map(|mailbox| mailbox.name.path()).collect();
        assert_eq!(paths, ["extended", "plain"]);
    }

    #[test]
    fn listing_prefix_is_stripped_and_other_namespaces_are_left_out() {
        let listing = listing(&[
            r##"* NAMESPACE (("INBOX." ".")) NIL (("#shared." ".")("shared." "."))"##,
            r#"* LIST (\HasChildren) "." INBOX"#,
            r#"* LIST (\Subscribed \Sent) "." "INBOX.Sent &AOk-""#,
            r#"* LIST () "." "shared.team""#,
            r#"* LIST () "." "shared""#,
            r#"* STATUS inbox (MESSAGES 3 UIDNEXT 9 UIDVALIDITY 7 HIGHESTMODSEQ 5)"#,
        ]);
        let paths: Vec<_> = listing.mailboxes.iter().map(|mailbox| mailbox.name.path()).collect();
        assert_eq!(paths, ["INBOX", "Sent é"]);
        assert_eq!(named(&listing), ["shared/team", "shared"]);
        assert_eq!(listing.mailboxes[0].status.unwrap().messages, 3);
        assert!(listing.mailboxes[1].subscribed);
        assert_eq!(listing.mailboxes[1].attributes, [Attribute::SpecialUse(SpecialUse::Sent)]);
    }

    /// Courier's `INBOX.INBOX` is not the INBOX.
    #[test]
    fn listing_an_inbox_below_the_inbox_has_a_name_of_its_own() {
        let listing = listing(&[
            r#"* NAMESPACE (("INBOX." ".")) NIL NIL"#,
            r#"* LIST () "." INBOX"#,
            r#"* LIST () "." INBOX.INBOX"#,
            r#"* LIST () "." INBOX.Inbox.Old"#,
            r#"* LIST () "." INBOX.INBOXES"#,
        ]);
        let paths: Vec<_> = listing.mailboxes.iter().map(|mailbox| mailbox.name.path()).collect();
        assert_eq!(paths, ["INBOX", "INBOX/INBOX", "INBOX/Inbox/Old", "INBOXES"]);
    }

    #[test]
    fn listing_status_lines_are_matched_by_name() {
        let listing = listing(&[
            r#"* LIST () "/" a"#,
            r#"* LIST () "/" "b""#,
            r#"* STATUS "b" (UIDVALIDITY 2 MESSAGES 20)"#,
            r#"* STATUS a (MESSAGES 10 UIDVALIDITY 1 HIGHESTMODSEQ 0)"#,
        ]);
        let messages: Vec<_> = listing.mailboxes.iter().map(|mailbox| mailbox.status.unwrap().messages).collect();
        assert_eq!(messages, [10, 20]);
        assert_eq!(listing.mailboxes[0].status.unwrap().highest_modseq, None);
    }

    #[test]
    fn listing_odd_names_stay_usable() {
        let listing = listing(&[r#"* LIST () "/" "&bad/x\"y""#, r#"* LIST () NIL flat/name"#]);
        let levels: Vec<_> = listing.mailboxes.iter().map(|mailbox| mailbox.name.levels.clone()).collect();
        assert_eq!(levels, [vec!["&bad".to_owned(), "x\"y".to_owned()], vec!["flat/name".to_owned()]]);
        assert_eq!(listing.mailboxes[0].name.raw.0, b"&bad/x\"y");
    }
}
