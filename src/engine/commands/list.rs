//! Which mailboxes there are: NAMESPACE, LIST with special uses, subscriptions and STATUS in one go where offered
//! (RFC 5258, 5819, 6154), LSUB and pipelined STATUS elsewhere.
//!
//! An option that is not advertised makes the whole LIST BAD, so only advertised things are asked for. A name from a
//! listing is never used as a pattern, and STATUS lines are matched by name, never by order.

use super::inbox::object_id;
use super::namespaces::namespaces;
use super::quota::{QUOTA_COMMAND, quota_line};
use crate::engine::conversation::reticence::Optional;
use crate::engine::conversation::session::{LISTING_RESPONSES, Session, Tag, with_mailbox};
use crate::engine::wire::response::Response;
use crate::error::{Error, Kind, Result, sanitized};
use crate::model::mailbox::{Attribute, MailboxName, RawName, SpecialUse, SyncPoint};
use crate::model::namespace::{FOREIGN_NAMED, Foreign, Names, Namespace, Namespaces, Owner, Unreadable};
use crate::model::server::Quota;
use crate::model::{ModSeq, Uid, UidValidity, utf7};
use std::collections::{HashMap, HashSet};

/// How many STATUS commands are in flight where LIST cannot bring their answers.
const STATUS_IN_FLIGHT: usize = 32;

/// How many octets of responses the listing of one account may bring, so that a server that never ends does not fill the
/// memory: more than any account has.
const LISTING_OCTETS: u64 = 16 << 20;

/// An account has a handful of quotas.
const QUOTAS: usize = 100;

/// One mailbox, as listed.
#[derive(Clone, PartialEq, Debug)]
pub struct ListedMailbox {
    pub name: MailboxName,
    pub delimiter: Option<char>,
    pub attributes: Vec<Attribute>,
    pub subscribed: bool,
    /// What STATUS says; `None` where it says nothing.
    pub status: Option<SyncPoint>,
}

/// All mailboxes that the server lists, each in one of three places.
#[derive(Clone, PartialEq, Debug)]
pub struct Listing {
    /// See [`Namespaces::home`].
    pub namespace: Namespace,
    /// The user's own, of all personal namespaces.
    pub mailboxes: Vec<ListedMailbox>,
    /// Other users' and shared ones.
    pub foreign: Vec<ListedMailbox>,
    /// The namespaces, the names of the foreign ones, and what cannot be read.
    pub names: Names,
    /// What the server says of its namespaces, where that cannot be understood.
    pub odd_namespaces: Option<String>,
    /// What the server calls the INBOX among all mailboxes that it has, where it tells.
    pub inbox_id: Option<String>,
    /// Why it is not known what is subscribed, where that was asked.
    pub subscriptions_refused: Option<String>,
    /// What the INBOX counts against; none where there is no limit, or no QUOTA extension.
    pub quotas: Vec<Quota>,
}

#[derive(Default)]
pub(in crate::engine) struct Found {
    /// Octets so far.
    octets: u64,
    /// Lines of a listing that cannot be understood.
    unreadable: Vec<Unreadable>,
    quotas: Vec<Quota>,
    namespaces: Namespaces,
    odd_namespaces: Option<String>,
    inbox_id: Option<String>,
    lines: Vec<ListLine>,
    subscribed: HashSet<RawName>,
    subscriptions_refused: Option<String>,
    statuses: HashMap<RawName, SyncPoint>,
}

struct ListLine {
    raw: RawName,
    delimiter: Option<char>,
    /// Those that are understood, each once.
    attributes: Vec<String>,
}

/// Whether it is to be asked what is subscribed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Subscriptions {
    Wanted,
    Unwanted,
}

/// For servers that do not tell it with LIST.
const LSUB: &[u8] = b"LSUB \"\" \"*\"";

