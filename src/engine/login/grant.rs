//! How many connections a server grants: to all accounts of the run, and to one user. Learnt from refusals of one more, and
//! remembered for the run.
//!
//! Nobody needs a second connection so much that an account may fail for it: who is refused while others of ours are open
//! waits for one of those.

use crate::engine::wire::budget::{Budget, Permits};
use crate::error::{Error, Kind};
use crate::model::server::Server;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How far the opening of a connection came.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Stage {
    Dial,
    /// TLS and the greeting: the server does not know yet who comes.
    Greet,
    LogIn,
}

/// A login that is refused for the moment, and does not say why, is believed to be refused for the others that its user has
/// open when that came so often in a row.
const VAGUE_REFUSALS: u32 = 2;

/// Texts of refusals that are about connections.
const ONE_TOO_MANY: &[&str] = &["too many", "maximum number of", "connection limit", "connections exceeded"];

/// What one server grants, in all and to each user. Cheap to clone.
#[derive(Clone)]
pub struct Grants(Arc<Shared>);

struct Shared {
    server: String,
    all: Budget,
    /// What a user got at most, once one more was refused.
    each: AtomicUsize,
    /// What it was learnt to grant, to a user or in all; 0 while nothing was.
    learnt: AtomicUsize,
    news: Mutex<Option<String>>,
}

/// What one account of that server has.
#[derive(Clone)]
pub struct Grant {
    own: Budget,
    vague: Arc<AtomicU32>,
}

impl Default for Grant {
    fn default() -> Self {
        Grant { own: Budget::new(usize::MAX), vague: Arc::default() }
    }
}

impl Grant {
    /// How many connections of the account are open.
    pub fn open(&self) -> usize {
        self.own.open()
    }

    /// A connection was granted.
    pub fn note_success(&self) {
        self.vague.store(0, Ordering::Relaxed);
    }
}

impl Grants {
    /// So many connections in all, until the server says otherwise.
    pub fn new(server: &Server, connections: usize) -> Grants {
        let (server, all) = (server.label(), Budget::new(connections));
        let each = AtomicUsize::new(usize::MAX);
        Grants(Arc::new(Shared { server, all, each, learnt: AtomicUsize::new(0), news: Mutex::default() }))
    }

    /// How many connections there may be in all.
    pub fn most(&self) -> usize {
        self.0.all.most()
    }

    /// How many connections the server was learnt to grant, to a user or in all; `None` while it refused none.
    pub fn learnt(&self) -> Option<usize> {
        Some(self.0.learnt.load(Ordering::Relaxed)).filter(|&learnt| learnt > 0)
    }

    /// No more than so many connections in all, because the settings say so.
    pub fn lower(&self, most: usize) {
        self.0.all.shrink(most);
    }

    /// The same for all who share them, and for nobody else.
    pub fn key(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// What is to be told, once.
    pub fn take_news(&self) -> Option<String> {
        self.0.news.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The right to one more connection of that account, waited for no longer than `patience`.
    pub fn acquire(&self, grant: &Grant, patience: Duration) -> Option<Permits> {
        grant.own.shrink(self.0.each.load(Ordering::Relaxed));
        let own = grant.own.acquire(patience)?;
        Some(vec![own, self.0.all.acquire(patience)?])
    }

    /// Whether the connection was refused because there are others of ours. Then there will not be as many again.
    pub fn refused_one_more(&self, grant: &Grant, stage: Stage, error: &Error) -> bool {
        if stage == Stage::Dial || !error.is_transient() || matches!(error.kind(), Kind::Throttled(Some(_))) {
            return false;
        }
        let text = error.summary().to_ascii_lowercase();
        let says_so = ONE_TOO_MANY.iter().any(|phrase| text.contains(phrase)) || text.contains("[limit]");
        // Before the login a server that goes away in this moment looks the same.
        let is_vague = stage == Stage::LogIn && matches!(error.kind(), Kind::Throttled(_));
        let is_believed = says_so || (is_vague && grant.vague.fetch_add(1, Ordering::Relaxed) + 1 >= VAGUE_REFUSALS);
        // The one that was refused has its permits back already.
        let (own, all) = (grant.own.open(), self.0.all.open());
        if !is_believed || all == 0 {
            return false;
        }
        if own > 0 {
            grant.own.shrink(own);
            self.0.each.fetch_min(own, Ordering::Relaxed);
            self.tell(own, " to a user", error);
            return true;
        }
        // A login is refused for what one user has open elsewhere: that is no matter of the others.
        let of_all = stage == Stage::Greet || (says_so && !text.contains("user"));
        if of_all && self.0.all.shrink(all) {
            self.tell(all, "", error);
        }
        of_all
    }

    fn tell(&self, most: usize, to_whom: &str, error: &Error) {
        let Shared { server, learnt, .. } = &*self.0;
        learnt.store(most, Ordering::Relaxed);
        let connections = if most == 1 { "connection" } else { "connections" };
        let text = format!(
            "{server} grants {most} {connections}{to_whom}: served with that from here on ({})",
            error.summary()
        );
        *self.0.news.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
    }
}
