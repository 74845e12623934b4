//! A case: an account on two fake servers, how each behaves, and what may come of it. A table of cases is one run of
//! the program over many accounts.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::support::compare::{Automatic, Differences, compare};
use crate::support::fake::account::Account;
use crate::support::fake::behaviour::Behaviour;
use crate::support::fake::{Fake, Tenant};
use crate::support::ferry::{Ferry, Output, Side};
use crate::support::server::User;
use crate::tally;

/// Mail with a mailbox in which things go wrong, and one beside it.
pub const MAIL: &str = "INBOX\n    a \\Seen\n    b $Label\n    c\nBad\n    1 one\n    2 two \\Flagged\n    3 three\n    \
    4 four\n    5 five\n    6 six\nGood subscribed\n    g\n    h \\Answered";

/// What the first run makes of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum First {
    /// All arrives, and nothing is said of the account.
    Exact,
    /// Something stays behind and is told, with these words; all mailboxes but `Bad` arrive.
    Told(&'static [&'static str]),
    /// The account as a whole stays behind, told with these words.
    AccountTold(&'static [&'static str]),
    /// All arrives, but something is told.
    ExactAndTold(&'static [&'static str]),
    /// All arrives; what is to go may stay, which is told.
    Waits,
}

/// One account and what its servers do to it.
pub struct Case {
    pub name: &'static str,
    pub source: Behaviour,
    pub destination: Behaviour,
    pub first: First,
    /// What fails in the first run: with which words about its place, and how often at most. An account that came to nothing
    /// has no failures but the one.
    pub place: Option<(&'static [&'static str], u64)>,
    mail: Box<dyn Fn(&mut Account) + Send>,
    /// What the destination holds at the end where it is not what the source holds.
    spoilt: bool,
    /// Whether it shows nothing if none of its rules was met.
    pub met: bool,
}

impl Case {
    pub fn new(name: &'static str, first: First) -> Case {
        Case {
            name,
            source: Behaviour::honest(),
            destination: Behaviour::honest(),
            first,
            place: None,
            mail: Box::new(|account| account.fill(MAIL)),
            spoilt: false,
            met: false,
        }
    }

    /// It shows nothing if no rule of its servers was met in the first run.
    pub fn met(mut self) -> Case {
        self.met = true;
        self
    }

    pub fn told_at(mut self, place: &'static [&'static str], most: u64) -> Case {
        self.place = Some((place, most));
        self
    }

    pub fn source(mut self, behaviour: Behaviour) -> Case {
        self.source = behaviour;
        self
    }

    pub fn destination(mut self, behaviour: Behaviour) -> Case {
        self.destination = behaviour;
        self
    }

    pub fn mail(mut self, fill: impl Fn(&mut Account) + Send + 'static) -> Case {
        self.mail = Box::new(fill);
        self
    }

    /// The destination itself doubles or alters what it is given: that is not ours to undo, only never to repeat.
    pub fn spoilt_by_the_destination(mut self) -> Case {
        self.spoilt = true;
        self
    }
}

/// A table of cases under way.
pub struct Table {
    pub source: Fake,
    pub destination: Fake,
    pub ferry: Ferry,
    cases: Vec<Case>,
    /// Whether copies go whose source is gone: in mirror mode, after a first copy.
    deletes: bool,
}

impl Table {
    pub fn of(cases: Vec<Case>) -> Table {
        let (source, destination) = (Fake::start(), Fake::start());
        let side = |fake: &Fake| Side::in_clear_text(fake.port()).set("max_connections", 500);
        let mut ferry = Ferry::new(side(&source), side(&destination))
            .with_settings("[limits]\nretries = 4\ntimeout = \"3s\"\nmemory = \"256MB\"");
        for case in &cases {
            ferry = ferry.with_account(&User::named(case.name));
            (case.mail)(&mut source.tenant(case.name).account());
            source.tenant(case.name).behave(case.source.clone());
            destination.tenant(case.name).behave(case.destination.clone());
        }
        let table = Table { source, destination, ferry, cases, deletes: false };
        assert_eq!(table.tenants().len(), table.cases.len(), "two cases have the same name");
        table
    }

    /// A table whose accounts were copied by honest servers in mirror mode, before what a case is about begins.
    #[track_caller]
    pub fn copied(cases: Vec<Case>, change: impl Fn(&mut Account)) -> Table {
        let table = Table::of(cases).in_mirror_mode();
        table.honest();
        table.run(&["sync"]).expect(0);
        for case in &table.cases {
            let [source, destination] = [&table.source, &table.destination].map(|server| server.tenant(case.name));
            change(&mut source.account());
            source.behave(case.source.clone());
            destination.behave(case.destination.clone());
        }
        table
    }

