//! A run over one shard: its accounts, a state of its own, and its part of what all processes together may use.

use super::Settings;
use super::mistake::{Findings, Mistake, Mistakes, Origin};
use super::sheet::{Row, Sheet, SheetFile};
use crate::model::shard::{MOST_SHARDS, Shard, share};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

/// What stands for the shard's number in `state`.
pub const PLACEHOLDER: &str = "{shard}";

/// How many accounts a mistake names.
const NAMED: usize = 5;

/// Which account is in which shard, as a file says. Not all of its accounts need be in the settings.
pub struct ShardsFile {
    pub path: PathBuf,
    /// Names and shards, counted from 0.
    pub shards: HashMap<String, u32>,
}

/// How large the mail of accounts is, as a file says that somebody made on the old server.
pub struct SizesFile {
    /// Octets, by the names of accounts.
    pub sizes: HashMap<String, u64>,
}

impl ShardsFile {
    /// Reads rows of a name and a shard, under the header `name,shard`.
    ///
    /// # Errors
    /// All mistakes in it.
    pub fn read(path: &Path) -> Result<ShardsFile, Mistakes> {
        let column =
            Column { name: "shard", end: u64::from(MOST_SHARDS), fix: "`mailferry shards --into N` writes it" };
        let shards =
            column.read(path)?.into_iter().filter_map(|(name, shard)| Some((name, u32::try_from(shard).ok()?)));
        Ok(ShardsFile { path: path.to_owned(), shards: shards.collect() })
    }

    /// How many shards it knows: the last one is not empty.
    pub fn count(&self) -> u32 {
        self.shards.values().max().map_or(0, |last| last + 1)
    }
}

impl SizesFile {
    /// Reads rows of a name and a number of octets, under the header `name,bytes`.
    ///
    /// # Errors
    /// All mistakes in it.
    pub fn read(path: &Path) -> Result<SizesFile, Mistakes> {
        let column = Column { name: "bytes", end: u64::MAX, fix: "write a line an account, such as: alice,1234567" };
        Ok(SizesFile { sizes: column.read(path)? })
    }
}

/// The second column of such a file: numbers from 0 and below `end`.
struct Column {
    name: &'static str,
    end: u64,
    fix: &'static str,
}

impl Column {
    fn read(&self, path: &Path) -> Result<HashMap<String, u64>, Mistakes> {
        let findings = Findings::default();
        let mut numbers = HashMap::new();
        match SheetFile::read(path) {
            Ok((file, octets)) => self.read_rows(Sheet::new(&file, &octets, None, None), &mut numbers, &findings),
            Err(error) => {
                let mistake = Mistake::new(format!("this cannot be read: {error}"));
                findings.add(mistake.fix(self.fix).in_file(path));
            }
        }
        findings.verdict()?;
        Ok(numbers)
    }

    fn read_rows(&self, mut sheet: Sheet, numbers: &mut HashMap<String, u64>, findings: &Findings) {
        let is_header = |row: &Row| matches!(row.cells.as_slice(), [name, number] if name.text() == "name" && number.text() == self.name);
        if !sheet.next_row(findings).is_some_and(|row| is_header(&row)) {
            let mistake = Mistake::new(format!("this does not begin with the line `name,{}`", self.name));
            findings.add(mistake.fix(self.fix).at(&Origin::new(&sheet.file.path, 1)));
            return;
        }
        while let Some(row) = sheet.next_row(findings) {
            let number = row.cells.get(1).and_then(|cell| cell.text().parse().ok()).filter(|number| *number < self.end);
            let mistake = match (row.cells.as_slice(), number) {
                ([name, _], Some(number)) => match numbers.insert(name.text().to_owned(), number) {
                    None => continue,
                    Some(_) => Mistake::new("this account is there already").fix("remove one of the two lines"),
                },
                _ => Mistake::new(format!("this is no name with a number for `{}`", self.name)),
            };
            findings.add(mistake.at(&row.origin));
        }
    }
}

