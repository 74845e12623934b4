//! How the two snapshots of an account become a plan, without a word to any server.
//!
//! - [`planner`]: an account's plan in the making; [`pair`]: what one pair of mailboxes comes to; [`moves`]: what goes from one to
//!   another; [`warnings`]: what the reader
//!   must know before it is applied.

pub mod moves;
pub mod pair;
pub mod planner;
pub mod warnings;
