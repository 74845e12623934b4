//! What a response is to the commands that are on their way: an answer to one of them, a wish for a literal, or untagged.
//!
//! A response that is none of these is an error, and so are BYE and an untagged BAD: the session is dead then.

use super::sender::Tag;
use super::status::{Condition, Status};
use crate::engine::wire::response::Response;
use crate::error::{Error, Kind, Result};

/// What a response is to the command that waits for its answer.
pub(in crate::engine) enum Event {
    Untagged(Response),
    /// `+`: the server waits for a literal.
    Continuation,
    Completed(Tag, Status),
}

pub(super) fn no_answer(line: &str) -> Error {
    Error::new(Kind::Protocol, "the server sent a line that is no answer to anything").because(line)
}

/// Whether it is something that a server may say at any time: text for people, or how many messages there are.
pub(super) fn is_news(response: &Response) -> bool {
    let rest = response.text().strip_prefix(b"* ").unwrap_or_default();
    let (first, rest) = rest.split_at(rest.iter().position(|&octet| octet == b' ').unwrap_or(rest.len()));
    let is_one_of = |word: &[u8], words: &[&str]| words.iter().any(|known| word.eq_ignore_ascii_case(known.as_bytes()));
    is_one_of(first, &["OK", "NO", "FLAGS"]) || is_one_of(rest.trim_ascii(), &["EXISTS", "RECENT", "EXPUNGE"])
}

pub(super) fn classify(response: Response) -> Result<Event> {
    let text = response.text();
    if text.starts_with(b"+") {
        return Ok(Event::Continuation);
    }
    if let Some(rest) = text.strip_prefix(b"* ") {
        return match Status::parse(rest) {
            Some(status) if status.condition == Condition::Bye => Err(status.error("the server ended the connection")),
            Some(status) if status.condition == Condition::Bad => {
                Err(Error::new(Kind::Protocol, "the server did not understand a line").because(&status.text))
            }
            _ => Ok(Event::Untagged(response)),
        };
    }
    match tagged(text) {
        Some((tag, status)) => Ok(Event::Completed(tag, status)),
        None => Err(no_answer(&String::from_utf8_lossy(&text[..text.len().min(80)]))),
    }
}

/// An answer to a command, whatever its tag.
pub(in crate::engine) fn tagged(text: &[u8]) -> Option<(Tag, Status)> {
    let rest = text.strip_prefix(b"m")?;
    let space = rest.iter().position(|&octet| octet == b' ')?;
    let tag = crate::engine::wire::response::number(&rest[..space]).and_then(|tag| u32::try_from(tag).ok())?;
    Some((Tag(tag), Status::parse(&rest[space + 1..])?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tagged_only_a_status_under_a_tag_of_ours_is_an_answer() {
        assert!(tagged(b"m4 OK done").is_some_and(|(tag, status)| tag == Tag(4) && status.is_ok()));
        for line in [&b"a3 OK x"[..], b"m3 PERHAPS x", b"m OK", b"m3", b"m4294967296 OK x"] {
            assert!(tagged(line).is_none());
        }
    }
}
