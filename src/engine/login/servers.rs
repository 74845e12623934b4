//! The servers that are known by name, and what tells each: a word of the greeting, the name that ID gives, or capabilities
//! that no other server has. What follows from a name, the preset says; most have none.
//!
//! Greetings may be changed by administrators, and proxies show their own; so what comes later is believed before them.

use crate::engine::conversation::capabilities::Capabilities;
use crate::model::server::Preset;

/// A server known by name.
struct Known {
    name: &'static str,
    preset: Preset,
    /// In a greeting or in the name that ID gives; in lower case.
    words: &'static [&'static str],
    /// All of one of these sets are offered after the login.
    capabilities: &'static [&'static [&'static str]],
}

const fn known(
    name: &'static str,
    preset: Preset,
    words: &'static [&'static str],
    capabilities: &'static [&'static [&'static str]],
) -> Known {
    Known { name, preset, words, capabilities }
}

/// Those with narrow marks before those with wide ones. Words and capabilities from the servers' sources, documents and
/// from what other clients look for (MailKit, imapsync), read in 2025 and 2026.
const SERVERS: [Known; 31] = [
    known("Zimbra", Preset::Zimbra, &["zimbra"], &[&["XLIST", "CATENATE", "LOGIN-REFERRALS"]]),
    known("Gmail", Preset::Gmail, &["gimap"], &[&["X-GM-EXT-1"]]),
    known(
        "Microsoft Exchange",
        Preset::Exchange,
        &["microsoft exchange"],
        &[&["CLIENTACCESSRULES"], &["CLIENTNETWORKPRESENCELOCATION"], &["BACKENDAUTHENTICATE"]],
    ),
    known("Yahoo", Preset::Yahoo, &[], &[&["XYMHIGHESTMODSEQ"], &["OBJECTID", "UIDONLY", "PARTIAL"]]),
    known("iCloud", Preset::Icloud, &["iscream"], &[&["XAPPLEPUSHSERVICE", "AUTH=ATOKEN"]]),
    known("WildDuck", Preset::Generic, &["wildduck"], &[]),
    known("Stalwart", Preset::Generic, &["stalwart"], &[&["JMAPACCESS", "UIDBATCHES"]]),
    known("Kerio Connect", Preset::Generic, &["kerio"], &[]),
    known("GroupWise", Preset::Generic, &["groupwise"], &[&["XGWEXTENSIONS"]]),
    known("Domino", Preset::Generic, &["domino imap4"], &[]),
    known("GreenMail", Preset::Generic, &["greenmail"], &[]),
    known("Proton Mail Bridge", Preset::Generic, &["proton mail bridge", "gluon"], &[&["XSTOP"]]),
    known("Hoodiecrow", Preset::Generic, &["hoodiecrow"], &[]),
    known("Apache James", Preset::Generic, &["james"], &[]),
    known("Yandex", Preset::Generic, &["yandex"], &[]),
    known("Purelymail", Preset::Generic, &["pm imap ready"], &[]),
    known("Zoho Mail", Preset::Generic, &["zoho mail"], &[]),
    known("QQ Mail", Preset::Generic, &["qqmail", "coremail"], &[]),
    known("SmarterMail", Preset::Generic, &["smartermail"], &[]),
    known("MDaemon", Preset::Generic, &["mdaemon"], &[]),
    known("Axigen", Preset::Generic, &["axigen"], &[]),
    known("MailEnable", Preset::Generic, &["mailenable"], &[]),
    known("IceWarp", Preset::Generic, &["icewarp"], &[]),
    known("GMX / WEB.DE", Preset::Generic, &["gmx imap4", "web.de imap4"], &[]),
    known("GNU Mailutils", Preset::Generic, &["mailutils", "gnu imap4d"], &[]),
    known("pymap", Preset::Generic, &["pymap"], &[]),
    known("UW-IMAP", Preset::Generic, &["imap4rev1 200", "panda imap"], &[]),
    known("hMailServer", Preset::Generic, &["imaprev1", "hmailserver"], &[]),
    known("Courier", Preset::Courier, &["courier"], &[&["ACL2=UNION"], &["XMAGICTRASH"], &["XCOURIEROUTBOX"]]),
    known("Cyrus", Preset::Cyrus, &["cyrus"], &[&["X-CREATEDMODSEQ"], &["X-REPLICATION"]]),
    known(
        "Dovecot",
        Preset::Dovecot,
        &["dovecot"],
        &[&["SNIPPET=FUZZY"], &["THREAD=REFS", "SEARCHRES", "URL-PARTIAL"]],
    ),
];

