//! One line an account, for a spreadsheet (RFC 4180).

use super::row::Row;
use crate::error::sanitized;
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
    let cells = [
        cell(&row.account),
        cell(&row.source_user),
        cell(&row.destination_user),
        row.grade.word().to_owned(),
        row.condition.word().to_owned(),
        row.held.to_string(),
        row.outcomes.there().to_string(),
        row.outcomes.pending.to_string(),
        row.outcomes.left_behind().to_string(),
        row.left_out().to_string(),
        row.octets.to_string(),
        verified,
        deep.to_owned(),
        cell(&row.error),
    ];
    cells.join(",") + "\r\n"
}

/// Quoted where it has to be; a spreadsheet takes nothing of it for a formula.
fn cell(text: &str) -> String {
    let text = sanitized(text);
    let text = if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text };
    match text.contains([',', '"']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}
