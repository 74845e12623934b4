//! What this process leaves behind when it dies: no core file, for it would hold passwords; and of a panic one line.

use super::screen::Screen;
use crate::error::sanitized;
use std::panic;

/// Forbids core files for this process and those that it starts.
pub fn forbid_core_files() {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `none` is a valid rlimit for the duration of the call. Lowering a limit is always allowed; should it fail
    // all the same, the system's own limit stands.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &none) };
}

/// Shows a panic as one line that does no harm to the terminal. The run goes on: a panic ends one account at most.
pub fn report_panics(screen: &Screen) {
    let screen = screen.clone();
    panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map_or_else(String::new, |location| format!(" at {location}"));
        let payload = panic.payload();
        let what = payload.downcast_ref::<&str>().copied().or(payload.downcast_ref::<String>().map(String::as_str));
        screen.line(&format!("internal error{place}: {}", sanitized(what.unwrap_or("without words"))));
    }));
}
