//! Corpora on the disk of the source server, as Maildir++ (delimiter `.`): written once, and cloned for each run.

use std::collections::BTreeMap;
use std::fs::{self, File, FileTimes};
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::corpus::{Corpus, KEYWORDS, Writer};
use super::support::name::Namespace;
use super::support::process::ServiceUser;

/// Writes one account of the corpus to the home directory of its user. Returns how many octets the server will show.
pub fn write(corpus: &Corpus, account: usize, home: &Path, owner: &ServiceUser) -> u64 {
    let mut writer = corpus.writer(account, false);
    let namespace = Namespace { prefix: String::new(), delimiter: '.' };
    owner.make_directory(home.to_owned());
    let root = owner.make_directory(home.join("Maildir"));
    let names: BTreeMap<_, _> = corpus.mailboxes.iter().map(|(name, _)| (*name, namespace.encode(name))).collect();
    let subscriptions: String = names.values().map(|name| format!("{name}\n")).collect();
    owner.write_file(&root.join("subscriptions"), &subscriptions);
    let mut octets = 0;
    for (name, messages) in &corpus.mailboxes {
        let directory = match *name {
            "INBOX" => root.clone(),
            name => owner.make_directory(root.join(format!(".{}", names[name]))),
        };
        octets += write_mailbox(&mut writer, *messages, &directory, owner);
    }
    octets
}

fn write_mailbox(writer: &mut Writer, messages: usize, directory: &Path, owner: &ServiceUser) -> u64 {
    let keywords = KEYWORDS.iter().enumerate().map(|(number, keyword)| format!("{number} {keyword}\n"));
    owner.write_file(&directory.join("dovecot-keywords"), &keywords.collect::<String>());
    let [current, ..] = ["cur", "new", "tmp"].map(|name| owner.make_directory(directory.join(name)));
    let mut octets = 0;
    for number in 0..messages {
        let message = writer.message();
        let size = message.octets.len();
        // As it goes over the wire: with CRLF.
        let virtual_size = size + message.octets.iter().filter(|octet| **octet == b'\n').count();
        let keywords: String = message.keywords.iter().map(|keyword| char::from(b'a' + *keyword as u8)).collect();
        let (date, flags) = (message.date, message.flags);
        let name = format!("{date}.M{number}P1.bench,S={size},W={virtual_size}:2,{flags}{keywords}");
        let path = current.join(name);
        fs::write(&path, &message.octets).expect("write a message");
        let arrived = SystemTime::UNIX_EPOCH + Duration::from_secs(date.unsigned_abs());
        set_modified(&path, arrived);
        owner.own(&path);
        octets += virtual_size as u64;
    }
    octets
}

/// Makes `copy` what `home` is. Messages become second links, for the server renames and removes their files and never
/// writes to them; everything else is copied. Times stay, so that the server's index is still good.
pub fn clone(home: &Path, copy: &Path, owner: &ServiceUser) {
    owner.make_directory(copy.to_owned());
    for entry in fs::read_dir(home).expect("read a directory") {
        let from = entry.expect("an entry").path();
        let name = from.file_name().expect("a name");
        let to = copy.join(name);
        if from.is_dir() {
            clone(&from, &to, owner);
        } else if home.ends_with("cur") {
            fs::hard_link(&from, &to).expect("link a message");
        } else {
            fs::copy(&from, &to).expect("copy a file of the server");
            owner.own(&to);
            set_modified(&to, modified(&from));
        }
    }
    set_modified(copy, modified(home));
}

fn modified(path: &Path) -> SystemTime {
    path.metadata().and_then(|metadata| metadata.modified()).expect("when a file was changed")
}

fn set_modified(path: &Path, time: SystemTime) {
    let file = File::open(path).expect("open a file");
    file.set_times(FileTimes::new().set_modified(time)).expect("set a file's time");
}
