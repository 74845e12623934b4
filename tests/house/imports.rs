//! Which file knows which: read from `use` lines and from paths, as far as rustfmt lays them out. Names that a `mod.rs`
//! hands on belong to the file that they come from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The files of the house and what each imports of the others, both as module paths: `engine::wire::tls`.
pub struct Imports {
    pub of: BTreeMap<String, BTreeSet<String>>,
}

impl Imports {
    /// `sources` are paths below `src` with their code, without comments and tests.
    pub fn read(sources: &[(PathBuf, String)]) -> Imports {
        let modules: BTreeSet<String> = sources.iter().map(|(path, _)| module(path)).collect();
        let handed_on: BTreeMap<String, String> =
            sources.iter().filter(|(path, _)| is_mod(path)).flat_map(|(path, code)| handed_on(path, code)).collect();
        let of = sources.iter().map(|(path, code)| {
            let own = module(path);
            let found = paths(path, code).into_iter().filter_map(|name| home(&name, &modules, &handed_on));
            let found = found.filter(|other| *other != own).collect();
            (own, found)
        });
        Imports { of: of.collect() }
    }

    /// Files that know each other, directly or through others; each group once.
    pub fn circles(&self) -> Vec<BTreeSet<String>> {
        let reached: BTreeMap<&String, BTreeSet<&String>> =
            self.of.keys().map(|module| (module, self.reach(module))).collect();
        let mut circles = BTreeSet::new();
        for (module, known) in &reached {
            let circle: BTreeSet<String> = known
                .iter()
                .filter(|other| reached.get(**other).is_some_and(|back| back.contains(*module)))
                .map(|other| (*other).clone())
                .collect();
            if circle.len() > 1 {
                circles.insert(circle);
            }
        }
        circles.into_iter().collect()
    }

    fn reach(&self, from: &str) -> BTreeSet<&String> {
        let mut reached = BTreeSet::new();
        let mut waiting: Vec<&String> = self.of.get(from).into_iter().flatten().collect();
        while let Some(next) = waiting.pop() {
            if reached.insert(next) {
                waiting.extend(self.of.get(next).into_iter().flatten());
            }
        }
        reached
    }
}

/// `engine::wire` of both `engine/wire.rs` and `engine/wire/mod.rs`.
pub fn module(path: &Path) -> String {
    let parts: Vec<String> =
        path.with_extension("").components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    let kept = parts.len() - usize::from(is_mod(path));
    parts[..kept].join("::")
}

fn is_mod(path: &Path) -> bool {
    path.ends_with("mod.rs")
}

/// The module that `super` names in this file.
fn parent(path: &Path) -> String {
    let own = module(path);
    own.rsplit_once("::").map_or_else(String::new, |(parent, _)| parent.to_owned())
}

/// What a `mod.rs` hands on: the name as others write it, and where it comes from.
fn handed_on(path: &Path, code: &str) -> Vec<(String, String)> {
    let own = module(path);
    let uses = statements(code).into_iter().filter(|(public, _)| *public).flat_map(|(_, tree)| leaves("", &tree));
    uses.filter_map(|leaf| Some((format!("{own}::{}", leaf.rsplit_once("::")?.1), format!("{own}::{leaf}")))).collect()
}

/// All paths of this crate that the file names, without `crate::`.
fn paths(path: &Path, code: &str) -> Vec<String> {
    let in_uses = statements(code).into_iter().flat_map(|(_, tree)| leaves("", &tree));
    // `pub(in crate::engine)` is a wall, not a door.
    let code = code.replace("pub(in crate::", "pub(in ");
    let starts = ["crate::", "super::"];
    let inline = starts.iter().flat_map(|start| code.match_indices(start).map(|(at, _)| head(&code[at..])));
    // `use super::{…}` was read above.
    let inline = inline.filter(|name| !name.ends_with(':'));
    let found: Vec<String> = in_uses.chain(inline.collect::<Vec<_>>()).collect();
    let (own, parent) = (module(path), parent(path));
    let absolute = |name: String| match name.split_once("::") {
        Some(("crate", rest)) => Some(rest.to_owned()),
        Some(("self", rest)) => Some(format!("{own}::{rest}")),
        Some(("super", _)) => Some(above(&parent, &name)),
        _ if is_mod(path) => Some(format!("{own}::{name}")),
        _ => None,
    };
    found.into_iter().filter_map(absolute).collect()
}

