//! What users do to their mail, and the book that is kept of it.

use crate::support::imap::{Connection, NewMessage};
use crate::support::mailbox::{self, Message};
use crate::support::server::User;

/// What a user does on one side. Messages are named as in the notation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    /// To a mailbox: a line of the notation.
    Deliver(&'static str, &'static str),
    /// For good.
    Delete(&'static str, &'static str),
    Set(&'static str, &'static str, &'static str),
    Unset(&'static str, &'static str, &'static str),
    /// From a mailbox to another one.
    Move(&'static str, &'static str, &'static str),
    Create(&'static str),
    /// With all that is in it.
    Remove(&'static str),
    Rename(&'static str, &'static str),
    /// The mailbox is made anew with the same mail, as after a restore: it has another UIDVALIDITY.
    Renumber(&'static str),
}

/// The message of such a line.
pub fn message(line: &str) -> Message {
    let mut account = mailbox::parse(&format!("INBOX\n    {line}"));
    account.mailboxes.remove(0).messages.remove(0)
}

pub fn session(port: u16, user: &User) -> Connection {
    let mut connection = Connection::open(port);
    connection.login(&user.name, &user.password);
    connection
}

/// Does all of it, in a session of that user.
pub fn perform(port: u16, user: &User, acts: &[Act]) {
    let mut connection = session(port, user);
    acts.iter().for_each(|act| act.perform(&mut connection));
    connection.logout();
}

impl Act {
    fn perform(self, connection: &mut Connection) {
        match self {
            Act::Deliver(mailbox, line) => {
                let message = message(line);
                let flags = message.flags.into_iter().collect();
                let octets = message.octets.to_vec();
                connection.append(mailbox, &[NewMessage { octets, flags, date: Some(message.date) }]);
            }
            Act::Delete(mailbox, name) => {
                let uid = uid(connection, mailbox, name);
                connection.expunge(mailbox, &[uid]);
            }
            Act::Set(mailbox, name, flag) => {
                let uid = uid(connection, mailbox, name);
                connection.add_flags(mailbox, uid, &[flag]);
            }
            Act::Unset(mailbox, name, flag) => {
                let uid = uid(connection, mailbox, name);
                connection.remove_flags(mailbox, uid, &[flag]);
            }
            Act::Move(mailbox, name, to) => {
                let uid = uid(connection, mailbox, name);
                connection.select(mailbox);
                connection.command(format!("UID MOVE {uid} \"{to}\"").as_bytes());
            }
            Act::Create(mailbox) => connection.create(mailbox),
            Act::Remove(mailbox) => {
                connection.select("INBOX");
                connection.delete(mailbox);
            }
            Act::Rename(mailbox, name) => connection.rename(mailbox, name),
            Act::Renumber(mailbox) => renumber(connection, mailbox),
        }
    }
}

/// The first message of that name; tools leave the subject as it is.
fn uid(connection: &mut Connection, mailbox: &str, name: &str) -> u32 {
    let subject = format!("Subject: message {name}\r\n").into_bytes();
    let (_, messages) = connection.fetch_all(mailbox);
    let found = messages.iter().find(|it| it.octets.windows(subject.len()).any(|octets| octets == subject));
    found.unwrap_or_else(|| panic!("`{mailbox}` has no message {name}")).uid
}

fn renumber(connection: &mut Connection, mailbox: &str) {
    let (_, messages) = connection.fetch_all(mailbox);
    connection.select("INBOX");
    connection.delete(mailbox);
    connection.create(mailbox);
    let again = messages.into_iter().map(|it| NewMessage {
        octets: it.octets,
        flags: it.flags.into_iter().collect(),
        date: Some(it.date),
    });
    connection.append(mailbox, &again.collect::<Vec<_>>());
}
