//! A run watched from outside: a page that shows it while it goes on, and the same in figures for machines.
//!
//! Read-only. Nothing of the run can be changed from here, and the run never waits for who looks: it tells the
//! [`Watch`](watch::Watch) what happens, which is O(1) an event; all else is done by who asks, in threads of their own. No servers and no
//! state are touched: what is known of an account beyond the events is asked of a [`Desk`].
//!
//! - [`watch`]: what is known of the run; `board`: how that is told; [`rows`]: of its accounts;
//!   `cutover`: what it would take to bring over what came since; `waves`: of those that move together; `changes`: of which there is something new to tell.
//! - [`clerk`]: keeps the watch true from second to second.
//! - [`place`]: where the page is. [`token`]: the word that opens it.
//! - [`request`]: what is asked, within bounds; [`response`]: what is answered; `routes`: which answer to which request;
//!   `stream`: the answer that never ends; [`server`]: who listens.
//! - [`metrics`]: the figures as Prometheus reads them.

mod board;
mod changes;
pub mod clerk;
mod cutover;
pub mod metrics;
pub mod place;
pub mod request;
pub mod response;
mod routes;
pub mod rows;
pub mod server;
mod stream;
pub mod token;
pub mod watch;
mod waves;

use crate::error::Result;
use crate::model::report::StatusSummary;
use serde_json::Value;

/// Who knows what the events do not tell.
pub trait Desk: Send + Sync {
    /// How these accounts stand, in their order; `None` while nobody can tell.
    fn standings(&self, accounts: &[String]) -> Option<Vec<StatusSummary>>;

    /// All that is known of one account as `account`, which is null while nobody can tell, and the `commands` to type next.
    ///
    /// # Errors
    /// `State`.
    fn account(&self, account: &str) -> Result<Value>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, Kind};
    use serde_json::json;

    /// Knows one account, and nobody's standing.
    pub(in crate::serve) struct Somebody;

    impl Desk for Somebody {
        fn standings(&self, _accounts: &[String]) -> Option<Vec<StatusSummary>> {
            None
        }

        fn account(&self, account: &str) -> Result<Value> {
            match account {
                "alice" => Ok(json!({ "account": "alice" })),
                _ => Err(Error::new(Kind::State, "it is damaged")),
            }
        }
    }
}
