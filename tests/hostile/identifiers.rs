//! UIDVALIDITY, UIDNEXT and HIGHESTMODSEQ that are missing, change all the time, or go backwards; on both sides.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::case::{Case, First, MAIL, Table};
use crate::lies::{holds, is, number_after};
use crate::support::fake::account::Account;
use crate::support::fake::behaviour::Behaviour;

/// The number behind a word becomes another in STATUS, SELECT and EXAMINE alike.
fn numbers(word: &'static str, change: impl Fn(u64) -> Option<u64> + Send + Sync + 'static) -> Behaviour {
    Behaviour::honest().lying(move |_, response| match is(&response, "STATUS") || is(&response, "OK") {
        true => number_after(response, &format!("{word} "), &change),
        false => response,
    })
}

fn opening_only(word: &'static str, change: impl Fn(u64) -> Option<u64> + Send + Sync + 'static) -> Behaviour {
    Behaviour::honest().lying(move |_, response| match is(&response, "OK") {
        true => number_after(response, &format!("{word} "), &change),
        false => response,
    })
}

fn ever_new() -> impl Fn(u64) -> Option<u64> + Send + Sync + 'static {
    let next = AtomicU64::new(5);
    move |_| Some(next.fetch_add(1, Ordering::Relaxed))
}

/// As Courier's INBOX: while it is empty it has another UIDVALIDITY each second, and keeps the one that it has at its first
/// SELECT. Here it is another each time that it is asked for.
fn fleeting_until_selected() -> Behaviour {
    let (told, is_kept) = (AtomicU64::new(1 << 20), AtomicBool::new(false));
    Behaviour::honest().lying(move |command, response| {
        if !command.contains("INBOX") && !holds(&response, "STATUS INBOX ") && !holds(&response, "STATUS \"INBOX\" ") {
            return response;
        }
        is_kept.fetch_or(command.starts_with("SELECT"), Ordering::Relaxed);
        let step = u64::from(!is_kept.load(Ordering::Relaxed));
        let number = |_| Some(told.fetch_add(step, Ordering::Relaxed));
        number_after(number_after(response, "UIDVALIDITY ", number), "APPENDUID ", number)
    })
}

#[test]
fn odd_identifiers_of_the_destination_lose_and_double_nothing() {
    let odd = |name, first, behaviour| Case::new(name, first).destination(behaviour);
    let changed = First::AccountTold(&["UIDVALIDITY"]);
    let untrue = First::ExactAndTold(&["not in the mailbox"]);
    Table::of(vec![
        odd("validity-zero", First::Exact, numbers("UIDVALIDITY", |_| Some(0))),
        odd("validity-missing", First::Exact, numbers("UIDVALIDITY", |_| None)),
        odd("validity-new-each-time", changed, numbers("UIDVALIDITY", ever_new())),
        odd("validity-new-at-select", changed, opening_only("UIDVALIDITY", ever_new())),
        odd("validity-huge", First::Exact, numbers("UIDVALIDITY", |it| Some(it << 32))),
        odd("validity-fleeting", First::Exact, fleeting_until_selected()),
        odd("next-missing", First::Exact, numbers("UIDNEXT", |_| None)),
        odd("next-missing-at-select", First::Exact, opening_only("UIDNEXT", |_| None)),
        odd("next-zero", First::Exact, numbers("UIDNEXT", |_| Some(0))),
        odd(
            "next-too-low",
            First::ExactAndTold(&["listed"]),
            numbers("UIDNEXT", |next| Some(next.saturating_sub(2).max(1))),
        ),
        odd("next-always-one", First::ExactAndTold(&["listed"]), numbers("UIDNEXT", |_| Some(1))),
        odd("next-too-high", untrue, numbers("UIDNEXT", |next| Some(next + 1000))),
        odd("next-huge", untrue, numbers("UIDNEXT", |_| Some(u64::from(u32::MAX)))),
        odd("modseq-zero", First::Exact, numbers("HIGHESTMODSEQ", |_| Some(0))),
        odd("modseq-always-one", First::Exact, numbers("HIGHESTMODSEQ", |_| Some(1))),
        odd("modseq-huge", First::Exact, numbers("HIGHESTMODSEQ", |_| Some(u64::MAX))),
    ])
    .judge();
}

