//! The answer that never ends: what happens, as server-sent events (HTML, section 9.2), once a second at most.
//!
//! `board` is the run as a whole, `accounts` those that changed since the last one, `end` that nothing more comes. Nothing
//! is sent again: who connects anew begins with the whole.

use super::response::{Outgoing, head, write_within};
use super::watch::Watch;
use serde_json::Value;
use std::io;
use std::time::Duration;

/// A line is sent at least so often, by which a connection that is gone is noticed.
const SILENCE: Duration = Duration::from_secs(15);

/// Who does not take an event within so long is given up.
const PATIENCE: Duration = Duration::from_secs(5);

/// A browser comes again after so many milliseconds; a proxy passes on what there is at once.
const BEGINNING: &str = "retry: 2000\n\n";
const FIELDS: &str = "X-Accel-Buffering: no\r\n";

/// Tells until the watch is closed, or nobody listens.
///
/// # Errors
/// Those of the system.
pub fn tell(watch: &Watch, to: &mut impl Outgoing) -> io::Result<()> {
    let beginning = format!("{}{BEGINNING}", head(200, "text/event-stream", FIELDS));
    write_within(to, beginning.as_bytes(), PATIENCE)?;
    let (mut told, mut closed) = watch.wait(0, Duration::ZERO);
    write_within(to, event("board", told, &watch.board()).as_bytes(), PATIENCE)?;
    while !closed {
        let (now, is_closed) = watch.wait(told, SILENCE);
        let text = match now > told {
            true => {
                let board = event("board", now, &watch.board());
                format!("{board}{}", event("accounts", now, &watch.since(told)))
            }
            false => ":\n\n".to_owned(),
        };
        write_within(to, text.as_bytes(), PATIENCE)?;
        (told, closed) = (now, is_closed);
    }
    write_within(to, event("end", told, &watch.board()).as_bytes(), PATIENCE)
}

/// JSON has no line ends of its own.
fn event(name: &str, number: u64, data: &Value) -> String {
    format!("event: {name}\nid: {number}\ndata: {data}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::rows::Work;
    use crate::serve::watch::tests::watch;

    #[test]
    fn stream_begins_with_the_whole_and_ends_with_the_run() {
        let watch = watch(&["a\r\n\nevent: x"]);
        watch.works("a\r\n\nevent: x", Work::default());
        watch.close();
        let mut told = Vec::new();
        tell(&watch, &mut told).unwrap();
        let told = String::from_utf8(told).unwrap();
        let (_, body) = told.split_once("\r\n\r\n").unwrap();
        let names: Vec<&str> = body.lines().filter(|line| line.starts_with("event:")).collect();
        assert_eq!(names, ["event: board", "event: end"]);
        assert!(told.contains("Content-Type: text/event-stream") && !told.contains("Content-Length"));
    }

    #[test]
    fn account_names_cannot_make_events() {
        let watch = watch(&["a\n\nevent: x"]);
        watch.works("a\n\nevent: x", Work { phase: "copying", mailbox: "\n\nevent: y".to_owned(), ..Work::default() });
        watch.tick();
        let text = event("accounts", 1, &watch.since(0));
        assert_eq!(text.lines().filter(|line| line.starts_with("event:")).count(), 1, "{text}");
        assert!(text.contains("copying"), "{text}");
    }
}
