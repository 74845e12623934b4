//! One case: a scenario, what strikes it, and what must hold afterwards.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::FromStr;

use crate::scenario::Scenario;
use crate::stage::{Stage, forbidden_commands};
use crate::support::compare::Differences;
use crate::support::ferry::Output;
use crate::support::proxy::fault::{Fault, Strike};
use crate::support::proxy::place::Place;
use crate::support::state::AccountState;

/// Runs after the struck one until it must have succeeded.
const RESUMES: usize = 3;

/// The exit statuses of a run that did not do all: fatal, in part, nobody reached, no room, interrupted.
const HONEST_FAILURES: [i32; 5] = [1, 3, 4, 6, 130];

/// What `sync` says when it had nothing to do.
const NOTHING_DONE: &str = "nothing to copy";

#[derive(Clone, Debug)]
pub struct Case {
    pub scenario: &'static Scenario,
    pub strikes: Vec<Strike>,
    /// The state is lost between the struck run and the next.
    pub forget_state: bool,
}

/// What came of a case.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// Whether the place occurred and was struck.
    pub struck: bool,
    /// Messages that are not on the destination, or are there twice, or in other octets, when all is done.
    pub lost: usize,
    pub doubled: usize,
    pub altered: usize,
    /// What is wrong; empty if nothing is.
    pub findings: Vec<String>,
}

impl fmt::Display for Case {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.scenario.name)?;
        self.strikes.iter().try_for_each(|strike| write!(formatter, " {strike}"))?;
        if self.forget_state { write!(formatter, " forget") } else { Ok(()) }
    }
}

impl FromStr for Case {
    type Err = String;

    fn from_str(text: &str) -> Result<Case, String> {
        let mut words = text.split_whitespace();
        let name = words.next().ok_or("a case begins with a scenario")?;
        let scenario = Scenario::named(name).ok_or_else(|| format!("no scenario {name}"))?;
        let mut case = Case { scenario, strikes: Vec::new(), forget_state: false };
        for word in words {
            match word {
                "forget" => case.forget_state = true,
                strike => case.strikes.push(strike.parse()?),
            }
        }
        Ok(case)
    }
}

