//! What an account says of itself, wherever it is written: a table of the settings, or a row of an accounts file.

use super::document::{At, Table};
use super::mistake::{Findings, Origin};
use super::place::Place;
use super::place::{PlaceKeys, Quoting};
use crate::model::Side;
use std::path::PathBuf;

/// Fields by name. What is wrong with one is noted, and it is `None`.
pub(super) trait Fields {
    fn findings(&self) -> &Findings;

    /// Where the account is written.
    fn origin(&self) -> &Origin;

    /// Whether mistakes may repeat what is written.
    fn quoting(&self) -> Quoting;

    /// Whether there is anything under this name, right or wrong.
    fn has(&self, name: &str) -> bool;

    /// A line of text.
    fn text(&mut self, name: &'static str) -> Option<At<String>>;

    /// Words.
    fn words(&mut self, name: &'static str) -> Vec<String>;

    /// A TCP port.
    fn port(&mut self, name: &'static str) -> Option<At<u16>>;

    /// A whole number, which may be negative.
    fn integer(&mut self, name: &'static str) -> Option<At<i64>>;

    /// Yes or no.
    fn switch(&mut self, name: &'static str) -> Option<At<bool>>;

    /// A path, made to start from the file's directory.
    fn path(&mut self, name: &'static str) -> Option<At<PathBuf>>;

    /// One of these words; one that stands for `None` belongs to a later version.
    fn word<T: Copy>(&mut self, name: &'static str, words: &[(&str, Option<T>)]) -> Option<At<T>>;

    /// The place of the account's own password on that side.
    fn password(&mut self, side: Side) -> Option<Place>;
}

impl Fields for Table<'_> {
    fn findings(&self) -> &Findings {
        Table::findings(self)
    }

    fn origin(&self) -> &Origin {
        &self.origin
    }

    fn quoting(&self) -> Quoting {
        Quoting::Allowed
    }

    fn has(&self, name: &str) -> bool {
        Table::has(self, name)
    }

    fn text(&mut self, name: &'static str) -> Option<At<String>> {
        Table::text(self, name)
    }

    fn words(&mut self, name: &'static str) -> Vec<String> {
        self.list(name).map(|words| words.value).unwrap_or_default()
    }

    fn port(&mut self, name: &'static str) -> Option<At<u16>> {
        self.number(name, 1..=u16::MAX.into())
    }

    fn integer(&mut self, name: &'static str) -> Option<At<i64>> {
        Table::integer(self, name)
    }

    fn switch(&mut self, name: &'static str) -> Option<At<bool>> {
        Table::switch(self, name)
    }

    fn path(&mut self, name: &'static str) -> Option<At<PathBuf>> {
        Table::path(self, name)
    }

    fn word<T: Copy>(&mut self, name: &'static str, words: &[(&str, Option<T>)]) -> Option<At<T>> {
        Table::word(self, name, words)
    }

    fn password(&mut self, side: Side) -> Option<Place> {
        PlaceKeys::account(side).read_of_account(self)
    }
}
