//! `report`: a migration for those who were not there, as pages, as CSV and as JSON.
//!
//! - [`row`]: an account in one line. [`html`]: pages. [`csv`], [`json`]: for spreadsheets and programs.

pub mod csv;
pub mod html;
pub mod json;
pub mod row;

#[cfg(test)]
mod tests;

use crate::model::audit::Chain;
use jiff::tz::TimeZone;
use serde_json::Value;

/// What a report says of itself.
pub struct Head {
    /// Seconds since 1970.
    pub made: i64,
    pub zone: TimeZone,
    /// The servers, as the settings name them.
    pub source: String,
    pub destination: String,
    /// What is recorded of who did what.
    pub audit: Chain,
    /// Where it is put together of what several processes tell.
    pub fleet: Option<Company>,
}

/// The processes that a report is put together of.
pub struct Company {
    /// What keeps it from being the whole truth.
    pub findings: Vec<String>,
    /// The same with all of them, for programs.
    pub told: Value,
}
