//! How grave each line is, for the journal: `<3>` and so on before it, where standard error goes there
//! (sd-daemon(3), systemd.exec(5) `JOURNAL_STREAM`).

use std::env;
use std::mem::MaybeUninit;

/// Whether standard error is the journal's. What the variable says may have been said of another's.
pub fn takes_standard_error() -> bool {
    let stream = env::var("JOURNAL_STREAM").ok();
    let Some((device, number)) = stream.as_deref().and_then(|stream| stream.split_once(':')) else { return false };
    let mut found = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: `found` has room for a stat, which is read only once filled.
    let filled = unsafe { libc::fstat(libc::STDERR_FILENO, found.as_mut_ptr()) } == 0;
    // SAFETY: fstat has filled it.
    let found = filled.then(|| unsafe { found.assume_init() });
    found.is_some_and(|found| device == found.st_dev.to_string() && number == found.st_ino.to_string())
}

/// The lines with how grave they are. What is indented belongs to the line before.
pub fn prefixed(text: &str) -> String {
    let mut level = 6;
    let lines = text.split_inclusive('\n').map(|line| {
        if !line.starts_with([' ', '\n']) {
            level = level_of(line);
        }
        if line == "\n" { String::new() } else { format!("<{level}>{line}") }
    });
    lines.collect()
}

/// syslog's: 3 is an error, 4 a warning, 6 to be known, 7 for those who look for a fault.
fn level_of(line: &str) -> u8 {
    match line.split_whitespace().next() {
        Some("error:" | "failed:") => return 3,
        Some("warning:") => return 4,
        _ => {}
    }
    // A line of the log: the time, then the level.
    match line.split_whitespace().nth(1) {
        Some("ERROR") => 3,
        Some("WARN") => 4,
        Some("DEBUG" | "TRACE") => 7,
        _ => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_says_how_grave_it_is() {
        let text = "\n2 failures:\n\nerror: it broke\n  caused by: NO\n\nhint: mend it\nwarning: old\n\
                    2026-11-26T10:00:00Z ERROR mailferry: x\n2026-11-26T10:00:00Z TRACE wire: y\n";
        let expected = "<6>2 failures:\n<3>error: it broke\n<3>  caused by: NO\n<6>hint: mend it\n<4>warning: old\n\
                        <3>2026-11-26T10:00:00Z ERROR mailferry: x\n<7>2026-11-26T10:00:00Z TRACE wire: y\n";
        assert_eq!(prefixed(text), expected);
    }

    #[test]
    fn stream_of_another_is_not_taken_for_ours() {
        // The tests' own standard error is no journal.
        assert!(!takes_standard_error());
    }
}
