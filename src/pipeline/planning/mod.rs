//! How the two snapshots of an account become a plan, without a word to any server.
//!
//! - [`planner`]: an account's plan in the making; [`pair`]: what one pair of mailboxes comes to; [`part`]: what of it is to be
//!   compared after a change, and [`compared`]: its comparison; [`moves`]: what goes from one to another, and [`stray`]: by which links; [`warnings`]: what the reader
//!   must know before it is applied.

pub mod compared;
pub mod moves;
pub mod pair;
pub mod part;
pub mod planner;
pub mod stray;
pub mod warnings;
