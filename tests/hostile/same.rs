//! Same message? Servers that list wrong sizes, give half a message, store under another identity, or say that they stored.

use crate::case::{Case, First, Table};
use crate::lies::{is, number_after};
use crate::support::fake::account::Account;
use crate::support::fake::behaviour::{Behaviour, Kept, Rule, Then, When};
use crate::tally;

const MAIL: &str = "INBOX\n    a\nBad\n    1 one\n    2 two\n    3 three\n    4 four\n    5 five\nGood\n    g";

fn filled(account: &mut Account) {
    account.fill(MAIL);
}

/// Messages without Message-ID, each told by its subject and its text.
fn nameless(account: &mut Account) {
    account.fill("INBOX\n    a\nGood\n    g");
    let bad = account.create(b"Bad");
    for number in 0..5 {
        bad.add_octets(format!("Subject: {number}\r\n\r\ntext {number}\r\n").into_bytes());
    }
}

fn appends(table: &Table, name: &str) -> usize {
    table.destination.tenant(name).commands().iter().filter(|command| command.starts_with("APPEND")).count()
}

fn held(table: &Table, name: &str) -> usize {
    table.destination.tenant(name).account().messages("Bad").len()
}

/// What GreenMail does: RFC822.SIZE is wrong for every message, and the octets are right.
fn wrong_sizes() -> Behaviour {
    Behaviour::honest().lying(|_, response| match is(&response, "FETCH") {
        true => number_after(response, "RFC822.SIZE ", |size| Some(size * 3 / 2)),
        false => response,
    })
}

#[test]
fn wrong_sizes_of_either_side_lose_double_and_alter_nothing() {
    let case = |name, source, destination| Case::new(name, First::Exact).source(source).destination(destination);
    let table = Table::of(vec![
        case("sizes-of-the-source", wrong_sizes(), Behaviour::honest()).mail(filled),
        case("sizes-of-the-destination", Behaviour::honest(), wrong_sizes()).mail(filled),
        case("sizes-of-both", wrong_sizes(), wrong_sizes()).mail(nameless),
    ]);
    for lost in [false, true] {
        if lost {
            table.ferry.forget_state();
        }
        table.run(&["sync"]).expect(0);
        table.run(&["sync"]).expect(0);
        table.run(&["verify"]).expect(0);
        table.run(&["verify", "--deep"]).expect(0);
        for case in table.cases() {
            let differences = table.differences(case);
            assert!(differences.is_empty(), "{}, state lost: {lost}\n{differences}", case.name);
        }
    }
    tally::count(3);
}

/// The literal holds half of what is listed, and says so.
fn half(response: Vec<u8>) -> Vec<u8> {
    let marker = b"BODY[] {";
    let Some(at) = memchr::memmem::find(&response, marker).map(|at| at + marker.len()) else { return response };
    let digits = response[at..].iter().take_while(|octet| octet.is_ascii_digit()).count();
    let length: usize = String::from_utf8_lossy(&response[at..at + digits]).parse().expect("a length");
    let body = at + digits + 3;
    let kept = length / 2;
    [&response[..at], kept.to_string().as_bytes(), b"}\r\n", &response[body..body + kept], &response[body + length..]]
        .concat()
}

/// Whether a response is about that UID.
fn of_uid(response: &[u8], uid: u32) -> bool {
    memchr::memmem::find(response, format!("UID {uid} ").as_bytes()).is_some()
}

#[test]
fn half_a_message_is_asked_for_again_and_never_appended() {
    let halves = |always: bool| {
        let asked = std::sync::atomic::AtomicU32::new(0);
        Behaviour::honest().lying(move |command, response| {
            let meant = command.contains("BODY.PEEK[]") && is(&response, "FETCH") && of_uid(&response, 3);
            match meant && (asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0 || always) {
                true => half(response),
                false => response,
            }
        })
    };
    let named = First::Told(&["UID 3", "does not give its content"]);
    Table::of(vec![
        Case::new("half-once", First::Exact).mail(filled).source(halves(false)),
        Case::new("half-always", named).mail(filled).source(halves(true)),
    ])
    .judge();
}

/// Some servers give a Message-ID to what has none.
fn with_message_id(octets: &[u8]) -> Kept {
    let has_one = octets.to_ascii_lowercase().starts_with(b"message-id:");
    let added = format!("Message-ID: <{}@added>\r\n", octets.len() * 7 + usize::from(octets[9]));
    Kept::As(if has_one { octets.to_vec() } else { [added.as_bytes(), octets].concat() })
}

#[test]
fn message_that_gets_a_message_id_on_the_destination_is_copied_once() {
    let adding = Behaviour::honest().keeping(with_message_id);
    let silent = adding.clone().without(&["UIDPLUS"]).coding(|_, _| String::new());
    let cut = silent.clone().rule(Rule::on("APPEND Bad", Then::DoneBut("BYE".to_owned())).when(When::First(1)));
    let case = |name, destination| Case::new(name, First::Exact).mail(nameless).destination(destination);
    let table = Table::of(vec![case("adds-id", adding), case("adds-id-silently", silent), case("adds-id-cut", cut)]);
    table.run(&["sync"]).expect(0);
    for run in 0..2 {
        let before: Vec<usize> = table.cases().iter().map(|case| appends(&table, case.name)).collect();
        let output = table.run(&["sync"]).expect(0);
        for (case, before) in table.cases().iter().zip(before) {
            assert_eq!(
                (held(&table, case.name), appends(&table, case.name)),
                (5, before),
                "{} {run}: {output}",
                case.name
            );
        }
    }
    tally::count(3);
}

/// Like Gmail, which merges what it takes for a duplicate: OK, and nothing is there. Only a word of the user sends it again.
#[test]
fn message_that_was_stored_and_is_not_found_is_named_and_never_sent_again() {
    let silent = |behaviour: Behaviour| behaviour.without(&["UIDPLUS"]).coding(|_, _| String::new());
    let answering = Rule::on("APPEND \"Bad\"", Then::Answer("OK whatever".to_owned()));
    let case =
        |name, destination| Case::new(name, First::Told(&["not in the mailbox"])).mail(filled).destination(destination);
    let mut table = Table::of(vec![
        case("merges", silent(Behaviour::honest()).storing_in("Bad", 0)),
        case("stores-nothing", Behaviour::honest().storing_in("Bad", 0)),
        case("stores-nothing-without-code", Behaviour::honest().rule(answering)),
    ]);
    table.run(&["sync"]).expect(3).complains(&["not found again", "not in the mailbox"]);
    let sent = |table: &Table| -> Vec<usize> { table.cases().iter().map(|case| appends(table, case.name)).collect() };
    let before = sent(&table);
    assert_eq!(table.run(&["verify"]).code, Some(8));
    table.honest();
    for arguments in [&["sync"][..], &["sync", "--full"]] {
        table.run(arguments).expect(3);
        assert_eq!(sent(&table), before, "sent again");
    }
    table.restore_missing();
    table.run(&["sync"]).expect(0);
    for case in table.cases() {
        assert!(table.differences(case).is_empty(), "{}", case.name);
    }
    tally::count(3);
}
