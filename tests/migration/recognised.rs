//! Servers that are known by name, each played as its documents and reports have it, as source and as destination: `check` says who it
//! is, and a copy is whole, is repeated by no second run and by none without the state.
//!
//! From: UW-IMAP 2007f, GreenMail 1.6.15 and go-imap v2 (March 2024), as they were run in November 2025 beside other servers;
//! hmailserver/hmailserver (source/Server/IMAP, April 2025); zone-eu/wildduck (config/imap.toml, imap-core, 2025); Apache James'
//! documents (imap.adoc, 2025); Zoho's "IMAP access" and jstedfast/MailKit#1686; Purelymail/purelymail-issues#452 and
//! nextcloud/mail#13457 (August 2026), each with a transcript.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::fake::behaviour::{Behaviour, FlagsBy, Rule};
use crate::support::fake::{Fake, Tenant};
use crate::support::ferry::{Ferry, Side};
use crate::support::server::User;

const USER: &str = "mover";
const MAIL: &str =
    "INBOX\n    1..5 bulk \\Seen\n    twin \\Flagged\n    twin\nArchive\n    a \\Answered todo\nArchive/2024\n    b";

/// One server.
struct Row {
    name: &'static str,
    /// What ID calls it.
    id: &'static str,
    capabilities: &'static str,
    oddity: Oddity,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Oddity {
    None,
    /// A STORE takes keywords that an APPEND loses.
    KeywordsByStore,
    /// No keywords at all.
    NoKeywords,
    /// `PERMANENTFLAGS (\*)`, which tells nothing.
    NoFlagsNamed,
    /// HIGHESTMODSEQ and MODSEQ of -1.
    NegativeModSeq,
    /// BAD to SELECT and EXAMINE with more than one parameter, and to STATUS with an item of an extension.
    FewParameters,
}

const ROWS: [Row; 8] = [
    Row {
        name: "UW-IMAP",
        id: "IMAP4rev1 2007f.404",
        capabilities: "IMAP4rev1 ID UIDPLUS LITERAL+ MULTIAPPEND ESEARCH NAMESPACE UNSELECT CHILDREN",
        oddity: Oddity::KeywordsByStore,
    },
    Row {
        name: "hMailServer",
        id: "hMailServer",
        capabilities: "IMAP4 IMAP4rev1 ID CHILDREN IDLE QUOTA SORT ACL NAMESPACE RIGHTS=texk",
        oddity: Oddity::NoKeywords,
    },
    Row {
        name: "GreenMail",
        id: "GreenMail",
        capabilities: "IMAP4rev1 ID LITERAL+ UIDPLUS SORT IDLE MOVE QUOTA",
        oddity: Oddity::None,
    },
    Row {
        name: "go-imap",
        id: "go-imap",
        capabilities: "IMAP4rev1 IMAP4rev2 ID LITERAL- UIDPLUS NAMESPACE UNSELECT ENABLE IDLE MOVE",
        oddity: Oddity::NoFlagsNamed,
    },
    Row {
        name: "WildDuck",
        id: "WildDuck",
        capabilities: "IMAP4rev1 ID UNSELECT IDLE NAMESPACE UIDPLUS SPECIAL-USE ENABLE CONDSTORE MOVE APPENDLIMIT=26214400",
        oddity: Oddity::None,
    },
    Row {
        name: "Apache James",
        id: "Apache James",
        capabilities: "IMAP4rev1 ID LITERAL+ UIDPLUS ENABLE CONDSTORE QRESYNC NAMESPACE UNSELECT MOVE QUOTA ACL OBJECTID",
        oddity: Oddity::None,
    },
    Row {
        name: "Zoho Mail",
        id: "Zoho Mail",
        capabilities: "IMAP4rev1 ID UIDPLUS NAMESPACE CHILDREN UNSELECT CONDSTORE ENABLE",
        oddity: Oddity::NegativeModSeq,
    },
    Row {
        name: "Purelymail",
        id: "PM IMAP ready",
        capabilities: "IMAP4rev1 ID LITERAL+ CHILDREN I18NLEVEL=1 NAMESPACE IDLE ENABLE CONDSTORE QRESYNC ANNOTATION RIGHTS= WITHIN \
            ESEARCH ESORT SEARCHRES SORT MOVE UIDPLUS UNSELECT",
        oddity: Oddity::FewParameters,
    },
];

impl Row {
    fn behaviour(&self) -> Behaviour {
        let (id, oddity) = (self.id, self.oddity);
        let rules = match oddity {
            Oddity::FewParameters => few_parameters(),
            _ => Vec::new(),
        };
        Behaviour { capabilities: self.capabilities.to_owned(), rules, ..Behaviour::honest() }
            .keeping_flags(move |by, flag| {
                let is_keyword = !flag.starts_with('\\');
                match oddity {
                    Oddity::KeywordsByStore => !is_keyword || by == FlagsBy::Store,
                    Oddity::NoKeywords => !is_keyword,
                    _ => true,
                }
            })
            .lying(move |command, response| {
                let text = String::from_utf8_lossy(&response).into_owned();
                if command.starts_with("ID ") && text.starts_with("* ID") {
                    return format!("* ID (\"name\" \"{id}\")\r\n").into_bytes();
                }
                match oddity {
                    Oddity::NoFlagsNamed if text.starts_with("* OK [PERMANENTFLAGS") => {
                        b"* OK [PERMANENTFLAGS (\\*)] flags\r\n".to_vec()
                    }
                    Oddity::NegativeModSeq if text.starts_with("* OK [HIGHESTMODSEQ") => {
                        b"* OK [HIGHESTMODSEQ -1] highest\r\n".to_vec()
                    }
                    _ => response,
                }
            })
    }
}

fn few_parameters() -> Vec<Rule> {
    let refused = |command: &str, text: &str| {
        Rule::refuse(command, &format!("BAD {command} failed. Illegal arguments.")).holding(text)
    };
    let opened = ["SELECT", "EXAMINE"].into_iter().map(|command| refused(command, "(CONDSTORE QRESYNC"));
    let asked = ["SIZE", "MAILBOXID", "DELETED", "APPENDLIMIT"].into_iter().map(|item| refused("STATUS", item));
    opened.chain(asked).collect()
}

/// Octets, and flags without keywords, of each mailbox, in their order.
type Held = BTreeMap<String, Vec<(Vec<u8>, BTreeSet<String>)>>;

fn held(tenant: &Tenant) -> Held {
    let account = tenant.account();
    let flags = |flags: &BTreeSet<String>| flags.iter().filter(|flag| flag.starts_with('\\')).cloned().collect();
    let messages = account.mailboxes.iter().map(|mailbox| {
        let messages = mailbox.messages.iter().map(|it| (it.octets().into_owned(), flags(&it.flags)));
        (String::from_utf8_lossy(&mailbox.name).into_owned(), messages.collect())
    });
    messages.collect()
}

#[test]
fn servers_that_are_known_by_name_are_served_as_source_and_as_destination() {
    for (row, is_source) in ROWS.iter().flat_map(|row| [(row, true), (row, false)]) {
        let (source, destination) = (Fake::start(), Fake::start());
        source.tenant(USER).account().fill(MAIL);
        if is_source { &source } else { &destination }.tenant(USER).behave(row.behaviour());
        let side = |fake: &Fake| Side::in_clear_text(fake.port());
        let ferry = Ferry::new(side(&source), side(&destination)).with_account(&User::named(USER));
        if row.name != "go-imap" {
            ferry.run(&["check"]).expect(0).says(&format!("{} at localhost", row.id));
        }
        let output = ferry.run(&["sync", "--progress", "plain"]).expect(0);
        assert_eq!(held(&source.tenant(USER)), held(&destination.tenant(USER)), "{}: {output}", row.name);
        let is_todo_lost = row.oddity == Oddity::NoKeywords && !is_source;
        assert_eq!(format!("{output}").contains("todo"), is_todo_lost, "{}: {output}", row.name);
        for round in 0..2 {
            destination.tenant(USER).forget_commands();
            let output = ferry.run(&["sync", "--progress", "plain"]).expect(0);
            let said = destination.tenant(USER).commands();
            assert!(!said.iter().any(|line| line.starts_with("APPEND")), "{} in round {round}: {output}", row.name);
            if round == 0 {
                // What the destination does not keep is known to the state alone.
                ferry.run(&["verify", "--deep"]).expect(0);
                ferry.forget_state();
            }
        }
    }
}
