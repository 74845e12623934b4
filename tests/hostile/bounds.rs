//! Servers that never stop: lines, responses, literals, lists and waits without end, and sizes and limits that are not
//! what they say. Each case is one run of the program: it ends, takes a bounded amount of memory, tells what stays
//! behind, and with honest servers the next run makes everything exact. The figures of each are printed.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::case::{Case, First, MAIL, Table, told};
use crate::support::fake::Threshold;
use crate::support::fake::account::{Account, Content};
use crate::support::fake::behaviour::{Behaviour, Making, Rule, Then, When};
use crate::support::ferry::Output;
use crate::support::process::PATIENCE;
use crate::tally;

/// What the program may hold in memory at most, in KiB.
const MOST_KIBIBYTES: u64 = 64 << 10;

/// What is told of a server that says no end of things, in octets.
const MOST_WORDS_OCTETS: usize = 16 << 10;

/// The processor time that a case may take. However busy the machine is, that stays what it is; who waits without end is ended after
/// [`PATIENCE`].
const CEILING: Duration = Duration::from_secs(60);

/// Cases that are run at one time.
const AT_ONCE: usize = 4;

/// Longer than a busy machine lets an honest server be silent.
const TIMEOUT: u32 = 20;

/// The same where it is waited for, four times that long.
const SHORT_TIMEOUT: u32 = 2;

/// In much less than the timeout.
const PAUSE: Duration = Duration::from_millis(100);

/// What one run came to.
struct Measured {
    name: &'static str,
    kibibytes: u64,
    seconds: f64,
}

/// Runs each case by itself, after a run with honest servers where that is wanted.
fn judge(cases: Vec<Case>, prepare: impl Fn(&Table, &str) + Sync) {
    judge_within(&format!("retries = 1\ntimeout = \"{TIMEOUT}s\""), cases, prepare);
}

fn judge_within(limits: &str, cases: Vec<Case>, prepare: impl Fn(&Table, &str) + Sync) {
    let (waiting, done) = (Mutex::new(cases), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(case) = waiting.lock().expect("the cases").pop() else { return };
                    let measured = judge_case(limits, case, &prepare);
                    done.lock().expect("the figures").push(measured);
                }
            });
        }
    });
    let done = done.into_inner().expect("the figures");
    for Measured { name, kibibytes, seconds } in &done {
        println!("{name}: {} MiB, {seconds:.1} s", kibibytes >> 10);
    }
    tally::count(done.len());
}

fn judge_case(limits: &str, case: Case, prepare: &(impl Fn(&Table, &str) + Sync)) -> Measured {
    let (name, first) = (case.name, case.first);
    let mut table = Table::of(vec![case]);
    table.ferry.further_settings = format!("[limits]\n{limits}\nmemory = \"16MB\"\n");
    prepare(&table, name);
    let (output, measured) = watched(&table, name);
    let told = told(&output, name);
    let (words, exact): (&[&str], bool) = match first {
        First::Exact | First::Waits => (&[], true),
        First::ExactAndTold(words) => (words, true),
        First::Told(words) | First::AccountTold(words) => (words, false),
    };
    assert_eq!(told.is_empty(), first == First::Exact, "{name}: {output}");
    assert_eq!(output.code == Some(0), told.is_empty(), "{name}: it ends as if all were well, or not: {output}");
    assert!(words.iter().all(|word| told.iter().any(|line| line.contains(word))), "{name}: {output}");
    let broken = ["panicked", "does not handle", "overflow"];
    assert!(!broken.iter().any(|word| output.stderr.contains(word)), "{name}: {output}");
    if exact {
        let differences = table.differences(&table.cases()[0]);
        assert!(differences.is_empty(), "{name}: {output}\n{differences}");
    }
    table.honest();
    table.source.pour_at(Threshold::Greeting, None);
    table.run(&["sync"]).expect(0);
    let differences = table.differences(&table.cases()[0]);
    assert!(differences.is_empty(), "{name}: after the run that repairs:\n{differences}");
    measured
}

