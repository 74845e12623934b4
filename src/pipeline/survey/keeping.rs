//! What the servers of an account keep of a message, as seen: by what became of our own appends, and by who they are.

use crate::diff::comparing::same::Keeps;
use crate::error::Result;
use crate::model::server::Preset;
use crate::model::{Link, RawName, Side};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::survey::snapshots::Snapshots;
use crate::store::AccountStore;

/// Links that are looked at, of one mailbox and of all.
const LINKS_OF_A_MAILBOX: usize = 128;
const LINKS: usize = 1024;

/// What both servers keep of a message.
///
/// # Errors
/// `State`. Links that cannot be read tell nothing.
pub fn keeps(access: &Access<'_>, snapshots: &Snapshots<'_>) -> Result<Keeps> {
    let sources: Vec<RawName> = access.state.reaches().into_iter().map(|reach| reach.pairing.source).collect();
    Ok(as_seen(&access.state, sources.iter()).and(by_presets(snapshots.presets())))
}

/// What the links of these source mailboxes show.
pub fn as_seen<'a>(state: &AccountStore, sources: impl Iterator<Item = &'a RawName>) -> Keeps {
    let mut seen: Vec<Link> = Vec::new();
    for source in sources {
        let links = state.links(source).ok();
        seen.extend(links.into_iter().flatten().take(LINKS_OF_A_MAILBOX).map_while(Result::ok));
        if seen.len() >= LINKS {
            break;
        }
    }
    Keeps::as_seen(seen.iter())
}

/// What the two servers of an account keep, by who they are.
///
/// # Errors
/// `State`.
pub fn presets_keep(access: &Access<'_>) -> Result<Keeps> {
    let [source, destination] = [access.state.side(Side::Source)?, access.state.side(Side::Destination)?];
    Ok(by_presets([source, destination].into_iter().flatten().map(|side| side.preset)))
}

/// Exchange makes a message anew each time that it is asked for, and lists an estimate of its size.
pub fn by_presets(presets: impl IntoIterator<Item = Preset>) -> Keeps {
    Keeps { sizes: !presets.into_iter().any(|preset| preset == Preset::Exchange), dates: true }
}
