//! The program on real servers, as its users run it: from the first sync to the cutover, through bad input, kills and
//! changes under its feet. Every claim is checked by the harness' own eye on both servers.
//!
//! - [`whole`]: complete migrations between all kinds of servers.
//! - [`courier`], [`pymap`], [`mailutils`], [`hoodiecrow`], [`dovecot_2_4`]: servers with odd ways, as source and as destination.
//! - [`first_copy`]: what a first sync does not ask, and does side by side.
//! - [`incremental`]: what changes between two syncs, on either side.
//! - [`library`]: the crate as other programs use it: its examples.
//! - [`ledger`]: success is what the ledger says. [`flags`]: what a destination keeps of them, and what it drops.
//! - [`fleet`]: many accounts, waves, and what may be asked meanwhile.
//! - [`forgetting`]: accounts dropped from the state.
//! - [`full_disk`]: no room for the state, at any write.
//! - [`way_back`]: the old server kept current from the new one.
//! - [`two_way`]: both sides kept equal.
//! - [`watching`]: a disk that fills up and is emptied under a `--watch`.
//! - [`changing`]: both accounts change before, between and while the stages run.
//! - [`expired`]: sessions that end with their tokens.
//! - [`consent`]: `login`, once.
//! - [`planning`]: `plan` and `apply`: what is shown is what is done.
//! - [`exit_status`]: the numbers that scripts depend on.
//! - [`agreements`]: guards that count over time, and what a person says to them.
//! - [`carried`]: other UIDVALIDITYs and addresses: what was tied stays tied.
//! - [`bad_input`]: wrong settings, servers that refuse, accounts that cannot be opened.
//! - [`sharded`]: accounts that several processes share out. [`doubled`]: two processes on one account.
//! - [`engines`]: many machines on what starts and watches them: Slurm, Kubernetes, GNU parallel.
//! - [`state`]: the state damaged, lost, rolled back, or somebody else's.
//! - [`sudden_end`]: SIGKILL and Ctrl-C in the middle of the work.
//! - [`repair`]: copies that are not as their source is. [`verified`]: what is not read again.
//! - [`restored`]: servers that went back in time: backups, lost indexes.
//! - [`json`]: documents for programs, and their schemas.
//! - [`kinds`]: every way to say where mail goes and which, each through all that may befall it.
//! - [`isolation`]: one bad thing stays one: a restart, one connection, one file, one mailbox.
//! - [`conditions`]: what became of each account, and trying again what went wrong.
//! - [`page`]: a run that is watched from outside; [`browser`]: as a person sees it. [`told`]: what others are told. [`supervised`]: under systemd.
//! - [`compressed`]: with COMPRESS=DEFLATE, always or where the line is slow.
//! - [`logins`]: every way to log in, on servers that offer them.
//! - [`many_servers`]: accounts from several servers, each with its own limits and failures.
//! - [`merged`]: mailboxes and accounts that are merged into one on request.
//! - [`mirror`]: deletions that follow, and all that stays. [`moves`]: what is filed elsewhere. [`renames`]: what has another name.
//! - [`namespaces`]: mailboxes in several namespaces, and those of others.
//! - [`besides`]: rights of others, annotations, special uses.
//! - [`same_message`]: what counts as the same message.
//! - [`second_copies`]: what we stored twice without knowing.
//! - [`secrets`]: no password is ever seen.
//! - [`secrets_in_memory`], [`secrets_in_settings`]: nor left in memory, nor quoted where the settings are wrong.
//! - [`tokens`]: OAuth: every flow, what endpoints say, how long tokens serve.
//! - [`trust`]: which certificates are trusted, and what is said of the others.
//! - [`zimbra`]: a migration to Dovecot, with all that is known of it.
//! - [`gmail`]: labels, and each choice of what becomes of them. [`gmail_destination`]: what it makes one, and what it copies itself.
//! - [`servers`], [`recognised`]: servers that no test can start, as their documents have them.
//! - [`where_to`]: prefixes, patterns, several accounts into one, what is left out by special use.
//! - [`which`]: messages that are left out by date, size, flags and a search of one's own.
//! - [`pair`]: one account on two servers in memory. [`migration`], [`gates`]: what these tests have in common.

#[path = "../support/mod.rs"]
mod support;

mod agreements;
mod bad_input;
mod besides;
mod browser;
mod carried;
mod changing;
mod compressed;
mod conditions;
mod consent;
mod courier;
mod doubled;
mod dovecot_2_4;
mod engines;
mod exit_status;
mod expired;
mod first_copy;
mod flags;
mod fleet;
mod forgetting;
mod full_disk;
mod gates;
mod gmail;
mod gmail_destination;
mod hoodiecrow;
mod incremental;
mod isolation;
mod json;
mod kinds;
mod ledger;
mod library;
mod logins;
mod mailutils;
mod many_servers;
mod merged;
mod migration;
mod mirror;
mod moves;
mod namespaces;
mod page;
mod pair;
mod planning;
mod pymap;
mod recognised;
mod renames;
mod renewed;
mod repair;
mod restored;
mod round_trips;
mod same_message;
mod second_copies;
mod secrets;
mod secrets_in_memory;
mod secrets_in_settings;
mod servers;
mod sharded;
mod state;
mod sudden_end;
mod supervised;
mod tokens;
mod told;
mod trust;
mod two_way;
mod verified;
mod watching;
mod way_back;
mod where_to;
mod which;
mod whole;
mod zimbra;
