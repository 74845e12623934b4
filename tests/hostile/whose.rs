//! Servers that open another mailbox than they are asked for: nothing proves whose it is after a login for somebody else, so
//! two accounts that see one INBOX stop the run before anything is copied.

use crate::case::{Case, First, Table};
use crate::support::fake::Fake;
use crate::support::fake::behaviour::Behaviour;
use crate::support::ferry::{Ferry, Side};

fn two_accounts() -> Table {
    let case = |name| Case::new(name, First::Exact);
    Table::of(vec![case("confused-a"), case("confused-b")])
}

fn appends(table: &Table) -> usize {
    let tenants = ["confused-a", "confused-b"].map(|name| table.destination.tenant(name).commands());
    tenants.iter().flatten().filter(|command| command.starts_with("APPEND") || command.starts_with("CREATE")).count()
}

#[test]
fn source_that_gives_two_users_one_mailbox_stops_the_run_before_anything_is_copied() {
    for jobs in ["1", "8"] {
        let table = two_accounts();
        table.source.confuses("confused-b", "confused-a");
        let output = table.ferry.run(&["sync", "--jobs", jobs]).expect(4);
        output.complains(&["one and the same INBOX on the source", "authorization identity"]);
        assert_eq!(appends(&table), 0);
        table.ferry.run(&["check", "--jobs", jobs]).expect(3).complains(&["one and the same INBOX"]);
        crate::tally::count(1);
    }
}

#[test]
fn destination_that_gives_two_users_one_mailbox_stops_the_run_before_anything_is_copied() {
    for jobs in ["1", "8"] {
        let table = two_accounts();
        table.destination.tenant("confused-a").account().fill("INBOX\n    welcome");
        table.destination.confuses("confused-b", "confused-a");
        table.ferry.run(&["sync", "--jobs", jobs]).expect(4).complains(&["one and the same INBOX on the destination"]);
        assert_eq!(appends(&table), 0);
        crate::tally::count(1);
    }
}

/// Two spellings of one server, and two names of one user.
#[test]
fn one_mailbox_on_both_sides_is_not_copied_into_itself() {
    let server = Fake::start();
    server.tenant("anna").account().fill("INBOX\n    a");
    server.confuses("alias", "anna");
    let [source, destination] = [(); 2].map(|()| Side::in_clear_text(server.port()));
    let ferry = Ferry::new(source, destination.set("host", "\"127.0.0.1\""));
    let ferry = ferry.with_account_lines("source_user = \"anna\"\ndestination_user = \"alias\"\nprefix = \"Old\"");
    ferry.run(&["sync"]).expect(2).complains(&["source and destination are one and the same mailbox"]);
    let commands = server.tenant("anna").commands();
    let changes = commands.iter().filter(|command| command.starts_with("APPEND") || command.starts_with("CREATE"));
    assert_eq!(changes.count(), 0, "{commands:?}");
    crate::tally::count(1);
}

/// The second account is opened to see that it is another, once a server and run, and only if something is to be copied.
#[test]
fn accounts_that_differ_are_told_apart_with_one_login_more() {
    let table = two_accounts();
    table.ferry.run(&["sync", "--jobs", "1"]).expect(0);
    let logins = || {
        let heard = ["confused-a", "confused-b"].map(|name| table.source.tenant(name).commands());
        heard.iter().flatten().filter(|command| command.starts_with("AUTHENTICATE")).count()
    };
    let before = logins();
    table.ferry.run(&["sync", "--jobs", "1"]).expect(0);
    assert_eq!(logins() - before, 2, "nothing is to be copied");
    table.source.tenant("confused-a").behave(Behaviour::honest());
    crate::tally::count(1);
}

/// The second in which it was made, or a number that servers begin with: an empty INBOX of the same UIDVALIDITY proves nothing
/// where the other mailboxes are not there.
#[test]
fn another_server_with_an_empty_inbox_of_the_same_uidvalidity_is_not_taken_for_the_one_of_before() {
    let [source, destination, other] = [(); 3].map(|()| Fake::start());
    source.tenant("moved").account().fill("INBOX\n    a\nArchive\n    b");
    let [source, destination] = [&source, &destination].map(|server| Side::in_clear_text(server.port()));
    let lines = "source_user = \"moved\"\ndestination_user = \"moved\"";
    let mut ferry = Ferry::new(source, destination).with_account_lines(lines);
    ferry.run(&["sync"]).expect(0);
    ferry.destination = Side::in_clear_text(other.port());
    for command in ["scan", "sync", "verify"] {
        ferry.run(&[command]).expect(3).complains(&["the state holds another destination", "--state"]);
    }
    let commands = other.tenant("moved").commands();
    assert!(!commands.iter().any(|command| command.starts_with("APPEND")), "{commands:?}");
    crate::tally::count(1);
}
