//! Settings that change while a watch goes on: its next round follows them, if they can be followed.

use crate::support::compare::expect;
use crate::support::ferry::{Ferry, Running, Side};
use crate::support::seed::seed;
use crate::support::shared;
use std::fs;

const MAIL: &str = "INBOX\n    1..5 bulk";
const WATCH: [&str; 5] = ["sync", "--watch", "1s", "--progress", "plain"];

fn rounds(said: &str) -> usize {
    said.matches("of this watch begins").count()
}

/// Another round begins, and is over.
#[track_caller]
fn wait_for_a_round(watching: &mut Running) {
    let before = rounds(&fs::read_to_string(watching.stderr_file()).expect("standard error"));
    assert!(watching.wait_until_said(|said| rounds(said) > before + 1), "it goes on");
}

#[test]
fn login_that_was_refused_is_tried_again_when_its_password_was_written_anew() {
    let pair = shared::dovecot_pair();
    let (good, shut) = (pair.add_fresh_user("good"), pair.add_fresh_user("shut"));
    [&good, &shut].into_iter().for_each(|user| seed(&pair.source, &user.name, MAIL));
    let ferry = Ferry::new(Side::of(&pair.source).with_own_passwords(), Side::of(&pair.destination));
    let lines = format!("source_user = \"{}\"\nsource_password_file = \"shut.password\"", shut.name);
    let ferry = ferry.with_account(&good).with_account_lines(&lines);
    let password = ferry.directory().join("shut.password");
    fs::write(&password, "wrong").expect("write the password");
    let mut watching = ferry.start(&WATCH);
    assert!(watching.wait_until_said(|said| said.contains("1 login was refused")), "it is refused");
    wait_for_a_round(&mut watching);
    fs::write(&password, &shut.password).expect("write the password");
    assert!(watching.wait_until_said(|said| said.contains("from now on the new ones hold")), "it is seen");
    wait_for_a_round(&mut watching);
    watching.interrupt();
    let said = watching.finish().expect(130).stderr;
    assert_eq!(said.matches("1 failure:").count(), 1, "it was tried once in vain: {said}");
    expect(&pair.destination, &shut.name, MAIL);
}

#[test]
fn round_follows_the_settings_as_they_are_and_those_of_before_where_they_are_wrong() {
    let pair = shared::dovecot_pair();
    let users = ["first", "second"].map(|name| pair.add_fresh_user(name));
    users.iter().for_each(|user| seed(&pair.source, &user.name, MAIL));
    let ferry = Ferry::new(Side::of(&pair.source), Side::of(&pair.destination)).with_account(&users[0]);
    let mut watching = ferry.start(&WATCH);
    assert!(watching.wait_until_said(|said| said.contains("The next sync begins")), "it watches");
    let file = ferry.directory().join("mailferry.toml");
    let settings = ferry.settings();
    for (wrong, why) in [
        (settings.clone() + "[sync]\ndelet = \"mirror\"\n", "unknown key `delet`"),
        (format!("state = \"elsewhere\"\n{settings}"), "the settings name another state"),
    ] {
        fs::write(&file, wrong).expect("write the settings");
        let refused = |said: &str| said.contains(why) && said.contains("goes on with those that it had");
        assert!(watching.wait_until_said(refused), "{why}");
        wait_for_a_round(&mut watching);
    }
    let mail = "INBOX\n    6 new";
    seed(&pair.source, &users[0].name, mail);
    let both = format!("{settings}[[account]]\nsource_user = \"{}\"\n", users[1].name);
    fs::write(&file, both).expect("write the settings");
    assert!(watching.wait_until_said(|said| said.contains("from now on the new ones hold")), "they are followed");
    wait_for_a_round(&mut watching);
    watching.interrupt();
    watching.finish().expect(130);
    expect(&pair.destination, &users[0].name, "INBOX\n    1..5 bulk\n    6 new");
    expect(&pair.destination, &users[1].name, MAIL);
}

/// Who is told of what is read anew as well, also where nobody was to be told before.
#[test]
fn those_are_told_whom_the_settings_name_by_then() {
    let pair = shared::dovecot_pair();
    let user = pair.add_fresh_user("told");
    let ferry = Ferry::new(Side::of(&pair.source), Side::of(&pair.destination)).with_account(&user);
    let settings = ferry.settings();
    let told = |name: &str| fs::read_to_string(ferry.directory().join(name)).unwrap_or_default();
    let notify = |name: &str| {
        let command = format!("[\"sh\", \"-c\", \"cat >> {name}; echo >> {name}\"]");
        format!("[[notify]]\non = [\"run.started\", \"account.blocked\", \"run.finished\"]\ncommand = {command}\n")
    };
    let stranger = |name: &str| format!("[[account]]\nsource_user = \"{name}\"\n");
    let file = ferry.directory().join("mailferry.toml");
    // Whole at once: a watch that looks just now reads no half.
    let write = |settings: &str| {
        fs::write(file.with_extension("new"), settings).expect("write the settings");
        fs::rename(file.with_extension("new"), &file).expect("put them into place");
    };
    let follow = |watching: &mut Running, count: usize, settings: &str| {
        write(settings);
        let followed = |said: &str| said.matches("from now on the new ones hold").count() == count;
        assert!(watching.wait_until_said(followed), "they are followed");
    };

    let mut watching = ferry.start(&WATCH);
    assert!(watching.wait_until_said(|said| said.contains("The next sync begins")), "it watches");
    let one = settings.clone() + &stranger("stranger-one");
    follow(&mut watching, 1, &(one.clone() + &notify("first")));
    assert!(watching.wait_until(|| told("first").contains("stranger-one")), "the first ones are told");
    follow(&mut watching, 2, &(one.clone() + &stranger("stranger-two") + &notify("second")));
    let secret = "[[notify]]\non = [\"run.finished\"]\nwebhook = \"http://127.0.0.1:1/\"\nsecret_file = \"none\"\n";
    write(&(one + &stranger("stranger-two") + secret));
    assert!(watching.wait_until_said(|said| said.contains("goes on with those that it had")), "they are refused");
    watching.interrupt();
    watching.finish().expect(130);
    assert!(!told("first").contains("stranger-two") && !told("first").contains("run.finished"), "{}", told("first"));
    // They are told of what is new by then, of that the run had begun nobody.
    assert!(told("second").contains("stranger-two") && told("second").contains("run.finished"), "{}", told("second"));
    assert!(!told("second").contains("stranger-one"), "{}", told("second"));
    assert!(!told("first").contains("run.started") && !told("second").contains("run.started"));
}
