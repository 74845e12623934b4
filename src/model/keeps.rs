//! What both servers of an account keep of a message, and so by what messages are told apart.

use serde::Serialize;

/// What both servers keep of a message: what they list of it tells messages apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Keeps {
    pub sizes: bool,
    pub dates: bool,
}

impl Keeps {
    /// As an honest server does.
    pub const ALL: Keeps = Keeps { sizes: true, dates: true };

    /// What both of two keep.
    pub fn and(self, other: Keeps) -> Keeps {
        Keeps { sizes: self.sizes && other.sizes, dates: self.dates && other.dates }
    }
}
