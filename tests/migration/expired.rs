//! Sessions that a server ends with the token that they were opened with, and users whom a token does not open.

use std::fs;

use crate::support::compare::assert_identical_but_automatic;
use crate::support::fake::Fake;
use crate::support::fake::behaviour::{Behaviour, Rule, Then, When};
use crate::support::ferry::{Ferry, Side};
use crate::support::issuer::{Answers, CLIENT_SECRET, Issuer, Reply};

/// A source and a destination in memory; the source takes tokens of that application.
struct Played {
    issuer: Issuer,
    source: Fake,
    destination: Fake,
    ferry: Ferry,
}

impl Played {
    fn of(users: &[&str]) -> Played {
        let (issuer, source, destination) = (Issuer::start(), Fake::start(), Fake::start());
        let side = Side::in_clear_text(source.port()).with_own_passwords().set("max_connections", 1);
        let mut ferry = Ferry::new(side, Side::in_clear_text(destination.port()));
        fs::write(ferry.directory().join("client.secret"), CLIENT_SECRET).expect("a secret");
        let lines = "client_id = \"app\"\nscope = \"s\"\nclient_secret_file = \"client.secret\"";
        ferry.further_settings = issuer.settings("source", "client-credentials", lines) + "[limits]\nretries = 0\n";
        for user in users {
            ferry = ferry.with_account_lines(&format!("source_user = \"{user}\""));
            source.tenant(user).account().fill("INBOX\n    a\n    b\n    c\nWork\n    d\n    e\nWork/Old\n    f");
        }
        Played { issuer, source, destination, ferry }
    }

    /// A session of either side ends so with every so manieth command, and nobody is told that anything broke.
    #[track_caller]
    fn assert_goes_on(&self, user: &str) {
        let output = self.ferry.run(&["sync", "--progress", "plain"]).expect(0);
        for word in ["trying again", "going on with a new connection", "wait"] {
            assert!(!output.stderr.contains(word), "it is no failure: {output}");
        }
        let (source, destination) = (self.source.tenant(user).state(), self.destination.tenant(user).state());
        assert_identical_but_automatic(&source, &destination);
    }
}

const EXPIRED: &[u8] = b"* BYE Session invalidated - AccessTokenExpired\r\n";

#[test]
fn refused_account_is_one_failure_and_costs_one_more_token_at_most() {
    let users = ["known", "barred-1", "barred-2", "barred-3", "barred-4"];
    let played = Played::of(&users);
    for barred in &users[1..] {
        // Exchange says no more than that.
        played.source.tenant(barred).behave(Behaviour::honest().shut("NO AUTHENTICATE failed."));
    }
    let mut output = played.ferry.run(&["sync", "-j", "1"]).expect(3);
    output = output.complains(&["error: barred-1: could not log in", "also: barred-2; barred-3; barred-4"]);
    output.complains(&["NO AUTHENTICATE failed.", "Add-MailboxPermission"]);
    assert!(played.issuer.requests("/token").len() <= 2, "{:?}", played.issuer.requests("/token"));
    assert_identical_but_automatic(&played.source.tenant("known").state(), &played.destination.tenant("known").state());
}

#[test]
fn session_that_ends_with_its_token_is_followed_by_another_with_a_new_one() {
    let played = Played::of(&["mover"]);
    let ends = |every| Rule::on("", Then::SayAndClose(EXPIRED.to_vec())).when(When::Every(every));
    played.source.tenant("mover").behave(Behaviour::honest().rule(ends(12)));
    played.destination.tenant("mover").behave(Behaviour::honest().rule(ends(13)));
    played.assert_goes_on("mover");
    let tokens = played.source.tokens();
    let distinct: std::collections::BTreeSet<_> = tokens.iter().collect();
    // One connection at a time: each that ended was the last with its token.
    let commands = played.source.tenant("mover").commands();
    let ended = commands.iter().filter(|command| *command != "AUTHENTICATE").count() / 12;
    assert!(
        ended > 0 && distinct.len() > ended,
        "{ended} ended, and a token that has ended is not sent again: {tokens:?}"
    );
}

