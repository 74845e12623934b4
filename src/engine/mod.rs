//! IMAP: everything that is spoken with a server. The only home of `imap`, rustls and the protocol's texts.
//!
//! Not here: plans, snapshots, the state. From the octets up:
//!
//! - [`stream`]: a socket or a [`tunnel`] command, in clear or under [`tls`].
//! - [`wire`]: one buffered, bounded, counted stream; the `imap` crate and our engine take turns on it.
//! - [`response`]: framing and tokens. [`octets`]: a message on its way. [`status`]: OK, NO, BAD and their codes.
//! - [`session`]: commands out, answers in, pipelined. [`capabilities`]: what the server can do.
//! - [`compress`]: whether a line is compressed, with [`deflate`].
//! - [`connect`]: from settings to a session, with [`login`] ([`stand_in`] keeps secrets out of the crate), within a [`budget`] and at a rate ([`throttle`]), measured by a [`meter`]. [`quirks`]: who the server is.
//! - One file a group of commands: [`list`], [`select`], [`fetch`], [`append`], [`change`], [`quota`].
//! - [`identity`] and [`date`]: what a message is recognised by, and when it arrived.

pub mod append;
pub mod budget;
pub mod capabilities;
pub mod change;
pub mod compress;
pub mod connect;
pub mod date;
pub mod deflate;
pub mod fetch;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod identity;
pub mod list;
pub mod login;
pub mod meter;
pub mod octets;
#[cfg(any(test, feature = "fuzzing"))]
pub mod played;
pub mod quirks;
pub mod quota;
pub mod response;
pub mod select;
pub mod session;
pub mod stand_in;
pub mod status;
pub mod stream;
pub mod throttle;
pub mod tls;
pub mod tunnel;
pub mod wire;

pub use connect::Connector;
pub use octets::Octets;
pub use session::Session;
