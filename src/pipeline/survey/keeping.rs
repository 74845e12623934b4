//! What the servers of an account keep of a message, as seen: by what became of our own appends, and by who they are.

use crate::diff::comparing::same::Keeps;
use crate::error::Result;
use crate::model::Link;
use crate::model::server::Preset;
use crate::pipeline::fleet::access::Access;
use crate::pipeline::survey::snapshots::Snapshots;

/// Links that are looked at, of one mailbox and of all.
const LINKS_OF_A_MAILBOX: usize = 128;
const LINKS: usize = 1024;

/// What both servers keep of a message.
///
/// # Errors
/// `State`. Links that cannot be read tell nothing.
pub fn keeps(access: &Access<'_>, snapshots: &Snapshots<'_>) -> Result<Keeps> {
    let mut seen: Vec<Link> = Vec::new();
    for reach in access.state.reaches() {
        let links = access.state.links(&reach.pairing.source).ok();
        seen.extend(links.into_iter().flatten().take(LINKS_OF_A_MAILBOX).map_while(Result::ok));
        if seen.len() >= LINKS {
            break;
        }
    }
    Ok(Keeps::as_seen(seen.iter()).and(by_preset(snapshots)))
}

/// Exchange makes a message anew each time that it is asked for, and lists an estimate of its size.
fn by_preset(snapshots: &Snapshots<'_>) -> Keeps {
    Keeps { sizes: !snapshots.presets().contains(&Preset::Exchange), dates: true }
}
