//! Mutants: changes to the source that bring a root of lost mail back, each with the test that must fail on it.
//!
//! `list.txt` is the list. A mutant is a block of lines, between empty ones:
//!
//! ```text
//! root: identity | absence | success
//! case: what was seen by it, and what else it stands for
//! file: path from the top of the repository
//! test: arguments of `cargo test`, and then the name of the test
//! -text that the file holds exactly once, line by line
//! +text in its place
//! ```
//!
//! What `cargo test` holds of it is that the list fits the source. `make mutants` runs them: on a copy of the tree below
//! `target/`, with a target directory of its own for all of them. `MUTANTS=text` chooses those whose block holds the text. A mutant that
//! does not compile, or whose test is not there, is not killed.

use std::collections::BTreeSet;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const ROOTS: [&str; 3] = ["identity", "absence", "success"];

/// What was seen on the finished program once: each must be killed by some mutant's test.
const SEEN: [&str; 31] = [
    "draft saved again under its Message-ID",
    "notices without any of the headers",
    "second personal namespace beside INBOX",
    "shared namespace without a prefix",
    "mail by SMTP during a break, later expunged",
    "all copies of a mailbox lost",
    "archived out of INBOX, still in a view of all",
    "NO [SERVERBUG] to one FETCH",
    "NO [INUSE] to one FETCH",
    "destination that adds a Message-ID",
    "PREAUTH",
    "verify between plan and apply",
    "copy deleted while a pending message is delivered there",
    "new UIDVALIDITY: deleted mail returns",
    "new UIDVALIDITY: \\Seen set again",
    "listed size 500, real 3000",
    "read on the source after the scan",
    "PERMANENTFLAGS without \\Flagged",
    "INTERNALDATE NIL",
    "date of 1900",
    "date with a year of two digits",
    "literal of half the listed size",
    "LIST of an unquoted name with a blank",
    "APPEND whose keywords are dropped with OK",
    "PERMANENTFLAGS () and (\\*)",
    "every RFC822.SIZE wrong",
    "Work and work",
    "STATUS refused for one mailbox",
    "APPENDLIMIT smaller than a message",
    "accounts that cannot log in",
    "another host name",
];

struct Mutant {
    block: &'static str,
    root: &'static str,
    case: &'static str,
    file: &'static str,
    test: &'static str,
    old: String,
    new: String,
}

fn mutants() -> Vec<Mutant> {
    let blocks = include_str!("list.txt").split("\n\n").map(str::trim).filter(|block| !block.is_empty());
    blocks.map(Mutant::read).collect()
}

impl Mutant {
    fn read(block: &'static str) -> Mutant {
        let field = |name: &str| {
            let value = block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            value.unwrap_or_else(|| panic!("no `{name}: ` in\n{block}"))
        };
        let text = |mark: char| block.lines().filter_map(|line| line.strip_prefix(mark)).collect::<Vec<_>>().join("\n");
        let (old, new) = (text('-'), text('+'));
        Mutant { block, root: field("root"), case: field("case"), file: field("file"), test: field("test"), old, new }
    }

    fn source(&self, tree: &Path) -> String {
        fs::read_to_string(tree.join(self.file)).unwrap_or_else(|why| panic!("{}: {why}", self.file))
    }

    /// The last word of the test's command: its name, or the end of it.
    fn test_name(&self) -> &str {
        self.test.rsplit([' ', ':']).next().unwrap_or_default()
    }
}

fn top() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn each_mutant_fits_the_source_and_names_a_test() {
    let mutants = mutants();
    let tests = all_tests();
    for mutant in &mutants {
        assert!(ROOTS.contains(&mutant.root), "{}", mutant.block);
        assert!(!mutant.old.is_empty() && mutant.old != mutant.new, "{}", mutant.block);
        let found = mutant.source(&top()).matches(&mutant.old).count();
        assert_eq!(found, 1, "the text of this mutant is not there exactly once:\n{}", mutant.block);
        let name = format!("fn {}(", mutant.test_name());
        assert!(tests.contains(&name), "there is no test of that name:\n{}", mutant.block);
    }
}