impl Session {
    /// Lists the account, with the STATUS of each mailbox.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn list_mailboxes(&mut self, subscriptions: Subscriptions) -> Result<Listing> {
        let mut listing = self.list_names(subscriptions)?;
        let lacking = |mailbox: &ListedMailbox| {
            let holds_mail = |it: &Attribute| !matches!(it, Attribute::NoSelect | Attribute::NonExistent);
            mailbox.status.is_none() && mailbox.attributes.iter().all(holds_mail)
        };
        let mailboxes = listing.mailboxes.iter().filter(|mailbox| lacking(mailbox));
        let names: Vec<RawName> = mailboxes.map(|mailbox| mailbox.name.raw.clone()).collect();
        let mut answers = self.statuses(&names)?.into_iter();
        for mailbox in listing.mailboxes.iter_mut().filter(|mailbox| lacking(mailbox)) {
            mailbox.status = answers.next().flatten();
        }
        Ok(listing)
    }

    /// Lists the account, with as many STATUS as come with LIST. What is not mail does not keep it from being listed: where namespaces, subscriptions or quotas are
    /// refused, or the connection breaks on them, it is done without them.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn list_names(&mut self, subscriptions: Subscriptions) -> Result<Listing> {
        let mut found = Found::default();
        let forms = self.list_forms(subscriptions);
        let offers_subscribed = forms[0].contains("SUBSCRIBED");
        let lsub = subscriptions == Subscriptions::Wanted && !offers_subscribed;
        let mut form = (0..forms.len() - 1).find(|form| self.reticence.may_ask(Optional::List(*form)));
        let namespace = match self.capabilities.has("NAMESPACE") {
            true => self.send_optional(Optional::Namespace, b"NAMESPACE")?,
            false => None,
        };
        let mut list = self.send_list(&forms, form)?;
        let lsub = if lsub { self.send_optional(Optional::Subscriptions, LSUB)? } else { None };
        let quota = match self.capabilities.has("QUOTA") {
            true => self.send_optional(Optional::Quota, QUOTA_COMMAND)?,
            false => None,
        };
        let inbox_id = match self.object_id_command() {
            Some(command) => self.send_optional(Optional::ObjectId, command)?,
            None => None,
        };
        if let Some(tag) = namespace {
            self.finish(tag, |response| found.take(response))?;
        }
        loop {
            let listed = self.finish(list, |response| found.take(response))?;
            let Some(refused) = form.filter(|_| !listed.is_ok()) else {
                self.accepted(listed, "could not list the mailboxes")?;
                break;
            };
            self.reticence.drop_it(Optional::List(refused));
            found.forget_lines();
            form = Some(refused + 1).filter(|next| *next < forms.len() - 1);
            list = self.send_list(&forms, form)?;
        }
        self.finish_extras(&mut found, lsub, [quota, inbox_id])?;
        let accepted = &forms[form.unwrap_or(forms.len() - 1)];
        if offers_subscribed && !accepted.contains("SUBSCRIBED") {
            let lsub = self.send_optional(Optional::Subscriptions, LSUB)?;
            self.finish_extras(&mut found, lsub, [None, None])?;
        }
        Ok(found.into_listing())
    }

    /// A server may advertise QUOTA and refuse to tell: then there is nothing to compare with.
    fn finish_extras(&mut self, found: &mut Found, lsub: Option<Tag>, others: [Option<Tag>; 2]) -> Result<()> {
        if let Some(tag) = lsub {
            let status = self.finish(tag, |response| found.take(response))?;
            found.subscriptions_refused = (!status.is_ok()).then_some(status.text);
        }
        for tag in others.into_iter().flatten() {
            self.finish(tag, |response| found.take(response))?;
        }
        Ok(())
    }

    fn send_list(&mut self, forms: &[String], form: Option<usize>) -> Result<Tag> {
        let command = |form: usize| forms[form].as_bytes();
        let last = forms.len() - 1;
        match form {
            Some(form) => match self.send_optional(Optional::List(form), command(form))? {
                Some(tag) => Ok(tag),
                None => self.send_for(command(last), LISTING_RESPONSES),
            },
            None => self.send_for(command(last), LISTING_RESPONSES),
        }
    }

    /// LIST in the forms to be tried, from the one that tells most to the one that every server knows.
    fn list_forms(&self, subscriptions: Subscriptions) -> Vec<String> {
        let has = |name: &str| self.capabilities.has(name);
        let plain = "LIST \"\" \"*\"".to_owned();
        if !has("LIST-EXTENDED") {
            return vec![plain];
        }
        let special_use = if has("SPECIAL-USE") { " SPECIAL-USE" } else { "" };
        let status = if has("LIST-STATUS") { format!(" STATUS ({})", self.status_items()) } else { String::new() };
        let with = |subscribed: &str| format!("{plain} RETURN ({subscribed}CHILDREN{special_use}{status})");
        match subscriptions {
            Subscriptions::Wanted => vec![with("SUBSCRIBED "), with(""), plain],
            Subscriptions::Unwanted => vec![with(""), plain],
        }
    }

    fn status_items(&self) -> &'static str {
        match self.capabilities.condstore() {
            true => "MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ",
            false => "MESSAGES UIDNEXT UIDVALIDITY",
        }
    }

    /// Sends STATUS, without waiting; not for a mailbox that is open: see [`Session::leave`]. The answer is read with
    /// [`Session::finish_status`].
    ///
    /// # Errors
    /// `Connection`.
    pub fn send_status(&mut self, name: &RawName) -> Result<Tag> {
        let after = format!(" ({})", self.status_items());
        self.send(&with_mailbox("STATUS", name, &after)?)
    }

    /// Reads the answer; what is told of any mailbox meanwhile is added to `found`, as several may be answered at once.
    ///
    /// # Errors
    /// `Connection`, `Protocol`.
    pub fn finish_status(&mut self, tag: Tag, found: &mut Statuses) -> Result<()> {
        self.finish(tag, |mut response| {
            found.0.extend(status_line(&mut response));
            Ok(())
        })
        .map(drop)
    }

    /// STATUS of each of these mailboxes, pipelined; `None` for one that the server refuses.
    ///
    /// # Errors
    /// `Connection`, `Protocol`.
    pub fn statuses(&mut self, names: &[RawName]) -> Result<Vec<Option<SyncPoint>>> {
        self.leave(names)?;
        let mut found: HashMap<RawName, SyncPoint> = HashMap::new();
        for window in names.chunks(STATUS_IN_FLIGHT) {
            let after = format!(" ({})", self.status_items());
            let tags: Vec<_> =
                window.iter().map(|name| self.send(&with_mailbox("STATUS", name, &after)?)).collect::<Result<_>>()?;
            for tag in tags {
                self.finish(tag, |mut response| {
                    found.extend(status_line(&mut response));
                    Ok(())
                })?;
            }
        }
        Ok(names.iter().map(|name| status_of(&found, name)).collect())
    }
}

