//! Accounts files as people have them: what is read of them, and what is said of them.

use crate::config::account::AccountDraft;
use crate::config::tests::{Desk, Staged};
use crate::config::{Mistakes, Settings};
use crate::error::Scope;
use crate::model::{Account, Side};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

const SERVERS: &str = "[source]\nhost = \"o\"\n[destination]\nhost = \"n\"\n";

fn settings(further: &str) -> String {
    format!("{SERVERS}[accounts]\nfile = \"a.csv\"\n{further}\n")
}

fn read(rows: impl AsRef<[u8]>, further: &str) -> Result<Settings, Mistakes> {
    Desk::new().file("a.csv", rows).read(&settings(further))
}

/// Names and users, as they were understood.
fn users(settings: &Settings) -> Vec<(&str, &str, &str)> {
    settings.accounts.iter().map(|a| (&*a.name, &*a.source_user, &*a.destination_user)).collect()
}

#[test]
fn wrong_rows_are_told_with_line_and_fix() {
    let table: [(&[u8], &str); 30] = [
        (b"", "a.csv:1: the accounts file is empty; begin it with"),
        (b"\n\n", "a.csv:1: the accounts file is empty; begin it with"),
        (b"source_user\n", "a.csv:1: the accounts file has a header and no accounts"),
        (b"source_user,tags\n,\n\n", "a.csv:1: the accounts file has a header and no accounts"),
        (b"name,tags\na,b\n", "a.csv:1: the column `source_user` is missing; name the columns"),
        (b"source_user,destnation_user\na,b\n", "a.csv:1: column 2 is not known; did you mean `destination_user`?"),
        (b"source_user,source_user\na,b\n", "a.csv:1: the column `source_user` is there twice"),
        (b"source_user,password\na,hunter2\n", "column `password`: whose password it is cannot be told; call it"),
        (b"source_user,tags\na\n", "a.csv:2: this row has 1 cells and the header has 2; give each column a cell"),
        (b"# note\n\nsource_user,tags\na,b\nc,d,e\n", "a.csv:5: this row has 3 cells and the header has 2; put a cell"),
        (b"source_user,destination_user\na,\n", "a.csv:2: `destination_user`: this is empty; write the user there"),
        (b"source_user,tags\n,x\n", "a.csv:2: `source_user`: this is empty"),
        (b"source_user\n\"a\tb\"\n", "a.csv:2: `source_user`: control characters are not allowed here"),
        (b"source_user\n<user>\n", "a.csv:2: `source_user`: a placeholder is not filled in"),
        (b"source_user\na\nb\na\n", "a.csv:4: this account name is used already at a.csv:2; give each account"),
        (b"name,source_user\nx,a\nx,b\n", "a.csv:3: this account name is used already at a.csv:2"),
        (b"source_user,destination_user\na,z\nb,Z\n", "a.csv:3: this destination user is used already at a.csv:2"),
        (b"source_user\n\xe4\n\xe5\n", "a.csv:2: this row is not UTF-8; save the file as CSV UTF-8; or, where Excel"),
        (b"source_user,source_password_command\na,x \"y z\"\n", "a.csv:2: `source_password_command` is split at bl"),
        // Quotes
        (
            b"source_user,tags\na,x\nb,\"y\nc,z\n",
            "a.csv:3: the quote that begins a cell here is not closed on its line",
        ),
        (b"source_user,tags\na,\"x\nb,\"y\"\n", "a.csv:2: the quote that begins a cell here is not closed on its line"),
        (b"source_user,tags\na,\"x\"y\n", "a.csv:2: something follows the quote that closes a cell here"),
        // Lists without a header, and of other tools
        (b"anna,hunter2\nbob,hunter3\n", "a.csv:1: the first line names no column that is known; begin it with"),
        (b"h1;anna;hunter2;h2;anna;hunter3;\n", "or, where it is a list for imapsync, run `mailferry init --from"),
        (b"EmailAddress,UserName,Password\na@b,a,hunter2\n", "run `mailferry init --from microsoft FILE`"),
        // Passwords
        (b"source_user,source_password\na, hunter2\n", "a.csv:2: `source_password`: the password begins or ends with"),
        (b"source_user,source_password\na,hun\0ter2\n", "a.csv:2: `source_password`: the password there holds a NUL"),
        (
            b"source_user,source_password,source_password_env\na,hunter2,X\n",
            "a.csv:2: `source_password` is given beside one of `source_password_env`, `source_password_file`,",
        ),
        // Line numbers, whatever stands before
        (b"source_user,tags\r\na,x\r\n\r\n# c\r\nb,x\r\n,y\r\n", "a.csv:6: `source_user`: this is empty"),
        (b"source_user,tags\ra,x\r\r,y\r", "a.csv:4: `source_user`: this is empty"),
    ];
    for (rows, expected) in table {
        let desk = Desk::new().file("a.csv", rows);
        let mistakes = desk.mistakes(&settings(""));
        assert!(mistakes.contains(expected), "{}:\n{mistakes}", rows.escape_ascii());
        assert!(!mistakes.contains("hunter"), "{mistakes}");
        let line = mistakes.split(": ").next().unwrap();
        assert!(mistakes.lines().all(|mistake| mistake.starts_with(line)), "{}:\n{mistakes}", rows.escape_ascii());
    }
}

