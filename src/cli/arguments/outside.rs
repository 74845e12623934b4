//! What a run is to show outside of its terminal.

use crate::serve::place::Place;
use clap::{Args, ValueHint};
use std::path::PathBuf;

const OUTSIDE: &str = "To watch the run from outside";

/// What a run shows outside of its terminal.
#[derive(Args, Clone, Debug, Default)]
pub struct OutsideArguments {
    /// Show the run on a read-only page: 127.0.0.1:PORT (0 is any that is free) or unix:PATH
    ///
    /// Its address, with a secret word that opens it, is printed on standard error; at the same port it stays the same after
    /// a restart. The figures for Prometheus are there, too, as `metrics`.
    #[arg(long, help_heading = OUTSIDE, value_name = "ADDRESS")]
    pub serve: Option<Place>,
    /// Write figures for Prometheus into this file every few seconds, in the form that node_exporter's textfile collector reads
    ///
    /// It is replaced whole each time, and readable by all: no account is named in it.
    #[arg(long, help_heading = OUTSIDE, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub metrics_file: Option<PathBuf>,
}
