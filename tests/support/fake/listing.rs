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
                responses.push(list_line("LIST", mailbox, subscribed && command.has("SUBSCRIBED")));
                if wants_status {
                    responses.push(status_line(mailbox, command));
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
            subscribed.map(|mailbox| list_line("LSUB", mailbox, false)).collect()
        });
        for response in responses {
            self.connection.respond(response)?;
        }
        Ok("OK listed".to_owned())
    }

    pub(super) fn status(&mut self, command: &Command) -> io::Result<String> {
        let line =
            self.with_account(|account| account.find(command.argument(0)).map(|mailbox| status_line(mailbox, command)));
        match line {
            Some(line) => {
                self.connection.respond(line)?;
                Ok("OK done".to_owned())
            }
            None => Ok("NO [NONEXISTENT] there is no such mailbox".to_owned()),
        }
    }

    pub(super) fn open(&mut self, command: &Command) -> io::Result<String> {
        let name = command.argument(0).to_vec();
        let was_open = self.selected.take().is_some();
        if was_open && self.qresync {
            self.connection.respond_text("* OK [CLOSED] Previous mailbox closed.")?;
        }
        let Some(lines) = self.with_account(|account| account.find(&name).map(|mailbox| opening_lines(mailbox))) else {
            return Ok("NO [NONEXISTENT] there is no such mailbox".to_owned());
        };
        for line in lines {
            self.connection.respond_text(&line)?;
        }
        self.selected = Some(name);
        self.read_only = command.verb == "EXAMINE";
        Ok(format!("OK [{}] opened", if self.read_only { "READ-ONLY" } else { "READ-WRITE" }))
    }
}

fn opening_lines(mailbox: &Mailbox) -> Vec<String> {
    vec![
        "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)".to_owned(),
        "* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)] flags".to_owned(),
        format!("* {} EXISTS", mailbox.messages.len()),
        "* 0 RECENT".to_owned(),
        format!("* OK [UIDVALIDITY {}] UIDs", mailbox.uid_validity),
        format!("* OK [UIDNEXT {}] next", mailbox.uid_next),
        format!("* OK [HIGHESTMODSEQ {}] highest", mailbox.highest_modseq),
    ]
}

fn list_line(verb: &str, mailbox: &Mailbox, subscribed: bool) -> Vec<u8> {
    let mut attributes: Vec<&str> = mailbox.attributes.iter().map(String::as_str).collect();
    if subscribed {
        attributes.push("\\Subscribed");
    }
    let delimiter = Account::NAMESPACE_DELIMITER;
    let mut line = format!("* {verb} ({}) \"{delimiter}\" ", attributes.join(" ")).into_bytes();
    line.extend(name_on_the_wire(&mailbox.name));
    line.extend_from_slice(b"\r\n");
    line
}

fn status_line(mailbox: &Mailbox, command: &Command) -> Vec<u8> {
    let items = [
        ("MESSAGES", mailbox.messages.len() as u64),
        ("UIDNEXT", u64::from(mailbox.uid_next)),
        ("UIDVALIDITY", u64::from(mailbox.uid_validity)),
        ("HIGHESTMODSEQ", mailbox.highest_modseq),
    ];
    let wanted = items.iter().filter(|(name, _)| command.has(name));
    let items: Vec<String> = wanted.map(|(name, value)| format!("{name} {value}")).collect();
    let mut line = b"* STATUS ".to_vec();
    line.extend(name_on_the_wire(&mailbox.name));
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
