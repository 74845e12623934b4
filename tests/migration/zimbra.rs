//! From Zimbra to Dovecot: all that is known of Zimbra behind its proxy, at once, and a real Dovecot.
//!
//! From Zimbra's sources (zm-mailbox, October 2024) and reports: the proxy tells other capabilities before the login; ID names
//! whose mailboxes are open; contacts and chats are shown as messages; search folders have neither UIDNEXT nor modification
//! sequences; tags have numbers behind their names; what another session expunged comes as an empty stub; a share whose owner is
//! locked ends the session; other users' mailboxes stand below `/home/`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::compare::{Automatic, compare};
use crate::support::fake::Fake;
use crate::support::fake::behaviour::{Behaviour, Rule, Then};
use crate::support::ferry::{Ferry, Side};
use crate::support::server::{Server, User};
use crate::support::shared;
use crate::support::state::{AccountState, observe};

const CAPABILITIES: &str = "IMAP4rev1 ACL BINARY CATENATE CHILDREN CONDSTORE ENABLE ESEARCH ESORT I18NLEVEL=1 ID IDLE \
    LIST-EXTENDED LIST-STATUS LITERAL+ LOGIN-REFERRALS MULTIAPPEND NAMESPACE QRESYNC QUOTA RIGHTS=ektx SASL-IR SEARCHRES SORT \
    THREAD=ORDEREDSUBJECT UIDPLUS UNSELECT WITHIN XLIST";

/// `Work:FLAG0` is the tag `Work`; what is below `/home/`, the share, the search and what is no mail stay where they are.
const MAIL: &str = "INBOX subscribed\n    1..40 bulk \\Seen\n    twin Work:FLAG0\n    twin \\Flagged\nSent\n    sent \\Answered\n\
    Drafts\n    draft \\Draft\nJunk\n    spam\nTrash\n    gone\nProjekte/Größe subscribed\n    1..20 small Work:FLAG0 Later:FLAG17\n    \
    d kind:no-message-id\nContacts\n    card\n\"Emailed Contacts\"\n    card2\nChats\n    chat\nUnread\n    twin\n\
    Share\n    theirs\n/home/bob/Team\n    shared";

const STAYS: [&str; 6] = ["Contacts", "Emailed Contacts", "Chats", "Unread", "Share", "/home/bob/Team"];

fn text(response: Vec<u8>) -> String {
    String::from_utf8_lossy(&response).into_owned()
}

/// A response about the search folder, without what it has not.
fn of_search(line: String) -> String {
    let without = |line: String, item: &str| match line.split_once(item) {
        Some((before, after)) => {
            before.to_owned() + after.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == ' ')
        }
        None => line,
    };
    let line = without(without(line, "UIDNEXT "), "HIGHESTMODSEQ ");
    line.replace(" )", ")")
}

/// Zimbra behind its proxy; the login opens that user.
fn zimbra(opens: &str) -> Behaviour {
    let id =
        format!("* ID (\"NAME\" \"Zimbra\" \"VERSION\" \"10.1.4_GA\" \"USER\" \"{opens}\" \"SERVER\" \"5b9e\")\r\n");
    let stubbed = Arc::new(AtomicBool::new(false));
    Behaviour { capabilities: CAPABILITIES.to_owned(), ..Behaviour::honest() }
        .reticent()
        .rule(Rule::on(
            "EXAMINE \"Share\"",
            Then::SayAndClose(b"* BYE Zimbra IMAP4rev1 server terminating connection\r\n".to_vec()),
        ))
        .lying(move |command, response| {
            if command.starts_with("ID ") && response.starts_with(b"* ID") {
                return id.clone().into_bytes();
            }
            if command.starts_with("NAMESPACE") && response.starts_with(b"* ") {
                return b"* NAMESPACE ((\"\" \"/\")) ((\"/home/\" \"/\")) NIL\r\n".to_vec();
            }
            if response.starts_with(b"* STATUS \"Unread\"") {
                return of_search(text(response)).into_bytes();
            }
            let opens_search = command.starts_with("EXAMINE \"Unread\"");
            if opens_search && (response.starts_with(b"* OK [UIDNEXT") || response.starts_with(b"* OK [HIGHESTMODSEQ"))
            {
                return if response.starts_with(b"* OK [U") {
                    Vec::new()
                } else {
                    b"* OK [NOMODSEQ] none\r\n".to_vec()
                };
            }
            let is_whole = command.contains("BODY.PEEK[]") && response.starts_with(b"* 3 FETCH");
            if is_whole && !stubbed.swap(true, Ordering::SeqCst) {
                let before = text(response);
                let (items, _) = before.split_once("BODY[]").expect("a body");
                return format!("{items}BODY[] {{0}}\r\n)\r\n").into_bytes();
            }
            response
        })
}

