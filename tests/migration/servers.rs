//! Servers that no test can start, as their documents and others' bug reports have them: who they are told to be, and what
//! follows from it. Facts and sources: ARCHITECTURE.md, "Server oddities", and the README's table.

use crate::support::compare::assert_identical_but_automatic;
use crate::support::fake::Fake;
use crate::support::fake::behaviour::{Behaviour, Rule, Then, When};
use crate::support::ferry::{Ferry, Side};
use crate::support::server::User;

/// A source with these capabilities after the login, and an honest destination.
struct Scene {
    source: Fake,
    destination: Fake,
    ferry: Ferry,
}

impl Scene {
    fn of(users: &[&str], capabilities: &str, behave: impl Fn(&str, Behaviour) -> Behaviour) -> Scene {
        let (source, destination) = (Fake::start(), Fake::start());
        let mut ferry = Ferry::new(Side::in_clear_text(source.port()), Side::in_clear_text(destination.port()));
        for user in users {
            let behaviour = Behaviour { capabilities: capabilities.to_owned(), ..Behaviour::honest() };
            source.tenant(user).account().fill("INBOX\n    a\n    b\nWork\n    c");
            source.tenant(user).behave(behave(user, behaviour));
            ferry = ferry.with_account(&User::named(*user));
        }
        Scene { source, destination, ferry }
    }

    #[track_caller]
    fn assert_arrived(&self, user: &str) {
        let (source, destination) = (self.source.tenant(user).state(), self.destination.tenant(user).state());
        assert_identical_but_automatic(&source, &destination);
    }
}

/// As Exchange Online offers them after the login.
const EXCHANGE: &str = "IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS MOVE UNSELECT CHILDREN IDLE NAMESPACE LITERAL+ \
    CLIENTACCESSRULES CLIENTNETWORKPRESENCELOCATION BACKENDAUTHENTICATE";

const ICLOUD: &str = "IMAP4 IMAP4rev1 SASL-IR AUTH=ATOKEN AUTH=PLAIN UIDPLUS ENABLE CONDSTORE QRESYNC NAMESPACE LITERAL+ \
    XAPPLEPUSHSERVICE";

#[test]
fn check_names_servers_by_their_capabilities() {
    for (capabilities, name) in [
        (EXCHANGE, "Microsoft Exchange"),
        (ICLOUD, "iCloud"),
        ("IMAP4rev1 XYMHIGHESTMODSEQ UIDPLUS NAMESPACE", "Yahoo"),
        ("IMAP4rev1 X-GM-EXT-1 UIDPLUS NAMESPACE", "Gmail"),
        ("IMAP4rev1 UIDPLUS NAMESPACE", "unknown"),
    ] {
        let scene = Scene::of(&["who"], capabilities, |_, behaviour| behaviour);
        scene.ferry.run(&["check"]).expect(0).says(&format!("{name} at localhost"));
    }
}

/// One account without the right, one that is throttled at first, and one in peace.
#[test]
fn exchange_that_does_not_connect_one_account_moves_the_others() {
    let not_connected = "BAD User is authenticated but not connected.";
    let backoff = "BAD Request is throttled. Suggested Backoff Time: 300 milliseconds";
    let scene = Scene::of(&["barred", "hurried", "calm"], EXCHANGE, |user, behaviour| match user {
        "barred" => behaviour.rule(Rule::refuse("", not_connected)),
        "hurried" => behaviour.rule(Rule::refuse("LIST", backoff).when(When::First(2))),
        _ => behaviour,
    });
    let output = scene.ferry.run(&["sync"]).expect(3).complains(&["barred", "not connected", "Add-MailboxPermission"]);
    assert!(!output.stderr.contains("error: hurried"), "{output}");
    scene.assert_arrived("hurried");
    scene.assert_arrived("calm");
}

/// iCloud says OK to ENABLE, and not what was enabled; of others that silence is believed.
#[test]
fn enable_without_enabled_is_believed_of_icloud_alone() {
    for (capabilities, is_believed) in [(ICLOUD.to_owned(), true), (ICLOUD.replace(" XAPPLEPUSHSERVICE", ""), false)] {
        let scene = Scene::of(&["mover"], &capabilities, |_, behaviour| {
            behaviour.lying(|command, response| match command.starts_with("ENABLE") && response.starts_with(b"* ") {
                true => Vec::new(),
                false => response,
            })
        });
        scene.ferry.run(&["sync"]).expect(0);
        let tenant = scene.source.tenant("mover");
        tenant.account().mailbox("INBOX").add_octets("Message-ID: <new@x>\r\n\r\nnew\r\n");
        tenant.forget_commands();
        scene.ferry.run(&["sync"]).expect(0);
        let commands = tenant.commands();
        let resynced = commands.iter().any(|command| command.contains("VANISHED"));
        assert_eq!(resynced, is_believed, "{capabilities}: {commands:?}");
        scene.assert_arrived("mover");
    }
}

/// What else is said in another way (Domino, mail.ru): every message arrives all the same, and once.
#[test]
fn fetch_in_odd_dialects_carries_all_mail() {
    let domino =
        |response: String| match response.strip_suffix(")\r\n").map(|rest| rest.replacen("FETCH (", "FETCH ((", 1)) {
            Some(items) if items.contains("FETCH ((") => items + "))\r\n",
            _ => response,
        };
    let mail_ru = |response: String| {
        let Some((before, after)) = response.split_once("RFC822.SIZE ") else { return response };
        let digits = after.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(after.len());
        format!("{before}RFC822.SIZE {}.0{}", &after[..digits], &after[digits..])
    };
    let dialects: [fn(String) -> String; 2] = [domino, mail_ru];
    for dialect in dialects {
        let scene = Scene::of(&["mover"], "IMAP4rev1 UIDPLUS NAMESPACE", |_, behaviour| {
            behaviour.lying(move |command, response| match command.starts_with("UID FETCH") {
                true => dialect(String::from_utf8(response).expect("mail of these tests")).into_bytes(),
                false => response,
            })
        });
        scene.ferry.run(&["sync"]).expect(0);
        scene.assert_arrived("mover");
        scene.ferry.run(&["verify", "--deep"]).expect(0);
    }
}

/// Yandex goes on sending BYE without end.
#[test]
fn bye_without_end_ends_with_the_first() {
    let scene = Scene::of(&["mover"], "IMAP4rev1 UIDPLUS NAMESPACE", |_, behaviour| {
        behaviour.rule(
            Rule::on("EXAMINE", Then::Flood(b"* BYE Autologout; idle for too long\r\n".to_vec())).when(When::First(1)),
        )
    });
    let output = scene.ferry.run(&["sync"]).expect(0);
    assert!(!output.stderr.contains("MiB that nobody"), "{output}");
    scene.assert_arrived("mover");
}
