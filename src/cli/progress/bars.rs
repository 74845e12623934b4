//! Progress on a terminal: a panel that is drawn again and again, the line over all accounts first.

use super::board::Board;
use super::display::Display;
use super::panel::{Frame, lines};
use crate::cli::screen::Screen;
use crate::error::made_harmless;
use crate::pipeline::Event;
use indicatif::{ProgressBar, ProgressStyle};
use std::time::{Duration, Instant};

/// Events come by the thousand; the eye takes less.
const REDRAW_INTERVAL: Duration = Duration::from_millis(100);

pub struct Bars {
    screen: Screen,
    /// One for each line of the panel.
    bars: Vec<ProgressBar>,
    drawn: Option<Instant>,
    tick: usize,
}

impl Bars {
    pub fn new(screen: Screen) -> Self {
        Bars { screen, bars: Vec::new(), drawn: None, tick: 0 }
    }

    fn draw(&mut self, board: &Board, now: Instant) {
        self.drawn = Some(now);
        let (rows, columns) = self.screen.size();
        let lines = lines(board, Frame { columns, rows, tick: self.tick }, now);
        while self.bars.len() > lines.len() {
            self.remove_last();
        }
        while self.bars.len() < lines.len() {
            let bar = ProgressBar::no_length().with_style(style());
            self.bars.push(self.screen.bars().add(bar));
        }
        for (bar, line) in self.bars.iter().zip(lines) {
            bar.set_message(line);
        }
    }

    fn remove_last(&mut self) {
        if let Some(bar) = self.bars.pop() {
            bar.finish_and_clear();
            self.screen.bars().remove(&bar);
        }
    }
}

impl Display for Bars {
    fn begin(&mut self, _accounts: usize) {
        self.clear();
    }

    fn show(&mut self, event: &Event<'_>, board: &Board, now: Instant) {
        if let Event::Noticed { account, text } = event {
            self.screen.line(&format!("{}: {}", made_harmless(account), made_harmless(text)));
        }
        // Failures are listed at the end; until then they are counted.
        if self.drawn.is_none_or(|drawn| now - drawn >= REDRAW_INTERVAL) {
            self.draw(board, now);
        }
    }

    fn tick(&mut self, board: &Board, now: Instant) {
        self.tick += 1;
        self.draw(board, now);
    }

    fn clear(&mut self) {
        while !self.bars.is_empty() {
            self.remove_last();
        }
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar())
}

const TEMPLATE: &str = "{wide_msg}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn template_is_well_formed() {
        assert!(ProgressStyle::with_template(TEMPLATE).is_ok());
    }
}
