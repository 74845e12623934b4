//! Puts onto a server what the notation says.

use super::imap::{Connection, NewMessage};
use super::mailbox::{self, Account, Mailbox, Message};
use super::server::Server;

/// Bounds of one MULTIAPPEND: enough to be quick, small enough for any server's buffers.
const BATCH_MESSAGES: usize = 50;
const BATCH_OCTETS: usize = 4 << 20;

/// Adds what `notation` describes to the account of `user`. Panics if a UID is already taken.
pub fn seed(server: &dyn Server, user: &str, notation: &str) {
    seed_account(server, user, &mailbox::parse(notation));
}

/// Like [`seed`], for an account that has been parsed.
pub fn seed_account(server: &dyn Server, user: &str, account: &Account) {
    let mut connection = server.connect(user);
    let existing: Vec<String> = connection.list().into_iter().map(|listed| listed.name).collect();
    for mailbox in &account.mailboxes {
        if mailbox.name != "INBOX" && !existing.contains(&mailbox.name) {
            connection.create(&mailbox.name);
        }
        if mailbox.subscribed {
            connection.subscribe(&mailbox.name);
        }
        fill(&mut connection, mailbox);
    }
    connection.logout();
}

/// Appends the messages in the order of their UIDs. A gap between UIDs is appended too, and
/// expunged at the end.
fn fill(connection: &mut Connection, mailbox: &Mailbox) {
    if mailbox.messages.is_empty() {
        return;
    }
    let mut next_uid = connection.select(&mailbox.name).uid_next;
    let mut batch = Batch::default();
    let mut gaps = Vec::new();
    for message in &mailbox.messages {
        assert!(
            message.uid >= next_uid,
            "UID {} of {} is taken: the next one is {next_uid}",
            message.uid,
            mailbox.name
        );
        for uid in next_uid..message.uid {
            gaps.push(uid);
            batch.add(connection, &mailbox.name, placeholder());
        }
        batch.add(connection, &mailbox.name, new_message(message));
        next_uid = message.uid + 1;
    }
    batch.flush(connection, &mailbox.name);
    for uids in gaps.chunks(BATCH_MESSAGES) {
        connection.expunge(&mailbox.name, uids);
    }
}

fn placeholder() -> NewMessage {
    NewMessage { octets: b"Subject: expunged\r\n\r\n".to_vec(), flags: Vec::new(), date: None }
}

fn new_message(message: &Message) -> NewMessage {
    NewMessage {
        octets: message.octets.to_vec(),
        flags: message.flags.iter().cloned().collect(),
        date: Some(message.date),
    }
}

#[derive(Default)]
struct Batch {
    messages: Vec<NewMessage>,
    octets: usize,
}

impl Batch {
    fn add(&mut self, connection: &mut Connection, mailbox: &str, message: NewMessage) {
        self.octets += message.octets.len();
        self.messages.push(message);
        if self.messages.len() >= BATCH_MESSAGES || self.octets >= BATCH_OCTETS {
            self.flush(connection, mailbox);
        }
    }

    fn flush(&mut self, connection: &mut Connection, mailbox: &str) {
        if !self.messages.is_empty() {
            connection.append(mailbox, &std::mem::take(self).messages);
        }
    }
}
