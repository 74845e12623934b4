//! A source that gives its messages other UIDs: what was said of messages that have no link holds for the same messages. What
//! the destination stored and does not show is not sent again, what a person accepted stays accepted, and what its user
//! removed stays away; where it cannot be told which message it is, it is named.

use crate::case::{Case, First, Table};
use crate::support::fake::account::Account;
use crate::support::fake::behaviour::{Behaviour, Rule, Then, When};
use crate::support::ferry::Output;
use crate::tally;

fn named(account: &mut Account) {
    account.fill("INBOX\n    a\nBad\n    1 one\n    2 two\n    3 three\n    4 four\n    5 five\nGood\n    g");
}

/// None of the fields by which messages are recognised; two of them are alike to the date.
fn nameless(account: &mut Account) {
    account.fill("INBOX\n    a\nGood\n    g");
    let bad = account.create(b"Bad");
    for number in [1, 2, 3, 4, 4] {
        bad.add_octets(format!("X-Note: {number}\r\n\r\ntext {number}\r\n").into_bytes());
    }
    bad.messages[4].date = bad.messages[3].date;
}

/// One APPEND for each message.
fn one_by_one() -> Behaviour {
    Behaviour::honest().without(&["MULTIAPPEND"])
}

/// OK to the first so many messages of `Bad`, and nothing is there.
fn losing(first: u32) -> Behaviour {
    one_by_one().rule(Rule::on("APPEND \"Bad\"", Then::Answer("OK whatever".to_owned())).when(When::First(first)))
}

fn appends(table: &Table) -> Vec<usize> {
    let of = |case: &Case| {
        let commands = table.destination.tenant(case.name).commands();
        commands.iter().filter(|command| command.starts_with("APPEND")).count()
    };
    table.cases().iter().map(of).collect()
}

/// The first message goes from the source, so that all others have UIDs of others now.
fn renumber(table: &Table, expunged: u32, destination: bool) {
    for [source, copy] in table.tenants().into_values() {
        let mut account = source.account();
        account.mailbox("Bad").expunge(|uid| uid <= expunged);
        account.mailbox("Bad").renumber();
        drop(account);
        if destination {
            copy.account().mailbox("Bad").renumber();
        }
    }
}

fn accept(table: &Table) {
    for case in table.cases() {
        table.run(&["accept", case.name, "Bad", "--reason", "it is where they want it"]).expect(0);
    }
}

/// Outcomes of each account, by what the status tells.
fn outcomes(table: &Table, key: &str) -> Vec<u64> {
    let status = table.ferry.run(&["status", "--json", "-"]).expect(0).json();
    let accounts = status["accounts"].as_array().expect("accounts");
    let of = |case: &Case| {
        let account = accounts.iter().find(|account| account["account"] == case.name).expect("the account");
        account["outcomes"][key].as_u64().expect("a count")
    };
    table.cases().iter().map(of).collect()
}

#[test]
fn stored_and_not_found_again_is_never_sent_again_under_other_uids() {
    let told = First::Told(&["not in the mailbox"]);
    let case = |name, lost, mail: fn(&mut Account)| Case::new(name, told).mail(mail).destination(losing(lost));
    let cases = || vec![case("all", 9, named), case("two", 2, named), case("nameless", 3, nameless)];
    for (source_only, kill) in [(true, false), (false, false), (true, true)] {
        let table = Table::of(cases());
        table.run(&["sync"]).expect(3).complains(&["not found again"]);
        let before = appends(&table);
        assert_eq!(outcomes(&table, "not_found_again"), [5, 2, 3]);
        table.honest();
        for round in 1..3 {
            renumber(&table, u32::from(round == 1), !source_only);
            if kill {
                // Only the scan is made of it: what follows is as after a kill in the midst.
                table.run(&["scan"]).expect(0);
            }
            let verified = table.run(&["verify"]).expect(8);
            assert!(!format!("{verified}").contains("Identical"), "{verified}");
            table.run(&["sync"]).expect(3);
            assert_eq!(appends(&table), before, "{source_only} {round}");
            assert_eq!(outcomes(&table, "not_found_again"), [4, 1, 2], "{source_only} {round}");
        }
        tally::count(3);
    }
}

#[test]
fn what_was_accepted_stays_accepted_under_other_uids() {
    let told = First::Told(&["not in the mailbox"]);
    let refusing = || one_by_one().rule(Rule::refuse("APPEND \"Bad\"", "NO [LIMIT] never").when(When::First(4)));
    let mut table = Table::of(vec![
        Case::new("stored", told).mail(named).destination(losing(2)),
        Case::new("refused", told).mail(named).destination(refusing()),
    ]);
    table.run(&["sync"]).expect(3);
    accept(&table);
    table.honest();
    table.run(&["sync"]).expect(0);
    let before = appends(&table);
    for (round, destination) in [(1, false), (2, true)] {
        renumber(&table, u32::from(round == 1), destination);
        table.run(&["verify"]).expect(0);
        table.run(&["sync"]).expect(0);
        assert_eq!((appends(&table), outcomes(&table, "accepted")), (before.clone(), vec![1, 1]), "{round}");
    }
    // It was said of these, and of no others.
    for case in table.cases() {
        table.source.tenant(case.name).account().mailbox("Bad").add_octets(&b"Subject: new\r\n\r\nnew\r\n"[..]);
    }
    table.run(&["sync"]).expect(0);
    assert_eq!(appends(&table), before.iter().map(|count| count + 1).collect::<Vec<_>>());
    table.restore_missing();
    table.run(&["sync"]).expect(0);
    tally::count(2);
}

/// Which of those that are listed alike was removed cannot be told: none is sent, all that are not there are named, and a
/// person has the word.
#[test]
fn message_without_a_name_whose_copy_was_removed_is_named_and_not_brought_back() {
    for destination in [false, true] {
        let case = |name| Case::new(name, First::Exact).mail(nameless).destination(one_by_one());
        let mut table = Table::of(vec![case("accepted"), case("restored")]);
        table.run(&["sync"]).expect(0);
        let before = appends(&table);
        for case in table.cases() {
            table.destination.tenant(case.name).account().mailbox("Bad").expunge(|uid| uid == 4);
        }
        if !destination {
            table.run(&["sync"]).expect(0);
            assert_eq!(outcomes(&table, "departed"), [1, 1]);
        }
        renumber(&table, 0, destination);
        let output: Output = table.run(&["sync"]).expect(3);
        assert_eq!((appends(&table), outcomes(&table, "not_found_again")), (before.clone(), vec![1, 1]), "{output}");
        table.run(&["verify"]).expect(8).says("cannot be told");
        table.run(&["accept", "accepted", "Bad", "--reason", "she removed it"]).expect(0);
        renumber(&table, 1, false);
        table.run(&["sync"]).expect(3);
        assert_eq!(appends(&table), before);
        // What was said of a message that cannot be told from others is asked for again.
        table.run(&["accept", "accepted", "Bad", "--reason", "she removed it"]).expect(0);
        table.restore_missing();
        table.run(&["sync"]).expect(0);
        let sent: Vec<usize> = appends(&table).iter().zip(&before).map(|(now, before)| now - before).collect();
        assert_eq!(sent, [0, 1]);
        table.run(&["verify"]).expect(0);
        tally::count(2);
    }
}
