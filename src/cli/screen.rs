//! Standard error, which progress bars, logs, notices and failures share: each takes its turn, and a line never lands in
//! the middle of a bar.

use super::arguments::ColorMode;
use super::journal;
use super::wrapping::wrapped;
use clap::builder::styling::{AnsiColor, Style};
use console::Term;
use indicatif::{MultiProgress, ProgressDrawTarget};
use std::env;
use std::io::{self, IsTerminal, Write};
use tracing_subscriber::fmt::MakeWriter;

/// Standard error. Cheap to clone; all clones are the same screen.
#[derive(Clone)]
pub struct Screen {
    bars: MultiProgress,
    coloured: bool,
    /// Each line says how grave it is.
    is_journal: bool,
}

/// What a word means; shown in colour where that is wanted, besides in words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tone {
    Error,
    Warning,
    Hint,
}

impl Screen {
    /// The screen of this process.
    pub fn new(color: ColorMode) -> Self {
        let coloured = match color {
            ColorMode::Always => true,
            ColorMode::Never => false,
            ColorMode::Auto => io::stderr().is_terminal() && colour_is_welcome(),
        };
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        Screen { bars, coloured, is_journal: journal::takes_standard_error() }
    }

    /// The bars on it.
    pub fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// Whether bars can be drawn on it.
    pub fn takes_bars(&self) -> bool {
        io::stderr().is_terminal() && env::var_os("TERM").is_none_or(|terminal| terminal != "dumb")
    }

    /// Rows and columns; those of the smallest terminals where they are not known.
    pub fn size(&self) -> (usize, usize) {
        let (rows, columns) = Term::stderr().size_checked().unwrap_or((24, 80));
        (usize::from(rows), usize::from(columns))
    }

    /// Writes a line, or several; on a terminal, broken between words. That standard error is closed is nobody's concern.
    pub fn line(&self, text: &str) {
        let wrapped = io::stderr().is_terminal().then(|| wrapped(text, self.size().1));
        let text = wrapped.as_deref().unwrap_or(text);
        let _ = self.write_whole(format!("{text}\n").as_bytes());
    }

    /// The word in the colour of its tone.
    pub fn toned(&self, tone: Tone, word: &str) -> String {
        if !self.coloured {
            return word.to_owned();
        }
        let style = match tone {
            Tone::Error => Style::new().bold().fg_color(Some(AnsiColor::Red.into())),
            Tone::Warning => Style::new().bold().fg_color(Some(AnsiColor::Yellow.into())),
            Tone::Hint => Style::new().bold().fg_color(Some(AnsiColor::Cyan.into())),
        };
        format!("{style}{word}{style:#}")
    }

    fn write_whole(&self, octets: &[u8]) -> io::Result<()> {
        let prefixed = self.is_journal.then(|| journal::prefixed(&String::from_utf8_lossy(octets)));
        let octets = prefixed.as_ref().map_or(octets, |text| text.as_bytes());
        self.bars.suspend(|| io::stderr().lock().write_all(octets))
    }
}

/// <https://no-color.org>
fn colour_is_welcome() -> bool {
    env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && env::var_os("TERM").is_none_or(|terminal| terminal != "dumb")
}

impl Write for Screen {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.write_whole(octets)?;
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Screen {
    type Writer = Screen;

    fn make_writer(&'a self) -> Screen {
        self.clone()
    }
}