/// The processor time that a process has taken; `None` once it is gone.
fn worked(process: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // Behind the name, which may hold anything: utime and stime are the 12th and the 13th, in hundredths of a second.
    let mut figures = stat.rsplit(')').next()?.split_whitespace().skip(11).map(str::parse);
    let (user, system): (u64, u64) = (figures.next()?.ok()?, figures.next()?.ok()?);
    Some(Duration::from_millis(10 * (user + system)))
}

/// What holds for each case: it ends, within the memory, and says so in a bounded number of words.
fn watched(table: &Table, name: &'static str) -> (Output, Measured) {
    let began = Instant::now();
    let mut running = table.ferry.start(&["sync", "--progress", "none"]);
    let (most, status) = (Cell::new(0), format!("/proc/{}/status", running.id()));
    let process = running.id();
    let hangs = running.wait_until(|| {
        let figure = fs::read_to_string(&status).ok().and_then(|text| {
            text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().split(' ').next()?.parse().ok())
        });
        most.set(most.get().max(figure.unwrap_or(0)));
        worked(process).is_some_and(|worked| worked > CEILING) || began.elapsed() > PATIENCE
    });
    assert!(
        !hangs,
        "{name}: it does not end after {:?}, {:?} of work, and is killed",
        began.elapsed(),
        worked(process)
    );
    let output = running.finish();
    let measured = Measured { name, kibibytes: most.get(), seconds: began.elapsed().as_secs_f64() };
    assert!(measured.kibibytes <= MOST_KIBIBYTES, "{name}: {} MiB of memory", measured.kibibytes >> 10);
    assert!(measured.kibibytes > 0, "{name}: its memory was never seen");
    let words = output.stdout.len() + output.stderr.len();
    assert!((1..MOST_WORDS_OCTETS).contains(&words), "{name}: it says {words} octets: {output}");
    assert!(output.code.is_some(), "{name}: it was killed: {output}");
    (output, measured)
}

fn nothing(_: &Table, _: &str) {}

