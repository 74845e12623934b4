//! UID MOVE, UID COPY and RENAME.

use std::io;

use super::command::{Command, uid_ranges};
use super::session::Session;

impl Session<'_> {
    /// With all that is below it.
    pub(super) fn rename(&mut self, command: &Command) -> String {
        let [from, to] = [0, 1].map(|number| command.argument(number).to_vec());
        let renamed = self.with_account(|account| account.rename(&from, &to));
        if renamed { "OK renamed".to_owned() } else { "NO [CANNOT] not that".to_owned() }
    }

    pub(super) fn relocate(&mut self, command: &Command) -> io::Result<String> {
        let moves = command.verb == "UID MOVE";
        let Some(name) = self.selected.clone() else { return Ok("BAD nothing is selected".to_owned()) };
        let to = command.argument(1).to_vec();
        let code = self.with_account(|account| {
            account.find(&to)?;
            let mailbox = account.find(&name)?;
            let ranges = uid_ranges(command.argument(0), mailbox.uid_next.saturating_sub(1));
            let meant = |uid: u32| ranges.iter().any(|(first, last)| (*first..=*last).contains(&uid));
            let taken: Vec<_> = mailbox.messages.iter().filter(|message| meant(message.uid)).cloned().collect();
            if moves {
                mailbox.expunge(meant);
            }
            let target = account.find(&to)?;
            let list = |uids: Vec<u32>| uids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
            let from = list(taken.iter().map(|message| message.uid).collect());
            let new = taken.into_iter().map(|message| target.add(message.content, message.flags, message.date));
            let new = list(new.collect());
            let validity = target.uid_validity;
            Some(if new.is_empty() { String::new() } else { format!("[COPYUID {validity} {from} {new}] ") })
        });
        let Some(code) = code else { return Ok("NO [TRYCREATE] no such mailbox".to_owned()) };
        if !moves {
            return Ok(format!("OK {code}copied"));
        }
        if !code.is_empty() {
            self.connection.respond_text(&format!("* OK {code}moved"))?;
        }
        Ok("OK moved".to_owned())
    }
}