impl Case {
    /// Runs the case to its end. Never panics: what goes wrong is a finding.
    pub fn run(&self) -> Verdict {
        let mut verdict = Verdict::default();
        let ended = catch_unwind(AssertUnwindSafe(|| self.play(&mut verdict)));
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(finding)) => verdict.findings.push(finding),
            Err(panic) => verdict.findings.push(panic_text(panic.as_ref())),
        }
        verdict
    }

    fn play(&self, verdict: &mut Verdict) -> Result<(), String> {
        let mut stage = Stage::set(self.scenario)?;
        let original = stage.original();
        let output = stage.struck_sync(&self.strikes);
        let forbidden = forbidden_commands(&stage.plan.seen(), self.scenario).join(" ");
        let struck = stage.plan.disarm();
        stage.plan.wait_until_quiet();
        verdict.struck = !struck.is_empty();
        if !forbidden.is_empty() {
            return Err(format!("a command was sent that must never be: {forbidden}"));
        }
        self.judge_exit(&output, &struck, &self.tolerated(stage.differences(&original)))?;
        if self.forget_state && stage.ferry.state().exists() {
            stage.ferry.forget_state();
        }
        let resumed = resume(&stage).map_err(|finding| format!("{finding}\n--- the struck run\n{output}"))?;
        self.judge_end(&stage, &original, verdict)
            .map_err(|finding| format!("{finding}\n--- the struck run\n{output}\n--- the next\n{resumed}"))
    }

    /// What came of it must be told: 0 only if all is there, else a number that says that it is not.
    fn judge_exit(&self, output: &Output, struck: &[Strike], differences: &Differences) -> Result<(), String> {
        let killed = struck.iter().any(|strike| strike.fault == Fault::Kill);
        let finding = |text: &str| Err(format!("{text}\n{differences}\n{output}"));
        if output.stderr.contains("panicked") || output.stderr.contains("a situation that it does not handle") {
            return finding("the program panicked");
        }
        // What was moved or deleted on the source is in its old place until that follows.
        let may_wait = (self.scenario.moves || self.scenario.deletes) && output.code != Some(0);
        let extra = !differences.extra.is_empty() && !may_wait;
        if extra || !(differences.duplicated.is_empty() && differences.altered.is_empty()) {
            return finding("the struck run itself doubled or altered something");
        }
        match output.code {
            Some(0) if differences.is_empty() || lacks_told_subscriptions(output, differences) => Ok(()),
            Some(0) => finding("exit status 0, and the destination is not what it should be"),
            Some(code) if HONEST_FAILURES.contains(&code) && output.stderr.contains("error") => Ok(()),
            None if killed => Ok(()),
            _ => finding("an exit status that is not to be expected, or no word why"),
        }
    }

    fn judge_end(&self, stage: &Stage, original: &AccountState, verdict: &mut Verdict) -> Result<(), String> {
        let differences = self.tolerated(stage.differences(original));
        verdict.lost = differences.missing.len();
        verdict.doubled = differences.duplicated.len() + differences.extra.len();
        verdict.altered = differences.altered.len();
        if !differences.is_empty() {
            return Err(format!("the destination is not what it should be:\n{differences}"));
        }
        let again = stage.ferry.run(&["sync"]);
        if again.code != Some(0) {
            return Err(format!("a sync with nothing to do failed: {again}"));
        }
        if !again.stdout.contains(NOTHING_DONE) {
            return Err(format!("a sync with nothing to do did something: {again}"));
        }
        let verified = stage.ferry.run(&["verify"]);
        if verified.code != Some(0) {
            return Err(format!("verify does not agree: {verified}"));
        }
        if stage.original() != *original {
            return Err("the source was changed".to_owned());
        }
        Ok(())
    }

    /// Without what such a fault may do: a message that was refused comes after the others.
    fn tolerated(&self, mut differences: Differences) -> Differences {
        if self.strikes.iter().any(|strike| strike.fault.may_change_the_order()) {
            differences.order_differs.clear();
        }
        differences
    }
}

/// Whether nothing is lacking but subscriptions, and that is told: they are not mail, and are no failure.
fn lacks_told_subscriptions(output: &Output, differences: &Differences) -> bool {
    let told = ["could not subscribe", "does not tell what is subscribed"];
    let others = Differences { subscriptions_missing: Vec::new(), ..differences.clone() };
    others.is_empty() && told.iter().any(|words| output.stdout.contains(words))
}

/// Syncs without faults until that succeeds.
fn resume(stage: &Stage) -> Result<Output, String> {
    let mut last = None;
    for _ in 0..RESUMES {
        let output = stage.ferry.run(&["sync"]);
        if output.code == Some(0) {
            return Ok(output);
        }
        last = Some(output);
    }
    Err(format!("no sync succeeds any more: {}", last.expect("a run")))
}

/// Runs a scenario without faults, and again with nothing to do; returns which places occurred, and how often.
pub fn record(scenario: &'static Scenario) -> Result<BTreeMap<Place, u32>, String> {
    let mut stage = Stage::set(scenario)?;
    let original = stage.original();
    let output = stage.struck_sync(&[]);
    let seen = stage.plan.seen();
    stage.plan.disarm();
    let straight = Case { scenario, strikes: Vec::new(), forget_state: false };
    if output.code != Some(0) {
        return Err(format!("the straight run failed: {output}"));
    }
    let forbidden = forbidden_commands(&seen, scenario).join(" ");
    if !forbidden.is_empty() {
        return Err(format!("a command was sent that must never be: {forbidden}"));
    }
    straight.judge_end(&stage, &original, &mut Verdict::default())?;
    Ok(seen)
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    format!("the test itself panicked: {}", text.unwrap_or("without a word"))
}
