//! Progress as JSON for programs: one object a line. `run` comes first, for each round of a watch; `advanced` at most once a
//! second for each account, with how far the phase is by then; and `summary` last, also after an error.

use super::board::{Board, phase_word};
use super::display::Display;
use crate::pipeline::Event;
use crate::report::failure::code;
use crate::serve::watch::Run;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::Write;
use std::time::{Duration, Instant};

/// The form of the lines: raised when a field changes its meaning or goes.
const SCHEMA: u32 = 1;

const INTERVAL: Duration = Duration::from_secs(1);

pub struct JsonLines {
    output: Box<dyn Write + Send>,
    run: Run,
    spoken: HashMap<String, Instant>,
}

impl JsonLines {
    pub fn new(output: Box<dyn Write + Send>, run: &Run) -> Self {
        JsonLines { output, run: run.clone(), spoken: HashMap::new() }
    }

    /// That nobody reads it is no failure.
    fn line(&mut self, mut object: Value) {
        object["schema"] = json!(SCHEMA);
        object["run"] = json!(self.run.id);
        object["time"] = json!(Timestamp::now().to_string());
        let _ = self.output.write_all(format!("{object}\n").as_bytes());
    }

    fn is_due(&mut self, account: &str, now: Instant) -> bool {
        let due = self.spoken.get(account).is_none_or(|spoken| now - *spoken >= INTERVAL);
        if due {
            self.spoken.insert(account.to_owned(), now);
        }
        due
    }
}

impl Display for JsonLines {
    fn begin(&mut self, accounts: usize) {
        self.spoken.clear();
        let (command, version) = (self.run.command.clone(), env!("CARGO_PKG_VERSION"));
        self.line(json!({ "event": "run", "command": command, "version": version, "accounts": accounts }));
    }

    fn show(&mut self, event: &Event<'_>, board: &Board, now: Instant) {
        match event {
            Event::Resumed { .. } => return,
            Event::Advanced { account, .. } if !self.is_due(account, now) => return,
            Event::Ended { account } => drop(self.spoken.remove(*account)),
            _ => {}
        }
        self.line(object(event, board));
    }

    fn conclude(&mut self, board: &Board, status: u8, now: Instant) {
        let moved = board.moved();
        self.line(json!({
            "event": "summary",
            "command": self.run.command,
            "exit_status": status,
            "accounts": board.accounts,
            "accounts_ended": board.ended,
            "failures": board.failures,
            "messages": moved.messages,
            "octets": moved.octets,
            "messages_listed": board.listed(),
            "seconds": board.seconds(now),
        }));
    }
}

fn object(event: &Event<'_>, board: &Board) -> Value {
    match event {
        Event::Began { account, phase, messages, octets } => json!({
            "event": "began",
            "account": account,
            "phase": phase_word(*phase),
            "messages": messages,
            "octets": octets,
        }),
        Event::Advanced { account, mailbox, .. } => {
            let work = board.work(account);
            json!({
                "event": "advanced",
                "account": account,
                "mailbox": mailbox,
                "phase": work.map(|work| phase_word(work.phase)),
                "messages_done": work.map(|work| work.so_far().messages),
                "octets_done": work.map(|work| work.so_far().octets),
                "messages": work.map(|work| work.whole.messages),
                "octets": work.map(|work| work.whole.octets),
            })
        }
        // Said with the first `advanced`.
        Event::Resumed { .. } => Value::Null,
        Event::Noticed { account, text } => json!({ "event": "noticed", "account": account, "text": text }),
        Event::Failed { account, error } => json!({
            "event": "failed",
            "account": account,
            "code": code(error.kind()),
            "error": error.to_string(),
            "causes": error.causes(),
        }),
        Event::Ended { account } => json!({
            "event": "ended",
            "account": account,
            "accounts_ended": board.ended,
            "accounts": board.accounts,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::Phase;

    #[test]
    fn advanced_tells_how_far_the_phase_is() {
        let now = Instant::now();
        let mut board = Board::new(1, None, now);
        board.note(&Event::Began { account: "alice", phase: Phase::Copying, messages: 9, octets: 900 }, now);
        let advanced = Event::Advanced { account: "alice", mailbox: "INBOX", messages: 3, octets: 300 };
        board.note(&advanced, now);
        let object = object(&advanced, &board);
        assert_eq!((&object["event"], &object["phase"]), (&json!("advanced"), &json!("copying")));
        assert_eq!((&object["messages_done"], &object["octets"]), (&json!(3), &json!(900)));
    }

    #[test]
    fn advanced_is_said_once_a_second() {
        let run = Run { id: "7-1".to_owned(), command: "sync".to_owned(), started: 7 };
        let mut lines = JsonLines::new(Box::new(std::io::sink()), &run);
        let now = Instant::now();
        let due = [0, 400, 999, 1000].map(|wait| lines.is_due("alice", now + Duration::from_millis(wait)));
        assert_eq!(due, [true, false, false, true]);
        assert!(lines.is_due("bob", now));
    }
}
