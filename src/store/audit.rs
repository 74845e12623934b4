//! What was done with the state, by whom: a file beside the database that is only appended to, by any process.
//!
//! A line is `{"hash":"…","entry":{…,"previous":"…"}}`: the SHA-256 of the entry's octets, and in it the hash of the line
//! before. A line that is changed, taken out or put in is told by [`examine`]; lines that are cut off at the end are not, as
//! nothing beside the file tells how many there were.

use super::directory::StateDirectory;
use super::ownership;
use crate::error::{Error, Kind, Result};
use crate::model::audit::{Chain, Fault};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::path::Path;

/// No entry is longer: command lines are cut before.
const LONGEST_LINE_OCTETS: u64 = 64 << 10;

/// What a line is made of, around its hash and its entry.
const BEFORE_HASH: &str = "{\"hash\":\"";
const BEFORE_ENTRY: &str = "\",\"entry\":";
const END: &str = "}";

/// What stands for the hash of the line before the first.
const NOTHING: &str = "";

/// Adds an entry, durably.
///
/// # Errors
///
/// [`Kind::State`].
pub fn record(directory: &Path, entry: Map<String, Value>) -> Result<()> {
    let path = StateDirectory::named(directory).audit();
    let unwritten = |why: io::Error| {
        Error::new(Kind::State, format!("could not record what is done in {}", path.display()))
            .because(why)
            .hint("see to it that the state directory can be written to, and that its disk has room")
    };
    let mut file = ownership::open(&path).map_err(unwritten)?;
    append(&mut file, entry).map_err(unwritten)
}

fn append(file: &mut File, mut entry: Map<String, Value>) -> io::Result<()> {
    // SAFETY: the descriptor is open for the whole call, and flock touches no memory of ours.
    if unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let (last, is_whole) = last_line(file)?;
    let previous = last.as_deref().and_then(parts).map_or(NOTHING, |(hash, _)| hash).to_owned();
    entry.insert("previous".to_owned(), Value::String(previous));
    let entry = Value::Object(entry).to_string();
    // What a power loss left half stays a line of its own, and is named as broken.
    let start = if is_whole { "" } else { "\n" };
    let line = format!("{start}{BEFORE_HASH}{}{BEFORE_ENTRY}{entry}{END}\n", hash(&entry));
    file.seek(SeekFrom::End(0))?;
    file.write_all(line.as_bytes())?;
    file.sync_data()
}

/// The last line, if there is one, and whether it has its end.
fn last_line(file: &mut File) -> io::Result<(Option<String>, bool)> {
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(2 * LONGEST_LINE_OCTETS)))?;
    let mut octets = Vec::new();
    file.take(2 * LONGEST_LINE_OCTETS).read_to_end(&mut octets)?;
    let text = String::from_utf8_lossy(&octets);
    let is_whole = text.is_empty() || text.ends_with('\n');
    Ok((text.lines().next_back().map(str::to_owned), is_whole))
}

/// Looks at the whole chain. Without a file it has no entries.
///
/// # Errors
///
/// [`Kind::State`] where it cannot be read.
pub fn examine(directory: &Path) -> Result<Chain> {
    let path = StateDirectory::named(directory).audit();
    let unread = |why: io::Error| Error::new(Kind::State, format!("could not read {}", path.display())).because(why);
    match File::open(&path) {
        Ok(file) => examined(BufReader::new(file)).map_err(unread),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(Chain::default()),
        Err(why) => Err(unread(why)),
    }
}

