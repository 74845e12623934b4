//! The places that a password can be in: a variable of the environment, a file, what a command prints, a cell of an accounts file,
//! or the account's own table.
//!
//! A place is what the settings hold in a password's stead. It is read at the moment of a login and never shown: not the
//! arguments of a command, and the name of a variable only where it is one (a password pasted there is not). Of a place
//! that a row of an accounts file names nothing is shown at all: columns shift, and a password then stands there.

use super::cell::PasswordCell;
use super::command;
use super::document::Table;
use super::given::GivenPassword;
use super::inline::InlinePassword;
use super::mistake::{Findings, Mistake, Origin};
use super::password::{PASSWORD_OCTETS, TEXT_OCTETS, first_line, secret, whole};
use super::surroundings::Surroundings;
use super::value::resolved;
use crate::model::{Secret, Side};
use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Where one password is, and where the settings say so.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub kind: PlaceKind,
    pub origin: Origin,
    pub quoting: Quoting,
}

/// Whether mistakes may repeat what was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Quoting {
    Allowed,
    /// It may be a password.
    Forbidden,
}

/// The kinds of place.
#[derive(Clone)]
pub(super) enum PlaceKind {
    /// A variable of the environment.
    Variable(String),
    /// The first line of a file.
    File(PathBuf),
    /// The first line that a command prints, run in that directory.
    Command { arguments: Vec<String>, directory: PathBuf },
    /// A cell of an accounts file.
    Cell(PasswordCell),
    /// The settings file itself.
    Inline(InlinePassword),
    /// The program that has built the settings.
    Given(GivenPassword),
}

impl Place {
    /// Whatever can be known without running a command; `Some` is a warning.
    pub fn check(&self, surroundings: &dyn Surroundings) -> Result<Option<String>, Mistake> {
        match &self.kind {
            PlaceKind::Command { arguments, directory } => command::find(arguments, directory, surroundings)
                .map(|()| None)
                .map_err(|mistake| mistake.about(self.named()).at(&self.origin)),
            PlaceKind::Variable(_) | PlaceKind::Cell(_) | PlaceKind::Inline(_) => {
                self.read(Whose::NOBODY, surroundings, &[]).map(|_| None)
            }
            PlaceKind::File(path) => self.read(Whose::NOBODY, surroundings, &[]).map(|_| open_to_others(path)),
            PlaceKind::Given(given) if given.depends_on_account() => Ok(None),
            PlaceKind::Given(_) => self.read(Whose::NOBODY, surroundings, &[]).map(|_| None),
        }
    }

    /// The arguments of the command that it is.
    pub fn command(&self) -> Option<&[String]> {
        match &self.kind {
            PlaceKind::Command { arguments, .. } => Some(arguments),
            _ => None,
        }
    }

    /// Whether each account has a password of its own there.
    pub fn depends_on_account(&self) -> bool {
        if let PlaceKind::Given(given) = &self.kind {
            return given.depends_on_account();
        }
        let depends = |argument: &String| argument.contains(USER) || argument.contains(NAME);
        self.command().is_some_and(|arguments| arguments.iter().any(depends))
    }

    /// The password. Commands run without the `hidden` variables.
    pub fn read(&self, whose: Whose, surroundings: &dyn Surroundings, hidden: &[String]) -> Result<Secret, Mistake> {
        let password = match &self.kind {
            PlaceKind::Variable(name) => variable(name, &self.named(), surroundings),
            PlaceKind::File(path) => first_line_of_file(path, &self.named()),
            PlaceKind::Command { arguments, directory } => {
                let arguments = whose.fill(arguments);
                command::first_line(&arguments, directory, hidden).map_err(|mistake| mistake.about(self.named()))
            }
            PlaceKind::Cell(cell) => cell.read(),
            PlaceKind::Inline(password) => password.read(),
            PlaceKind::Given(given) => given.read(whose.user, whose.name),
        };
        password.map_err(|mistake| mistake.at(&self.origin))
    }

