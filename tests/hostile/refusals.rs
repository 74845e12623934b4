//! A destination that says NO or BAD, for one message, a mailbox or the account; and extensions that are advertised
//! and then refused.

use crate::case::{Case, First, Table};
use crate::lies::{holds, is, is_fetch_of};
use crate::support::fake::account::Account;
use crate::support::fake::behaviour::{Behaviour, Kept, Rule, Then, When};

fn refusing(begins: &str, answer: &str) -> Behaviour {
    Behaviour::honest().rule(Rule::refuse(begins, answer))
}

/// One message of `Bad` is refused whenever it comes, alone or with others.
fn refusing_message(answer: &'static str) -> Behaviour {
    Behaviour::honest().keeping(move |octets| match memchr::memmem::find(octets, b"<three@seed").is_some() {
        true => Kept::Refused(answer.to_owned()),
        false => Kept::As(octets.to_vec()),
    })
}

const IN_BAD: &str = "APPEND \"Bad\"";

#[test]
fn refused_messages_mailboxes_and_accounts_are_named_and_repaired_later() {
    let message = |name, answer, words| Case::new(name, First::Told(words)).destination(refusing_message(answer));
    let mailbox = |name, answer, words| Case::new(name, First::Told(words)).destination(refusing(IN_BAD, answer));
    let first = |name, answer, count| {
        let rule = Rule::refuse("APPEND", answer).when(When::First(count));
        Case::new(name, First::Exact).destination(Behaviour::honest().rule(rule))
    };
    let out_of_order = "NO [SERVERBUG] out of order";
    let unseen = refusing("STATUS \"Bad\"", out_of_order).rule(Rule::refuse("EXAMINE \"Bad\"", out_of_order));
    Table::of(vec![
        Case::new("mailbox-unseen", First::Told(&["`Bad`", "out of order"])).destination(unseen),
        message("message-no", "NO no thanks", &["UID 3", "`Bad`", "no thanks"]),
        message("message-toobig", "NO [TOOBIG] too big for us", &["UID 3", "too big for us"]),
        message("message-newlines", "NO Message contains bare newlines", &["UID 3", "bare newlines"]),
        message("message-nul", "NO Message contains NUL characters", &["UID 3", "NUL characters"]),
        message("message-header", "NO Message contains invalid header", &["UID 3", "invalid header"]),
        message("message-zero", "NO Can't save a zero byte message", &["UID 3", "zero byte"]),
        message("message-argument", "NO Command Argument Error 12", &["UID 3", "Argument Error"]),
        message("message-bad", "BAD I do not like it", &["UID 3", "I do not like it"]),
        message("message-cannot", "NO [CANNOT] never ever", &["UID 3", "never ever"]),
        message("message-utf8", "NO \u{e9}\u{e8} [oops", &["UID 3"]),
        mailbox("mailbox-noperm", "NO [NOPERM] hands off", &["`Bad`", "hands off"]),
        mailbox("mailbox-trycreate", "NO [TRYCREATE] where is it", &["`Bad`", "where is it"]),
        mailbox("mailbox-nonexistent", "NO [NONEXISTENT] where is it", &["`Bad`", "where is it"]),
        mailbox("mailbox-bad", "BAD not that one", &["`Bad`", "not that one"]),
        first("transient-unavailable", "NO [UNAVAILABLE] later", 2),
        first("transient-inuse", "NO [INUSE] somebody is here", 1),
        first("transient-limit", "NO [LIMIT] Rate limit hit", 1),
        first("transient-serverbug", "NO [SERVERBUG] internal error", 1),
        first("transient-throttled", "BAD Request is throttled. Suggested Backoff Time: 120 milliseconds", 2),
        first("transient-zimbra", "NO [ALERT] account undergoing maintenance; please try again later", 1),
        first("transient-gmail", "NO [OVERQUOTA] Account exceeded command or bandwidth limits.", 1),
    ])
    .judge();
}

