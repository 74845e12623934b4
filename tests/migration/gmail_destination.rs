//! Gmail as a destination: it makes one of messages that it takes for one, and each is brought to it once. And what comes from a
//! Gmail with several labels comes once, where the destination can copy it itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::support::fake::account::{Account, Content};
use crate::support::fake::behaviour::{Behaviour, Rule, Then};
use crate::support::fake::gmail::{ALL_MAIL, GmailAccount, Labelled, gmail};
use crate::support::fake::gmail_house::{found, host};
use crate::support::fake::{Fake, Tenant};
use crate::support::ferry::{Ferry, Output, Side};
use crate::support::proxy::place::Role;
use crate::support::proxy::plan::Plan;
use crate::support::proxy::{Manner, Proxy};
use crate::support::server::{Server, User};
use crate::support::shared;
use crate::support::state::observe;

const USER: &str = "alice";
const MIRROR: &str = "[sync]\nmode = \"mirror\"\ndelete_guard = \"100%\"\n";

/// A mail server with folders, and a Gmail.
struct Moved {
    source: Fake,
    destination: Fake,
    ferry: Ferry,
}

fn octets(id: u64, text: &str) -> Vec<u8> {
    format!("Message-ID: <{id}@old.test>\r\nSubject: message {id}\r\nDate: Mon, 01 Jan 2024 00:00:00 +0000\r\n\r\n{text} of {id}.\r\n")
        .into_bytes()
}

/// Puts a message there that is the same wherever it is put.
fn put(account: &mut Account, mailbox: &str, id: u64, flags: &[&str]) {
    put_octets(account, mailbox, id, octets(id, "Body"), flags);
}

fn put_octets(account: &mut Account, mailbox: &str, id: u64, octets: Vec<u8>, flags: &[&str]) {
    let flags: BTreeSet<String> = flags.iter().map(|it| (*it).to_owned()).collect();
    let date = 1_704_067_200 + i64::try_from(id).expect("a small number") * 60;
    account.create(mailbox.as_bytes()).add(Content::Octets(Arc::new(octets)), flags, date);
}

/// 1 is in three mailboxes, 2 in one, 3 is starred and in two, 4 is a draft.
fn few(account: &mut Account) {
    for (mailbox, ids) in [("INBOX", &[1, 2, 3][..]), ("Work", &[5, 1]), ("Work/Deep", &[1, 6, 3])] {
        for id in ids {
            put(account, mailbox, *id, if *id == 3 { &["\\Flagged", "\\Seen"] } else { &["\\Seen"] });
        }
    }
    put(account, "Drafts", 4, &["\\Draft"]);
}

impl Moved {
    fn of(fill: impl Fn(&mut Account), settings: &str) -> Moved {
        let (source, destination) = (Fake::start(), Fake::start());
        fill(&mut source.tenant(USER).account());
        found(&mut destination.tenant(USER).account());
        destination.tenant(USER).behave(host());
        // One mailbox after the other, as where all connections but one are taken.
        let side = |fake: &Fake| Side::in_clear_text(fake.port()).set("max_connections", 1);
        let ferry = Ferry::new(side(&source), side(&destination)).with_account(&User::named(USER));
        Moved { source, destination, ferry: ferry.with_settings(settings) }
    }

    fn gmail(&self) -> Arc<Tenant> {
        self.destination.tenant(USER)
    }

    /// The numbers of the messages in each mailbox that holds any.
    fn there(&self) -> BTreeMap<String, Vec<u64>> {
        numbers(&mut self.gmail().account())
    }

    #[track_caller]
    fn assert_there(&self, expected: &[(&str, &[u64])]) {
        let expected = expected.iter().map(|(name, numbers)| ((*name).to_owned(), numbers.to_vec())).collect();
        let mut there = self.there();
        let mut all = there.remove(ALL_MAIL).unwrap_or_default();
        assert_eq!(there, expected);
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count, "Gmail has one twice: {all:?}");
    }

    /// How often a command came that begins so.
    fn said(&self, begins: &str) -> usize {
        self.gmail().commands().iter().filter(|line| line.starts_with(begins)).count()
    }

    fn sync(&self, code: i32) -> Output {
        self.ferry.run(&["sync", "--progress", "plain"]).expect(code)
    }

    /// Further runs, with the state and without, bring and take nothing.
    #[track_caller]
    fn assert_at_rest(&self) {
        let before = self.there();
        for round in 0..2 {
            if round == 1 {
                self.ferry.forget_state();
            }
            self.gmail().forget_commands();
            let output = self.sync(0);
            for command in ["APPEND", "UID COPY", "UID STORE", "UID EXPUNGE"] {
                assert_eq!(self.said(command), 0, "{command} in round {round}: {output}");
            }
            assert_eq!(self.there(), before);
        }
    }
}

