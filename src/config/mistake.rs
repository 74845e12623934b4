//! What is wrong with the settings: all of it at once, each with its file, its line and the way to put it right.
//!
//! Not for failures at run time: those are [`crate::error::Error`]. A mistake never quotes the value of a password key.

use crate::error::{Error, Kind, sanitized};
use std::cell::RefCell;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One mistake. Shown as `mailferry.toml:12: what; fix`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mistake {
    pub file: Option<PathBuf>,
    /// Counted from one.
    pub line: Option<usize>,
    pub what: String,
    pub fix: Option<String>,
}

impl Mistake {
    /// A mistake without a place; `what` is a lower-case clause without a full stop. Made harmless for a terminal.
    pub fn new(what: impl AsRef<str>) -> Self {
        Mistake { file: None, line: None, what: sanitized(what.as_ref()), fix: None }
    }

    /// Adds what to do about it.
    pub fn fix(mut self, fix: impl AsRef<str>) -> Self {
        self.fix = Some(sanitized(fix.as_ref()));
        self
    }

    /// Adds the file.
    pub fn in_file(mut self, file: &Path) -> Self {
        self.file = Some(file.to_owned());
        self
    }

    /// Adds where in its file it is.
    pub(super) fn at(mut self, origin: &Origin) -> Self {
        self.file = origin.file.as_deref().map(Path::to_owned);
        self.line = origin.line;
        self
    }

    /// Says first what it is about: `subject: what`.
    pub(super) fn about(mut self, subject: impl fmt::Display) -> Self {
        self.what = sanitized(&format!("{subject}: {}", self.what));
        self
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            f.write_str(&sanitized(&file.to_string_lossy()))?;
            if let Some(line) = self.line {
                write!(f, ":{line}")?;
            }
            f.write_str(": ")?;
        }
        f.write_str(&self.what)?;
        self.fix.iter().try_for_each(|fix| write!(f, "; {fix}"))
    }
}

impl std::error::Error for Mistake {}

/// Where a setting was written. Neither file nor line: on the command line.
/// Every account has some: they share the name of their file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Origin {
    pub file: Option<Arc<Path>>,
    pub line: Option<usize>,
}

impl Origin {
    pub fn new(file: &Arc<Path>, line: usize) -> Self {
        Origin { file: Some(Arc::clone(file)), line: Some(line) }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, self.line) {
            (Some(file), Some(line)) => write!(f, "{}:{line}", file.display()),
            (Some(file), None) => write!(f, "{}", file.display()),
            (None, _) => f.write_str("the command line"),
        }
    }
}

/// All mistakes of one reading, in the order of their files and lines. Never empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mistakes(pub Vec<Mistake>);

/// More are counted and not shown: a wrong column makes every row wrong, and nobody reads 100,000 lines.
const SHOWN_MISTAKES: usize = 100;

impl Mistakes {
    fn unshown(&self) -> Option<String> {
        let count = self.0.len().saturating_sub(SHOWN_MISTAKES);
        (count > 0).then(|| format!("… and {count} more"))
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.0.iter().take(SHOWN_MISTAKES).enumerate() {
            let line_end = if index == 0 { "" } else { "\n" };
            write!(f, "{line_end}{mistake}")?;
        }
        self.unshown().iter().try_for_each(|rest| write!(f, "\n{rest}"))
    }
}

impl std::error::Error for Mistakes {}

impl From<Mistake> for Mistakes {
    fn from(mistake: Mistake) -> Self {
        Mistakes(vec![mistake])
    }
}

impl From<Mistakes> for Error {
    fn from(mistakes: Mistakes) -> Self {
        match &mistakes.0[..] {
            [only] => only.clone().into(),
            all => {
                let error = Error::new(Kind::Settings, format!("the settings have {} mistakes", all.len()));
                let error = all.iter().take(SHOWN_MISTAKES).fold(error, Error::because);
                mistakes.unshown().into_iter().fold(error, Error::because)
            }
        }
    }
}

impl From<Mistake> for Error {
    fn from(mistake: Mistake) -> Self {
        let fix = mistake.fix.clone();
        let error = Error::new(Kind::Settings, Mistake { fix: None, ..mistake }.to_string());
        fix.into_iter().fold(error, Error::hint)
    }
}

/// What a reading finds on its way: readers note it here and go on.
#[derive(Default)]
pub(super) struct Findings {
    mistakes: RefCell<Vec<Mistake>>,
    warnings: RefCell<Vec<String>>,
}

impl Findings {
    /// Notes a mistake.
    pub fn add(&self, mistake: Mistake) {
        self.mistakes.borrow_mut().push(mistake);
    }

    /// Notes what is allowed but rarely meant.
    pub fn warn(&self, origin: &Origin, text: &str) {
        self.warnings.borrow_mut().push(sanitized(&format!("{origin}: {text}")));
    }

    /// The value if it is good, or passes its mistake on to here.
    pub fn accept<T>(&self, origin: &Origin, result: Result<T, Mistake>) -> Option<T> {
        result.map_err(|mistake| self.add(mistake.at(origin))).ok()
    }

    /// All mistakes in order, if there are any.
    pub fn verdict(&self) -> Result<(), Mistakes> {
        let mut mistakes = self.mistakes.take();
        mistakes.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
        if mistakes.is_empty() { Ok(()) } else { Err(Mistakes(mistakes)) }
    }

    /// The warnings.
    pub fn into_warnings(self) -> Vec<String> {
        self.warnings.into_inner()
    }
}

/// The candidate that `given` was most likely meant to be, if one is close.
pub(super) fn nearest<'a>(given: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = given.to_lowercase().replace('-', "_");
    let distance = |candidate: &str| strsim::osa_distance(&folded, &candidate.to_lowercase().replace('-', "_"));
    let tolerance = (given.chars().count() / 3).max(1);
    let measured = candidates.into_iter().map(|candidate| (distance(candidate), candidate));
    measured.filter(|(distance, _)| *distance <= tolerance).min_by_key(|(distance, _)| *distance).map(|(_, near)| near)
}

/// The same as a question, for a mistake's fix.
pub(super) fn did_you_mean<'a>(given: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(given, candidates).map(|near| format!("did you mean `{near}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_names_file_line_and_fix() {
        let mistake = Mistake::new("unknown key `hots`")
            .fix("did you mean `host`?")
            .at(&Origin::new(&Path::new("m.toml").into(), 7));
        assert_eq!(mistake.to_string(), "m.toml:7: unknown key `hots`; did you mean `host`?");
        let error = Error::from(Mistakes::from(mistake));
        assert_eq!((error.kind(), error.what()), (&Kind::Settings, "m.toml:7: unknown key `hots`"));
        assert_eq!(error.advice(), Some("did you mean `host`?"));
    }

    #[test]
    fn many_mistakes_are_counted_not_shown() {
        let mistakes = Mistakes((0..250).map(|n| Mistake::new(format!("wrong {n}"))).collect());
        assert!(mistakes.to_string().ends_with("wrong 99\n… and 150 more"));
        assert_eq!(Error::from(mistakes).causes().len(), SHOWN_MISTAKES + 1);
    }

    #[test]
    fn nearest_far_word_gives_nothing() {
        let keys = ["host", "port", "password_file"];
        assert_eq!(nearest("hosst", keys), Some("host"));
        assert_eq!(nearest("Password-File", keys), Some("password_file"));
        assert_eq!(nearest("timeout", keys), None);
    }

    #[test]
    fn control_characters_in_quoted_text_are_made_harmless() {
        assert_eq!(Mistake::new("user `a\x1b[31m`").to_string(), "user `a?[31m`");
    }
}
