//! All that a run over accounts works with, put together by the settings: for the command line and for who uses the library.

use crate::config::Settings;
use crate::engine::Connector;
use crate::error::Result;
use crate::library::exit_codes::ExitCode;
use crate::model::bulletin::{Bulletin, SCHEMA};
use crate::model::everybody::Everybody;
use crate::model::report::AccountResult;
use crate::model::reversal::PasswordsBothWays;
use crate::model::run_ledger::{Accounted, RunLedger};
use crate::model::shard::Shard;
use crate::model::{Account, Digest, Direction, Server, ServerId, Side, Step};
use crate::pipeline::audit::host_name;
use crate::pipeline::fleet::agenda::{Agenda, Hours};
use crate::pipeline::fleet::attempts::now;
use crate::pipeline::fleet::roll::Roll;
use crate::pipeline::plan::stamp;
use crate::pipeline::{Migration, Observer, Stop, beside, bulletin as bulletins};
use crate::report::document::Head;
use crate::store::Store;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

/// What is wished of a run besides its settings.
pub(crate) struct Wishes {
    /// Accounts worked on at the same time.
    pub jobs: usize,
    /// Whether senders and subjects of messages that are not there may be asked for and shown.
    pub names_messages: bool,
    pub observer: Arc<dyn Observer>,
    pub stop: Stop,
}

/// Connections to the servers of these accounts, none of them open.
///
/// # Errors
/// `Settings`.
pub(crate) fn connectors(
    settings: &Settings,
    accounts: &[Account],
    direction: Direction,
    jobs: usize,
) -> Result<Vec<Connector>> {
    let numbered = settings.servers.iter().enumerate().map(|(number, server)| {
        let side = direction.named(server.side);
        let here = accounts.iter().filter(|account| account.server(side) == ServerId(number)).count();
        (Server { side, withheld: settings.secret_variables().to_vec(), ..server.clone() }, jobs.min(here))
    });
    let connectors = Connector::all(numbered.collect(), &settings.limits, &settings.state)?;
    Ok(connectors.into_iter().map(|connector| in_use(connector, settings, direction)).collect())
}

/// A migration of these accounts over these connections.
pub(crate) fn assembled(
    settings: &Settings,
    (accounts, servers): (Vec<Account>, Vec<Connector>),
    store: Store,
    wishes: Wishes,
) -> Migration {
    let wants_rights = settings.accounts.iter().any(|account| account.policy.mailboxes.besides.acl);
    let everybody = if wants_rights { Everybody::of(settings.accounts.iter()) } else { Everybody::default() };
    let Wishes { jobs, names_messages, observer, stop } = wishes;
    Migration {
        everybody,
        roll: Arc::new(Roll::new(accounts.len())),
        names_messages,
        accounts,
        servers,
        passwords: Arc::new(PasswordsBothWays(settings.passwords())),
        limits: settings.limits,
        jobs,
        resync_jobs: settings.limits.resync_jobs,
        fleet: settings.fleet.clone(),
        bulletin: settings.shard.map(|shard| bulletin(settings, shard)),
        agenda: Agenda::new(Arc::new(now), Hours::Obeyed),
        store,
        observer,
        stop,
    }
}

/// Does the work, answers others meanwhile who ask how it stands, and tells other processes where somebody may want to know;
/// with what kept it from telling them how it ended.
pub(crate) fn answering<T>(migration: &Migration, step: Step, work: impl FnOnce(&Migration) -> T) -> (T, Result<()>) {
    let result = beside::answering(migration, step, |migration| bulletins::telling(migration, step, work));
    (result, bulletins::conclude(migration, step))
}

/// What the servers of that side are called.
pub(crate) fn labels(migration: &Migration, side: Side) -> Vec<String> {
    let servers = migration.accounts.iter().map(|account| migration.connector(account, side).server().label());
    servers.collect::<BTreeSet<_>>().into_iter().collect()
}

/// What the JSON of a run between servers that are called so says of it, which began at that second and ends now.
pub(crate) fn head<T: Accounted>(
    [source, destination]: [Vec<String>; 2],
    step: Step,
    began: i64,
    results: &[AccountResult<T>],
) -> Head {
    Head {
        command: step.word().to_owned(),
        began,
        ended: now(),
        source,
        destination,
        exit_status: ExitCode::of_ledgers(&RunLedger::of(results)).number(),
        account_statuses: results.iter().map(|result| ExitCode::of_result(result).number()).collect(),
    }
}

/// The accounts with their mail going that way.
pub(crate) fn going(direction: Direction, accounts: Vec<Account>) -> Result<Vec<Account>> {
    accounts.iter().try_for_each(|account| account.check_way(direction))?;
    match direction {
        Direction::Forward => Ok(accounts),
        Direction::Reversed => accounts.iter().map(Account::turned).collect(),
    }
}

/// What the process of a shard says of itself.
fn bulletin(settings: &Settings, shard: Shard) -> Bulletin {
    let of = |side: Side| {
        let servers = settings.servers.iter().filter(|server| server.side == side).map(Server::label);
        servers.collect::<BTreeSet<_>>().into_iter().collect()
    };
    Bulletin {
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        shard: Some((shard.index(), shard.count())),
        host: host_name().unwrap_or_default(),
        process: std::process::id(),
        made: 0,
        settings: digest(settings),
        source: of(Side::Source),
        destination: of(Side::Destination),
        under_way: None,
    }
}

/// Of what the settings say of the accounts of all shards: who they are, where, and what is done for them.
fn digest(settings: &Settings) -> String {
    let mut digest = Sha256::new();
    for account in &settings.accounts {
        let places = Side::BOTH.map(|side| settings.server(account, side).address.place());
        digest.update(format!("{:?}", (&account.name, &account.source_user, &account.destination_user, places)));
        digest.update(stamp(account));
    }
    Digest::from_sha256(digest.finalize().into()).0.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// A connector that knows how many users the settings name there, whether or not this run opens them.
fn in_use(connector: Connector, settings: &Settings, direction: Direction) -> Connector {
    let (side, place) = (direction.named(connector.server().side), connector.server().address.place());
    let is_there = |account: &&Account| settings.servers[account.server(side).0].address.place() == place;
    let users: HashSet<&str> = settings.accounts.iter().filter(is_there).map(|account| account.user(side)).collect();
    connector.for_users(users.len())
}
