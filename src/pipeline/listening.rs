//! Between two rounds of a watch: accounts that wish it are listened to, and have their turn as soon as something changes.
//!
//! What is heard is never believed: it brings the account's next turn nearer, and a turn lists what there is. Who cannot be listened
//! to (no connection is free, no IDLE, a broken line) has turns at the interval, as all others. And what happened between the last
//! listing and the first word of the server is no secret: the mailbox is compared when it is opened.

use super::Migration;
use crate::engine::Connector;
use crate::engine::commands::select::Opening;
use crate::engine::login::connect::Common;
use crate::error::{Error, Kind, Result};
use crate::model::secret::{Passwords, Purse};
use crate::model::{Account, MailboxName, Side, SyncPoint};
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// How long a free connection is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long it takes until a line that broke is tried again.
const RETRY: Duration = Duration::from_secs(60);

/// How often a wait looks whether it is over.
const LOOK: Duration = Duration::from_millis(200);

/// The accounts that are listened to.
#[derive(Default)]
pub struct Ears(Vec<Ear>);

/// One account's INBOX on its source.
struct Ear {
    account: Account,
    connector: Connector,
    passwords: Arc<dyn Passwords>,
    inbox: MailboxName,
    /// As it was listed last.
    known: SyncPoint,
}

impl Ears {
    /// Those of the run that wish it, whose last turn ended well, and whose INBOX was listed.
    pub fn of(migration: &Migration, well: &HashSet<&str>) -> Ears {
        let wishes = |account: &&Account| account.policy.idle && well.contains(&*account.name);
        let ears = migration.accounts.iter().filter(wishes).filter_map(|account| {
            let state = migration.store.account(&account.name).facing(account.direction());
            let inbox = state.mailboxes(Side::Source).ok()?.into_iter().find(|mailbox| mailbox.name.is_inbox())?;
            Some(Ear {
                account: account.clone(),
                connector: migration.connector(account, Side::Source).clone(),
                passwords: Arc::clone(&migration.passwords),
                known: inbox.sync_point?,
                inbox: inbox.name,
            })
        });
        Ears(ears.collect())
    }

    /// Listens from now on, until the result is dropped.
    pub fn listen(self) -> Listening {
        let (teller, heard) = mpsc::channel();
        let is_over = Arc::new(AtomicBool::new(false));
        for ear in self.0 {
            let (teller, is_over) = (teller.clone(), Arc::clone(&is_over));
            // What panics there is no failure of the watch: the account has its turns at the interval.
            thread::spawn(move || catch_unwind(AssertUnwindSafe(|| ear.listen(&is_over, &teller))));
        }
        Listening { heard, is_over }
    }
}

/// What is heard meanwhile. Nobody waits for those who listen: a server that is slow to greet holds up nothing.
pub struct Listening {
    heard: Receiver<Arc<str>>,
    is_over: Arc<AtomicBool>,
}

impl Listening {
    /// The accounts in which something changed, each once.
    pub fn heard(&self) -> Vec<Arc<str>> {
        self.heard.try_iter().collect()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
    }
}

impl Ear {
    fn listen(&self, is_over: &AtomicBool, teller: &Sender<Arc<str>>) {
        let goes_on = || !is_over.load(Ordering::SeqCst);
        while goes_on() {
            match self.hear(&goes_on) {
                Ok(true) => return drop(teller.send(Arc::clone(&self.account.name))),
                Ok(false) => {}
                Err(error) if matches!(error.kind(), Kind::Refused | Kind::Authentication | Kind::Authorization) => {
                    return tracing::info!(account = %self.account.name, "not listened to: {}", error.line());
                }
                Err(error) => {
                    tracing::info!(account = %self.account.name, "not listened to for a while: {}", error.line());
                    let since = Instant::now();
                    while goes_on() && since.elapsed() < RETRY {
                        thread::sleep(LOOK);
                    }
                }
            }
        }
    }

    /// Whether something changed, before it was over.
    fn hear(&self, goes_on: &dyn Fn() -> bool) -> Result<bool> {
        let purse = Purse { passwords: &*self.passwords, account: &self.account, side: Side::Source };
        let user = self.account.user(Side::Source);
        let session = self.connector.connect(user, &purse, &Common::default(), PATIENCE)?;
        let Some(mut session) = session else {
            return Err(Error::new(Kind::Connection, "no connection is free"));
        };
        if !session.offers_idle() {
            return Err(Error::new(Kind::Refused, "the server does not offer IDLE"));
        }
        let now = session.open(&self.inbox, Opening::Examine)?.sync_point;
        let changed = self.has_changed(now) || session.listen(goes_on)?;
        session.logout();
        Ok(changed)
    }

    fn has_changed(&self, now: SyncPoint) -> bool {
        let modseqs = self.known.highest_modseq.zip(now.highest_modseq);
        (self.known.uid_validity, self.known.uid_next, self.known.messages)
            != (now.uid_validity, now.uid_next, now.messages)
            || modseqs.is_some_and(|(before, now)| before != now)
    }
}
