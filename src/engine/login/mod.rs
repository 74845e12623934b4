//! From settings to a session.
//!
//! - [`connect`]: opens a connection within the budget, greets, logs in, introduces.
//! - [`authenticate`]: which mechanism, with which words. [`quirks`]: who the server is, and what its name tells.

pub mod authenticate;
pub mod connect;
mod grant;
pub mod quirks;
