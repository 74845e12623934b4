//! Accounts that live on both sides, in two-way mode (`support::both_ways`): mail comes, goes, is edited, moved, doubled, flagged and
//! marked by users on either server; mailboxes are renamed and get new UIDVALIDITYs, states are lost, runs break off, and servers
//! keep things to themselves. Many accounts are one run, and a seed chooses what happens to each: the same in `make test`, others
//! with `MAILFERRY_SEED`, and fresh ones in `make torture`.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::support::both_ways::history::History;
use crate::support::fake::behaviour::{Behaviour, Rule, Then, When};
use crate::support::fake::{Fake, Tenant};
use crate::support::ferry::{Ferry, Side};
use crate::support::replay::SEED_VARIABLE;
use crate::support::sample::{many_or_few, seeds};
use crate::support::server::User;
use crate::tally;

const MANY: usize = 24;
const FEW: usize = 15;
const ROUNDS: usize = 7;
const USUAL_SEED: u64 = 16;

const CHANGES: [&str; 8] =
    ["APPEND", "UID STORE", "UID EXPUNGE", "UID MOVE", "UID COPY", "CREATE", "RENAME", "SUBSCRIBE"];

/// An account of fake servers.
struct Case {
    name: String,
    history: History,
    tenants: [Arc<Tenant>; 2],
    /// What the servers can do.
    abilities: [Behaviour; 2],
}

impl Case {
    fn new(number: u64, name: String, seed: u64, servers: [&Fake; 2]) -> Case {
        let tenants = servers.map(|server| server.tenant(&name));
        let history = History::new(seed, tenants.each_ref().map(|tenant| Box::new(Arc::clone(tenant)) as _));
        let poor: [&[&str]; 5] = [&[], &["MOVE"], &["CONDSTORE", "QRESYNC"], &["UIDPLUS", "MOVE"], &["UIDPLUS"]];
        let ability = |number: u64| Behaviour::honest().without(poor[number as usize % poor.len()]);
        let abilities = [ability(number), ability(number / 3)];
        Case { name, history, tenants, abilities }
    }

    /// What happens before a run, and how the servers will behave in it.
    fn live(&mut self, honest: bool) {
        self.history.live();
        let mut behaviours = self.abilities.clone();
        if !honest {
            let side = self.history.dice.below(2);
            behaviours[side] = self.troubled(behaviours[side].clone());
        }
        self.history.note("a run");
        for (tenant, behaviour) in self.tenants.iter().zip(behaviours) {
            tenant.behave(behaviour);
        }
    }

    fn troubled(&mut self, able: Behaviour) -> Behaviour {
        let first = When::First(1);
        let lost = |verb: &str| Rule::on(verb, Then::DoneBut("NO [SERVERBUG] perhaps".to_owned())).when(first);
        let closed = |verb: &str| Rule::on(verb, Then::Close).when(first);
        let trouble = self.history.dice.below(16);
        self.history.note(format!("with trouble {trouble}"));
        match trouble {
            0 => able.rule(Rule::refuse("EXAMINE", "NO [SERVERBUG] not now").holding("Box")),
            1 => able.rule(Rule::refuse("UID FETCH", "NO [SERVERBUG] not now").when(first)),
            2 => able.rule(Rule::refuse("APPEND", "NO [CANNOT] not that").when(When::Every(3))),
            3 => able.rule(lost("APPEND")),
            4 => able.rule(closed("APPEND")),
            5 => able.rule(lost("UID MOVE")).rule(lost("UID EXPUNGE")).rule(lost("UID COPY")),
            6 => able.rule(closed("UID MOVE")).rule(closed("UID EXPUNGE")).rule(closed("UID COPY")),
            7 => able.rule(lost("UID STORE")),
            8 => able.rule(closed("UID STORE")),
            9 | 10 => able.cut_after(700 + 100 * self.history.dice.below(30) as u64),
            11 => able.rule(Rule::refuse("UID SEARCH", "NO [SERVERBUG] not now")),
            12 => able.rule(Rule::refuse("SELECT", "NO [NOPERM] not now")),
            _ => able,
        }
    }

    fn has_run(&mut self, is_synced: bool) {
        self.history.has_run(is_synced);
        self.tenants.iter().for_each(|tenant| tenant.forget_commands());
    }

    /// What is wrong, what happened, and what the servers heard in the last run.
    fn told(&self, fault: &str) -> String {
        let mut told = self.history.told(&self.name, fault);
        for (side, tenant) in self.tenants.iter().enumerate() {
            told += &format!("\n  side {side} heard:\n    {}", tenant.commands().join("\n    "));
        }
        told
    }

