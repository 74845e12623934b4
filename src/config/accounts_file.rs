//! The file of accounts: a header line, columns by name, an account a row.
//!
//! 1. Lines that begin with `#` are left out, so that a row can be put aside; blank rows and empty cells at the end of a
//!    row are left over from a spreadsheet and mean nothing.
//! 2. A column without a value in a row is a mistake where the value names a user: a spreadsheet that lost a cell must not
//!    choose where mail goes.
//! 3. No cell is ever shown, of whatever column: columns shift, headers are missing, and a password then stands where a
//!    name should.
//! 4. Passwords are taken only from a file that nobody else can read.

use super::account::{AccountDraft, MERGE};
use super::cell::{self, Grid, PasswordCell};
use super::choice::server_key;
use super::document::At;
use super::encoding::Encoding;
use super::fields::Fields;
use super::mistake::{Findings, Mistake, Origin, did_you_mean};
use super::place::{Place, PlaceKeys, Quoting};
use super::server_keys::OwnKeys;
use super::sheet::{DELIMITERS, Row, Sheet, SheetFile, split};
use super::value::{checked_text, resolved, supported};
use crate::model::Side;
use std::path::PathBuf;
use std::sync::Arc;

const NAMES: [&str; 8] = ["name", "source_user", "destination_user", "tags", "prefix", MERGE, "wave", "priority"];

/// What the settings say of the file.
pub(super) struct AccountsFile {
    pub path: At<PathBuf>,
    /// `None`: found in the file.
    pub delimiter: Option<char>,
    pub encoding: Option<Encoding>,
}

impl AccountsFile {
    /// All its accounts. Each row that is none is noted.
    pub fn read(&self, findings: &Findings) -> Vec<AccountDraft> {
        let path = &self.path.value;
        let (file, octets) = match SheetFile::read(path) {
            Ok(read) => read,
            Err(error) => {
                let mistake = Mistake::new(format!("the accounts file {} cannot be read: {error}", path.display()));
                findings.add(mistake.fix("correct the path or its rights").at(&self.path.origin));
                return Vec::new();
            }
        };
        let sheet = Sheet::new(&file, &octets, self.encoding, self.delimiter);
        read_sheet(sheet, self.delimiter.is_none(), findings)
    }
}

/// All accounts of a sheet; what divides its cells is found in its first line, if it is not known.
pub(super) fn read_sheet(mut sheet: Sheet, find_delimiter: bool, findings: &Findings) -> Vec<AccountDraft> {
    let Some(columns) = Columns::read(&mut sheet, find_delimiter, findings) else { return Vec::new() };
    let mut drafts = Vec::new();
    let (mut has_rows, mut has_passwords) = (false, false);
    while let Some(row) = sheet.next_row(findings) {
        has_rows = true;
        has_passwords |= columns.passwords.iter().flatten().any(|column| !columns.text(&row, *column).is_empty());
        drafts.extend(columns.draft(&sheet, &row, findings));
    }
    if !has_rows && !sheet.has_mistakes {
        let mistake = Mistake::new("the accounts file has a header and no accounts").fix("add a row for each account");
        findings.add(mistake.at(&columns.origin));
    }
    if has_passwords {
        sheet.file.objection().into_iter().for_each(|mistake| findings.add(mistake));
    }
    drafts
}

/// The header line.
struct Columns {
    /// `None`: a column that is not known, and noted.
    names: Vec<Option<&'static str>>,
    /// The columns that hold passwords.
    passwords: [Option<usize>; 2],
    origin: Origin,
    /// Whether the file can be read a second time, for a password.
    is_lasting: bool,
    grid: Arc<Grid>,
}

