//! Numbers with what they count, in words that people read.

/// A number with thousands separators: `1,234,567`.
pub fn number(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = {
        let first = digits.len() % 3;
        let (head, tail) = digits.split_at(first);
        let tail = (0..tail.len() / 3).map(|group| &tail[group * 3..group * 3 + 3]);
        (!head.is_empty()).then_some(head).into_iter().chain(tail).collect()
    };
    groups.join(",")
}

/// A number and what it counts: `1 mailbox`, `1,234 copies`.
pub fn counted(count: u64, noun: &str) -> String {
    format!("{} {}", number(count), noun_for(count, noun))
}

/// The noun in the form that the count demands.
pub fn noun_for(count: u64, noun: &str) -> String {
    match noun.strip_suffix('y') {
        _ if count == 1 => noun.to_owned(),
        Some(stem) => format!("{stem}ies"),
        None if noun.ends_with('x') => format!("{noun}es"),
        None => format!("{noun}s"),
    }
}

/// `is` or `are`, `has` or `have`: the verb in the form that the count demands.
pub fn verb_for(count: u64, one: &'static str, many: &'static str) -> &'static str {
    if count == 1 { one } else { many }
}
