//! `plan` and `apply`: what is shown is what is done, and nothing else.

use serde_json::Value;

use crate::migration::{Migration, count, dovecot_to_dovecot};
use crate::support::compare::expect;
use crate::support::seed::seed;
use crate::support::state::observe;

const MAIL: &str = r"
INBOX subscribed
    1..30 bulk
    31 large size:300k
Archive/2024
    a \Seen
    b
";

fn planned(notation: &str) -> Migration<'static> {
    let migration = dovecot_to_dovecot().seeded(notation);
    migration.run(&["scan"]).expect(0);
    migration.run(&["plan"]).expect(0);
    migration
}

fn mailbox<'a>(plan: &'a Value, name: &str) -> &'a Value {
    let mailboxes = plan["accounts"][0]["mailboxes"].as_array().expect("mailboxes");
    mailboxes.iter().find(|mailbox| mailbox["mailbox"] == name).unwrap_or_else(|| panic!("no {name} in {plan}"))
}

#[test]
fn scan_and_plan_change_nothing_on_either_server() {
    let migration = dovecot_to_dovecot().seeded(MAIL);
    seed(migration.destination, migration.user(), "INBOX\n    own");
    let before = [migration.source, migration.destination].map(|server| observe(server, migration.user()));
    migration.run(&["check"]).expect(0);
    migration.run(&["scan"]).expect(0);
    migration.run(&["plan", "--details"]).expect(0).says("To do exactly this, run: mailferry apply");
    let after = [migration.source, migration.destination].map(|server| observe(server, migration.user()));
    assert_eq!(before, after);
}

#[test]
fn plan_as_json_has_the_shape_of_the_contract() {
    let migration = planned(MAIL).with_settings("[sync]\nmax_message_size = \"100KB\"");
    let plan = migration.ferry.plan();
    assert_eq!(plan["accounts"][0]["account"], migration.user());
    let inbox = mailbox(&plan, "INBOX");
    assert_eq!((inbox["create"].as_bool(), count(inbox, "copies")), (Some(false), 30));
    assert_eq!((count(inbox, "flag_updates"), count(inbox, "deletes")), (0, 0));
    assert_eq!(inbox["skipped"][0]["uid"], 31);
    assert!(inbox["skipped"][0]["reason"].is_string(), "{inbox}");
    let archive = mailbox(&plan, "Archive/2024");
    assert_eq!((archive["create"].as_bool(), count(archive, "copies")), (Some(true), 2));
    let totals = &plan["totals"];
    assert_eq!(count(totals, "copies"), 32);
    assert_eq!(count(totals, "octets"), count(inbox, "octets") + count(archive, "octets"));
    assert_eq!((count(totals, "creates"), count(totals, "skipped"), count(totals, "deletes")), (1, 1, 0));
}

#[test]
fn plan_detailed_exitcode_tells_whether_there_is_something_to_do() {
    let migration = planned(MAIL);
    migration.run(&["plan", "--detailed-exitcode"]).expect(10);
    migration.run(&["apply"]).expect(0);
    migration.run(&["scan"]).expect(0);
    migration.run(&["plan", "--detailed-exitcode"]).expect(0);
}

#[test]
fn apply_does_exactly_what_was_planned() {
    let migration = planned(MAIL);
    // Not in the plan, so not in the apply.
    seed(migration.source, migration.user(), "INBOX\n    32 late\nLate\n    late");
    migration.run(&["apply"]).expect(0);
    expect(migration.destination, migration.user(), MAIL);
    migration.run(&["apply"]).expect(0);
    expect(migration.destination, migration.user(), MAIL);
    assert_eq!(migration.sync().copied, 2);
    migration.assert_exact();
}

#[test]
fn apply_updates_the_flags_that_were_planned() {
    let migration = planned(MAIL);
    migration.run(&["apply"]).expect(0);
    migration.at_source().add_flags("Archive/2024", 2, &["\\Flagged", "$Work"]);
    migration.run(&["scan"]).expect(0);
    let plan = migration.ferry.plan();
    assert_eq!((count(&plan["totals"], "flag_updates"), count(&plan["totals"], "copies")), (1, 0));
    migration.run(&["apply"]).expect(0);
    migration.assert_exact();
}

