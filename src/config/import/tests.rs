//! Lists of other tools: what becomes of them, and what is said of them.

use super::*;
use crate::config::Settings;
use crate::config::tests::Desk;
use crate::model::policy::{Mode, Policy};
use crate::model::{Side, server::Tls};

/// The settings that a list becomes, read again.
fn imported(tool: Tool, list: &str) -> (Settings, Imported, Desk) {
    let desk = Desk::new().file("list", list);
    let imported = import(tool, &desk.path("list"), "accounts.csv").unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let desk = match &imported.accounts {
        Some(accounts) => desk.file("accounts.csv", accounts.as_bytes()),
        None => desk,
    };
    let filled = imported.settings.replace("<host name of the ", "").replace(" server>", ".example");
    let settings = desk.read(&filled).unwrap_or_else(|mistakes| panic!("{mistakes}\n{filled}"));
    (settings, imported, desk)
}

fn mistakes(tool: Tool, list: &str) -> String {
    let desk = Desk::new().file("list", list);
    desk.bare(import(tool, &desk.path("list"), "accounts.csv").err().expect("mistakes"))
}

fn password(settings: &Settings, account: usize, side: Side) -> String {
    settings.passwords().password(&settings.accounts[account], side).unwrap().expose().to_owned()
}

const IMAPSYNC: &str = "# the loop of the FAQ\n\
    old1.example;anna; pa\"ss ;new.example;anna@new.example;p2;\r\n\n\
    old2.example;bob;b1;new.example;bob@new.example;b,2;--port1 143 --tls1 --automap --delete2 --subfolder2 'Old/bob';\r\n\
    old1.example;anna2;c1;new.example;carl;c2;--maxsize=500 --subfolder2 \"Old mail\" --regextrans2 's,a,b,' --Tr0ub4dor;\n";

#[test]
fn list_of_imapsync_becomes_settings_that_say_the_same() {
    let (settings, imported, _desk) = imported(Tool::Imapsync, IMAPSYNC);
    assert_eq!(imported.count, 3);
    let users: Vec<_> = settings.accounts.iter().map(|a| (&*a.source_user, &*a.destination_user)).collect();
    assert_eq!(users, [("anna", "anna@new.example"), ("bob", "bob@new.example"), ("anna2", "carl")]);
    let source = |account: usize| settings.server(&settings.accounts[account], Side::Source);
    assert_eq!(source(0).label(), "old1.example (old1.example)");
    assert_eq!((source(0).tls, source(1).tls), (Tls::Implicit, Tls::StartTls));
    assert!(settings.accounts[0].server(Side::Source) == settings.accounts[2].server(Side::Source));
    assert_eq!(password(&settings, 0, Side::Source), " pa\"ss ", "imapsync takes it with its blanks");
    assert_eq!(password(&settings, 1, Side::Destination), "b,2");
    let prefixes = settings.accounts.iter().map(|account| account.policy.mailboxes.prefix.as_deref());
    assert_eq!(prefixes.collect::<Vec<_>>(), [None, Some("Old/bob"), None]);
    let notes = imported.notes.join("\n");
    let expected = "an option that mailferry does not know (line 5) is not carried over
--delete2 (line 4) is not carried over; in mailferry: `mode = \"mirror\"` in [sync]: deletes only what mailferry copied
--maxsize (line 5) is not carried over; in mailferry: `max_message_size` in [sync]
--regextrans2 (line 5) is not carried over; in mailferry: [mailboxes.rename]
--subfolder2 (line 5) is not carried over; in mailferry: `prefix` for the account";
    assert_eq!(notes, expected);
}

#[test]
fn one_old_host_becomes_the_source() {
    let (settings, imported, _desk) = imported(Tool::Imapsync, "o;a;p;n;a;q;\no;b;p;n;b;q;\n");
    assert!(!imported.settings.contains("[servers") && imported.settings.contains("[source]\nhost = \"o\"\n"));
    assert_eq!(settings.servers.len(), 2);
}

