//! Which names a destination can hold, and how they are written on its wire.
//!
//! What is refused here would be refused, or worse silently changed, by the server; found in the
//! plan it costs a line in the settings instead of a failure at night. Rules that depend on what a server does not tell
//! (Dovecot's LAYOUT) are left to the server.

use super::levels::Levels;
use super::mapping::SideView;
use crate::model::namespace::{Namespace, Owner};
use crate::model::server::Preset;
use crate::model::{RawName, SideState, utf7};

/// The longest level in octets as encoded: Dovecot and the file systems below most servers refuse more.
const LEVEL_OCTETS: usize = 255;

/// Whether the server takes two names that differ in case for one.
pub(in crate::diff) fn ignores_case(preset: Preset) -> bool {
    matches!(preset, Preset::Zimbra | Preset::Exchange)
}

/// Whether all personal mailboxes stand below INBOX on the wire, as on Courier and older Cyrus: prefix `INBOX.`.
pub(in crate::diff) fn is_below_inbox(namespace: &Namespace) -> bool {
    let prefix = namespace.prefix.0.as_slice();
    prefix.len() > "INBOX".len() && prefix[.."INBOX".len()].eq_ignore_ascii_case(b"INBOX")
}

/// Where a mailbox of that name stands: its namespace, and the levels below the prefix of that.
struct Stand<'a> {
    namespace: &'a Namespace,
    levels: &'a [String],
}

/// A name that begins with the prefix of a further personal namespace stands in it; all others in the home.
fn stand<'a>(levels: &'a Levels, side: SideView<'a>) -> Stand<'a> {
    let below = side.names.namespaces.further().filter_map(|namespace| {
        let rest = levels.as_slice().strip_prefix(prefix_levels(namespace)?.as_slice())?;
        (!rest.is_empty()).then_some(Stand { namespace, levels: rest })
    });
    let deepest = below.min_by_key(|stand| stand.levels.len());
    deepest.unwrap_or_else(|| {
        let namespace = &side.state.namespace;
        // An INBOX below the prefix has the prefix in its name.
        let below = prefix_levels(namespace).and_then(|prefix| levels.as_slice().strip_prefix(prefix.as_slice()));
        let inbox = below.filter(|below| below.first().is_some_and(|first| first.eq_ignore_ascii_case("INBOX")));
        Stand { namespace, levels: inbox.unwrap_or(levels.as_slice()) }
    })
}

/// `["Archive", "Old"]` of `Archive/Old/`. `None` for a prefix that ends in the midst of a level.
fn prefix_levels(namespace: &Namespace) -> Option<Vec<String>> {
    let delimiter = u8::try_from(namespace.delimiter?).ok()?;
    let top = namespace.prefix.0.strip_suffix(&[delimiter])?;
    let text = |level: &[u8]| utf7::decode(level).unwrap_or_else(|| String::from_utf8_lossy(level).into_owned());
    Some(top.split(|octet| *octet == delimiter).map(text).collect())
}

/// The name as the server is to be told it: prefix, encoded levels, its own delimiter.
pub(in crate::diff) fn raw_name(levels: &Levels, side: SideView<'_>) -> RawName {
    if levels.is_inbox() {
        return RawName(b"INBOX".to_vec());
    }
    let Stand { namespace, levels } = stand(levels, side);
    let delimiter = namespace.delimiter.map(String::from).unwrap_or_default();
    let encoded: Vec<String> = levels.iter().map(|level| utf7::encode(level)).collect();
    RawName([namespace.prefix.0.as_slice(), encoded.join(&delimiter).as_bytes()].concat())
}

