//! The CSV file of accounts (RFC 4180): a header line, columns by name, an account a row, blanks around a cell ignored.
//!
//! Lines that begin with `#` are left out, so that a row can be put aside. A column without a value in a row is a mistake
//! where the value names a user: a spreadsheet that lost a cell must not choose where mail goes.

use super::account::{AccountDraft, account, checked_user};
use super::mistake::{Findings, Mistake, Origin, did_you_mean};
use super::place::PlaceKeys;
use crate::model::Side;
use csv::{ByteRecord, ReaderBuilder, Trim};
use std::fs;
use std::path::Path;

const NAMES: [&str; 4] = ["name", "source_user", "destination_user", "tags"];

/// All accounts of the file. Each row that is none is noted.
pub(super) fn read(path: &Path, named_at: &Origin, findings: &Findings) -> Vec<AccountDraft> {
    let octets = match fs::read(path) {
        Ok(octets) => octets,
        Err(error) => {
            let mistake = Mistake::new(format!("the accounts file {} cannot be read: {error}", path.display()));
            findings.add(mistake.fix("correct the path or its rights").at(named_at));
            return Vec::new();
        }
    };
    let drafts = read_rows(path, &octets, findings);
    drafts.unwrap_or_default()
}

pub(super) fn read_rows(path: &Path, octets: &[u8], findings: &Findings) -> Option<Vec<AccountDraft>> {
    let mut reader =
        ReaderBuilder::new().flexible(true).has_headers(false).trim(Trim::All).comment(Some(b'#')).from_reader(octets);
    let mut rows = reader.byte_records();
    let Some(header) = rows.next() else {
        let fix = "begin it with a line such as: name,source_user,destination_user";
        findings.add(Mistake::new("the accounts file is empty").fix(fix).at(&Origin::new(path, 1)));
        return None;
    };
    let header = row(path, header, findings)?;
    let columns = Columns::read(path, &header, findings)?;
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        let mistake = Mistake::new("the accounts file has a header and no accounts").fix("add a row for each account");
        findings.add(mistake.at(&header.origin));
    }
    Some(rows.filter_map(|record| columns.draft(&row(path, record, findings)?, findings)).collect())
}

/// One line of cells.
struct Row {
    cells: Vec<String>,
    origin: Origin,
}

fn row(path: &Path, record: csv::Result<ByteRecord>, findings: &Findings) -> Option<Row> {
    let record = match record {
        Ok(record) => record,
        Err(error) => {
            findings.add(Mistake::new(format!("this is not CSV: {error}")).in_file(path));
            return None;
        }
    };
    let line = record.position().map_or(1, |position| usize::try_from(position.line()).unwrap_or(usize::MAX));
    let origin = Origin::new(path, line);
    let cells = record.iter().map(|cell| std::str::from_utf8(cell).map(str::to_owned));
    let cells = cells.collect::<Result<Vec<_>, _>>();
    let not_utf8 = |_| Mistake::new("this row is not UTF-8").fix("save the file as CSV UTF-8");
    Some(Row { cells: findings.accept(&origin, cells.map_err(not_utf8))?, origin })
}

/// The header line.
struct Columns<'a> {
    path: &'a Path,
    names: Vec<String>,
}

impl<'a> Columns<'a> {
    fn read(path: &'a Path, header: &Row, findings: &Findings) -> Option<Self> {
        let known = known_columns();
        for (index, name) in header.cells.iter().enumerate() {
            let mistake = if header.cells[..index].contains(name) {
                Mistake::new(format!("the column `{name}` is there twice")).fix("remove one")
            } else if known.contains(&name.as_str()) {
                continue;
            } else {
                unknown_column(name, &known)
            };
            findings.add(mistake.at(&header.origin));
        }
        if !header.cells.iter().any(|name| name == "source_user") {
            let fix = "name the columns in the first line: name,source_user,destination_user";
            findings.add(Mistake::new("the column `source_user` is missing").fix(fix).at(&header.origin));
            return None;
        }
        Some(Columns { path, names: header.cells.clone() })
    }

    fn draft(&self, row: &Row, findings: &Findings) -> Option<AccountDraft> {
        let origin = &row.origin;
        let (expected, found) = (self.names.len(), row.cells.len());
        if expected != found {
            let mistake = Mistake::new(format!("this row has {found} cells and the header has {expected}"));
            findings.add(mistake.fix("give each column a value, perhaps empty; quote a value with a comma").at(origin));
            return None;
        }
        // `Err`: the cell is wrong, and noted.
        let checked = |column: &str, cell: Option<&str>| {
            cell.map(|cell| findings.accept(origin, checked_cell(column, cell)).ok_or(())).transpose()
        };
        let given = |column: &str| self.cell(row, column).filter(|cell| !cell.is_empty());
        let name = checked("name", given("name"));
        let source_user = checked("source_user", self.cell(row, "source_user"));
        let destination_user = checked("destination_user", self.cell(row, "destination_user"));
        let tags = given("tags").map(|tags| tags.split_whitespace().map(str::to_owned).collect()).unwrap_or_default();
        let directory = self.path.parent().unwrap_or(Path::new(""));
        let places = Side::BOTH.map(|side| PlaceKeys::account(side).read_row(given, origin, directory, findings));
        let account = account(name.ok()?, source_user.ok()??, destination_user.ok()?, tags);
        Some(AccountDraft { account, places, origin: origin.clone() })
    }

    fn cell<'r>(&self, row: &'r Row, column: &str) -> Option<&'r str> {
        let index = self.names.iter().position(|name| name == column)?;
        row.cells.get(index).map(String::as_str)
    }
}

fn checked_cell(column: &str, cell: &str) -> Result<String, Mistake> {
    if column == "destination_user" && cell.is_empty() {
        let fix = "write the user there, or leave the whole column out where all are called as on the source";
        return Err(Mistake::new("`destination_user` is empty").fix(fix));
    }
    checked_user(cell).map_err(|mistake| mistake.about(format!("`{column}`")))
}

fn known_columns() -> Vec<&'static str> {
    let places = Side::BOTH.map(PlaceKeys::account);
    let places = places.iter().flat_map(|keys| [keys.variable, keys.file, keys.command]);
    NAMES.into_iter().chain(places).collect()
}

fn unknown_column(name: &str, known: &[&str]) -> Mistake {
    let own = Side::BOTH.map(PlaceKeys::account);
    if let Some(keys) = own.iter().find(|keys| keys.inline == name || name == "password") {
        let refusal = keys.refusal();
        return refusal.about(format!("column `{name}`"));
    }
    if name.contains(';') {
        return Mistake::new("the columns are divided by `;`").fix("save the file with commas between the columns");
    }
    let fix =
        did_you_mean(name, known.iter().copied()).unwrap_or_else(|| format!("known columns: {}", known.join(", ")));
    Mistake::new(format!("unknown column `{name}`")).fix(fix)
}
