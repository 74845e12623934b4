//! What a fake server does that it should not, as data: refusals, lies, alterations, cuts.

use std::sync::Arc;
use std::time::Duration;

/// What an honest server of today can do.
pub const CAPABILITIES: &str = "IMAP4rev1 SASL-IR ID ENABLE IDLE LITERAL+ NAMESPACE UIDPLUS MOVE MULTIAPPEND LIST-EXTENDED \
    LIST-STATUS SPECIAL-USE CONDSTORE QRESYNC ESEARCH UNSELECT CHILDREN AUTH=PLAIN AUTH=XOAUTH2";

/// Turns one response (with its CRLF and literals) to a command into what is sent instead.
pub type Lie = Arc<dyn Fn(&str, Vec<u8>) -> Vec<u8> + Send + Sync>;

/// What becomes of the octets of an appended message.
pub type Keeping = Arc<dyn Fn(&[u8]) -> Kept + Send + Sync>;

/// By which command flags come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FlagsBy {
    Append,
    Store,
}

/// Whether a flag is kept that comes by that command; what is not is dropped with an OK.
pub type KeepingFlags = Arc<dyn Fn(FlagsBy, &str) -> bool + Send + Sync>;

/// What comes next, from how many came before.
pub type Making = Arc<dyn Fn(u64) -> Vec<u8> + Send + Sync>;

/// The code of an accepted APPEND, from UIDVALIDITY and UIDs.
pub type AppendCode = Arc<dyn Fn(u32, &[u32]) -> String + Send + Sync>;

/// How a server behaves towards one user.
#[derive(Clone)]
pub struct Behaviour {
    /// The capabilities after login.
    pub capabilities: String,
    /// Whether they are told in the answer to the login, or only when they are asked for.
    pub tells_capabilities: bool,
    /// What becomes of each login instead of being let in.
    pub login: Option<Then>,
    /// The first that applies is followed.
    pub rules: Vec<Rule>,
    pub lie: Option<Lie>,
    /// What becomes of the octets of an appended message.
    pub keeps: Option<Keeping>,
    /// Which flags are kept: all, where it is not said.
    pub keeps_flags: Option<KeepingFlags>,
    /// The code of an accepted APPEND, from UIDVALIDITY and UIDs, with the blank behind it.
    pub append_code: Option<AppendCode>,
    /// How often an accepted message is stored, in mailboxes whose name begins so.
    pub append_copies: (String, usize),
    /// Whether the messages before a refused one stay stored, as on Stalwart.
    pub keeps_parts: bool,
    /// It keeps house as Gmail does: see [`super::gmail_house`].
    pub is_gmail: bool,
    /// These octets come before each `+`.
    pub before_plus: Vec<u8>,
    /// Works on all commands that have come at once, as Stalwart does: see [`super::eager`].
    pub eager: bool,
    /// In which order it answers what has come at once: from the end, or by this seed.
    pub eager_order: Option<u64>,
    /// The same with APPENDs alone.
    pub eager_appends: bool,
    /// STATUS of the mailbox that the session has open is what it was when it was opened, or at the last NOOP (Courier 5.0).
    pub remembers_status: bool,
    /// Each connection ends after so many octets to the client.
    pub cut_after: Option<u64>,
    /// Messages at which a FETCH ends.
    pub poison: Option<Poison>,
    /// FETCH and SEARCH are done for so many messages, and no more (MESSAGELIMIT, RFC 9738).
    pub message_limit: Option<usize>,
}

impl Default for Behaviour {
    fn default() -> Behaviour {
        Behaviour {
            capabilities: CAPABILITIES.to_owned(),
            tells_capabilities: true,
            login: None,
            rules: Vec::new(),
            lie: None,
            keeps: None,
            keeps_flags: None,
            append_code: None,
            append_copies: (String::new(), 1),
            keeps_parts: false,
            is_gmail: false,
            before_plus: Vec::new(),
            eager: false,
            eager_order: None,
            eager_appends: false,
            remembers_status: false,
            cut_after: None,
            poison: None,
            message_limit: None,
        }
    }
}

impl Behaviour {
    pub fn honest() -> Behaviour {
        Behaviour::default()
    }

    pub fn without(mut self, capabilities: &[&str]) -> Behaviour {
        let kept = self.capabilities.split(' ').filter(|word| !word.is_empty() && !capabilities.contains(word));
        self.capabilities = kept.collect::<Vec<_>>().join(" ");
        self
    }

    /// The capabilities are told only when they are asked for.
    pub fn reticent(mut self) -> Behaviour {
        self.tells_capabilities = false;
        self
    }

    pub fn with(mut self, capability: &str) -> Behaviour {
        self.capabilities = format!("{} {capability}", self.capabilities);
        self
    }

    /// Nobody is let in: each login is answered so.
    pub fn shut(self, answer: &str) -> Behaviour {
        self.barred(Then::Answer(answer.to_owned()))
    }

    /// Nobody is let in: that becomes of each login.
    pub fn barred(mut self, then: Then) -> Behaviour {
        self.login = Some(then);
        self
    }

    pub fn rule(mut self, rule: Rule) -> Behaviour {
        self.rules.push(rule);
        self
    }

    pub fn lying(mut self, lie: impl Fn(&str, Vec<u8>) -> Vec<u8> + Send + Sync + 'static) -> Behaviour {
        self.lie = Some(Arc::new(lie));
        self
    }

