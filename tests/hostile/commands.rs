//! Each command that the program sends, answered in each way that it should not be: the mailbox or the message is named, and
//! all else arrives. What is not mail stops nothing.

use std::collections::BTreeSet;

use crate::case::{Case, First, Table};
use crate::cited::{assert_tests, sources};
use crate::support::fake::account::Account;
use crate::support::fake::behaviour::{Behaviour, Rule, Then};
use crate::support::ferry::Ferry;
use crate::support::sample::sample;

/// What a command is about, and what may come of its failing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum About {
    /// Not mail: all arrives, and nothing is told as a failure.
    Extra,
    /// The mailbox `Bad`.
    Mailbox,
    /// The mailbox `Bad`, which is opened to see what is not told otherwise.
    Status,
    /// All of the account.
    Account,
    /// Whether something of `Bad` may go: else it stays, which is told.
    Gone,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Source,
    Destination,
}

/// In which run it is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Occasion {
    FirstCopy,
    /// The same, where the settings want LOGIN.
    ByLogin,
    /// In mirror mode, when messages came, changed and went on the source.
    Resync,
    /// The same, when messages were moved there.
    Filed,
    /// Nothing is copied: `check` looks around.
    Check,
}

struct Row {
    place: Place,
    occasion: Occasion,
    /// What it begins with.
    command: &'static str,
    /// What it holds, and which mailbox is open.
    holding: Option<&'static str>,
    within: Option<&'static str>,
    about: About,
    /// Extensions that the server does not have in this row, and one that it has.
    without: &'static [&'static str],
    with: &'static str,
}

impl Row {
    const fn new(place: Place, command: &'static str, about: About) -> Row {
        let (occasion, without, with) = (Occasion::FirstCopy, &[], "");
        Row { place, occasion, command, holding: None, within: None, about, without, with }
    }

    const fn holding(self, text: &'static str) -> Row {
        Row { holding: Some(text), ..self }
    }

    const fn within(self, mailbox: &'static str) -> Row {
        Row { within: Some(mailbox), ..self }
    }

    const fn at(self, occasion: Occasion) -> Row {
        Row { occasion, ..self }
    }

    const fn at_resync(self) -> Row {
        self.at(Occasion::Resync)
    }

    const fn without(self, capabilities: &'static [&'static str]) -> Row {
        Row { without: capabilities, ..self }
    }

    const fn with(self, capability: &'static str) -> Row {
        Row { with: capability, ..self }
    }
}

/// What a server lacks that tells changes by SEARCH.
const SEARCHES: &[&str] = &["QRESYNC"];
const NO_STATUS_IN_LIST: &[&str] = &["LIST-STATUS"];