fn numbers(account: &mut Account) -> BTreeMap<String, Vec<u64>> {
    let names: Vec<String> =
        account.mailboxes.iter().map(|it| String::from_utf8_lossy(&it.name).into_owned()).collect();
    let held = names.into_iter().map(|name| (name.clone(), account.messages(&name)));
    let held = held.map(|(name, messages)| (name, messages.iter().map(|octets| number(octets)).collect()));
    held.filter(|(_, numbers): &(String, Vec<u64>)| !numbers.is_empty()).collect()
}

fn number(octets: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(octets);
    let (_, rest) = text.split_once("<").expect("a Message-ID");
    rest.split_once('@').expect("its domain").0.parse().expect("a number")
}

const FEW_THERE: [(&str, &[u64]); 4] =
    [("INBOX", &[1, 2, 3]), ("Work", &[5, 1]), ("Work/Deep", &[1, 6, 3]), ("Drafts", &[4])];

#[test]
fn message_in_several_mailboxes_is_sent_once_and_labelled() {
    let moved = Moved::of(few, "");
    moved.sync(0);
    moved.assert_there(&FEW_THERE);
    assert_eq!(moved.said("APPEND"), 6, "each is sent once");
    let account = moved.gmail();
    let mut account = account.account();
    let stars = |name: &str, account: &mut Account| {
        let starred = account.mailbox(name).messages.iter().filter(|it| it.flags.contains("\\Flagged"));
        starred.map(|it| number(&it.octets())).collect::<Vec<_>>()
    };
    assert_eq!((stars("Work/Deep", &mut account), stars(ALL_MAIL, &mut account)), (vec![3], vec![3]));
    drop(account);
    moved.ferry.run(&["verify", "--deep"]).expect(0).says("Identical");
    moved.assert_at_rest();
    moved.ferry.run(&["verify", "--deep"]).expect(0);
}

/// Connections that end anywhere: what had landed is recognised, and nothing is there twice.
#[test]
fn sync_to_gmail_that_breaks_anywhere_ends_exact() {
    for octets in [2_000, 3_500, 5_000, 6_500] {
        let moved = Moved::of(few, "[limits]\nretries = 1\n");
        moved.gmail().behave(Behaviour { cut_after: Some(octets), ..host() });
        moved.ferry.run(&["sync", "--progress", "plain"]);
        moved.gmail().behave(host());
        let output = moved.sync(0);
        let mut there = moved.there();
        there.remove(ALL_MAIL);
        let expected = FEW_THERE.map(|(name, numbers)| (name.to_owned(), numbers.to_vec()));
        assert_eq!(there, BTreeMap::from(expected), "cut after {octets}: {output}");
        moved.ferry.run(&["verify", "--deep"]).expect(0);
    }
}

/// COPY is refused, or tells nothing, or tells what cannot be: all arrives all the same.
/// Holds pipeline/transfer/originals.rs invariant 3.
#[test]
fn copies_within_that_fail_are_sent_the_long_way() {
    for (name, then) in [
        ("no", Then::Answer("NO [CANNOT] not that".to_owned())),
        ("bad", Then::Answer("BAD what".to_owned())),
        ("no code", Then::DoneBut("OK (Success)".to_owned())),
        ("another UIDVALIDITY", Then::DoneBut("OK [COPYUID 77 1 1] (Success)".to_owned())),
        ("old UID", Then::DoneBut("OK [COPYUID 77 1 0] (Success)".to_owned())),
        ("nothing done", Then::Answer("OK (Success)".to_owned())),
        ("close", Then::Close),
        ("bye", Then::SayAndClose(b"* BYE later\r\n".to_vec())),
    ] {
        let moved = Moved::of(few, "[limits]\nretries = 1\n");
        moved.gmail().behave(host().rule(Rule::on("UID COPY", then)));
        moved.ferry.run(&["sync", "--progress", "plain"]);
        assert!(moved.said("UID COPY") > 0, "{name}");
        moved.gmail().behave(host());
        let output = moved.ferry.run(&["sync", "--progress", "plain"]);
        // What is said to be done, and is not, is not done again without a word.
        let code = if name == "nothing done" { 3 } else { 0 };
        let output = output.expect(code);
        if code == 0 {
            let there: BTreeMap<String, Vec<u64>> = moved.there();
            let sorted = |name: &str| {
                let mut numbers = there.get(name).cloned().unwrap_or_default();
                numbers.sort_unstable();
                numbers
            };
            for (mailbox, numbers) in FEW_THERE {
                let mut numbers = numbers.to_vec();
                numbers.sort_unstable();
                assert_eq!(sorted(mailbox), numbers, "{name}: {output}");
            }
        }
    }
}

