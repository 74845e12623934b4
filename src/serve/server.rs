//! Who listens: one thread that lets in, and one for each who asks, so many at most.
//!
//! Invariants:
//! 1. Every connection ends: a head has its time, an answer has its time, a stream ends when it is not read.
//! 2. There are never more than [`MOST_CONNECTIONS`]; who comes beyond is turned away at once.
//! 3. Every answer closes its connection, so nothing that follows a request is ever read as another.

use super::Desk;
use super::place::Place;
use super::request::{Incoming, Request};
use super::response::{Outgoing, Response};
use super::routes::{Answer, answer};
use super::stream::tell;
use super::watch::Watch;
use crate::error::{Error, Kind, Result, Scope};
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Browsers have six to a server at most.
const MOST_CONNECTIONS: usize = 32;

/// Of which so many never end: the others are left for who asks.
const MOST_STREAMS: usize = 24;

/// What is still coming from who was refused is read for so long: a connection that is closed before takes the refusal
/// with it.
const LEAVE_TAKING: Duration = Duration::from_millis(500);
const LARGEST_LEAVE_TAKING_OCTETS: usize = 256 << 10;

/// How long the end waits for those to whom it is being told.
const END_PATIENCE: Duration = Duration::from_secs(1);

/// Open for as long as it lives.
pub struct Server {
    watch: Arc<Watch>,
    bound: Bound,
    guests: Arc<Guests>,
    /// Where the page is, with the word that opens it.
    pub address: String,
}

enum Bound {
    Port(SocketAddr),
    Socket(PathBuf),
}

/// How many are in.
#[derive(Default)]
struct Guests {
    all: AtomicUsize,
    streams: AtomicUsize,
}

/// What all who answer need.
struct House {
    watch: Arc<Watch>,
    desk: Arc<dyn Desk>,
    token: Option<String>,
    guests: Arc<Guests>,
}

impl Server {
    /// Listens at that place. The word that opens it is asked for where one is needed.
    ///
    /// # Errors
    /// `Io`.
    pub fn open(
        place: &Place,
        watch: &Arc<Watch>,
        desk: &Arc<dyn Desk>,
        token: impl FnOnce() -> io::Result<String>,
    ) -> Result<Server> {
        let guests = Arc::<Guests>::default();
        let house = |token| House { watch: watch.clone(), desk: desk.clone(), token, guests: guests.clone() };
        let opened = match place {
            Place::Port(address) => at_port(*address, token, house),
            Place::Socket(path) => at_socket(path, house(None)),
        };
        let refused = |why: io::Error| {
            let hint = "name another address; 127.0.0.1:0 takes any port that is free";
            Error::new(Kind::Io, "could not serve the page").because(why).scope(Scope::Run).hint(hint)
        };
        let (bound, address) = opened.map_err(refused)?;
        Ok(Server { watch: watch.clone(), bound, guests, address })
    }
}

fn at_port(
    address: SocketAddr,
    token: impl FnOnce() -> io::Result<String>,
    house: impl FnOnce(Option<String>) -> House,
) -> io::Result<(Bound, String)> {
    let listener = TcpListener::bind(address)?;
    let (bound, token) = (listener.local_addr()?, token()?);
    let shown = format!("http://{bound}/{token}/");
    let house = house(Some(token));
    thread::spawn(move || receive(&Arc::new(house), || listener.accept().map(|(guest, _)| guest)));
    Ok((Bound::Port(bound), shown))
}

