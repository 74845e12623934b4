//! The house as `src/lib.rs` draws it: imports go down only, each protocol and each format has one home, and nothing
//! grows out of sight. Reads the sources; knows no more of Rust than that needs.

mod imports;

use imports::Imports;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Whom each room may know. `error` names the side and the UID that a failure is about: the nouns, and nothing else.
const ARROWS: [(&str, &[&str]); 14] = [
    ("main", &["cli"]),
    ("lib", &["library"]),
    ("fuzzing", &["config", "engine", "store", "model"]),
    ("library", &["pipeline", "config", "report", "engine", "store", "model", "error"]),
    ("cli", &["library", "pipeline", "config", "report", "serve", "engine", "store", "model", "error"]),
    ("pipeline", &["engine", "store", "diff", "model", "error"]),
    ("config", &["model", "error"]),
    ("report", &["model", "error"]),
    ("serve", &["model", "error"]),
    ("engine", &["model", "error"]),
    ("store", &["model", "error"]),
    ("diff", &["model", "error"]),
    ("model", &["error"]),
    ("error", &["model"]),
];

/// Whom the rooms within a room may know, besides the nouns of its `mod.rs`. The files on the floor are the last.
const INNER_ARROWS: [(&str, &[&str]); 26] = [
    ("config::import", &["config"]),
    ("engine::wire", &[]),
    ("engine::conversation", &["engine::wire"]),
    ("engine::commands", &["engine::wire", "engine::conversation", "engine"]),
    ("engine::token", &[]),
    ("engine::login", &["engine::wire", "engine::conversation", "engine::commands", "engine::token", "engine"]),
    ("engine", &["engine::wire", "engine::conversation", "engine::commands", "engine::token", "engine::login"]),
    ("pipeline::fleet", &[]),
    ("pipeline::survey", &["pipeline::fleet"]),
    ("pipeline::planning", &["pipeline::fleet", "pipeline::survey"]),
    ("pipeline::transfer", &["pipeline::fleet", "pipeline::survey"]),
    ("pipeline::explain", &[]),
    (
        "pipeline",
        &["pipeline::fleet", "pipeline::survey", "pipeline::planning", "pipeline::transfer", "pipeline::explain"],
    ),
    ("diff::routing", &[]),
    ("diff::comparing", &["diff::routing"]),
    ("diff", &["diff::routing", "diff::comparing"]),
    ("report::apply", &["report", "report::status"]),
    ("report::check", &["report"]),
    ("report::plan", &["report"]),
    ("report::status", &["report"]),
    ("report::verify", &["report"]),
    ("report::dossier", &["report", "report::status"]),
    ("cli::arguments", &["cli"]),
    ("cli::progress", &["cli", "cli::arguments"]),
    ("cli::commands", &["cli", "cli::arguments", "cli::progress"]),
    ("cli", &["cli::arguments", "cli::progress", "cli::commands"]),
];

/// Files of one room that know each other; ARCHITECTURE.md says why. Between rooms there are none.
const CIRCLES: [&[&str]; 0] = [];

/// What `cli` and `library` may take of the rooms below the pipeline: only what a `Migration` is put together from.
const ASSEMBLED: [&str; 2] = ["crate::engine::Connector", "crate::store::Store"];

/// Crates with one home.
const HOMES: [(&str, &str); 11] = [
    ("imap", "engine"),
    ("rustls", "engine"),
    ("rustls_platform_verifier", "engine"),
    ("socket2", "engine"),
    ("ureq", "engine"),
    ("ring", "engine"),
    ("flate2", "engine"),
    ("sled", "store"),
    ("bincode", "store"),
    ("clap", "cli"),
    ("httparse", "serve"),
];

const LINES_OF_A_FILE: usize = 600;
const LINES_OF_A_FUNCTION: usize = 80;

/// A source file without its comments and its tests.
struct Source {
    path: PathBuf,
    room: String,
    lines: Vec<String>,
    /// As written, comments included and tests not.
    length: usize,
}

