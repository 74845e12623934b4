//! What happens on the source in the very moment in which it is listed, by a hook in the proxy.

use crate::scenario::Scenario;
use crate::stage::Stage;
use crate::support::backup::Backup;
use crate::support::ferry::Output;
use crate::support::seed::seed;
use crate::support::shared;

/// Mail comes when STATUS was answered and EXAMINE is on its way.
fn synced_while_mail_comes(stage: &Stage) -> Output {
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
    let stage = Stage::set(Scenario::named("single").expect("a scenario")).expect("a stage");
    let (destination, user) = (stage.destination(), stage.user.clone());
    let strike = "destination/command/LIST#2=hook".parse().expect("a strike");
    stage.plan.hook(strike, Box::new(move || destination.connect(&user).expunge("INBOX", &[3, 4])));
    let output = stage.struck_sync(&[]);
    assert_eq!(stage.plan.disarm().len(), 1, "the place occurred");
    output.expect(3).complains(&["not on the destination any more: 2", "INBOX", "restore_missing"]);
    stage.ferry.run(&["sync"]).expect(0);
}

/// Holds pipeline/survey/listing.rs invariant 1.
#[test]
fn mail_that_comes_between_status_and_examine_is_seen_by_the_next_scan() {
    for scenario in ["single", "flags"] {
        let stage = Stage::set(Scenario::named(scenario).expect("a scenario")).expect("a stage");
        synced_while_mail_comes(&stage).expect(0);
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
    let stage = Stage::set(Scenario::named("single").expect("a scenario")).expect("a stage");
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
    let stage = Stage::set(Scenario::named("single").expect("a scenario")).expect("a stage");
    let (destination, user) = (stage.destination(), stage.user.clone());
    let strike = "destination/command/SELECT#2=hook".parse().expect("a strike");
    stage.plan.hook(strike, Box::new(move || destination.connect(&user).rename("INBOX", "Moved")));
    let cut = "destination/before-answer/APPEND#20=cut".parse().expect("a strike");
    let output = stage.struck_sync(&[cut]);
    assert_eq!(stage.plan.disarm().len(), 2, "both places occurred: {output}");
    output.expect(3).complains(&["INBOX", "changed its UIDVALIDITY on the destination"]);
    stage.ferry.run(&["sync"]).expect(0);
    let differences = stage.differences(&stage.original());
    assert!(differences.missing.is_empty() && differences.altered.is_empty(), "{differences}");
}
