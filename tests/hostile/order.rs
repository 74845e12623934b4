//! Servers that work on commands in another order than they come in (Stalwart; `support::fake::eager`): nothing is sent to them whose
//! meaning depends on an answer that is still out.

use crate::support::compare::{Automatic, compare};
use crate::support::fake::Fake;
use crate::support::fake::behaviour::Behaviour;
use crate::support::ferry::{Ferry, Running, Side};
use crate::support::proxy::place::Role;
use crate::support::proxy::plan::Plan;
use crate::support::proxy::{Manner, Proxy};
use crate::support::server::User;
use std::sync::Arc;

const USER: &str = "eager";

/// What is said where the order turns out not to be kept.
const SENT_AHEAD: &str = "refused a command that was sent ahead";

/// In one APPEND; and how many of them are open at one time, at most.
const BATCH_MESSAGES: usize = 20;
const CONNECTIONS: usize = 8;

/// Enough mailboxes that commands for several would be in flight, and batches for several APPENDs to one.
const MAIL: &str = "INBOX subscribed\n    1..300 bulk \\Seen\n    twin\n    twin\nA subscribed\n    1..120 small $Label\n\
    B subscribed\n    1..40 odd\nC/D\n    1..7 odd \\Flagged\nE\n    e\nF\n    f\nG\n    g\nH";

struct Pair {
    source: Fake,
    destination: Fake,
    ferry: Ferry,
    /// Holds the program in the midst of its work.
    plan: Arc<Plan>,
    _proxy: Proxy,
}

fn pair(source: Behaviour, destination: Behaviour, settings: &str) -> Pair {
    let limits = format!("{settings}\n[limits]\nretries = 2\ntimeout = \"5s\"\nbatch_messages = {BATCH_MESSAGES}");
    let pair = Pair::of(source, |side| side).with_settings(&limits);
    pair.destination.tenant(USER).behave(destination);
    pair
}

impl Pair {
    /// The destination is an honest one, and both are reached in that way.
    fn of(behaviour: Behaviour, way: impl Fn(Side) -> Side) -> Pair {
        let [source, destination] = [Fake::start(), Fake::start()];
        let plan = Arc::<Plan>::default();
        let proxy = Proxy::start(Role::Destination, destination.port(), Manner::default(), &plan);
        let [from, to] = [source.port(), proxy.port()].map(|port| way(Side::in_clear_text(port)));
        let ferry = Ferry::new(from, to).with_account(&User::named(USER));
        source.tenant(USER).account().fill(MAIL);
        source.tenant(USER).behave(behaviour);
        Pair { source, destination, ferry, plan, _proxy: proxy }
    }

    fn with_settings(mut self, text: &str) -> Pair {
        self.ferry = self.ferry.with_settings(text);
        self
    }

    #[track_caller]
    fn assert_exact(&self) {
        let (source, destination) = (self.source.tenant(USER).state(), self.destination.tenant(USER).state());
        let differences = compare(&source, &destination, Automatic::Ignored);
        assert!(differences.is_empty(), "{differences}");
    }

    #[track_caller]
    fn assert_runs(&self) {
        self.ferry.run(&["sync", "--progress", "none"]).expect(0);
        self.assert_exact();
    }

    fn arrived(&self) -> usize {
        let destination = self.destination.tenant(USER);
        let account = destination.account();
        account.mailboxes.iter().map(|mailbox| mailbox.messages.len()).sum()
    }

    fn kill_after(&self, messages: usize) {
        let open = (messages - self.arrived() + CONNECTIONS * BATCH_MESSAGES) as u64;
        self.plan.gate.close_behind("destination/upload-begin/APPEND".parse().expect("a place"), open);
        let mut running = self.ferry.start(&["sync", "--progress", "none"]);
        assert!(running.wait_until(|| self.arrived() >= messages), "it ended before {messages} had arrived");
        Running::kill(running);
        self.plan.gate.cut();
    }
}

