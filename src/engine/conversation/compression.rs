//! Whether the connections to one server are compressed: what the settings wish, and what one connection found out.

use super::status::Status;
use crate::engine::wire::pace::{Pace, SLOW_LINE};
use crate::model::limits::Limits;
use crate::model::server::{Compress, Server};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Whether connections to one server are compressed; shared by all of them. Cheap to clone.
#[derive(Clone, Default)]
pub struct Compression(Arc<Shared>);

#[derive(Default)]
struct Shared {
    wish: Compress,
    server: String,
    /// All connections are to be compressed.
    wanted: AtomicBool,
    told: AtomicBool,
    news: Mutex<Option<String>>,
}

impl Compression {
    /// As the settings wish. With `auto`, a limit that makes the line slow is a slow line.
    pub fn new(server: &Server, limits: &Limits) -> Compression {
        let is_limited = limits.bandwidth.is_some_and(|rate| rate < SLOW_LINE);
        let wanted = match server.compress {
            Compress::Off => false,
            Compress::Auto => is_limited,
            Compress::On => true,
        };
        let (wish, wanted) = (server.compress, AtomicBool::new(wanted));
        Compression(Arc::new(Shared { wish, server: server.label(), wanted, ..Shared::default() }))
    }

    /// What is to be told, once.
    pub fn take_news(&self) -> Option<String> {
        self.0.news.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(in crate::engine) fn is_wanted(&self, pace: Pace) -> bool {
        match self.0.wish {
            Compress::Off => false,
            Compress::On => true,
            Compress::Auto => self.0.wanted.load(Ordering::Relaxed) || pace.slow().is_some(),
        }
    }

    pub(in crate::engine) fn tell(&self, text: impl FnOnce(&str) -> String) {
        if !self.0.told.swap(true, Ordering::Relaxed) {
            *self.0.news.lock().unwrap_or_else(PoisonError::into_inner) = Some(text(&self.0.server));
        }
    }

    pub(in crate::engine) fn refused(&self, status: &Status) {
        self.tell(|server| format!("{server} refused to compress ({}): going on without", status.text));
    }

    /// The other connections need not find out by themselves.
    pub(in crate::engine) fn agreed(&self, pace: Pace) {
        self.0.wanted.store(true, Ordering::Relaxed);
        if let (Compress::Auto, Some(rate)) = (self.0.wish, pace.slow()) {
            let rate = rate as f64 / 1e6;
            self.tell(|server| format!("a connection to {server} brings {rate:.1} MB/s: compressed from here on"));
        }
    }
}
