//! A run that is watched from outside: its page, as a browser asks for it, and its figures.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::migration::Migration;
use crate::support::ferry::Running;
use crate::support::process::cached;
use crate::support::shared;

const MAIL: &str = "INBOX\n    1..200 bulk";

/// Where a run is watched, as it says on standard error.
pub struct Page {
    address: String,
    /// `/TOKEN`.
    below: String,
}

impl Page {
    pub fn of(running: &mut Running) -> Page {
        let start = "The run can be watched at http://";
        assert!(running.wait_until_said(|said| said.contains(start) && said.contains("/\n")), "it says where");
        let said = fs::read_to_string(running.stderr_file()).expect("standard error");
        let url = said.split(start).nth(1).and_then(|rest| rest.lines().next()).expect("an address");
        let (address, token) = url.trim_end_matches('/').split_once('/').expect("a token");
        Page { address: address.to_owned(), below: format!("/{token}") }
    }

    /// What a browser is given.
    pub fn url(&self) -> String {
        format!("http://{}{}/", self.address, self.below)
    }

    fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).expect("the page's port")
    }

    /// The status and the body of what is answered to this head.
    fn said(&self, head: &str) -> (u16, String) {
        let mut connection = self.connect();
        connection.write_all(head.as_bytes()).expect("ask");
        let mut said = String::new();
        connection.read_to_string(&mut said).expect("an answer");
        let (head, body) = said.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {said}"));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        (status, body.to_owned())
    }

    fn get(&self, path: &str) -> (u16, String) {
        self.said(&format!("GET {}{path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.below, self.address))
    }

    pub fn json(&self, path: &str) -> Value {
        let (_, body) = self.get(path);
        serde_json::from_str(&body).unwrap_or_else(|why| panic!("no JSON ({why}): {body}"))
    }
}

/// Reads from a stream of events until it has said this.
fn hear(stream: &mut TcpStream, heard: &mut String, awaited: &str) {
    let mut octets = [0; 4096];
    while !heard.contains(awaited) {
        let count = stream.read(&mut octets).expect("the stream");
        assert!(count > 0, "it ended before `{awaited}`: {heard}");
        heard.push_str(&String::from_utf8_lossy(&octets[..count]));
    }
}

#[test]
fn page_shows_a_run_while_it_goes_on_and_its_end() {
    let pair = shared::dovecot_pair();
    let migration = Migration::gated(&pair.source, &pair.destination).seeded(MAIL);
    let arguments = ["sync", "--progress", "plain", "--serve", "127.0.0.1:0", "--metrics-file", "mailferry.prom"];
    let mut running = migration.held(&arguments, 20);
    let page = Page::of(&mut running);

    let mut stream = page.connect();
    write!(stream, "GET {}/events HTTP/1.1\r\nHost: localhost\r\n\r\n", page.below).expect("ask");
    let mut heard = String::new();
    hear(&mut stream, &mut heard, "event: board");
    assert!(page.get("/").1.contains("page.js") && page.get("/page.js").1.contains("textContent"));
    assert!(running.wait_until(|| page.json("/api/board")["messages"].as_u64() >= Some(20)));
    let accounts = page.json("/api/accounts?condition=working");
    assert_eq!((&accounts["count"], &accounts["accounts"][0]["work"]["phase"]), (&1.into(), &"copying".into()));
    assert_eq!(page.json("/api/accounts?q=nobody")["count"], 0);
    let account = page.json("/api/account?number=0");
    assert_eq!(account["account"]["account"], migration.user());
    assert_eq!(account["commands"][1], format!("mailferry sync {}", migration.user()));
    let (status, metrics) = page.get("/metrics");
    assert!(status == 200 && metrics.contains("mailferry_accounts{condition=\"working\"} 1"), "{metrics}");
    assert!(!metrics.contains(migration.user()));
    assert_well_formed(&metrics);

    migration.gates().open();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).expect("the stream ends with the run");
    assert!(rest.contains("event: accounts") && rest.contains("event: end"), "{rest}");
    let end = rest.rsplit("data: ").next().expect("the end");
    let end: Value = serde_json::from_str(end.trim()).expect("JSON");
    assert_eq!((&end["stage"], &end["exit_status"], &end["messages"]), (&"ended".into(), &0.into(), &200.into()));
    assert_eq!(end["conditions"], serde_json::json!({ "synced": 1 }));
    running.finish().expect(0);
    let figures = fs::read_to_string(migration.ferry.directory().join("mailferry.prom")).expect("the figures");
    assert!(figures.contains("\nmailferry_exit_status 0\n"), "{figures}");
    assert!(figures.contains("\nmailferry_accounts{condition=\"synced\"} 1\n"), "{figures}");
    assert_well_formed(&figures);
    migration.assert_exact();
}

