//! The nouns: plain data that is handed from stage to stage. No I/O, no clock, no other rooms.
//!
//! A type lives here when more than one room needs it; what is used inside one room is private to that room.

pub mod about;
pub mod account;
pub mod account_report;
pub mod agreement;
pub mod amount;
pub mod attempt;
pub mod audit;
pub mod balance;
pub mod condition;
pub mod content;
pub mod difference;
pub mod digest;
pub mod failures;
pub mod fingerprint;
pub mod flags;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod keeps;
pub mod ledger;
pub mod limits;
pub mod link;
pub mod losses;
pub mod mailbox;
pub mod namespace;
pub mod notify;
pub mod oauth;
pub mod outcome;
pub mod plan;
pub mod policy;
pub mod presence;
pub mod record;
pub mod remembered;
pub mod replaced;
pub mod report;
pub mod run_ledger;
pub mod secret;
pub mod server;
pub mod shard;
pub mod statistics;
pub mod uid;
pub mod utf7;

pub use account::{Account, ServerId, Side};
pub use agreement::Agreement;
pub use attempt::{Attempt, Step};
pub use condition::{Condition, Mark, Turn};
pub use content::Content;
pub use digest::Digest;
pub use flags::{FlagCapacity, Flags, SystemFlag};
pub use keeps::Keeps;
pub use ledger::{AccountLedger, MailboxCondition};
pub use link::{Link, LinkOrigin, PairState, Pairing};
pub use losses::Losses;
pub use mailbox::{Attribute, MailboxName, MailboxState, RawName, SpecialUse, SyncPoint};
pub use namespace::{Names, Namespace};
pub use outcome::{Outcome, Outcomes};
pub use presence::Presence;
pub use record::{InternalDate, Listed, MessageRecord};
pub use remembered::Remembered;
pub use replaced::Replaced;
pub use secret::Secret;
pub use server::{Server, SideState};
pub use uid::{ModSeq, Uid, UidSet, UidValidity};
