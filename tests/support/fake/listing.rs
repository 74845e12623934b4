//! LIST, LSUB, STATUS, SELECT and EXAMINE.

use std::io;

use super::account::{Account, Mailbox};
use super::command::Command;
use super::session::Session;

impl Session<'_> {
    pub(super) fn list(&mut self, command: &Command) -> io::Result<String> {
        let wants_status = command.has("STATUS");
        let responses = self.with_account(|account| {
            let mut responses = Vec::new();
            for mailbox in &account.mailboxes {
                let subscribed = account.subscriptions.contains(&mailbox.name);
                responses.push(mailbox.list_line("LIST", subscribed && command.has("SUBSCRIBED")));
                if wants_status {
                    responses.push(status_line(&mailbox.name, &mailbox.summary(), command));
                }
            }
            responses
        });
        for response in responses {
            self.connection.respond(response)?;
        }
        Ok("OK listed".to_owned())
    }

    pub(super) fn lsub(&mut self) -> io::Result<String> {
        let responses: Vec<Vec<u8>> = self.with_account(|account| {
            let subscribed = account.mailboxes.iter().filter(|it| account.subscriptions.contains(&it.name));
            subscribed.map(|mailbox| mailbox.list_line("LSUB", false)).collect()
        });
        for response in responses {
            self.connection.respond(response)?;
        }
        Ok("OK listed".to_owned())
    }

    pub(super) fn status(&mut self, command: &Command) -> io::Result<String> {
        let behaviour = self.connection.tenant.as_ref().expect("somebody has logged in").behaviour();
        let is_open = self.selected.as_deref() == Some(command.argument(0));
        let before = self.opened_as.as_ref().filter(|_| behaviour.remembers_status && is_open);
        let line = self.with_account(|account| {
            let mailbox = account.find(command.argument(0))?;
            let now = mailbox.summary();
            let is_old = before.is_some_and(|before| *before != now);
            Some((status_line(&mailbox.name, before.unwrap_or(&now), command), is_old))
        });
        if line.as_ref().is_some_and(|(_, is_old)| *is_old) {
            self.connection.tenant.as_ref().expect("somebody has logged in").hear(OLD_STATUS);
        }
        let line = line.map(|(line, _)| line);
        match line {
            Some(line) => {
                self.connection.respond(line)?;
                Ok("OK done".to_owned())
            }
            None => Ok("NO [NONEXISTENT] there is no such mailbox".to_owned()),
        }
    }

    /// News of the mailbox that is open reach the session.
    pub(super) fn refresh(&mut self) {
        if let Some(name) = self.selected.clone() {
            self.opened_as = self.with_account(|account| account.find(&name).map(|mailbox| mailbox.summary()));
        }
    }

    pub(super) fn open(&mut self, command: &Command) -> io::Result<String> {
        let name = command.argument(0).to_vec();
        let was_open = self.selected.take().is_some();
        if was_open && self.qresync {
            self.connection.respond_text("* OK [CLOSED] Previous mailbox closed.")?;
        }
        let summary = self.with_account(|account| account.find(&name).map(|mailbox| mailbox.summary()));
        let Some(summary) = summary else {
            return Ok("NO [NONEXISTENT] there is no such mailbox".to_owned());
        };
        for line in opening_lines(&summary) {
            self.connection.respond_text(&line)?;
        }
        self.selected = Some(name);
        self.opened_as = Some(summary);
        self.read_only = command.verb == "EXAMINE";
        Ok(format!("OK [{}] opened", if self.read_only { "READ-ONLY" } else { "READ-WRITE" }))
    }
}

/// What stands among the commands for a STATUS that was answered with what is not so any more: nobody is to ask so.
const OLD_STATUS: &[u8] = b"STATUS-THAT-IS-OLD";

/// What a mailbox is known by without a look at its messages.
#[derive(PartialEq)]
pub struct Summary {
    pub messages: u64,
    pub uid_validity: u32,
    pub uid_next: u32,
    pub highest_modseq: u64,
}

impl Mailbox {
    fn summary(&self) -> Summary {
        Summary {
            messages: self.messages.len() as u64,
            uid_validity: self.uid_validity,
            uid_next: self.uid_next,
            highest_modseq: self.highest_modseq,
        }
    }

    fn list_line(&self, verb: &str, subscribed: bool) -> Vec<u8> {
        let attributes = self.attributes.iter().map(String::as_str);
        let attributes: Vec<&str> = attributes.chain(subscribed.then_some("\\Subscribed")).collect();
        list_line(verb, &self.name, &attributes)
    }
}

/// All that comes before the tagged answer to SELECT and EXAMINE.
pub fn opening_lines(summary: &Summary) -> Vec<String> {
    vec![
        "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)".to_owned(),
        "* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)] flags".to_owned(),
        format!("* {} EXISTS", summary.messages),
        "* 0 RECENT".to_owned(),
        format!("* OK [UIDVALIDITY {}] UIDs", summary.uid_validity),
        format!("* OK [UIDNEXT {}] next", summary.uid_next),
        format!("* OK [HIGHESTMODSEQ {}] highest", summary.highest_modseq),
    ]
}

pub fn list_line(verb: &str, name: &[u8], attributes: &[&str]) -> Vec<u8> {
    let delimiter = Account::NAMESPACE_DELIMITER;
    let mut line = format!("* {verb} ({}) \"{delimiter}\" ", attributes.join(" ")).into_bytes();
    line.extend(name_on_the_wire(name));
    line.extend_from_slice(b"\r\n");
    line
}

/// Of the items that the command names.
pub fn status_line(name: &[u8], summary: &Summary, command: &Command) -> Vec<u8> {
    let items = [
        ("MESSAGES", summary.messages),
        ("UIDNEXT", u64::from(summary.uid_next)),
        ("UIDVALIDITY", u64::from(summary.uid_validity)),
        ("HIGHESTMODSEQ", summary.highest_modseq),
    ];
    let wanted = items.iter().filter(|(name, _)| command.has(name));
    let items: Vec<String> = wanted.map(|(name, value)| format!("{name} {value}")).collect();
    let mut line = b"* STATUS ".to_vec();
    line.extend(name_on_the_wire(name));
    line.extend(format!(" ({})\r\n", items.join(" ")).bytes());
    line
}

/// A quoted string, or a literal where that is impossible.
fn name_on_the_wire(name: &[u8]) -> Vec<u8> {
    if name.iter().any(|octet| b"\r\n\0".contains(octet)) {
        return [format!("{{{}}}\r\n", name.len()).as_bytes(), name].concat();
    }
    let mut quoted = vec![b'"'];
    for &octet in name {
        if b"\"\\".contains(&octet) {
            quoted.push(b'\\');
        }
        quoted.push(octet);
    }
    quoted.push(b'"');
    quoted
}