/// What STATUS told of some mailboxes.
#[derive(Default)]
pub struct Statuses(HashMap<RawName, SyncPoint>);

impl Statuses {
    /// Of that one; none where it was refused.
    pub fn of(&self, name: &RawName) -> Option<SyncPoint> {
        status_of(&self.0, name)
    }
}

/// The status of a mailbox, by its name; INBOX comes back in any case.
fn status_of(found: &HashMap<RawName, SyncPoint>, name: &RawName) -> Option<SyncPoint> {
    let is_inbox = |name: &RawName| name.0.eq_ignore_ascii_case(b"INBOX");
    let same_inbox = || found.iter().find(|(other, _)| is_inbox(name) && is_inbox(other)).map(|(_, status)| status);
    found.get(name).or_else(same_inbox).copied()
}

impl Found {
    pub(in crate::engine) fn take(&mut self, mut response: Response) -> Result<()> {
        let text = response.text().to_ascii_uppercase();
        self.octets = self.octets.saturating_add(response.weight());
        if self.octets > LISTING_OCTETS {
            let mebibytes = LISTING_OCTETS >> 20;
            let what = format!("the server sent more than {mebibytes} MiB of responses to the listing of an account");
            return Err(Error::new(Kind::Protocol, what));
        }
        if text.starts_with(b"* LIST ") {
            match list_line(&mut response) {
                Ok(line) => self.lines.push(line),
                Err(Misread::Line(unreadable)) => self.unreadable.push(unreadable),
                Err(Misread::Root) => {}
            }
        } else if text.starts_with(b"* LSUB ") {
            // A parent of what is subscribed comes as `\Noselect`, and is not subscribed itself (RFC 3501 6.3.9).
            let line = list_line(&mut response).ok().filter(|line| !line.has(r"\Noselect"));
            self.subscribed.extend(line.map(|line| line.raw));
        } else if text.starts_with(b"* STATUS ") {
            self.inbox_id = self.inbox_id.take().or_else(|| object_id(&response));
            self.statuses.extend(status_line(&mut response));
        } else if text.starts_with(b"* QUOTA ") {
            self.quotas.extend(quota_line(&mut response).unwrap_or_default());
            self.quotas.truncate(QUOTAS);
        } else if text.starts_with(b"* NAMESPACE ") {
            match namespaces(&mut response) {
                Some(namespaces) => self.namespaces = namespaces,
                None => self.odd_namespaces = Some(sanitized(&String::from_utf8_lossy(response.text()))),
            }
        }
        Ok(())
    }

