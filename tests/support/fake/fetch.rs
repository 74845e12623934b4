//! UID FETCH: flags, dates, sizes, header fields and whole messages; CHANGEDSINCE and VANISHED.

use std::borrow::Cow;
use std::io::{self, Write};

use super::account::{Gmail, Mailbox, Stored};
use super::behaviour::Then;
use super::command::{Command, Token, uid_ranges};
use super::session::Session;
use crate::support::date::format_internal_date;

/// What of a message is asked for.
pub enum Item {
    Uid,
    Flags,
    InternalDate,
    Size,
    ModSeq,
    /// The name of the answer, and the header fields in lower case.
    Fields(String, Vec<String>),
    Body,
    GmailId,
    GmailLabels,
}

impl Session<'_> {
    pub(super) fn fetch(&mut self, command: &Command) -> io::Result<String> {
        let Some(name) = self.selected.clone() else { return Ok("BAD nothing is selected".to_owned()) };
        let since: Option<u64> = command.after("CHANGEDSINCE").and_then(|token| token.text().parse().ok());
        let mut items = items(&command.tokens[1..]);
        if since.is_some() {
            items.push(Item::ModSeq);
        }
        let missing = || Ok("NO the mailbox is gone".to_owned());
        let Some(ranges) = self.with_account(|account| {
            let mailbox = account.find(&name)?;
            Some(uid_ranges(command.argument(0), mailbox.messages.last().map_or(0, |message| message.uid)))
        }) else {
            return missing();
        };
        if command.has("VANISHED") && self.qresync {
            let gone = self.with_account(|account| {
                account.find(&name).map_or_else(Vec::new, |mailbox| vanished(mailbox, &ranges, since.unwrap_or(0)))
            });
            if !gone.is_empty() {
                self.connection.respond_text(&format!("* VANISHED (EARLIER) {}", gone.join(",")))?;
            }
        }
        let mut left = self.limit().unwrap_or(usize::MAX);
        for (first, last) in ranges {
            if !self.fetch_range(&name, first, last, since, &items, &mut left)? {
                return Ok(format!("OK [MESSAGELIMIT {}] a part", self.limit().unwrap_or_default()));
            }
        }
        Ok("OK fetched".to_owned())
    }

    /// What a FETCH comes to that is about a message on which it ends; the messages before that one are sent, or not.
    pub(super) fn poison(&mut self, command: &Command) -> io::Result<Option<Then>> {
        let behaviour = self.connection.tenant.as_ref().map(|tenant| tenant.behaviour());
        let poison = behaviour.as_ref().and_then(|behaviour| behaviour.poison.as_ref());
        let (Some(poison), Some(name)) = (poison, self.selected.clone()) else { return Ok(None) };
        let asks = command.verb == "UID FETCH" && String::from_utf8_lossy(&command.line).contains(&poison.asked);
        if !asks || name != poison.mailbox.as_bytes() {
            return Ok(None);
        }
        // `*` is the last message.
        let last = self.with_account(|account| account.find(&name)?.messages.last().map(|last| last.uid));
        let ranges = uid_ranges(command.argument(0), last.unwrap_or_default());
        let meant = |uid: u32| ranges.iter().any(|(first, last)| (*first..=*last).contains(&uid));
        let struck = self.with_account(|account| {
            let mailbox = account.find(&name)?;
            let uids = mailbox.messages.iter().map(|message| message.uid);
            uids.into_iter().find(|uid| meant(*uid) && poison.uids.contains(uid))
        });
        let Some(struck) = struck else { return Ok(None) };
        if poison.tells {
            let items = items(&command.tokens[1..]);
            for (first, last) in ranges.iter().filter(|(first, _)| *first < struck) {
                self.fetch_range(&name, *first, (*last).min(struck - 1), None, &items, &mut usize::MAX.clone())?;
            }
        }
        Ok(Some(poison.then.clone()))
    }

    /// Message by message, so that a mailbox of any size is never held twice. False when there are more than may be.
    fn fetch_range(
        &mut self,
        name: &[u8],
        first: u32,
        last: u32,
        since: Option<u64>,
        items: &[Item],
        left: &mut usize,
    ) -> io::Result<bool> {
        let mut next = first;
        while next <= last {
            if let Some(last_words) = self.end_of_life() {
                self.connection.send(&last_words)?;
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            let response = self.with_account(|account| {
                let mailbox = account.find(name)?;
                let index = mailbox.messages.partition_point(|message| message.uid < next);
                let message = mailbox.messages.get(index).filter(|message| message.uid <= last)?;
                next = message.uid.wrapping_add(1);
                let wanted = since.is_none_or(|since| message.modseq > since);
                Some(wanted.then(|| {
                    let mut response = Vec::new();
                    let rendered = respond(&mut response, index + 1, &Whole::of(message), items);
                    rendered.map(|()| response)
                }))
            });
            if response.is_some() {
                let Some(fewer) = left.checked_sub(1) else { return Ok(false) };
                *left = fewer;
            }
            match response {
                Some(Some(response)) => self.connection.respond(response?)?,
                Some(None) => {}
                None => break,
            }
            if next == 0 {
                break;
            }
        }
        Ok(true)
    }
}