impl Source {
    fn read(path: PathBuf) -> Source {
        let text = fs::read_to_string(&path).expect("a source file");
        let code = without_tests(&text);
        let lines = code.iter().map(|line| line.split("//").next().unwrap_or_default().to_owned()).collect();
        Source { room: room(&path), lines, length: code.len(), path }
    }

    /// Paths such as `crate::model::Uid`, also those in `use crate::{model::Uid, error::Result}`.
    fn own_paths(&self) -> BTreeSet<String> {
        let text = self.lines.join("\n");
        text.split("crate::").skip(1).flat_map(heads).map(|head| format!("crate::{head}")).collect()
    }

    fn shown(&self) -> String {
        self.path.display().to_string()
    }
}

/// `model::Uid` of `model::Uid, …`, and each member of `{model::Uid, error::Result}`.
fn heads(after: &str) -> Vec<String> {
    let is_path = |character: char| character.is_alphanumeric() || "_:".contains(character);
    let head = |text: &str| text.trim_start().chars().take_while(|character| is_path(*character)).collect::<String>();
    let Some(group) = after.strip_prefix('{') else { return vec![head(after)] };
    let mut depth = 0;
    let ends = |character: char| {
        depth += i32::from(character == '{') - i32::from(character == '}');
        depth < 0
    };
    let end = group.find(ends).unwrap_or(group.len());
    group[..end].split(',').map(head).filter(|head| !head.is_empty()).collect()
}

/// Modules of tests stand at the end of a file.
fn without_tests(text: &str) -> Vec<&str> {
    text.lines().take_while(|line| *line != "#[cfg(test)]").collect()
}

fn room(path: &Path) -> String {
    let inside = path.strip_prefix(source_directory()).expect("below src");
    let first = inside.components().next().expect("a component").as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

fn source_directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// All sources but those that are nothing but tests.
fn sources() -> Vec<Source> {
    fn below(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                true => below(&path, found),
                false => found.push(path),
            }
        }
    }
    let mut found = Vec::new();
    below(&source_directory(), &mut found);
    let is_test = |path: &Path| path.ends_with("tests.rs") || path.components().any(|it| it.as_os_str() == "tests");
    found.retain(|path| {
        path.extension().is_some_and(|it| it == "rs") && !is_test(path.strip_prefix(source_directory()).unwrap_or(path))
    });
    found.sort();
    found.into_iter().map(Source::read).collect()
}

#[track_caller]
fn assert_none(what: &str, offences: Vec<String>) {
    assert!(offences.is_empty(), "{what}:\n  {}", offences.join("\n  "));
}

/// Success is derived from the ledgers, in one place: a command neither makes up a status nor looks at its results for
/// one. What works on no accounts is done or has failed; a watch that is stopped while it waits has no ledger.
#[test]
fn commands_take_their_status_from_the_ledgers() {
    let without_accounts = ["completions", "explain", "forget", "init", "login", "man", "mark", "shards", "state"];
    let mut offences = Vec::new();
    for source in sources().into_iter().filter(|source| source.room == "cli") {
        let name = source.path.file_stem().and_then(|stem| stem.to_str()).expect("a file name");
        let text = source.lines.join("\n");
        let statuses = text.match_indices("ExitCode::").map(|(at, found)| {
            let rest = &text[at + found.len()..];
            rest.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect::<String>()
        });
        let allowed: &[&str] = match name {
            "exit_codes" => continue,
            "context" => &["of_ledgers", "of_ledgers_in_detail", "of_result", "Interrupted"],
            "run" => &["of_run"],
            "signals" => &["Interrupted"],
            "round" => &["NoneReached"],
            "sync" | "watch" => &["Interrupted"],
            "report" | "status" => &["Done", "of_findings"],
            name if without_accounts.contains(&name) => &["Done"],
            _ => &[],
        };
        let own = statuses.filter(|status| !allowed.contains(&status.as_str()));
        offences.extend(own.map(|status| format!("{}: {status}", source.shown())));
    }
    assert_none("statuses that are not read from the ledgers", offences);
}

