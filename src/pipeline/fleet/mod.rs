//! Accounts side by side, and what each works with.
//!
//! - [`for_each`]: a queue, some threads, one failure stays one failure. [`commons`]: what all accounts of a run share.
//!   [`logins`]: whether a master login is good.
//! - [`access`]: one account's sessions and its part of the state. [`gauge`]: what its run costs.
//! - [`allowance`]: the limits of a run. [`batch`]: how much goes in one APPEND.

pub mod access;
pub mod allowance;
pub mod batch;
pub mod commons;
pub mod for_each;
pub mod gauge;
pub mod logins;
