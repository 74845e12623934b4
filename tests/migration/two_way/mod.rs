//! Two-way mode: what happens on either side happens on the other, exactly once, and nothing is deleted that a person did not
//! delete.
//!
//! - [`passes`]: new mail, deletions and flags, each way. [`conflicts`]: both users at once.
//! - [`trash`]: where deleted messages go. [`refused`]: what is asked for and is not done.
//! - [`explained`]: what is told of it. [`cut_off`]: killed in either pass. [`late`]: what lands when it is given up. [`mailboxes`]: gone from one side.

mod conflicts;
mod cut_off;
mod explained;
mod late;
mod mailboxes;
mod passes;
mod refused;
mod trash;

use crate::migration::{Migration, count};
use crate::support::compare::expect;
use crate::support::seed::seed;

/// Both ways, and what is deleted is expunged.
pub const EXPUNGING: &str = "[sync]\nmode = \"two-way\"\ndeleted = \"expunge\"\ndelete_guard = \"100%\"";

/// Both ways, as it is by default.
pub const USUAL: &str = "[sync]\nmode = \"two-way\"\ndelete_guard = \"100%\"";

/// What the last sync did: messages copied, flags changed, messages deleted.
#[track_caller]
pub fn done(migration: &Migration<'_>) -> [u64; 3] {
    let last = &migration.ferry.status()["last_run"];
    ["messages_copied", "flags_updated", "messages_deleted"].map(|figure| count(last, figure))
}

/// Syncs, which must succeed, and leave nothing to do for another.
#[track_caller]
pub fn sync(migration: &Migration<'_>) -> [u64; 3] {
    migration.run(&["sync"]).expect(0);
    let first = done(migration);
    assert_quiet(migration);
    first
}

#[track_caller]
pub fn assert_quiet(migration: &Migration<'_>) {
    migration.run(&["sync"]).expect(0);
    assert_eq!(done(migration), [0, 0, 0], "without changes there is nothing to do");
}

/// Both sides hold this, and nothing else.
#[track_caller]
pub fn both_hold(migration: &Migration<'_>, notation: &str) {
    expect(migration.source, migration.user(), notation);
    expect(migration.destination, migration.user(), notation);
}

/// Puts mail onto the second server.
pub fn seed_there(migration: &Migration<'_>, notation: &str) {
    seed(migration.destination, migration.user(), notation);
}
