//! The list that the shell loop around imapsync reads: `host1;user1;password1;host2;user2;password2;options;`.
//!
//! There are no quotes in it: what stands between two semicolons is what it is. Some use commas or tabs instead.

use super::{Line, List, ListedAccount, ListedServer};
use crate::config::account::checked_user;
use crate::config::mistake::{Findings, Mistake};
use crate::config::{policy, server};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

const CELLS: [&str; 6] = ["host1", "user1", "password1", "host2", "user2", "password2"];

/// Options that need no counterpart: mailferry does so by itself, or it is about imapsync alone.
const NEEDLESS: [&str; 33] = [
    "addheader",
    "automap",
    "buffersize",
    "debug",
    "debugimap",
    "debugimap1",
    "debugimap2",
    "dry",
    "errorsmax",
    "fast",
    "fastio1",
    "fastio2",
    "justlogin",
    "keepalive1",
    "keepalive2",
    "log",
    "logdir",
    "logfile",
    "nofoldersizes",
    "nofoldersizesatend",
    "nolog",
    "nomodulesversion",
    "noreleasecheck",
    "office1",
    "office2",
    "pidfile",
    "pidfilelocking",
    "reconnectretry1",
    "reconnectretry2",
    "skipsize",
    "syncinternaldates",
    "tmpdir",
    "usecache",
];

/// Options that say something about the mail, and with which setting mailferry can be told the same.
const COUNTERPARTS: [(&str, &str); 28] = [
    ("authuser1", "`master_user` in [source]"),
    ("authuser2", "`master_user` in [destination]"),
    ("authmech1", "`auth` in [source]"),
    ("authmech2", "`auth` in [destination]"),
    ("delete2", "`mode = \"mirror\"` in [sync]: deletes only what mailferry copied"),
    ("delete1", "nothing: the source is never changed"),
    ("exclude", "`exclude` in [mailboxes]"),
    ("include", "`include` in [mailboxes]"),
    ("folder", "`include` in [mailboxes]"),
    ("folderrec", "`include` in [mailboxes]"),
    ("f1f2", "[mailboxes.rename]"),
    ("regextrans2", "[mailboxes.rename]"),
    ("subfolder2", "`prefix` for the account"),
    ("subfolder1", "`include` in [mailboxes]"),
    ("maxsize", "`max_message_size` in [sync]"),
    ("minsize", "`min_message_size` in [sync]"),
    ("search", "`search` in [sync]"),
    ("maxage", "`since` in [sync]"),
    ("maxbytespersecond", "`bandwidth` in [limits]"),
    ("maxmessagespersecond", "`messages_per_second` in [limits]"),
    ("timeout1", "`timeout` in [limits]"),
    ("timeout2", "`timeout` in [limits]"),
    ("sslargs1", "`ca_file` or `server_name` in [source]"),
    ("sslargs2", "`ca_file` or `server_name` in [destination]"),
    ("subscribeall", "nothing: what is subscribed on the source is subscribed"),
    ("nosubscribe", "`subscriptions = false` in [mailboxes]"),
    ("noautomap", "`special_use = false` in [mailboxes]"),
    ("gmail1", "`preset = \"gmail\"` in [source]"),
];

/// What options tell of one side.
#[derive(Default)]
struct SideOptions {
    port: Option<u16>,
    tls: Option<&'static str>,
}

pub(super) fn read(lines: &[Line], findings: &Findings) -> List {
    let mut list = List::default();
    let mut notes = Notes::default();
    let Some(first) = lines.first() else { return list };
    let delimiter = delimiter(&first.text);
    for line in lines {
        let cells: Vec<&str> = line.text.split(delimiter).collect();
        if cells[0].trim().eq_ignore_ascii_case(CELLS[0]) {
            continue;
        }
        list.accounts.extend(account(&cells, line, findings, &mut notes));
    }
    list.notes = notes.into_sentences();
    list
}

/// What stands between the cells of the first line.
fn delimiter(line: &str) -> char {
    [';', '\t', ','].into_iter().find(|delimiter| line.matches(*delimiter).count() >= CELLS.len() - 1).unwrap_or(';')
}

