//! `mailferry pause`, `resume` and `complete`: what a person says of accounts, obeyed also by a run that is under way.

use crate::cli::context::Context;
use crate::cli::output;
use crate::error::{Error, Kind, Result, made_harmless};
use crate::library::exit_codes::ExitCode;
use crate::model::Mark;
use crate::pipeline;
use crate::report::quantity::{counted, verb_for};

/// Says it of the accounts; `None` takes back what was said.
pub fn run(context: &Context, accounts: &[String], mark: Option<Mark>) -> Result<ExitCode> {
    let settings = context.settings()?;
    let accounts = context.select(&settings, accounts)?;
    let changed = pipeline::mark::mark(&settings.state, &accounts, mark)?;
    context.begin_trail(&settings.state);
    output::tell(&text(accounts.len(), &changed, mark))?;
    Ok(ExitCode::Done)
}

/// Lets all processes of the fleet go on.
pub fn lift_halt(context: &Context) -> Result<ExitCode> {
    let settings = context.settings_of_all_shards()?;
    let fleet = settings.fleet.as_deref().ok_or_else(|| {
        Error::new(Kind::Settings, "there is no [fleet] in the settings, so nothing can be halted")
            .hint("name a `directory` under [fleet] that all machines see")
    })?;
    output::tell(match pipeline::mark::lift_halt(fleet)? {
        true => "Resumed: all processes go on\n",
        false => "The processes were not halted before\n",
    })?;
    Ok(ExitCode::Done)
}

fn text(named: usize, changed: &[String], mark: Option<Mark>) -> String {
    let (done, meaning) = match mark {
        Some(Mark::Paused) => ("Paused", "left alone by scan, apply and sync until `mailferry resume`"),
        Some(Mark::Complete) => ("Complete", "left alone by scan, apply and sync from now on"),
        None => ("Resumed", "worked on by the next run"),
    };
    let before = mark.map_or("neither paused nor complete", Mark::word);
    let same = (named - changed.len()) as u64;
    let same = match same {
        0 => String::new(),
        _ => format!("{} {} {before} before\n", counted(same, "account"), verb_for(same, "was", "were")),
    };
    if changed.is_empty() {
        return same;
    }
    let names: Vec<String> = changed.iter().map(|name| made_harmless(name)).collect();
    format!("{done}: {} ({meaning})\n{same}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_names_what_changed_and_counts_what_was_so() {
        let changed = ["alice".to_owned(), "bob".to_owned()];
        let shown = text(3, &changed, Some(Mark::Paused));
        let expected = "Paused: alice, bob (left alone by scan, apply and sync until `mailferry resume`)\n1 account was paused before\n";
        assert_eq!(shown, expected);
        assert_eq!(text(1, &[], None), "1 account was neither paused nor complete before\n");
    }
}
