//! Courier-IMAP, from the packages that `setup.sh` unpacked: its program serves one Maildir on a pipe, behind a front of
//! ours. What it is known for: `INBOX.` before every name, no UIDNEXT in SELECT, no LITERAL+, no MULTIAPPEND, a STATUS of the
//! open mailbox that is old, and `NO Cannot create this folder.` for one that exists.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use tempfile::TempDir;

use super::front::Front;
use super::process::{cached, server_directory};
use super::server::{MASTER_PASSWORD, MASTER_USER, Server, User};

const CAPABILITIES: &str = "IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT THREAD=REFERENCES SORT QUOTA";

type Users = Arc<Mutex<BTreeMap<String, User>>>;

/// A running Courier: a program for each connection.
pub struct Courier {
    port: u16,
    users: Users,
    directory: TempDir,
}

impl Courier {
    pub fn start() -> Courier {
        let tree = cached("courier");
        let directory = server_directory("courier-", None);
        let root = directory.path().to_owned();
        let users = Users::default();
        let known = Arc::clone(&users);
        let doorkeeper = move |authorization: &str, authentication: &str, password: &str| {
            let users = known.lock().unwrap_or_else(PoisonError::into_inner);
            match authorization {
                "" => users.get(authentication).is_some_and(|user| user.password == password),
                other => users.contains_key(other) && authentication == MASTER_USER && password == MASTER_PASSWORD,
            }
        };
        let front = Front {
            greeting: format!("[CAPABILITY {CAPABILITIES} AUTH=PLAIN SASL-IR] Courier-IMAP ready."),
            doorkeeper: Arc::new(doorkeeper),
            launch: Arc::new(move |user| program(&tree, &root.join(user))),
        };
        Courier { port: front.listen(), users, directory }
    }

    /// The user's Maildir.
    pub fn maildir(&self, user: &str) -> PathBuf {
        self.directory.path().join(user).join("Maildir")
    }
}

fn program(tree: &Path, home: &Path) -> Command {
    let library_path = format!("{0}/usr/lib:{0}/usr/lib/{1}-linux-gnu", tree.display(), std::env::consts::ARCH);
    let mut command = Command::new(tree.join("usr/bin/imapd"));
    command
        .arg("Maildir")
        .current_dir(home)
        .env("LD_LIBRARY_PATH", library_path)
        .env("GAMIN_DEBUG_SERVER", tree.join("usr/libexec/gam_server"))
        .env("IMAP_CAPABILITY", CAPABILITIES)
        .env("IMAP_KEYWORDS", "1")
        .env("IMAP_USELOCKS", "1")
        .env("IMAP_TRASHFOLDERNAME", "Trash")
        .stderr(Stdio::null());
    command
}

impl Server for Courier {
    fn plain_port(&self) -> u16 {
        self.port
    }

    fn tls_port(&self) -> u16 {
        unreachable!("the front speaks in clear text")
    }

    fn authority_file(&self) -> &Path {
        unreachable!("the front speaks in clear text")
    }

    fn add_user(&self, user: &User) {
        for directory in ["cur", "new", "tmp"] {
            fs::create_dir_all(self.maildir(&user.name).join(directory)).expect("a Maildir");
        }
        self.users.lock().unwrap_or_else(PoisonError::into_inner).insert(user.name.clone(), user.clone());
    }

    fn user(&self, name: &str) -> User {
        let users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        users.get(name).unwrap_or_else(|| panic!("no user {name}")).clone()
    }

    fn log(&self) -> String {
        String::new()
    }

    /// It adds a line end that is missing, and drops bare CRs.
    fn stored_form(&self, octets: &[u8]) -> Vec<u8> {
        let mut stored = octets.to_vec();
        if !stored.ends_with(b"\r\n") {
            stored.extend_from_slice(b"\r\n");
        }
        stored
    }
}
