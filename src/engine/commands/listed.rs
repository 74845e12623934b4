//! What listing an account gives: its mailboxes, each in one of three places.

use crate::model::mailbox::{Attribute, MailboxName, SyncPoint};
use crate::model::namespace::{Names, Namespace};
use crate::model::server::Quota;

/// One mailbox, as listed.
#[derive(Clone, PartialEq, Debug)]
pub struct ListedMailbox {
    pub name: MailboxName,
    pub delimiter: Option<char>,
    pub attributes: Vec<Attribute>,
    pub subscribed: bool,
    /// What STATUS says; `None` where it says nothing.
    pub status: Option<SyncPoint>,
}

impl ListedMailbox {
    /// Whether it can hold messages.
    pub fn is_selectable(&self) -> bool {
        use Attribute::{NoSelect, NonExistent, Remote};
        !self.attributes.iter().any(|attribute| matches!(attribute, NoSelect | NonExistent | Remote))
    }
}

/// All mailboxes that the server lists, each in one of three places.
#[derive(Clone, PartialEq, Debug)]
pub struct Listing {
    /// See `Namespaces::home`.
    pub namespace: Namespace,
    /// The user's own, of all personal namespaces.
    pub mailboxes: Vec<ListedMailbox>,
    /// Other users' and shared ones.
    pub foreign: Vec<ListedMailbox>,
    /// The namespaces, the names of the foreign ones, and what cannot be read.
    pub names: Names,
    /// What the server says of its namespaces, where that cannot be understood.
    pub odd_namespaces: Option<String>,
    /// What the server calls the INBOX among all mailboxes that it has, where it tells.
    pub inbox_id: Option<String>,
    /// Why it is not known what is subscribed, where that was asked.
    pub subscriptions_refused: Option<String>,
    /// What the INBOX counts against; none where there is no limit, or no QUOTA extension.
    pub quotas: Vec<Quota>,
}
