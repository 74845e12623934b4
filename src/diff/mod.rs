//! The diff: two snapshots, the links between them and the policy become a plan. Pure.
//!
//! What it is not: it reads no clock, opens no file and talks to no server. The same input gives the same plan,
//! always; so ten thousand generated cases run in seconds (`tests/diff_properties.rs`).
//!
//! 1. Every source mailbox ends as a pair or as an omission with a reason ([`mailboxes`]); only plain parents
//!    that hold nothing but children pass in silence.
//! 2. No two pairs share a destination mailbox.
//! 3. Every source message is present, copied, to be copied, skipped with a reason, or departed ([`messages`]).
//! 4. A destination message is the copy of at most one source message.
//! 5. Once a plan is done, the next one is empty.
//! 6. Nothing that the destination's user did is undone: flags that the source did not change stay, and what was
//!    deleted there stays deleted unless the policy says otherwise.
//! 7. Nothing goes from the destination but what we put there (`removals`).

mod filter;
pub mod fit;
mod flags;
mod levels;
mod links;
pub mod mailboxes;
mod matching;
pub mod messages;
mod names;
mod part;
pub mod policy;
mod removals;
mod rename;
pub mod rollback;
mod roster;
mod routes;
mod settlement;
mod special_use;
pub mod verification;
