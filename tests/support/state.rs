//! The state of an account, as two accounts are compared: every mailbox with all its messages.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::imap::{Connection, FetchedMessage, Selected};
use super::mailbox::{self, Message};
use super::server::Server;

/// The characters of a subject that a report shows.
const LABEL_LENGTH: usize = 50;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountState {
    /// The mailboxes that can hold messages, by name (see [`super::name`]).
    pub mailboxes: BTreeMap<String, MailboxState>,
    /// Names that are only the parents of others (`\Noselect`).
    pub containers: BTreeSet<String>,
    pub subscriptions: BTreeSet<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailboxState {
    /// 0 in an expectation.
    pub uid_validity: u32,
    /// 0 in an expectation.
    pub uid_next: u32,
    /// In the order of their UIDs.
    pub messages: Vec<MessageState>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageState {
    pub uid: u32,
    /// Flags and keywords in lower case, without `\Recent`.
    pub flags: BTreeSet<String>,
    /// The internal date in seconds since 1970.
    pub date: i64,
    pub size: usize,
    /// SHA-256 of the octets.
    pub digest: [u8; 32],
    /// The Message-ID, or nothing.
    pub message_id: Option<String>,
    /// The subject, for reports.
    pub label: String,
}

impl MessageState {
    pub fn new(uid: u32, flags: &BTreeSet<String>, date: i64, octets: &[u8]) -> MessageState {
        MessageState {
            uid,
            flags: flags.iter().map(|flag| flag.to_lowercase()).collect(),
            date,
            size: octets.len(),
            digest: Sha256::digest(octets).into(),
            message_id: header_field(octets, "message-id"),
            label: header_field(octets, "subject")
                .map_or("(no subject)".to_owned(), |text| text.chars().take(LABEL_LENGTH).collect()),
        }
    }

    fn expected(message: &Message, server: &dyn Server) -> MessageState {
        let stored = server.stored_form(&message.octets);
        MessageState::new(message.uid, &message.flags, message.date, &stored)
    }

    fn fetched(message: &FetchedMessage) -> MessageState {
        MessageState::new(message.uid, &message.flags, message.date, &message.octets)
    }
}

/// Reads everything that is in the account of `user`.
pub fn observe(server: &dyn Server, user: &str) -> AccountState {
    let mut connection = server.connect(user);
    let state = observe_messages(&mut connection, &|octets| server.with_line_ends(octets));
    connection.logout();
    state
}

/// Reads everything that an open session shows.
pub fn observe_session(connection: &mut Connection) -> AccountState {
    observe_messages(connection, &|octets| octets)
}

fn observe_messages(connection: &mut Connection, as_sent: &dyn Fn(Vec<u8>) -> Vec<u8>) -> AccountState {
    let mut state = AccountState { subscriptions: connection.subscriptions(), ..Default::default() };
    for listed in connection.list() {
        if listed.is_selectable() {
            let (selected, mut messages) = connection.fetch_all(&listed.name);
            for message in &mut messages {
                message.octets = as_sent(std::mem::take(&mut message.octets));
            }
            state.mailboxes.insert(listed.name, mailbox_state(selected, &messages));
        } else {
            state.containers.insert(listed.name);
        }
    }
    state
}

fn mailbox_state(selected: Selected, messages: &[FetchedMessage]) -> MailboxState {
    MailboxState {
        uid_validity: selected.uid_validity,
        uid_next: selected.uid_next,
        messages: messages.iter().map(MessageState::fetched).collect(),
    }
}

/// The state that `notation` describes, as `server` would show it. INBOX is always there, and the
/// parents that the notation does not mention are containers.
pub fn expected(server: &dyn Server, notation: &str) -> AccountState {
    let mut state = AccountState::default();
    state.mailboxes.insert("INBOX".to_owned(), MailboxState::default());
    for mailbox in mailbox::parse(notation).mailboxes {
        state.containers.extend(parents(&mailbox.name));
        if mailbox.subscribed {
            state.subscriptions.insert(mailbox.name.clone());
        }
        let messages = mailbox.messages.iter();
        let messages = messages.map(|message| MessageState::expected(message, server)).collect();
        let mailbox_state = MailboxState { messages, ..MailboxState::default() };
        state.mailboxes.insert(mailbox.name, mailbox_state);
    }
    state
}

fn parents(name: &str) -> impl Iterator<Item = String> + '_ {
    name.match_indices('/').map(|(slash, _)| name[..slash].to_owned())
}

/// The first header field of that name (given in lower case), unfolded.
fn header_field(octets: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(&octets[..octets.len().min(1 << 16)]).into_owned();
    let header = text.split("\r\n\r\n").next().unwrap_or_default().replace("\r\n ", " ");
    let mut fields = header.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = fields.find(|(field, _)| field.eq_ignore_ascii_case(name))?;
    Some(value.trim().to_owned())
}
