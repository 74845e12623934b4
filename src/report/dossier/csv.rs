//! One line an account, for a spreadsheet.

use super::row::Row;
use crate::report::csv;
use crate::report::quantity::exact_moment;

const HEADINGS: &str = "account,source_user,destination_user,grade,state,messages,there,to_copy,failed,left_out,octets,verified,compared_octets,last_error\r\n";

/// All accounts, with a line of headings.
pub fn text(rows: &[Row]) -> String {
    std::iter::once(HEADINGS.to_owned()).chain(rows.iter().map(line)).collect()
}

fn line(row: &Row) -> String {
    let (verified, deep) = match row.verified {
        Some((at, deep, _)) => (exact_moment(at).unwrap_or_default(), if deep { "yes" } else { "no" }),
        None => (String::new(), ""),
    };
    let counts =
        [row.held, row.outcomes.there(), row.outcomes.pending, row.outcomes.left_behind(), row.left_out(), row.octets];
    let counts = counts.map(|count| count.to_string());
    let before = [&row.account, &row.source_user, &row.destination_user, row.grade.word(), row.condition.word()];
    let after = [&verified, deep, &row.error];
    let cells: Vec<&str> = before.into_iter().chain(counts.iter().map(String::as_str)).chain(after).collect();
    csv::line(&cells)
}
