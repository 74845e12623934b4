//! Responses that are broken: sizes that lie, items missing, doubled, reordered or split, numbers, dates and flags that
//! are none, octets that do not belong there; from the source and from the destination.

use crate::case::{Case, First, Table};
use crate::lies::{holds, is, is_fetch_of, number_after, replaced, without};
use crate::support::fake::behaviour::Behaviour;

/// A lie about message 3 of `Bad`: the FETCH that lists it, the one that brings it, or both.
#[derive(Clone, Copy)]
enum About {
    Listing,
    Message,
    Both,
}

fn lie(about: About, lie: impl Fn(Vec<u8>) -> Vec<u8> + Send + Sync + 'static) -> Behaviour {
    Behaviour::honest().lying(move |command, response| {
        let lists = command.contains("RFC822.SIZE");
        // Which has six messages. A bare listing does not name them otherwise.
        let of_bad = lists && command.contains(" 1:6 ");
        let meant = match about {
            About::Listing => lists,
            About::Message => command.contains("BODY.PEEK[]"),
            About::Both => true,
        };
        match meant && is_fetch_of(&response, 3) && (of_bad || holds(&response, "<three@seed")) {
            true => lie(response),
            false => response,
        }
    })
}

fn literal_length(change: impl Fn(u64) -> u64 + Send + Sync + 'static) -> impl Fn(Vec<u8>) -> Vec<u8> + Send + Sync {
    move |response| number_after(response, "{", |length| Some(change(length)))
}

/// Each item but the octets in a response of its own.
fn item_by_item(response: Vec<u8>) -> Vec<u8> {
    let text = String::from_utf8_lossy(&response).into_owned();
    let (mut split, mut rest) = (Vec::new(), text.clone());
    let items = ["FLAGS ()", "INTERNALDATE \"", "RFC822.SIZE "];
    for item in items {
        let Some(at) = text.find(item) else { continue };
        let length = match item {
            "FLAGS ()" => item.len(),
            "INTERNALDATE \"" => item.len() + text[at + item.len()..].find('"').expect("a date ends") + 1,
            _ => item.len() + text[at + item.len()..].find([' ', ')']).expect("a size ends"),
        };
        let item = &text[at..at + length];
        split.extend(format!("* 3 FETCH (UID 3 {item})\r\n").into_bytes());
        rest = rest.replacen(&format!(" {item}"), "", 1);
    }
    split.extend(rest.into_bytes());
    split
}

/// A first sync lists without identities, a full one with them.
#[test]
fn message_whose_response_is_broken_is_named_or_read_in_another_way() {
    message_whose_response_is_broken(&["sync"]);
}

#[test]
fn message_whose_response_is_broken_is_named_or_read_in_another_way_by_a_full_sync() {
    message_whose_response_is_broken(&["sync", "--full"]);
}

fn message_whose_response_is_broken(first: &[&str]) {
    use About::{Both, Listing, Message};
    let told =
        |name, about, spoil: fn(Vec<u8>) -> Vec<u8>| Case::new(name, First::Told(&["`Bad`"])).source(lie(about, spoil));
    let exact = |name, about, spoil: fn(Vec<u8>) -> Vec<u8>| Case::new(name, First::Exact).source(lie(about, spoil));
    let drop = |name, about, item: &'static str, end: &'static str| {
        Case::new(name, First::Told(&["`Bad`", "UID 3"])).source(lie(about, move |it| without(it, item, end)))
    };
    Table::of(vec![
        drop("no-date-listed", Listing, "INTERNALDATE \"", "\" "),
        told("no-size-listed", Listing, |response| replaced(response, "RFC822.SIZE ", "X-SIZE ")),
        drop("no-flags-listed", Listing, "FLAGS (", ") "),
        told("no-uid-listed", Listing, |response| without(response, "UID 3", " ")),
        told("nothing-listed", Listing, |_| Vec::new()),
        told("nothing-listed-but-a-number", Listing, |_| b"* 3 FETCH ()\r\n".to_vec()),
        told("no-body", Message, |_| b"* 3 FETCH (UID 3 FLAGS ())\r\n".to_vec()),
        told("body-nil", Message, |_| b"* 3 FETCH (UID 3 FLAGS () BODY[] NIL)\r\n".to_vec()),
        told("body-empty", Message, |_| b"* 3 FETCH (UID 3 FLAGS () BODY[] \"\")\r\n".to_vec()),
        told("body-stub", Message, |_| b"* 3 FETCH (UID 3 BODY[] {0}\r\n)\r\n".to_vec()),
        told("body-never-comes", Message, |_| Vec::new()),
        exact("doubled", Both, |response| response.repeat(2)),
        exact("flags-doubled", Both, |response| replaced(response, "FLAGS (", "FLAGS (\\Seen) FLAGS (")),
        exact("unknown-items", Both, |response| {
            replaced(response, "(UID", "(X-FOO ((a \"b)\") NIL) MODSEQ (12) X {3}\r\n))) UID")
        }),
        exact("deep-nesting", Both, |response| {
            let nested = format!("(X {}{} UID", "(".repeat(200_000), ")".repeat(200_000));
            replaced(response, "(UID", &nested)
        }),
        told("deep-nesting-unclosed", Both, |response| {
            replaced(response, "(UID", &format!("(X {} UID", "(".repeat(200_000)))
        }),
        exact("split", Both, |response| {
            let mut split = b"* 3 FETCH (UID 3 FLAGS (\\Seen))\r\n* 3 FETCH (FLAGS ())\r\n".to_vec();
            split.extend(response);
            split
        }),
        exact("split-item-by-item", Both, item_by_item),
        told("uid-zero", Both, |response| replaced(response, "UID 3", "UID 0")),
        told("uid-beyond-32-bits", Both, |response| replaced(response, "UID 3", "UID 4294967299")),
        told("uid-nil", Both, |response| replaced(response, "UID 3", "UID NIL")),
        told("uid-of-another", Message, |response| replaced(response, "UID 3", "UID 77")),
        exact("size-huge", Listing, |response| {
            number_after(response, "RFC822.SIZE ", |_| Some(99_999_999_999_999_999))
        }),
        exact("lower-case", Both, |response| {
            let text = replaced(response, "FETCH (UID", "fetch (uid");
            replaced(text, "INTERNALDATE", "internaldate")
        }),
    ])
    .judge_beginning_with(first);
}

