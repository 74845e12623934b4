//! The scenarios, as data: what each side's user does while no tool runs, and what disturbs the run that follows.

use super::acts::Act::{self, Create, Delete, Deliver, Move, Remove, Rename, Renumber, Set, Unset};

/// What both sides hold first, in the notation of the test harness.
pub const MAIL: &str = "\
INBOX
    1..8 m \\Seen
    11..14 n
    15 bare kind:no-message-id
Archive
    2..6 a \\Answered
    8 twin
    9 twin
Old
    1..3 o \\Seen
Sent
    1..22 s \\Seen
Drafts
    draft \\Draft
Empty";

/// What befalls the first run behind what the users did.
pub enum Disturbance {
    None,
    /// Something happens at a place of the conversation, as `tests/support/proxy` names it.
    Strike(&'static str),
    /// The users go on in the midst of the run, when it comes to a place.
    Meanwhile {
        place: &'static str,
        here: &'static [Act],
        there: &'static [Act],
    },
    /// What the tool remembered is gone.
    StateLost,
    /// The run ends, and what the tool remembered is put back as it was before.
    StateOfBefore,
}

pub struct Scenario {
    pub name: &'static str,
    /// What the user does on the first side, and on the second.
    pub here: &'static [Act],
    pub there: &'static [Act],
    pub disturbance: Disturbance,
    /// Messages whose users contradict each other: they may be there or not, and must be the same on both sides.
    pub disputed: &'static [&'static str],
    /// A mailbox that one user took away: a tool may ask before it does so on the other side.
    pub question: Option<&'static str>,
}

const QUIET: Scenario =
    Scenario { name: "", here: &[], there: &[], disturbance: Disturbance::None, disputed: &[], question: None };

/// What users do on both sides where something else is what matters.
const NEW_HERE: Act = Deliver("INBOX", "new-here \\Flagged");
const NEW_THERE: Act = Deliver("INBOX", "new-there");

/// Enough for more than one message to be under way.
const MUCH_HERE: &[Act] = &[
    Deliver("INBOX", "h-1 size:40k"),
    Deliver("INBOX", "h-2 \\Seen size:40k"),
    Deliver("INBOX", "h-3 size:40k"),
    Deliver("Archive", "h-4"),
    Delete("INBOX", "m-1"),
    Set("INBOX", "m-2", "\\Answered"),
];
const MUCH_THERE: &[Act] = &[
    Deliver("INBOX", "t-1 size:40k"),
    Deliver("INBOX", "t-2 \\Seen size:40k"),
    Deliver("Archive", "t-3"),
    Delete("INBOX", "m-7"),
    Delete("Archive", "a-2"),
    Unset("INBOX", "m-8", "\\Seen"),
];

