//! Settings that a program builds, instead of a person who writes a file: the same tables and keys, judged by the same rules.
//! Passwords never pass through the text: the program hands them over, or is asked for each at the moment of a login.

use super::document::Document;
use super::given::GivenPassword;
use super::mistake::{Findings, Mistake, Mistakes, Origin};
use super::place::{Place, PlaceKind, Quoting};
use super::settings_file::read_root;
use super::surroundings::{Process, Surroundings};
use super::{Draft, Settings};
use crate::model::Side;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::Path;

/// What mistakes call the place where such settings stand.
const BUILT: &str = "the settings that the program built";

/// The passwords that a program has.
#[derive(Clone, Default)]
pub struct GivenPasswords {
    /// By the title of the table of their server: `[source]`.
    pub servers: BTreeMap<String, GivenPassword>,
    /// By the name of the account: source, destination.
    pub accounts: BTreeMap<String, [Option<GivenPassword>; 2]>,
}

impl Settings {
    /// As [`Settings::from_file`], for a program that runs by itself: nobody is asked for a password.
    ///
    /// # Errors
    /// As it.
    pub fn from_file_unattended(path: &Path) -> Result<Settings, Mistakes> {
        Self::read_file(path, Box::new(Unattended))
    }

    /// The settings of this TOML, which a program has built. Paths in it start from the working directory.
    ///
    /// # Errors
    /// All mistakes in it, as of a file.
    pub fn of_program(text: &str, passwords: GivenPasswords) -> Result<Settings, Mistakes> {
        let findings = Findings::default();
        let document = Document::built(Path::new(BUILT), text, &findings);
        let mut draft = document.parse().and_then(|tree| read_root(document.root(&tree)));
        if let Some(draft) = &mut draft {
            hand_over(draft, passwords, &findings);
        }
        Self::judge(draft, findings, Box::new(Unattended))
    }
}

fn hand_over(draft: &mut Draft, passwords: GivenPasswords, findings: &Findings) {
    let GivenPasswords { mut servers, mut accounts } = passwords;
    for settings in &mut draft.servers {
        if let Some(given) = servers.get(&settings.title) {
            settings.password = only_one(settings.password.take(), given, findings);
        }
    }
    let used = |title: &String| draft.servers.iter().any(|settings| settings.title == *title);
    servers.retain(|title, _| !used(title));
    for title in servers.keys() {
        findings.add(Mistake::new(format!("a password is given for {title}, and no account is there")).at(&built()));
    }
    for account in &mut draft.accounts {
        for (side, given) in Side::BOTH.into_iter().zip(accounts.remove(&*account.account.name).into_iter().flatten()) {
            if let Some(given) = given {
                let place = &mut account.places[side as usize];
                *place = only_one(place.take().map(|place| *place), &given, findings).map(Box::new);
            }
        }
    }
}

fn only_one(named: Option<Place>, given: &GivenPassword, findings: &Findings) -> Option<Place> {
    if let Some(named) = &named {
        let what = "a password is given, and another place for it is named";
        findings.add(Mistake::new(what).fix("keep one").at(&named.origin));
    }
    Some(Place { kind: PlaceKind::Given(given.clone()), origin: built(), quoting: Quoting::Allowed })
}

fn built() -> Origin {
    Origin { file: Some(Path::new(BUILT).into()), line: None }
}

/// The environment, and nobody at the terminal: what a library may use of a process.
struct Unattended;

impl Surroundings for Unattended {
    fn variable(&self, name: &str) -> Option<OsString> {
        Process.variable(name)
    }

    fn can_ask(&self) -> bool {
        false
    }

    fn ask(&self, _question: &str) -> io::Result<String> {
        Err(io::Error::other("nobody can be asked from within a program"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::given::Answer;
    use crate::model::Secret;
    use std::sync::Arc;

    const TWO_SERVERS: &str = "[source]\nhost = \"old.example.com\"\n[destination]\nhost = \"new.example.com\"\n\
                               [[account]]\nsource_user = \"alice\"\n";

    fn fixed(text: &str) -> GivenPassword {
        GivenPassword::fixed(Secret::new(text.to_owned()))
    }

    fn given(source: &str, destination: &str) -> GivenPasswords {
        let both = [Some(fixed(source)), Some(fixed(destination))];
        GivenPasswords { accounts: [("alice".to_owned(), both)].into(), ..GivenPasswords::default() }
    }

    fn mistakes(text: &str, passwords: GivenPasswords) -> String {
        match Settings::of_program(text, passwords) {
            Ok(settings) => {
                settings.check_passwords(&settings.accounts).map_or_else(|it| it.to_string(), |_| String::new())
            }
            Err(mistakes) => mistakes.to_string(),
        }
    }

    #[test]
    fn given_passwords_are_those_of_the_logins() {
        let settings = Settings::of_program(TWO_SERVERS, given("one", "two")).expect("settings");
        settings.check_passwords(&settings.accounts).expect("there are passwords");
        let password = |side| settings.passwords().password(&settings.accounts[0], side).expect("one");
        assert_eq!(Side::BOTH.map(|side| password(side).expose().to_owned()), ["one", "two"]);
    }

    #[test]
    fn program_is_asked_for_each_login_and_may_refuse() {
        let answer: Arc<Answer> = Arc::new(|user, account| match user {
            "alice" => Ok(Secret::new(format!("{user} of {account}"))),
            _ => Err("the vault is shut".to_owned()),
        });
        let asked = GivenPassword::asked(answer);
        let text = format!("{TWO_SERVERS}destination_user = \"bob\"\n");
        let servers = ["[source]", "[destination]"].map(|title| (title.to_owned(), asked.clone()));
        let passwords = GivenPasswords { servers: servers.into(), ..GivenPasswords::default() };
        let settings = Settings::of_program(&text, passwords).expect("settings");
        settings.check_passwords(&settings.accounts).expect("nobody is asked to check");
        let password = |side| settings.passwords().password(&settings.accounts[0], side);
        assert_eq!(password(Side::Source).expect("one").expose(), "alice of alice");
        let why = password(Side::Destination).expect_err("none").line();
        assert!(why.contains("the vault is shut"), "{why}");
    }

    #[test]
    fn mistakes_name_the_program_and_no_line() {
        let found = mistakes(&format!("{TWO_SERVERS}[sync]\nmoode = \"copy\"\n"), given("one", "two"));
        assert!(found.starts_with("the settings that the program built: unknown key `moode` in [sync]"), "{found}");
        let found = mistakes(&format!("{TWO_SERVERS}source_password = \"geheim\"\n"), GivenPasswords::default());
        assert!(found.contains("`source_password`") && !found.contains("geheim"), "{found}");
        let found = mistakes(&format!("{TWO_SERVERS}source_password_env = \"X\"\n"), given("one", "two"));
        assert!(found.contains("keep one"), "{found}");
        assert!(mistakes(TWO_SERVERS, given("", "two")).contains("is empty"), "it is found before a login");
    }

    #[test]
    fn nobody_is_asked_at_the_terminal() {
        let found = mistakes(TWO_SERVERS, GivenPasswords::default());
        assert!(found.contains("there is no password for `alice`"), "{found}");
    }
}
