//! How messages get across, and what goes.
//!
//! - [`prepare`]: the destination is made ready ([`creation`]), intents are noted. [`crew`]: several mailboxes at once, each a [`job`] in
//!   a [`lane`], with a [`share`] of the memory.
//! - [`copy`]: one mailbox, and what to do when a connection breaks; [`progress`]: how far it is. [`pending`]: its messages,
//!   [`download`], [`conveyor`] and [`upload`] (over one or two [`uplinks`]): their way, and `answered`: what comes of it. [`originals`]: what need not go that
//!   way, and how it goes then (`within`).
//! - [`reconcile`]: what arrived without our knowing; [`settling`]: waiting for what may still arrive; [`merged`]: what was taken for
//!   another message; [`strangers`]: what came between our own, and [`contention`], where another process copies the same.
//!   [`reflag`]: flags that changed.
//! - [`subscribe`], [`besides`]: what is no mail. [`purge`]: what goes from the destination, `clearing`, `removal`, `disposal` and `looking`: how; [`replace`]: what was copied anew first; [`unsettled`]: what waits because it may have been moved.
//! - [`moving`]: what was moved on the source; [`leftovers`]: what that leaves behind. [`renaming`]: mailboxes that have another name.

mod answered;
pub mod besides;
mod clearing;
pub mod contention;
pub mod conveyor;
pub mod copy;
pub mod creation;
pub mod crew;
mod disposal;
pub mod download;
pub mod held;
pub mod job;
pub mod lane;
pub mod leftovers;
mod looking;
pub mod merged;
pub mod moving;
pub mod originals;
pub mod passes;
pub mod pending;
pub mod prepare;
pub mod progress;
pub mod purge;
pub mod reconcile;
pub mod reflag;
mod removal;
pub mod renaming;
pub mod replace;
pub mod settling;
pub mod share;
pub mod strangers;
pub mod subscribe;
pub mod unsettled;
pub mod uplinks;
pub mod upload;
mod within;
