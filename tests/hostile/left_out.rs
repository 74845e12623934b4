//! What is no mailbox, what the settings leave out, and what keeps deletions waiting: said with what helps, and no failure where
//! nobody wanted it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::case::{Case, First, Table, told};
use crate::lies::{holds, is, number_after, replaced};
use crate::support::fake::account::Account;
use crate::support::fake::behaviour::{Behaviour, Rule, Then};

const EXCLUDED: &str = "[mailboxes]\nexclude = [\"Bad\"]\n";

/// As UW-IMAP opens a file that is no mailbox.
fn volatile() -> Behaviour {
    Behaviour::honest().lying(|command, response| {
        let opens = command.starts_with("EXAMINE \"Bad\"");
        let note = "* NO [UIDNOTSTICKY] Non-permanent unique identifiers\r\n* OK [UIDVALIDITY";
        if opens { replaced(response, "* OK [UIDVALIDITY", note) } else { response }
    })
}

fn shut() -> Behaviour {
    Behaviour::honest().rule(Rule::refuse("EXAMINE \"Bad\"", "NO [NOPERM] secret"))
}

fn has(table: &Table, name: &str, mailbox: &str) -> bool {
    table.destination.tenant(name).account().find(mailbox.as_bytes()).is_some()
}

#[test]
fn mailbox_whose_uids_do_not_last_is_left_out_with_a_note() {
    let table = Table::of(vec![Case::new("volatile", First::Exact).source(volatile())]);
    let output = table.run(&["sync"]).expect(0);
    assert!(format!("{output}").contains("`Bad` on the source is left out"), "{output}");
    assert!(!has(&table, "volatile", "Bad") && has(&table, "volatile", "Good"), "{output}");
    table.judge_rest();
}

/// The same on the destination: where nothing goes to it, nobody misses it; else it is told with the line that helps.
#[test]
fn mailbox_of_the_destination_whose_uids_do_not_last_is_in_nobodys_way() {
    let next = AtomicU32::new(7);
    let volatile = move || {
        Behaviour::honest().lying(move |command, response| {
            let opens = command.starts_with("EXAMINE \"Bad\"") || command.starts_with("SELECT \"Bad\"");
            let note = "* NO [UIDNOTSTICKY] Non-permanent unique identifiers\r\n* OK [UIDVALIDITY";
            let validity = |_| Some(u64::from(next.fetch_add(1, Ordering::Relaxed)));
            match opens && is(&response, "OK") && holds(&response, "UIDVALIDITY") {
                true => replaced(number_after(response, "UIDVALIDITY ", validity), "* OK [UIDVALIDITY", note),
                false => response,
            }
        })
    };
    let case = Case::new("notes", First::Exact).destination(volatile()).mail(|account| account.fill("INBOX\n    a"));
    let table = Table::of(vec![case]);
    table.destination.tenant("notes").account().fill("Bad\n    milk");
    let output = table.run(&["sync"]).expect(0);
    assert!(format!("{output}").contains("`Bad` on the destination is left out"), "{output}");
    table.run(&["verify"]).expect(0);
    table.source.tenant("notes").account().fill("Bad\n    b");
    let told = told(&table.run(&["sync"]).expect(3), "notes").join("\n");
    assert!(told.contains("`Bad`") && told.contains("[mailboxes.rename]: \"Bad\" = "), "{told}");
    crate::tally::count(1);
}

/// A message that went is deleted from the copy though there is a mailbox that cannot be read, where the settings leave that
/// out; else it waits, and it is said for what, and what frees it.
#[test]
fn deletions_wait_for_a_mailbox_that_cannot_be_read_unless_it_is_left_out() {
    let change = |account: &mut Account| {
        account.fill("Bad\n    late");
        let gone = account.mailbox("Good").messages[0].uid;
        account.mailbox("Good").expunge(|uid| uid == gone);
    };
    let case = || Case::new("shut", First::Exact).source(shut());
    let mut table = Table::copied(vec![case()], change);
    let output = table.run(&["sync"]).expect(3);
    let said = format!("{output}");
    assert!(
        said.contains("1 deletion in `Good` waits for another sync")
            && said.contains("`Bad`")
            && said.contains("`exclude`"),
        "{output}"
    );
    assert_eq!(table.destination.tenant("shut").account().mailbox("Good").messages.len(), 2, "{output}");
    let output = table.run(&["sync", "--allow-deletes"]).expect(3);
    assert!(format!("{output}").contains("for another sync"), "{output}");
    table.ferry.further_settings.push_str(EXCLUDED);
    let output = table.run(&["sync"]).expect(0);
    assert_eq!(told(&output, "shut"), Vec::<String>::new());
    assert_eq!(table.destination.tenant("shut").account().mailbox("Good").messages.len(), 1, "{output}");
    crate::tally::count(1);
}

