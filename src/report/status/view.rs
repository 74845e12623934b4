//! How the status is to be shown.

use crate::model::report::UnderWay;
use jiff::tz::TimeZone;

/// How the status is to be shown.
pub struct View {
    /// Whose clock the times are told by.
    pub zone: TimeZone,
    /// Seconds since 1970: what is long ago is told with its year.
    pub now: i64,
    /// Every account, however many.
    pub all: bool,
    /// What only one who looks for it wants to see.
    pub details: bool,
    /// The command line that tries the accounts of these words again, without them.
    pub again: String,
    /// The command line that shows them, without them.
    pub show: String,
    /// The run that told all this.
    pub under_way: Option<UnderWay>,
}
