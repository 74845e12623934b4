//! A line of parts that fits into its columns: what matters least goes first, and a number is never cut.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Between two parts.
const GAP: &str = "  ";

/// A part of a line, and how much it matters: the highest rank goes first. Rank 0 stays.
pub struct Part {
    pub text: String,
    pub rank: u8,
}

/// What fits of the parts, in their order.
pub fn fit(parts: impl IntoIterator<Item = Part>, columns: usize) -> String {
    let mut parts: Vec<Part> = parts.into_iter().filter(|part| !part.text.is_empty()).collect();
    while width(&parts) > columns {
        let most = parts.iter().map(|part| part.rank).max().unwrap_or(0);
        if most == 0 {
            break;
        }
        parts.retain(|part| part.rank < most);
    }
    let texts: Vec<&str> = parts.iter().map(|part| part.text.trim_end()).collect();
    let padded = parts.iter().map(|part| part.text.as_str()).collect::<Vec<_>>().join(GAP);
    let line = if padded.width() <= columns { padded } else { texts.join(GAP) };
    shortened(line.trim_end(), columns)
}

fn width(parts: &[Part]) -> usize {
    parts.iter().map(|part| part.text.width()).sum::<usize>() + GAP.len() * parts.len().saturating_sub(1)
}

/// The text, with an ellipsis where it has to end early: for names, never for numbers.
pub fn shortened(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let (mut taken, mut kept) = (0, String::new());
    for character in text.chars() {
        let width = character.width().unwrap_or(0);
        if taken + width + 1 > columns {
            break;
        }
        taken += width;
        kept.push(character);
    }
    kept + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(columns: usize) -> String {
        let parts = [("alice", 0), ("[====    ]", 3), ("1,234 of 5,678", 0), ("2.1 MiB/s", 2), ("17s left", 1)];
        fit(parts.map(|(text, rank)| Part { text: text.to_owned(), rank }), columns)
    }

    #[test]
    fn what_matters_least_goes_first_and_no_number_is_cut() {
        assert_eq!(line(60), "alice  [====    ]  1,234 of 5,678  2.1 MiB/s  17s left");
        assert_eq!(line(50), "alice  1,234 of 5,678  2.1 MiB/s  17s left");
        assert_eq!(line(40), "alice  1,234 of 5,678  17s left");
        assert_eq!(line(25), "alice  1,234 of 5,678");
    }

    #[test]
    fn shortened_counts_cells() {
        assert_eq!(shortened("日本語の受信箱", 7), "日本語…");
        assert_eq!(shortened("INBOX", 5), "INBOX");
    }
}
