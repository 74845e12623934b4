//! Counts the cases of the whole binary, and says so when it ends.

use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

static CASES: AtomicUsize = AtomicUsize::new(0);

/// Counts cases that went well: every one that does not panics, and its test fails.
pub fn count(cases: usize) {
    static BEGUN: Once = Once::new();
    // SAFETY: the function is there as long as the process, and neither panics nor unwinds.
    BEGUN.call_once(|| assert_eq!(unsafe { libc::atexit(print) }, 0, "the tally cannot be printed"));
    CASES.fetch_add(cases, Ordering::Relaxed);
}

extern "C" fn print() {
    use std::io::Write;
    let cases = CASES.load(Ordering::Relaxed);
    let _ = writeln!(std::io::stdout(), "hostile: {cases} cases, 0 lost, 0 doubled, 0 altered");
}
