//! Links looked for by their copies: they stand by their source messages, and copies of ours stand in the order of these, where the
//! ground of a pair says so (`settlement`). So a few leaves of the links tell.

use super::account::AccountStore;
use super::database::Database;
use super::keys;
use super::leaves::{self, Leaf};
use crate::error::Result;
use crate::model::{Link, RawName, Uid, UidSet};
use std::collections::BTreeMap;
use std::sync::Arc;

/// So many leaves without any copy of ours are passed over before a search is given up.
const LEAVES_PASSED: usize = 16;

/// Looks for links by their copies.
pub struct ByCopy {
    /// `None`: there is nothing to be found.
    links: Option<(Arc<Database>, Vec<u8>)>,
    /// Source UIDs of links that are out of order, or tell nothing.
    besides: UidSet,
    /// What was read: by the number of a leaf that was looked for, that of the first one there with copies of ours, and these.
    read: BTreeMap<u32, Option<(u32, Vec<Link>)>>,
}

impl AccountStore {
    /// Looks for links of copies of ours by these copies; those of the source UIDs `besides` are not looked at, and all others must
    /// stand in order.
    ///
    /// # Errors
    ///
    /// [`Kind::State`](crate::error::Kind::State).
    pub fn links_by_copy(&self, source: &RawName, besides: UidSet) -> Result<ByCopy> {
        let header = self.pair_header(source)?;
        let links = header.map(|header| (Arc::clone(self.database()), self.of_source(header.table(), source)));
        Ok(ByCopy { links, besides, read: BTreeMap::new() })
    }

    /// The number of the last leaf of links.
    fn last_leaf(database: &Database, prefix: &[u8]) -> Result<Option<u32>> {
        Ok(database.last_key(prefix)?.and_then(|key| keys::leaf_of(&key)))
    }
}

impl ByCopy {
    /// The link that names this copy; `None` where none is found, which says nothing.
    ///
    /// # Errors
    ///
    /// [`Kind::State`](crate::error::Kind::State), [`Kind::Damaged`](crate::error::Kind::Damaged).
    pub fn find(&mut self, copy: Uid) -> Result<Option<Link>> {
        let Some((database, prefix)) = &self.links else { return Ok(None) };
        let Some(mut last) = AccountStore::last_leaf(database, prefix)? else { return Ok(None) };
        let mut first = 0;
        while first <= last {
            let middle = first + (last - first) / 2;
            let Some((number, links)) = self.leaf_from(middle)? else { return Ok(None) };
            let (Some(lowest), Some(highest)) = (links.first(), links.last()) else { return Ok(None) };
            if *number > last || copy < lowest.destination {
                let Some(before) = middle.checked_sub(1) else { return Ok(None) };
                last = before;
            } else if copy > highest.destination {
                let Some(next) = number.checked_add(1) else { return Ok(None) };
                first = next;
            } else {
                return Ok(links.iter().find(|link| link.destination == copy).cloned());
            }
        }
        Ok(None)
    }

    /// The first leaf from that number on with copies of ours that are in order.
    fn leaf_from(&mut self, number: u32) -> Result<Option<&(u32, Vec<Link>)>> {
        let Some((database, prefix)) = &self.links else { return Ok(None) };
        if !self.read.contains_key(&number) {
            let mut found = None;
            let last = keys::leaf_under(prefix, leaves::number(Uid(u32::MAX)));
            for entry in database.walk_range(&keys::leaf_under(prefix, number), &last).take(LEAVES_PASSED) {
                let (key, octets) = entry?;
                let Leaf(links) = super::codec::decode_or_damage::<Leaf<Link>>(&key, &octets)?;
                let ours = links.into_iter().filter(|link| link.is_ours() && !self.besides.contains(link.source));
                let ours: Vec<Link> = ours.collect();
                if !ours.is_empty() {
                    found = keys::leaf_of(&key).map(|number| (number, ours));
                    break;
                }
            }
            self.read.insert(number, found);
        }
        Ok(self.read.get(&number).and_then(Option::as_ref))
    }
}