/// Why the server cannot hold a mailbox of that name; `None` when it can.
pub(in crate::diff) fn objection(levels: &Levels, destination: SideView<'_>) -> Option<String> {
    let Stand { namespace, levels: below } = stand(levels, destination);
    if namespace.delimiter.is_none() && below.len() > 1 {
        return Some("the destination has no hierarchy, and its name has several levels".to_owned());
    }
    if levels.as_slice()[0].starts_with('~') {
        return Some("the destination takes a `~` at the beginning for a home directory".to_owned());
    }
    let delimiter = namespace.delimiter;
    below.iter().find_map(|level| level_objection(level, delimiter, destination.state)).or_else(|| {
        let owner = destination.names.namespaces.owner(&raw_name(levels, destination));
        (owner != Owner::User).then(|| format!("on the destination a mailbox of that name is {owner}"))
    })
}

fn level_objection(level: &str, delimiter: Option<char>, destination: &SideState) -> Option<String> {
    if level.is_empty() {
        return Some("its name has an empty level".to_owned());
    }
    if matches!(level, "." | "..") {
        return Some(format!("`{level}` cannot be a level of a name"));
    }
    if level.chars().any(char::is_control) {
        return Some("its name holds a control character".to_owned());
    }
    character_objection(level, delimiter, destination)
        .or_else(|| blank_objection(level, destination.preset))
        .or_else(|| length_objection(level))
}

fn character_objection(level: &str, delimiter: Option<char>, destination: &SideState) -> Option<String> {
    if let Some(delimiter) = delimiter.filter(|delimiter| level.contains(*delimiter)) {
        return Some(format!("`{delimiter}` divides levels on the destination and cannot stand in `{level}`"));
    }
    let forbidden = forbidden_characters(destination.preset, delimiter);
    let character = level.chars().find(|character| forbidden.contains(*character))?;
    Some(format!("the destination ({}) takes no `{character}` in a name", destination.product))
}

/// Printable characters that a server refuses besides its delimiter.
fn forbidden_characters(preset: Preset, delimiter: Option<char>) -> &'static str {
    match preset {
        Preset::Zimbra => ":/\"",
        Preset::Cyrus => "%\"\\^",
        Preset::Gmail => "^",
        // Maildir++: a mailbox is a directory, and its levels are joined by dots.
        Preset::Dovecot | Preset::Courier if delimiter == Some('.') => "/",
        _ => "",
    }
}

/// Blanks that a server trims or chokes on: the mailbox would come out under another name, and be missing ever after.
fn blank_objection(level: &str, preset: Preset) -> Option<String> {
    let refused = match preset {
        Preset::Zimbra | Preset::Exchange => level.ends_with(' '),
        Preset::Gmail => level.starts_with(' ') || level.ends_with(' ') || level.contains("  "),
        _ => false,
    };
    refused.then(|| format!("the destination does not keep the blanks in `{level}`"))
}

