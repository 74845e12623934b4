//! Views that show less than there is: a STATUS that comes out of a cache, a mailbox that does not say its UIDNEXT when it is
//! opened, a FETCH that leaves a message out with an OK. What is not seen is neither lost nor there.

use crate::case::{Case, First, Table};
use crate::lies::{holds, is, is_fetch_of, number_after};
use crate::support::fake::account::Account;
use crate::support::fake::behaviour::Behaviour;
use crate::tally;

const MAIL: &str = "INBOX\n    a\nBad\n    1 one\n    2 two\n    3 three\n    4 four\n    5 five\nGood\n    g";

fn case(name: &'static str) -> Case {
    Case::new(name, First::Exact).mail(|account: &mut Account| account.fill(MAIL))
}

fn of_status(change: impl Fn(Vec<u8>) -> Vec<u8> + Send + Sync + 'static) -> Behaviour {
    Behaviour::honest().lying(move |_, response| match is(&response, "STATUS") && holds(&response, "Bad") {
        true => change(response),
        false => response,
    })
}

/// STATUS as it was two messages ago, for ever; some servers look at it again when the mailbox is opened.
fn late() -> Behaviour {
    of_status(|response| {
        let response = number_after(response, "MESSAGES ", |count| Some(count.saturating_sub(2)));
        let response = number_after(response, "HIGHESTMODSEQ ", |modseq| Some(modseq.saturating_sub(2).max(1)));
        number_after(response, "UIDNEXT ", |next| Some(next.saturating_sub(2).max(1)))
    })
}

fn without_next(response: Vec<u8>) -> Vec<u8> {
    if is(&response, "OK") { number_after(response, "UIDNEXT ", |_| None) } else { response }
}

/// No UIDNEXT when a mailbox is opened, and STATUS knows of no message.
fn nothing_in_status() -> Behaviour {
    Behaviour::honest().lying(|_, response| match is(&response, "STATUS") && holds(&response, "Bad") {
        true => number_after(response, "MESSAGES ", |_| Some(0)),
        false => without_next(response),
    })
}

/// No UIDNEXT when a mailbox is opened, and one message is in no listing.
fn omitting() -> Behaviour {
    Behaviour::honest().lying(|command, response| {
        let lists = command.contains("FETCH") && !command.contains("BODY.PEEK[]") && is_fetch_of(&response, 3);
        if lists { Vec::new() } else { without_next(response) }
    })
}

/// Holds pipeline/survey/listing.rs invariant 3.
#[test]
fn status_that_is_late_hides_no_message() {
    let table = Table::of(vec![
        case("late-source").source(late()),
        case("late-destination").destination(late()),
        case("late-both").source(late()).destination(late()),
        case("nothing-in-status").source(nothing_in_status()),
        case("nothing-in-status-of-both").source(nothing_in_status()).destination(nothing_in_status()),
    ]);
    for lost in [false, true] {
        if lost {
            table.ferry.forget_state();
        }
        for arguments in [["sync"], ["verify"]] {
            table.run(&arguments).expect(0);
            for case in table.cases() {
                assert!(table.differences(case).is_empty(), "{} {arguments:?}\n{}", case.name, table.differences(case));
            }
        }
        for name in ["late-source", "nothing-in-status"] {
            table.source.tenant(name).account().fill("Bad\n    late");
        }
    }
    tally::count(5);
}

#[test]
fn listing_without_a_message_is_none_though_uidnext_is_not_said() {
    let table = Table::of(vec![case("omits-source").source(omitting())]);
    for arguments in [["sync"], ["sync"], ["verify"]] {
        let code = if arguments == ["verify"] { 8 } else { 3 };
        let output = table.run(&arguments).expect(code);
        let said = format!("{output}");
        assert!(said.contains("listed 4 of 5 messages") && !said.contains("Identical"), "{output}");
    }
    table.judge_rest();

    let table = Table::of(vec![case("omits-destination")]);
    table.run(&["sync"]).expect(0);
    table.ferry.forget_state();
    table.destination.tenant("omits-destination").behave(omitting());
    table.run(&["sync"]).expect(3).complains(&["listed 4 of 5 messages"]);
    table.judge_rest();
}