#[test]
fn refused_accounts_are_told_and_repaired_later() {
    let account = |name, answer, words| {
        let behaviour = refusing("APPEND", answer);
        Case::new(name, First::AccountTold(words)).destination(behaviour)
    };
    let listing = |name, begins, answer, first| Case::new(name, first).destination(refusing(begins, answer));
    let examining = |name, begins, answer, first| Case::new(name, first).source(refusing(begins, answer));
    Table::of(vec![
        account("full-code", "NO [OVERQUOTA] Quota exceeded (mailbox for user is full)", &["Quota exceeded"]),
        account("full-text", "NO Over quota", &["Over quota"]),
        account("full-hmail", "NO Your quota has been exceeded.", &["quota has been exceeded"]),
        account("full-exchange", "NO Server Unavailable. 15", &["Server Unavailable. 15"]),
        account("never-available", "NO [UNAVAILABLE] gone fishing", &["gone fishing"]),
        listing("list-refused", "LIST", "NO not today", First::AccountTold(&["not today"])),
        listing("select-refused", "SELECT \"Bad\"", "NO not that one", First::ExactAndTold(&["not that one"])),
        listing("create-refused", "CREATE \"Bad\"", "NO [CANNOT] no such names", First::Told(&["no such names"])),
        listing("create-limit", "CREATE \"Bad\"", "NO [LIMIT] too many mailboxes", First::AccountTold(&["too many"])),
        listing("subscribe-refused", "SUBSCRIBE", "NO no", First::Exact),
        examining("examine-refused", "EXAMINE \"Bad\"", "NO [NOPERM] secret", First::Told(&["`Bad`", "secret"])),
        examining("examine-bad", "EXAMINE \"Bad\"", "BAD hm", First::Told(&["`Bad`", "hm"])),
        examining("fetch-refused", "UID FETCH 1:6 (UID FLAGS INTERNALDATE RFC", "NO hm", First::Exact),
        examining("source-list-refused", "LIST", "NO not today", First::AccountTold(&["not today"])),
        examining(
            "source-inbox-refused",
            "EXAMINE \"INBOX\"",
            "NO secret",
            First::AccountTold(&["INBOX", "rights", "source"]),
        ),
    ])
    .judge();
}

#[test]
fn refused_extensions_are_done_without() {
    let on = |name, first, behaviour| Case::new(name, first).destination(behaviour);
    let part = refusing_message("NO not this one").keeping_parts();
    // Once more, and a message that is unlucky each time would be convicted.
    let in_use = Rule::refuse("APPEND", "NO [INUSE] again").when(When::First(2));
    Table::of(vec![
        on("stalwart-part", First::Told(&["UID 3", "not this one"]), part),
        on("literal-plus-bad", First::Exact, Behaviour::honest().rule(plus(Then::AtLiteral("BAD no plus".to_owned())))),
        on("literal-plus-no", First::Exact, Behaviour::honest().rule(plus(Then::AtLiteral("NO no plus".to_owned())))),
        on("multi-no", First::Exact, Behaviour::honest().rule(several("NO one at a time"))),
        on("multi-bad", First::Exact, Behaviour::honest().rule(several("BAD one at a time"))),
        on("twice-in-use", First::Exact, Behaviour::honest().rule(in_use)),
        on("literal-minus", First::Exact, Behaviour::honest().without(&["LITERAL+"]).with("LITERAL-")),
        on("no-literal-plus", First::Exact, Behaviour::honest().without(&["LITERAL+"])),
        on("no-multiappend", First::Exact, Behaviour::honest().without(&["MULTIAPPEND"])),
        on("no-uidplus", First::Exact, Behaviour::honest().without(&["UIDPLUS"]).coding(|_, _| String::new())),
        on("rev1-alone", First::Exact, Behaviour { capabilities: "IMAP4rev1".to_owned(), ..Behaviour::honest() }),
        Case::new("source-rev1-alone", First::Exact)
            .source(Behaviour { capabilities: "IMAP4rev1".to_owned(), ..Behaviour::honest() }),
        on("enable-refused", First::Exact, refusing("ENABLE", "BAD what")),
        on("id-refused", First::Exact, refusing("ID", "NO none of your business")),
        on("namespace-refused", First::Exact, refusing("NAMESPACE", "NO hm")),
        Case::new("first-fetch-refused", First::Exact).source(
            Behaviour::honest()
                .rule(Rule::refuse("UID FETCH", "NO [UNAVAILABLE] hm").holding("BODY.PEEK[])").when(When::First(1))),
        ),
    ])
    .judge();
}

/// That a FETCH does not bring a message says nothing of it: only a server that answers, and does not show it, has it no more.
#[test]
fn message_that_the_source_refuses_to_show_is_a_failure_and_not_vanished() {
    let hiding = |refuses: &[&str]| {
        let hidden = |command: &str, response: Vec<u8>| {
            let reads = command.contains("BODY.PEEK[]") || command.contains(" 3 ");
            if reads && is_fetch_of(&response, 3) { Vec::new() } else { response }
        };
        let refuse = |begins: &&str| Rule::refuse(begins, "NO [SERVERBUG] internal error");
        refuses.iter().map(refuse).fold(Behaviour::honest().lying(hidden), Behaviour::rule)
    };
    let case = |name, refuses: &[&str]| {
        let mail = "INBOX\n    a\n    b\nBad\n    1 one\n    2 two\n    3 three\n    4 four\nGood\n    g";
        let case = Case::new(name, First::Told(&["UID 3", "does not give its content"])).source(hiding(refuses));
        case.mail(move |account: &mut Account| {
            account.fill(mail);
            // Only `Bad` has a third message.
            account.mailbox("Good").uid_next = 10;
        })
    };
    Table::of(vec![
        case("fetch-serverbug", &["UID FETCH 3 "]),
        case("fetch-and-search-serverbug", &["UID FETCH 3 ", "UID SEARCH"]),
        case("fetch-ends-early", &[]),
    ])
    .judge_told_each_time();
}

