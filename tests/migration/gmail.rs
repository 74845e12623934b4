//! Gmail, of a Google Workspace or alone, as a source: labels, stars, archived mail and labels that IMAP does not show, through each choice of what becomes of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::fake::Fake;
use crate::support::fake::behaviour::{Behaviour, Rule};
use crate::support::fake::gmail::{GmailAccount, Labelled, gmail};
use crate::support::ferry::{Ferry, Output, Side};
use crate::support::sample::many_or_few;
use crate::support::server::User;

const USER: &str = "alice";
const CHOICES: [&str; 4] = ["folders+rest", "all-mail+keywords", "folders", "primary"];

/// An account on a Gmail in memory, and a destination.
struct Moved {
    gmail: GmailAccount,
    source: Fake,
    destination: Fake,
    ferry: Ferry,
}

impl Moved {
    fn by(labels: &str, gmail: GmailAccount, further: &str) -> Moved {
        let (source, destination) = (Fake::start(), Fake::start());
        source.tenant(USER).behave(self::gmail());
        let ferry = Ferry::new(Side::in_clear_text(source.port()), Side::in_clear_text(destination.port()))
            .with_account(&User::named(USER))
            .with_settings(&format!("[gmail]\nlabels = \"{labels}\"\n{further}"));
        let moved = Moved { gmail, source, destination, ferry };
        moved.show();
        moved
    }

    fn show(&self) {
        self.gmail.show(&mut self.source.tenant(USER).account());
    }

    /// The numbers of the messages in each mailbox of the destination that holds any.
    fn there(&self) -> BTreeMap<String, Vec<u64>> {
        let tenant = self.destination.tenant(USER);
        let mut account = tenant.account();
        let names: Vec<String> =
            account.mailboxes.iter().map(|it| String::from_utf8_lossy(&it.name).into_owned()).collect();
        let held = names.into_iter().map(|name| (name.clone(), account.messages(&name)));
        let held = held.map(|(name, messages)| (name, messages.iter().map(|octets| number(octets)).collect()));
        held.filter(|(_, numbers): &(String, Vec<u64>)| !numbers.is_empty()).collect()
    }

    #[track_caller]
    fn assert_there(&self, expected: &[(&str, &[u64])]) {
        let expected = expected.iter().map(|(name, numbers)| ((*name).to_owned(), numbers.to_vec())).collect();
        assert_eq!(self.there(), expected);
    }

    fn flags(&self, mailbox: &str, id: u64) -> Vec<String> {
        let tenant = self.destination.tenant(USER);
        let mut account = tenant.account();
        let messages = &account.mailbox(mailbox).messages;
        let message = messages.iter().find(|message| number(&message.octets()) == id).expect("the message");
        message.flags.iter().cloned().collect()
    }

    /// A further run has nothing to copy or to delete, with its state and without.
    #[track_caller]
    fn assert_at_rest(&mut self) {
        let before = self.there();
        for round in 0..2 {
            if round == 1 {
                self.ferry.forget_state();
            }
            self.destination.tenant(USER).forget_commands();
            let output = self.ferry.run(&["sync"]).expect(0);
            let said = self.destination.tenant(USER).commands();
            let changes = |line: &&String| ["APPEND", "UID STORE", "UID EXPUNGE"].iter().any(|it| line.starts_with(it));
            assert!(!said.iter().any(|line| changes(&line)), "round {round}: {said:?} {output}");
        }
        assert_eq!(self.there(), before);
    }
}

fn number(octets: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(octets);
    let (_, rest) = text.split_once("<").expect("a Message-ID");
    rest.split_once('@').expect("its domain").0.parse().expect("a number")
}

/// 1 has three labels, 2 one, 3 none, 4 a star alone, 5 a label that IMAP does not show, 6 is spam, 7 is important mail in the INBOX.
fn few() -> GmailAccount {
    GmailAccount::of([
        Labelled::new(1, &["\\Inbox", "Work", "Work/Deep"]),
        Labelled::new(2, &["Work"]),
        Labelled::new(3, &[]),
        Labelled::new(4, &["\\Starred"]),
        Labelled::new(5, &["-Hidden (old)"]),
        Labelled::new(6, &["\\Spam"]),
        Labelled::new(7, &["\\Inbox", "\\Important", "\\Sent"]),
    ])
}

