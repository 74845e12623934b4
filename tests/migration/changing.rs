//! Both accounts change while they are migrated: before a stage, between two, and in the middle of one. Whatever happens
//! when: no message is lost, none is there twice, none is deleted, and once quiet returns two syncs make it right.

use crate::migration::{Migration, dovecot_to_dovecot, gated_dovecot};
use crate::support::compare::{Automatic, Difference, compare, expect};
use crate::support::ferry::{Done, Output};
use crate::support::imap::Connection;
use crate::support::seed::seed;
use crate::support::server::Server;
use crate::support::shared;
use crate::support::state::observe;

/// Enough in INBOX for something to happen in the middle of it.
const START: &str = r"
INBOX subscribed
    1..600 bulk \Seen
    601 twin
    602 twin
Archive
    1..5 old
    6 kept \Flagged
Doomed
    1..3 doomed
Renamed
    1..3 renamed
";

/// When the change happens.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// After a first sync, before anything else runs.
    BetweenSyncs,
    BetweenScanAndPlan,
    BetweenPlanAndApply,
    /// While `scan` runs.
    InScan,
    /// When the first messages of `apply` have arrived.
    InApply,
}

use Moment::*;

/// What may be different when all is quiet again, because of what was done, by mailbox and label.
#[derive(Default)]
struct Allowed {
    /// Not on the destination: its user deleted or moved it.
    missing: &'static [&'static str],
    /// On the destination only: it was there of its own, or was deleted from the source after it was copied.
    extra: &'static [&'static str],
    /// A mailbox stays a question for its user: exit status 3.
    question: bool,
    /// Copies that are gone are a question (exit status 6), and are copied again when that was answered so.
    restored: bool,
}

/// Runs the stages, with `change` at its moment; then two syncs, after which only what is allowed may differ.
fn disturb(moment: Moment, change: fn(&Migration<'_>), allowed: &Allowed) {
    let mut migration = gated_dovecot().seeded(START);
    let disturbed = run_with(moment, &migration, change);
    for output in disturbed {
        let expected = matches!(output.code, Some(0 | 3 | 5)) || (allowed.restored && output.code == Some(6));
        assert!(expected, "{moment:?}: {output}");
        assert!(output.code == Some(0) || output.stderr.contains("hint"), "{moment:?}: {output}");
    }
    if allowed.restored {
        let output = migration.run(&["sync"]);
        assert!(matches!(output.code, Some(0 | 6)), "{moment:?}: {output}");
        assert!(output.code == Some(0) || output.stderr.contains("copies are gone"), "{moment:?}: {output}");
        migration = migration.with_settings("[sync]\nrestore_missing = true");
    }
    let settled: &[i32] = if allowed.question { &[0, 3] } else { &[0] };
    // The first one may meet what the interrupted stages left; the second has nothing left to do.
    for _ in 0..2 {
        let output = migration.run(&["sync"]);
        assert!(output.code.is_some_and(|code| settled.contains(&code)), "{moment:?}: {output}");
    }
    assert_eq!(Done::of(&migration.ferry.status()["last_run"]), Done::NOTHING, "{moment:?}");
    assert_law(moment, &migration, allowed);
}

fn run_with(moment: Moment, migration: &Migration<'_>, change: fn(&Migration<'_>)) -> Vec<Output> {
    let run = |stage: &str| migration.run(&[stage]);
    match moment {
        BetweenSyncs => {
            run("sync").expect(0);
            change(migration);
            vec![]
        }
        BetweenScanAndPlan => {
            run("scan").expect(0);
            change(migration);
            vec![run("plan"), run("apply")]
        }
        BetweenPlanAndApply => {
            run("scan").expect(0);
            run("plan").expect(0);
            change(migration);
            vec![run("apply")]
        }
        InScan => {
            let running = migration.held_at(&["scan"], "source/untagged/FETCH", 50);
            change(migration);
            migration.gates().open();
            vec![running.finish(), run("plan"), run("apply")]
        }
        InApply => {
            run("scan").expect(0);
            run("plan").expect(0);
            let running = migration.held(&["apply"], 100);
            change(migration);
            migration.gates().open();
            vec![running.finish()]
        }
    }
}

