//! The log: on standard error, between the bars, or in a file that only its owner can read.
//!
//! Only our own words are logged. What is spoken with the servers (target `wire`) is part of it at level `trace` only;
//! passwords are kept out of it where they are sent.

use super::arguments::{Global, LogFormat, LogLevel};
use super::screen::Screen;
use crate::error::{Error, Kind, Result, Scope};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Mutex;
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
            install(Mutex::new(open(file)?), global.log_format, filter);
        }
        None => install(screen.clone(), global.log_format, filter(global.log_level.unwrap_or(LogLevel::Warn))),
    }
    Ok(())
}

fn open(file: &Path) -> Result<File> {
    let opened = OpenOptions::new().create(true).append(true).mode(0o600).open(file);
    opened.map_err(|cause| {
        let what = format!("could not open the log file {}", file.display());
        Error::new(Kind::Io, what).because(cause).scope(Scope::Run)
    })
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
