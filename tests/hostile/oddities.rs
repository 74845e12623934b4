//! Oddities of real servers, each played by a script, on the side where it matters or on both. Which test plays which:
//!
//! | what a server was seen to do | tests |
//! |---|---|
//! | refuse STATUS of a mailbox, or EXAMINE, too | `mailbox_whose_status_is_refused_is_copied_or_named` |
//! | work on FETCH before its EXAMINE is answered, answer in any order (Stalwart) | `eager_source_is_copied_exactly_and_in_order`, `eager_servers_that_answer_in_any_order_are_copied_exactly_and_in_order`, `eager_server_under_a_false_name_is_found_out` |
//! | refuse SUBSCRIBE, also of what is subscribed (UW, Stalwart) | `subscription_that_is_refused_keeps_no_mail_and_is_made_later`, `commands_that_are_not_about_mail_stop_no_mail` |
//! | drop keywords from an APPEND with an OK (UW) | `keywords_that_an_append_drops_are_set_in_the_same_run`, `keyword_that_is_never_kept_is_a_loss_and_given_again_when_the_mailbox_names_it` |
//! | PERMANENTFLAGS `()` and `(\*)` (UW, go-imap) | `permanentflags_without_any_system_flag_tell_nothing`, `flag_that_the_destination_does_not_take_is_a_named_loss_before_and_after` |
//! | no UIDNEXT when a mailbox is opened (Courier) | `destination_without_uidnext_is_copied_to_after_a_break`, `status_that_is_late_hides_no_message` |
//! | an old STATUS of the mailbox that is open (Courier) | `status_of_the_open_mailbox_is_never_believed`, `courier_as_destination_over_one_connection_is_listed_as_it_is` |
//! | `Cannot create this folder` for one that is there (Courier) | `mailbox_that_is_there_whatever_the_words_is_used` |
//! | store after the client was killed: one pause for an account | `after_a_kill_there_is_one_pause_for_all_mailboxes` |
//! | hold back `+` behind a pipelined APPEND (all without LITERAL+) | `server_whose_literals_are_announced_gets_one_append_at_a_time` |
//! | store pipelined APPENDs in any order (Stalwart) | `eager_destination_gets_all_exactly_and_in_order`, `eager_destination_that_takes_one_message_at_a_time_gets_all_in_order` |
//! | end the connection on one CREATE (pymap, GreenMail) | `commands_that_fail_for_one_mailbox_fail_for_that_one`, `create_that_ends_the_connection_is_found_among_many` |
//! | list files that are no mailboxes, with [UIDNOTSTICKY] (UW) or not (Dovecot with mbox) | `mailbox_whose_uids_do_not_last_is_left_out_with_a_note`, `mailbox_of_the_destination_whose_uids_do_not_last_is_in_nobodys_way`, `mailbox_that_is_left_out_is_never_opened`, `file_that_is_no_mailbox_is_left_out_with_a_note` |
//! | end a line of the login in a bare LF (mailutils) | `login_whose_answer_ends_in_a_bare_lf_opens_the_account`, `login_whose_answer_ends_in_a_bare_lf_is_a_login` |
//! | name a mailbox otherwise in STATUS (mailutils, GreenMail) | `status_under_another_name_is_about_the_mailbox_that_was_asked_for`, `status_of_another_mailbox_is_none_of_one_that_is_not_listed` |
//! | take names of any case for one (GreenMail, Exchange, Zimbra) | `names_that_the_destination_takes_for_one_are_never_merged` |
//! | a wrong RFC822.SIZE (GreenMail) | `wrong_sizes_of_either_side_lose_double_and_alter_nothing` |
//! | nothing failed, and not all is done: no exit status 0 | `what_is_left_over_has_a_reason_unless_another_one_is_told` |
//! | one mailbox that cannot be read keeps deletions waiting | `deletions_wait_for_a_mailbox_that_cannot_be_read_unless_it_is_left_out` |
//! | no lasting UIDVALIDITY of an empty mailbox (mailutils, Courier) | `odd_identifiers_of_the_destination_lose_and_double_nothing`, `empty_mailbox_whose_uidvalidity_does_not_last_is_no_failure` |
//! | an alert before PREAUTH in a tunnel (Courier) | `tunnel_that_greets_with_an_alert_may_be_logged_in`, `tunnel_that_warns_before_it_is_logged_in_arrives_exactly_once` |
//! | greetings of UW, mailutils, pymap, GreenMail, Courier | `named_in_greetings_each_server_is_told`, `known_by_capabilities_where_the_greeting_is_silent` |
//! | refuse a date (UW) | `message_whose_date_is_refused_goes_with_another` |
//! | refuse a name in words of its own (Courier, Yandex, mbox) | `name_that_is_refused_is_told_with_the_line_that_helps` |
//! | one deletion is one deletion, and waiting is no work of ours | `deletions_wait_for_a_mailbox_that_cannot_be_read_unless_it_is_left_out`, `line_when_nobody_was_waited_for_says_so` |
//!
//! [`each_oddity_has_a_test`] reads this table.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::case::{Case, First, Table, told};
use crate::cited::assert_tests;
use crate::lies::{holds, number_after, replaced};
use crate::support::fake::account::Account;
use crate::support::fake::behaviour::{Behaviour, Rule, Then};

