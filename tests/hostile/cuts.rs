//! Connections that end after any number of octets: in the middle of a greeting, a listing, a literal. Nothing that is cut
//! is taken for whole, every run tells what it did not do, and the next one with whole connections is exact.

use crate::case::{Case, First, Table, told};
use crate::support::fake::behaviour::Behaviour;
use crate::tally;

/// Longer than either conversation.
const CONVERSATION: u64 = 9_000;

/// How far apart the cuts are: no divisor of anything, so that all kinds of places are met.
const STEP: usize = 59;

fn name(side: &str, octets: u64) -> &'static str {
    Box::leak(format!("cut-{side}-{octets}").into_boxed_str())
}

/// Holds disaster rule 8.
#[test]
fn connections_cut_at_any_octet_lose_and_double_nothing() {
    let mut cases = Vec::new();
    for octets in (1..CONVERSATION).step_by(STEP) {
        let cut = Behaviour::honest().cut_after(octets);
        cases.push(Case::new(name("source", octets), First::AccountTold(&[])).source(cut.clone()));
        if octets < CONVERSATION / 3 {
            cases.push(Case::new(name("destination", octets), First::AccountTold(&[])).destination(cut));
        }
    }
    let count = cases.len();
    let mut table = Table::of(cases);
    table.ferry.further_settings = table.ferry.further_settings.replace("retries = 4", "retries = 0");
    let output = table.run(&["sync"]);
    assert!(matches!(output.code, Some(3)), "{output}");
    let mut faults = Vec::new();
    let mut whole = 0;
    for case in table.cases() {
        let found = table.differences(case);
        let quiet = told(&output, case.name).is_empty();
        let lacking = !found.missing.is_empty();
        whole += usize::from(!lacking);
        if !found.duplicated.is_empty() || !found.extra.is_empty() || !found.altered.is_empty() || (quiet && lacking) {
            faults.push(format!("{}: told: {}\n{found}", case.name, !quiet));
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    assert!(whole > 0 && whole < count, "{whole} of {count} were not cut at all");
    table.honest();
    table.run(&["sync"]).expect(0);
    for case in table.cases() {
        let found = table.differences(case);
        assert!(found.is_empty(), "{}:\n{found}", case.name);
    }
    tally::count(count);
}
