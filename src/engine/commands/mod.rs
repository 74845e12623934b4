//! One file a group of commands, each an `impl Session`: what is sent, and how its answer is read.

pub mod append;
pub mod change;
pub mod compress;
pub mod fetch;
pub mod inbox;
pub mod list;
pub mod namespaces;
pub mod presence;
pub mod quota;
pub mod select;
