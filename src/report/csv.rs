//! A line of a table for spreadsheets (RFC 4180).

use crate::error::made_harmless;

/// These cells as a line; a spreadsheet takes nothing of them for a formula.
pub fn line(cells: &[&str]) -> String {
    cells.iter().map(|text| cell(text)).collect::<Vec<_>>().join(",") + "\r\n"
}

/// Quoted where it has to be.
fn cell(text: &str) -> String {
    let text = made_harmless(text);
    let text = if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text };
    match text.contains([',', '"']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_no_formula() {
        assert_eq!(line(&["a", "b, \"c\"", "=1+1", "x\ny"]), "a,\"b, \"\"c\"\"\",'=1+1,x?y\r\n");
    }
}
