//! Two private mail servers with mail in them, to try a migration on: for the demo, and by hand.
//!
//! ```text
//! private_servers --directory DIR --seed FILE [--destination dovecot|cyrus]
//! ```
//!
//! Prints where the servers are as shell assignments, then a line `READY=1`, and runs until stdin
//! ends; nothing outlives it. Meanwhile each line on stdin is a command, answered by `ok`
//! (names with blanks in quotes; a command that cannot be carried out ends the program):
//!
//! - `deliver USER MAILBOX`: a new message arrives at the source
//! - `flag USER MAILBOX UID FLAG...`: flags of a message are set at the source
//! - `expunge USER MAILBOX UID...`: messages are removed at the source
//! - `await USER MAILBOX COUNT`: answered when the destination's mailbox holds that many messages,
//!   or with `late` when it has not come to that in a while
//! - `quit`
//!
//! Every user X of the seed has the password `pw-X` on both servers.

#[path = "../tests/support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use support::cyrus::{self, Cyrus};
use support::dovecot::{self, Dovecot};
use support::imap::NewMessage;
use support::mailbox::{self, Account};
use support::message::{self, Kind};
use support::process;
use support::seed::seed_account;
use support::server::{MASTER_PASSWORD, MASTER_USER, Server, User};

const USAGE: &str = "usage: private_servers --directory DIR --seed FILE [--destination dovecot|cyrus]";
/// A migration that has brought nothing new by then has ended.
const AWAIT_TIMEOUT: Duration = Duration::from_secs(20);

fn main() -> ExitCode {
    match Arguments::from_words(std::env::args().skip(1)).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("private_servers: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<(), String> {
    let seed = fs::read_to_string(&arguments.seed)
        .map_err(|error| format!("cannot read {}: {error}", arguments.seed.display()))?;
    let accounts = mailbox::parse_accounts(&seed);
    let source = Dovecot::start(dovecot::Options {
        parent_directory: Some(arguments.directory.clone()),
        ..dovecot::Options::maildir_with_dots()
    });
    let destination = arguments.start_destination();
    populate(&source, &*destination, &accounts);
    announce(&source, &*destination, &accounts);
    serve(&source, &*destination)
}

struct Arguments {
    directory: PathBuf,
    seed: PathBuf,
    destination: Destination,
}

enum Destination {
    Dovecot,
    Cyrus,
}

impl Arguments {
    fn from_words(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
        let (mut directory, mut seed, mut destination) = (None, None, Destination::Dovecot);
        while let Some(option) = words.next() {
            let value = words.next().ok_or(USAGE)?;
            match (option.as_str(), value.as_str()) {
                ("--directory", _) => directory = Some(PathBuf::from(value)),
                ("--seed", _) => seed = Some(PathBuf::from(value)),
                ("--destination", "dovecot") => destination = Destination::Dovecot,
                ("--destination", "cyrus") => destination = Destination::Cyrus,
                _ => return Err(USAGE.to_owned()),
            }
        }
        Ok(Arguments { directory: directory.ok_or(USAGE)?, seed: seed.ok_or(USAGE)?, destination })
    }

    fn start_destination(&self) -> Box<dyn Server> {
        let parent_directory = Some(self.directory.clone());
        match self.destination {
            Destination::Dovecot => Box::new(Dovecot::start(dovecot::Options {
                parent_directory,
                ..dovecot::Options::mdbox_with_slashes()
            })),
            Destination::Cyrus => Box::new(Cyrus::start(cyrus::Options { parent_directory, ..Default::default() })),
        }
    }
}

/// Adds the users to both servers, and their mail to the source.
fn populate(source: &dyn Server, destination: &dyn Server, accounts: &BTreeMap<String, Account>) {
    for (name, account) in accounts {
        let user = User::named(name);
        source.add_user(&user);
        destination.add_user(&user);
        seed_account(source, name, account);
    }
}

fn announce(source: &dyn Server, destination: &dyn Server, accounts: &BTreeMap<String, Account>) {
    println!("SOURCE_PORT={}", source.plain_port());
    println!("SOURCE_TLS_PORT={}", source.tls_port());
    println!("DESTINATION_PORT={}", destination.plain_port());
    println!("DESTINATION_TLS_PORT={}", destination.tls_port());
    println!("CA_FILE='{}'", source.authority_file().display());
    println!("MASTER_USER={MASTER_USER}");
    println!("MASTER_PASSWORD={MASTER_PASSWORD}");
    println!("USERS='{}'", accounts.keys().cloned().collect::<Vec<_>>().join(" "));
    println!("READY=1");
    let _ = io::stdout().flush();
}

fn serve(source: &dyn Server, destination: &dyn Server) -> Result<(), String> {
    for (number, line) in io::stdin().lock().lines().enumerate() {
        let line = line.map_err(|error| format!("cannot read stdin: {error}"))?;
        let words: Vec<String> = mailbox::split_words(&line).iter().map(|word| word.replace('"', "")).collect();
        match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            [] => continue,
            ["quit"] => break,
            ["deliver", user, mailbox] => deliver(source, user, mailbox, number),
            ["flag", user, mailbox, uid, flags @ ..] => {
                source.connect(user).add_flags(mailbox, parse_uid(uid)?, flags);
            }
            ["expunge", user, mailbox, uids @ ..] => {
                let uids = uids.iter().map(|uid| parse_uid(uid)).collect::<Result<Vec<_>, _>>()?;
                source.connect(user).expunge(mailbox, &uids);
            }
            ["await", user, mailbox, count] => {
                let count = count.parse().map_err(|_| format!("not a number: {count}"))?;
                if !has_come_to(destination, user, mailbox, count) {
                    println!("late");
                    continue;
                }
            }
            _ => return Err(format!("not a command: {line}")),
        }
        println!("ok");
    }
    Ok(())
}

fn deliver(source: &dyn Server, user: &str, mailbox: &str, number: usize) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    let name = format!("delivered-{}-{number}", now.as_millis());
    let new = NewMessage {
        octets: message::octets(&name, &Kind::Plain, 0),
        flags: Vec::new(),
        date: Some(now.as_secs().try_into().expect("a date")),
    };
    source.connect(user).append(mailbox, &[new]);
}

/// Whether the mailbox holds that many messages before [`AWAIT_TIMEOUT`].
fn has_come_to(server: &dyn Server, user: &str, mailbox: &str, count: u32) -> bool {
    let mut connection = server.connect(user);
    let reached = process::poll(AWAIT_TIMEOUT, || (connection.select(mailbox).exists >= count).then_some(()));
    connection.logout();
    reached.is_some()
}

fn parse_uid(word: &str) -> Result<u32, String> {
    word.parse().map_err(|_| format!("not a UID: {word}"))
}
