//! The engine against servers that follow a script: what is said to them, what is understood of them, and what is not
//! believed. Through the library, one conversation a test; whole runs of the program against bad servers are elsewhere.
//!
//! - [`conversation`]: what these tests have in common.
//! - [`connecting`]: greeting, STARTTLS, login, and what comes with them.
//! - [`compressing`]: COMPRESS=DEFLATE agreed on, refused, and broken.
//! - [`reading`]: framing and its limits; SELECT, LIST and FETCH answered oddly.
//! - [`appending`]: literals, refusals, and answers out of turn.
//! - [`ahead`]: commands sent before the answers to others are read.
//! - [`listening`]: servers that tell of changes by themselves.
//! - [`deadlines`]: servers that never come to an end.

#[path = "../support/mod.rs"]
mod support;

mod ahead;
mod appending;
mod compressing;
mod connecting;
mod conversation;
mod deadlines;
mod listening;
mod reading;
