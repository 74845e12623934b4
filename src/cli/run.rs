//! From the command line to the exit code: `run` is one match, and a command is one function.

use super::arguments::{Arguments, Command};
use super::context::Context;
use super::screen::Screen;
use super::{commands, errors, logging, process, typed};
use crate::error::{Error, Kind, Result};
use crate::library::exit_codes::ExitCode;
use crate::model::Mark;
use crate::report::invocation::Invocation;
use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Reads the command line, does what it says, and shows the error that ended it, if there is one.
pub fn main() -> ExitCode {
    process::guard_memory();
    process::keep_memory_tight();
    refuse_password_options();
    let (Arguments { command, global }, invocation) = typed::parse();
    let screen = Screen::new(global.color);
    process::report_panics(&screen);
    let run = || {
        logging::begin(&global, &screen)?;
        // Not the whole command line: what was typed may hold a password that is refused only later.
        let (version, command_name) = (env!("CARGO_PKG_VERSION"), command.word());
        tracing::info!(version, command = command_name, process = std::process::id(), "mailferry begins");
        let context = Context::new(global.clone(), screen.clone(), &command_name, invocation.clone())?;
        let result = catch_unwind(AssertUnwindSafe(|| run(&context, command))).unwrap_or_else(|_| Err(panicked()));
        let code = shown(&screen, result, &invocation);
        context.end(code);
        Ok(code)
    };
    let result = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Err(panicked()));
    let code = shown(&screen, result, &invocation);
    tracing::info!(status = code.number(), "mailferry ends");
    code
}

/// The status of that, once its error is shown.
fn shown(screen: &Screen, result: Result<ExitCode>, commands: &Invocation) -> ExitCode {
    result.unwrap_or_else(|error| {
        tracing::error!("{}", error.line());
        errors::show(screen, &error, commands);
        ExitCode::of_run(&error)
    })
}

fn run(context: &Context, command: Command) -> Result<ExitCode> {
    match command {
        Command::Init(arguments) => commands::init::run(&arguments),
        Command::Check(arguments) => commands::check::run(context, &arguments),
        Command::Scan(arguments) => commands::scan::run(context, &arguments),
        Command::Plan(arguments) => commands::plan::run(context, &arguments),
        Command::Apply(arguments) => commands::apply::run(context, &arguments),
        Command::Sync(arguments) => commands::sync::run(context, &arguments),
        Command::Verify(arguments) => commands::verify::run(context, &arguments),
        Command::Status(arguments) => commands::status::run(context, &arguments),
        Command::Report(arguments) => commands::report::run(context, &arguments),
        Command::Explain(arguments) => commands::explain::run(context, &arguments),
        Command::Accept(arguments) => commands::accept::run(context, &arguments),
        Command::Pause(arguments) => commands::mark::run(context, &arguments.accounts, Some(Mark::Paused)),
        Command::Resume(arguments) if arguments.halted => commands::mark::lift_halt(context),
        Command::Resume(arguments) => commands::mark::run(context, &arguments.accounts, None),
        Command::Complete(arguments) => commands::mark::run(context, &arguments.accounts, Some(Mark::Complete)),
        Command::Login(arguments) => commands::login::run(context, &arguments),
        Command::Shards(arguments) => commands::shards::run(context, &arguments),
        Command::State(arguments) => commands::state::run(context, &arguments),
        Command::Forget(arguments) => commands::forget::run(context, &arguments),
        Command::Completions(arguments) => commands::completions::run(&arguments),
        Command::Man(arguments) => commands::man::run(&arguments),
    }
}

/// Before clap reads them: its errors quote what was typed.
fn refuse_password_options() {
    let arguments = env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned());
    if let Some(option) = password_option(arguments) {
        let what = format!("{option} is refused: everyone on this machine can read arguments, and shells keep them");
        let error = Error::new(Kind::Settings, what).hint(
            "name a password_file or password_command in the settings, export MAILFERRY_SOURCE_PASSWORD and \
             MAILFERRY_DESTINATION_PASSWORD, or let mailferry ask. If that was a real password, change it",
        );
        errors::show(&Screen::new(super::arguments::ColorMode::Auto), &error, &Invocation::default());
        std::process::exit(i32::from(ExitCode::of_run(&error).number()));
    }
}

/// The first argument that looks as if it held a password: it must not even be quoted in an error.
fn password_option(arguments: impl IntoIterator<Item = String>) -> Option<String> {
    let options = arguments.into_iter().take_while(|argument| argument != "--");
    let mut names = options.filter_map(|argument| Some(argument.strip_prefix("--")?.split('=').next()?.to_owned()));
    let looks_secret = |name: &String| ["password", "passwd", "passphrase"].iter().any(|word| name.contains(word));
    names.find(looks_secret).map(|name| format!("--{name}"))
}

fn panicked() -> Error {
    Error::new(Kind::Io, "mailferry met a situation that it does not handle")
        .hint("nothing is lost: run the command again, and please report this with the line above")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn password_option_is_found_and_its_value_is_not_quoted() {
        let found = |line: &str| password_option(line.split_whitespace().map(str::to_owned));
        assert_eq!(found("sync --source-password=geheim").as_deref(), Some("--source-password"));
        assert_eq!(found("sync --password geheim").as_deref(), Some("--password"));
        assert_eq!(found("explain alice -- --password"), None);
    }
}
