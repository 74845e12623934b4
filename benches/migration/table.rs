//! What was measured, as tables of Markdown.

use std::fmt::Write as _;

use super::comparison::Verdict;
use super::launch::Usage;
use super::round_trips::RoundTrips;
use super::spread::Spread;

/// What a tool does in one run, in this order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    FirstCopy,
    NothingNew,
    /// Of mailferry alone.
    Verify,
    DeepVerify,
    Changes,
}

impl Phase {
    pub const ALL: [Phase; 5] = [Phase::FirstCopy, Phase::NothingNew, Phase::Verify, Phase::DeepVerify, Phase::Changes];

    pub fn title(self) -> &'static str {
        match self {
            Phase::FirstCopy => "first copy",
            Phase::NothingNew => "again, nothing new",
            Phase::Verify => "verify",
            Phase::DeepVerify => "verify --deep",
            Phase::Changes => "after 1 % of changes",
        }
    }

    /// Whether both sides are compared, and nothing is done.
    pub fn verifies(self) -> bool {
        matches!(self, Phase::Verify | Phase::DeepVerify)
    }
}

/// One tool, one phase, one run.
pub struct Measurement {
    pub tool: String,
    pub phase: Phase,
    pub usage: Usage,
    pub verdict: Verdict,
    /// Where the tool tells them.
    pub round_trips: Option<RoundTrips>,
}

/// All runs of one corpus over one line: a table, phase by phase, tool by tool, in the order of `tools`.
pub fn table(tools: &[String], measurements: &[Measurement]) -> String {
    let mut text = "| | tool | wall | least to greatest | × mailferry | × pipe | client CPU | memory | result |\n\
                    |---|---|--:|--:|--:|--:|--:|--:|---|\n"
        .to_owned();
    for phase in Phase::ALL {
        let rows = tools.iter().filter_map(|tool| Row::of(tool, phase, measurements));
        let rows: Vec<Row> = rows.collect();
        let wall = |wanted: fn(&str) -> bool| {
            let found = rows.iter().filter(|row| wanted(row.tool) && !row.failed);
            found.map(|row| row.wall.median).min_by(f64::total_cmp)
        };
        let (ours, pipe) = (wall(|tool| tool == "mailferry"), wall(|tool| tool.starts_with("pipe")));
        for (number, row) in rows.iter().enumerate() {
            let title = if number == 0 { phase.title() } else { "" };
            row.write(&mut text, title, ours, pipe);
        }
    }
    write_round_trips(&mut text, measurements);
    text
}

/// Those of the last run of each phase.
fn write_round_trips(text: &mut String, measurements: &[Measurement]) {
    let of = |phase: Phase| {
        let mut told = measurements.iter().filter(|it| it.phase == phase).filter_map(|it| it.round_trips.as_ref());
        told.next_back().map(|round_trips| format!("{}: {round_trips}", phase.title()))
    };
    let told: Vec<String> = Phase::ALL.into_iter().filter_map(of).collect();
    if !told.is_empty() {
        let _ = writeln!(text, "\nRound trips of mailferry, to the source + to the destination: {}.", told.join("; "));
    }
}

struct Row<'a> {
    tool: &'a str,
    wall: Spread,
    cpu_seconds: f64,
    memory_octets: f64,
    timed_out: bool,
    /// What it took says nothing.
    failed: bool,
    result: String,
}

impl<'a> Row<'a> {
    fn of(tool: &'a str, phase: Phase, measurements: &[Measurement]) -> Option<Row<'a>> {
        let runs: Vec<&Measurement> = measurements.iter().filter(|it| it.tool == tool && it.phase == phase).collect();
        let median = |figure: fn(&Usage) -> f64| Spread::of(runs.iter().map(|run| figure(&run.usage)));
        Some(Row {
            tool,
            wall: median(|usage| usage.wall_seconds)?,
            cpu_seconds: median(|usage| usage.cpu_seconds)?.median,
            memory_octets: median(|usage| usage.memory_octets as f64)?.median,
            timed_out: runs.iter().any(|run| run.usage.timed_out),
            failed: runs.iter().any(|run| run.usage.failed()),
            result: result(&runs),
        })
    }

    fn write(&self, text: &mut String, title: &str, ours: Option<f64>, pipe: Option<f64>) {
        let Row { tool, wall, timed_out, failed, result, .. } = self;
        let seconds = |seconds: f64| format!("{}{}", if *timed_out { "> " } else { "" }, shown(seconds));
        let ratio =
            |to: Option<f64>| to.filter(|_| !failed).map_or(String::new(), |to| format!("{:.2}", wall.median / to));
        let (least, greatest) = (shown(wall.least), shown(wall.greatest));
        let (ours, pipe) = (ratio(ours), ratio(pipe));
        let (cpu, memory) = (shown(self.cpu_seconds), mebibytes(self.memory_octets));
        let _ = writeln!(
            text,
            "| {title} | {tool} | {} s | {least} to {greatest} | {ours} | {pipe} | {cpu} s | {memory} | {result} |",
            seconds(wall.median)
        );
    }
}

/// Seconds as a figure.
pub fn shown(seconds: f64) -> String {
    if seconds < 10.0 { format!("{seconds:.2}") } else { format!("{seconds:.1}") }
}

/// Memory as a figure with its unit.
pub fn mebibytes(octets: f64) -> String {
    format!("{:.0} MiB", octets / 1_048_576.0)
}

/// The worst of the runs.
fn result(runs: &[&Measurement]) -> String {
    let differences = |verdict: &Verdict| verdict.missing + verdict.extra + verdict.altered + verdict.marked_otherwise;
    let worst = runs.iter().max_by_key(|run| (run.usage.timed_out, differences(&run.verdict)));
    let Some(worst) = worst else { return String::new() };
    if worst.usage.timed_out {
        return "ended at the time limit".to_owned();
    }
    let status = runs.iter().map(|run| run.usage.status).max().filter(|status| *status != 0);
    let status = status.map_or(String::new(), |status| format!("; exit status {status}"));
    format!("{}{status}", worst.verdict)
}
