//! An IMAP server in memory: honest by default, and it can be told to lie, to refuse and to break off.
//!
//! Each user is a [`Tenant`] with an account, a behaviour and a record of every command of their own, so that one run
//! of the program over many accounts is many cases at once. Any user and any password may log in, and a master user
//! opens any account (SASL authorization identity, or `user*master`). Without TLS.
//!
//! - [`account`]: mailboxes and messages, stored or produced when they are asked for.
//! - [`behaviour`]: what is not as it should be, as data.
//! - [`command`]: what a client says, token by token.
//! - [`connection`]: octets in and out: the record of commands, lies, cuts.
//! - [`gmail`]: an account with labels; [`gmail_house`]: what becomes there of messages that are brought to it.
//! - [`eager`]: commands that were sent ahead, worked on in any order.
//! - [`besides`]: rights of others and annotations.
//! - [`session`]: the commands, one function each; [`append`], [`fetch`], [`listing`] and [`relocate`] are the larger ones.

pub mod account;
pub mod append;
pub mod behaviour;
pub mod besides;
pub mod command;
pub mod connection;
pub mod eager;
pub mod fetch;
pub mod gmail;
pub mod gmail_house;
pub mod listing;
pub mod relocate;
pub mod session;

use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

use account::Account;
use behaviour::{Behaviour, Making, Rule, Then};

use super::state::AccountState;

/// A server on a free port, until the test process ends.
pub struct Fake {
    port: u16,
    tenants: Arc<Tenants>,
    door: Arc<Door>,
}

/// Who gets in at all.
pub struct Door {
    /// While it holds, the server is away: who comes is cut off, and who is there is so with the next command.
    absence: Mutex<Option<Absence>>,
    /// Connections open, and how many there may be.
    open: AtomicUsize,
    granted: AtomicUsize,
    granted_each: AtomicUsize,
    /// How long a session may last, and what is said when it ends.
    session_life: Mutex<Option<(Duration, Vec<u8>)>>,
    /// Those that logins brought.
    tokens: Mutex<Vec<String>>,
    /// What is said without end, and where.
    pours: Mutex<Option<(Threshold, Making)>>,
}

/// Where somebody stands who has not logged in yet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Threshold {
    Greeting,
    Login,
}

impl Door {
    /// What is said without end at that threshold.
    fn pours_at(&self, threshold: Threshold) -> Option<Making> {
        lock(&self.pours).as_ref().filter(|(at, _)| *at == threshold).map(|(_, make)| Arc::clone(make))
    }

    fn is_open(&self) -> bool {
        let absence = lock(&self.absence).clone();
        absence.is_none_or(|is_away| !is_away())
    }
}

/// Asked with each connection and each command.
type Absence = Arc<dyn Fn() -> bool + Send + Sync>;

type Tenants = Mutex<BTreeMap<String, Arc<Tenant>>>;

impl Fake {
    /// Starts to listen; each connection is served by a thread of its own.
    pub fn start() -> Fake {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let tenants = Arc::<Tenants>::default();
        let door = Arc::new(Door {
            absence: Mutex::default(),
            open: AtomicUsize::new(0),
            granted: AtomicUsize::new(usize::MAX),
            granted_each: AtomicUsize::new(usize::MAX),
            session_life: Mutex::default(),
            tokens: Mutex::default(),
            pours: Mutex::default(),
        });
        let (shared, entrance) = (Arc::clone(&tenants), Arc::clone(&door));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (tenants, door) = (Arc::clone(&shared), Arc::clone(&entrance));
                // A connection that breaks is the client's affair.
                thread::spawn(move || session::serve(stream, &tenants, &door));
            }
        });
        Fake { port, tenants, door }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The server is away whenever that holds. It is asked with each connection and each command, so that it goes and
    /// comes back just where a run is to meet it, however fast the machine is.
    pub fn be_away_while(&self, is_away: impl Fn() -> bool + Send + Sync + 'static) {
        *lock(&self.door.absence) = Some(Arc::new(is_away));
    }

    /// It is there again, and stays.
    pub fn be_back(&self) {
        *lock(&self.door.absence) = None;
    }

    /// At that threshold it says no end of things, made from how many came before, or nothing more of that.
    pub fn pour_at(&self, threshold: Threshold, make: Option<Making>) {
        *lock(&self.door.pours) = make.map(|make| (threshold, make));
    }

    /// It grants so many connections in all: one more is told so in its greeting.
    pub fn grant(&self, connections: usize) {
        self.door.granted.store(connections, Ordering::SeqCst);
    }

    /// It grants so many connections to each user: one more is told so at its login.
    pub fn grant_each(&self, connections: usize) {
        self.door.granted_each.store(connections, Ordering::SeqCst);
    }

    /// Each session ends with these octets so long after its login, before the next command is done, or in the midst of
    /// a FETCH.
    pub fn end_sessions_after(&self, life: Duration, octets: &[u8]) {
        *lock(&self.door.session_life) = Some((life, octets.to_vec()));
    }

    /// The tokens that logins brought (XOAUTH2), in their order.
    pub fn tokens(&self) -> Vec<String> {
        lock(&self.door.tokens).clone()
    }

    /// The user of that name, made with an empty INBOX at the first mention.
    pub fn tenant(&self, name: &str) -> Arc<Tenant> {
        tenant(&self.tenants, name)
    }

    /// Whoever asks for `other` is given the mailboxes of `name`, as by a proxy that drops the authorization identity.
    pub fn confuses(&self, other: &str, name: &str) {
        let tenant = self.tenant(name);
        lock(&self.tenants).insert(other.to_owned(), tenant);
    }
}