#[test]
fn one_user_on_several_hosts_is_several_accounts() {
    let (settings, ..) = imported(Tool::Imapsync, "o1;a;p;n;a;q\no2;a;p;n;b;q\no2;a;p;n;c;q\n");
    let names: Vec<&str> = settings.accounts.iter().map(|account| &*account.name).collect();
    assert_eq!(names, ["a at o1", "a at o2", "a at o2 (2)"]);
}

#[test]
fn list_of_microsoft_becomes_settings_that_say_the_same() {
    let list =
        "EmailAddress,UserName,Password\r\nanna@n.example,contoso/admin/anna,\"s,1\"\r\nbob@n.example,bob,s2\r\n,,\r\n";
    let (settings, imported, _desk) = imported(Tool::Microsoft, list);
    let users: Vec<_> = settings.accounts.iter().map(|a| (&*a.source_user, &*a.destination_user)).collect();
    assert_eq!(users, [("contoso/admin/anna", "anna@n.example"), ("bob", "bob@n.example")]);
    assert_eq!(password(&settings, 0, Side::Source), "s,1");
    assert!(imported.notes[0].contains("no passwords for the new server"), "{:?}", imported.notes);
}

#[test]
fn one_administrator_behind_a_star_becomes_the_master_user() {
    let list = "EmailAddress,UserName,Password,UserRoot\nanna@n,anna*boss,Tr0ub4\nbob@n,bob*boss,Tr0ub4,INBOX\n";
    let (settings, imported, _desk) = imported(Tool::Microsoft, list);
    let users: Vec<_> = settings.accounts.iter().map(|account| &*account.source_user).collect();
    assert_eq!(users, ["anna", "bob"]);
    let master = settings.server(&settings.accounts[0], Side::Source).master.clone().unwrap();
    assert_eq!(master.user, "boss");
    assert!(
        !imported.accounts.unwrap().contains("Tr0ub4"),
        "the administrator's password is not written a thousand times"
    );
    let notes = imported.notes.join("\n");
    assert!(notes.contains("UserRoot is not carried over") && notes.contains("put its password into source.password"));
    let (settings, ..) = self::imported(Tool::Microsoft, &list.replace("bob*boss", "bob*other"));
    assert_eq!(&*settings.accounts[0].source_user, "anna*boss", "they are login names as they are");
}

const MBSYNCRC: &str = "# two servers\n\
    IMAPAccount old\nHost old.example\nUser anna\nPassCmd \"pass show old\"\nTLSType IMAPS\nTimeout 60\n\n\
    IMAPAccount new\nHost new.example\nPort 1143\nUser anna@new.example # her address\nPass \"Tr0ub4\"\n\
    AuthMechs PLAIN\n\n\
    IMAPStore from\nAccount old\n\nIMAPStore to\nAccount new\n\nMaildirStore disk\nPath ~/Mail/\n\n\
    IMAPStore other\nHost other.example\nUser bob\nPassCmd \"gpg -d < x\"\nTLSType None\n\n\
    Channel all\nFar :from:\nNear :to:Old/mail\nPatterns * !Trash \"!Junk/%\"\nExpunge Near\nMaxSize 10m\nRemove Near\n\n\
    Channel one\nFar :to:\nNear \":other:Sent Items\"\nSync Push\nExpunge Near\nTr0ub4 x\n\n\
    Channel backup\nFar :from:\nNear :disk:\n\n\
    Group home\nChannels all one\n";

