//! What is carried over besides mail on request: rights of other users, annotations, and special uses of mailboxes that are created.

use crate::support::cyrus::{self, Cyrus};
use crate::support::dovecot::{self, Dovecot};
use crate::support::ferry::{Ferry, Output, Side};
use crate::support::imap::Connection;
use crate::support::seed::seed;
use crate::support::server::{Server, User};
use crate::support::shared;

const MAIL: &str = "INBOX\n    1..3 bulk\nTeam\n    a\nTeam/Größe\n    b\nPrivate\n    c";
const BESIDES: &str = "[mailboxes]\nacl = true\nmetadata = true\n";

/// A Dovecot with rights of others and annotations; the account's user owns its mailboxes, whoever logs in for them.
fn dovecot_with_acl() -> Dovecot {
    let lines = [
        "mail_plugins = $mail_plugins acl",
        "protocol imap {\n  mail_plugins = $mail_plugins acl imap_acl\n  imap_metadata = yes\n}",
        "plugin {\n  acl = vfile\n  acl_user = %u\n}",
        "mail_attribute_dict = file:%h/attributes",
    ];
    let extra_configuration = lines.map(str::to_owned).to_vec();
    Dovecot::start(dovecot::Options { extra_configuration, ..dovecot::Options::mdbox_with_slashes() })
}

fn told(server: &dyn Server, user: &User, command: &str) -> String {
    let mut connection: Connection = server.connect(&user.name);
    let answer = connection.attempt(command.as_bytes());
    let lines = answer.untagged.iter().map(|line| String::from_utf8_lossy(line).into_owned());
    let lines = lines.collect::<Vec<_>>().join("\n");
    connection.logout();
    lines
}

fn tell(server: &dyn Server, user: &User, commands: &[&str]) {
    let mut connection = server.connect(&user.name);
    commands.iter().for_each(|command| drop(connection.attempt(command.as_bytes())));
    connection.logout();
}

/// Alice, who has mail, and Bob, who may see some of it; each under another name on the destination.
struct Two<'a> {
    source: &'a dyn Server,
    destination: &'a dyn Server,
    old: [User; 2],
    new: [User; 2],
    ferry: Ferry,
}

impl<'a> Two<'a> {
    fn between(source: &'a dyn Server, destination: &'a dyn Server, settings: &str) -> Two<'a> {
        let users = |stem: &str| ["alice", "bob"].map(|name| User::fresh(&format!("{stem}{name}")));
        let (old, new) = (users("old"), users("new"));
        let mut ferry = Ferry::new(Side::of(source), Side::of(destination)).with_settings(settings);
        for (old, new) in old.iter().zip(&new) {
            source.add_user(old);
            destination.add_user(new);
            let users = format!("source_user = \"{}\"\ndestination_user = \"{}\"", old.name, new.name);
            ferry = ferry.with_account_lines(&users);
        }
        seed(source, &old[0].name, MAIL);
        Two { source, destination, old, new, ferry }
    }

    fn share(&self) {
        let bob = &self.old[1].name;
        tell(
            self.source,
            &self.old[0],
            &[
                &format!("SETACL \"Team\" \"{bob}\" lrs"),
                "SETACL \"Team\" anyone l",
                &format!("SETACL \"Team/Gr&APYA3w-e\" \"{bob}\" lrswi"),
            ],
        );
    }

    fn sync(&self) -> Output {
        self.ferry.run(&["sync", "--progress", "plain"]).expect(0)
    }

    fn acl(&self, mailbox: &str) -> String {
        told(self.destination, &self.new[0], &format!("GETACL \"{mailbox}\""))
    }

    #[track_caller]
    fn assert_shared(&self, anyone: bool) {
        let bob = &self.new[1].name;
        let (team, sub) = (self.acl("Team"), self.acl("Team/Gr&APYA3w-e"));
        let holds = |acl: &str, who: &str, rights: &str| {
            let words: Vec<&str> = acl.split([' ', '"']).filter(|word| !word.is_empty()).collect();
            let told = words.iter().position(|word| *word == who).map(|at| words[at + 1]);
            told.is_some_and(|told| rights.chars().all(|letter| told.contains(letter)) && !told.contains('a'))
        };
        assert!(holds(&team, bob, "lrs") && holds(&sub, bob, "lrswi"), "{team}\n{sub}");
        assert_eq!(holds(&team, "anyone", "l"), anyone, "{team}");
        assert!(!self.acl("Private").contains(bob.as_str()), "{}", self.acl("Private"));
    }
}

