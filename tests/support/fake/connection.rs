//! The octets of one connection: commands in, with the record of them; responses out, with lies and cuts.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::behaviour::Then;
use super::command::{Command, announced, before_announcement};
use super::{Said, Tenant};
use crate::support::process::PATIENCE;

/// What comes within it was sent ahead. A client that waits for its answers is only slowed by it.
const MOMENT: Duration = Duration::from_millis(2);

/// Octets gathered before they are sent.
const OUTPUT_OCTETS: usize = 64 << 10;

/// No flood is longer: enough to be beyond every bound of a client that has some, and quickly over.
const FLOOD_OCTETS: u64 = 24 << 20;

/// One connection, and whose it is once somebody has logged in.
pub struct Connection {
    input: BufReader<TcpStream>,
    output: Vec<u8>,
    sent: u64,
    pub tenant: Option<Arc<Tenant>>,
    /// The command that is being answered, as the record has it.
    answering: String,
    /// What came before somebody had logged in.
    early: Vec<Vec<u8>>,
}

/// The next line without its line end.
pub fn read_line(input: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    if input.read_until(b'\n', &mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    line.pop();
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(line)
}

impl Connection {
    pub fn new(stream: TcpStream) -> io::Result<Connection> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let input = BufReader::with_capacity(OUTPUT_OCTETS, stream);
        Ok(Connection { input, output: Vec::new(), sent: 0, tenant: None, answering: String::new(), early: Vec::new() })
    }

    /// From now on it is this user's; what they said until now is theirs, too.
    pub fn belongs_to(&mut self, tenant: Arc<Tenant>) {
        // A login holds a password: its record is the verb alone.
        for line in self.early.drain(..) {
            let verb = line.split(|octet| *octet == b' ').next().unwrap_or_default();
            tenant.hear(verb);
        }
        self.tenant = Some(tenant);
    }

    // In

    /// The next line without its line end.
    pub fn read_line(&mut self) -> io::Result<Vec<u8>> {
        if self.input.buffer().is_empty() {
            self.flush()?;
        }
        read_line(&mut self.input)
    }

    /// The next command with its literals, which are invited where they must be.
    pub fn read_command(&mut self) -> io::Result<Command> {
        let (mut whole, mut texts, mut literals) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            let line = self.read_line()?;
            whole.extend_from_slice(&line);
            let Some((length, waits)) = announced(&line) else {
                texts.push(line);
                break;
            };
            if let Some(then) = self.objection(&whole, &literals) {
                self.record(&whole);
                self.object(&whole, then, length, waits)?;
                (whole, texts, literals) = (Vec::new(), Vec::new(), Vec::new());
                continue;
            }
            texts.push(before_announcement(&line).to_vec());
            if waits {
                let before = self.tenant.as_ref().map(|tenant| tenant.behaviour().before_plus.clone());
                self.send(&before.unwrap_or_default())?;
                self.send(b"+ go on\r\n")?;
                self.flush()?;
            }
            let mut literal = vec![0; length];
            self.input.read_exact(&mut literal)?;
            literals.push(literal);
        }
        self.record(&whole);
        let command = Command::new(&texts, literals, &whole);
        self.answering = String::from_utf8_lossy(&command.line).into_owned();
        Ok(command)
    }

    /// Whether another command has come, or comes in a moment.
    pub fn has_more(&mut self) -> io::Result<bool> {
        if !self.input.buffer().is_empty() {
            return Ok(true);
        }
        self.flush()?;
        self.input.get_ref().set_read_timeout(Some(MOMENT))?;
        let more = self.input.fill_buf().is_ok_and(|octets| !octets.is_empty());
        self.input.get_ref().set_read_timeout(Some(PATIENCE))?;
        Ok(more)
    }

    fn record(&mut self, whole: &[u8]) {
        let line = whole.splitn(2, |octet| *octet == b' ').nth(1).unwrap_or(whole);
        match &self.tenant {
            Some(tenant) => tenant.hear(line),
            None => self.early.push(line.to_vec()),
        }
    }

    /// What a behaviour does where a literal is announced.
    fn objection(&self, whole: &[u8], literals: &[Vec<u8>]) -> Option<Then> {
        let line = whole.splitn(2, |octet| *octet == b' ').nth(1)?;
        self.tenant.as_ref()?.rule(&Said { line, literals, open: None }, Then::is_at_literal)
    }

    fn object(&mut self, whole: &[u8], then: Then, length: usize, waits: bool) -> io::Result<()> {
        let tag = String::from_utf8_lossy(whole.split(|octet| *octet == b' ').next().unwrap_or_default()).into_owned();
        if let (Then::AtLiteral(_), false) = (&then, waits) {
            io::copy(&mut (&mut self.input).take(length as u64), &mut io::sink())?;
            // The rest of the command, which may announce further literals that are skipped as well.
            loop {
                let line = self.read_line()?;
                let Some((length, false)) = announced(&line) else { break };
                io::copy(&mut (&mut self.input).take(length as u64), &mut io::sink())?;
            }
        }
        match then {
            Then::InLiteral(octets) => {
                if waits {
                    self.send(b"+ go on\r\n")?;
                    self.flush()?;
                }
                io::copy(&mut (&mut self.input).take(length as u64 / 2), &mut io::sink())?;
                self.send(&octets)?;
                self.flush()?;
                Err(io::ErrorKind::ConnectionAborted.into())
            }
            Then::AtLiteral(answer) | Then::Unparsed(answer) => self.send(format!("{tag} {answer}\r\n").as_bytes()),
            _ => Ok(()),
        }
    }

    // Out

    /// Answers with one response, as the behaviour has it.
    pub fn respond(&mut self, response: Vec<u8>) -> io::Result<()> {
        let lie = self.tenant.as_ref().and_then(|tenant| tenant.behaviour().lie.clone());
        match lie {
            Some(lie) => {
                let said = lie(&self.answering, response);
                self.send(&said)
            }
            None => self.send(&response),
        }
    }

    /// A whole line of text.
    pub fn respond_text(&mut self, text: &str) -> io::Result<()> {
        self.respond(format!("{text}\r\n").into_bytes())
    }

    /// Sends octets as they are.
    pub fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        let cut = self.tenant.as_ref().and_then(|tenant| tenant.behaviour().cut_after);
        let left = cut.map_or(u64::MAX, |cut| cut.saturating_sub(self.sent));
        let taken = left.min(octets.len() as u64) as usize;
        self.output.extend_from_slice(&octets[..taken]);
        if self.tenant.is_some() {
            self.sent += taken as u64;
        }
        if taken < octets.len() {
            self.flush()?;
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        if self.output.len() >= OUTPUT_OCTETS { self.flush() } else { Ok(()) }
    }

    pub fn flush(&mut self) -> io::Result<()> {
        let output = std::mem::take(&mut self.output);
        self.input.get_mut().write_all(&output)
    }

    /// Sends this until the client goes, or there is no end to its patience.
    pub fn flood(&mut self, octets: &[u8]) -> io::Result<()> {
        let block = octets.repeat((OUTPUT_OCTETS / octets.len().max(1)).max(1));
        self.pour(|_| block.clone())
    }

    /// The same with others each time.
    pub fn pour(&mut self, make: impl Fn(u64) -> Vec<u8>) -> io::Result<()> {
        let mut sent = 0;
        for number in 0.. {
            if sent > FLOOD_OCTETS {
                break;
            }
            let octets = make(number);
            sent += octets.len() as u64;
            self.send(&octets)?;
        }
        self.flush()?;
        Err(io::ErrorKind::ConnectionAborted.into())
    }

    /// Sends this with pauses as long as the client is there.
    pub fn repeat(&mut self, octets: &[u8], pause: Duration) -> io::Result<()> {
        loop {
            self.send(octets)?;
            self.flush()?;
            thread::sleep(pause);
        }
    }
}
