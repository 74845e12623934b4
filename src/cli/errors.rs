//! The one place that shows errors, warnings and failures: on standard error, with what failed, where, why, and what to
//! do next.

use super::screen::{Screen, Tone};
use crate::error::{Error, Kind, made_harmless};
use crate::model::Side;
use crate::report::alike::without_names;
use crate::report::invocation::Invocation;
use crate::report::quantity::counted;
use std::collections::BTreeSet;

/// Places that are named for failures that have everything else in common; the rest is counted.
const NAMED_PLACES: usize = 5;

/// Shows the error that ended the run.
pub fn show(screen: &Screen, error: &Error, commands: &Invocation) {
    screen.line(&rendered(screen, error, commands));
}

/// Shows something the user should know.
pub fn warn(screen: &Screen, text: &str) {
    screen.line(&format!("{} {}", screen.toned(Tone::Warning, "warning:"), made_harmless(text)));
}

/// Lists all failures of a run, those that differ only in their place together. An account that was interrupted did
/// not fail, nor did one that waits for its turn. Besides those there are `unlisted` ones. What is not named is listed by a
/// command.
pub fn show_failures(screen: &Screen, failures: &[&Error], unlisted: u64, (commands, command): (&Invocation, &str)) {
    let failures: Vec<&Error> =
        failures.iter().copied().filter(|it| !matches!(it.kind(), Kind::Interrupted | Kind::Waiting)).collect();
    if failures.is_empty() {
        return;
    }
    let groups = grouped(&failures);
    let groups: Vec<String> = groups.iter().map(|group| rendered_group(screen, group, (commands, command))).collect();
    let count = counted(failures.len() as u64 + unlisted, "failure");
    screen.line(&format!("\n{count}:\n\n{}{}", groups.join("\n\n"), more(unlisted, commands)));
}

/// Where those are that are only counted.
fn more(unlisted: u64, commands: &Invocation) -> String {
    let text = match unlisted {
        0 => String::new(),
        _ => format!(
            "\n\nand {} that are not listed here; `mailferry explain ACCOUNT MAILBOX` lists those of a mailbox, as of the last \
             run",
            counted(unlisted, "failure")
        ),
    };
    commands.completed(&text, &[])
}

fn rendered(screen: &Screen, error: &Error, commands: &Invocation) -> String {
    let headline = format!("{} {}", screen.toned(Tone::Error, "error:"), made_harmless(&error.to_string()));
    headline + &causes(error) + &hint(screen, error, commands)
}

/// The first of the group in full, and where else it happened.
fn rendered_group(screen: &Screen, group: &[&Error], (commands, command): (&Invocation, &str)) -> String {
    let [first, others @ ..] = group else { return String::new() };
    let headline = format!("{} {}", screen.toned(Tone::Error, "error:"), made_harmless(&first.to_string()));
    let also = match others.len() {
        0 => String::new(),
        count if count <= NAMED_PLACES => format!("\n  also: {}", places(others)),
        _ => format!("\n  also: {} (all: {})", places(others), listing(group, (commands, command))),
    };
    let mut accounts: Vec<&str> = group.iter().filter_map(|error| error.place().account.as_deref()).collect();
    accounts.dedup();
    let advice = first.advice().map(|advice| commands.completed(&made_harmless(advice), &accounts));
    let hint = advice.map(|advice| format!("\n  {} {advice}", screen.toned(Tone::Hint, "hint:")));
    headline + &causes(first) + &also + &hint.unwrap_or_default()
}

/// Each mistake in the settings stands by itself; else one cause is behind the other.
fn causes(error: &Error) -> String {
    let are_mistakes = *error.kind() == Kind::Settings && error.causes().len() > 1;
    let bullet = if are_mistakes { "-" } else { "caused by:" };
    error.causes().iter().map(|cause| format!("\n  {bullet} {}", made_harmless(cause))).collect()
}

fn hint(screen: &Screen, error: &Error, commands: &Invocation) -> String {
    let Some(advice) = error.advice() else { return String::new() };
    let accounts: Vec<&str> = error.place().account.as_deref().into_iter().collect();
    let advice = commands.completed(&made_harmless(advice), &accounts);
    format!("\n\n{} {advice}", screen.toned(Tone::Hint, "hint:"))
}

/// The command that lists all of them: what a run records, the state tells; what others found, their JSON.
fn listing(group: &[&Error], (commands, command): (&Invocation, &str)) -> String {
    let accounts: BTreeSet<&str> = group.iter().filter_map(|error| error.place().account.as_deref()).collect();
    let mailboxes: BTreeSet<&str> = group.iter().filter_map(|error| error.place().mailbox.as_deref()).collect();
    let [accounts, mailboxes] = [accounts, mailboxes].map(|names| names.into_iter().collect::<Vec<_>>());
    match (accounts.as_slice(), mailboxes.as_slice()) {
        _ if !["scan", "apply", "sync", "verify"].contains(&command) => format!("{} --json -", commands.next(command)),
        ([account], [mailbox]) => commands.about(&[account, mailbox]).next("explain"),
        ([account], _) => format!("{} --json -", commands.about(&[account]).next("report")),
        _ => commands.narrowed("status", &["state:failed", "state:blocked"]),
    }
}