#[test]
fn imports_go_down_only() {
    let mut offences = Vec::new();
    for source in sources() {
        let (_, allowed) = ARROWS.iter().find(|(room, _)| *room == source.room).unwrap_or_else(|| {
            panic!("the room `{}` is not on the map: add it to src/lib.rs and to ARROWS", source.room)
        });
        for path in source.own_paths() {
            let other = path.split("::").nth(1).unwrap_or_default();
            let is_room = ARROWS.iter().any(|(room, _)| *room == other);
            if is_room && other != source.room && !allowed.contains(&other) {
                offences.push(format!("{} knows {path}", source.shown()));
            }
        }
    }
    assert_none("imports that go up or across", offences);
}

#[test]
fn rooms_within_rooms_know_each_other_one_way() {
    let (mut offences, mut rooms) = (Vec::new(), BTreeSet::new());
    for (file, known) in imports().of {
        let room = inner_room(&file);
        rooms.insert(room.clone());
        let allowed = INNER_ARROWS.iter().find(|(name, _)| *name == room).map_or(&[][..], |(_, allowed)| *allowed);
        for other in known.iter().filter(|other| top(other) == top(&file) && **other != top(&file)) {
            let other_room = inner_room(other);
            if other_room != room && !allowed.contains(&other_room.as_str()) && file != top(&file) {
                offences.push(format!("{file} knows {other}"));
            }
        }
    }
    assert_none("imports between rooms that go up or across", offences);
    let unknown = INNER_ARROWS.iter().filter(|(room, _)| !rooms.contains(*room)).map(|(room, _)| (*room).to_owned());
    assert_none("rooms that are not there any more", unknown.collect());
}

#[test]
fn circles_of_files_are_few_and_known() {
    let known: BTreeSet<BTreeSet<String>> =
        CIRCLES.iter().map(|circle| circle.iter().map(|file| (*file).to_owned()).collect()).collect();
    let found: BTreeSet<BTreeSet<String>> = imports().circles().into_iter().collect();
    let shown = |circle: &BTreeSet<String>| circle.iter().cloned().collect::<Vec<_>>().join(" ↔ ");
    assert_none("circles of files that are not on the list", found.difference(&known).map(shown).collect());
    assert_none("circles on the list that are untied", known.difference(&found).map(shown).collect());
    let architecture = fs::read_to_string(source_directory().with_file_name("ARCHITECTURE.md")).expect("the page");
    for file in CIRCLES.iter().flat_map(|circle| circle.iter()) {
        let path = format!("`{}.rs`", file.replace("::", "/"));
        assert!(architecture.contains(&path), "ARCHITECTURE.md does not say why {path} is in a circle");
    }
    for circle in &found {
        let rooms: BTreeSet<String> = circle.iter().map(|file| inner_room(file)).collect();
        assert_eq!(rooms.len(), 1, "a circle across rooms: {}", shown(circle));
    }
}

fn imports() -> Imports {
    let below = |source: Source| {
        let inside = source.path.strip_prefix(source_directory()).expect("below src").to_owned();
        (inside, source.lines.join("\n"))
    };
    Imports::read(&sources().into_iter().map(below).collect::<Vec<_>>())
}

/// The room that a file is in, `engine::wire` or `engine`; a `mod.rs` is in its own.
fn inner_room(file: &str) -> String {
    let is_room = source_directory().join(file.replace("::", "/")).join("mod.rs").exists();
    let end = if is_room { file.len() } else { file.rfind("::").unwrap_or(file.len()) };
    file[..end].to_owned()
}

fn top(file: &str) -> String {
    file.split("::").next().unwrap_or_default().to_owned()
}