    /// What came of a form of LIST that was refused in the end.
    fn forget_lines(&mut self) {
        self.lines.clear();
        self.unreadable.clear();
        self.statuses.clear();
    }

    pub(in crate::engine) fn into_listing(mut self) -> Listing {
        let delimiter = self.lines.iter().find_map(|line| line.delimiter);
        let namespace = self.namespaces.home().cloned();
        let namespace = namespace.unwrap_or(Namespace { prefix: RawName(Vec::new()), delimiter });
        let mut listing = Listing {
            mailboxes: Vec::new(),
            foreign: Vec::new(),
            names: Names { unreadable: std::mem::take(&mut self.unreadable), ..Names::default() },
            odd_namespaces: self.odd_namespaces.take(),
            inbox_id: self.inbox_id.take(),
            subscriptions_refused: self.subscriptions_refused.take(),
            quotas: std::mem::take(&mut self.quotas),
            namespace,
        };
        let mut seen = HashSet::new();
        for line in self.lines.iter().filter(|line| seen.insert(&line.raw)) {
            self.place(line, &mut listing);
        }
        listing.mailboxes.sort_by(|a, b| a.name.levels.cmp(&b.name.levels));
        listing.names.namespaces = self.namespaces;
        listing
    }

    fn place(&self, line: &ListLine, listing: &mut Listing) {
        let owner = self.namespaces.owner(&line.raw);
        if line.is_unusable() {
            let reason = "its name holds a line end or a NUL, and cannot be sent to a server".to_owned();
            listing.names.unreadable.push(Unreadable { name: shown(&line.raw.0), reason });
            return;
        }
        let listed = self.listed(line, &listing.namespace);
        if owner == Owner::User {
            listing.mailboxes.push(listed);
        } else if !line.is_container() {
            match listing.foreign.len() < FOREIGN_NAMED {
                true => listing.names.foreign.push(Foreign { name: listed.name.clone(), owner }),
                false => listing.names.foreign_unnamed += 1,
            }
            listing.foreign.push(listed);
        }
    }

    fn listed(&self, line: &ListLine, home: &Namespace) -> ListedMailbox {
        ListedMailbox {
            name: decoded(&line.raw, line.delimiter, home),
            delimiter: line.delimiter,
            attributes: line.attributes.iter().filter_map(|text| attribute(text)).collect(),
            subscribed: line.has("\\Subscribed") || self.subscribed.contains(&line.raw),
            status: status_of(&self.statuses, &line.raw),
        }
    }
}

impl ListLine {
    fn has(&self, attribute: &str) -> bool {
        self.attributes.iter().any(|text| text.eq_ignore_ascii_case(attribute))
    }

    /// See [`crate::engine::conversation::session::quoted`].
    fn is_unusable(&self) -> bool {
        self.raw.0.iter().any(|octet| b"\r\n\0".contains(octet))
    }

    fn is_container(&self) -> bool {
        self.has("\\Noselect") || self.has("\\NonExistent")
    }
}

fn attribute(text: &str) -> Option<Attribute> {
    let is = |name: &str| text.eq_ignore_ascii_case(name);
    match () {
        () if is("\\Noselect") => Some(Attribute::NoSelect),
        () if is("\\NonExistent") => Some(Attribute::NonExistent),
        () if is("\\Noinferiors") => Some(Attribute::NoInferiors),
        () if is("\\Remote") => Some(Attribute::Remote),
        () => SpecialUse::ALL.into_iter().find(|special| is(special.as_str())).map(Attribute::SpecialUse),
    }
}

/// Those of the attributes that are understood, each once: a server may send any number.
fn known(attributes: Vec<String>) -> Vec<String> {
    let mut known: Vec<String> = Vec::new();
    for text in attributes {
        let is_understood = attribute(&text).is_some() || text.eq_ignore_ascii_case("\\Subscribed");
        if is_understood && !known.iter().any(|other| other.eq_ignore_ascii_case(&text)) {
            known.push(text);
        }
    }
    known
}

fn shown(octets: &[u8]) -> String {
    sanitized(&String::from_utf8_lossy(octets))
}

