//! The proxy on trial: it sees every place, strikes where it is told, and changes nothing else.

use std::collections::BTreeSet;

use crate::matrix::recordings;
use crate::scenario::Scenario;
use crate::stage::Stage;
use crate::support::imap::NewMessage;
use crate::support::message::{self, Kind};
use crate::support::proxy::fault::Strike;
use crate::support::proxy::place::{MOMENTS, Moment, Place, Role};

fn strike(text: &str) -> Strike {
    text.parse().expect("a strike")
}

/// Holds disaster rule 1. Holds disaster rule 2.
#[test]
fn straight_runs_show_every_moment_and_no_command_that_destroys() {
    // What is sent is looked at by `record`.
    let recordings = recordings();
    let seen = |role: Role| -> BTreeSet<Moment> {
        let places = recordings.iter().flat_map(|(_, seen)| seen.keys());
        places.filter(|place| place.role == role).map(|place| place.moment).collect()
    };
    let missing = MOMENTS.iter().filter(|(moment, _)| !seen(Role::Destination).contains(moment));
    assert_eq!(missing.map(|(_, name)| *name).collect::<Vec<_>>(), [""; 0]);
    for moment in [Moment::Greeting, Moment::Untagged, Moment::Literal, Moment::LiteralEnd, Moment::BeforeAnswer] {
        assert!(seen(Role::Source).contains(&moment), "{moment}");
    }
}

#[test]
fn masked_capabilities_are_not_used() {
    let recordings = recordings();
    let uses = |scenario: &str, moment: Moment, subject: &str| {
        let (_, seen) = recordings.iter().find(|(found, _)| found.name == scenario).expect("a recording");
        let is_there =
            |place: &Place| place.role == Role::Destination && place.moment == moment && place.subject == subject;
        seen.keys().any(is_there)
    };
    assert!(uses("many", Moment::NextUpload, "APPEND") && !uses("single", Moment::NextUpload, "APPEND"));
    assert!(uses("many", Moment::Command, "ENABLE") && !uses("poor", Moment::Command, "ENABLE"));
}

#[test]
fn hook_is_run_once_at_its_place_and_the_conversation_goes_on() {
    let mut stage = Stage::set(Scenario::named("mailboxes").expect("a scenario")).expect("a stage");
    let mut source = stage.source().connect(&stage.user);
    let letter = NewMessage {
        octets: message::octets("late-mail", &Kind::Plain, 0),
        flags: Vec::new(),
        date: Some(message::default_date("late-mail")),
    };
    let hook = Box::new(move || source.append("INBOX", &[letter]));
    stage.plan.hook(strike("destination/command/APPEND#1=hook"), hook);
    stage.struck_sync(&[]).expect(0);
    assert_eq!(stage.plan.disarm(), [strike("destination/command/APPEND#1=hook")]);
    let differences = stage.differences(&stage.original());
    assert_eq!(differences.missing.len(), 1, "what came meanwhile is left to the next sync: {differences}");
    stage.ferry.run(&["sync"]).expect(0);
    let differences = stage.differences(&stage.original());
    assert!(differences.is_empty(), "{differences}");
}

#[test]
fn strike_is_read_as_it_is_written() {
    for text in ["source/untagged/FETCH#12=garbage", "destination/final-line-end/APPEND#2=too-late"] {
        assert_eq!(strike(text).to_string(), text);
    }
    for text in ["source/nowhere/FETCH#1=cut", "source/untagged/FETCH=cut", "source/untagged/FETCH#1=flood"] {
        assert!(text.parse::<Strike>().is_err(), "{text}");
    }
}
