//! One TOML value, read or refused; what is said of it names no key, the [`Table`](super::document::Table) does.

use super::mistake::{Mistake, did_you_mean};
use crate::model::InternalDate;
use crate::model::search_keys::SearchKeys;
use jiff::civil::DateTime;
use std::path::{Path, PathBuf};
use toml::de::DeValue;

/// A path as written in a file of that directory.
pub(super) fn resolved(directory: &Path, written: &str) -> Result<PathBuf, Mistake> {
    if written.starts_with("~/") {
        return Err(Mistake::new("`~` is not expanded here").fix("write the whole path"));
    }
    Ok(directory.join(written))
}

/// Refuses what a line of text must not be.
pub(super) fn checked_text(text: &str) -> Result<&str, Mistake> {
    if text.trim().is_empty() {
        return Err(Mistake::new("this is empty"));
    }
    if text.chars().any(char::is_control) {
        return Err(Mistake::new("control characters are not allowed here"));
    }
    if text.starts_with('<') && text.ends_with('>') {
        return Err(Mistake::new(format!("the placeholder {text} is not filled in")));
    }
    Ok(text)
}

/// A string that is a line of text.
pub(super) fn plain_text(value: &DeValue) -> Result<String, Mistake> {
    let text = value.as_str().ok_or_else(|| wrong_type("a string", value).fix("put it in quotes"))?;
    checked_text(text).map(str::to_owned)
}

/// `Ok(None)`: a whole number beyond what can be counted.
pub(super) fn whole_number(value: &DeValue) -> Result<Option<u64>, Mistake> {
    let integer = value.as_integer().ok_or_else(|| wrong_type("a whole number", value))?;
    Ok(u64::from_str_radix(integer.as_str(), integer.radix()).ok())
}

/// A search in IMAP's words; `false` is none.
pub(super) fn search_keys(value: &DeValue) -> Result<Option<SearchKeys>, Mistake> {
    if value.as_bool() == Some(false) {
        return Ok(None);
    }
    let written = plain_text(value).map_err(|_| wrong_type("a search", value).fix(SEARCH_FIX))?;
    SearchKeys::parse(&written).map(Some).map_err(|why| Mistake::new(why).fix(SEARCH_FIX))
}

const SEARCH_FIX: &str = "write it in the words of IMAP, with quotes around text: 'UNSEEN NOT FROM \"@lists.example.com\"', or false for none";

/// A day, in quotes or as TOML's own date; the moment in which it begins in UTC.
pub(super) fn day(value: &DeValue) -> Result<InternalDate, Mistake> {
    let written = match value {
        DeValue::Datetime(date) => date.to_string(),
        _ => plain_text(value).map_err(|_| wrong_type("a date", value).fix("write it like \"2024-01-31\""))?,
    };
    let wrong = || Mistake::new(format!("`{written}` is not a date")).fix("write it like \"2024-01-31\"");
    let date: jiff::civil::Date = written.parse().map_err(|_| wrong())?;
    // Nothing but the date: a time of day would be left out without a word.
    if date.to_string() != written {
        return Err(wrong());
    }
    let moment = date.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| wrong())?;
    Ok(InternalDate(moment.timestamp().as_second()))
}

/// A day, with or without a time of day, in quotes or as TOML's own; without a time zone, which stands elsewhere.
pub(super) fn moment(value: &DeValue) -> Result<DateTime, Mistake> {
    const FIX: &str = "write it like \"2026-12-01 20:00\", or \"2026-12-01\" for its first minute";
    let written = match value {
        DeValue::Datetime(date) => date.to_string(),
        _ => plain_text(value).map_err(|_| wrong_type("a time", value).fix(FIX))?,
    };
    shown(&written).ok_or_else(|| Mistake::new(format!("`{written}` is not a time")).fix(FIX))
}

/// `2026-12-01 20:00`, with seconds or without; a day alone begins at midnight.
fn shown(text: &str) -> Option<DateTime> {
    const SHAPES: [usize; 3] = ["2026-12-01".len(), "2026-12-01T20:00".len(), "2026-12-01T20:00:00".len()];
    let written = text.trim().replacen(' ', "T", 1);
    written.parse().ok().filter(|_| SHAPES.contains(&written.len()))
}

/// Says what was expected and what kind of value is there, never the value.
pub(super) fn wrong_type(expected: &str, value: &DeValue) -> Mistake {
    let found = match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    Mistake::new(format!("{expected} is expected, not {found}"))
}

/// Names the nearest word, or all that are supported.
pub(super) fn unknown_word<T>(given: &str, words: &[(&str, Option<T>)]) -> Mistake {
    let mistake = Mistake::new(format!("`{given}` is not known here"));
    let fix = did_you_mean(given, words.iter().map(|(word, _)| *word));
    mistake.fix(fix.unwrap_or_else(|| format!("one of these is expected: {}", supported(words))))
}

/// The words that mean something today.
pub(super) fn supported<T>(words: &[(&str, Option<T>)]) -> String {
    let supported = words.iter().filter(|(_, meaning)| meaning.is_some());
    supported.map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")
}

/// Refuses what a later version will do.
pub(super) fn not_supported(subject: &str, instead: &str) -> Mistake {
    Mistake::new(format!("{subject} is not supported yet")).fix(format!("supported today: {instead}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_days_with_or_without_a_time() {
        let read = |text: &str| shown(text).map(|moment| moment.to_string());
        assert_eq!(read("2026-12-01 20:00").as_deref(), Some("2026-12-01T20:00:00"));
        assert_eq!(read("2026-12-01T20:00:00").as_deref(), Some("2026-12-01T20:00:00"));
        assert_eq!(read("2026-12-01").as_deref(), Some("2026-12-01T00:00:00"));
        for text in ["2026-12-01 20", "tomorrow", "2026-13-01", "20:00", "2026-12-01 25:00"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