fn account(cells: &[&str], line: &Line, findings: &Findings, notes: &mut Notes) -> Option<ListedAccount> {
    if cells.len() < CELLS.len() {
        let what = format!("this line has {} cells, and {} are needed", cells.len(), CELLS.len());
        let fix = format!("write it like {}", CELLS.join(";"));
        findings.add(Mistake::new(what).fix(fix).at(&line.origin));
        return None;
    }
    let about = |index: usize| move |mistake: Mistake| mistake.about(format!("`{}`", CELLS[index]));
    let accept =
        |index: usize, value: Result<String, Mistake>| findings.accept(&line.origin, value.map_err(about(index)));
    let (options, prefix) = options(&cells[CELLS.len()..], line, notes);
    let host = |index: usize| accept(index, server::host(cells[index].trim()));
    let user = |index: usize| accept(index, checked_user(cells[index].trim()));
    let password = |index: usize| {
        let empty = || Err(Mistake::new("this is empty"));
        // With the blanks that it has: imapsync is given them, too.
        let text = Some(cells[index]).filter(|cell| !cell.is_empty()).map_or_else(empty, Ok);
        let text = text.map(|text| Zeroizing::new(text.to_owned()));
        findings.accept(&line.origin, text.map_err(about(index)))
    };
    let (hosts, users, passwords) = ([host(0), host(3)], [user(1), user(4)], [password(2), password(5)]);
    let mut sides = hosts.into_iter().zip(options).map(|(host, options)| {
        let SideOptions { port, tls } = options;
        host.map(|host| ListedServer {
            host,
            port,
            tls: tls.unwrap_or(if port == Some(143) { "starttls" } else { "implicit" }),
        })
    });
    let servers = [Some(sides.next()??), Some(sides.next()??)];
    let [source, destination] = users;
    let [of_source, of_destination] = passwords;
    Some(ListedAccount {
        servers,
        users: [source?, destination?],
        passwords: [Some(of_source?), Some(of_destination?)],
        prefix,
    })
}

/// What the options say of both sides. What else they say is noted.
fn options(cells: &[&str], line: &Line, notes: &mut Notes) -> ([SideOptions; 2], Option<String>) {
    let mut prefix = None;
    let mut sides = [SideOptions::default(), SideOptions::default()];
    let text = Zeroizing::new(cells.join(" "));
    let words: Vec<&str> = text.split_whitespace().flat_map(|word| word.splitn(2, '=')).collect();
    for (index, word) in words.iter().enumerate() {
        let Some(name) = word.strip_prefix("--") else { continue };
        let value = words.get(index + 1).copied().unwrap_or_default();
        let side = if name.ends_with('1') { &mut sides[0] } else { &mut sides[1] };
        match name.trim_end_matches(['1', '2']) {
            "port" => side.port = value.parse().ok(),
            "ssl" => side.tls = Some("implicit"),
            "tls" => side.tls = Some("starttls"),
            "subfolder" if name.ends_with('2') && is_one_word(value) => {
                prefix = Some(value.trim_matches(QUOTES).to_owned())
            }
            "nossl" | "notls" => notes.add("nossl1", line),
            _ => notes.add(name, line),
        }
    }
    (sides, prefix)
}

const QUOTES: [char; 2] = ['"', '\''];

/// Whether a value that was split at blanks is whole, and a name of a mailbox.
fn is_one_word(value: &str) -> bool {
    let quotes = value.matches(QUOTES).count();
    let is_name = policy::check_name(value.trim_matches(QUOTES)).is_ok();
    is_name && !value.starts_with("--") && (quotes == 0 || (quotes == 2 && value.len() > 2))
}

/// Options that are not carried over, and the lines that have them.
#[derive(Default)]
struct Notes {
    lines: BTreeMap<String, Vec<usize>>,
}

impl Notes {
    fn add(&mut self, name: &str, line: &Line) {
        let known = COUNTERPARTS.iter().map(|(known, _)| *known).chain(NEEDLESS).find(|known| *known == name);
        // What is not known may be anything, even a password that begins so.
        let name = known.unwrap_or_default();
        if NEEDLESS.contains(&name) {
            return;
        }
        self.lines.entry(name.to_owned()).or_default().extend(line.origin.line);
    }

    fn into_sentences(self) -> Vec<String> {
        let sentences = self.lines.into_iter().map(|(name, lines)| {
            let counterpart =
                COUNTERPARTS.iter().find(|(known, _)| *known == name).map(|(_, counterpart)| *counterpart);
            let place = places(&lines);
            match (name.as_str(), counterpart) {
                (_, Some(counterpart)) => {
                    format!("--{name} ({place}) is not carried over; in mailferry: {counterpart}")
                }
                _ => format!("an option that mailferry does not know ({place}) is not carried over"),
            }
        });
        sentences.collect()
    }
}

/// The first lines, and how many more.
fn places(lines: &[usize]) -> String {
    const SHOWN: usize = 3;
    let shown: Vec<String> = lines.iter().take(SHOWN).map(usize::to_string).collect();
    let noun = if lines.len() == 1 { "line" } else { "lines" };
    let more = lines.len().saturating_sub(SHOWN);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{noun} {}{rest}", shown.join(", "))
}
