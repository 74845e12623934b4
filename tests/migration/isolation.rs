//! One bad thing stays one bad thing: servers that are restarted, grant one connection, or cannot do one thing.

use crate::support::compare::assert_identical_but_automatic;
use crate::support::dovecot::{Dovecot, Options};
use crate::support::ferry::{Ferry, Side};
use crate::support::seed::seed;
use crate::support::server::{Server, User};
use crate::support::shared;
use crate::support::state::observe;

/// Several mailboxes, so that more than one connection would be of use.
const MAIL: &str = "INBOX\n    a\n    b\nA\n    1..12 bulk\nB\n    1..12 bulk\nC\n    1..12 bulk\nD\n    1..12 bulk\nE\n    \
    1..12 bulk\nF\n    1..12 bulk";

fn users(stem: &str, count: usize, source: &dyn Server, destination: &dyn Server) -> Vec<User> {
    let users: Vec<User> = (0..count).map(|_| User::fresh(stem)).collect();
    for user in &users {
        source.add_user(user);
        destination.add_user(user);
        seed(source, &user.name, MAIL);
    }
    users
}

#[track_caller]
fn assert_exact(users: &[User], source: &dyn Server, destination: &dyn Server) {
    for user in users {
        assert_identical_but_automatic(&observe(source, &user.name), &observe(destination, &user.name));
    }
}

#[test]
fn server_that_is_restarted_in_the_midst_fails_none_of_ten_accounts() {
    let source = &shared::dovecot_pair().source;
    let mut destination = Dovecot::start(Options::mdbox_with_slashes());
    let users = users("restarted", 10, source, &destination);
    let mut ferry = Ferry::new(Side::of(source), Side::of(&destination))
        .with_settings("[limits]\nretries = 10\nmessages_per_second = 200");
    for user in &users {
        ferry = ferry.with_account(user);
    }
    let mut running = ferry.start(&["sync", "--jobs", "2", "--progress", "plain"]);
    assert!(running.wait_until_said(|said| said.contains("ended (so far 1 of 10")), "it ended before the restart");
    destination.stop();
    assert!(running.wait_until_said(|said| said.matches("all wait").count() >= 2), "nobody waited");
    destination.restart();
    running.finish().expect(0);
    assert_exact(&users, source, &destination);
}

#[test]
fn server_that_grants_each_user_one_connection_is_served_with_it() {
    let source = &shared::dovecot_pair().source;
    let destination = Dovecot::start(Options { connections_per_user: 1, ..Options::mdbox_with_slashes() });
    let users = users("single", 4, source, &destination);
    let side = |server: &dyn Server| Side::of(server).without("max_connections");
    let mut ferry = Ferry::new(side(source), side(&destination));
    for user in &users {
        ferry = ferry.with_account(user);
    }
    ferry.run(&["sync", "--jobs", "2"]).expect(0);
    assert_exact(&users, source, &destination);
    ferry.run(&["verify"]).expect(0);
}
