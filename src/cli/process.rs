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

/// Keeps the memory of many threads in few heaps, and gives large buffers back at once: each message passes through
/// one, and a heap for each thread would hold on to the largest that it ever saw.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn keep_memory_tight() {
    const LARGE_OCTETS: libc::c_int = 256 << 10;
    // SAFETY: mallopt takes two integers and is called before any thread is started.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 2);
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_OCTETS);
    }
}

/// Other allocators manage by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn keep_memory_tight() {}

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
