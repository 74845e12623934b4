//! APPEND: which literal, which refusal, and answers that come out of turn.

use mailferry::engine::commands::append::{Appended, Upload};
use mailferry::engine::{Octets, Session};
use mailferry::error::Result;
use mailferry::model::{Flags, InternalDate, Uid, UidValidity};

use crate::conversation::{logged_in, raw};

const ALL: &str = "LITERAL+ MULTIAPPEND UIDPLUS";

fn upload(flags: &[&str]) -> Upload {
    Upload {
        octets: Octets::Memory(b"Subject: x\r\n\r\nx\r\n".to_vec()),
        flags: Flags::from_texts(flags.iter().copied()),
        internal_date: Some(InternalDate(1_700_000_000)),
    }
}

fn append(session: &mut Session, uploads: &[Upload]) -> Result<Appended> {
    append_to("INBOX", session, uploads)
}

fn append_to(mailbox: &str, session: &mut Session, uploads: &[Upload]) -> Result<Appended> {
    let mut pending = session.begin_append(&raw(mailbox))?;
    for upload in uploads.iter() {
        if !pending.is_refused() {
            session.add_message(&mut pending, upload)?;
        }
    }
    session.end_append(&pending)?;
    session.finish_append(pending)
}

fn stored(uids: &[u32]) -> Appended {
    Appended::Stored { uid_validity: UidValidity(7), uids: uids.iter().copied().map(Uid).collect() }
}

/// Each flag is vetted by itself. Holds engine/commands/append.rs invariant 2. Holds disaster rule 3.
#[test]
fn literal_is_synchronising_until_its_shape_was_accepted() {
    let script = "C: APPEND\nS: $ OK [APPENDUID 7 1] done\nC: APPEND\nS: $ OK [APPENDUID 7 2] done\n\
                  C: APPEND\nS: $ OK [APPENDUID 7 3] done\nC: APPEND\nS: $ OK [APPENDUID 7 4] done";
    let (scripted, mut session) = logged_in(ALL, script);
    for (flags, uid) in [(&["\\Seen"][..], 1), (&["\\Flagged"], 2), (&["$new"], 3), (&["$NEW", "\\Seen"], 4)] {
        assert_eq!(append(&mut session, &[upload(flags)]).expect("stored"), stored(&[uid]));
    }
    let literals: Vec<bool> = scripted.commands()[1..].iter().map(|command| command.ends_with("+}")).collect();
    assert_eq!(literals, [false, false, false, true], "{:?}", scripted.commands());
}

/// Holds engine/commands/append.rs invariant 3. Holds disaster rule 3.
#[test]
fn bad_to_an_append_ends_the_connection() {
    let (_scripted, mut session) = logged_in(ALL, "C: APPEND\nS: $ BAD what\nC: NOOP\nS: $ OK done");
    assert!(matches!(append(&mut session, &[upload(&[])]).expect("an answer"), Appended::Refused(_)));
    assert!(!session.is_alive());
    session.run(b"NOOP", "noop", |_| Ok(())).expect_err("it is dead");
}

/// Holds hazard 4. Holds hazard 17.
#[test]
fn refusal_keeps_its_code_and_its_text() {
    let (_scripted, mut session) = logged_in(ALL, "C: APPEND\nS: $ NO [X-FANCY a b] because of that");
    match append(&mut session, &[upload(&[])]).expect("an answer") {
        Appended::Refused(status) => {
            assert_eq!((status.code.as_str(), status.arguments.as_str()), ("X-FANCY", "a b"));
            assert!(status.text.contains("because of that"));
        }
        other => panic!("{other:?}"),
    }
    assert!(session.is_alive());
}

/// Holds hazard 5.
#[test]
fn untagged_responses_before_the_invitation_are_no_refusal() {
    let script =
        "I: * 5 EXISTS⏎* OK [ALERT] hello⏎* 4 FETCH (FLAGS (\\Seen))⏎+ go on\nC: APPEND\nS: $ OK [APPENDUID 7 1] done";
    let (_scripted, mut session) = logged_in(ALL, script);
    assert_eq!(append(&mut session, &[upload(&[])]).expect("stored"), stored(&[1]));
}

/// Holds hazard 6. Holds disaster rule 10.
#[test]
fn mailbox_name_of_an_append_is_quoted() {
    let (scripted, mut session) = logged_in(ALL, "C: APPEND\nS: $ OK [APPENDUID 7 1] done");
    append_to("a\"b \\c", &mut session, &[upload(&[])]).expect("an answer");
    assert!(scripted.commands()[1].starts_with(r#"APPEND "a\"b \\c" ("#), "{:?}", scripted.commands());
    assert!(append_to("a\r\nx DELETE INBOX", &mut session, &[upload(&[])]).is_err());
}

#[test]
fn answer_that_comes_while_an_invitation_is_awaited_is_kept() {
    let script = "C: APPEND\nI: * 4 EXISTS⏎m1 OK [APPENDUID 7 8] one⏎+ go on\nC: APPEND\nS: $ OK [APPENDUID 7 9] done";
    let (_scripted, mut session) = logged_in(ALL, script);
    let mut first = session.begin_append(&raw("INBOX")).expect("begun");
    session.add_message(&mut first, &upload(&[])).expect("sent");
    session.end_append(&first).expect("sent");
    assert_eq!(append(&mut session, &[upload(&["$new"])]).expect("stored"), stored(&[9]));
    assert_eq!(session.finish_append(first).expect("it was kept"), stored(&[8]));
}

/// Its literals are written without reading in between: nothing may be unanswered that brings much.
///
/// Holds engine/conversation/sender.rs invariant 3.
#[test]
fn append_waits_until_other_commands_are_answered() {
    let script = "C: NOOP\nS: * 4 EXISTS\nS: $ OK noop\nC: APPEND\nS: $ OK [APPENDUID 7 9] done";
    let (scripted, mut session) = logged_in(ALL, script);
    let noop = session.send(b"NOOP").expect("sent");
    let mut pending = session.begin_append(&raw("INBOX")).expect("begun");
    let early = session.send(b"NOOP").expect("it waits");
    session.add_message(&mut pending, &upload(&[])).expect("sent");
    session.end_append(&pending).expect("sent");
    assert_eq!(session.finish_append(pending).expect("stored"), stored(&[9]));
    assert!(session.finish(noop, |_| Ok(())).expect("it was kept").is_ok());
    assert!(session.finish(early, |_| Ok(())).is_err(), "the script ends here");
    assert_eq!(scripted.commands()[1..].iter().map(|line| &line[..4]).collect::<Vec<_>>(), ["NOOP", "APPE"]);
}

#[test]
fn early_refusal_sends_no_literal() {
    let (scripted, mut session) = logged_in("UIDPLUS", "I: $ NO [OVERQUOTA] full\nC: APPEND\nC: NOOP\nS: $ OK done");
    assert!(matches!(append(&mut session, &[upload(&[])]).expect("an answer"), Appended::Refused(_)));
    session.run(b"NOOP", "noop", |_| Ok(())).expect("the next line is a command");
    assert_eq!(scripted.commands().last().map(String::as_str), Some("NOOP"));
}
