//! The pages in a real browser, as a person sees and uses them: `make browser`. Pictures of them are left in `target/tmp/pages`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::gates::Gates;
use crate::migration::Migration;
use crate::page::Page;
use crate::support::browser::{Browser, Scheme};
use crate::support::fake::Fake;
use crate::support::fake::account::Content;
use crate::support::fake::behaviour::{Behaviour, Kept, Rule};
use crate::support::ferry::{Ferry, Running, Side};
use crate::support::process::free_port;
use crate::support::seed::seed;
use crate::support::server::User;
use crate::support::shared;

/// A name of somebody else's that leads to this machine.
const STRANGER: &str = "stranger.example";

/// Runs that tell enough for a forecast.
const RUNS: u32 = 5;

fn pictures(browser: &mut Browser, name: &str) {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages");
    fs::create_dir_all(&directory).expect("a directory for pictures");
    for (scheme, word) in [(Scheme::Light, "light"), (Scheme::Dark, "dark")] {
        browser.picture(scheme, &directory.join(format!("{name}-{word}.png")));
    }
}

/// Two accounts, of which one is held in the midst of its copy, and what a cutover would take is known.
fn watched() -> Migration<'static> {
    let pair = shared::dovecot_pair();
    let (gates, sides) = Gates::before([&pair.source, &pair.destination]);
    let users: Vec<User> = ["held", "other"].into_iter().map(User::fresh).collect();
    let wave = format!("[[wave]]\nname = \"first\"\naccounts = [\"{}\"]\ntime_zone = \"UTC\"\n", users[1].name);
    let migration = Migration::with_sides(users, &pair.source, &pair.destination, sides);
    let migration = Migration { gates: Some(gates), ..migration }.with_settings(&wave);
    for run in 0..RUNS {
        migration.seed(&format!("INBOX\n    {} early-{run}", run + 1));
        migration.run(&["sync"]).expect(0);
    }
    seed(migration.source, migration.user(), &format!("INBOX\n    {}..200 bulk", RUNS + 1));
    migration
}

fn watch(port: u16) -> [String; 8] {
    let serve = format!("127.0.0.1:{port}");
    ["sync", "--watch", "1h", "--progress", "plain", "-j1", "--serve", &serve].map(str::to_owned)
}

