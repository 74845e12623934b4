//! What a server sends, cut into octets and places; capabilities can be taken away on the way.

use std::sync::Arc;

use super::link::Link;
use super::place::Moment;
use super::{Scanner, Step};
use crate::support::response::literal_length;

/// Follows the responses of one connection.
pub struct ServerScanner {
    link: Arc<Link>,
    masked: &'static [&'static str],
    line: Vec<u8>,
    greeted: bool,
    /// What the response under way is about.
    subject: String,
    /// In a literal: its length, and what of it has passed.
    literal: Option<(usize, usize)>,
    /// Behind a literal, the line goes on.
    behind: bool,
}

impl ServerScanner {
    pub fn new(link: Arc<Link>, masked: &'static [&'static str]) -> ServerScanner {
        let subject = String::new();
        ServerScanner { link, masked, line: Vec::new(), greeted: false, subject, literal: None, behind: false }
    }

    fn place(&self, moment: Moment) -> Step {
        Step::Place { moment, subject: self.subject.clone(), tag: String::new() }
    }

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
        let literal = literal_length(&line).map(|length| (length, 0));
        if self.behind {
            steps.push(Step::Octets(line));
        } else if line.starts_with(b"* ") {
            self.take_untagged(line, steps);
        } else if line.starts_with(b"+") {
            self.subject = "-".to_owned();
            steps.extend([self.place(Moment::Continuation), Step::Octets(line)]);
        } else {
            self.take_answer(line, steps);
        }
        self.literal = literal;
        self.behind = literal.is_some();
    }

    fn take_untagged(&mut self, line: Vec<u8>, steps: &mut Vec<Step>) {
        let line = self.unmasked(line);
        if !self.greeted {
            self.greeted = true;
            self.subject = "-".to_owned();
            steps.push(self.place(Moment::Greeting));
        }
        self.subject = kind(&line);
        let middle = self.place(Moment::Untagged);
        steps.extend(halved(line, middle));
    }

    fn take_answer(&mut self, line: Vec<u8>, steps: &mut Vec<Step>) {
        let tag = first_word(&line);
        self.subject = self.link.answered(&tag).unwrap_or_else(|| "-".to_owned());
        let line = self.unmasked(line);
        let (subject, middle) = (self.subject.clone(), self.place(Moment::Answer));
        steps.push(Step::Place { moment: Moment::BeforeAnswer, subject, tag });
        steps.extend(halved(line, middle));
        steps.push(self.place(Moment::AfterAnswer));
    }

    fn read_literal<'a>(&mut self, octets: &'a [u8], passed: (usize, usize), steps: &mut Vec<Step>) -> &'a [u8] {
        let (length, passed) = passed;
        let middle = length / 2;
        let goal = if passed < middle { middle } else { length };
        let count = (goal - passed).min(octets.len());
        steps.push(Step::Octets(octets[..count].to_vec()));
        let passed = passed + count;
        if passed == length {
            steps.push(self.place(Moment::LiteralEnd));
            self.literal = None;
        } else {
            if passed == middle {
                steps.push(self.place(Moment::Literal));
            }
            self.literal = Some((length, passed));
        }
        &octets[count..]
    }

    /// The line without the capabilities that are masked, and without what only those that have them say.
    fn unmasked(&self, line: Vec<u8>) -> Vec<u8> {
        if self.masked.is_empty() {
            return line;
        }
        let concerned = [b"CAPABILITY ".as_slice(), b"[APPENDUID "];
        if !concerned.iter().any(|word| line.windows(word.len()).any(|window| window == *word)) {
            return line;
        }
        let mut text = String::from_utf8_lossy(&line).into_owned();
        if text.contains("CAPABILITY ") {
            for word in self.masked {
                text = text.replace(&format!(" {word} "), " ").replace(&format!(" {word}]"), "]");
                text = text.replace(&format!(" {word}\r\n"), "\r\n");
            }
        }
        if self.masked.contains(&"UIDPLUS")
            && let Some((before, rest)) = text.split_once("[APPENDUID ")
            && let Some((_, after)) = rest.split_once("] ")
        {
            text = format!("{before}{after}");
        }
        text.into_bytes()
    }
}

impl Scanner for ServerScanner {
    fn feed(&mut self, mut octets: &[u8]) -> Vec<Step> {
        let mut steps = Vec::new();
        while !octets.is_empty() {
            octets = match self.literal {
                Some((0, _)) => {
                    self.literal = None;
                    octets
                }
                Some(passed) => self.read_literal(octets, passed, &mut steps),
                None => self.read_line(octets, &mut steps),
            };
        }
        steps
    }
}

fn halved(mut line: Vec<u8>, middle: Step) -> [Step; 3] {
    let rest = line.split_off(line.len() / 2);
    [Step::Octets(line), middle, Step::Octets(rest)]
}

fn first_word(line: &[u8]) -> String {
    String::from_utf8_lossy(line).split_ascii_whitespace().next().unwrap_or("-").to_owned()
}

/// `FETCH` of `* 7 FETCH (…)`, `OK` of `* OK …`.
fn kind(line: &[u8]) -> String {
    let start = String::from_utf8_lossy(&line[..line.len().min(64)]).into_owned();
    let mut words = start.split_ascii_whitespace().skip(1);
    let first = words.next().unwrap_or("-");
    let numbered = first.bytes().all(|octet| octet.is_ascii_digit());
    let kind = if numbered { words.next().unwrap_or("-") } else { first };
    kind.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase()
}