#[test]
fn odd_identifiers_of_the_source_lose_and_double_nothing() {
    let odd = |name, first, behaviour| Case::new(name, first).source(behaviour);
    let changed = First::AccountTold(&["UIDVALIDITY"]);
    Table::of(vec![
        odd("validity-zero", First::Exact, numbers("UIDVALIDITY", |_| Some(0))),
        odd("validity-missing", First::Exact, numbers("UIDVALIDITY", |_| None)),
        odd("validity-new-each-time", changed, numbers("UIDVALIDITY", ever_new())),
        odd("validity-new-at-select", changed, opening_only("UIDVALIDITY", ever_new())),
        odd("next-missing", First::Exact, numbers("UIDNEXT", |_| None)),
        odd(
            "next-too-low",
            First::AccountTold(&["listed"]),
            numbers("UIDNEXT", |next| Some(next.saturating_sub(2).max(1))),
        ),
        odd("next-always-one", First::AccountTold(&["listed"]), numbers("UIDNEXT", |_| Some(1))),
        odd("next-too-high", First::Exact, numbers("UIDNEXT", |next| Some(next + 1000))),
        odd("next-huge", First::Exact, numbers("UIDNEXT", |_| Some(u64::from(u32::MAX)))),
        odd("modseq-huge", First::Exact, numbers("HIGHESTMODSEQ", |_| Some(u64::MAX))),
        odd("exists-too-many", First::AccountTold(&["listed"]), exists(|count| count + 1)),
        odd("exists-too-few", First::AccountTold(&["listed"]), exists(|count| count.saturating_sub(1))),
        odd("exists-huge", First::AccountTold(&["listed"]), exists(|_| u64::MAX)),
    ])
    .judge();
}

fn exists(change: impl Fn(u64) -> u64 + Send + Sync + 'static) -> Behaviour {
    Behaviour::honest().lying(move |_, response| match holds(&response, " EXISTS\r\n") {
        true => number_after(response, "* ", |count| Some(change(count))),
        false => response,
    })
}

/// What a resync is told by servers whose numbers went backwards, or whose QRESYNC knows nothing: it must not believe it.
///
/// Holds disaster rule 4.
/// Holds disaster rule 5.
#[test]
fn numbers_that_went_backwards_are_not_believed_at_a_resync() {
    let forgetful = |_: &str, response: Vec<u8>| match is(&response, "VANISHED") {
        true => Vec::new(),
        false => response,
    };
    let cases: [(&'static str, Behaviour); 5] = [
        ("modseq-backwards", numbers("HIGHESTMODSEQ", |_| Some(2))),
        ("modseq-stands-still", numbers("HIGHESTMODSEQ", |_| Some(10))),
        ("next-backwards", numbers("UIDNEXT", |_| Some(3))),
        ("vanished-forgotten", Behaviour::honest().lying(forgetful)),
        (
            "changes-forgotten",
            Behaviour::honest().lying(|command, response| {
                match command.contains("CHANGEDSINCE") && is(&response, "FETCH") {
                    true => Vec::new(),
                    false => response,
                }
            }),
        ),
    ];
    let table = Table::of(cases.iter().map(|(name, _)| Case::new(name, First::Exact)).collect());
    table.run(&["sync"]).expect(0);
    for (name, behaviour) in cases {
        let source = table.source.tenant(name);
        source.account().fill("Bad\n    7 seven\n    8 eight");
        source.account().mailbox("Bad").expunge(|uid| uid == 2);
        source.behave(behaviour);
    }
    // What is new arrives, whatever the numbers say; nothing comes twice.
    let output = table.run(&["sync"]);
    assert!(matches!(output.code, Some(0 | 3)), "{output}");
    for (name, _) in table.tenants() {
        let mut bad = table.destination.tenant(name).account().messages("Bad");
        bad.sort();
        let count = bad.len();
        bad.dedup();
        assert_eq!(bad.len(), count, "{name}: doubled");
    }
    let mail = MAIL.replace("    6 six", "    6 six\n    7 seven\n    8 eight");
    table.honest();
    table.run(&["sync", "--full"]).expect(0);
    for (name, _) in table.tenants() {
        table.expect_at_destination(name, &mail);
    }
    crate::tally::count(5);
}

/// The source was restored from a backup under the UIDVALIDITY that it had, and gave UIDs out again: as many messages as
/// were recorded, with lower numbers. What stands under two known UIDs is another message; the last is the one that it was.
///
/// Holds disaster rule 4.
#[test]
fn source_that_gave_its_uids_out_again_is_listed_whole() {
    let before = |account: &mut Account| {
        account.fill(MAIL);
        account.mailbox("Bad").expunge(|uid| uid == 2);
    };
    let case = |name, without: &[&str]| {
        Case::new(name, First::Exact).source(Behaviour::honest().without(without)).mail(before)
    };
    let table = Table::of(vec![case("again", &[]), case("again-without-qresync", &["QRESYNC"])]);
    table.run(&["sync"]).expect(0);
    for (name, _) in table.tenants() {
        let source = table.source.tenant(name);
        let mut account = source.account();
        let bad = account.mailbox("Bad");
        let last = bad.messages.pop().expect("it has messages");
        bad.messages.retain(|message| message.uid < 4);
        (bad.uid_next, bad.highest_modseq) = (4, 2);
        account.fill("Bad\n    x\n    y");
        account.mailbox("Bad").add(last.content, last.flags, last.date);
        assert!(account.mailbox("Bad").uid_next == 7 && account.mailbox("Bad").highest_modseq < 6);
    }
    table.run(&["sync"]).expect(0);
    let mail = MAIL.replace("    2 two \\Flagged\n", "").replace("    6 six", "    6 six\n    x\n    y");
    for (name, _) in table.tenants() {
        table.expect_at_destination(name, &mail);
    }
    crate::tally::count(2);
}
