//! How accounts are shared out, as text and as the file that runs read.

use super::quantity::{counted, number, octets};
use crate::model::balance::Balance;

/// What was decided, in some lines.
pub fn text(balance: &Balance) -> String {
    let (accounts, shards) = (balance.shards.len() as u64, balance.octets.len() as u64);
    let mut text = format!("{} in {}", counted(accounts, "account"), counted(shards, "shard"));
    let (most, least) = (balance.octets.iter().max(), balance.octets.iter().min());
    if let (Some(most @ 1..), Some(least)) = (most, least) {
        text.push_str(&format!(": the largest has {}, the smallest {}", octets(*most), octets(*least)));
    }
    text.push_str(&format!("\n{} added, {} moved to another shard\n", number(balance.added), number(balance.moved)));
    if balance.unknown > 0 {
        let unknown = match balance.assumed {
            0 => format!(
                "The size of {} is not known: they are shared out by number",
                counted(balance.unknown, "account")
            ),
            assumed => format!(
                "The size of {} is not known: each counts as {}",
                counted(balance.unknown, "account"),
                octets(assumed)
            ),
        };
        text.push_str(&format!("{unknown}; `mailferry scan` finds out, or --sizes tells\n"));
    }
    if balance.moved > 0 {
        text.push_str("The state follows what moved: mailferry state take DIR…, for each shard, before the next run\n");
    }
    text
}

/// The file: rows of a name and a shard.
pub fn file(balance: &Balance) -> String {
    let row = |(name, shard): (&String, &u32)| format!("{},{shard}\n", quoted(name));
    std::iter::once("name,shard\n".to_owned()).chain(balance.shards.iter().map(row)).collect()
}

/// As spreadsheets write a cell (RFC 4180), and so that no name is taken for a comment.
fn quoted(name: &str) -> String {
    let is_plain = |character: char| character.is_alphanumeric() || "@.-_+".contains(character);
    match name.chars().all(is_plain) && !name.is_empty() {
        true => name.to_owned(),
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn balance() -> Balance {
        Balance {
            shards: [("alice", 0), ("b,\"ob", 1), ("#c", 1)].map(|(name, shard)| (name.to_owned(), shard)).into(),
            octets: vec![3 << 20, 1 << 20],
            added: 3,
            ..Balance::default()
        }
    }

    #[test]
    fn text_tells_how_even_it_is_and_what_is_not_known() {
        let expected = "3 accounts in 2 shards: the largest has 3.0 MiB, the smallest 1.0 MiB\n3 added, 0 moved to another shard\n";
        assert_eq!(text(&balance()), expected);
        let text = text(&Balance { moved: 2, unknown: 1, assumed: 1 << 20, ..balance() });
        assert!(
            text.contains("The size of 1 account is not known: each counts as 1.0 MiB; `mailferry scan`"),
            "{text}"
        );
        assert!(text.ends_with("before the next run\n"), "{text}");
    }

    #[test]
    fn file_quotes_names_as_spreadsheets_do() {
        assert_eq!(file(&balance()), "name,shard\n\"#c\",1\nalice,0\n\"b,\"\"ob\",1\n");
    }
}
