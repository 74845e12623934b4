//! The plans of many accounts: a line each, and then what has to be read, once more and counted.

use super::remarks::remarks;
use crate::error::made_harmless;
use crate::model::report::{AccountResult, PlanSummary};
use crate::report::invocation::Invocation;
use crate::report::quantity::{counted, number, octets};
use crate::report::succeeded;
use crate::report::table::{Align, Table};

/// Accounts with something to do or to say; the others are counted.
pub(super) fn text(results: &[AccountResult<PlanSummary>], commands: &Invocation) -> String {
    let (mut idle, mut to_read, mut rows) = (0, Vec::new(), Vec::new());
    for (name, summary) in succeeded(results) {
        let totals = summary.plan.totals();
        to_read.extend(remarks(name, &summary.plan, commands).iter().map(|remark| format!("  {remark}\n")));
        if totals.is_empty() {
            idle += 1;
            continue;
        }
        let count = |count: u64| if count == 0 { String::new() } else { number(count) };
        let size = if totals.copies == 0 { String::new() } else { octets(totals.octets) };
        let deletions = totals.deletes + totals.second_copies;
        let (copies, moves, flags) = (count(totals.copies), count(totals.moves), count(totals.flag_updates));
        rows.push([made_harmless(name), copies, size, moves, flags, count(deletions)]);
    }
    let busy = succeeded(results).count() as u64 - idle;
    let lines = match busy {
        0 => String::new(),
        _ => table(rows).lines().iter().map(|line| format!("{line}\n")).collect::<String>() + "\n",
    };
    let idle = match idle {
        0 => String::new(),
        _ if busy == 0 => String::new(),
        idle => format!("{} with nothing to do\n", counted(idle, "account")),
    };
    let to_read = match to_read.len() as u64 {
        0 => String::new(),
        count => format!("{} to read:\n{}\n", counted(count, "remark"), to_read.concat()),
    };
    format!("{lines}{idle}{to_read}")
}

/// What no account has, has no heading.
fn table(rows: Vec<[String; 6]>) -> Table {
    let right = Align::Right;
    let mut table = Table::new([Align::Left, right, right, right, right, right]);
    let is_used = |column: usize| rows.iter().any(|row| !row[column].is_empty());
    let headings = ["ACCOUNT", "COPIES", "SIZE", "MOVES", "FLAG CHANGES", "DELETIONS"].into_iter().enumerate();
    table.row(headings.map(|(column, heading)| if is_used(column) { heading.to_owned() } else { String::new() }));
    rows.into_iter().for_each(|row| table.row(row));
    table
}
