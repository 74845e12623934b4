//! Aligned columns, for a terminal: measured in the cells that a text takes on the screen, not in characters.

use unicode_width::UnicodeWidthStr;

/// Between two columns; and where the lines would be too long.
const GAP: &str = "   ";
const NARROW_GAP: &str = "  ";

/// On which side of its column a text stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Align {
    Left,
    Right,
}

/// Rows of texts. A column in which no row says anything is not shown.
#[derive(Default)]
pub struct Table {
    columns: Vec<Align>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns.
    pub fn new(columns: impl Into<Vec<Align>>) -> Self {
        Table { columns: columns.into(), rows: Vec::new() }
    }

    /// Adds a row; a missing cell is empty, one too many is not shown.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// One line for each row.
    pub fn lines(&self) -> Vec<String> {
        self.lines_with(GAP)
    }

    /// The same, closer together where that keeps them within so many cells.
    pub fn lines_within(&self, cells: usize) -> Vec<String> {
        let lines = self.lines();
        if lines.iter().all(|line| line.width() <= cells) { lines } else { self.lines_with(NARROW_GAP) }
    }

    fn lines_with(&self, gap: &str) -> Vec<String> {
        let widths: Vec<usize> = (0..self.columns.len()).map(|column| self.width(column)).collect();
        self.rows.iter().map(|row| self.line(row, &widths, gap)).collect()
    }

    fn width(&self, column: usize) -> usize {
        self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max().unwrap_or(0)
    }

    fn line(&self, row: &[String], widths: &[usize], gap: &str) -> String {
        let shown = self.columns.iter().zip(widths).enumerate().filter(|(_, (_, width))| **width > 0);
        let cells =
            shown.map(|(column, (align, width))| padded(row.get(column).map_or("", |cell| cell), *width, *align));
        cells.collect::<Vec<_>>().join(gap).trim_end().to_owned()
    }
}

/// The text, filled up with spaces to that many cells.
pub fn padded(text: &str, width: usize, align: Align) -> String {
    let fill = " ".repeat(width.saturating_sub(text.width()));
    match align {
        Align::Left => format!("{text}{fill}"),
        Align::Right => format!("{fill}{text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_are_aligned_by_cells() {
        let mut table = Table::new([Align::Left, Align::Left, Align::Right]);
        table.row(["日本".to_owned(), String::new(), "7".to_owned()]);
        table.row(["INBOX".to_owned(), String::new(), "10".to_owned()]);
        assert_eq!(table.lines(), ["日本     7", "INBOX   10"]);
        assert_eq!(table.lines_within(9), ["日本    7", "INBOX  10"]);
        assert_eq!(table.lines_within(10), table.lines());
    }
}
