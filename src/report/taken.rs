//! What was carried over from the state of another shard, as text.

use super::quantity::{counted, number};
use crate::error::made_harmless;
use crate::model::report::Taken;

/// How many accounts a line names.
const NAMED_ACCOUNTS: usize = 10;

/// Some lines for each state.
pub fn text(taken: &[Taken]) -> String {
    taken.iter().map(of_state).collect()
}

fn of_state(taken: &Taken) -> String {
    let from = made_harmless(&taken.from.to_string_lossy());
    let mut text = match taken.taken.len() + taken.replaced.len() + taken.kept.len() {
        0 => return format!("{from} holds none of these accounts\n"),
        _ => String::new(),
    };
    let lines = [
        (&taken.taken, format!("carried over from {from}")),
        (&taken.replaced, format!("carried over from {from}, which knew more than this state did")),
        (&taken.kept, format!("kept as they are here: {from} knew no more, and has dropped them")),
    ];
    for (accounts, what) in lines.iter().filter(|(accounts, _)| !accounts.is_empty()) {
        text.push_str(&format!("{} {what}: {}\n", counted(accounts.len() as u64, "account"), named(accounts)));
    }
    text
}

fn named(accounts: &[String]) -> String {
    let names: Vec<String> = accounts.iter().take(NAMED_ACCOUNTS).map(|name| made_harmless(name)).collect();
    let more = accounts.len().saturating_sub(NAMED_ACCOUNTS) as u64;
    let more = if more > 0 { format!(" and {} more", number(more)) } else { String::new() };
    names.join(", ") + &more
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_names_what_came_what_stayed_and_where_nothing_was() {
        let names = |count: usize| (1..=count).map(|number| format!("u{number}")).collect::<Vec<_>>();
        let all = Taken { from: "/srv/2".into(), taken: names(12), replaced: names(1), kept: vec!["x\x1b".to_owned()] };
        let expected = "\
12 accounts carried over from /srv/2: u1, u2, u3, u4, u5, u6, u7, u8, u9, u10 and 2 more
1 account carried over from /srv/2, which knew more than this state did: u1
1 account kept as they are here: /srv/2 knew no more, and has dropped them: x?
/srv/3 holds none of these accounts
";
        assert_eq!(text(&[all, Taken { from: "/srv/3".into(), ..Taken::default() }]), expected);
    }
}
