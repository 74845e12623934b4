//! The command line to type next: the same settings and accounts as now, another command.

use super::arguments::Global;

/// The options and accounts that have to be repeated.
#[derive(Clone, Debug, Default)]
pub struct Invocation {
    options: Vec<String>,
    accounts: Vec<String>,
}

impl Invocation {
    /// What of this run's command line belongs to the next one too.
    pub fn new(global: &Global, accounts: &[String]) -> Self {
        let path = |path: &std::path::PathBuf| path.to_string_lossy().into_owned();
        let named = [
            ("-c", global.config.as_ref().map(path)),
            ("--source", global.source.clone()),
            ("--destination", global.destination.clone()),
            ("--state", global.state.as_ref().map(path)),
            ("--shard", global.sharding.shard.map(|word| word.to_string())),
        ];
        let options = named.into_iter().filter_map(|(option, value)| Some([option.to_owned(), value?]));
        Invocation { options: options.flatten().collect(), accounts: accounts.to_vec() }
    }

    /// The line for another command, ready for a shell.
    pub fn next(&self, command: &str) -> String {
        let words = self.options.iter().chain(&self.accounts).map(|word| quoted(word));
        ["mailferry".to_owned(), command.to_owned()].into_iter().chain(words).collect::<Vec<_>>().join(" ")
    }
}

/// The word as a POSIX shell takes it for one word.
fn quoted(word: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_./:@+,=%".contains(character);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::arguments::Arguments;
    use clap::Parser;

    fn next(line: &[&str], accounts: &[&str]) -> String {
        let global = Arguments::try_parse_from(line).unwrap().global;
        let accounts: Vec<String> = accounts.iter().map(|account| (*account).to_owned()).collect();
        Invocation::new(&global, &accounts).next("apply")
    }

    #[test]
    fn defaults_are_not_repeated() {
        assert_eq!(next(&["mailferry", "plan", "-j", "3"], &[]), "mailferry apply");
    }

    #[test]
    fn options_and_accounts_are_repeated_and_quoted() {
        let line = ["mailferry", "-c", "my mail.toml", "plan"];
        assert_eq!(next(&line, &["alice", "b*"]), "mailferry apply -c 'my mail.toml' alice 'b*'");
        let line = ["mailferry", "plan", "--source", "imaps://a@old", "--destination", "imaps://a@new", "--state", "s"];
        let expected = "mailferry apply --source imaps://a@old --destination imaps://a@new --state s";
        assert_eq!(next(&line, &[]), expected);
        assert_eq!(next(&["mailferry", "plan", "--shard", "2/5"], &[]), "mailferry apply --shard 2/5");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
