//! `mailferry sync --watch`: one sync after the other until stopped. An account that failed waits longer from time to time, and
//! the others go on; who was refused waits until a setting changes; the hours of waves are kept. A round begins by the
//! settings as they are then (`renewal`).
//!
//! Between two rounds the state is closed: others may read it and work on it, and a disk that was full may have room when it is
//! opened again.

use super::renewal::Renewal;
use super::round::{Round, once};
use crate::cli::arguments::SyncArguments;
use crate::cli::context::Context;
use crate::cli::errors;
use crate::cli::signals::Stage;
use crate::config::Settings;
use crate::error::{Error, Kind, Result};
use crate::library::exit_codes::ExitCode;
use crate::model::rest::{Ended, Rests};
use crate::pipeline::fleet::attempts::now;
use crate::pipeline::listening::{Ears, Listening};
use crate::pipeline::{Migration, Stop};
use crate::report::quantity::{counted, duration, moment_in, verb_for};
use crate::store::Store;
use jiff::tz::TimeZone;
use std::collections::HashSet;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// How often is looked whether another process is done with the state.
const LOCK_INTERVAL: Duration = Duration::from_secs(1);

/// How often a wait looks whether the user asked to stop.
const STOP_INTERVAL: Duration = Duration::from_millis(100);

/// How long no account has another turn, whatever is heard of it.
const QUIET_SECONDS: i64 = 3;

/// How often is looked whether something was heard.
const HEAR_INTERVAL: Duration = Duration::from_millis(300);

/// How often a long wait looks whether a setting changed.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);

/// Goes on through rounds in which something failed: the next one may find it mended.
///
/// # Errors
/// What ends the watch: `Interrupted` when the user asked to stop; `State`, `Io`.
pub fn watch(
    context: &Context,
    arguments: &SyncArguments,
    (migration, settings): (Migration, Settings),
    interval: Duration,
) -> Result<ExitCode> {
    let mut watch = Watch {
        context,
        interval,
        rests: Rests::new(seconds(interval)),
        renewal: Renewal::new(context, arguments, settings),
        rounds: 0,
    };
    let mut migration = migration;
    loop {
        watch.announce();
        migration.agenda = migration.agenda.with_resting(watch.rests.resting(now()));
        let round = once(context, arguments, &migration)?;
        if round.code == ExitCode::Interrupted || round.shut_out {
            return Ok(round.code);
        }
        let next = watch.note(&round, &migration);
        let ears = Ears::of(&migration, &well(&round));
        migration = migration.reopened(|directory| {
            if let Some(outside) = context.outside.get() {
                outside.rest(round.code, next.until);
            }
            watch.rest_listening(next, ears)?;
            watch.reopen(directory)
        })?;
        migration = watch.renewed(migration);
    }
}

struct Watch<'a> {
    context: &'a Context,
    interval: Duration,
    rests: Rests,
    renewal: Renewal<'a>,
    rounds: u64,
}

