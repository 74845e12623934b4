//! The state on disk: what was seen of both servers, what was tied together, and what is to be done.
//!
//! It is not the truth: the servers are. Whatever is lost or damaged here costs a scan, never a message. It knows no
//! protocol and no network, decides nothing, and holds no secret. It is the only home of sled and bincode.
//!
//! - `keys`: where each value stands; `codec`: how it is sealed, so that damage is noticed; `kinds`: which type it is.
//! - `handle`: an open state. `database`: the one sled tree, behind a wall that turns its panics (`panics`) into errors (`obstacle`);
//!   `opening`: the one place that opens it.
//! - `directory`, `ownership`, `lock`, `lease`, `damage`: the directory, whose it is, who holds it, and what happens when it is
//!   damaged; `faults`: in words. [`machine`]: where we are.
//! - `files`, `marks`, `gate`, [`audit`]: files beside the database, for other processes as well; [`halt`]: one for those of other states,
//!   [`bulletin`]: what those are told.
//! - `account`, `agreements`, `listing`, `listing_writer`, `pairs`, `turning`, `reach`, `checkpoint`, `carrying`, `remembered`, `replaced`, `spoilt`, `leftovers`, `renaming`, `contents`,
//!   `verified`, `gmail_ids`, `plans`, `status`, `failures`, `settlement`, `journal`, `by_copy`: what [`AccountStore`] can do.
//! - `pieces`: lists of any length. `mailbox_header`, `pair_header`: what stands over records and links; `tally`: what they add up to.
//! - `moving`: accounts that go from one state to another; `roster`: whose accounts a state holds, for those who do not hold it.
//! - `leaves`: how many messages share a value; `entries`: the messages of a mailbox, read one by one and counted.
//!
//! Invariants:
//!
//! 1. A value is returned only as it was written under that key; anything else is an error of [`Kind::Damaged`].
//! 2. A header goes first and comes back last: what stands under a header (records, links, pieces of a plan) is
//!    replaced only while the header is void or gone, so that a crash leaves less, never something else.
//! 3. Nothing written is durable before [`Store::flush`] has returned.
//! 4. One process holds a state directory, for as long as a [`Store`] of it lives.
//!
//! How much is damaged is told by the scope of the error of [`Kind::Damaged`]: [`Scope::Mailbox`] is repaired by a new
//! listing ([`AccountStore::relist`]) or new links ([`AccountStore::reset_pair`]), [`Scope::Account`] by
//! [`AccountStore::forget_everything`]; after [`Kind::State`] of [`Scope::Run`] nothing more is read or written, and where it was damage,
//! the next [`Store::open`] sets the data aside and starts anew.
//!
//! [`Kind::State`]: crate::error::Kind::State
//! [`Kind::Damaged`]: crate::error::Kind::Damaged
//! [`Scope::Mailbox`]: crate::error::Scope::Mailbox
//! [`Scope::Account`]: crate::error::Scope::Account
//! [`Scope::Run`]: crate::error::Scope::Run

mod about;
mod account;
mod agreements;
mod attempts;
pub mod audit;
pub mod bulletin;
mod by_copy;
mod carrying;
mod checkpoint;
mod codec;
mod contents;
mod damage;
mod database;
mod directory;
mod entries;
mod failures;
mod faults;
mod files;
mod found;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod gate;
mod gmail_ids;
pub mod halt;
mod handle;
mod journal;
mod keys;
mod kinds;
mod late;
mod lease;
mod leaves;
mod leftovers;
mod listing;
mod listing_writer;
mod lock;
pub mod machine;
mod mailbox_header;
mod marks;
mod moving;
mod obstacle;
mod older;
mod opening;
mod ownership;
mod pair_header;
mod pairs;
mod panics;
mod pieces;
mod plans;
mod quiet;
mod reach;
mod remembered;
mod renaming;
mod replaced;
mod roster;
mod seen_flags;
mod settlement;
mod spoilt;
mod status;
mod tally;
mod turning;
mod verified;

pub use account::{AccountStore, Binding};
pub use by_copy::ByCopy;
pub use checkpoint::{CHECKPOINT_LINKS, Exceptions, Links};
pub use contents::Contents;
pub use entries::Entries;
pub use gate::Gate;
pub use handle::Store;
pub use leaves::Lookup;
pub use listing::Records;
pub use listing_writer::ListingWriter;
pub use marks::{Marks, mark, marks};
pub use moving::Moved;
pub use pair_header::SideReach;
pub use pieces::ListWriter;
pub use reach::Reach;
pub use roster::{Roster, roster};
pub use verified::Verified;

#[cfg(test)]
mod tests;
