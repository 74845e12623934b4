//! Each command that the program sends, answered in each way that it should not be: the mailbox or the message is named, and
//! all else arrives. What is not mail stops nothing.

use std::collections::BTreeSet;

use crate::case::{Case, First, Table};
use crate::support::fake::behaviour::{Behaviour, Rule, Then};

/// What a command is about, and what may come of its failing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum About {
    /// Not mail: all arrives, and nothing is told as a failure.
    Extra,
    /// The mailbox `Bad`.
    Mailbox,
    /// The mailbox `Bad`, which is opened to see what is not told otherwise.
    Status,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Source,
    Destination,
}

struct Row {
    place: Place,
    /// What it begins with.
    command: &'static str,
    holding: Option<&'static str>,
    about: About,
    /// Extensions that the server does not have in this row, and one that it has.
    without: &'static [&'static str],
    with: &'static str,
}

impl Row {
    const fn new(place: Place, command: &'static str, about: About) -> Row {
        Row { place, command, holding: None, about, without: &[], with: "" }
    }

    const fn holding(self, text: &'static str) -> Row {
        Row { holding: Some(text), ..self }
    }

    const fn without(self, capabilities: &'static [&'static str]) -> Row {
        Row { without: capabilities, ..self }
    }

    const fn with(self, capability: &'static str) -> Row {
        Row { with: capability, ..self }
    }
}

/// The commands, by what they are about. FETCH is another story: it is about single messages.
const ROWS: [Row; 20] = {
    use About::{Extra, Mailbox, Status};
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
        Row::new(Source, "EXAMINE", Mailbox).holding("Bad"),
        Row::new(Destination, "CREATE", Mailbox).holding("Bad"),
        Row::new(Destination, "APPEND", Mailbox).holding("Bad"),
        Row::new(Source, "STATUS", Status).holding("Bad").without(&["LIST-STATUS"]),
        Row::new(Destination, "STATUS", Mailbox).holding("Bad"),
    ]
};

/// How it is answered.
const ANSWERS: [(&str, Answer); 15] = [
    ("no", Answer::Tagged("NO no")),
    ("serverbug", Answer::Tagged("NO [SERVERBUG] Internal error occurred")),
    ("limit", Answer::Tagged("NO [LIMIT] Too many of these")),
    ("inuse", Answer::Tagged("NO [INUSE] in use")),
    ("cannot", Answer::Tagged("NO [CANNOT] cannot")),
    ("noperm", Answer::Tagged("NO [NOPERM] no permission")),
    ("unavailable", Answer::Tagged("NO [UNAVAILABLE] not now")),
    ("nonexistent", Answer::Tagged("NO [NONEXISTENT] no such thing")),
    ("corruption", Answer::Tagged("NO [CORRUPTION] damaged")),
    ("contactadmin", Answer::Tagged("NO [CONTACTADMIN] call him")),
    ("clientbug", Answer::Tagged("BAD [CLIENTBUG] what")),
    ("bad", Answer::Tagged("BAD what")),
    ("bye", Answer::Bye),
    ("silence", Answer::Silence),
    ("cut", Answer::Cut),
];

#[derive(Clone, Copy)]
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

fn case(row: &Row, name: &str, answer: Answer) -> Case {
    let rule = Rule::on(row.command, answer.then());
    let rule = row.holding.into_iter().fold(rule, Rule::holding);
    let capable = if row.with.is_empty() { Behaviour::honest() } else { Behaviour::honest().with(row.with) };
    let behaviour = capable.without(row.without).rule(rule);
    let words = [format!("{:?}", row.place), row.command.to_owned(), row.holding.unwrap_or_default().to_owned()];
    let name = format!("{}-{name}", words.join("-").to_lowercase().replace(' ', "-"));
    let first = match (row.about, answer) {
        (About::Extra, _) | (About::Status, Answer::Tagged(_)) => First::Exact,
        (About::Mailbox | About::Status, _) => First::Told(&["`Bad`"]),
    };
    let case = Case::new(name.leak(), first);
    // Each message that is refused is told by itself.
    let most = if row.command == "APPEND" { 6 } else { 1 };
    let place: &[&str] = match (row.about, row.place) {
        // What is silent is told by what stays behind, which names no side.
        (About::Status, _) => &["in `Bad`"],
        (_, Place::Source) => &["in `Bad`", "on the source localhost"],
        (_, Place::Destination) => &["in `Bad`", "on the destination localhost"],
    };
    let case = if first == First::Exact { case } else { case.told_at(place, most) };
    match row.place {
        Place::Source => case.source(behaviour),
        Place::Destination => case.destination(behaviour),
    }
}

#[test]
fn commands_that_are_not_about_mail_stop_no_mail() {
    judge(&[About::Extra]);
}

#[test]
fn commands_that_fail_for_one_mailbox_fail_for_that_one() {
    judge(&[About::Mailbox, About::Status]);
}

#[track_caller]
fn judge(about: &[About]) {
    let rows = ROWS.iter().filter(|row| about.contains(&row.about));
    let answers = |row| ANSWERS.iter().map(move |(name, answer)| case(row, name, *answer));
    Table::of(rows.flat_map(answers).collect()).judge();
}

/// A command that the program learns to send wants a row.
#[test]
fn each_command_has_a_row() {
    let known: BTreeSet<&str> = ROWS.iter().map(|row| row.command).chain(ELSEWHERE).collect();
    let plain = ["LIST-EXTENDED", "LIST-STATUS", "QRESYNC", "CONDSTORE", "ESEARCH", "MULTIAPPEND", "LITERAL+"];
    let poor = |name| {
        let poor = Behaviour::honest().without(&plain);
        Case::new(name, First::Exact).source(poor.clone()).destination(poor)
    };
    let rich = || Behaviour::honest().with("QUOTA").with("CREATE-SPECIAL-USE");
    let cases = vec![Case::new("rich", First::Exact).source(rich()).destination(rich()), poor("poor")];
    let table = Table::of(cases);
    table.run(&["sync"]).expect(0);
    for tenants in table.tenants().values() {
        let mut account = tenants[0].account();
        let inbox = account.mailbox("INBOX");
        let modseq = inbox.change();
        inbox.messages[0].flags.insert("\\Answered".to_owned());
        inbox.messages[0].modseq = modseq;
    }
    table.run(&["sync"]).expect(0);
    for (name, tenants) in table.tenants() {
        for command in tenants.iter().flat_map(|tenant| tenant.commands()) {
            let is_known = known.iter().any(|known| command == *known || command.starts_with(&format!("{known} ")));
            assert!(is_known, "{name}: `{command}` has no row");
        }
    }
    crate::tally::count(2);
}

/// Commands whose answers are tried in other tests: logins, and those about single messages.
const ELSEWHERE: [&str; 11] = [
    "AUTHENTICATE",
    "LOGIN",
    "CAPABILITY",
    "LOGOUT",
    "SELECT",
    "UNSELECT",
    "NOOP",
    "UID FETCH",
    "UID SEARCH",
    "UID STORE",
    "UID EXPUNGE",
];
