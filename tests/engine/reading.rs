//! What servers answer, and what is made of it.

use mailferry::engine::commands::fetch::{FetchEvent, Fetched};
use mailferry::engine::commands::list::Subscriptions;
use mailferry::engine::commands::select::Opening;
use mailferry::error::Kind;
use mailferry::model::{Uid, UidSet};

use crate::conversation::{logged_in, mailbox};

fn fetched(script: &str) -> Vec<Fetched> {
    let (_scripted, mut session) = logged_in("", script);
    let tag = session.send_fetch(&UidSet::range(Uid(1), Uid(9)), "(UID)").expect("send");
    let mut found = Vec::new();
    session
        .finish_fetch(tag, |event| {
            if let FetchEvent::Message(fetched) = event {
                found.push(fetched);
            }
            Ok(())
        })
        .expect("an answer");
    found
}

/// Holds hazard 1.
#[test]
fn select_with_untagged_no_and_bye_does_not_panic() {
    let (_scripted, mut session) = logged_in(
        "",
        "C: EXAMINE\nS: * NO disk is getting full⏎* 3 EXISTS⏎* OK [UIDVALIDITY 5] x\nS: $ OK [READ-ONLY] done\nC: EXAMINE\nS: * BYE shutting down\nclose",
    );
    let opened = session.open(&mailbox("INBOX"), Opening::Examine).expect("it was opened");
    assert_eq!((opened.sync_point.messages, opened.sync_point.uid_validity.0), (3, 5));
    let error = session.open(&mailbox("INBOX"), Opening::Examine).expect_err("it is closed");
    assert_eq!(*error.kind(), Kind::Connection);
    assert!(error.line().contains("shutting down"), "{}", error.line());
}

/// Holds hazard 2.
#[test]
fn fetch_with_nil_for_a_date_is_a_message_without_one() {
    let found = fetched(
        "C: UID FETCH\nS: * 1 FETCH (UID 4 INTERNALDATE NIL FLAGS (\\Seen))⏎* 2 FETCH (INTERNALDATE \"yesterday\" UID 5)\nS: $ OK done",
    );
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|message| message.internal_date.is_none_or(|date| date.is_none())));
    assert_eq!(found[1].uid, Some(Uid(5)));
}

/// Holds hazard 3.
#[test]
fn fetch_with_a_nested_structure_that_nobody_asked_for_is_skipped() {
    let nested = "(".repeat(100_000) + &")".repeat(100_000);
    let found =
        fetched(&format!("C: UID FETCH\nS: * 1 FETCH (UID 4 BODYSTRUCTURE {nested} RFC822.SIZE 7)\nS: $ OK done"));
    assert_eq!((found[0].uid, found[0].octets), (Some(Uid(4)), Some(7)));
}

/// Holds hazard 13.
#[test]
fn fetch_with_flags_that_are_not_ascii_is_read() {
    let found = fetched("C: UID FETCH\nS: * 1 FETCH (UID 4 FLAGS (\\Seen wichtig Größe) RFC822.SIZE 7)\nS: $ OK done");
    let flags = found[0].flags.as_ref().expect("flags");
    assert!(flags.texts().any(|text| text == "wichtig"));
    assert_eq!(found[0].octets, Some(7));
}

/// Holds hazard 9. Holds engine/wire/buffered.rs invariant 2.
#[test]
fn line_without_end_and_literal_without_measure_are_refused() {
    let endless = "x".repeat((1 << 20) + 70_000);
    let literal = "* 1 FETCH (UID 1 BODY[] {99999999999}";
    let flood = (0..200).map(|_| "X {0}⏎").collect::<String>();
    for (line, told) in [(endless.as_str(), "a line of more than"), (literal, "99999999999"), (&flood, "more literals")]
    {
        let (_scripted, mut session) = logged_in("", &format!("C: NOOP\nS: {line}\nC: never"));
        let error = session.run(b"NOOP", "noop", |_| Ok(())).expect_err("too much");
        assert_eq!(*error.kind(), Kind::Protocol);
        assert!(error.line().contains(told), "{}", error.line());
        assert!(!session.is_alive());
    }
}

/// Holds hazard 8. Holds hazard 14.
#[test]
fn list_with_status_lines_out_of_order_and_namespaces_is_put_together() {
    let script = "C: NAMESPACE\nC: LIST\nS: * NAMESPACE ((\"\" \"/\")) ((\"~\" \"/\")) NIL⏎m1 OK x\n\
                  S: * LIST () \"/\" INBOX⏎* LIST () \"/\" {3}⏎a\"b⏎* LIST () \"/\" \"c\\\\d\"⏎* STATUS \"c\\\\d\" (MESSAGES 3 UIDVALIDITY 33 UIDNEXT 9 SIZE 7)\n\
                  S: * STATUS inbox (UIDVALIDITY 11 MESSAGES 1)⏎* STATUS {3}⏎a\"b (MESSAGES 2 UIDVALIDITY 22)\nS: $ OK done";
    let (scripted, mut session) = logged_in("NAMESPACE LIST-EXTENDED LIST-STATUS", script);
    let listing = session
        .list_mailboxes(Subscriptions::Wanted)
        .unwrap_or_else(|error| panic!("{}: {:?}", error.line(), scripted.departures()));
    let mut found: Vec<_> = listing
        .mailboxes
        .iter()
        .map(|mailbox| (mailbox.name.path(), mailbox.status.expect("a status").uid_validity.0))
        .collect();
    found.sort();
    assert_eq!(found, [("INBOX".to_owned(), 11), ("a\"b".to_owned(), 22), ("c\\d".to_owned(), 33)]);
}

