//! Answers to APPEND that are not true: UIDs that are none of ours, success without a message, failure with one.

use crate::case::{Case, First, Table};
use crate::support::fake::append::append_uid;
use crate::support::fake::behaviour::{Behaviour, Rule, Then, When};

fn coding(name: &'static str, code: impl Fn(u32, &[u32]) -> String + Send + Sync + 'static) -> Case {
    Case::new(name, First::Exact).destination(Behaviour::honest().coding(code))
}

/// UIDs that are none of ours are found out sooner or later: what is copied is linked with what it is, at the latest when
/// the mailbox is listed again.
#[test]
fn false_append_uids_lose_and_double_nothing() {
    let shifted = |by: i64| {
        move |validity: u32, uids: &[u32]| {
            let uids: Vec<u32> = uids.iter().map(|uid| (i64::from(*uid) + by).max(1) as u32).collect();
            append_uid(validity, &uids)
        }
    };
    let reversed = |validity: u32, uids: &[u32]| append_uid(validity, &uids.iter().rev().copied().collect::<Vec<_>>());
    Table::of(vec![
        coding("uids-none", |_, _| String::new()),
        coding("uids-of-another-mailbox", |validity, uids| append_uid(validity + 7, uids)),
        coding("uids-validity-zero", |_, uids| append_uid(0, uids)),
        coding("uids-too-high", shifted(100)),
        coding("uids-one-too-high", shifted(1)),
        coding("uids-too-low", shifted(-3)),
        coding("uids-one-too-few", |validity, uids| append_uid(validity, &uids[1..])),
        coding("uids-one-too-many", |validity, uids| append_uid(validity, &[uids, &[999]].concat())),
        coding("uids-reversed", reversed),
        coding("uids-all-the-same", |validity, uids| append_uid(validity, &vec![uids[0]; uids.len()])),
        coding("uids-huge", |validity, uids| {
            format!("[APPENDUID {validity} 4294967296:{}] ", 4_294_967_295 + uids.len())
        }),
        coding("uids-everything", |validity, _| format!("[APPENDUID {validity} 1:4294967295] ")),
        coding("uids-no-numbers", |_, _| "[APPENDUID many some] ".to_owned()),
        coding("uids-negative", |validity, _| format!("[APPENDUID {validity} -1] ")),
        coding("uids-nil", |_, _| "[APPENDUID NIL NIL] ".to_owned()),
        coding("uids-unclosed", |validity, uids| append_uid(validity, uids).replace(']', "")),
    ])
    .judge();
}

/// A server that stores nothing and names the UIDs of messages that were there before: they are nobody's copies.
///
/// Holds pipeline/transfer/upload.rs invariant 2.
#[test]
fn uids_of_strangers_are_no_proof() {
    let mut table = Table::of(vec![Case::new("uids-of-strangers", First::Exact)]);
    let destination = table.destination.tenant("uids-of-strangers");
    destination.account().fill("Bad\n    1..6 stranger");
    let validity = destination.account().mailbox("Bad").uid_validity;
    let answer = format!("OK [APPENDUID {validity} 1:6] stored");
    destination.behave(Behaviour::honest().rule(Rule::refuse("APPEND \"Bad\"", &answer)));
    table.run(&["sync"]).expect(3).complains(&["`Bad`", "not in the mailbox"]);
    table.honest();
    table.run(&["sync"]).expect(3);
    assert_eq!(destination.account().messages("Bad").len(), 6, "what it said that it stored is not sent again");
    table.restore_missing();
    table.run(&["sync"]).expect(0);
    assert_eq!(destination.account().messages("Bad").len(), 12);
    crate::tally::count(1);
}

#[test]
fn false_answers_to_append_lose_and_double_nothing() {
    let bad = |name, first, behaviour| Case::new(name, first).destination(behaviour);
    let done_but = |answer: &str, when| {
        Behaviour::honest().rule(Rule::on("APPEND \"Bad\"", Then::DoneBut(answer.to_owned())).when(when))
    };
    Table::of(vec![
        bad("stored-but-no", First::Exact, done_but("NO it did not work", When::First(1))),
        bad("stored-but-bad", First::Exact, done_but("BAD it did not work", When::First(1))),
        bad("stored-but-unavailable", First::Exact, done_but("NO [UNAVAILABLE] later", When::First(1))),
        bad("stored-but-full", First::AccountTold(&["Quota"]), done_but("NO [OVERQUOTA] Quota exceeded", When::Always)),
        bad("stored-ok-without-code", First::Exact, done_but("OK whatever", When::Always)),
        bad("stored-twice", First::ExactAndTold(&["there twice"]), Behaviour::honest().storing_in("Bad", 2))
            .spoilt_by_the_destination(),
        bad("closed-before-append", First::Exact, closing(When::First(1))),
    ])
    .judge();
}

fn closing(when: When) -> Behaviour {
    Behaviour::honest().rule(Rule::on("APPEND", Then::Close).when(when))
}

/// An answer and news that come while an APPEND waits for `+` belong to others, and are kept.
///
/// Holds hazard 5.
#[test]
fn what_comes_before_the_invitation_is_kept() {
    let before = |octets: &str| {
        let rule = Rule::on("APPEND", Then::SayFirst(octets.as_bytes().to_vec()));
        Behaviour::honest().without(&["LITERAL+"]).rule(rule)
    };
    let news = "* 7 EXISTS\r\n* OK [ALERT] the cellar is wet\r\n* 1 FETCH (FLAGS (\\Seen))\r\n* XYZZY\r\n";
    Table::of(vec![
        Case::new("news-before-answer", First::Exact).destination(before(news)),
        Case::new("news-before-plus", First::Exact).destination(
            Behaviour::honest().without(&["LITERAL+"]).lying(|_, response| response).inviting(news.as_bytes()),
        ),
        Case::new("bye-before-plus", First::Exact).destination(Behaviour::honest().rule(
            Rule::on("APPEND", Then::SayAndClose(b"* BYE the night shift begins\r\n".to_vec())).when(When::First(1)),
        )),
    ])
    .judge();
}
