//! Success is what the ledger says: every message in one outcome, every mailbox in one condition, and what cannot be kept
//! is named. On servers that refuse, drop and lie in ways that real ones do, and without harm to the message itself.

use std::sync::Arc;

use serde_json::json;

use crate::migration::count;
use crate::pair::{Pair, USER, replaced};
use crate::support::fake::account::Content;
use crate::support::fake::behaviour::{Behaviour, Rule, When};
use crate::support::ferry::Done;

// Messages in one outcome each

#[test]
fn message_beyond_the_destinations_limit_is_3_and_8_and_one_beyond_the_settings_is_a_success() {
    let large = |pair: &Pair| {
        let octets = [b"Message-ID: <large@seed>\r\n\r\n".to_vec(), b"x\r\n".repeat(1000)].concat();
        pair.source.tenant(USER).account().mailbox("INBOX").add_octets(octets);
    };
    let limited = Pair::with("INBOX\n    a\n    b").destination(Behaviour::honest().with("APPENDLIMIT=1000"));
    large(&limited);
    for _ in 0..2 {
        limited.run(&["sync"]).expect(3).says("1 beyond the destination's limit");
        assert_eq!((count(&limited.outcomes(), "limited"), count(&limited.outcomes(), "skipped")), (1, 0));
    }
    let found = limited.verified(8);
    assert_eq!((count(&found, "missing"), count(&found["outcomes"], "limited")), (1, 1), "{found}");
    let own = Pair::with("INBOX\n    a\n    b").with_settings("[sync]\nmax_message_size = \"1KB\"");
    large(&own);
    own.run(&["sync"]).expect(0).says("1 skipped");
    let found = own.verified(0);
    assert_eq!((count(&found, "missing"), count(&found["outcomes"], "skipped")), (0, 1), "{found}");
    assert!(!own.run(&["verify"]).expect(0).stdout.contains("Identical"));
}

#[test]
fn message_that_turns_out_to_be_too_large_is_skipped_and_not_left() {
    let source = Behaviour::honest().lying(|command, response| {
        let real = format!("RFC822.SIZE {}", large_message().len());
        if command.starts_with("UID FETCH") { replaced(&response, &real, "RFC822.SIZE 500") } else { response }
    });
    let pair = Pair::with("INBOX\n    a").source(source).with_settings("[sync]\nmax_message_size = \"1KB\"");
    pair.source.tenant(USER).account().mailbox("INBOX").add_octets(large_message());
    for _ in 0..2 {
        let output = pair.run(&["sync"]).expect(0).says("1 skipped");
        assert!(!output.stdout.contains("left"), "{output}");
        assert_eq!((count(&pair.outcomes(), "skipped"), count(&pair.outcomes(), "pending")), (1, 0));
    }
    assert_eq!(count(&pair.verified(0)["outcomes"], "skipped"), 1);
}

fn large_message() -> Vec<u8> {
    [b"Message-ID: <large@seed>\r\n\r\n".to_vec(), b"x\r\n".repeat(991)].concat()
}

#[test]
fn accounts_that_were_not_compared_are_named_and_nothing_is_called_identical() {
    let users = ["alice", "bob", "carol", "dora", "emil", "fred"];
    let pair = Pair::of(&users, "INBOX\n    a");
    pair.run(&["sync"]).expect(0);
    for shut in ["bob", "carol"] {
        pair.source.tenant(shut).behave(Behaviour::honest().shut("NO [AUTHENTICATIONFAILED] who are you"));
    }
    let output = pair.run(&["verify"]).expect(3);
    let last = output.stdout.lines().last().unwrap_or_default();
    assert_eq!(last, "4 of 6 accounts identical; 2 could not be compared: bob, carol", "{output}");
    assert!(!output.stdout.contains("Identical"), "{output}");
    pair.run(&["sync"]).expect(3).says("4 of 6 accounts done; 2 failed: bob, carol");
}

