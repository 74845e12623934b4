//! A TCP forwarder that makes a server far away: every octet arrives half a round trip after it was sent, each way.
//!
//! It limits nothing else: what is in flight waits in a queue without end, so neither pipelining nor large windows are
//! held up. It knows no loss and no slow start. Opening a connection costs the round trip that it would cost.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Octets, and when they are due at the other end.
type Piece = (Instant, Vec<u8>);

const PIECE_OCTETS: usize = 256 * 1024;

/// A line to one port of this machine. Its threads end with the connections and with the process.
pub struct DelayLine {
    port: u16,
}

impl DelayLine {
    /// Opens a line to `port`.
    pub fn to(port: u16, round_trip: Duration) -> DelayLine {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port for the delay line");
        let own = listener.local_addr().expect("the port of the delay line").port();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                thread::spawn(move || forward(client, (Ipv4Addr::LOCALHOST, port).into(), round_trip / 2));
            }
        });
        DelayLine { port: own }
    }

    /// Where to connect to.
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// The client's `connect` returned at once; what it says is on its way one round trip later, and the server hears of the
/// connection half a round trip after that.
fn forward(client: TcpStream, server: SocketAddr, one_way: Duration) {
    let opened = Instant::now();
    let (to_server, for_server) = channel();
    let (to_client, for_client) = channel();
    let second = |stream: &TcpStream| stream.try_clone().expect("a second handle on a connection");
    let from_client = second(&client);
    thread::spawn(move || take_in(from_client, &to_server, one_way, opened + 2 * one_way));
    thread::sleep(3 * one_way);
    let Ok(server) = TcpStream::connect(server) else { return };
    for stream in [&client, &server] {
        let _ = stream.set_nodelay(true);
    }
    let from_server = second(&server);
    thread::spawn(move || take_in(from_server, &to_client, one_way, opened));
    thread::spawn(move || let_out(server, &for_server));
    let_out(client, &for_client);
}

/// Takes all that arrives at once; nothing is on its way before `start`.
fn take_in(mut from: TcpStream, queue: &Sender<Piece>, one_way: Duration, start: Instant) {
    let mut buffer = vec![0; PIECE_OCTETS];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let due = Instant::now().max(start) + one_way;
        if queue.send((due, buffer[..count].to_vec())).is_err() {
            break;
        }
    }
    // The end of the stream travels as long as its octets.
    let _ = queue.send((Instant::now().max(start) + one_way, Vec::new()));
}

fn let_out(mut to: TcpStream, queue: &Receiver<Piece>) {
    for (due, octets) in queue {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if octets.is_empty() || to.write_all(&octets).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
