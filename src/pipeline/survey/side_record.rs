//! What is recorded of a side as a whole when it was listed: what the server offers, the names that it has, what is gone.

use crate::engine::Session;
use crate::engine::commands::listed::{ListedMailbox, Listing};
use crate::error::Result;
use crate::model::{RawName, Side, SideState};
use crate::pipeline::fleet::access::Access;
use std::collections::HashSet;

/// One side being recorded.
pub struct SideRecord<'a> {
    pub access: &'a Access<'a>,
    pub side: Side,
    pub session: &'a Session,
    /// What the user should know of it.
    pub warnings: &'a mut Vec<String>,
}

impl SideRecord<'_> {
    /// What the server is and offers.
    ///
    /// # Errors
    /// `State`.
    pub fn record(&mut self, listing: &Listing) -> Result<()> {
        let capabilities = self.session.capabilities();
        let state = SideState {
            product: self.session.product().to_owned(),
            preset: self.session.preset(),
            namespace: listing.namespace.clone(),
            append_limit: capabilities.append_limit(),
            creates_special_use: capabilities.has("CREATE-SPECIAL-USE"),
            expunges_by_uid: self.session.expunges_by_uid(),
            quotas: listing.quotas.clone(),
        };
        if self.access.state.side(self.side)?.as_ref() != Some(&state) {
            self.access.state.put_side(self.side, &state)?;
        }
        if self.access.state.names(self.side)? != listing.names {
            self.access.state.put_names(self.side, &listing.names)?;
        }
        if let Some(why) = &listing.subscriptions_refused {
            let (side, server) = (self.side, self.session.server().label());
            self.warnings.push(format!("the {side} {server} does not tell what is subscribed: {why}"));
        }
        if let Some(odd) = &listing.odd_namespaces {
            self.warnings.push(format!(
                "what the {} says of its namespaces cannot be understood (`{odd}`): every mailbox that it lists is taken \
                 for the user's own; look at the plan before it is applied",
                self.side
            ));
        }
        Ok(())
    }

    /// Mailboxes that are gone from the listing are gone from the snapshot; their links stay while the other side has its
    /// mailbox.
    ///
    /// # Errors
    /// `State`.
    pub fn forget_vanished(&mut self, listing: &Listing) -> Result<()> {
        let present: HashSet<&RawName> = listing.mailboxes.iter().map(|mailbox| &mailbox.name.raw).collect();
        let known = self.access.state.mailboxes(self.side)?;
        let before: HashSet<&RawName> = known.iter().map(|mailbox| &mailbox.name.raw).collect();
        let fresh = || listing.mailboxes.iter().filter(|mailbox| !before.contains(&mailbox.name.raw));
        for gone in known.iter().filter(|known| !present.contains(&known.name.raw)) {
            let (side, name) = (self.side, &gone.name);
            let validity = gone.sync_point.unwrap_or_default().uid_validity;
            let is_alike = |it: &&ListedMailbox| it.status.is_some_and(|status| status.uid_validity == validity);
            match fresh().filter(is_alike).collect::<Vec<_>>()[..] {
                [renamed] if validity.is_lasting() => {
                    self.warnings
                        .push(format!("`{name}` is gone from the {side}, and seems to be `{}` now", renamed.name));
                }
                _ => self.warnings.push(format!("`{name}` is gone from the {side}; nothing is deleted because of it")),
            }
            self.access.state.forget_mailbox(side, &gone.name.raw)?;
        }
        Ok(())
    }
}