#[test]
fn each_case_that_was_seen_has_a_mutant() {
    let mutants = mutants();
    for case in SEEN {
        assert!(mutants.iter().any(|mutant| mutant.case.split("; ").any(|it| it == case)), "{case}");
    }
    for root in ROOTS {
        assert!(mutants.iter().filter(|mutant| mutant.root == root).count() >= 4, "{root}");
    }
}

/// The text of all files in which tests stand.
fn all_tests() -> String {
    let mut text = String::new();
    for part in ["src", "tests"] {
        for file in
            files_below(&top().join(part)).into_iter().filter(|file| file.extension().is_some_and(|it| it == "rs"))
        {
            text.push_str(&fs::read_to_string(file).expect("a source file"));
        }
    }
    text
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() { files.extend(files_below(&entry)) } else { files.push(entry) }
    }
    files
}

#[test]
#[ignore = "each mutant is built and tried: make mutants"]
fn each_mutant_is_killed() {
    let chosen = env::var("MUTANTS").unwrap_or_default();
    let (tree, target) = (top().join("target/mutants/tree"), top().join("target/mutants/target"));
    let (mut table, mut survivors) = (String::new(), 0);
    copy_tree(&tree);
    for mutant in mutants().iter().filter(|mutant| mutant.block.contains(&chosen)) {
        let verdict = run(mutant, &tree, &target);
        survivors += u32::from(verdict.is_err());
        let shown = verdict.unwrap_or_else(|why| format!("SURVIVES: {why}"));
        let line = format!("{:8} · {} · {shown}", mutant.root, mutant.case);
        println!("{line}");
        writeln!(table, "{line}").expect("a line");
    }
    println!("\nroot · mutant · killed by\n{table}");
    assert_eq!(survivors, 0, "mutants survive");
}

/// Only what differs is written, so that what was built of it before is not built again.
fn copy_tree(tree: &Path) {
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(top());
    let listed = git.output().expect("git lists the files");
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let names: BTreeSet<&str> = listed.split('\0').filter(|name| !name.is_empty()).collect();
    for part in ["src", "tests"].map(|part| tree.join(part)).iter().filter(|part| part.exists()) {
        for file in files_below(part) {
            let name = file.strip_prefix(tree).expect("a file of the copy").to_string_lossy().into_owned();
            if !names.contains(name.as_str()) {
                fs::remove_file(&file).expect("a file that is no more goes");
            }
        }
    }
    for name in names {
        let (from, to) = (top().join(name), tree.join(name));
        let Ok(octets) = fs::read(&from) else { continue };
        if fs::read(&to).ok().as_ref() != Some(&octets) {
            fs::create_dir_all(to.parent().expect("a directory")).expect("a directory in the copy");
            fs::copy(&from, &to).expect("a file in the copy");
        }
    }
}

/// By which test it is killed, or why it is not.
fn run(mutant: &Mutant, tree: &Path, target: &Path) -> Result<String, String> {
    let (file, whole) = (tree.join(mutant.file), mutant.source(tree));
    fs::write(&file, whole.replacen(&mutant.old, &mutant.new, 1)).expect("write the mutant");
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--locked", "--no-fail-fast"]).args(mutant.test.split(' ')).current_dir(tree);
    cargo.env("CARGO_TARGET_DIR", target).env("CARGO_PROFILE_DEV_DEBUG", "0").env("CARGO_INCREMENTAL", "1");
    let output = cargo.env("RUSTFLAGS", "--cap-lints warn").output().expect("cargo runs");
    fs::write(&file, whole).expect("take the mutant back");
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    let failed = said.lines().find(|line| line.starts_with("test ") && line.ends_with(" FAILED"));
    match failed {
        Some(line) => Ok(line.trim_start_matches("test ").trim_end_matches(" ... FAILED").to_owned()),
        None if said.contains("could not compile") => Err(format!("it does not compile\n{said}")),
        None if said.contains("running 1 test") => Err("its test passes".to_owned()),
        None => Err(format!("no test ran\n{said}")),
    }
}