/// A socket that a killed process left is replaced; whatever else stands there is not.
fn at_socket(path: &Path, house: House) -> io::Result<(Bound, String)> {
    let is_left = fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    if is_left && UnixStream::connect(path).is_err() {
        fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    thread::spawn(move || receive(&Arc::new(house), || listener.accept().map(|(guest, _)| guest)));
    Ok((Bound::Socket(path.to_owned()), format!("unix:{}", path.display())))
}

/// Tells those who look on that it ends, and lets nobody in any more.
impl Drop for Server {
    fn drop(&mut self) {
        self.watch.close();
        let until = Instant::now() + END_PATIENCE;
        while self.guests.all.load(Ordering::SeqCst) > 0 && Instant::now() < until {
            thread::sleep(Duration::from_millis(5));
        }
        // Who waits for the next guest is woken.
        match &self.bound {
            Bound::Port(address) => drop(TcpStream::connect_timeout(address, END_PATIENCE)),
            Bound::Socket(path) => {
                drop(UnixStream::connect(path));
                let _ = fs::remove_file(path);
            }
        }
    }
}

/// A connection to one who asks.
trait Guest: Incoming + Outgoing + Send + 'static {
    /// Nothing more is written.
    fn finish(&self) -> io::Result<()>;
}

impl Incoming for TcpStream {
    fn wait_for(&self, patience: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(patience))
    }
}

impl Outgoing for TcpStream {
    fn wait_for_reader(&self, patience: Duration) -> io::Result<()> {
        self.set_write_timeout(Some(patience))
    }
}