/// Bob's rights are those of Bob's new name; who is nobody here is named; nothing is asked or said without the setting.
#[test]
fn rights_of_others_are_carried_over_under_their_new_names() {
    // What is given to anyone is shown to all: on servers of its own.
    let (cyrus, dovecot) = (&Cyrus::start(cyrus::Options::default()), dovecot_with_acl());
    let ways: [(&dyn Server, &dyn Server); 3] = [(cyrus, cyrus), (cyrus, &dovecot), (&dovecot, cyrus)];
    // Dovecot lets nobody give rights to all, unless its settings do.
    for ((source, destination), [anyone, refused]) in
        ways.into_iter().zip([[true, false], [false, true], [false, false]])
    {
        let two = Two::between(source, destination, BESIDES);
        let stranger = User::fresh("stranger");
        source.add_user(&stranger);
        two.share();
        tell(source, &two.old[0], &[&format!("SETACL Private \"{}\" lr", stranger.name)]);
        let output = two.sync();
        two.assert_shared(anyone);
        let lacks = "`anyone` may not l in `Team` on the destination, as on the source: could not give rights: BAD";
        assert_eq!(format!("{output}").contains(lacks), refused, "{output}");
        let named = format!("`{}` may lr in `Private` on the source, and is no user of these accounts", stranger.name);
        assert!(format!("{output}").contains(&named), "{output}");
        // What the destination's user takes back is not given to others, and nothing is given twice.
        let before = two.acl("Team");
        two.sync();
        assert_eq!(two.acl("Team"), before);
        two.ferry.run(&["verify"]).expect(0);
    }
    let without = Two::between(cyrus, cyrus, "");
    without.share();
    let output = without.sync();
    assert!(!without.acl("Team").contains(&without.new[1].name), "{output}");
}

/// A server that knows nothing of it is named once; mail is not concerned.
#[test]
fn destination_without_rights_and_annotations_is_told() {
    let two = Two::between(shared::cyrus(), &shared::dovecot_pair().destination, BESIDES);
    tell(two.source, &two.old[0], &[&format!("SETACL Team \"{}\" lrs", two.old[1].name)]);
    let output = two.sync();
    for extension in ["ACL (RFC 4314)", "METADATA (RFC 5464)"] {
        let words = format!("the destination has no {extension}: nothing of the kind is carried over");
        assert!(format!("{output}").contains(&words), "{output}");
    }
    two.ferry.run(&["verify", "--deep"]).expect(0);
}

#[test]
fn annotations_are_carried_over_where_there_are_none() {
    let (cyrus, dovecot) = (shared::cyrus(), dovecot_with_acl());
    let ways: [(&dyn Server, &dyn Server); 3] = [(cyrus, cyrus), (cyrus, &dovecot), (&dovecot, cyrus)];
    for (source, destination) in ways {
        let two = Two::between(source, destination, BESIDES);
        tell(
            source,
            &two.old[0],
            &[
                "SETMETADATA Team (/private/comment \"ours (all)\")",
                "SETMETADATA Team (/shared/comment \"for \\\"all\\\"\")",
            ],
        );
        let output = two.sync();
        let said = told(destination, &two.new[0], "GETMETADATA Team (/private/comment /shared/comment)");
        assert!(said.contains("ours (all)") && said.contains("all"), "{said} {output}");
        // What the new user says stays.
        tell(destination, &two.new[0], &["SETMETADATA Team (/private/comment \"mine\")"]);
        two.sync();
        let said = told(destination, &two.new[0], "GETMETADATA Team (/private/comment)");
        assert!(said.contains("mine"), "{said}");
    }
}

/// Where the server offers CREATE-SPECIAL-USE, a mailbox is created with the special use that it has; Cyrus does.
#[test]
fn special_uses_come_with_the_mailboxes_that_are_created() {
    let two = Two::between(&shared::dovecot_pair().source, shared::cyrus(), "");
    seed(two.source, &two.old[0].name, "Sent\n    s\nDrafts\n    d\nTrash\n    t");
    two.sync();
    let listed = told(two.destination, &two.new[0], "LIST (SPECIAL-USE) \"\" *");
    for special_use in ["\\Sent", "\\Drafts", "\\Trash"] {
        assert!(listed.contains(special_use), "{special_use}: {listed}");
    }
}