    /// The whole text there: a key, or a token. `{user}` and `{name}` in a file's path stand for the account's.
    pub fn text(&self, whose: Whose, surroundings: &dyn Surroundings, hidden: &[String]) -> Result<Secret, Mistake> {
        let text = match &self.kind {
            PlaceKind::Variable(name) => variable(name, &self.named(), surroundings),
            PlaceKind::File(path) => {
                let path = whose.path(path);
                read_file(&path, TEXT_OCTETS, &format!("the file {}", path.display()), whole)
            }
            PlaceKind::Command { arguments, directory } => {
                let arguments = whose.fill(arguments);
                command::text(&arguments, directory, hidden).map_err(|mistake| mistake.about(self.named()))
            }
            PlaceKind::Cell(cell) => cell.read(),
            PlaceKind::Inline(password) => password.read(),
            PlaceKind::Given(given) => given.read(whose.user, whose.name),
        };
        text.map_err(|mistake| mistake.at(&self.origin))
    }

    /// The file that it is, for that account.
    pub fn file(&self, whose: Whose) -> Option<PathBuf> {
        match &self.kind {
            PlaceKind::File(path) => Some(whose.path(path)),
            _ => None,
        }
    }

    /// As [`Place::check`], for what [`Place::text`] reads. What each account has for itself is not looked at.
    pub fn check_text(&self, surroundings: &dyn Surroundings) -> Result<Option<String>, Mistake> {
        match &self.kind {
            PlaceKind::Command { .. } => self.check(surroundings),
            PlaceKind::File(path) if is_for_each(path) => Ok(None),
            PlaceKind::File(path) => self.text(Whose::NOBODY, surroundings, &[]).map(|_| open_to_others(path)),
            _ => self.text(Whose::NOBODY, surroundings, &[]).map(|_| None),
        }
    }

    /// What mistakes call it.
    fn named(&self) -> String {
        let shown =
            |name: String, hidden: &str| if self.quoting == Quoting::Allowed { name } else { hidden.to_owned() };
        match &self.kind {
            PlaceKind::Variable(name) => shown(variable_name(name), "the environment variable that is named here"),
            PlaceKind::File(path) => {
                shown(format!("the password file {}", path.display()), "the password file that is named here")
            }
            PlaceKind::Command { arguments, .. } => shown(command::named(arguments), "the password command here"),
            PlaceKind::Cell(_) | PlaceKind::Inline(_) | PlaceKind::Given(_) => "the password here".to_owned(),
        }
    }
}

/// What mistakes call an environment variable.
fn variable_name(name: &str) -> String {
    format!("the environment variable {name}")
}

impl fmt::Debug for PlaceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlaceKind::Variable(_) => f.write_str("Variable(…)"),
            PlaceKind::File(path) => write!(f, "File({path:?})"),
            PlaceKind::Command { .. } => f.write_str("Command(…)"),
            PlaceKind::Cell(_) => f.write_str("Cell(…)"),
            PlaceKind::Inline(_) => f.write_str("Inline(…)"),
            PlaceKind::Given(_) => f.write_str("Given(…)"),
        }
    }
}

/// Stand in the arguments of a password command for the user of that side, and for the name of the account.
pub(super) const USER: &str = "{user}";
pub(super) const NAME: &str = "{name}";

/// What of a user's name stands otherwise in a file's name.
const OUTSIDE_NAMES: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS.add(b'/').add(b'%').add(b'\\').add(b' ');

fn is_for_each(path: &Path) -> bool {
    let text = path.to_string_lossy();
    text.contains(USER) || text.contains(NAME)
}

/// Whose password is wanted.
#[derive(Clone, Copy)]
pub(super) struct Whose<'a> {
    pub user: &'a str,
    pub name: &'a str,
}

