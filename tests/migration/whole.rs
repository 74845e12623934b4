//! Complete migrations between all kinds of servers: everything arrives, exactly once.

use crate::migration::Migration;
use crate::support::ferry::Side;
use crate::support::mailbox::{self, Account, Mailbox};
use crate::support::seed::seed_account;
use crate::support::server::{Server, User};
use crate::support::{cyrus, shared};

/// What every server keeps as it is, and what is easily lost: order, gaps, twins, keywords, odd names and odd octets.
pub const EVERYTHING: &str = r#"
INBOX subscribed
    1 a \Seen \Answered $Label1 NonJunk "01-Jan-2024 10:00:00 +0100"
    2 b \Flagged size:100k
    5 c \Deleted \Draft                    (UIDs 3 and 4 are expunged)
    6 c \Seen "02-Feb-2012 02:02:02 -0800" (a twin, read)
    10..130 bulk \Seen
Archive/2024 subscribed
    a \Seen "31-Dec-2019 23:59:59 -1130"
    b
    b \Seen
Archive/2024/Deeper/Still
    z
"Old mail"/Größe/計画 subscribed
    d kind:no-message-id
    d \Seen
    e kind:no-final-newline
    f kind:empty-body
    g kind:long-lines
    h kind:message-id:a
    i kind:eml:nested-multipart
    j kind:eml:encoded-names
    k kind:eml:two-message-ids
    l kind:eml:commands-in-text
    m kind:eml:long-lines
    n kind:eml:no-message-id
    o size:3m
Tom&Jerry
    a $Forwarded Junk
Sent subscribed
    sent \Seen
"Empty one" subscribed
It's+(all)-legal#here
    p
"#;

/// What only Dovecot takes: bare line ends become CRLF there on both sides, 8-bit headers stay.
const RAW: &str = "
Raw
    q kind:bare-lf
    r kind:8-bit-header
    s kind:nul
    t kind:eml:8-bit-headers
";