#[test]
fn second_apply_has_nothing_to_do() {
    let migration = planned(MAIL);
    migration.run(&["apply"]).expect(0);
    let after = observe(migration.destination, migration.user());
    migration.run(&["apply"]).expect(0);
    assert_eq!(observe(migration.destination, migration.user()), after);
}

#[test]
fn apply_in_chunks_of_messages_goes_on_where_it_stopped() {
    let migration = planned(MAIL);
    let arrived = || -> usize {
        let account = observe(migration.destination, migration.user());
        account.mailboxes.values().map(|mailbox| mailbox.messages.len()).sum()
    };
    for expected in [10, 20, 30] {
        migration.run(&["apply", "--max-messages", "10"]).expect(9);
        assert_eq!(arrived(), expected);
    }
    migration.run(&["apply", "--max-messages", "10"]).expect(0);
    migration.assert_exact();
    migration.run(&["apply", "--max-messages", "10"]).expect(0);
}

#[test]
fn apply_in_chunks_of_octets_goes_on_where_it_stopped() {
    let migration = planned("INBOX\n    1..9 part size:50k");
    migration.run(&["apply", "--max-bytes", "200KB"]).expect(9);
    let arrived = observe(migration.destination, migration.user()).mailboxes["INBOX"].messages.len();
    assert!((1..=4).contains(&arrived), "{arrived} messages of 50 KiB are within 200 kB");
    migration.run(&["apply", "--max-bytes", "1MB"]).expect(0);
    migration.assert_exact();
}

#[test]
fn apply_after_another_scan_is_refused_as_stale() {
    let migration = planned(MAIL);
    migration.run(&["scan"]).expect(0);
    migration.run(&["apply"]).expect(5).complains(&["stale", "mailferry plan"]);
    expect(migration.destination, migration.user(), "INBOX");
    migration.run(&["plan"]).expect(0);
    migration.run(&["apply"]).expect(0);
}

#[test]
fn apply_after_changed_settings_is_refused_as_stale() {
    let migration = planned(MAIL).with_settings("[mailboxes]\nexclude = [\"Archive/**\"]");
    migration.run(&["apply"]).expect(5).complains(&["stale", "settings"]);
    expect(migration.destination, migration.user(), "INBOX");
    migration.run(&["plan"]).expect(0);
    migration.run(&["apply"]).expect(0);
    let destination = observe(migration.destination, migration.user());
    assert!(!destination.mailboxes.contains_key("Archive/2024"));
}

#[test]
fn apply_without_scan_or_plan_says_what_is_lacking() {
    let migration = dovecot_to_dovecot().seeded(MAIL);
    migration.run(&["apply"]).expect(1).complains(&["mailferry scan"]);
    migration.run(&["plan"]).expect(1).complains(&["mailferry scan"]);
    migration.run(&["scan"]).expect(0);
    migration.run(&["apply"]).expect(5);
}

#[test]
fn selected_and_renamed_mailboxes_go_where_the_settings_say() {
    let settings = "[mailboxes]\nexclude = [\"Junk/**\", \"Trash\"]\nsubscriptions = false\n\
                    [mailboxes.rename]\n\"Sent Items\" = \"Sent\"\n\"Old\" = \"Archive/Old\"";
    let migration = dovecot_to_dovecot().with_settings(settings);
    let migration = migration.seeded(
        "INBOX subscribed\n    a\nJunk/Mail\n    b\nTrash\n    c\n\"Sent Items\"\n    d\nOld\n    e\nOld/Deep\n    f",
    );
    assert_eq!(migration.sync().copied, 4);
    let wanted = "INBOX\n    a\nSent\n    d\nArchive/Old\n    e\nArchive/Old/Deep\n    f";
    expect(migration.destination, migration.user(), wanted);
    migration.assert_second_sync_does_nothing();
    migration.run(&["verify"]).expect(0);
}
