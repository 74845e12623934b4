//! A password in a cell of the accounts file. What is kept of it is where it stands: it is read at each login, and erased
//! after it.
//!
//! A file that was changed meanwhile may have another account's password at that place: the row is believed only while
//! the users in it are those that it was read with.

use super::encoding::Encoding;
use super::mistake::Mistake;
use super::password::secret;
use super::sheet::{Cell, Row, SheetFile, split};
use crate::model::Secret;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

/// What all cells of an accounts file share.
pub(super) struct Grid {
    pub path: Arc<Path>,
    pub encoding: Encoding,
    pub delimiter: char,
    /// The columns of the users whose passwords stand in a row.
    pub users: Vec<usize>,
}

impl Grid {
    /// What tells one row's users from another's: there may be 100,000 rows, and their texts are kept elsewhere.
    fn users_in(&self, cells: &[Cell]) -> [u8; 16] {
        let mut digest = Sha256::new();
        for column in &self.users {
            let user = cells.get(*column).map_or("", Cell::text).trim();
            digest.update((user.len() as u64).to_be_bytes());
            digest.update(user);
        }
        let mut cut = [0; 16];
        cut.copy_from_slice(&digest.finalize()[..16]);
        cut
    }
}

/// Where a password stands in an accounts file.
#[derive(Clone)]
pub(super) struct PasswordCell {
    grid: Arc<Grid>,
    /// The row: where it begins, and its length.
    row: (u64, u32),
    column: u32,
    users: [u8; 16],
}

impl PasswordCell {
    /// The cell of that column of a row.
    pub fn new(grid: &Arc<Grid>, row: &Row, column: usize) -> PasswordCell {
        PasswordCell {
            grid: Arc::clone(grid),
            row: (row.octets.start as u64, row.octets.len() as u32),
            column: column as u32,
            users: grid.users_in(&row.cells),
        }
    }

    /// The password that stands there now.
    ///
    /// # Errors
    /// When the file cannot be read, was opened to others, or holds another row there.
    pub fn read(&self) -> Result<Secret, Mistake> {
        let unreadable = |error| Mistake::new(format!("the accounts file cannot be read any more: {error}"));
        let grid = &self.grid;
        let file = File::open(&grid.path).map_err(unreadable)?;
        let (sheet, _) = SheetFile::opened(&grid.path, &file).map_err(unreadable)?;
        sheet.objection().map_or(Ok(()), Err)?;
        let (begin, length) = self.row;
        let mut octets = Zeroizing::new(vec![0; length as usize]);
        let row = file.read_exact_at(&mut octets, begin).ok().and_then(|()| grid.encoding.decode(&octets));
        let row = row.filter(|_| self.is_whole_line(&file));
        let cells = row.and_then(|row| split(&row, grid.delimiter).ok());
        let cells = cells.filter(|cells| grid.users_in(cells) == self.users);
        let changed = || Mistake::new("the accounts file was changed after it was read").fix("run the command again");
        password(cells.ok_or_else(changed)?.get(self.column as usize).ok_or_else(changed)?)
    }

    /// Whether lines still begin and end where this one does.
    fn is_whole_line(&self, file: &File) -> bool {
        let is_line_end = |at: u64| {
            let mut octet = [0];
            file.read_at(&mut octet, at).is_ok_and(|count| count == 0 || matches!(octet[0], 0 | b'\r' | b'\n'))
        };
        let (begin, length) = self.row;
        (begin <= LONGEST_MARK || is_line_end(begin - 1)) && is_line_end(begin + u64::from(length))
    }
}

/// The first line may begin behind what marks the encoding.
const LONGEST_MARK: u64 = 3;

/// Where an accounts file has no octets that [`PasswordCell`] could read again, such as a pipe.
pub(super) fn can_be_read_again(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file())
}

/// What is in a cell as a password.
///
/// # Errors
/// When it is none that can be sent, or when it cannot be told where it ends. It is not quoted.
pub(super) fn password(cell: &Cell) -> Result<Secret, Mistake> {
    if cell.is_padded {
        let mistake = Mistake::new("the password begins or ends with a blank");
        return Err(mistake.fix("remove the blank, or put the cell into quotes if the blank belongs to the password"));
    }
    secret(Zeroizing::new(cell.text().as_bytes().to_vec()))
}
