//! What was said of messages, where these are others by now or the settings are.

use crate::case::{Case, First, Table};
use crate::lies::holds;
use crate::support::fake::account::Account;
use crate::support::fake::behaviour::{Behaviour, Kept};
use crate::tally;

const MAIL: &str = "INBOX\n    a\nBad\n    1 one\n    2 two\n    3 three\n    4 four\n    5 five\nGood\n    g";

fn case(name: &'static str) -> Case {
    Case::new(name, First::Exact).mail(|account: &mut Account| account.fill(MAIL))
}

fn refusing() -> Behaviour {
    Behaviour::honest().without(&["MULTIAPPEND"]).keeping(|octets| match holds(octets, "five") {
        true => Kept::Refused("NO [LIMIT] never".to_owned()),
        false => Kept::As(octets.to_vec()),
    })
}

/// The source is restored from a backup of before its last message, and gives that one's UID to another.
fn give_uid_again(table: &Table, name: &str, now: &str) {
    let source = table.source.tenant(name);
    let mut account = source.account();
    let bad = account.mailbox("Bad");
    bad.messages.retain(|message| message.uid < 5);
    (bad.uid_next, bad.highest_modseq) = (5, 5);
    account.fill(now);
}

#[test]
fn word_about_a_message_is_none_about_another_under_its_uid() {
    for verified_first in [false, true] {
        let table = Table::of(vec![case("refused").destination(refusing()), case("departed")]);
        table.run(&["sync"]).expect(3);
        table.destination.tenant("departed").account().mailbox("Bad").expunge(|uid| uid == 5);
        table.run(&["sync"]).expect(3);
        for case in table.cases() {
            table.run(&["accept", case.name, "Bad", "--reason", "it is as they want it"]).expect(0);
        }
        table.run(&["sync"]).expect(0);
        table.run(&["verify"]).expect(0);
        table.honest();
        for case in table.cases() {
            give_uid_again(&table, case.name, "Bad\n    other");
        }
        if verified_first {
            let output = table.run(&["verify"]).expect(8);
            assert!(!format!("{output}").contains("Identical"), "{output}");
        }
        // What STATUS tells is what it told before.
        let arguments = if verified_first { &["sync"][..] } else { &["sync", "--full"] };
        table.run(arguments).expect(0);
        for case in table.cases() {
            table.expect_at_destination(case.name, &MAIL.replace("    5 five", "    other"));
        }
        table.run(&["verify"]).expect(0).says("Identical");
        tally::count(2);
    }
}

/// Why messages were left out is told by the settings of now, whatever they were when they were left out.
#[test]
fn what_other_settings_left_out_is_missing() {
    let small = |account: &mut Account| {
        account.fill(MAIL);
        account.mailbox("Bad").add_octets(format!("Subject: large\r\n\r\n{}\r\n", "x".repeat(4000)).into_bytes());
    };
    for (settings, left) in [("before = \"1990-01-01\"", 8), ("max_message_size = \"1KB\"", 1), ("flagged = true", 8)] {
        let mut table = Table::of(vec![Case::new("limits", First::Exact).mail(small)]);
        let plain = table.ferry.further_settings.clone();
        let limited = format!("{plain}[sync]\n{settings}\n");
        table.ferry.further_settings = limited.clone();
        table.run(&["sync"]).expect(0).says(&format!("{left} skipped"));
        table.run(&["verify"]).expect(0).says(&format!("{left} skipped"));
        table.ferry.further_settings = plain;
        let output = table.run(&["verify"]).expect(8);
        assert!(format!("{output}").contains(&format!("{left} missing")), "{settings}: {output}");
        table.ferry.further_settings = limited;
        table.run(&["verify"]).expect(0);
        tally::count(1);
    }
}
/// A destination that was restored from a backup lost what came since: that is no work of its users.
#[test]
fn copies_that_a_restored_destination_lost_are_missing() {
    let mail = |account: &mut Account| account.fill("INBOX\n    a\nBad\n    1..30 bulk\nGood\n    g");
    let table = Table::of(vec![Case::new("restored", First::Exact).mail(mail)]);
    table.run(&["sync"]).expect(0);
    {
        let destination = table.destination.tenant("restored");
        let mut account = destination.account();
        let bad = account.mailbox("Bad");
        bad.messages.truncate(28);
        (bad.uid_next, bad.highest_modseq) = (29, 29);
    }
    let output = table.run(&["verify"]).expect(8);
    assert!(format!("{output}").contains("2 missing"), "{output}");
    table.judge_rest();
}
