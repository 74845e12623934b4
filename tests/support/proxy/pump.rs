//! One direction of a connection: octets in, places noticed, faults made, octets out.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::fault::Fault;
use super::link::Link;
use super::place::{Moment, Place, Role};
use super::plan::{Blow, Plan};
use super::{Scanner, Step};
use crate::support::process::poll;

/// So many octets drip after [`Fault::Drip`], one at a time.
const DRIP_OCTETS: usize = 300;
const DRIP_PAUSE: Duration = Duration::from_millis(2);

/// How long a server may take to answer it; one that has ended the connection never does.
const LATE_ANSWER: Duration = Duration::from_secs(120);

const STALL_INTERVAL: Duration = Duration::from_millis(20);

/// No IMAP, in three ways: a line that answers nothing, octets that are no text, and no line end.
const GARBAGE: &[u8] = b"\x00\xff\xfe(((}{ \"\\ nonsense\r\n* )) 99999999999999999999 {\r\n\xc3\x28";

/// Moves one direction.
pub struct Pump {
    role: Role,
    link: Arc<Link>,
    scanner: Box<dyn Scanner>,
    from_client: bool,
    plan: Arc<Plan>,
    /// What is to be written before the next read.
    output: Vec<u8>,
    /// Until this place nothing passes.
    dropping: Option<(Moment, Option<String>)>,
    dripping: usize,
}

impl Pump {
    pub fn new(role: Role, link: Arc<Link>, scanner: Box<dyn Scanner>, from_client: bool, plan: Arc<Plan>) -> Pump {
        Pump { role, link, scanner, from_client, plan, output: Vec::new(), dropping: None, dripping: 0 }
    }

    /// Moves until either end closes.
    pub fn run(mut self) {
        if self.move_all().is_ok() {
            self.link.cut();
        }
    }

    /// An error is the end of the connection that somebody else has seen to.
    fn move_all(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; 32 << 10];
        loop {
            let mut from = if self.from_client { &self.link.client } else { &self.link.server };
            let count = from.read(&mut buffer).unwrap_or(0);
            if self.link.is_stalled() {
                // What was read is lost: let go now, it would come after all is over.
                self.hold_while_stalled();
                return self.end(Link::cut);
            }
            if count == 0 {
                return Ok(());
            }
            for step in self.scanner.feed(&buffer[..count]) {
                self.perform(step)?;
            }
            self.flush()?;
        }
    }

    fn perform(&mut self, step: Step) -> io::Result<()> {
        match step {
            Step::Octets(octets) => {
                if self.dropping.is_none() {
                    self.output.extend_from_slice(&octets);
                }
                Ok(())
            }
            Step::Place { moment, subject, tag } => self.arrive(moment, subject, &tag),
        }
    }

    fn arrive(&mut self, moment: Moment, subject: String, tag: &str) -> io::Result<()> {
        if let Some((until, answer)) = &self.dropping {
            if *until == moment {
                let answer = answer.clone();
                self.dropping = None;
                answer.map_or(Ok(()), |answer| self.tell_client(answer.as_bytes()))?;
            }
            return Ok(());
        }
        if self.role == Role::Destination && subject == "SELECT" {
            match moment {
                Moment::Command => self.plan.hold_second_look(),
                Moment::BeforeAnswer => self.plan.looked(),
                _ => {}
            }
        }
        let place = Place { role: self.role, moment, subject };
        if self.plan.gate.stands_at(&place) {
            self.flush()?;
            if !self.plan.gate.pass(&place) {
                return self.end(Link::cut);
            }
        }
        let Some(blow) = self.plan.arrive(place) else { return Ok(()) };
        self.flush()?;
        self.strike(blow, tag)
    }

    fn strike(&mut self, blow: Blow, tag: &str) -> io::Result<()> {
        match blow.fault {
            Fault::Cut => self.end(Link::cut),
            Fault::Reset => self.end(Link::reset),
            Fault::Stall => {
                self.link.stall();
                self.hold_while_stalled();
                self.end(Link::cut)
            }
            Fault::Drip => {
                self.dripping = DRIP_OCTETS;
                Ok(())
            }
            Fault::Bye => {
                self.tell_client(b"* BYE the server goes down\r\n")?;
                self.end(Link::cut)
            }
            Fault::Garbage => self.tell_client(GARBAGE),
            Fault::Refuse => self.refuse(tag, "NO not now"),
            Fault::Busy => self.refuse(tag, "NO [INUSE] somebody else is at it"),
            Fault::Full => self.refuse(tag, "NO [OVERQUOTA] no room left"),
            Fault::Bad => self.refuse(tag, "BAD what is that"),
            Fault::Deny => {
                self.dropping = Some((Moment::AfterAnswer, None));
                self.tell_client(format!("{tag} NO it did not work\r\n").as_bytes())
            }
            Fault::Swallow => {
                self.dropping = Some((Moment::AfterAnswer, None));
                Ok(())
            }
            Fault::Kill => {
                self.plan.kill();
                Ok(())
            }
            Fault::Late => {
                let plan = Arc::clone(&self.plan);
                self.deliver_late(tag, || plan.wait_until_looked())
            }
            Fault::TooLate => {
                let plan = Arc::clone(&self.plan);
                self.deliver_late(tag, || plan.wait_until_disarmed())
            }
            Fault::Hook => {
                blow.hook.into_iter().for_each(|hook| hook());
                Ok(())
            }
        }
    }

    /// Answers in the server's place. The command does not pass, nor do its literals.
    fn refuse(&mut self, tag: &str, answer: &str) -> io::Result<()> {
        let answer = format!("{tag} {answer}\r\n");
        self.link.answered(tag);
        // The line that was refused stands in the steps behind this place, and must not pass either.
        self.dropping = Some((Moment::CommandSent, Some(answer.clone())));
        if self.scanner.refuse(tag) {
            self.dropping = Some((Moment::Command, None));
            self.tell_client(answer.as_bytes())?;
        }
        Ok(())
    }

    /// The client is cut off; the server gets the rest of the command after a while, and may answer it.
    fn deliver_late(&mut self, tag: &str, wait: impl FnOnce()) -> io::Result<()> {
        let _ = self.link.client.shutdown(Shutdown::Both);
        wait();
        let delivered = (&self.link.server).write_all(b"\r\n");
        poll(LATE_ANSWER, || (!self.link.is_unanswered(tag)).then_some(()));
        self.plan.late_delivery_ended();
        delivered?;
        self.end(Link::cut)
    }

    fn end(&self, how: impl FnOnce(&Link)) -> io::Result<()> {
        how(&self.link);
        Err(io::ErrorKind::ConnectionAborted.into())
    }

    fn hold_while_stalled(&self) {
        while self.link.is_stalled() && self.plan.is_armed() {
            thread::sleep(STALL_INTERVAL);
        }
    }

    /// Writes to the client, whichever direction this is.
    fn tell_client(&self, octets: &[u8]) -> io::Result<()> {
        (&self.link.client).write_all(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        let output = std::mem::take(&mut self.output);
        let mut to = if self.from_client { &self.link.server } else { &self.link.client };
        let slow = self.dripping.min(output.len());
        for octet in &output[..slow] {
            to.write_all(&[*octet])?;
            thread::sleep(DRIP_PAUSE);
        }
        self.dripping -= slow;
        let written = to.write_all(&output[slow..]);
        // A server's answers to a late command have nobody to go to, and must still be read.
        if self.from_client { written } else { Ok(()) }
    }
}
