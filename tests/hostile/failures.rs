//! More failures than anybody reads.

use crate::support::fake::Fake;
use crate::support::fake::behaviour::{Behaviour, Kept};
use crate::support::ferry::{Ferry, Side};
use crate::support::server::User;

/// A destination that refuses every message of a mailbox, one by one: as many failures as there are messages.
#[test]
fn failures_without_end_are_counted_and_all_in_the_state() {
    const REFUSED: u64 = 1200;
    let (source, destination) = (Fake::start(), Fake::start());
    let side = |fake: &Fake| Side::in_clear_text(fake.port());
    let ferry = Ferry::new(side(&source), side(&destination)).with_account(&User::named("flooded"));
    source.tenant("flooded").account().fill(&format!("INBOX\n    good\nBad\n    1..{REFUSED} bulk size:200"));
    let refusing = |octets: &[u8]| match memchr::memmem::find(octets, b"bulk").is_some() {
        true => Kept::Refused("NO [CANNOT] not this one".to_owned()),
        false => Kept::As(octets.to_vec()),
    };
    destination.tenant("flooded").behave(Behaviour::honest().keeping(refusing));
    let output = ferry.run(&["sync", "--progress", "none"]).expect(3);
    let said = output.complains(&["1,200 failures:", "not this one", "and 200 failures that are not listed here"]);
    assert!(said.stderr.len() < 20_000, "{} octets were said", said.stderr.len());
    assert_eq!(ferry.status()["failures"], REFUSED);
    assert_eq!(ferry.status()["outcomes"]["refused"], REFUSED);
    ferry.run(&["status"]).expect(0).says("(and 1,199 more failures: mailferry explain flooded MAILBOX)");
    let told = ferry.run(&["explain", "flooded", "Bad"]).expect(0).stdout;
    assert_eq!(told.lines().filter(|line| line.contains("not this one")).count(), REFUSED as usize);
    destination.tenant("flooded").behave(Behaviour::honest());
    ferry.run(&["sync", "--progress", "none"]).expect(0);
    assert_eq!(ferry.status()["failures"], 0);
}

/// Which message it is that is not there can be told to its owner: by sender and subject, unless that is not wanted.
#[test]
fn message_that_is_refused_is_told_by_sender_and_subject() {
    let (source, destination) = (Fake::start(), Fake::start());
    let side = |fake: &Fake| Side::in_clear_text(fake.port());
    let ferry = || Ferry::new(side(&source), side(&destination)).with_account(&User::named("named"));
    source.tenant("named").account().fill("INBOX\n    1..20 good\n    ugly\n    22..40 good");
    let refusing = |octets: &[u8]| match memchr::memmem::find(octets, b"ugly").is_some() {
        true => Kept::Refused("NO [CANNOT] not this one".to_owned()),
        false => Kept::As(octets.to_vec()),
    };
    destination.tenant("named").behave(Behaviour::honest().keeping(refusing));
    let named = ferry();
    let said = named.run(&["sync", "--progress", "none"]).expect(3);
    let told = said.stderr.lines().find(|line| line.contains("refused a message")).expect("the failure").to_owned();
    assert!(told.contains("UID 21 (") && told.contains("ugly"), "{told}");
    let report = named.run(&["report", "--json", "-"]).expect(0).json();
    let message = &report["accounts"][0]["messages"][0];
    assert_eq!((&message["uid"], &message["outcome"]), (&21.into(), &"refused".into()), "{report}");
    assert!(message["subject"].as_str().is_some_and(|subject| subject.contains("ugly")), "{message}");
    named.run(&["explain", "named", "INBOX", "21"]).expect(0).says("subject");
    // It is told in the second run, too; and not at all where that is not wanted.
    named.run(&["sync", "--progress", "none"]).expect(3).complains(&[&told]);
    let silent = ferry();
    let said = silent.run(&["sync", "--no-subjects", "--progress", "none"]).expect(3).complains(&["UID 21"]);
    assert!(!said.stderr.contains("ugly"), "{}", said.stderr);
}