/// What is to arrive: tags by their names, and without what stays.
fn expected(source: &AccountState) -> AccountState {
    let mut expected = source.clone();
    expected.mailboxes.retain(|name, _| !STAYS.contains(&name.as_str()));
    expected.subscriptions.retain(|name| !STAYS.contains(&name.as_str()));
    for message in expected.mailboxes.values_mut().flat_map(|mailbox| &mut mailbox.messages) {
        message.flags =
            message.flags.iter().map(|it| it.split(":flag").next().unwrap_or_default().to_owned()).collect();
    }
    expected
}

struct Scene {
    source: Fake,
    user: User,
    ferry: Ferry,
}

impl Scene {
    fn new(domain: &str, opens: &str) -> Scene {
        let source = Fake::start();
        let name = User::fresh("zimbra").name;
        let user = User::named(format!("{name}@{domain}"));
        let destination = &shared::dovecot_pair().destination;
        destination.add_user(&user);
        source.tenant(&user.name).account().fill(MAIL);
        source.tenant(&user.name).behave(zimbra(&format!("{name}@{opens}")));
        let ferry = Ferry::new(Side::in_clear_text(source.port()), Side::of(destination)).with_account(&user);
        Scene { source, user, ferry }
    }

    #[track_caller]
    fn assert_exact(&self) {
        let source = expected(&self.source.tenant(&self.user.name).state());
        let there = observe(&shared::dovecot_pair().destination, &self.user.name);
        let differences = compare(&source, &there, Automatic::Ignored);
        assert!(differences.is_empty(), "{differences}");
    }
}

#[test]
fn zimbra_behind_its_proxy_arrives_on_dovecot_and_what_stays_is_named() {
    let mut scene = Scene::new("example.com", "example.com");
    let settings = "[sync]\nmode = \"mirror\"\ndelete_guard = \"100%\"\n";
    scene.ferry = scene.ferry.with_settings(settings);
    scene.ferry.run(&["check"]).says("Zimbra 10.1.4_GA at localhost");
    // The share is named each time, and holds up nothing but deletions.
    let output = scene.ferry.run(&["sync"]).expect(3).complains(&["`Share`"]);
    assert!(!output.stderr.contains("`Unread`"), "{output}");
    scene.assert_exact();
    scene.ferry = scene.ferry.with_settings(&format!("{settings}[mailboxes]\nexclude = [\"Share\"]\n"));
    scene.ferry.run(&["sync"]).expect(0);
    let omitted = scene.ferry.run(&["plan", "--json", "-"]).expect(0).json();
    let omitted: BTreeMap<&str, &str> = omitted["accounts"][0]["omitted"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| (it["mailbox"].as_str().expect("a name"), it["reason"].as_str().expect("why")))
        .collect();
    for mailbox in ["Contacts", "Emailed Contacts", "Chats"] {
        assert!(omitted[mailbox].contains("contacts or chats"), "{omitted:?}");
    }
    assert!(omitted["Unread"].contains("search folder"), "{omitted:?}");
    // Tags change, mail goes, and mail comes.
    {
        let tenant = scene.source.tenant(&scene.user.name);
        let mut account = tenant.account();
        account.fill("INBOX\n    later Later:FLAG17");
        let inbox = account.mailbox("INBOX");
        let modseq = inbox.change();
        let message = &mut inbox.messages[0];
        message.flags.insert("Work:FLAG0".to_owned());
        message.modseq = modseq;
        inbox.expunge(|uid| uid == 9);
    }
    scene.ferry.run(&["sync"]).expect(0);
    scene.assert_exact();
    scene.ferry.run(&["verify", "--deep"]).expect(0);
    scene.ferry.forget_state();
    scene.ferry.run(&["sync"]).expect(0);
    scene.assert_exact();
}

/// A user whom Zimbra does not know is looked for once more in the administrator's domain: that would be another's mail.
#[test]
fn zimbra_that_opens_another_domains_user_copies_nothing() {
    let scene = Scene::new("exmaple.com", "example.com");
    let output = scene
        .ferry
        .run(&["sync"])
        .complains(&["the server opened the mailboxes of `zimbra-", "example.com` for `zimbra-"]);
    assert!(matches!(output.code, Some(3 | 4)), "{output}");
    let there = observe(&shared::dovecot_pair().destination, &scene.user.name);
    assert!(there.mailboxes.values().all(|mailbox| mailbox.messages.is_empty()), "{output}");
}
