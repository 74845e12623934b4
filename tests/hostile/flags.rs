//! Flags and keywords that a destination refuses: the message comes nevertheless, with all of them that are taken.

use std::collections::BTreeSet;

use crate::case::{Case, First, MAIL, Table};
use crate::support::fake::account::Account;
use crate::support::fake::behaviour::{Behaviour, Rule};

/// The keyword that is refused, among others that are not.
const BAD: &str = "$Worse";

fn refusing(answer: &str) -> Behaviour {
    let refuse = |command: &str| Rule::refuse(command, answer).holding(BAD);
    Behaviour::honest().rule(refuse("APPEND")).rule(refuse("UID STORE"))
}

/// Whether an answer says that it is about keywords: then what cannot be kept is a loss, and else a failure as well.
const ANSWERS: [(&str, &str, bool); 6] = [
    ("no", "NO no", false),
    ("limit", "NO [LIMIT] Too many identical emails", false),
    ("cannot", "NO [CANNOT] cannot", false),
    ("noperm", "NO [NOPERM] hands off", false),
    ("keywords", "NO Too many user flags in mailbox", true),
    ("bad", "BAD Invalid characters in atom", false),
];

#[test]
fn keyword_that_is_refused_is_left_out_alone() {
    let mail = |account: &mut Account| {
        account.fill(MAIL);
        account.fill("Bad\n    7 seven \\Seen $Better $Good $Worse $Zap\n    8 eight $Good");
    };
    let case = |(name, answer, _): &(&'static str, &str, bool)| {
        Case::new(name, First::Told(&[])).mail(mail).destination(refusing(answer))
    };
    let table = Table::of(ANSWERS.iter().map(case).collect());
    table.run(&["sync"]).expect(3);
    let (failures, mut faults) = (table.failures(), Vec::new());
    for (name, _, is_about_keywords) in ANSWERS {
        let tenant = table.destination.tenant(name);
        let account = tenant.account();
        let bad = account.mailboxes.iter().find(|mailbox| mailbox.name == b"Bad").expect("`Bad`");
        let flags: Vec<BTreeSet<String>> =
            bad.messages.iter().map(|message| message.flags.iter().cloned().collect()).collect();
        let wanted: BTreeSet<String> = ["$Better", "$Good", "$Zap", "\\Seen"].map(str::to_owned).into();
        let whole = flags.iter().filter(|flags| **flags == wanted).count() == 1 && flags.len() == 8;
        let (count, first) = &failures[name];
        let told = first.contains(BAD) && first.contains("`Bad`") && first.contains("on the destination");
        if !whole || *count != u64::from(!is_about_keywords) || told == is_about_keywords {
            faults.push(format!("{name}: {flags:?}; {count} failures, the first: {first}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    // A keyword that there is no room for is lost, and not fought over; else it is tried again.
    table.tenants().values().flatten().for_each(|tenant| tenant.forget_commands());
    table.run(&["sync"]).expect(3);
    for (name, _, is_about_keywords) in ANSWERS {
        let stored = table.destination.tenant(name).commands().iter().any(|command| command.starts_with("UID STORE"));
        assert_eq!(stored, !is_about_keywords, "{name}");
    }
    table.honest();
    table.run(&["sync"]).expect(0);
    for case in table.cases().iter().filter(|case| case.name != "keywords") {
        let differences = table.differences(case);
        assert!(differences.is_empty(), "{}: {differences}", case.name);
    }
    crate::tally::count(ANSWERS.len());
}

/// A list that cannot be read whole would take flags from messages.
#[test]
fn permanent_flags_that_cannot_be_understood_are_everything() {
    let says = |name, list: &'static str| {
        let lying = Behaviour::honest().lying(move |_, response| {
            crate::lies::replaced(response, "(\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)] fl", list)
        });
        Case::new(name, First::Exact).destination(lying)
    };
    Table::of(vec![
        says("bracket", "(\\Seen bad]word \\*)] fl"),
        says("unclosed", "(\\Seen \\Deleted] fl"),
        says("nested", "(\\Seen (\\Deleted))] fl"),
        says("no-list", "\\Seen] fl"),
        says("nil", "NIL] fl"),
    ])
    .judge();
}
