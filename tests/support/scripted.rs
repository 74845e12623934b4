//! A server that follows a script: for answers that no real server can be brought to give.
//!
//! ```text
//! S: * OK [CAPABILITY IMAP4rev1] ready     a line that is sent; `$` for the tag of the last command, `⏎` for a line end, `␊` for a bare LF that ends the line:
//!                                          what stands in one line of the script leaves in one piece
//! C: LOGIN                                 a command is awaited that begins so, whatever its tag
//! C: APPEND INBOX                          its literals are read, and invited where they must be
//! I: * 1 EXISTS⏎+ go on                    how the next literal is invited; without a `+` it is not, and not read
//! S: $ NO no room
//! close                                    the connection ends here, and at the end of the script
//! ```
//!
//! Every connection is told the same story from its beginning. A client that says something else is cut off, and
//! [`Scripted::departures`] tells what it said.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use super::process::PATIENCE;
use super::response;

#[derive(Clone, Debug)]
enum Step {
    Send(String),
    Await(String),
    Invite(String),
    Close,
}

impl Step {
    fn parse(line: &str) -> Step {
        match line.split_once(": ") {
            Some(("S", text)) => Step::Send(text.to_owned()),
            Some(("C", text)) => Step::Await(text.to_owned()),
            Some(("I", text)) => Step::Invite(text.to_owned()),
            _ if line == "close" => Step::Close,
            _ => panic!("the script has a bad line: {line}"),
        }
    }
}

/// A scripted server on a free port, until it is dropped with the test process.
pub struct Scripted {
    port: u16,
    heard: Arc<Mutex<Heard>>,
}

#[derive(Default)]
struct Heard {
    commands: Vec<String>,
    tags: Vec<String>,
    departures: Vec<String>,
}

impl Scripted {
    /// Starts to listen; each connection is served by a thread of its own.
    pub fn start(script: &str) -> Scripted {
        let steps: Vec<Step> = script.lines().map(str::trim).filter(|line| !line.is_empty()).map(Step::parse).collect();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let heard = Arc::<Mutex<Heard>>::default();
        let witness = Arc::clone(&heard);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (steps, witness) = (steps.clone(), Arc::clone(&witness));
                thread::spawn(move || Conversation::new(stream, witness).follow(&steps));
            }
        });
        Scripted { port, heard }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Every command that came, without its tag and its literals, over all connections.
    pub fn commands(&self) -> Vec<String> {
        self.heard.lock().expect("what was heard").commands.clone()
    }

    /// The tags of these commands.
    pub fn tags(&self) -> Vec<String> {
        self.heard.lock().expect("what was heard").tags.clone()
    }

    /// What was said against the script.
    pub fn departures(&self) -> Vec<String> {
        self.heard.lock().expect("what was heard").departures.clone()
    }
}

struct Conversation {
    stream: BufReader<TcpStream>,
    tag: String,
    /// How the next literal is invited, if not in the ordinary way.
    invitation: Option<String>,
    heard: Arc<Mutex<Heard>>,
}

impl Conversation {
    fn new(stream: TcpStream, heard: Arc<Mutex<Heard>>) -> Conversation {
        stream.set_read_timeout(Some(PATIENCE)).expect("set the read timeout");
        Conversation { stream: BufReader::new(stream), tag: String::new(), invitation: None, heard }
    }

    /// A connection that breaks ends the story; the test sees that elsewhere.
    fn follow(mut self, steps: &[Step]) {
        for step in steps {
            let went_well = match step {
                Step::Send(text) => self.send(text),
                Step::Await(start) => self.hear(start),
                Step::Invite(text) => {
                    self.invitation = Some(text.clone());
                    Some(())
                }
                Step::Close => return,
            };
            if went_well.is_none() {
                return;
            }
        }
    }

    fn send(&mut self, text: &str) -> Option<()> {
        let line = match text.strip_prefix("$ ") {
            Some(rest) => format!("{} {rest}\r\n", self.tag),
            None => format!("{text}\r\n"),
        };
        self.stream.get_mut().write_all(line.replace('⏎', "\r\n").replace("␊\r\n", "\n").as_bytes()).ok()
    }

    fn hear(&mut self, start: &str) -> Option<()> {
        let line = self.command()?;
        let (tag, command) = line.split_once(' ').unwrap_or(("", &line));
        self.tag = tag.to_owned();
        let mut heard = self.heard.lock().expect("what was heard");
        heard.commands.push(command.to_owned());
        heard.tags.push(tag.to_owned());
        if command.to_ascii_uppercase().starts_with(&start.to_ascii_uppercase()) {
            return Some(());
        }
        heard.departures.push(format!("`{start}` was awaited, and there came `{command}`"));
        None
    }

    /// Whether the literal that the command ends in was invited.
    fn invite(&mut self, command: &[u8]) -> Option<bool> {
        let text = self.invitation.take().unwrap_or_else(|| "+ go on".to_owned());
        self.tag = String::from_utf8_lossy(command).split(' ').next().unwrap_or_default().to_owned();
        self.send(&text)?;
        Some(text.split('⏎').any(|line| line.starts_with('+')))
    }

    /// One command without its literals.
    fn command(&mut self) -> Option<String> {
        let mut command = Vec::new();
        loop {
            let start = command.len();
            self.stream.read_until(b'\n', &mut command).ok().filter(|octets| *octets > 0)?;
            let line = &command[start..];
            let Some((length, waits)) = literal(line) else {
                return Some(String::from_utf8_lossy(&command).trim_end().to_owned());
            };
            if waits && !self.invite(&command.clone())? {
                return Some(String::from_utf8_lossy(&command).trim_end().to_owned());
            }
            self.stream.read_exact(&mut vec![0; length]).ok()?;
        }
    }
}

/// The length of the literal that a line announces, and whether the client waits to be invited.
fn literal(line: &[u8]) -> Option<(usize, bool)> {
    match line.strip_suffix(b"+}\r\n") {
        Some(start) => Some((response::literal_length(&[start, b"}\r\n"].concat())?, false)),
        None => Some((response::literal_length(line)?, true)),
    }
}
