//! The home of a user of a real server.

use super::Home;
use crate::support::imap::{Connection, FetchedMessage, NewMessage};
use crate::support::server::Server;

/// Where a mailbox is made anew.
const ANEW: &str = "Anew";

pub struct Account {
    pub server: &'static dyn Server,
    pub user: String,
    /// A mailbox keeps its UIDVALIDITY under another name.
    pub keeps_renamed: bool,
}

impl Account {
    fn connect(&self) -> Connection {
        self.server.connect(&self.user)
    }

    fn does<T>(&self, what: impl FnOnce(&mut Connection) -> T) -> T {
        let mut connection = self.connect();
        let done = what(&mut connection);
        connection.logout();
        done
    }
}

impl Home for Account {
    fn names(&self) -> Vec<String> {
        let listed = self.does(Connection::list);
        listed.into_iter().filter(|it| it.is_selectable()).map(|it| it.name).collect()
    }

    fn messages(&self, mailbox: &str) -> Vec<FetchedMessage> {
        self.does(|connection| connection.fetch_all(mailbox).1)
    }

    fn create(&self, mailbox: &str) {
        self.does(|connection| connection.create(mailbox));
    }

    fn add(&self, mailbox: &str, message: &NewMessage) {
        self.does(|connection| connection.append(mailbox, std::slice::from_ref(message)));
    }

    fn expunge(&self, mailbox: &str, uid: u32) {
        self.does(|connection| connection.expunge(mailbox, &[uid]));
    }

    fn relocate(&self, mailbox: &str, uid: u32, to: &str) {
        self.does(|connection| connection.relocate(mailbox, uid, to));
    }

    fn reflag(&self, mailbox: &str, uid: u32, flag: &str, is_set: bool) {
        self.does(|connection| match is_set {
            true => connection.add_flags(mailbox, uid, &[flag]),
            false => connection.remove_flags(mailbox, uid, &[flag]),
        });
    }

    fn renumber(&self, mailbox: &str) -> bool {
        let is_below = |name: &String| name.starts_with(&format!("{mailbox}/"));
        if mailbox == "INBOX" || self.names().iter().any(is_below) {
            return false;
        }
        self.does(|connection| {
            connection.create(ANEW);
            connection.copy_all(mailbox, ANEW);
            connection.command(b"UNSELECT");
            connection.delete(mailbox);
            connection.rename(ANEW, mailbox);
        });
        true
    }

    fn rename(&self, mailbox: &str, to: &str) -> bool {
        if self.keeps_renamed {
            self.does(|connection| connection.rename(mailbox, to));
        }
        self.keeps_renamed
    }
}
