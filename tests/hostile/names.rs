//! Mailbox names, and texts of messages and servers, that would be commands, patterns or paths if they were taken for such:
//! they arrive as what they are, or stay behind by name; nothing of them is ever run.

use crate::case::{Case, First, Table};
use crate::lies::{is, replaced};
use crate::support::fake::account::Account;
use crate::support::fake::behaviour::{Behaviour, Rule, Then};
use crate::support::name::Namespace;

fn mailbox(name: &'static str, first: First, raw: &'static [u8]) -> Case {
    Case::new(name, first).mail(move |account: &mut Account| {
        account.fill("INBOX\n    a\nGood\n    g");
        account.create(raw).add_octets(*b"Message-ID: <odd@seed>\r\nSubject: odd\r\n\r\nbody\r\n");
    })
}

/// Holds disaster rule 10.
/// Holds hazard 6.
/// Holds hazard 7.
/// Holds engine/conversation/session.rs invariant 3.
#[test]
fn mailbox_names_are_names_and_never_commands() {
    Table::of(vec![
        mailbox("name-quotes", First::Exact, br#"a "quoted" name"#),
        mailbox("name-backslash", First::Exact, br"back\slash\"),
        mailbox("name-star", First::Exact, b"all*of%them"),
        mailbox("name-braces", First::Exact, b"x {12+}"),
        mailbox("name-parentheses", First::Exact, b"(x) (y"),
        mailbox("name-blanks", First::Exact, b" blank "),
        mailbox("name-nil", First::Exact, b"NIL"),
        mailbox("name-bad-utf7", First::Exact, b"&Jjo!-"),
        mailbox("name-open-utf7", First::Exact, b"&AGE"),
        mailbox("name-8-bit", First::Exact, b"gr\xfcn"),
        mailbox("name-utf8", First::Exact, "gr\u{fc}n \u{1F600}".as_bytes()),
        mailbox("name-injecting", First::Exact, b"x\" \"y\" (STATUS"),
    ])
    .judge();
}

/// Holds disaster rule 10.
#[test]
fn mailboxes_whose_names_no_server_should_take_are_named_each_time() {
    let told = |name, raw, words| mailbox(name, First::Told(words), raw);
    let table = Table::of(vec![
        told("name-crlf", b"x\r\nm9 DELETE INBOX", &["`x??m9 DELETE INBOX`"]),
        told("name-lf", b"x\nm9 DELETE INBOX", &["`x?m9 DELETE INBOX`"]),
        told("name-nul", b"x\0y", &["`x?y`"]),
        told("name-dots", b"../../etc", &["`../../etc`"]),
        told("name-escape", b"\x1b[31mred\x07", &["`?[31mred?`"]),
    ]);
    table.judge_told_each_time();
}

/// A line of LIST that is not understood to its end would name another mailbox than was read: it is named each time, and
/// ends nothing else.
#[test]
fn mailboxes_that_are_listed_in_a_way_that_cannot_be_read_are_named_each_time() {
    let listed_as = |name, line: &'static str, word: &'static str| {
        let lie = move |_: &str, response: Vec<u8>| {
            if is(&response, "LIST") { replaced(response, "\"Bad\"", line) } else { response }
        };
        Case::new(name, First::Told(Box::leak(Box::new([word])))).source(Behaviour::honest().lying(lie))
    };
    Table::of(vec![
        listed_as("list-unquoted-blank", "My Letters", "`My Letters`"),
        listed_as("list-open-quote", "\"Bad", "`\"Bad`"),
        listed_as("list-no-name", "", "a mailbox cannot be copied"),
        listed_as("list-empty-name", "\"\"", "its name is empty"),
        listed_as("list-two-names", "\"Bad\" \"Good\"", "`\"Bad\" \"Good\"`"),
    ])
    .judge_told_each_time();
}

/// Whose a mailbox is, the longest prefix over all namespaces decides: what others share with everyone is not copied to
/// each, though its namespace has no prefix (Cyrus with classic names).
#[test]
fn mailboxes_of_others_are_never_copied() {
    let told = r#"* NAMESPACE (("INBOX/" "/")) (("user/" "/")) (("" "/"))"#;
    let classic = |name| {
        let lie = move |_: &str, response: Vec<u8>| replaced(response, r#"* NAMESPACE (("" "/")) NIL NIL"#, told);
        Case::new(name, First::Exact).source(Behaviour::honest().lying(lie)).mail(|account| {
            account.fill("INBOX\n    a\nINBOX/Sent\n    b\nArchiv/2011\n    c\nuser/bob\n    d\npub\n    e");
        })
    };
    let table = Table::of(vec![classic("namespace-classic")]);
    table.run(&["sync"]).expect(0);
    table.expect_at_destination("namespace-classic", "INBOX\n    a\nSent\n    b");
    table.run(&["check"]).expect(0).says("`Archiv/2011`").says("another user's");
    crate::tally::count(1);
}

/// Courier's `INBOX.INBOX` is no second INBOX: it has a name of its own, which a rename can be given for.
#[test]
fn inbox_below_the_inbox_has_a_name_of_its_own() {
    let classic = |name| {
        let below = |_: &str, response: Vec<u8>| {
            replaced(response, r#"* NAMESPACE (("" "/")) NIL NIL"#, r#"* NAMESPACE (("INBOX/" "/")) NIL NIL"#)
        };
        Case::new(name, First::Exact).source(Behaviour::honest().lying(below)).mail(|account| {
            account.fill("INBOX\n    a\nINBOX/INBOX\n    b\n    c\nINBOX/INBOX/Old\n    d\nINBOX/Work\n    e");
        })
    };
    let mut table = Table::of(vec![classic("inbox-inbox")]);
    table.run(&["sync"]).expect(0);
    let arrived = "INBOX\n    a\nINBOX/INBOX\n    b\n    c\nINBOX/INBOX/Old\n    d\nWork\n    e";
    table.expect_at_destination("inbox-inbox", arrived);
    table.run(&["verify"]).expect(0);
    table.ferry.further_settings.push_str("[mailboxes.rename]\n\"INBOX/INBOX\" = \"Inner\"\n");
    table.source.tenant("inbox-inbox").account().fill("INBOX/INBOX\n    late");
    let output = table.run(&["sync"]).expect(0);
    let inner = table.destination.tenant("inbox-inbox").account().messages("Inner").len();
    assert_eq!(inner, 3, "{output}");
    crate::tally::count(1);
}

/// A server that does not tell `Work` and `work` apart has one of them: NO to CREATE is no success before the listing shows
/// that very name, and OK is none either.
#[test]
fn names_that_the_destination_takes_for_one_are_never_merged() {
    let blind = |name, answer: &str| {
        let behaviour = Behaviour::honest().rule(Rule::refuse("CREATE \"work\"", answer));
        let words: &[&str] = &["takes `work` and `Work` for one name", "[mailboxes.rename]", "`work`"];
        Case::new(name, First::Told(Box::leak(Box::from(words)))).destination(behaviour).mail(|account| {
            account.fill("INBOX\n    a\nWork\n    b\nwork\n    c\nGood\n    g");
        })
    };
    let table = Table::of(vec![
        blind("case-exists", "NO [ALREADYEXISTS] there is one already"),
        blind("case-exists-in-words", "NO Mailbox already exists"),
        blind("case-cannot", "NO Cannot create this folder."),
        blind("case-ok", "OK created"),
    ]);
    let output = table.run(&["sync"]).expect(3);
    for case in table.cases() {
        let told = crate::case::told(&output, case.name).join("\n");
        assert!(told.contains("for one name"), "{}: {told}\n{output}", case.name);
        table.expect_at_destination(case.name, "INBOX\n    a\nWork\n    b\nGood\n    g");
    }
    table.run(&["verify"]).expect(8);
    table.honest();
    table.run(&["sync"]).expect(0);
    table.run(&["verify"]).expect(0);
    crate::tally::count(table.cases().len());
}

/// In whatever words a name is refused, it is told whole, with the one line of the settings that gives it another one; and
/// that line helps.
#[test]
fn name_that_is_refused_is_told_with_the_line_that_helps() {
    let levels = ["Archive of the project that has the longest of names"; 12].join("/");
    let names: [(&str, &str, &str); 6] = [
        ("courier", "\u{1f6a2} F\u{e4}hre", "NO Error in IMAP command received by server."),
        ("uw", "#hash", "NO Can't create mailbox #hash: invalid remote specification"),
        ("yandex", "Name", "BAD [CLIENTBUG] CREATE Folder name is too large"),
        ("mbox", "Work/Sub", "NO [CANNOT] Mailbox doesn't allow inferior mailboxes"),
        ("maildir", levels.leak(), "NO [CANNOT] Mailbox name too long"),
        ("quotes", "a \"b\" c", "NO [CANNOT] Character not allowed in mailbox name: '\"'"),
    ];
    let key = |name: &str| name.replace('"', "\\\"");
    let case = |(server, name, answer): &(&'static str, &'static str, &str)| {
        let line = format!("[mailboxes.rename]: \"{}\" = ", key(name));
        let words: &[&str] = vec![&*line.leak(), answer.strip_prefix("NO ").unwrap_or(answer).to_owned().leak()].leak();
        let raw = Namespace { prefix: String::new(), delimiter: '/' }.encode(name);
        let quoted = format!("\"{}\"", raw.replace('"', "\\\""));
        let refuse = Rule::refuse("CREATE", answer).holding(&quoted);
        let told = Case::new(server, First::AccountTold(words)).destination(Behaviour::honest().rule(refuse));
        let place: &[&str] = vec![&*format!("`{name}`").leak(), "on the destination localhost"].leak();
        told.told_at(place, 1).mail(move |account| {
            account.fill("INBOX\n    a\nWork\n    w\nGood\n    g");
            account.create(raw.as_bytes()).add_octets(*b"Message-ID: <odd@seed>\r\nSubject: odd\r\n\r\nbody\r\n");
        })
    };
    let mut table = Table::of(names.iter().map(case).collect());
    for _ in 0..2 {
        let output = table.run(&["sync"]).expect(3);
        for (case, (_, name, _)) in table.cases().iter().zip(&names) {
            let First::AccountTold(words) = case.first else { unreachable!() };
            let told = crate::case::told(&output, case.name).join("\n");
            assert!(words.iter().all(|word| told.contains(word)), "{}: {told}\n{output}", case.name);
            let missing: Vec<String> = table.differences(case).missing.iter().map(|it| it.mailbox.clone()).collect();
            assert_eq!(missing, [*name], "{}", case.name);
        }
    }
    let lines: Vec<String> =
        names.iter().map(|(server, name, _)| format!("\"{}\" = \"Ship {server}\"\n", key(name))).collect();
    table.ferry.further_settings.push_str(&format!("[mailboxes.rename]\n{}", lines.concat()));
    table.run(&["sync"]).expect(0);
    for (server, ..) in &names {
        let arrived = table.destination.tenant(server).account().messages(&format!("Ship {server}")).len();
        assert_eq!(arrived, 1, "{server}");
    }
    crate::tally::count(names.len());
}

/// Names that are one when they are decoded, and two on the wire: the second is told with a key that is its own, and the line
/// helps.
#[test]
fn mailboxes_of_one_decoded_name_are_told_apart_by_a_line_of_the_settings() {
    let pairs: [(&str, &[u8], &[u8], &str); 2] =
        [("composition", b"Caf&AOk-", b"Cafe&AwE-", "Cafe&AwE-"), ("latin", b"f\xe4r", b"f\xfcr", "f\\xfcr")];
    let case = |(name, one, other, key): &(&'static str, &'static [u8], &'static [u8], &str)| {
        let line = format!("[mailboxes.rename]: \"{}\" = ", key.replace('\\', "\\\\"));
        let words: &[&str] = vec![&*line.leak()].leak();
        let (one, other) = (*one, *other);
        Case::new(name, First::AccountTold(words)).mail(move |account| {
            account.fill("INBOX\n    a\nGood\n    g");
            for (raw, subject) in [(one, "one"), (other, "other")] {
                account.create(raw).add_octets(format!("Message-ID: <{subject}@seed>\r\n\r\nbody\r\n"));
            }
        })
    };
    let mut table = Table::of(pairs.iter().map(case).collect());
    let output = table.run(&["sync"]).expect(3);
    for case in table.cases() {
        let First::AccountTold(words) = case.first else { unreachable!() };
        let told = crate::case::told(&output, case.name).join("\n");
        assert!(words.iter().all(|word| told.contains(word)), "{}: {told}\n{output}", case.name);
    }
    let lines = pairs.iter().map(|(.., key)| format!("\"{}\" = \"Second\"\n", key.replace('\\', "\\\\")));
    table.ferry.further_settings.push_str(&format!("[mailboxes.rename]\n{}", lines.collect::<String>()));
    table.run(&["sync"]).expect(0);
    for (name, ..) in &pairs {
        let arrived = table.destination.tenant(name).account().messages("Second");
        assert_eq!(arrived.len(), 1, "{name}");
        assert!(String::from_utf8_lossy(&arrived[0]).contains("<other@seed>"), "{name}");
    }
    crate::tally::count(pairs.len());
}

/// That a mailbox is there already is told in many words (Courier 5.0: `Cannot create this folder.`): the listing decides.
#[test]
fn mailbox_that_is_there_whatever_the_words_is_used() {
    let case = Case::new("exists-in-odd-words", First::Exact).destination(
        Behaviour::honest().rule(Rule::on("CREATE", Then::DoneBut("NO Cannot create this folder.".to_owned()))),
    );
    Table::of(vec![case]).judge();
}

/// A server that takes the text of a refused literal for commands, as Dovecot does: nothing that it could refuse while
/// parsing is ever sent with a literal that is not announced.
///
/// Holds disaster rule 3.
/// Holds engine/commands/append.rs invariant 1.
/// Holds engine/commands/append.rs invariant 2.
/// Holds engine/commands/append.rs invariant 3.
#[test]
fn text_of_a_message_is_never_run_as_a_command() {
    let body = "Message-ID: <evil@seed>\r\nSubject: evil\r\n\r\nm1 DELETE INBOX\r\ny1 DELETE INBOX\r\n";
    let evil = |name, first, flag: &'static str, dovecot: Behaviour| {
        Case::new(name, first).destination(dovecot).mail(move |account: &mut Account| {
            account.fill("INBOX\n    a\n    b \\Seen\n    c \\Seen\nGood\n    g");
            let bad = account.create(b"Bad");
            for count in 0..5 {
                let uid = bad.add_octets(body.replace("evil@", &format!("evil-{count}@")));
                let flags = if count > 2 { vec![flag.to_owned()] } else { Vec::new() };
                let message = bad.messages.iter_mut().find(|message| message.uid == uid).expect("it was added");
                message.flags.extend(flags.into_iter().filter(|flag| !flag.is_empty()));
            }
        })
    };
    let refusing = |text: &str| {
        Behaviour::honest().rule(Rule::on("APPEND", Then::Unparsed("BAD what is that".to_owned())).holding(text))
    };
    Table::of(vec![
        evil("evil-body", First::Exact, "", Behaviour::honest()),
        // It goes without, and the keyword by itself.
        evil("evil-keyword", First::Exact, "$Odd", refusing("$Odd")),
        evil("evil-system-flag", First::Told(&["UID 4"]), "\\Draft", refusing("\\Draft")),
    ])
    .judge();
}
