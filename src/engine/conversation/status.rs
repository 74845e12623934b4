//! Status responses: OK, NO, BAD, BYE, PREAUTH with their response codes (RFC 9051 7.1, RFC 5530), and what a refusal
//! means for what comes next.

use crate::error::{Error, Kind, Scope, sanitized};
use std::time::Duration;

/// What was asked, where the meaning of a refusal depends on that.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Command {
    /// LOGIN, AUTHENTICATE and their kin; the greeting.
    Login,
    /// SELECT and EXAMINE.
    Open,
    Create,
    Subscribe,
    Append,
    /// UID STORE.
    Store,
    Other,
}

/// How a command ended, or what a greeting says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Condition {
    Ok,
    No,
    Bad,
    Bye,
    Preauth,
}

/// A status response without its tag.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Status {
    pub condition: Condition,
    /// The name of the response code in upper case; empty where there is none.
    pub code: String,
    /// What stands behind the name in the brackets.
    pub arguments: String,
    /// The text for people, with its code: made harmless.
    pub text: String,
}

impl Status {
    /// Whether something is refused because of its keywords, which the mailbox cannot keep; some servers refuse a whole
    /// message for that.
    pub fn is_about_keywords(&self) -> bool {
        let text = self.text.to_ascii_lowercase();
        self.condition == Condition::No && ["too many user flags", "keyword"].iter().any(|phrase| text.contains(phrase))
    }

    /// Reads `OK [CODE arguments] text`, what stands behind the tag.
    pub fn parse(line: &[u8]) -> Option<Status> {
        let line = String::from_utf8_lossy(line);
        let (word, text) = line.split_once(' ').unwrap_or((&line, ""));
        let condition = match word.to_ascii_uppercase().as_str() {
            "OK" => Condition::Ok,
            "NO" => Condition::No,
            "BAD" => Condition::Bad,
            "BYE" => Condition::Bye,
            "PREAUTH" => Condition::Preauth,
            _ => return None,
        };
        let bracketed = text.trim_start().strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(code, _)| code);
        let (code, arguments) = bracketed.map_or(("", ""), |code| code.split_once(' ').unwrap_or((code, "")));
        Some(Status {
            condition,
            code: code.to_ascii_uppercase(),
            arguments: arguments.to_owned(),
            text: sanitized(&format!("{} {}", word.to_ascii_uppercase(), without_timing(text))),
        })
    }

    /// Whether it is a tagged OK.
    pub fn is_ok(&self) -> bool {
        self.condition == Condition::Ok
    }

    /// Whether the command was done for some of its messages only (MESSAGELIMIT, RFC 9738).
    pub fn is_cut(&self) -> bool {
        self.code == "MESSAGELIMIT"
    }

    /// The error that this NO, BAD or BYE means where the command is none of [`Command`]'s; `what` says what failed.
    pub fn error(&self, what: impl Into<String>) -> Error {
        self.error_of(Command::Other, what)
    }

    /// The error that this NO, BAD or BYE to that command means; `what` says what failed.
    pub fn error_of(&self, command: Command, what: impl Into<String>) -> Error {
        let (kind, scope, hint) = match self.is_final(command) {
            true => (Kind::Refused, None, ""),
            false => self.classify(),
        };
        let error = Error::new(kind, what).because(&self.text);
        let error = scope.map_or(error.clone(), |scope| error.scope(scope));
        if hint.is_empty() { error } else { error.hint(hint) }
    }

    /// Whether a code that asks for patience elsewhere means here that the same will be refused again: a limit on what one
    /// mailbox holds, a fault of the server that one mailbox or message meets each time. A text that names time, or
    /// connections, is believed. A code about logins says nothing of the account once it is open, and one about room nothing
    /// where nothing is stored.
    fn is_final(&self, command: Command) -> bool {
        let text = self.text.to_ascii_lowercase();
        let passes = suggested_wait(&self.text).is_some() || TRANSIENT_TEXTS.iter().any(|phrase| text.contains(phrase));
        let codes: &[&str] = match command {
            Command::Login | Command::Other => &[],
            // A fault that a message met once may pass.
            Command::Append => &["LIMIT", "CANNOT", "NOPERM"],
            Command::Create | Command::Subscribe | Command::Store => &["LIMIT", "SERVERBUG", "CANNOT", "NOPERM"],
            Command::Open => &["LIMIT", "SERVERBUG", "CANNOT", "NOPERM", "INUSE"],
        };
        let code = self.code.as_str();
        let is_out_of_place = (command != Command::Login && CODES_OF_LOGINS.contains(&code))
            || (command != Command::Append && code == "OVERQUOTA");
        self.condition == Condition::No && !passes && (codes.contains(&code) || is_out_of_place)
    }

    /// What kind of refusal it is: by response code, else by the texts of servers that send none.
    fn classify(&self) -> (Kind, Option<Scope>, &'static str) {
        if self.condition == Condition::Bye {
            let text = self.text.to_ascii_lowercase();
            let is_over = EXPIRED_TEXTS.iter().any(|phrase| text.contains(phrase));
            return (if is_over { Kind::Expired } else { Kind::Connection }, None, "");
        }
        if let Some(wait) = suggested_wait(&self.text) {
            return (Kind::Throttled(Some(wait)), None, THROTTLED_HINT);
        }
        let text = self.text.to_ascii_lowercase();
        let says = |phrases: &[&str]| phrases.iter().any(|phrase| text.contains(phrase));
        match self.code.as_str() {
            "UNAVAILABLE" | "INUSE" | "SERVERBUG" | "THROTTLED" | "LIMIT" => {
                (Kind::Throttled(None), None, THROTTLED_HINT)
            }
            "OVERQUOTA" if !says(TRANSIENT_TEXTS) => (Kind::Quota, None, QUOTA_HINT),
            "AUTHENTICATIONFAILED" | "EXPIRED" => (Kind::Authentication, None, ""),
            "AUTHORIZATIONFAILED" => (Kind::Authorization, None, ""),
            "PRIVACYREQUIRED" => (Kind::Settings, None, "set `tls` to implicit or starttls"),
            "NONEXISTENT" | "UIDNOTSTICKY" => (Kind::Changed, None, ""),
            "TOOBIG" => (Kind::Refused, Some(Scope::Message), ""),
            _ if text.contains("authenticated but not connected") => (Kind::Authorization, None, NOT_CONNECTED_HINT),
            _ if says(TRANSIENT_TEXTS) => (Kind::Throttled(None), None, THROTTLED_HINT),
            _ if says(QUOTA_TEXTS) => (Kind::Quota, None, QUOTA_HINT),
            _ => (Kind::Refused, None, ""),
        }
    }
}

