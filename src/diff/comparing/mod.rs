//! What is to be done for one pair of mailboxes.
//!
//! - [`messages`]: the story; [`comparison`]: what it compares.
//! - [`same`]: whether two messages are one: asked by all others, and answered nowhere else.
//! - [`links`]: what was tied before. [`carry`]: under which UIDs. [`roster`], `contest` and [`matching`]: what is tied now. [`flags`]: which flags follow.
//!   [`wanted`]: what is copied at all. [`removals`]: what may go from the destination.
//!   [`tail`]: what landed there without an answer. `ground`: what is left to stand on when nothing is to be done.

pub mod carry;
pub mod comparison;
pub(in crate::diff) mod contest;
pub mod flags;
pub(in crate::diff) mod ground;
pub mod links;
pub mod matching;
pub mod messages;
pub(in crate::diff) mod order;
pub mod removals;
pub mod roster;
pub mod same;
pub mod tail;
pub mod wanted;