#[test]
fn command_line_and_library_leave_servers_and_state_to_the_pipeline() {
    let mut offences = Vec::new();
    for source in sources().into_iter().filter(|source| ["cli", "library"].contains(&source.room.as_str())) {
        let below = |path: &String| path.starts_with("crate::engine") || path.starts_with("crate::store");
        for path in source.own_paths().into_iter().filter(below) {
            if !ASSEMBLED.iter().any(|known| path == *known || path.starts_with(&format!("{known}::"))) {
                offences.push(format!("{} knows {path}", source.shown()));
            }
        }
    }
    assert_none("more is done than a migration put together", offences);
}

#[test]
fn every_protocol_and_format_has_one_home() {
    let mut offences = Vec::new();
    for source in sources() {
        for (dependency, home) in HOMES.into_iter().filter(|(_, home)| *home != source.room) {
            for (number, line) in source.lines.iter().enumerate().filter(|(_, line)| names(line, dependency)) {
                offences.push(format!(
                    "{}:{}: {dependency} lives in {home}: {}",
                    source.shown(),
                    number + 1,
                    line.trim()
                ));
            }
        }
    }
    assert_none("crates away from home", offences);
}

/// Whether the line has the path `dependency::…`, from the crate's root.
fn names(line: &str, dependency: &str) -> bool {
    let path = format!("{dependency}::");
    line.match_indices(&path)
        .any(|(at, _)| !line[..at].ends_with(|before: char| before.is_alphanumeric() || "_:".contains(before)))
}

#[test]
fn files_stay_readable() {
    let long = sources().into_iter().filter(|source| source.length > LINES_OF_A_FILE);
    assert_none(
        "files that are too long",
        long.map(|file| format!("{}: {} lines", file.shown(), file.length)).collect(),
    );
}

#[test]
fn functions_stay_readable() {
    let long = |source: Source| {
        let functions = functions(&source.lines).into_iter().filter(|(_, lines)| *lines > LINES_OF_A_FUNCTION);
        let shown = source.shown();
        functions.map(move |(name, lines)| format!("{shown}: {name}: {lines} lines")).collect::<Vec<_>>()
    };
    assert_none("functions that are too long", sources().into_iter().flat_map(long).collect());
}

/// The functions with how many lines each has. rustfmt sees to it that one ends where a `}` stands as far to the right
/// as its `fn`.
fn functions(lines: &[String]) -> Vec<(String, usize)> {
    let indentation = |line: &str| line.len() - line.trim_start().len();
    let starts = lines.iter().enumerate().filter(|(_, line)| {
        let words = line.trim_start();
        ["fn ", "pub fn ", "pub(super) fn ", "pub(crate) fn ", "pub(in crate::", "const fn ", "pub const fn "]
            .iter()
            .any(|start| words.starts_with(start))
    });
    starts
        .map(|(first, line)| {
            let margin = indentation(line);
            let ends = |line: &&String| indentation(line) == margin && line.trim_end().ends_with('}');
            let length = lines[first..].iter().position(|line| ends(&line)).map_or(0, |last| last + 1);
            let name: String = line.trim_start().split('(').next().unwrap_or_default().to_owned();
            (name, length)
        })
        .collect()
}

/// Places besides `same.rs` that compare identities, how often, and why that ties, copies and deletes nothing.
const IDENTITIES_COMPARED: [(&str, usize, &str); 4] = [
    ("diff/comparing/roster.rs", 2, "finds those of one identity, which only proposes"),
    ("pipeline/explain/message.rs", 2, "finds the message that a person names, and shows what it is compared with"),
    ("pipeline/transfer/originals.rs", 1, "keeps a message from being copied within that its server calls the same"),
    ("pipeline/transfer/purge.rs", 1, "whether a link is still the one that was planned with"),
];

