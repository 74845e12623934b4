//! Mailboxes of the destination get the names that their sources have by now, with all that is below them: nothing of them goes over
//! the line.
//!
//! Invariants:
//! 1. That RENAME may have been sent is noted, durably, before it is. Whether it was done only a whole listing tells: the old name is not
//!    there, and the new one is. An answer tells it of nothing.
//! 2. What is known of the pair goes on under the new name in one step of the state (`store/renaming.rs`), and only then; whatever
//!    breaks off before is found by the next scan (`survey/renamed.rs`).
//! 3. What the destination refuses keeps its name and goes on to be copied there. It is told, and asked for again by every run, as what
//!    it refuses of mail is.

use crate::diff::renames::{takes_along, waits_for};
use crate::engine::commands::list::Subscriptions;
use crate::error::{Error, Kind, Result, Scope};
use crate::model::failures::Failures;
use crate::model::{MailboxName, RawName, Renaming, Side, Stage};
use crate::pipeline::fleet::access::Access;
use std::collections::{HashMap, HashSet};

/// RENAMEs that are sent at once: their answers are short.
const IN_FLIGHT: usize = 100;

/// Rounds: what a server does not take along with its parent has one of its own, and so has what waits for a name to be free.
const ROUNDS: usize = 8;

/// What came of it.
#[derive(Default)]
pub struct Renamed {
    pub done: Vec<Renaming>,
    pub failures: Failures,
}

/// Renames these, what is to stand above others before them.
///
/// # Errors
/// What ends the account's work; what keeps a mailbox from being renamed is in the failures.
pub fn rename(access: &Access<'_>, renamings: &[Renaming]) -> Result<Renamed> {
    let mut pending = renamings.to_vec();
    pending.sort_by(|a, b| a.to.raw.cmp(&b.to.raw));
    let mut work = Work { access, renamed: Renamed::default(), pending, answers: HashMap::new() };
    for renaming in renamings {
        access.state.put_renaming(&Renaming { stage: Stage::Asked, ..renaming.clone() })?;
    }
    access.gauge.on_state(|| access.migration.store.flush())?;
    for _ in 0..ROUNDS {
        if work.pending.is_empty() {
            break;
        }
        access.go_on()?;
        work.ask()?;
        work.look()?;
    }
    work.give_up();
    access.gauge.on_state(|| access.migration.store.flush())?;
    Ok(work.renamed)
}

struct Work<'a> {
    access: &'a Access<'a>,
    renamed: Renamed,
    pending: Vec<Renaming>,
    /// What was asked for, and what came of it, by the source mailbox.
    answers: HashMap<RawName, Answer>,
}

enum Answer {
    Done,
    Refused(Error),
    /// None, however often it was asked for.
    Missing(Error),
}

impl Work<'_> {
    /// Asks for those that no other takes along: neither as it is to be, nor because it stands below the former name of one that is
    /// still to go.
    fn ask(&mut self) -> Result<()> {
        let mut led_by: Vec<(&Renaming, Option<char>)> = Vec::new();
        for renaming in &self.pending {
            if !led_by.iter().any(|(top, delimiter)| takes_along(top, renaming, *delimiter)) {
                led_by.push((renaming, self.delimiter(&renaming.from)));
            }
        }
        let waits = |it: &Renaming| led_by.iter().any(|(other, delimiter)| waits_for(it, other, *delimiter));
        let tops: Vec<Renaming> = led_by.iter().filter(|(top, _)| !waits(top)).map(|(top, _)| (*top).clone()).collect();
        let answers = self.access.ask_each(
            Side::Destination,
            &tops,
            IN_FLIGHT,
            |session, it| session.send_rename(&it.from.raw, &it.to.raw),
            |session, _, tag| match session.finish_rename(tag) {
                Err(error) if *error.kind() == Kind::Refused => Ok(Answer::Refused(error)),
                other => other.map(|()| Answer::Done),
            },
        )?;
        for (top, answer) in tops.into_iter().zip(answers) {
            self.answers.insert(top.source, answer.unwrap_or_else(Answer::Missing));
        }
        Ok(())
    }

    /// Invariant 1. What was asked for and is as it was is given up.
    fn look(&mut self) -> Result<()> {
        let listing =
            self.access.with_session(Side::Destination, |session| session.list_names(Subscriptions::Unwanted))?;
        if !listing.names.unreadable.is_empty() {
            let why = "the destination lists a mailbox whose name cannot be read";
            return Err(Error::new(Kind::Refused, "it is not known which mailboxes were renamed").because(why));
        }
        let listed: HashSet<RawName> =
            listing.mailboxes.into_iter().filter(|it| it.is_selectable()).map(|it| it.name.raw).collect();
        let is_there = |name: &MailboxName| listed.contains(&name.raw);
        let (done, pending): (Vec<Renaming>, Vec<Renaming>) =
            std::mem::take(&mut self.pending).into_iter().partition(|it| !is_there(&it.from) && is_there(&it.to));
        self.pending = pending;
        self.subscribe(&done)?;
        for renaming in done {
            self.access.state.rename_destination(&renaming.source, &renaming.to)?;
            self.renamed.done.push(renaming);
        }
        let (asked, pending): (Vec<Renaming>, Vec<Renaming>) =
            std::mem::take(&mut self.pending).into_iter().partition(|it| self.answers.contains_key(&it.source));
        self.pending = pending;
        asked.iter().for_each(|renaming| self.keep(renaming));
        Ok(())
    }

    /// Invariant 3.
    fn keep(&mut self, renaming: &Renaming) {
        let answer = self.answers.remove(&renaming.source);
        let what = format!("the destination did not rename it to `{}`", renaming.to);
        let why = match answer {
            Some(Answer::Refused(error) | Answer::Missing(error)) => error.summary(),
            _ => "it says that it did, and lists the old name".to_owned(),
        };
        let error =
            Error::new(Kind::Refused, what).scope(Scope::Mailbox).because(why).in_mailbox(&renaming.from.path());
        let error = error.hint(
            "nothing is lost: its mail goes on to be copied there under the old name, and the next sync tries again; or rename it \
             there yourself, and it is known again",
        );
        self.access.failures.note(&mut self.renamed.failures, error);
    }

    fn give_up(&mut self) {
        std::mem::take(&mut self.pending).iter().for_each(|renaming| self.keep(renaming));
    }

    /// What was subscribed is, under its new name. What is refused stops nothing.
    fn subscribe(&self, done: &[Renaming]) -> Result<()> {
        let listed = |it: &&Renaming| self.access.state.mailbox(Side::Destination, &it.from.raw).ok().flatten();
        let subscribed: Vec<&Renaming> = done.iter().filter(|it| listed(it).is_some_and(|it| it.subscribed)).collect();
        let answers = self.access.ask_each(
            Side::Destination,
            &subscribed,
            IN_FLIGHT,
            |session, it| Ok([session.send_subscribe(&it.to.raw)?, session.send_unsubscribe(&it.from.raw)?]),
            |session, _, [to, from]| {
                let subscribed = session.finish_subscribe(to);
                session.finish_subscribe(from).and(subscribed)
            },
        )?;
        for (renaming, refusal) in subscribed.iter().zip(answers).filter_map(|(it, answer)| Some((it, answer.err()?))) {
            let name = &renaming.to;
            self.access.notice(&format!("`{name}` was renamed, and its subscription was not: {}", refusal.summary()));
        }
        Ok(())
    }

    fn delimiter(&self, name: &MailboxName) -> Option<char> {
        self.access.state.mailbox(Side::Destination, &name.raw).ok().flatten().and_then(|listed| listed.delimiter)
    }
}