/// Prometheus' own judge.
#[track_caller]
fn assert_well_formed(figures: &str) {
    let (is_well, said) = judged(figures);
    assert!(is_well, "{said}\n{figures}");
    assert!(!judged(&figures.replace("_total", "")).0, "it does look");
}

fn judged(figures: &str) -> (bool, String) {
    let mut judge = Command::new(cached("prometheus").join("usr/bin/promtool"));
    let judge = judge.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut judge = judge.spawn().expect("promtool");
    judge.stdin.take().expect("its input").write_all(figures.as_bytes()).expect("tell promtool");
    let output = judge.wait_with_output().expect("promtool ends");
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

/// Whoever is not meant is told nothing, and the run does not mind; the next run opens by the same word.
#[test]
fn page_tells_nothing_to_strangers_and_is_found_again_after_a_restart() {
    let pair = shared::dovecot_pair();
    let migration = Migration::gated(&pair.source, &pair.destination).seeded(MAIL);
    let arguments = ["verify", "--progress", "plain", "--serve", "127.0.0.1:0"];
    let mut running = migration.held_at(&arguments, "source/untagged/FETCH", 50);
    let page = Page::of(&mut running);
    let head = |method: &str, target: &str, host: &str, more: &str| {
        format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n")
    };
    let (board, local) = (format!("{}/api/board", page.below), page.address.as_str());
    let table = [
        (head("GET", &board, local, ""), 200),
        (head("GET", &board, "evil.example", ""), 421),
        (head("GET", &board, local, "Content-Length: 4\r\n") + "body", 400),
        (head("GET", &board, local, &format!("X: {}\r\n", "x".repeat(20_000))), 431),
        (head("POST", &board, local, ""), 405),
        (head("GET", "/api/board", local, ""), 404),
        (head("GET", "/AAAAAAAAAAAAAAAAAAAAAA/api/board", local, ""), 404),
        (head("GET", "/healthz", local, ""), 200),
    ];
    for (head, status) in table {
        assert_eq!(page.said(&head).0, status, "{head}");
    }
    running.kill();
    let mut again = migration.held_at(&arguments, "source/untagged/FETCH", 50);
    assert_eq!(Page::of(&mut again).below, page.below);
    again.kill();
}

/// Between two rounds the state is closed, and free for others; the page shows all the same what is in it, and what a cutover
/// would take.
#[test]
fn page_shows_mailboxes_and_the_forecast_between_two_rounds_of_a_watch() {
    let pair = shared::dovecot_pair();
    let migration = Migration::between(&pair.source, &pair.destination).seeded(MAIL);
    let ferry = &migration.ferry;
    let is_forecast = || {
        ferry.run(&["sync"]).expect(0);
        ferry.run(&["status", "--forecast", "--json", "-"]).expect(0).json()["forecast"]["all"].is_object()
    };
    assert!((0..50).any(|_| is_forecast()), "so many runs tell enough");
    let mut running = ferry.start(&["sync", "--watch", "1h", "--progress", "plain", "--serve", "127.0.0.1:0"]);
    let page = Page::of(&mut running);
    assert!(running.wait_until_said(|said| said.contains("The next sync begins")), "it rests");
    for _ in 0..3 {
        let account = page.json("/api/account?number=0");
        let inbox = &account["account"]["mailboxes_copied"][0];
        assert_eq!((&inbox["source"], &inbox["source_messages"]), (&"INBOX".into(), &200.into()), "{account}");
        assert!(account["cutover"]["seconds"]["high"].as_f64() > Some(0.0), "{account}");
    }
    let cutover = &page.json("/api/board")["cutover"];
    assert_eq!((&cutover["accounts"], &cutover["behind"]["low"]), (&1.into(), &0.0.into()));
    let (_, metrics) = page.get("/metrics");
    assert!(metrics.contains("\nmailferry_cutover_accounts 1\n"), "{metrics}");
    assert_well_formed(&metrics);
    ferry.run(&["sync"]).expect(0);
    running.interrupt();
    running.finish().expect(130);
}