/// Twins in one mailbox: of those that are the same to the octet one is kept, and that is no failure; of others one is lost,
/// and named.
#[test]
fn messages_that_gmail_makes_one_are_told_apart_by_their_octets() {
    let twins = |account: &mut Account| {
        put(account, "INBOX", 1, &[]);
        put(account, "INBOX", 1, &[]);
        put(account, "INBOX", 2, &[]);
    };
    let moved = Moved::of(twins, MIRROR);
    moved.sync(0);
    moved.assert_there(&[("INBOX", &[1, 2])]);
    let status = moved.ferry.status();
    assert_eq!(
        (status["outcomes"]["copied"].as_u64(), status["outcomes"]["skipped"].as_u64()),
        (Some(2), Some(1)),
        "{status}"
    );
    moved.gmail().forget_commands();
    moved.sync(0);
    assert_eq!(moved.said("APPEND"), 0);
    moved.ferry.run(&["verify", "--deep"]).expect(0);
    // The state is lost: it is sent once more, and made one again.
    moved.ferry.forget_state();
    moved.sync(0);
    moved.assert_there(&[("INBOX", &[1, 2])]);
    // One of the two goes on the source, the other is still there: the message stays, and goes with the second.
    let first = moved.source.tenant(USER).account().mailbox("INBOX").messages[0].uid;
    moved.source.tenant(USER).account().mailbox("INBOX").expunge(|uid| uid == first);
    moved.sync(0);
    moved.sync(0);
    moved.assert_there(&[("INBOX", &[1, 2])]);

    let others = |account: &mut Account| {
        put(account, "INBOX", 1, &[]);
        put_octets(account, "INBOX", 1, octets(1, "Another body"), &[]);
    };
    let moved = Moved::of(others, "");
    let output = moved.sync(3);
    assert!(output.stderr.contains("whose content is another"), "{output}");
    moved.ferry.run(&["verify"]).expect(8);
    moved.sync(3);
    moved.assert_there(&[("INBOX", &[1])]);
}

/// In mirror mode what goes from a mailbox loses that label, and stays where the source has it.
#[test]
fn deletion_takes_the_label_and_never_the_last_copy() {
    let moved = Moved::of(few, MIRROR);
    moved.sync(0);
    let go = |mailbox: &str, id: u64| {
        let tenant = moved.source.tenant(USER);
        let mut account = tenant.account();
        let mailbox = account.mailbox(mailbox);
        let gone: Vec<u32> = mailbox.messages.iter().filter(|it| number(&it.octets()) == id).map(|it| it.uid).collect();
        mailbox.expunge(|uid| gone.contains(&uid));
    };
    go("INBOX", 1);
    go("Work", 5);
    moved.sync(0);
    moved.assert_there(&[("INBOX", &[2, 3]), ("Work", &[1]), ("Work/Deep", &[1, 6, 3]), ("Drafts", &[4])]);
    let all: BTreeSet<u64> = moved.there()[ALL_MAIL].iter().copied().collect();
    assert_eq!(all, BTreeSet::from([1, 2, 3, 4, 5, 6]), "Gmail itself keeps what has no label any more");
    // A label that the user of Gmail takes off stays off.
    let gone: Vec<u32> =
        moved.gmail().account().mailbox("Work/Deep").messages.iter().map(|it| it.uid).take(1).collect();
    moved.gmail().account().mailbox("Work/Deep").expunge(|uid| gone.contains(&uid));
    // In mirror mode that wants a word.
    moved.sync(3);
    moved.assert_there(&[("INBOX", &[2, 3]), ("Work", &[1]), ("Work/Deep", &[6, 3]), ("Drafts", &[4])]);
}

