//! Flags: both sides agree on what is there, not on what was sent; what a destination drops is given once more, and what it
//! does not keep then is a named loss, never fought over.

use serde_json::json;

use crate::pair::{ALL_FLAGS, Pair, USER, flags, saying};
use crate::support::fake::behaviour::{Behaviour, FlagsBy, Rule, When};
use crate::support::ferry::Done;

/// A scan only looks at the destination, and so cannot know what a mailbox keeps; the plan says that, and no more.
#[test]
fn plan_says_that_it_is_not_known_before_the_first_copy_what_is_kept() {
    let pair = Pair::with("INBOX\n    a work\n    b \\Seen\n    c");
    pair.run(&["scan"]).expect(0);
    let output = pair.run(&["plan"]).expect(0).says("whether the destination keeps all flags of 2 messages");
    assert!(!output.stdout.contains("Not kept"), "{output}");
    let planned = pair.run(&["plan", "--json", "-"]).expect(0).json();
    assert_eq!(planned["accounts"][0]["losses"]["unknown_flags"], 2);
    pair.run(&["apply"]).expect(0);
    pair.source.tenant(USER).account().fill("INBOX\n    9 d \\Seen");
    pair.run(&["scan"]).expect(0);
    let output = pair.run(&["plan"]).expect(0);
    assert!(!output.stdout.contains("Not known"), "{output}");
}

/// An honest server but for keywords that come with an APPEND, which it drops with an OK, as UW does with new ones.
fn dropping_keywords_of_appends() -> Behaviour {
    Behaviour::honest().keeping_flags(|by, flag| by == FlagsBy::Store || flag.starts_with('\\'))
}

/// The next run leaves the destination as it is.
#[track_caller]
fn sends_nothing(pair: &Pair) {
    let tenant = pair.destination.tenant(USER);
    tenant.forget_commands();
    pair.run(&["sync"]).expect(0);
    let changes = |command: &String| ["APPEND", "UID STORE", "SELECT"].iter().any(|verb| command.starts_with(verb));
    let commands = tenant.commands();
    assert!(!commands.iter().any(changes), "{commands:#?}");
}

#[test]
fn keywords_that_an_append_drops_are_set_in_the_same_run() {
    let pair = Pair::with("INBOX\n    a work \\Seen\n    b\n    c work later\nOther\n    d work")
        .destination(dropping_keywords_of_appends());
    pair.run(&["sync"]).expect(0);
    assert_eq!(pair.flags(), [flags(&["work", "\\Seen"]), flags(&[]), flags(&["work", "later"])]);
    sends_nothing(&pair);
    pair.run(&["verify", "--deep"]).expect(0).says("Identical");
}

/// A run that ends between the copy and the look at it leaves that to the next.
#[test]
fn keywords_that_an_append_drops_are_set_by_the_next_run_where_the_copies_could_not_be_listed() {
    let blind = Rule::refuse("LIST", "NO [UNAVAILABLE] later").when(When::After(1));
    let pair = Pair::with("INBOX\n    a work \\Seen\n    b").destination(dropping_keywords_of_appends().rule(blind));
    pair.run(&["sync"]);
    assert_eq!(pair.flags(), [flags(&["\\Seen"]), flags(&[])]);
    pair.destination.tenant(USER).behave(dropping_keywords_of_appends());
    pair.run(&["verify"]).expect(8);
    pair.run(&["sync"]).expect(0);
    assert_eq!(pair.flags(), [flags(&["work", "\\Seen"]), flags(&[])]);
    sends_nothing(&pair);
}

