//! Commands to type next: with the settings, the options and the accounts of the run that names them. The one place where
//! they are put together, so that what is typed as told does what was meant, for whom it was meant.

use crate::error::made_harmless;

/// Of more accounts than these a command says whom it is for by the words of the run, not by their names.
const NAMED_ACCOUNTS: usize = 20;

/// Commands that work on the accounts that are named behind them, or on all.
const FOR_ACCOUNTS: [&str; 7] = ["check", "scan", "plan", "apply", "sync", "verify", "report"];

/// Commands for which accounts, or what stands for them, are named wherever they are spoken of; `status` lists them all.
const OTHERS: [&str; 8] = ["status", "explain", "accept", "pause", "resume", "complete", "login", "forget"];

/// What a watch is told, each with a value: beside it, another one is not meant.
const OF_A_WATCH: [&str; 3] = ["--watch", "--serve", "--metrics-file"];

/// What of a run's command line belongs to the next one, too.
#[derive(Clone, Debug, Default)]
pub struct Invocation {
    /// Which settings, and which state.
    settings: Vec<String>,
    /// What the run was told besides, which the same command is told again.
    own: Vec<String>,
    accounts: Vec<String>,
    /// There is one account, and no name for it was ever needed.
    is_nameless: bool,
    /// Mail goes from the destination of the settings to their source, and so it does by what is typed next.
    is_way_back: bool,
}

impl Invocation {
    /// With these options for the settings, and these words for accounts.
    pub fn new(settings: Vec<String>, accounts: &[String]) -> Self {
        Invocation { settings, accounts: accounts.to_vec(), ..Invocation::default() }
    }

    /// The same for these accounts, or whatever a command takes in their place.
    pub fn about(&self, words: &[&str]) -> Self {
        Invocation { accounts: words.iter().map(|word| (*word).to_owned()).collect(), ..self.clone() }
    }

    /// Of a run whose settings have one account alone.
    pub fn nameless(self, is_nameless: bool) -> Self {
        Invocation { is_nameless, ..self }
    }

    /// Of a run on the way back.
    pub fn on_the_way_back(self, is_way_back: bool) -> Self {
        Invocation { is_way_back, ..self }
    }

    /// The command's word, and what it is told on the way back: there is a sync for everything.
    fn word<'a>(&self, word: &'a str) -> &'a str {
        match word {
            "scan" | "plan" if self.is_way_back => "sync --reverse --dry-run",
            "apply" | "sync" if self.is_way_back => "sync --reverse",
            "verify" if self.is_way_back => "verify --reverse",
            _ => word,
        }
    }

    /// With what the run was told besides.
    pub fn told(self, own: Vec<String>) -> Self {
        Invocation { own, ..self }
    }

    /// The line for another command, ready for a shell.
    pub fn next(&self, command: &str) -> String {
        line(self.word(command), self.settings.iter().chain(&self.accounts))
    }

    /// The line for the same command.
    pub fn again(&self, command: &str) -> String {
        line(self.word(command), self.settings.iter().chain(&self.own).chain(&self.accounts))
    }

    /// The same line for those of the accounts that one of these words stands for, too: `state:failed`.
    pub fn narrowed(&self, command: &str, words: &[&str]) -> String {
        let words = words.iter().map(|word| (*word).to_owned());
        let kept = self.accounts.iter().filter(|account| !account.starts_with("state:")).cloned();
        let accounts: Vec<String> = kept.chain(words).collect();
        line(self.word(command), self.settings.iter().chain(self.told_once()).chain(&accounts))
    }

    /// What the run was told besides, without what one run after the other does, or shows while it goes on.
    fn told_once(&self) -> impl Iterator<Item = &String> {
        let mut words = self.own.iter();
        std::iter::from_fn(move || {
            loop {
                let word = words.next()?;
                if !OF_A_WATCH.contains(&word.as_str()) {
                    return Some(word);
                }
                // Its value goes with it.
                words.next();
            }
        })
    }

    /// What an advice says of commands, in backticks, completed: ``run `mailferry sync --allow-deletes` `` becomes a line for
    /// these settings and accounts. Without accounts it is about the run as a whole.
    pub fn completed(&self, advice: &str, accounts: &[&str]) -> String {
        let mut parts = advice.split('`');
        let mut completed = parts.next().unwrap_or_default().to_owned();
        let mut is_quoted = true;
        for part in parts {
            completed.push('`');
            match part.strip_prefix("mailferry ").filter(|_| is_quoted) {
                Some(command) => completed += &self.complete(command, accounts),
                None => completed += part,
            }
            is_quoted = !is_quoted;
        }
        completed
    }

    fn complete(&self, command: &str, accounts: &[&str]) -> String {
        let (word, arguments) = command.split_once(' ').unwrap_or((command, ""));
        let works_on_all = FOR_ACCOUNTS.contains(&word);
        if !works_on_all && !OTHERS.contains(&word) {
            return format!("mailferry {command}");
        }
        // Some words are about all processes.
        let is_told = arguments == "--halted"
            || !arguments.split(' ').all(|argument| argument.is_empty() || argument.starts_with('-'));
        let settings = self.settings.iter().map(|word| quoted(word));
        let arguments = Some(arguments.to_owned()).filter(|arguments| !arguments.is_empty());
        let named: Vec<String> = match () {
            () if is_told || word == "status" || (works_on_all && self.is_nameless) => Vec::new(),
            () if works_on_all && (accounts.is_empty() || accounts.len() > NAMED_ACCOUNTS) => {
                self.accounts.iter().map(|word| quoted(word)).collect()
            }
            () => accounts.iter().take(NAMED_ACCOUNTS).map(|account| quoted(&made_harmless(account))).collect(),
        };
        // It says that itself, and a dry run has no details.
        let arguments = arguments.filter(|it| !(self.is_way_back && matches!(it.as_str(), "--reverse" | "--details")));
        let words = ["mailferry".to_owned(), self.word(word).to_owned()]
            .into_iter()
            .chain(settings)
            .chain(arguments)
            .chain(named);
        words.collect::<Vec<_>>().join(" ")
    }
}

