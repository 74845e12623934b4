//! Prose in the columns of a terminal, which would break it within words. Pure.
//!
//! What may be typed or copied stays whole: a command, and what stands in backquotes. So do rows of tables and figures.

use console::measure_text_width as width_of;

/// Less room than this is no place for prose.
const LEAST_COLUMNS: usize = 30;

/// Whoever goes on in the next line stands so much behind where it began.
const HANGING: usize = 2;

/// The text with its long lines broken at blanks.
pub fn wrapped(text: &str, columns: usize) -> String {
    let lines: Vec<String> = text.split('\n').map(|line| line_wrapped(line, columns)).collect();
    lines.join("\n")
}

fn line_wrapped(line: &str, columns: usize) -> String {
    let indent = line.len() - line.trim_start().len();
    let is_row = line.trim().contains("   ");
    if columns < LEAST_COLUMNS || width_of(line) <= columns || is_row {
        return line.to_owned();
    }
    let (mut wrapped, mut width) = (" ".repeat(indent), indent);
    let mut is_first = true;
    for word in words(&line[indent..]) {
        if !is_first && width + 1 + width_of(word) > columns {
            wrapped.push('\n');
            wrapped.push_str(&" ".repeat(indent + HANGING));
            width = indent + HANGING;
        } else if !is_first {
            wrapped.push(' ');
            width += 1;
        }
        wrapped.push_str(word);
        width += width_of(word);
        is_first = false;
    }
    wrapped
}

/// What may not be broken: words, what stands in backquotes with what touches it, and commands up to their end.
fn words(line: &str) -> Vec<&str> {
    let (mut words, mut begin) = (Vec::new(), 0);
    let (mut is_quoted, mut is_command) = (false, false);
    for (at, character) in line.char_indices() {
        match character {
            '`' => is_quoted = !is_quoted,
            ';' | ')' => is_command = false,
            ' ' if !is_quoted && !is_command => {
                words.push(&line[begin..at]);
                begin = at + 1;
                is_command = line[begin..].starts_with("mailferry ") && names_a_command(&line[..begin]);
            }
            _ => {}
        }
    }
    words.push(&line[begin..]);
    words
}

/// Whether what comes is to be typed: it stands behind a colon.
fn names_a_command(before: &str) -> bool {
    before.trim_end().ends_with(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_broken_at_blanks_and_hangs() {
        let text = "error: it was refused\n  hint: check the user name and the password; or something else\n";
        let expected = "\
error: it was refused
  hint: check the user name and the
    password; or something else
";
        assert_eq!(wrapped(text, 40), expected);
        assert_eq!(wrapped(text, 100), text);
    }

    #[test]
    fn what_is_typed_or_stands_in_columns_stays_whole() {
        let text = "To try just these, run: mailferry sync state:failed state:blocked";
        assert_eq!(wrapped(text, 40), "To try just these, run:\n  mailferry sync state:failed state:blocked");
        let text = "run `mailferry sync -c 'my mail.toml' bad-quota`, and look what comes of it";
        assert_eq!(
            wrapped(text, 40),
            "run\n  `mailferry sync -c 'my mail.toml' bad-quota`,\n  and look what comes of it"
        );
        let row = "alice@example.com     synced     1,234 of 5,678     2.1 MiB/s";
        assert_eq!(wrapped(row, 40), row);
        assert_eq!(wrapped("and 7 more: mailferry status state:new, and nothing else", 10).lines().count(), 1);
    }

    #[test]
    fn colour_takes_no_room() {
        let plain = "hint: check the user name and the password; or something else";
        let coloured = plain.replace("hint:", "\x1b[1m\x1b[36mhint:\x1b[0m");
        assert_eq!(wrapped(&coloured, 40), wrapped(plain, 40).replace("hint:", "\x1b[1m\x1b[36mhint:\x1b[0m"));
    }

    #[test]
    fn word_that_is_too_long_stays_whole() {
        let long = "x".repeat(50);
        assert_eq!(wrapped(&format!("a {long} b"), 40), format!("a\n  {long}\n  b"));
    }
}
