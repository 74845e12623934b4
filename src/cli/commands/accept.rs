//! `mailferry accept`: a person has seen a difference, and says why it is good.

use crate::cli::arguments::AcceptArguments;
use crate::cli::assembling::Needs;
use crate::cli::context::Context;
use crate::cli::output;
use crate::error::{Error, Kind, Result};
use crate::library::exit_codes::ExitCode;
use crate::model::{Step, Uid};
use crate::pipeline::accept::{Acceptance, accept};
use crate::report;

pub fn run(context: &Context, arguments: &AcceptArguments) -> Result<ExitCode> {
    let names = std::slice::from_ref(&arguments.account);
    let migration = context.migration(names, Needs::Snapshot)?.as_it_stands()?;
    if migration.accounts.len() != 1 {
        return Err(several(&arguments.account, migration.accounts.len()));
    }
    if arguments.reason.trim().is_empty() {
        return Err(Error::new(Kind::Settings, "`--reason` is empty").hint("say who has seen it, and why it is good"));
    }
    let acceptance = Acceptance {
        mailbox: arguments.mailbox.clone(),
        uid: arguments.uid.map(Uid),
        reason: arguments.reason.trim().to_owned(),
    };
    let results = context.watched(&migration, Step::Accept, |migration| accept(migration, &acceptance));
    output::tell(&report::accept::text(&results))?;
    Ok(context.conclude(&results, "accept"))
}

fn several(name: &str, count: usize) -> Error {
    Error::new(Kind::Settings, format!("`{name}` stands for {count} accounts, and a person has seen one at a time"))
        .hint("name one account; `mailferry status` lists them")
}
