//! A connection in clear or over rustls, for who reads in one thread and writes in another, as the bare pipe does.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use serde::{Deserialize, Serialize};

/// Octets taken from the socket at once.
const TAKEN_OCTETS: usize = 1 << 18;

/// Where a server of this machine is to be met.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Door {
    pub port: u16,
    /// Who has signed its certificate; in clear text without.
    pub authority: Option<PathBuf>,
}

impl Door {
    pub fn in_clear_text(port: u16) -> Door {
        Door { port, authority: None }
    }
}

/// What is read, and what is written, of one connection.
pub type Halves = (Box<dyn Read + Send>, Box<dyn Write + Send>);

/// Connects to a server.
pub fn connect(door: &Door) -> Halves {
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, door.port)).expect("connect to the server");
    socket.set_nodelay(true).expect("set TCP_NODELAY");
    let further = socket.try_clone().expect("a second handle");
    let Some(authority) = &door.authority else { return (Box::new(further), Box::new(socket)) };
    let mut connection = handshake(authority);
    while connection.is_handshaking() {
        connection.complete_io(&mut socket).expect("a TLS handshake");
    }
    let connection = Arc::new(Mutex::new(connection));
    let reader =
        Reader { connection: Arc::clone(&connection), socket: further, taken: vec![0; TAKEN_OCTETS], start: 0, end: 0 };
    (Box::new(reader), Box::new(Writer { connection, socket }))
}

fn handshake(authority: &Path) -> ClientConnection {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority).expect("a certificate")).expect("an authority");
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_safe_default_protocol_versions().expect("versions of TLS");
    let config = builder.with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    ClientConnection::new(Arc::new(config), name).expect("a connection")
}

fn locked(connection: &Mutex<ClientConnection>) -> MutexGuard<'_, ClientConnection> {
    connection.lock().expect("the connection")
}

/// It holds the connection only while it deciphers, and not while it waits.
struct Reader {
    connection: Arc<Mutex<ClientConnection>>,
    socket: TcpStream,
    taken: Vec<u8>,
    start: usize,
    end: usize,
}

impl Read for Reader {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut connection = locked(&self.connection);
            match connection.reader().read(room) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
            if self.start < self.end {
                let mut taken = &self.taken[self.start..self.end];
                self.start += connection.read_tls(&mut taken)?;
                connection.process_new_packets().map_err(io::Error::other)?;
                continue;
            }
            drop(connection);
            (self.start, self.end) = (0, self.socket.read(&mut self.taken)?);
            if self.end == 0 {
                return Ok(0);
            }
        }
    }
}

struct Writer {
    connection: Arc<Mutex<ClientConnection>>,
    socket: TcpStream,
}

impl Write for Writer {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let mut enciphered = Vec::new();
        let mut connection = locked(&self.connection);
        let count = connection.writer().write(octets)?;
        while connection.wants_write() {
            connection.write_tls(&mut enciphered)?;
        }
        drop(connection);
        self.socket.write_all(&enciphered)?;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
