//! What tells a person which message is meant: who sent it, and what it is called.

use serde::{Deserialize, Serialize};

/// Of one message, as its header says: decoded, without control characters, and cut where it is long.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct About {
    pub from: String,
    pub subject: String,
    pub message_id: String,
}

impl About {
    /// `Anna Berger: Angebot 2021`; without a sender or a subject what there is.
    pub fn sentence(&self) -> String {
        let parts = [&self.from, &self.subject].into_iter().filter(|part| !part.is_empty());
        let told = parts.map(String::as_str).collect::<Vec<_>>().join(": ");
        if told.is_empty() { self.message_id.clone() } else { told }
    }
}
