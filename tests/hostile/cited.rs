//! Tests that are named in a table, and what the sources say.

use std::fs;
use std::path::{Path, PathBuf};

/// All sources below that directory of the package, each with what it holds.
pub fn sources(room: &str) -> Vec<(PathBuf, String)> {
    let mut rooms = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(room)];
    let mut sources = Vec::new();
    while let Some(room) = rooms.pop() {
        for entry in fs::read_dir(room).expect("a room").flatten() {
            let path = entry.path();
            if path.is_dir() {
                rooms.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source");
                sources.push((path, text));
            }
        }
    }
    sources
}

/// Panics unless each of these is a test that there is.
#[track_caller]
pub fn assert_tests<'a>(named: impl Iterator<Item = &'a str>) {
    let all: String = ["src", "tests"].into_iter().flat_map(sources).map(|(_, text)| text).collect();
    for name in named {
        assert!(all.contains(&format!("fn {name}()")), "there is no test {name}");
    }
}