impl Whose<'_> {
    /// For places that are the same for all.
    pub const NOBODY: Whose<'static> = Whose { user: "", name: "" };

    fn fill(self, arguments: &[String]) -> Vec<String> {
        arguments.iter().map(|argument| argument.replace(USER, self.user).replace(NAME, self.name)).collect()
    }

    /// A path for this account: no name leads out of its directory.
    fn path(self, path: &Path) -> PathBuf {
        if !is_for_each(path) {
            return path.to_owned();
        }
        let level = |name: &str| percent_encoding::utf8_percent_encode(name, OUTSIDE_NAMES).to_string();
        let text = path.to_string_lossy().replace(USER, &level(self.user)).replace(NAME, &level(self.name));
        PathBuf::from(text)
    }
}

/// The keys that name a place, and those that people try instead.
pub(super) struct PlaceKeys {
    pub variable: &'static str,
    pub file: &'static str,
    pub command: &'static str,
    /// Holds the password itself: of an account, in a file that only its owner can read; else it is refused.
    pub inline: &'static str,
}

impl PlaceKeys {
    /// Of a side's table.
    pub const SIDE: PlaceKeys =
        PlaceKeys { variable: "password_env", file: "password_file", command: "password_command", inline: "password" };

    /// Of an account.
    pub const fn account(side: Side) -> PlaceKeys {
        match side {
            Side::Source => PlaceKeys {
                variable: "source_password_env",
                file: "source_password_file",
                command: "source_password_command",
                inline: "source_password",
            },
            Side::Destination => PlaceKeys {
                variable: "destination_password_env",
                file: "destination_password_file",
                command: "destination_password_command",
                inline: "destination_password",
            },
        }
    }

    /// Why an inline password is refused, and what to do instead.
    pub fn refusal(&self) -> Mistake {
        let fix = format!("use `{}`, `{}` or `{}`", self.file, self.command, self.variable);
        Mistake::new(INLINE_REFUSED).fix(fix)
    }

    /// The place that the table of an account names, or the password that it holds.
    pub fn read_of_account(&self, table: &mut Table) -> Option<Place> {
        let inline = table.password(self.inline).map(|password| {
            let kind = PlaceKind::Inline(password.value);
            Place { kind, origin: password.origin, quoting: Quoting::Allowed }
        });
        let places = self.elsewhere(table).into_iter().chain(inline).collect();
        self.only_one(places, table.findings())
    }

    /// The place that the table names.
    pub fn read(&self, table: &mut Table) -> Option<Place> {
        let refusal = self.refusal();
        table.refuse(self.inline, &refusal.what, refusal.fix.as_deref().unwrap_or_default());
        self.only_one(self.elsewhere(table), table.findings())
    }

    fn elsewhere(&self, table: &mut Table) -> Vec<Place> {
        let directory = table.directory().to_owned();
        let findings = table.findings();
        let variable = table.text(self.variable).and_then(|name| {
            let kind = findings.accept(&name.origin, variable_named(self.variable, name.value))?;
            Some(Place { kind, origin: name.origin, quoting: Quoting::Allowed })
        });
        let file = table.path(self.file).map(|path| {
            let kind = PlaceKind::File(path.value);
            Place { kind, origin: path.origin, quoting: Quoting::Allowed }
        });
        let command = table.command(self.command).map(|arguments| {
            let kind = PlaceKind::Command { arguments: arguments.value, directory };
            Place { kind, origin: arguments.origin, quoting: Quoting::Allowed }
        });
        [variable, file, command].into_iter().flatten().collect()
    }