/// What the settings leave out is neither opened nor read, by any command; how much it is, STATUS tells. So what cannot be
/// opened, or ends the connection, is in nobody's way.
#[test]
fn mailbox_that_is_left_out_is_never_opened() {
    let fatal = |begins: &str| Rule::on(begins, Then::Close).holding("\"Bad\"");
    let mute = Behaviour::honest()
        .without(&["LIST-STATUS"])
        .rule(Rule::refuse("STATUS \"Bad\"", "NO [SERVERBUG] Internal error"))
        .rule(fatal("EXAMINE"));
    let cases = vec![
        Case::new("counted", First::Exact).source(Behaviour::honest().rule(fatal("EXAMINE"))),
        Case::new("mute", First::Exact).source(mute),
    ];
    let mut table = Table::of(cases);
    table.ferry.further_settings.push_str(EXCLUDED);
    for arguments in
        [&["check"][..], &["scan"], &["plan"], &["apply"], &["sync", "--full"], &["verify", "--deep"], &["sync"]]
    {
        table.run(arguments).expect(0);
    }
    let status = table.ferry.run(&["status", "--json", "-"]).expect(0).json();
    for (account, left_out) in [("counted", 6), ("mute", 0)] {
        let found = status["accounts"].as_array().expect("accounts").iter().find(|it| it["account"] == account);
        assert_eq!(found.expect("the account")["outcomes"]["skipped"], left_out, "{status}");
        let commands = table.source.tenant(account).commands();
        let opened = commands.iter().filter(|it| it.starts_with("EXAMINE")).find(|it| it.contains("Bad"));
        assert_eq!(opened, None, "{account}");
        assert!(!has(&table, account, "Bad") && has(&table, account, "Good"), "{account}");
    }
    // What was not opened while it was left out comes when it is wanted.
    table.honest();
    table.ferry.further_settings = table.ferry.further_settings.replace(EXCLUDED, "");
    table.run(&["plan"]).expect(0).says("cannot copy `Bad` with 6 messages: it was not scanned");
    table.judge_rest();
}

/// A listing that is not all that the mailbox holds is none: it is made once more, and named when that is no better.
#[test]
fn listing_that_is_not_all_is_made_again_and_then_named() {
    let miscounting = |times: u32| {
        let opened = Arc::new(AtomicU32::new(0));
        Behaviour::honest().lying(move |command, response| {
            let counts = command.starts_with("EXAMINE \"Bad\"") && is(&response, "EXISTS");
            match counts && opened.fetch_add(1, Ordering::SeqCst) < times {
                true => number_after(response, "* ", |count| Some(count + 1)),
                false => response,
            }
        })
    };
    Table::of(vec![
        Case::new("miscounted-once", First::Exact).source(miscounting(1)),
        Case::new("miscounted", First::Told(&["listed 6 of 7 messages", "`Bad`", "source"]))
            .source(miscounting(u32::MAX)),
    ])
    .judge();
}

/// What trims blanks at CREATE says OK to it: the line of the settings is told that helps.
#[test]
fn mailbox_that_is_created_under_another_name_is_told_with_the_line_that_helps() {
    let trims = Behaviour::honest().rule(Rule::refuse("CREATE \"Bad \"", "OK created"));
    let words: &[&str] = &["not there under its name", "[mailboxes.rename]: \"Bad \" = ", "on the destination"];
    let table = Table::of(vec![Case::new("trims", First::Told(words)).destination(trims).mail(|account| {
        account.fill("INBOX\n    a\nGood\n    g");
        account.create(b"Bad ").add_octets(*b"Message-ID: <odd@seed>\r\nSubject: odd\r\n\r\nbody\r\n");
    })]);
    let output = table.run(&["sync"]).expect(3);
    let lines = told(&output, "trims").join("\n");
    assert!(words.iter().all(|word| lines.contains(word)), "{lines}");
    table.judge_rest();
}

/// A date that is refused is replaced once, and the loss named; all else of the message is as it was.
#[test]
fn message_whose_date_is_refused_goes_with_another() {
    const REFUSED: &str = "\"21-Aug-2105";
    let refuses = |answer: &str| Behaviour::honest().rule(Rule::refuse("APPEND", answer).holding(REFUSED));
    let case = |name, answer| {
        Case::new(name, First::Exact).destination(refuses(answer)).mail(|account: &mut Account| {
            account.fill("INBOX\n    a\n    b \\Seen\n    c\nGood\n    g");
            account.mailbox("INBOX").messages[1].date = 4_280_299_200;
        })
    };
    let table = Table::of(vec![
        case("date-no", "NO Bad date in append: 21-Aug-2105 00:00:00 +0000"),
        case("date-bad", "BAD Invalid date"),
    ]);
    let output = table.run(&["sync"]).expect(0);
    for case in table.cases() {
        let differences = table.differences(case);
        assert!(differences.missing.is_empty() && differences.flags_differ.is_empty(), "{}: {differences}", case.name);
        assert_eq!(differences.dates_differ.len(), 1, "{}: {output}", case.name);
    }
    assert!(format!("{output}").contains("date"), "{output}");
    let appended =
        |name: &str| table.destination.tenant(name).commands().iter().filter(|it| it.starts_with("APPEND")).count();
    let before = appended("date-no");
    table.run(&["sync"]).expect(0);
    assert_eq!(appended("date-no"), before, "it is sent again");
    crate::tally::count(2);
}