/// Holds pipeline/transfer/unsettled.rs invariant 2.
#[test]
fn deletions_wait_while_a_mailbox_of_the_source_cannot_be_read() {
    let pair = Pair::with("INBOX\n    a\n    b\nShut\n    c")
        .with_settings("[sync]\nmode = \"mirror\"\ndelete_guard = \"100%\"");
    pair.run(&["sync"]).expect(0);
    pair.source.tenant(USER).account().mailbox("INBOX").expunge(|uid| uid == 2);
    let shut = |begins| Rule::refuse(begins, "NO [NOPERM] no").holding("Shut");
    let pair = pair.source(Behaviour::honest().without(&["LIST-STATUS"]).rule(shut("STATUS")).rule(shut("EXAMINE")));
    pair.run(&["sync"]).expect(3);
    assert_eq!(pair.destination.tenant(USER).account().messages("INBOX").len(), 2, "`b` may be in `Shut`");
    let pair = pair.source(Behaviour::honest());
    pair.run(&["sync"]).expect(0);
    assert_eq!(pair.destination.tenant(USER).account().messages("INBOX").len(), 1);
}

/// Holds model/ledger.rs invariant 2.
#[test]
fn mailbox_that_the_server_tells_nothing_about_is_no_success() {
    let pair = Pair::with("INBOX\n    a\nHidden\n    b");
    pair.run(&["sync"]).expect(0);
    let refusing = |begins| Rule::refuse(begins, "NO [NOPERM] no");
    let refused = Behaviour::honest()
        .without(&["LIST-STATUS"])
        .rule(refusing("STATUS \"Hidden\""))
        .rule(refusing("EXAMINE \"Hidden\""));
    let pair = pair.source(refused);
    let output = pair.run(&["verify"]).expect(8);
    assert!(!output.stdout.contains("Identical"), "{output}");
    assert_eq!(pair.verified(8)["conditions"]["unreadable"], 1);
    pair.run(&["sync"]).expect(3);
}

// A plan is what apply does, whatever happens in between

#[test]
fn verify_between_plan_and_apply_doubles_nothing() {
    let pair = Pair::with("INBOX\n    a\n    b\n    c");
    pair.run(&["scan"]).expect(0);
    pair.run(&["plan"]).expect(0);
    // Somebody copies one of them by another way.
    let stored = pair.source.tenant(USER).account().mailbox("INBOX").messages[1].clone();
    let content = Content::Octets(Arc::new(stored.octets().into_owned()));
    pair.destination.tenant(USER).account().mailbox("INBOX").add(content, stored.flags.clone(), stored.date);
    pair.run(&["verify"]).expect(8);
    pair.run(&["apply"]).expect(0);
    let mut theirs = pair.destination.tenant(USER).account().messages("INBOX");
    let mut ours = pair.source.tenant(USER).account().messages("INBOX");
    ours.sort();
    theirs.sort();
    assert_eq!(theirs.len(), 3);
    assert!(ours == theirs);
    assert_eq!(pair.ferry.sync(), Done::NOTHING);
}

// Order

#[test]
fn fetch_refused_once_leaves_the_order_as_it_is() {
    let once = Rule::refuse("UID FETCH 1:100 (UID FLAGS INTERNALDATE BODY", "NO [INUSE] somebody is here");
    let pair = Pair::with("INBOX\n    1..400 bulk").source(Behaviour::honest().rule(once.when(When::First(1))));
    pair.run(&["sync"]).expect(0);
    let [ours, theirs] = [&pair.source, &pair.destination].map(|fake| fake.tenant(USER).account().messages("INBOX"));
    assert_eq!(theirs.len(), 400);
    assert!(ours == theirs, "the order differs");
    pair.run(&["verify", "--deep"]).expect(0).says("Identical");
}

#[test]
fn copies_out_of_order_are_counted_and_not_called_identical() {
    let refused = |octets: &[u8]| memchr::memmem::find(octets, b"<a@").is_some();
    let refusing = Behaviour::honest().keeping(move |octets| match refused(octets) {
        true => crate::support::fake::behaviour::Kept::Refused("NO not that one".to_owned()),
        false => crate::support::fake::behaviour::Kept::As(octets.to_vec()),
    });
    let pair = Pair::with("INBOX\n    a\n    b\n    c").destination(refusing);
    pair.run(&["sync"]).expect(3);
    let pair = pair.destination(Behaviour::honest());
    pair.run(&["sync"]).expect(0);
    let found = pair.verified(0);
    assert_eq!(found["losses"]["out_of_order"], 1, "{found}");
    let output = pair.run(&["verify", "--deep"]).expect(0).says("1 copy stands out of order");
    assert!(!output.stdout.contains("Identical"), "{output}");
}