#[test]
fn session_that_ends_in_the_midst_of_an_append_is_followed_by_another() {
    let played = Played::of(&["mover"]);
    let large =
        |letter: &str| format!("Subject: {letter}\r\nMessage-ID: <{letter}@large>\r\n\r\n{}", letter.repeat(6 << 20));
    for letter in ["p", "q", "r"] {
        played.source.tenant("mover").account().mailbox("INBOX").add_octets(large(letter));
    }
    let ends = Rule::on("APPEND", Then::InLiteral(EXPIRED.to_vec())).when(When::First(2));
    played.destination.tenant("mover").behave(Behaviour::honest().rule(ends));
    played.assert_goes_on("mover");
}

/// It is not gone on with for ever.
#[test]
fn server_that_ends_every_session_at_once_is_given_up() {
    let played = Played::of(&["mover"]);
    let ends = Rule::on("", Then::SayAndClose(EXPIRED.to_vec()));
    played.source.tenant("mover").behave(Behaviour::honest().rule(ends));
    played.ferry.run(&["sync"]).expect(4).complains(&["AccessTokenExpired"]);
}

/// In the midst of a message nobody hears the BYE; but a connection that breaks when its token has ended, ended with it.
#[test]
fn session_that_ends_in_the_midst_of_a_fetched_message_is_followed_by_another() {
    let played = Played::of(&["mover"]);
    played.issuer.behave(Answers { expires_in: 0, ..Answers::default() });
    let half =
        b"* 1 FETCH (UID 1 FLAGS () INTERNALDATE \"01-Jan-2024 00:00:00 +0000\" BODY[] {9000}\r\nSubject: half\r\n";
    let ends = Then::SayAndClose([half, EXPIRED].concat());
    let ends = Rule::on("UID FETCH", ends).holding("BODY.PEEK[]").when(When::First(2));
    played.source.tenant("mover").behave(Behaviour::honest().rule(ends));
    played.assert_goes_on("mover");
    let distinct: std::collections::BTreeSet<_> = played.source.tokens().into_iter().collect();
    assert!(distinct.len() >= 3, "each has a new token: {distinct:?}");
}

/// The user withdraws the consent while a copy is under way: it is told how to get it back, and then it goes on.
#[test]
fn consent_that_is_withdrawn_in_mid_run_is_told_and_the_next_run_goes_on() {
    let mut played = Played::of(&["mover"]);
    let lines = "client_id = \"app\"\nscope = \"s\"\nrefresh_token_file = \"kept/{name}\"";
    played.ferry.further_settings =
        played.issuer.settings("source", "refresh-token", lines) + "[limits]\nretries = 0\n";
    let kept = played.ferry.directory().join("kept");
    fs::create_dir_all(&kept).expect("a directory for refresh tokens");
    fs::write(kept.join("mover"), "r0\n").expect("a refresh token");
    let granted = |token: &str| Reply::json(&serde_json::json!({"access_token": token, "expires_in": 3600}));
    let withdrawn = (0..20).map(|_| Reply::refusal("invalid_grant"));
    played.issuer.script(std::iter::once(granted("first")).chain(withdrawn));
    let ends = Rule::on("", Then::SayAndClose(EXPIRED.to_vec())).when(When::Every(12));
    played.source.tenant("mover").behave(Behaviour::honest().rule(ends));
    let output = played.ferry.run(&["sync"]);
    assert!(matches!(output.code, Some(3 | 4)), "{output}");
    let output =
        output.complains(&["could not get a token from localhost for mover", "invalid_grant", "mailferry login"]);
    for secret in ["r0", "first"] {
        assert!(!output.stderr.contains(secret) && !output.stdout.contains(secret), "{output}");
    }
    played.source.tenant("mover").behave(Behaviour::honest());
    played.issuer.forget_script();
    played.issuer.knows("r0", "mover");
    played.ferry.run(&["sync"]).expect(0);
    assert_identical_but_automatic(&played.source.tenant("mover").state(), &played.destination.tenant("mover").state());
}
