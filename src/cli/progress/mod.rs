//! Progress on standard error: takes note of the pipeline's events and shows them as bars, lines or JSON.
//!
//! - [`board`]: what is known of each account at work; no output, no clock of its own.
//! - [`bars`], [`lines`], [`json_lines`]: the three ways to show it; [`live`]: to those who look on from outside;
//!   [`supervised`]: to systemd. [`panel`]: what stands on a terminal; [`fit`]: in its
//!   columns.

mod bars;
mod board;
mod display;
mod fit;
mod json_lines;
mod lines;
mod live;
mod panel;
mod supervised;

use super::arguments::ProgressMode;
use super::screen::Screen;
use super::supervisor::Supervisor;
use crate::pipeline::{Event, Observer};
use crate::serve::watch::{Run, Watch};
use bars::Bars;
use board::{Amount, Board};
use display::Display;
use json_lines::JsonLines;
use lines::Lines;
use live::Live;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};
use supervised::Supervised;

/// Shows what is going on. Shared by all threads of a run.
pub struct Progress(Arc<Mutex<State>>);

struct State {
    board: Board,
    displays: Vec<Box<dyn Display>>,
    /// Runs that began and were cleared: the one that ticks knows by it that its own is over.
    runs: u64,
}

/// Often enough to look alive while a server is silent.
const TICK: Duration = Duration::from_millis(200);

struct Nothing;

impl Display for Nothing {
    fn show(&mut self, _event: &Event<'_>, _board: &Board, _now: Instant) {}
}

impl Progress {
    /// Progress in that way; `auto` means bars on a terminal and lines elsewhere, and nothing when the user wants quiet.
    pub fn new(mode: ProgressMode, quiet: bool, screen: &Screen, run: &Run, supervisor: &Arc<Supervisor>) -> Self {
        let output = || -> Box<dyn Write + Send> { Box::new(screen.clone()) };
        let display: Box<dyn Display> = match mode {
            ProgressMode::None => Box::new(Nothing),
            ProgressMode::Auto if quiet => Box::new(Nothing),
            ProgressMode::Auto if !screen.takes_bars() => Box::new(Lines::new(output())),
            ProgressMode::Auto | ProgressMode::Bar => Box::new(Bars::new(screen.clone())),
            ProgressMode::Plain => Box::new(Lines::new(output())),
            ProgressMode::Json => Box::new(JsonLines::new(output(), run)),
        };
        Progress(Arc::new(Mutex::new(State {
            board: Board::new(0, None, Instant::now()),
            displays: vec![display, Box::new(Supervised(supervisor.clone()))],
            runs: 0,
        })))
    }

    /// Shows it to those who look on from outside, too.
    pub fn show_outside(&self, watch: &Arc<Watch>) {
        self.state().displays.push(Box::new(Live(watch.clone())));
    }

    /// A run over so many accounts begins, which have to do so many messages and octets where that is known.
    pub fn begin(&self, accounts: usize, planned: Option<(u64, u64)>) {
        let mut state = self.state();
        let planned = planned.map(|(messages, octets)| Amount { messages, octets });
        state.board = Board::new(accounts, planned, Instant::now());
        state.displays.iter_mut().for_each(|display| display.begin(accounts));
        state.runs += 1;
        let (run, progress) = (state.runs, Arc::downgrade(&self.0));
        drop(state);
        thread::spawn(move || tick(run, &progress));
    }

    /// Clears the way for the results.
    pub fn clear(&self) {
        let mut state = self.state();
        let State { board, displays, runs } = &mut *state;
        *runs += 1;
        for display in displays {
            display.end(board, Instant::now());
            display.clear();
        }
    }

    /// The command has ended with this exit status: nothing is said after that.
    pub fn conclude(&self, status: u8) {
        let mut state = self.state();
        let State { board, displays, .. } = &mut *state;
        displays.iter_mut().for_each(|display| display.conclude(board, status, Instant::now()));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows again and again that something is alive, until the run is over.
fn tick(run: u64, progress: &Weak<Mutex<State>>) {
    loop {
        thread::sleep(TICK);
        let Some(progress) = progress.upgrade() else { return };
        let mut state = progress.lock().unwrap_or_else(PoisonError::into_inner);
        let State { board, displays, runs } = &mut *state;
        if *runs != run {
            return;
        }
        board.look();
        displays.iter_mut().for_each(|display| display.tick(board, Instant::now()));
    }
}

impl Observer for Progress {
    fn event(&self, event: Event<'_>) {
        if let Event::Failed { account, error } = &event {
            tracing::error!(%account, "{}", error.line());
        }
        let now = Instant::now();
        let mut state = self.state();
        let State { board, displays, .. } = &mut *state;
        board.note(&event, now);
        displays.iter_mut().for_each(|display| display.show(&event, board, now));
        board.forget_ended(&event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    struct Clumsy;

    impl Display for Clumsy {
        fn show(&mut self, _event: &Event<'_>, _board: &Board, _now: Instant) {}

        fn tick(&mut self, _board: &Board, _now: Instant) {
            panic!("a test lets the thread that draws panic");
        }
    }

    #[test]
    fn panic_of_the_thread_that_draws_keeps_nobody_from_telling() {
        let state = State { board: Board::new(1, None, Instant::now()), displays: vec![Box::new(Clumsy)], runs: 1 };
        let progress = Progress(Arc::new(Mutex::new(state)));
        let drawing = Arc::downgrade(&progress.0);
        assert!(catch_unwind(AssertUnwindSafe(|| tick(1, &drawing))).is_err());
        progress.event(Event::Ended { account: "alice" });
        progress.clear();
    }
}
