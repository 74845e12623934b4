//! From settings to a session.
//!
//! - [`connect`]: opens a connection within the budget, greets, logs in; [`introduction`]: what is learnt around that.
//!   `neighbours`: what settings that lead to one server share.
//! - [`authenticate`]: one login, with which words: [`mechanism`] chooses how, [`sasl`] and [`scram`] know what is said,
//!   [`exchange`] says it.
//! - [`quirks`]: who the server is, and what its name tells; [`servers`]: what tells each.

pub mod authenticate;
pub mod connect;
mod exchange;
mod grant;
mod introduction;
pub mod mechanism;
mod neighbours;
pub mod quirks;
mod sasl;
mod scram;
mod servers;
