//! Tells those who are not looking: by commands and webhooks, one after the other, in a thread of its own. The run never
//! waits for it but at its end, and never fails because of it.
//!
//! Invariants:
//! 1. Of accounts that fail each is told in a digest: one of a kind in [`DIGEST_INTERVAL`], however many there are.
//! 2. Every telling has an end, and the end of the run waits [`END_PATIENCE`] at most.
//! 3. Who is told is who was named last ([`Herald::follow`]), also of what happened before that and was not told yet.

use super::hook;
use crate::engine::webhook::{self, Message};
use crate::error::Result;
use crate::model::notify::{Audience, News, Occasion, Way};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The form of what is told: raised when a field changes its meaning or goes.
const SCHEMA: u32 = 1;

/// Between two digests of a kind.
pub const DIGEST_INTERVAL: Duration = Duration::from_secs(600);

/// Accounts that a digest names; the rest is counted.
const NAMED: usize = 200;

/// What waits to be told. Beyond, it is lost: the state and the report have it all.
const QUEUE: usize = 1000;

/// How long the end of a run waits until all is told: as long as a command may take, and a little.
const END_PATIENCE: Duration = Duration::from_secs(40);

/// Before another try of a webhook that did not take it.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];

/// Who speaks.
#[derive(Clone, Debug)]
pub struct Speaker {
    pub run: String,
    pub command: String,
    /// Told what could not be told.
    pub complain: fn(&str),
}

enum Order {
    Tell(News),
    /// The occasion, and the exit status with which it ended.
    Now(Occasion, Option<u8>),
}

/// The thread's other end.
pub struct Herald {
    orders: Option<SyncSender<Order>>,
    over: Receiver<()>,
    audience: Arc<Mutex<Audience>>,
}

impl Herald {
    /// Begins to tell them.
    pub fn start(audience: Audience, speaker: Speaker) -> Herald {
        let (orders, received) = sync_channel(QUEUE);
        let (end, over) = channel();
        let audience = Arc::new(Mutex::new(audience));
        let told = audience.clone();
        thread::spawn(move || {
            // Dropped however this thread ends, by which the one who waits knows.
            let _end = end;
            serve(&told, &speaker, &received);
        });
        Herald { orders: Some(orders), over, audience }
    }

    /// From now on these are told, and nobody else.
    pub fn follow(&self, audience: Audience) {
        *self.audience.lock().unwrap_or_else(PoisonError::into_inner) = audience;
    }

    /// The run has begun.
    pub fn begin(&self) {
        self.send(Order::Now(Occasion::RunStarted, None));
    }

    /// Something happened to an account.
    pub fn tell(&self, news: News) {
        self.send(Order::Tell(news));
    }

    /// The run has ended so. Waits until that is told, within bounds.
    pub fn end(mut self, exit_status: u8) {
        self.send(Order::Now(Occasion::RunFinished, Some(exit_status)));
        self.orders = None;
        let _ = self.over.recv_timeout(END_PATIENCE);
    }

    fn send(&self, order: Order) {
        if let Some(orders) = &self.orders {
            let _ = orders.try_send(order);
        }
    }
}

/// What is to be told of one occasion, until it is time.
#[derive(Default)]
struct Digest {
    news: Vec<News>,
    more: u64,
    told: Option<Instant>,
}

impl Digest {
    fn add(&mut self, news: News) {
        match self.news.len() < NAMED {
            true => self.news.push(news),
            false => self.more += 1,
        }
    }

    /// What is told now, if it is time.
    fn due(&mut self, now: Instant, is_end: bool) -> Option<(Vec<News>, u64)> {
        let is_time = is_end || self.told.is_none_or(|told| now - told >= DIGEST_INTERVAL);
        if self.news.is_empty() || !is_time {
            return None;
        }
        self.told = Some(now);
        Some((std::mem::take(&mut self.news), std::mem::take(&mut self.more)))
    }
}

fn serve(audience: &Mutex<Audience>, speaker: &Speaker, orders: &Receiver<Order>) {
    let mut digests = Occasion::ALL.map(|occasion| (occasion, Digest::default()));
    let mut is_open = true;
    while is_open {
        match orders.recv_timeout(Duration::from_secs(1)) {
            Ok(Order::Tell(news)) => {
                if let Some((_, digest)) = digests.iter_mut().find(|(occasion, _)| *occasion == news.occasion) {
                    digest.add(news);
                }
                // What comes together is told together.
                continue;
            }
            Ok(Order::Now(occasion, status)) => {
                tell_digests(audience, speaker, &mut digests, occasion == Occasion::RunFinished);
                tell(audience, speaker, occasion, (&[], 0), status);
            }
            Err(RecvTimeoutError::Timeout) => tell_digests(audience, speaker, &mut digests, false),
            Err(RecvTimeoutError::Disconnected) => is_open = false,
        }
    }
    tell_digests(audience, speaker, &mut digests, true);
}

fn tell_digests(audience: &Mutex<Audience>, speaker: &Speaker, digests: &mut [(Occasion, Digest)], is_end: bool) {
    for (occasion, digest) in digests {
        if let Some((news, more)) = digest.due(Instant::now(), is_end) {
            tell(audience, speaker, *occasion, (&news, more), None);
        }
    }
}