fn above(parent: &str, name: &str) -> String {
    let (mut base, mut rest) = (parent.to_owned(), name.strip_prefix("super::").unwrap_or(name));
    while let Some(next) = rest.strip_prefix("super::") {
        base = base.rsplit_once("::").map_or_else(String::new, |(before, _)| before.to_owned());
        rest = next;
    }
    if base.is_empty() { rest.to_owned() } else { format!("{base}::{rest}") }
}

fn head(text: &str) -> String {
    text.chars().take_while(|character| character.is_alphanumeric() || "_:".contains(*character)).collect()
}

/// The file that a path leads to: the one with the longest name that is a part of it.
fn home(name: &str, modules: &BTreeSet<String>, handed_on: &BTreeMap<String, String>) -> Option<String> {
    let mut shortened = name.trim_end_matches(':');
    loop {
        // What has its file's name is in that file: following it would never end.
        if let Some(origin) = handed_on.get(shortened).filter(|origin| !is_within(origin, shortened)) {
            return home(origin, modules, handed_on);
        }
        if modules.contains(shortened) {
            return Some(shortened.to_owned());
        }
        shortened = shortened.rsplit_once("::")?.0;
    }
}

fn is_within(name: &str, module: &str) -> bool {
    name.strip_prefix(module).is_some_and(|rest| rest.starts_with("::"))
}

/// The `use` statements, and whether each is public.
fn statements(code: &str) -> Vec<(bool, String)> {
    let mut found = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find("use ") {
        let line = rest[..at].rsplit('\n').next().unwrap_or_default().trim_start();
        let is_statement = line.is_empty() || (line.starts_with("pub") && line.ends_with(' '));
        let after = &rest[at + 4..];
        let end = after.find(';').unwrap_or(after.len());
        if is_statement {
            found.push((line.starts_with("pub"), after[..end].to_owned()));
        }
        rest = &after[if is_statement { end } else { 0 }..];
    }
    found
}

/// `a::b` and `a::c::d` of `a::{b, c::{d}}`; `a` of `a::{self}`.
fn leaves(before: &str, tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some((path, group)) = tree.split_once('{') else {
        let name = tree.split(" as ").next().unwrap_or_default().trim();
        let name = if name == "self" { "" } else { name };
        return vec![format!("{before}{name}").trim_end_matches(':').to_owned()];
    };
    let group = group.strip_suffix('}').unwrap_or(group);
    let before = format!("{before}{}", path.trim());
    members(group).into_iter().flat_map(|member| leaves(&before, member)).collect()
}

fn members(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (at, character) in group.char_indices() {
        depth += i32::from(character == '{') - i32::from(character == '}');
        if character == ',' && depth == 0 {
            found.push(&group[start..at]);
            start = at + 1;
        }
    }
    found.push(&group[start..]);
    found.into_iter().filter(|member| !member.trim().is_empty()).collect()
}

#[test]
fn imports_are_found_wherever_they_stand() {
    let sources = [
        ("a/mod.rs", "pub mod b;\npub mod c;\npub use b::Thing;"),
        ("a/b.rs", "use super::c::{self, Other};\nuse crate::d;"),
        ("a/c.rs", "use crate::a::Thing;\npub(in crate::d) fn f() {}"),
        ("d.rs", "fn g() -> crate::a::c::Other { todo!() }"),
        ("e/mod.rs", "mod f;\npub use f::f;"),
        ("e/f.rs", "pub fn f() {}"),
        ("g.rs", "use crate::e::f;"),
    ];
    let sources = sources.map(|(path, code)| (PathBuf::from(path), code.to_owned()));
    let imports = Imports::read(&sources);
    let of = |module: &str| imports.of[module].iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(of("a::b"), ["a::c", "d"]);
    assert_eq!(of("a::c"), ["a::b"], "what a mod.rs hands on belongs to its file, and a wall is no import");
    assert_eq!(of("d"), ["a::c"]);
    assert_eq!(of("g"), ["e::f"], "what a mod.rs hands on may have the name of its file");
    let circle: Vec<BTreeSet<String>> = vec![["a::b", "a::c", "d"].map(str::to_owned).into()];
    assert_eq!(imports.circles(), circle);
}
