//! Progress for those who look on from outside.

use super::board::{Board, Whole, Work, phase_word};
use super::display::Display;
use crate::pipeline::Event;
use crate::serve::rows;
use crate::serve::watch::{Totals, Watch};
use std::sync::Arc;
use std::time::Instant;

pub struct Live(pub Arc<Watch>);

impl Display for Live {
    fn show(&mut self, event: &Event<'_>, board: &Board, _now: Instant) {
        match *event {
            Event::Began { account, .. } | Event::Resumed { account, .. } | Event::Advanced { account, .. } => {
                if let Some(work) = board.work(account) {
                    self.0.works(account, told(work));
                }
            }
            Event::Noticed { account, text } => self.0.notice(account, text),
            Event::Failed { account, error } => self.0.failure(account, error),
            Event::Ended { account } => self.0.rests(account),
        }
    }

    fn tick(&mut self, board: &Board, now: Instant) {
        // What is on its way is shown, too, of each account at work.
        board.at_work().filter(|(_, work)| work.is_on_its_way()).for_each(|(account, work)| {
            self.0.works(account, told(work));
        });
        self.0.total(totals(board, now));
    }

    fn end(&mut self, board: &Board, now: Instant) {
        self.0.total(totals(board, now));
    }
}

fn told(work: &Work) -> rows::Work {
    rows::Work {
        phase: phase_word(work.phase),
        mailbox: work.mailbox.clone(),
        messages_done: work.so_far().messages,
        octets_done: work.so_far().octets,
        messages: work.whole.messages,
        octets: work.whole.octets,
    }
}

fn totals(board: &Board, now: Instant) -> Totals {
    let (moved, so_far) = (board.moved(), board.so_far());
    let whole = board.whole().map(|whole| match whole {
        Whole::Known(whole) => (whole.messages, whole.octets, true),
        Whole::AtLeast(whole) => (whole.messages, whole.octets, false),
    });
    Totals {
        ended: board.ended as u64,
        failures: board.failures,
        messages: moved.messages,
        octets: moved.octets,
        so_far: (so_far.messages, so_far.octets),
        whole,
        listed: board.listed(),
        seconds: board.seconds(now),
        share: board.progress(),
        seconds_left: board.time_left(now).map(|left| left.as_secs_f64()),
    }
}
