//! What of this run's command line belongs to the commands that are named for typing next.

use super::arguments::{Arguments, Command, Global};
use crate::report::invocation::Invocation;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, CommandFactory, FromArgMatches};

/// Options that say which settings and which state.
const OF_THE_SETTINGS: [&str; 7] = ["config", "source", "destination", "state", "ca_file", "fingerprint", "shard"];

/// Options that are for one run: where its words go, and what a further one must be told anew.
const OF_ONE_RUN: [&str; 7] = ["reverse", "progress", "color", "log_level", "log_file", "log_format", "allow_deletes"];

/// The command line, and what of it goes on to hold. A wrong one ends the process as clap does.
pub fn parse() -> (Arguments, Invocation) {
    let matches = Arguments::command().get_matches();
    let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit()).with_urls();
    let invocation = invocation(&arguments, &matches);
    (arguments, invocation)
}

fn invocation(arguments: &Arguments, matches: &ArgMatches) -> Invocation {
    let Arguments { command, global } = arguments;
    let way_back = match command {
        Command::Sync(arguments) => arguments.reverse,
        Command::Verify(arguments) => arguments.reverse,
        _ => false,
    };
    let invocation = Invocation::new(settings(global), accounts(command)).told(own(matches));
    invocation.nameless(global.source.is_some()).on_the_way_back(way_back)
}

fn settings(global: &Global) -> Vec<String> {
    let path = |path: &std::path::PathBuf| path.to_string_lossy().into_owned();
    let named = [
        ("-c", global.config.as_ref().map(path)),
        ("--source", global.source.clone()),
        ("--destination", global.destination.clone()),
        ("--ca-file", global.ca_file.as_ref().map(path)),
        ("--state", global.state.as_ref().map(path)),
        ("--shard", global.sharding.shard.map(|word| word.to_string())),
    ];
    let pinned = global.fingerprint.iter().map(|fingerprint| ("--fingerprint", Some(fingerprint.to_string())));
    let options = named.into_iter().chain(pinned).filter_map(|(option, value)| Some([option.to_owned(), value?]));
    options.flatten().collect()
}

/// The words that stand for accounts.
fn accounts(command: &Command) -> &[String] {
    match command {
        Command::Check(arguments) => &arguments.accounts.accounts,
        Command::Scan(arguments) => &arguments.accounts.accounts,
        Command::Plan(arguments) => &arguments.accounts.accounts,
        Command::Apply(arguments) => &arguments.accounts.accounts,
        Command::Sync(arguments) => &arguments.accounts.accounts,
        Command::Verify(arguments) => &arguments.accounts.accounts,
        Command::Status(arguments) => &arguments.accounts.accounts,
        Command::Report(arguments) => &arguments.accounts.accounts,
        Command::Pause(arguments) | Command::Complete(arguments) => &arguments.accounts,
        Command::Resume(arguments) => &arguments.accounts,
        Command::Forget(arguments) => &arguments.accounts,
        Command::Explain(arguments) => std::slice::from_ref(&arguments.account),
        Command::Accept(arguments) => std::slice::from_ref(&arguments.account),
        Command::Login(arguments) => std::slice::from_ref(&arguments.account),
        Command::Init(_) | Command::Shards(_) | Command::State(_) | Command::Completions(_) | Command::Man(_) => &[],
    }
}

/// What else was typed, each option with its value as it was written.
fn own(matches: &ArgMatches) -> Vec<String> {
    let Some((name, matches)) = matches.subcommand() else { return Vec::new() };
    let mut definition = Arguments::command();
    definition.build();
    let Some(command) = definition.find_subcommand(name) else { return Vec::new() };
    let is_own = |option: &&Arg| {
        let id = option.get_id().as_str();
        !option.is_positional()
            && !OF_THE_SETTINGS.contains(&id)
            && !OF_ONE_RUN.contains(&id)
            && matches.try_contains_id(id).unwrap_or(false)
            && matches.value_source(id) == Some(ValueSource::CommandLine)
    };
    command.get_arguments().filter(is_own).flat_map(|option| words(option, matches)).collect()
}

fn words(option: &Arg, matches: &ArgMatches) -> Vec<String> {
    let name = match (option.get_long(), option.get_short()) {
        (Some(long), _) => format!("--{long}"),
        (None, Some(short)) => format!("-{short}"),
        (None, None) => return Vec::new(),
    };
    if !option.get_action().takes_values() {
        return vec![name];
    }
    let values = matches.get_raw(option.get_id().as_str()).into_iter().flatten();
    std::iter::once(name).chain(values.map(|value| value.to_string_lossy().into_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(line: &[&str]) -> Invocation {
        let matches = Arguments::command().get_matches_from(std::iter::once(&"mailferry").chain(line));
        invocation(&Arguments::from_arg_matches(&matches).unwrap().with_urls(), &matches)
    }

    #[test]
    fn defaults_are_not_repeated() {
        assert_eq!(typed(&["plan"]).next("apply"), "mailferry apply");
        assert_eq!(typed(&["sync"]).again("sync"), "mailferry sync");
    }

    #[test]
    fn settings_and_accounts_go_on_to_hold_and_what_else_was_typed_for_the_same_command() {
        let line =
            ["-c", "my mail.toml", "sync", "-j", "3", "--watch", "15m", "--max-bytes=50MB", "--full", "alice", "b*"];
        let typed_line = typed(&line);
        assert_eq!(typed_line.next("apply"), "mailferry apply -c 'my mail.toml' alice 'b*'");
        let expected = "mailferry sync -c 'my mail.toml' --full --watch 15m --max-bytes 50MB --jobs 3 alice 'b*'";
        assert_eq!(typed_line.again("sync"), expected);
    }

    #[test]
    fn two_urls_and_a_state_go_on_to_hold() {
        let expected = "mailferry verify --source imaps://a@old --destination imaps://a@new --state s";
        assert_eq!(typed(&["plan", "--shard", "2/5"]).again("plan"), "mailferry plan --shard 2/5");
        assert_eq!(typed(&["sync", "imaps://a@old", "imaps://a@new", "--state", "s"]).next("verify"), expected);
    }

    #[test]
    fn what_takes_off_a_guard_is_said_anew_each_time() {
        assert_eq!(typed(&["sync", "--allow-deletes", "--progress", "none"]).again("sync"), "mailferry sync");
    }
}
