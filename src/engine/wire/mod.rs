//! Octets on their way: nothing here knows what a command means.
//!
//! - [`socket`]: a TCP connection, or a [`tunnel`] command. [`stream`]: the same, in clear or under [`tls`]
//!   (with [`inflow`] between).
//! - [`line`]: octets as they cross it: counted, throttled, waited for no longer than [`patience`] says.
//! - [`buffered`]: the [`Wire`](buffered::Wire): buffered, bounded, counted; the `imap` crate and our engine take turns on it.
//!   [`greeted`]: what the crate sees of it.
//! - [`response`]: framing and tokens. [`octets`]: a message on its way, in memory or in a file.
//! - [`deflate`]: a compressed line; [`pace`]: whether that is worth it.
//! - [`budget`]: connections to one server; [`throttle`]: octets and messages a second; [`meter`]: what was sent and waited for.
//! - [`trust`]: which certificates; [`refusal`]: why not, in words.
//! - [`binding`]: what ties a login to a TLS connection.
//! - [`stand_in`]: what the `imap` crate is given in the stead of a secret.

pub mod binding;
pub mod budget;
pub mod buffered;
pub mod deflate;
mod greeted;
mod inflow;
pub mod line;
pub mod meter;
pub mod octets;
pub mod pace;
pub mod patience;
#[cfg(any(test, feature = "fuzzing"))]
pub mod played;
pub mod refusal;
pub mod response;
pub mod socket;
pub mod stand_in;
pub mod stream;
pub mod throttle;
pub mod tls;
pub mod trust;
pub mod tunnel;
