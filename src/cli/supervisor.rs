//! What systemd is told of a run, where it listens: that it is ready, what it is at, that it is alive, that it ends
//! (sd_notify(3)). Elsewhere nothing happens.

use std::env;
use std::ffi::OsStr;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Between two tellings of what the run is at.
const STATUS_INTERVAL: Duration = Duration::from_secs(1);

/// Where to tell it.
pub struct Supervisor {
    socket: Option<UnixDatagram>,
    /// Half of what systemd waits for a sign of life.
    watchdog: Option<Duration>,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    is_ready: bool,
    is_stopping: bool,
    alive: Option<Instant>,
    status: Option<(Instant, String)>,
}

impl Supervisor {
    /// The one that started this process, if there is one.
    pub fn of_process() -> Supervisor {
        let socket = env::var_os("NOTIFY_SOCKET").and_then(|name| connected(&name));
        let number = |name: &str| env::var(name).ok()?.parse::<u64>().ok();
        let is_ours = number("WATCHDOG_PID").is_none_or(|process| process == u64::from(std::process::id()));
        let watchdog = number("WATCHDOG_USEC").filter(|_| is_ours).map(|interval| Duration::from_micros(interval / 2));
        Supervisor { socket, watchdog, told: Mutex::default() }
    }

    /// Settings and state are open, and the work begins.
    pub fn ready(&self) {
        if !std::mem::replace(&mut self.told().is_ready, true) {
            self.tell("READY=1");
        }
    }

    /// The process is alive. To be said where work is seen to go on, and not by a thread of its own: that would go on when
    /// all else has stopped.
    pub fn alive(&self, now: Instant) {
        let Some(interval) = self.watchdog else { return };
        let mut told = self.told();
        if told.alive.is_none_or(|before| now - before >= interval) {
            told.alive = Some(now);
            self.tell("WATCHDOG=1");
        }
    }

    /// What the run is at, in one line: now and then, while it changes all the time.
    pub fn status(&self, status: impl FnOnce() -> String, now: Instant) {
        let is_due = self.told().status.as_ref().is_none_or(|(before, _)| now - *before >= STATUS_INTERVAL);
        if self.socket.is_some() && is_due {
            self.turn(&status(), now);
        }
    }

    /// What the run is at from now on.
    pub fn turn(&self, status: &str, now: Instant) {
        let (status, mut told) = (status.replace('\n', " "), self.told());
        if told.status.as_ref().is_none_or(|(_, before)| *before != status) {
            self.tell(&format!("STATUS={status}"));
        }
        told.status = Some((now, status));
    }

    /// It ends as soon as the batches in hand are done.
    pub fn stopping(&self) {
        if !std::mem::replace(&mut self.told().is_stopping, true) {
            self.tell("STOPPING=1");
        }
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// That nobody takes it is no failure.
    fn tell(&self, what: &str) {
        if let Some(socket) = &self.socket {
            let _ = socket.send(what.as_bytes());
        }
    }
}

/// A path, or with `@` a name that is in no directory.
fn connected(name: &OsStr) -> Option<UnixDatagram> {
    let socket = UnixDatagram::unbound().ok()?;
    // One that is full is not waited for.
    socket.set_nonblocking(true).ok()?;
    let connected = match abstract_name(name) {
        Some(address) => socket.connect_addr(&address),
        None => socket.connect(name),
    };
    connected.ok()?;
    Some(socket)
}

#[cfg(target_os = "linux")]
fn abstract_name(name: &OsStr) -> Option<SocketAddr> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::ffi::OsStrExt;
    SocketAddr::from_abstract_name(name.as_bytes().strip_prefix(b"@")?).ok()
}

/// Other systems have neither.
#[cfg(not(target_os = "linux"))]
fn abstract_name(_name: &OsStr) -> Option<SocketAddr> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listening() -> (UnixDatagram, Supervisor) {
        let (ours, theirs) = UnixDatagram::pair().unwrap();
        theirs.set_nonblocking(true).unwrap();
        let watchdog = Some(Duration::from_secs(30));
        (theirs, Supervisor { socket: Some(ours), watchdog, told: Mutex::default() })
    }

    fn heard(socket: &UnixDatagram) -> Vec<String> {
        let mut octets = [0; 4096];
        std::iter::from_fn(|| {
            socket.recv(&mut octets).ok().map(|count| String::from_utf8_lossy(&octets[..count]).into())
        })
        .collect()
    }

    #[test]
    fn each_thing_is_told_once_and_life_and_status_now_and_then() {
        let (theirs, supervisor) = listening();
        let start = Instant::now();
        for seconds in [0, 1, 29, 30, 31, 60] {
            let now = start + Duration::from_secs(seconds);
            supervisor.ready();
            supervisor.alive(now);
            supervisor.status(|| format!("{} of 9\naccounts", seconds / 30), now);
        }
        supervisor.turn("at rest", start + Duration::from_secs(60));
        supervisor.stopping();
        supervisor.stopping();
        let expected = [
            "READY=1",
            "WATCHDOG=1",
            "STATUS=0 of 9 accounts",
            "WATCHDOG=1",
            "STATUS=1 of 9 accounts",
            "WATCHDOG=1",
            "STATUS=2 of 9 accounts",
            "STATUS=at rest",
            "STOPPING=1",
        ];
        assert_eq!(heard(&theirs), expected);
    }

    #[test]
    fn where_nobody_listens_nothing_happens() {
        let supervisor = Supervisor { socket: None, watchdog: Some(Duration::ZERO), told: Mutex::default() };
        supervisor.ready();
        supervisor.alive(Instant::now());
        supervisor.status(|| panic!("nobody asks"), Instant::now());
        assert!(connected(OsStr::new("/nowhere/at/all")).is_none());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn name_that_is_in_no_directory_is_found() {
        let name = format!("@mailferry-test-{}", std::process::id());
        let theirs = UnixDatagram::bind_addr(&abstract_name(OsStr::new(&name)).unwrap()).unwrap();
        connected(OsStr::new(&name)).unwrap().send(b"READY=1").unwrap();
        theirs.set_nonblocking(true).unwrap();
        assert_eq!(heard(&theirs), ["READY=1"]);
    }
}
