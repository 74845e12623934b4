//! How many accounts are on each server, and how many there may be: as many as it has connections.
//!
//! Servers that turn out to be one, whatever the settings call them, have one room.

use crate::engine::Connector;
use crate::model::ServerId;
use std::collections::HashMap;

/// By the numbers of the servers.
pub struct Rooms(Vec<Room>);

struct Room {
    most: usize,
    taken: usize,
    /// Number of the first of the servers that are one and the same. What is taken of all of them is counted there.
    first: usize,
    taken_of_all: usize,
    /// One account is to go first, and has not logged in yet.
    is_to_be_scouted: bool,
    /// The master login was refused: the accounts go on one by one.
    is_doubtful: bool,
}

impl Rooms {
    pub fn of(connectors: &[Connector]) -> Rooms {
        let room = |connector: &Connector| (connector.connections(), connector.server().master.is_some());
        let mut rooms = Rooms::new(&connectors.iter().map(room).collect::<Vec<_>>());
        rooms.look(connectors);
        rooms
    }

    /// How many may be on each, and whether one goes first.
    pub fn new(rooms: &[(usize, bool)]) -> Rooms {
        let room = |(first, (most, is_to_be_scouted)): (usize, &(usize, bool))| Room {
            most: *most,
            taken: 0,
            first,
            taken_of_all: 0,
            is_to_be_scouted: *is_to_be_scouted,
            is_doubtful: false,
        };
        Rooms(rooms.iter().enumerate().map(room).collect())
    }

    /// Notes what the connections have found out: which servers are one, and how many connections they grant.
    pub fn look(&mut self, connectors: &[Connector]) {
        self.note(connectors.iter().map(|connector| (connector.place(), connector.connections())));
    }

    /// The same place for those that are one; and how many connections there are.
    pub fn note(&mut self, found: impl IntoIterator<Item = (usize, usize)>) {
        let mut firsts = HashMap::new();
        self.0.iter_mut().for_each(|room| room.taken_of_all = 0);
        for (number, (place, connections)) in found.into_iter().enumerate() {
            let first = *firsts.entry(place).or_insert(number);
            let room = &mut self.0[number];
            (room.first, room.most) = (first, room.most.min(connections.max(1)));
            let taken = room.taken;
            self.0[first].taken_of_all += taken;
        }
    }

    pub fn has_a_seat(&self, server: ServerId) -> bool {
        let room = &self.0[server.0];
        let is_free = !room.is_to_be_scouted || room.taken == 0;
        is_free && self.0[room.first].taken_of_all < room.most
    }

    /// An account comes or goes.
    pub fn change(&mut self, server: ServerId, change: impl Fn(&mut usize)) {
        let room = &mut self.0[server.0];
        change(&mut room.taken);
        let first = room.first;
        change(&mut self.0[first].taken_of_all);
    }

    /// Whether more accounts are there than may be.
    pub fn is_crowded(&self, server: ServerId) -> bool {
        let room = &self.0[server.0];
        self.0[room.first].taken_of_all > room.most
    }

    pub fn doubt(&mut self, server: ServerId) {
        self.0[server.0].is_doubtful = true;
    }

    pub fn let_others_follow(&mut self, server: ServerId) {
        self.0[server.0].is_to_be_scouted = false;
    }

    /// The account that went first is done, and nobody knows why it had not logged in.
    pub fn note_end_of_scout(&mut self, server: ServerId) {
        let room = &mut self.0[server.0];
        room.is_to_be_scouted &= room.is_doubtful;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVERS: [ServerId; 2] = [ServerId(0), ServerId(1)];

    fn enter(rooms: &mut Rooms, server: usize) {
        assert!(rooms.has_a_seat(ServerId(server)));
        rooms.change(ServerId(server), |taken| *taken += 1);
    }

    #[test]
    fn servers_that_are_one_have_one_room() {
        let mut rooms = Rooms::new(&[(3, false), (2, false)]);
        enter(&mut rooms, 0);
        enter(&mut rooms, 1);
        assert!(SERVERS.iter().all(|server| rooms.has_a_seat(*server)), "they are two");
        rooms.note([(7, 2), (7, 2)]);
        assert!(!SERVERS.iter().any(|server| rooms.has_a_seat(*server) || rooms.is_crowded(*server)));
        rooms.note([(7, 1), (7, 1)]);
        assert!(SERVERS.iter().all(|server| rooms.is_crowded(*server)));
        rooms.change(ServerId(1), |taken| *taken -= 1);
        assert!(!SERVERS.iter().any(|server| rooms.has_a_seat(*server) || rooms.is_crowded(*server)));
        rooms.change(ServerId(0), |taken| *taken -= 1);
        enter(&mut rooms, 1);
    }

    #[test]
    fn each_of_two_names_has_a_scout_of_its_own() {
        let mut rooms = Rooms::new(&[(3, true), (3, false)]);
        rooms.note([(7, 3), (7, 3)]);
        enter(&mut rooms, 1);
        enter(&mut rooms, 0);
        assert!(!rooms.has_a_seat(ServerId(0)) && rooms.has_a_seat(ServerId(1)));
        rooms.let_others_follow(ServerId(0));
        assert!(rooms.has_a_seat(ServerId(0)));
    }
}
