//! Gates between the program and the servers, at which a run is held in the midst of its work.

use std::sync::Arc;

use crate::support::ferry::Side;
use crate::support::proxy::place::Role;
use crate::support::proxy::plan::Plan;
use crate::support::proxy::{Manner, Proxy};
use crate::support::server::Server;

/// What the program may have open to each server.
pub const CONNECTIONS: u64 = 4;

/// One before each server. They are opened when dropped.
pub struct Gates {
    plan: Arc<Plan>,
    _proxies: [Proxy; 2],
}

impl Gates {
    /// Open gates, and the ways through them.
    pub fn before(servers: [&dyn Server; 2]) -> (Gates, [Side; 2]) {
        let plan = Arc::<Plan>::default();
        let proxies = [Role::Source, Role::Destination].map(|role| {
            let port = servers[role as usize].plain_port();
            Proxy::start(role, port, Manner::default(), &plan)
        });
        let sides = proxies.each_ref().map(|proxy| {
            Side::in_clear_text(proxy.port()).set("compress", "\"off\"").set("max_connections", CONNECTIONS)
        });
        (Gates { plan, _proxies: proxies }, sides)
    }

    /// Lets so many pass at a place, and no more.
    pub fn close(&self, place: &str, passed: u64) {
        self.plan.gate.close_behind(place.parse().expect("a place"), passed);
    }

    /// Whether somebody is held.
    pub fn are_holding(&self) -> bool {
        self.plan.gate.is_holding()
    }

    /// Lets so many more pass.
    pub fn let_through(&self, count: u64) {
        self.plan.gate.let_through(count);
    }

    /// Lets all go on.
    pub fn open(&self) {
        self.plan.gate.open();
    }

    /// How often these places were come to while something was done.
    pub fn counted<T>(&self, places: [&str; 2], work: impl FnOnce() -> T) -> [u32; 2] {
        self.plan.arm([]);
        work();
        let seen = self.plan.seen();
        self.plan.disarm();
        places.map(|place| seen.get(&place.parse().expect("a place")).copied().unwrap_or(0))
    }

    /// Cuts off who is held: the program is gone.
    pub fn cut(&self) {
        self.plan.gate.cut();
    }
}

impl Drop for Gates {
    fn drop(&mut self) {
        self.plan.gate.cut();
    }
}
