//! How Gmail keeps house over what is brought to it.
//!
//! From Google's "IMAP Extensions" and "IMAP, POP, and SMTP" (2024) and reports (imapsync's FAQ, rgladwell/imap-upload#22,
//! google/import-mailbox-to-gmail#56): a message that comes a second time, by its Message-ID, is answered with OK and made one with
//! the first, of which octets, flags and date stay; in a mailbox where it is already, its UID there is named. COPY gives a label,
//! which expunging takes; in All Mail everything is once. Flags are the message's, in whichever mailbox they are changed, and a star
//! is one. A message that gets `\Deleted` is gone from that mailbox at once.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::account::{Account, Content, Gmail, Stored};
use super::append::{Appended, append_uid};
use super::behaviour::{Behaviour, Kept};
use super::gmail::{ALL_MAIL, SYSTEM, gmail};

/// By Message-ID, the message as it came first.
#[derive(Default)]
pub struct Known {
    messages: HashMap<Vec<u8>, Stored>,
    next: u64,
}

/// A Gmail that is brought mail.
pub fn host() -> Behaviour {
    Behaviour { is_gmail: true, ..gmail() }
}

/// The mailboxes of the system.
pub fn found(account: &mut Account) {
    let named = SYSTEM.iter().map(|(_, name, attribute)| (*name, *attribute));
    for (name, attribute) in named.chain([(ALL_MAIL, "\\All"), ("[Gmail]/Trash", "\\Trash")]) {
        account.create(name.as_bytes()).attributes =
            [attribute].into_iter().filter(|it| !it.is_empty()).map(str::to_owned).collect();
    }
}

fn is_apart(name: &[u8]) -> bool {
    name == b"[Gmail]/Spam" || name == b"[Gmail]/Trash"
}

/// Without a Message-ID nothing is known again.
fn message_id(octets: &[u8]) -> Option<Vec<u8>> {
    let header = Stored::header(octets);
    let line = header.split(|octet| *octet == b'\n').find(|it| it.to_ascii_lowercase().starts_with(b"message-id:"))?;
    let value = line["message-id:".len()..].trim_ascii();
    (!value.is_empty()).then(|| value.to_vec())
}

pub fn append(account: &mut Account, name: &[u8], messages: &[Appended<'_>], behaviour: &Behaviour) -> String {
    let mut uids = Vec::new();
    for message in messages {
        if let Some(Kept::Refused(answer)) = behaviour.keeps.as_ref().map(|keeps| keeps(message.octets)) {
            return answer;
        }
        let id = message_id(message.octets);
        let first = id.as_ref().and_then(|id| account.known.messages.get(id).cloned());
        let first = first.unwrap_or_else(|| {
            account.known.next += 1;
            let stored = Stored {
                uid: 0,
                flags: message.flags.clone(),
                date: message.date,
                modseq: 0,
                content: Content::Octets(Arc::new(message.octets.to_vec())),
                gmail: Gmail { id: 0x1800_0000_0000_0000 + account.known.next, labels: String::new() },
            };
            account.known.messages.extend(id.map(|id| (id, stored.clone())));
            stored
        });
        uids.push(label(account, name, &first));
        if !is_apart(name) {
            label(account, ALL_MAIL.as_bytes(), &first);
        }
    }
    let validity = account.find(name).expect("it was looked for").uid_validity;
    format!("OK {}(Success)", append_uid(validity, &uids))
}

/// Gives a message that label; where it has it, the UID of it there.
fn label(account: &mut Account, name: &[u8], message: &Stored) -> u32 {
    let flags = account.find(ALL_MAIL.as_bytes()).and_then(|all| {
        let known = all.messages.iter().find(|it| it.gmail.id == message.gmail.id);
        known.map(|it| it.flags.clone())
    });
    let mailbox = account.find(name).expect("it was looked for");
    if let Some(there) = mailbox.messages.iter().find(|it| it.gmail.id == message.gmail.id) {
        return there.uid;
    }
    mailbox.add_copy(&Stored { flags: flags.unwrap_or_else(|| message.flags.clone()), ..message.clone() })
}

/// COPY: in the trash, and among spam, a message has no other label.
pub fn copy(account: &mut Account, name: &[u8], message: &Stored) -> u32 {
    let uid = label(account, name, message);
    if is_apart(name) {
        for mailbox in account.mailboxes.iter_mut().filter(|it| it.name != name) {
            let gone: BTreeSet<u32> =
                mailbox.messages.iter().filter(|it| it.gmail.id == message.gmail.id).map(|it| it.uid).collect();
            mailbox.expunge(|uid| gone.contains(&uid));
        }
    }
    uid
}

/// Flags that were changed in one mailbox are those of the message in all.
pub fn spread(account: &mut Account, name: &[u8], meant: impl Fn(u32) -> bool) {
    let changed: HashMap<u64, BTreeSet<String>> = {
        let mailbox = account.find(name).expect("it is open");
        let meant = mailbox.messages.iter().filter(|it| meant(it.uid));
        meant.map(|it| (it.gmail.id, it.flags.iter().filter(|it| *it != "\\Deleted").cloned().collect())).collect()
    };
    for mailbox in account.mailboxes.iter_mut().filter(|it| it.name != name) {
        for at in 0..mailbox.messages.len() {
            let message = &mailbox.messages[at];
            if let Some(flags) = changed.get(&message.gmail.id).filter(|flags| **flags != message.flags) {
                let modseq = mailbox.change();
                let stored = &mut mailbox.messages[at];
                (stored.flags, stored.modseq) = (flags.clone(), modseq);
            }
        }
    }
    let mailbox = account.find(name).expect("it is open");
    let gone: BTreeSet<u32> =
        mailbox.messages.iter().filter(|it| it.flags.contains("\\Deleted")).map(|it| it.uid).collect();
    mailbox.expunge(|uid| gone.contains(&uid));
}