impl Guest for TcpStream {
    fn finish(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

impl Incoming for UnixStream {
    fn wait_for(&self, patience: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(patience))
    }
}

impl Outgoing for UnixStream {
    fn wait_for_reader(&self, patience: Duration) -> io::Result<()> {
        self.set_write_timeout(Some(patience))
    }
}

impl Guest for UnixStream {
    fn finish(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

fn receive<G: Guest>(house: &Arc<House>, next: impl Fn() -> io::Result<G>) {
    while !house.watch.is_closed() {
        match next() {
            Ok(guest) => admit(house, guest),
            // No descriptors are left, say: later there are.
            Err(why) if why.kind() != ErrorKind::Interrupted => house.watch.sleep(Duration::from_millis(100)),
            Err(_) => {}
        }
    }
}

fn admit<G: Guest>(house: &Arc<House>, mut guest: G) {
    let Some(seat) = Seat::take(house, |guests| &guests.all, MOST_CONNECTIONS) else { return };
    let house = house.clone();
    let serving = move || {
        let _seat = seat;
        let _ = serve(&house, &mut guest);
    };
    // Without a thread the guest is turned away.
    drop(thread::Builder::new().spawn(serving));
}

/// A guest's place, free again however it leaves.
struct Seat(Arc<Guests>, fn(&Guests) -> &AtomicUsize);

impl Seat {
    fn take(house: &House, which: fn(&Guests) -> &AtomicUsize, most: usize) -> Option<Seat> {
        let seat = Seat(house.guests.clone(), which);
        // Beyond the limit it is given back at once.
        (which(&house.guests).fetch_add(1, Ordering::SeqCst) < most).then_some(seat)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.1(&self.0).fetch_sub(1, Ordering::SeqCst);
    }
}

fn serve<G: Guest>(house: &House, guest: &mut G) -> io::Result<()> {
    let (response, is_head) = match Request::read(guest) {
        Ok(request) => match answer(&request, house.token.as_deref(), &house.watch, &*house.desk) {
            Answer::This(response) => (response, request.is_head),
            Answer::Stream if request.is_head => (Response::refusal(405), true),
            Answer::Stream => match Seat::take(house, |guests| &guests.streams, MOST_STREAMS) {
                Some(_seat) => return tell(&house.watch, guest),
                None => (Response::refusal(503), false),
            },
        },
        Err(Some(status)) => (Response::refusal(status), false),
        Err(None) => return Ok(()),
    };
    response.write(guest, is_head)?;
    guest.finish()?;
    take_leave(guest)
}

/// Reads what still comes, for a moment.
fn take_leave(guest: &mut (impl Incoming + Write)) -> io::Result<()> {
    let (until, mut octets, mut count) = (Instant::now() + LEAVE_TAKING, [0; 4096], 0);
    while count < LARGEST_LEAVE_TAKING_OCTETS {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        guest.wait_for(left)?;
        match guest.read(&mut octets)? {
            0 => break,
            more => count += more,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::tests::Somebody;
    use crate::serve::watch::tests::watch;
    use std::io::Read;

    fn open(place: &Place) -> Server {
        let desk: Arc<dyn Desk> = Arc::new(Somebody);
        Server::open(place, &Arc::new(watch(&["alice"])), &desk, || Ok("secret".to_owned())).unwrap()
    }

    fn at_any_port() -> (Server, SocketAddr) {
        let server = open(&"127.0.0.1:0".parse().unwrap());
        let Bound::Port(address) = server.bound else { panic!("a port") };
        (server, address)
    }

    fn said(mut connection: impl Read + Write, words: &str) -> String {
        connection.write_all(words.as_bytes()).unwrap();
        let mut said = String::new();
        connection.read_to_string(&mut said).unwrap();
        said
    }

    const ASKED: &str = " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";

    /// Holds serve/server.rs invariant 3.
    #[test]
    fn page_is_told_over_a_port_and_nothing_that_follows_a_request_is_read_as_another() {
        let (server, address) = at_any_port();
        assert_eq!(server.address, format!("http://{address}/secret/"));
        let twice = format!("GET /secret/api/board{ASKED}GET /secret/metrics{ASKED}");
        let said = said(TcpStream::connect(address).unwrap(), &twice);
        assert!(said.starts_with("HTTP/1.1 200 OK\r\n") && said.contains("Connection: close\r\n"), "{said}");
        assert!(said.contains("\"command\":\"sync\"") && !said.contains("mailferry_"), "{said}");
    }

    #[test]
    fn head_that_is_far_too_large_is_answered_and_not_just_cut_off() {
        let (_server, address) = at_any_port();
        let large = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(40 << 10));
        let said = said(TcpStream::connect(address).unwrap(), &large);
        assert!(said.starts_with("HTTP/1.1 431 "), "{said}");
    }

    /// Holds serve/server.rs invariant 2.
    #[test]
    fn who_comes_beyond_the_limit_is_turned_away_and_those_that_are_in_go_on() {
        let (server, address) = at_any_port();
        let silent: Vec<_> = (0..MOST_CONNECTIONS).map(|_| TcpStream::connect(address).unwrap()).collect();
        while server.guests.all.load(Ordering::SeqCst) < MOST_CONNECTIONS {
            thread::yield_now();
        }
        let mut beyond = TcpStream::connect(address).unwrap();
        let mut nothing = Vec::new();
        assert!(matches!(beyond.read_to_end(&mut nothing), Ok(0) | Err(_)), "it is closed");
        let first = silent.into_iter().next().unwrap();
        assert!(said(first, &format!("GET /healthz{ASKED}")).ends_with("ok\n"));
    }

    #[test]
    fn stream_ends_when_the_server_does_and_the_socket_goes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("page");
        drop(UnixListener::bind(&path).unwrap());
        let server = open(&Place::Socket(path.clone()));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let mut stream = UnixStream::connect(&path).unwrap();
        stream.write_all(format!("GET /events{ASKED}").as_bytes()).unwrap();
        let mut said = String::new();
        while !said.contains("event: board") {
            let mut octets = [0; 4096];
            let count = stream.read(&mut octets).unwrap();
            said.push_str(std::str::from_utf8(&octets[..count]).unwrap());
        }
        drop(server);
        stream.read_to_string(&mut said).unwrap();
        assert!(said.contains("event: end"), "{said}");
        assert!(!path.exists());
    }

    #[test]
    fn what_is_no_socket_of_ours_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("mine");
        fs::write(&path, "precious").unwrap();
        let desk: Arc<dyn Desk> = Arc::new(Somebody);
        let watch = Arc::new(watch(&[]));
        let refused = Server::open(&Place::Socket(path.clone()), &watch, &desk, || Ok(String::new()));
        assert!(refused.is_err_and(|error| error.line().contains("could not serve the page")));
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }
}