#[test]
fn all_mistakes_of_a_file_are_told_at_once() {
    let rows =
        "source_user;source_password;tgs\nanna;\"hunter2;x\n;hunter3;y\nbob;hunter4;z;hunter5\ncarl;h;x\ncarl;h;\n";
    let mistakes = Desk::new().file("a.csv", rows).mistakes(&settings(""));
    let expected = "a.csv:1: column 3 is not known; did you mean `tags`?
a.csv:2: the quote that begins a cell here is not closed on its line; close it, or double it (\"\") where the cell \
         begins with a quote of its own
a.csv:3: `source_user`: this is empty; write whose mailboxes are to be copied
a.csv:4: this row has 4 cells and the header has 3; put a cell that holds a comma, semicolon or tab into quotes
a.csv:6: this account name is used already at a.csv:5; give each account a `name` of its own
a.csv:6: this destination user is used already at a.csv:5; two accounts would be mixed into one; correct \
         `destination_user`, or give one a `prefix` to go below; or write `merge_with_others = true` for each, if they are to \
         be mixed";
    assert_eq!(mistakes, expected);
}

#[test]
fn files_of_every_spreadsheet_are_read_alike() {
    let rows =
        "name;source_user;destination_user;tags\r\n;\"Café; x@y.de\"; b ;\r\n\r\n# off;c;d;\r\n;;;\r\nD;d;e;t;;;\r\n";
    let utf16: Vec<u8> = rows.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let windows: Vec<u8> = rows.chars().map(|character| u8::try_from(u32::from(character)).unwrap()).collect();
    let forms: [(Vec<u8>, &str); 8] = [
        (rows.into(), ""),
        ([b"\xef\xbb\xbf", rows.as_bytes()].concat(), ""),
        ([b"\xff\xfe", &utf16[..]].concat(), ""),
        (windows, "encoding = \"windows-1252\""),
        (rows.replace(';', "\t").replace("Café\t", "Café;").into(), ""),
        (rows.replace("\r\n", "\r").into(), ""),
        (format!("sep=;\r\n{rows}").into(), ""),
        (rows.replace(';', ",").replace("Café,", "Café;").replace("source_user", "Source User").into(), ""),
    ];
    for (octets, further) in forms {
        let settings =
            read(&octets, further).unwrap_or_else(|mistakes| panic!("{mistakes}\n{}", octets.escape_ascii()));
        let expected = [("Café; x@y.de", "Café; x@y.de", "b"), ("D", "d", "e")];
        assert_eq!(users(&settings), expected, "{}", octets.escape_ascii());
    }
}

#[test]
fn delimiter_of_the_settings_is_believed() {
    let settings = read("source_user;tags,name\n", "delimiter = \",\"").unwrap_err().to_string();
    assert!(settings.contains("column 1 is not known"), "{settings}");
    assert_eq!(users(&read("source_user\ttags\na,b\tc", "delimiter = \"tab\"").unwrap()), [("a,b", "a,b", "a,b")]);
    assert!(read("source_user\na", "delimiter = \"|\"").unwrap_err().to_string().contains("`|` is not known here"));
}

const WITH_PASSWORDS: &str =
    "source_user;source_password;destination_password\nanna;\"a;\"\"b\";d1\n\nbob;\" p \";d2\n";

#[test]
fn passwords_are_taken_from_their_columns_at_each_login() {
    let desk = Desk::new().file("a.csv", WITH_PASSWORDS);
    let settings = desk.read(&settings("")).unwrap();
    let of = |account: usize, side| {
        let password = settings.passwords().password(&settings.accounts[account], side);
        password.map(|secret| secret.expose().to_owned())
    };
    assert!(settings.check_passwords(&settings.accounts).unwrap().is_empty());
    assert_eq!(of(0, Side::Source).unwrap(), "a;\"b");
    assert_eq!(of(1, Side::Source).unwrap(), " p ");
    assert_eq!(of(1, Side::Destination).unwrap(), "d2");
    let rewritten = |text: String| fs::write(desk.path("a.csv"), text).unwrap();
    rewritten(WITH_PASSWORDS.replace("d2", "D2"));
    assert_eq!(of(1, Side::Destination).unwrap(), "D2", "what stands there now is what counts");
    for (changed, account) in [
        (WITH_PASSWORDS.replace("anna", "nina"), 0),
        (WITH_PASSWORDS.replace("anna;", "anna; "), 1),
        (WITH_PASSWORDS.replace("bob", "tom"), 1),
        (WITH_PASSWORDS.replace("d2", "long"), 1),
        (String::new(), 0),
    ] {
        rewritten(changed.clone());
        let error = settings.passwords().password(&settings.accounts[account], Side::Destination).unwrap_err();
        assert!(error.what().contains("the accounts file was changed after it was read"), "{changed}: {error:?}");
        assert_eq!(error.reach(), Scope::Account);
    }
}

#[test]
fn passwords_are_read_again_in_every_encoding() {
    let rows = WITH_PASSWORDS.replace("d2", "Ünï");
    let utf16: Vec<u8> = rows.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let windows: Vec<u8> = rows.chars().map(|character| u8::try_from(u32::from(character)).unwrap()).collect();
    let forms = [
        ([b"\xfe\xff", &utf16[..]].concat(), ""),
        ([b"\xef\xbb\xbf", rows.as_bytes()].concat(), ""),
        (windows, "encoding = \"windows-1252\""),
    ];
    for (octets, further) in forms {
        let desk = Desk::new().file("a.csv", &octets);
        let settings = desk.read(&settings(further)).unwrap();
        let password = settings.passwords().password(&settings.accounts[1], Side::Destination).unwrap();
        assert_eq!(password.expose(), "Ünï");
    }
}

#[test]
fn passwords_are_taken_from_a_private_file_only() {
    let desk = Desk::new().file("a.csv", WITH_PASSWORDS);
    let set_mode = |mode| fs::set_permissions(desk.path("a.csv"), fs::Permissions::from_mode(mode)).unwrap();
    for mode in [0o604, 0o640, 0o602, 0o666, 0o610] {
        set_mode(mode);
        let mistakes = desk.mistakes(&settings(""));
        assert!(
            mistakes.starts_with(&format!("a.csv: this file holds passwords, and others can read it (mode {mode:o})"))
        );
        assert!(mistakes.contains("run `chmod 600 ") && mistakes.lines().count() == 1, "{mistakes}");
    }
    set_mode(0o400);
    let settings = desk.read(&settings("")).unwrap();
    set_mode(0o644);
    let error = settings.passwords().password(&settings.accounts[0], Side::Source).unwrap_err();
    assert!(error.what().contains("others can read it"), "{error:?}");
}

#[test]
fn columns_of_passwords_without_any_need_no_private_file() {
    let desk = Desk::new().file("a.csv", "source_user,source_password\na,\n");
    fs::set_permissions(desk.path("a.csv"), fs::Permissions::from_mode(0o644)).unwrap();
    let settings = desk.read(&settings("")).unwrap();
    assert_eq!(users(&settings), [("a", "a", "a")]);
}

#[test]
fn places_in_a_row_are_not_repeated_either() {
    let rows = "source_user,source_password_env,source_password_file,source_password_command\n\
                a,hunter2,,\nb,,hunter2,\nc,,,hunter2\n";
    let desk = Desk::new().staged(Staged::with(&[("MAILFERRY_DESTINATION_PASSWORD", "x")])).file("a.csv", rows);
    let settings = desk.read(&settings("")).unwrap();
    let mistakes = desk.bare(settings.check_passwords(&settings.accounts).unwrap_err());
    let expected = "a.csv:2: the environment variable that is named here is not set; export it, or name another place
a.csv:3: the password file that is named here cannot be read: No such file or directory (os error 2); correct the path or \
its rights
a.csv:4: the password command here: there is no such program, or it may not be run; correct its name, or give its whole \
path";
    assert_eq!(mistakes, expected);
    for account in &settings.accounts {
        let error = settings.passwords().password(account, Side::Source).unwrap_err();
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}

/// There may be 100,000 of them, of which a few are at work: what is equal is there once, what is rare takes no room.
#[test]
fn account_at_rest_costs_next_to_nothing() {
    assert!(size_of::<Account>() <= 112, "{}", size_of::<Account>());
    assert!(size_of::<AccountDraft>() <= 320, "{}", size_of::<AccountDraft>());
    let rows = "name,source_user,destination_user\na,a,a\nb,b,B\n";
    let settings = read(rows, "[sync]\nmode = \"mirror\"").unwrap();
    let [a, b] = &settings.accounts[..] else { panic!("two accounts") };
    assert!(Arc::ptr_eq(&a.name, &a.source_user) && Arc::ptr_eq(&a.name, &a.destination_user));
    assert!(Arc::ptr_eq(&b.name, &b.source_user) && &*b.destination_user == "B");
    assert!(Arc::ptr_eq(&a.policy, &b.policy));
}