fn told_of_source(name: &'static str, words: &'static [&'static str], rule: Rule) -> Case {
    Case::new(name, First::AccountTold(words)).source(Behaviour::honest().rule(rule))
}

fn flooding(name: &'static str, begins: &str, octets: &[u8], words: &'static [&'static str]) -> Case {
    told_of_source(name, words, Rule::on(begins, Then::Flood(octets.to_vec())))
}

fn pouring(
    name: &'static str,
    begins: &str,
    words: &'static [&'static str],
    make: impl Fn(u64) -> String + Send + Sync + 'static,
) -> Case {
    told_of_source(name, words, Rule::pour(begins, move |number| make(number).into_bytes()))
}

/// Instead of a listing; what is asked for in another way comes.
fn flooding_in_vain(name: &'static str, octets: &[u8]) -> Case {
    let rule = Rule::on("UID FETCH 1:6", Then::Flood(octets.to_vec()));
    Case::new(name, First::Exact).source(Behaviour::honest().rule(rule))
}

/// The same where what is asked for in another way comes.
fn pouring_in_vain(name: &'static str, begins: &str, make: impl Fn(u64) -> String + Send + Sync + 'static) -> Case {
    let rule = Rule::pour(begins, move |number| make(number).into_bytes());
    Case::new(name, First::Exact).source(Behaviour::honest().rule(rule))
}

/// The next five thousand odd numbers, behind so many times as many.
fn odd(times: u64) -> Vec<String> {
    (0..5000).map(|at| (2 * (times * 5000 + at) + 1).to_string()).collect()
}

/// Holds engine/wire/buffered.rs invariant 2.
/// Holds engine/conversation/session.rs invariant 4.
/// Holds hazard 9.
#[test]
fn floods_are_borne_in_bounded_memory_and_told() {
    judge(
        vec![
            flooding("flood-line", "LIST", b"x", &["a line of more than"]),
            flooding("flood-untagged-line", "EXAMINE \"Bad\"", b"* LIST () \"/\" x", &["a line of more than"]),
            flooding("flood-lists", "LIST", b"* LIST () \"/\" \"x\"\r\n", &["the server sent more than"]),
            flooding("flood-statuses", "LIST", b"* STATUS x (MESSAGES 1)\r\n", &["the server sent more than"]),
            flooding_in_vain("flood-fetches", b"* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n"),
            flooding_in_vain("flood-literals", b"* 1 FETCH (BODY[] {9}\r\n123456789 BODY[] {9}\r\n123456789 "),
            flooding_in_vain("flood-parentheses", b"("),
            flooding(
                "flood-vanished",
                "EXAMINE \"Bad\"",
                b"* VANISHED 1:4294967295\r\n",
                &["the server sent more than"],
            ),
            flooding("flood-noise", "ID", b"* NOISE\r\n", &["the server sent more than"]),
            flooding(
                "flood-news",
                "EXAMINE \"Bad\"",
                b"* OK [ALERT] news news news news news\r\n",
                &["the server sent more than"],
            ),
            flooding("flood-enabled", "ENABLE", b"* ENABLED X-A X-B X-C\r\n", &["the server sent more than"]),
        ],
        nothing,
    );
}

/// Every list that a server can make long, made endless, no item like the one before it.
#[test]
fn endless_lists_are_borne_in_bounded_memory_and_told() {
    let plain = |name, begins: &str, words, make: fn(u64) -> String| {
        let rule = Rule::pour(begins, move |number| make(number).into_bytes());
        let behaviour = Behaviour::honest().without(&["LIST-EXTENDED", "LIST-STATUS"]).with("QUOTA").rule(rule);
        Case::new(name, First::AccountTold(words)).source(behaviour)
    };
    let listing: &[&str] = &["the server sent more than"];
    judge(
        vec![
            pouring("endless-list", "LIST", listing, |number| format!("* LIST () \"/\" \"mailbox {number}\"\r\n")),
            pouring("endless-list-long", "LIST", listing, |number| {
                format!("* LIST () \"/\" \"{}{number}\"\r\n", "level/".repeat(10_000))
            }),
            pouring("endless-attributes", "LIST", listing, |number| {
                format!("* LIST ({}) \"/\" \"{number}\"\r\n", "\\X ".repeat(20_000))
            }),
            pouring("endless-status", "LIST", listing, |number| format!("* STATUS {number} (MESSAGES 1)\r\n")),
            plain("endless-lsub", "LSUB", listing, |number| format!("* LSUB () \"/\" \"mailbox {number}\"\r\n")),
            plain("endless-namespace", "NAMESPACE", listing, |number| {
                format!("* NAMESPACE ((\"\" \"/\")) ({}) NIL\r\n", format!("(\"x{number}.\" \".\")").repeat(20_000))
            }),
            plain("endless-quota", "GETQUOTAROOT", listing, |number| {
                format!("* QUOTA \"{}{number}\" ({})\r\n", "q".repeat(1000), "STORAGE 1 2 ".repeat(5000))
            }),
            plain("endless-quota-roots", "GETQUOTAROOT", listing, |number| {
                format!("* QUOTAROOT INBOX {}\r\n", format!("root{number} ").repeat(10_000))
            }),
            plain("endless-quotas", "GETQUOTAROOT", listing, |number| format!("* QUOTA {number} (STORAGE 1 2)\r\n")),
            plain("endless-status-command", "STATUS \"Bad\"", &[], |number| {
                format!("* STATUS {number} (MESSAGES 1 UIDVALIDITY 1 UIDNEXT 1)\r\n")
            }),
            pouring("endless-id", "ID", &["the server sent more than"], |_| {
                format!("* ID ({})\r\n", "\"a\" \"b\" ".repeat(10_000))
            }),
            pouring_in_vain("endless-fetch", "UID FETCH 1:6", |number| {
                let number = number + 1;
                format!(
                    "* {number} FETCH (UID {number} FLAGS () INTERNALDATE \"01-Jan-2024 00:00:00 +0000\" RFC822.SIZE 7)\r\n"
                )
            }),
            pouring("endless-flags", "EXAMINE \"Bad\"", &["the server sent more than"], |number| {
                format!("* FLAGS ({})\r\n", format!("keyword{number} ").repeat(10_000))
            }),
            pouring("endless-vanished", "EXAMINE \"Bad\"", &["the server sent more than"], |number| {
                format!("* VANISHED {}\r\n", odd(number).join(","))
            }),
            Case::new("endless-capabilities", First::AccountTold(&["more capabilities"])).source(Behaviour {
                capabilities: format!("{} {}", Behaviour::honest().capabilities, "X-CAPABILITY ".repeat(50_000)),
                ..Behaviour::honest()
            }),
            Case::new("endless-flags-of-a-message", First::AccountTold(&["does not describe"])).source(
                Behaviour::honest().lying(|_, response| {
                    crate::lies::replaced(response, "FLAGS ()", &format!("FLAGS ({})", "keyword ".repeat(100_000)))
                }),
            ),
            Case::new("endless-permanent-flags", First::Exact).destination(Behaviour::honest().lying(|_, response| {
                crate::lies::replaced(response, "\\*)]", &format!("{} \\*)]", "keyword ".repeat(100_000)))
            })),
        ],
        nothing,
    );
}

/// Before anybody is logged in: greetings, news, capabilities, challenges.
#[test]
fn endless_greetings_and_logins_are_borne_in_bounded_memory_and_told() {
    let hostile = |name: &str| -> (Threshold, Making) {
        let pours = |make: fn(u64) -> String| -> Making { Arc::new(move |number| make(number).into_bytes()) };
        match name {
            "greeting-line" => (Threshold::Greeting, pours(|_| "* OK ".to_owned())),
            "greeting-capabilities" => {
                (Threshold::Greeting, pours(|_| format!("* OK [CAPABILITY {}] hello\r\n", "X-A ".repeat(50_000))))
            }
            "greetings" => (Threshold::Greeting, pours(|number| format!("* OK hello {number}\r\n"))),
            "login-line" => (Threshold::Login, pours(|_| "x".repeat(1000))),
            "login-news" => (Threshold::Login, pours(|number| format!("* OK [ALERT] news {number}\r\n"))),
            "login-capabilities" => {
                (Threshold::Login, pours(|_| format!("* CAPABILITY IMAP4rev1 {}\r\n", "X-A ".repeat(50_000))))
            }
            "challenges" => (Threshold::Login, pours(|_| "+ Y2hhbGxlbmdl\r\n".to_owned())),
            _ => (Threshold::Login, pours(|_| format!("+ {}\r\n", "A".repeat(500_000)))),
        }
    };
    let prepare = |table: &Table, name: &str| {
        let (threshold, make) = hostile(name);
        table.source.pour_at(threshold, Some(make));
    };
    let names = [
        "greeting-line",
        "greeting-capabilities",
        "greetings",
        "login-line",
        "login-news",
        "login-capabilities",
        "challenges",
        "long-challenges",
    ];
    judge(names.map(|name| Case::new(name, First::AccountTold(&[]))).into(), prepare);
}

/// Texts and codes of tagged answers, as long as a line can be.
#[test]
fn long_words_of_a_server_are_borne_in_bounded_memory_and_cut() {
    let long = |code: &str| format!("NO [{code}] {}", "See imap://elsewhere.example.org/ ".repeat(20_000));
    let uids = |_: u32, _: &[u32]| {
        let uids: Vec<_> = (1..100_000).map(|at| (2 * at).to_string()).collect();
        format!("[APPENDUID 7 {}] ", uids.join(","))
    };
    let refused = |code: &str| Behaviour::honest().rule(Rule::refuse("EXAMINE \"Bad\"", &long(code)));
    let shut = |code: &str| Behaviour::honest().shut(&long(code));
    let farewell = Then::SayAndClose(format!("* BYE [ALERT] {}\r\n", "goodbye ".repeat(60_000)).into_bytes());
    judge(
        vec![
            Case::new("long-refusal", First::Told(&["elsewhere.example.org"])).source(refused("ALERT")),
            Case::new("long-code", First::Told(&[])).source(refused(&"X-CODE ".repeat(20_000))),
            Case::new("long-referral", First::AccountTold(&[])).source(shut("REFERRAL imap://elsewhere.example.org/")),
            Case::new("long-farewell", First::AccountTold(&["goodbye"]))
                .source(Behaviour::honest().rule(Rule::on("LIST", farewell))),
            Case::new("long-appenduid", First::Exact).destination(Behaviour::honest().coding(uids)),
        ],
        nothing,
    );
}

/// The same where a mailbox is known already. What is found out in another way is all there.
#[test]
fn endless_answers_to_a_resync_are_borne_in_bounded_memory_and_told() {
    let hostile = |name: &str| {
        let search = |number: u64| format!("* SEARCH {}\r\n", odd(number).join(" ")).into_bytes();
        let vanished = |number: u64| format!("* VANISHED (EARLIER) {}\r\n", odd(number).join(",")).into_bytes();
        let changed = |number: u64| format!("* 1 FETCH (UID 1 FLAGS (k{number}))\r\n").into_bytes();
        let old = Behaviour::honest().without(&["QRESYNC", "ESEARCH"]);
        match name {
            "endless-search" => old.rule(Rule::pour("UID SEARCH", search)),
            "endless-esearch" => {
                let answer = |number: u64| format!("* ESEARCH UID ALL {}\r\n", odd(number).join(",")).into_bytes();
                Behaviour::honest().without(&["QRESYNC"]).rule(Rule::pour("UID SEARCH", answer))
            }
            "endless-changes" => old.rule(Rule::pour("UID FETCH", changed).holding("CHANGEDSINCE")),
            _ => Behaviour::honest().rule(Rule::pour("UID FETCH", vanished).holding("CHANGEDSINCE")),
        }
    };
    let prepare = |table: &Table, name: &str| {
        let source = table.source.tenant(name);
        source.behave(Behaviour::honest().without(&["QRESYNC", "ESEARCH"]));
        table.run(&["sync"]).expect(0);
        source.account().fill("Bad\n    7 seven");
        source.behave(hostile(name));
    };
    judge(
        vec![
            Case::new("endless-search", First::Exact),
            Case::new("endless-esearch", First::Exact),
            Case::new("endless-changes", First::Exact),
            Case::new("endless-vanished-earlier", First::Exact),
        ],
        prepare,
    );
}

/// Each says something all the time, and never what it was asked for.
///
/// Holds engine/conversation/session.rs invariant 4.
#[test]
fn endless_waits_end_and_are_told() {
    const LATE: &[&str] = &["did not do what it was asked for"];
    let repeating =
        |begins: &str, octets: &[u8]| Behaviour::honest().rule(Rule::on(begins, Then::Repeat(octets.to_vec(), PAUSE)));
    let source =
        |name, begins: &str, octets: &[u8]| Case::new(name, First::AccountTold(LATE)).source(repeating(begins, octets));
    // What is asked for in parts comes.
    let whole = |name, begins: &str, octets: &[u8]| Case::new(name, First::Exact).source(repeating(begins, octets));
    let destination = |name, begins: &str, octets: &[u8]| {
        Case::new(name, First::AccountTold(LATE)).destination(repeating(begins, octets))
    };
    const STILL: &[u8] = b"* OK Still here\r\n";
    let within = |retries: u32, timeout: u32, cases| {
        judge_within(&format!("retries = {retries}\ntimeout = \"{timeout}s\""), cases, nothing);
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            within(
                1,
                SHORT_TIMEOUT,
                vec![
                    source("still-here-list", "LIST", STILL),
                    source("still-here-examine", "EXAMINE \"Bad\"", STILL),
                    source("drip-of-news", "LIST", b"* 1 EXISTS\r\n* 1 RECENT\r\n"),
                ],
            );
        });
        // They are waited for again and again, until the message is found that it is about.
        scope.spawn(|| {
            within(
                1,
                SHORT_TIMEOUT / 2,
                vec![
                    whole("still-here-fetch", "UID FETCH 1:6", STILL),
                    whole("drip-of-a-line", "UID FETCH 1:6", b"x"),
                    whole("drip-of-one-message", "UID FETCH 1:6", b"* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n"),
                ],
            );
        });
        // Each mailbox is tried once more, alone.
        scope.spawn(|| {
            within(
                0,
                SHORT_TIMEOUT,
                vec![
                    destination("still-here-create", "CREATE", STILL)
                        .mail(|account| account.fill("INBOX\n    a\nBad\n    b")),
                    destination("still-here-append", "APPEND", STILL).mail(|account| account.fill("INBOX\n    a")),
                ],
            );
        });
    });
}

