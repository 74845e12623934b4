//! Progress as bars on a terminal: one for each account at work and, where there are several, one over all.

use super::board::{Board, Work};
use super::display::Display;
use crate::cli::screen::Screen;
use crate::error::sanitized;
use crate::pipeline::Event;
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// A bar whose end is known, one whose end is not, and the one over all accounts.
const MEASURED: &str = "{prefix:16!}  [{bar:24}]  {wide_msg}";
const UNMEASURED: &str = "{prefix:16!}  {spinner:26}  {wide_msg}";

/// Often enough to look alive while a server is silent.
const TICK: Duration = Duration::from_millis(200);

pub struct Bars {
    screen: Screen,
    overall: Option<ProgressBar>,
    accounts: HashMap<String, ProgressBar>,
}

impl Bars {
    pub fn new(screen: Screen) -> Self {
        Bars { screen, overall: None, accounts: HashMap::new() }
    }

    fn bar(&mut self, account: &str) -> &ProgressBar {
        let Bars { screen, overall, accounts } = self;
        accounts.entry(account.to_owned()).or_insert_with(|| {
            let bar = ProgressBar::no_length().with_prefix(sanitized(account));
            let bar = match overall {
                Some(overall) => screen.bars().insert_before(overall, bar),
                None => screen.bars().add(bar),
            };
            bar.enable_steady_tick(TICK);
            bar
        })
    }

    fn draw_account(&mut self, account: &str, board: &Board, now: Instant) {
        let Some(work) = board.work(account) else { return };
        let bar = self.bar(account);
        let (done, whole) = measure(work);
        bar.set_length(whole);
        bar.set_position(done);
        bar.set_message(message(work, now));
    }

    fn begin_account(&mut self, account: &str, board: &Board) {
        let measured = board.work(account).is_some_and(|work| measure(work).1 > 0);
        self.bar(account).set_style(style(if measured { MEASURED } else { UNMEASURED }));
    }

    fn draw_overall(&self, board: &Board, now: Instant) {
        if let Some(bar) = &self.overall {
            bar.set_position(board.ended as u64);
            bar.set_message(board.summary(now));
        }
    }

    fn end_account(&mut self, account: &str) {
        if let Some(bar) = self.accounts.remove(account) {
            bar.finish_and_clear();
            self.screen.bars().remove(&bar);
        }
    }
}

impl Display for Bars {
    fn begin(&mut self, accounts: usize) {
        self.clear();
        if accounts > 1 {
            let bar = ProgressBar::new(accounts as u64).with_style(style(MEASURED)).with_prefix("all accounts");
            let bar = self.screen.bars().add(bar);
            bar.enable_steady_tick(TICK);
            self.overall = Some(bar);
        }
    }

    fn show(&mut self, event: &Event<'_>, board: &Board, now: Instant) {
        match event {
            Event::Began { account, .. } => {
                self.begin_account(account, board);
                self.draw_account(account, board, now);
            }
            Event::Advanced { account, .. } => self.draw_account(account, board, now),
            Event::Noticed { account, text } => {
                self.screen.line(&format!("{}: {}", sanitized(account), sanitized(text)));
            }
            // Failures are listed at the end; until then they are counted.
            Event::Failed { .. } => {}
            Event::Ended { account } => self.end_account(account),
        }
        self.draw_overall(board, now);
    }

    fn clear(&mut self) {
        for bar in self.accounts.drain().map(|(_, bar)| bar).chain(self.overall.take()) {
            bar.finish_and_clear();
            self.screen.bars().remove(&bar);
        }
    }
}

/// Done and whole in what tells most: octets, or else messages.
fn measure(work: &Work) -> (u64, u64) {
    match work.whole.octets {
        0 => (work.done.messages, work.whole.messages),
        whole => (work.done.octets, whole),
    }
}

fn message(work: &Work, now: Instant) -> String {
    let summary = work.summary(now);
    if work.mailbox.is_empty() { summary } else { format!("{summary}   {}", work.mailbox) }
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars("=> ").tick_chars(r"-\|/ ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_well_formed() {
        for template in [MEASURED, UNMEASURED] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
