//! What is to be said of a message in two-way mode besides: how it stands on the destination, and what goes back because of it.

use crate::model::policy::{Deleted, Policy};
use crate::model::{Link, MailboxName, MessageRecord};

/// What goes back of a message by its link, where these are what is listed of it on the source, and of its copy.
pub fn way_back(policy: &Policy, record: Option<&MessageRecord>, link: &Link, copy: Option<&MessageRecord>) -> String {
    match (record, copy) {
        (_, Some(copy)) if copy.flags != link.agreed => format!(
            "The other way: its user changed the flags there to {} since both agreed, and what was changed is changed on the source \
             when mail goes that way.",
            copy.flags
        ),
        (Some(_), Some(_)) => "The other way: nothing, the flags of the copy are as agreed.".to_owned(),
        (Some(_), None) => format!(
            "The other way: the copy is gone, and this message {} when mail goes that way, if the server says once more that the copy \
             is not there, and within delete_guard. Were it changed here meanwhile, it would stay, and go there again.",
            goes(policy)
        ),
        (None, Some(_)) => format!("That copy {} in the next pass, unless it was changed there.", goes(policy)),
        (None, None) => "It is gone from both.".to_owned(),
    }
}

/// A message that only that mailbox of the destination has.
pub fn new_there(record: &MessageRecord, mailbox: &MailboxName) -> String {
    format!(
        "UID {} in `{mailbox}` on the destination: {} bytes, flags {}. No link names it: it is new there, and is copied to the source \
         when mail goes the other way.",
        record.uid, record.octets, record.flags
    )
}

fn goes(policy: &Policy) -> &'static str {
    match policy.deleted {
        Deleted::Trash => "is moved to the trash of its side (deleted = \"trash\")",
        Deleted::Expunge => "is expunged (deleted = \"expunge\")",
        Deleted::Mark => "is marked as deleted (deleted = \"mark\")",
    }
}
