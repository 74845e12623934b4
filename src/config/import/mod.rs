//! Lists of accounts and settings that other tools read, made into settings and an accounts file of ours; for `init --from`.
//!
//! What is read is not kept: the new files say all of it, and what they cannot say is told. A list is read whole or not at
//! all, with all its mistakes at once; nothing that stands in it is ever shown, for it holds passwords.

mod imapsync;
mod mbsync;
mod microsoft;
mod output;
mod sections;

use super::encoding::Encoding;
use super::mistake::{Findings, Mistake, Mistakes, Origin};
use super::sheet::SheetFile;
use std::path::Path;
use zeroize::Zeroizing;

/// Whose list it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tool {
    /// `host1;user1;password1;host2;user2;password2;options`, a line an account.
    Imapsync,
    /// `EmailAddress,UserName,Password`: Microsoft's migration from IMAP.
    Microsoft,
    /// `.mbsyncrc`.
    Mbsync,
}

impl Tool {
    /// Every tool and its name.
    pub const ALL: [(&'static str, Tool); 3] =
        [("imapsync", Tool::Imapsync), ("microsoft", Tool::Microsoft), ("mbsync", Tool::Mbsync)];
}

/// What a list became.
pub struct Imported {
    /// The settings file.
    pub settings: String,
    /// The accounts file, with passwords; `None` where the settings hold the accounts, and no password.
    pub accounts: Option<Zeroizing<String>>,
    /// How many accounts are in it.
    pub count: usize,
    /// What could not be carried over, a sentence each.
    pub notes: Vec<String>,
}

/// Reads a list; `accounts_file` is what the settings call the accounts file.
///
/// # Errors
/// All mistakes in the list, with their lines.
pub fn import(tool: Tool, file: &Path, accounts_file: &str) -> Result<Imported, Mistakes> {
    let (sheet, octets) = SheetFile::read(file).map_err(|error| {
        Mistake::new(format!("the list {} cannot be read: {error}", file.display()))
            .fix("correct the path or its rights")
    })?;
    let findings = Findings::default();
    let lines = lines(&sheet, &octets, &findings);
    let imported = match tool {
        Tool::Imapsync => output::written(imapsync::read(&lines, &findings), accounts_file),
        Tool::Microsoft => output::written(microsoft::read(&lines, &findings), accounts_file),
        Tool::Mbsync => mbsync::read(&lines, &findings),
    };
    if imported.count == 0 {
        let mistake = Mistake::new("there is no account in the list").fix(match tool {
            Tool::Mbsync => "name a file with a Channel from one IMAPStore to another",
            _ => "name the right file",
        });
        findings.add(mistake.in_file(file));
    }
    findings.verdict()?;
    Ok(imported)
}

/// A line and where it stands.
struct Line {
    text: Zeroizing<String>,
    origin: Origin,
}

/// All lines with anything in them; a `#` makes a comment.
fn lines(file: &SheetFile, octets: &[u8], findings: &Findings) -> Vec<Line> {
    let (encoding, begin) = Encoding::found(octets, None);
    let lines = encoding.lines(octets, begin).into_iter().enumerate();
    let lines = lines.filter_map(|(index, range)| {
        let origin = Origin::new(&file.path, index + 1);
        let wrong = || Mistake::new("this line is not UTF-8").fix("convert the file: iconv -f WINDOWS-1252 -t UTF-8");
        let text = findings.accept(&origin, encoding.decode(&octets[range]).ok_or_else(wrong))?;
        Some(Line { text, origin })
    });
    lines.filter(|line| !line.text.trim().is_empty() && !line.text.starts_with('#')).collect()
}

/// What a list says, in our words.
#[derive(Default)]
struct List {
    accounts: Vec<ListedAccount>,
    notes: Vec<String>,
    /// A master user of the source, whose password each row has.
    source_master: Option<(String, char)>,
}

/// One account of a list.
struct ListedAccount {
    /// Source and destination; `None` where the list does not say it.
    servers: [Option<ListedServer>; 2],
    users: [String; 2],
    passwords: [Option<Zeroizing<String>>; 2],
    /// The mailbox of the destination below which it goes.
    prefix: Option<String>,
}

/// One server of a list.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct ListedServer {
    host: String,
    port: Option<u16>,
    tls: &'static str,
}

#[cfg(test)]
mod tests;