/// What is given the label of the trash has no other any more. Holds pipeline/transfer/originals.rs invariant 2.
#[test]
fn nothing_is_copied_to_or_from_the_trash_of_gmail() {
    let trashed = |account: &mut Account| {
        for (mailbox, ids) in [("INBOX", &[1, 2][..]), ("Trash", &[1, 3]), ("Sent", &[2]), ("Zoo", &[3])] {
            ids.iter().for_each(|id| put(account, mailbox, *id, &[]));
        }
    };
    let moved = Moved::of(trashed, "[mailboxes]\npriority = [\"INBOX\", \"Trash\", \"Sent\"]\n");
    moved.sync(0);
    let there: [(&str, &[u64]); 4] =
        [("INBOX", &[1, 2]), ("[Gmail]/Trash", &[1, 3]), ("[Gmail]/Sent Mail", &[2]), ("Zoo", &[3])];
    moved.assert_there(&there);
    assert_eq!(moved.said("UID COPY"), 0);
    moved.ferry.run(&["verify", "--deep"]).expect(0);
}

/// What is marked as deleted would be gone as it comes.
#[test]
fn mark_of_deletion_is_not_given_to_gmail() {
    let moved = Moved::of(|account| put(account, "INBOX", 1, &["\\Deleted", "\\Seen"]), "");
    moved.sync(0);
    moved.assert_there(&[("INBOX", &[1])]);
    moved.source.tenant(USER).account().mailbox("INBOX").messages[0].flags.insert("\\Flagged".to_owned());
    moved.sync(0);
    moved.assert_there(&[("INBOX", &[1])]);
}

/// A Gmail and where its mail goes.
struct Labels {
    gmail: GmailAccount,
    source: Fake,
}

impl Labels {
    fn of(messages: impl IntoIterator<Item = Labelled>, user: &str) -> Labels {
        let labels = Labels { gmail: GmailAccount::of(messages), source: Fake::start() };
        labels.source.tenant(user).behave(gmail());
        labels.gmail.show(&mut labels.source.tenant(user).account());
        labels
    }
}

/// Two thirds of them have several labels.
fn labelled(count: u64) -> impl Iterator<Item = Labelled> {
    (1..=count).map(|id| {
        let mut labels = Vec::new();
        labels.extend((id % 2 == 0).then_some("\\Inbox"));
        labels.extend((id % 3 == 0).then_some("Work"));
        labels.extend((id % 5 < 3).then_some("Work/Deep"));
        labels.extend((id % 7 == 0).then_some("\\Starred"));
        Labelled::new(id, &labels)
    })
}

fn whole_fetches(tenant: &Tenant) -> String {
    let commands = tenant.commands();
    commands.into_iter().filter(|line| line.contains("BODY.PEEK[])")).collect::<Vec<_>>().join("\n")
}

/// How many messages the commands ask for.
fn asked_for(commands: &str) -> u64 {
    let ranges = commands.lines().filter_map(|line| line.split(' ').nth(2));
    let length = |range: &str| {
        let (first, last) = range.split_once(':').unwrap_or((range, range));
        last.parse::<u64>().expect("a UID") - first.parse::<u64>().expect("a UID") + 1
    };
    ranges.flat_map(|set| set.split(',').map(length).collect::<Vec<_>>()).sum()
}

#[test]
fn message_with_three_labels_comes_once_where_the_destination_copies_it() {
    const COUNT: u64 = 600;
    let server = &shared::dovecot_pair().destination;
    let user = User::fresh("labels");
    server.add_user(&user);
    let labels = Labels::of(labelled(COUNT), &user.name);
    let ferry = Ferry::new(Side::in_clear_text(labels.source.port()), Side::of(server)).with_account(&user);
    let output = ferry.run(&["sync", "--progress", "plain"]).expect(0);
    assert_eq!(asked_for(&whole_fetches(&labels.source.tenant(&user.name))), COUNT, "each once: {output}");
    ferry.run(&["verify", "--deep"]).expect(0).says("No difference found");
    let there = observe(server, &user.name);
    let copies: usize = there.mailboxes.values().map(|mailbox| mailbox.messages.len()).sum();
    let shown = |label: &str| labels.gmail.messages.values().filter(|it| it.labels.contains(label)).count();
    let rest = there.mailboxes.get("Archive").map_or(0, |mailbox| mailbox.messages.len());
    assert_eq!(copies, shown("\\Inbox") + shown("Work") + shown("Work/Deep") + rest);
    for (name, mailbox) in &there.mailboxes {
        let uids: Vec<u32> = mailbox.messages.iter().map(|message| message.uid).collect();
        assert!(uids.is_sorted(), "{name}");
    }
    // With nothing new, and with the state lost, nothing comes.
    for round in 0..2 {
        labels.source.tenant(&user.name).forget_commands();
        ferry.run(&["sync", "--progress", "plain"]).expect(0);
        assert_eq!(asked_for(&whole_fetches(&labels.source.tenant(&user.name))), 0, "round {round}");
        ferry.forget_state();
    }
    assert_eq!(observe(server, &user.name).mailboxes, there.mailboxes);
}

