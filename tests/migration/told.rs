//! What others are told of a run: a record of who did what, events for programs, and news for those who are not looking.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use serde_json::Value;
use sha2::Sha256;

use crate::migration::Migration;
use crate::support::ferry::Output;
use crate::support::schema::Schemas;
use crate::support::shared;

const MAIL: &str = "INBOX\n    1..20 bulk";

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|why| panic!("no JSON ({why}): {line}")))
        .collect()
}

/// Each command that uses the state is recorded with who began it and how it ended; what is changed afterwards is named.
#[test]
fn commands_are_recorded_in_a_chain_and_a_break_is_named_by_report() {
    let pair = shared::dovecot_pair();
    let migration = Migration::between(&pair.source, &pair.destination).seeded(MAIL);
    migration.run(&["sync"]).expect(0);
    migration.run(&["pause", migration.user()]).expect(0);
    migration.run(&["status"]).expect(0);
    let file = migration.ferry.state().join("audit.jsonl");
    let text = fs::read_to_string(&file).expect("the record");
    let entries = lines(&text);
    let told: Vec<String> = entries
        .iter()
        .map(|line| format!("{} {}", line["entry"]["event"].as_str().unwrap_or_default(), line["entry"]["exit_status"]))
        .collect();
    assert_eq!(told, ["began null", "ended 0", "began null", "ended 0"], "{text}");
    let first = &entries[0]["entry"];
    assert_eq!((&first["command"][1], &first["run"]), (&"sync".into(), &entries[1]["entry"]["run"]));
    assert!(first["settings_sha256"].as_str().is_some_and(|digest| digest.len() == 64), "{first}");
    assert!(first["host"].is_string() && first["uid"].is_u64(), "{first}");
    assert_eq!(entries[2]["entry"]["command"][2], migration.user());

    let report = migration.run(&["report", "--json", "report.json", "--html", "report.html"]).expect(0);
    assert!(!report.stderr.contains("audit.jsonl"), "{report}");
    fs::write(&file, text.replacen("\"sync\"", "\"scan\"", 1)).expect("change the record");
    let broken = "audit.jsonl) is broken at line 1: it was changed";
    migration.run(&["report", "--json", "report.json", "--html", "report.html"]).expect(0).complains(&[broken]);
    let report = |name: &str| fs::read_to_string(migration.ferry.directory().join(name)).expect("a report");
    assert!(report("report.html").contains(broken));
    let json: Value = serde_json::from_str(&report("report.json")).expect("JSON");
    assert_eq!(json["audit"]["fault"]["line"], 1);
}

fn events(output: &Output) -> Vec<Value> {
    lines(&output.stderr.lines().filter(|line| line.starts_with('{')).collect::<Vec<_>>().join("\n"))
}

/// One run's events have one id; the last line is the summary, whatever came before.
#[test]
fn events_end_with_a_summary_also_after_an_error() {
    let pair = shared::dovecot_pair();
    let migration = Migration::between(&pair.source, &pair.destination).seeded(MAIL);
    let done = migration.run(&["sync", "--progress", "json"]).expect(0);
    let told = events(&done);
    let (first, last) = (&told[0], told.last().expect("a line"));
    assert_eq!((&first["event"], &first["accounts"]), (&"run".into(), &1.into()), "{done}");
    assert_eq!((&last["event"], &last["exit_status"], &last["messages"]), (&"summary".into(), &0.into(), &20.into()));
    assert!(told.iter().all(|event| event["run"] == first["run"]));
    let schemas = Schemas::read();
    told.iter().for_each(|event| schemas.check("events", event));
    let stranger = "source_user = \"nobody-at-all\"\ndestination_user = \"nobody-at-all\"";
    let Migration { ferry, .. } = migration;
    let ferry = ferry.with_account_lines(stranger);
    let failed = events(&ferry.run(&["sync", "--progress", "json"]).expect(3));
    failed.iter().for_each(|event| schemas.check("events", event));
    assert!(failed.iter().any(|event| event["event"] == "failed" && event["code"] == "authorization"), "{failed:?}");
    for (arguments, status) in [(&["sync", "nobody"][..], 2), (&["verify", "--deep"], 3), (&["plan", "state:faild"], 2)]
    {
        let output = ferry.run(&[arguments, &["--progress", "json"]].concat()).expect(status);
        let last: Value = serde_json::from_str(output.stderr.lines().next_back().unwrap_or_default()).expect("JSON");
        assert_eq!((&last["event"], &last["exit_status"]), (&"summary".into(), &status.into()), "{output}");
    }
}

