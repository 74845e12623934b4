//! Commands out, answers in, pipelined.
//!
//! - [`session`]: a logged-in connection: untagged responses, death; [`peer`]: what it knows of the server. [`sender`]: tags,
//!   and what leaves when. [`event`]: what comes back. [`mailbox_name`]: names in commands.
//! - [`status`]: OK, NO, BAD and their codes. [`capabilities`]: what the server says that it can do.
//! - [`oddities`]: what a server says that cannot be understood, to be told once.
//! - [`order`]: whether commands may be sent ahead of answers that they depend on.
//! - [`reticence`]: what is not asked any more, because the connection broke on it.
//! - [`vetted`]: which arguments it is known to take. [`compression`]: whether its connections are compressed.

pub mod capabilities;
pub mod compression;
pub mod event;
pub mod mailbox_name;
pub mod oddities;
pub mod order;
mod peer;
pub mod reticence;
pub mod sender;
pub mod session;
pub mod status;
pub mod vetted;
