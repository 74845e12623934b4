//! One account on two real servers, with a proxy before each, and the program set up to move it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::scenario::{Patience, Scenario};
use crate::support::compare::{Automatic, Differences, compare};
use crate::support::ferry::{Ferry, Output, Side};
use crate::support::proxy::fault::Strike;
use crate::support::proxy::place::{Moment, Place, Role};
use crate::support::proxy::plan::Plan;
use crate::support::proxy::{Manner, Proxy};
use crate::support::seed::seed;
use crate::support::server::{Server, User};
use crate::support::state::{AccountState, observe};

/// All that may ever be said to a source (disaster rule 1).
const SOURCE_COMMANDS: [&str; 19] = [
    "AUTHENTICATE",
    "LOGIN",
    "CAPABILITY",
    "ID",
    "ENABLE",
    "NAMESPACE",
    "LIST",
    "LSUB",
    "XLIST",
    "STATUS",
    "EXAMINE",
    "UID-FETCH",
    "UID-SEARCH",
    "NOOP",
    "UNSELECT",
    "LOGOUT",
    "GETQUOTAROOT",
    "MYRIGHTS",
    "COMPRESS",
];

/// Nothing here asks for a deletion.
const DESTROYING_COMMANDS: [&str; 7] = ["EXPUNGE", "CLOSE", "UID-EXPUNGE", "DELETE", "RENAME", "UID-MOVE", "REPLACE"];

/// Where messages are moved on the source, copies of ours are on the destination.
const MOVING_COMMANDS: [&str; 3] = ["UID-MOVE", "UID-EXPUNGE", "RENAME"];

/// A scenario, set up for a user whom nobody else has.
pub struct Stage {
    pub scenario: &'static Scenario,
    pub user: String,
    pub ferry: Ferry,
    pub plan: Arc<Plan>,
    _proxies: [Proxy; 2],
}

impl Stage {
    /// The same with further lines of settings.
    pub fn with_settings_added(self, text: &str) -> Stage {
        Stage { ferry: self.ferry.with_settings_added(text), ..self }
    }

    /// Everything before the run that is to be struck.
    pub fn set(scenario: &'static Scenario) -> Result<Stage, String> {
        let stage = Stage::set_with_account(scenario, scenario.account);
        if let Some(change) = scenario.change {
            let first = stage.ferry.run(&["sync"]);
            if first.code != Some(0) {
                return Err(format!("the first sync failed: {first}"));
            }
            let mut source = stage.source().connect(&stage.user);
            change(&mut source);
            source.logout();
        }
        Ok(stage)
    }

    pub fn set_with_account(scenario: &'static Scenario, account: &str) -> Stage {
        let servers = [scenario.source(), scenario.destination()];
        let user = User::fresh("struck");
        servers.iter().for_each(|server| server.add_user(&user));
        seed(servers[0], &user.name, account);
        let plan = Arc::<Plan>::default();
        let manners = [&[][..], scenario.masked].map(|masked| Manner { opaque: scenario.tls, masked });
        let proxies = [Role::Source, Role::Destination].map(|role| {
            let server = servers[role as usize];
            let port = if scenario.tls { server.tls_port() } else { server.plain_port() };
            Proxy::start(role, port, manners[role as usize].clone(), &plan)
        });
        let side = |role: Role| {
            let side = match scenario.tls {
                true => Side::of(servers[role as usize]).set("port", proxies[role as usize].port()),
                false => Side::in_clear_text(proxies[role as usize].port()),
            };
            side.set("compress", if scenario.compressed { "\"on\"" } else { "\"off\"" })
        };
        let ferry = Ferry::new(side(Role::Source), side(Role::Destination))
            .with_settings(&scenario.settings(Patience::Usual))
            .with_account(&user);
        Stage { scenario, user: user.name, ferry, plan, _proxies: proxies }
    }

    pub fn source(&self) -> &'static dyn Server {
        self.scenario.source()
    }

    pub fn destination(&self) -> &'static dyn Server {
        self.scenario.destination()
    }

    /// Syncs with these strikes, to whatever end. The plan is armed when this returns.
    pub fn struck_sync(&mut self, strikes: &[Strike]) -> Output {
        let usual = self.ferry.further_settings.clone();
        if strikes.iter().any(|strike| strike.fault.may_silence()) {
            self.ferry.further_settings = self.scenario.settings(Patience::Little);
        }
        self.plan.arm(strikes.iter().cloned());
        let running = self.ferry.start(&["sync"]);
        self.plan.set_process(running.id());
        let output = running.finish();
        self.ferry.further_settings = usual;
        output
    }

    /// What is on the source.
    pub fn original(&self) -> AccountState {
        observe(self.source(), &self.user)
    }

    /// How the destination differs from what is to be there.
    pub fn differences(&self, original: &AccountState) -> Differences {
        compare(original, &observe(self.destination(), &self.user), Automatic::Ignored)
    }
}

/// What was said that must never be said: to the source what could change it, to the destination what could remove
/// mail (disaster rule 2).
pub fn forbidden_commands(seen: &BTreeMap<Place, u32>, scenario: &Scenario) -> Vec<String> {
    let is_meant = |subject: &str| {
        scenario.moves && MOVING_COMMANDS.contains(&subject) || scenario.deletes && subject == "UID-EXPUNGE"
    };
    let is_forbidden = |place: &&Place| match place.role {
        Role::Source => !SOURCE_COMMANDS.contains(&place.subject.as_str()),
        Role::Destination => DESTROYING_COMMANDS.contains(&place.subject.as_str()) && !is_meant(&place.subject),
    };
    let commands = seen.keys().filter(|place| place.moment == Moment::Command);
    commands.filter(is_forbidden).map(Place::to_string).collect()
}
