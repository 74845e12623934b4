//! What holds of the settings whatever is written into them. Each function panics where its property does not hold.

use super::account::check_names;
use super::accounts_file::read_sheet;
use super::document::Document;
use super::encoding::Encoding;
use super::mistake::Findings;
use super::sheet::{Sheet, SheetFile};
use super::{parse_duration, parse_percent, parse_size, server_url, settings_file};
use crate::model::Account;
use std::path::Path;

/// In a directory that is not there: nothing that the settings name is ever opened.
const FILE: &str = "/nonexistent/mailferry/settings";

/// A settings file is read or refused, and a refusal is a few lines that quote no password.
pub fn settings(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    // An accounts file is opened at once, wherever it is said to be.
    if text.contains("accounts") || text.contains('\\') {
        return;
    }
    let findings = Findings::default();
    let document = Document::new(Path::new(FILE), text, &findings);
    match document.parse() {
        Some(tree) => drop(settings_file::read_root(document.root(&tree))),
        None => {
            let told = told(findings);
            assert!(!told.contains(PASSWORD), "the text is quoted: {told}");
            return;
        }
    }
    drop(told(findings));
}

/// Stands in the seeds where people write passwords.
const PASSWORD: &str = "Tr0ub4dor";

fn told(findings: Findings) -> String {
    let told = findings.verdict().err().map_or_else(String::new, |mistakes| mistakes.to_string());
    assert!(told.lines().all(|line| !line.chars().any(char::is_control)), "{told:?}");
    findings.into_warnings().iter().for_each(|warning| assert!(!warning.contains('\u{1b}')));
    told
}

/// An accounts file is read or refused; an account that is read is one line of text on each side; and whatever is wrong,
/// none of its cells is shown.
pub fn accounts(octets: &[u8]) {
    let findings = Findings::default();
    let file = SheetFile { path: Path::new(FILE).into(), mode: Some(0o644) };
    let drafts = read_sheet(Sheet::new(&file, octets, None, None), true, &findings);
    for Account { name, source_user, destination_user, .. } in drafts.iter().map(|draft| &draft.account) {
        for text in [name, source_user, destination_user] {
            assert!(!text.is_empty() && text.trim() == &**text && !text.chars().any(char::is_control), "{text:?}");
        }
    }
    check_names(&drafts, &findings);
    let told = told(findings);
    for cell in cells(octets).iter().filter(|cell| may_be_secret(cell)) {
        assert!(!told.contains(cell.as_str()), "{cell:?} is shown: {told}");
    }
}

/// All that stands in a file, whatever divides it.
fn cells(octets: &[u8]) -> Vec<String> {
    let (encoding, begin) = Encoding::found(octets, None);
    let lines = encoding.lines(octets, begin).into_iter().filter_map(|line| encoding.decode(&octets[line]));
    let cells = |line: &str| line.split([',', ';', '\t', '"']).map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    lines.flat_map(|line| cells(&line)).collect()
}

/// Long enough, and with letters and digits as no text of ours has them.
fn may_be_secret(cell: &str) -> bool {
    let has = |kind: fn(char) -> bool| cell.chars().any(kind);
    let is_ours = ["utf-8", "utf-16", "windows-1252"].iter().any(|word| word.contains(&cell.to_lowercase()));
    cell.len() >= 4 && has(char::is_alphabetic) && has(|character| character.is_ascii_digit()) && !is_ours
}

/// Quantities and server URLs: read or refused, and a URL with a password is never quoted.
pub fn words(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    drop((parse_size(text), parse_duration(text), parse_percent(text)));
    let findings = Findings::default();
    let draft = server_url::read(text, &format!("imaps://reader:{PASSWORD}{text}@host"), None, &findings);
    assert!(draft.is_none(), "a password in a URL is taken");
    let told = told(findings);
    assert!(!told.contains(PASSWORD) || text.contains(PASSWORD), "{told}");
}