    pub fn keeping(mut self, keeps: impl Fn(&[u8]) -> Kept + Send + Sync + 'static) -> Behaviour {
        self.keeps = Some(Arc::new(keeps));
        self
    }

    pub fn keeping_flags(mut self, keeps: impl Fn(FlagsBy, &str) -> bool + Send + Sync + 'static) -> Behaviour {
        self.keeps_flags = Some(Arc::new(keeps));
        self
    }

    /// Whether the flag is kept that comes so.
    pub fn keeps_flag(&self, by: FlagsBy, flag: &str) -> bool {
        self.keeps_flags.as_ref().is_none_or(|keeps| keeps(by, flag))
    }

    pub fn coding(mut self, code: impl Fn(u32, &[u32]) -> String + Send + Sync + 'static) -> Behaviour {
        self.append_code = Some(Arc::new(code));
        self
    }

    pub fn storing_in(mut self, mailbox: &str, copies: usize) -> Behaviour {
        self.append_copies = (mailbox.to_owned(), copies);
        self
    }

    pub fn keeping_parts(mut self) -> Behaviour {
        self.keeps_parts = true;
        self
    }

    pub fn inviting(mut self, octets: &[u8]) -> Behaviour {
        self.before_plus = octets.to_vec();
        self
    }

    pub fn eager(mut self) -> Behaviour {
        self.eager = true;
        self
    }

    pub fn limited_to(mut self, messages: usize) -> Behaviour {
        self.message_limit = Some(messages);
        self.with(&format!("MESSAGELIMIT={messages}"))
    }

    pub fn poisoned(mut self, poison: Poison) -> Behaviour {
        self.poison = Some(poison);
        self
    }

    pub fn cut_after(mut self, octets: u64) -> Behaviour {
        self.cut_after = Some(octets);
        self
    }
}

/// Messages at which a FETCH ends.
#[derive(Clone)]
pub struct Poison {
    pub mailbox: String,
    pub uids: Vec<u32>,
    /// What a FETCH that is meant asks for: its command holds this.
    pub asked: String,
    pub then: Then,
    /// Whether what comes before the first of them is sent.
    pub tells: bool,
}

/// What becomes of an appended message.
pub enum Kept {
    As(Vec<u8>),
    /// `NO …` or `BAD …`.
    Refused(String),
}

/// Something done to commands that begin so and, if that is said, hold such a text, or come while that mailbox is open.
#[derive(Clone)]
pub struct Rule {
    /// What the command begins with, behind its tag.
    pub begins: String,
    pub holds: Option<String>,
    pub within: Option<String>,
    pub when: When,
    pub then: Then,
}

/// Which of the commands that a rule is about.
#[derive(Clone, Copy)]
pub enum When {
    Always,
    /// The first so many.
    First(u32),
    /// All but the first so many.
    After(u32),
    /// Every so manieth.
    Every(u32),
}

impl When {
    pub fn applies(self, count: u32) -> bool {
        match self {
            When::Always => true,
            When::First(first) => count <= first,
            When::After(first) => count > first,
            When::Every(every) => count.is_multiple_of(every),
        }
    }
}

/// What is done to it.
#[derive(Clone)]
pub enum Then {
    /// It is not done, and answered so: `NO …`, `BAD …` or `OK …`.
    Answer(String),
    /// It is done, and answered so.
    DoneBut(String),
    /// Answered so instead of `+`; a literal that comes nevertheless is skipped.
    AtLiteral(String),
    /// In the midst of its first literal these octets are sent, and the connection ends.
    InLiteral(Vec<u8>),
    /// Answered so where its first literal is announced, which is then taken for commands: Dovecot's parse errors.
    Unparsed(String),
    /// These octets are sent, and then it is done.
    SayFirst(Vec<u8>),
    /// These octets are sent in its place, and the connection ends.
    SayAndClose(Vec<u8>),
    /// These octets are sent again and again, until the client has enough.
    Flood(Vec<u8>),
    /// The same with others each time, made from how many came before.
    Pour(Making),
    /// These octets are sent again and again with a pause, as long as the client is there.
    Repeat(Vec<u8>, Duration),
    Close,
    /// It is not done, and nothing is said.
    Silence,
}

impl Then {
    /// Whether it is about a literal that is announced.
    pub fn is_at_literal(&self) -> bool {
        matches!(self, Then::AtLiteral(_) | Then::InLiteral(_) | Then::Unparsed(_))
    }
}

impl Rule {
    pub fn on(begins: &str, then: Then) -> Rule {
        Rule { begins: begins.to_owned(), holds: None, within: None, when: When::Always, then }
    }

    /// Answers with an endless row of responses.
    pub fn pour(begins: &str, make: impl Fn(u64) -> Vec<u8> + Send + Sync + 'static) -> Rule {
        Rule::on(begins, Then::Pour(Arc::new(make)))
    }

    /// Refuses with a tagged answer.
    pub fn refuse(begins: &str, answer: &str) -> Rule {
        Rule::on(begins, Then::Answer(answer.to_owned()))
    }

    pub fn holding(mut self, text: &str) -> Rule {
        self.holds = Some(text.to_owned());
        self
    }

    pub fn within(mut self, mailbox: &str) -> Rule {
        self.within = Some(mailbox.to_owned());
        self
    }

    pub fn when(mut self, when: When) -> Rule {
        self.when = when;
        self
    }
}
