//! After a power loss the state is what the disk held at that moment. A hook takes that picture while the program waits
//! for a server's answer.

use std::fs;
use std::path::{Path, PathBuf};

use mailferry::model::RawName;
use mailferry::store::Store;
use tempfile::TempDir;

use crate::scenario::Scenario;
use crate::stage::Stage;
use crate::support::proxy::fault::Strike;

fn strike(text: &str) -> Strike {
    text.parse().expect("a strike")
}

fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory for the copy");
    for entry in fs::read_dir(from).expect("the state").flatten() {
        let (path, copy) = (entry.path(), to.join(entry.file_name()));
        match path.is_dir() {
            true => copy_directory(&path, &copy),
            // A temporary file may go while we look.
            false => drop(fs::copy(path, copy)),
        }
    }
}

/// Has the state as the disk holds it copied at a place.
fn picture_at(stage: &Stage, place: &str) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory for the picture");
    let (state, picture) = (stage.ferry.state(), directory.path().join("picture"));
    let copy = picture.clone();
    stage.plan.hook(strike(&format!("{place}=hook")), Box::new(move || copy_directory(&state, &copy)));
    (directory, picture)
}

/// Holds pipeline/transfer/upload.rs invariant 1. Holds disaster rule 7.
#[test]
fn intent_is_on_the_disk_before_the_first_append_is_sent() {
    let mut stage = Stage::set(Scenario::named("many").expect("a scenario")).expect("a stage");
    let (_directory, picture) = picture_at(&stage, "destination/command/APPEND#1");
    stage.struck_sync(&[]).expect(0);
    assert_eq!(stage.plan.disarm().len(), 1, "the place occurred");
    let (store, notices) = Store::open(&picture).expect("the state as it was");
    assert!(notices.is_empty(), "{notices:?}");
    let pair = store.account(&stage.user).pair(&RawName(b"INBOX".to_vec())).expect("it can be read");
    assert!(pair.is_some_and(|pair| pair.intent.is_some()), "where the mailbox stood is noted");
}

/// Holds store/checkpoint.rs invariant 5.
#[test]
fn power_loss_in_the_middle_of_a_copy_is_gone_on_from_what_the_disk_held() {
    for place in ["destination/final-line-end/APPEND#3", "destination/before-answer/APPEND#4"] {
        let mut stage = Stage::set(Scenario::named("many").expect("a scenario")).expect("a stage");
        let original = stage.original();
        let (_directory, picture) = picture_at(&stage, place);
        let killed = stage.struck_sync(&[strike("destination/after-answer/APPEND#4=kill")]);
        assert_eq!(killed.code, None, "{killed}");
        stage.plan.disarm();
        stage.ferry.forget_state();
        copy_directory(&picture, &stage.ferry.state());
        stage.ferry.run(&["sync"]).expect(0);
        let differences = stage.differences(&original);
        assert!(differences.is_empty(), "{place}: {differences}");
        stage.ferry.run(&["verify"]).expect(0);
    }
}