#[test]
fn keyword_that_is_never_kept_is_a_loss_and_given_again_when_the_mailbox_names_it() {
    let keeping = |flag: &str| flag != "work";
    let pair = Pair::with("INBOX\n    a work \\Seen\n    b work")
        .destination(Behaviour::honest().keeping_flags(move |_, flag| keeping(flag)));
    pair.run(&["sync"]).expect(0).says("2 flags cannot be kept by the destination: `work` on 2 messages");
    assert_eq!(pair.flags(), [flags(&["\\Seen"]), flags(&[])]);
    sends_nothing(&pair);
    let output = pair.run(&["verify", "--deep"]).expect(0);
    let expected = "Every message is there, byte for byte; 2 flags cannot be kept by the destination.";
    assert!(output.stdout.starts_with(expected), "{output}");
    assert_eq!(pair.verified(0)["losses"]["flags"], json!({ "work": 2 }));
    // What the mailbox keeps is seen when it is written to.
    let named = "PERMANENTFLAGS (work \\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)";
    pair.destination.tenant(USER).behave(saying(ALL_FLAGS, named));
    pair.source.tenant(USER).account().fill("INBOX\n    9 c");
    pair.run(&["sync"]).expect(0);
    assert_eq!(pair.flags(), [flags(&["work", "\\Seen"]), flags(&["work"]), flags(&[])]);
    sends_nothing(&pair);
    pair.run(&["verify", "--deep"]).expect(0).says("Identical");
}

/// It says so of the keyword by name, and does not keep it: not tried again and again.
#[test]
fn keyword_that_is_named_and_not_kept_is_not_fought_over() {
    let named = "PERMANENTFLAGS (work \\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)";
    let pair =
        Pair::with("INBOX\n    a work").destination(saying(ALL_FLAGS, named).keeping_flags(|_, flag| flag != "work"));
    pair.run(&["sync"]).expect(0).says("`work` on 1 message");
    sends_nothing(&pair);
    pair.source.tenant(USER).account().fill("INBOX\n    9 c");
    pair.destination.tenant(USER).forget_commands();
    pair.run(&["sync"]).expect(0);
    let commands = pair.destination.tenant(USER).commands();
    assert!(!commands.iter().any(|command| command.starts_with("UID STORE")), "{commands:#?}");
}

#[test]
fn keywords_that_a_store_refuses_are_a_loss() {
    let full = Rule::refuse("UID STORE", "NO Too many user flags in mailbox");
    let pair = Pair::with("INBOX\n    a work \\Seen\n    b").destination(dropping_keywords_of_appends().rule(full));
    pair.run(&["sync"]).expect(0).says("1 flag cannot be kept by the destination: `work` on 1 message");
    sends_nothing(&pair);
}

#[test]
fn flags_of_a_mailbox_that_can_only_be_read_are_losses() {
    let pair = Pair::with("INBOX\n    a work \\Seen\n    b\nOther\n    c \\Flagged").destination(
        Behaviour::honest()
            .lying(|command, response| match command.contains("\"INBOX\"") {
                true => {
                    let response = crate::pair::replaced(&response, "[READ-WRITE]", "[READ-ONLY]");
                    crate::pair::replaced(&response, ALL_FLAGS, "PERMANENTFLAGS ()")
                }
                false => response,
            })
            .keeping_flags(|_, flag| flag == "\\Flagged"),
    );
    for _ in 0..2 {
        pair.run(&["sync"]).expect(0).says("2 flags cannot be kept by the destination");
    }
    assert_eq!(pair.destination.tenant(USER).account().mailbox("Other").messages[0].flags, flags(&["\\Flagged"]));
    sends_nothing(&pair);
    assert_eq!(pair.verified(0)["losses"]["flags"], json!({ "\\Seen": 1, "work": 1 }));
}

/// What one mailbox says of itself tells nothing of another.
#[test]
fn flags_that_only_another_mailbox_keeps_are_set_in_the_same_run() {
    let inbox = "PERMANENTFLAGS (\\Answered \\Deleted \\Seen \\Draft)";
    let limited = Behaviour::honest().lying(move |command, response| match command.contains("INBOX") {
        true => crate::pair::replaced(&response, ALL_FLAGS, inbox),
        false => response,
    });
    let pair = Pair::with("INBOX\n    a \\Flagged \\Seen\nOther\n    b \\Flagged work").destination(limited);
    pair.run(&["sync"]).expect(0).says("1 flag cannot be kept by the destination: `\\Flagged` on 1 message");
    assert_eq!(pair.flags(), [flags(&["\\Seen"])]);
    assert_eq!(
        pair.destination.tenant(USER).account().mailbox("Other").messages[0].flags,
        flags(&["\\Flagged", "work"])
    );
    sends_nothing(&pair);
}

