//! Servers that never stop: lines, responses and literals without end. The program takes a bounded amount of memory,
//! gives the mailbox or the account up, and does the others.

use std::cell::Cell;
use std::fs;

use crate::case::{Case, First, Table, told};
use crate::support::fake::behaviour::{Behaviour, Rule, Then};
use crate::tally;

/// What the program may hold in memory at most, in KiB.
const MOST_KIBIBYTES: u64 = 200 << 10;

fn flooding(name: &'static str, begins: &str, octets: &[u8], words: &'static [&'static str]) -> Case {
    let rule = Rule::on(begins, Then::Flood(octets.to_vec()));
    Case::new(name, First::AccountTold(words)).source(Behaviour::honest().rule(rule))
}

/// Holds engine/wire/buffered.rs invariant 2.
/// Holds hazard 9.
#[test]
fn floods_are_borne_in_bounded_memory_and_told() {
    let mut table = Table::of(vec![
        flooding("flood-line", "LIST", b"x", &["a line of more than"]),
        flooding("flood-untagged-line", "EXAMINE \"Bad\"", b"* LIST () \"/\" x", &["a line of more than"]),
        flooding("flood-lists", "LIST", b"* LIST () \"/\" \"x\"\r\n", &["responses to the listing"]),
        flooding("flood-statuses", "LIST", b"* STATUS x (MESSAGES 1)\r\n", &["responses to the listing"]),
        flooding("flood-fetches", "UID FETCH 1:6", b"* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n", &[]),
        flooding(
            "flood-literals",
            "UID FETCH 1:6",
            b"* 1 FETCH (BODY[] {9}\r\n123456789 BODY[] {9}\r\n123456789 ",
            &[],
        ),
        flooding("flood-parentheses", "UID FETCH 1:6", b"(", &["a line of more than"]),
        flooding("flood-vanished", "EXAMINE \"Bad\"", b"* VANISHED 1:4294967295\r\n", &[]),
        flooding("flood-noise", "ID", b"* NOISE\r\n", &[]),
    ]);
    table.ferry.further_settings = table.ferry.further_settings.replace("retries = 4", "retries = 1");
    let mut running = table.ferry.start(&["sync", "--jobs", "3", "--progress", "none"]);
    let most = Cell::new(0);
    let status = format!("/proc/{}/status", running.id());
    running.wait_until(|| {
        let figure = fs::read_to_string(&status).ok().and_then(|text| {
            text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().split(' ').next()?.parse().ok())
        });
        most.set(most.get().max(figure.unwrap_or(0)));
        false
    });
    let output = running.finish().expect(3);
    assert!(most.get() > 0 && most.get() < MOST_KIBIBYTES, "{} KiB were held in memory", most.get());
    for case in table.cases() {
        let (First::AccountTold(words), told) = (case.first, told(&output, case.name)) else { continue };
        let said = words.iter().all(|word| told.iter().any(|line| line.contains(word)));
        assert!(!told.is_empty() && said, "{} is not told: {output}", case.name);
    }
    table.honest();
    table.run(&["sync"]).expect(0);
    for name in table.tenants().keys() {
        table.expect_at_destination(name, crate::case::MAIL);
    }
    tally::count(9);
}
