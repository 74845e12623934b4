//! The places of a conversation, by name: `destination/before-answer/APPEND`.

use std::fmt;
use std::str::FromStr;

/// Which server the proxy stands before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Source,
    Destination,
}

/// Where in the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    // What the server sends.
    /// Before the greeting.
    Greeting,
    /// Before a `+`.
    Continuation,
    /// In the middle of an untagged line.
    Untagged,
    /// In the middle of a literal of an untagged response.
    Literal,
    /// After its last octet.
    LiteralEnd,
    /// The tagged answer has come from the server, and nothing of it has been passed on.
    BeforeAnswer,
    /// In the middle of the tagged line.
    Answer,
    AfterAnswer,
    // What the client sends.
    /// The command line has come, and nothing of it has been passed on.
    Command,
    /// The first octet of a message has come.
    UploadBegin,
    /// Half of a message has been passed on.
    Upload,
    /// All of a message has been passed on, and nothing behind it.
    UploadEnd,
    /// The head of the next message of a MULTIAPPEND has come.
    NextUpload,
    /// All of the command has come; its final CRLF has not been passed on.
    FinalLineEnd,
    /// All of the command has been passed on.
    CommandSent,
    // Under TLS.
    TlsRecord,
    InTlsRecord,
}

/// Every moment with its name.
pub const MOMENTS: [(Moment, &str); 17] = [
    (Moment::Greeting, "greeting"),
    (Moment::Continuation, "continuation"),
    (Moment::Untagged, "untagged"),
    (Moment::Literal, "literal"),
    (Moment::LiteralEnd, "literal-end"),
    (Moment::BeforeAnswer, "before-answer"),
    (Moment::Answer, "answer"),
    (Moment::AfterAnswer, "after-answer"),
    (Moment::Command, "command"),
    (Moment::UploadBegin, "upload-begin"),
    (Moment::Upload, "upload"),
    (Moment::UploadEnd, "upload-end"),
    (Moment::NextUpload, "next-upload"),
    (Moment::FinalLineEnd, "final-line-end"),
    (Moment::CommandSent, "command-sent"),
    (Moment::TlsRecord, "tls-record"),
    (Moment::InTlsRecord, "in-tls-record"),
];

/// A place that can occur again and again, on any connection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub role: Role,
    pub moment: Moment,
    /// The command (`UID-FETCH`), the untagged response (`FETCH`) or the kind of record; `-` where there is none.
    pub subject: String,
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Role::Source => "source",
            Role::Destination => "destination",
        })
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = MOMENTS.iter().find(|(moment, _)| moment == self).map_or("?", |(_, name)| name);
        formatter.write_str(name)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}/{}", self.role, self.moment, self.subject)
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Place, String> {
        let no_place = || format!("no place: {text}");
        let [role, moment, subject] = text.split('/').collect::<Vec<_>>()[..] else { return Err(no_place()) };
        let role = match role {
            "source" => Role::Source,
            "destination" => Role::Destination,
            _ => return Err(no_place()),
        };
        let (moment, _) = MOMENTS.iter().find(|(_, name)| *name == moment).ok_or_else(no_place)?;
        Ok(Place { role, moment: *moment, subject: subject.to_owned() })
    }
}
