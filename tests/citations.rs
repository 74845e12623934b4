//! Every numbered promise of the sources, and every rule and hazard that ARCHITECTURE.md lists, is held by a test that
//! says so: `/// Holds engine/wire/buffered.rs invariant 2.`, `/// Holds disaster rule 7.`, `/// Holds hazard 3.`

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files below a directory of the project, with their texts.
fn files(directory: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut directories = vec![root().join(directory)];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source file");
                found.push((path, text));
            }
        }
    }
    found
}

/// `engine/wire/buffered.rs invariant 2` for each numbered line of a file's introduction that stands below a line which speaks of
/// invariants.
fn invariants() -> BTreeSet<String> {
    let mut promised = BTreeSet::new();
    for (path, text) in files("src") {
        let name = path.strip_prefix(root().join("src")).expect("below src").display().to_string();
        let introduction = text.lines().take_while(|line| line.starts_with("//!"));
        let below = introduction.skip_while(|line| !line.to_lowercase().trim_end().ends_with("invariants:"));
        for line in below {
            let number = line.trim_start_matches("//!").trim_start().split_once(". ").map(|(number, _)| number);
            if let Some(number) = number.and_then(|number| number.parse::<u32>().ok()) {
                promised.insert(format!("{name} invariant {number}"));
            }
        }
    }
    promised
}

/// `disaster rule 3` for each numbered line below that heading of ARCHITECTURE.md.
fn listed(heading: &str, noun: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let below = text.lines().skip_while(|line| *line != heading).skip(1).take_while(|line| !line.starts_with("## "));
    let numbers = below.filter_map(|line| line.split_once(". ")?.0.parse::<u32>().ok());
    numbers.map(|number| format!("{noun} {number}")).collect()
}

/// What the tests say that they hold, and where a citation stands above something that is no test.
fn held() -> (BTreeSet<String>, Vec<String>) {
    let (mut held, mut astray) = (BTreeSet::new(), Vec::new());
    for (path, text) in files("src").into_iter().chain(files("tests")) {
        let mut cited: Vec<String> = Vec::new();
        for line in text.lines().map(str::trim) {
            if let Some(comment) = line.strip_prefix("///") {
                cited.extend(citations(comment));
            } else if line == "#[test]" {
                held.extend(cited.drain(..));
            } else if !line.starts_with("#[") && !cited.is_empty() {
                astray.push(format!("{}: {}", path.display(), cited.join(", ")));
                cited.clear();
            }
        }
    }
    (held, astray)
}

fn citations(comment: &str) -> impl Iterator<Item = String> + '_ {
    comment.split("Holds ").skip(1).filter_map(|rest| {
        let text = rest.split(". ").next().unwrap_or(rest).trim().trim_end_matches('.');
        let number = text.rsplit(' ').next()?;
        number.parse::<u32>().ok().map(|_| text.to_owned())
    })
}

#[test]
fn every_promise_is_held_by_a_test() {
    let (held, astray) = held();
    assert!(astray.is_empty(), "citations that stand above no test:\n  {}", astray.join("\n  "));
    let (rules, hazards) = (
        listed("## The rules that prevent disasters", "disaster rule"),
        listed("## Hazards of the imap crate", "hazard"),
    );
    assert!(rules.len() >= 10 && hazards.len() >= 10, "the lists of ARCHITECTURE.md were not found");
    let promised: BTreeSet<String> = invariants().into_iter().chain(rules).chain(hazards).collect();
    let missing: Vec<&String> = promised.difference(&held).collect();
    assert!(missing.is_empty(), "promises that no test holds:\n  {missing:#?}");
    let unknown: Vec<&String> = held.difference(&promised).collect();
    assert!(unknown.is_empty(), "tests that hold what nobody promised:\n  {unknown:#?}");
}

#[test]
fn citations_are_found_in_a_comment() {
    let found: Vec<String> =
        citations(" Holds engine/wire/buffered.rs invariant 2. Holds hazard 9. More words.").collect();
    assert_eq!(found, ["engine/wire/buffered.rs invariant 2", "hazard 9"]);
}

/// Each row of the README's table of servers that says that one is scripted links the tests that do it, and these name it.
#[test]
fn scripted_servers_are_named_by_the_tests_that_their_rows_link() {
    let readme = fs::read_to_string(root().join("README.md")).expect("README.md");
    let rows: Vec<&str> = readme.lines().filter(|line| line.starts_with("| ") && line.contains("| scripted")).collect();
    assert!(rows.len() >= 8, "{rows:?}");
    for row in rows {
        let texts: Vec<String> = row
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next().filter(|path| path.ends_with(".rs")))
            .map(|path| fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}: {row}")))
            .collect();
        let servers = row.split('|').nth(1).expect("a first column").split(',');
        for server in servers.map(str::trim) {
            let names = |text: &String| server.split(' ').any(|word| text.contains(word));
            assert!(texts.iter().any(names), "no test that the row links names {server}: {row}");
        }
    }
}
