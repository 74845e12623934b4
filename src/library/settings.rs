//! Settings for who uses the library: built in code, or read from a file. They say the same as `mailferry.toml`, in its words,
//! and are judged by the same rules: what is built here is handed to `config` as a document.

use super::failure::Error;
use crate::config::{self, GivenPassword, GivenPasswords};
use crate::model::{Secret, Side};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use toml::{Table, Value as Toml};

/// All that a migration goes by: which servers, which accounts, and what is wanted of their mail.
///
/// ```
/// use mailferry::{Account, Password, Server, Settings};
///
/// let settings = Settings::builder("mailferry.state")
///     .source(Server::new("old.example.com").set("max_connections", 4).password(Password::new("geheim")))
///     .destination(Server::new("new.example.com").password(Password::new("auch geheim")))
///     .account(Account::new("alice@example.com").destination_user("alice"))
///     .set("mailboxes.exclude", ["Trash", "\\Junk"])
///     .build()?;
/// assert_eq!(settings.accounts().collect::<Vec<_>>(), ["alice@example.com"]);
/// # Ok::<(), mailferry::Error>(())
/// ```
pub struct Settings(pub(super) config::Settings);

impl Settings {
    /// Settings that are built in code. `state` is the directory in which is kept what is known of both sides; it is made if it
    /// is not there. One process at a time can use it.
    pub fn builder(state: impl AsRef<Path>) -> SettingsBuilder {
        let state = Toml::String(state.as_ref().to_string_lossy().into_owned());
        let root = Table::from_iter([("state".to_owned(), state)]);
        SettingsBuilder { root, passwords: GivenPasswords::default(), accounts: Vec::new(), wrong: Vec::new() }
    }

