//! Progress as plain lines, for files and pipes: what begins and ends, and every few seconds how far it is.

use super::board::{Board, Work, phase_word};
use super::display::Display;
use crate::error::made_harmless;
use crate::pipeline::{Event, Phase};
use crate::report::quantity::{counted, octets};
use std::collections::HashSet;
use std::io::Write;
use std::time::{Duration, Instant};

/// Between two lines that only say how far it is.
const INTERVAL: Duration = Duration::from_secs(5);

pub struct Lines {
    output: Box<dyn Write + Send>,
    spoken: Option<Instant>,
    /// Accounts whose work was worth a line: only their end is worth one, too.
    announced: HashSet<String>,
}

impl Lines {
    pub fn new(output: Box<dyn Write + Send>) -> Self {
        Lines { output, spoken: None, announced: HashSet::new() }
    }

    /// That nobody reads them is no failure.
    fn line(&mut self, text: &str) {
        let _ = self.output.write_all(format!("{text}\n").as_bytes());
    }

    fn advanced(&mut self, account: &str, board: &Board, now: Instant) {
        if self.spoken.is_some_and(|spoken| now - spoken < INTERVAL) {
            return;
        }
        // Nothing is said of work that ends before the first interval.
        if self.spoken.replace(now).is_none() {
            return;
        }
        match board.work(account) {
            Some(work) if board.accounts == 1 => self.line(&format!("{account}: {}", work.summary(now))),
            _ => self.line(&board.summary(now)),
        }
    }
}

impl Display for Lines {
    fn begin(&mut self, _accounts: usize) {
        self.spoken = None;
        self.announced.clear();
    }

    fn show(&mut self, event: &Event<'_>, board: &Board, now: Instant) {
        match event {
            Event::Began { account, .. } => {
                if let Some(text) = board.work(account).and_then(beginning) {
                    self.line(&format!("{}: {text}", made_harmless(account)));
                    self.announced.insert((*account).to_owned());
                }
            }
            Event::Resumed { .. } => {}
            Event::Advanced { account, .. } => self.advanced(&made_harmless(account), board, now),
            Event::Noticed { account, text } => {
                self.line(&format!("{}: {}", made_harmless(account), made_harmless(text)))
            }
            Event::Failed { error, .. } => self.line(&format!("failed: {}", made_harmless(&error.to_string()))),
            Event::Ended { account } => {
                if self.announced.remove(*account) && board.accounts > 1 {
                    self.line(&format!("{}: ended (so far {})", made_harmless(account), board.summary(now)));
                }
            }
        }
    }
}

/// What begins, where that is worth a line.
fn beginning(work: &Work) -> Option<String> {
    match work.phase {
        Phase::Connecting | Phase::Planning => None,
        Phase::Copying if work.whole.messages == 0 => None,
        Phase::Scanning | Phase::Copying | Phase::Verifying => Some(match work.whole.messages {
            0 => phase_word(work.phase).to_owned(),
            messages => {
                let size =
                    if work.whole.octets > 0 { format!(", {}", octets(work.whole.octets)) } else { String::new() };
                format!("{} {}{size}", phase_word(work.phase), counted(messages, "message"))
            }
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, Kind};
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(octets);
            Ok(octets.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn shown(accounts: usize, events: &[(u64, Event<'_>)]) -> String {
        let (paper, start) = (Paper::default(), Instant::now());
        let mut lines = Lines::new(Box::new(paper.clone()));
        let mut board = Board::new(accounts, None, start);
        lines.begin(accounts);
        for (seconds, event) in events {
            let now = start + Duration::from_secs(*seconds);
            board.note(event, now);
            lines.show(event, &board, now);
            board.forget_ended(event);
        }
        let octets = paper.0.lock().unwrap().clone();
        String::from_utf8(octets).unwrap()
    }

    fn advanced(messages: u64) -> Event<'static> {
        Event::Advanced { account: "alice", mailbox: "INBOX", messages, octets: messages << 20 }
    }

    #[test]
    fn one_account_has_a_line_every_few_seconds() {
        let began = Event::Began { account: "alice", phase: Phase::Copying, messages: 100, octets: 100 << 20 };
        let events = [
            (0, Event::Began { account: "alice", phase: Phase::Scanning, messages: 0, octets: 0 }),
            (0, began),
            (0, advanced(1)),
            (1, advanced(9)),
            (10, advanced(40)),
            (12, advanced(40)),
            (12, Event::Ended { account: "alice" }),
        ];
        let expected = "\
alice: scanning
alice: copying 100 messages, 100.0 MiB
alice: copying   50 of 100 messages   50.0 MiB of 100.0 MiB   5.0 MiB/s   10s left
";
        assert_eq!(shown(1, &events), expected);
    }

    #[test]
    fn several_accounts_are_counted_and_failures_named() {
        let error = Error::new(Kind::Connection, "could not connect").in_account("bob\x07");
        let events = [
            (0, Event::Began { account: "bob\x07", phase: Phase::Scanning, messages: 0, octets: 0 }),
            (0, Event::Noticed { account: "bob\x07", text: "the connection broke; trying again" }),
            (1, Event::Failed { account: "bob\x07", error: &error }),
            (1, Event::Ended { account: "bob\x07" }),
        ];
        let expected = "\
bob?: scanning
bob?: the connection broke; trying again
failed: bob?: could not connect
bob?: ended (so far 1 of 2 accounts   1 failure)
";
        assert_eq!(shown(2, &events), expected);
    }
}
