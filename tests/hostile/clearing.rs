//! Deletions in several mailboxes, sent ahead to a destination that is known to keep the order, and what becomes of them in one of
//! the mailboxes: nothing else goes, what is gone is known to be gone, and what is not goes later.

use crate::case::{Case, First, Table};
use crate::support::fake::account::Account;
use crate::support::fake::behaviour::{Behaviour, Rule, Then, When};

/// From each mailbox one goes that was copied.
fn delete(account: &mut Account) {
    for name in ["INBOX", "Bad", "Good"] {
        let mailbox = account.mailbox(name);
        let gone = mailbox.messages[0].uid;
        mailbox.expunge(|uid| uid == gone);
    }
}

/// On servers that are taken for Dovecot, each of which grants so many connections.
fn judge(cases: Vec<Case>, connections: usize) {
    let mut table = Table::copied(cases, delete);
    for side in [&mut table.ferry.source, &mut table.ferry.destination] {
        *side = side.clone().set("preset", "\"dovecot\"");
    }
    for server in [&table.source, &table.destination] {
        server.grant_each(connections);
    }
    table.judge();
}

fn ways() -> Vec<Case> {
    let on = |name: &'static str, begins: &str, when, then, first| {
        let rule = Rule::on(begins, then).within("Bad").when(when);
        Case::new(name, first).destination(Behaviour::honest().rule(rule)).met()
    };
    let answer = |text: &str| Then::Answer(text.to_owned());
    let done_but = |text: &str| Then::DoneBut(text.to_owned());
    let (once, always) = (When::First(1), When::Always);
    const MARK: &str = "UID STORE";
    const EXPUNGE: &str = "UID EXPUNGE";
    let told = First::Told(&["`Bad`"]);
    vec![
        Case::new("all-is-well", First::Exact),
        on("expunge-ok-and-not-done", EXPUNGE, always, answer("OK gone"), told),
        on("expunge-ok-and-not-done-once", EXPUNGE, once, answer("OK gone"), First::Exact),
        on("expunge-no", EXPUNGE, always, answer("NO [NOPERM] hands off"), told),
        on("expunge-no-once", EXPUNGE, once, answer("NO [SERVERBUG] hm"), First::Exact),
        on("expunge-done-but-no", EXPUNGE, always, done_but("NO [SERVERBUG] hm"), First::Exact),
        on("expunge-cut-once", EXPUNGE, once, Then::Close, First::Exact),
        on("expunge-cut", EXPUNGE, always, Then::Close, told),
        on("expunge-bye-once", EXPUNGE, once, Then::SayAndClose(b"* BYE hm\r\n".to_vec()), First::Exact),
        on("expunge-silence-once", EXPUNGE, once, Then::Silence, First::Exact),
        on("mark-no", MARK, always, answer("NO [NOPERM] hands off"), told),
        on("mark-no-once", MARK, once, answer("NO [SERVERBUG] hm"), First::Exact),
        on("mark-ok-and-not-done", MARK, always, answer("OK marked"), told),
        on("mark-ok-and-not-done-once", MARK, once, answer("OK marked"), First::Exact),
        on("mark-done-but-no-once", MARK, once, done_but("NO [SERVERBUG] hm"), First::Exact),
        on("mark-cut-once", MARK, once, Then::Close, First::Exact),
        on("mark-silence-once", MARK, once, Then::Silence, First::Exact),
    ]
}

/// Holds pipeline/transfer/clearing.rs invariant 3.
#[test]
fn deletions_that_do_not_go_straight_through_go_in_the_end_and_nothing_else_goes() {
    judge(ways(), usize::MAX);
}

#[test]
fn deletions_that_do_not_go_straight_through_over_one_connection() {
    judge(ways(), 1);
}
