//! Which accounts the words of a command mean.

use super::*;

#[test]
fn selection_takes_names_patterns_and_tags() {
    let rest = "tags = [\"one\"]\n[[account]]\nsource_user = \"anna\"\n[[account]]\nsource_user = \"bob*\"\ntags = [\"one\"]\n";
    let settings = Desk::new().read(&settings("", "", rest)).unwrap();
    let table: [(&[&str], &[&str]); 7] = [
        (&[], &["alice", "anna", "bob*"]),
        (&["anna", "alice", "anna"], &["alice", "anna"]),
        (&["a*"], &["alice", "anna"]),
        (&["bob*"], &["bob*"]),
        (&["tag:one"], &["alice", "bob*"]),
        (&["tag:one", "a?na"], &["alice", "anna", "bob*"]),
        (&["{anna,alice}"], &["alice", "anna"]),
    ];
    for (words, expected) in table {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let accounts = settings.select(&words).unwrap().0;
        let names: Vec<&str> = accounts.iter().map(|account| &*account.name).collect();
        assert_eq!(names, expected, "{words:?}");
    }
}

#[test]
fn unknown_accounts_are_all_listed_with_the_nearest_name() {
    let settings = Desk::new().read(&settings("", "", "tags = [\"wave1\"]")).unwrap();
    let words = ["alcie", "alice", "zzz", "tag:wave2", "x*"].map(str::to_owned);
    let expected = "there is no account `alcie`; did you mean `alice`?
there is no account `zzz`; `mailferry status` lists the accounts
no account has the tag `wave2`; did you mean `wave1`?
there is no account `x*`; `mailferry status` lists the accounts";
    assert_eq!(settings.select(&words).unwrap_err().to_string(), expected);
}
