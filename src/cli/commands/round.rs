//! One sync of all accounts that are due: the only one, or a round of a watch.

use super::apply::{self, Run};
use crate::cli::arguments::SyncArguments;
use crate::cli::context::Context;
use crate::error::{Error, Kind, Result};
use crate::library::exit_codes::ExitCode;
use crate::model::report::{AccountResult, ApplySummary};
use crate::model::rest::Ended;
use crate::model::{Account, Condition, Direction, Mark, Step};
use crate::pipeline::fleet::attempts::now;
use crate::pipeline::mark::mark;
use crate::pipeline::resync::sync;
use crate::pipeline::{ApplyOptions, Migration, Repair};
use crate::report::quantity::counted;
use std::collections::HashMap;
use std::sync::Arc;

/// How one sync ended.
pub struct Round {
    pub code: ExitCode,
    /// A login was refused and no account could be opened: trying again and again could lock the login out.
    pub shut_out: bool,
    /// Of each account that had its turn.
    pub ended: Vec<(Arc<str>, Ended)>,
}

/// One sync of all accounts that are due.
///
/// # Errors
/// `State`, `Io`; what concerns an account is in its result.
pub fn once(context: &Context, arguments: &SyncArguments, migration: &Migration) -> Result<Round> {
    let thoroughness = arguments.thoroughness.chosen();
    let repair = if arguments.repair { Repair::SpoiltCopies } else { Repair::Nothing };
    let options = ApplyOptions { repair, ..arguments.limits.options() };
    context.tell_set_aside(migration)?;
    let began = now();
    let results = context.watched(migration, Step::Sync, |migration| sync(migration, thoroughness, options));
    let done = results.iter().filter_map(|result| result.done().ok());
    context.tell_unmatched(done.map(|done| &done.unmatched));
    if arguments.direction() == Direction::Forward {
        complete(context, migration, began, &results)?;
    }
    let code = apply::finish(context, migration, Run { step: Step::Sync, began, json: &arguments.json }, &results)?;
    let shut_out = code == ExitCode::NoneReached && results.iter().any(|it| ended(it) == Some(Ended::Refused));
    let ended = results.iter().filter_map(|result| Some((result.account.clone(), ended(result)?)));
    Ok(Round { code, shut_out, ended: ended.collect() })
}

/// `None` where it had no turn. What lies with the state or with us is not the account's failure.
fn ended(result: &AccountResult<ApplySummary>) -> Option<Ended> {
    match result.done().map_err(Error::kind) {
        Err(Kind::Waiting) => None,
        Err(Kind::Authentication) => Some(Ended::Refused),
        Ok(_) | Err(Kind::State | Kind::Io | Kind::Locked | Kind::Interrupted | Kind::SetAside) => Some(Ended::Well),
        Err(_) => Some(Ended::Failed),
    }
}

/// Accounts of which all is there, and whose wave is over, are complete.
fn complete(
    context: &Context,
    migration: &Migration,
    began: i64,
    results: &[AccountResult<ApplySummary>],
) -> Result<()> {
    let is_over = |account: &Account| {
        let after = account.wave.as_ref().and_then(|wave| wave.complete_after);
        after.is_some_and(|after| began >= after)
    };
    let mut synced = results.iter().filter(|result| {
        let ledger = result.done().map(|done| &done.ledger);
        ledger.is_ok_and(|ledger| Condition::of_ledger(ledger) == Condition::Synced)
    });
    let over: HashMap<&str, &Account> =
        migration.accounts.iter().filter(|it| is_over(it)).map(|it| (&*it.name, it)).collect();
    let done: Vec<Account> = synced.by_ref().filter_map(|it| over.get(&*it.account).copied()).cloned().collect();
    if done.is_empty() {
        return Ok(());
    }
    let marked = mark(migration.store.directory(), &done, Some(Mark::Complete))?;
    context.warn(&format!(
        "{} complete: their waves are over, and all of their mail is there",
        counted(marked.len() as u64, "account")
    ));
    Ok(())
}
