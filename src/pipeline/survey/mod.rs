//! What is there: both servers listed into the state, and what is made of it before anything is planned.
//!
//! - [`listing`]: one side, by the cheapest way that can be trusted; [`task`] and [`way`]: one mailbox of it;
//!   [`asking`]: what is asked of it; [`gathering`]: its answers.
//! - [`dead_links`]: what is known of messages that both sides have lost.
//! - [`rollback`]: servers that went back in time. [`recognise`]: identities, where something may have to be recognised.
//! - [`snapshots`]: both sides as last scanned. [`pairing`]: a mailbox and its destination under their UIDVALIDITYs.
//! - [`agreeing`]: what a person has said of what is gone.
//! - [`keeping`]: what the servers keep of a message. [`content`]: whole messages, as digests. [`settle`]: those are read that
//!   cannot be told apart else.

pub mod agreeing;
pub mod asking;
pub mod content;
pub mod dead_links;
pub mod gathering;
pub mod keeping;
pub mod listing;
pub mod pairing;
pub mod recognise;
pub mod rollback;
pub mod settle;
pub mod snapshots;
pub mod task;
pub mod way;
