//! Outcomes in words.

use crate::model::Outcome;

/// What became of a message when it was last looked at.
pub fn words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Skipped(reason) => format!("skipped, because {reason}"),
        Outcome::Limited(reason) => format!("not taken by the destination: {reason}"),
        Outcome::NotFoundAgain(reason) => format!("stored on the destination, and not found there again: {reason}"),
        Outcome::Undecided(reason) => format!("not decided yet: {reason}"),
        Outcome::Accepted(reason) => format!("accepted as it is: {reason}"),
        Outcome::Refused(reason) => format!("refused by the destination: {reason}"),
        Outcome::Failed(reason) => format!("failed: {reason}"),
        Outcome::Vanished => "gone from the source when it was to be copied".to_owned(),
        Outcome::Present => "was on the destination before".to_owned(),
        Outcome::Copied => "copied".to_owned(),
        Outcome::Departed => "copied once, and removed on the destination since".to_owned(),
        Outcome::Pending => "not done yet".to_owned(),
    }
}