/// Splits a raw name at its delimiter and decodes the levels, without the prefix of the home namespace. What is not modified UTF-7 is shown as it is: the name
/// stays usable, because only its raw form ever goes back to the server.
fn decoded(raw: &RawName, delimiter: Option<char>, home: &Namespace) -> MailboxName {
    let stripped = raw.0.strip_prefix(&home.prefix.0[..]).filter(|rest| !rest.is_empty()).unwrap_or(&raw.0);
    let split: Vec<&[u8]> = match delimiter.and_then(|character| u8::try_from(character).ok()) {
        Some(delimiter) => stripped.split(|&octet| octet == delimiter).collect(),
        None => vec![stripped],
    };
    let decode = |level: &[u8]| utf7::decode(level).unwrap_or_else(|| String::from_utf8_lossy(level).into_owned());
    MailboxName { raw: raw.clone(), levels: split.into_iter().map(decode).collect() }
}

/// Why a line of a listing is no mailbox.
enum Misread {
    /// It names something, and it cannot be told what.
    Line(Unreadable),
    /// The top of the hierarchy, which can hold no mail: the answer to a question about the delimiter.
    Root,
}

/// `* LIST (attributes) "/" name`, with the extended items of RFC 5258 behind the name.
///
/// What is not understood to its end names another mailbox than was read: Exchange leaves names with blanks and control
/// characters unquoted, so that `My` is read of `My Letters`.
fn list_line(response: &mut Response) -> Result<ListLine, Misread> {
    let mut scanner = response.scan();
    let head = (|| {
        scanner.word()?;
        scanner.spaces();
        scanner.word()?;
        scanner.spaces();
        let attributes = known(scanner.words()?);
        scanner.spaces();
        let delimiter = scanner.string()?.first().map(|&octet| char::from(octet));
        scanner.spaces();
        Some((attributes, delimiter))
    })();
    let Some((attributes, delimiter)) = head else {
        return Err(misread(response.text(), "the line that lists it cannot be read"));
    };
    let written = scanner.remainder().to_vec();
    let raw = scanner.string().map(RawName);
    scanner.spaces();
    let extended = scanner.peek() == Some(b'(') && scanner.skip().is_some();
    let whole = scanner.is_at_end() || (extended && scanner.remainder().is_empty());
    match raw {
        Some(raw) if !raw.0.is_empty() && whole => Ok(ListLine { raw, delimiter, attributes }),
        Some(raw) if raw.0.is_empty() && whole && attributes.iter().any(|it| it.eq_ignore_ascii_case("\\Noselect")) => {
            Err(Misread::Root)
        }
        Some(raw) if raw.0.is_empty() && whole => Err(misread(response.text(), "its name is empty")),
        _ => Err(misread(&written, "its name is not quoted as IMAP demands, and cannot be read for certain")),
    }
}

fn misread(written: &[u8], reason: &str) -> Misread {
    Misread::Line(Unreadable { name: shown(written), reason: reason.to_owned() })
}

