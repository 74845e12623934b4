//! Removals from many mailboxes of the destination, over several connections, each with what is next on its way while the last
//! answers of what was before come: a mailbox costs about one round trip of one of them, and not one for each command. At the end
//! all are looked into at once, to see what is gone.
//!
//! Only what goes straight through is done here, on servers that keep the order of commands. What is not as it should be, or
//! breaks, is left to who does one mailbox after the other ([`super::purge`]), and tells why.
//!
//! Invariants:
//! 1. Nothing that changes a mailbox is sent before that mailbox was opened, has the UIDVALIDITY of the plan, and has shown the
//!    very messages that are meant; and it stays open until all of it is answered.
//! 2. Only messages that are the ones which are meant, and bear the flags that they were listed with where a change is stronger: those
//!    are expunged, or moved to the trash, by one command or two that wait for no answer. A mailbox of which one message is otherwise, and
//!    what is only marked, goes after the others.
//! 3. What is not seen to be gone, in a mailbox that has still the UIDVALIDITY of the plan, stays in the order.

use super::disposal::Leaving;
use super::looking::{Question, look_into};
use super::removal::{Order, WINDOW, check};
use super::share::Share;
use crate::engine::Session;
use crate::engine::commands::fetch::IDENTITY_ITEMS;
use crate::engine::commands::select::Opening;
use crate::engine::conversation::session::Tag;
use crate::error::Result;
use crate::model::{Listed, Presence, Side, Uid, UidSet};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::survey::recognise::finish_described;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Mailboxes that are worth a further connection: its login takes as long as some of them.
const ORDERS_PER_LANE: usize = 3;

/// Does of these orders what goes straight through. Of each it is told what is not there any more.
///
/// # Errors
/// What ends the account's work, when all was sent: what is gone is found by the next run.
pub(super) fn clear(access: &Access<'_>, orders: &[Order<'_>]) -> Result<Vec<HashSet<Uid>>> {
    let mut gone = vec![HashSet::new(); orders.len()];
    let expunged = if orders.len() > 1 { expunge(access, orders) } else { Vec::new() };
    let questions: Vec<Question<'_>> = expunged.iter().map(|number| question(&orders[*number])).collect();
    for (number, sighting) in expunged.iter().zip(look_into(access, Side::Destination, &questions)?) {
        // Why not, is told by who does the rest.
        let Ok(sighting) = sighting else { continue };
        let uids = orders[*number].targets.keys().copied();
        gone[*number] = uids.filter(|uid| sighting.of(*uid) == Presence::NotThere).collect();
    }
    Ok(gone)
}

fn question<'o>(order: &'o Order<'_>) -> Question<'o> {
    Question { mailbox: order.mailbox, validity: order.validity, uids: order.uids() }
}

/// Expunges over as many lanes as are worth it; returns the numbers of the orders of which all was answered with OK.
fn expunge(access: &Access<'_>, orders: &[Order<'_>]) -> Vec<usize> {
    let work = Work { access, orders, next: AtomicUsize::new(0), expunged: Mutex::default() };
    if let Ok(session) = access.session(Side::Destination) {
        let share = Share::new(access.migration, access.account, orders.len(), access.gauge.latency());
        let lanes = share.lanes.min(orders.len().div_ceil(ORDERS_PER_LANE));
        thread::scope(|scope| {
            for _ in 1..lanes {
                scope.spawn(|| access.spare_session(Side::Destination).into_iter().for_each(|it| work.go_through(it)));
            }
            work.go_through(session);
        });
    }
    work.expunged.into_inner().unwrap_or_else(PoisonError::into_inner)
}

struct Work<'a> {
    access: &'a Access<'a>,
    orders: &'a [Order<'a>],
    next: AtomicUsize,
    expunged: Mutex<Vec<usize>>,
}

impl<'a> Work<'a> {
    /// The next order that can go straight through.
    fn next(&self, session: &Session) -> Option<(usize, &'a Order<'a>)> {
        let most = WINDOW.min(session.most_messages());
        while session.keeps_order() && self.access.go_on().is_ok() {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let order = self.orders.get(number)?;
            if Leaving::goes_straight(session, order.fate) && order.targets.len() as u64 <= most {
                return Some((number, order));
            }
        }
        None
    }

    /// A lane: what breaks it is met again by who does the rest.
    fn go_through(&self, mut session: Session) {
        if self.clear_all(&mut session).is_err() {
            // Answers may be on their way that belong to nobody any more.
            session.kill();
        }
        self.access.give_back(Side::Destination, session);
    }

    fn clear_all(&self, session: &mut Session) -> Result<()> {
        let mut before: Option<(usize, Leaving)> = None;
        loop {
            let next = self.next(session);
            let opening = match next {
                Some((number, order)) => Some((number, Looking::begin(session, order)?)),
                None => None,
            };
            if let Some((number, leaving)) = before.take() {
                self.conclude(session, number, leaving)?;
            }
            let Some((number, looking)) = opening else { return Ok(()) };
            before = looking.finish(session)?.map(|leaving| (number, leaving));
        }
    }

    fn conclude(&self, session: &mut Session, number: usize, leaving: Leaving) -> Result<()> {
        match leaving.finish(session) {
            Ok(()) => self.expunged.lock().unwrap_or_else(PoisonError::into_inner).push(number),
            Err(error) if !session.is_alive() => return Err(error),
            Err(_) => {}
        }
        Ok(())
    }
}

/// A mailbox that is being opened, and looked at.
struct Looking<'a> {
    order: &'a Order<'a>,
    uids: UidSet,
    open: Tag,
    fetch: Tag,
}

impl<'a> Looking<'a> {
    fn begin(session: &mut Session, order: &'a Order<'a>) -> Result<Looking<'a>> {
        let uids = order.uids();
        let open = session.send_open(&order.mailbox.raw, Opening::Select)?;
        let fetch = session.send_fetch(&uids, IDENTITY_ITEMS)?;
        Ok(Looking { order, uids, open, fetch })
    }

    /// Begins to remove them, if all is as it should be (invariants 1 and 2).
    fn finish(self, session: &mut Session) -> Result<Option<Leaving>> {
        let Looking { order, uids, open, fetch } = self;
        let opened = session.finish_open(open, order.mailbox);
        if !session.is_alive() {
            return opened.map(|_| None);
        }
        if opened.and_then(|opened| check(&opened, order.validity, Opening::Select)).is_err() {
            // What is answered to a FETCH without a mailbox says nothing.
            return session.finish(fetch, |_| Ok(())).map(|_| None);
        }
        let mut there = HashMap::new();
        let shown = finish_described(session, fetch, &mut there);
        if !session.is_alive() {
            return shown.map(|()| None);
        }
        let is_same = |(uid, listed): (&Uid, &Listed)| {
            there.get(uid).is_some_and(|(found, flags)| found == listed && order.fate.is_as_listed(*uid, flags))
        };
        match shown.is_ok() && order.targets.iter().all(is_same) {
            true => Leaving::begin(session, &uids, order.fate).map(Some),
            false => Ok(None),
        }
    }
}