    /// The place that a row of text names, or that its `inline` cell is.
    pub fn read_row<'r>(
        &self,
        cell: impl Fn(&str) -> Option<&'r str>,
        inline: Option<PasswordCell>,
        origin: &Origin,
        directory: &Path,
        findings: &Findings,
    ) -> Option<Place> {
        let accept = |kind: Result<PlaceKind, Mistake>| findings.accept(origin, kind);
        let variable = cell(self.variable).and_then(|name| accept(variable_named(self.variable, name.to_owned())));
        let file = cell(self.file).and_then(|path| accept(resolved(directory, path).map(PlaceKind::File)));
        let command = cell(self.command).and_then(|words| accept(split_command(self.command, words, directory)));
        let kinds = [variable, file, command, inline.map(PlaceKind::Cell)].into_iter().flatten();
        let place = |kind| Place { kind, origin: origin.clone(), quoting: Quoting::Forbidden };
        self.only_one(kinds.map(place).collect(), findings)
    }

    fn only_one(&self, mut places: Vec<Place>, findings: &Findings) -> Option<Place> {
        let place = places.pop()?;
        if !places.is_empty() {
            let names = [self.variable, self.file, self.command].map(|name| format!("`{name}`")).join(", ");
            let what = match place.kind {
                PlaceKind::Cell(_) | PlaceKind::Inline(_) => {
                    format!("`{}` is given beside one of {names}", self.inline)
                }
                _ => format!("more than one of {names} is given"),
            };
            findings.add(Mistake::new(what).fix("keep one").at(&place.origin));
        }
        Some(place)
    }
}

const INLINE_REFUSED: &str = "a password does not belong in this file, where backups and colleagues see it";

fn variable_named(key: &str, name: String) -> Result<PlaceKind, Mistake> {
    let letter = |character: char| character.is_ascii_alphanumeric() || character == '_';
    if name.chars().all(letter) && !name.starts_with(|first: char| first.is_ascii_digit()) {
        return Ok(PlaceKind::Variable(name));
    }
    let mistake = Mistake::new(format!("`{key}` does not hold the name of an environment variable"));
    Err(mistake.fix("give the variable's name, not the password"))
}

/// A command in one cell: words between blanks. A quote would promise a shell that is not there.
fn split_command(key: &str, words: &str, directory: &Path) -> Result<PlaceKind, Mistake> {
    if words.contains(['"', '\'', '\\', '$', '`']) {
        let mistake = Mistake::new(format!("`{key}` is split at blanks, and quotes have no meaning in it"));
        return Err(mistake.fix("put the command into a script, or the account into mailferry.toml"));
    }
    let arguments = words.split_whitespace().map(str::to_owned).collect();
    Ok(PlaceKind::Command { arguments, directory: directory.to_owned() })
}

/// The password in a variable of the settings' own, whole as it is.
pub(super) fn own_variable(name: &str, surroundings: &dyn Surroundings) -> Result<Secret, Mistake> {
    variable(name, &variable_name(name), surroundings)
}

fn variable(name: &str, what: &str, surroundings: &dyn Surroundings) -> Result<Secret, Mistake> {
    let unset = || Mistake::new(format!("{what} is not set")).fix("export it, or name another place");
    let value = surroundings.variable(name).map(OsString::into_vec).ok_or_else(unset)?;
    secret(Zeroizing::new(value)).map_err(|mistake| mistake.about(what))
}

fn first_line_of_file(path: &Path, named: &str) -> Result<Secret, Mistake> {
    read_file(path, PASSWORD_OCTETS, named, first_line)
}

/// What a file holds, up to so many octets.
fn read_file(
    path: &Path,
    most: usize,
    named: &str,
    as_secret: fn(Zeroizing<Vec<u8>>) -> Result<Secret, Mistake>,
) -> Result<Secret, Mistake> {
    let mut octets = Zeroizing::new(Vec::with_capacity(most));
    let read = File::open(path).and_then(|file| file.take(most as u64).read_to_end(&mut octets));
    let unreadable =
        |error| Mistake::new(format!("{named} cannot be read: {error}")).fix("correct the path or its rights");
    read.map_err(unreadable)?;
    as_secret(octets).map_err(|mistake| mistake.about(named))
}

/// Group and others have no business with a password.
fn open_to_others(path: &Path) -> Option<String> {
    let mode = path.metadata().ok()?.permissions().mode() & 0o777;
    let path = path.display();
    (mode & 0o077 != 0).then(|| format!("{path} can be opened by others (mode {mode:03o}); run `chmod 600 {path}`"))
}
