//! What was done with a state, by whom: a chain of entries, each of which holds the digest of the one before.

/// What the chain looks like to who examines it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Chain {
    /// Entries, whole or not.
    pub entries: u64,
    /// The first place where it is broken.
    pub fault: Option<Fault>,
}

/// A place where the chain is broken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// The first is 1.
    pub line: u64,
    pub what: &'static str,
}