#[test]
fn settings_of_mbsync_become_settings_that_say_the_same() {
    let (settings, imported, _desk) = imported(Tool::Mbsync, MBSYNCRC);
    assert!(imported.accounts.is_none() && !imported.settings.contains("Tr0ub4"), "{}", imported.settings);
    let users: Vec<_> =
        settings.accounts.iter().map(|a| (&*a.name, &*a.source_user, &*a.destination_user, &*a.tags[0])).collect();
    assert_eq!(users, [("all", "anna", "anna@new.example", "home"), ("one", "bob", "anna@new.example", "home")]);
    let server = |account: usize, side| settings.server(&settings.accounts[account], side);
    assert_eq!(server(0, Side::Source).label(), "old (old.example)");
    let tls = [server(0, Side::Source), server(0, Side::Destination), server(1, Side::Source)].map(|server| server.tls);
    assert_eq!(tls, [Tls::Implicit, Tls::StartTls, Tls::None]);
    let policies: Vec<&Policy> = settings.accounts.iter().map(|account| &*account.policy).collect();
    assert_eq!(policies[0].mailboxes.prefix.as_deref(), Some("Old/mail"));
    assert_eq!(policies[0].mailboxes.exclude, ["Trash", "Junk/*"]);
    assert_eq!((policies[0].mode, policies[0].max_message_octets), (Mode::Mirror, Some(10_000_000)));
    assert_eq!((policies[1].mode, &policies[1].mailboxes.include), (Mode::Copy, &vec!["Sent Items".to_owned()]));
    assert_eq!(policies[1].mailboxes.rename.get("Sent Items").map(String::as_str), Some("INBOX"));
    assert!(imported.settings.contains("password_command = [\"pass\", \"show\", \"old\"]"), "{}", imported.settings);
    assert!(imported.settings.contains("password_command = [\"sh\", \"-c\", \"gpg -d < x\"]"), "{}", imported.settings);
    let expected = "a keyword that mailferry does not know (line 44) is not carried over
remove (line 37) is not carried over; in mailferry: nothing: no mailbox is ever deleted
the channel `backup` leads to files on disk: mailferry copies between two servers
the password of `new` is not written into the settings: put it into new.password (chmod 600)
timeout (line 7) is not carried over; in mailferry: `timeout` in [limits]";
    assert_eq!(imported.notes.join("\n"), expected);
}

#[test]
fn mistakes_of_a_list_are_told_with_their_lines_and_without_its_cells() {
    let table = [
        (
            Tool::Imapsync,
            "o;a;Tr0ub4;n\n",
            "list:1: this line has 4 cells, and 6 are needed; write it like host1;user1;",
        ),
        (Tool::Imapsync, "o;a;;n;b;Tr0ub4;\n", "list:1: `password1`: this is empty"),
        (Tool::Imapsync, "o o;a;Tr0ub4;n;b;Tr0ub4;\n", "list:1: `host1`: this is not a host name"),
        (Tool::Imapsync, "o;a;Tr0ub4;n;;Tr0ub4;\n", "list:1: `user2`: this is empty"),
        (Tool::Imapsync, "\n# x\n", "list: there is no account in the list; name the right file"),
        (
            Tool::Microsoft,
            "a,b,Tr0ub4\n",
            "list:1: the first line does not name the columns EmailAddress, UserName, Pass",
        ),
        (
            Tool::Microsoft,
            "EmailAddress,UserName,Password\nx,y,\"Tr0ub4\n",
            "list:2: the quote that begins a cell here",
        ),
        (Tool::Microsoft, "EmailAddress,UserName,Password\nx,,Tr0ub4\n", "list:2: `UserName`: this is empty"),
        (Tool::Microsoft, "EmailAddress,UserName,Password\nx,y\n", "list:2: `Password`: this is empty"),
        (Tool::Mbsync, "Channel x\nFar Tr0ub4\nNear :b:\n", "list:2: this names no store; write it like :store:"),
        (Tool::Mbsync, "IMAPStore a\nHost h\nPass Tr0ub4\n\nChannel x\nFar :a:\nNear :a:\n", "`User` is missing"),
        (Tool::Mbsync, "IMAPAccount a\nPass \"Tr0ub4\n", "list:2: the quote that begins here is not closed"),
        (Tool::Mbsync, "IMAPAccount a\nHost h\nPass Tr0ub4\n", "name a file with a Channel from one IMAPStore to"),
    ];
    for (tool, list, expected) in table {
        let mistakes = mistakes(tool, list);
        assert!(mistakes.contains(expected), "{list}: {mistakes}");
        assert!(!mistakes.contains("Tr0ub4"), "{mistakes}");
    }
}