/// Identity is a name and no proof: whether two messages are one is asked of `same.rs` alone.
#[test]
fn sameness_is_decided_in_one_place() {
    let mut offences = Vec::new();
    for source in sources().into_iter().filter(|source| ["diff", "pipeline"].contains(&source.room.as_str())) {
        let shown = source.shown();
        let file = &shown[shown.find("src/").map_or(0, |at| at + "src/".len())..];
        let found: Vec<&String> = source.lines.iter().filter(|line| compares_identities(line)).collect();
        let allowed = IDENTITIES_COMPARED.iter().find(|(known, ..)| *known == file).map_or(0, |(_, count, _)| *count);
        if file != "diff/comparing/same.rs" && found.len() != allowed {
            offences.extend(found.iter().map(|line| format!("{file}: {}", line.trim())));
            offences.push(format!("{file}: {allowed} such lines are known, and {} are there", found.len()));
        }
    }
    assert_none("identities are compared outside of diff/comparing/same.rs", offences);
}

fn compares_identities(line: &str) -> bool {
    let is_path = |letter: char| letter.is_alphanumeric() || "_.".contains(letter);
    let compares = |(at, sign): (usize, &str)| {
        let (before, after) = (&line[..at], &line[at + sign.len()..]);
        let after = after.strip_prefix("Some(").unwrap_or(after);
        let after: String = after.chars().take_while(|letter| is_path(*letter)).collect();
        before.trim_end_matches(['(', ')']).ends_with("identity") || after.ends_with("identity")
    };
    [" == ", " != "].into_iter().any(|sign| line.match_indices(sign).any(compares))
}

/// Holds disaster rule 2: one place says UID EXPUNGE, one calls it, and nothing says EXPUNGE or CLOSE.
#[test]
fn only_single_messages_are_expunged_and_in_one_place() {
    let lines = |wanted: fn(&str) -> bool| -> Vec<String> {
        let found = |source: Source| {
            let shown = source.shown();
            let path = shown[shown.find("src/").unwrap_or(0)..].to_owned();
            source.lines.into_iter().filter(|line| wanted(line)).map(move |_| path.clone()).collect::<Vec<_>>()
        };
        sources().into_iter().flat_map(found).collect()
    };
    assert_eq!(lines(|line| line.contains("UID EXPUNGE ")), ["src/engine/commands/change.rs"]);
    assert_eq!(lines(|line| line.contains("session.send_expunge(")), ["src/pipeline/transfer/disposal.rs"]);
    let commands = |line: &str| {
        let sent = line.contains("send(") || line.contains("run(");
        sent && (line.contains("EXPUNGE") || line.contains("\"CLOSE")) && !line.contains("UID EXPUNGE ")
    };
    assert_none("commands that remove what others marked", lines(commands));
}

/// Every thread of the program, by the file that starts it: how many places, and why its panic keeps nobody waiting. A new
/// one goes on the list, with a case in tests/hostile/panics.rs where others wait for it.
const THREADS: [(&str, usize, &str); 20] = [
    ("cli/progress/mod.rs", 1, "it draws; nobody waits for it"),
    ("cli/signals.rs", 1, "what it panics with ends the process"),
    ("config/command.rs", 1, "its channel closes, and the command's patience is bounded"),
    ("pipeline/apply.rs", 1, "a scope; the crew's guard is dropped"),
    ("pipeline/beside.rs", 1, "a scope; what panics in an answer is caught, and the work does not wait for it"),
    ("pipeline/bulletin.rs", 1, "a scope; what panics in a telling is caught, and the work does not wait for it"),
    ("pipeline/check.rs", 1, "a scope, joined"),
    ("pipeline/fleet/for_each.rs", 1, "a scope; the account's guard is dropped"),
    ("pipeline/fleet/in_order.rs", 1, "a scope; who takes the results sees that there are no more"),
    ("pipeline/fleet/set_aside.rs", 1, "a scope; what panics in a look is caught, and the work does not wait for it"),
    ("pipeline/herald.rs", 1, "its end of a channel is dropped; the end of the run waits for that, and not for long"),
    ("pipeline/listening.rs", 1, "what panics there is caught, and nobody waits for it"),
    ("pipeline/scan.rs", 1, "a scope, joined"),
    ("pipeline/survey/content.rs", 2, "a scope, joined"),
    ("pipeline/transfer/clearing.rs", 1, "a scope; nobody waits for another's mailbox"),
    ("pipeline/transfer/copy.rs", 2, "a scope; the ends of the belt are dropped"),
    ("pipeline/transfer/lane.rs", 2, "a scope, joined"),
    ("serve/clerk.rs", 1, "it tells those who look on; the run does not wait for it"),
    ("serve/server.rs", 3, "they answer others; a guest's seat is dropped, and the end waits a second at most"),
    ("store/lease.rs", 1, "joined, whatever became of it; a lease that is not renewed is observed, and then free"),
];