fn examined(mut lines: impl BufRead) -> io::Result<Chain> {
    let (mut chain, mut previous) = (Chain::default(), NOTHING.to_owned());
    loop {
        let mut line = Vec::new();
        let mut bounded = lines.by_ref().take(LONGEST_LINE_OCTETS);
        if bounded.read_until(b'\n', &mut line)? == 0 {
            return Ok(chain);
        }
        chain.entries += 1;
        let line = String::from_utf8_lossy(&line);
        let whole = line.strip_suffix('\n').and_then(parts);
        let what = match whole {
            None => Some("it is not whole"),
            Some((said, entry)) if hash(entry) != said => Some("it was changed"),
            Some((_, entry)) if said_before(entry).as_deref() != Some(&previous) => {
                Some("what stood before it is gone, or was changed")
            }
            Some(_) => None,
        };
        let line = chain.entries;
        chain.fault = chain.fault.or(what.map(|what| Fault { line, what }));
        previous = whole.map_or(NOTHING, |(said, _)| said).to_owned();
    }
}

/// The hash and the entry of a line.
fn parts(line: &str) -> Option<(&str, &str)> {
    let (hash, entry) = line.strip_prefix(BEFORE_HASH)?.split_once(BEFORE_ENTRY)?;
    Some((hash, entry.strip_suffix(END)?))
}

fn said_before(entry: &str) -> Option<String> {
    let entry: Value = serde_json::from_str(entry).ok()?;
    entry["previous"].as_str().map(str::to_owned)
}

fn hash(entry: &str) -> String {
    Sha256::digest(entry).iter().fold(String::new(), |mut hash, octet| {
        let _ = write!(hash, "{octet:02x}");
        hash
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::fs;

    fn entry(number: u64) -> Map<String, Value> {
        json!({ "command": ["sync", "\"}\n"], "number": number }).as_object().unwrap().clone()
    }

    fn fault(text: &str) -> Option<(u64, &'static str)> {
        examined(text.as_bytes()).unwrap().fault.map(|fault| (fault.line, fault.what))
    }

    fn three() -> (tempfile::TempDir, String) {
        let directory = tempfile::tempdir().unwrap();
        (1..=3).for_each(|number| record(directory.path(), entry(number)).unwrap());
        let text = fs::read_to_string(directory.path().join("audit.jsonl")).unwrap();
        (directory, text)
    }

    #[test]
    fn chain_is_whole_and_every_octet_of_it_counts() {
        let (directory, text) = three();
        assert_eq!(examine(directory.path()).unwrap(), Chain { entries: 3, fault: None });
        assert!(text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
        for place in 0..text.len() {
            let mut octets = text.clone().into_bytes();
            octets[place] ^= 1;
            let changed = String::from_utf8(octets).unwrap();
            assert!(fault(&changed).is_some(), "{place}: {changed}");
        }
    }

    #[test]
    fn line_that_is_taken_out_or_moved_is_noticed() {
        let (_directory, text) = three();
        let lines: Vec<&str> = text.lines().collect();
        let gone = "what stood before it is gone, or was changed";
        assert_eq!(fault(&format!("{}\n{}\n", lines[0], lines[2])), Some((2, gone)));
        assert_eq!(fault(&format!("{}\n{}\n", lines[1], lines[2])), Some((1, gone)));
        assert_eq!(fault(&format!("{}\n{}\n{}\n", lines[1], lines[0], lines[2])), Some((1, gone)));
    }

    #[test]
    fn line_that_a_power_loss_left_half_is_named_and_the_next_stands_apart() {
        let (directory, text) = three();
        fs::write(directory.path().join("audit.jsonl"), &text[..text.len() - 9]).unwrap();
        record(directory.path(), entry(4)).unwrap();
        let chain = examine(directory.path()).unwrap();
        assert_eq!((chain.entries, chain.fault), (4, Some(Fault { line: 3, what: "it is not whole" })));
    }

    #[test]
    fn entries_of_several_who_write_at_the_same_time_are_one_chain() {
        let directory = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..5).for_each(|number| record(directory.path(), entry(number)).unwrap()));
            }
        });
        assert_eq!(examine(directory.path()).unwrap(), Chain { entries: 40, fault: None });
    }

    #[test]
    fn state_without_the_file_has_no_entries() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(examine(directory.path()).unwrap(), Chain::default());
    }
}
