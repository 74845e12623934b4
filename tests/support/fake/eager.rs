//! A server that works on all commands at once that have come (Stalwart 0.15): whether a mailbox is open it looks when it
//! reads a command, EXAMINE and SELECT it does first, and the rest in any order. To a client that sends nothing whose
//! meaning depends on an answer that is still out, it is a server like any other.

use std::io;

use super::super::dice::Dice;
use super::command::Command;
use super::session::Session;

/// Commands of the open mailbox.
const OF_A_MAILBOX: [&str; 6] = ["UID FETCH", "UID STORE", "UID SEARCH", "UID EXPUNGE", "UID MOVE", "UID COPY"];

impl Session<'_> {
    /// Whether it works on this command and on what comes with it at once.
    pub(super) fn is_eager(&self, command: &Command) -> bool {
        let behaviour = self.connection.tenant.as_ref().map(|tenant| tenant.behaviour());
        behaviour.is_some_and(|behaviour| behaviour.eager || (behaviour.eager_appends && command.verb == "APPEND"))
    }

    /// In the order in which they are worked on: the last one first, or any.
    fn disorder(&self, commands: &mut [Command]) {
        let order = self.connection.tenant.as_ref().and_then(|tenant| tenant.behaviour().eager_order);
        let Some(seed) = order else { return commands.reverse() };
        let tags = commands.iter().flat_map(|command| command.tag.bytes());
        let mut dice = Dice::new(tags.fold(seed, |mixed, octet| mixed.wrapping_mul(31).wrapping_add(u64::from(octet))));
        for left in (1..commands.len()).rev() {
            commands.swap(left, dice.below(left + 1));
        }
    }

    /// Works on this command and on all that came with it; true when the client said goodbye.
    pub(super) fn work_on_all(&mut self, first: Command) -> io::Result<bool> {
        let mut commands = vec![first];
        while self.connection.has_more()? {
            commands.push(self.connection.read_command()?);
        }
        let is_open = self.selected.is_some();
        let (early, mut rest): (Vec<Command>, Vec<Command>) =
            commands.into_iter().partition(|command| !is_open && OF_A_MAILBOX.contains(&command.verb.as_str()));
        for command in early {
            self.tagged(&command, "BAD No mailbox is selected.")?;
        }
        let opens = |command: &Command| ["SELECT", "EXAMINE"].contains(&command.verb.as_str());
        let says_goodbye = |command: &Command| command.verb == "LOGOUT";
        self.disorder(&mut rest);
        let (mut opening, others): (Vec<Command>, Vec<Command>) = rest.into_iter().partition(opens);
        opening.reverse();
        let (goodbyes, others): (Vec<Command>, Vec<Command>) = others.into_iter().partition(says_goodbye);
        for command in opening.iter().chain(&others).chain(&goodbyes) {
            self.work_on(command)?;
        }
        Ok(!goodbyes.is_empty())
    }
}
