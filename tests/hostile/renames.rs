//! What a server makes of RENAME: whether it was done only its listing tells.

use std::sync::Arc;

use crate::support::fake::account::Account;
use crate::support::fake::behaviour::{Behaviour, Rule, Then, When};
use crate::support::fake::{Fake, Tenant};
use crate::support::ferry::{Ferry, Side};
use crate::support::server::User;
use crate::tally;

/// An account that was copied, and whose tree was renamed at the source since.
struct World {
    _servers: [Fake; 2],
    tenants: [Arc<Tenant>; 2],
    ferry: Ferry,
}

impl World {
    fn renamed() -> World {
        let mail = "INBOX\n    1 one\nOld\n    2 two\n    3 three\nOld/Sub\n    4 four";
        World::changed(mail, |account| assert!(account.rename(b"Old", b"New")))
    }

    fn changed(mail: &str, change: impl Fn(&mut Account)) -> World {
        let servers = [Fake::start(), Fake::start()];
        let [source, destination] = servers.each_ref().map(|fake| Side::in_clear_text(fake.port()));
        let settings = "[limits]\nretries = 1\ntimeout = \"3s\"\n[sync]\nfollow_moves = true";
        let user = User::named("renamed".to_owned());
        let ferry = Ferry::new(source, destination).with_settings(settings).with_account(&user);
        let tenants = servers.each_ref().map(|server| server.tenant("renamed"));
        tenants[0].account().fill(mail);
        tenants[0].account().subscriptions.extend([b"Old".to_vec(), b"Old/Sub".to_vec()]);
        ferry.run(&["sync"]).expect(0);
        change(&mut tenants[0].account());
        tenants[1].forget_commands();
        World { _servers: servers, tenants, ferry }
    }

    fn behaves(&self, rule: Rule) -> &World {
        self.tenants[1].behave(Behaviour::honest().rule(rule));
        self
    }

    fn names(&self) -> Vec<String> {
        let account = self.tenants[1].account();
        let mut names: Vec<String> =
            account.mailboxes.iter().map(|it| String::from_utf8_lossy(&it.name).into_owned()).collect();
        names.sort();
        names
    }

    fn assert_never_copied(&self) {
        let commands = self.tenants[1].commands();
        let copied =
            commands.iter().find(|it| ["APPEND", "UID MOVE", "UID COPY"].iter().any(|verb| it.starts_with(verb)));
        assert_eq!(copied, None);
        tally::count(1);
    }
}

const OLD: [&str; 3] = ["INBOX", "Old", "Old/Sub"];
const NEW: [&str; 3] = ["INBOX", "New", "New/Sub"];

/// Holds pipeline/transfer/renaming.rs invariant 3.
#[test]
fn rename_that_is_refused_keeps_the_name_and_is_asked_for_again() {
    let world = World::renamed();
    world.behaves(Rule::refuse("RENAME", "NO [CANNOT] not that"));
    for _ in 0..2 {
        world.ferry.run(&["sync"]).expect(3).complains(&["rename", "not that"]);
        assert_eq!(world.names(), OLD);
    }
    world.tenants[0].account().fill("New\n    5 five");
    world.ferry.run(&["sync"]).expect(3);
    assert_eq!(world.tenants[1].account().mailbox("Old").messages.len(), 3, "its mail goes on to come");
    world.tenants[1].behave(Behaviour::honest());
    world.tenants[1].forget_commands();
    world.ferry.run(&["sync"]).expect(0);
    assert_eq!(world.names(), NEW);
    world.ferry.run(&["verify"]).expect(0);
    world.assert_never_copied();
}

/// Holds pipeline/transfer/renaming.rs invariant 1.
#[test]
fn answer_to_a_rename_tells_nothing() {
    let once = |then| Rule::on("RENAME", then).when(When::First(1));
    for rule in [once(Then::DoneBut("NO [SERVERBUG] perhaps".to_owned())), once(Then::Close)] {
        let world = World::renamed();
        world.behaves(rule).ferry.run(&["sync"]).expect(0);
        assert_eq!(world.names(), NEW);
        world.assert_never_copied();
    }
    let world = World::renamed();
    let lied_to = world.behaves(Rule::on("RENAME", Then::Answer("OK done".to_owned()))).ferry.run(&["sync"]);
    lied_to.expect(3).complains(&["did not rename it to `New`", "it says that it did, and lists the old name"]);
    assert_eq!(world.names(), OLD);
    world.tenants[1].behave(Behaviour::honest());
    world.ferry.run(&["sync"]).expect(0);
    assert_eq!(world.names(), NEW);
    world.assert_never_copied();
}

/// Before that it would be taken along.
#[test]
fn mailbox_goes_below_the_former_name_of_another_when_that_has_its_new_one() {
    let world = World::changed("INBOX\n    1 one\nA\n    2 two\nB\n    3 three\nB/Sub\n    4 four", |account| {
        assert!(account.rename(b"B", b"New") && account.rename(b"A", b"B/A"));
    });
    world.ferry.run(&["sync"]).expect(0);
    assert_eq!(world.names(), ["B/A", "INBOX", "New", "New/Sub"]);
    world.assert_never_copied();
}

