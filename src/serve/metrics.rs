//! The figures as Prometheus reads them (text exposition format 0.0.4). No account is a label: there may be 100,000.

use super::cutover::Cutover;
use super::watch::{Stage, State, Totals, Watch, now};
use crate::error::made_harmless;
use crate::model::Condition;
use crate::model::forecast::Range;
use std::fmt::Write as _;
use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

pub const KIND: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Readable by all: another user's node_exporter reads it, and there is no name in it.
const MODE: u32 = 0o644;

/// All of them.
pub fn text(watch: &Watch) -> String {
    let state = watch.state();
    let mut text = String::new();
    about_the_run(&state, &mut text);
    let accounts = Condition::ALL.map(|condition| {
        let count = state.rows.counts().find(|(known, _)| *known == condition).map_or(0, |(_, count)| count);
        (format!("{{condition=\"{condition}\"}}"), count as f64)
    });
    family(&mut text, "accounts", "gauge", "Accounts of the run, by condition.", &accounts);
    waves(&state, &mut text);
    let Totals { ended, failures, messages, octets, listed, .. } = state.totals;
    let sums = &state.sums;
    let counters = [
        ("messages_copied_total", "Messages that were copied or, by verify, compared.", sums.messages + messages),
        ("copied_bytes_total", "Octets of these messages.", sums.octets + octets),
        ("messages_listed_total", "Messages that were listed.", sums.listed + listed),
        ("failures_total", "Failures that were told.", sums.failures + failures),
        ("accounts_ended_total", "Accounts that were taken through a round.", sums.ended + ended),
        ("rounds_total", "Rounds that were begun.", state.rounds),
    ];
    for (name, help, value) in counters {
        family(&mut text, name, "counter", help, &[(String::new(), value as f64)]);
    }
    family(
        &mut text,
        "round_progress_ratio",
        "gauge",
        "The share of the round that is done.",
        &[(String::new(), state.totals.share)],
    );
    if let Some(left) = state.totals.seconds_left {
        let help = "How long the rest of the round takes at the pace so far.";
        family(&mut text, "round_remaining_seconds", "gauge", help, &[(String::new(), left)]);
    }
    cutover(&state, &mut text);
    text
}

/// What a cutover now would take, between what bounds, as far as that can be told.
fn cutover(state: &State, text: &mut String) {
    let Some(Cutover { forecast, accounts }) = state.cutover.0 else { return };
    let bounds = |range: Range| {
        [("low", range.low), ("high", range.high)].map(|(bound, value)| (format!("{{bound=\"{bound}\"}}"), value))
    };
    let families = [
        ("cutover_seconds", "How long a cutover now would take.", bounds(forecast.seconds)),
        ("cutover_messages", "Messages that a cutover now would have to bring over.", bounds(forecast.behind)),
    ];
    families.iter().for_each(|(name, help, values)| family(text, name, "gauge", help, values));
    let help = "Accounts that the forecast of the cutover is for; of the others too few runs were measured.";
    family(text, "cutover_accounts", "gauge", help, &[(String::new(), accounts as f64)]);
}

fn waves(state: &State, text: &mut String) {
    let (mut open, mut accounts) = (Vec::new(), Vec::new());
    for (name, is_open, counts) in state.rows.waves.figures(now()) {
        let wave = label(name);
        open.push((format!("{{wave=\"{wave}\"}}"), if is_open { 1.0 } else { 0.0 }));
        let counts = counts.iter().filter(|(_, count)| **count > 0);
        accounts.extend(
            counts.map(|(condition, count)| (format!("{{wave=\"{wave}\",condition=\"{condition}\"}}"), *count as f64)),
        );
    }
    if !open.is_empty() {
        family(text, "wave_open", "gauge", "Whether the accounts of the wave may be worked on now.", &open);
        family(text, "wave_accounts", "gauge", "Accounts of the wave, by condition.", &accounts);
    }
}

/// A value between quotes.
fn label(value: &str) -> String {
    made_harmless(value).replace('\\', r"\\").replace('"', "\\\"")
}