/// Sums of sizes, over messages, mailboxes and accounts, that no number holds.
#[test]
fn sizes_that_add_up_to_more_than_a_number_holds_are_no_harm() {
    let claims = |octets: u64| {
        Behaviour::honest().lying(move |command, response| match command.contains("RFC822.SIZE") {
            true => number_after(response, "RFC822.SIZE ", |_| Some(octets)),
            false => response,
        })
    };
    for command in [&["sync"][..], &["sync", "--max-bytes", "999999TB", "--max-time", "18446744073709551615s"]] {
        let case = |name, octets| Case::new(name, First::Exact).source(claims(octets));
        Table::of(vec![
            case("largest-number", u64::MAX),
            case("half-of-it", 1 << 63),
            case("sum-that-wraps-to-little", u64::MAX / 9 + 1),
            Case::new("on-the-destination", First::Exact).destination(claims(u64::MAX)),
        ])
        .judge_beginning_with(command);
    }
}

#[test]
fn dates_and_flags_that_are_none_are_done_without() {
    let date = |name, first, date: &'static str| {
        Case::new(name, first)
            .source(lie(About::Both, move |response| {
                let spoilt = without(response, "INTERNALDATE ", "+0000\"");
                replaced(spoilt, "  ", &format!(" INTERNALDATE {date} "))
            }))
            .spoilt_by_the_destination()
    };
    let flags = |name, first, flags: &'static str| {
        Case::new(name, first)
            .source(lie(About::Both, move |response| replaced(response, "FLAGS ()", flags)))
            .spoilt_by_the_destination()
    };
    Table::of(vec![
        date("date-nil", First::Exact, "NIL"),
        date("date-empty", First::Exact, "\"\""),
        date("date-february", First::Exact, "\"31-Feb-2024 00:00:00 +0000\""),
        date("date-year-zero", First::Exact, "\"01-Jan-0000 00:00:00 +0000\""),
        date("date-far", First::Exact, "\"01-Jan-9999 00:00:00 +0000\""),
        date("date-words", First::Exact, "\"yesterday, or so\""),
        date("date-8-bit", First::Exact, "\"01-J\u{e4}n-2024 00:00:00 +0000\""),
        date("date-injecting", First::Exact, "\"01-Jan-2024 00:00:00 +0000\\\" {1+}\""),
        flags("flags-odd", First::Exact, "FLAGS (\\Seen \\Recent \\Wrong $ok bad]word \"q\" * % {3+} \\ \\* NIL)"),
        flags("flags-8-bit", First::Exact, "FLAGS (gr\u{fc}n \u{1F600})"),
        flags("flags-many", First::Exact, "FLAGS (a b c d e f g h i j k l m n o p q r s t u v w x y z aa bb cc dd)"),
        flags("flags-injecting", First::Exact, "FLAGS (x\\\"{1+}\u{b}y DELETE)"),
        flags("flags-nil", First::Exact, "FLAGS NIL"),
        flags(
            "flags-long",
            First::Exact,
            "FLAGS (keyword-that-is-much-longer-than-any-server-keeps-it-and-then-some-more)",
        ),
    ])
    .judge();
}

