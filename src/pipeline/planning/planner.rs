//! An account's plan in the making: pair by pair, and what they come to together.

use super::stray::Stray;
use crate::diff::comparing::same::Keeps;
use crate::diff::fit::fit_quota;
use crate::diff::routing::mapping::{MailboxPair, Mapping};
use crate::error::{Error, Kind, Result, Scope};
use crate::model::counted::{counted, verb_for};
use crate::model::ledger::{AccountLedger, Stage};
use crate::model::link::Settled;
use crate::model::plan::{AccountPlan, MailboxPlan, Omitted};
use crate::model::report::PlanSummary;
use crate::model::{Digest, FlagCapacity, MailboxCondition, MailboxState, PairState, RawName, Side};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::survey::agreeing::{accepted_gone, gone};
use crate::pipeline::survey::alike::is_copy_renamed;
use crate::pipeline::survey::carrying::carried_over;
use crate::pipeline::survey::keeping::keeps;
use crate::pipeline::survey::labels::LabelDecision;
use crate::pipeline::survey::leftovers::count_leftovers;
use crate::pipeline::survey::pairing::pairing;
use crate::pipeline::survey::recalling::recall;
use crate::pipeline::survey::sharing::Sharing;
use crate::pipeline::survey::snapshots::Snapshots;
use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};

/// An account's plan in the making.
pub struct Planner<'a> {
    pub(super) access: &'a Access<'a>,
    pub(super) snapshots: &'a Snapshots<'a>,
    by_name: [HashMap<&'a RawName, &'a MailboxState>; 2],
    pub(super) capacity: FlagCapacity,
    pub(super) sharing: Sharing,
    /// What Gmail's labels mean.
    pub(super) labels: LabelDecision,
    /// Source mailboxes whose links were carried over by this planning.
    pub(super) carried: HashSet<RawName>,
    /// Of source mailboxes that were planned by a part: which links may have lost their source messages.
    pub(super) strays: HashMap<RawName, Stray>,
    keeps: OnceCell<Keeps>,
    /// Traces of destination messages that no link names; looked up only where somebody may have moved them.
    pub(super) unlinked: OnceCell<HashSet<Digest>>,
    pub(super) policy: [u8; 16],
    pub(super) plan: AccountPlan,
    pub(super) ledger: AccountLedger,
    /// Messages that the source holds and does not describe.
    pub(super) unreadable: u64,
    /// What is not done now, told among the warnings.
    held_back: Vec<String>,
}

impl<'a> Planner<'a> {
    /// Nothing is planned yet; it will be stamped with that digest of the settings. `sharing` tells who goes where, `labels` what
    /// is copied with another mailbox.
    pub fn new(
        access: &'a Access<'a>,
        snapshots: &'a Snapshots<'a>,
        sharing: Sharing,
        labels: LabelDecision,
        policy: [u8; 16],
    ) -> Self {
        let plan = AccountPlan {
            account: access.account.name.to_string(),
            generation: 0,
            policy,
            renames: Vec::new(),
            mailboxes: Vec::new(),
            omitted: Vec::new(),
            leftovers: 0,
            warnings: Vec::new(),
        };
        let by_name = Side::BOTH.map(|side| snapshots.by_name(side));
        let capacity = snapshots.capacity();
        let ledger = AccountLedger::at(Stage::Planned);
        Planner {
            access,
            snapshots,
            by_name,
            capacity,
            sharing,
            labels,
            carried: HashSet::new(),
            strays: HashMap::new(),
            keeps: OnceCell::new(),
            unlinked: OnceCell::new(),
            policy,
            plan,
            ledger,
            unreadable: 0,
            held_back: Vec::new(),
        }
    }

    /// What the servers keep of a message; looked up only where messages are compared.
    pub(super) fn keeps(&self) -> Result<Keeps> {
        if let Some(keeps) = self.keeps.get() {
            return Ok(*keeps);
        }
        let keeps = keeps(self.access, self.snapshots)?;
        Ok(*self.keeps.get_or_init(|| keeps))
    }