impl Settings {
    /// What of these settings one shard has to do: only its accounts are ever selected, in a state of its own, with the part of the fleet's
    /// connections, bandwidth and messages a second that one of `at_once` processes has.
    ///
    /// # Errors
    /// A state that all shards would share; a file of shards with mistakes, with other shards, or without some accounts;
    /// less of something than there are processes.
    pub fn of_shard(mut self, shard: Shard, at_once: u32) -> Result<Settings, Mistakes> {
        let file = self.shards_file.as_deref().map(ShardsFile::read).transpose()?;
        let mut mistakes = Vec::new();
        let names = || self.accounts.iter().map(|account| &*account.name);
        let share: HashSet<String> = match &file {
            None => names().filter(|name| shard.draws(name)).map(str::to_owned).collect(),
            Some(file) => {
                mistakes.extend(file.objection(shard, names()));
                names().filter(|name| file.shards.get(*name) == Some(&shard.index())).map(str::to_owned).collect()
            }
        };
        (self.share, self.shard) = (Some(share), Some(shard));
        mistakes.extend(self.take_state_of(shard));
        mistakes.extend(self.take_part_of_limits(shard, at_once));
        if mistakes.is_empty() { Ok(self) } else { Err(Mistakes(mistakes)) }
    }

    /// The settings as they are, for all accounts.
    ///
    /// # Errors
    /// A state that only a shard has.
    pub fn of_all(self) -> Result<Settings, Mistakes> {
        match has_placeholder(&self.state) {
            false => Ok(self),
            true => {
                let what = format!("`state` holds {PLACEHOLDER}, and no shard is named");
                let fix = "add `--shard K/N`, or name a directory with `--state DIR`";
                Err(Mistakes(vec![Mistake::new(what).fix(fix)]))
            }
        }
    }

    /// Whether no account is in the shard that these settings are of.
    pub fn is_without_accounts(&self) -> bool {
        self.share.as_ref().is_some_and(HashSet::is_empty)
    }

    fn take_state_of(&mut self, shard: Shard) -> Option<Mistake> {
        if !has_placeholder(&self.state) && shard.count() > 1 {
            let what = format!("all shards would have the one state {}", self.state.display());
            let fix = format!("write {PLACEHOLDER} into `state`, where the number of the shard belongs");
            return Some(Mistake::new(what).fix(fix));
        }
        let state = state_of(&self.state, shard.index());
        let pattern = std::mem::replace(&mut self.state, state);
        self.state_pattern = has_placeholder(&pattern).then_some(pattern);
        None
    }

    /// The state directories of other shards that are there, by their numbers, whatever the count of shards was when they
    /// were made.
    pub fn states_of_others(&self) -> Vec<PathBuf> {
        let Some(pattern) = &self.state_pattern else { return Vec::new() };
        let mut others = numbers_in_use(pattern);
        others.sort_unstable();
        others
            .into_iter()
            .map(|index| state_of(pattern, index))
            .filter(|state| *state != self.state && state.is_dir())
            .collect()
    }

    fn take_part_of_limits(&mut self, shard: Shard, at_once: u32) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        let mut part = |name: &str, whole: Option<u64>| {
            let whole = whole?;
            let part = share(whole, shard.index(), at_once);
            if part.is_none() {
                let what = format!("`{name}` is {whole} for all processes together, and {at_once} of them run at once");
                mistakes.push(
                    Mistake::new(what).fix(format!("let {whole} run at once, with `--at-once {whole}`, or allow more")),
                );
            }
            part.or(Some(whole))
        };
        self.limits.bandwidth = part("bandwidth", self.limits.bandwidth);
        self.limits.messages_per_second = part("messages_per_second", self.limits.messages_per_second);
        for server in &mut self.servers {
            let connections = part("max_connections", server.max_connections.map(|count| count as u64));
            server.max_connections = connections.and_then(|count| usize::try_from(count).ok());
        }
        mistakes
    }
}

impl ShardsFile {
    /// Why this shard cannot be told from the file.
    fn objection<'a>(&self, shard: Shard, accounts: impl Iterator<Item = &'a str>) -> Option<Mistake> {
        let count = self.count();
        if count != shard.count() {
            let what = format!("this file knows {count} shards, and {} were named", shard.count());
            let fix =
                format!("name one of {count}, or make the file anew with `mailferry shards --into {}`", shard.count());
            return Some(Mistake::new(what).fix(fix).in_file(&self.path));
        }
        let missing: Vec<&str> = accounts.filter(|name| !self.shards.contains_key(*name)).collect();
        if missing.is_empty() {
            return None;
        }
        let what = format!("these accounts are in no shard: {}", quoted_list(&missing, NAMED));
        let fix = format!("`mailferry shards --into {count}` gives them one and leaves the others where they are");
        Some(Mistake::new(what).fix(fix).in_file(&self.path))
    }
}