/// What a word of a greeting or of ID's name tells.
pub fn named_in(text: &str) -> Option<(&'static str, Preset)> {
    let text = text.to_ascii_lowercase();
    let found = SERVERS.iter().find(|server| server.words.iter().any(|word| text.contains(word)))?;
    Some((found.name, found.preset))
}

/// What the capabilities after the login tell.
pub fn known_by(offered: &Capabilities) -> Option<(&'static str, Preset)> {
    let all_of = |set: &&[&str]| set.iter().all(|capability| offered.has(capability));
    let found = SERVERS.iter().find(|server| server.capabilities.iter().any(all_of))?;
    Some((found.name, found.preset))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Greetings as the servers send them.
    #[test]
    fn named_in_greetings_each_server_is_told() {
        let greetings = [
            ("OK mail.example.com Zimbra IMAP4rev1 server ready", "Zimbra"),
            ("OK Gimap ready for requests from 192.0.2.1 a1mb1", "Gmail"),
            ("OK The Microsoft Exchange IMAP4 service is ready. [QQBN=]", "Microsoft Exchange"),
            ("OK Microsoft Exchange Server 2003 IMAP4rev1 server version 6.5 ready", "Microsoft Exchange"),
            ("OK iSCREAM ready to rumble (1913B-1 x) [st11p00im]", "iCloud"),
            ("OK Domino IMAP4 Server Release 9.0.1FP10 ready Mon, 1 Jan 2018", "Domino"),
            ("OK IMAPrev1", "hMailServer"),
            ("OK IMAP4 ready, Kerio Connect 9.4.2 server", "Kerio Connect"),
            ("OK imap.example.org IMAP4rev1 2007f.404 at Mon, 1 Jan 2024 00:00:00 +0000 (UTC)", "UW-IMAP"),
            ("OK Courier-IMAP ready. Copyright 1998-2020 Double Precision, Inc.", "Courier"),
            ("OK mail Cyrus IMAP 3.6.1-Debian-3.6.1-4 server ready", "Cyrus"),
            ("OK Dovecot (Debian) ready.", "Dovecot"),
            ("OK Stalwart IMAP4rev2 at your service.", "Stalwart"),
            ("OK Hoodiecrow ready for rumble", "Hoodiecrow"),
            ("OK IMAP4rev1 Server GreenMail v2.1.0 ready", "GreenMail"),
            ("OK JAMES IMAP4rev1 Server example.org is ready.", "Apache James"),
            ("OK WildDuck ready", "WildDuck"),
            ("OK Yandex IMAP4rev1 at imap-42.mail.yandex.net:993 ready to talk", "Yandex"),
            ("OK PM IMAP ready", "Purelymail"),
            ("OK Zoho Mail Server IMAP4rev1 service is ready", "Zoho Mail"),
        ];
        for (greeting, name) in greetings {
            assert_eq!(named_in(greeting).map(|(name, _)| name), Some(name), "{greeting}");
        }
        assert_eq!(named_in("OK IMAP server ready"), None);
    }

    #[test]
    fn known_by_capabilities_where_the_greeting_is_silent() {
        let known = |words: &str| known_by(&Capabilities::parse(words));
        assert_eq!(known("IMAP4rev1 XYMHIGHESTMODSEQ UIDPLUS"), Some(("Yahoo", Preset::Yahoo)));
        assert_eq!(known("IMAP4rev1 IDLE X-GM-EXT-1 UIDPLUS"), Some(("Gmail", Preset::Gmail)));
        assert_eq!(known("IMAP4 IMAP4rev1 CLIENTACCESSRULES UIDPLUS"), Some(("Microsoft Exchange", Preset::Exchange)));
        assert_eq!(known("IMAP4rev1 THREAD=ORDEREDSUBJECT ACL2=UNION"), Some(("Courier", Preset::Courier)));
        assert_eq!(known("IMAP4rev1 XAPPLEPUSHSERVICE AUTH=ATOKEN"), Some(("iCloud", Preset::Icloud)));
        // WildDuck offers Apple's notifications, too.
        assert_eq!(known("IMAP4rev1 XAPPLEPUSHSERVICE"), None);
        assert_eq!(known("IMAP4rev1 UIDPLUS IDLE"), None);
    }
}
