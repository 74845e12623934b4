//! Settings of one side that turn out to lead to one server, whatever they call it: they share its connections and its rates.
//!
//! Names tell it before anything is asked for; the addresses that other names stand for tell it before the first connection is
//! opened, so that no connection is ever counted by two.

use super::grant::Grants;
use crate::engine::wire::throttle::Throttle;
use crate::model::Side;
use crate::model::limits::Limits;
use crate::model::server::{Address, Server};
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// What a server gives to all that connect to it. Cheap to clone.
#[derive(Clone)]
pub struct Rations {
    pub grants: Grants,
    pub bandwidth: Throttle,
    pub messages: Throttle,
}

impl Rations {
    fn new(server: &Server, limits: &Limits, accounts: usize) -> Rations {
        Rations {
            grants: Grants::new(server, server.connections(accounts)),
            bandwidth: Throttle::new(limits.bandwidth),
            messages: Throttle::new(limits.messages_per_second),
        }
    }

    /// Others come in, who may want fewer connections.
    pub fn share_with(&self, server: &Server) {
        if let Some(most) = server.max_connections {
            self.grants.lower(most);
        }
    }
}

/// Where the servers of a run are, as far as their names were looked up. Cheap to clone.
#[derive(Clone, Default)]
pub struct Neighbours(Arc<Mutex<Vec<Place>>>);

struct Place {
    side: Side,
    addresses: Vec<SocketAddr>,
    rations: Rations,
}

/// The rations of one server: its own, until it turns out to be another's neighbour. Cheap to clone.
#[derive(Clone)]
pub struct Share {
    own: Rations,
    settled: Arc<OnceLock<Rations>>,
    /// `None` where there is nobody else.
    neighbours: Option<Neighbours>,
}

impl Share {
    pub fn new(server: &Server, limits: &Limits, accounts: usize, neighbours: Option<Neighbours>) -> Share {
        Share { own: Rations::new(server, limits, accounts), settled: Arc::default(), neighbours }
    }

    pub fn rations(&self) -> &Rations {
        self.settled.get().unwrap_or(&self.own)
    }

    /// Looks the server up, once, and joins the one that is found at the same address. A name that stands for none now is
    /// looked up again: nobody connects to it meanwhile.
    pub fn settle(&self, server: &Server) {
        let Some(neighbours) = self.neighbours.as_ref().filter(|_| self.settled.get().is_none()) else { return };
        if let Some(addresses) = addresses(&server.address) {
            self.settled.get_or_init(|| neighbours.join(server, addresses, &self.own));
        }
    }
}

impl Neighbours {
    fn join(&self, server: &Server, addresses: Vec<SocketAddr>, own: &Rations) -> Rations {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_there = |place: &&Place| place.side == server.side && are_one_server(&place.addresses, &addresses);
        if let Some(place) = places.iter().find(is_there) {
            place.rations.share_with(server);
            return place.rations.clone();
        }
        places.push(Place { side: server.side, addresses, rations: own.clone() });
        own.clone()
    }
}

/// What the name of a server stands for now. Of tunnels nobody knows.
pub fn addresses(address: &Address) -> Option<Vec<SocketAddr>> {
    match address {
        Address::Tcp { host, port } => (host.as_str(), *port).to_socket_addrs().ok().map(Iterator::collect),
        Address::Tunnel(_) => None,
    }
}

/// Whether two names lead to one server.
pub fn are_one_server(own: &[SocketAddr], others: &[SocketAddr]) -> bool {
    own.iter().any(|own| others.iter().any(|other| is_one_server(*own, *other)))
}

/// Both of IMAP's own ports of a machine lead to one server; other ports may be forwarded to others.
fn is_one_server(one: SocketAddr, other: SocketAddr) -> bool {
    let is_own = |address: SocketAddr| matches!(address.port(), 143 | 993);
    let is_one_port = one.port() == other.port() || (is_own(one) && is_own(other));
    // `::ffff:192.0.2.1` is 192.0.2.1.
    let (one, other) = (one.ip().to_canonical(), other.ip().to_canonical());
    let is_one_machine = one == other || (one.is_loopback() && other.is_loopback());
    is_one_port && is_one_machine
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::server::Tls;

    fn server(side: Side, host: &str, port: u16, most: Option<usize>) -> Server {
        let address = Address::Tcp { host: host.to_owned(), port };
        Server { max_connections: most, ..Server::at(side, address, Tls::Implicit) }
    }

    fn settled(servers: &[Server]) -> Vec<Share> {
        let neighbours = Neighbours::default();
        let share = |server| Share::new(server, &Limits::default(), 1, Some(neighbours.clone()));
        let shares: Vec<Share> = servers.iter().map(share).collect();
        shares.iter().zip(servers).for_each(|(share, server)| share.settle(server));
        shares
    }

    #[test]
    fn names_of_one_address_share_what_the_server_grants() {
        let servers = [
            server(Side::Source, "localhost", 1993, Some(5)),
            server(Side::Source, "::ffff:127.0.0.1", 1993, Some(3)),
            server(Side::Source, "::ffff:127.0.0.1", 1994, Some(1)),
            server(Side::Destination, "::ffff:127.0.0.1", 1993, Some(2)),
            server(Side::Source, "no such name", 1993, Some(4)),
        ];
        let shares = settled(&servers);
        let most: Vec<usize> = shares.iter().map(|share| share.rations().grants.most()).collect();
        assert_eq!(most, [3, 3, 1, 2, 4]);
        let key = |number: usize| shares[number].rations().grants.key();
        assert!(key(0) == key(1) && [2, 3, 4].iter().all(|other| key(*other) != key(0)));
    }

    #[test]
    fn own_ports_of_a_machine_are_one_server_and_others_are_not() {
        let at = |port: u16| vec![SocketAddr::from(([192, 0, 2, 1], port))];
        assert!(are_one_server(&at(143), &at(993)) && are_one_server(&at(1143), &at(1143)));
        assert!(!are_one_server(&at(1143), &at(993)));
        assert!(!are_one_server(&at(993), &[SocketAddr::from(([192, 0, 2, 2], 993))]));
    }
}