#[test]
fn subscription_that_is_not_taken_off_stops_nothing() {
    let world = World::renamed();
    world.behaves(Rule::refuse("UNSUBSCRIBE", "NO [CANNOT] not that")).ferry.run(&["sync"]).expect(0);
    assert_eq!(world.names(), NEW);
    let subscriptions = world.tenants[1].account().subscriptions.clone();
    assert!(subscriptions.contains(&b"New"[..]) && subscriptions.contains(&b"New/Sub"[..]));
    world.assert_never_copied();
}

/// On either side: it is not known what is there, so nothing is copied that may be.
#[test]
fn message_that_may_come_from_a_mailbox_which_cannot_be_listed_waits_and_is_moved_then() {
    for side in [0, 1] {
        let world = World::changed("INBOX\n    1 one\nOld\n    2 two\n    3 three", |account| {
            let moved = account.mailbox("Old").messages[0].clone();
            account.mailbox("Old").expunge(|uid| uid == moved.uid);
            account.mailbox("INBOX").add_copy(&moved);
        });
        world.tenants[0].account().fill("INBOX\n    4 four");
        world.tenants[1].account().mailbox("Old").add_octets(*b"Subject: of the user's own\r\n\r\n.\r\n");
        let closing = ["EXAMINE", "SELECT"].map(|verb| Rule::on(&format!("{verb} \"Old\""), Then::Close));
        let broken = closing.into_iter().fold(Behaviour::honest(), Behaviour::rule);
        world.tenants[side].behave(broken);
        world
            .ferry
            .run(&["sync"])
            .expect(3)
            .complains(&["1 message waits to be looked for in `INBOX`", "moved there, perhaps"]);
        let held = |name: &str| world.tenants[1].account().mailbox(name).messages.len();
        assert_eq!((held("INBOX"), held("Old")), (2, 3), "what is new is copied");
        world.tenants[side].behave(Behaviour::honest());
        world.ferry.run(&["sync"]).expect(0);
        assert_eq!((held("INBOX"), held("Old")), (3, 2));
        let commands = world.tenants[1].commands();
        assert_eq!(commands.iter().filter(|it| it.starts_with("APPEND")).count(), 1, "{commands:?}");
        tally::count(1);
    }
}

/// An account whose first run stored all and heard nothing of it; what `meanwhile` does; then all goes well.
fn unheard(mail: &str, meanwhile: impl Fn([&mut Account; 2])) -> World {
    let world = World::changed("INBOX", |_| {});
    world.tenants[0].account().fill(mail);
    let stored = Rule::on("APPEND", Then::DoneBut("NO [SERVERBUG] perhaps".to_owned()));
    world.tenants[1].behave(Behaviour::honest().rule(stored).rule(Rule::on("UID FETCH", Then::Close)));
    world.ferry.run(&["sync"]).expect(3);
    let [source, destination] = &world.tenants;
    meanwhile([&mut source.account(), &mut destination.account()]);
    destination.behave(Behaviour::honest());
    destination.forget_commands();
    world
}

#[test]
fn mailbox_that_was_renamed_before_anything_was_known_of_its_copies_has_them_once() {
    let world = unheard("Old\n    2 two\n    3 three", |[source, _]| assert!(source.rename(b"Old", b"New")));
    for _ in 0..2 {
        world.ferry.run(&["sync"]).expect(0);
    }
    assert_eq!(world.names(), ["INBOX", "New"]);
    assert_eq!(world.tenants[1].account().mailbox("New").messages.len(), 2);
    world.assert_never_copied();
}

#[test]
fn mailbox_goes_on_to_go_where_it_went_before_anything_was_known_of_its_copies() {
    let world = unheard("Gesendet\n    2 two\n    3 three", |[_, destination]| {
        destination.create(b"Sent");
    });
    world.ferry.run(&["sync"]).expect(0);
    let held = |name: &str| world.tenants[1].account().mailbox(name).messages.len();
    assert_eq!((held("Gesendet"), held("Sent")), (2, 0));
    world.assert_never_copied();
}

/// It has no place until the copy of the one whose name it has by now is renamed, and is listed with identities nevertheless.
#[test]
fn mailbox_that_takes_the_name_of_one_that_was_not_renamed_yet_has_its_mail_moved() {
    for mode in ["copy", "mirror"] {
        let mut world = World::changed("INBOX\n    1 one\nA\n    2 two\nB\n    3 three\n    4 four", |account| {
            assert!(account.rename(b"A", b"F"));
        });
        world.ferry = world.ferry.with_settings(&format!("[sync]\nmode = \"{mode}\"\ndelete_guard = \"100%\""));
        world.behaves(Rule::refuse("RENAME", "NO [CANNOT] not that"));
        world.ferry.run(&["sync"]).expect(3);
        assert!(world.tenants[0].account().rename(b"B", b"A"));
        world.tenants[1].behave(Behaviour::honest());
        world.tenants[1].forget_commands();
        world.ferry.run(&["sync"]);
        world.ferry.run(&["sync"]).expect(0);
        let held = |name: &str| world.tenants[1].account().mailbox(name).messages.len();
        assert_eq!((held("A"), held("F")), (2, 1), "{mode}");
        let commands = world.tenants[1].commands();
        assert!(!commands.iter().any(|it| it.starts_with("APPEND")), "{mode}: {commands:?}");
        tally::count(1);
    }
}