/// As GETQUOTAROOT is answered by one who has that quota.
fn with_quota(quota: &'static str) -> Behaviour {
    Behaviour::honest().with("QUOTA").lying(move |command, response| match command.starts_with("GETQUOTAROOT") {
        true => {
            let tag = String::from_utf8_lossy(&response).split(' ').next().unwrap_or_default().to_owned();
            format!("* QUOTAROOT \"INBOX\" \"\"\r\n* QUOTA \"\" {quota}\r\n{tag} OK done\r\n").into_bytes()
        }
        false => response,
    })
}

/// A limit of nothing is none, and so is one that cannot be read: they keep no mail from coming.
#[test]
fn quota_of_nothing_or_of_nonsense_keeps_nothing_back() {
    let case = |name, quota| Case::new(name, First::Exact).destination(with_quota(quota));
    let table = Table::of(vec![
        case("nothing", "(STORAGE 0 0)"),
        case("used-of-nothing", "(STORAGE 17 0 MESSAGE 3 0)"),
        case("negative", "(STORAGE 0 -1 MESSAGE 0 -1)"),
        case("absurd", "(STORAGE 0 99999999999999999999999999)"),
        case("half", "(STORAGE 0)"),
        case("empty", "()"),
    ]);
    table.run(&["check"]).expect(0);
    table.judge();
}

/// What takes no part needs no room.
#[test]
fn check_counts_against_the_quota_what_takes_part() {
    let mut table = Table::of(vec![Case::new("small", First::Exact).destination(with_quota("(MESSAGE 0 5)"))]);
    table.run(&["check"]).expect(3).complains(&["has room for 5 messages"]);
    table.ferry.further_settings.push_str(EXCLUDED);
    table.run(&["check"]).expect(0);
    table.run(&["sync"]).expect(0);
}

/// What seems too small a quota is a question: a part of it comes meanwhile, and the answer is obeyed.
#[test]
fn quota_that_is_too_small_is_a_question_with_an_answer() {
    let table = Table::of(vec![Case::new("small", First::Exact).destination(with_quota("(MESSAGE 0 5)"))]);
    table.run(&["sync"]).expect(6).complains(&["does not fit", "--over-quota"]);
    let held =
        || table.destination.tenant("small").state().mailboxes.values().map(|it| it.messages.len()).sum::<usize>();
    assert_eq!(held(), 0);
    table.run(&["sync", "--max-messages", "4"]).expect(9);
    assert_eq!(held(), 4);
    table.run(&["sync", "--over-quota"]).expect(0);
    table.judge_rest();
}

/// There is room in one mailbox, and none in another: Cyrus counts by mailbox, and Dovecot may leave out the Trash.
#[test]
fn mailbox_without_room_keeps_no_other_from_being_filled() {
    let full = Behaviour::honest().rule(Rule::refuse("APPEND \"Bad\"", "NO [OVERQUOTA] no room"));
    let table = Table::of(vec![Case::new("full", First::Told(&["no room", "`Bad`"])).destination(full)]);
    let output = table.run(&["sync"]).expect(3);
    assert!(told(&output, "full").join("\n").contains("`Bad` on the destination"), "{output}");
    table.expect_at_destination(
        "full",
        "INBOX\n    a \\Seen\n    b $Label\n    c\nBad\nGood subscribed\n    g\n    h \\Answered",
    );
    table.judge_rest();
}

/// That what a server keeps of flags cannot be read is said, once.
#[test]
fn permanent_flags_that_cannot_be_understood_are_told() {
    let odd = Behaviour::honest().lying(|_, response| {
        replaced(response, "(\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)] fl", "(\\Seen bad]word \\*)] fl")
    });
    let table = Table::of(vec![Case::new("odd", First::Exact).destination(odd)]);
    let output = table.ferry.run(&["sync", "--progress", "plain"]).expect(0);
    assert_eq!(output.stderr.matches("keeps of flags cannot be understood").count(), 1, "{output}");
    table.judge_rest();
}