fn places(group: &[&Error]) -> String {
    let named = group.iter().take(NAMED_PLACES).map(|error| place(error));
    let mut places: Vec<String> = named.filter(|place| !place.is_empty()).collect();
    if group.len() > NAMED_PLACES {
        places.push(format!("and {} more", group.len() - NAMED_PLACES));
    }
    places.join("; ")
}

/// ``alice, `INBOX`, UID 7``
fn place(error: &Error) -> String {
    let place = error.place();
    let account = place.account.as_ref().map(|account| made_harmless(account));
    let mailbox = place.mailbox.as_ref().map(|mailbox| format!("`{}`", made_harmless(mailbox)));
    let uid = place.uid.map(|uid| match &place.about {
        Some(about) => format!("UID {uid} ({})", made_harmless(about)),
        None => format!("UID {uid}"),
    });
    [account, mailbox, uid].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// What failures have in common that are shown together: all but the names of users, mailboxes and messages.
type Likeness<'a> = (String, &'a [String], Option<&'a str>, Option<Side>, Option<&'a str>);

fn likeness(error: &Error) -> Likeness<'_> {
    let place = error.place();
    (without_names(error.what()), error.causes(), error.advice(), place.side, place.server.as_deref())
}

/// The failures in groups that are alike, in the order in which each first occurred.
fn grouped<'a>(failures: &[&'a Error]) -> Vec<Vec<&'a Error>> {
    let mut groups: Vec<Vec<&Error>> = Vec::new();
    let mut known = std::collections::HashMap::new();
    for failure in failures {
        let index = *known.entry(likeness(failure)).or_insert(groups.len());
        match groups.get_mut(index) {
            Some(group) => group.push(failure),
            None => groups.push(vec![failure]),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::arguments::ColorMode;
    use crate::model::Uid;

    fn refusal(account: &str, uid: u32) -> Error {
        Error::new(Kind::Refused, "could not append a message")
            .because("NO [OVERQUOTA] \"Quota exceeded\"\x1b[2J")
            .hint("free space, then run `mailferry apply` again")
            .in_account(account)
            .in_mailbox("INBOX")
            .at_uid(Uid(uid))
            .on(Side::Destination, "new.example.org")
    }

    #[test]
    fn error_names_place_cause_and_hint() {
        let expected = "\
error: alice: could not append a message in `INBOX`, UID 7 on the destination new.example.org
  caused by: NO [OVERQUOTA] \"Quota exceeded\"?[2J

hint: free space, then run `mailferry apply alice` again";
        assert_eq!(rendered(&Screen::new(ColorMode::Never), &refusal("alice", 7), &Invocation::default()), expected);
    }

    #[test]
    fn alike_failures_are_shown_together() {
        let failures: Vec<Error> = (1..=7).map(|uid| refusal("alice", uid)).collect();
        let groups = grouped(&failures.iter().collect::<Vec<_>>());
        assert_eq!(groups.len(), 1);
        let expected = "\
error: alice: could not append a message in `INBOX`, UID 1 on the destination new.example.org
  caused by: NO [OVERQUOTA] \"Quota exceeded\"?[2J
  also: alice, `INBOX`, UID 2; alice, `INBOX`, UID 3; alice, `INBOX`, UID 4; alice, `INBOX`, UID 5; \
alice, `INBOX`, UID 6; and 1 more (all: mailferry explain alice INBOX)
  hint: free space, then run `mailferry apply alice` again";
        let shown = rendered_group(&Screen::new(ColorMode::Never), &groups[0], (&Invocation::default(), "sync"));
        assert_eq!(shown, expected);
    }

    #[test]
    fn what_is_not_named_is_listed_by_a_command() {
        let failures: Vec<Error> = (0..9).map(|number| refusal(&format!("u{number}"), 1)).collect();
        let failures: Vec<&Error> = failures.iter().collect();
        let listed = |command: &str| listing(&failures, (&Invocation::default(), command));
        assert_eq!(listed("sync"), "mailferry status state:failed state:blocked");
        assert_eq!(listed("check"), "mailferry check --json -");
    }

    #[test]
    fn failures_that_differ_in_quoted_names_are_alike() {
        let login = |user: &str| Error::new(Kind::Authentication, format!("could not log in as `{user}`"));
        assert_eq!(grouped(&[&login("alice"), &login("bob"), &refusal("bob", 1)]).len(), 2);
    }

    #[test]
    fn failures_with_other_causes_stay_apart() {
        let (one, other) = (refusal("alice", 1), refusal("alice", 2).because("another"));
        assert_eq!(grouped(&[&one, &other, &one]).iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
    }

    #[test]
    fn colour_adds_nothing_but_colour() {
        let (plain, coloured) = (Screen::new(ColorMode::Never), Screen::new(ColorMode::Always));
        let shown = rendered(&coloured, &refusal("alice", 7), &Invocation::default());
        assert!(shown.starts_with("\x1b["), "{shown:?}");
        let stripped =
            ["\x1b[1m", "\x1b[31m", "\x1b[36m", "\x1b[0m"].iter().fold(shown, |text, code| text.replace(code, ""));
        assert_eq!(stripped, rendered(&plain, &refusal("alice", 7), &Invocation::default()));
    }
}
