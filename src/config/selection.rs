//! The accounts that are named on the command line: by name, by pattern, by tag, or by wave. `state:WORD` narrows them to those in
//! a condition, which the state tells and the settings do not.

use super::mistake::{Mistake, Mistakes, did_you_mean};
use crate::model::{Account, Condition};
use globset::{GlobBuilder, GlobMatcher};

/// One word of the command line.
enum Wanted<'a> {
    Name(&'a str),
    Tag(&'a str),
    Wave(&'a str),
    Pattern(GlobMatcher),
}

/// What words of the command line want: accounts by their names and tags, and of those the ones in a condition.
pub(super) fn conditions(words: &[String]) -> Result<(Vec<String>, Vec<Condition>), Mistakes> {
    let (mut others, mut conditions, mut mistakes) = (Vec::new(), Vec::new(), Vec::new());
    for word in words {
        match word.strip_prefix("state:").map(|word| (word, Condition::read(word))) {
            None => others.push(word.clone()),
            Some((_, Some(condition))) => conditions.push(condition),
            Some((word, None)) => mistakes.push(no_condition(word)),
        }
    }
    if mistakes.is_empty() { Ok((others, conditions)) } else { Err(Mistakes(mistakes)) }
}

fn no_condition(word: &str) -> Mistake {
    let words = Condition::ALL.map(Condition::word);
    let near = did_you_mean(word, words);
    let all = || format!("the conditions of accounts are {}", words.join(", "));
    Mistake::new(format!("there is no condition `{word}`")).fix(near.unwrap_or_else(all))
}

/// The wanted accounts in the order of the settings; no words want all. Words that want nothing are all noted.
pub(super) fn select(accounts: &[Account], words: &[String]) -> Result<Vec<Account>, Mistakes> {
    if words.is_empty() {
        return Ok(accounts.to_vec());
    }
    let selected = marked(accounts, words)?;
    let chosen = accounts.iter().zip(selected).filter(|(_, is_selected)| *is_selected);
    Ok(chosen.map(|(account, _)| account.clone()).collect())
}

/// Which of the accounts these words want.
pub(super) fn marked(accounts: &[Account], words: &[String]) -> Result<Vec<bool>, Mistakes> {
    let mut selected = vec![false; accounts.len()];
    let mut mistakes = Vec::new();
    for word in words {
        match Wanted::read(word, accounts) {
            Ok(wanted) if mark(&wanted, accounts, &mut selected) => {}
            Ok(_) => mistakes.push(unknown(word, accounts)),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    if mistakes.is_empty() { Ok(selected) } else { Err(Mistakes(mistakes)) }
}

impl<'a> Wanted<'a> {
    /// An account's whole name is its name, whatever characters are in it.
    fn read(word: &'a str, accounts: &[Account]) -> Result<Self, Mistake> {
        if accounts.iter().any(|account| *account.name == *word) {
            return Ok(Wanted::Name(word));
        }
        if let Some(tag) = word.strip_prefix("tag:") {
            return Ok(Wanted::Tag(tag));
        }
        if let Some(wave) = word.strip_prefix("wave:") {
            return Ok(Wanted::Wave(wave));
        }
        if !word.contains(['*', '?', '[', '{']) {
            return Ok(Wanted::Name(word));
        }
        let wrong = |error: globset::Error| Mistake::new(format!("`{word}` is not a pattern: {}", error.kind()));
        GlobBuilder::new(word).build().map(|glob| Wanted::Pattern(glob.compile_matcher())).map_err(wrong)
    }

    fn takes(&self, account: &Account) -> bool {
        match self {
            Wanted::Name(name) => *account.name == **name,
            Wanted::Tag(tag) => account.tags.iter().any(|own| own == tag),
            Wanted::Wave(wave) => account.wave.as_ref().is_some_and(|own| own.name == *wave),
            Wanted::Pattern(pattern) => pattern.is_match(&*account.name),
        }
    }
}

/// Whether any account was wanted.
fn mark(wanted: &Wanted, accounts: &[Account], selected: &mut [bool]) -> bool {
    let mut found = false;
    for (account, is_selected) in accounts.iter().zip(selected) {
        if wanted.takes(account) {
            *is_selected = true;
            found = true;
        }
    }
    found
}

fn unknown(word: &str, accounts: &[Account]) -> Mistake {
    let (what, near) = match (word.strip_prefix("tag:"), word.strip_prefix("wave:")) {
        (_, Some(wave)) => {
            let waves = accounts.iter().filter_map(|account| account.wave.as_ref().map(|wave| wave.name.as_str()));
            (format!("no account is in a wave `{wave}`"), did_you_mean(wave, waves))
        }
        (Some(tag), _) => {
            let tags = accounts.iter().flat_map(|account| account.tags.iter().map(String::as_str));
            (format!("no account has the tag `{tag}`"), did_you_mean(tag, tags))
        }
        // It may hold a password.
        _ if word.contains("://") => {
            let fix = "name an account of the settings; URLs are for `--source` and `--destination`";
            return Mistake::new("there is no account that is called by a URL").fix(fix);
        }
        _ => {
            let names = accounts.iter().map(|account| &*account.name);
            (format!("there is no account `{word}`"), did_you_mean(word, names))
        }
    };
    let mistake = Mistake::new(what);
    mistake.fix(near.unwrap_or_else(|| "`mailferry status` lists the accounts".to_owned()))
}
