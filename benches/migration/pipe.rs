//! The bare pipe: how fast the two servers can go. Whole messages stream from FETCH into MULTIAPPEND, download and
//! upload overlapped, nothing waited for that need not be. It keeps no state, checks nothing, and cannot go on.

use std::collections::VecDeque;
use std::io::{BufRead, BufWriter, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;

use serde::{Deserialize, Serialize};

use super::encrypted::Door;
use super::session::{Fetched, MESSAGE_ITEMS, Session, destination_namespace, quoted, source_namespace};

/// Messages of one FETCH and of one APPEND.
const BATCH: u32 = 50;
/// An APPEND ends when it has come to so many octets.
const APPEND_OCTETS: usize = 8 << 20;
/// FETCHes in flight on one connection.
const WINDOW: usize = 16;
/// Messages between download and upload.
const BELT: usize = 32;

/// What is to be copied, and how.
#[derive(Serialize, Deserialize)]
pub struct Job {
    pub source: Door,
    pub destination: Door,
    /// Name and password, the same on both sides.
    pub accounts: Vec<(String, String)>,
    /// Connections to each side at once.
    pub connections: usize,
}

/// Up to [`BATCH`] messages of a mailbox, by their sequence numbers.
struct Part {
    mailbox: usize,
    first: u32,
    last: u32,
}

/// What the downloads of an account share.
struct Work {
    mailboxes: Vec<String>,
    parts: Mutex<VecDeque<Part>>,
    window: usize,
}

/// For the upload: a message, or the end of a batch.
enum Piece {
    Message(usize, Fetched),
    End,
}

/// Copies all accounts: each connection takes whole accounts where there are several, and parts of the only one
/// otherwise.
pub fn run(job: &Job) {
    match job.accounts.as_slice() {
        [account] => copy(job, account, job.connections),
        accounts => {
            let waiting = Mutex::new(accounts.iter());
            thread::scope(|scope| {
                for _ in 0..job.connections {
                    scope.spawn(|| {
                        let next = || waiting.lock().expect("the accounts").next();
                        while let Some(account) = next() {
                            copy(job, account, 1);
                        }
                    });
                }
            });
        }
    }
}

fn copy(job: &Job, (user, password): &(String, String), connections: usize) {
    let sources = open_all(&job.source, user, password, connections);
    let destinations = open_all(&job.destination, user, password, connections);
    let [mut sources, mut destinations] = [sources, destinations].map(opened);
    let work = prepare(&mut sources[0], &mut destinations[0], connections);
    let pairs = sources.into_iter().zip(destinations);
    thread::scope(|scope| {
        for (source, destination) in pairs {
            let work = Arc::clone(&work);
            scope.spawn(move || {
                let (belt, pieces) = sync_channel(BELT);
                let mailboxes = Arc::clone(&work);
                let upload = thread::spawn(move || upload(destination, &mailboxes.mailboxes, &pieces));
                download(source, &work, &belt);
                drop(belt);
                upload.join().expect("the upload ends");
            });
        }
    });
}

type Opening = Vec<thread::JoinHandle<Session>>;

/// Sessions that are opened all at once.
fn open_all(door: &Door, user: &str, password: &str, count: usize) -> Opening {
    let open = |_| {
        let (door, user, password) = (door.clone(), user.to_owned(), password.to_owned());
        thread::spawn(move || Session::open(&door, &user, &password))
    };
    (0..count).map(open).collect()
}

fn opened(opening: Opening) -> Vec<Session> {
    opening.into_iter().map(|thread| thread.join().expect("a session")).collect()
}

/// Lists the source and makes its mailboxes on the destination: three round trips, however many there are.
fn prepare(source: &mut Session, destination: &mut Session, connections: usize) -> Arc<Work> {
    let mailboxes = source.mailboxes(&source_namespace());
    let mut last = String::new();
    for name in mailboxes.iter().filter(|name| *name != "INBOX") {
        last = destination.send(&format!("CREATE {}", quoted(&destination_namespace(), name)));
    }
    let mut parts = VecDeque::new();
    let names = mailboxes.iter().map(|name| quoted(&source_namespace(), name));
    let examined: Vec<String> = names.map(|name| source.send(&format!("EXAMINE {name}"))).collect();
    for (mailbox, tag) in examined.iter().enumerate() {
        let mut messages = 0;
        source.finish(tag, |response| messages = exists(&response.text).unwrap_or(messages));
        let firsts = (1..=messages).step_by(BATCH as usize);
        parts.extend(firsts.map(|first| Part { mailbox, first, last: messages.min(first + BATCH - 1) }));
    }
    if !last.is_empty() {
        destination.finish(&last, drop);
    }
    // No connection takes so many that the others have nothing to do at the end.
    let window = (parts.len() / (4 * connections)).clamp(2, WINDOW);
    Arc::new(Work { mailboxes, parts: Mutex::new(parts), window })
}

/// The number of `* n EXISTS`.
fn exists(text: &[u8]) -> Option<u32> {
    let text = String::from_utf8_lossy(text);
    text.strip_prefix("* ")?.trim_end().strip_suffix(" EXISTS")?.parse().ok()
}

fn download(mut session: Session, work: &Work, belt: &SyncSender<Piece>) {
    let mut in_flight = VecDeque::new();
    let mut open = None;
    loop {
        while in_flight.len() < work.window {
            let Some(part) = work.parts.lock().expect("the parts").pop_front() else { break };
            if open.replace(part.mailbox) != Some(part.mailbox) {
                session.send(&format!("EXAMINE {}", quoted(&source_namespace(), &work.mailboxes[part.mailbox])));
            }
            let tag = session.send(&format!("FETCH {}:{} {MESSAGE_ITEMS}", part.first, part.last));
            in_flight.push_back((tag, part.mailbox));
        }
        let Some((tag, mailbox)) = in_flight.pop_front() else { return };
        session.finish(&tag, |response| {
            if let Some(message) = Fetched::of(response) {
                belt.send(Piece::Message(mailbox, message)).expect("the upload goes on");
            }
        });
        belt.send(Piece::End).expect("the upload goes on");
    }
}

/// Sends all, and then waits for all answers; they are read meanwhile, so that the server is never held up.
fn upload(session: Session, mailboxes: &[String], pieces: &Receiver<Piece>) {
    let Session { mut reader, writer, .. } = session;
    let answers = thread::spawn(move || {
        let (mut answered, mut line) = (0u32, String::new());
        while reader.read_line(&mut line).expect("read from the destination") > 0 {
            let tagged = !line.starts_with('*');
            assert!(!tagged || line.contains(" OK"), "the destination refuses: {line}");
            if line.starts_with("end") {
                return answered;
            }
            answered += u32::from(tagged);
            line.clear();
        }
        panic!("the destination has closed the connection");
    });
    let sent = append_all(BufWriter::with_capacity(1 << 18, writer), mailboxes, pieces);
    assert_eq!(answers.join().expect("the answers"), sent, "APPENDs were not answered");
}

/// Returns how many commands were sent.
fn append_all(mut writer: impl Write, mailboxes: &[String], pieces: &Receiver<Piece>) -> u32 {
    let (mut commands, mut open, mut octets) = (0, false, 0);
    for piece in pieces {
        let Piece::Message(mailbox, message) = piece else {
            end(&mut writer, &mut open);
            continue;
        };
        if !open {
            (commands, open, octets) = (commands + 1, true, 0);
            let name = quoted(&destination_namespace(), &mailboxes[mailbox]);
            write!(writer, "a{commands} APPEND {name}").expect("send to the destination");
        }
        let (flags, length) = (message.flags.join(" "), message.octets.len());
        write!(writer, " ({flags}) \"{}\" {{{length}+}}\r\n", message.date).expect("send to the destination");
        writer.write_all(&message.octets).expect("send to the destination");
        octets += length;
        if octets > APPEND_OCTETS {
            end(&mut writer, &mut open);
        }
    }
    end(&mut writer, &mut open);
    writer.write_all(b"end NOOP\r\n").and_then(|()| writer.flush()).expect("send to the destination");
    commands
}

fn end(writer: &mut impl Write, open: &mut bool) {
    if std::mem::take(open) {
        writer.write_all(b"\r\n").and_then(|()| writer.flush()).expect("send to the destination");
    }
}