/// Names that only Dovecot takes; the notation has no word for a quote in a name.
fn odd_names() -> Account {
    let mut account = mailbox::parse("INBOX\n    in-odd-name");
    let messages = account.mailboxes.remove(0).messages;
    let names = [r#"Say "hi""#, r"back\\slash^", "100% *", " blanks around "];
    account.mailboxes.extend(names.map(|name| Mailbox {
        name: name.to_owned(),
        subscribed: true,
        messages: messages.clone(),
    }));
    account
}

fn dovecots() -> [&'static dyn Server; 2] {
    let pair = shared::dovecot_pair();
    [&pair.source, &pair.destination]
}

#[test]
fn maildir_with_dots_to_mdbox_with_slashes_arrives_exactly_once() {
    let [maildir, mdbox] = dovecots();
    let migration = Migration::between(maildir, mdbox).seeded(EVERYTHING).seeded(RAW);
    seed_account(maildir, migration.user(), &odd_names());
    migration.assert_arrives_exactly_once();
}

#[test]
fn mdbox_with_slashes_to_maildir_with_dots_arrives_exactly_once() {
    let [maildir, mdbox] = dovecots();
    let migration = Migration::between(mdbox, maildir).seeded(EVERYTHING).seeded(RAW);
    seed_account(mdbox, migration.user(), &odd_names());
    migration.assert_arrives_exactly_once();
}

#[test]
fn dovecot_to_cyrus_arrives_exactly_once() {
    Migration::between(dovecots()[0], shared::cyrus()).seeded(EVERYTHING).assert_arrives_exactly_once();
}

#[test]
fn cyrus_to_dovecot_arrives_exactly_once() {
    Migration::between(shared::cyrus(), dovecots()[1]).seeded(EVERYTHING).assert_arrives_exactly_once();
}

#[test]
fn cyrus_with_classic_names_to_cyrus_with_modern_ones_arrives_exactly_once() {
    let classic = cyrus::Cyrus::start(cyrus::Options { names: cyrus::Names::Classic, ..Default::default() });
    Migration::between(&classic, shared::cyrus()).seeded(EVERYTHING).assert_arrives_exactly_once();
}

#[test]
fn every_way_to_log_in_arrives_exactly_once() {
    let [maildir, mdbox] = dovecots();
    let ways = [
        [Side::of(maildir).master_by_separator(), Side::of(mdbox).with_own_passwords()],
        [Side::of(maildir).with_own_passwords().by_starttls(maildir), Side::of(mdbox).master_by_separator()],
        [Side::of(maildir).by_starttls(maildir), Side::in_clear_text(mdbox.plain_port())],
        [Side::of(maildir).with_own_passwords().set("auth", "\"login\""), Side::of(mdbox).set("auth", "\"plain\"")],
    ];
    for way in ways {
        let user = User::fresh("entrant").with_password(r#"p "w\*:{}%u #ß€'"#);
        let migration = Migration::with_sides(vec![user], maildir, mdbox, way);
        migration.seeded("INBOX subscribed\n    a\n    b \\Seen\nWork\n    c").assert_arrives_exactly_once();
    }
}

#[test]
fn tunnel_that_is_logged_in_arrives_exactly_once() {
    let pair = shared::dovecot_pair();
    // Run by root, Dovecot's imap wants no socket as its output: "must not be started from inetd".
    let tunnel = format!(
        r#"["sh", "-c", "doveadm -c {} exec imap -u $0 | cat", "{{user}}"]"#,
        pair.source.configuration_file().display()
    );
    let sides = [Side::through_tunnel(&tunnel), Side::of(&pair.destination)];
    let migration = Migration::with_sides(vec![User::fresh("tunnelled")], &pair.source, &pair.destination, sides);
    migration.seeded("INBOX subscribed\n    1..20 bulk\nWork\n    c").assert_arrives_exactly_once();
}

/// Courier 5.0 without its notifications of file systems, and a tunnel on either side.
#[test]
fn tunnel_that_warns_before_it_is_logged_in_arrives_exactly_once() {
    let pair = shared::dovecot_pair();
    let tunnel = |server: &crate::support::dovecot::Dovecot| {
        Side::through_tunnel(&format!(
            r#"["sh", "-c", "printf '* OK [ALERT] Filesystem notification initialization error\\r\\n'; doveadm -c {} exec imap -u $0 | cat", "{{user}}"]"#,
            server.configuration_file().display()
        ))
    };
    let sides = [tunnel(&pair.source), tunnel(&pair.destination)];
    let migration = Migration::with_sides(vec![User::fresh("warned")], &pair.source, &pair.destination, sides);
    migration.seeded("INBOX subscribed\n    1..20 bulk\nWork\n    c").assert_arrives_exactly_once();
}

/// A tunnel that is logged in as somebody gives everyone the same mailboxes.
#[test]
fn tunnel_that_is_logged_in_as_somebody_serves_a_single_account_only() {
    let pair = shared::dovecot_pair();
    let users: Vec<User> = (0..2).map(|_| User::fresh("tunnelled")).collect();
    let tunnel = format!(
        r#"["sh", "-c", "doveadm -c {} exec imap -u {} | cat"]"#,
        pair.source.configuration_file().display(),
        users[0].name
    );
    let sides = || [Side::through_tunnel(&tunnel), Side::of(&pair.destination)];
    let migration = Migration::with_sides(users.clone(), &pair.source, &pair.destination, sides());
    migration.seed("INBOX\n    a\n    b");
    for command in [&["sync"][..], &["sync", &users[1].name], &["check"]] {
        migration.run(command).expect(4).complains(&["the tunnel is logged in by itself", "`{user}`"]);
    }
    crate::support::compare::expect(&pair.destination, &users[1].name, "INBOX");
    let single = Migration::with_sides(users[..1].to_vec(), &pair.source, &pair.destination, sides());
    single.run(&["sync"]).expect(0);
    single.assert_exact();
}

#[test]
fn several_accounts_side_by_side_arrive_exactly_once() {
    let [maildir, mdbox] = dovecots();
    let users = (0..6).map(|_| User::fresh("many")).collect();
    let migration = Migration::of(users, maildir, mdbox).seeded("INBOX\n    1..150 bulk\nA/B\n    c $Label\nD\n");
    migration.run(&["sync", "--jobs", "4"]).expect(0);
    migration.assert_exact();
    migration.assert_arrives_exactly_once();
}

#[test]
fn messages_already_there_are_adopted_and_not_copied() {
    let [maildir, mdbox] = dovecots();
    let migration =
        Migration::between(maildir, mdbox).seeded("INBOX\n    a \\Seen\n    b\n    b\n    c kind:no-message-id");
    crate::support::seed::seed(mdbox, migration.user(), "INBOX\n    b\n    c kind:no-message-id");
    assert_eq!(migration.sync().copied, 2, "`a` and the twin of `b`");
    let status = migration.ferry.status();
    assert_eq!(status["outcomes"]["present"], 2, "{status}");
    migration.run(&["verify", "--deep"]).expect(0);
}
