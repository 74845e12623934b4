//! Fifty accounts on two real servers, of which six fail in six ways: what one comes across who looks after many.

use std::path::PathBuf;

use super::dovecot::{self, Dialect, Dovecot};
use super::ferry::{Ferry, Side};
use super::process::free_port;
use super::seed::seed;
use super::server::{Server, User};

const GOOD: usize = 44;

/// Who fails, and what is said of it.
pub const BAD: [(&str, &str); 6] = [
    ("bad-login", "could not log in"),
    ("bad-missing", "could not log in"),
    ("bad-quota", "quota"),
    ("bad-mailbox", "`Archive/2024`"),
    ("bad-message", "larger than the maximum"),
    ("bad-server", "could not connect"),
];

const MAIL: &str = r#"
INBOX
    1..9 letter \Seen
    10 offer \Flagged
Archive/2024
    1..5 old \Seen
Sent
    1..3 sent \Seen
"#;

/// The destination takes no larger message.
fn largest() -> String {
    match Dialect::of_version(&dovecot::version()) {
        Dialect::V2_3 => "plugin {\n  quota_max_mail_size = 100k\n}".to_owned(),
        Dialect::V2_4 => "quota_mail_size = 100k".to_owned(),
    }
}

/// Both servers, and the program set up to move all of them.
pub struct Fifty {
    pub source: Dovecot,
    pub destination: Dovecot,
    pub ferry: Ferry,
}

impl Fifty {
    pub fn start(parent_directory: Option<PathBuf>) -> Fifty {
        let source = Dovecot::start(dovecot::Options {
            parent_directory: parent_directory.clone(),
            ..dovecot::Options::maildir_with_dots()
        });
        let destination = Dovecot::start(dovecot::Options {
            parent_directory,
            quota: true,
            extra_configuration: vec![largest()],
            ..dovecot::Options::mdbox_with_slashes()
        });
        let away = Side::of(&source).set("port", free_port()).section("servers.away", "SOURCE_PASSWORD");
        let own = Side::of(&source).with_own_passwords().section("servers.own", "");
        let limits = "[limits]\nretries = 1\ntimeout = \"2s\"\n";
        let ferry =
            Ferry::new(Side::of(&source), Side::of(&destination)).with_settings(&format!("{away}{own}{limits}"));
        let names = (1..=GOOD).map(|number| format!("user-{number:02}")).chain(BAD.map(|(name, _)| name.to_owned()));
        let fifty = Fifty { source, destination, ferry };
        let fifty = names.fold(fifty, |fifty, name| fifty.with(&name));
        fifty.spoil("bad-mailbox");
        fifty
    }

    /// That account, with what is wrong with it.
    fn with(self, name: &str) -> Fifty {
        let Fifty { source, destination, ferry } = self;
        let user = User::named(name);
        source.add_user(&user);
        seed(&source, name, MAIL);
        match name {
            "bad-missing" => {}
            "bad-quota" => destination.add_user(&user.clone().with_quota_kibibytes(2)),
            _ => destination.add_user(&user),
        }
        if name == "bad-message" {
            seed(&source, name, "INBOX\n    11 drawings size:200k\n    12 late");
        }
        let ferry = match name {
            "bad-login" => ferry.with_variable("BAD_LOGIN", "mistyped").with_account_lines(
                "source_user = \"bad-login\"\nsource_server = \"own\"\nsource_password_env = \"BAD_LOGIN\"",
            ),
            "bad-server" => ferry.with_account_lines("source_user = \"bad-server\"\nsource_server = \"away\""),
            _ => ferry.with_account(&user),
        };
        Fifty { source, destination, ferry }
    }

    /// A mailbox of that account that is there, and that its server may not read.
    fn spoil(&self, name: &str) {
        use std::os::unix::fs::PermissionsExt;
        let mailbox = self.source.mail_directory(name).join("Maildir/.Archive.2024");
        std::fs::set_permissions(&mailbox, std::fs::Permissions::from_mode(0o000)).expect("shut the mailbox");
    }
}