fn line<'a>(command: &str, words: impl Iterator<Item = &'a String>) -> String {
    let words = words.map(|word| quoted(word));
    ["mailferry".to_owned(), command.to_owned()].into_iter().chain(words).collect::<Vec<_>>().join(" ")
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

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn invocation() -> Invocation {
        Invocation::new(vec!["-c".to_owned(), "my mail.toml".to_owned()], &words("tag:first b*"))
    }

    #[test]
    fn settings_and_accounts_are_repeated_and_quoted_and_what_else_was_told_by_the_same_command() {
        let told = invocation().told(words("--watch 15m"));
        assert_eq!(told.next("apply"), "mailferry apply -c 'my mail.toml' tag:first 'b*'");
        assert_eq!(told.again("sync"), "mailferry sync -c 'my mail.toml' --watch 15m tag:first 'b*'");
        let narrowed = Invocation::new(Vec::new(), &words("a state:failed")).narrowed("sync", &["state:blocked"]);
        assert_eq!(narrowed, "mailferry sync a state:blocked");
        let watching = invocation().told(words("--watch 15m --serve 127.0.0.1:0 --jobs 2"));
        let narrowed = watching.narrowed("sync", &["state:failed"]);
        assert_eq!(narrowed, "mailferry sync -c 'my mail.toml' --jobs 2 tag:first 'b*' state:failed");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }

    #[test]
    fn advice_is_completed_for_the_accounts_that_it_is_about() {
        let completed = |advice: &str, accounts: &[&str]| invocation().completed(advice, accounts);
        let cases: [(&str, &[&str], &str); 7] = [
            (
                "look at `mailferry plan --details`; run `mailferry sync --allow-deletes`",
                &["f07"],
                "look at `mailferry plan -c 'my mail.toml' --details f07`; \
                 run `mailferry sync -c 'my mail.toml' --allow-deletes f07`",
            ),
            ("run `mailferry sync`", &["f07", "it's"], r"run `mailferry sync -c 'my mail.toml' f07 'it'\''s'`"),
            ("run `mailferry sync`", &[], "run `mailferry sync -c 'my mail.toml' tag:first 'b*'`"),
            ("`mailferry status` lists them", &["zzz"], "`mailferry status -c 'my mail.toml'` lists them"),
            (
                "`INBOX`: run `mailferry accept f07 \"INBOX\" --reason \"…\"`",
                &["f07"],
                "`INBOX`: run `mailferry accept -c 'my mail.toml' f07 \"INBOX\" --reason \"…\"`",
            ),
            ("run `mailferry login` again", &["f07"], "run `mailferry login -c 'my mail.toml' f07` again"),
            ("`mailferry init` writes one; it`s", &["f07"], "`mailferry init` writes one; it`s"),
        ];
        for (advice, accounts, expected) in cases {
            assert_eq!(completed(advice, accounts), expected);
        }
    }

    #[test]
    fn on_the_way_back_every_command_that_is_named_goes_that_way() {
        let back = invocation().on_the_way_back(true);
        let cases = [
            ("run `mailferry sync`", "run `mailferry sync --reverse -c 'my mail.toml' f07`"),
            ("`mailferry sync --allow-deletes`", "`mailferry sync --reverse -c 'my mail.toml' --allow-deletes f07`"),
            ("`mailferry verify --reverse`", "`mailferry verify --reverse -c 'my mail.toml' f07`"),
            ("`mailferry plan --details`", "`mailferry sync --reverse --dry-run -c 'my mail.toml' f07`"),
            ("`mailferry accept`", "`mailferry accept -c 'my mail.toml' f07`"),
        ];
        for (advice, expected) in cases {
            assert_eq!(back.completed(advice, &["f07"]), expected);
        }
        assert_eq!(back.again("sync"), "mailferry sync --reverse -c 'my mail.toml' tag:first 'b*'");
    }

    #[test]
    fn advice_for_many_names_the_words_of_the_run_and_for_the_only_account_none() {
        let many: Vec<String> = (0..21).map(|number| format!("u{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let completed = invocation().completed("run `mailferry sync`", &many);
        assert_eq!(completed, "run `mailferry sync -c 'my mail.toml' tag:first 'b*'`");
        let only = Invocation::new(Vec::new(), &[]).nameless(true);
        assert_eq!(only.completed("run `mailferry sync` again", &["alice"]), "run `mailferry sync` again");
    }
}
