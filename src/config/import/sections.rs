//! The sections of `.mbsyncrc`: a keyword with a name, what belongs to it, and a blank line (isync's `src/config.c`). Values stand
//! between blanks or in quotes.

use super::Line;
use crate::config::mistake::{Findings, Mistake, Origin};
use std::collections::BTreeMap;

/// A section: what it is, what it is called, and what stands in it, by keyword.
pub(super) struct Section {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) origin: Origin,
    pub(super) values: Values,
}

/// By keyword in small letters, the words behind it and where they stand.
pub(super) type Values = BTreeMap<String, (Vec<String>, Origin)>;

impl Section {
    pub(super) fn words(&self, keyword: &str) -> Option<&(Vec<String>, Origin)> {
        self.values.get(keyword)
    }

    pub(super) fn text(&self, keyword: &str) -> Option<&str> {
        self.words(keyword)?.0.first().map(String::as_str)
    }
}

pub(super) fn sections(lines: &[Line], findings: &Findings) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut last = None;
    for line in lines {
        let Some(mut words) = findings.accept(&line.origin, words(&line.text)) else { continue };
        if words.is_empty() {
            continue;
        }
        let keyword = words.remove(0).to_ascii_lowercase();
        let is_kind = matches!(&*keyword, "imapaccount" | "imapstore" | "maildirstore" | "channel" | "group");
        // A blank line ends a section; a keyword that begins one does so, too.
        let goes_on = last.is_some_and(|last| line.origin.line == Some(last + 1));
        last = line.origin.line;
        let begins = is_kind && !(keyword == "channel" && goes_on && in_group(&sections));
        if begins {
            let name = words.first().cloned().unwrap_or_default();
            let mut values = BTreeMap::new();
            if keyword == "group" {
                values.insert("channels".to_owned(), (words.split_off(1.min(words.len())), line.origin.clone()));
            }
            sections.push(Section { kind: keyword, name, origin: line.origin.clone(), values });
        } else if let Some(section) = sections.last_mut() {
            let known = section.values.entry(keyword).or_insert_with(|| (Vec::new(), line.origin.clone()));
            known.0.extend(words);
        }
    }
    sections
}

fn in_group(sections: &[Section]) -> bool {
    sections.last().is_some_and(|section| section.kind == "group")
}

/// The words of a line; `#` begins a comment, and a backslash takes the next character as it is.
fn words(line: &str) -> Result<Vec<String>, Mistake> {
    let (mut words, mut word, mut quoted) = (Vec::new(), None::<String>, false);
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            '\\' => word.get_or_insert_default().extend(characters.next()),
            '#' if !quoted && word.is_none() => break,
            character if character.is_whitespace() && !quoted => words.extend(word.take()),
            character => word.get_or_insert_default().push(character),
        }
    }
    if quoted {
        return Err(Mistake::new("the quote that begins here is not closed on its line").fix("close it"));
    }
    words.extend(word);
    Ok(words)
}