#[test]
#[ignore = "it needs Chromium: make browser"]
fn page_is_alive_filters_refuses_and_outlives_its_run() {
    let migration = watched();
    let port = free_port();
    let words = watch(port);
    let arguments: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut running = migration.held(&arguments, 20);
    let page = Page::of(&mut running);
    let mut browser = Browser::start(&[STRANGER]);
    browser.open(&page.url());

    // It follows what happens.
    let moved = "Number(/copying\\s+(\\d+) of/.exec(document.body.innerText)?.[1] ?? 0)";
    browser.wait_until(&format!("{moved} >= 20"));
    browser.wait_until("document.body.innerText.includes('to cut over now')");
    let before = browser.evaluate(moved).as_u64().expect("a number");
    pictures(&mut browser, "working");
    migration.gates().let_through(20);
    browser.wait_until(&format!("{moved} > {before}"));

    // It filters.
    let (held, other) = (&migration.users[0].name, &migration.users[1].name);
    let rows = "document.querySelectorAll('#accounts tr').length";
    let names = "[...document.querySelectorAll('#accounts td.name')].map((it) => it.textContent).join()";
    browser.wait_until(&format!("{rows} === 2"));
    browser.evaluate("document.querySelector('#conditions .working').click()");
    browser.wait_until(&format!("{names} === '{held}'"));
    browser.evaluate("document.querySelector('#conditions button').click()");
    browser.evaluate("document.querySelector('#waves button').click()");
    browser.wait_until(&format!("{names} === '{other}'"));
    browser.evaluate("document.querySelector('#waves button').click()");
    let search = |text: &str| {
        format!(
            "(() => {{ const it = document.getElementById('search'); it.value = '{text}'; it.dispatchEvent(new Event('input')); }})()"
        )
    };
    browser.evaluate(&search("nobody"));
    browser.wait_until("document.body.innerText.includes('No account is like that.')");
    browser.evaluate(&search(""));
    browser.wait_until(&format!("{rows} === 2"));
    open_account(&mut browser, held);
    browser.wait_until("document.getElementById('detail').innerText.includes('mailferry sync')");
    pictures(&mut browser, "account");
    browser.evaluate("document.getElementById('close').click()");

    // It refuses what is not its own.
    let inline = "(() => { const it = document.createElement('script'); it.textContent = 'window.inline = 1';
        document.body.append(it); it.remove(); return typeof inline; })()";
    assert_eq!(browser.evaluate(inline), "undefined");
    browser.ask("Runtime.evaluate", serde_json::json!({ "expression": "0" }));
    assert!(browser.said.iter().any(|said| said.contains("Content Security Policy")), "{:?}", browser.said);
    let status = |asked: &str| format!("fetch({asked}).then((answer) => answer.status)");
    assert_eq!(browser.evaluate(&status("'api/board', { method: 'POST', body: 'x' }")), 405);
    assert_eq!(browser.evaluate(&status("'api/board?' + 'x'.repeat(20000)")), 431);
    browser.open(&page.url().replace("127.0.0.1", STRANGER));
    assert_eq!(browser.evaluate("performance.getEntriesByType('navigation')[0].responseStatus"), 421);

    // It is found again by who left it open.
    browser.open(&page.url());
    browser.wait_until(&format!("{rows} === 2"));
    let process = |running: &Running| format!("document.body.innerText.includes('process {}')", running.id());
    browser.wait_until(&process(&running));
    running.kill();
    migration.gates().cut();
    browser.wait_until("document.body.classList.contains('stale')");
    pictures(&mut browser, "away");
    migration.gates().open();
    let mut again = migration.ferry.start(&arguments);
    browser.wait_until(&process(&again));
    browser.wait_until("!document.body.classList.contains('stale')");
    assert!(again.wait_until_said(|said| said.contains("The next sync begins")), "it rests");
    browser.wait_until("document.body.innerText.includes('resting')");
    open_account(&mut browser, held);
    browser.wait_until("document.getElementById('detail').innerText.includes('INBOX')");
    browser.wait_until("document.querySelector('#detail .synced') !== null");
    pictures(&mut browser, "account-resting");
    browser.evaluate("document.getElementById('close').click()");
    pictures(&mut browser, "resting");
    browser.set_width(420);
    pictures(&mut browser, "narrow");
    let wider = "document.documentElement.scrollWidth > document.documentElement.clientWidth";
    assert_eq!(browser.evaluate(wider), Value::Bool(false), "nothing stands out to the side");
    again.interrupt();
    again.finish().expect(130);
}

fn open_account(browser: &mut Browser, name: &str) {
    let button = format!(
        "[...document.querySelectorAll('#accounts td.name button')].find((it) => it.textContent.includes({name:?})).click()"
    );
    browser.evaluate(&button);
}

/// What stands in every field that comes from outside.
const HOSTILE: &str = "<img src=x onerror=owned=1>&lt;b>\u{202e}";

/// The same as it is shown: no character turns the line around.
const HARMLESS: &str = "<img src=x onerror=owned=1>&lt;b>";

