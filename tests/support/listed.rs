//! Mailboxes as a listing of them tells, without a server.

use mailferry::model::namespace::Namespace;
use mailferry::model::{
    Attribute, FlagCapacity, MailboxName, MailboxState, ModSeq, RawName, SyncPoint, Uid, UidValidity, utf7,
};

/// An empty mailbox of that path.
pub fn mailbox(path: &str, namespace: &Namespace, attributes: &[Attribute]) -> MailboxState {
    let levels: Vec<String> = path.split('/').map(str::to_owned).collect();
    let encoded: Vec<String> = levels.iter().map(|level| utf7::encode(level)).collect();
    let raw = encoded.join(&namespace.delimiter.map(String::from).unwrap_or_default());
    let prefix = if path == "INBOX" { &[][..] } else { &namespace.prefix.0 };
    let point = SyncPoint {
        uid_validity: UidValidity(1),
        uid_next: Some(Uid(1)),
        highest_modseq: Some(ModSeq(1)),
        messages: 0,
    };
    MailboxState {
        name: MailboxName { raw: RawName([prefix, raw.as_bytes()].concat()), levels },
        delimiter: namespace.delimiter,
        attributes: attributes.to_vec(),
        subscribed: false,
        sync_point: (!attributes.contains(&Attribute::NoSelect)).then_some(point),
        capacity: FlagCapacity::everything(),
        octets: 0,
        records: 0,
        revision: 1,
        deltas: 0,
        identified: true,
        trouble: None,
    }
}