fn about_the_run(state: &State, text: &mut String) {
    let labels = format!("{{version=\"{}\",command=\"{}\"}}", env!("CARGO_PKG_VERSION"), state.run.command);
    family(text, "build_info", "gauge", "The version and the command.", &[(labels, 1.0)]);
    let started = state.run.started as f64;
    family(text, "run_started_timestamp_seconds", "gauge", "When the run began.", &[(String::new(), started)]);
    let working = if state.stage == Stage::Working { 1.0 } else { 0.0 };
    family(text, "working", "gauge", "Whether a round is under way.", &[(String::new(), working)]);
    if let Stage::Ended(status) = state.stage {
        family(text, "exit_status", "gauge", "How the run ended.", &[(String::new(), f64::from(status))]);
    }
    if let Some(at) = state.last_success {
        let help = "When a round last ended with nothing left to say.";
        family(text, "last_success_timestamp_seconds", "gauge", help, &[(String::new(), at as f64)]);
    }
}

fn family(text: &mut String, name: &str, kind: &str, help: &str, values: &[(String, f64)]) {
    let _ = writeln!(text, "# HELP mailferry_{name} {help}\n# TYPE mailferry_{name} {kind}");
    for (labels, value) in values {
        let _ = writeln!(text, "mailferry_{name}{labels} {value}");
    }
}

/// Writes them to a file, which is replaced whole: who reads it reads the old or the new.
///
/// # Errors
/// Those of the system.
pub fn write(watch: &Watch, file: &Path) -> io::Result<()> {
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut new = tempfile::Builder::new().prefix(".mailferry-").tempfile_in(directory)?;
    new.write_all(text(watch).as_bytes())?;
    new.as_file().set_permissions(Permissions::from_mode(MODE))?;
    new.persist(file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::cutover::tests::resynced;
    use crate::serve::rows::tests::enrolled;
    use crate::serve::watch::tests::watch;
    use crate::serve::waves::tests::wave;
    use std::fs;

    #[test]
    fn every_figure_has_its_help_and_type_and_no_account_is_named() {
        let watch = watch(&["alice", "bob"]);
        watch.total(Totals { messages: 3, seconds_left: Some(1.5), ..Totals::default() });
        watch.settle(&[resynced("alice", now() - 1800)]);
        watch.turn(Stage::Ended(0));
        watch.succeed();
        let text = text(&watch);
        assert!(text.contains("\nmailferry_messages_copied_total 3\n"), "{text}");
        assert!(text.contains("\nmailferry_accounts{condition=\"waiting\"} 1\n"), "{text}");
        assert!(text.contains("\nmailferry_round_remaining_seconds 1.5\n") && !text.contains("alice"), "{text}");
        assert!(text.contains("\nmailferry_cutover_accounts 1\n"), "{text}");
        let high = text.lines().find_map(|line| line.strip_prefix("mailferry_cutover_seconds{bound=\"high\"} "));
        assert!(high.is_some_and(|high| high.parse::<f64>().unwrap() > 28.0), "{text}");
        let names = |start: &str| text.lines().filter(|line| line.starts_with(start)).count();
        assert_eq!(names("# HELP"), names("# TYPE"));
    }

    #[test]
    fn waves_are_told_by_name_whatever_it_is() {
        let watch = watch(&[]);
        watch.begin(vec![enrolled("alice", Some(wave("a\"\\b\n", None)))], 1);
        let text = text(&watch);
        assert!(text.contains(r#"mailferry_wave_open{wave="a\"\\b"} 1"#), "{text}");
        assert!(text.contains(r#"mailferry_wave_accounts{wave="a\"\\b",condition="waiting"} 1"#), "{text}");
    }

    #[test]
    fn counters_go_on_over_the_rounds_of_a_watch() {
        let watch = watch(&["alice"]);
        watch.total(Totals { messages: 3, ..Totals::default() });
        watch.begin(vec![enrolled("alice", None)], 1);
        watch.total(Totals { messages: 4, ..Totals::default() });
        assert!(text(&watch).contains("\nmailferry_messages_copied_total 7\n"));
    }

    #[test]
    fn file_is_replaced_whole_and_readable_by_all_and_nothing_is_left_where_it_cannot_be() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("mailferry.prom");
        let watch = watch(&[]);
        for _ in 0..2 {
            write(&watch, &file).unwrap();
        }
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, MODE);
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        assert!(write(&watch, &file).is_err());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
