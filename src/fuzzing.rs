//! What holds for any input: the properties that `fuzz/` looks for exceptions to, and `cargo test` in a short seeded run.
//!
//! Built for tests and with the feature `fuzzing` only. Each room has a file `fuzzing.rs` with its properties; this one
//! lists them. A property takes octets and panics where it does not hold.

use crate::{config, engine, model, store};

/// A property, and the name of its target and its seeds in `fuzz/`.
pub struct Target {
    pub name: &'static str,
    pub holds: fn(&[u8]),
}

macro_rules! targets {
    ($($name:ident: $room:ident::$property:ident;)*) => {
        /// All of them.
        pub const TARGETS: &[Target] =
            &[$(Target { name: stringify!($name), holds: $room::fuzzing::$property }),*];

        /// The seeded run, a test a property.
        #[cfg(test)]
        mod inputs_made_from_seeds {
            $(#[test]
            fn $name() {
                super::tests::search(stringify!($name));
            })*
        }
    };
}

targets! {
    accounts: config::accounts;
    dates: engine::dates;
    deflating: engine::deflating;
    fetching: engine::fetching;
    flags: model::flags;
    framing: engine::framing;
    identities: engine::identities;
    inflating: engine::inflating;
    keys: store::keys;
    listing: engine::listing;
    logging_in: engine::logging_in;
    names: model::names;
    plans: store::plans;
    reading_by_line: engine::reading_by_line;
    records: store::records;
    scanning: engine::scanning;
    settings: config::settings;
    statuses: engine::statuses;
    uid_sets: model::uid_sets;
    words: config::words;
}

impl Target {
    /// The one of that name.
    ///
    /// # Panics
    /// Where there is none.
    pub fn named(name: &str) -> &'static Target {
        TARGETS.iter().find(|target| target.name == name).unwrap_or_else(|| panic!("there is no {name}"))
    }
}

#[cfg(test)]
mod tests;