    /// What goes from a source goes from its destination.
    pub fn in_mirror_mode(mut self) -> Table {
        self.deletes = true;
        self.ferry.further_settings.push_str("[sync]\nmode = \"mirror\"\ndelete_guard = \"100%\"\n");
        self
    }

    pub fn tenants(&self) -> BTreeMap<&str, [Arc<Tenant>; 2]> {
        let tenants = |case: &Case| [self.source.tenant(case.name), self.destination.tenant(case.name)];
        self.cases.iter().map(|case| (case.name, tenants(case))).collect()
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        let arguments = [arguments, &["--jobs", "64", "--progress", "none"]].concat();
        let output = self.ferry.run(&arguments);
        let broken = ["panicked", "does not handle", "overflow", "RUST_BACKTRACE"];
        assert!(!broken.iter().any(|word| output.stderr.contains(word)), "{output}");
        output
    }

    /// The whole way of each case: the first run under its behaviour, a run that repairs, and runs that do nothing.
    #[track_caller]
    pub fn judge(self) {
        self.judge_beginning_with(&["sync"]);
    }

    /// The same, with that as the first run.
    #[track_caller]
    pub fn judge_beginning_with(self, first: &[&str]) {
        let faults = self.begin(first);
        self.judge_honest(faults);
    }

    /// The first run and the one that repairs, and no more: for tables of many cases.
    #[track_caller]
    pub fn judge_in_short(self) {
        let mut faults = self.begin(&["sync"]);
        self.honest();
        self.repair(&mut faults);
        faults.extend(self.tenants().iter().filter_map(|(name, tenants)| unexpected(name, tenants, self.deletes)));
        assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n\n"));
        tally::count(self.cases.len());
    }

    fn begin(&self, first: &[&str]) -> Vec<String> {
        let first = self.run(first);
        let mut faults = Vec::new();
        for case in &self.cases {
            if let Err(fault) = self.judge_first(case, &first) {
                faults.push(format!("{}: {fault}\n{}", case.name, told(&first, case.name).join("\n")));
            }
        }
        faults.extend(self.misplaced());
        let told_any = self.cases.iter().any(|case| case.first != First::Exact);
        if first.code != Some(if told_any { 3 } else { 0 }) {
            faults.push(format!("the first run ended with {:?}", first.code));
        }
        faults
    }

    /// What comes after a first run that was judged already.
    #[track_caller]
    pub fn judge_rest(self) {
        self.judge_honest(Vec::new());
    }

    #[track_caller]
    fn judge_honest(self, mut faults: Vec<String>) {
        self.honest();
        self.repair(&mut faults);
        self.repeat(&mut faults, "a further run");
        self.ferry.forget_state();
        self.repeat(&mut faults, "a run without the state");
        assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n\n"));
        tally::count(self.cases.len());
    }

    /// What stays behind is told by every run, and all the rest is done by the first.
    #[track_caller]
    pub fn judge_told_each_time(self) {
        let mut faults = Vec::new();
        for run in 0..3 {
            if run == 2 {
                self.ferry.forget_state();
            }
            let output = self.run(&["sync"]).expect(3);
            for case in &self.cases {
                let (First::Told(words), told) = (case.first, told(&output, case.name)) else { continue };
                let said = words.iter().all(|word| told.iter().any(|line| line.contains(word)));
                let found = self.differences(case);
                let rest = found.missing.iter().all(|missing| !["INBOX", "Good"].contains(&missing.mailbox.as_str()));
                if told.is_empty() || !said || !rest || !found.duplicated.is_empty() || !found.extra.is_empty() {
                    faults.push(format!("{}: run {run} says {told:?}\n{found}", case.name));
                }
            }
        }
        faults.extend(self.tenants().iter().filter_map(|(name, tenants)| unexpected(name, tenants, self.deletes)));
        assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n\n"));
        tally::count(self.cases.len());
    }

    /// What failed in the last run, by account: how many failures there are, and the first in full.
    pub fn failures(&self) -> BTreeMap<String, (u64, String)> {
        let status = self.ferry.run(&["status", "--json", "-"]).expect(0).json();
        let accounts = status["accounts"].as_array().expect("accounts").iter();
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        accounts
            .map(|it| (text(&it["account"]), (it["failures"].as_u64().unwrap_or_default(), text(&it["last_error"]))))
            .collect()
    }

    /// All servers behave from now on.
    pub fn honest(&self) {
        self.tenants().values().flatten().for_each(|tenant| tenant.behave(Behaviour::honest()));
    }