/// The commands, by what they are about. What ends for single messages only is another story (`poison`).
const ROWS: [Row; 65] = {
    use About::{Account, Extra, Gone, Mailbox, Status};
    use Occasion::{ByLogin, Check, Filed};
    use Place::{Destination, Source};
    [
        Row::new(Source, "ID", Extra),
        Row::new(Destination, "ID", Extra),
        Row::new(Source, "ENABLE", Extra),
        Row::new(Destination, "ENABLE", Extra),
        Row::new(Source, "NAMESPACE", Extra),
        Row::new(Destination, "NAMESPACE", Extra),
        Row::new(Source, "GETQUOTAROOT", Extra).with("QUOTA"),
        Row::new(Destination, "GETQUOTAROOT", Extra).with("QUOTA"),
        Row::new(Source, "LIST", Extra).holding("SUBSCRIBED"),
        Row::new(Destination, "LIST", Extra).holding("SUBSCRIBED"),
        Row::new(Source, "LIST", Extra).holding("RETURN"),
        Row::new(Destination, "LIST", Extra).holding("RETURN"),
        Row::new(Source, "LSUB", Extra).without(&["LIST-EXTENDED"]),
        Row::new(Destination, "LSUB", Extra).without(&["LIST-EXTENDED"]),
        Row::new(Destination, "SUBSCRIBE", Extra),
        Row::new(Source, "LOGOUT", Extra),
        Row::new(Destination, "LOGOUT", Extra),
        Row::new(Destination, "UNSELECT", Extra),
        Row::new(Destination, "NOOP", Extra).without(&["UNSELECT"]),
        Row::new(Source, LOGIN, Account),
        Row::new(Destination, LOGIN, Account),
        Row::new(Source, "LOGIN", Account).at(ByLogin),
        Row::new(Destination, "LOGIN", Account).at(ByLogin),
        Row::new(Source, CAPABILITY, Account),
        Row::new(Destination, CAPABILITY, Account),
        Row::new(Source, "LIST", Account),
        Row::new(Destination, "LIST", Account),
        Row::new(Source, "EXAMINE", Mailbox).holding("Bad"),
        Row::new(Source, "UID FETCH", Mailbox).within("Bad"),
        Row::new(Destination, "CREATE", Mailbox).holding("Bad"),
        Row::new(Destination, "APPEND", Mailbox).holding("Bad"),
        Row::new(Source, "STATUS", Status).holding("Bad").without(NO_STATUS_IN_LIST),
        Row::new(Destination, "STATUS", Status).holding("Bad"),
        Row::new(Source, "EXAMINE", Mailbox).holding("Bad").at_resync(),
        Row::new(Source, "UID FETCH", Mailbox).within("Bad").at_resync(),
        Row::new(Source, "UID SEARCH", Gone).within("Bad").without(SEARCHES).at_resync(),
        Row::new(Destination, "SELECT", Mailbox).holding("Bad").at_resync(),
        Row::new(Destination, "UID FETCH", Mailbox).within("Bad").at_resync(),
        Row::new(Destination, "UID SEARCH", Gone).within("Bad").without(SEARCHES).at_resync(),
        Row::new(Destination, "UID STORE", Mailbox).within("Bad").at_resync(),
        Row::new(Destination, "UID STORE", Mailbox).within("Bad").holding("\\Deleted").at_resync(),
        Row::new(Destination, "UID EXPUNGE", Mailbox).within("Bad").at_resync(),
        Row::new(Destination, "UID MOVE", Extra).at(Filed),
        Row::new(Destination, "UID COPY", Extra).without(&["MOVE"]).at(Filed),
        Row::new(Destination, "APPEND", Mailbox).holding("Bad").at_resync(),
        Row::new(Source, "STATUS", Status).holding("Bad").without(NO_STATUS_IN_LIST).at_resync(),
        Row::new(Source, "STATUS", Extra).holding("MAILBOXID").with("OBJECTID"),
        Row::new(Destination, "STATUS", Extra).holding("MAILBOXID").with("OBJECTID"),
        Row::new(Source, "STATUS", Extra).holding("SIZE").with("STATUS=SIZE").at(Check),
        Row::new(Destination, "STATUS", Extra).holding("SIZE").with("STATUS=SIZE").at(Check),
        Row::new(Source, "MYRIGHTS", Extra).with("ACL").at(Check),
        Row::new(Destination, "MYRIGHTS", Extra).with("ACL").at(Check),
        Row::new(Source, "UID FETCH", Extra).within("INBOX").at(Check),
        Row::new(Destination, "UID FETCH", Extra).within("INBOX").at(Check),
        Row::new(Source, "STATUS", Mailbox).holding("Bad").without(NO_STATUS_IN_LIST).at(Check),
        Row::new(Destination, "STATUS", Mailbox).holding("Bad").without(NO_STATUS_IN_LIST).at(Check),
        Row::new(Source, "EXAMINE", Account).holding("INBOX").at(Check),
        Row::new(Destination, "EXAMINE", Account).holding("INBOX").at(Check),
        Row::new(Source, "LIST", Account).at(Check),
        Row::new(Source, "GETACL", Extra).with("ACL"),
        Row::new(Destination, "GETACL", Extra).with("ACL"),
        Row::new(Destination, "SETACL", Extra).with("ACL"),
        Row::new(Source, "GETMETADATA", Extra).with("METADATA"),
        Row::new(Destination, "GETMETADATA", Extra).with("METADATA"),
        Row::new(Destination, "SETMETADATA", Extra).with("METADATA"),
    ]
};

/// What is asked for in the settings, and what that carries over.
const BESIDES: &str = "[mailboxes]\nacl = true\nmetadata = true\n";

