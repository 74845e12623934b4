//! AUTHENTICATE and other logins that are a dialogue, on the wire: what is said in them is erased once it is sent, and a
//! transcript tells only how long it was.

use super::sasl::{Conversation, Octets};
use crate::engine::conversation::capabilities::Capabilities;
use crate::engine::conversation::status::{Command, Status};
use crate::engine::wire::buffered::Wire;
use crate::error::{Error, Kind, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::io::Write as _;
use zeroize::Zeroizing;

/// No server says more before it lets somebody in.
const LINES: usize = 200;

/// Longer responses have servers cut the connection without a word (Dovecot: 8192, Exchange and Zimbra: 10240).
const LONG_RESPONSE: usize = 8000;

/// What the server sent during the login.
#[derive(Default)]
pub struct Witness {
    /// The tagged answer.
    pub tagged: Option<Status>,
    /// From an untagged CAPABILITY, or from the code of the tagged answer; empty when neither came.
    pub capabilities: Capabilities,
}

impl Witness {
    /// From all lines that came.
    pub fn read(lines: &[u8]) -> Witness {
        let mut witness = Witness::default();
        for line in lines.split(|&octet| octet == b'\n').map(<[u8]>::trim_ascii_end) {
            if line.starts_with(b"* ") {
                witness.note(line);
            } else if let Some(space) = line.iter().position(|&octet| octet == b' ').filter(|_| !line.starts_with(b"+"))
            {
                witness.end(&line[space + 1..]);
            }
        }
        witness
    }

    /// An untagged line.
    fn note(&mut self, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        if let Some(words) = text.strip_prefix("* CAPABILITY ") {
            self.capabilities = Capabilities::parse(words);
        }
    }

    /// What stands behind the tag.
    fn end(&mut self, line: &[u8]) {
        self.tagged = Status::parse(line);
        if let Some(status) = self.tagged.as_ref().filter(|status| status.code == "CAPABILITY") {
            self.capabilities = Capabilities::parse(&status.arguments);
        }
    }
}

/// How a login's dialogue ended.
pub struct Outcome {
    pub witness: Witness,
    pub status: Status,
}

/// What a server says to a login.
enum Said {
    /// `+`, with what is behind it.
    Challenge(Vec<u8>),
    Ended(Status),
}

/// A dialogue under one tag.
pub struct Dialogue<'a> {
    wire: &'a mut Wire,
    tag: &'a str,
    witness: Witness,
    lines: usize,
}

