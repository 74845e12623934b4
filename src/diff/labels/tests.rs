//! Tables of mailboxes and what each choice makes of them.

use super::*;
use crate::model::{MailboxName, SpecialUse};

/// `Work: 1 2*`: the messages of a mailbox by their numbers at Gmail, which are their UIDs, too; those with a star were copied.
fn mailbox(notation: &str) -> Labelled {
    let (path, messages) = notation.split_once(": ").unwrap_or((notation, ""));
    let message = |text: &str| {
        let number: u32 = text.trim_end_matches('*').parse().unwrap();
        let id = GmailId(u64::from(number));
        LabelledMessage { uid: Uid(number), id, octets: 10 * u64::from(number), linked: text.ends_with('*') }
    };
    let special_use = match path {
        "All" => Some(SpecialUse::All),
        "Sent" => Some(SpecialUse::Sent),
        "Spam" => Some(SpecialUse::Junk),
        _ => None,
    };
    Labelled {
        name: RawName(path.as_bytes().to_vec()),
        depth: path.split('/').count(),
        is_inbox: path == "INBOX",
        special_use,
        messages: messages.split_whitespace().map(message).collect(),
    }
}

fn pairs(mailboxes: &[Labelled], without: &str) -> Vec<MailboxPair> {
    let takes_part = mailboxes.iter().filter(|mailbox| mailbox.name.0 != without.as_bytes());
    let named = |name: &RawName| MailboxName { raw: name.clone(), levels: Vec::new() };
    let pair = |mailbox: &Labelled| MailboxPair {
        source: named(&mailbox.name),
        destination: named(&mailbox.name),
        create: true,
        special_use: None,
        subscribe: false,
    };
    takes_part.map(pair).collect()
}

fn left_out(mailboxes: &[&str], without: &str, labels: Labels) -> Vec<String> {
    let mailboxes: Vec<Labelled> = mailboxes.iter().map(|notation| mailbox(notation)).collect();
    let left_out = elsewhere(&mailboxes, &pairs(&mailboxes, without), labels);
    let shown = left_out.iter().filter(|(_, uids)| !uids.is_empty());
    let shown = shown.map(|(name, uids)| format!("{}: {uids}", String::from_utf8_lossy(&name.0)));
    let mut shown: Vec<_> = shown.collect();
    shown.sort_unstable();
    shown
}

/// 1 has three labels, 2 none, 3 a star alone, 4 a label that is not shown, 5 is in a mailbox that is left out, and 6 is spam.
const MAIL: [&str; 6] = ["INBOX: 1", "Work: 1", "Work/Deep: 1", "Out: 5", "All: 1 2 3 4 5", "Spam: 6"];

#[test]
fn shared_is_what_another_mailbox_that_takes_part_holds_now() {
    let mailboxes: Vec<Labelled> = MAIL.iter().map(|notation| mailbox(notation)).collect();
    let of = |without: &str, name: &str| {
        let shared = shared(&mailboxes, &pairs(&mailboxes, without));
        shared.get(&RawName(name.as_bytes().to_vec())).map(ToString::to_string)
    };
    assert_eq!(of("", "All").as_deref(), Some("1,5"));
    assert_eq!(of("Out", "All").as_deref(), Some("1"));
    assert_eq!(of("All", "Out").as_deref(), Some(""));
    assert_eq!(of("All", "All"), None);
}

/// Holds diff/labels.rs invariant 1.
#[test]
fn rest_is_what_no_mailbox_that_takes_part_holds() {
    assert_eq!(left_out(&MAIL, "Out", Labels::FoldersAndRest), ["All: 1"]);
    assert_eq!(left_out(&MAIL, "", Labels::FoldersAndRest), ["All: 1,5"]);
    assert_eq!(left_out(&MAIL, "", Labels::Folders), [""; 0]);
    assert_eq!(left_out(&MAIL, "All", Labels::FoldersAndRest), [""; 0]);
}

#[test]
fn primary_is_the_deepest_label_before_inbox_before_all_mail() {
    assert_eq!(left_out(&MAIL, "Out", Labels::Primary), ["All: 1", "INBOX: 1", "Work: 1"]);
    assert_eq!(left_out(&["INBOX: 7", "Sent: 7 8", "All: 7 8"], "", Labels::Primary), ["All: 7:8", "Sent: 7"]);
}

/// Holds diff/labels.rs invariant 2.
#[test]
fn what_was_copied_once_stays_where_it_is() {
    assert_eq!(left_out(&["INBOX: 1*", "Work: 1", "All: 1"], "", Labels::Primary), ["All: 1", "Work: 1"]);
    // It got its label after it was copied as the rest: the label is a mailbox, and its copy there stays.
    assert_eq!(left_out(&["Work: 1", "All: 1* 2"], "", Labels::FoldersAndRest), [""; 0]);
}

#[test]
fn forecast_tells_copies_octets_and_what_stays_behind() {
    let mailboxes: Vec<Labelled> = MAIL.iter().map(|notation| mailbox(notation)).collect();
    let forecast = forecast(&mailboxes, Labels::Primary).unwrap();
    let cost = |copies, octets, left_out| LabelCost { copies, octets, left_out };
    assert_eq!((forecast.chosen, forecast.messages), (Labels::Primary, 6));
    let expected = [cost(8, 230, 0), cost(6, 210, 0), cost(5, 140, 3), cost(6, 210, 0)];
    assert_eq!(forecast.costs, expected);
    assert!(super::forecast(&mailboxes[..4], Labels::Primary).is_none());
}
