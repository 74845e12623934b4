//! What is to be listed of a side, and what that brought.

use crate::model::RawName;
use crate::model::failures::Failures;
use crate::model::report::SideSummary;
use std::collections::HashSet;

/// Which mailboxes to list.
pub enum Wanted {
    All,
    Only(HashSet<RawName>),
}

/// Which messages are listed with their identities.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Identities {
    All,
    /// Not those of source mailboxes that nothing was copied from, as most of them have nothing to be recognised, and of
    /// destination mailboxes that were empty before, as what they hold now is linked.
    WhereOthersMayBe,
}

/// What listing a side brought.
#[derive(Default)]
pub struct SideResult {
    pub summary: SideSummary,
    pub warnings: Vec<String>,
    pub troubles: Failures,
    /// What the server calls the INBOX among all that it has, where it tells.
    pub inbox_id: Option<String>,
}