#[test]
fn gmail_to_gmail_brings_each_message_once_with_its_labels() {
    const COUNT: u64 = 300;
    let labels = Labels::of(labelled(COUNT), USER);
    let destination = Fake::start();
    found(&mut destination.tenant(USER).account());
    destination.tenant(USER).behave(host());
    let side = |fake: &Fake| Side::in_clear_text(fake.port());
    let ferry = Ferry::new(side(&labels.source), side(&destination)).with_account(&User::named(USER));
    ferry.run(&["sync", "--progress", "plain"]).expect(0);
    let appends = destination.tenant(USER).commands().iter().filter(|it| it.starts_with("APPEND")).count();
    assert_eq!(appends as u64, COUNT);
    let there = numbers(&mut destination.tenant(USER).account());
    for (label, name) in [("\\Inbox", "INBOX"), ("Work", "Work"), ("Work/Deep", "Work/Deep")] {
        let shown = labels.gmail.messages.values().filter(|it| it.labels.contains(label));
        assert_eq!(there[name], shown.map(|it| it.id).collect::<Vec<_>>(), "{label}");
    }
    assert_eq!(there[ALL_MAIL].len() as u64, COUNT);
    ferry.run(&["verify", "--deep"]).expect(0);
}

/// An original that was changed, or is gone, is none. Holds pipeline/transfer/originals.rs invariant 1.
#[test]
fn originals_that_are_not_what_was_sent_are_not_copied() {
    let user = User::fresh("odd");
    let server = &shared::dovecot_pair().destination;
    server.add_user(&user);
    let labels = Labels::of(labelled(30), &user.name);
    let ferry = Ferry::new(Side::in_clear_text(labels.source.port()), Side::of(server)).with_account(&user);
    let limit = "[mailboxes]\nexclude = [\"Work\"]\n";
    let ferry = ferry.with_settings(limit);
    ferry.run(&["sync"]).expect(0);
    // The user of the destination marks them as deleted: a copy would be marked, too.
    let mut client = server.connect(&user.name);
    client.command(b"SELECT INBOX");
    client.command(b"UID STORE 1:* +FLAGS (\\Deleted)");
    client.logout();
    let ferry = ferry.with_settings("");
    ferry.run(&["sync"]).expect(0);
    let there = observe(server, &user.name);
    let marked = there.mailboxes["Work"].messages.iter().filter(|it| it.flags.contains("\\deleted")).count();
    assert_eq!((marked, there.mailboxes["Work"].messages.len()), (0, 10));
}

/// SIGKILL behind a copy of which the answer is not known: the next run recognises what is there.
#[test]
fn killed_among_copies_within_is_resumed_to_an_exact_destination() {
    let server = &shared::dovecot_pair().destination;
    let user = User::fresh("killed");
    server.add_user(&user);
    let labels = Labels::of(labelled(120), &user.name);
    let plan = Arc::<Plan>::default();
    let proxy = Proxy::start(Role::Destination, server.plain_port(), Manner::default(), &plan);
    let ferry = Ferry::new(Side::in_clear_text(labels.source.port()), Side::in_clear_text(proxy.port()));
    let ferry = ferry.with_account(&user);
    for place in ["destination/before-answer/UID-COPY", "destination/command/UID-COPY"] {
        plan.gate.close_behind(place.parse().expect("a place"), 1);
        let mut running = ferry.start(&["sync"]);
        assert!(running.wait_until(|| plan.gate.is_holding()), "never at {place}: {}", running.finish());
        running.kill();
        plan.gate.cut();
    }
    ferry.run(&["sync"]).expect(0);
    let there = observe(server, &user.name);
    let shown = |label: &str| labels.gmail.messages.values().filter(|it| it.labels.contains(label)).count();
    for (label, name) in [("\\Inbox", "INBOX"), ("Work", "Work"), ("Work/Deep", "Work/Deep")] {
        assert_eq!(there.mailboxes[name].messages.len(), shown(label), "{name}");
    }
    ferry.run(&["verify", "--deep"]).expect(0);
}
