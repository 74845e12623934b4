//! One file a group of commands, each an `impl Session`: what is sent, and how its answer is read.

pub mod append;
pub mod change;
pub mod compress;
pub mod fetch;
pub(in crate::engine) mod found;
pub mod gmail;
pub mod idle;
pub mod inbox;
pub mod labels;
pub mod list;
mod list_line;
pub mod listed;
pub mod mailbox_status;
pub mod metadata;
pub mod namespaces;
pub mod presence;
pub mod quota;
pub mod relocate;
pub mod rename;
pub mod rights;
pub mod search;
pub mod select;