/// Nothing lost, nothing doubled, nothing altered, but for what is allowed.
fn assert_law(moment: Moment, migration: &Migration<'_>, allowed: &Allowed) {
    let source = observe(migration.source, migration.user());
    let destination = observe(migration.destination, migration.user());
    let found = compare(&source, &destination, Automatic::Ignored);
    let is_allowed = |difference: &&Difference, allowed: &[&str]| {
        let shown = format!("{}/{}", difference.mailbox, difference.label);
        allowed.iter().any(|prefix| shown.starts_with(prefix))
    };
    let missing: Vec<_> = found.missing.iter().filter(|lost| !is_allowed(lost, allowed.missing)).collect();
    let extra: Vec<_> = found.extra.iter().filter(|extra| !is_allowed(extra, allowed.extra)).collect();
    assert!(missing.is_empty() && extra.is_empty(), "{moment:?}:\n{found}");
    assert!(found.altered.is_empty() && found.dates_differ.is_empty(), "{moment:?}:\n{found}");
    let doubled: Vec<_> = found.duplicated.iter().filter(|extra| !is_allowed(extra, allowed.extra)).collect();
    assert!(doubled.is_empty(), "{moment:?}:\n{found}");
}

const MOMENTS: [Moment; 5] = [BetweenSyncs, BetweenScanAndPlan, BetweenPlanAndApply, InScan, InApply];

