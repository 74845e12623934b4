//! What is there: both servers listed into the state, and what is made of it before anything is planned.
//!
//! - [`side`]: one side, whatever cannot be listed; [`listing`]: by the cheapest way that can be trusted, on an [`errand`];
//!   [`task`] and [`way`]: one mailbox of it;
//!   [`asking`]: what is asked of it; [`gathering`]: its answers, [`concluding`]: recorded; [`extent`]: how far they reach; [`described`]: what the listing says of it;
//!   [`silence`]: mailboxes that it says nothing of; [`unreadable`]: messages that the server cannot list;
//!   [`side_record`]: what is recorded of the side as a whole.
//! - [`dead_links`]: what is known of messages that both sides have lost.
//! - [`rollback`]: servers that went back in time. [`recognise`]: identities, where something may have to be recognised.
//! - [`whereabouts`]: servers that are at another address. [`carrying`]: links under another UIDVALIDITY;
//!   [`recalling`]: what is known of messages without a link, which [`remembering`] notes.
//! - [`snapshots`]: both sides as last scanned. [`pairing`]: a mailbox and its destination under their UIDVALIDITYs.
//! - [`sharing`]: destination mailboxes that several go to; [`shares`]: what of them is whose, for a verification.
//! - [`naming`]: which messages they are that are not there.
//! - [`searching`]: what the user's own search finds. [`labels`]: which messages of a Gmail are one.
//! - [`agreeing`]: what a person has said of what is gone. [`leftovers`]: old copies of what was moved.
//!   [`renamed`]: mailboxes that are called otherwise, known again by [`alike`].
//! - [`outdated`]: what was said of messages that are others by now. [`spoiling`]: copies that are not what was sent.
//! - [`keeping`]: what the servers keep of a message. [`content`]: whole messages, as digests. [`settle`]: those are read that
//!   cannot be told apart else.

pub mod agreeing;
pub mod alike;
pub mod asking;
pub mod carrying;
mod concluding;
pub mod content;
pub mod dead_links;
pub mod described;
pub mod errand;
pub mod extent;
pub mod gathering;
pub mod keeping;
pub mod labels;
pub mod leftovers;
pub mod listing;
pub mod naming;
pub mod outdated;
pub mod pairing;
pub mod recalling;
pub mod recognise;
pub mod remembering;
pub mod renamed;
pub mod rollback;
pub mod searching;
pub mod settle;
pub mod shares;
pub mod sharing;
pub mod side;
pub mod side_record;
pub mod silence;
pub mod snapshots;
pub mod spoiling;
pub mod task;
pub mod unreadable;
pub mod way;
pub mod whereabouts;
