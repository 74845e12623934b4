//! Which way an account's mail goes. A sync or a scan turns what is known of its pairs to the way that it goes itself; all else
//! looks at them as they stand.

use super::access::Access;
use crate::error::{Error, Kind, Result, Scope};
use crate::model::counted::counted;
use crate::model::{Account, Direction, Side, Step};

/// Makes the account's pairs stand the way that this step goes, if it is for the step to say so.
///
/// # Errors
/// `State`; `Guard` while a run of the other way is not finished.
pub fn face(access: &Access<'_>, step: Step) -> Result<()> {
    // A sync of both ways turns them as it goes.
    let is_both_ways = access.account.policy.is_two_way() && step == Step::Sync;
    if is_both_ways || !matches!(step, Step::Scan | Step::Sync) || is_faced(access)? {
        return Ok(());
    }
    turn(access, TellIt::Yes)
}

/// Whether a person hears of it that an account is turned.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TellIt {
    Yes,
    No,
}

fn turn(access: &Access<'_>, tell: TellIt) -> Result<()> {
    access.check_owner()?;
    if let Some(first) = access.state.unfinished()?.first() {
        return Err(unfinished(access, &first.wire_text()));
    }
    let turned = access.state.turn()?;
    access.migration.store.flush()?;
    if turned > 0 && tell == TellIt::Yes {
        access.notice(&format!(
            "from now on mail goes from {} to {}: what is known of {} is read the other way round",
            access.connector(Side::Source).server().label(),
            access.connector(Side::Destination).server().label(),
            counted(turned, "mailbox")
        ));
    }
    Ok(())
}

/// Whether the pairs stand this way, all of them.
fn is_faced(access: &Access<'_>) -> Result<bool> {
    let state = &access.state;
    let is_halfway = !state.facing(state.direction().opposite()).pairs().is_ok_and(|pairs| pairs.is_empty());
    Ok(state.standing()? == state.direction() && !is_halfway)
}

/// What it sent may be there without a link, and is recognised only by a run of that way.
fn unfinished(access: &Access<'_>, mailbox: &str) -> Error {
    // What is named as a command on the way back goes that way.
    let first = match access.state.direction() {
        _ if access.account.policy.is_two_way() => "run `mailferry sync`",
        Direction::Reversed => "sync it without --reverse",
        Direction::Forward => "run `mailferry sync --reverse`",
    };
    Error::new(Kind::Guard, "the last sync of this account went the other way, and did not end cleanly")
        .scope(Scope::Account)
        .because(format!("`{mailbox}` may hold messages that are not known to be copies yet"))
        .hint(format!("{first} first, until that ends well; then this way again: nothing was touched"))
}

impl<'a> Access<'a> {
    /// The same account for a pass of the other way, as which it is `turned`. The two share no sessions.
    pub fn other_way(&self, turned: &'a Account) -> Access<'a> {
        Access::new(self.migration, self.fleet, turned, Step::Sync)
    }

    /// Makes the account's pairs stand the way of this pass.
    ///
    /// # Errors
    /// `State`; `Guard` while a pass of the other way is not finished.
    pub fn face_this_way(&self) -> Result<()> {
        if is_faced(self)? { Ok(()) } else { turn(self, TellIt::No) }
    }
}

impl Access<'_> {
    /// That what is known of the account stands the way that the run goes.
    ///
    /// # Errors
    /// `Stale` where the last sync went the other way.
    pub(super) fn check_direction(&self) -> Result<()> {
        if self.state.standing()? == self.state.direction() {
            return Ok(());
        }
        let (how, hint) = match self.state.direction() {
            Direction::Forward => (
                "went back, from the destination of the settings to their source",
                "look at it with `mailferry verify --reverse`; `mailferry sync` takes it forward again",
            ),
            Direction::Reversed => (
                "did not go back, from the destination of the settings to their source",
                "run `mailferry sync --reverse` first",
            ),
        };
        Err(Error::new(Kind::Stale, format!("the last sync of this account {how}")).scope(Scope::Account).hint(hint))
    }
}
