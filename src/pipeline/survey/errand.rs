//! What is to be listed of a side, and what that brought.

use crate::model::failures::Failures;
use crate::model::report::SideSummary;
use crate::model::{MailboxName, RawName};
use crate::pipeline::Thoroughness;
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

/// How a side is listed.
#[derive(Clone, Copy)]
pub struct How {
    pub thoroughness: Thoroughness,
    pub identities: Identities,
    pub occasion: Occasion,
}

/// Why it is listed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// To see what is there.
    Survey,
    /// Its mailboxes were just changed: they are selected, which tells what they keep of flags.
    Change,
}

/// What listing a side brought.
#[derive(Default)]
pub struct SideResult {
    pub summary: SideSummary,
    pub warnings: Vec<String>,
    pub troubles: Failures,
    /// Mailboxes that were not listed, as it is to be found out first which of their messages cannot be.
    pub suspects: Vec<MailboxName>,
    /// What the server calls the INBOX among all that it has, where it tells.
    pub inbox_id: Option<String>,
}
