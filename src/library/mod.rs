//! mailferry for programs: what the crate shows of itself, and what the command line stands on, too.
//!
//! - [`settings`]: settings built in code, or read from a file. [`migration`]: a migration that is open, and its commands.
//!   [`events`]: what happens meanwhile. [`results`]: what a command came to. [`failure`]: what failed.
//! - For the command line as well: [`assembling`], all that a run works with; [`exit_codes`], how runs end; [`audit`], who does
//!   what with a state.
//!
//! What is public here is what users of the crate stand on: it has types of its own, so that everything behind them may
//! change. It decides nothing: success is read from the ledgers, as everywhere.

pub(crate) mod assembling;
pub(crate) mod audit;
mod events;
pub(crate) mod exit_codes;
mod failure;
mod migration;
mod results;
mod settings;

pub use events::{Event, Phase};
pub use failure::{Error, ErrorKind};
pub(crate) use migration::DEFAULT_JOBS;
pub use migration::{Limits, Migration, Opening, Stop};
pub use results::{AccountReport, Difference, Differences, Done, Messages, Planned, Report, Verdict};
pub use settings::{Account, Password, Server, Settings, SettingsBuilder, Value};
