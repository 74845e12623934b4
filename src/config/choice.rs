//! What an account says of its server on one side: a name, a description of its own, or nothing.

use super::document::At;
use super::fields::Fields;
use super::mistake::Mistake;
use super::server_keys::{Keys, OwnKeys};
use crate::model::Side;

/// What an account says of its server on one side.
pub(super) enum Choice {
    /// Nothing.
    Default,
    Named(Box<At<String>>),
    Own(Box<Keys>),
    /// It is wrong, and noted.
    Wrong,
}

/// The key with which an account names a server.
pub(super) const fn server_key(side: Side) -> &'static str {
    match side {
        Side::Source => "source_server",
        Side::Destination => "destination_server",
    }
}

impl Choice {
    pub fn read(fields: &mut impl Fields, side: Side) -> Choice {
        let (key, keys) = (server_key(side), OwnKeys::of(side));
        let name = fields.text(key);
        let own = keys.read(fields);
        let given = keys.all().into_iter().find(|key| fields.has(key));
        let refuse = |what: String, fix: &str| {
            fields.findings().add(Mistake::new(what).fix(fix).at(fields.origin()));
            Choice::Wrong
        };
        match (fields.has(key), given) {
            (true, Some(given)) => {
                refuse(format!("`{key}` and `{given}` cannot be used together"), "keep one of the two")
            }
            (true, None) => name.map_or(Choice::Wrong, |name| Choice::Named(Box::new(name))),
            (false, Some(given)) if !fields.has(keys.host) => {
                refuse(format!("`{given}` is given without `{}`", keys.host), "name the host, or remove it")
            }
            (false, Some(_)) if own.is_whole(fields, &keys) => Choice::Own(Box::new(own)),
            (false, Some(_)) => Choice::Wrong,
            (false, None) => Choice::Default,
        }
    }
}
