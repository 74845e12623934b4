//! The processes of several shards, of whose words a report or a status is put together, for programs.

use super::quantity::exact_moment;
use crate::model::bulletin::Heard;
use serde_json::{Value, json};

/// All of them, and what keeps their words from being the whole truth.
pub fn json(heard: &[Heard], findings: &[String]) -> Value {
    let shards = heard.iter().map(|one| {
        let told = one.bulletin.as_ref();
        json!({
            "directory": one.directory,
            "shard": told.and_then(|told| told.shard).map(|(index, count)| format!("{index}/{count}")),
            "host": told.map(|told| &told.host),
            "told": told.and_then(|told| exact_moment(told.made)),
            "under_way": told.is_some_and(|told| told.under_way.is_some()),
            "accounts": one.accounts.len(),
        })
    });
    json!({ "shards": shards.collect::<Vec<_>>(), "findings": findings })
}
