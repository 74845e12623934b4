//! The numbers that tell stored types apart on disk: never given twice, and never again.

/// One for each type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum StoredKind {
    SchemaVersion = 0,
    Records = 1,
    Links = 2,
    Exceptions = 3,
    Server = 4,
    Status = 5,
    Names = 6,
    Agreement = 7,
    Replaced = 8,
    Account = 10,
    Listing = 11,
    Pair = 12,
    Plan = 13,
    PlanPiece = 14,
    Failures = 15,
    FailuresPiece = 16,
    Attempt = 17,
    // 18 was a verification that held its list.
    About = 19,
    /// They were written with the number of [`StoredKind::Names`] before; what was is read again from the servers.
    Contents = 20,
    Remembered = 21,
    Verification = 22,
    Differences = 23,
    DifferencesPiece = 24,
    Runs = 25,
    Found = 26,
    Spoilt = 27,
    GmailIds = 28,
    Leftovers = 29,
    Renaming = 30,
    LateAppends = 31,
    Quiet = 32,
    Verified = 33,
    Settlement = 34,
    Journal = 35,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::{Path, PathBuf};

    /// That no number is given twice the compiler sees to; this, that no two types have the same.
    #[test]
    fn every_kind_is_that_of_one_type() {
        let mut uses: BTreeMap<String, usize> = BTreeMap::new();
        for path in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store")) {
            let text = fs::read_to_string(path).unwrap();
            for line in text.lines().map(str::trim) {
                let (_, kind) = line.split_once("StoredKind::").unwrap_or_default();
                let kind: String = kind.chars().take_while(char::is_ascii_alphanumeric).collect();
                if line.starts_with("const KIND: StoredKind = StoredKind::") || line.contains(" => StoredKind::") {
                    *uses.entry(kind).or_default() += 1;
                }
            }
        }
        assert!(uses.len() >= 19 && uses.values().all(|count| *count == 1), "{uses:?}");
    }

    fn files(room: &Path) -> Vec<PathBuf> {
        let paths = fs::read_dir(room).unwrap().map(|entry| entry.unwrap().path());
        paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
    }
}