// What cannot be kept is named, and no failure

#[test]
fn dates_that_cannot_be_held_or_are_not_told_are_named_losses() {
    // The source's date of the one message, and what it is counted as.
    let cases = [
        ("NIL", "untold_dates"),
        ("\"01-Jan-99 00:00:00 +0000\"", "untold_dates"),
        ("\"01-Jan-1900 00:00:00 +0000\"", "dates"),
    ];
    for (date, counted) in cases {
        let source = Behaviour::honest().lying(move |_, response| {
            let Some(at) = memchr::memmem::find(&response, b"INTERNALDATE \"") else { return response };
            let start = at + "INTERNALDATE ".len();
            let end = start + 1 + response[start + 1..].iter().position(|octet| *octet == b'"').unwrap_or(0) + 1;
            [&response[..start], date.as_bytes(), &response[end..]].concat()
        });
        let pair = Pair::with("INBOX\n    a").source(source);
        pair.run(&["scan"]).expect(0);
        let planned = pair.run(&["plan", "--json", "-"]).expect(0).json();
        assert_eq!(planned["accounts"][0]["losses"][counted], 1, "{date}: {planned}");
        for _ in 0..2 {
            pair.run(&["sync"]).expect(0).says("Not kept: ");
            assert_eq!(pair.ferry.status()["losses"][counted], 1, "{date}");
        }
        let found = pair.verified(0);
        assert_eq!((&found["losses"][counted], &found["standing"]), (&json!(1), &json!("lossy")), "{date}: {found}");
    }
}

// By which rule messages were told apart

#[test]
fn looser_rule_of_servers_that_list_estimates_is_told() {
    // What the destination lists is another size than what it holds, for every message.
    let estimating = || {
        Behaviour::honest().lying(|_, response| {
            let Some(at) = memchr::memmem::find(&response, b"RFC822.SIZE ") else { return response };
            let start = at + "RFC822.SIZE ".len();
            let digits = response[start..].iter().take_while(|octet| octet.is_ascii_digit()).count();
            let size: u64 = String::from_utf8_lossy(&response[start..start + digits]).parse().expect("a number");
            [&response[..start], (size + 7).to_string().as_bytes(), &response[start + digits..]].concat()
        })
    };
    let pair = Pair::with("INBOX\n    a\n    b\n    c").destination(estimating());
    pair.run(&["sync"]).expect(0);
    let line =
        "Messages were told apart by their identity and date alone: the sizes that the servers list are estimates";
    pair.run(&["verify"]).expect(0).says(line);
    let found = pair.verified(0);
    assert_eq!((&found["recognised_by"], &found["rewritten"]), (&json!(["identity", "date"]), &json!(3)), "{found}");
    pair.source.tenant(USER).account().fill("INBOX\n    9 d");
    pair.run(&["scan"]).expect(0);
    pair.run(&["plan"]).expect(0).says(line);
    let planned = pair.run(&["plan", "--json", "-"]).expect(0).json();
    assert_eq!(planned["accounts"][0]["recognised_by"], json!(["identity", "date"]));
}

#[test]
fn copies_that_the_destination_keeps_in_a_form_of_its_own_are_counted() {
    let stamping = Behaviour::honest().keeping(|octets| {
        let stamp = if memchr::memmem::find(octets, b"<a@").is_some() { "X-Stored: here\r\n" } else { "" };
        crate::support::fake::behaviour::Kept::As([stamp.as_bytes(), octets].concat())
    });
    let pair = Pair::with("INBOX\n    a\n    b\n    c").destination(stamping);
    pair.run(&["sync"]).expect(0);
    let found = pair.verified(8);
    assert_eq!(found["recognised_by"], json!(["identity", "size", "date"]), "one message is no rule");
    assert_eq!((&found["rewritten"], &found["altered"]), (&json!(1), &json!(1)), "{found}");
    pair.run(&["verify"]).expect(8).says("1 copy is in a form of the destination's own");
}