    /// Panics unless an account's destination holds what the notation says, in any order.
    #[track_caller]
    pub fn expect_at_destination(&self, name: &str, notation: &str) {
        let mut wanted = Account::default();
        wanted.fill(notation);
        let mut differences = compare(&wanted.state(), &self.destination.tenant(name).state(), Automatic::Ignored);
        differences.order_differs.clear();
        assert!(differences.is_empty(), "{name}:\n{differences}");
    }

    /// The user's word that what is missing is sent again.
    pub fn restore_missing(&mut self) {
        self.ferry.further_settings.push_str("[sync]\nrestore_missing = true\n");
    }

    pub fn cases(&self) -> &[Case] {
        &self.cases
    }

    /// How the destination of an account differs from its source, the order of messages apart.
    pub fn differences(&self, case: &Case) -> Differences {
        let (source, destination) = (self.source.tenant(case.name), self.destination.tenant(case.name));
        let mut differences = compare(&source.state(), &destination.state(), Automatic::Ignored);
        // What was under way when something was refused came before the rest.
        differences.order_differs.clear();
        differences
    }

    /// Whether a rule of its servers was met.
    pub fn is_met(&self, case: &Case) -> bool {
        let tenants = [self.source.tenant(case.name), self.destination.tenant(case.name)];
        tenants.iter().any(|tenant| tenant.met_any_rule())
    }

    fn judge_first(&self, case: &Case, output: &Output) -> Result<(), String> {
        if case.met && !self.is_met(case) {
            return Err("no rule was met".to_owned());
        }
        let differences = self.differences(case);
        // A well account has no line among many, as one that came to nothing: what is missing of that shows.
        let told = match case.first {
            First::Exact | First::Waits if row(output, case.name).is_none() => named(output, case.name),
            _ => told(output, case.name),
        };
        // While it cannot be told what a mailbox holds, nothing goes: it may have been moved there.
        let stays = self.deletes && case.first != First::Exact;
        let doubled = !differences.duplicated.is_empty() || (!stays && !differences.extra.is_empty());
        if !case.spoilt && (doubled || !differences.altered.is_empty()) {
            return Err(format!("the first run doubled or altered:\n{differences}"));
        }
        let missing = |besides: &str| differences.missing.iter().any(|missing| missing.mailbox != besides);
        let (words, right): (&[&str], bool) = match case.first {
            First::Exact => (&[], told.is_empty() && differences.missing.is_empty()),
            First::Told(words) => (words, !told.is_empty() && !missing("Bad")),
            First::AccountTold(words) => (words, !told.is_empty()),
            First::ExactAndTold(words) => (words, !told.is_empty() && differences.missing.is_empty()),
            First::Waits => {
                let is_told = !told.is_empty() || format!("{output}").contains("for another sync");
                (&[], differences.missing.is_empty() && (is_told || differences.extra.is_empty()))
            }
        };
        if !right {
            return Err(format!("the first run was to be {:?}:\n{differences}", case.first));
        }
        let unsaid: Vec<&&str> = words.iter().filter(|word| !told.iter().any(|line| line.contains(**word))).collect();
        if unsaid.is_empty() { Ok(()) } else { Err(format!("the first run does not say {unsaid:?}")) }
    }

    /// What is told too often, or with another place.
    fn misplaced(&self) -> Vec<String> {
        if self.cases.iter().all(|case| case.place.is_none()) {
            return Vec::new();
        }
        let failures = self.failures();
        let placed = self.cases.iter().filter_map(|case| Some((case, case.place?, &failures[case.name])));
        let wrong = placed.filter(|(case, (place, most), (count, first))| {
            let least = u64::from(!matches!(case.first, First::AccountTold(_)));
            !(least..=*most).contains(count) || !place.iter().all(|word| first.contains(word))
        });
        wrong
            .map(|(case, (place, most), (count, first))| {
                format!("{}: {count} failures, to be {most} {place:?}: {first}", case.name)
            })
            .collect()
    }

    /// With honest servers the next run makes everything exact.
    fn repair(&self, faults: &mut Vec<String>) {
        let output = self.run(&["sync"]);
        if output.code != Some(0) {
            faults.push(format!("the run that repairs failed: {output}"));
        }
        for case in self.cases.iter().filter(|case| !case.spoilt) {
            let differences = self.differences(case);
            if !differences.is_empty() {
                faults.push(format!("{}: after the run that repairs:\n{differences}", case.name));
            }
        }
    }