impl Watch<'_> {
    /// Tells when a round begins: the screen of the morning shows when things happened.
    fn announce(&mut self) {
        self.rounds += 1;
        if !self.context.global.quiet {
            let clock = jiff::Zoned::now().strftime("%a %d %b %H:%M:%S");
            self.context.screen.line(&format!("\n{clock}: sync {} of this watch begins", self.rounds));
        }
    }

    /// How each account's turn ended; gives how long is waited before the next round.
    fn note(&mut self, round: &Round, migration: &Migration) -> Rest {
        let now = now();
        round.ended.iter().for_each(|(account, ended)| self.rests.note(account, *ended, now));
        let opens = migration.agenda.next_opening(migration.accounts.iter());
        let next = [self.rests.next(), opens].into_iter().flatten().min();
        Rest::until(next.unwrap_or(now + seconds(self.interval)).max(now + 1), now)
    }

    /// The migration by the settings as they are now, if they can be followed.
    fn renewed(&mut self, migration: Migration) -> Migration {
        let (migration, is_new) = self.renewal.renewed(migration);
        if is_new {
            self.rests.settings_changed(now());
            self.rests.keep(migration.accounts.iter().map(|account| &*account.name));
        }
        migration
    }

    /// Waits until then, or until something is heard of an account.
    fn rest_listening(&mut self, rest: Rest, ears: Ears) -> Result<()> {
        // What comes in a burst has one turn, and a server that tells of itself again and again does not keep it busy.
        let quiet = Rest::until(rest.until.min(now() + QUIET_SECONDS), now());
        let listening = ears.listen();
        self.tell_of_rest(rest);
        self.wait(quiet, None)?;
        self.wait(rest, Some(&listening))?;
        Ok(())
    }

    /// Waits until then, or until there are new settings and somebody waited for that.
    fn rest(&mut self, rest: Rest) -> Result<()> {
        self.tell_of_rest(rest);
        self.wait(rest, None)
    }

    fn wait(&mut self, rest: Rest, listening: Option<&Listening>) -> Result<()> {
        loop {
            if self.renewal.look() && self.rests.refused() > 0 {
                return Ok(());
            }
            let left = u64::try_from(rest.until - now()).map_or(Duration::ZERO, Duration::from_secs);
            if left.is_zero() {
                return Ok(());
            }
            let heard = listening.map(Listening::heard).unwrap_or_default();
            if !heard.is_empty() {
                heard.iter().for_each(|account| self.rests.hear_of(account, now()));
                return Ok(());
            }
            pause(self.context, left.min(if listening.is_some() { HEAR_INTERVAL } else { LOOK_INTERVAL }))?;
        }
    }

    fn tell_of_rest(&self, Rest { until, length }: Rest) {
        let (length, clock) = (duration(length as f64), moment_in(until, &TimeZone::system(), now()));
        self.context.supervisor.turn(&format!("the next sync begins at {clock}"), Instant::now());
        if self.context.global.quiet {
            return;
        }
        self.context.screen.line(&format!("\nThe next sync begins in {length}, at {clock}; Ctrl-C ends it"));
        let refused = self.rests.refused() as u64;
        if refused > 0 {
            let (logins, is) = (counted(refused, "login"), verb_for(refused, "was", "were"));
            self.context.screen.line(&format!("{logins} {is} refused: not tried again before a setting changes"));
        }
    }

    /// Tries until it succeeds, or fails for another reason than what the disk is like, or who has the state.
    fn reopen(&mut self, directory: &Path) -> Result<Store> {
        let mut is_told = false;
        loop {
            match self.context.store(directory) {
                Err(error) if *error.kind() == Kind::Locked => {
                    if !is_told {
                        self.context.warn(&format!("{}: the next sync begins when it is done", error.what()));
                    }
                    is_told = true;
                    pause(self.context, LOCK_INTERVAL)?;
                }
                Err(error) if *error.kind() == Kind::State => {
                    errors::show(&self.context.screen, &error, &self.context.commands);
                    let now = now();
                    self.rest(Rest::until(now + seconds(self.interval), now))?;
                }
                opened => return opened,
            }
        }
    }
}

/// A wait between two rounds.
#[derive(Clone, Copy)]
struct Rest {
    until: i64,
    /// In seconds, from when it was decided.
    length: i64,
}

impl Rest {
    fn until(until: i64, now: i64) -> Rest {
        Rest { until, length: until - now }
    }
}

/// The accounts whose turn ended well.
fn well(round: &Round) -> HashSet<&str> {
    round.ended.iter().filter(|(_, ended)| *ended == Ended::Well).map(|(account, _)| &**account).collect()
}

fn seconds(interval: Duration) -> i64 {
    i64::try_from(interval.as_secs()).unwrap_or(i64::MAX / 2)
}

/// Waits, and says nothing.
///
/// # Errors
/// `Interrupted` when the user asked to stop.
fn pause(context: &Context, interval: Duration) -> Result<()> {
    context.interruption.enter(Stage::Waiting);
    match waited(interval, &context.interruption.stop, || context.supervisor.alive(Instant::now())) {
        true => Ok(()),
        false => Err(Error::new(Kind::Interrupted, "interrupted between two rounds; all that was done is recorded")),
    }
}

/// Whether the whole time passed before the user asked to stop. That it waits is said to who wants to know.
fn waited(interval: Duration, stop: &Stop, alive: impl Fn()) -> bool {
    let start = Instant::now();
    while start.elapsed() < interval && !stop.is_requested() {
        alive();
        thread::sleep(STOP_INTERVAL.min(interval.saturating_sub(start.elapsed())));
    }
    !stop.is_requested()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_ends_when_asked_to_stop() {
        let stop = Stop::default();
        assert!(waited(Duration::from_millis(1), &stop, || {}));
        stop.request();
        assert!(!waited(Duration::from_secs(3600), &stop, || {}));
    }
}
