//! mailferry moves IMAP mailboxes from one server to another: scan, plan, apply, resync, verify.
//!
//! This page is the map of the house; an import only ever goes down:
//!
//! ```text
//! main → cli → pipeline → { engine · store · diff } → model → error
//!        cli → config → model        cli → report → model        cli → serve → model
//! ```
//!
//! - [`cli`]: words in, words out: arguments, progress, exit status.
//! - [`config`]: the settings file, the accounts and the passwords, turned into `model` types.
//! - [`pipeline`]: the story, one file a command; the only place where engine, store and diff meet. Its rooms: `survey`
//!   (what is there), `transfer` (how it gets across), `fleet` (accounts side by side).
//! - [`report`]: a plan, a verification or a status made readable, as text and as JSON.
//! - [`serve`]: a run watched from outside: a page, and figures for machines.
//! - [`engine`]: IMAP. Its rooms: `wire` (octets), `conversation` (sessions), `commands`, `login`.
//! - [`store`]: the state on disk: snapshots, links, plans, checkpoints.
//! - [`diff`]: pure: two snapshots, the links between them and the policy become a plan. Its rooms: `routing`
//!   (mailboxes), `comparing` (messages).
//! - [`model`]: the nouns.
//! - [`error`]: what failed, where, why, and what to do next.
//!
//! Besides, and not in the program: `fuzzing`, the properties that hold for any input, one file a room.

pub mod cli;
pub mod config;
pub mod diff;
pub mod engine;
pub mod error;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod model;
pub mod pipeline;
pub mod report;
pub mod serve;
pub mod store;
