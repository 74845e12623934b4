//! GETACL, SETACL, GETMETADATA and SETMETADATA: rights of others and annotations, as they were set.

use std::io;

use super::command::{Command, Token};
use super::session::Session;

impl Session<'_> {
    pub(super) fn get_acl(&mut self, command: &Command) -> io::Result<String> {
        let name = command.argument(0).to_vec();
        let others = self.with_account(|account| account.rights.get(&name).cloned().unwrap_or_default());
        let others: String = others.iter().map(|(who, rights)| format!(" \"{who}\" {rights}")).collect();
        self.say(&format!("* ACL \"{}\" owner lrswipkxtea{others}", String::from_utf8_lossy(&name)))
    }

    pub(super) fn set_acl(&mut self, command: &Command) -> String {
        let [name, who, rights] = [0, 1, 2].map(|at| String::from_utf8_lossy(command.argument(at)).into_owned());
        let rights = rights.trim_start_matches('+').to_owned();
        self.with_account(|account| account.rights.entry(name.into_bytes()).or_default().insert(who, rights));
        "OK given".to_owned()
    }

    pub(super) fn get_metadata(&mut self, command: &Command) -> io::Result<String> {
        // Behind the options.
        let name = command.tokens.iter().skip_while(|token| **token != Token::Close).nth(1).map(Token::text);
        let name = name.unwrap_or_default();
        let said = self.with_account(|account| account.annotations.get(name.as_bytes()).cloned().unwrap_or_default());
        if said.is_empty() {
            return Ok("OK nothing".to_owned());
        }
        let entries: Vec<String> = said.iter().map(|(entry, value)| format!("{entry} \"{value}\"")).collect();
        self.say(&format!("* METADATA \"{name}\" ({})", entries.join(" ")))
    }

    pub(super) fn set_metadata(&mut self, command: &Command) -> String {
        let texts: Vec<String> = command.tokens.iter().map(Token::text).collect();
        let Some([name, _, entry, value]) = texts.get(..4) else { return "BAD what".to_owned() };
        self.with_account(|account| {
            account.annotations.entry(name.clone().into_bytes()).or_default().insert(entry.clone(), value.clone());
        });
        "OK said".to_owned()
    }
}
