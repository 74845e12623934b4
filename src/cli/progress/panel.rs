//! What stands on the screen while a run goes on: the line over all accounts first, then as many accounts as there is room
//! for. Pure: the size of the screen and the time are handed in.

use super::board::{Board, Whole, Work, messages_of, octets_of, phase_word};
use super::fit::{Part, fit, shortened};
use crate::error::made_harmless;
use crate::report::quantity::{counted, duration, number, octet_rate, octets};
use std::time::Instant;
use unicode_width::UnicodeWidthStr;

/// Cells of a bar, its brackets included; and of a name.
const BAR_COLUMNS: usize = 22;
const NAME_COLUMNS: usize = 28;

/// Rows that the panel leaves to what was there before.
const SPARE_ROWS: usize = 2;

const TICKS: [&str; 4] = ["-", "\\", "|", "/"];

/// The size of the screen, and how often it was drawn.
#[derive(Clone, Copy)]
pub struct Frame {
    pub columns: usize,
    pub rows: usize,
    pub tick: usize,
}

/// The lines.
pub fn lines(board: &Board, frame: Frame, now: Instant) -> Vec<String> {
    let mut lines = Vec::new();
    if board.accounts > 1 {
        lines.push(overall(board, frame, now));
    }
    let room = frame.rows.saturating_sub(SPARE_ROWS).saturating_sub(lines.len()).max(1);
    let at_work: Vec<(&str, &Work)> = board.at_work().collect();
    let shown = if at_work.len() > room { room.saturating_sub(1) } else { at_work.len() };
    let names: Vec<String> = at_work.iter().take(shown).map(|(name, _)| made_harmless(name)).collect();
    let widest = names.iter().map(|name| name.width()).max().unwrap_or(0).min(NAME_COLUMNS).min(frame.columns / 3);
    let works = at_work.iter().take(shown).map(|(_, work)| *work);
    lines.extend(names.iter().zip(works).map(|(name, work)| account(name, widest, work, frame, now)));
    match at_work.len() - shown {
        0 => {}
        more => lines.push(shortened(&format!("and {} more", number(more as u64)), frame.columns)),
    }
    lines
}

fn overall(board: &Board, frame: Frame, now: Instant) -> String {
    // What was done matters more than what there is to do.
    let (line, is_complete) = overall_of(board, board.whole(), frame, now);
    if is_complete { line } else { overall_of(board, None, frame, now).0 }
}

/// The line, and whether messages have a place in it.
fn overall_of(board: &Board, whole: Option<Whole>, frame: Frame, now: Instant) -> (String, bool) {
    let moved = board.moved();
    let accounts = format!("{} of {}", number(board.ended as u64), counted(board.accounts as u64, "account"));
    let (messages, size) = match (board.so_far().messages, board.listed()) {
        (0, 0) => (String::new(), String::new()),
        (0, listed) => (format!("{} listed", counted(listed, "message")), String::new()),
        _ => (messages_of(board.so_far(), whole), octets_of(board.so_far(), whole)),
    };
    let rate = octet_rate(moved.octets, board.seconds(now)).filter(|_| moved.octets > 0).unwrap_or_default();
    let left = board.time_left(now).map(|left| format!("about {} left", duration(left.as_secs_f64())));
    let failures = if board.failures > 0 { counted(board.failures, "failure") } else { String::new() };
    let parts = [
        (accounts, 0),
        (bar(board.progress()), 5),
        (failures, 1),
        (left.unwrap_or_default(), 2),
        (messages.clone(), 3),
        (rate, 4),
        (size, 6),
    ];
    let line = fit(parts.map(|(text, rank)| Part { text, rank }), frame.columns);
    let is_complete = line.contains(&messages);
    (line, is_complete)
}

