//! What the state forgets: accounts, with `forget`, and pairs of mailboxes that are gone. Only the memory goes, never mail.

use crate::migration::{Migration, dovecot_to_dovecot};
use crate::support::server::User;
use crate::support::shared;
use mailferry::store::Store;

const MAIL: &str = r"
INBOX
    1..150 bulk \Seen
    151 twin
    152 twin
Archive/2024
    1..40 old
";

#[test]
fn forgotten_account_is_matched_anew_and_nothing_is_copied_twice() {
    let migration = dovecot_to_dovecot().seeded(MAIL);
    migration.sync();
    let said = migration.run(&["forget", migration.user()]).expect(0);
    said.says(&format!("Forgot {}: ", migration.user())).says(" 192 messages tied to their copies");
    assert!(migration.ferry.status()["last_run"].is_null());
    migration.run(&["plan"]).complains(&["never scanned"]);
    assert_eq!(migration.sync().copied, 0);
    migration.assert_exact();
    migration.assert_second_sync_does_nothing();
}

/// What an interrupted run left is forgotten as well: its tail is told by identity.
#[test]
fn account_forgotten_in_the_middle_of_its_copy_is_completed() {
    let migration = dovecot_to_dovecot().seeded(MAIL);
    migration.run(&["sync", "--max-messages", "70"]).expect(9);
    migration.run(&["forget", migration.user()]).expect(0);
    assert_eq!(migration.sync().copied, 192 - 70);
    migration.assert_exact();
    migration.assert_second_sync_does_nothing();
}

#[test]
fn others_keep_what_is_known_of_them() {
    let users = vec![User::fresh("leaver"), User::fresh("stayer")];
    let (leaver, stayer) = (users[0].name.clone(), users[1].name.clone());
    let migration =
        Migration::of(users, &shared::dovecot_pair().source, &shared::dovecot_pair().destination).seeded(MAIL);
    migration.run(&["sync"]).expect(0);
    migration.run(&["forget", &leaver]).expect(0);
    let status = migration.run(&["status", "--json", "-"]).expect(0).json();
    let last_run = |user: &str| {
        let accounts = status["accounts"].as_array().expect("accounts");
        accounts.iter().find(|account| account["account"] == user).expect("the account")["last_run"].clone()
    };
    assert!(last_run(&leaver).is_null() && last_run(&stayer).is_object(), "{status}");
    migration.run(&["sync"]).expect(0);
    migration.assert_exact();
}

/// While one of the two mailboxes is there, its links are what keeps mail from being copied or deleted wrongly.
#[test]
fn links_of_a_mailbox_go_when_both_sides_have_deleted_it() {
    let migration = dovecot_to_dovecot().seeded("INBOX\n    a\nGone\n    1..5 b\nLeft\n    c\nLost\n    d");
    migration.sync();
    let paired = || {
        let (store, _) = Store::open_existing(&migration.ferry.state()).expect("the state");
        let pairs = store.account(migration.user()).pairs().expect("the pairs");
        pairs.iter().map(|pair| pair.destination.to_string()).collect::<Vec<_>>()
    };
    let all = paired();
    assert_eq!(all.len(), 4);
    migration.at_source().delete("Left");
    migration.at_source().delete("Gone");
    migration.run(&["sync"]).expect(0);
    assert_eq!(paired(), all, "the destination has them");
    migration.at_destination().delete("Gone");
    migration.at_destination().delete("Lost");
    migration.run(&["sync"]).expect(3).complains(&["`Lost`, to which it was copied, is gone"]);
    assert_eq!(paired(), ["INBOX", "Left", "Lost"]);
}
