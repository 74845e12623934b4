//! Which links of a pair may have lost their source messages: those of a part, where a part was planned, or all.

use crate::error::Result;
use crate::model::{Link, RawName, Uid, UidSet};
use crate::store::AccountStore;

/// Where links stand that have lost their source messages.
#[derive(Clone)]
pub enum Stray {
    Anywhere,
    /// Under these source UIDs alone. Of the copies that they name these may be free, and all others are somebody's or gone.
    Among {
        sources: UidSet,
        free: UidSet,
    },
}

impl Stray {
    /// Those links.
    ///
    /// # Errors
    /// `State`, `Damaged`.
    pub fn links(&self, state: &AccountStore, source: &RawName) -> Result<Box<dyn Iterator<Item = Result<Link>>>> {
        Ok(match self {
            Stray::Anywhere => Box::new(state.links(source)?),
            Stray::Among { sources, .. } => {
                let mut links = state.link_lookup(source)?;
                let uids: Vec<Uid> = sources.iter().collect();
                Box::new(uids.into_iter().filter_map(move |uid| links.get(uid).transpose()))
            }
        })
    }

    /// Whether a copy that one of them names is known to be somebody's, or gone.
    pub fn is_taken(&self, copy: Uid) -> bool {
        matches!(self, Stray::Among { free, .. } if !free.contains(copy))
    }
}
