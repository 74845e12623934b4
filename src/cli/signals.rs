//! Ctrl-C: the first finishes the batch in hand, the second leaves at once. SIGTERM is the same.
//!
//! Leaving at once is safe too: what may have arrived meanwhile is looked up on the destination before copying goes on.

use super::screen::Screen;
use super::supervisor::Supervisor;
use crate::error::{Error, Kind, Result, Scope};
use crate::library::exit_codes::ExitCode;
use crate::pipeline::Stop;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::fs::File;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Listens for signals for as long as the process lives.
pub struct Interruption {
    /// Set by the first signal.
    pub stop: Stop,
    stage: Arc<Mutex<Stage>>,
}

/// What a signal interrupts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Reading settings, asking for passwords: nothing has been done, the first signal leaves at once.
    Preparing,
    /// Batches are on their way, and are finished first.
    Working,
    /// Between two runs of `--watch`.
    Waiting,
}

impl Interruption {
    /// Begins to listen. The stage is [`Stage::Preparing`].
    ///
    /// # Errors
    /// `Io` when the system refuses.
    pub fn listen(screen: &Screen, supervisor: &Arc<Supervisor>) -> Result<Interruption> {
        let refused = |cause| Error::new(Kind::Io, "could not listen for signals").because(cause).scope(Scope::Run);
        let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(refused)?;
        let interruption = Interruption { stop: Stop::default(), stage: Arc::new(Mutex::new(Stage::Preparing)) };
        let (stop, stage, screen) = (interruption.stop.clone(), interruption.stage.clone(), screen.clone());
        let (terminal, supervisor) = (TerminalSettings::saved(), supervisor.clone());
        thread::spawn(move || {
            let respond = || {
                let stage = *lock(&stage);
                if stage == Stage::Preparing || stop.is_requested() {
                    leave(&screen, terminal.as_ref());
                }
                stop.request();
                supervisor.stopping();
                if stage == Stage::Working {
                    screen.line("\nInterrupted: finishing the batch in hand; press Ctrl-C again to leave at once");
                }
            };
            answer(signals.forever(), respond, || leave(&screen, terminal.as_ref()));
        });
        Ok(interruption)
    }

    /// From now on signals interrupt this.
    pub fn enter(&self, stage: Stage) {
        *lock(&self.stage) = stage;
    }
}

/// Responds to each signal. Were this thread to die of one, the program could not be ended any more: it leaves.
fn answer(signals: impl Iterator<Item = i32>, mut respond: impl FnMut(), leave: impl FnOnce()) {
    let all = AssertUnwindSafe(|| signals.for_each(|_| respond()));
    if catch_unwind(all).is_err() {
        leave();
    }
}

fn lock(stage: &Mutex<Stage>) -> MutexGuard<'_, Stage> {
    stage.lock().unwrap_or_else(PoisonError::into_inner)
}

fn leave(screen: &Screen, terminal: Option<&TerminalSettings>) -> ! {
    if let Some(terminal) = terminal {
        terminal.restore();
    }
    let _ = screen.bars().clear();
    screen.line("\nInterrupted: left at once. Nothing is lost; run the same command again to go on");
    signal_hook::low_level::exit(i32::from(ExitCode::Interrupted.number()))
}

/// The terminal as we found it: a password prompt switches its echo off, and must not leave it so.
struct TerminalSettings {
    terminal: File,
    settings: libc::termios,
}

impl TerminalSettings {
    /// `None` where there is no terminal.
    fn saved() -> Option<TerminalSettings> {
        let terminal = File::open("/dev/tty").ok()?;
        let mut settings = MaybeUninit::<libc::termios>::uninit();
        // SAFETY: the descriptor is open, and `settings` has room for a termios, which is read only once filled.
        let filled = unsafe { libc::tcgetattr(terminal.as_raw_fd(), settings.as_mut_ptr()) } == 0;
        // SAFETY: tcgetattr has filled it.
        filled.then(|| TerminalSettings { terminal, settings: unsafe { settings.assume_init() } })
    }

    fn restore(&self) {
        // SAFETY: the descriptor is open, and the settings are those that tcgetattr gave. A process in the background
        // would be stopped by SIGTTOU here instead of leaving.
        unsafe {
            libc::signal(libc::SIGTTOU, libc::SIG_IGN);
            libc::tcsetattr(self.terminal.as_raw_fd(), libc::TCSANOW, &self.settings);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panic_over_a_signal_ends_the_program() {
        let (mut responded, mut left) = (0, false);
        let respond = || {
            responded += 1;
            assert!(responded < 2, "the second is one too many");
        };
        answer([SIGINT, SIGINT, SIGINT].into_iter(), respond, || left = true);
        assert_eq!((responded, left), (2, true));
    }
}
