//! What a server says that it can do (RFC 9051 6.1.1).

use std::collections::BTreeSet;

/// The longest list that is taken; those of servers tried stay below one KiB.
const CAPABILITY_OCTETS: usize = 64 << 10;

/// The capability list, in upper case.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Capabilities {
    words: BTreeSet<String>,
    is_endless: bool,
}

/// Which non-synchronising literals may be sent (RFC 7888).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NonSynchronising {
    Never,
    /// LITERAL-: up to [`LITERAL_MINUS_OCTETS`].
    Small,
    Always,
}

/// The largest non-synchronising literal under LITERAL- (RFC 7888 5).
pub const LITERAL_MINUS_OCTETS: u64 = 4096;

impl Capabilities {
    /// From the words behind CAPABILITY; none of them where the list is beyond measure.
    pub fn parse(words: &str) -> Self {
        match words.len() > CAPABILITY_OCTETS {
            true => Capabilities { words: BTreeSet::new(), is_endless: true },
            false => {
                let words = words.split_ascii_whitespace().map(str::to_ascii_uppercase).collect();
                Capabilities { words, is_endless: false }
            }
        }
    }

    /// Whether the server sent a list that no server has.
    pub fn is_endless(&self) -> bool {
        self.is_endless
    }

    /// Whether it is listed; `name` in upper case.
    pub fn has(&self, name: &str) -> bool {
        self.words.contains(name)
    }

    /// The value of `NAME=value`, the first if there are several.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    }

    /// Whether nothing was learnt yet.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty() && !self.is_endless
    }

    /// All words, sorted.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(String::as_str)
    }

    /// Whether it speaks a version of IMAP that we speak.
    pub fn is_imap4rev1(&self) -> bool {
        self.has("IMAP4REV1")
    }

    /// Whether mailboxes have modification sequences.
    pub fn condstore(&self) -> bool {
        self.has("CONDSTORE") || self.has("QRESYNC")
    }

    /// Which non-synchronising literals are allowed.
    pub fn non_synchronising(&self) -> NonSynchronising {
        if self.has("LITERAL+") {
            NonSynchronising::Always
        } else if self.has("LITERAL-") {
            NonSynchronising::Small
        } else {
            NonSynchronising::Never
        }
    }

    /// APPENDLIMIT in octets. Cyrus announces 2^32-1 for "none".
    pub fn append_limit(&self) -> Option<u64> {
        self.value("APPENDLIMIT")?.parse().ok().filter(|&limit: &u64| limit > 0 && limit < u64::from(u32::MAX))
    }

    /// How many messages one command may be about (MESSAGELIMIT, RFC 9738).
    pub fn message_limit(&self) -> Option<u64> {
        self.value("MESSAGELIMIT")?.parse().ok().filter(|&limit: &u64| limit > 0)
    }

    /// Removes a capability that turned out not to work.
    pub fn forget(&mut self, name: &str) {
        self.words.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_case_and_values_are_found() {
        let capabilities = Capabilities::parse("imap4rev1 Literal- APPENDLIMIT=35651584 AUTH=PLAIN");
        assert!(capabilities.is_imap4rev1() && capabilities.has("AUTH=PLAIN"));
        assert_eq!(capabilities.non_synchronising(), NonSynchronising::Small);
        assert_eq!(capabilities.append_limit(), Some(35_651_584));
        assert_eq!(Capabilities::parse("APPENDLIMIT=4294967295 APPENDLIMIT").append_limit(), None);
    }
}
