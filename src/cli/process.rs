//! What this process leaves behind when it dies, and shows while it lives: no core file and no memory, for they would
//! hold passwords; and of a panic one line.

use super::screen::Screen;
use crate::error::sanitized;
use std::any::Any;
use std::panic;

/// Keeps what this process holds from everyone but root: no core file of it or of what it starts, no debugger, no look
/// into its memory by another process of the same user.
pub fn guard_memory() {
    forbid_core_files();
    forbid_attaching();
}

/// A core handler (systemd-coredump) is called whatever the limit says, but never for a process that is not dumpable.
#[cfg(target_os = "linux")]
fn forbid_attaching() {
    // SAFETY: this option takes one integer and cannot fail with it.
    unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0) };
}

/// Other systems have no such call; the limit is what they know.
#[cfg(not(target_os = "linux"))]
fn forbid_attaching() {}

fn forbid_core_files() {
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
        screen.line(&format!("internal error{place}: {}", words(panic.payload())));
    }));
}

/// What a panic says, where it is a text of the program. What was put together at run time may quote anything, a
/// password or somebody's mail (`byte index 3 is not a char boundary` quotes the whole string), and is not shown.
fn words(payload: &dyn Any) -> String {
    payload.downcast_ref::<&'static str>().map_or("(what it says may quote data)".to_owned(), |text| sanitized(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Secret;

    #[test]
    fn words_of_a_panic_about_a_secret_do_not_quote_it() {
        let said = |panic: fn(&Secret)| {
            let secret = Secret::new("gehö".to_owned());
            let caught = panic::catch_unwind(panic::AssertUnwindSafe(|| panic(&secret))).unwrap_err();
            words(&*caught)
        };
        let quoting: [fn(&Secret); 3] = [
            |secret| drop(secret.expose()[..4].to_owned()),
            |secret| panic!("{} is not it", secret.expose()),
            |secret| Err::<(), _>(secret.expose().to_owned()).unwrap(),
        ];
        assert!(quoting.into_iter().all(|panic| !said(panic).contains("geh")));
        assert_eq!(said(|_| panic!("a plain text")), "a plain text");
        assert!(!format!("{:?}", Secret::new("gehö".to_owned())).contains("geh"));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn guard_memory_leaves_neither_core_files_nor_a_way_in() {
        guard_memory();
        let mut limit = libc::rlimit { rlim_cur: 1, rlim_max: 1 };
        // SAFETY: `limit` is a valid rlimit for the duration of the call; the other takes nothing.
        let dumpable = unsafe {
            libc::getrlimit(libc::RLIMIT_CORE, &raw mut limit);
            libc::prctl(libc::PR_GET_DUMPABLE)
        };
        assert_eq!((limit.rlim_cur, limit.rlim_max, dumpable), (0, 0, 0));
    }
}