impl Columns {
    fn read(sheet: &mut Sheet, find_delimiter: bool, findings: &Findings) -> Option<Self> {
        let header = Self::header(sheet, find_delimiter, findings)?;
        let known = known_columns();
        let count = header.cells.iter().rposition(|cell| !cell.text().is_empty()).map_or(0, |last| last + 1);
        let names: Vec<_> = header.cells[..count].iter().map(|cell| column_named(cell.text(), &known)).collect();
        if names.iter().all(Option::is_none) {
            findings.add(no_header(&header, count).at(&header.origin));
            return None;
        }
        for (index, name) in names.iter().enumerate() {
            let mistake = match name {
                None => unknown_column(index, header.cells[index].text(), &known),
                Some(name) if names[..index].contains(&Some(name)) => {
                    Mistake::new(format!("the column `{name}` is there twice")).fix("remove one")
                }
                Some(_) => continue,
            };
            findings.add(mistake.at(&header.origin));
        }
        if !names.contains(&Some("source_user")) {
            let fix = "name the columns in the first line: name,source_user,destination_user";
            findings.add(Mistake::new("the column `source_user` is missing").fix(fix).at(&header.origin));
            return None;
        }
        let place = |side| names.iter().position(|name| *name == Some(PlaceKeys::account(side).inline));
        let passwords = Side::BOTH.map(place);
        let is_lasting = cell::can_be_read_again(&sheet.file.path);
        let user = |name: &str| names.iter().position(|known| *known == Some(name));
        let grid = Arc::new(Grid {
            path: Arc::clone(&sheet.file.path),
            encoding: sheet.encoding,
            delimiter: sheet.delimiter,
            users: ["source_user", "destination_user"].into_iter().filter_map(user).collect(),
        });
        Some(Columns { names, passwords, origin: header.origin, is_lasting, grid })
    }

    /// The first row. A line `sep=;` before it is a word to Excel, and to us.
    fn header(sheet: &mut Sheet, mut find_delimiter: bool, findings: &Findings) -> Option<Row> {
        let empty = |sheet: &Sheet| {
            let fix = "begin it with a line such as: name,source_user,destination_user";
            findings.add(Mistake::new("the accounts file is empty").fix(fix).at(&Origin::new(&sheet.file.path, 1)));
        };
        let mut line = sheet.next_line(findings);
        if let Some(delimiter) = line.as_ref().and_then(|(text, ..)| told_delimiter(text)) {
            sheet.delimiter = delimiter;
            find_delimiter = false;
            line = sheet.next_line(findings);
        }
        let Some((text, origin, octets)) = line else {
            empty(sheet);
            return None;
        };
        if find_delimiter {
            sheet.delimiter = found_delimiter(&text);
        }
        let cells = findings.accept(&origin, split(&text, sheet.delimiter))?;
        Some(Row { cells, origin, octets })
    }

    fn draft(&self, sheet: &Sheet, row: &Row, findings: &Findings) -> Option<AccountDraft> {
        if let Some(mistake) = self.shifted(row) {
            findings.add(mistake.at(&row.origin));
            return None;
        }
        let mut fields = RowFields { columns: self, sheet, row, findings };
        fields.check_users();
        AccountDraft::read(&mut fields)
    }

    /// Why the cells of this row may belong to other columns.
    fn shifted(&self, row: &Row) -> Option<Mistake> {
        let expected = self.names.len();
        let found = row.cells.iter().rposition(|cell| !cell.text().is_empty()).map_or(0, |last| last + 1);
        if found <= expected && row.cells.len() >= expected {
            return None;
        }
        let found = if found > expected { found } else { row.cells.len() };
        let mistake = Mistake::new(format!("this row has {found} cells and the header has {expected}"));
        Some(mistake.fix(if found > expected {
            "put a cell that holds a comma, semicolon or tab into quotes"
        } else {
            "give each column a cell, perhaps empty; Excel leaves empty ones out where a last column has few values"
        }))
    }

    /// Where the password of that side stands in this row, if it holds one.
    fn password(&self, side: Side, row: &Row, findings: &Findings) -> Option<PasswordCell> {
        let column = self.passwords[side as usize].filter(|column| !self.text(row, *column).is_empty())?;
        let key = PlaceKeys::account(side).inline;
        let about = |mistake: Mistake| mistake.about(format!("`{key}`"));
        // Read once to find its mistakes, and forgotten.
        findings.accept(&row.origin, cell::password(&row.cells[column]).map_err(about))?;
        if !self.is_lasting {
            let what = "passwords are read again at each login, and this is no file that could be";
            findings.accept::<()>(&row.origin, Err(about(Mistake::new(what)).fix("put the accounts into a file")))?;
        }
        Some(PasswordCell::new(&self.grid, row, column))
    }