#[test]
fn framing_that_is_broken_ends_the_connection_and_loses_nothing() {
    let framing =
        |name, about, spoil: fn(Vec<u8>) -> Vec<u8>| Case::new(name, First::Told(&[])).source(lie(about, spoil));
    let length = |name, change: fn(u64) -> u64| {
        Case::new(name, First::Told(&[])).source(lie(About::Message, literal_length(change)))
    };
    Table::of(vec![
        length("literal-one-short", |length| length - 1),
        length("literal-three-short", |length| length - 3),
        length("literal-half", |length| length / 2),
        length("literal-one-octet", |_| 1),
        length("literal-one-long", |length| length + 1),
        length("literal-a-line-long", |length| length + 30),
        length("literal-4-gib", |_| 4 << 30),
        length("literal-beyond", |_| (4 << 30) + 1),
        length("literal-64-bits", |_| u64::MAX),
        framing("garbage", About::Message, |_| b"\x00\x01\x02 what\r\n".to_vec()),
        framing("bare-tag", About::Message, |_| b"m1\r\n".to_vec()),
        framing("unknown-tag", About::Message, |_| b"zz9 OK done\r\n".to_vec()),
        framing("unasked-plus", About::Message, |_| b"+ go on\r\n".to_vec()),
        framing("untagged-bad", About::Message, |_| b"* BAD what was that\r\n".to_vec()),
        framing("bye", About::Message, |_| b"* BYE \xff\xfe enough\r\n".to_vec()),
        framing("nul", About::Listing, |_| vec![0; 3000]),
        framing("listing-garbage", About::Listing, |_| b"what\r\n".to_vec()),
        framing("listing-bye", About::Listing, |_| b"* BYE not you\r\n".to_vec()),
        framing("listing-literal-short", About::Listing, |it| number_after(it, "{", |length| Some(length - 9))),
        framing("listing-literal-long", About::Listing, |it| number_after(it, "{", |length| Some(length + 9))),
        framing("listing-literal-4-gib", About::Listing, |it| number_after(it, "{", |_| Some(4 << 30))),
    ])
    .judge_beginning_with(&["sync", "--full"]);
}

#[test]
fn odd_answers_around_the_work_do_not_matter() {
    let both =
        |name, first, behaviour: Behaviour| Case::new(name, first).source(behaviour.clone()).destination(behaviour);
    let says = |from: &'static str, to: &'static str| {
        Behaviour::honest().lying(move |_, response| replaced(response, from, to))
    };
    let before = |word: &'static str, octets: &'static [u8]| {
        Behaviour::honest().lying(move |_, response| match is(&response, word) {
            true => [octets, &response].concat(),
            false => response,
        })
    };
    Table::of(vec![
        both("id-nil", First::Exact, says("* ID (\"name\" \"fake\" \"version\" \"1\")", "* ID NIL")),
        both("id-broken", First::Exact, says("* ID (\"name\" \"fake\"", "* ID (\"name\" \"\u{1b}[31m\u{202e}")),
        both("namespace-nil", First::Exact, says("* NAMESPACE ((\"\" \"/\")) NIL NIL", "* NAMESPACE NIL NIL NIL")),
        both("namespace-broken", First::Exact, says("* NAMESPACE ((\"\" \"/\")) NIL NIL", "* NAMESPACE ((((")),
        both("enabled-nothing", First::Exact, says("* ENABLED QRESYNC CONDSTORE", "* ENABLED")),
        both("capability-gone", First::Exact, says("[CAPABILITY", "[X-CAPABILITY")),
        both("texts-8-bit", First::Exact, says(" flags\r\n", " dr\u{fc}ben \u{1F600}\r\n")),
        both("text-with-braces", First::Exact, says(" flags\r\n", " see {5}\r\n")),
        both(
            "news-in-between",
            First::Exact,
            before("FETCH", b"* 9 EXISTS\r\n* 1 RECENT\r\n* FLAGS (x)\r\n* X (y\r\n"),
        ),
        both(
            "permanent-flags-nil",
            First::Exact,
            says("(\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)] fl", "NIL] fl"),
        ),
        both(
            "status-doubled",
            First::Exact,
            Behaviour::honest().lying(
                |_, response| {
                    if is(&response, "STATUS") { response.repeat(2) } else { response }
                },
            ),
        ),
        both(
            "list-doubled",
            First::Exact,
            Behaviour::honest().lying(|_, response| if is(&response, "LIST") { response.repeat(2) } else { response }),
        ),
        both("list-inbox-in-odd-case", First::Exact, says("\"INBOX\"", "iNbOx")),
        both(
            "list-delimiter-nil",
            First::Exact,
            Behaviour::honest()
                .lying(|_, response| if is(&response, "LIST") { replaced(response, "\"/\"", "NIL") } else { response }),
        ),
        both("list-unreadable", First::Told(&["cannot be read", "Bad"]), says(" \"Bad\"\r\n", " (\"Bad\r\n")),
        both("status-of-others", First::Exact, before("STATUS", b"* STATUS \"Elsewhere\" (MESSAGES 7 UIDNEXT 9)\r\n")),
        both(
            "status-missing",
            First::Exact,
            Behaviour::honest().lying(|command, response| {
                if command.starts_with("LIST") && is(&response, "STATUS") { Vec::new() } else { response }
            }),
        ),
        both("search-only-counts", First::Exact, says(" UID ALL ", " UID COUNT ")),
        both(
            "ok-in-lower-case",
            First::Exact,
            Behaviour::honest().lying(|_, response| {
                if response.starts_with(b"* ") { response } else { replaced(response, " OK ", " ok ") }
            }),
        ),
    ])
    .judge();
}
