//! Accounts side by side, and what each works with.
//!
//! - [`for_each`]: some threads, one failure stays one failure. [`again`]: what a second turn needs to know of the first.
//!   [`queue`]: whose turn it is; [`order`]: who comes first; `rooms`: for how many a server has room. [`roll`]: who waits and who is at work. [`set_aside`]: whom
//!   people have paused; [`agenda`]: whose hours have not come. [`commons`]: what the accounts on a server share.
//!   [`logins`]: whether a master login is good. [`outage`]: a server that is away.
//! - [`whose`]: that no two accounts are one and the same mailbox. [`proof`]: seen to before anything is copied.
//! - [`in_order`]: work over several threads, taken in order. [`one_by_one`]: the same question about each of many things; `standing`: where each mailbox stands. [`probing`] and [`dissection`]: which messages of a
//!   mailbox a server cannot answer for; [`suspects`]: the mailboxes of which that is asked.
//! - [`access`]: one account at work, with its part of the state; [`connecting`]: where its sessions come from;
//!   [`backoff`]: how long is waited. [`gauge`]: what its run costs;
//!   [`failure_list`]: what failed in it; [`account_errors`]: accounts that failed as a whole. [`attempts`]: how it ended, kept in the state.
//! - `turning`: which way an account's mail goes.
//! - [`allowance`]: the limits of a run. [`batch`]: how much goes in one APPEND.

pub mod access;
mod account_errors;
pub mod again;
pub mod agenda;
pub mod allowance;
pub mod attempts;
pub mod backoff;
pub mod batch;
pub mod commons;
pub mod connecting;
pub mod dissection;
pub mod failure_list;
pub mod for_each;
pub mod gauge;
pub mod in_order;
pub mod logins;
pub mod one_by_one;
pub mod order;
pub mod outage;
pub mod probing;
pub mod proof;
pub mod queue;
pub mod roll;
mod rooms;
pub mod set_aside;
mod standing;
pub mod suspects;
mod turning;
pub mod whose;
