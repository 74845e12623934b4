//! An account whose users act on either server, and the books of what they did: the model that two-way mode is held to.
//!
//! - [`history`]: what happens to an account, as a seed has it.
//! - [`books`]: what came and went, and what must be there by that.
//! - [`fake`], [`real`]: where a user's mail is.
//!
//! What holds, for each message by its octets and mailbox by mailbox, whatever its name has become:
//!
//! 1. After each run what nobody removed is in its mailbox, on one side at least.
//! 2. After each run there are no more of a message than users ever had there, on either side.
//! 3. When nothing more happens, both sides are equal, names, flags and all; and what a user removed is gone from both, unless it
//!    was changed, or nobody could know any more that it was there.
//! 4. A further run changes nothing.

pub mod books;
pub mod fake;
pub mod history;
pub mod real;

use super::imap::{FetchedMessage, NewMessage};

/// One side of an account, as its user sees it. Names are in the notation of [`super::name`], with `/`; flags in small letters.
pub trait Home: Send {
    fn names(&self) -> Vec<String>;

    /// What a mailbox that is there holds, by UID.
    fn messages(&self, mailbox: &str) -> Vec<FetchedMessage>;

    fn create(&self, mailbox: &str);

    fn add(&self, mailbox: &str, message: &NewMessage);

    fn expunge(&self, mailbox: &str, uid: u32);

    /// Files a message elsewhere.
    fn relocate(&self, mailbox: &str, uid: u32, to: &str);

    fn reflag(&self, mailbox: &str, uid: u32, flag: &str, is_set: bool);

    /// Gives a mailbox another UIDVALIDITY, and its messages other UIDs. Whether that can be done.
    fn renumber(&self, mailbox: &str) -> bool;

    /// Renames a mailbox with all that is below it. Whether it is the same one afterwards, by its UIDVALIDITY.
    fn rename(&self, mailbox: &str, to: &str) -> bool;
}