pub const SCENARIOS: [Scenario; 30] = [
    Scenario {
        name: "new mail on both sides",
        here: &[NEW_HERE, Deliver("Archive", "filed \\Seen")],
        there: &[NEW_THERE, Deliver("Old", "late \\Seen")],
        ..QUIET
    },
    Scenario {
        name: "deleted on both sides, the same message and others",
        here: &[Delete("INBOX", "m-1"), Delete("INBOX", "n-12")],
        there: &[Delete("INBOX", "m-1"), Delete("INBOX", "m-5"), Delete("Archive", "a-3")],
        ..QUIET
    },
    Scenario {
        name: "deleted on one side, flagged on the other",
        here: &[Delete("INBOX", "m-1"), Set("INBOX", "m-2", "\\Flagged")],
        there: &[Set("INBOX", "m-1", "\\Flagged"), Delete("INBOX", "m-2")],
        disputed: &["m-1", "m-2"],
        ..QUIET
    },
    Scenario {
        name: "flags set and taken off on both sides",
        here: &[Set("INBOX", "m-1", "\\Flagged"), Unset("INBOX", "m-2", "\\Seen"), Set("INBOX", "n-11", "\\Seen")],
        there: &[Set("INBOX", "m-3", "\\Answered"), Unset("INBOX", "m-4", "\\Seen"), Set("INBOX", "n-11", "\\Seen")],
        ..QUIET
    },
    Scenario {
        name: "one message: unread on one side, flagged on the other",
        here: &[Unset("INBOX", "m-1", "\\Seen"), Set("INBOX", "m-2", "\\Flagged")],
        there: &[Set("INBOX", "m-1", "\\Flagged"), Unset("INBOX", "m-2", "\\Seen")],
        ..QUIET
    },
    Scenario {
        name: "keywords set on both sides",
        here: &[Set("INBOX", "m-1", "$Forwarded"), Set("INBOX", "m-2", "$Label1")],
        there: &[Set("INBOX", "m-1", "todo"), Set("INBOX", "m-3", "$Label1")],
        ..QUIET
    },
    Scenario {
        name: "marked as deleted, and not expunged",
        here: &[Set("INBOX", "m-1", "\\Deleted"), NEW_HERE],
        there: &[Set("INBOX", "m-2", "\\Deleted"), NEW_THERE],
        disputed: &["m-1", "m-2"],
        ..QUIET
    },
    Scenario {
        name: "a draft edited on one side",
        here: &[Delete("Drafts", "draft"), Deliver("Drafts", "draft-2 \\Draft kind:message-id:draft")],
        ..QUIET
    },
    Scenario {
        name: "a draft edited on both sides",
        here: &[Delete("Drafts", "draft"), Deliver("Drafts", "draft-2 \\Draft kind:message-id:draft")],
        there: &[Delete("Drafts", "draft"), Deliver("Drafts", "draft-3 \\Draft kind:message-id:draft")],
        ..QUIET
    },
    Scenario {
        name: "the same mail delivered to both sides",
        here: &[Deliver("INBOX", "both"), Deliver("INBOX", "both-too kind:no-message-id"), NEW_HERE],
        there: &[Deliver("INBOX", "both"), Deliver("INBOX", "both-too kind:no-message-id"), NEW_THERE],
        ..QUIET
    },
    Scenario {
        name: "two messages of one Message-ID, one to each side",
        here: &[Deliver("INBOX", "one kind:message-id:shared")],
        there: &[Deliver("INBOX", "two kind:message-id:shared")],
        ..QUIET
    },
    Scenario {
        name: "one of two equal messages deleted",
        here: &[Set("INBOX", "m-1", "\\Flagged")],
        there: &[Delete("Archive", "twin")],
        ..QUIET
    },
    Scenario {
        name: "mail without Message-ID, new on both sides, and deleted",
        here: &[Deliver("INBOX", "bare-here kind:no-message-id"), Delete("INBOX", "bare")],
        there: &[Deliver("INBOX", "bare-there kind:no-message-id")],
        ..QUIET
    },
    Scenario {
        name: "odd mail: 8-bit headers, no last line end, no body, long lines",
        here: &[Deliver("INBOX", "eight kind:8-bit-header"), Deliver("INBOX", "open kind:no-final-newline")],
        there: &[Deliver("INBOX", "hollow kind:empty-body"), Deliver("INBOX", "long kind:long-lines")],
        ..QUIET
    },
    Scenario {
        name: "messages moved to another mailbox",
        here: &[Move("INBOX", "m-1", "Archive"), Move("INBOX", "n-11", "Archive")],
        there: &[Move("INBOX", "m-5", "Old")],
        ..QUIET
    },
    Scenario {
        name: "moved on one side, flagged on the other",
        here: &[Move("INBOX", "m-1", "Archive")],
        there: &[Set("INBOX", "m-1", "\\Flagged")],
        ..QUIET
    },
    Scenario {
        name: "mailboxes created on both sides, empty and with mail",
        here: &[Create("Here"), Deliver("Here", "h"), Create("Hollow")],
        there: &[Create("There"), Deliver("There", "t \\Seen"), Create("Both"), NEW_THERE],
        ..QUIET
    },
    Scenario {
        name: "a mailbox renamed",
        here: &[Rename("Old", "Older"), NEW_HERE],
        there: &[NEW_THERE],
        question: Some("Old"),
        ..QUIET
    },
    Scenario {
        name: "a mailbox with mail deleted",
        here: &[Remove("Old"), NEW_HERE],
        there: &[NEW_THERE],
        question: Some("Old"),
        ..QUIET
    },
    Scenario {
        name: "mail comes to both sides in the midst of the run",
        here: &[NEW_HERE],
        there: &[NEW_THERE],
        disturbance: Disturbance::Meanwhile {
            place: "destination/before-answer/APPEND#1",
            here: &[Deliver("INBOX", "mid-here"), Deliver("Archive", "mid-here-2")],
            there: &[Deliver("INBOX", "mid-there"), Deliver("Archive", "mid-there-2")],
        },
        ..QUIET
    },
    Scenario {
        name: "deleted and flagged in the midst of the run",
        here: &[NEW_HERE],
        there: &[NEW_THERE],
        disturbance: Disturbance::Meanwhile {
            place: "destination/before-answer/APPEND#1",
            here: &[Delete("INBOX", "m-1"), Set("INBOX", "m-2", "\\Flagged")],
            there: &[Delete("INBOX", "m-5"), Unset("INBOX", "m-6", "\\Seen")],
        },
        ..QUIET
    },
    Scenario {
        name: "killed in the midst of a message",
        here: MUCH_HERE,
        there: MUCH_THERE,
        disturbance: Disturbance::Strike("destination/upload/APPEND#1=kill"),
        ..QUIET
    },
    Scenario {
        name: "killed before the answer to an APPEND",
        here: MUCH_HERE,
        there: MUCH_THERE,
        disturbance: Disturbance::Strike("source/before-answer/APPEND#1=kill"),
        ..QUIET
    },
    Scenario {
        name: "the answer to an APPEND lost, and the connection",
        here: MUCH_HERE,
        there: MUCH_THERE,
        disturbance: Disturbance::Strike("destination/before-answer/APPEND#1=cut"),
        ..QUIET
    },
    Scenario {
        name: "killed among deletions and flags",
        here: MUCH_HERE,
        there: MUCH_THERE,
        disturbance: Disturbance::Strike("destination/after-answer/UID-STORE#1=kill"),
        ..QUIET
    },
    Scenario {
        name: "another UIDVALIDITY on one side, all UIDs as before",
        here: &[Renumber("Sent")],
        there: &[Deliver("Sent", "new-there \\Seen"), Delete("Sent", "s-4")],
        ..QUIET
    },
    Scenario {
        name: "another UIDVALIDITY and other UIDs on one side",
        here: &[Renumber("Archive"), Deliver("Archive", "new-here")],
        there: &[Deliver("Archive", "new-there"), Delete("Archive", "a-4"), Set("Archive", "a-5", "\\Flagged")],
        ..QUIET
    },
    Scenario {
        name: "another UIDVALIDITY on both sides",
        here: &[Renumber("Sent"), Deliver("Sent", "new-here")],
        there: &[Renumber("Sent"), Deliver("Sent", "new-there")],
        ..QUIET
    },
    Scenario {
        name: "what the tool remembered lost, new mail and flags",
        here: &[NEW_HERE, Set("INBOX", "m-1", "\\Flagged")],
        there: &[NEW_THERE],
        disturbance: Disturbance::StateLost,
        ..QUIET
    },
    Scenario {
        name: "what the tool remembered put back as it was the day before",
        here: MUCH_HERE,
        there: MUCH_THERE,
        disturbance: Disturbance::StateOfBefore,
        ..QUIET
    },
];
