//! `explain`: the facts that the state holds of a mailbox ([`explainer`]) or a message ([`message`]), and the rule behind each decision; of what
//! is kept both ways, in each direction ([`both_ways`]). Outcomes are put in words in [`wording`].

mod both_ways;
mod explainer;
mod message;
mod wording;

use crate::error::{Error, Kind, Result, Scope};
use crate::model::policy::Policy;
use crate::model::report::Explanation;
use crate::model::{Account, MailboxState, Side};
use crate::store::{AccountStore, Store};
use explainer::Explainer;

/// Explains a source mailbox, or one message in it by UID or Message-ID.
///
/// # Errors
/// `State` when the state knows no such mailbox or message.
pub fn explain(
    store: &Store,
    account: &Account,
    policy: &Policy,
    mailbox: &str,
    message: Option<&str>,
) -> Result<Explanation> {
    let state = store.account_as_it_stands(&account.name)?;
    let direction = state.direction();
    let source = find_mailbox(&state, mailbox)?;
    let plan = state.plan()?.and_then(|plan| plan.mailboxes.into_iter().find(|plan| plan.source == source.name));
    let mut explainer = Explainer { state, policy, source, plan, lines: Vec::new(), messages: Vec::new() };
    match message {
        None => explainer.mailbox()?,
        Some(message) => explainer.messages(message)?,
    }
    let Explainer { source, plan, lines, messages, .. } = explainer;
    Ok(Explanation {
        account: account.name.to_string(),
        direction,
        mailbox: source.name.path(),
        lines,
        source: Some(source.name),
        destination: plan.map(|plan| plan.destination),
        messages,
    })
}

fn find_mailbox(state: &AccountStore, path: &str) -> Result<MailboxState> {
    let mailboxes = state.mailboxes(Side::Source)?;
    let same = |mailbox: &MailboxState| {
        mailbox.name.path() == path || mailbox.name.is_inbox() && path.eq_ignore_ascii_case("INBOX")
    };
    let found = mailboxes.into_iter().find(|mailbox| same(mailbox));
    found.ok_or_else(|| {
        Error::new(Kind::State, format!("the state knows no source mailbox `{path}`"))
            .scope(Scope::Account)
            .hint("names are written as in `mailferry plan --details`; run `mailferry scan` if it is new")
    })
}
