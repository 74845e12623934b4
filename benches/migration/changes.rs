//! What happens on the source between two runs, or on both sides: one message in a hundred is new, as many get or lose a flag, half as
//! many are removed. The same for every tool.

use std::collections::BTreeMap;

use super::corpus::{Corpus, KEYWORDS, NOW};
use super::random::Random;
use super::support::imap::{Connection, NewMessage};

/// Changes one account of a side, whose UIDs are still those of the corpus: 1 to the number of messages. On each side it is others.
pub fn make(corpus: &Corpus, account: usize, side: usize, connection: &mut Connection) {
    let account = account + side * corpus.accounts;
    let messages = corpus.messages_of_account();
    let hundredth = (messages / 100).max(1);
    let mut random = Random::new(account as u64);
    flag(&chosen(corpus, &mut random, hundredth), connection);
    for (mailbox, uids) in chosen(corpus, &mut random, (hundredth / 2).max(1)) {
        connection.expunge(mailbox, &uids);
    }
    let mut writer = corpus.writer(account, true);
    let mut new = BTreeMap::<&str, Vec<NewMessage>>::new();
    for number in 0..hundredth {
        let message = writer.message();
        let flags = message.keywords.iter().map(|keyword| KEYWORDS[*keyword].to_owned()).collect();
        let octets = with_crlf(&message.octets);
        let (mailbox, _) = random.pick(&corpus.mailboxes);
        new.entry(mailbox).or_default().push(NewMessage { octets, flags, date: Some(NOW + number as i64) });
    }
    new.iter().for_each(|(mailbox, messages)| connection.append(mailbox, messages));
}

/// Every other stretch is flagged, the rest becomes unread.
fn flag(chosen: &BTreeMap<&str, Vec<u32>>, connection: &mut Connection) {
    const CHANGES: [&str; 2] = ["+FLAGS.SILENT (\\Flagged)", "-FLAGS.SILENT (\\Seen)"];
    for (mailbox, uids) in chosen {
        connection.select(mailbox);
        let stretches = uids.chunk_by(|one, next| one % 2 == next % 2);
        for (uids, change) in stretches.zip(CHANGES.iter().cycle()) {
            let set = uids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
            connection.command(format!("UID STORE {set} {change}").as_bytes());
        }
    }
}

/// Messages all over the account, by mailbox, ascending.
fn chosen<'a>(corpus: &'a Corpus, random: &mut Random, count: usize) -> BTreeMap<&'a str, Vec<u32>> {
    let mut chosen = BTreeMap::<&str, Vec<u32>>::new();
    for _ in 0..count {
        let mut number = random.below(corpus.messages_of_account());
        for (mailbox, messages) in &corpus.mailboxes {
            if number < *messages {
                chosen.entry(mailbox).or_default().push(number as u32 + 1);
                break;
            }
            number -= messages;
        }
    }
    for uids in chosen.values_mut() {
        uids.sort_unstable();
        uids.dedup();
    }
    chosen
}

fn with_crlf(octets: &[u8]) -> Vec<u8> {
    octets
        .iter()
        .flat_map(|octet| if *octet == b'\n' { &b"\r\n"[..] } else { std::slice::from_ref(octet) })
        .copied()
        .collect()
}