#[test]
fn each_choice_brings_what_it_says_and_the_rest_is_named() {
    let mut rest = Moved::by("folders+rest", few(), "");
    rest.ferry.run(&["sync"]).expect(0);
    let labels: [(&str, &[u64]); 4] =
        [("INBOX", &[1, 7]), ("Work", &[1, 2]), ("Work/Deep", &[1]), ("[Gmail]/Sent Mail", &[7])];
    let spam: (&str, &[u64]) = ("[Gmail]/Spam", &[6]);
    rest.assert_there(&[&labels[..], &[("Archive", &[3, 4, 5]), spam]].concat());
    assert_eq!(rest.flags("Archive", 4), ["\\Flagged"]);
    rest.assert_at_rest();
    rest.ferry.run(&["verify", "--deep"]).expect(0);

    let mut folders = Moved::by("folders", few(), "");
    let output = folders.ferry.run(&["sync", "--progress", "plain"]).expect(0);
    folders.assert_there(&[&labels[..], &[spam]].concat());
    assert!(format!("{output}").contains("messages that are only in `[Gmail]/All Mail`"), "{output}");
    folders.assert_at_rest();

    let mut primary = Moved::by("primary", few(), "");
    primary.ferry.run(&["sync"]).expect(0);
    primary.assert_there(&[("INBOX", &[7]), ("Work", &[2]), ("Work/Deep", &[1]), ("Archive", &[3, 4, 5]), spam]);
    primary.assert_at_rest();
    primary.ferry.run(&["verify", "--deep"]).expect(0);

    let mut keywords = Moved::by("all-mail+keywords", few(), "");
    keywords.ferry.run(&["sync"]).expect(0);
    keywords.assert_there(&[("Archive", &[1, 2, 3, 4, 5, 7]), spam]);
    assert_eq!(keywords.flags("Archive", 1), ["Inbox", "Work", "Work/Deep"]);
    assert_eq!(keywords.flags("Archive", 4), ["\\Flagged"]);
    assert_eq!(keywords.flags("Archive", 5), ["Hidden__old_"]);
    assert_eq!(keywords.flags("Archive", 7), ["$Important", "Inbox", "Sent"]);
    keywords.assert_at_rest();
    keywords.ferry.run(&["verify", "--deep"]).expect(0);
}

/// Labels come and go while nothing new is sent.
#[test]
fn labels_that_change_later_are_followed() {
    let mirror = "[sync]\nmode = \"mirror\"\ndelete_guard = \"100%\"\n";
    let change = |moved: &mut Moved| {
        moved.ferry.run(&["sync"]).expect(0);
        // 1 loses one of its labels, 2 its only one; 3 gets one.
        moved.gmail.unlabel(1, "Work");
        moved.gmail.unlabel(2, "Work");
        moved.gmail.label(3, "Work");
        moved.show();
        let output = moved.ferry.run(&["sync"]).expect(0);
        assert!(!format!("{output}").contains("wait for another sync"), "{output}");
    };
    let spam: (&str, &[u64]) = ("[Gmail]/Spam", &[6]);

    let mut rest = Moved::by("folders+rest", few(), mirror);
    change(&mut rest);
    let sent: (&str, &[u64]) = ("[Gmail]/Sent Mail", &[7]);
    rest.assert_there(&[
        ("INBOX", &[1, 7]),
        ("Work", &[3]),
        ("Work/Deep", &[1]),
        sent,
        ("Archive", &[3, 4, 5, 2]),
        spam,
    ]);

    let mut primary = Moved::by("primary", few(), mirror);
    change(&mut primary);
    // What was copied once stays where it is, whatever label it got.
    primary.assert_there(&[("INBOX", &[7]), ("Work/Deep", &[1]), ("Archive", &[3, 4, 5, 2]), spam]);

    let mut keywords = Moved::by("all-mail+keywords", few(), mirror);
    change(&mut keywords);
    keywords.assert_there(&[("Archive", &[1, 2, 3, 4, 5, 7]), spam]);
    assert_eq!(keywords.flags("Archive", 1), ["Inbox", "Work/Deep"]);
    assert_eq!(keywords.flags("Archive", 2), Vec::<String>::new());
    assert_eq!(keywords.flags("Archive", 3), ["Work"]);
}

/// What was to be copied with a mailbox, was refused there, and has lost that label is nowhere: no verification says otherwise.
#[test]
fn message_that_is_in_no_other_mailbox_any_more_is_missing() {
    let mut moved = Moved::by("folders+rest", few(), "");
    let refusing = Behaviour::honest().rule(Rule::refuse("APPEND \"Work\"", "NO [CANNOT] not that"));
    moved.destination.tenant(USER).behave(refusing);
    moved.ferry.run(&["sync"]).expect(3);
    moved.gmail.unlabel(1, "Work");
    moved.gmail.unlabel(2, "Work");
    moved.gmail.label(3, "Work");
    moved.show();
    let verified = moved.ferry.run(&["verify", "--json", "-"]).expect(8).json();
    let missing = verified["accounts"][0]["listed"].as_array().expect("a list");
    let missing: Vec<&str> = missing.iter().filter_map(|it| it["mailbox"].as_str()).collect();
    assert_eq!(missing, ["Work", "[Gmail]/All Mail"], "{verified}");
    moved.destination.tenant(USER).behave(Behaviour::honest());
    moved.ferry.run(&["sync"]).expect(0);
    moved.ferry.run(&["verify", "--deep"]).expect(0);
}

