//! What is carried over besides mail, on request (`acl`, `metadata` in `[mailboxes]`): rights of other users and annotations. It comes
//! when all mail is there, it is only added to, and what cannot be carried over is told and is no failure.

use crate::engine::Session;
use crate::engine::commands::metadata::Entries;
use crate::engine::commands::rights::Granted;
use crate::error::{Error, Kind, Result};
use crate::model::counted::counted;
use crate::model::plan::{AccountPlan, MailboxPlan};
use crate::model::{MailboxName, RawName, Side};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::fleet::proof::prove_mailboxes;
use std::collections::HashMap;

/// What is told one by one of an account.
const TOLD: usize = 20;

/// Identifiers that mean the same everywhere (RFC 4314 2.1).
const EVERYWHERE: [&str; 2] = ["anyone", "anonymous"];

/// Entries that servers keep for themselves, or that special uses stand for (RFC 6154).
const OF_SERVERS: [&str; 3] = ["/vendor/cmu/", "/vendor/vendor.dovecot/", "/specialuse"];

/// Carries over what the settings ask for, of all mailboxes of a plan. Returned is what is to be told.
///
/// # Errors
/// `Interrupted`, and where two accounts turn out to be one.
pub fn carry_besides(access: &Access<'_>, plan: &AccountPlan) -> Result<Vec<String>> {
    let besides = access.account.policy.mailboxes.besides;
    let mut told = Told::default();
    let mailboxes: Vec<&MailboxPlan> = plan.mailboxes.iter().collect();
    for (wanted, what, carry) in [
        (besides.acl, "rights (`acl` in [mailboxes])", carry_rights as Carry),
        (besides.metadata, "annotations (`metadata` in [mailboxes])", carry_metadata),
    ] {
        match if wanted { carry(access, &mailboxes, &mut told) } else { Ok(()) } {
            Err(error) if matches!(error.kind(), Kind::Interrupted | Kind::Authorization) => return Err(error),
            Err(error) => told.say(format!("{what} were not carried over: {}", error.summary())),
            Ok(()) => {}
        }
    }
    Ok(told.into_lines())
}