impl<'a> Dialogue<'a> {
    /// Begins with that command, which is no secret, and what is behind it, which is.
    ///
    /// # Errors
    /// `Connection`.
    pub fn begin(wire: &'a mut Wire, tag: &'a str, command: &str, secret: &[u8]) -> Result<Dialogue<'a>> {
        let blanked = if secret.is_empty() { String::new() } else { format!(" {}", blanked(secret.len())) };
        wire.note_sent(format!("{tag} {command}{blanked}").as_bytes());
        let mut dialogue = Dialogue { wire, tag, witness: Witness::default(), lines: 0 };
        let blank: &[u8] = if secret.is_empty() { b"" } else { b" " };
        dialogue.say(&[tag.as_bytes(), b" ", command.as_bytes(), blank, secret])?;
        Ok(dialogue)
    }

    /// Sends a line that may be a secret.
    fn say(&mut self, pieces: &[&[u8]]) -> Result<()> {
        // With room for all: a vector that grows leaves its content behind.
        let mut line = Zeroizing::new(Vec::with_capacity(pieces.iter().map(|piece| piece.len()).sum::<usize>() + 2));
        pieces.iter().for_each(|piece| line.extend_from_slice(piece));
        line.extend_from_slice(b"\r\n");
        let sent = self.wire.write_all(&line).and_then(|()| std::io::Write::flush(self.wire));
        sent.map_err(|cause| broke(&cause))
    }

    /// Answers a challenge.
    fn answer(&mut self, secret: &[u8]) -> Result<()> {
        self.wire.note_sent(blanked(secret.len()).as_bytes());
        self.say(&[secret])
    }

    /// Reads to the next challenge, or to the end.
    fn hear(&mut self) -> Result<Said> {
        while self.lines < LINES {
            self.lines += 1;
            let mut line = Vec::new();
            self.wire.read_line(&mut line)?;
            if let Some(challenge) = line.strip_prefix(b"+") {
                return Ok(Said::Challenge(challenge.trim_ascii().to_vec()));
            }
            let tagged = line.strip_prefix(self.tag.as_bytes()).and_then(|rest| rest.strip_prefix(b" "));
            if let Some(rest) = tagged {
                self.witness.end(rest);
                return match self.witness.tagged.clone() {
                    Some(status) => Ok(Said::Ended(status)),
                    None => Err(no_answer(&line)),
                };
            }
            match line.strip_prefix(b"* ") {
                Some(rest) if rest.get(..3).is_some_and(|word| word.eq_ignore_ascii_case(b"BYE")) => {
                    let status = Status::parse(rest);
                    return Err(status.map_or_else(|| no_answer(&line), |status| farewell(&status)));
                }
                Some(_) => self.witness.note(&line),
                None => return Err(no_answer(&line)),
            }
        }
        Err(Error::new(Kind::Protocol, "the server neither takes the login nor refuses it"))
    }

    /// Answers the only challenge with what `answer` makes of it.
    ///
    /// # Errors
    /// `Connection`, `Protocol`.
    pub fn answer_once(mut self, answer: impl FnOnce(&[u8]) -> Octets) -> Result<Outcome> {
        if let Said::Challenge(challenge) = self.hear_one()? {
            self.answer(&answer(&challenge))?;
        }
        self.end()
    }

    /// Reads to the end; there is nothing more to say.
    ///
    /// # Errors
    /// `Connection`, `Protocol`.
    pub fn end(mut self) -> Result<Outcome> {
        match self.witness.tagged.take() {
            Some(status) => Ok(Outcome { witness: self.witness, status }),
            None => match self.hear()? {
                Said::Ended(status) => Ok(Outcome { witness: self.witness, status }),
                Said::Challenge(challenge) => Err(no_answer(&challenge)),
            },
        }
    }

    /// An end that was heard is kept for [`Dialogue::end`].
    fn hear_one(&mut self) -> Result<Said> {
        let said = self.hear()?;
        if let Said::Ended(status) = &said {
            self.witness.tagged = Some(status.clone());
        }
        Ok(said)
    }

    /// The same for what is said in Base64, to the end.
    fn converse(mut self, conversation: &mut dyn Conversation, mut first: Option<Octets>) -> Result<Outcome> {
        loop {
            let challenge = match self.hear()? {
                Said::Ended(status) => return Ok(Outcome { witness: self.witness, status }),
                Said::Challenge(challenge) => challenge,
            };
            let answer = match first.take() {
                Some(first) => Ok(first),
                // What is no Base64 is a text for people, and what it means the mechanism knows.
                None => conversation.answer(&STANDARD.decode(&challenge).unwrap_or(challenge)),
            };
            match answer {
                Ok(answer) => self.answer(&encoded(&answer))?,
                Err(error) => {
                    // RFC 9051 6.2.2: the login is cancelled, and the server answers BAD.
                    self.say(&[b"*"])?;
                    self.hear()?;
                    return Err(error);
                }
            }
        }
    }
}

/// Logs in by a mechanism, to the server's last word. `initial`: whether a first response may be sent at once (SASL-IR,
/// RFC 4959).
///
/// # Errors
/// `Connection`; `Protocol`, also where the server says OK and did not prove what it had to; `Authentication` where it cuts a
/// token that is too long for it.
pub fn authenticate(
    wire: &mut Wire,
    tag: &str,
    name: &str,
    conversation: &mut dyn Conversation,
    initial: bool,
) -> Result<Outcome> {
    let first = conversation.first();
    let length = first.as_ref().map_or(0, |first| first.len().div_ceil(3) * 4);
    let (at_once, later) = if initial { (first, None) } else { (None, first) };
    let at_once = at_once.map_or_else(Octets::default, |first| match first.is_empty() {
        true => Zeroizing::new(b"=".to_vec()),
        false => encoded(&first),
    });
    let dialogue = Dialogue::begin(wire, tag, &format!("AUTHENTICATE {name}"), &at_once);
    let outcome = dialogue.and_then(|dialogue| dialogue.converse(conversation, later));
    let outcome = outcome.map_err(|error| match *error.kind() == Kind::Connection && length > LONG_RESPONSE {
        true => too_long(length, &error),
        false => error,
    })?;
    if outcome.status.is_ok() {
        conversation.accepted()?;
    }
    Ok(outcome)
}

fn encoded(octets: &[u8]) -> Octets {
    Zeroizing::new(STANDARD.encode(octets).into_bytes())
}

fn broke(cause: &std::io::Error) -> Error {
    Error::new(Kind::Connection, "the connection broke at the login").because(cause)
}

fn no_answer(line: &[u8]) -> Error {
    Error::new(Kind::Protocol, "what the server says to the login is no answer").because(String::from_utf8_lossy(line))
}

fn farewell(status: &Status) -> Error {
    status.error_of(Command::Login, "the server ended the connection at the login")
}

fn too_long(length: usize, error: &Error) -> Error {
    Error::new(Kind::Authentication, format!("the server ended the connection over a login of {length} bytes"))
        .because(error.summary())
        .hint("the token is too long for it (Dovecot takes 8192 bytes): ask for a token with fewer scopes or claims")
}

/// What a transcript has for a secret.
fn blanked(octets: usize) -> String {
    format!("[{octets} bytes of the login]")
}