/// A mailbox that STATUS is refused for may be opened: then it is copied. One that cannot be read at all is an obstacle of
/// its own, and nothing is called identical over it.
#[test]
fn mailbox_whose_status_is_refused_is_copied_or_named() {
    let quiet = || {
        let behaviour = Behaviour::honest().rule(Rule::refuse("STATUS \"Bad\"", "NO [NOPERM] not for you"));
        behaviour.lying(|command, response| {
            let tells = command.starts_with("LIST") && is(&response, "STATUS") && holds(&response, "Bad");
            if tells { Vec::new() } else { response }
        })
    };
    let shut = quiet().rule(Rule::refuse("EXAMINE \"Bad\"", "NO [NOPERM] not at all"));
    let table = Table::of(vec![
        Case::new("status-refused", First::Exact).source(quiet()),
        Case::new("status-and-examine-refused", First::Told(&["`Bad`", "not at all"])).source(shut),
    ]);
    table.run(&["sync"]).expect(3);
    let output = table.run(&["verify"]).expect(8);
    output.says("1 mailbox that could not be read");
    table.judge_beginning_with(&["sync"]);
}

/// What swapped sides look like, and a login that may not see the mail.
#[test]
fn empty_source_with_a_full_destination_is_told_by_every_command() {
    let case = Case::new("swapped", First::Exact).mail(|account: &mut Account| account.fill("INBOX"));
    let table = Table::of(vec![case]);
    table.destination.tenant("swapped").account().fill("INBOX\n    a\n    b\nWork\n    c");
    for command in ["check", "sync", "plan", "verify"] {
        let output = table.run(&[command]).expect(0);
        let told = format!("{output}");
        assert!(
            told.contains("the source account is empty, and the destination holds 3 messages"),
            "{command}: {told}"
        );
    }
    crate::tally::count(1);
}

/// The first literal that is not waited for.
fn plus(then: Then) -> Rule {
    Rule::on("APPEND", then).holding("+}")
}

/// APPEND of several messages: something stands behind a literal's announcement.
fn several(answer: &str) -> Rule {
    Rule::refuse("APPEND", answer).holding("} (")
}

/// An OK to UID STORE is no proof: the flags are looked at, and what was not kept is told.
#[test]
fn flags_that_were_not_stored_are_told_whatever_the_answer() {
    let table = Table::of(vec![Case::new("store-ok-and-nothing", First::Exact)]);
    table.run(&["sync"]).expect(0);
    let source = table.source.tenant("store-ok-and-nothing");
    let inbox = |account: &mut Account| {
        let mailbox = account.mailbox("INBOX");
        let modseq = mailbox.change();
        mailbox.messages[0].flags.insert("\\Answered".to_owned());
        mailbox.messages[0].modseq = modseq;
    };
    inbox(&mut source.account());
    let destination = table.destination.tenant("store-ok-and-nothing");
    destination.behave(refusing("UID STORE", "OK done"));
    table.run(&["sync"]).expect(0).says("1 flag cannot be kept by the destination: `\\Answered` on 1 message");
    table.run(&["verify"]).expect(0).says("1 flag cannot be kept");
    table.honest();
    // It is not fought over; who lists all anew wants it tried again.
    table.run(&["sync"]).expect(0).says("1 flag cannot be kept");
    table.run(&["sync", "--full"]).expect(0);
    let differences = table.differences(&table.cases()[0]);
    assert!(differences.is_empty(), "{differences}");
    crate::tally::count(1);
}

/// An account that lists no INBOX is one whose mailboxes we may not see, and never an empty one.
///
/// Holds disaster rule 8.
#[test]
fn account_without_an_inbox_is_no_empty_account() {
    for side in ["source", "destination"] {
        let table = Table::of(vec![Case::new("no-inbox", First::Exact)]);
        let server = if side == "source" { &table.source } else { &table.destination };
        server.tenant("no-inbox").account().mailboxes.retain(|mailbox| mailbox.name != b"INBOX");
        table.run(&["sync"]).expect(4).complains(&["lists no INBOX", side]);
        crate::tally::count(1);
    }
}
