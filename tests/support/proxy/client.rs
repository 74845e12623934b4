//! What the program sends, cut into octets and places: command lines, and messages in literals.

use std::sync::Arc;

use super::link::Link;
use super::place::Moment;
use super::{Scanner, Step};

/// Follows the commands of one connection.
pub struct ClientScanner {
    link: Arc<Link>,
    line: Vec<u8>,
    state: State,
    tag: String,
    verb: String,
}

enum State {
    /// A command is to begin.
    Idle,
    /// The client answers a challenge.
    Response,
    /// In a literal of so many octets.
    Literal { length: usize, passed: usize, synchronising: bool },
    /// Behind a literal.
    Behind,
}

impl ClientScanner {
    pub fn new(link: Arc<Link>) -> ClientScanner {
        ClientScanner { link, line: Vec::new(), state: State::Idle, tag: String::new(), verb: String::new() }
    }

    fn place(&self, moment: Moment) -> Step {
        Step::Place { moment, subject: self.verb.clone(), tag: self.tag.clone() }
    }

    /// Takes a line; a complete one becomes steps.
    fn read_line<'a>(&mut self, octets: &'a [u8], steps: &mut Vec<Step>) -> &'a [u8] {
        let end = octets.iter().position(|&octet| octet == b'\n').map_or(octets.len(), |at| at + 1);
        self.line.extend_from_slice(&octets[..end]);
        if self.line.ends_with(b"\n") {
            let line = std::mem::take(&mut self.line);
            self.take_line(line, steps);
        }
        &octets[end..]
    }

    fn take_line(&mut self, line: Vec<u8>, steps: &mut Vec<Step>) {
        let literal = literal(&line);
        let behind = matches!(self.state, State::Behind);
        match self.state {
            State::Response => {
                steps.push(Step::Octets(line));
                self.state = State::Idle;
                return;
            }
            State::Behind if literal.is_some() => steps.push(self.place(Moment::NextUpload)),
            State::Behind => steps.push(self.place(Moment::FinalLineEnd)),
            _ => {
                self.begin(&line);
                steps.push(self.place(Moment::Command));
            }
        }
        let challenged = !behind && self.verb == "AUTHENTICATE" && words(&line).len() == 3;
        steps.push(Step::Octets(line));
        self.state = match literal {
            Some((length, synchronising)) => State::Literal { length, passed: 0, synchronising },
            None => {
                steps.push(self.place(Moment::CommandSent));
                if challenged { State::Response } else { State::Idle }
            }
        };
    }

    fn begin(&mut self, line: &[u8]) {
        let words = words(line);
        let word = |index: usize| words.get(index).map_or("-", String::as_str);
        self.tag = word(0).to_owned();
        self.verb = match word(1).to_ascii_uppercase().as_str() {
            "UID" => format!("UID-{}", word(2).to_ascii_uppercase()),
            verb => verb.to_owned(),
        };
        self.link.note_command(&self.tag, &self.verb);
    }

    /// Takes a part of a literal, at most up to its middle or its end.
    fn read_literal<'a>(
        &mut self,
        octets: &'a [u8],
        (length, passed, synchronising): (usize, usize, bool),
        steps: &mut Vec<Step>,
    ) -> &'a [u8] {
        let middle = length / 2;
        if passed == 0 {
            steps.push(self.place(Moment::UploadBegin));
        }
        let goal = if passed < middle { middle } else { length };
        let count = (goal - passed).min(octets.len());
        steps.push(Step::Octets(octets[..count].to_vec()));
        let passed = passed + count;
        if passed == length {
            steps.push(self.place(Moment::UploadEnd));
            self.state = State::Behind;
        } else {
            if passed == middle {
                steps.push(self.place(Moment::Upload));
            }
            self.state = State::Literal { length, passed, synchronising };
        }
        &octets[count..]
    }
}

impl Scanner for ClientScanner {
    fn feed(&mut self, mut octets: &[u8]) -> Vec<Step> {
        let mut steps = Vec::new();
        while !octets.is_empty() {
            octets = match self.state {
                State::Literal { length, passed, synchronising } => {
                    self.read_literal(octets, (length, passed, synchronising), &mut steps)
                }
                _ => self.read_line(octets, &mut steps),
            };
        }
        steps
    }

    fn refuse(&mut self, tag: &str) -> bool {
        let waits = self.tag == tag && matches!(self.state, State::Literal { synchronising: true, .. });
        if waits {
            self.state = State::Idle;
        }
        waits
    }
}

fn words(line: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(line).split_ascii_whitespace().map(str::to_owned).collect()
}

/// The length of the literal that a line announces, and whether the client waits for leave to send it.
fn literal(line: &[u8]) -> Option<(usize, bool)> {
    let text = line.strip_suffix(b"}\r\n")?;
    let open = text.iter().rposition(|&octet| octet == b'{')?;
    let inner = std::str::from_utf8(&text[open + 1..]).ok()?;
    let digits = inner.strip_suffix('+').unwrap_or(inner);
    Some((digits.parse().ok()?, digits.len() == inner.len()))
}
