//! One mailbox, moved and proven.
//!
//! ```text
//! OLD_PASSWORD=… NEW_PASSWORD=… one_mailbox OLD_HOST OLD_USER NEW_HOST NEW_USER
//! ```
//!
//! It may be interrupted and run again: it goes on, and copies nothing twice.

use mailferry::{Account, Error, Limits, Migration, Password, Server, Settings};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [old_host, old_user, new_host, new_user] = words.as_slice() else {
        eprintln!("usage: one_mailbox OLD_HOST OLD_USER NEW_HOST NEW_USER");
        return ExitCode::from(2);
    };
    let password = |variable: &'static str| {
        Password::asked(move |user, _| {
            std::env::var(variable).map_err(|_| format!("{variable} is not set ({user})").into())
        })
    };
    let account = Account::new(old_user)
        .destination_user(new_user)
        .source_password(password("OLD_PASSWORD"))
        .destination_password(password("NEW_PASSWORD"));
    match move_mailbox(Server::new(old_host), Server::new(new_host), account, Path::new("one_mailbox.state")) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            error.causes().iter().for_each(|cause| eprintln!("  because: {cause}"));
            error.advice().iter().for_each(|advice| eprintln!("  hint: {advice}"));
            ExitCode::FAILURE
        }
    }
}

/// Whether all of it is there, octet by octet.
pub fn move_mailbox(old: Server, new: Server, account: Account, state: &Path) -> Result<bool, Error> {
    let settings = Settings::builder(state).source(old).destination(new).account(account).build()?;
    let mut migration = Migration::open(&settings)?;
    let copied = migration.sync(&Limits::default());
    for account in copied.accounts() {
        let messages = account.messages();
        println!(
            "{}: {} of {} messages are there",
            account.name(),
            messages.total() - messages.left_behind(),
            messages.total()
        );
        account.failures().for_each(|failure| println!("  {failure}"));
    }
    let verified = migration.verify_deep();
    for account in verified.accounts() {
        println!("{}: {:?}", account.name(), account.verdict());
    }
    Ok(copied.is_success() && verified.is_success())
}
