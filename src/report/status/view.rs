//! How the status is to be shown.

use crate::model::ServerId;
use crate::model::report::UnderWay;
use crate::report::invocation::Invocation;
use jiff::tz::TimeZone;

/// How the status is to be shown.
pub struct View {
    /// Whose clock the times are told by.
    pub zone: TimeZone,
    /// Seconds since 1970: what is long ago is told with its year.
    pub now: i64,
    /// Cells in which a row is to fit.
    pub columns: usize,
    /// Every account, however many.
    pub all: bool,
    /// What only one who looks for it wants to see.
    pub details: bool,
    /// The commands to type next.
    pub commands: Invocation,
    /// Where a forecast is wanted: how many accounts are worked on at once, and on which servers each is, in their order.
    pub forecast: Option<(usize, Vec<[ServerId; 2]>)>,
    /// The run that told all this.
    pub under_way: Option<UnderWay>,
}
