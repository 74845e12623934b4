//! `verify --deep` over several connections to each server, of which some break, refuse or are not granted: every message is
//! compared all the same, and the one that is another is named.

use crate::case::{Case, First, Table};
use crate::support::fake::account::Account;
use crate::support::fake::behaviour::{Behaviour, Kept, Rule, Then, When};
use crate::tally;

/// Enough for several connections into one mailbox.
const MAIL: &str = "INBOX\n    1..1100 bulk\nGood\n    g\n    h";

const ALTERED: &[u8] = b"<bulk-700@seed";

/// The destination keeps one message with another letter in its text.
fn altering() -> Behaviour {
    Behaviour::honest().keeping(|octets| {
        let mut kept = octets.to_vec();
        if memchr::memmem::find(octets, ALTERED).is_some()
            && let Some(last) = kept.iter_mut().rev().find(|octet| octet.is_ascii_lowercase())
        {
            *last = if *last == b'x' { b'y' } else { b'x' };
        }
        Kept::As(kept)
    })
}

fn case(name: &'static str) -> Case {
    Case::new(name, First::Exact).mail(|account| account.fill(MAIL)).destination(altering())
}

fn breaking(then: Then, when: When) -> Behaviour {
    Behaviour::honest().rule(Rule::on("UID FETCH", then).holding("BODY.PEEK[]").within("INBOX").when(when))
}

/// What becomes of FETCHes of octets, on either side.
fn breaks() -> Vec<(&'static str, Then, When)> {
    let answer = |text: &str| Then::Answer(text.to_owned());
    vec![
        ("cut", Then::Close, When::First(1)),
        ("cut-later", Then::Close, When::Every(5)),
        ("refused", answer("NO [SERVERBUG] hm"), When::First(2)),
        ("refused-later", answer("NO [SERVERBUG] hm"), When::Every(7)),
        ("bye", Then::SayAndClose(b"* BYE hm\r\n".to_vec()), When::First(1)),
        ("silence", Then::Silence, When::First(1)),
    ]
}

fn judge(preset: &str, connections: usize) {
    let mut cases = vec![case("all-is-well")];
    let mut behaviours = vec![[Behaviour::honest(), Behaviour::honest()]];
    for (name, then, when) in breaks() {
        for side in ["source", "destination"] {
            cases.push(case(format!("{name}-{side}").leak()));
            let broken = breaking(then.clone(), when);
            behaviours.push(match side {
                "source" => [broken, Behaviour::honest()],
                _ => [Behaviour::honest(), broken],
            });
        }
    }
    let mut table = Table::of(cases);
    for side in [&mut table.ferry.source, &mut table.ferry.destination] {
        *side = side.clone().set("preset", preset);
    }
    table.run(&["sync"]).expect(0);
    for (case, behaviours) in table.cases().iter().zip(behaviours) {
        for (server, behaviour) in [&table.source, &table.destination].into_iter().zip(behaviours) {
            server.tenant(case.name).behave(behaviour);
            server.tenant(case.name).forget_commands();
            server.grant_each(connections);
        }
    }
    let found = table.run(&["verify", "--deep", "--json", "-"]).expect(8).json();
    let accounts = found["accounts"].as_array().expect("accounts");
    assert_eq!(accounts.len(), table.cases().len());
    for account in accounts {
        let kinds = ["altered", "missing", "duplicated", "extra"].map(|kind| account[kind].as_u64());
        assert_eq!(kinds, [1, 0, 0, 0].map(Some), "{account}");
        assert!(account.to_string().contains("content differs"), "{account}");
    }
    let opened = |server: &crate::support::fake::Fake| {
        let commands = server.tenant("all-is-well").commands();
        commands.iter().filter(|command| command.starts_with("EXAMINE \"INBOX\"")).count()
    };
    let [ours, theirs] = [&table.source, &table.destination].map(opened);
    // Once to list it; and to read it.
    let least = if connections > 1 { 3 } else { 2 };
    assert!(ours >= least && theirs >= least, "{ours} {theirs}");
    tally::count(table.cases().len());
}

#[test]
fn mailbox_that_is_read_over_several_connections_is_read_whole() {
    judge("\"generic\"", usize::MAX);
}

#[test]
fn mailbox_that_is_read_over_several_connections_with_commands_sent_ahead_is_read_whole() {
    judge("\"dovecot\"", usize::MAX);
}

#[test]
fn mailbox_that_may_be_read_over_one_connection_is_read_whole() {
    judge("\"dovecot\"", 1);
}

/// What must be read to tell messages apart is read over the connection that listed them: there is no other.
#[test]
fn verification_over_one_connection_reads_what_it_must() {
    let adding = Behaviour::honest().keeping(|octets| Kept::As([b"X-Filter: seen\r\n", octets].concat()));
    let mail = |account: &mut Account| account.fill("INBOX\n    1..3 m\nA\n    1..3 a\nB\n    b\nC\n    c");
    let mut table = Table::of(vec![Case::new("adds-header", First::Exact).mail(mail).destination(adding)]);
    for side in [&mut table.ferry.source, &mut table.ferry.destination] {
        *side = side.clone().set("max_connections", 1);
    }
    table.run(&["sync"]).expect(0);
    table.ferry.forget_state();
    for command in [&["verify", "--json", "-"][..], &["verify", "--deep", "--json", "-"]] {
        let found = table.run(command).expect(8).json();
        let kinds = ["altered", "missing", "duplicated", "extra"].map(|kind| found["accounts"][0][kind].as_u64());
        assert_eq!(kinds, [8, 0, 0, 0].map(Some), "{found}");
    }
    tally::count(1);
}