    /// Whether it is of no account that a message is still there: it is marked, and its server can do no more.
    fn only_marks(&self) -> bool {
        self.abilities.iter().any(|able| !able.capabilities.contains("UIDPLUS"))
    }
}

/// Accounts that live, and the program that keeps their sides equal.
struct World {
    seed: u64,
    cases: Vec<Case>,
    ferry: Ferry,
}

impl World {
    fn new(seed: u64) -> World {
        let servers = [Fake::start(), Fake::start()];
        let [source, destination] =
            servers.each_ref().map(|fake| Side::in_clear_text(fake.port()).set("max_connections", 500));
        let settings = "[limits]\nretries = 1\ntimeout = \"3s\"\n[sync]\nmode = \"two-way\"\ndelete_guard = \"100%\"";
        let mut ferry = Ferry::new(source, destination).with_settings(settings);
        let names: Vec<String> = (0..many_or_few(MANY, FEW)).map(|number| format!("both-{number}")).collect();
        for name in &names {
            ferry = ferry.with_account(&User::named(name.clone()));
        }
        let case = |(number, name): (u64, String)| {
            Case::new(number, name, seed.wrapping_mul(1000).wrapping_add(number), servers.each_ref())
        };
        World { seed, cases: (0..).zip(names).map(case).collect(), ferry }
    }

    /// The state of some accounts is lost.
    fn lose_states(&mut self) {
        let mut words = vec!["forget".to_owned()];
        for case in &mut self.cases {
            if case.history.dice.below(12) == 0 && case.history.may_forget() {
                words.push(case.name.clone());
            }
        }
        if words.len() > 1 {
            self.ferry.run(&words.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }

    /// One run, and what is to be said of it.
    #[track_caller]
    fn run(&mut self, more: &[&str], judge: impl Fn(&Case) -> Vec<String>) -> BTreeSet<String> {
        let arguments = [&["sync", "--jobs", "64", "--progress", "none"], more].concat();
        let output = self.ferry.run(&arguments);
        assert!(!output.stderr.contains("panicked") && !output.stderr.contains("does not handle"), "{output}");
        let synced = self.ferry.accounts_in(&["synced"]);
        let mut faults = Vec::new();
        for case in &mut self.cases {
            faults.extend(judge(case).iter().map(|fault| case.told(fault)));
            case.has_run(synced.contains(&case.name));
        }
        self.assert_none(faults, &output.stderr);
        synced
    }

    #[track_caller]
    fn assert_none(&self, faults: Vec<String>, told: &str) {
        let (count, seed) = (faults.len(), self.seed);
        let shown = faults.into_iter().take(6).collect::<Vec<_>>().join("\n\n");
        assert!(count == 0, "{count} faults with {SEED_VARIABLE}={seed}:\n{shown}\n{told}");
    }

    /// A further run of honest servers does nothing.
    #[track_caller]
    fn assert_at_rest(&mut self) {
        let synced = self.run(&[], |case| {
            let heard = case.tenants.iter().flat_map(|tenant| tenant.commands());
            let changes = heard.filter(|command| CHANGES.iter().any(|verb| command.starts_with(verb)));
            case.history.judge_quiet(case.only_marks()).into_iter().chain(changes).collect()
        });
        let unsynced = self.cases.iter().filter(|case| !synced.contains(&case.name));
        let faults: Vec<_> = unsynced.map(|case| case.told("it is not synced")).collect();
        let status = if faults.is_empty() { String::new() } else { self.ferry.run(&["status"]).stdout };
        self.assert_none(faults, &status);
    }
}

fn live_through(seed: u64) {
    let mut world = World::new(seed);
    let mut ever_synced = 0;
    let judge = |case: &Case| case.history.judge();
    for round in 0..ROUNDS {
        world.cases.iter_mut().for_each(|case| case.live(false));
        world.lose_states();
        // Some end in their midst.
        let more: &[&str] = if round % 3 == 2 { &["--max-messages", "20"] } else { &[] };
        ever_synced += world.run(more, judge).len();
    }
    assert!(ever_synced > world.cases.len(), "{ever_synced} were synced");
    world.cases.iter_mut().for_each(|case| case.live(true));
    // What waited for another scan is done in the next, and what both users did at once is settled in the one after it.
    for _ in 0..3 {
        world.run(&[], judge);
    }
    world.assert_at_rest();
    tally::count(world.cases.len());
}

#[test]
fn accounts_that_live_on_both_sides_become_equal_and_lose_and_double_nothing() {
    seeds(USUAL_SEED).into_iter().for_each(live_through);
}
