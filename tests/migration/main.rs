//! The program on real servers, as its users run it: from the first sync to the cutover, through bad input, kills and
//! changes under its feet. Every claim is checked by the harness' own eye on both servers.
//!
//! - [`whole`]: complete migrations between all kinds of servers.
//! - [`incremental`]: what changes between two syncs, on either side.
//! - [`planning`]: `plan` and `apply`: what is shown is what is done.
//! - [`exit_status`]: the numbers that scripts depend on.
//! - [`bad_input`]: wrong settings, servers that refuse, accounts that cannot be opened.
//! - [`sudden_end`]: SIGKILL and Ctrl-C in the middle of the work.
//! - [`mirror`]: deletions that follow, and all that stays.
//! - [`second_copies`]: what we stored twice without knowing.
//! - [`secrets`]: no password is ever seen.
//! - [`secrets_in_memory`], [`secrets_in_settings`]: nor left in memory, nor quoted where the settings are wrong.
//! - [`migration`]: what these tests have in common.

#[path = "../support/mod.rs"]
mod support;

mod bad_input;
mod exit_status;
mod incremental;
mod migration;
mod mirror;
mod planning;
mod second_copies;
mod secrets;
mod secrets_in_memory;
mod secrets_in_settings;
mod sudden_end;
mod whole;
