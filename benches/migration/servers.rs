//! Both servers, and what each run finds there: a source as it was written, and an empty destination.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::comparison::{self, Verdict};
use super::corpus::Corpus;
use super::delay_line::DelayLine;
use super::encrypted::Door;
use super::session::{Session, quoted, source_namespace};
use super::support::dovecot::{Dovecot, Options};
use super::support::process::ServiceUser;
use super::support::server::{Server, User};
use super::tools::Ways;
use super::{changes, maildir};

pub struct Pair {
    source: Dovecot,
    destination: Dovecot,
    owner: ServiceUser,
}

/// A corpus on the source, that no tool may change.
pub struct Prepared {
    pub corpus: Corpus,
    pub octets: u64,
    users: Vec<User>,
}

/// What lies between the tools and each server.
#[derive(Clone, Copy)]
pub struct Line {
    /// Milliseconds, there and back.
    pub round_trip: u64,
    pub encryption: Encryption,
}

/// Whether the tools speak with the servers over TLS.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encryption {
    Tls,
    None,
}

/// What one run works on.
pub struct Ready {
    pub users: Vec<User>,
    pub source: Door,
    pub destination: Door,
    /// For the tool's settings and state.
    pub directory: TempDir,
    pub destination_configuration: PathBuf,
    /// Whether the users of the source were made for this run.
    cloned: bool,
}

impl Pair {
    pub fn start(directory: Option<&Path>) -> Pair {
        let options = |options: Options| Options {
            parent_directory: directory.map(Path::to_owned),
            connections_per_user: 100,
            // As it comes; the tests do without.
            extra_configuration: vec!["mail_fsync = optimized".to_owned()],
            ..options
        };
        Pair {
            source: Dovecot::start(options(Options::maildir_with_dots())),
            destination: Dovecot::start(options(Options::mdbox_with_slashes())),
            owner: ServiceUser::current(),
        }
    }

    /// The source and the destination.
    pub fn servers(&self) -> [&dyn Server; 2] {
        [&self.source, &self.destination]
    }

    /// Writes the corpus and lets the server look at it once, so that its indexes are there.
    pub fn prepare(&self, corpus: Corpus) -> Prepared {
        let users: Vec<User> = (0..corpus.accounts).map(|_| User::fresh(corpus.name)).collect();
        let mut octets = 0;
        for (account, user) in users.iter().enumerate() {
            self.source.add_user(user);
            octets += maildir::write(&corpus, account, &self.source.mail_directory(&user.name), &self.owner);
            let mut session = Session::open(&Door::in_clear_text(self.source.plain_port()), &user.name, &user.password);
            for (mailbox, _) in &corpus.mailboxes {
                session.run(&format!("SELECT {}", quoted(&source_namespace(), mailbox)));
                session.run("UID FETCH 1:* (FLAGS)");
            }
            session.run("LOGOUT");
        }
        Prepared { corpus, octets, users }
    }

    /// New users on the destination; on the source too, unless the tool is known to change nothing there and to be run
    /// only once.
    pub fn ready(&self, prepared: &Prepared, only_once: bool, line: Line) -> Ready {
        let users = match only_once {
            true => prepared.users.clone(),
            false => prepared.users.iter().map(|user| self.clone_user(user, prepared.corpus.name)).collect(),
        };
        users.iter().for_each(|user| self.destination.add_user(user));
        let through = |server: &Dovecot| {
            let (port, authority) = match line.encryption {
                Encryption::Tls => (server.tls_port(), Some(server.authority_file().to_owned())),
                Encryption::None => (server.plain_port(), None),
            };
            let port = match line.round_trip {
                0 => port,
                milliseconds => DelayLine::to(port, Duration::from_millis(milliseconds)).port(),
            };
            Door { port, authority }
        };
        Ready {
            users,
            source: through(&self.source),
            destination: through(&self.destination),
            directory: tempfile::tempdir().expect("a directory for a tool"),
            destination_configuration: self.destination.configuration_file(),
            cloned: !only_once,
        }
    }

    fn clone_user(&self, user: &User, stem: &str) -> User {
        let copy = User::fresh(stem);
        self.source.add_user(&copy);
        let [from, to] = [user, &copy].map(|user| self.source.mail_directory(&user.name));
        maildir::clone(&from, &to, &self.owner);
        copy
    }

    /// On the source, or on both sides.
    pub fn change(&self, corpus: &Corpus, ready: &Ready, ways: Ways) {
        let sides = if ways == Ways::Both { 2 } else { 1 };
        for (side, server) in self.servers().into_iter().enumerate().take(sides) {
            for (account, user) in ready.users.iter().enumerate() {
                let mut connection = server.connect(&user.name);
                changes::make(corpus, account, side, &mut connection);
                connection.logout();
            }
        }
    }

    pub fn compare(&self, ready: &Ready) -> Verdict {
        let mut verdict = Verdict::default();
        let (source, destination) = (self.source.plain_port(), self.destination.plain_port());
        for user in &ready.users {
            verdict.add(&comparison::compare(source, destination, &user.name, &user.password));
        }
        verdict
    }

    /// Removes what a run has left.
    pub fn clear(&self, ready: Ready) {
        for user in &ready.users {
            remove(&self.destination.mail_directory(&user.name));
            if ready.cloned {
                remove(&self.source.mail_directory(&user.name));
            }
        }
    }

    pub fn remove(&self, prepared: Prepared) {
        prepared.users.iter().for_each(|user| remove(&self.source.mail_directory(&user.name)));
    }
}

/// A process of the server may still be writing there: it is tried again.
fn remove(directory: &Path) {
    for _ in 0..50 {
        if fs::remove_dir_all(directory).is_ok() || !directory.exists() {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
    eprintln!("{} could not be removed", directory.display());
}