/// Holds hazard 7. Holds hazard 6. Holds disaster rule 10.
#[test]
fn listed_name_goes_back_as_one_quoted_string() {
    let script = "C: LIST\nS: * LIST () \"/\" \"a\\\"b\\\\ (c) %*\"\nS: $ OK done\nC: LSUB\nS: $ OK done\n\
                  C: STATUS\nS: * STATUS \"a\\\"b\\\\ (c) %*\" (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 3)\nS: $ OK done\n\
                  C: EXAMINE\nS: $ OK done";
    let (scripted, mut session) = logged_in("", script);
    let listing = session.list_mailboxes(Subscriptions::Wanted).expect("a list");
    let name = &listing.mailboxes[0].name;
    assert_eq!(name.path(), "a\"b\\ (c) %*");
    session.open(name, Opening::Examine).expect("opened");
    assert_eq!(scripted.commands().last().map(String::as_str), Some(r#"EXAMINE "a\"b\\ (c) %*""#));
}

/// Holds disaster rule 6.
#[test]
fn search_and_vanished_with_impossible_uids_are_clipped() {
    let (_scripted, mut session) = logged_in(
        "ESEARCH",
        "C: UID SEARCH\nS: * ESEARCH (TAG \"m1\") UID ALL 1:3,4294967296,0\nS: $ OK done\nC: UID SEARCH\nS: * SEARCH 0 2 4294967299 x 3\nS: $ OK done",
    );
    let search = session.send_search_all(3).expect("send").expect("one command");
    let first = session.finish_search_all(search, |_| Ok(())).expect("an answer");
    assert!(first.is_none_or(|set| set.len() <= 3));
    let search = session.send_search_all(3).expect("send").expect("one command");
    let second = session.finish_search_all(search, |_| Ok(())).expect("an answer").expect("a set");
    assert_eq!(second.iter().map(|uid| uid.0).collect::<Vec<_>>(), [2, 3]);
}

/// A search for a million messages is asked for in parts: no line is longer than a line may be.
#[test]
fn search_of_a_large_mailbox_goes_by_windows() {
    const MESSAGES: u32 = 200_000;
    let uids = |from: u32, to: u32| (from..=to).map(|number| (3_000_000 + 3 * number).to_string()).collect::<Vec<_>>();
    let windows =
        [(1, 65_536, "65536"), (65_537, 131_072, "131072"), (131_073, 196_608, "196608"), (196_609, MESSAGES, "*")];
    let script: String = windows
        .iter()
        .map(|(from, to, last)| {
            let answer = uids(*from, *to).join(" ");
            format!("C: UID SEARCH {from}:{last}\nS: * SEARCH {answer}\nS: $ OK done\n")
        })
        .collect();
    let (scripted, mut session) = logged_in("", &script);
    let search = session.send_search_all(MESSAGES).expect("send").expect("some commands");
    let found = session.finish_search_all(search, |_| Ok(())).expect("an answer").expect("a whole list");
    assert_eq!(scripted.departures(), [""; 0]);
    assert_eq!((found.len(), found.last()), (u64::from(MESSAGES), Some(Uid(3_000_000 + 3 * MESSAGES))));
}

/// What goes between two windows moves what stands behind it: then no window is to be believed.
#[test]
fn search_by_windows_in_which_a_message_goes_is_no_whole_list() {
    let script = "C: UID SEARCH 1:65536\nS: * SEARCH 1\nS: $ OK done\nC: UID SEARCH 65537:*\nS: * 9 EXPUNGE⏎* SEARCH 70001\nS: $ OK done";
    let (_scripted, mut session) = logged_in("", script);
    let search = session.send_search_all(70_000).expect("send").expect("two commands");
    assert_eq!(session.finish_search_all(search, |_| Ok(())).expect("an answer"), None);
}

/// Holds hazard 9.
#[test]
fn search_that_finds_more_than_there_is_ends() {
    let line = format!("* SEARCH {}", (1..60_000).map(|uid| (2 * uid).to_string()).collect::<Vec<_>>().join(" "));
    let script = format!("C: UID SEARCH ALL\n{}C: never", format!("S: {line}\n").repeat(4));
    let (_scripted, mut session) = logged_in("", &script);
    let search = session.send_search_all(6).expect("send").expect("one command");
    let error = session.finish_search_all(search, |_| Ok(())).expect_err("too much");
    assert_eq!(*error.kind(), Kind::Protocol, "{}", error.line());
    assert!(error.line().contains("more messages than it was asked for"), "{}", error.line());
}
