//! A password in a cell of the accounts file. What is kept of it is where it stands: it is read at each login, and erased
//! after it.
//!
//! A file that was changed meanwhile may have another account's password at that place: the row is believed only while
//! the users in it are those that it was read with.

use super::encoding::Encoding;
use super::mistake::Mistake;
use super::password::secret;
use super::sheet::{Cell, SheetFile, split};
use crate::model::Secret;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Where a password stands in an accounts file.
#[derive(Clone)]
pub(super) struct PasswordCell {
    pub path: Arc<Path>,
    pub encoding: Encoding,
    pub delimiter: char,
    /// The row.
    pub octets: Range<usize>,
    pub column: usize,
    pub users: Vec<(usize, String)>,
}

impl PasswordCell {
    /// The password that stands there now.
    ///
    /// # Errors
    /// When the file cannot be read, was opened to others, or holds another row there.
    pub fn read(&self) -> Result<Secret, Mistake> {
        let unreadable = |error| Mistake::new(format!("the accounts file cannot be read any more: {error}"));
        let file = File::open(&self.path).map_err(unreadable)?;
        let (sheet, _) = SheetFile::opened(&self.path, &file).map_err(unreadable)?;
        sheet.objection().map_or(Ok(()), Err)?;
        let mut octets = Zeroizing::new(vec![0; self.octets.len()]);
        let begin = self.octets.start as u64;
        let row = file.read_exact_at(&mut octets, begin).ok().and_then(|()| self.encoding.decode(&octets));
        let row = row.filter(|_| self.is_whole_line(&file));
        let cells = row.and_then(|row| split(&row, self.delimiter).ok()).filter(|cells| self.is_the_row(cells));
        let changed = || Mistake::new("the accounts file was changed after it was read").fix("run the command again");
        password(cells.ok_or_else(changed)?.get(self.column).ok_or_else(changed)?)
    }

    /// Whether lines still begin and end where this one does.
    fn is_whole_line(&self, file: &File) -> bool {
        let is_line_end = |at: usize| {
            let mut octet = [0];
            file.read_at(&mut octet, at as u64).is_ok_and(|count| count == 0 || matches!(octet[0], 0 | b'\r' | b'\n'))
        };
        let begin = self.octets.start;
        (begin <= LONGEST_MARK || is_line_end(begin - 1)) && is_line_end(self.octets.end)
    }

    fn is_the_row(&self, cells: &[Cell]) -> bool {
        self.users.iter().all(|(column, user)| cells.get(*column).is_some_and(|cell| cell.text().trim() == user))
    }
}

/// The first line may begin behind what marks the encoding.
const LONGEST_MARK: usize = 3;

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