    /// With nothing to do, nothing is done.
    fn repeat(&self, faults: &mut Vec<String>, what: &str) {
        let tenants = self.tenants();
        faults.extend(tenants.iter().filter_map(|(name, tenants)| unexpected(name, tenants, self.deletes)));
        tenants.values().flatten().for_each(|tenant| tenant.forget_commands());
        let output = self.run(&["sync"]);
        if output.code != Some(0) {
            faults.push(format!("{what} failed: {output}"));
        }
        for (name, [_, destination]) in &tenants {
            let changes = ["APPEND", "UID STORE", "CREATE", "SUBSCRIBE", "UID EXPUNGE"];
            let commands = destination.commands();
            if let Some(change) = commands.iter().find(|command| changes.iter().any(|verb| command.starts_with(verb))) {
                faults.push(format!("{name}: {what} said {change}"));
            }
        }
    }
}

/// What was told about an account: the failures that name it. Failures that are alike are told together, and of many
/// only some are named: then those count that leave names out.
pub fn told(output: &Output, account: &str) -> Vec<String> {
    let named = named(output, account);
    let failed = row(output, account).is_none_or(|row| row.contains(" failure"));
    if !named.is_empty() || !failed {
        return named;
    }
    let hides =
        |block: &Vec<&str>| block.iter().any(|line| line.starts_with("  also: ") && line.contains(" more (all: "));
    lines(blocks(output).into_iter().filter(hides))
}

/// The failures that name the account.
fn named(output: &Output, account: &str) -> Vec<String> {
    let names = |block: &Vec<&str>| {
        let same = block.iter().find_map(|line| line.strip_prefix("  also: ")).unwrap_or_default();
        let named = same.split("; ").filter_map(|place| place.split(", ").next());
        block[0].starts_with(&format!("error: {account}: ")) || named.into_iter().any(|name| name == account)
    };
    lines(blocks(output).into_iter().filter(names))
}

/// The line of an account in the summary. One that came to nothing has none, and of many those that are well.
fn row<'a>(output: &'a Output, account: &str) -> Option<&'a str> {
    output.stdout.lines().find(|line| line.starts_with(&format!("{account} ")))
}

/// The failures as they are listed.
fn blocks(output: &Output) -> Vec<Vec<&str>> {
    let mut blocks: Vec<Vec<&str>> = Vec::new();
    for line in output.stderr.lines() {
        match blocks.last_mut() {
            Some(block) if line.starts_with(' ') => block.push(line),
            _ => blocks.push(vec![line]),
        }
    }
    blocks.retain(|block| block[0].starts_with("error: "));
    blocks
}

fn lines<'a>(blocks: impl Iterator<Item = Vec<&'a str>>) -> Vec<String> {
    blocks.flatten().map(str::to_owned).collect()
}

/// What the source may ever hear, and the destination: nothing that changes the one, and nothing that deletes unless it is
/// to delete.
const READING: [&str; 18] = [
    "AUTHENTICATE",
    "LOGIN",
    "CAPABILITY",
    "ID",
    "ENABLE",
    "NAMESPACE",
    "LIST",
    "LSUB",
    "STATUS",
    "EXAMINE",
    "UNSELECT",
    "NOOP",
    "GETQUOTAROOT",
    "MYRIGHTS",
    "GETACL",
    "GETMETADATA",
    "LOGOUT",
    "UID",
];
const WRITING: [&str; 6] = ["SELECT", "CREATE", "SUBSCRIBE", "APPEND", "SETACL", "SETMETADATA"];

/// A command that was never to be heard.
fn unexpected(name: &str, [source, destination]: &[Arc<Tenant>; 2], deletes: bool) -> Option<String> {
    let verb = |command: &String| command.split(' ').next().unwrap_or_default().to_owned();
    let second = |command: &String| command.split(' ').nth(1).unwrap_or_default().to_owned();
    let reads = |command: &String| {
        READING.contains(&verb(command).as_str())
            && (verb(command) != "UID" || ["FETCH", "SEARCH"].contains(&second(command).as_str()))
    };
    let writes = |command: &String| {
        let changes = ["UID STORE ", "UID MOVE ", "UID COPY "].iter().any(|it| command.starts_with(it));
        let changes = changes || (deletes && command.starts_with("UID EXPUNGE "));
        reads(command) || WRITING.contains(&verb(command).as_str()) || changes
    };
    let (heard, said) = (source.commands(), destination.commands());
    let odd = heard.iter().find(|command| !reads(command)).map(|command| ("source", command));
    let odd = odd.or_else(|| said.iter().find(|command| !writes(command)).map(|command| ("destination", command)));
    odd.map(|(side, command)| format!("{name}: the {side} heard {command}"))
}
