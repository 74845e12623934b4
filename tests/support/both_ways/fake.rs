//! The home of a user of the fake server.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Home;
use crate::support::fake::Tenant;
use crate::support::fake::account::{Content, Stored};
use crate::support::imap::{FetchedMessage, NewMessage};

impl Home for Arc<Tenant> {
    fn names(&self) -> Vec<String> {
        let shown = |name: &[u8]| String::from_utf8(name.to_vec()).expect("a name in ASCII");
        self.account().mailboxes.iter().map(|mailbox| shown(&mailbox.name)).collect()
    }

    fn messages(&self, mailbox: &str) -> Vec<FetchedMessage> {
        let small = |flags: &BTreeSet<String>| flags.iter().map(|flag| flag.to_lowercase()).collect();
        let shown = |it: &Stored| FetchedMessage {
            uid: it.uid,
            flags: small(&it.flags),
            date: it.date,
            octets: it.octets().into_owned(),
        };
        self.account().mailbox(mailbox).messages.iter().map(shown).collect()
    }

    fn create(&self, mailbox: &str) {
        self.account().create(mailbox.as_bytes());
    }

    fn add(&self, mailbox: &str, message: &NewMessage) {
        let content = Content::Octets(Arc::new(message.octets.clone()));
        let flags = message.flags.iter().cloned().collect();
        self.account().mailbox(mailbox).add(content, flags, message.date.expect("a date"));
    }

    fn expunge(&self, mailbox: &str, uid: u32) {
        self.account().mailbox(mailbox).expunge(|it| it == uid);
    }

    fn relocate(&self, mailbox: &str, uid: u32, to: &str) {
        let mut account = self.account();
        let from = account.mailbox(mailbox);
        let message = from.messages.iter().find(|message| message.uid == uid).expect("a message").clone();
        from.expunge(|it| it == uid);
        account.mailbox(to).add(message.content, message.flags, message.date);
    }

    fn reflag(&self, mailbox: &str, uid: u32, flag: &str, is_set: bool) {
        let mut account = self.account();
        let mailbox = account.mailbox(mailbox);
        let modseq = mailbox.change();
        let message = mailbox.messages.iter_mut().find(|message| message.uid == uid).expect("a message");
        match is_set {
            true => drop(message.flags.insert(flag.to_owned())),
            false => message.flags.retain(|it| !it.eq_ignore_ascii_case(flag)),
        }
        message.modseq = modseq;
    }

    fn renumber(&self, mailbox: &str) -> bool {
        self.account().mailbox(mailbox).renumber();
        true
    }

    fn rename(&self, mailbox: &str, to: &str) -> bool {
        self.account().rename(mailbox.as_bytes(), to.as_bytes())
    }
}