#[test]
fn plan_says_what_each_choice_comes_to() {
    let moved = Moved::by("primary", few(), "");
    moved.ferry.run(&["scan"]).expect(0);
    let output = moved.ferry.run(&["plan"]).expect(0);
    let output = output.says("`labels` in [gmail], of 7 messages:\n    folders+rest      10 copies, ");
    let output = output.says("\n    all-mail+keywords 7 copies, ").says("\n    folders           7 copies, ");
    output.says("; 3 messages left behind\n  * primary           7 copies, ");
    let json = moved.ferry.run(&["plan", "--json", "-"]).expect(0).json();
    let gmail = &json["accounts"][0]["gmail"];
    assert_eq!((gmail["labels"].as_str(), gmail["messages"].as_u64()), (Some("primary"), Some(7)));
    let copies: Vec<_> = gmail["costs"].as_array().expect("costs").iter().map(|it| it["copies"].as_u64()).collect();
    assert_eq!(copies, [Some(10), Some(7), Some(7), Some(7)]);
    let octets = |at: usize| gmail["costs"][at]["octets"].as_u64().expect("octets");
    let sum = |numbers: &[u64]| numbers.iter().map(|it| moved.gmail.messages[it].octets.len() as u64).sum::<u64>();
    assert_eq!(octets(0), sum(&[1, 7, 1, 2, 1, 7, 3, 4, 5, 6]));
    assert_eq!((octets(2), octets(3)), (sum(&[1, 7, 1, 2, 1, 7, 6]), sum(&[1, 2, 3, 4, 5, 6, 7])));
}

/// What has no label cannot be found there: it is said, and what is shown is copied.
#[test]
fn all_mail_that_is_not_shown_is_told() {
    for labels in ["folders+rest", "primary", "all-mail+keywords"] {
        let moved = Moved::by(labels, few().hiding_all_mail(), "");
        let output = moved.ferry.run(&["sync", "--progress", "plain"]).expect(0);
        assert!(format!("{output}").contains("Gmail does not show All Mail by IMAP"), "{output}");
        assert_eq!(moved.there()["Work"], [1, 2]);
    }
}

const MANY: usize = 10_000;
const FEW: usize = 2_000;

/// A third in the INBOX, labels of their own that overlap, stars, archived mail, spam.
fn numbered(count: usize) -> GmailAccount {
    GmailAccount::of((1..=count as u64).map(|id| {
        let mut labels = Vec::new();
        let is = |every: u64| id % every == 0;
        match () {
            () if is(97) => labels.push("\\Spam"),
            () if is(5) => {}
            () => {
                labels.extend(is(3).then_some("\\Inbox"));
                labels.extend(is(2).then_some("Work"));
                labels.extend(is(7).then_some("Work/Deep"));
                labels.extend(is(11).then_some("\\Sent"));
                labels.extend(is(13).then_some("-Hidden"));
            }
        }
        labels.extend(is(17).then_some("\\Starred"));
        labels.extend(is(19).then_some("\\Important"));
        Labelled::new(id, &labels)
    }))
}

#[test]
fn thousands_of_messages_with_labels_arrive_by_each_choice() {
    let count = many_or_few(MANY, FEW);
    for labels in CHOICES {
        let moved = Moved::by(labels, numbered(count), "[limits]\nretries = 2\n");
        let output: Output = moved.ferry.run(&["sync"]).expect(0);
        let there = moved.there();
        let all: BTreeSet<u64> = there.values().flatten().copied().collect();
        let copies = there.values().map(Vec::len).sum::<usize>();
        for (name, numbers) in &there {
            assert_eq!(numbers.len(), numbers.iter().collect::<BTreeSet<_>>().len(), "twice in {name}: {output}");
        }
        let shown = |label: &str| moved.gmail.messages.values().filter(|it| it.labels.contains(label)).count();
        let of_labels: usize = ["\\Inbox", "Work", "Work/Deep", "\\Sent", "\\Spam"].map(shown).iter().sum();
        let archived = there.get("Archive").map_or(0, Vec::len);
        match labels {
            "folders" => assert_eq!(copies, of_labels, "{output}"),
            "folders+rest" => assert_eq!((all.len(), copies), (count, of_labels + archived), "{output}"),
            _ => assert_eq!((all.len(), copies), (count, count), "{output}"),
        }
        moved.ferry.run(&["verify"]).expect(0);
    }
}
