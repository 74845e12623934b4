//! What happens on the source in the very moment in which it is listed, by a hook in the proxy.

use crate::scenario::Scenario;
use crate::stage::Stage;
use crate::support::backup::Backup;
use crate::support::ferry::{Done, Output};
use crate::support::proxy::fault::{Fault, Strike};
use crate::support::proxy::place::{Moment, Place, Role};
use crate::support::seed::seed;
use crate::support::shared;

/// Mail comes when STATUS was answered and EXAMINE is on its way.
fn synced_while_mail_comes(stage: &mut Stage) -> Output {
    let (source, user) = (stage.source(), stage.user.clone());
    let strike = "source/command/EXAMINE#1=hook".parse().expect("a strike");
    let arrive = move || {
        let next = source.connect(&user).select("INBOX").uid_next;
        seed(source, &user, &format!("INBOX\n    {next} arrived\n    {} arrived-too", next + 1));
    };
    stage.plan.hook(strike, Box::new(arrive));
    let output = stage.struck_sync(&[]);
    assert_eq!(stage.plan.disarm().len(), 1, "the place occurred");
    output
}

/// An OK is not the end of it: the destination is listed again.
#[test]
fn copies_that_are_gone_when_the_run_ends_are_told_once() {
    let mut stage = Stage::set(Scenario::named("single").expect("a scenario")).expect("a stage");
    let (destination, user) = (stage.destination(), stage.user.clone());
    let strike = "destination/command/LIST#2=hook".parse().expect("a strike");
    stage.plan.hook(strike, Box::new(move || destination.connect(&user).expunge("INBOX", &[3, 4])));
    let output = stage.struck_sync(&[]);
    assert_eq!(stage.plan.disarm().len(), 1, "the place occurred");
    output.expect(3).complains(&["not on the destination any more: 2", "INBOX", "restore_missing"]);
    stage.ferry.run(&["sync"]).expect(0);
}

/// That the copies are in another mailbox now may be a loss or their user's work: it is asked, and nothing is done before
/// the answer.
fn copied_again(stage: Stage) -> Stage {
    stage.ferry.run(&["sync"]).expect(6).complains(&["copies are gone", "restore_missing"]);
    let stage = stage.with_settings_added("restore_missing = true");
    stage.ferry.run(&["sync"]).expect(0);
    stage
}

/// The same of a mailbox that is replaced then: its copies are elsewhere.
#[test]
fn mailbox_that_is_another_one_when_the_run_ends_is_told() {
    let mut stage = Stage::set(Scenario::named("single").expect("a scenario")).expect("a stage");
    let (destination, user) = (stage.destination(), stage.user.clone());
    let strike = "destination/command/LIST#2=hook".parse().expect("a strike");
    stage.plan.hook(strike, Box::new(move || destination.connect(&user).rename("INBOX", "Moved")));
    let output = stage.struck_sync(&[]);
    assert_eq!(stage.plan.disarm().len(), 1, "the place occurred");
    output.expect(3).complains(&["error: ", "INBOX", "UIDVALIDITY", "hint"]);
    let stage = copied_again(stage);
    let differences = stage.differences(&stage.original());
    assert!(differences.missing.is_empty() && differences.altered.is_empty(), "{differences}");
}

/// Holds pipeline/survey/listing.rs invariant 1.
#[test]
fn mail_that_comes_between_status_and_examine_is_seen_by_the_next_scan() {
    for scenario in ["single", "flags"] {
        let mut stage = Stage::set(Scenario::named(scenario).expect("a scenario")).expect("a stage");
        synced_while_mail_comes(&mut stage).expect(0);
        stage.ferry.run(&["sync"]).expect(0);
        let differences = stage.differences(&stage.original());
        assert!(differences.is_empty(), "{scenario}: {differences}");
        stage.ferry.run(&["verify"]).expect(0);
    }
}

/// A backup of the destination is restored between a broken connection and the look at what had arrived: the next UIDs
/// are those of messages that were linked in this run.
///
/// Holds pipeline/transfer/reconcile.rs invariant 3.
#[test]
fn mailbox_that_went_back_in_time_after_a_break_is_not_gone_on_with() {
    let mut stage = Stage::set(Scenario::named("single").expect("a scenario")).expect("a stage");
    let (destination, user) = (stage.destination(), stage.user.clone());
    let validity = destination.connect(&user).select("INBOX").uid_validity;
    let backup = Backup::of(&shared::dovecot_pair().destination, &user);
    let strike = "destination/command/SELECT#2=hook".parse().expect("a strike");
    stage.plan.hook(strike, Box::new(move || backup.restore()));
    let cut = "destination/before-answer/APPEND#20=cut".parse().expect("a strike");
    let output = stage.struck_sync(&[cut]);
    assert_eq!(stage.plan.disarm().len(), 2, "both places occurred: {output}");
    output.expect(3).complains(&["INBOX", "went back in time", "mailferry sync"]);
    assert_eq!(destination.connect(&user).select("INBOX").uid_validity, validity);
    stage.ferry.run(&["sync"]).expect(0);
    let differences = stage.differences(&stage.original());
    assert!(differences.is_empty(), "{differences}");
    stage.ferry.run(&["verify"]).expect(0);
}

