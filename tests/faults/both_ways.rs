//! The fault matrix in two-way mode: both users have changed something, and the sync that brings it across is struck, at each kind
//! of place of either pass. When it was gone on with, both sides are as after a run that nothing befell.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::thread;

use crate::matrix::announce;
use crate::scenario::Scenario;
use crate::stage::Stage;
use crate::support::dice::Dice;
use crate::support::ferry::Output;
use crate::support::imap::NewMessage;
use crate::support::message::{self, Kind};
use crate::support::proxy::fault::{Fault, Strike};
use crate::support::proxy::place::{Moment, Place};
use crate::support::replay::seed;
use crate::support::sample::sample;
use crate::support::server::Server;
use crate::support::state::observe;

/// What both hold first.
const ACCOUNT: &str = "INBOX\n    1..40 old \\Seen\n    41..44 few $Label1\nArchive\n    x\n    y \\Answered\nTrash";

/// Runs after the struck one until it must have succeeded.
const RESUMES: usize = 4;

/// Cases at one time: they mostly wait.
const AT_ONCE: usize = 8;

pub const TRIED: [Fault; 5] = [Fault::Kill, Fault::Cut, Fault::Deny, Fault::Late, Fault::Refuse];

/// A strike that is tried alone.
const VARIABLE: &str = "MAILFERRY_STRIKE";

/// One in so many is tried where there is no time for all.
const SHARE: usize = 5;

pub fn settings(seconds: u32) -> String {
    format!(
        "[limits]\ntimeout = \"{seconds}s\"\nbatch_messages = 10\n[sync]\nmode = \"two-way\"\ndelete_guard = \"100%\"\n"
    )
}

/// What a side holds but for its trash: how often, by mailbox, octets and flags.
type Held = BTreeMap<(String, String, Vec<String>), usize>;

fn held(server: &dyn Server, user: &str) -> Held {
    let mut held = Held::new();
    for (name, mailbox) in observe(server, user).mailboxes.into_iter().filter(|(name, _)| name != "Trash") {
        for message in mailbox.messages {
            let flags = message.flags.iter().cloned().collect();
            let octets = format!("{} {:02x?}", message.label, &message.digest[..6]);
            *held.entry((name.clone(), octets, flags)).or_default() += 1;
        }
    }
    held
}

fn letter(name: &str) -> NewMessage {
    let octets = message::octets(name, &Kind::Plain, 0);
    NewMessage { octets, flags: Vec::new(), date: Some(message::default_date(name)) }
}

/// An account whose sides were equal, and were changed by both users.
fn changed() -> Stage {
    let mut stage = Stage::set_with_account(Scenario::named("flags").expect("a scenario"), ACCOUNT);
    stage.ferry = stage.ferry.with_settings(&settings(30));
    stage.destination().connect(&stage.user).create("Trash");
    stage.ferry.run(&["sync"]).expect(0);
    let [mut here, mut there] = [stage.source(), stage.destination()].map(|server| server.connect(&stage.user));
    let letters = |stem: &str| (0..15).map(|number| letter(&format!("{stem}-{number}"))).collect::<Vec<_>>();
    here.append("INBOX", &letters("here"));
    there.append("INBOX", &letters("there"));
    here.expunge("INBOX", &[1, 2, 3]);
    there.expunge("INBOX", &[7, 8]);
    here.add_flags("INBOX", 12, &["\\Flagged"]);
    there.remove_flags("INBOX", 13, &["\\Seen"]);
    there.add_flags("Archive", 1, &["\\Seen"]);
    here.expunge("Archive", &[2]);
    here.create("Later");
    here.append("Later", &letters("later"));
    stage
}

fn sides(stage: &Stage) -> [Held; 2] {
    [stage.source(), stage.destination()].map(|server| held(server, &stage.user))
}

/// A run that nothing befalls: which places occur, how often, and what is there then.
fn straight() -> (BTreeMap<Place, u32>, Held) {
    let stage = changed();
    stage.plan.arm(std::iter::empty());
    stage.ferry.run(&["sync"]).expect(0);
    let seen = stage.plan.seen();
    stage.plan.disarm();
    let [one, other] = sides(&stage);
    assert_eq!(one, other, "a run that nothing befell");
    assert_eq!(one.values().sum::<usize>(), 44 - 5 + 30 + 1 + 15);
    (seen, one)
}