impl Row {
    fn is_besides_mail(&self) -> bool {
        self.command.ends_with("ACL") || self.command.ends_with("METADATA")
    }
}

/// Somebody else has rights in each mailbox, and each has a comment.
fn share(account: &mut Account) {
    for mailbox in &account.mailboxes {
        account.rights.entry(mailbox.name.clone()).or_default().insert("anyone".to_owned(), "lr".to_owned());
        let comment = ("/shared/comment".to_owned(), "of all".to_owned());
        account.annotations.entry(mailbox.name.clone()).or_default().extend([comment]);
    }
}

/// These are answered before it is known whose account it is, and told in the answer.
const LOGIN: &str = "AUTHENTICATE";
const CAPABILITY: &str = "CAPABILITY";

/// How it is answered.
const ANSWERS: [(&str, Answer); 24] = [
    ("no", Answer::Tagged("NO no")),
    ("serverbug", Answer::Tagged("NO [SERVERBUG] Internal error occurred")),
    ("limit", Answer::Tagged("NO [LIMIT] Too many of these")),
    ("inuse", Answer::Tagged("NO [INUSE] in use")),
    ("cannot", Answer::Tagged("NO [CANNOT] cannot")),
    ("noperm", Answer::Tagged("NO [NOPERM] no permission")),
    ("overquota", Answer::Tagged("NO [OVERQUOTA] no room")),
    ("unavailable", Answer::Tagged("NO [UNAVAILABLE] not now")),
    ("nonexistent", Answer::Tagged("NO [NONEXISTENT] no such thing")),
    ("alreadyexists", Answer::Tagged("NO [ALREADYEXISTS] it is there")),
    ("corruption", Answer::Tagged("NO [CORRUPTION] damaged")),
    ("contactadmin", Answer::Tagged("NO [CONTACTADMIN] call him")),
    ("authenticationfailed", Answer::Tagged("NO [AUTHENTICATIONFAILED] who are you")),
    ("authorizationfailed", Answer::Tagged("NO [AUTHORIZATIONFAILED] not you")),
    ("expired", Answer::Tagged("NO [EXPIRED] too late")),
    ("privacyrequired", Answer::Tagged("NO [PRIVACYREQUIRED] not in the open")),
    ("expungeissued", Answer::Tagged("NO [EXPUNGEISSUED] some are gone")),
    ("trycreate", Answer::Tagged("NO [TRYCREATE] make it first")),
    ("toobig", Answer::Tagged("NO [TOOBIG] too big")),
    ("clientbug", Answer::Tagged("BAD [CLIENTBUG] what")),
    ("bad", Answer::Tagged("BAD what")),
    ("bye", Answer::Bye),
    ("cut", Answer::Cut),
    SILENCE,
];

/// Waited for to its end, each time.
const SILENCE: (&str, Answer) = ("silence", Answer::Silence);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Tagged(&'static str),
    Bye,
    Silence,
    Cut,
}

impl Answer {
    fn then(self) -> Then {
        match self {
            Answer::Tagged(answer) => Then::Answer(answer.to_owned()),
            Answer::Bye => Then::SayAndClose(b"* BYE Internal error\r\n".to_vec()),
            Answer::Silence => Then::Silence,
            Answer::Cut => Then::Close,
        }
    }
}

fn behaviour(row: &Row, answer: Answer) -> Behaviour {
    let capable = if row.with.is_empty() { Behaviour::honest() } else { Behaviour::honest().with(row.with) };
    let capable = capable.without(row.without);
    let rule = Rule::on(row.command, answer.then());
    let rule = row.holding.into_iter().fold(rule, Rule::holding);
    let rule = row.within.into_iter().fold(rule, Rule::within);
    match row.command {
        LOGIN | "LOGIN" => capable.barred(answer.then()),
        CAPABILITY => capable.reticent().rule(rule),
        _ => capable.rule(rule),
    }
}