type Carry = fn(&Access<'_>, &[&MailboxPlan], &mut Told) -> Result<()>;

#[derive(Default)]
struct Told {
    lines: Vec<String>,
    more: u64,
}

impl Told {
    fn say(&mut self, line: String) {
        if self.lines.len() < TOLD { self.lines.push(line) } else { self.more += 1 }
    }

    fn into_lines(mut self) -> Vec<String> {
        if self.more > 0 {
            self.lines.push(format!("{} of rights and annotations more", counted(self.more, "loss")));
        }
        self.lines
    }
}

fn names(mailboxes: &[&MailboxPlan], side: Side) -> Vec<RawName> {
    let name = |mailbox: &&MailboxPlan| match side {
        Side::Source => mailbox.source.raw.clone(),
        Side::Destination => mailbox.destination.raw.clone(),
    };
    mailboxes.iter().map(name).collect()
}

/// What both sides have, by mailbox; `None`, and a word, where one of them knows nothing of the kind.
fn of_both<T>(
    access: &Access<'_>,
    mailboxes: &[&MailboxPlan],
    (extension, told): (&str, &mut Told),
    ask: impl Fn(&mut Session, &[RawName]) -> Result<Option<HashMap<RawName, T>>>,
) -> Result<Option<[HashMap<RawName, T>; 2]>> {
    let mut found = Vec::new();
    for side in Side::BOTH {
        let names = names(mailboxes, side);
        match access.ask_one(side, |session| ask(session, &names))? {
            Some(of_side) => found.push(of_side),
            None => {
                told.say(format!("the {side} has no {extension}: nothing of the kind is carried over"));
                return Ok(None);
            }
        }
    }
    Ok(<[HashMap<RawName, T>; 2]>::try_from(found).ok())
}

fn carry_rights(access: &Access<'_>, mailboxes: &[&MailboxPlan], told: &mut Told) -> Result<()> {
    let ask = |session: &mut Session, names: &[RawName]| session.access_lists(names);
    let Some([source, destination]) = of_both(access, mailboxes, ("ACL (RFC 4314)", told), ask)? else { return Ok(()) };
    let mut wanted: Vec<(&MailboxName, Granted)> = Vec::new();
    for mailbox in mailboxes {
        let (name, theirs) = (&mailbox.destination, destination.get(&mailbox.destination.raw));
        for granted in source.get(&mailbox.source.raw).into_iter().flatten() {
            let Granted { who, rights } = granted;
            match stands_for(access, who) {
                Whom::Owner => {}
                Whom::Nobody => told.say(format!(
                    "`{}` may {rights} in `{}` on the source, and is no user of these accounts: not carried over",
                    crate::error::sanitized(who),
                    mailbox.source
                )),
                Whom::Somebody(who) => {
                    let is_there = |theirs: &Vec<Granted>| theirs.iter().any(|it| it.who.eq_ignore_ascii_case(&who));
                    if !rights.is_empty() && theirs.is_some_and(|theirs| !is_there(theirs)) {
                        wanted.push((name, Granted { who, rights: current(rights) }));
                    }
                }
            }
        }
    }
    give(access, &wanted, told)
}

/// Gives these rights, and looks at what came of it.
fn give(access: &Access<'_>, wanted: &[(&MailboxName, Granted)], told: &mut Told) -> Result<()> {
    if wanted.is_empty() {
        return Ok(());
    }
    prove_mailboxes(access)?;
    let send = |_: &mut Session, _: &(&MailboxName, Granted)| Ok(());
    let answers = access.ask_each(Side::Destination, wanted, 1, send, |session, (mailbox, granted), ()| {
        session.grant(&mailbox.raw, granted)
    })?;
    let touched: Vec<RawName> = wanted.iter().map(|(mailbox, _)| mailbox.raw.clone()).collect();
    let now = access.ask_one(Side::Destination, |session| session.access_lists(&touched))?.unwrap_or_default();
    for ((mailbox, granted), answer) in wanted.iter().zip(answers) {
        let Granted { who, rights } = granted;
        let held = now.get(&mailbox.raw).into_iter().flatten().find(|it| it.who.eq_ignore_ascii_case(who));
        let lacking: String = match held {
            Some(held) => rights.chars().filter(|letter| !held.rights.contains(*letter)).collect(),
            None => rights.clone(),
        };
        let why = answer.err().map_or_else(String::new, |error: Error| format!(": {}", error.summary()));
        if !lacking.is_empty() {
            let who = crate::error::sanitized(who);
            told.say(format!("`{who}` may not {lacking} in `{mailbox}` on the destination, as on the source{why}"));
        }
    }
    Ok(())
}

/// Whom an identifier of the source means.
enum Whom {
    /// The account's own user, or who acts for all.
    Owner,
    /// By that name on the destination.
    Somebody(String),
    Nobody,
}

fn stands_for(access: &Access<'_>, who: &str) -> Whom {
    let account = access.account;
    let own = &*account.source_user;
    let master = access.connector(Side::Source).server().master.as_ref().map(|master| master.user.as_str());
    let names = [Some("owner"), Some(own), own.split('@').next(), master];
    if names.into_iter().flatten().any(|name| name.eq_ignore_ascii_case(who)) {
        return Whom::Owner;
    }
    if EVERYWHERE.contains(&who) {
        return Whom::Somebody(who.to_owned());
    }
    match access.migration.everybody.on_destination_of(account, who) {
        Some(user) => Whom::Somebody(user.to_owned()),
        None => Whom::Nobody,
    }
}

/// The letters of today: `c` and `d` of RFC 2086 stand for several (RFC 4314 2.1.1), which most servers tell as well.
fn current(rights: &str) -> String {
    let has = |letters: &str| rights.contains(|letter| letters.contains(letter));
    let kept = rights.chars().filter(|letter| !"cd".contains(*letter));
    let created = if rights.contains('c') && !has("kx") { "kx" } else { "" };
    let deleted = if rights.contains('d') && !has("te") { "te" } else { "" };
    kept.chain(created.chars()).chain(deleted.chars()).collect()
}

fn carry_metadata(access: &Access<'_>, mailboxes: &[&MailboxPlan], told: &mut Told) -> Result<()> {
    let ask = |session: &mut Session, names: &[RawName]| session.metadata(names);
    let both = of_both(access, mailboxes, ("METADATA (RFC 5464)", told), ask)?;
    let Some([mut source, destination]) = both else { return Ok(()) };
    let mut wanted = Vec::new();
    for mailbox in mailboxes {
        let theirs = destination.get(&mailbox.destination.raw);
        let is_there = |entry: &String| theirs.is_some_and(|theirs: &Entries| theirs.contains_key(entry));
        for (entry, value) in source.remove(&mailbox.source.raw).unwrap_or_default() {
            if !is_there(&entry) && !OF_SERVERS.iter().any(|name| entry.contains(name)) {
                wanted.push((&mailbox.destination, entry, value));
            }
        }
    }
    if wanted.is_empty() {
        return Ok(());
    }
    prove_mailboxes(access)?;
    let send = |_: &mut Session, _: &(&MailboxName, String, Vec<u8>)| Ok(());
    let answers = access.ask_each(Side::Destination, &wanted, 1, send, |session, (mailbox, entry, value), ()| {
        session.set_metadata(&mailbox.raw, entry, value)
    })?;
    for ((mailbox, entry, _), answer) in wanted.iter().zip(answers) {
        if let Err(error) = answer {
            let entry = crate::error::sanitized(entry);
            told.say(format!("the annotation `{entry}` of `{mailbox}` was not carried over: {}", error.summary()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn current_letters_are_those_of_today() {
        for (before, now) in
            [("lrs", "lrs"), ("lrswipkxtecda", "lrswipkxtea"), ("lrcd", "lrkxte"), ("lrckd", "lrkte"), ("", "")]
        {
            assert_eq!(current(before), now, "{before}");
        }
    }
}