#[test]
fn flag_that_the_destination_does_not_take_is_a_named_loss_before_and_after() {
    let without_flagged = saying(ALL_FLAGS, "PERMANENTFLAGS (\\Answered \\Deleted \\Seen \\Draft \\*)")
        .keeping_flags(|_, flag| flag != "\\Flagged");
    let pair = Pair::with("INBOX\n    a \\Flagged \\Seen\n    b work\n    c").destination(without_flagged);
    for _ in 0..2 {
        pair.run(&["sync"]).expect(0).says("1 flag cannot be kept by the destination: `\\Flagged` on 1 message");
        // A scan only looks at the destination (EXAMINE), which tells nothing of it: it is known from the first copy on.
        let planned = pair.run(&["plan", "--json", "-"]).expect(0).json();
        assert_eq!(planned["accounts"][0]["losses"]["flags"], json!({ "\\Flagged": 1 }));
    }
    assert_eq!(pair.flags(), [flags(&["\\Seen"]), flags(&["work"]), flags(&[])]);
    let output = pair.run(&["verify", "--deep"]).expect(0);
    let expected = "Every message is there, byte for byte; 1 flag cannot be kept by the destination.";
    assert!(output.stdout.starts_with(expected), "{output}");
    assert_eq!(pair.ferry.status()["losses"]["flags"], json!({ "\\Flagged": 1 }));
}

#[test]
fn flags_that_a_user_of_the_destination_takes_off_stay_off() {
    let pair = Pair::with("INBOX\n    a work \\Seen\n    b");
    pair.run(&["sync"]).expect(0);
    {
        let tenant = pair.destination.tenant(USER);
        let mut account = tenant.account();
        let mailbox = account.mailbox("INBOX");
        let modseq = mailbox.change();
        mailbox.messages[0].flags.clear();
        mailbox.messages[0].modseq = modseq;
    }
    assert_eq!(pair.ferry.sync(), Done::NOTHING);
    assert_eq!(pair.flags(), [flags(&[]), flags(&[])]);
}

#[test]
fn permanentflags_without_any_system_flag_tell_nothing() {
    for told in ["PERMANENTFLAGS ()", "PERMANENTFLAGS (\\*)"] {
        let pair = Pair::with("INBOX\n    a work \\Seen \\Flagged\n    b\nOther\n    c \\Answered")
            .destination(saying(ALL_FLAGS, told));
        pair.run(&["sync"]).expect(0);
        assert_eq!(pair.flags()[0], flags(&["\\Seen", "\\Flagged", "work"]), "{told}");
        assert_eq!(pair.ferry.sync(), Done::NOTHING);
        pair.run(&["verify"]).expect(0).says("Identical");
    }
}

#[test]
fn message_read_after_the_scan_stays_read_when_apply_comes_in_parts() {
    let pair = Pair::with("INBOX\n    a\n    b\n    c");
    pair.run(&["scan"]).expect(0);
    pair.run(&["plan"]).expect(0);
    {
        let tenant = pair.source.tenant(USER);
        let mut account = tenant.account();
        let mailbox = account.mailbox("INBOX");
        let modseq = mailbox.change();
        mailbox.messages[0].flags.insert("\\Seen".to_owned());
        mailbox.messages[0].modseq = modseq;
    }
    pair.run(&["apply", "--max-messages", "1"]).expect(9);
    assert_eq!(pair.flags(), [flags(&["\\Seen"])]);
    pair.run(&["apply"]).expect(0);
    assert_eq!(pair.flags()[0], flags(&["\\Seen"]));
    assert_eq!(pair.ferry.sync(), Done::NOTHING);
    assert_eq!(pair.flags()[0], flags(&["\\Seen"]));
    pair.run(&["verify"]).expect(0).says("Identical");
}