    fn cell<'r>(&self, row: &'r Row, column: &str) -> Option<&'r str> {
        let index = self.names.iter().position(|name| *name == Some(column))?;
        Some(self.text(row, index).trim())
    }

    fn text<'r>(&self, row: &'r Row, column: usize) -> &'r str {
        row.cells.get(column).map_or("", |cell| cell.text())
    }
}

/// `sep=;`
fn told_delimiter(line: &str) -> Option<char> {
    let told = line.strip_prefix("sep=")?.trim_end_matches(' ');
    DELIMITERS.into_iter().find(|delimiter| told.strip_prefix(*delimiter) == Some(""))
}

/// What divides a header into the most columns that are known; where none is, into the most at all.
fn found_delimiter(header: &str) -> char {
    let known = known_columns();
    let count = |delimiter: char| {
        let cells = split(header, delimiter).unwrap_or_default();
        (cells.iter().filter(|cell| column_named(cell.text(), &known).is_some()).count(), cells.len())
    };
    let counted = DELIMITERS.into_iter().rev().map(|delimiter| (count(delimiter), delimiter));
    counted.max_by_key(|(count, _)| *count).map_or(',', |(_, delimiter)| delimiter)
}

/// A row as an account is read from it.
struct RowFields<'a, 's> {
    columns: &'a Columns,
    sheet: &'a Sheet<'s>,
    row: &'a Row,
    findings: &'a Findings,
}

impl RowFields<'_, '_> {
    /// Notes a cell that must name a user and is empty.
    fn check_users(&self) {
        let fixes = [
            ("source_user", "write whose mailboxes are to be copied"),
            (
                "destination_user",
                "write the user there, or leave the whole column out if the names are the same on both sides",
            ),
        ];
        for (name, fix) in fixes {
            if self.columns.cell(self.row, name).is_some_and(str::is_empty) {
                let mistake = Mistake::new("this is empty").about(format!("`{name}`")).fix(fix);
                self.findings.add(mistake.at(&self.row.origin));
            }
        }
    }

    fn given(&self, name: &str) -> Option<&str> {
        self.columns.cell(self.row, name).filter(|cell| !cell.is_empty())
    }

    fn read<T>(&self, name: &str, read: impl FnOnce(&str) -> Result<T, Mistake>) -> Option<At<T>> {
        let cell = self.given(name)?;
        let is_placeholder = cell.starts_with('<') && cell.ends_with('>');
        let value = match is_placeholder {
            true => Err(Mistake::new("a placeholder is not filled in")),
            false => checked_text(cell).and_then(read),
        };
        let value = value.map_err(|mistake| mistake.about(format!("`{name}`")));
        let origin = self.row.origin.clone();
        self.findings.accept(&origin, value).map(|value| At { value, origin })
    }
}

impl Fields for RowFields<'_, '_> {
    fn findings(&self) -> &Findings {
        self.findings
    }

    fn origin(&self) -> &Origin {
        &self.row.origin
    }

    fn quoting(&self) -> Quoting {
        Quoting::Forbidden
    }

    fn has(&self, name: &str) -> bool {
        // An empty user is a wrong one; other empty cells say nothing.
        let is_user = matches!(name, "source_user" | "destination_user");
        self.columns.cell(self.row, name).is_some_and(|cell| is_user || !cell.is_empty())
    }

    fn text(&mut self, name: &'static str) -> Option<At<String>> {
        self.read(name, |cell| Ok(cell.to_owned()))
    }

    fn words(&mut self, name: &'static str) -> Vec<String> {
        self.given(name).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    }

