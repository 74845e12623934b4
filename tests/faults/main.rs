//! Exactly once, whatever happens: the program moves accounts between real servers, and a proxy of ours strikes each
//! connection at each place with each fault. What must hold afterwards is checked by the harness' own eye.
//!
//! - [`scenario`]: what is migrated.
//! - [`stage`]: one account between two proxies.
//! - [`case`]: one struck run, and what must hold after it.
//! - [`matrix`]: which cases are run, found by recording straight runs and chosen by a seed.
//! - [`both_ways`]: the matrix in two-way mode. [`histories`]: users who act on both sides, run after run.
//! - [`examiner`]: the proxy itself on trial.
//! - [`power_loss`]: the state as the disk held it at a place.
//! - [`late`]: an APPEND of a dead connection that is delivered after all is done.
//! - [`meanwhile`]: mail that comes in the moment of the listing.
//! - [`kills`]: SIGKILL at random moments of a long copy.
//! - [`torture`]: all of it for as long as one wishes (`make torture`).
//!
//! A failure prints the line that replays it:
//! `MAILFERRY_CASE='many destination/before-answer/APPEND#2=cut' cargo test --test faults`.

#[path = "../support/mod.rs"]
mod support;

mod both_ways;
mod case;
mod examiner;
mod histories;
mod kills;
mod late;
mod matrix;
mod meanwhile;
mod power_loss;
mod scenario;
mod stage;
mod torture;
