//! One file a command: what it needs, what it calls, what it prints, and how it ends.

pub mod accept;
pub mod apply;
pub mod check;
pub mod completions;
pub mod explain;
pub mod forget;
pub mod init;
pub mod login;
pub mod man;
pub mod mark;
pub mod plan;
pub mod renewal;
pub mod report;
pub mod round;
pub mod scan;
pub mod shards;
pub mod state;
pub mod status;
pub mod sync;
pub mod verify;
pub mod watch;