/// A server may ask for patience, but not for ever.
#[test]
fn wait_that_a_server_asks_for_has_a_cap() {
    let asking = |name, milliseconds: &str| {
        let answer = format!("NO Request is throttled. Suggested Backoff Time: {milliseconds} milliseconds");
        Case::new(name, First::AccountTold(&["asks to wait", "longer than 15"]))
            .destination(Behaviour::honest().rule(Rule::refuse("APPEND", &answer)))
    };
    judge(vec![asking("wait-an-hour", "3600000"), asking("wait-for-ever", "999999999999999999999999")], nothing);
}

/// Messages that are much larger than they were listed stay within the memory that there is.
#[test]
fn sizes_that_were_listed_wrong_do_not_break_the_limit_of_memory() {
    let large = |uid: u32| {
        let head = format!("Message-ID: <{uid}@seed>\r\nSubject: {uid}\r\n\r\n");
        head.into_bytes().into_iter().chain(b"0123456789abcdef".repeat(60_000)).collect()
    };
    let case =
        Case::new("sizes-too-small", First::Exact)
            .mail(move |account: &mut Account| {
                account.fill("INBOX\n    a\nGood\n    g");
                account.create(b"Bad").generate(100, large);
            })
            .source(Behaviour::honest().lying(|_, response| {
                crate::lies::number_after(response, "RFC822.SIZE ", |octets| Some(octets.min(10)))
            }));
    judge(vec![case], nothing);
}