#[test]
fn threads_are_on_the_list() {
    let mut found = Vec::new();
    for source in sources() {
        let spawns =
            |line: &&String| ["scope.spawn(", "thread::spawn(", "thread::Builder"].iter().any(|it| line.contains(it));
        let count = source.lines.iter().filter(spawns).count();
        if count > 0 {
            let path = source.path.strip_prefix(source_directory()).expect("below src");
            found.push((path.display().to_string(), count));
        }
    }
    let listed: Vec<(String, usize)> = THREADS.iter().map(|(path, count, _)| ((*path).to_owned(), *count)).collect();
    assert_eq!(found, listed);
    assert!(THREADS.iter().all(|(_, _, why)| !why.is_empty()));
}

/// Who opens sled must wait for the remnants of a database that was just closed.
#[test]
fn state_is_opened_in_one_place() {
    let opens = |line: &String| line.contains("sled::open") || line.contains("sled::Config");
    let places = sources().into_iter().filter(|source| source.lines.iter().any(opens));
    let places: Vec<PathBuf> = places.map(|source| source.path).collect();
    assert_eq!(places, [source_directory().join("store/opening.rs")]);
}

/// A machine that has everything already does not notice what setup.sh would no longer install.
#[test]
fn whatever_the_tests_start_is_installed_by_setup() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let setup = fs::read_to_string(tests.join("support/setup.sh")).expect("readable");
    let words = |text: &str| -> BTreeSet<String> {
        text.split(|sign: char| !sign.is_ascii_alphanumeric() && sign != '_').map(str::to_owned).collect()
    };
    let defined: BTreeSet<String> =
        setup.lines().filter_map(|line| Some(line.split_once("() ")?.0.to_owned())).collect();
    let mut offences: Vec<String> = words(&setup)
        .into_iter()
        .filter(|word| word.starts_with("install_") && !defined.contains(word))
        .map(|word| format!("setup.sh calls {word}, which it does not define"))
        .collect();
    let mut wanted = BTreeSet::new();
    for text in ["support", "migration"].iter().flat_map(|room| texts(&tests.join(room))) {
        wanted.extend(text.split("cached(\"").skip(1).filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
    }
    assert!(wanted.len() > 5, "{wanted:?}");
    let installs = |name: &str| setup.contains(&format!("\nis_unpacked {name} || "));
    offences
        .extend(wanted.into_iter().filter(|name| !installs(name)).map(|name| format!("setup.sh leaves out {name}")));
    assert_none("what is missing on a fresh machine", offences);
}

/// The texts of the Rust files of a directory and of those below it.
fn texts(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("readable") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            found.extend(texts(&path));
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push(fs::read_to_string(&path).expect("readable"));
        }
    }
    found
}

#[test]
fn scan_finds_what_it_looks_for() {
    let text = "use crate::{model::Uid, error::{Error, Kind}};\nlet x = crate::store::Store::open();";
    let found: Vec<String> = text.split("crate::").skip(1).flat_map(heads).collect();
    assert_eq!(found, ["model::Uid", "error::", "Kind", "store::Store::open"]);
    assert!(names("use imap::Client;", "imap") && !names("use proto_imap::Client;", "imap"));
    assert!(
        compares_identities("if one.identity == other.identity {") && !compares_identities("if a == b { identity }")
    );
    let body = ["fn long() {", "    a();", "}", "    fn inner(&self) { b() }"].map(str::to_owned);
    assert_eq!(functions(&body), [("fn long".to_owned(), 3), ("fn inner".to_owned(), 1)]);
}
