//! The diff: two snapshots, the links between them and the policy become a plan. Pure.
//!
//! What it is not: it reads no clock, opens no file and talks to no server. The same input gives the same plan,
//! always; so ten thousand generated cases run in seconds (`tests/diff_properties`, `tests/mapping_properties.rs`).
//!
//! 1. Every source mailbox ends as a pair or as an omission with a reason ([`routing`]); only plain parents
//!    that hold nothing but children pass in silence.
//! 2. No two pairs share a destination mailbox.
//! 3. Every source message is present, copied, to be copied, skipped with a reason, or departed ([`comparing`]).
//! 4. A destination message is the copy of at most one source message.
//! 5. Once a plan is done, the next one is empty.
//! 6. Nothing that the destination's user did is undone: flags that the source did not change stay, and what was
//!    deleted there stays deleted unless the policy says otherwise.
//! 7. Nothing goes from the destination but what we put there (`comparing/removals.rs`).

pub mod agreements;
pub mod comparing;
mod copies;
pub mod fit;
pub mod labels;
pub mod moves;
pub mod policy;
pub mod renames;
pub mod rollback;
pub mod routing;
pub mod share;
pub mod verdict;
pub mod verification;