fn account(name: &str, widest: usize, work: &Work, frame: Frame, now: Instant) -> String {
    let name = shortened(name, widest);
    let name = format!("{name}{}", " ".repeat(widest.saturating_sub(name.width())));
    let so_far = work.so_far();
    let count = match (work.whole.messages, so_far.messages) {
        (0, 0) => String::new(),
        (0, done) => counted(done, "message"),
        (whole, done) => format!("{} of {}", number(done), number(whole)),
    };
    let size = match work.whole.octets {
        0 => String::new(),
        whole => format!("{} of {}", octets(so_far.octets), octets(whole)),
    };
    let left = work.time_left(now).map(|left| format!("{} left", duration(left.as_secs_f64())));
    let bar = match work.share() {
        Some(share) => bar(share),
        None => TICKS[frame.tick % TICKS.len()].to_owned(),
    };
    let parts = [
        (name, 0),
        (phase_word(work.phase).to_owned(), 2),
        (bar, 4),
        (count, 0),
        (size, 5),
        (work.rate(now).unwrap_or_default(), 3),
        (left.unwrap_or_default(), 1),
        (work.mailbox.clone(), 6),
    ];
    // The mailbox takes what room there is, and no more.
    let others: usize =
        parts.iter().take(7).filter(|(text, _)| !text.is_empty()).map(|(text, _)| text.width() + 2).sum();
    let room = frame.columns.saturating_sub(others);
    let parts = parts.map(|(text, rank)| match rank {
        6 if room < 8 => (String::new(), rank),
        6 => (shortened(&text, room), rank),
        _ => (text, rank),
    });
    fit(parts.map(|(text, rank)| Part { text, rank }), frame.columns)
}

/// `[=====>              ]`
fn bar(share: f64) -> String {
    let cells = BAR_COLUMNS - 2;
    let full = (share.clamp(0.0, 1.0) * cells as f64) as usize;
    let head = if full < cells && full > 0 { ">" } else { "" };
    let filled = "=".repeat(full - head.len());
    format!("[{filled}{head}{}]", " ".repeat(cells - full))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::{Event, Phase};
    use std::time::Duration;

    /// Fifty accounts, of which 27 are at work, one has failed, and ten seconds have passed.
    fn board(start: Instant) -> Board {
        let mut board = Board::new(50, None, start);
        for number in 0..30 {
            let account = format!("user{number:02}@example.com");
            let event = Event::Began { account: &account, phase: Phase::Copying, messages: 5678, octets: 48 << 20 };
            board.note(&event, start);
            let (messages, octets) = (1234, 12 << 20);
            board.note(&Event::Advanced { account: &account, mailbox: "Archive/2024", messages, octets }, start);
            if number < 3 {
                let ended = Event::Ended { account: &account };
                board.note(&ended, start);
                board.forget_ended(&ended);
            }
        }
        let error = crate::error::Error::new(crate::error::Kind::Connection, "it broke");
        board.note(&Event::Failed { account: "x", error: &error }, start);
        board
    }

    fn shown(columns: usize, rows: usize) -> Vec<String> {
        let start = Instant::now();
        lines(&board(start), Frame { columns, rows, tick: 0 }, start + Duration::from_secs(10))
    }

    #[test]
    fn line_over_all_comes_first_and_accounts_beyond_the_screen_are_counted() {
        let lines = shown(160, 24);
        assert_eq!(lines.len(), 22);
        let overall = "3 of 50 accounts  [==>                 ]  1 failure  about 41s left  37,020 of at least 157,008 messages  36.0 MiB/s  360.0 MiB of at least 1.3 GiB";
        assert_eq!(lines[0], overall);
        let first = "user03@example.com  copying  [====>               ]  1,234 of 5,678  12.0 MiB of 48.0 MiB  1.2 MiB/s  30s left  Archive/2024";
        assert_eq!(lines[1], first);
        assert_eq!(lines[21], "and 7 more");
    }

    #[test]
    fn narrow_screens_lose_columns_and_no_number() {
        let lines = shown(80, 10);
        assert_eq!(lines.len(), 8);
        assert_eq!(lines[0], "3 of 50 accounts  1 failure  about 41s left  37,020 of at least 157,008 messages");
        assert_eq!(lines[1], "user03@example.com  copying  1,234 of 5,678  1.2 MiB/s  30s left");
        let lines = shown(60, 10);
        assert_eq!(lines[0], "3 of 50 accounts  1 failure  about 41s left  37,020 messages");
        assert_eq!(lines[1], "user03@example.com  copying  1,234 of 5,678  30s left");
        assert!((20..200).all(|columns| shown(columns, 24).iter().all(|line| line.width() <= columns)));
    }
}