fn length_objection(level: &str) -> Option<String> {
    let octets = utf7::encode(level).len();
    let text = || format!("a level of its name is {octets} bytes long as encoded; {LEVEL_OCTETS} can be held");
    (octets > LEVEL_OCTETS).then(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Names;
    use crate::model::namespace::Namespaces;

    struct Told {
        state: SideState,
        names: Names,
    }

    impl Told {
        fn view(&self) -> SideView<'_> {
            SideView { state: &self.state, names: &self.names, mailboxes: &[] }
        }

        fn with(mut self, owner: Owner, prefix: &str, delimiter: char) -> Told {
            self.names.namespaces.0.push((owner, namespace(prefix, Some(delimiter))));
            self
        }
    }

    fn namespace(prefix: &str, delimiter: Option<char>) -> Namespace {
        Namespace { prefix: RawName(prefix.as_bytes().to_vec()), delimiter }
    }

    fn side(preset: Preset, prefix: &str, delimiter: Option<char>) -> Told {
        let namespace = namespace(prefix, delimiter);
        let namespaces = Namespaces(vec![(Owner::User, namespace.clone())]);
        let state = SideState {
            product: "test".to_owned(),
            preset,
            namespace,
            append_limit: None,
            creates_special_use: false,
            expunges_by_uid: true,
            quotas: Vec::new(),
        };
        Told { state, names: Names { namespaces, ..Names::default() } }
    }

    #[test]
    fn raw_name_has_prefix_delimiter_and_encoding() {
        let courier = side(Preset::Courier, "INBOX.", Some('.'));
        assert_eq!(raw_name(&Levels::from_path("Entwürfe/a&b"), courier.view()).0, b"INBOX.Entw&APw-rfe.a&-b");
        assert_eq!(raw_name(&Levels::from_path("inbox"), courier.view()).0, b"INBOX");
        assert_eq!(raw_name(&Levels::from_path("INBOX/INBOX/a"), courier.view()).0, b"INBOX.INBOX.a");
    }

    #[test]
    fn raw_name_below_a_further_personal_namespace_stands_in_it() {
        let two =
            side(Preset::Dovecot, "INBOX.", Some('.')).with(Owner::User, "Old/", '/').with(Owner::User, "Old^b^", '^');
        let raw = |path: &str| String::from_utf8(raw_name(&Levels::from_path(path), two.view()).0).unwrap();
        assert_eq!(raw("a/b"), "INBOX.a.b");
        assert_eq!(raw("Old/2011/May"), "Old/2011/May");
        assert_eq!(raw("Old/b/c/d"), "Old^b^c^d");
        assert_eq!(raw("Old"), "INBOX.Old", "the prefix alone is no name in it");
        let level = Levels::canonical(["Old", "a.b"].into_iter());
        assert_eq!(objection(&level, two.view()), None, "its own delimiter is what counts");
    }

    #[test]
    fn names_of_others_are_not_given_to_the_user() {
        let cyrus = side(Preset::Cyrus, "", Some('/')).with(Owner::OtherUser, "Other Users/", '/');
        let found = objection(&Levels::from_path("Other Users/bob"), cyrus.view());
        assert!(found.is_some_and(|found| found.contains("another user's")));
        assert_eq!(objection(&Levels::from_path("Others/bob"), cyrus.view()), None);
    }

    #[test]
    fn names_that_a_server_cannot_hold_are_found() {
        use Preset::*;
        let long = "ü".repeat(100);
        let cases = [
            (Generic, Some('/'), "a/b", true),
            (Generic, None, "a/b", false),
            (Generic, None, "a", true),
            (Generic, Some('/'), "a//b", false),
            (Generic, Some('/'), "", false),
            (Generic, Some('/'), "a/..", false),
            (Generic, Some('/'), "~a", false),
            (Generic, Some('/'), "a/~b", true),
            (Generic, Some('/'), "a\tb", false),
            (Generic, Some('.'), "a.b", false),
            (Generic, Some('/'), "a.b", true),
            (Dovecot, Some('/'), "100% \"sure\"", true),
            (Dovecot, Some('/'), long.as_str(), false),
            (Cyrus, Some('/'), "100%", false),
            (Zimbra, Some('/'), "a:b", false),
            (Zimbra, Some('/'), "a /b", false),
            (Zimbra, Some('/'), " a/b", true),
            (Exchange, Some('/'), "a ", false),
            (Gmail, Some('/'), "a  b", false),
        ];
        for (preset, delimiter, path, holds) in cases {
            let found = objection(&Levels::from_path(path), side(preset, "", delimiter).view());
            assert_eq!(found.is_none(), holds, "{preset:?} {delimiter:?} {path:?}: {found:?}");
        }
    }

    #[test]
    fn slash_in_a_level_is_refused_by_maildir_and_as_delimiter() {
        let level = Levels::canonical(["a/b"].into_iter());
        assert!(objection(&level, side(Preset::Dovecot, "", Some('.')).view()).is_some());
        assert!(objection(&level, side(Preset::Generic, "", Some('/')).view()).is_some());
        assert!(objection(&level, side(Preset::Cyrus, "", Some('.')).view()).is_none());
    }
}