    pub(super) fn mailbox(&self, side: Side, name: &RawName) -> Option<&'a MailboxState> {
        self.by_name[side as usize].get(name).copied()
    }

    /// Carries over the links of all that go to mailboxes which are shared, before any of them is compared: else one would take
    /// the copies of another for its own. What cannot be carried over is an obstacle when its turn comes.
    ///
    /// # Errors
    /// What concerns more than a mailbox: `State`.
    pub fn carry_shared(&mut self, pairs: &[MailboxPair]) -> Result<()> {
        for pair in pairs {
            if pair.create || !self.sharing.is_shared(&pair.destination.raw) {
                continue;
            }
            let source = self.mailbox(Side::Source, &pair.source.raw);
            let destination = self.mailbox(Side::Destination, &pair.destination.raw);
            let destination = destination.filter(|destination| destination.sync_point.is_some());
            let (Some(source), Some(destination)) = (source, destination) else { continue };
            match self.holding_pair(&pair.source.raw, [source, destination]) {
                Err(error) if error.reach() > Scope::Mailbox => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Plans one pair of mailboxes. One that cannot be planned stays behind, and is named.
    ///
    /// # Errors
    /// What concerns more than that mailbox: `State`.
    pub fn take_pair(&mut self, pair: &MailboxPair) -> Result<()> {
        let Some(source) = self.mailbox(Side::Source, &pair.source.raw) else { return Ok(()) };
        let destination = self.mailbox(Side::Destination, &pair.destination.raw);
        let destination = destination.filter(|destination| destination.sync_point.is_some());
        if destination.is_none()
            && let Some(reason) = accepted_gone(self.access, source)?
        {
            self.plan.omitted.push(gone(source, &reason));
            return Ok(());
        }
        if destination.is_none() && self.is_renamed_there(pair)? {
            self.plan.omitted.push(Omitted {
                mailbox: source.name.clone(),
                reason: "renamed on the other side: it follows when mail goes the other way".to_owned(),
                condition: MailboxCondition::Excluded,
                messages: u64::from(source.records),
            });
            return Ok(());
        }
        match self.plan_pair(pair, source, destination) {
            Ok(plan) => {
                let plan = self.once(plan);
                self.plan.mailboxes.push(plan);
            }
            Err(error) if *error.kind() == Kind::Guard => self.question(source, error),
            Err(error) if error.reach() <= Scope::Mailbox => self.obstacle(source, &error),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// A mailbox that several go to is created and subscribed once.
    fn once(&self, plan: MailboxPlan) -> MailboxPlan {
        if !self.sharing.is_shared(&plan.destination.raw) {
            return plan;
        }
        let before: Vec<_> =
            self.plan.mailboxes.iter().filter(|before| before.destination.raw == plan.destination.raw).collect();
        MailboxPlan {
            create: plan.create && !before.iter().any(|before| before.create),
            subscribe: plan.subscribe && !before.iter().any(|before| before.subscribe),
            ..plan
        }
    }

    /// A mailbox that cannot be planned stays behind, and is named. What is damaged is forgotten, so that the next scan
    /// lists it anew.
    fn obstacle(&mut self, source: &MailboxState, error: &Error) {
        let messages = u64::from(source.records);
        self.plan.omitted.push(Omitted {
            mailbox: source.name.clone(),
            reason: [Some(error.summary().as_str()), error.advice()]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join("; "),
            condition: MailboxCondition::Unreadable,
            messages,
        });
    }

    /// A mailbox of which a person has to say what is to become of it stays as it is.
    fn question(&mut self, source: &MailboxState, question: Error) {
        let messages = u64::from(source.records);
        self.plan.omitted.push(Omitted {
            mailbox: source.name.clone(),
            reason: question.what().to_owned(),
            condition: MailboxCondition::Excluded,
            messages,
        });
        self.ledger.questioned += messages.max(1);
        let question = question.in_account(&self.access.account.name);
        self.access.failures.note(&mut self.ledger.failures, question);
    }

    fn plan_pair(
        &mut self,
        pair: &MailboxPair,
        source: &'a MailboxState,
        destination: Option<&'a MailboxState>,
    ) -> Result<MailboxPlan> {
        let Some(destination) = destination.filter(|_| !pair.create) else {
            let known = self.known_pair(&pair.source.raw)?;
            self.refuse_vanished(pair, known.as_ref())?;
            recall(self.access, source, self.keeps()?)?;
            return self.compare(pair, source, None, None);
        };
        let known = self.holding_pair(&pair.source.raw, [source, destination])?;
        if known.settled == Some(self.settlement(source, destination)) {
            return Ok(self.settled_plan(pair, source, destination, &known));
        }
        let plan = self.compare(pair, source, Some(destination), Some(known))?;
        Ok(if self.carried.contains(&pair.source.raw) { self.without_deletions(plan) } else { plan })
    }

    /// What is known of the pair of these listings; carried over where it was known under other UIDVALIDITYs.
    fn holding_pair(&mut self, name: &RawName, [source, destination]: [&'a MailboxState; 2]) -> Result<PairState> {
        let known = self.known_pair(name)?;
        let pairing = pairing(source, destination);
        let lasting = pairing.source_validity.is_lasting() && pairing.destination_validity.is_lasting();
        match known {
            Some(known) if known.pairing == pairing && (lasting || self.carried.contains(name)) => Ok(known),
            before => {
                let others = self.others(source, Some(destination))?;
                let carried = carried_over(self.access, before, [source, destination], &others, self.keeps()?)?;
                self.carried.insert(name.clone());
                Ok(carried)
            }
        }
    }

    /// Links that were just carried over, or found, delete nothing: the next scan looks again. The pair is not settled
    /// meanwhile.
    fn without_deletions(&mut self, mut plan: MailboxPlan) -> MailboxPlan {
        let deletions = std::mem::take(&mut plan.deletions).len() as u64;
        if deletions > 0 {
            plan.guard = None;
            self.held_back.push(format!(
                "`{}` has another UIDVALIDITY: {} of it {} for the next scan",
                plan.source,
                counted(deletions, "deletion"),
                verb_for(deletions, "waits", "wait")
            ));
        }
        plan
    }

    /// A pair that cannot be read is as good as none: its messages are matched by identity again.
    fn known_pair(&self, source: &RawName) -> Result<Option<PairState>> {
        self.access.state.pair(source).or_else(|error| match error.kind() {
            Kind::Damaged => {
                self.access.notice(&format!("{}; its messages are matched anew: nothing is lost", error.line()));
                Ok(None)
            }
            _ => Err(error),
        })
    }

    /// The mailbox that messages were copied to is gone: its user may have deleted or renamed it, or the server lost it.
    fn refuse_vanished(&self, pair: &MailboxPair, known: Option<&PairState>) -> Result<()> {
        // With an intent open, the snapshot is older than the mailbox: it was created, and not listed since.
        let gone = known.filter(|known| {
            known.links > 0 && known.intent.is_none() && known.pairing.destination == pair.destination.raw
        });
        if gone.is_none() || self.access.account.policy.restore_missing {
            return Ok(());
        }
        if self.access.account.policy.is_two_way() {
            return Err(self.vanished_both_ways(pair));
        }
        Err(Error::new(
            Kind::Changed,
            format!("`{}`, to which it was copied, is gone from the destination", pair.destination),
        )
        .hint("set restore_missing = true under [sync] to copy it again, or exclude it under [mailboxes]"))
    }

    /// Both ways: whether the mailbox that it was copied to is gone, and what seems to be the same one is there under another name.
    fn is_renamed_there(&self, pair: &MailboxPair) -> Result<bool> {
        let policy = &self.access.account.policy;
        if !policy.is_two_way() || !policy.follows_moves() {
            return Ok(false);
        }
        let known = self.known_pair(&pair.source.raw)?;
        let known = known.filter(|known| known.intent.is_none() && known.pairing.destination == pair.destination.raw);
        let listed = self.snapshots.mailboxes(Side::Destination);
        known.map_or(Ok(false), |known| is_copy_renamed(self.access, &known, listed))
    }

    /// Both ways a mailbox that is gone from one side may have been deleted there, renamed, or lost.
    fn vanished_both_ways(&self, pair: &MailboxPair) -> Error {
        let server = |side| self.access.connector(side).server().label();
        let (here, account) = (server(Side::Source), &self.access.account.name);
        Error::new(Kind::Guard, format!("`{}` is gone from {}", pair.destination, server(Side::Destination)))
            .scope(Scope::Mailbox)
            .because(format!("on {here} it is there as `{}`, and nothing was done to it", pair.source))
            .in_mailbox(&pair.source.path())
            .hint(format!(
                "if it is to go, delete it on {here}, too; to have it back on both, set restore_missing = true under [sync] for one \
                 sync; to leave it as it is, run `mailferry accept {account} \"{}\" --reason \"…\"`",
                pair.source
            ))
    }

    pub(super) fn settlement(&self, source: &MailboxState, destination: &MailboxState) -> Settled {
        Settled { source_revision: source.revision, destination_revision: destination.revision, policy: self.policy }
    }

    fn settled_plan(
        &mut self,
        pair: &MailboxPair,
        source: &MailboxState,
        destination: &MailboxState,
        known: &PairState,
    ) -> MailboxPlan {
        self.ledger.outcomes.merge(&known.outcomes);
        self.ledger.losses.merge(&known.losses);
        MailboxPlan {
            present: known.outcomes.present,
            copied: known.outcomes.copied,
            losses: known.losses.clone(),
            create: false,
            ..pair.empty_plan(source, Some(destination))
        }
    }

    pub(super) fn is_gone(&self, side: Side, name: &RawName) -> bool {
        self.snapshots.is_gone(side, name, self.mailbox(side, name))
    }

    /// Links whose mailboxes are gone on both sides are of no use any more. What a person agreed to outlives them.
    fn drop_ended_pairs(&self) -> Result<()> {
        // What cannot be read of the state is matched anew.
        for PairState { pairing, intent, .. } in self.access.state.pairs().unwrap_or_default() {
            let is_ended = intent.is_none()
                && self.is_gone(Side::Source, &pairing.source)
                && self.is_gone(Side::Destination, &pairing.destination);
            if is_ended {
                self.access.state.drop_pair(&pairing)?;
            }
        }
        Ok(())
    }

    /// The plan of all pairs, and what the account comes to by it.
    ///
    /// # Errors
    /// `State`.
    pub fn finish(mut self, mapping: Mapping) -> Result<PlanSummary> {
        self.follow_moves()?;
        self.follow_renames()?;
        self.plan.leftovers = count_leftovers(self.access)?;
        self.drop_ended_pairs()?;
        self.plan.generation = self.access.state.generation()?;
        self.plan.omitted.extend(mapping.omitted);
        self.plan.warnings = mapping.warnings;
        self.plan.warnings.extend(self.snapshots.emptiness());
        self.plan.warnings.append(&mut self.held_back);
        self.plan.warnings.extend(self.removal_warnings());
        self.plan.warnings.extend(self.spoilt_warnings()?);
        self.plan.warnings.extend(self.questions()?);
        let quotas = &self.snapshots.side(Side::Destination).quotas;
        self.plan.warnings.extend(fit_quota(quotas, &self.plan.totals()));
        let source = self.snapshots.mailboxes(Side::Source);
        let ledger = &mut self.ledger;
        let taking_part: Vec<&RawName> = self.plan.mailboxes.iter().map(|mailbox| &mailbox.source.raw).collect();
        ledger.conditions = self.snapshots.conditions(&taking_part, &self.plan.omitted);
        for omitted in &self.plan.omitted {
            ledger.outcomes.add(&omitted.outcome(), omitted.messages);
        }
        ledger.held = source.iter().map(MailboxState::held).sum::<u64>() + self.unreadable;
        ledger.to_do = !self.plan.totals().is_empty();
        let keeps = self.keeps.get().copied();
        let labels = self.labels.forecast;
        Ok(PlanSummary { plan: self.plan, ledger: self.ledger, keeps, labels, unmatched: mapping.unmatched })
    }
}