/// The case with that behaviour on one side, and on both.
fn on_each_side(stem: &'static str, first: First, behaviour: impl Fn() -> Behaviour) -> Vec<Case> {
    let name = |side: &str| &*format!("{stem}-{side}").leak();
    vec![
        Case::new(name("source"), first).source(behaviour()),
        Case::new(name("destination"), first).destination(behaviour()),
        Case::new(name("both"), first).source(behaviour()).destination(behaviour()),
    ]
}

#[test]
fn login_whose_answer_ends_in_a_bare_lf_opens_the_account() {
    let bare = || {
        Behaviour::honest().reticent().lying(|command, response| match command.starts_with("AUTHENTICATE") {
            true => replaced(response, "\r\n", "\n"),
            false => response,
        })
    };
    Table::of(on_each_side("bare-lf", First::Exact, bare)).judge();
}

/// `With Space` stands unquoted in STATUS, a backslash is not escaped, and one name comes in UTF-8.
#[test]
fn status_under_another_name_is_about_the_mailbox_that_was_asked_for() {
    let loose = || {
        Behaviour::honest().without(&["LIST-STATUS"]).lying(|_, response| match response.starts_with(b"* STATUS") {
            true => {
                let response = replaced(response, "\"With Space\"", "With Space");
                replaced(replaced(response, "Back\\\\slash", "Back\\slash"), "Gr&APY-\u{df}e", "Gr\u{f6}\u{df}e")
            }
            false => replaced(response, "Back\\\\slash", "Back\\slash"),
        })
    };
    let mut cases = on_each_side("loose-status", First::Exact, loose);
    cases = cases
        .into_iter()
        .map(|case| {
            case.mail(|account: &mut Account| {
                account.fill(
                    "INBOX\n    a\nWith\n    other\n\"With Space\"\n    b\n    c\nGr\u{f6}\u{df}e\n    d\nGood\n    g",
                );
                account.create(b"Back\\slash").add_octets(*b"Message-ID: <odd@seed>\r\nSubject: odd\r\n\r\nbody\r\n");
            })
        })
        .collect();
    let table = Table::of(cases);
    table.run(&["check"]).expect(0);
    table.judge();
}

/// What trims the blank of a name at CREATE tells of the other mailbox when it is asked for STATUS: mail does not go there.
#[test]
fn status_of_another_mailbox_is_none_of_one_that_is_not_listed() {
    let trims =
        Behaviour::honest().rule(Rule::refuse("CREATE \"Bad \"", "OK created")).lying(
            |command, response| match command.starts_with("STATUS \"Bad \"") && holds(&response, " NO ") {
                true => {
                    let tag = String::from_utf8_lossy(&response).split(' ').next().unwrap_or_default().to_owned();
                    format!("* STATUS \"Bad\" (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 7)\r\n{tag} OK done\r\n").into_bytes()
                }
                false => response,
            },
        );
    let words: &[&str] = &["not there under its name", "[mailboxes.rename]: \"Bad \" = "];
    let table = Table::of(vec![Case::new("trims", First::Told(words)).destination(trims).mail(|account| {
        account.fill("INBOX\n    a\nGood\n    g\nBad\n    b");
        account.create(b"Bad ").add_octets(*b"Message-ID: <odd@seed>\r\nSubject: odd\r\n\r\nbody\r\n");
    })]);
    let output = table.run(&["sync"]).expect(3);
    let lines = told(&output, "trims").join("\n");
    assert!(words.iter().all(|word| lines.contains(word)), "{lines}");
    table.expect_at_destination("trims", "INBOX\n    a\nGood\n    g\nBad\n    b");
    table.judge_rest();
}