/// What a limit of messages a command (Yahoo, AOL), and UIDs far apart, must not become: four thousand million commands.
#[test]
fn limit_of_messages_a_command_is_kept_and_ends() {
    let sparse = |name, limit| {
        let mail = |account: &mut Account| {
            account.fill(MAIL);
            let bad = account.mailbox("Bad");
            for uid in [70_000, 2_000_000_000, 4_294_967_200] {
                bad.uid_next = uid;
                let octets = format!("Message-ID: <{uid}@seed>\r\n\r\n{uid}\r\n").into_bytes();
                bad.add(Content::Octets(Arc::new(octets)), BTreeSet::new(), 1_704_067_200);
            }
            bad.uid_next = u32::MAX;
        };
        Case::new(name, First::Exact).mail(mail).source(Behaviour::honest().limited_to(limit))
    };
    judge(vec![sparse("limit-1", 1), sparse("limit-4", 4), sparse("limit-1000", 1000)], nothing);
}

/// No UIDNEXT is one that is not known: after a break, and ever after, copies are recognised and go on.
#[test]
fn destination_without_uidnext_is_copied_to_after_a_break() {
    let behaviour = || {
        let lie = |_: &str, response: Vec<u8>| crate::lies::number_after(response, "UIDNEXT ", |_| None);
        Behaviour::honest().without(&["MULTIAPPEND"]).lying(lie)
    };
    let breaking = Rule::on("APPEND \"Bad\"", Then::Close).when(When::Every(4));
    judge(
        vec![
            Case::new("no-next-at-all", First::Exact).destination(behaviour()),
            Case::new("no-next-after-a-break", First::Exact).destination(behaviour().rule(breaking)),
        ],
        nothing,
    );
}
