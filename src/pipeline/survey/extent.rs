//! How far a listing reaches: whether it is all that a mailbox holds, as the mailbox says when it is opened. Pure.
//!
//! STATUS was asked before, and may come out of a cache that is late; some servers give no UIDNEXT when a mailbox is opened.

use crate::model::SyncPoint;

/// How far a listing reaches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extent {
    Whole,
    /// STATUS told less than there is: it is late on some servers, or mail came since.
    Behind,
}

/// How far a listing of so many messages reaches; `None` where it is not all that it was to be. What came between STATUS and
/// the opening is not in the windows, and is more than nothing and no more than UIDNEXT tells.
pub fn extent(listed: u64, opened: SyncPoint, status: SyncPoint) -> Option<Extent> {
    let exists = u64::from(opened.messages);
    let (found, since) = match (opened.uid_next, status.uid_next) {
        (Some(now), Some(then)) if now > then => {
            let most = u64::from(now.0 - then.0);
            (listed <= exists && exists - listed <= most, Extent::Behind)
        }
        // Not every server gives UIDNEXT when a mailbox is opened.
        (None, Some(_)) if listed < exists => (true, Extent::Behind),
        // Without an end the windows hold what came since, too.
        (Some(_), None) => (listed >= exists, Extent::Whole),
        _ => (listed == exists, Extent::Whole),
    };
    found.then_some(since)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Uid;

    fn point(messages: u32, next: u32) -> SyncPoint {
        SyncPoint { messages, uid_next: Some(Uid(next)).filter(|next| next.0 > 0), ..SyncPoint::default() }
    }

    #[test]
    fn listing_is_whole_behind_or_not_all_that_it_was_to_be() {
        let (whole, behind) = (Some(Extent::Whole), Some(Extent::Behind));
        let cases = [
            // listed; EXISTS and UIDNEXT when it was opened; UIDNEXT of STATUS, 0 where there is none
            (4, (4, 9), 9, whole),
            (3, (4, 9), 9, None),
            (5, (4, 9), 9, None),
            (4, (6, 11), 9, behind),
            (4, (4, 11), 9, behind),
            (3, (6, 11), 9, None),
            (7, (6, 11), 9, None),
            (4, (4, 0), 9, whole),
            (3, (4, 0), 9, behind),
            (5, (4, 0), 9, None),
            (4, (4, 9), 0, whole),
            (5, (4, 9), 0, whole),
            (3, (4, 9), 0, None),
            (4, (4, 0), 0, whole),
            (3, (4, 0), 0, None),
            (3, (4, 7), 9, None),
        ];
        for (listed, (exists, next), then, expected) in cases {
            let found = extent(listed, point(exists, next), point(0, then));
            assert_eq!(found, expected, "{listed} {exists} {next} {then}");
        }
    }
}
