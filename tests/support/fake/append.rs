//! APPEND of one or several messages.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::account::{Content, Mailbox};
use super::behaviour::{Behaviour, FlagsBy, Kept};
use super::command::{Command, Token};
use super::gmail_house;
use super::session::Session;
use crate::support::date::parse_internal_date;

/// One message as it came.
pub struct Appended<'a> {
    pub flags: BTreeSet<String>,
    pub date: i64,
    pub octets: &'a [u8],
}

impl Session<'_> {
    pub(super) fn append(&mut self, command: &Command) -> String {
        let name = command.argument(0).to_vec();
        let behaviour = self.connection.tenant.as_ref().expect("somebody has logged in").behaviour();
        let messages = messages(&command.tokens[1..]);
        if messages.is_empty() {
            return "BAD no message".to_owned();
        }
        self.with_account(|account| match account.find(&name) {
            Some(_) if behaviour.is_gmail => gmail_house::append(account, &name, &messages, &behaviour),
            Some(mailbox) => append_to(mailbox, &messages, &behaviour),
            None => "NO [TRYCREATE] there is no such mailbox".to_owned(),
        })
    }
}

fn append_to(mailbox: &mut Mailbox, messages: &[Appended<'_>], behaviour: &Behaviour) -> String {
    let mut accepted = Vec::new();
    let mut refusal = None;
    for message in messages {
        match behaviour.keeps.as_ref().map_or_else(|| Kept::As(message.octets.to_vec()), |keeps| keeps(message.octets))
        {
            Kept::As(octets) => accepted.push((message, Arc::new(octets))),
            Kept::Refused(answer) => {
                refusal = Some(answer);
                break;
            }
        }
    }
    if refusal.is_some() && !behaviour.keeps_parts {
        accepted.clear();
    }
    let (stem, copies) = &behaviour.append_copies;
    let copies = if mailbox.name.starts_with(stem.as_bytes()) { *copies } else { 1 };
    let mut uids = Vec::new();
    for (message, octets) in accepted {
        uids.push(mailbox.uid_next);
        for _ in 0..copies {
            let flags = message.flags.iter().filter(|flag| behaviour.keeps_flag(FlagsBy::Append, flag));
            mailbox.add(Content::Octets(Arc::clone(&octets)), flags.cloned().collect(), message.date);
        }
    }
    refusal.unwrap_or_else(|| {
        let code = match &behaviour.append_code {
            Some(code) => code(mailbox.uid_validity, &uids),
            None => append_uid(mailbox.uid_validity, &uids),
        };
        format!("OK {code}stored")
    })
}

/// `[APPENDUID validity uids] ` as it should be.
pub fn append_uid(validity: u32, uids: &[u32]) -> String {
    let uids: Vec<String> = uids.iter().map(u32::to_string).collect();
    format!("[APPENDUID {validity} {}] ", uids.join(","))
}

/// `[(flags)] [date] octets`, again and again: the tokens behind the mailbox.
pub fn messages(tokens: &[Token]) -> Vec<Appended<'_>> {
    let mut found = Vec::new();
    let mut rest = tokens;
    while !rest.is_empty() {
        let mut flags = BTreeSet::new();
        if rest.first() == Some(&Token::Open) {
            let end = rest.iter().position(|token| *token == Token::Close).unwrap_or(rest.len() - 1);
            flags = rest[1..end].iter().map(Token::text).collect();
            rest = &rest[end + 1..];
        }
        // A date is a quoted string before the literal.
        let date = rest.first().filter(|_| rest.len() > 1).and_then(|token| parse_internal_date(&token.text()));
        rest = &rest[usize::from(date.is_some()).min(rest.len())..];
        let Some((octets, behind)) = rest.split_first() else { break };
        found.push(Appended { flags, date: date.unwrap_or(1_800_000_000), octets: octets.octets() });
        rest = behind;
    }
    found
}