/// What a session is told of the mailbox that it has open is what it knew when it opened it.
#[test]
fn status_of_the_open_mailbox_is_never_believed() {
    let old = || {
        let courier = &["LIST-STATUS", "MULTIAPPEND", "LITERAL+", "QRESYNC", "CONDSTORE", "ESEARCH"];
        Behaviour { remembers_status: true, ..Behaviour::honest().without(courier) }
    };
    let without_unselect = move || old().without(&["UNSELECT"]);
    let mut cases = on_each_side("old-status", First::Exact, old);
    cases.extend(on_each_side("old-status-noop", First::Exact, without_unselect));
    let mail = "INBOX\n    1..30 bulk\nBox\n    a";
    let table = Table::of(cases.into_iter().map(|case| case.mail(move |account| account.fill(mail))).collect());
    // One connection lists, appends, and lists again.
    table.source.grant_each(1);
    table.destination.grant_each(1);
    let output = table.run(&["sync"]).expect(0);
    assert!(!format!("{output}").contains("still to copy"), "{output}");
    table.tenants().values().for_each(|[source, _]| source.account().fill("INBOX\n    later"));
    let output = table.run(&["sync"]).expect(0);
    assert!(!format!("{output}").contains("still to copy"), "{output}");
    table.run(&["verify"]).expect(0);
    table.judge_rest();
}

/// An empty mailbox that has another UIDVALIDITY each time that it is asked for.
#[test]
fn empty_mailbox_whose_uidvalidity_does_not_last_is_no_failure() {
    let fleeting = || {
        let next = AtomicU64::new(5);
        Behaviour::honest().lying(move |command, response| {
            match command.contains("Empty") || holds(&response, "\"Empty\" (") {
                true => number_after(response, "UIDVALIDITY ", |_| Some(next.fetch_add(1, Ordering::Relaxed))),
                false => response,
            }
        })
    };
    let cases = on_each_side("fleeting", First::Exact, fleeting);
    let mail = "INBOX\n    a\nEmpty subscribed\nGood\n    g";
    Table::of(cases.into_iter().map(|case| case.mail(move |account| account.fill(mail))).collect()).judge();
}

/// Which of many breaks the connection is found out; it is named alone, with the line that helps, and the others are there.
#[test]
fn create_that_ends_the_connection_is_found_among_many() {
    let breaks = |then: Then| Behaviour::honest().rule(Rule::on("CREATE", then).holding("\"Bad/child\""));
    let mail = "INBOX\n    a\nA\n    b\nB\n    c\nBad\n    d\nBad/child\n    e\nC\n    f\nD/E\n    h\nGood\n    g";
    let words: &[&str] = &["`Bad/child`", "on the destination localhost"];
    let case = |name, then| {
        let case = Case::new(name, First::AccountTold(words)).destination(breaks(then)).told_at(words, 1);
        case.mail(move |account| account.fill(mail))
    };
    let table = Table::of(vec![
        case("create-bye", Then::SayAndClose(b"* BYE [SERVERBUG] Internal error\r\n".to_vec())),
        case("create-cut", Then::Close),
    ]);
    let output = table.run(&["sync"]).expect(3);
    for case in table.cases() {
        let differences = table.differences(case);
        let missing: Vec<&str> = differences.missing.iter().map(|missing| missing.mailbox.as_str()).collect();
        assert_eq!(missing, ["Bad/child"], "{}: {differences}\n{output}", case.name);
        assert!(told(&output, case.name).join("\n").contains("`Bad/child`"), "{output}");
    }
    table.judge_rest();
}

/// UW has no INBOX before the first mail, and says NO to what is subscribed: the mail is there first, and what is refused is
/// asked for again by the next run.
#[test]
fn subscription_that_is_refused_keeps_no_mail_and_is_made_later() {
    let refusing = |answer: &str| Behaviour::honest().rule(Rule::refuse("SUBSCRIBE \"Good\"", answer));
    let subscribed = Behaviour::honest()
        .rule(Rule::on("SUBSCRIBE", Then::DoneBut("NO Already subscribed to mailbox Good".to_owned())));
    let case = |name, behaviour| Case::new(name, First::Exact).destination(behaviour);
    let table = Table::of(vec![
        case("uw", refusing("NO Can't subscribe Good: not a mailbox")),
        case("courier", refusing("NO Cannot subscribe to this folder.")),
        case("subscribed-already", subscribed),
    ]);
    let output = table.run(&["sync"]).expect(0);
    for case in table.cases() {
        assert!(table.differences(case).missing.is_empty(), "{}: {output}", case.name);
        let commands = table.destination.tenant(case.name).commands();
        let last = |verb: &str| commands.iter().rposition(|command| command.starts_with(verb));
        assert!(last("SUBSCRIBE") > last("APPEND \"Good\""), "{}: {commands:?}", case.name);
    }
    table.judge_rest();
}

/// The table above names tests that there are.
#[test]
fn each_oddity_has_a_test() {
    let table = include_str!("oddities.rs");
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("//! | ")).skip(1).collect();
    let tests = |row: &&'static str| row.rsplit(" | ").next().unwrap_or_default().split('`').skip(1).step_by(2);
    assert!(rows.len() > 20 && rows.iter().all(|row| tests(row).next().is_some()), "{rows:?}");
    assert_tests(rows.iter().flat_map(tests));
}
