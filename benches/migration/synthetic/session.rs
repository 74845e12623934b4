//! One client's conversation. Only what a migration asks for is answered; everything else is BAD.

use std::io::{self, BufReader, BufWriter, Read, Write};
use std::net::TcpStream;

use super::super::support::fake::account::Stored;
use super::super::support::fake::append::{Appended, append_uid, messages};
use super::super::support::fake::command::{Command, announced, before_announcement, uid_ranges};
use super::super::support::fake::connection::read_line;
use super::super::support::fake::fetch::{Item, items, respond};
use super::super::support::fake::listing::{Summary, list_line, opening_lines, status_line};
use super::super::support::fake::session::plain_user;
use super::World;
use super::mail::{self, Message};

/// As Dovecot's.
const CAPABILITIES: &str = "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE LITERAL+ NAMESPACE UIDPLUS MULTIAPPEND \
    LIST-EXTENDED LIST-STATUS SPECIAL-USE CHILDREN CONDSTORE QRESYNC ESEARCH UNSELECT AUTH=PLAIN";

/// So much of a literal is looked at: any header, any argument.
const HEAD_OCTETS: u64 = 64 << 10;

const BUFFER_OCTETS: usize = 256 << 10;

struct Session<'a> {
    world: &'a World,
    input: BufReader<TcpStream>,
    output: BufWriter<TcpStream>,
    user: String,
    /// The number of the open mailbox.
    open: Option<u32>,
}

/// Serves one client until it goes.
pub fn serve(stream: TcpStream, world: &World) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let output = BufWriter::with_capacity(BUFFER_OCTETS, stream.try_clone()?);
    let input = BufReader::with_capacity(BUFFER_OCTETS, stream);
    let mut session = Session { world, input, output, user: String::new(), open: None };
    session.say(&format!("* OK [CAPABILITY {CAPABILITIES}] a server of dreams"))?;
    loop {
        let (command, lengths) = session.read_command()?;
        let answer = session.perform(&command, &lengths)?;
        session.say(&format!("{} {answer}", command.tag))?;
        if command.verb == "LOGOUT" {
            return session.output.flush();
        }
    }
}

