//! A file of rows and cells as spreadsheets write it (RFC 4180, with a comma, a semicolon or a tab between the cells).
//!
//! 1. A row is a line. A quote that is not closed on its line is a mistake of that line: it takes no other row with it.
//! 2. The number of a row is that of its line in the file, whatever blank lines, comments and line ends stand before it.
//! 3. Cells erase themselves, and nothing here ever shows one: any may be a password.

use super::encoding::Encoding;
use super::mistake::{Findings, Mistake, Origin};
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

/// What may stand between the cells.
pub(super) const DELIMITERS: [char; 3] = [',', ';', '\t'];

/// A file as it was found: how it is written, and who can read it.
#[derive(Clone, Debug)]
pub(super) struct SheetFile {
    pub path: Arc<Path>,
    /// The permissions, where it is a file that has any.
    pub mode: Option<u32>,
}

impl SheetFile {
    /// Reads the file into memory that erases itself.
    ///
    /// # Errors
    /// What the system says.
    pub fn read(path: &Path) -> io::Result<(SheetFile, Zeroizing<Vec<u8>>)> {
        let file = File::open(path)?;
        let (sheet, length) = SheetFile::opened(path, &file)?;
        // Room for all of it at once: a vector that grows leaves copies behind.
        let mut octets = Zeroizing::new(Vec::with_capacity(length + 1));
        (&file).take(length as u64).read_to_end(&mut octets)?;
        if length == 0 {
            // A pipe does not say how long it is.
            octets = read_in_parts(&file)?;
        }
        Ok((sheet, octets))
    }

    /// What an open file is, and how long.
    pub fn opened(path: &Path, file: &File) -> io::Result<(SheetFile, usize)> {
        let metadata = file.metadata()?;
        let mode = Some(metadata.permissions().mode() & 0o777);
        let length = if metadata.is_file() { metadata.len() } else { 0 };
        Ok((SheetFile { path: path.into(), mode }, usize::try_from(length).unwrap_or(usize::MAX)))
    }

    /// The directory that relative paths in it start from.
    pub fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// Why the passwords in it are not taken, if they are not.
    pub fn objection(&self) -> Option<Mistake> {
        let mode = self.mode.filter(|mode| mode & 0o077 != 0)?;
        let mistake = Mistake::new(format!("this file holds passwords, and others can read it (mode {mode:03o})"));
        Some(mistake.fix(format!("run `chmod 600 {}`", self.path.display())).in_file(&self.path))
    }
}

/// Reads to the end without leaving a copy behind when more room is needed.
fn read_in_parts(mut file: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut octets = Zeroizing::new(Vec::new());
    let mut part = Zeroizing::new([0; 1 << 14]);
    loop {
        let count = file.read(&mut *part)?;
        if count == 0 {
            return Ok(octets);
        }
        let mut grown = Zeroizing::new(Vec::with_capacity(octets.len() + count));
        grown.extend_from_slice(&octets);
        grown.extend_from_slice(&part[..count]);
        octets = grown;
    }
}

/// The rows of a file.
pub(super) struct Sheet<'a> {
    pub file: &'a SheetFile,
    octets: &'a [u8],
    pub encoding: Encoding,
    pub delimiter: char,
    lines: std::iter::Enumerate<std::vec::IntoIter<Range<usize>>>,
    told_of_encoding: bool,
    /// Whether a line was none that could be read; it is noted.
    pub has_mistakes: bool,
}

/// One line of cells.
pub(super) struct Row {
    pub cells: Vec<Cell>,
    pub origin: Origin,
    /// Where it stands in the file.
    pub octets: Range<usize>,
}

/// One cell: what is in it, without quotes and without the blanks around it.
pub(super) struct Cell {
    text: Zeroizing<String>,
    /// Blanks were left out that may belong to it: it stands without quotes.
    pub is_padded: bool,
}