/// One account whose every name and message is hostile, some of which cannot be copied, and one that is refused.
fn hostile() -> Ferry {
    let (source, destination) = (Fake::start(), Fake::start());
    let side = |fake: &Fake| Side::in_clear_text(fake.port());
    let name = |stem: &str| format!("{stem}{}", HOSTILE.trim_end_matches('\u{202e}'));
    let wave = format!("[[wave]]\nname = '{}'\naccounts = ['{}']\ntime_zone = \"UTC\"\n", name("wave"), name("full"));
    let account = |stem: &str| format!("name = '{}'\nsource_user = '{}'", name(stem), name(stem));
    let refusal = format!("NO [CANNOT] {HARMLESS}");
    let full = source.tenant(&name("full"));
    full.account()
        .fill(&format!("INBOX\n    1 a\n    2 odd\n\"Box {HARMLESS}\"\n    1 b\n\"Shut {HARMLESS}\"\n    1 c"));
    for message in &mut full.account().mailbox("INBOX").messages {
        let odd = format!("From: {HOSTILE} <{HARMLESS}@x>\r\nSubject: {HOSTILE}\r\nMessage-ID: <{HARMLESS}>\r\n");
        let octets = [odd.as_bytes(), format!("X-Number: {}\r\n\r\n{HOSTILE}", message.uid).as_bytes()].concat();
        message.content = Content::Octets(octets.into());
    }
    full.behave(Behaviour::honest().rule(Rule::refuse("EXAMINE \"Shut", &format!("NO {HARMLESS}"))));
    let taking =
        Behaviour::honest().keeping(move |octets| match memchr::memmem::find(octets, b"X-Number: 2").is_some() {
            true => Kept::Refused(refusal.clone()),
            false => Kept::As(octets.to_vec()),
        });
    destination.tenant(&name("full")).behave(taking);
    source.tenant(&name("shut")).behave(Behaviour::honest().shut(&format!("NO [AUTHENTICATIONFAILED] {HOSTILE}")));
    Ferry::new(side(&source), side(&destination))
        .with_settings(&wave)
        .with_account_lines(&account("full"))
        .with_account_lines(&account("shut"))
}

/// The page shows it as text, and so do the files.
#[test]
#[ignore = "it needs Chromium: make browser"]
fn hostile_names_do_nothing_on_any_page() {
    let ferry = hostile();
    let mut running = ferry.start(&["sync", "--watch", "1h", "--progress", "plain", "--serve", "127.0.0.1:0"]);
    let page = Page::of(&mut running);
    assert!(running.wait_until_said(|said| said.contains("The next sync begins")), "it rests");
    let mut browser = Browser::start(&[]);
    browser.open(&page.url());
    browser.wait_until("document.querySelectorAll('#accounts tr').length === 2");
    browser.wait_until("document.body.innerText.includes('resting')");
    for account in ["full", "shut"] {
        open_account(&mut browser, account);
        browser.wait_until("!document.getElementById('detail').innerText.includes('asking')");
        pictures(&mut browser, &format!("hostile-{account}"));
        assert_harmless(&mut browser, 1);
        browser.evaluate("document.getElementById('close').click()");
    }
    browser.open("about:blank");
    // A round of it that begins meanwhile, for what failed, would hold the state.
    running.interrupt();
    running.finish().expect(130);
    ferry.run(&["scan"]).expect(3);
    ferry.run(&["plan", "--html", "plan.html"]);
    ferry.run(&["report", "--html", "report.html"]).expect(0);
    ferry.run(&["report", "--html", "report/"]).expect(0);
    for file in files(ferry.directory()) {
        browser.open(&format!("file://{}", file.display()));
        let stem = file.file_stem().expect("a name").to_string_lossy().into_owned();
        pictures(&mut browser, &format!("hostile-{stem}"));
        assert_harmless(&mut browser, 0);
    }
    assert!(browser.said.is_empty(), "{:?}", browser.said);
}

/// All pages in that directory and the one below it.
fn files(directory: &Path) -> Vec<PathBuf> {
    let within = |directory: &Path| fs::read_dir(directory).expect("a directory").map(|it| it.expect("a file").path());
    let all = within(directory).chain(within(&directory.join("report")));
    let pages: Vec<PathBuf> = all.filter(|file| file.extension().is_some_and(|it| it == "html")).collect();
    assert!(pages.len() >= 3, "{pages:?}");
    pages
}

#[track_caller]
fn assert_harmless(browser: &mut Browser, scripts: u64) {
    assert!(browser.text().contains(HARMLESS), "it is shown: {}", browser.text());
    assert!(!browser.text().contains('\u{202e}'), "nothing turns the line around");
    assert_eq!(browser.evaluate("typeof owned"), "undefined");
    assert_eq!(browser.evaluate("document.images.length + document.scripts.length"), scripts);
}
