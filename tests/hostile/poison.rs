//! Messages for which a FETCH is refused, or on which the connection breaks: each is named alone, and its neighbours arrive.

use crate::case::{Case, First, Table};
use crate::support::fake::behaviour::{Behaviour, Poison, Then};
use crate::tally;

/// How a FETCH ends that is about such a message.
fn ends() -> Vec<(&'static str, Then)> {
    let answer = |text: &str| Then::Answer(text.to_owned());
    vec![
        ("no", answer("NO no")),
        ("serverbug", answer("NO [SERVERBUG] Internal error occurred")),
        ("limit", answer("NO [LIMIT] not that one")),
        ("inuse", answer("NO [INUSE] in use")),
        ("cannot", answer("NO [CANNOT] cannot")),
        ("noperm", answer("NO [NOPERM] hands off")),
        ("unavailable", answer("NO [UNAVAILABLE] not now")),
        ("expungeissued", answer("NO [EXPUNGEISSUED] gone")),
        ("bad", answer("BAD what")),
        ("bye", Then::SayAndClose(b"* BYE FETCH failed: Internal error\r\n".to_vec())),
        ("cut", Then::Close),
        ("silence", Then::Silence),
    ]
}

/// Which FETCHes end so: what their commands hold.
const ASKED: [(&str, &str); 4] =
    [("all", "UID FETCH"), ("sizes", "RFC822.SIZE"), ("headers", "HEADER.FIELDS"), ("octets", "BODY.PEEK[]")];

fn behaviour(asked: &str, uids: &[u32], then: &Then, tells: bool) -> Behaviour {
    let (mailbox, uids) = ("Bad".to_owned(), uids.to_vec());
    Behaviour::honest().poisoned(Poison { mailbox, uids, asked: asked.to_owned(), then: then.clone(), tells })
}

fn cases(uids: &[u32], chosen: &[&str]) -> Vec<Case> {
    let mut cases = Vec::new();
    for (place, asked) in ASKED.iter().filter(|(place, _)| chosen.contains(place)) {
        for (name, then) in ends() {
            for (manner, tells) in [("told", true), ("mute", false)] {
                // Each silence is waited for to its end.
                if matches!(then, Then::Silence) && (tells || *place == "sizes" || uids.len() > 1) {
                    continue;
                }
                let name = format!("{place}-{name}-{manner}").leak();
                cases.push(Case::new(name, First::Told(&[])).source(behaviour(asked, uids, &then, tells)));
            }
        }
    }
    cases
}

/// Told with its place, all but it arrives, and so does later mail; it is tried again by each run.
fn judge(cases: Vec<Case>, uids: &[u32], command: &[&str]) {
    let table = Table::of(cases);
    table.run(command).expect(3);
    assert_each_named_and_no_other(&table, uids);
    for case in table.cases() {
        table.source.tenant(case.name).account().fill("Bad\n    late\nGood\n    late too");
    }
    table.run(&["sync"]).expect(3);
    assert_each_named_and_no_other(&table, uids);
    table.judge_rest();
}

fn assert_each_named_and_no_other(table: &Table, uids: &[u32]) {
    let (failures, mut faults) = (table.failures(), Vec::new());
    for case in table.cases() {
        let (count, first) = &failures[case.name];
        let place = format!("in `Bad`, UID {} on the source", uids[0]);
        if *count != uids.len() as u64 || !first.contains(&place) {
            faults.push(format!("{}: {count} failures, the first: {first}", case.name));
        }
        let differences = table.differences(case);
        let others = !differences.extra.is_empty() || !differences.duplicated.is_empty();
        if differences.missing.len() != uids.len() || others {
            faults.push(format!("{}: {differences}", case.name));
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn message_that_cannot_be_listed_or_read_is_named_alone_by_a_first_sync() {
    judge(cases(&[3], &["all", "sizes", "octets"]), &[3], &["sync"]);
}

#[test]
fn message_that_cannot_be_listed_or_read_is_named_alone_by_a_full_sync() {
    judge(cases(&[3], &["all", "headers"]), &[3], &["sync", "--full"]);
}

#[test]
fn several_messages_that_cannot_be_read_are_each_named() {
    judge(cases(&[1, 2, 6], &["all", "octets"]), &[1, 2, 6], &["sync"]);
}

/// The last message of the INBOX is looked at before anything else, to see whose mailboxes they are: that it cannot be read is
/// no failure of the account.
#[test]
fn last_message_of_the_inbox_that_cannot_be_read_is_named_alone() {
    let cases = || {
        let poison = |then: &Then| {
            let (mailbox, uids) = ("INBOX".to_owned(), vec![3]);
            Poison { mailbox, uids, asked: "UID FETCH".to_owned(), then: then.clone(), tells: false }
        };
        let case = |(name, then): &(&'static str, Then)| {
            Case::new(name, First::AccountTold(&["in `INBOX`, UID 3 on the source"]))
                .source(Behaviour::honest().poisoned(poison(then)))
        };
        ends().iter().map(case).collect::<Vec<Case>>()
    };
    let table = Table::of(cases());
    table.run(&["check"]).expect(0);
    table.run(&["sync"]).expect(3);
    let mut faults = Vec::new();
    for (case, (count, first)) in table.cases().iter().map(|case| (case, table.failures()[case.name].clone())) {
        let differences = table.differences(case);
        if count != 1 || differences.missing.len() != 1 || !first.contains("in `INBOX`, UID 3 on the source") {
            faults.push(format!("{}: {count} failures, the first: {first}\n{differences}", case.name));
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    table.judge_rest();
}

/// The same by octets: all others are compared, and what cannot be is no success.
#[test]
fn message_that_cannot_be_read_is_the_only_one_that_a_deep_verification_does_not_compare() {
    let cases = || {
        let mut cases = cases(&[3], &["octets"]);
        cases.retain(|case| !case.name.contains("silence"));
        cases.iter_mut().for_each(|case| case.first = First::Exact);
        cases
    };
    for destination in [false, true] {
        let table = Table::of(cases().into_iter().map(|case| case.source(Behaviour::honest())).collect());
        table.run(&["sync"]).expect(0);
        for case in cases() {
            let server = if destination { &table.destination } else { &table.source };
            server.tenant(case.name).behave(case.source.clone());
        }
        let found = table.run(&["verify", "--deep", "--json", "-"]).expect(8).json();
        let accounts = found["accounts"].as_array().expect("accounts");
        assert_eq!(accounts.len(), table.cases().len());
        accounts.iter().for_each(|account| {
            assert_eq!((account["altered"].as_u64(), account["missing"].as_u64()), (Some(1), Some(0)), "{account}")
        });
        tally::count(table.cases().len());
    }
}

/// What was stored without a word where is recognised by its header: a message whose header cannot be had is not taken for
/// another, and is not sent again.
#[test]
fn message_that_cannot_be_recognised_is_named_alone() {
    let mut cases = Vec::new();
    for (name, then) in ends() {
        if matches!(then, Then::Answer(_)) {
            continue;
        }
        let silent = Behaviour::honest().without(&["UIDPLUS"]).coding(|_, _| String::new());
        let case = Case::new(name, First::ExactAndTold(&["`Bad`, UID 3 on the source"]));
        cases.push(case.source(behaviour("HEADER.FIELDS", &[3], &then, false)).destination(silent));
    }
    Table::of(cases).judge();
}