fn tell(audience: &Mutex<Audience>, speaker: &Speaker, occasion: Occasion, news: (&[News], u64), status: Option<u8>) {
    // Nobody who follows other settings waits for what is being told.
    let Audience { notifies, hidden } = audience.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for notify in notifies.iter().filter(|notify| notify.on.contains(&occasion)) {
        let message = message(speaker, occasion, news, status);
        if let Err(error) = deliver(&notify.way, (speaker, &hidden), occasion, status, &message) {
            let (name, word) = (notify.way.name(), occasion.word());
            (speaker.complain)(&format!("{name} was not told of {word}: {}", error.summary()));
        }
    }
}

fn message(speaker: &Speaker, occasion: Occasion, (news, more): (&[News], u64), status: Option<u8>) -> Value {
    let account = |it: &News| json!({ "account": it.subject, "error": it.error, "hint": it.hint });
    let (waves, accounts): (Vec<&News>, Vec<&News>) = news.iter().partition(|news| news.occasion.is_of_waves());
    json!({
        "type": format!("mailferry.{}", occasion.word()),
        "timestamp": Timestamp::now().to_string(),
        "data": {
            "schema": SCHEMA,
            "run": speaker.run,
            "command": speaker.command,
            "exit_status": status,
            "waves": waves.iter().map(|news| &news.subject).collect::<Vec<_>>(),
            "accounts": accounts.into_iter().map(account).collect::<Vec<_>>(),
            "accounts_not_named": more,
        },
    })
}

fn deliver(
    way: &Way,
    (speaker, hidden): (&Speaker, &[String]),
    occasion: Occasion,
    status: Option<u8>,
    message: &Value,
) -> Result<()> {
    match way {
        Way::Command { arguments, directory } => {
            let status = status.map_or_else(String::new, |status| status.to_string());
            let told = [("MAILFERRY_EVENT", occasion.word()), ("MAILFERRY_EXIT_STATUS", &status)];
            hook::run(arguments, directory, hidden, &told, &message.to_string())
        }
        Way::Webhook { url, secret } => {
            let (now, body) = (Timestamp::now(), message.to_string());
            let id = format!("msg_{}_{}", speaker.run, now.as_nanosecond());
            let message = Message { id: &id, time: now.as_second(), body: &body };
            let post = || webhook::post(url, secret, &message);
            PAUSES.into_iter().fold(post(), |result, pause| {
                result.or_else(|error| {
                    if !error.is_transient() {
                        return Err(error);
                    }
                    thread::sleep(pause);
                    post()
                })
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::notify::Notify;
    use std::fs;
    use std::path::Path;

    fn news(account: &str) -> News {
        let (subject, error) = (account.to_owned(), "could not log in".to_owned());
        News { occasion: Occasion::AccountBlocked, subject, error, hint: None }
    }

    /// Holds pipeline/herald.rs invariant 1.
    #[test]
    fn digest_is_told_at_once_and_then_now_and_then() {
        let (mut digest, start) = (Digest::default(), Instant::now());
        assert_eq!(digest.due(start, true), None);
        digest.add(news("alice"));
        assert_eq!(digest.due(start, false), Some((vec![news("alice")], 0)));
        (0..5000).for_each(|_| digest.add(news("bob")));
        assert_eq!(digest.due(start + DIGEST_INTERVAL / 2, false), None);
        let (named, more) = digest.due(start + DIGEST_INTERVAL, false).unwrap();
        assert_eq!((named.len(), more), (NAMED, 5000 - NAMED as u64));
        digest.add(news("carol"));
        assert!(digest.due(start + DIGEST_INTERVAL, true).is_some(), "at the end all is told");
    }

    fn speaker() -> Speaker {
        Speaker { run: "7-1".to_owned(), command: "sync".to_owned(), complain: |_| {} }
    }

    fn audience(on: Vec<Occasion>, script: &str, directory: &Path) -> Audience {
        let arguments = ["sh", "-c", script].map(str::to_owned).to_vec();
        let way = Way::Command { arguments, directory: directory.to_owned() };
        Audience { notifies: vec![Notify { on, way }], hidden: Vec::new() }
    }

    /// Holds pipeline/herald.rs invariant 3.
    #[test]
    fn who_was_named_last_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let to = |script| audience(vec![Occasion::RunStarted, Occasion::RunFinished], script, directory.path());
        let herald = Herald::start(to("cat >> before"), speaker());
        herald.follow(to("cat >> after"));
        herald.begin();
        herald.end(0);
        assert!(!directory.path().join("before").exists(), "nobody else is told");
        let told = fs::read_to_string(directory.path().join("after")).unwrap();
        assert!(told.contains("run.started") && told.contains("run.finished"), "{told}");
    }

    #[test]
    fn command_is_told_of_what_it_wants_to_know_with_all_accounts_in_one() {
        let directory = tempfile::tempdir().unwrap();
        let script = "cat >> told; echo >> told; echo \"$MAILFERRY_EVENT $MAILFERRY_EXIT_STATUS\" >> variables";
        let on = vec![Occasion::AccountBlocked, Occasion::RunFinished];
        let herald = Herald::start(audience(on, script, directory.path()), speaker());
        herald.begin();
        ["alice", "bob"].into_iter().for_each(|account| herald.tell(news(account)));
        herald.tell(News { occasion: Occasion::AccountFailed, ..news("nobody asked") });
        herald.end(3);
        let variables = fs::read_to_string(directory.path().join("variables")).unwrap();
        assert_eq!(variables, "account.blocked \nrun.finished 3\n");
        let told = fs::read_to_string(directory.path().join("told")).unwrap();
        let told: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(told[0]["data"]["accounts"][1]["account"], "bob");
        assert_eq!((&told[1]["type"], &told[1]["data"]["exit_status"]), (&json!("mailferry.run.finished"), &json!(3)));
    }
}