/// What only a login is refused with (RFC 5530).
const CODES_OF_LOGINS: &[&str] = &["AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED", "PRIVACYREQUIRED"];

const THROTTLED_HINT: &str = "the server asks for patience: run the command again later, or lower `max_connections`";
/// Exchange Online, after a login that it accepted.
const NOT_CONNECTED_HINT: &str = "the token or password is good, and may not open this mailbox: Add-MailboxPermission \
    -AccessRights FullAccess, and the user of the login; after many logins in a short time Exchange says the same: try again later";
const QUOTA_HINT: &str =
    "free or add space for the account on the destination, then run the command again; what is copied stays copied";

/// Texts with which servers end a session whose token has ended: Exchange Online, Gmail.
const EXPIRED_TEXTS: &[&str] = &["accesstokenexpired", "session expired", "session has expired", "token expired"];

/// Texts of refusals that pass by themselves.
const TRANSIENT_TEXTS: &[&str] = &[
    "throttled",
    "rate limit",
    "too many simultaneous connections",
    "maximum number of connections",
    "service busy",
    "command or bandwidth limits",
    "undergoing maintenance",
    "session expired",
    // Exchange, of a full mailbox too: that passes, or is told by its quota.
    "server unavailable. 15",
    // Zimbra's proxy counts logins by address and by user.
    "login rejected from this ip",
    "login rejected for this user",
];

/// Texts of a full mailbox from servers that send no OVERQUOTA.
const QUOTA_TEXTS: &[&str] = &["over quota", "quota exceeded", "quota has been exceeded"];

/// Exchange names the wait in milliseconds, WildDuck in words. What is no number any more is longer than anybody waits.
/// Dovecot appends how long it took, `(0.001 + 0.000 secs).`: that is no part of why, and differs each time.
fn without_timing(text: &str) -> &str {
    let Some((before, timing)) = text.rsplit_once(" (") else { return text };
    let timed = timing.trim_end_matches('.').strip_suffix(" secs)");
    let is_timing = timed.is_some_and(|timed| timed.chars().all(|it| it.is_ascii_digit() || ".+ ".contains(it)));
    if is_timing { before } else { text }
}

