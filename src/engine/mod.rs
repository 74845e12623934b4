//! IMAP: everything that is spoken with a server. The only home of `imap`, rustls and the protocol's texts.
//!
//! Not here: plans, snapshots, the state. From the octets up, each room knowing those before it:
//!
//! - [`wire`]: octets: sockets, TLS, tunnels, framing, rates, budgets.
//! - [`conversation`]: commands out, answers in: the session, what its server can do, how it answered.
//! - [`commands`]: one file a group of commands: LIST, SELECT, FETCH, APPEND, STORE and UID EXPUNGE, QUOTA, COMPRESS.
//! - [`token`]: what serves in a password's stead: OAuth.
//! - [`login`]: from settings to a session: the handshake, who logs in how, who the server is.
//!
//! Apart from IMAP, [`webhook`]: messages to those who want to be told.
//!
//! On the floor, for all: [`identity`], [`content`] and [`date`]: what a message is recognised by, what it holds, and when it
//! arrived; [`header`]: what tells a person which one it is.

pub mod commands;
pub mod content;
pub mod conversation;
pub mod date;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod header;
pub mod identity;
pub mod login;
pub mod token;
pub mod webhook;
pub mod wire;

pub use conversation::session::Session;
pub use login::connect::Connector;
pub use wire::octets::Octets;
