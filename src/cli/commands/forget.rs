//! `mailferry forget`: drop accounts from the state.

use crate::cli::arguments::ForgetArguments;
use crate::cli::context::Context;
use crate::cli::output;
use crate::config::{Settings, select_from};
use crate::error::{Error, Result};
use crate::library::exit_codes::ExitCode;
use crate::model::{Account, ServerId};
use crate::pipeline::forget::forget;
use crate::report;
use std::sync::Arc;

/// Names that are shown of a state that does not hold what was asked for.
const NAMED_ACCOUNTS: usize = 10;

/// All names are known before any account goes.
pub fn run(context: &Context, arguments: &ForgetArguments) -> Result<ExitCode> {
    let (place, settings) = context.state()?;
    let store = context.store_at(&place)?;
    context.begin_trail(&place);
    let known = known(store.accounts()?, settings.as_ref());
    let accounts = select_from(&known, &arguments.accounts).map_err(|mistakes| unknown(mistakes.into(), &known))?;
    output::tell(&report::forget::text(&forget(&store, &accounts)?))?;
    Ok(ExitCode::Done)
}

/// The accounts of the state. Many of those that are to be forgotten are in no settings any more; what is has its tags.
fn known(names: Vec<String>, settings: Option<&Settings>) -> Vec<Account> {
    let written = settings.map_or(&[][..], |settings| settings.accounts.as_slice());
    let written: std::collections::HashMap<&str, &Account> =
        written.iter().map(|account| (&*account.name, account)).collect();
    let bare = |name: String| {
        let name = Arc::<str>::from(name);
        Account {
            source_user: Arc::clone(&name),
            destination_user: Arc::clone(&name),
            tags: Vec::new(),
            wave: None,
            priority: 0,
            servers: [ServerId(0); 2],
            policy: Arc::default(),
            name,
        }
    };
    names
        .into_iter()
        .map(|name| written.get(name.as_str()).map_or_else(|| bare(name), |known| (*known).clone()))
        .collect()
}

fn unknown(error: Error, known: &[Account]) -> Error {
    let mut names: Vec<&str> = known.iter().take(NAMED_ACCOUNTS).map(|account| &*account.name).collect();
    if known.len() > NAMED_ACCOUNTS {
        names.push("…");
    }
    let held = if names.is_empty() { "no account".to_owned() } else { names.join(", ") };
    let near = error.advice().filter(|advice| advice.starts_with("did you mean"));
    let renamed = Error::new(error.kind().clone(), error.what());
    let renamed = error.causes().iter().fold(renamed, Error::because);
    renamed
        .because(format!("the state holds {held}; nothing was forgotten"))
        .hint(near.unwrap_or("name the accounts as the state has them"))
}
