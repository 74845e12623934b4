//! `mailferry login`: interactive OAuth, once for an account.

use crate::cli::arguments::LoginArguments;
use crate::cli::context::Context;
use crate::cli::output;
use crate::cli::signals::Stage;
use crate::engine::Connector;
use crate::error::{Error, Kind, Result, made_harmless};
use crate::library::exit_codes::ExitCode;
use crate::model::oauth::Flow;
use crate::model::secret::Purse;
use crate::model::{Account, Direction, Side};
use crate::pipeline::login::{Person, Prompt, Way, login};

pub fn run(context: &Context, arguments: &LoginArguments) -> Result<ExitCode> {
    let settings = context.settings()?;
    let (accounts, _) = settings.select(std::slice::from_ref(&arguments.account))?;
    let [account] = accounts.as_slice() else { return Err(several(&arguments.account, accounts.len())) };
    let connectors = context.connectors(&settings, &accounts, Direction::Forward)?;
    let passwords = settings.passwords();
    let sides = sides(arguments.side, account, &connectors);
    context.interruption.enter(Stage::Waiting);
    let stop = context.interruption.stop.clone();
    for side in sides {
        let connector = &connectors[account.server(side).0];
        let purse = Purse { passwords: &*passwords, account, side };
        let (user, server) = (account.user(side), connector.server().label());
        let tell = |prompt| context.screen.line(&told(&prompt, user, &server));
        let is_stopped = || stop.is_requested();
        let way = match (arguments.device, arguments.browser) {
            (true, _) => Some(Way::Device),
            (_, true) => Some(Way::Browser),
            _ => None,
        };
        let is_kept = login(connector, way, &purse, &Person { user, tell: &tell, is_stopped: &is_stopped })?;
        let kept = if is_kept { "the refresh token is kept" } else { "the refresh token serves this run alone" };
        output::print(&made_harmless(&format!("{}: consent for the {side} {server}: {kept}", account.name)))?;
        output::print("\n")?;
    }
    Ok(ExitCode::Done)
}

/// The side that was named, or those on which there is something to consent to; the source where there is none, which then
/// says so.
fn sides(named: Option<Side>, account: &Account, connectors: &[Connector]) -> Vec<Side> {
    let wants = |side: &Side| {
        let server = connectors[account.server(*side).0].server();
        server.oauth.as_ref().is_some_and(|oauth| oauth.flow == Flow::RefreshToken)
    };
    match named {
        Some(side) => vec![side],
        None => {
            let found: Vec<Side> = Side::BOTH.into_iter().filter(wants).collect();
            if found.is_empty() { vec![Side::Source] } else { found }
        }
    }
}

fn told(prompt: &Prompt, user: &str, server: &str) -> String {
    let (user, server) = (made_harmless(user), made_harmless(server));
    match prompt {
        Prompt::Device { page, code, minutes } => {
            let (page, code) = (made_harmless(page), made_harmless(code));
            format!(
                "To let mailferry into the mail of {user} at {server}, open this page within {minutes} minutes:\n\n  {page}\n\nand type this code: {code}\n"
            )
        }
        Prompt::Browser { page } => format!(
            "To let mailferry into the mail of {user} at {server}, open this page in a browser on this machine:\n\n  {page}\n"
        ),
    }
}

fn several(name: &str, count: usize) -> Error {
    Error::new(Kind::Settings, format!("`{name}` stands for {count} accounts, and each consents for itself"))
        .hint("name one account")
}
