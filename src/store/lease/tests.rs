use super::*;
use crate::store::Store;

/// A directory for a lease, and the place of it.
fn place() -> (tempfile::TempDir, impl Fn() -> Place) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_owned();
    (directory, move || Place { path: path.join("mailferry.lease"), directory: path.clone() })
}

fn of(host: &str, owner: u64, counter: u64) -> Lease {
    Lease { host: host.to_owned(), boot: "b".to_owned(), process: 7, owner, counter }
}

fn no_pause() -> Duration {
    panic!("it waits")
}

fn silent(_: &str) {}

fn in_words(refusal: Refusal) -> String {
    match refusal {
        Refusal::Held(owner) => owner,
        Refusal::System(why) => panic!("{why}"),
    }
}

/// Holds store/lease.rs invariant 1.
#[test]
fn lease_of_another_machine_is_taken_over_only_when_it_stood_still_long_enough() {
    let (_directory, place) = place();
    place().write(&of("one", 1, 5), false).unwrap();
    let (mut told, mut seconds) = (Vec::new(), 0);
    let pause = || {
        seconds += 1;
        Duration::from_secs(1)
    };
    let (tenure, notice) =
        acquire(place(), of("two", 2, 1), |text| told.push(text.to_owned()), pause).expect("it is stale");
    assert_eq!(seconds, STALE.as_secs() + 1, "and one to see whether another took it, too");
    assert!(told[0].contains("process 7 on one") && notice.unwrap().contains("had not renewed it for 60 s"));
    tenure.end();
    assert_eq!(place().read().unwrap(), None);
}

#[test]
fn lease_that_changes_while_it_is_observed_is_held_and_one_that_goes_is_free() {
    let (_directory, place) = place();
    place().write(&of("one", 1, 5), false).unwrap();
    let mut seconds = 0;
    let renewed_at_last = || {
        seconds += 1;
        if seconds == STALE.as_secs() {
            place().write(&of("one", 1, 6), true).unwrap();
        }
        Duration::from_secs(1)
    };
    let refusal = acquire(place(), of("two", 2, 1), silent, renewed_at_last).err().unwrap();
    assert_eq!((in_words(refusal).as_str(), seconds), ("process 7 on one", 60));
    let ends = || {
        fs::remove_file(place().path).unwrap();
        Duration::from_secs(1)
    };
    assert!(acquire(place(), of("two", 2, 1), silent, ends).is_ok_and(|(_, notice)| notice.is_none()));
}

#[test]
fn of_two_who_take_a_stale_lease_over_one_has_it() {
    let (_directory, place) = place();
    place().write(&of("one", 1, 5), false).unwrap();
    let mut seconds = 0;
    let another_writes_last = || {
        seconds += 1;
        if seconds == STALE.as_secs() + 1 {
            place().write(&of("three", 3, 1), true).unwrap();
        }
        Duration::from_secs(1)
    };
    let refusal = acquire(place(), of("two", 2, 1), silent, another_writes_last).err().unwrap();
    assert_eq!(in_words(refusal), "process 7 on three");
}

#[test]
fn lease_that_this_machine_left_behind_is_taken_at_once_and_junk_is_observed() {
    let (_directory, place) = place();
    place().write(&of("one", 1, 5), false).unwrap();
    assert!(acquire(place(), of("one", 2, 1), silent, no_pause).is_ok());
    let (mut observed, rebooted) = (0, Lease { boot: "c".to_owned(), ..of("one", 3, 1) });
    let pause = |observed: &mut u64| {
        *observed += 1;
        Duration::from_secs(30)
    };
    assert!(acquire(place(), rebooted, silent, || pause(&mut observed)).is_ok());
    fs::write(place().path, "junk").unwrap();
    assert!(acquire(place(), of("one", 4, 1), silent, || pause(&mut observed)).is_ok());
    assert_eq!(observed, 6);
}

/// Holds store/lease.rs invariant 2. Holds store/lease.rs invariant 3.
#[test]
fn owner_ends_its_work_when_it_could_not_renew_for_long_or_another_has_its_lease() {
    let (directory, place) = place();
    let (mut tenure, _) = acquire(place(), of("one", 1, 1), silent, no_pause).ok().unwrap();
    let began = tenure.renewed;
    let after = |seconds| began + Duration::from_secs(seconds);
    assert_eq!((tenure.renew(after(10)), tenure.lease.counter), (Ok(()), 2));
    tenure.place.directory = directory.path().join("gone");
    assert_eq!(tenure.renew(after(49)), Ok(()));
    assert!(matches!(tenure.renew(after(50)), Err(Loss::NotRenewed(_))));
    tenure.place.directory = directory.path().to_owned();
    assert_eq!((tenure.renew(after(51)), tenure.lease.counter), (Ok(()), 3));
    fs::remove_file(place().path).unwrap();
    assert_eq!((tenure.renew(after(61)), tenure.lease.counter), (Ok(()), 4), "somebody removed it");
    place().write(&of("two", 2, 1), true).unwrap();
    assert_eq!(tenure.renew(after(62)), Err(Loss::TakenOver("process 7 on two".to_owned())));
    tenure.end();
    assert!(place().read().unwrap().is_some(), "it is not ours to remove");
}

#[test]
fn state_has_its_lease_while_it_is_open_and_no_longer() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mailferry.lease");
    let (store, _) = Store::open(directory.path()).unwrap();
    let lease: Lease = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!((lease.process, lease.counter), (std::process::id(), 1));
    drop(store);
    assert!(!path.exists());
}

#[test]
fn loss_is_told_once_to_who_asked_before_and_to_who_asks_after() {
    let (_directory, place) = place();
    let shared = Arc::<Shared>::default();
    let held = HeldLease { shared: Arc::clone(&shared), renewing: None };
    let (told, hears) = std::sync::mpsc::channel();
    let (first, second) = (told.clone(), told);
    held.on_loss(Box::new(move |text| first.send(format!("before: {text}")).unwrap()));
    tell_of(Loss::TakenOver("process 7 on two".to_owned()), &place(), &shared);
    held.on_loss(Box::new(move |text| second.send(format!("after: {text}")).unwrap()));
    let heard: Vec<String> = hears.iter().collect();
    assert!(heard[0].starts_with("before: another mailferry (process 7 on two) has taken"), "{heard:?}");
    assert!(heard.len() == 2 && heard[1].starts_with("after: "), "{heard:?}");
}
