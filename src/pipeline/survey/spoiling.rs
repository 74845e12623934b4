//! Copies that the destination lists in another way than they were sent, looked at right after they were made: what servers write
//! in their own way (header lines, line ends) leaves the text. What does not is named.

use crate::diff::comparing::same::is_spoilt;
use crate::error::{Error, Kind, Result, Scope};
use crate::model::{Link, RawName, Side, Uid, UidSet};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::survey::content::read_both;
use crate::pipeline::survey::keeping::presets_keep;

/// Copies of one mailbox that are read. Where all are listed in another way, those tell of the others.
const LOOKS: usize = 32;

/// Names the copies that are not what was sent. What cannot be read is left to `verify`.
///
/// # Errors
/// `State`, and what ends the account's work.
pub fn spoilt(access: &Access<'_>, altered: &[Link], [source, destination]: [&RawName; 2]) -> Result<Option<Error>> {
    let keeps = presets_keep(access)?;
    let state = &access.state;
    let mailboxes = (state.mailbox(Side::Source, source)?, state.mailbox(Side::Destination, destination)?);
    let (true, (Some(ours), Some(theirs))) = (keeps.sizes && !altered.is_empty(), mailboxes) else { return Ok(None) };
    let looked: Vec<&Link> = altered.iter().take(LOOKS).collect();
    let pairs: Vec<(Uid, Uid)> = looked.iter().map(|link| (link.source, link.destination)).collect();
    let [sources, copies] = match read_both(access, [&ours, &theirs], &pairs) {
        Ok(read) => read.map(|read| read.contents),
        Err(error) if *error.kind() == Kind::Interrupted || error.reach() > Scope::Mailbox => return Err(error),
        Err(_) => return Ok(None),
    };
    let is_bad = |link: &&&Link| {
        let date = link.altered.and_then(|altered| altered.date);
        let read = sources.get(&link.source).zip(copies.get(&link.destination));
        read.is_some_and(|(ours, theirs)| is_spoilt((link.date, ours), (date, theirs), keeps))
    };
    let mut bad: Vec<Uid> = looked.iter().filter(is_bad).map(|link| link.source).collect();
    bad.sort_unstable();
    Ok((!bad.is_empty()).then(|| named(&bad.into_iter().collect(), altered.len()).in_mailbox(&theirs.name.path())))
}

fn named(uids: &UidSet, altered: usize) -> Error {
    Error::new(Kind::Refused, "the destination did not keep what it was sent")
        .scope(Scope::Mailbox)
        .because(format!(
            "of {altered} copies that it lists in another way, {} were found to hold other octets: UID {uids} of the source",
            uids.len()
        ))
        .hint("`mailferry verify --deep` names all that are so; `mailferry sync --repair` copies them anew")
}
