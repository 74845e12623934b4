//! `[[notify]]`: who is told of what, by a command or a webhook.

use super::document::Table;
use super::mistake::{Findings, Mistake, Mistakes, did_you_mean};
use super::place::{Place, PlaceKeys, Whose};
use super::surroundings::Surroundings;
use crate::model::notify::{Notify, Occasion, Way};
use std::path::PathBuf;

const SECRET: PlaceKeys =
    PlaceKeys { variable: "secret_env", file: "secret_file", command: "secret_command", inline: "secret" };

/// What one table says.
#[derive(Clone, Debug)]
pub(super) struct Notice {
    on: Vec<Occasion>,
    way: NoticeWay,
}

#[derive(Clone, Debug)]
enum NoticeWay {
    Command { arguments: Vec<String>, directory: PathBuf },
    Webhook { url: String, secret: Place },
}

impl Notice {
    /// Reads the table; `None` after noting what is wrong.
    pub fn read(mut table: Table) -> Option<Notice> {
        let on = occasions(&mut table);
        let command = table.command("command");
        let webhook = table.text("webhook");
        let secret = SECRET.read(&mut table);
        let directory = table.directory().to_owned();
        let wrong = |what: &str, fix: &str| {
            table.findings().add(Mistake::new(what).fix(fix).at(&table.origin));
            None
        };
        let way = match (command, webhook, secret) {
            (Some(command), None, None) => Some(NoticeWay::Command { arguments: command.value, directory }),
            (None, Some(url), Some(secret)) if may_be_sent_to(&url.value) => {
                Some(NoticeWay::Webhook { url: url.value, secret })
            }
            (None, Some(_), Some(_)) => wrong("`webhook` is no address that may be told", "it begins with https://"),
            (None, Some(_), None) => wrong(
                "a `webhook` without a secret: nobody could tell who speaks",
                "name a `secret_file`, `secret_command` or `secret_env`, as the receiver has it (whsec_…)",
            ),
            _ if table.has("command") != table.has("webhook") => None,
            _ => wrong("[[notify]] wants a `command` or a `webhook`, and not both", "write one of them"),
        };
        table.finish();
        Some(Notice { on: on?, way: way? })
    }

    /// Where its secret is.
    pub fn secret(&self) -> Option<&Place> {
        match &self.way {
            NoticeWay::Command { .. } => None,
            NoticeWay::Webhook { secret, .. } => Some(secret),
        }
    }

    /// With its secret, which is read now.
    fn ready(&self, surroundings: &dyn Surroundings, hidden: &[String]) -> Result<Notify, Mistake> {
        let way = match &self.way {
            NoticeWay::Command { arguments, directory } => {
                Way::Command { arguments: arguments.clone(), directory: directory.clone() }
            }
            NoticeWay::Webhook { url, secret } => {
                Way::Webhook { url: url.clone(), secret: secret.read(Whose::NOBODY, surroundings, hidden)? }
            }
        };
        Ok(Notify { on: self.on.clone(), way })
    }
}

/// All of them, with their secrets.
///
/// # Errors
/// Every secret that cannot be read.
pub(super) fn ready(
    notices: &[Notice],
    surroundings: &dyn Surroundings,
    hidden: &[String],
) -> Result<Vec<Notify>, Mistakes> {
    let findings = Findings::default();
    let ready = notices
        .iter()
        .filter_map(|notice| notice.ready(surroundings, hidden).map_err(|mistake| findings.add(mistake)).ok());
    let ready = ready.collect();
    findings.verdict()?;
    Ok(ready)
}

fn occasions(table: &mut Table) -> Option<Vec<Occasion>> {
    let Some(words) = table.list("on") else {
        if !table.has("on") {
            table.missing("on", &format!("say of what: {}", known()));
        }
        return None;
    };
    let read = |word: &String| {
        Occasion::read(word).ok_or_else(|| {
            let near = did_you_mean(word, Occasion::ALL.map(Occasion::word));
            Mistake::new(format!("`{word}` is nothing that can be told of")).fix(near.unwrap_or_else(known))
        })
    };
    let read: Result<Vec<Occasion>, Mistake> = words.value.iter().map(read).collect();
    table.findings().accept(&words.origin, read)
}

fn known() -> String {
    Occasion::ALL.map(Occasion::word).join(", ")
}

/// Over TLS, or to this machine itself: the message tells whose mail is moved.
fn may_be_sent_to(url: &str) -> bool {
    let Ok(url) = url::Url::parse(url) else { return false };
    let is_local = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    url.has_host() && url.password().is_none() && (url.scheme() == "https" || (url.scheme() == "http" && is_local))
}
