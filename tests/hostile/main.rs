//! The program against servers that lie, refuse, flood and break off, in both roles, and against messages that servers
//! alter. The servers are fakes in memory (`support::fake`); a case is data, and each has an account of its own, so that
//! one run of the program is a whole table of them.
//!
//! Whatever happens: nothing is lost, doubled or altered in silence, no run claims a success that is none, no text of a
//! server or a message becomes a command, and once the servers are honest the next sync is exact.
//!
//! - [`case`]: what a case is, and how a table of them is run and judged.
//! - [`cited`]: tests that are named, and what the sources say.
//! - [`lies`]: small ways to spoil a response.
//! - [`refusals`]: a destination that says NO, and advertises what it then refuses.
//! - [`absences`]: servers that are away for a while, or grant few connections.
//! - [`appends`]: answers to APPEND that are not true.
//! - [`identifiers`]: UIDVALIDITY, UIDNEXT and HIGHESTMODSEQ that do not hold.
//! - [`responses`]: a source and a destination whose responses are broken.
//! - [`flags`]: flags and keywords that a destination refuses.
//! - [`names`]: mailbox names, flags and texts that would be commands.
//! - [`bounds`]: more than memory holds, and waits without end: what each case takes is printed.
//! - [`commands`]: each command, answered in each way that it should not be.
//! - [`clearing`]: deletions that are sent ahead, and do not go straight through.
//! - [`cuts`]: connections that end at any octet.
//! - [`deep`]: deep verifications whose connections break.
//! - [`left_out`]: what is no mailbox or not wanted, what has no room, and what keeps deletions waiting.
//! - [`logins`]: servers that let some in and others not.
//! - [`oddities`]: what real servers were seen to do, and which test plays it.
//! - [`order`]: servers that work on commands in any order.
//! - [`whose`]: another mailbox than was asked for.
//! - [`failures`]: more than are listed.
//! - [`hours`]: the hours of a wave end in the midst of a copy.
//! - [`histories`]: accounts that live, run after run: the laws, by the books that the test keeps. [`both_ways`]: in two-way mode.
//! - [`renames`]: what a server makes of RENAME. [`renamed_histories`]: accounts whose mailboxes have another name every day.
//! - [`panics`]: threads of the program that panic.
//! - [`outdated`]: what was said of messages that are others by now.
//! - [`partial`]: views that show less than there is.
//! - [`poison`]: single messages that cannot be listed or read.
//! - [`octets`]: messages that servers refuse or rewrite.
//! - [`renumbered`]: what is known of messages without a link, under other UIDs.
//! - [`same`]: sizes, halves and identities by which messages are mistaken.
//!
//! The binary ends with one line: how many cases were run.

#[path = "../support/mod.rs"]
mod support;

mod absences;
mod appends;
mod both_ways;
mod bounds;
mod case;
mod cited;
mod clearing;
mod commands;
mod cuts;
mod deep;
mod failures;
mod flags;
mod histories;
mod hours;
mod identifiers;
mod left_out;
mod lies;
mod logins;
mod names;
mod octets;
mod oddities;
mod order;
mod outdated;
mod panics;
mod partial;
mod poison;
mod refusals;
mod renamed_histories;
mod renames;
mod renumbered;
mod responses;
mod same;
mod tally;
mod whose;
