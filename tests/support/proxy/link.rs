//! The two sockets of a connection through the proxy, and the commands that are under way on it.

use std::collections::BTreeMap;
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use socket2::SockRef;

/// One connection through the proxy. Both directions hold it; the sockets close with the last of them.
pub struct Link {
    pub client: TcpStream,
    pub server: TcpStream,
    /// The commands that were not answered yet, by tag.
    unanswered: Mutex<BTreeMap<String, String>>,
    /// Nothing passes any more.
    pub stalled: AtomicBool,
}

impl Link {
    pub fn new(client: TcpStream, server: TcpStream) -> Arc<Link> {
        for stream in [&client, &server] {
            let _ = stream.set_nodelay(true);
        }
        Arc::new(Link { client, server, unanswered: Mutex::default(), stalled: AtomicBool::new(false) })
    }

    pub fn note_command(&self, tag: &str, verb: &str) {
        self.commands(|commands| commands.insert(tag.to_owned(), verb.to_owned()));
    }

    /// The command that this tag answers.
    pub fn answered(&self, tag: &str) -> Option<String> {
        self.commands(|commands| commands.remove(tag))
    }

    pub fn is_unanswered(&self, tag: &str) -> bool {
        self.commands(|commands| commands.contains_key(tag))
    }

    fn commands<T>(&self, work: impl FnOnce(&mut BTreeMap<String, String>) -> T) -> T {
        work(&mut self.unanswered.lock().expect("the commands under way"))
    }

    pub fn stall(&self) {
        self.stalled.store(true, Ordering::SeqCst);
    }

    pub fn is_stalled(&self) -> bool {
        self.stalled.load(Ordering::SeqCst)
    }

    /// Ends both connections; what was written before still arrives.
    pub fn cut(&self) {
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }

    /// Ends both connections, the client's with a reset: that goes out when the last of us lets the socket go.
    pub fn reset(&self) {
        let _ = SockRef::from(&self.client).set_linger(Some(Duration::ZERO));
        let _ = self.client.shutdown(Shutdown::Read);
        let _ = self.server.shutdown(Shutdown::Both);
    }
}
