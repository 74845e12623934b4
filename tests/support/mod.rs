//! The test harness: real mail servers, mail in them, and an independent eye on the result.
//!
//! - [`shared`]: the servers that all tests of a binary use, each test with its own user.
//! - [`server`]: what every server can do, its users and its master user.
//! - [`dovecot`], [`dovecot_configuration`], [`cyrus`]: private servers for tests that need their own.
//! - [`courier`]: Courier-IMAP behind a [`front`] that logs in.
//! - [`pymap`], [`mailutils`], [`hoodiecrow`]: with users of their own.
//! - [`mailbox`]: the notation for what an account holds, or should hold.
//! - [`message`]: the messages named there, odd ones included.
//! - [`seed`]: puts the notation onto a server.
//! - [`state`]: reads back all that an account holds.
//! - [`compare`]: how one account differs from another, and assertions about it.
//! - [`ferry`]: the program itself: its settings, a run of it, what it printed, and its sudden death.
//! - [`fifty`]: fifty accounts on real servers, six of which fail in six ways.
//! - [`scripted`]: a server that says what a test tells it to.
//! - [`browser`]: Chromium, for what a page does there.
//! - [`issuer`]: a token endpoint.
//! - [`fake`]: a whole server in memory, honest until it is told to lie.
//! - [`proxy`]: between the program and a real server; strikes at a place.
//! - [`schema`]: whether JSON is as its schema says.
//! - [`slurm`]: a Slurm of three nodes on this machine.
//! - [`both_ways`]: users who act on either side of an account, and the books of what they did.
//! - [`relay`]: counts the octets of a line, and may be slow.
//! - [`dice`]: what a seed decides.
//! - [`property`], [`replay`]: how generated cases are chosen, replayed and kept; the seed of a run. [`sample`]: how many are tried.
//! - [`imap`], [`response`]: the raw-socket client that does the talking; not the library's.
//! - [`name`], [`base64`], [`date`]: mailbox names, SASL and internal dates, for that client.
//! - [`backup`]: the mail of a user, taken and restored.
//! - [`process`], [`authority`]: server processes that always end, ports, certificates.
//!
//! `setup.sh` installs the servers. `tests/harness.rs` tests the harness.

// Each test binary compiles this whole tree and uses a part of it.
#![allow(dead_code)]

pub mod authority;
pub mod backup;
pub mod base64;
pub mod both_ways;
pub mod browser;
pub mod compare;
pub mod courier;
pub mod cyrus;
pub mod date;
pub mod dice;
pub mod dovecot;
pub mod dovecot_configuration;
pub mod fake;
pub mod ferry;
pub mod fifty;
pub mod front;
pub mod hoodiecrow;
pub mod imap;
pub mod issuer;
pub mod mailbox;
pub mod mailutils;
pub mod message;
pub mod name;
pub mod process;
pub mod property;
pub mod proxy;
pub mod pymap;
pub mod relay;
pub mod replay;
pub mod response;
pub mod sample;
pub mod schema;
pub mod scripted;
pub mod seed;
pub mod server;
pub mod shared;
pub mod slurm;
pub mod state;