fn case(row: &Row, name: &str, answer: Answer) -> Case {
    let words = [format!("{:?}", row.place), row.command.to_owned(), row.holding.unwrap_or_default().to_owned()];
    let name = format!("{}-{:?}-{name}", words.join("-"), row.occasion).to_lowercase().replace([' ', '\\'], "-");
    let first = match (row.about, answer) {
        (About::Extra, _) | (About::Status, Answer::Tagged(_)) => First::Exact,
        (About::Mailbox | About::Status, _) => First::Told(&["`Bad`"]),
        (About::Account, _) => First::AccountTold(&[]),
        (About::Gone, _) => First::Waits,
    };
    let case = Case::new(name.leak(), first);
    // Whether one that lists left its mailbox open depends on which connection is free.
    let case = if ["UNSELECT", "NOOP"].contains(&row.command) { case } else { case.met() };
    // Each message that is refused is told by itself; and that flags could not be set, beside that it could not be listed.
    let most = match row.command {
        "APPEND" | "UID FETCH" | "UID STORE" => 6,
        "SELECT" => 2,
        _ => 1,
    };
    let place: &[&str] = match (row.about, row.place) {
        (About::Account, Place::Source) => &["on the source localhost"],
        (About::Account, Place::Destination) => &["on the destination localhost"],
        (_, Place::Source) => &["in `Bad`", "on the source localhost"],
        (_, Place::Destination) => &["in `Bad`", "on the destination localhost"],
    };
    let case = if matches!(first, First::Exact | First::Waits) { case } else { case.told_at(place, most) };
    let able = || if row.is_besides_mail() { Behaviour::honest().with(row.with) } else { Behaviour::honest() };
    match row.place {
        Place::Source => case.source(behaviour(row, answer)).destination(able()),
        Place::Destination => case.destination(behaviour(row, answer)).source(able()),
    }
}

/// One refusal in so many is tried where there is no time for all: each in some row, and some in each row.
const SHARE: usize = 3;

fn tried<'a>(rows: impl Iterator<Item = &'a Row>, wanted: impl Fn(Answer) -> bool + Copy) -> Vec<Case> {
    let answered = rows.flat_map(|row| ANSWERS.iter().map(move |(name, answer)| (row, *name, *answer)));
    let wanted = answered.filter(|(_, _, answer)| wanted(*answer));
    let (silent, refused): (Vec<_>, Vec<_>) = wanted.partition(|(_, _, answer)| *answer == Answer::Silence);
    let tried = sample(refused, SHARE).into_iter().chain(silent);
    tried.map(|(row, name, answer)| case(row, name, answer)).collect()
}

/// Rights and annotations that cannot be carried over are told, and all mail is there.
fn judge_besides(wanted: impl Fn(Answer) -> bool + Copy) {
    let cases = tried(ROWS.iter().filter(|row| row.is_besides_mail()), wanted);
    let honest = Case::new("all-is-well", First::Exact);
    let mut table = Table::of(std::iter::once(honest).chain(cases).collect());
    table.ferry.further_settings.push_str(BESIDES);
    table.tenants().values().for_each(|[source, _]| share(&mut source.account()));
    table.judge_in_short();
}

#[test]
fn commands_about_rights_and_annotations_stop_no_mail() {
    judge_besides(|answer| answer != Answer::Silence);
}

#[test]
fn silence_about_rights_and_annotations_stops_no_mail() {
    judge_besides(|answer| answer == Answer::Silence);
}

#[test]
fn commands_that_are_not_about_mail_stop_no_mail() {
    judge(Occasion::FirstCopy, &[About::Extra], |answer| answer != Answer::Silence);
}

#[test]
fn commands_that_fail_for_one_account_fail_for_that_one() {
    judge(Occasion::FirstCopy, &[About::Account], |_| true);
}

#[test]
fn commands_that_fail_for_one_mailbox_fail_for_that_one() {
    judge(Occasion::FirstCopy, &[About::Mailbox, About::Status], |answer| answer != Answer::Silence);
}

#[test]
fn commands_that_fail_for_one_mailbox_at_a_resync_fail_for_that_one() {
    judge(Occasion::Resync, &[About::Mailbox, About::Status, About::Gone], |answer| answer != Answer::Silence);
}

/// What the server does not move comes to its place in another way, and is there once.
#[test]
fn commands_that_move_mail_are_done_without() {
    judge(Occasion::Filed, &[About::Extra], |_| true);
}

