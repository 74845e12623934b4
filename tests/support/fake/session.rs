//! One client's conversation: greeting, login, and a function for each command.

use std::io;
use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::account::{Account, Stored};
use super::behaviour::{CAPABILITIES, FlagsBy, Then};
use super::command::{Command, uid_ranges};
use super::connection::Connection;
use super::gmail_house;
use super::listing::Summary;
use super::{Door, Said, Tenants, Threshold};
use crate::support::base64;

/// The conversation and the mailbox that is open in it.
pub struct Session<'a> {
    pub(super) connection: Connection,
    pub(super) tenants: &'a Tenants,
    pub(super) door: &'a Door,
    /// Raw name of the open mailbox.
    pub(super) selected: Option<Vec<u8>>,
    /// What it was when it was opened.
    pub(super) opened_as: Option<Summary>,
    pub(super) read_only: bool,
    pub(super) qresync: bool,
    /// When somebody logged in.
    entered: Option<Instant>,
}

/// Whose mailboxes are to be opened, from the response of SASL PLAIN in Base64 (RFC 4616).
pub fn plain_user(response: &str) -> String {
    let message = base64::decode_unpadded(response.trim_end_matches('=')).unwrap_or_default();
    let mut parts = message.split(|octet| *octet == 0).map(|part| String::from_utf8_lossy(part).into_owned());
    let (authorization, authentication) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if authorization.is_empty() { authentication } else { authorization }
}

/// User and token of an XOAUTH2 response.
fn bearer(response: &str) -> (String, String) {
    let message = base64::decode_unpadded(response.trim_end_matches('=')).unwrap_or_default();
    let message = String::from_utf8_lossy(&message).into_owned();
    let field = |begins: &str| message.split('\u{1}').find_map(|field| field.strip_prefix(begins)).unwrap_or_default();
    (field("user=").to_owned(), field("auth=Bearer ").to_owned())
}

/// Serves one client until it goes, or is cut off.
pub fn serve(stream: TcpStream, tenants: &Tenants, door: &Door) -> io::Result<()> {
    if !door.is_open() {
        return Ok(());
    }
    let connection = Connection::new(stream)?;
    let mut session = Session {
        connection,
        tenants,
        door,
        selected: None,
        opened_as: None,
        read_only: false,
        qresync: false,
        entered: None,
    };
    let one_too_many = door.open.fetch_add(1, Ordering::SeqCst) >= door.granted.load(Ordering::SeqCst);
    let result = match one_too_many {
        true => session.connection.send(b"* BYE Too many connections from this address\r\n"),
        false => session.converse(),
    };
    let _ = session.connection.flush();
    if let Some(tenant) = &session.connection.tenant {
        tenant.open.fetch_sub(1, Ordering::SeqCst);
    }
    door.open.fetch_sub(1, Ordering::SeqCst);
    result
}