impl Cell {
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl<'a> Sheet<'a> {
    pub fn new(file: &'a SheetFile, octets: &'a [u8], encoding: Option<Encoding>, delimiter: Option<char>) -> Self {
        let (encoding, begin) = Encoding::found(octets, encoding);
        let lines = encoding.lines(octets, begin).into_iter().enumerate();
        let delimiter = delimiter.unwrap_or(DELIMITERS[0]);
        Sheet { file, octets, encoding, delimiter, lines, told_of_encoding: false, has_mistakes: false }
    }

    /// The next line that is not blank and no comment, as text.
    pub fn next_line(&mut self, findings: &Findings) -> Option<(Zeroizing<String>, Origin, Range<usize>)> {
        loop {
            let (index, octets) = self.lines.next()?;
            let origin = Origin::new(&self.file.path, index + 1);
            match self.encoding.decode(&self.octets[octets.clone()]) {
                Some(text) if text.trim().is_empty() || text.starts_with('#') => {}
                Some(text) => return Some((text, origin, octets)),
                None => self.tell_of_encoding(&origin, findings),
            }
        }
    }

    /// The next row with anything in it. Lines that are none are noted.
    pub fn next_row(&mut self, findings: &Findings) -> Option<Row> {
        loop {
            let (text, origin, octets) = self.next_line(findings)?;
            let cells = findings.accept(&origin, split(&text, self.delimiter));
            self.has_mistakes |= cells.is_none();
            let cells = cells.filter(|cells| cells.iter().any(|cell| !cell.text.is_empty()));
            if let Some(cells) = cells {
                return Some(Row { cells, origin, octets });
            }
        }
    }

    /// Once: who wrote one line in another encoding wrote them all so.
    fn tell_of_encoding(&mut self, origin: &Origin, findings: &Findings) {
        if std::mem::replace(&mut self.told_of_encoding, true) {
            return;
        }
        self.has_mistakes = true;
        let mistake = match self.encoding {
            Encoding::Utf8 => Mistake::new("this row is not UTF-8").fix(
                "save the file as CSV UTF-8; or, where Excel wrote it, set `encoding = \"windows-1252\"` in [accounts]",
            ),
            Encoding::Utf16 { .. } => Mistake::new("this row is not UTF-16").fix("save the file as CSV UTF-8"),
            Encoding::Windows1252 => Mistake::new("this row is not Windows-1252").fix("save the file as CSV UTF-8"),
        };
        findings.add(mistake.at(origin));
    }
}

/// The cells of a line.
///
/// # Errors
/// A quote that is not closed, or that something follows. The line is not quoted.
pub(super) fn split(line: &str, delimiter: char) -> Result<Vec<Cell>, Mistake> {
    let mut cells = Vec::new();
    let mut rest = line;
    loop {
        let (cell, after) = first_cell(rest, delimiter)?;
        cells.push(cell);
        match after {
            Some(after) => rest = after,
            None => return Ok(cells),
        }
    }
}

/// The first cell of a line, and what stands behind the delimiter that ends it.
fn first_cell(line: &str, delimiter: char) -> Result<(Cell, Option<&str>), Mistake> {
    let begin = line.trim_start_matches(|character: char| character.is_whitespace() && character != delimiter);
    let Some(quoted) = begin.strip_prefix('"') else {
        let (written, after) = match line.split_once(delimiter) {
            Some((written, after)) => (written, Some(after)),
            None => (line, None),
        };
        let text = written.trim();
        return Ok((Cell { text: Zeroizing::new(text.to_owned()), is_padded: text.len() < written.len() }, after));
    };
    let open = "the quote that begins a cell here is not closed on its line";
    let end = closing_quote(quoted).ok_or_else(|| {
        Mistake::new(open).fix("close it, or double it (\"\") where the cell begins with a quote of its own")
    })?;
    let text = Zeroizing::new(unescaped(&quoted[..end]));
    let behind = &quoted[end + 1..];
    let after = behind.trim_start_matches(|character: char| character.is_whitespace() && character != delimiter);
    match after.strip_prefix(delimiter) {
        Some(after) => Ok((Cell { text, is_padded: false }, Some(after))),
        None if after.is_empty() => Ok((Cell { text, is_padded: false }, None)),
        None => Err(Mistake::new("something follows the quote that closes a cell here")
            .fix("double each quote inside the cell (\"\"), as spreadsheets do")),
    }
}

/// Where the quote stands that closes the cell; one that is doubled does not.
fn closing_quote(text: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + text[from..].find('"')?;
        match text[at + 1..].starts_with('"') {
            true => from = at + 2,
            false => return Some(at),
        }
    }
}

/// With room for all of it, so that no copy is left behind.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut parts = text.split("\"\"");
    plain.push_str(parts.next().unwrap_or_default());
    parts.for_each(|part| {
        plain.push('"');
        plain.push_str(part);
    });
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(line: &str, delimiter: char) -> Result<Vec<String>, String> {
        let cells = split(line, delimiter).map_err(|mistake| mistake.what)?;
        Ok(cells.iter().map(|cell| cell.text().to_owned()).collect())
    }

    #[test]
    fn cells_are_split_as_spreadsheets_join_them() {
        let table: [(&str, char, &[&str]); 9] = [
            ("a,b", ',', &["a", "b"]),
            ("a,b;c", ';', &["a,b", "c"]),
            (" a \t \"b\"\t", '\t', &["a", "b", ""]),
            (",,", ',', &["", "", ""]),
            ("\"a;b\" ;c", ';', &["a;b", "c"]),
            ("\"say \"\"hi\"\"\",x", ',', &["say \"hi\"", "x"]),
            ("\"\",\"\"\"\"", ',', &["", "\""]),
            ("a\"b,c\"", ',', &["a\"b", "c\""]),
            ("\" a \", b", ',', &[" a ", "b"]),
        ];
        for (line, delimiter, expected) in table {
            assert_eq!(cells(line, delimiter).unwrap(), expected, "{line}");
        }
    }

    #[test]
    fn quotes_that_do_not_fit_are_mistakes_of_their_line() {
        assert!(cells("a,\"b", ',').unwrap_err().contains("not closed"));
        assert!(cells("\"a\"\"", ',').unwrap_err().contains("not closed"));
        assert!(cells("\"a\"b,c", ',').unwrap_err().contains("follows the quote"));
    }

    #[test]
    fn blanks_that_may_belong_to_a_cell_are_known() {
        let padded = |line: &str| split(line, ';').unwrap().iter().map(|cell| cell.is_padded).collect::<Vec<_>>();
        assert_eq!(padded("a; b;c ;\" d \" ;"), [false, true, true, false, false]);
    }
}