#[test]
fn login_commands_that_fail_for_one_account_fail_for_that_one() {
    judge(Occasion::ByLogin, &[About::Account], |_| true);
}

#[test]
fn commands_of_a_check_fail_for_what_they_are_about() {
    judge(Occasion::Check, &[About::Extra, About::Mailbox, About::Account], |answer| answer != Answer::Silence);
}

/// The same where each server grants each account one connection.
#[test]
fn commands_that_fail_for_one_mailbox_fail_for_that_one_over_one_connection() {
    let rows = ROWS.iter().filter(|row| row.occasion == Occasion::FirstCopy && row.about == About::Mailbox);
    let answers = ANSWERS.iter().filter(|(name, _)| ["serverbug", "bye", "cut", "bad"].contains(name));
    let cases = rows.flat_map(|row| answers.clone().map(move |(name, answer)| case(row, name, *answer)));
    let table = Table::of(std::iter::once(Case::new("all-is-well", First::Exact)).chain(cases).collect());
    table.source.grant_each(1);
    table.destination.grant_each(1);
    table.judge_in_short();
}

#[test]
fn silence_is_as_good_as_a_refusal() {
    judge(Occasion::FirstCopy, &[About::Extra, About::Mailbox, About::Status], |answer| answer == Answer::Silence);
}

#[test]
fn silence_at_a_check_is_as_good_as_a_refusal() {
    judge(Occasion::Check, &[About::Extra, About::Mailbox, About::Account], |answer| answer == Answer::Silence);
}

#[test]
fn silence_at_a_resync_is_as_good_as_a_refusal() {
    judge(Occasion::Resync, &[About::Mailbox, About::Status, About::Gone], |answer| answer == Answer::Silence);
}

#[track_caller]
fn judge(occasion: Occasion, about: &[About], wanted: impl Fn(Answer) -> bool + Copy) {
    let rows = ROWS.iter().filter(|row| row.occasion == occasion && about.contains(&row.about));
    let cases = tried(rows.filter(|row| !row.is_besides_mail()), wanted);
    // Somebody must get in, lest the master's password be taken for wrong; and who comes after all those that fail gets in, too.
    let honest = ["all-is-well", "all-is-still-well"].map(|name| Case::new(name, First::Exact));
    let [first, last] = honest.map(std::iter::once);
    let cases: Vec<Case> = first.chain(cases).chain(last).collect();
    let mut table = match occasion {
        Occasion::FirstCopy | Occasion::ByLogin | Occasion::Check => Table::of(cases),
        Occasion::Resync => Table::copied(cases, change),
        Occasion::Filed => Table::copied(cases, file),
    };
    if occasion == Occasion::Filed {
        table.ferry.further_settings.push_str(FOLLOWED);
    }
    if occasion == Occasion::ByLogin {
        by_login(&mut table.ferry);
    }
    if !wanted(Answer::Silence) {
        // Nobody keeps silent: only a busy machine takes long.
        table.ferry.further_settings = table.ferry.further_settings.replace("timeout = \"3s\"", "timeout = \"30s\"");
    }
    if about == [About::Account] {
        // Each further try waits longer, and an account has a second turn.
        table.ferry.further_settings = table.ferry.further_settings.replace("retries = 4", "retries = 1");
    }
    match occasion {
        Occasion::Check => judge_check(&table),
        _ => table.judge_in_short(),
    }
}

fn by_login(ferry: &mut Ferry) {
    for side in [&mut ferry.source, &mut ferry.destination] {
        *side = side.clone().master_by_separator().set("auth", "\"login\"");
    }
}

