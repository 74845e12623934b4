//! The log: on standard error, between the bars, or in a file that only its owner can read.
//!
//! Only our own words are logged. What is spoken with the servers (target `wire`) is part of it at level `trace` only;
//! passwords are kept out of it where they are sent. A log that cannot be written ends nothing: that is told once, on
//! standard error.

use super::arguments::{Global, LogFormat, LogLevel};
use super::errors;
use super::screen::Screen;
use crate::error::{Error, Kind, Result, Scope};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use tracing::Subscriber;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, registry};

/// Begins to log as the command line says.
///
/// # Errors
/// `Io` when the log file cannot be opened.
pub fn begin(global: &Global, screen: &Screen) -> Result<()> {
    match &global.log_file {
        Some(file) => {
            let filter = filter(global.log_level.unwrap_or(LogLevel::Info));
            install(Log::new(open(file)?, file, screen), global.log_format, filter);
        }
        // What failed is shown on the screen anyhow.
        None => install(screen.clone(), global.log_format, filter(global.log_level.unwrap_or(LogLevel::Off))),
    }
    Ok(())
}

/// A log file. Whole lines are written, one after the other.
struct Log<F> {
    file: Mutex<F>,
    path: PathBuf,
    screen: Screen,
    /// Whether it was told that it cannot be written.
    is_told: AtomicBool,
}

impl<F: Write> Log<F> {
    fn new(file: F, path: &Path, screen: &Screen) -> Self {
        Log { file: Mutex::new(file), path: path.to_owned(), screen: screen.clone(), is_told: AtomicBool::new(false) }
    }

    fn append(&self, octets: &[u8]) {
        let written = self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(octets);
        if let Err(why) = written
            && !self.is_told.swap(true, Ordering::Relaxed)
        {
            errors::warn(&self.screen, &unwritten(&self.path, &why));
        }
    }
}

fn unwritten(path: &Path, why: &io::Error) -> String {
    format!(
        "the log {} cannot be written: {why}; the run goes on, and what is missing there is not told again",
        path.display()
    )
}

impl<F: Write> Write for &Log<F> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.append(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a, F: Write + 'a> MakeWriter<'a> for Log<F> {
    type Writer = &'a Log<F>;

    fn make_writer(&'a self) -> &'a Log<F> {
        self
    }
}

fn open(file: &Path) -> Result<File> {
    append_to(file).map_err(|cause| {
        let what = format!("could not open the log file {}", file.display());
        Error::new(Kind::Io, what)
            .because(cause)
            .scope(Scope::Run)
            .hint("name a file of your own, not a link to one, in a directory that you may write in")
    })
}

/// A log is appended to, so that whoever put a link or a file of theirs there would have us spoil another, or read along.
/// A link to a terminal or a pipe, as `/dev/stderr` is, spoils nothing.
fn append_to(file: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true).mode(0o600);
    if fs::metadata(file).is_ok_and(|metadata| !metadata.is_file()) {
        return options.create(false).open(file);
    }
    let opened = options.custom_flags(libc::O_NOFOLLOW).open(file).map_err(|why| match why.raw_os_error() {
        Some(libc::ELOOP) => io::Error::other("it is a symbolic link"),
        _ => why,
    })?;
    // SAFETY: geteuid cannot fail and touches no memory.
    match opened.metadata()?.uid() == unsafe { libc::geteuid() } {
        true => Ok(opened),
        false => Err(io::Error::other("it belongs to another user")),
    }
}

/// Our own targets: libraries log what says nothing to the user, or more than it should.
fn filter(level: LogLevel) -> Targets {
    let level = match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let wire = if level == LevelFilter::TRACE { LevelFilter::TRACE } else { LevelFilter::OFF };
    Targets::new().with_target("mailferry", level).with_target("wire", wire)
}

fn install<W>(writer: W, format: LogFormat, filter: Targets)
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false);
    let layer = match format {
        LogFormat::Text => layer.boxed(),
        LogFormat::Json => layer.json().boxed(),
    };
    start(registry().with(layer.with_filter(filter)));
}

/// A second start in one process, as tests have it, keeps the first log.
fn start(subscriber: impl Subscriber + Send + Sync + 'static) {
    let _ = subscriber.try_init();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn log_file_is_private_appended_to_and_never_reached_through_a_link() {
        let directory = tempfile::tempdir().unwrap();
        let (file, link) = (directory.path().join("log"), directory.path().join("link"));
        open(&file).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        symlink(&file, &link).unwrap();
        assert!(open(&link).unwrap_err().line().contains("symbolic link"));
        symlink(directory.path().join("new"), directory.path().join("dangling")).unwrap();
        assert!(open(&directory.path().join("dangling")).is_err());
        assert!(!directory.path().join("new").exists());
        open(&file).unwrap();
    }

    /// Has no room.
    #[derive(Default)]
    struct Full(usize);

    impl Write for Full {
        fn write(&mut self, _octets: &[u8]) -> io::Result<usize> {
            self.0 += 1;
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn log_without_room_is_told_once_and_tried_again() {
        let screen = Screen::new(crate::cli::arguments::ColorMode::Never);
        let log = Log::new(Full::default(), Path::new("/log"), &screen);
        assert!(!log.is_told.load(Ordering::Relaxed));
        (0..3).for_each(|_| (&log).write_all(b"line\n").unwrap());
        assert!(log.is_told.load(Ordering::Relaxed));
        assert_eq!(log.file.lock().unwrap().0, 3);
        assert!(unwritten(Path::new("/log"), &io::ErrorKind::StorageFull.into()).contains("/log"));
    }

    #[test]
    fn log_file_of_another_user_is_refused_and_a_device_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let (file, null) = (directory.path().join("log"), directory.path().join("null"));
        symlink("/dev/null", &null).unwrap();
        open(&null).unwrap();
        fs::write(&file, "").unwrap();
        match std::os::unix::fs::chown(&file, Some(1), None) {
            Ok(()) => assert!(open(&file).unwrap_err().line().contains("another user")),
            Err(_) => eprintln!("only root can give a file away: not tried"),
        }
    }
}
