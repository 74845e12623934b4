//! `.mbsyncrc`: each channel from one IMAP store to another becomes an account.
//!
//! Of what stands there only names of accounts, stores and channels, and keywords that are known, are ever shown.

use super::output::{HEAD, escaped};
use super::sections::{Section, sections};
use super::{Imported, Line};
use crate::config::account::checked_user;
use crate::config::mistake::{Findings, Mistake, Origin};
use crate::config::quantity::parse_size;
use crate::config::{policy, server};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// What becomes of a keyword.
enum Fate {
    /// It is read.
    Taken,
    /// mailferry does so by itself, or it is about mbsync alone.
    Needless,
    /// It can be said in another way.
    Told(&'static str),
}

/// The keywords in small letters.
const KEYWORDS: [(&str, Fate); 45] = [
    ("account", Fate::Taken),
    ("authmech", Fate::Taken),
    ("authmechs", Fate::Taken),
    ("channel", Fate::Taken),
    ("channels", Fate::Taken),
    ("certificatefile", Fate::Taken),
    ("clientcertificate", Fate::Told("`client_certificate_file` of the server")),
    ("clientkey", Fate::Told("`client_key_file` of the server")),
    ("copyarrivaldate", Fate::Needless),
    ("create", Fate::Needless),
    ("disableextension", Fate::Needless),
    ("disableextensions", Fate::Needless),
    ("expireunread", Fate::Told("nothing: what was copied stays")),
    ("expunge", Fate::Taken),
    ("far", Fate::Taken),
    ("fieldelimiter", Fate::Needless),
    ("flatten", Fate::Needless),
    ("fsync", Fate::Needless),
    ("host", Fate::Taken),
    ("inbox", Fate::Needless),
    ("mapinbox", Fate::Told("[account.mailboxes.rename]")),
    ("master", Fate::Taken),
    ("maxmessages", Fate::Told("`since` in [account.sync]")),
    ("maxsize", Fate::Taken),
    ("near", Fate::Taken),
    ("pass", Fate::Taken),
    ("passcmd", Fate::Taken),
    ("path", Fate::Told("`include` and [account.mailboxes.rename]")),
    ("pathdelimiter", Fate::Needless),
    ("pattern", Fate::Taken),
    ("patterns", Fate::Taken),
    ("pipelinedepth", Fate::Told("`pipelining` of the server")),
    ("port", Fate::Taken),
    ("remove", Fate::Told("nothing: no mailbox is ever deleted")),
    ("slave", Fate::Taken),
    ("ssltype", Fate::Taken),
    ("sync", Fate::Taken),
    ("syncstate", Fate::Needless),
    ("timeout", Fate::Told("`timeout` in [limits]")),
    ("tlstype", Fate::Taken),
    ("trash", Fate::Needless),
    ("tunnel", Fate::Taken),
    ("usekeychain", Fate::Told("`password_command`")),
    ("user", Fate::Taken),
    ("usercmd", Fate::Told("`source_user` or `destination_user`")),
];

/// The settings that it becomes; there is no accounts file.
pub(super) fn read(lines: &[Line], findings: &Findings) -> Imported {
    let sections = sections(lines, findings);
    let mut settings = Settings { text: HEAD.to_owned(), ..Settings::new(&sections, findings) };
    for channel in sections.iter().filter(|section| section.kind == "channel") {
        settings.add_channel(channel);
    }
    settings.note_what_is_left(&sections);
    let Settings { mut text, servers, accounts, count, notes, .. } = settings;
    for (name, keys) in servers {
        let _ = write!(text, "\n[servers.\"{}\"]\n{keys}", escaped(&name));
    }
    text.push_str(&accounts);
    Imported { settings: text, accounts: None, count, notes: notes.into_iter().collect() }
}

/// The settings in the making.
struct Settings<'a> {
    by_name: BTreeMap<(&'a str, &'a str), &'a Section>,
    groups: Vec<&'a Section>,
    findings: &'a Findings,
    text: String,
    servers: BTreeMap<String, String>,
    accounts: String,
    count: usize,
    notes: BTreeSet<String>,
}