/// `* STATUS name (ITEM value …)`
fn status_line(response: &mut Response) -> Option<(RawName, SyncPoint)> {
    let mut scanner = response.scan();
    scanner.word()?;
    scanner.spaces();
    if !scanner.word()?.eq_ignore_ascii_case(b"STATUS") {
        return None;
    }
    scanner.spaces();
    let name = RawName(scanner.string()?);
    scanner.spaces();
    let items = scanner.words()?;
    let item = |name: &str| {
        let at = items.iter().position(|word| word.eq_ignore_ascii_case(name))?;
        crate::engine::wire::response::number(items.get(at + 1)?.as_bytes())
    };
    let small = |name: &str| item(name).and_then(|number| u32::try_from(number).ok());
    Some((
        name,
        SyncPoint {
            uid_validity: UidValidity(small("UIDVALIDITY").unwrap_or(0)),
            uid_next: small("UIDNEXT").filter(|&number| number > 0).map(Uid),
            highest_modseq: item("HIGHESTMODSEQ").filter(|&number| number > 0).map(ModSeq),
            messages: small("MESSAGES")?,
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(lines: &[&str]) -> Listing {
        let mut found = Found::default();
        lines.iter().for_each(|line| found.take(Response::from_text(line)).unwrap());
        found.into_listing()
    }

    fn named(listing: &Listing) -> Vec<String> {
        listing.names.foreign.iter().map(|foreign| foreign.name.path()).collect()
    }

    /// All personal namespaces are the user's, and only the home's prefix is no part of a name.
    #[test]
    fn listing_mailboxes_of_every_personal_namespace_take_part() {
        let listing = listing(&[
            r#"* NAMESPACE (("INBOX." ".")("Archive/" "/")) (("user." ".")) (("" "."))"#,
            r#"* LIST () "." INBOX"#,
            r#"* LIST () "." INBOX.Sent"#,
            r#"* LIST () "/" Archive/2011/May"#,
            r#"* LIST () "." Archiv"#,
            r#"* LIST (\Noselect) "." user"#,
            r#"* LIST () "." user.bob"#,
        ]);
        let paths: Vec<_> = listing.mailboxes.iter().map(|mailbox| mailbox.name.path()).collect();
        assert_eq!(paths, ["Archive/2011/May", "INBOX", "Sent"]);
        assert_eq!(named(&listing), ["Archiv", "user/bob"]);
        assert_eq!(
            listing.names.foreign.iter().map(|foreign| foreign.owner).collect::<Vec<_>>(),
            [Owner::Everyone, Owner::OtherUser]
        );
    }

    #[test]
    fn listing_what_is_not_understood_is_named_and_ends_nothing() {
        let listing = listing(&[
            r#"* LIST () "/" My Letters"#,
            r#"* LIST () "/" "#,
            r#"* LIST () "/" """#,
            r#"* LIST (\Noselect) "/" """#,
            r#"* LIST () "/" "open"#,
            r#"* LIST broken"#,
            r#"* LIST () "/" "extended" ("CHILDINFO" ("SUBSCRIBED"))"#,
            r#"* LIST () "/" plain"#,
        ]);
        let names: Vec<_> = listing.names.unreadable.iter().map(|unreadable| unreadable.name.as_str()).collect();
        assert_eq!(names, ["My Letters", "", r#"* LIST () "/" """#, r#""open"#, "* LIST broken"]);
        let paths: Vec<_> = listing.mailboxes.iter().map(|mailbox| mailbox.name.path()).collect();
        assert_eq!(paths, ["extended", "plain"]);
    }

    #[test]
    fn listing_prefix_is_stripped_and_other_namespaces_are_left_out() {
        let listing = listing(&[
            r##"* NAMESPACE (("INBOX." ".")) NIL (("#shared." ".")("shared." "."))"##,
            r#"* LIST (\HasChildren) "." INBOX"#,
            r#"* LIST (\Subscribed \Sent) "." "INBOX.Sent &AOk-""#,
            r#"* LIST () "." "shared.team""#,
            r#"* LIST () "." "shared""#,
            r#"* STATUS inbox (MESSAGES 3 UIDNEXT 9 UIDVALIDITY 7 HIGHESTMODSEQ 5)"#,
        ]);
        let paths: Vec<_> = listing.mailboxes.iter().map(|mailbox| mailbox.name.path()).collect();
        assert_eq!(paths, ["INBOX", "Sent é"]);
        assert_eq!(named(&listing), ["shared/team", "shared"]);
        assert_eq!(listing.mailboxes[0].status.unwrap().messages, 3);
        assert!(listing.mailboxes[1].subscribed);
        assert_eq!(listing.mailboxes[1].attributes, [Attribute::SpecialUse(SpecialUse::Sent)]);
    }

    #[test]
    fn listing_status_lines_are_matched_by_name() {
        let listing = listing(&[
            r#"* LIST () "/" a"#,
            r#"* LIST () "/" "b""#,
            r#"* STATUS "b" (UIDVALIDITY 2 MESSAGES 20)"#,
            r#"* STATUS a (MESSAGES 10 UIDVALIDITY 1 HIGHESTMODSEQ 0)"#,
        ]);
        let messages: Vec<_> = listing.mailboxes.iter().map(|mailbox| mailbox.status.unwrap().messages).collect();
        assert_eq!(messages, [10, 20]);
        assert_eq!(listing.mailboxes[0].status.unwrap().highest_modseq, None);
    }

    #[test]
    fn listing_odd_names_stay_usable() {
        let listing = listing(&[r#"* LIST () "/" "&bad/x\"y""#, r#"* LIST () NIL flat/name"#]);
        let levels: Vec<_> = listing.mailboxes.iter().map(|mailbox| mailbox.name.levels.clone()).collect();
        assert_eq!(levels, [vec!["&bad".to_owned(), "x\"y".to_owned()], vec!["flat/name".to_owned()]]);
        assert_eq!(listing.mailboxes[0].name.raw.0, b"&bad/x\"y");
    }
}
