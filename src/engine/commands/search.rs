//! UID SEARCH: which messages there are (RFC 9051 6.4.4, 7.3.4).

use super::fetch::{FetchEvent, fetch_event};
use crate::engine::conversation::session::{Session, Tag};
use crate::engine::wire::buffered::LINE_OCTETS;
use crate::error::{Error, Kind, Result};
use crate::model::search_keys::SearchKeys;
use crate::model::{Uid, UidSet};

/// How many messages one SEARCH is about at most: their UIDs fill less than [`LINE_OCTETS`].
const SEARCH_MESSAGES: u32 = 65_536;

/// How many SEARCHes one mailbox is worth: ten million messages on a server that takes a thousand a command.
pub const SEARCHES: u32 = 10_000;

/// A search for all UIDs, sent and not answered.
pub struct Search(Vec<Tag>);

impl Search {
    /// How many commands it is.
    pub fn commands(&self) -> usize {
        self.0.len()
    }
}

impl Session {
    /// Asks for all UIDs of the open mailbox, which holds about so many messages, without waiting: as ranges where the
    /// server can (RFC 4731), and so many messages at a time that an answer is never longer than a line may be. `None`
    /// where that would be more than [`SEARCHES`] commands.
    ///
    /// # Errors
    /// `Connection`.
    pub fn send_search_all(&mut self, messages: u32) -> Result<Option<Search>> {
        self.send_search_keys(messages, None)
    }

    fn send_search_keys(&mut self, messages: u32, keys: Option<&SearchKeys>) -> Result<Option<Search>> {
        let window = SEARCH_MESSAGES.min(u32::try_from(self.most_messages()).unwrap_or(u32::MAX));
        let windows = messages.div_ceil(window).max(1);
        if windows > SEARCHES {
            return Ok(None);
        }
        let command = if self.capabilities.has("ESEARCH") { "UID SEARCH RETURN (ALL)" } else { "UID SEARCH" };
        if windows == 1 {
            let keys = keys.map_or("ALL", SearchKeys::as_str);
            return Ok(Some(Search(vec![self.send(format!("{command} {keys}").as_bytes())?])));
        }
        let further = keys.map(|keys| format!(" {keys}")).unwrap_or_default();
        // By sequence numbers, as UIDs may lie far apart.
        let ranges =
            (0..windows).map(|number| (number * window + 1, (number + 1 < windows).then(|| (number + 1) * window)));
        let text = |last: Option<u32>| last.map_or_else(|| "*".to_owned(), |last| last.to_string());
        let command = |first: u32, last| format!("{command} {first}:{}{further}", text(last));
        let tags = ranges.map(|(first, last)| self.send(command(first, last).as_bytes()));
        Ok(Some(Search(tags.collect::<Result<_>>()?)))
    }

    /// Reads the answers to [`Session::send_search_all`]. `None` when they are no complete list: iCloud answers with a count
    /// alone, and messages that go between two of the commands move those behind them.
    ///
    /// What comes of FETCHes in flight meanwhile goes to `event`.
    ///
    /// # Errors
    /// `Connection`, `Protocol`, what `event` returns.
    pub fn finish_search_all(
        &mut self,
        search: Search,
        mut event: impl FnMut(FetchEvent) -> Result<()>,
    ) -> Result<Option<UidSet>> {
        let several = search.0.len() > 1;
        let (mut found, mut whole) = (UidSet::new(), true);
        for tag in search.0 {
            let (mut answered, mut octets) = (false, 0);
            let status = self.finish(tag, |response| {
                if let Some(part) = searched(response.text()) {
                    answered = true;
                    octets += response.text().len();
                    found.merge(&part);
                    return if octets > LINE_OCTETS { Err(too_many_found()) } else { Ok(()) };
                }
                let Some(happened) = fetch_event(response) else { return Ok(()) };
                whole &= !(several && matches!(happened, FetchEvent::Expunged | FetchEvent::Vanished(_)));
                event(happened)
            })?;
            whole &= answered && status.is_ok() && !status.is_cut();
        }
        Ok(whole.then_some(found))
    }
}

impl Session {
    /// The UIDs of what the server finds by these keys in the open mailbox, which holds about so many messages.
    ///
    /// # Errors
    /// `Refused` with the server's words; `Connection`, `Protocol`.
    pub fn find(&mut self, messages: u32, keys: &SearchKeys) -> Result<UidSet> {
        const WHAT: &str = "the server does not answer a search";
        let search = self.send_search_keys(messages, Some(keys))?;
        let search = search.ok_or_else(|| Error::new(Kind::Refused, WHAT).because("the mailbox is too large"))?;
        let several = search.0.len() > 1;
        let (mut found, mut refusal) = (UidSet::new(), None);
        for tag in search.0 {
            let (mut part, mut moved) = (None, false);
            let status = self.finish(tag, |response| {
                match searched(response.text()) {
                    Some(uids) => part = Some(uids),
                    None => {
                        moved |= matches!(fetch_event(response), Some(FetchEvent::Expunged | FetchEvent::Vanished(_)))
                    }
                }
                Ok(())
            })?;
            let complete = self.complete(status, WHAT);
            match (complete, part) {
                (Ok(_), Some(part)) if !(several && moved) => found.merge(&part),
                (Ok(_), Some(_)) => refusal = Some(Error::new(Kind::Changed, "messages went while they were searched")),
                (Ok(_), None) => {
                    refusal = Some(Error::new(Kind::Refused, WHAT).because("it does not tell what it found"))
                }
                (Err(error), _) => refusal = Some(error),
            }
        }
        refusal.map_or(Ok(found), Err)
    }
}

fn too_many_found() -> Error {
    Error::new(Kind::Protocol, "the server found more messages than it was asked for")
}

/// The UIDs of a SEARCH or ESEARCH response that holds them all.
pub(in crate::engine) fn searched(text: &[u8]) -> Option<UidSet> {
    let text = String::from_utf8_lossy(text).to_ascii_uppercase();
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    match words.get(1) {
        Some(&"SEARCH") => {
            let numbers = words[2..].iter().filter_map(|word| word.parse().ok()).filter(|&number| number > 0);
            Some(numbers.map(Uid).collect())
        }
        Some(&"ESEARCH") => match words.iter().position(|word| *word == "ALL") {
            Some(at) => UidSet::parse(words.get(at + 1)?.as_bytes()),
            None => (!words.contains(&"COUNT")).then(UidSet::new),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn searched_count_without_all_is_no_answer() {
        let text = |line: &str| searched(line.as_bytes()).map(|set| set.to_string());
        assert_eq!(text("* SEARCH 1 2 3").as_deref(), Some("1:3"));
        assert_eq!(text("* ESEARCH (TAG \"a8\") UID ALL 1,4:6 COUNT 4").as_deref(), Some("1,4:6"));
        assert_eq!(text("* ESEARCH (TAG \"a8\") UID").as_deref(), Some(""), "an empty mailbox has no ALL");
        assert_eq!(text("* ESEARCH (TAG \"a8\") UID COUNT 4"), None);
    }
}
