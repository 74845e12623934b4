//! Words in, words out: the command line, progress and results. It has no rules of its own: what is done with mail is decided in
//! `pipeline` and `diff`, how results read in `report`, and how a migration is put together and ends in `library`.
//!
//! - [`arguments`]: the command line and its help; [`settings_place`]: where it says that the settings are.
//! - [`run`]: from one to the other. [`commands`]: one file a command. [`context`]: what all of them need;
//!   [`assembling`]: what those need that work on accounts; [`told`]: what is good to know besides.
//! - Standard output: [`output`], results only; both in the terminal's columns: [`wrapping`]. Standard error: [`screen`], shared by [`progress`], [`logging`] and
//!   [`errors`], the one place that shows an error.
//! - [`outside`]: what a run shows outside of its terminal; [`fleet_page`]: the same of the runs of several shards. [`supervisor`], [`journal`]: what systemd is told.
//! - [`patience`]: what is read beside a run.
//! - [`sharding`]: which share of the accounts a run is for.
//! - [`signals`]: Ctrl-C. [`process`]: no core files, no ugly panics. [`typed`]: what of a command line goes on to hold.

mod arguments;
mod assembling;
mod commands;
mod context;
mod errors;
mod fleet_page;
mod journal;
mod logging;
mod output;
mod outside;
mod patience;
mod process;
mod progress;
mod run;
mod screen;
mod settings_place;
mod sharding;
mod signals;
mod supervisor;
mod told;
mod typed;
mod wrapping;

/// The whole program.
pub fn main() -> std::process::ExitCode {
    run::main().into()
}