/// At every moment, several at once.
fn disturb_at_every_moment(change: fn(&Migration<'_>), allowed: &Allowed) {
    std::thread::scope(|scope| {
        let runs = MOMENTS.map(|moment| scope.spawn(move || disturb(moment, change, allowed)));
        let failed: Vec<_> = runs.into_iter().filter_map(|run| run.join().err()).collect();
        assert!(failed.is_empty(), "{} of {} moments failed", failed.len(), MOMENTS.len());
    });
}

fn source(migration: &Migration<'_>) -> Connection {
    migration.at_source()
}

fn destination(migration: &Migration<'_>) -> Connection {
    migration.at_destination()
}

#[test]
fn messages_come_and_go_on_the_source() {
    fn change(migration: &Migration<'_>) {
        seed(
            migration.source,
            migration.user(),
            "INBOX\n    603..610 new\n    611 twin\nArchive\n    7 later \\Answered",
        );
        source(migration).expunge("INBOX", &[1, 2, 300, 600, 601]);
        source(migration).expunge("Archive", &[1, 6]);
        source(migration).add_flags("INBOX", 10, &["\\Flagged", "$New"]);
        source(migration).remove_flags("INBOX", 11, &["\\Seen"]);
    }
    let extra = &["INBOX/message bulk", "INBOX/message twin", "Archive/message old-1", "Archive/message kept"];
    disturb_at_every_moment(change, &Allowed { extra, ..Allowed::default() });
}

#[test]
fn messages_come_and_go_on_the_destination() {
    fn change(migration: &Migration<'_>) {
        let own = crate::support::mailbox::parse("INBOX\n    1 own\nOwn\n    own");
        let mut there = destination(migration);
        let names: Vec<String> = there.list().into_iter().map(|listed| listed.name).collect();
        if !names.contains(&"Own".to_owned()) {
            there.create("Own");
        }
        for mailbox in &own.mailboxes {
            let octets = mailbox.messages[0].octets.to_vec();
            let message = crate::support::imap::NewMessage { octets, flags: Vec::new(), date: None };
            there.append(&mailbox.name, &[message]);
        }
        // Some of ours, where there are any.
        if there.select("INBOX").exists > 100 {
            there.expunge("INBOX", &[3, 4, 50]);
            there.add_flags("INBOX", 5, &["$Mine"]);
        }
    }
    let allowed =
        Allowed { missing: &["INBOX/"], extra: &["INBOX/message own", "Own/message own"], ..Allowed::default() };
    disturb_at_every_moment(change, &allowed);
}

#[test]
fn mailboxes_are_created_deleted_and_renamed_on_the_source() {
    fn change(migration: &Migration<'_>) {
        source(migration).delete("Doomed");
        source(migration).rename("Renamed", "Renamed 2");
        seed(migration.source, migration.user(), "New/Deep\n    1..4 deep");
    }
    let extra = &["Doomed/", "Renamed/"];
    disturb_at_every_moment(change, &Allowed { extra, ..Allowed::default() });
}

#[test]
fn mailboxes_are_recreated_on_the_source() {
    fn change(migration: &Migration<'_>) {
        source(migration).delete("Archive");
        seed(migration.source, migration.user(), "Archive\n    1 kept\n    2 old-3\n    3..6 fresh");
        source(migration).delete("Doomed");
        source(migration).create("Doomed");
    }
    let extra = &["Archive/", "Doomed/"];
    disturb_at_every_moment(change, &Allowed { extra, ..Allowed::default() });
}

#[test]
fn mailboxes_are_deleted_and_renamed_on_the_destination() {
    fn change(migration: &Migration<'_>) {
        let mut there = destination(migration);
        let names: Vec<String> = there.list().into_iter().map(|listed| listed.name).collect();
        let is_there = |name: &str| names.contains(&name.to_owned());
        if is_there("Doomed") {
            there.delete("Doomed");
        }
        if is_there("Renamed") {
            there.rename("Renamed", "Elsewhere");
        }
    }
    let allowed =
        Allowed { missing: &["Doomed/", "Renamed/"], extra: &["Elsewhere/"], question: true, restored: false };
    disturb_at_every_moment(change, &allowed);
}

#[test]
fn mailboxes_are_recreated_on_the_destination() {
    fn change(migration: &Migration<'_>) {
        let mut there = destination(migration);
        let names: Vec<String> = there.list().into_iter().map(|listed| listed.name).collect();
        if names.contains(&"Archive".to_owned()) {
            there.delete("Archive");
        }
        seed(migration.destination, migration.user(), "Archive\n    1 old-2\n    2 kept\n    3 own");
    }
    disturb_at_every_moment(change, &Allowed { extra: &["Archive/"], restored: true, ..Allowed::default() });
}

#[test]
fn inbox_of_the_destination_is_recreated_while_it_is_filled() {
    // RENAME of INBOX moves its messages to a new mailbox (RFC 9051 6.3.6).
    fn change(migration: &Migration<'_>) {
        let mut there = destination(migration);
        if there.attempt(b"STATUS INBOX (MESSAGES)").is_ok() {
            there.rename("INBOX", "Moved");
        }
    }
    let allowed = Allowed { extra: &["Moved/"], restored: true, ..Allowed::default() };
    disturb_at_every_moment(change, &allowed);
}

#[test]
fn sent_mail_stays_where_it_went_when_the_destination_gets_another_mailbox_for_it() {
    let migration = dovecot_to_dovecot().seeded("Gesendet\n    a\n    b");
    migration.sync();
    migration.at_destination().create("Sent");
    seed(migration.source, migration.user(), "Gesendet\n    3 c");
    assert_eq!(migration.sync(), Done { copied: 1, flags_updated: 0 });
    expect(migration.destination, migration.user(), "Gesendet\n    a\n    b\n    c");
    migration.run(&["plan"]).expect(0).says("where it was copied before");
    migration.assert_second_sync_does_nothing();
    migration.run(&["verify"]).expect(0);
}

#[test]
fn plan_of_a_mailbox_that_changed_its_uidvalidity_is_not_carried_out() {
    for (side, copied) in [("source", 1), ("destination", 0)] {
        let migration = dovecot_to_dovecot().seeded("INBOX\n    a\nArchive\n    a\n    b");
        migration.sync();
        seed(migration.source, migration.user(), "INBOX\n    2 b\nArchive\n    3 c");
        migration.run(&["scan"]).expect(0);
        migration.run(&["plan"]).expect(0);
        let server: &dyn Server = if side == "source" { migration.source } else { &shared::dovecot_pair().destination };
        server.connect(migration.user()).delete("Archive");
        seed(server, migration.user(), "Archive\n    5 b\n    6 a\n    9 c");
        let output = migration.run(&["apply"]).expect(3);
        output.complains(&["Archive", "UIDVALIDITY", "mailferry sync"]);
        assert_eq!(migration.sync(), Done { copied, flags_updated: 0 }, "{side}");
        let found = observe(migration.destination, migration.user());
        assert_eq!(found.mailboxes["Archive"].messages.len(), 3, "{side}");
        assert_eq!(found.mailboxes["INBOX"].messages.len(), 2, "the other mailbox was done: {side}");
        migration.run(&["verify", "--deep"]).expect(0);
    }
}