/// The mailbox becomes another one between a broken connection and the look at what had arrived.
///
/// Holds pipeline/transfer/reconcile.rs invariant 2.
#[test]
fn mailbox_that_is_another_one_after_a_break_is_not_reconciled() {
    let mut stage = Stage::set(Scenario::named("single").expect("a scenario")).expect("a stage");
    let (destination, user) = (stage.destination(), stage.user.clone());
    let strike = "destination/command/SELECT#2=hook".parse().expect("a strike");
    stage.plan.hook(strike, Box::new(move || destination.connect(&user).rename("INBOX", "Moved")));
    let cut = "destination/before-answer/APPEND#20=cut".parse().expect("a strike");
    let output = stage.struck_sync(&[cut]);
    assert_eq!(stage.plan.disarm().len(), 2, "both places occurred: {output}");
    // What was linked before the break is a question.
    assert!(matches!(output.code, Some(3 | 6)), "{output}");
    output.complains(&["INBOX", "changed its UIDVALIDITY on the destination"]);
    let stage = copied_again(stage);
    let differences = stage.differences(&stage.original());
    assert!(differences.missing.is_empty() && differences.altered.is_empty(), "{differences}");
}

/// What is scanned while mailboxes come and go.
const COMING_AND_GOING: &str = "INBOX
    1..60 bulk
Archive
    1..5 old
Doomed
    1..3 doomed
Renamed
    1..3 renamed
";

/// Scans while a mailbox is deleted, another renamed and a third created at that place of the conversation, and goes on
/// to an end. Whatever the scan made of it: two syncs later all is there, and nothing twice.
fn scanned_while_mailboxes_come_and_go(strike: Strike) {
    let what = strike.to_string();
    let stage = Stage::set_with_account(Scenario::named("single").expect("a scenario"), COMING_AND_GOING);
    let (source, user) = (stage.source(), stage.user.clone());
    let change = move || {
        let mut connection = source.connect(&user);
        connection.delete("Doomed");
        connection.rename("Renamed", "Renamed 2");
        seed(source, &user, "New/Deep\n    1..4 deep");
    };
    stage.plan.hook(strike, Box::new(change));
    stage.plan.arm([]);
    let scanned = stage.ferry.run(&["scan"]);
    assert_eq!(stage.plan.disarm().len(), 1, "{what}: the place occurred: {scanned}");
    for output in [scanned, stage.ferry.run(&["plan"]), stage.ferry.run(&["apply"])] {
        assert!(matches!(output.code, Some(0 | 3 | 5)), "{what}: {output}");
        assert!(output.code == Some(0) || output.stderr.contains("hint"), "{what}: {output}");
    }
    stage.ferry.run(&["sync"]).expect(0);
    let again = stage.ferry.run(&["sync"]).expect(0);
    assert_eq!(Done::of(&stage.ferry.status()["last_run"]), Done::NOTHING, "{what}: {again}");
    let mut differences = stage.differences(&stage.original());
    // They were there when they were listed.
    let was_there = |mailbox: &String| ["Doomed", "Renamed"].contains(&mailbox.as_str());
    differences.extra.retain(|extra| !was_there(&extra.mailbox));
    differences.mailboxes_extra.retain(|mailbox| !was_there(mailbox));
    assert!(differences.is_empty(), "{what}: {differences}");
    stage.ferry.run(&["verify"]).expect(0);
}

#[test]
fn mailboxes_that_come_and_go_at_each_place_of_a_scan_are_right_two_syncs_later() {
    let stage = Stage::set_with_account(Scenario::named("single").expect("a scenario"), COMING_AND_GOING);
    stage.plan.arm([]);
    stage.ferry.run(&["scan"]).expect(0);
    let is_asked = |place: &Place| {
        place.role == Role::Source
            && matches!(place.moment, Moment::Command | Moment::BeforeAnswer)
            && ["LIST", "EXAMINE", "UID-FETCH"].contains(&place.subject.as_str())
    };
    let mut strikes = Vec::new();
    for (place, count) in stage.plan.seen().into_iter().filter(|(place, _)| is_asked(place)) {
        strikes.extend((1..=count).map(|occurrence| Strike { place: place.clone(), occurrence, fault: Fault::Hook }));
    }
    stage.plan.disarm();
    assert!(strikes.len() > 6, "{} places", strikes.len());
    std::thread::scope(|scope| {
        let runs: Vec<_> = strikes
            .into_iter()
            .map(|strike| scope.spawn(move || scanned_while_mailboxes_come_and_go(strike)))
            .collect();
        let count = runs.len();
        let failed = runs.into_iter().filter_map(|run| run.join().err()).count();
        assert_eq!(failed, 0, "of {count} places");
    });
}
