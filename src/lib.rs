//! mailferry moves IMAP mailboxes from one server to another, and keeps both alike until the day of the cutover. This is the
//! library under the program `mailferry`: the same promises, for a program of your own.
//!
//! - Every message arrives with its octets, flags, keywords, internal date and order; and once, though connections break and
//!   processes are killed.
//! - The source is only read. On the destination nothing is deleted that mailferry did not put there.
//! - Success is derived from the whole: each message of the source is in exactly one named outcome.
//!
//! # How it is used
//!
//! [`Settings`] say where the mail is, where it goes, and whose it is. A [`Migration`] that is [open](Migration::open) holds the
//! *state*: a directory in which is kept what is known of both sides. The servers are the truth and the state only makes it
//! fast: when it is lost, a scan builds it anew. Each command gives a [`Report`].
//!
//! ```no_run
//! use mailferry::{Account, Limits, Migration, Password, Server, Settings};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let settings = Settings::builder("mailferry.state")
//!         .source(Server::new("old.example.com").master_user("admin").password(Password::new(std::env::var("OLD")?)))
//!         .destination(Server::new("new.example.com").master_user("admin").password(Password::new(std::env::var("NEW")?)))
//!         .account(Account::new("alice@example.com").destination_user("alice"))
//!         .account(Account::new("bob@example.com").destination_user("bob"))
//!         .build()?;
//!     let mut migration = Migration::open(&settings)?;
//!
//!     // Scan, plan and apply in one. It may be interrupted at any moment, and run again.
//!     let report = migration.sync(&Limits::default());
//!     println!("{} of {} messages are there", report.messages().copied(), report.messages().total());
//!     for account in report.accounts() {
//!         account.failures().for_each(|failure| eprintln!("{failure}"));
//!     }
//!
//!     // The proof: every octet of every message is compared.
//!     assert!(migration.verify_deep().is_success());
//!     Ok(())
//! }
//! ```
//!
//! | command | what it does |
//! |---|---|
//! | [`check`](Migration::check) | logs in on both sides, and says what will not work |
//! | [`scan`](Migration::scan) | takes a snapshot of both sides |
//! | [`plan`](Migration::plan) | compares the snapshots: what would be done |
//! | [`apply`](Migration::apply) | does exactly that, as far as [`Limits`] let it |
//! | [`sync`](Migration::sync) | all three: again and again before the cutover |
//! | [`verify`](Migration::verify) | proves that what left has arrived |
//!
//! Who wants to see what happens meanwhile gives an [observer](Opening::observer), which is told of each [`Event`]; who wants to
//! end early, a [`Stop`]. Whole programs are in `examples/`: `one_mailbox.rs`, `fleet.rs` with a progress of its own, and
//! `verify_only.rs`.
//!
//! # What is left to the program
//!
//! The library blocks, and runs threads while a command does. It prints nothing and asks nobody for a password; it reads the
//! environment only where the settings name a variable, and `MAILFERRY_SOURCE_PASSWORD` and `MAILFERRY_DESTINATION_PASSWORD` where they
//! name no place at all. It listens to no signal. What it does is told to `tracing` as well; messages and passwords are not.
//! `[[notify]]`, the live page, `--watch`, shards and the way back are the program's.
//!
//! One process at a time uses a state, be it the program or the library; `mailferry status`, `report` and `explain` work beside
//! a library that runs. It runs on Linux.
//!
//! # What holds
//!
//! What is described on this page keeps its meaning within a minor version (0.1.x). Enums and structs that may grow are
//! `#[non_exhaustive]`. Modules that are not described here are the house behind it, public only so that its tests, benchmarks and
//! fuzz targets can reach them: they change at any time.

// The map of the house; an import only ever goes down:
//
//     main → cli → library → pipeline → { engine · store · diff } → model → error
//            library → config → model        library → report → model        cli → serve → model
//
// - `library`: the face that is described above, and how a migration is put together and ends.
// - `cli`: words in, words out: arguments, progress.
// - `config`: the settings file, the accounts and the passwords, turned into `model` types.
// - `pipeline`: the story, one file a command; the only place where engine, store and diff meet. Its rooms: `survey` (what is
//   there), `transfer` (how it gets across), `fleet` (accounts side by side).
// - `report`: a plan, a verification or a status made readable, as text and as JSON.
// - `serve`: a run watched from outside: a page, and figures for machines.
// - `engine`: IMAP. Its rooms: `wire` (octets), `conversation` (sessions), `commands`, `login`.
// - `store`: the state on disk: snapshots, links, plans, checkpoints.
// - `diff`: pure: two snapshots, the links between them and the policy become a plan. Its rooms: `routing` (mailboxes),
//   `comparing` (messages).
// - `model`: the nouns.
// - `error`: what failed, where, why, and what to do next.
//
// Besides, and not in the program: `fuzzing`, the properties that hold for any input, one file a room.

#![deny(missing_docs)]

mod library;

pub use library::{
    Account, AccountReport, Difference, Differences, Done, Error, ErrorKind, Event, Limits, Messages, Migration,
    Opening, Password, Phase, Planned, Report, Server, Settings, SettingsBuilder, Stop, Value, Verdict,
};

// No part of the face: the program's `main` calls `cli`, and the tests, benchmarks and fuzz targets of this project know the
// rooms one by one. A feature that opened them would have to be named in each call of cargo.
#[doc(hidden)]
#[allow(rustdoc::private_intra_doc_links)]
pub mod cli;
#[doc(hidden)]
#[allow(rustdoc::private_intra_doc_links)]
pub mod config;
#[doc(hidden)]
#[allow(rustdoc::private_intra_doc_links)]
pub mod diff;
#[doc(hidden)]
#[allow(rustdoc::private_intra_doc_links)]
pub mod engine;
#[doc(hidden)]
#[allow(rustdoc::private_intra_doc_links)]
pub mod error;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
#[allow(rustdoc::private_intra_doc_links)]
pub mod fuzzing;
#[doc(hidden)]
#[allow(rustdoc::private_intra_doc_links)]
pub mod model;
#[doc(hidden)]
#[allow(rustdoc::private_intra_doc_links)]
pub mod pipeline;
#[doc(hidden)]
#[allow(rustdoc::private_intra_doc_links)]
pub mod report;
#[doc(hidden)]
#[allow(rustdoc::private_intra_doc_links)]
pub mod serve;
#[doc(hidden)]
#[allow(rustdoc::private_intra_doc_links)]
pub mod store;