/// What will not work is named, and what `check` can do without is not missed.
fn judge_check(table: &Table) {
    for case in table.cases() {
        table.destination.tenant(case.name).account().fill(crate::case::MAIL);
    }
    let found = table.run(&["check", "--json", "-"]).expect(3).json();
    let mut faults = Vec::new();
    for (case, account) in table.cases().iter().zip(found["accounts"].as_array().expect("accounts")) {
        assert_eq!(account["account"], case.name);
        let sides = [&account["source"], &account["destination"]];
        let obstacles: Vec<String> = sides.iter().map(|side| side["obstacles"].to_string()).collect();
        let is_open = sides.iter().all(|side| side["error"].is_null());
        let right = match case.first {
            First::Exact => is_open && obstacles.iter().all(|it| it == "[]"),
            First::Told(words) => is_open && words.iter().all(|word| obstacles.concat().contains(word)),
            _ => !is_open,
        };
        if !right || (case.met && !table.is_met(case)) {
            faults.push(format!("{}: {obstacles:?} {} {}", case.name, sides[0]["error"], sides[1]["error"]));
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    crate::tally::count(table.cases().len());
}

/// Messages come, change and go, in `Bad` and elsewhere.
fn change(account: &mut Account) {
    account.fill("INBOX\n    late\nBad\n    7 seven\nGood\n    late too");
    for name in ["INBOX", "Bad", "Good"] {
        let mailbox = account.mailbox(name);
        let modseq = mailbox.change();
        mailbox.messages[1].flags.insert("\\Answered".to_owned());
        mailbox.messages[1].modseq = modseq;
        let gone = mailbox.messages[0].uid;
        mailbox.expunge(|uid| uid == gone);
    }
}

/// In [sync], as mirror mode is.
const FOLLOWED: &str = "follow_moves = true\n";

/// Messages are moved, from `Bad` and to it.
fn file(account: &mut Account) {
    for (from, to) in [("Bad", "Good"), ("INBOX", "Bad")] {
        let mailbox = account.mailbox(from);
        let moved = mailbox.messages[0].clone();
        mailbox.expunge(|uid| uid == moved.uid);
        account.mailbox(to).add(moved.content, moved.flags, moved.date);
    }
}

/// Commands whose refusals are played elsewhere, each with its test; `None`: no command, but a response or a capability of that
/// name.
const ELSEWHERE: [(&str, Option<&str>); 15] = [
    ("IDLE", Some("server_that_will_not_be_listened_to_is_named")),
    ("COPY", Some("copies_within_that_fail_are_sent_the_long_way")),
    ("MOVE", None),
    ("RENAME", Some("rename_that_is_refused_keeps_the_name_and_is_asked_for_again")),
    ("UNSUBSCRIBE", Some("subscription_that_is_not_taken_off_stops_nothing")),
    ("STARTTLS", Some("starttls_that_is_refused_sends_no_password")),
    ("COMPRESS", Some("server_that_does_not_compress_is_used_as_it_is_and_told_once")),
    ("PROXYAUTH", Some("log_in_kinds_of_master_users_each_in_its_own_words")),
    ("X-MASTERAUTH", Some("log_in_kinds_of_master_users_each_in_its_own_words")),
    ("X-SETUSER", Some("log_in_kinds_of_master_users_each_in_its_own_words")),
    ("EXPUNGE", None),
    ("FETCH", None),
    ("SEARCH", None),
    ("THREAD", None),
    ("XLIST", None),
];

/// The commands of clients that there are (RFC 9051 and its extensions), and those of single servers.
const COMMANDS: [&str; 55] = [
    "CAPABILITY",
    "NOOP",
    "LOGOUT",
    "STARTTLS",
    "AUTHENTICATE",
    "LOGIN",
    "ENABLE",
    "SELECT",
    "EXAMINE",
    "CREATE",
    "DELETE",
    "RENAME",
    "SUBSCRIBE",
    "UNSUBSCRIBE",
    "LIST",
    "LSUB",
    "XLIST",
    "RLIST",
    "RLSUB",
    "NAMESPACE",
    "STATUS",
    "APPEND",
    "IDLE",
    "CLOSE",
    "UNSELECT",
    "CHECK",
    "EXPUNGE",
    "SEARCH",
    "FETCH",
    "STORE",
    "COPY",
    "MOVE",
    "REPLACE",
    "SORT",
    "THREAD",
    "ID",
    "COMPRESS",
    "GETQUOTA",
    "GETQUOTAROOT",
    "SETQUOTA",
    "MYRIGHTS",
    "GETACL",
    "SETACL",
    "DELETEACL",
    "LISTRIGHTS",
    "GETMETADATA",
    "SETMETADATA",
    "NOTIFY",
    "UNAUTHENTICATE",
    "PROXYAUTH",
    "X-MASTERAUTH",
    "X-SETUSER",
    "GENURLAUTH",
    "URLFETCH",
    "CONVERT",
];

/// Whatever command stands in the engine has a row, or is played elsewhere: so the table is complete.
#[test]
fn each_command_of_the_engine_has_a_row() {
    let rows: BTreeSet<&str> = ROWS.iter().map(|row| row.command).collect();
    let of_uids = COMMANDS.iter().map(|command| format!("UID {command}"));
    let mut spoken = BTreeSet::new();
    for (path, text) in sources("src/engine") {
        let of_tests = ["tests.rs", "fuzzing.rs"].iter().any(|name| path.ends_with(name));
        let text = if of_tests { "" } else { text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default() };
        let said = |command: &str| {
            ["\"", "\"{} "].iter().any(|before| {
                ["\"", " ", "\\r"].iter().any(|after| text.contains(&format!("{before}{command}{after}")))
            })
        };
        spoken
            .extend(COMMANDS.iter().map(|it| (*it).to_owned()).chain(of_uids.clone()).filter(|command| said(command)));
    }
    assert!(spoken.contains("APPEND") && spoken.contains("UID EXPUNGE"), "{spoken:?}");
    let elsewhere = |command: &String| ELSEWHERE.iter().any(|(name, _)| name == command);
    let lacking: Vec<&String> = spoken.iter().filter(|it| !rows.contains(it.as_str()) && !elsewhere(it)).collect();
    assert!(lacking.is_empty(), "without a row: {lacking:?}");
    assert_tests(ELSEWHERE.iter().filter_map(|(_, test)| *test));
}

/// A command that the program learns to send wants a row, and no row is for nothing.
#[test]
fn each_command_has_a_row() {
    let known: BTreeSet<&str> = ROWS.iter().map(|row| row.command).collect();
    let plain = [
        "LIST-EXTENDED",
        "LIST-STATUS",
        "QRESYNC",
        "CONDSTORE",
        "ESEARCH",
        "MULTIAPPEND",
        "MOVE",
        "LITERAL+",
        "UNSELECT",
    ];
    let poor = |name| {
        let poor = Behaviour::honest().without(&plain);
        Case::new(name, First::Exact).source(poor.clone()).destination(poor)
    };
    let rich = || Behaviour::honest().with("QUOTA ACL METADATA OBJECTID STATUS=SIZE CREATE-SPECIAL-USE");
    let searching = || Behaviour::honest().without(SEARCHES).reticent();
    let cases = vec![
        Case::new("rich", First::Exact).source(rich()).destination(rich()),
        Case::new("searching", First::Exact).source(searching()).destination(searching()),
        poor("poor"),
    ];
    let mut table = Table::of(cases).in_mirror_mode();
    table.ferry.further_settings.push_str(FOLLOWED);
    table.ferry.further_settings.push_str(BESIDES);
    table.tenants().values().for_each(|[source, _]| share(&mut source.account()));
    // Then there is one connection that lists and asks for STATUS.
    table.destination.grant_each(1);
    for arguments in [&["check"][..], &["sync"], &["verify", "--deep"]] {
        table.run(arguments).expect(0);
    }
    table.tenants().values().for_each(|[source, _]| change(&mut source.account()));
    for arguments in [&["sync"][..], &["sync", "--full"], &["verify"]] {
        table.run(arguments).expect(0);
    }
    table.tenants().values().for_each(|[source, _]| file(&mut source.account()));
    table.run(&["sync"]).expect(0);
    let mut plain = Table::of(vec![Case::new("plain", First::Exact)]);
    by_login(&mut plain.ferry);
    plain.run(&["check"]).expect(0);
    let mut unsaid = known.clone();
    for (name, tenants) in table.tenants().into_iter().chain(plain.tenants()) {
        for command in tenants.iter().flat_map(|tenant| tenant.commands()) {
            let is_it = |known: &&str| command == *known || command.starts_with(&format!("{known} "));
            let row = known.iter().find(|known| is_it(known));
            let row = row.unwrap_or_else(|| panic!("{name}: `{command}` has no row"));
            unsaid.remove(row);
        }
    }
    assert!(unsaid.is_empty(), "{unsaid:?} was never said: its rows show nothing");
    crate::tally::count(4);
}
