//! What passes under TLS: records (RFC 8446 5.1), of which only the kind and the length can be seen.

use super::place::Moment;
use super::{Scanner, Step};

const HEAD_OCTETS: usize = 5;

/// Follows the records of one direction.
pub struct TlsScanner {
    sender: &'static str,
    head: Vec<u8>,
    /// The length of the record under way, and what of it has passed.
    record: Option<(usize, usize)>,
    subject: String,
}

impl TlsScanner {
    pub fn new(sender: &'static str) -> TlsScanner {
        TlsScanner { sender, head: Vec::new(), record: None, subject: String::new() }
    }

    fn place(&self, moment: Moment) -> Step {
        Step::Place { moment, subject: self.subject.clone(), tag: String::new() }
    }

    fn read_head<'a>(&mut self, octets: &'a [u8], steps: &mut Vec<Step>) -> &'a [u8] {
        let count = (HEAD_OCTETS - self.head.len()).min(octets.len());
        self.head.extend_from_slice(&octets[..count]);
        if self.head.len() == HEAD_OCTETS {
            let head = std::mem::take(&mut self.head);
            let kind = match head[0] {
                20 => "change",
                21 => "alert",
                22 => "handshake",
                23 => "data",
                _ => "other",
            };
            self.subject = format!("{}-{kind}", self.sender);
            self.record = Some((usize::from(head[3]) << 8 | usize::from(head[4]), 0));
            steps.extend([self.place(Moment::TlsRecord), Step::Octets(head)]);
        }
        &octets[count..]
    }

    fn read_record<'a>(
        &mut self,
        octets: &'a [u8],
        (length, passed): (usize, usize),
        steps: &mut Vec<Step>,
    ) -> &'a [u8] {
        let middle = length / 2;
        let goal = if passed < middle { middle } else { length };
        let count = (goal - passed).min(octets.len());
        steps.push(Step::Octets(octets[..count].to_vec()));
        let passed = passed + count;
        if passed == middle && count > 0 {
            steps.push(self.place(Moment::InTlsRecord));
        }
        self.record = (passed < length).then_some((length, passed));
        &octets[count..]
    }
}

impl Scanner for TlsScanner {
    fn feed(&mut self, mut octets: &[u8]) -> Vec<Step> {
        let mut steps = Vec::new();
        while !octets.is_empty() {
            octets = match self.record {
                Some(record) => self.read_record(octets, record, &mut steps),
                None => self.read_head(octets, &mut steps),
            };
        }
        steps
    }
}