/// Whether it was struck; and what is wrong then.
fn struck(strike: &Strike, expected: &Held) -> Result<bool, String> {
    let mut stage = changed();
    if strike.fault.may_silence() {
        stage.ferry = stage.ferry.with_settings(&settings(3));
    }
    stage.plan.arm([strike.clone()]);
    let running = stage.ferry.start(&["sync"]);
    stage.plan.set_process(running.id());
    let first = running.finish();
    let was_struck = !stage.plan.disarm().is_empty();
    stage.plan.wait_until_quiet();
    let mut last: Option<Output> = None;
    for _ in 0..RESUMES {
        last = Some(stage.ferry.run(&["sync"]));
        if last.as_ref().is_some_and(|output| output.code == Some(0) && output.stdout.contains("nothing to copy")) {
            break;
        }
    }
    let last = last.expect("a run");
    let told = |what: &str| format!("{strike}: {what}\n--- the struck run\n{first}\n--- the last\n{last}");
    if last.code != Some(0) || !last.stdout.contains("nothing to copy") {
        return Err(told("it does not come to rest"));
    }
    for (side, there) in ["source", "destination"].iter().zip(sides(&stage)) {
        let missing: Vec<_> = expected.iter().filter(|(key, count)| there.get(*key) != Some(*count)).collect();
        let extra: Vec<_> = there.iter().filter(|(key, count)| expected.get(*key) != Some(*count)).collect();
        if !missing.is_empty() || !extra.is_empty() {
            return Err(told(&format!("the {side} is not as it should be: expected {missing:?}, found {extra:?}")));
        }
    }
    // At a LOGOUT all is done, and the process may have ended before it is killed.
    let must_die = was_struck && strike.fault == Fault::Kill && strike.place.subject != "LOGOUT";
    if first.stderr.contains("panicked") || (first.code == Some(0) && must_die) {
        return Err(told("it panicked, or was killed and ended well"));
    }
    Ok(was_struck)
}

/// Each fault at each kind of place, on each side; which occurrence is the seed's choice.
fn chosen(seen: &BTreeMap<Place, u32>) -> Vec<Strike> {
    let mut dice = Dice::new(seed(1));
    let mut kinds: BTreeMap<_, Vec<(&Place, u32)>> = BTreeMap::new();
    for (place, count) in seen {
        // A kill wherever a command of its own has been said.
        let by_subject = matches!(place.moment, Moment::Command | Moment::BeforeAnswer | Moment::AfterAnswer);
        for fault in TRIED.into_iter().filter(|fault| fault.applies_at(place.moment)) {
            let subject = if by_subject && fault == Fault::Kill { place.subject.as_str() } else { "" };
            kinds.entry((place.role, place.moment, fault, subject)).or_default().push((place, *count));
        }
    }
    let strike = |((_, _, fault, _), places): (&(_, _, Fault, &str), &Vec<(&Place, u32)>)| {
        let (place, count) = *dice.pick(places);
        let occurrence = *dice.pick(&[1, count.div_ceil(2), count]);
        Strike { place: place.clone(), occurrence, fault: *fault }
    };
    kinds.iter().map(strike).collect()
}

#[test]
fn struck_on_the_way_forward_or_back_both_sides_become_what_they_should_be() {
    let (seen, expected) = straight();
    let strikes = match std::env::var(VARIABLE) {
        Ok(text) => vec![text.parse().expect("a strike")],
        Err(_) => sample(chosen(&seen), SHARE),
    };
    let (queue, findings, missed) = (Mutex::new(strikes.iter()), Mutex::new(Vec::new()), Mutex::new(0));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(strike) = queue.lock().expect("the queue").next() else { return };
                    match struck(strike, &expected) {
                        Ok(was_struck) => *missed.lock().expect("the count") += usize::from(!was_struck),
                        Err(finding) => findings.lock().expect("the findings").push(finding),
                    }
                }
            });
        }
    });
    let (findings, missed) = (findings.into_inner().expect("the findings"), missed.into_inner().expect("the count"));
    announce(&format!(
        "both ways: {} strikes, {missed} did not occur again, {} findings",
        strikes.len(),
        findings.len()
    ));
    assert!(findings.is_empty(), "to replay one: {VARIABLE}='…'\n{}", findings.join("\n\n"));
    assert!(missed * 5 < strikes.len().max(5), "too few places occurred again");
}