impl Session<'_> {
    fn converse(&mut self) -> io::Result<()> {
        if let Some(make) = self.door.pours_at(Threshold::Greeting) {
            return self.connection.pour(|number| make(number));
        }
        let greeting = format!("* OK [CAPABILITY {CAPABILITIES}] a server of tests\r\n");
        self.connection.send(greeting.as_bytes())?;
        loop {
            let command = self.connection.read_command()?;
            if !self.door.is_open() {
                return Ok(());
            }
            if let Some(last_words) = self.end_of_life() {
                return self.connection.send(&last_words);
            }
            if self.is_eager(&command) {
                if self.work_on_all(command)? {
                    return Ok(());
                }
                continue;
            }
            self.work_on(&command)?;
            if command.verb == "LOGOUT" {
                return Ok(());
            }
        }
    }

    /// What is said where the session has lasted as long as it may.
    pub(super) fn end_of_life(&self) -> Option<Vec<u8>> {
        let (life, last_words) = super::lock(&self.door.session_life).clone()?;
        (self.entered?.elapsed() >= life).then_some(last_words)
    }

    /// Does a command, or what a rule has in its stead.
    pub(super) fn work_on(&mut self, command: &Command) -> io::Result<()> {
        let said = Said { line: &command.line, literals: &command.literals, open: self.selected.as_deref() };
        let later = |then: &Then| !then.is_at_literal();
        let then = self.connection.tenant.as_ref().and_then(|tenant| tenant.rule(&said, later));
        let then = if then.is_none() { self.poison(command)? } else { then };
        self.follow(command, then)
    }

    fn follow(&mut self, command: &Command, then: Option<Then>) -> io::Result<()> {
        match then {
            Some(Then::Answer(answer)) => self.tagged(command, &answer),
            Some(Then::DoneBut(answer)) => {
                self.perform(command)?;
                self.tagged(command, &answer)
            }
            Some(Then::SayFirst(octets)) => {
                self.connection.send(&octets)?;
                self.perform_and_answer(command)
            }
            Some(Then::SayAndClose(octets)) => {
                self.connection.send(&octets)?;
                Err(io::ErrorKind::ConnectionAborted.into())
            }
            Some(Then::Flood(octets)) => self.connection.flood(&octets),
            Some(Then::Silence) => Ok(()),
            Some(Then::Pour(make)) => self.connection.pour(|number| make(number)),
            Some(Then::Repeat(octets, pause)) => self.connection.repeat(&octets, pause),
            Some(Then::Close) => Err(io::ErrorKind::ConnectionAborted.into()),
            Some(Then::AtLiteral(_) | Then::InLiteral(_) | Then::Unparsed(_)) | None => {
                self.perform_and_answer(command)
            }
        }
    }

    fn perform_and_answer(&mut self, command: &Command) -> io::Result<()> {
        let answer = self.perform(command)?;
        self.tagged(command, &answer)
    }

    pub(super) fn tagged(&mut self, command: &Command, answer: &str) -> io::Result<()> {
        self.connection.respond_text(&format!("{} {answer}", command.tag))
    }

    /// Does it, and returns what stands behind the tag.
    fn perform(&mut self, command: &Command) -> io::Result<String> {
        if ["AUTHENTICATE", "LOGIN"].contains(&command.verb.as_str())
            && let Some(make) = self.door.pours_at(Threshold::Login)
        {
            self.connection.pour(|number| make(number))?;
        }
        match command.verb.as_str() {
            "CAPABILITY" => {
                let text = format!("* CAPABILITY {}", self.capabilities());
                self.connection.respond_text(&text)?;
                Ok("OK done".to_owned())
            }
            "AUTHENTICATE" => self.authenticate(command),
            "LOGIN" => {
                let name = String::from_utf8_lossy(command.argument(0)).into_owned();
                self.enter(&name)
            }
            "NOOP" | "CHECK" => {
                self.refresh();
                Ok("OK done".to_owned())
            }
            "LOGOUT" => {
                self.connection.respond_text("* BYE until next time")?;
                Ok("OK done".to_owned())
            }
            _ if self.connection.tenant.is_none() => Ok("BAD log in first".to_owned()),
            _ => self.perform_logged_in(command),
        }
    }

    fn perform_logged_in(&mut self, command: &Command) -> io::Result<String> {
        match command.verb.as_str() {
            "ID" => self.say("* ID (\"name\" \"fake\" \"version\" \"1\")"),
            "ENABLE" => {
                self.qresync |= command.has("QRESYNC");
                self.say("* ENABLED QRESYNC CONDSTORE")
            }
            "NAMESPACE" => self.say("* NAMESPACE ((\"\" \"/\")) NIL NIL"),
            "MYRIGHTS" => {
                let name = String::from_utf8_lossy(command.argument(0)).into_owned();
                self.say(&format!("* MYRIGHTS \"{name}\" lrswipkxte"))
            }
            "GETACL" => self.get_acl(command),
            "SETACL" => Ok(self.set_acl(command)),
            "GETMETADATA" => self.get_metadata(command),
            "SETMETADATA" => Ok(self.set_metadata(command)),
            "LIST" => self.list(command),
            "LSUB" => self.lsub(),
            "STATUS" => self.status(command),
            "CREATE" => self.create(command),
            "RENAME" => Ok(self.rename(command)),
            "SUBSCRIBE" | "UNSUBSCRIBE" => self.subscribe(command),
            "SELECT" | "EXAMINE" => self.open(command),
            "UNSELECT" => {
                self.selected = None;
                Ok("OK done".to_owned())
            }
            "APPEND" => Ok(self.append(command)),
            "UID FETCH" => self.fetch(command),
            "UID SEARCH" => self.search(command),
            "UID STORE" => self.store(command),
            "UID COPY" => Ok(self.copy(command)),
            "UID EXPUNGE" => self.expunge(command),
            "UID MOVE" => self.relocate(command),
            _ => Ok("BAD unknown command".to_owned()),
        }
    }

    pub(super) fn say(&mut self, text: &str) -> io::Result<String> {
        self.connection.respond_text(text)?;
        Ok("OK done".to_owned())
    }

    fn capabilities(&self) -> String {
        self.connection
            .tenant
            .as_ref()
            .map_or(CAPABILITIES.to_owned(), |tenant| tenant.behaviour().capabilities.clone())
    }

    fn authenticate(&mut self, command: &Command) -> io::Result<String> {
        let initial = command.tokens.get(1).map(|token| token.text());
        let response = match initial {
            Some(initial) => initial,
            None => {
                self.connection.send(b"+ \r\n")?;
                String::from_utf8_lossy(&self.connection.read_line()?).into_owned()
            }
        };
        match command.argument(0) {
            b"XOAUTH2" => {
                let (user, token) = bearer(&response);
                super::lock(&self.door.tokens).push(token);
                self.enter(&user)
            }
            _ => self.enter(&plain_user(&response)),
        }
    }

    fn enter(&mut self, name: &str) -> io::Result<String> {
        let name = name.split('*').next().unwrap_or_default();
        let tenant = super::tenant(self.tenants, name);
        if let Some(then) = tenant.bars() {
            return self.bar(then);
        }
        if tenant.open.fetch_add(1, Ordering::SeqCst) >= self.door.granted_each.load(Ordering::SeqCst) {
            tenant.open.fetch_sub(1, Ordering::SeqCst);
            return Ok("NO [LIMIT] Too many simultaneous connections of this user".to_owned());
        }
        let tells = tenant.behaviour().tells_capabilities;
        self.connection.belongs_to(tenant);
        self.entered = Some(Instant::now());
        Ok(if tells { format!("OK [CAPABILITY {}] welcome", self.capabilities()) } else { "OK welcome".to_owned() })
    }

    fn bar(&mut self, then: Then) -> io::Result<String> {
        match then {
            Then::Answer(answer) => Ok(answer),
            Then::SayAndClose(octets) => {
                self.connection.send(&octets)?;
                Err(io::ErrorKind::ConnectionAborted.into())
            }
            // Until the client goes.
            Then::Silence => loop {
                self.connection.read_line()?;
            },
            _ => Err(io::ErrorKind::ConnectionAborted.into()),
        }
    }

    /// Works on the account of whoever has logged in.
    pub(super) fn with_account<T>(&self, work: impl FnOnce(&mut Account) -> T) -> T {
        let tenant = self.connection.tenant.as_ref().expect("somebody has logged in");
        work(&mut tenant.account())
    }

    fn create(&mut self, command: &Command) -> io::Result<String> {
        let name = command.argument(0).to_vec();
        Ok(self.with_account(|account| match account.position(&name) {
            Some(_) => "NO [ALREADYEXISTS] it exists".to_owned(),
            None => {
                account.create(&name);
                "OK created".to_owned()
            }
        }))
    }

    fn subscribe(&mut self, command: &Command) -> io::Result<String> {
        let name = command.argument(0).to_vec();
        self.with_account(|account| match command.verb == "SUBSCRIBE" {
            true => account.subscriptions.insert(name),
            false => account.subscriptions.remove(&name),
        });
        Ok("OK done".to_owned())
    }

    fn search(&mut self, command: &Command) -> io::Result<String> {
        let Some(name) = self.selected.clone() else { return Ok("BAD nothing is selected".to_owned()) };
        let key = command.tokens.last().map(|token| token.text()).unwrap_or_default();
        let mut uids: Vec<String> = self.with_account(|account| {
            let Some(mailbox) = account.find(&name) else { return Vec::new() };
            let largest = mailbox.messages.len() as u32;
            let ranges = if key == "ALL" { vec![(1, largest)] } else { uid_ranges(key.as_bytes(), largest) };
            let meant = |number: u32| ranges.iter().any(|(first, last)| (*first..=*last).contains(&number));
            let numbered = (1..).zip(&mailbox.messages).filter(|(number, _)| meant(*number));
            numbered.map(|(_, message)| message.uid.to_string()).collect()
        });
        let cut = self.limit().filter(|limit| uids.len() > *limit);
        uids.truncate(cut.unwrap_or(usize::MAX));
        let text = match (command.has("RETURN"), uids.is_empty()) {
            (true, true) => format!("* ESEARCH (TAG \"{}\") UID", command.tag),
            (true, false) => format!("* ESEARCH (TAG \"{}\") UID ALL {}", command.tag, uids.join(",")),
            (false, true) => "* SEARCH".to_owned(),
            (false, false) => format!("* SEARCH {}", uids.join(" ")),
        };
        self.say(&text)?;
        Ok(cut.map_or_else(|| "OK done".to_owned(), |limit| format!("OK [MESSAGELIMIT {limit}] a part")))
    }

    /// How many messages a command may be about.
    pub(super) fn limit(&self) -> Option<usize> {
        self.connection.tenant.as_ref()?.behaviour().message_limit
    }

    fn store(&mut self, command: &Command) -> io::Result<String> {
        let Some(name) = self.selected.clone() else { return Ok("BAD nothing is selected".to_owned()) };
        if self.read_only {
            return Ok("NO the mailbox is read-only".to_owned());
        }
        let adds = command.argument(1).starts_with(b"+");
        let behaviour = self.connection.tenant.as_ref().expect("somebody has logged in").behaviour();
        let flags = command.tokens.iter().skip(2).map(|token| token.text());
        let flags: Vec<String> = flags.filter(|flag| behaviour.keeps_flag(FlagsBy::Store, flag)).collect();
        self.with_account(|account| {
            let Some(mailbox) = account.find(&name) else { return };
            let ranges = uid_ranges(command.argument(0), mailbox.uid_next.saturating_sub(1));
            let modseq = mailbox.change();
            let meant = |uid: u32| ranges.iter().any(|(first, last)| (*first..=*last).contains(&uid));
            for message in mailbox.messages.iter_mut().filter(|message| meant(message.uid)) {
                for flag in flags.iter().filter(|flag| !flag.is_empty()) {
                    match adds {
                        true => message.flags.insert(flag.clone()),
                        false => message.flags.remove(flag),
                    };
                }
                message.modseq = modseq;
            }
            if behaviour.is_gmail {
                gmail_house::spread(account, &name, meant);
            }
        });
        Ok("OK stored".to_owned())
    }

    fn copy(&mut self, command: &Command) -> String {
        let Some(name) = self.selected.clone() else { return "BAD nothing is selected".to_owned() };
        let behaviour = self.connection.tenant.as_ref().expect("somebody has logged in").behaviour();
        let target = command.argument(1).to_vec();
        self.with_account(|account| {
            let Some(mailbox) = account.find(&name) else { return "NO the mailbox is gone".to_owned() };
            let ranges = uid_ranges(command.argument(0), mailbox.uid_next.saturating_sub(1));
            let meant = |uid: u32| ranges.iter().any(|(first, last)| (*first..=*last).contains(&uid));
            let originals: Vec<Stored> = mailbox.messages.iter().filter(|it| meant(it.uid)).cloned().collect();
            if account.find(&target).is_none() {
                return "NO [TRYCREATE] there is no such mailbox".to_owned();
            }
            let copied = |it: &Stored| match behaviour.is_gmail {
                true => gmail_house::copy(account, &target, it),
                false => account.find(&target).expect("it is there").add_copy(it),
            };
            let copies: Vec<u32> = originals.iter().map(copied).collect();
            let list = |uids: Vec<u32>| uids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
            let validity = account.find(&target).expect("it is there").uid_validity;
            let from = list(originals.iter().map(|it| it.uid).collect());
            format!("OK [COPYUID {validity} {from} {}] copied", list(copies))
        })
    }

    fn expunge(&mut self, command: &Command) -> io::Result<String> {
        let Some(name) = self.selected.clone() else { return Ok("BAD nothing is selected".to_owned()) };
        self.with_account(|account| {
            let Some(mailbox) = account.find(&name) else { return };
            let ranges = uid_ranges(command.argument(0), mailbox.uid_next.saturating_sub(1));
            let meant = |uid: u32| ranges.iter().any(|(first, last)| (*first..=*last).contains(&uid));
            let deleted: Vec<u32> = mailbox
                .messages
                .iter()
                .filter(|message| meant(message.uid) && message.flags.contains("\\Deleted"))
                .map(|message| message.uid)
                .collect();
            mailbox.expunge(|uid| deleted.contains(&uid));
        });
        Ok("OK expunged".to_owned())
    }
}
