//! JSON for programs: each document is as its schema says, and one exit status does not hide another.

use serde_json::Value;

use crate::pair::{Pair, USER};
use crate::support::fake::behaviour::{Behaviour, Kept, Rule};
use crate::support::schema::Schemas;

const UGLY: &str = "ugly";

/// Of the second account the destination refuses one message.
fn two_accounts() -> Pair {
    let pair = Pair::of(&[USER, UGLY], "INBOX\n    1..3 a \\Seen\n    4 odd work\nArchive\n    1 c");
    let refusing = |octets: &[u8]| match memchr::memmem::find(octets, b"odd").is_some() {
        true => Kept::Refused("NO [CANNOT] too odd".to_owned()),
        false => Kept::As(octets.to_vec()),
    };
    pair.destination.tenant(UGLY).behave(Behaviour::honest().keeping(refusing));
    pair
}

fn statuses(json: &Value) -> Vec<&Value> {
    json["accounts"].as_array().expect("accounts").iter().map(|account| &account["exit_status"]).collect()
}

#[test]
fn json_of_every_command_is_as_its_schema_says() {
    let (schemas, pair) = (Schemas::read(), two_accounts());
    let told = |arguments: &[&str], code: i32| {
        let json = pair.run(&[arguments, &["--json", "-"]].concat()).expect(code).json();
        let schema = if arguments[0] == "sync" { "apply" } else { arguments[0] };
        schemas.check(schema, &json);
        json
    };
    for command in ["check", "scan", "plan"] {
        let json = told(&[command], 0);
        assert_eq!((&json["command"], &json["source"]), (&command.into(), &vec!["localhost"].into()), "{json}");
    }
    let json = told(&["apply"], 3);
    assert_eq!(statuses(&json), [0, 3], "{json}");
    assert_eq!(json["accounts"][1]["failures"][0]["code"], "refused", "{json}");
    pair.destination.tenant(USER).account().mailbox("INBOX").messages[2].flags.clear();
    told(&["sync"], 3);
    assert_eq!(statuses(&told(&["verify"], 8)), [0, 8]);
    told(&["status"], 0);
    told(&["report"], 0);
    pair.source.tenant(UGLY).behave(Behaviour::honest().rule(Rule::refuse("EXAMINE", "NO [NOPERM] no")));
    told(&["check"], 3);
    told(&["verify"], 8);
    pair.source.tenant(UGLY).behave(Behaviour::honest().shut("NO [AUTHENTICATIONFAILED] no"));
    for command in ["scan", "sync", "verify"] {
        assert_eq!(told(&[command], 3)["accounts"][1]["error"]["code"], "authentication");
    }
    assert_eq!(told(&["check"], 3)["accounts"][1]["source"]["error"]["code"], "authentication");
    told(&["status"], 0);
}

#[test]
fn work_that_is_left_is_not_hidden_by_what_failed() {
    let pair = two_accounts();
    pair.run(&["scan"]).expect(0);
    pair.run(&["plan"]).expect(0);
    // The first to come is USER; of the other nothing fits the limit any more.
    let json = pair.run(&["apply", "-j", "1", "--max-messages", "9", "--json", "a.json"]).expect(9);
    json.says("To go on, run: mailferry apply --json a.json --max-messages 9 --jobs 1");
    let json: Value =
        serde_json::from_slice(&std::fs::read(pair.ferry.directory().join("a.json")).expect("a file")).expect("JSON");
    assert_eq!((&json["exit_status"], statuses(&json)), (&9.into(), vec![&0.into(), &9.into()]), "{json}");
}

/// The screen shows the first twenty of a kind; JSON and the list have all, in order.
#[test]
fn verification_lists_every_difference_in_order() {
    let pair = Pair::with("INBOX\n    1..60 a\nWork\n    1..2 b");
    pair.run(&["sync"]).expect(0);
    pair.destination.tenant(USER).account().mailbox("INBOX").expunge(|uid| uid % 2 == 0);
    // Nothing tells any more that they were there.
    pair.ferry.forget_state();
    let output = pair.run(&["verify", "--list", "all.csv", "--json", "all.json"]).expect(8);
    output.says("and 10 more that are not shown").says("message a");
    let read = |name: &str| std::fs::read_to_string(pair.ferry.directory().join(name)).expect(name);
    let json: Value = serde_json::from_str(&read("all.json")).expect("JSON");
    Schemas::read().check("verify", &json);
    let listed = json["accounts"][0]["listed"].as_array().expect("a list");
    let uids: Vec<u64> = listed.iter().filter_map(|difference| difference["source"].as_u64()).collect();
    assert_eq!(uids, (1..=30).map(|number| number * 2).collect::<Vec<u64>>(), "{json}");
    assert!(listed[0]["about"]["subject"].as_str().is_some_and(|subject| subject.contains('a')), "{json}");
    let lines: Vec<String> = read("all.csv").lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 31, "{lines:?}");
    assert!(lines[30].starts_with("mover,INBOX,missing,60,,"), "{lines:?}");
}