/// A receiver of one message: its head's fields and its body.
fn received(listener: &TcpListener) -> (Vec<(String, String)>, String) {
    let (connection, _) = listener.accept().expect("a message");
    let mut reader = BufReader::new(connection);
    let (mut fields, mut line) = (Vec::new(), String::new());
    reader.read_line(&mut line).expect("a request");
    loop {
        line.clear();
        reader.read_line(&mut line).expect("a field");
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        fields.push((name.to_lowercase(), value.to_owned()));
    }
    let length = field(&fields, "content-length").parse().expect("a length");
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    write!(reader.get_mut(), "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").expect("an answer");
    (fields, String::from_utf8(body).expect("text"))
}

fn field<'a>(fields: &'a [(String, String)], name: &str) -> &'a str {
    fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
}

/// News of an account that fails, and of the end, by a command and a signed message; that telling fails changes nothing.
#[test]
fn those_who_are_not_looking_are_told_and_the_run_does_not_mind() {
    let pair = shared::dovecot_pair();
    let migration = Migration::between(&pair.source, &pair.destination).seeded(MAIL);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let receiver = thread::spawn(move || received(&listener));
    let key = b"a secret of the tests";
    let settings = format!(
        r#"[[notify]]
on = ["account.blocked", "run.finished"]
command = ["sh", "-c", "cat >> told; echo >> told; env >> environment"]
[[notify]]
on = ["run.finished"]
command = ["false"]
[[notify]]
on = ["run.finished"]
webhook = "http://{address}/hook"
secret_env = "HOOK_SECRET"
"#
    );
    let secret = format!("whsec_{}", STANDARD.encode(key));
    let stranger = "source_user = \"nobody-at-all\"\ndestination_user = \"nobody-at-all\"";
    let Migration { ferry, users, .. } = migration;
    let ferry = ferry.with_settings(&settings).with_variable("HOOK_SECRET", &secret).with_account_lines(stranger);
    ferry.run(&["sync", "--log-file", "log"]).expect(3);

    let read = |name: &str| fs::read_to_string(ferry.directory().join(name)).expect("what was told");
    let told = lines(&read("told"));
    assert_eq!(told[0]["type"], "mailferry.account.blocked");
    assert_eq!(told[0]["data"]["accounts"][0]["account"], "nobody-at-all");
    assert_eq!((&told[1]["type"], &told[1]["data"]["exit_status"]), (&"mailferry.run.finished".into(), &3.into()));
    assert!(!read("environment").contains("whsec_") && !read("told").contains(&users[0].name));
    assert!(read("log").contains("false was not told of run.finished: it failed with exit status: 1"));
    let (fields, body) = receiver.join().expect("a message");
    assert_eq!(serde_json::from_str::<Value>(&body).expect("JSON")["data"]["exit_status"], 3);
    let signed = format!("{}.{}.{body}", field(&fields, "webhook-id"), field(&fields, "webhook-timestamp"));
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key");
    mac.update(signed.as_bytes());
    assert_eq!(field(&fields, "webhook-signature"), format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())));

    for (wrong, complaint) in [
        ("on = [\"run.ended\"]\ncommand = [\"true\"]", "nothing that can be told of"),
        ("on = [\"run.finished\"]", "wants a `command` or a `webhook`"),
        (
            "on = [\"run.finished\"]\nwebhook = \"http://example.org/\"\nsecret_env = \"HOOK_SECRET\"",
            "it begins with https://",
        ),
        ("on = [\"run.finished\"]\nwebhook = \"https://example.org/\"", "without a secret"),
        ("command = [\"true\"]", "`on` in [[notify]] is missing"),
    ] {
        let file = ferry.settings().replace(&settings, &format!("[[notify]]\n{wrong}\n"));
        fs::write(ferry.directory().join("wrong.toml"), file).expect("the settings");
        ferry.run(&["-c", "wrong.toml", "sync"]).expect(2).complains(&[complaint]);
    }
}