    /// The settings of a file, as the program reads it; paths in it start from its directory. Nobody is asked for a password
    /// that it does not name.
    ///
    /// # Errors
    /// [`Settings`](crate::ErrorKind::Settings), with all mistakes in it as the causes.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Settings, Error> {
        Ok(Settings(config::Settings::from_file_unattended(path.as_ref()).map_err(own)?))
    }

    /// The names of the accounts, in their order.
    pub fn accounts(&self) -> impl Iterator<Item = &str> {
        self.0.accounts.iter().map(|account| &*account.name)
    }

    /// What is allowed and rarely meant, one sentence each.
    pub fn warnings(&self) -> &[String] {
        &self.0.warnings
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn own(mistakes: config::Mistakes) -> Error {
    crate::error::Error::from(mistakes).into()
}

/// Settings that are being built. What is wrong is found by [`build`](SettingsBuilder::build), all of it at once.
#[derive(Clone)]
#[must_use = "settings are there when they are built"]
pub struct SettingsBuilder {
    root: Table,
    passwords: GivenPasswords,
    accounts: Vec<Toml>,
    /// Keys that lead nowhere.
    wrong: Vec<String>,
}

impl SettingsBuilder {
    /// The server of all accounts that name no other: where the mail is. It is only read.
    pub fn source(self, server: Server) -> Self {
        self.server_at("source", "[source]", server)
    }

    /// The server of all accounts that name no other: where the mail goes.
    pub fn destination(self, server: Server) -> Self {
        self.server_at("destination", "[destination]", server)
    }

    /// A server that accounts name, by `.set("source_server", name)` or `.set("destination_server", name)`.
    pub fn server(self, name: &str, server: Server) -> Self {
        let title = format!("[servers.{name}]");
        let Server { keys, password } = server;
        let mut own = self;
        match table_below(&mut own.root, "servers") {
            Some(servers) => drop(servers.insert(name.to_owned(), Toml::Table(keys))),
            None => own.wrong.push("`servers` cannot be set: it is no table".to_owned()),
        }
        own.give(title, password)
    }

    /// An account that takes part.
    pub fn account(mut self, account: Account) -> Self {
        let Account { name, mut keys, passwords, wrong } = account;
        if passwords.iter().any(Option::is_some) {
            self.passwords.accounts.insert(name.clone(), passwords);
        }
        keys.insert("name".to_owned(), Toml::String(name));
        self.accounts.push(Toml::Table(keys));
        self.wrong.extend(wrong);
        self
    }

    /// Several accounts.
    pub fn accounts(self, accounts: impl IntoIterator<Item = Account>) -> Self {
        accounts.into_iter().fold(self, SettingsBuilder::account)
    }

    /// Anything else that a settings file can say, in its words: `.set("sync.mode", "mirror")`,
    /// `.set("limits.bandwidth", "20MB/s")`, `.set("accounts.file", "accounts.csv")`. What stands before the last dot is the
    /// table. Paths start from the working directory.
    pub fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        put(&mut self.root, key, value.into(), &mut self.wrong);
        self
    }

    /// A mailbox, or a pattern of mailboxes, that has another name on the destination, as in `[mailboxes.rename]`.
    pub fn rename(mut self, source: impl Into<String>, destination: impl Into<String>) -> Self {
        let renamed = table_below(&mut self.root, "mailboxes").and_then(|mailboxes| table_below(mailboxes, "rename"));
        match renamed {
            Some(renamed) => drop(renamed.insert(source.into(), Toml::String(destination.into()))),
            None => self.wrong.push("`mailboxes.rename` cannot be set: it is no table".to_owned()),
        }
        self
    }

    /// A part of a settings file as it is written there, for what is more than a key and a value: `[[wave]]`, `[gmail]`. A
    /// table that is there already takes further keys.
    pub fn toml(mut self, text: &str) -> Self {
        match text.parse::<Table>() {
            Ok(table) => merge(&mut self.root, table),
            // Not the parser's words: they quote the text.
            Err(error) => {
                self.wrong.push(format!("a part of the settings cannot be read as TOML: {}", error.message()))
            }
        }
        self
    }

    /// The settings. Nothing is connected to.
    ///
    /// # Errors
    /// [`Settings`](crate::ErrorKind::Settings), with all mistakes as the causes, in the words of a settings file.
    pub fn build(self) -> Result<Settings, Error> {
        let SettingsBuilder { mut root, passwords, accounts, wrong } = self;
        if let Some(what) = wrong.into_iter().next() {
            return Err(crate::error::Error::new(crate::error::Kind::Settings, what).into());
        }
        if !accounts.is_empty() {
            merge(&mut root, Table::from_iter([("account".to_owned(), Toml::Array(accounts))]));
        }
        Ok(Settings(config::Settings::of_program(&root.to_string(), passwords).map_err(own)?))
    }

    fn server_at(mut self, key: &str, title: &str, server: Server) -> Self {
        let Server { keys, password } = server;
        self.root.insert(key.to_owned(), Toml::Table(keys));
        self.give(title.to_owned(), password)
    }

    fn give(mut self, title: String, password: Option<Password>) -> Self {
        match password {
            Some(password) => self.passwords.servers.insert(title, password.0),
            None => self.passwords.servers.remove(&title),
        };
        self
    }
}

impl fmt::Debug for SettingsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A key may hold what was meant for a password.
        f.debug_struct("SettingsBuilder").field("accounts", &self.accounts.len()).finish_non_exhaustive()
    }
}

/// A server, and how to log in on it. By default under TLS at port 993, with the best login that it offers.
#[derive(Clone)]
#[must_use = "a server belongs to settings"]
pub struct Server {
    keys: Table,
    password: Option<Password>,
}

impl Server {
    /// The server of that name or address.
    pub fn new(host: impl Into<String>) -> Server {
        Server { keys: Table::from_iter([("host".to_owned(), Toml::String(host.into()))]), password: None }
    }

    /// A server behind a command, whose standard input and output are the server; `{user}` in it stands for the user of that
    /// side.
    pub fn tunnel<S: Into<String>>(command: impl IntoIterator<Item = S>) -> Server {
        let command = command.into_iter().map(|word| Toml::String(word.into())).collect();
        Server { keys: Table::from_iter([("tunnel".to_owned(), Toml::Array(command))]), password: None }
    }

    /// This user logs in, and works for all accounts.
    pub fn master_user(self, user: impl Into<String>) -> Server {
        self.set("master_user", user.into())
    }

    /// The password of all logins on this server: the master user's; or, where there is none, of each user.
    pub fn password(mut self, password: Password) -> Server {
        self.password = Some(password);
        self
    }

