//! NAMESPACE (RFC 2342): whose mailboxes stand below which prefix.

use crate::engine::wire::response::{Response, Scanner};
use crate::model::RawName;
use crate::model::namespace::{Namespace, Namespaces, Owner};

/// In the order in which the response names them.
const OWNERS: [Owner; 3] = [Owner::User, Owner::OtherUser, Owner::Everyone];

/// `* NAMESPACE (("prefix" "/")…) NIL (…)`. `None` for what cannot be read to its end: half of the namespaces would give
/// one user's mail to another.
pub(in crate::engine) fn namespaces(response: &mut Response) -> Option<Namespaces> {
    let mut scanner = response.scan();
    scanner.word()?;
    scanner.spaces();
    scanner.word()?;
    let mut found = Vec::new();
    for owner in OWNERS {
        scanner.spaces();
        if scanner.take(b'(') {
            group(&mut scanner, owner, &mut found)?;
        } else {
            scanner.value()?;
        }
    }
    Some(Namespaces(found))
}

fn group(scanner: &mut Scanner<'_>, owner: Owner, found: &mut Vec<(Owner, Namespace)>) -> Option<()> {
    loop {
        scanner.spaces();
        if scanner.take(b')') {
            return Some(());
        }
        if !scanner.take(b'(') {
            return None;
        }
        let prefix = RawName(scanner.string()?);
        scanner.spaces();
        let delimiter = scanner.string()?.first().map(|&octet| char::from(octet));
        while !scanner.take(b')') {
            scanner.spaces();
            scanner.skip()?;
        }
        found.push((owner, Namespace { prefix, delimiter }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Option<Vec<(Owner, String)>> {
        let found = namespaces(&mut Response::from_text(text))?.0.into_iter();
        Some(found.map(|(owner, space)| (owner, String::from_utf8(space.prefix.0).unwrap())).collect())
    }

    #[test]
    fn namespaces_of_all_kinds_and_extensions_are_read() {
        use Owner::{Everyone, OtherUser, User};
        let two = r##"* NAMESPACE (("" "/")("Archive/" "/" "X-PARAM" ("a" "b"))) NIL (("#shared." "."))"##;
        let expected = [(User, ""), (User, "Archive/"), (Everyone, "#shared.")];
        assert_eq!(told(two), Some(expected.map(|(owner, prefix)| (owner, prefix.to_owned())).to_vec()));
        let cyrus = r#"* NAMESPACE (("INBOX." ".")) (("user." ".")) (("" "."))"#;
        let expected = [(User, "INBOX."), (OtherUser, "user."), (Everyone, "")];
        assert_eq!(told(cyrus), Some(expected.map(|(owner, prefix)| (owner, prefix.to_owned())).to_vec()));
    }

    #[test]
    fn namespaces_that_break_off_are_none() {
        for text in [r#"* NAMESPACE (("" "/")) (("user." "#, "* NAMESPACE", "* NAMESPACE ((", "* NAMESPACE (x) NIL NIL"]
        {
            assert_eq!(told(text), None, "{text}");
        }
    }
}