fn suggested_wait(text: &str) -> Option<Duration> {
    let number = |after: &str| {
        let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
        (!digits.is_empty()).then(|| digits.parse().unwrap_or(u64::MAX))
    };
    if let Some(after) = text.split("Suggested Backoff Time: ").nth(1) {
        return number(after).map(Duration::from_millis);
    }
    let after = text.split("rate limited. Try again in ").nth(1)?;
    let unit = after.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == ' ');
    let seconds = match unit {
        _ if unit.starts_with("second") => 1,
        _ if unit.starts_with("minute") => 60,
        _ if unit.starts_with("hour") => 3600,
        _ => return None,
    };
    number(after).map(|number: u64| Duration::from_secs(number.saturating_mul(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(line: &str) -> Kind {
        Status::parse(line.as_bytes()).unwrap().error("x").kind().clone()
    }

    #[test]
    fn parse_code_with_arguments_is_split() {
        let status = Status::parse(b"OK [APPENDUID 17 3:5] done").unwrap();
        assert_eq!((status.code.as_str(), status.arguments.as_str()), ("APPENDUID", "17 3:5"));
        assert_eq!(Status::parse(b"no nope").unwrap().code, "");
        assert_eq!(Status::parse(b"PERHAPS x"), None);
    }

    #[test]
    fn error_of_a_code_means_what_the_command_makes_of_it() {
        let kind = |line: &str, command| Status::parse(line.as_bytes()).unwrap().error_of(command, "x").kind().clone();
        assert_eq!(kind("NO [LIMIT] Too many identical emails", Command::Append), Kind::Refused);
        assert_eq!(kind("NO [SERVERBUG] Internal error", Command::Create), Kind::Refused);
        assert_eq!(kind("NO [SERVERBUG] Internal error", Command::Other), Kind::Throttled(None));
        assert_eq!(kind("NO [INUSE] locked by another", Command::Open), Kind::Refused);
        assert_eq!(kind("NO [INUSE] locked by another", Command::Append), Kind::Throttled(None));
        assert_eq!(kind("NO [LIMIT] 64 keywords and no more", Command::Store), Kind::Refused);
        assert_eq!(kind("NO [LIMIT] Rate limit hit", Command::Append), Kind::Throttled(None));
        assert_eq!(kind("NO [UNAVAILABLE] later", Command::Open), Kind::Throttled(None));
        assert_eq!(kind("NO [OVERQUOTA] full", Command::Append), Kind::Quota);
        assert_eq!(kind("NO [OVERQUOTA] full", Command::Other), Kind::Refused);
        assert_eq!(kind("NO [EXPIRED] too late", Command::Other), Kind::Refused);
        assert_eq!(kind("NO [EXPIRED] too late", Command::Login), Kind::Authentication);
        assert_eq!(kind("NO [AUTHORIZATIONFAILED] not you", Command::Open), Kind::Refused);
    }

    #[test]
    fn text_is_without_the_time_that_it_took() {
        let text = |line: &str| Status::parse(line.as_bytes()).expect("a status").text;
        assert_eq!(
            text("NO [NOPERM] Permission denied (0.003 + 0.000 + 0.003 secs)."),
            "NO [NOPERM] Permission denied"
        );
        assert_eq!(
            text("NO Quota exceeded (mailbox for user is full)"),
            "NO Quota exceeded (mailbox for user is full)"
        );
        assert_eq!(text("OK"), "OK");
    }

    #[test]
    fn classify_wild_texts_are_known_without_a_code() {
        let wait = Some(Duration::from_millis(299_961));
        assert_eq!(
            kind("BAD Request is throttled. Suggested Backoff Time: 299961 milliseconds"),
            Kind::Throttled(wait)
        );
        let endless = "NO Request is throttled. Suggested Backoff Time: 99999999999999999999999 milliseconds";
        assert_eq!(kind(endless), Kind::Throttled(Some(Duration::from_millis(u64::MAX))));
        assert_eq!(kind("BYE Session invalidated - AccessTokenExpired"), Kind::Expired);
        assert_eq!(kind("BYE Session expired, please login again."), Kind::Expired);
        assert_eq!(kind("BYE Connection is closed. 13"), Kind::Connection);
        let hours = Some(Duration::from_secs(3 * 3600));
        assert_eq!(kind("NO Upload was rate limited. Try again in 3 hours."), Kind::Throttled(hours));
        assert_eq!(kind("NO Server Unavailable. 15"), Kind::Throttled(None));
        assert_eq!(kind("NO Login rejected from this IP"), Kind::Throttled(None));
        assert_eq!(kind("BAD User is authenticated but not connected."), Kind::Authorization);
        assert_eq!(kind("NO Over quota"), Kind::Quota);
        assert_eq!(kind("NO [OVERQUOTA] Account exceeded command or bandwidth limits."), Kind::Throttled(None));
        assert_eq!(kind("NO [LIMIT] Maximum number of connections from user+IP exceeded"), Kind::Throttled(None));
        assert_eq!(kind("NO [ALERT] account undergoing maintenance; please try again later"), Kind::Throttled(None));
        assert_eq!(kind("NO Message contains bare newlines"), Kind::Refused);
    }
}