    /// Any other key of `[source]`, in its words: `.set("tls", "starttls")`, `.set("port", 1143)`.
    pub fn set(mut self, key: &str, value: impl Into<Value>) -> Server {
        self.keys.insert(key.to_owned(), value.into().0);
        self
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("host", &self.keys.get("host")).finish_non_exhaustive()
    }
}

/// One user's mailboxes on both servers.
#[derive(Clone)]
#[must_use = "an account belongs to settings"]
pub struct Account {
    name: String,
    keys: Table,
    passwords: [Option<GivenPassword>; 2],
    wrong: Vec<String>,
}

impl Account {
    /// The account of that user on the source, who is called the same on the destination; and so is the account.
    pub fn new(source_user: impl Into<String>) -> Account {
        let user = source_user.into();
        let keys = Table::from_iter([("source_user".to_owned(), Toml::String(user.clone()))]);
        Account { name: user, keys, passwords: [None, None], wrong: Vec::new() }
    }

    /// The name by which it is kept in the state. It must not change between two runs.
    pub fn name(mut self, name: impl Into<String>) -> Account {
        self.name = name.into();
        self
    }

    /// The user on the destination.
    pub fn destination_user(self, user: impl Into<String>) -> Account {
        self.set("destination_user", user.into())
    }

    /// The user's own password on the source, where there is no master user.
    pub fn source_password(mut self, password: Password) -> Account {
        self.passwords[Side::Source as usize] = Some(password.0);
        self
    }

    /// The user's own password on the destination, where there is no master user.
    pub fn destination_password(mut self, password: Password) -> Account {
        self.passwords[Side::Destination as usize] = Some(password.0);
        self
    }

