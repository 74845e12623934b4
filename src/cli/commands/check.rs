//! `mailferry check`: log in on both sides; say what was found and what will not work.

use crate::cli::arguments::AccountsArguments;
use crate::cli::context::{Context, Needs};
use crate::cli::exit_codes::ExitCode;
use crate::cli::output;
use crate::error::{Error, Result};
use crate::model::report::{AccountCheck, AccountResult};
use crate::pipeline::check::check;
use crate::report;

pub fn run(context: &Context, arguments: &AccountsArguments) -> Result<ExitCode> {
    let names = &arguments.accounts;
    let migration = context.migration(names, Needs::Servers)?;
    let results = context.watched(&migration, check);
    let invocation = context.invocation(names);
    output::print(&report::check::text(&results, &invocation.next("scan")))?;
    Ok(context.conclude(&results, code(&results), failed_sides, &invocation.next("check")))
}

/// An account of which one side cannot be opened is not open.
fn code(results: &[AccountResult<AccountCheck>]) -> ExitCode {
    let opened = results.iter().map(|AccountResult { account, result }| {
        let result = match result {
            Ok(check) => failed_sides(check).first().map_or(Ok(()), |error| Err((*error).clone())),
            Err(error) => Err(error.clone()),
        };
        AccountResult { account: account.clone(), result }
    });
    ExitCode::of_results(&opened.collect::<Vec<_>>(), |()| ExitCode::Done)
}

fn failed_sides(check: &AccountCheck) -> Vec<&Error> {
    check.sides.iter().filter_map(|side| side.as_ref().err()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn account_with_one_closed_side_is_not_reached() {
        let refused = || Err(Error::new(Kind::Authentication, "the login was refused"));
        let result =
            || AccountResult { account: "alice".to_owned(), result: Ok(AccountCheck { sides: vec![refused()] }) };
        let open = AccountResult { account: "bob".to_owned(), result: Ok(AccountCheck { sides: Vec::new() }) };
        assert_eq!(code(&[result(), result()]), ExitCode::NoneReached);
        assert_eq!(code(&[result(), open]), ExitCode::SomeFailed);
    }
}