/// A store as a channel names it, and the mailbox that stands behind it.
struct End<'a> {
    account: &'a Section,
    user: String,
    mailbox: String,
}

impl<'a> Settings<'a> {
    fn new(sections: &'a [Section], findings: &'a Findings) -> Settings<'a> {
        Settings {
            by_name: sections.iter().map(|section| ((&*section.kind, &*section.name), section)).collect(),
            groups: sections.iter().filter(|section| section.kind == "group").collect(),
            findings,
            text: String::new(),
            servers: BTreeMap::new(),
            accounts: String::new(),
            count: 0,
            notes: BTreeSet::new(),
        }
    }

    fn wrong(&self, origin: &Origin, what: String, fix: &str) {
        self.findings.add(Mistake::new(what).fix(fix).at(origin));
    }

    fn add_channel(&mut self, channel: &'a Section) {
        let ends = [["far", "master"], ["near", "slave"]].map(|keywords| self.end(channel, keywords));
        let [Some(far), Some(near)] = ends else { return };
        let pushes = channel.words("sync").is_some_and(|(words, _)| {
            let is = |direction: &str| words.iter().any(|word| word.to_ascii_lowercase().starts_with(direction));
            is("push") && !is("pull")
        });
        let [source, destination] = if pushes { [near, far] } else { [far, near] };
        self.count += 1;
        let mut text = format!("\n[[account]]\nname = \"{}\"\n", escaped(&channel.name));
        for (side, end) in [("source", &source), ("destination", &destination)] {
            let _ = writeln!(text, "{side}_server = \"{}\"", escaped(&end.account.name));
            let _ = writeln!(text, "{side}_user = \"{}\"", escaped(&end.user));
            text.push_str(&self.password(side, end.account));
            self.add_server(end.account);
        }
        let groups = self.groups.iter().filter(|group| {
            group.words("channels").is_some_and(|(words, _)| words.contains(&channel.name))
                || group.words("channel").is_some_and(|(words, _)| words.contains(&channel.name))
        });
        let tags: Vec<String> = groups.map(|group| group.name.replace(' ', "-")).collect();
        if !tags.is_empty() {
            let _ = writeln!(text, "tags = {}", list(&tags));
        }
        let (prefix, mailboxes) = self.mailboxes(channel, &source.mailbox, &destination.mailbox);
        text.push_str(&prefix);
        text.push_str(&self.sync(channel, if pushes { ["far", "master"] } else { ["near", "slave"] }));
        text.push_str(&mailboxes);
        self.accounts.push_str(&text);
    }

    /// `:store:mailbox`. `None` after telling why it is none of ours.
    fn end(&mut self, channel: &Section, keywords: [&str; 2]) -> Option<End<'a>> {
        let Some((name, origin)) = keywords.iter().find_map(|keyword| channel.words(keyword)) else {
            self.notes
                .insert(format!("the channel `{}` does not say both where it begins and where it ends", channel.name));
            return None;
        };
        let parts = name.first().and_then(|name| name.strip_prefix(':')?.split_once(':'));
        let Some((store, mailbox)) = parts else {
            self.wrong(origin, "this names no store".to_owned(), "write it like :store: or :store:mailbox");
            return None;
        };
        if self.by_name.contains_key(&("maildirstore", store)) {
            let name = &channel.name;
            self.notes
                .insert(format!("the channel `{name}` leads to files on disk: mailferry copies between two servers"));
            return None;
        }
        let Some(found) = self.by_name.get(&("imapstore", store)).copied() else {
            self.wrong(origin, "there is no IMAPStore of this name".to_owned(), "correct the name");
            return None;
        };
        // What an account says may stand in the store itself.
        let account = match found.text("account") {
            Some(account) => self.by_name.get(&("imapaccount", account)).copied(),
            None => Some(found),
        };
        let Some(account) = account else {
            self.wrong(
                &found.origin,
                "there is no IMAPAccount of the name that this store gives".to_owned(),
                "correct it",
            );
            return None;
        };
        let user = account.text("user").map(|user| checked_user(user).map_err(|mistake| mistake.about("`User`")));
        let user = user.unwrap_or_else(|| Err(Mistake::new("`User` is missing").fix("say who logs in")));
        let user = self.findings.accept(&account.origin, user)?;
        Some(End { account, user, mailbox: mailbox.trim_end_matches('/').to_owned() })
    }

    fn password(&mut self, side: &str, account: &Section) -> String {
        match (account.text("passcmd"), account.text("pass")) {
            (Some(command), _) => {
                format!("{side}_password_command = {}\n", command_line(command.trim_start_matches('+')))
            }
            (None, Some(_)) => {
                let file = format!("{}.password", account.name);
                self.notes.insert(format!(
                    "the password of `{}` is not written into the settings: put it into {file} (chmod 600)",
                    account.name
                ));
                format!("{side}_password_file = \"{}\"\n", escaped(&file))
            }
            (None, None) => String::new(),
        }
    }

    fn add_server(&mut self, account: &Section) {
        let mut keys = String::new();
        let tls = account.text("tlstype").or(account.text("ssltype")).unwrap_or_default().to_ascii_lowercase();
        if let Some(tunnel) = account.text("tunnel") {
            let _ = writeln!(keys, "tunnel = {}", command_line(tunnel));
        } else {
            let host =
                account.text("host").unwrap_or_default().trim_start_matches("imaps:").trim_start_matches("imap:");
            let host = server::host(host).map_err(|mistake| mistake.about("`Host`"));
            let Some(host) = self.findings.accept(&account.origin, host) else { return };
            let (tls, standard) = match &*tls {
                "imaps" => ("tls = \"implicit\"\n", "993"),
                "none" => ("tls = \"none\"\nallow_plaintext = true\n", "143"),
                _ => ("tls = \"starttls\"\n", "143"),
            };
            let port = account.text("port").unwrap_or(standard);
            let number = port.parse::<u16>().map_err(|_| Mistake::new("`Port` is not a number").fix("correct it"));
            let Some(port) = self.findings.accept(&account.origin, number) else { return };
            let _ = write!(keys, "host = \"{}\"\nport = {port}\n{tls}", escaped(&host));
        }
        if let Some(file) = account.text("certificatefile") {
            let _ = writeln!(keys, "ca_file = \"{}\"", escaped(file));
        }
        let mechanisms = account.words("authmechs").or(account.words("authmech")).map_or(&[][..], |(words, _)| words);
        if let [mechanism] = mechanisms
            && mechanism != "*"
        {
            match mechanism.to_ascii_lowercase().as_str() {
                known @ ("plain" | "login" | "external" | "xoauth2" | "oauthbearer") => {
                    let _ = writeln!(keys, "auth = \"{known}\"");
                }
                _ => drop(
                    self.notes.insert("AuthMechs is not carried over; in mailferry: `auth` of the server".to_owned()),
                ),
            }
        }
        self.servers.insert(account.name.clone(), keys);
    }

    /// The `prefix`, and `[account.mailboxes]`.
    fn mailboxes(&mut self, channel: &Section, source: &str, destination: &str) -> (String, String) {
        let patterns = channel.words("patterns").or(channel.words("pattern")).map_or(&[][..], |(words, _)| words);
        if patterns.is_empty() {
            let [from, to] = [source, destination].map(|name| if name.is_empty() { "INBOX" } else { name });
            let mut text = format!("[account.mailboxes]\ninclude = {}\n", list(&[from.to_owned()]));
            if from != to {
                let _ = write!(text, "[account.mailboxes.rename]\n\"{}\" = \"{}\"\n", escaped(from), escaped(to));
            }
            return (String::new(), text);
        }
        let below = |pattern: &str| match source {
            "" => glob(pattern),
            source => format!("{source}/{}", glob(pattern)),
        };
        let (include, exclude): (Vec<&String>, Vec<&String>) =
            patterns.iter().partition(|pattern| !pattern.starts_with('!'));
        let include: Vec<String> = include.into_iter().map(|pattern| below(pattern)).collect();
        let exclude: Vec<String> = exclude.into_iter().map(|pattern| below(&pattern[1..])).collect();
        let mut text = "[account.mailboxes]\n".to_owned();
        if !include.is_empty() {
            let _ = writeln!(text, "include = {}", list(&include));
        }
        if !exclude.is_empty() {
            let _ = writeln!(text, "exclude = {}", list(&exclude));
        }
        if !source.is_empty() {
            let _ = write!(text, "[account.mailboxes.rename]\n\"{}/**\" = \"**\"\n", escaped(source));
        }
        let prefix = if policy::check_name(destination).is_ok() { destination } else { "" };
        let prefix = if prefix.is_empty() { String::new() } else { format!("prefix = \"{}\"\n", escaped(prefix)) };
        (prefix, text)
    }

    /// `[account.sync]`: what is deleted on the side that is the destination.
    fn sync(&mut self, channel: &Section, destination: [&str; 2]) -> String {
        let expunges = channel.words("expunge").is_some_and(|(words, _)| {
            let goes = |word: &String| {
                let word = word.to_ascii_lowercase();
                word == "both" || destination.contains(&&*word)
            };
            words.iter().any(goes)
        });
        let mut keys = String::new();
        if expunges {
            keys.push_str("mode = \"mirror\"\n");
        }
        match channel.words("maxsize").map(|(words, origin)| (words.first().map(|size| parse_size(size)), origin)) {
            Some((Some(Ok(0)), _)) | None => {}
            Some((Some(Ok(octets)), _)) => {
                let _ = writeln!(keys, "max_message_size = {octets}");
            }
            Some((_, origin)) => self.wrong(origin, "`MaxSize` is not a size".to_owned(), "correct it"),
        }
        if keys.is_empty() { keys } else { format!("[account.sync]\n{keys}") }
    }

    fn note_what_is_left(&mut self, sections: &[Section]) {
        let sections = sections.iter().filter(|section| section.kind != "maildirstore");
        for (keyword, (_, origin)) in sections.flat_map(|section| &section.values) {
            let line = origin.line.unwrap_or_default();
            match KEYWORDS.iter().find(|(known, _)| known == keyword) {
                Some((_, Fate::Taken | Fate::Needless)) => {}
                Some((known, Fate::Told(counterpart))) => {
                    self.notes
                        .insert(format!("{known} (line {line}) is not carried over; in mailferry: {counterpart}"));
                }
                None => drop(
                    self.notes
                        .insert(format!("a keyword that mailferry does not know (line {line}) is not carried over")),
                ),
            }
        }
    }
}

/// `*` stands for anything, and `%` for one level.
fn glob(pattern: &str) -> String {
    let levels = pattern.split('/').map(|level| match level {
        "*" => "**".to_owned(),
        level => level.replace('%', "*"),
    });
    levels.collect::<Vec<_>>().join("/")
}

fn list(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("\"{}\"", escaped(word))).collect();
    format!("[{}]", words.join(", "))
}

/// mbsync gives commands to a shell; what needs none goes without.
fn command_line(command: &str) -> String {
    let is_plain = |character: char| character.is_alphanumeric() || " ._@+-=:/,%".contains(character);
    match command.chars().all(is_plain) {
        true => list(&command.split_whitespace().map(str::to_owned).collect::<Vec<_>>()),
        false => list(&["sh".to_owned(), "-c".to_owned(), command.to_owned()]),
    }
}