/// The first of them, in quotes, and how many more.
fn quoted_list(names: &[&str], most: usize) -> String {
    let quoted: Vec<_> = names.iter().take(most).map(|name| format!("`{name}`")).collect();
    let more = names.len().saturating_sub(most);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    quoted.join(", ") + &rest
}

/// The state directory of a shard of that number.
pub fn state_of(pattern: &Path, index: u32) -> PathBuf {
    match pattern.to_str() {
        Some(pattern) => PathBuf::from(pattern.replace(PLACEHOLDER, &index.to_string())),
        None => pattern.to_owned(),
    }
}

/// The state directories that are there: of all shards, or the one for all accounts.
pub fn states_in_use(state: &Path) -> Vec<PathBuf> {
    let states = match has_placeholder(state) {
        true => {
            let mut numbers = numbers_in_use(state);
            numbers.sort_unstable();
            numbers.into_iter().map(|index| state_of(state, index)).collect()
        }
        false => vec![state.to_owned()],
    };
    states.into_iter().filter(|state| state.is_dir()).collect()
}

/// The numbers for which the part of the path that holds the placeholder is there.
fn numbers_in_use(pattern: &Path) -> Vec<u32> {
    let holds = |part: &&Path| part.file_name().is_some_and(|name| has_placeholder(Path::new(name)));
    let Some(part) = pattern.ancestors().filter(holds).last() else { return Vec::new() };
    let Some((before, after)) = part.file_name().and_then(|name| name.to_str()?.split_once(PLACEHOLDER)) else {
        return Vec::new();
    };
    let parent = part.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let number = |entry: std::fs::DirEntry| {
        let name = entry.file_name();
        let digits = name.to_str()?.strip_prefix(before)?.strip_suffix(after)?.to_owned();
        digits.parse().ok().filter(|number: &u32| number.to_string() == digits)
    };
    std::fs::read_dir(parent).into_iter().flatten().filter_map(|entry| number(entry.ok()?)).collect()
}

/// Whether each shard has a state of its own there.
pub fn has_placeholder(state: &Path) -> bool {
    state.to_str().is_some_and(|state| state.contains(PLACEHOLDER))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<HashMap<String, u32>, String> {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("shards.csv");
        std::fs::write(&file, text).unwrap();
        ShardsFile::read(&file).map(|file| file.shards).map_err(|mistakes| mistakes.to_string())
    }

    #[test]
    fn file_is_read_as_it_is_written_and_as_spreadsheets_write_it() {
        let shards = read("name,shard\nalice,0\n\"b,ob\",2\n").unwrap();
        assert_eq!((shards.len(), shards["alice"], shards["b,ob"]), (2, 0, 2));
        assert_eq!(read("\u{feff}name,shard\r\nalice,1\r\n").unwrap()["alice"], 1);
    }

    #[test]
    fn mistakes_of_the_file_are_told_with_their_lines() {
        let told = read("name,shard\nalice,0\nalice,1\nbob,x\ncarol\n").unwrap_err();
        for text in ["shards.csv:3: this account is there already", "shards.csv:4: this is no name", "shards.csv:5: "] {
            assert!(told.contains(text), "{told}");
        }
        assert!(read("alice,0\n").unwrap_err().contains("does not begin with the line `name,shard`"));
        assert!(read("name,shard\nalice,4294967296\n").unwrap_err().contains("shards.csv:2"));
    }

    #[test]
    fn states_are_found_by_their_numbers_whatever_stands_around_them() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["s-0.d", "s-12.d", "s-x.d", "s-01.d", "t-3.d"] {
            std::fs::create_dir_all(directory.path().join(name).join("state")).unwrap();
        }
        let found = states_in_use(&directory.path().join("s-{shard}.d/state"));
        let expected = ["s-0.d/state", "s-12.d/state"].map(|name| directory.path().join(name));
        assert_eq!(found, expected);
        assert!(states_in_use(&directory.path().join("none")).is_empty());
    }
}