impl Session<'_> {
    fn say(&mut self, line: &str) -> io::Result<()> {
        write!(self.output, "{line}\r\n")
    }

    fn say_and(&mut self, line: &str, answer: &str) -> io::Result<String> {
        self.say(line)?;
        Ok(answer.to_owned())
    }

    fn read_line(&mut self) -> io::Result<Vec<u8>> {
        if self.input.buffer().is_empty() {
            self.output.flush()?;
        }
        read_line(&mut self.input)
    }

    /// The next command, with the heads of its literals, and how long these are.
    fn read_command(&mut self) -> io::Result<(Command, Vec<u64>)> {
        let (mut texts, mut heads, mut lengths) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            let line = self.read_line()?;
            let Some((length, waits)) = announced(&line) else {
                texts.push(line);
                let first = texts[0].clone();
                return Ok((Command::new(&texts, heads, &first), lengths));
            };
            texts.push(before_announcement(&line).to_vec());
            if waits {
                self.say("+ go on")?;
                self.output.flush()?;
            }
            let mut literal = self.input.by_ref().take(length as u64);
            let mut head = Vec::new();
            literal.by_ref().take(HEAD_OCTETS).read_to_end(&mut head)?;
            io::copy(&mut literal, &mut io::sink())?;
            heads.push(head);
            lengths.push(length as u64);
        }
    }

    /// Does it, and returns what stands behind the tag.
    fn perform(&mut self, command: &Command, lengths: &[u64]) -> io::Result<String> {
        match command.verb.as_str() {
            "CAPABILITY" => self.say_and(&format!("* CAPABILITY {CAPABILITIES}"), "OK done"),
            "AUTHENTICATE" => self.authenticate(command),
            "LOGIN" => {
                self.user = String::from_utf8_lossy(command.argument(0)).into_owned();
                Ok(welcome())
            }
            "ID" => self.say_and("* ID (\"name\" \"synthetic\")", "OK done"),
            "ENABLE" => self.say_and("* ENABLED QRESYNC CONDSTORE", "OK done"),
            "NAMESPACE" => self.say_and("* NAMESPACE ((\"\" \"/\")) NIL NIL", "OK done"),
            "LIST" => self.list(command),
            "STATUS" => self.status(command),
            "SELECT" | "EXAMINE" => self.open(command),
            "UID FETCH" => self.fetch(command),
            "UID SEARCH" => self.search(command),
            "APPEND" => Ok(self.append(command, lengths)),
            "NOOP" | "UNSELECT" => Ok("OK done".to_owned()),
            "LOGOUT" => self.say_and("* BYE until next time", "OK done"),
            _ => Ok("BAD unknown command".to_owned()),
        }
    }

    fn authenticate(&mut self, command: &Command) -> io::Result<String> {
        let response = match command.tokens.get(1) {
            Some(initial) => initial.text(),
            None => {
                self.say("+ ")?;
                String::from_utf8_lossy(&self.read_line()?).into_owned()
            }
        };
        self.user = plain_user(&response);
        Ok(welcome())
    }

    // Mailboxes

    /// The number of a mailbox that there is.
    fn find(&self, name: &[u8]) -> Option<u32> {
        mail::number(name).filter(|mailbox| *mailbox < self.world.shape.mailboxes)
    }

    fn list(&mut self, command: &Command) -> io::Result<String> {
        for mailbox in 0..self.world.shape.mailboxes {
            let name = mail::name(mailbox);
            let line = list_line("LIST", name.as_bytes(), &["\\Subscribed"]);
            self.output.write_all(&line)?;
            if command.has("STATUS") {
                let line = status_line(name.as_bytes(), &self.summary(mailbox), command);
                self.output.write_all(&line)?;
            }
        }
        Ok("OK listed".to_owned())
    }

    fn status(&mut self, command: &Command) -> io::Result<String> {
        let name = command.argument(0);
        let Some(mailbox) = self.find(name) else { return Ok(nonexistent()) };
        let line = status_line(name, &self.summary(mailbox), command);
        self.output.write_all(&line)?;
        Ok("OK done".to_owned())
    }

    fn open(&mut self, command: &Command) -> io::Result<String> {
        if self.open.take().is_some() {
            self.say("* OK [CLOSED] Previous mailbox closed.")?;
        }
        self.open = self.find(command.argument(0));
        let Some(mailbox) = self.open else { return Ok(nonexistent()) };
        for line in opening_lines(&self.summary(mailbox)) {
            self.say(&line)?;
        }
        let rights = if command.verb == "EXAMINE" { "READ-ONLY" } else { "READ-WRITE" };
        Ok(format!("OK [{rights}] opened"))
    }

    fn summary(&self, mailbox: u32) -> Summary {
        let appended = self.world.appended().get(&(self.user.clone(), mailbox)).map_or(0, Vec::len) as u32;
        let messages = self.world.invented(&self.user, mailbox) + appended;
        Summary {
            messages: u64::from(messages),
            // No two users share a mailbox.
            uid_validity: 1_700_000_000 + mailbox + (crc32fast::hash(self.user.as_bytes()) >> 3),
            uid_next: messages + 1,
            highest_modseq: u64::from(messages).max(1),
        }
    }

    // Messages

    fn fetch(&mut self, command: &Command) -> io::Result<String> {
        let Some(mailbox) = self.open else { return Ok("BAD nothing is open".to_owned()) };
        let since: Option<u32> = command.after("CHANGEDSINCE").and_then(|token| token.text().parse().ok());
        let mut items = items(&command.tokens[1..]);
        items.extend(since.map(|_| Item::ModSeq));
        let last = self.summary(mailbox).messages as u32;
        for (first, end) in uid_ranges(command.argument(0), last) {
            // Modification sequences are UIDs here.
            let first = first.max(since.map_or(1, |since| since + 1));
            for uid in first..=end.min(last) {
                let Some(message) = self.message(mailbox, uid) else { break };
                respond(&mut self.output, uid as usize, &message, &items)?;
            }
        }
        Ok("OK fetched".to_owned())
    }

    fn message(&self, mailbox: u32, uid: u32) -> Option<Message> {
        let invented = self.world.invented(&self.user, mailbox);
        if uid <= invented {
            return Some(Message::invented(mailbox, uid, self.world.shape.octets));
        }
        let appended = self.world.appended();
        appended.get(&(self.user.clone(), mailbox))?.get((uid - invented - 1) as usize).cloned()
    }

    fn search(&mut self, command: &Command) -> io::Result<String> {
        let Some(mailbox) = self.open else { return Ok("BAD nothing is open".to_owned()) };
        let all = match self.summary(mailbox).messages {
            0 => String::new(),
            messages => format!(" ALL 1:{messages}"),
        };
        self.say_and(&format!("* ESEARCH (TAG \"{}\") UID{all}", command.tag), "OK searched")
    }

    fn append(&mut self, command: &Command, lengths: &[u64]) -> String {
        let Some(mailbox) = self.find(command.argument(0)) else { return nonexistent() };
        let arrived = messages(&command.tokens[1..]);
        let Some(lengths) = lengths.len().checked_sub(arrived.len()).map(|first| &lengths[first..]) else {
            return "BAD a message is a literal".to_owned();
        };
        let uid_validity = self.summary(mailbox).uid_validity;
        let mut appended = self.world.appended();
        let stored = appended.entry((self.user.clone(), mailbox)).or_default();
        let mut uids = Vec::new();
        for (message, octets) in arrived.iter().zip(lengths) {
            let uid = self.world.invented(&self.user, mailbox) + stored.len() as u32 + 1;
            stored.push(kept(message, uid, *octets));
            uids.push(uid);
        }
        format!("OK {}stored", append_uid(uid_validity, &uids))
    }
}

fn kept(message: &Appended<'_>, uid: u32, octets: u64) -> Message {
    let flags: Vec<&str> = message.flags.iter().map(String::as_str).collect();
    let header = Stored::header(message.octets).to_vec();
    Message { uid, flags: flags.join(" "), date: message.date, octets, header }
}

fn welcome() -> String {
    format!("OK [CAPABILITY {CAPABILITIES}] welcome")
}

fn nonexistent() -> String {
    "NO [NONEXISTENT] there is no such mailbox".to_owned()
}
