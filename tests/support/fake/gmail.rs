//! An account as Gmail shows it: each message once in All Mail, and in a mailbox for each of its labels.
//!
//! From Google's "IMAP Extensions" (2024) and what was reported of it: X-GM-MSGID is the same in every mailbox; X-GM-LABELS leaves
//! out the label of the mailbox that is open, and shows all in All Mail; stars and importance are labels with mailboxes of their
//! own; a label may be hidden from IMAP; spam and trash are not in All Mail.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::account::{Account, Content, Gmail};
use super::behaviour::Behaviour;

pub const ALL_MAIL: &str = "[Gmail]/All Mail";
const SPAM: &str = "[Gmail]/Spam";

/// Labels of the system, and their mailboxes.
pub const SYSTEM: [(&str, &str, &str); 5] = [
    ("\\Inbox", "INBOX", ""),
    ("\\Sent", "[Gmail]/Sent Mail", "\\Sent"),
    ("\\Starred", "[Gmail]/Starred", "\\Flagged"),
    ("\\Important", "[Gmail]/Important", "\\Important"),
    ("\\Spam", SPAM, "\\Junk"),
];

/// What Gmail offers after the login.
pub fn gmail() -> Behaviour {
    Behaviour::honest().with("X-GM-EXT-1").without(&["MULTIAPPEND", "QRESYNC"])
}

/// A message and its labels: those of the system with their backslash, others by their names. `-Name` is hidden from IMAP.
#[derive(Clone)]
pub struct Labelled {
    pub id: u64,
    pub labels: BTreeSet<String>,
    pub octets: Arc<Vec<u8>>,
}

impl Labelled {
    /// A small message of that number, which is its Message-ID, too.
    pub fn new(id: u64, labels: &[&str]) -> Labelled {
        let text = format!(
            "Message-ID: <{id}@gmail.test>\r\nSubject: message {id}\r\nDate: Mon, 01 Jan 2024 00:00:00 +0000\r\n\r\nBody of {id}.\r\n"
        );
        Labelled {
            id,
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            octets: Arc::new(text.into_bytes()),
        }
    }

    fn is_in(&self, label: &str) -> bool {
        self.labels.contains(label)
    }
}

/// An account: what is shown is brought up to date by [`GmailAccount::show`].
pub struct GmailAccount {
    pub messages: BTreeMap<u64, Labelled>,
    shows_all_mail: bool,
}

impl GmailAccount {
    pub fn of(messages: impl IntoIterator<Item = Labelled>) -> GmailAccount {
        let messages = messages.into_iter().map(|message| (message.id, message)).collect();
        GmailAccount { messages, shows_all_mail: true }
    }

    /// All Mail is not shown by IMAP.
    pub fn hiding_all_mail(mut self) -> GmailAccount {
        self.shows_all_mail = false;
        self
    }

    pub fn label(&mut self, id: u64, label: &str) {
        self.message(id).labels.insert(label.to_owned());
    }

    pub fn unlabel(&mut self, id: u64, label: &str) {
        self.message(id).labels.remove(label);
    }

    fn message(&mut self, id: u64) -> &mut Labelled {
        self.messages.get_mut(&id).unwrap_or_else(|| panic!("there is no message {id}"))
    }

    /// Mailboxes and what is in them, by label; `None` is All Mail.
    fn mailboxes(&self) -> Vec<(String, &'static str, Option<String>)> {
        let of_system = SYSTEM.map(|(label, name, attribute)| (name.to_owned(), attribute, Some(label.to_owned())));
        let used: BTreeSet<&String> = self.messages.values().flat_map(|message| &message.labels).collect();
        let of_user = used.into_iter().filter(|label| !label.starts_with(['\\', '-']));
        let all = self.shows_all_mail.then(|| (ALL_MAIL.to_owned(), "\\All", None));
        let of_user = of_user.map(|label| (label.clone(), "", Some(label.clone())));
        of_system.into_iter().chain(of_user).chain(all).collect()
    }

    /// Puts into the account of a fake server what IMAP shows of this one: messages come and go under lasting UIDs.
    pub fn show(&self, account: &mut Account) {
        for (name, attribute, label) in self.mailboxes() {
            let mailbox = account.create(name.as_bytes());
            mailbox.attributes = Some(attribute).filter(|it| !it.is_empty()).map(str::to_owned).into_iter().collect();
            let is_here = |message: &Labelled| match &label {
                Some(label) => message.is_in(label),
                None => !message.is_in("\\Spam"),
            };
            let here: BTreeSet<u64> = self.messages.values().filter(|it| is_here(it)).map(|it| it.id).collect();
            let known: BTreeMap<u32, u64> = mailbox.messages.iter().map(|it| (it.uid, it.gmail.id)).collect();
            if known.values().any(|id| !here.contains(id)) {
                mailbox.expunge(|uid| !here.contains(&known[&uid]));
            }
            let there: BTreeSet<u64> = known.into_values().collect();
            for id in here.iter().filter(|id| !there.contains(id)) {
                let date = 1_704_067_200 + i64::try_from(*id).expect("a small number") * 60;
                mailbox.add(Content::Octets(Arc::clone(&self.messages[id].octets)), BTreeSet::new(), date);
                mailbox.messages.last_mut().expect("it was just added").gmail.id = *id;
            }
            for at in 0..mailbox.messages.len() {
                let message = &self.messages[&mailbox.messages[at].gmail.id];
                let flags = BTreeSet::from_iter(message.is_in("\\Starred").then(|| "\\Flagged".to_owned()));
                let others = message.labels.iter().filter(|it| Some(*it) != label.as_ref());
                let labels: Vec<String> = others.map(|it| quoted(it.trim_start_matches('-'))).collect();
                let gmail = Gmail { id: message.id, labels: labels.join(" ") };
                let before = &mailbox.messages[at];
                if (&before.flags, &before.gmail.labels) != (&flags, &gmail.labels) {
                    let modseq = mailbox.change();
                    let stored = &mut mailbox.messages[at];
                    (stored.flags, stored.gmail, stored.modseq) = (flags, gmail, modseq);
                }
            }
        }
    }
}

fn quoted(label: &str) -> String {
    format!("\"{}\"", label.replace('\\', "\\\\"))
}