fn tenant(tenants: &Tenants, name: &str) -> Arc<Tenant> {
    Arc::clone(lock(tenants).entry(name.to_owned()).or_insert_with(|| Arc::new(Tenant::named(name))))
}

/// A test that panicked elsewhere says so itself.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One user of a fake server.
#[derive(Default)]
pub struct Tenant {
    account: Mutex<Account>,
    behaviour: RwLock<Arc<Behaviour>>,
    /// How often each rule of the behaviour was met.
    met: Mutex<HashMap<usize, u32>>,
    heard: Mutex<Vec<Vec<u8>>>,
    /// Connections open.
    open: AtomicUsize,
}

impl Tenant {
    /// No two users have mailboxes of one UIDVALIDITY, or they would be taken for one.
    fn named(name: &str) -> Tenant {
        let number = name.bytes().fold(7u32, |sum, octet| sum.wrapping_mul(31).wrapping_add(u32::from(octet)));
        let account = Account::numbered_from(1_700_000_000 + number % 500_000 * 100);
        Tenant { account: Mutex::new(account), ..Tenant::default() }
    }

    /// What the user has: may be changed at any time.
    pub fn account(&self) -> MutexGuard<'_, Account> {
        lock(&self.account)
    }

    /// All that is in the account, as the other servers' accounts are seen.
    pub fn state(&self) -> AccountState {
        self.account().state()
    }

    /// How the server behaves towards this user from the next command on.
    pub fn behave(&self, behaviour: Behaviour) {
        *self.behaviour.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(behaviour);
        lock(&self.met).clear();
    }

    /// Whether it misbehaved since it was told how to.
    pub fn met_any_rule(&self) -> bool {
        !lock(&self.met).is_empty()
    }

    fn behaviour(&self) -> Arc<Behaviour> {
        Arc::clone(&self.behaviour.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Every command that came, over all connections: without its tag, its literals replaced by their announcement.
    pub fn commands(&self) -> Vec<String> {
        lock(&self.heard).iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect()
    }

    /// Forgets the commands that came until now.
    pub fn forget_commands(&self) {
        lock(&self.heard).clear();
    }

    fn hear(&self, line: &[u8]) {
        lock(&self.heard).push(line.to_vec());
    }

    /// What becomes of a login where it is not let in.
    fn bars(&self) -> Option<Then> {
        let then = self.behaviour().login.clone();
        if then.is_some() {
            lock(&self.met).insert(usize::MAX, 1);
        }
        then
    }

    /// The first rule that applies to a command now, among those that `kind` is about.
    fn rule(&self, said: &Said<'_>, kind: impl Fn(&Then) -> bool) -> Option<Then> {
        let behaviour = self.behaviour();
        let mut met = lock(&self.met);
        for (index, rule) in behaviour.rules.iter().enumerate() {
            if kind(&rule.then) && said.is_meant_by(rule) {
                let count = met.entry(index).or_insert(0);
                *count += 1;
                if rule.when.applies(*count) {
                    return Some(rule.then.clone());
                }
            }
        }
        None
    }
}

/// A command as rules see it.
struct Said<'a> {
    line: &'a [u8],
    literals: &'a [Vec<u8>],
    /// The mailbox that is open, where that is known.
    open: Option<&'a [u8]>,
}

impl Said<'_> {
    fn is_meant_by(&self, rule: &Rule) -> bool {
        let holds = |needle: &str| {
            let mut places = std::iter::once(self.line).chain(self.literals.iter().map(Vec::as_slice));
            places.any(|octets| memchr::memmem::find(octets, needle.as_bytes()).is_some())
        };
        let is_within = |mailbox: &str| self.open == Some(mailbox.as_bytes());
        self.line.starts_with(rule.begins.as_bytes())
            && rule.holds.as_deref().is_none_or(holds)
            && rule.within.as_deref().is_none_or(is_within)
    }
}