    /// Anything else that an `[[account]]` can say, in its words: `.set("tags", ["first-wave"])`,
    /// `.set("prefix", "Old mail/alice")`, `.set("sync.mode", "mirror")`.
    pub fn set(mut self, key: &str, value: impl Into<Value>) -> Account {
        put(&mut self.keys, key, value.into(), &mut self.wrong);
        self
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A password. Its memory is overwritten when it is dropped, and `Debug` never shows it.
#[derive(Clone)]
pub struct Password(GivenPassword);

impl Password {
    /// This one. It is taken over: keep no copy.
    pub fn new(password: impl Into<String>) -> Password {
        Password(GivenPassword::fixed(Secret::new(password.into())))
    }

    /// What `answer` says at each login, of the user whose mail it is and of the name of the account: for a vault, and for
    /// passwords that change. It is called from several threads.
    ///
    /// ```
    /// # use mailferry::Password;
    /// let password = Password::asked(|user, _account| match std::env::var("VAULT") {
    ///     Ok(vault) => Ok(format!("{vault}/{user}")),
    ///     Err(why) => Err(why.into()),
    /// });
    /// ```
    pub fn asked(
        answer: impl Fn(&str, &str) -> Result<String, Box<dyn std::error::Error>> + Send + Sync + 'static,
    ) -> Password {
        let answer = move |user: &str, account: &str| match answer(user, account) {
            Ok(password) => Ok(Secret::new(password)),
            Err(why) => Err(why.to_string()),
        };
        Password(GivenPassword::asked(Arc::new(answer)))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// What a key is set to: a text, a number, yes or no, or a list of texts.
#[derive(Clone, PartialEq, Debug)]
pub struct Value(Toml);

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value(Toml::String(text.to_owned()))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value(Toml::String(text))
    }
}

impl From<&Path> for Value {
    fn from(path: &Path) -> Value {
        Value(Toml::String(path.to_string_lossy().into_owned()))
    }
}

impl From<bool> for Value {
    fn from(switch: bool) -> Value {
        Value(Toml::Boolean(switch))
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Value {
        Value(Toml::Integer(number))
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Value {
        Value(Toml::Integer(number.into()))
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Value {
        Value(Toml::Integer(number.into()))
    }
}

impl From<u16> for Value {
    fn from(number: u16) -> Value {
        Value(Toml::Integer(number.into()))
    }
}

impl<S: Into<String>> From<Vec<S>> for Value {
    fn from(texts: Vec<S>) -> Value {
        Value(texts.into_iter().map(|text| Toml::String(text.into())).collect::<Vec<_>>().into())
    }
}

impl<S: Into<String>, const N: usize> From<[S; N]> for Value {
    fn from(texts: [S; N]) -> Value {
        Value(texts.into_iter().map(|text| Toml::String(text.into())).collect::<Vec<_>>().into())
    }
}

/// Sets `a.b.c` in the table `a.b`, which is made.
fn put(root: &mut Table, key: &str, value: Value, wrong: &mut Vec<String>) {
    let (tables, last) = key.rsplit_once('.').unwrap_or(("", key));
    let mut tables = tables.split('.').filter(|table| !table.is_empty());
    match tables.try_fold(root, table_below) {
        Some(table) => drop(table.insert(last.to_owned(), value.0)),
        None => wrong.push(format!("`{key}` cannot be set: what stands before its last dot is no table")),
    }
}

/// The table of that name, which is made if there is none; `None` where it is something else.
fn table_below<'t>(table: &'t mut Table, name: &str) -> Option<&'t mut Table> {
    table.entry(name).or_insert_with(|| Toml::Table(Table::new())).as_table_mut()
}

/// Tables take the keys of others, lists their items; else the last word counts.
fn merge(into: &mut Table, from: Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Toml::Table(into)), Toml::Table(from)) => merge(into, from),
            (Some(Toml::Array(into)), Toml::Array(from)) => into.extend(from),
            (_, value) => drop(into.insert(key, value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn builder() -> SettingsBuilder {
        let password = Password::new("x");
        Settings::builder("s")
            .source(Server::new("old.example.com").password(password.clone()))
            .destination(Server::new("new.example.com").password(password))
            .account(Account::new("alice"))
    }

    #[test]
    fn built_settings_are_those_of_the_file_that_says_the_same() {
        let built = builder()
            .set("sync.mode", "mirror")
            .set("mailboxes.exclude", ["Trash"])
            .rename("Old.Mail", "Archive")
            .toml("[limits]\nretries = 3\n[sync]\nfollow_moves = true\n")
            .set("limits.memory", "64MB")
            .build()
            .expect("settings");
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("mailferry.toml");
        let text = "[source]\nhost = \"old.example.com\"\n[destination]\nhost = \"new.example.com\"\n[[account]]\n\
                    source_user = \"alice\"\n[sync]\nmode = \"mirror\"\nfollow_moves = true\n[mailboxes]\n\
                    exclude = [\"Trash\"]\n[mailboxes.rename]\n\"Old.Mail\" = \"Archive\"\n[limits]\nretries = 3\n\
                    memory = \"64MB\"\n";
        std::fs::write(&file, text).expect("written");
        let read = Settings::from_file(&file).expect("settings");
        assert_eq!(
            format!("{:?}", (&built.0.policy, &built.0.limits)),
            format!("{:?}", (&read.0.policy, &read.0.limits))
        );
        assert_eq!((built.0.accounts, built.0.servers), (read.0.accounts, read.0.servers));
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let why = builder().set("sync.mode", "mirorr").set("limits.retires", 3).build().expect_err("two mistakes");
        assert_eq!((why.kind(), why.causes().len()), (crate::ErrorKind::Settings, 2), "{why}");
        let why = builder().set("state.x", 1).build().expect_err("no table");
        assert!(why.what().contains("`state.x` cannot be set"), "{why}");
        let why = builder().toml("password = geheim").build().expect_err("no TOML");
        assert!(why.to_string().contains("TOML") && !why.to_string().contains("geheim"), "{why}");
        let why = builder().server("old1", Server::new("a").password(Password::new("x"))).build().expect_err("unused");
        assert!(why.to_string().contains("servers.old1"), "{why}");
    }

    #[test]
    fn nothing_shows_a_password() {
        let account = Account::new("alice").source_password(Password::new("geheim")).set("source_password", "geheim");
        let server = Server::new("a").password(Password::new("geheim")).set("password", "geheim");
        let shown =
            format!("{account:?} {server:?} {:?} {:?}", Password::new("geheim"), builder().account(account.clone()));
        assert!(!shown.contains("geheim"), "{shown}");
        let why = builder().source(server).build().expect_err("not there");
        assert!(!why.to_string().contains("geheim"), "{why}");
    }
}