fn vanished(mailbox: &Mailbox, ranges: &[(u32, u32)], since: u64) -> Vec<String> {
    let meant = |uid: u32| ranges.iter().any(|(first, last)| (*first..=*last).contains(&uid));
    let gone = mailbox.expunged.iter().filter(|(uid, modseq)| *modseq > since && meant(*uid));
    gone.map(|(uid, _)| uid.to_string()).collect()
}

/// Those of a UID FETCH, from the tokens behind its UIDs.
pub fn items(tokens: &[Token]) -> Vec<Item> {
    let item = |token: &Token| {
        let name = token.text().to_ascii_uppercase();
        Some(match name.as_str() {
            "UID" => Item::Uid,
            "FLAGS" => Item::Flags,
            "INTERNALDATE" => Item::InternalDate,
            "RFC822.SIZE" => Item::Size,
            "BODY.PEEK[]" => Item::Body,
            "X-GM-MSGID" => Item::GmailId,
            "X-GM-LABELS" => Item::GmailLabels,
            _ => {
                let fields = name.strip_prefix("BODY.PEEK[HEADER.FIELDS (")?.strip_suffix(")]")?;
                let answer = name.replacen("BODY.PEEK", "BODY", 1);
                Item::Fields(answer, fields.to_ascii_lowercase().split(' ').map(str::to_owned).collect())
            }
        })
    };
    tokens.iter().filter_map(item).collect()
}

/// What a FETCH can tell of a message.
pub trait Described {
    fn uid(&self) -> u32;
    fn flags(&self) -> String;
    /// Seconds since 1970.
    fn date(&self) -> i64;
    fn octets(&self) -> u64;
    fn modseq(&self) -> u64;
    /// Of a server that is no Gmail: nothing.
    fn gmail(&self) -> Gmail {
        Gmail::default()
    }
    /// With the empty line that ends it.
    fn header(&self) -> &[u8];
    fn write(&self, output: &mut dyn Write) -> io::Result<()>;
}

/// A stored message with its octets.
struct Whole<'a> {
    message: &'a Stored,
    octets: Cow<'a, [u8]>,
}

impl<'a> Whole<'a> {
    fn of(message: &'a Stored) -> Whole<'a> {
        Whole { message, octets: message.octets() }
    }
}

impl Described for Whole<'_> {
    fn uid(&self) -> u32 {
        self.message.uid
    }

    fn flags(&self) -> String {
        self.message.flags.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
    }

    fn date(&self) -> i64 {
        self.message.date
    }

    fn octets(&self) -> u64 {
        self.octets.len() as u64
    }

    fn modseq(&self) -> u64 {
        self.message.modseq
    }

    fn gmail(&self) -> Gmail {
        self.message.gmail.clone()
    }

    fn header(&self) -> &[u8] {
        Stored::header(&self.octets)
    }

    fn write(&self, output: &mut dyn Write) -> io::Result<()> {
        output.write_all(&self.octets)
    }
}

/// Writes the response that tells these items of a message.
pub fn respond(output: &mut impl Write, sequence: usize, message: &impl Described, items: &[Item]) -> io::Result<()> {
    write!(output, "* {sequence} FETCH (")?;
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            output.write_all(b" ")?;
        }
        match item {
            Item::Uid => write!(output, "UID {}", message.uid())?,
            Item::Flags => write!(output, "FLAGS ({})", message.flags())?,
            Item::InternalDate => write!(output, "INTERNALDATE \"{}\"", format_internal_date(message.date()))?,
            Item::Size => write!(output, "RFC822.SIZE {}", message.octets())?,
            Item::ModSeq => write!(output, "MODSEQ ({})", message.modseq())?,
            Item::GmailId => write!(output, "X-GM-MSGID {}", message.gmail().id)?,
            Item::GmailLabels => write!(output, "X-GM-LABELS ({})", message.gmail().labels)?,
            Item::Fields(answer, names) => {
                let fields = fields(message.header(), names);
                write!(output, "{answer} {{{}}}\r\n", fields.len())?;
                output.write_all(&fields)?;
            }
            Item::Body => {
                write!(output, "BODY[] {{{}}}\r\n", message.octets())?;
                message.write(output)?;
            }
        }
    }
    output.write_all(b")\r\n")
}

/// The lines of these fields, folded lines included, and the empty line.
fn fields(header: &[u8], names: &[String]) -> Vec<u8> {
    let mut found = Vec::new();
    let mut taken = false;
    for line in header.split_inclusive(|octet| *octet == b'\n') {
        if !line.starts_with(b" ") && !line.starts_with(b"\t") {
            let name = line.split(|octet| *octet == b':').next().unwrap_or_default();
            let name = String::from_utf8_lossy(name).trim().to_ascii_lowercase();
            taken = line.contains(&b':') && names.contains(&name);
        }
        if taken {
            found.extend_from_slice(line);
        }
    }
    found.extend_from_slice(b"\r\n");
    found
}