    fn port(&mut self, name: &'static str) -> Option<At<u16>> {
        self.read(name, |cell| {
            let wrong = || Mistake::new(format!("a number from 1 to {} is expected", u16::MAX));
            cell.parse().ok().filter(|port| *port > 0).ok_or_else(wrong)
        })
    }

    fn integer(&mut self, name: &'static str) -> Option<At<i64>> {
        self.read(name, |cell| cell.parse().map_err(|_| Mistake::new("a whole number is expected")))
    }

    fn switch(&mut self, name: &'static str) -> Option<At<bool>> {
        self.read(name, |cell| match cell.to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Ok(true),
            "false" | "no" | "0" => Ok(false),
            _ => Err(Mistake::new("true or false is expected")),
        })
    }

    fn path(&mut self, name: &'static str) -> Option<At<PathBuf>> {
        let directory = self.sheet.file.directory();
        self.read(name, |cell| resolved(directory, cell))
    }

    fn word<T: Copy>(&mut self, name: &'static str, words: &[(&str, Option<T>)]) -> Option<At<T>> {
        self.read(name, |cell| {
            let meaning = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(cell)).map(|(_, meaning)| *meaning);
            let expected = supported(words);
            match meaning {
                Some(Some(meaning)) => Ok(meaning),
                Some(None) => Err(Mistake::new("this is not supported yet").fix(format!("supported: {expected}"))),
                None => Err(Mistake::new("this word is not known here").fix(format!("one of these: {expected}"))),
            }
        })
    }

    fn password(&mut self, side: Side) -> Option<Place> {
        let inline = self.columns.password(side, self.row, self.findings);
        let (origin, directory) = (&self.row.origin, self.sheet.file.directory());
        PlaceKeys::account(side).read_row(|name| self.given(name), inline, origin, directory, self.findings)
    }
}

fn known_columns() -> Vec<&'static str> {
    let places = Side::BOTH.map(PlaceKeys::account);
    let places = places.iter().flat_map(|keys| [keys.inline, keys.variable, keys.file, keys.command]);
    let servers = Side::BOTH.into_iter().flat_map(|side| [server_key(side)].into_iter().chain(OwnKeys::of(side).all()));
    NAMES.into_iter().chain(places).chain(servers).collect()
}

/// As people write it in a spreadsheet: `Source User` is `source_user`.
fn column_named(written: &str, known: &[&'static str]) -> Option<&'static str> {
    let written = written.trim().to_lowercase().replace([' ', '-'], "_");
    known.iter().copied().find(|name| *name == written)
}

fn unknown_column(index: usize, written: &str, known: &[&'static str]) -> Mistake {
    if written.trim().eq_ignore_ascii_case("password") {
        let fix = "call it `source_password` or `destination_password`";
        return Mistake::new("column `password`: whose password it is cannot be told").fix(fix);
    }
    let fix =
        did_you_mean(written, known.iter().copied()).unwrap_or_else(|| format!("known columns: {}", known.join(", ")));
    Mistake::new(format!("column {} is not known", index + 1)).fix(fix)
}

/// The first line is no header. Lists that other tools read have a form of their own.
fn no_header(row: &Row, count: usize) -> Mistake {
    let is = |index: usize, name: &str| row.cells.get(index).is_some_and(|cell| cell.text().eq_ignore_ascii_case(name));
    if is(0, "EmailAddress") && is(1, "UserName") {
        let fix = "run `mailferry init --from microsoft FILE`, which makes settings and accounts of it";
        return Mistake::new("this is a list for Microsoft's migration").fix(fix);
    }
    let fix = "begin it with a line such as: source_user;source_password;destination_user;destination_password";
    match count >= IMAPSYNC_CELLS {
        true => Mistake::new("the first line names no column that is known")
            .fix(format!("{fix}; or, where it is a list for imapsync, run `mailferry init --from imapsync FILE`")),
        false => Mistake::new("the first line names no column that is known").fix(fix),
    }
}

/// host1;user1;password1;host2;user2;password2
const IMAPSYNC_CELLS: usize = 6;

#[cfg(test)]
mod tests;