/// Copied, killed and resumed, changed and synchronised, deleted, the state lost: exact each time, and in order.
fn assert_all_goes_well(source: Behaviour, destination: Behaviour) {
    let pair = pair(source, destination, "[sync]\nmode = \"mirror\"\ndelete_guard = \"100%\"");
    pair.kill_after(30);
    pair.kill_after(200);
    pair.assert_runs();
    let change = |notation: &str| pair.source.tenant(USER).account().fill(notation);
    change("INBOX\n    1..50 later\nA\n    late $New\nNew/Sub subscribed\n    1..3 new");
    pair.source.tenant(USER).account().mailbox("B").expunge(|uid| uid % 3 == 0);
    pair.source.tenant(USER).account().mailbox("E").expunge(|_| true);
    pair.assert_runs();
    pair.ferry.forget_state();
    pair.assert_runs();
    pair.ferry.run(&["verify", "--deep", "--progress", "none"]).expect(0).says("Identical");
    crate::tally::count(1);
}

#[test]
fn eager_source_is_copied_exactly_and_in_order() {
    assert_all_goes_well(Behaviour::honest().eager(), Behaviour::honest());
}

#[test]
fn eager_destination_gets_all_exactly_and_in_order() {
    assert_all_goes_well(Behaviour::honest(), Behaviour::honest().eager());
}

/// Not only from the end: whatever order answers come in, and messages are stored in.
#[test]
fn eager_servers_that_answer_in_any_order_are_copied_exactly_and_in_order() {
    for seed in 1..=4 {
        let eager = || Behaviour { eager_order: Some(seed), ..Behaviour::honest().eager() };
        assert_all_goes_well(eager(), eager());
    }
}

#[test]
fn eager_destination_that_takes_one_message_at_a_time_gets_all_in_order() {
    let plain = Behaviour::honest().eager().without(&["MULTIAPPEND", "LITERAL+", "QRESYNC", "CONDSTORE", "ESEARCH"]);
    assert_all_goes_well(plain.clone(), plain);
}

/// Behind a literal that is announced nothing is won by sending ahead: the next APPEND waits for the answer, also where the
/// order is believed to be kept. This server would store what comes together from its end.
#[test]
fn server_whose_literals_are_announced_gets_one_append_at_a_time() {
    let courier = ["MULTIAPPEND", "LITERAL+", "QRESYNC", "CONDSTORE", "ESEARCH", "LIST-STATUS"];
    let pair = Pair::of(Behaviour::honest(), |side| side.set("preset", "\"dovecot\""));
    pair.destination.tenant(USER).behave(Behaviour { eager_appends: true, ..Behaviour::honest().without(&courier) });
    pair.assert_runs();
    crate::tally::count(1);
}

/// However many mailboxes a run left in the midst of its work, the next one waits once, and says for what; after a clean end
/// there is nothing to wait for.
#[test]
fn after_a_kill_there_is_one_pause_for_all_mailboxes() {
    const WAITING: &str = "waiting for what the destination may still be storing";
    let pair = pair(Behaviour::honest(), Behaviour::honest(), "");
    pair.kill_after(200);
    for pauses in [1, 0] {
        let output = pair.ferry.run(&["sync", "--progress", "plain"]).expect(0);
        assert_eq!(output.stderr.matches(WAITING).count(), pauses, "{output}");
        pair.assert_exact();
        pair.source.tenant(USER).account().fill("INBOX\n    later\nA\n    later too");
    }
    crate::tally::count(1);
}

/// A server that calls itself by the name of one that keeps the order, and does not: found out, and exact in the end.
#[test]
fn eager_server_under_a_false_name_is_found_out() {
    let pair = Pair::of(Behaviour::honest().eager(), |side| side.set("preset", "\"dovecot\""));
    pair.ferry.run(&["sync", "--progress", "plain"]).expect(0).complains(&[SENT_AHEAD]);
    pair.assert_exact();
    crate::tally::count(1);
}

/// Where the settings say so, nothing is sent ahead to anybody.
#[test]
fn pipelining_that_is_switched_off_sends_nothing_ahead() {
    let off = |side: Side| side.set("preset", "\"dovecot\"").set("pipelining", "\"off\"");
    let pair = Pair::of(Behaviour::honest().eager(), off);
    pair.destination.tenant(USER).behave(Behaviour::honest().eager());
    let output = pair.ferry.run(&["sync", "--progress", "plain"]).expect(0);
    assert!(!output.stderr.contains(SENT_AHEAD), "{output}");
    pair.assert_exact();
    crate::tally::count(1);
}
