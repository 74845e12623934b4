//! Work on many things over several threads, whose results are taken in the order of the things.

use crate::error::Result;
use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;

/// How far ahead of what is taken work is begun, for each thread: what came of it is held until its turn comes.
const AHEAD: usize = 4;

/// Does the work for each of the items, and hands what came of it to `take`, in the order of the items. Nothing is begun behind
/// an error, or when a thread has panicked.
///
/// # Errors
/// The first one, in that order; those of `take`.
///
/// # Panics
/// Where the work does.
pub fn in_order<T: Sync, R: Send>(
    items: &[T],
    threads: usize,
    work: impl Fn(&T) -> Result<R> + Sync,
    mut take: impl FnMut(&T, R) -> Result<()>,
) -> Result<()> {
    if threads < 2 {
        return items.iter().try_for_each(|item| take(item, work(item)?));
    }
    let (turns, work) = (&Turns::of(items.len(), threads), &work);
    thread::scope(|scope| {
        let (done, results) = mpsc::channel();
        for _ in 0..threads {
            let done = done.clone();
            scope.spawn(move || {
                let _alarm = Alarm(turns);
                while let Some(number) = turns.next() {
                    let result = work(&items[number]);
                    if result.is_err() {
                        turns.end();
                    }
                    if done.send((number, result)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(done);
        let taken = take_all(items, &results, turns, &mut take);
        turns.end();
        taken
    })
}

fn take_all<T, R>(
    items: &[T],
    results: &mpsc::Receiver<(usize, Result<R>)>,
    turns: &Turns,
    take: &mut impl FnMut(&T, R) -> Result<()>,
) -> Result<()> {
    let (mut early, mut due) = (BTreeMap::new(), 0);
    for (number, result) in results {
        early.insert(number, result);
        while let Some(result) = early.remove(&due) {
            take(&items[due], result?)?;
            due += 1;
            turns.taken();
        }
    }
    // Where a thread panicked there is a gap.
    early.into_values().find_map(Result::err).map_or(Ok(()), Err)
}

/// Who begins what.
struct Turns {
    state: Mutex<State>,
    moved: Condvar,
    ahead: usize,
}

struct State {
    /// What nobody has begun, and how many there are in all.
    next: usize,
    end: usize,
    taken: usize,
}

impl Turns {
    fn of(items: usize, threads: usize) -> Turns {
        let state = Mutex::new(State { next: 0, end: items, taken: 0 });
        Turns { state, moved: Condvar::new(), ahead: threads * AHEAD }
    }

    /// What is to be begun next, when it is not too far ahead of what was taken. What is taken next was begun before that.
    fn next(&self) -> Option<usize> {
        let is_early = |state: &mut State| state.next < state.end && state.next >= state.taken + self.ahead;
        let waited = self.moved.wait_while(self.state(), is_early);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        let number = state.next;
        state.next += usize::from(number < state.end);
        (number < state.end).then_some(number)
    }

    fn taken(&self) {
        self.state().taken += 1;
        self.moved.notify_all();
    }

    /// Nothing more is begun.
    fn end(&self) {
        self.state().end = 0;
        self.moved.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever waits for a thread that panics waits for ever.
struct Alarm<'a>(&'a Turns);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.end();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, Kind};
    use std::cell::RefCell;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn results_are_taken_in_the_order_of_the_items_whoever_is_done_first() {
        for threads in [1, 2, 5] {
            let items: Vec<usize> = (0..40).collect();
            let mut taken = Vec::new();
            // The first one waits for the second, where there is a thread for it.
            let barrier = Barrier::new(if threads > 1 { 2 } else { 1 });
            let work = |item: &usize| {
                if *item < 2 && threads > 1 {
                    barrier.wait();
                }
                Ok(item * 2)
            };
            let take = |item: &usize, result| {
                taken.push((*item, result));
                Ok(())
            };
            in_order(&items, threads, work, take).unwrap();
            assert_eq!(taken, items.iter().map(|item| (*item, item * 2)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_is_behind_an_error_is_not_taken() {
        for threads in [1, 4] {
            let items: Vec<usize> = (0..100).collect();
            let mut taken = 0;
            let failing = |item: &usize| match item {
                7 => Err(Error::new(Kind::State, "seven")),
                item => Ok(*item),
            };
            let take = |_: &usize, _| {
                taken += 1;
                Ok(())
            };
            assert_eq!(in_order(&items, threads, failing, take).unwrap_err().what(), "seven");
            assert!(taken <= 7, "{taken}");
        }
        let refusing = |item: &usize, _| if *item < 3 { Ok(()) } else { Err(Error::new(Kind::State, "full")) };
        let items: Vec<usize> = (0..9).collect();
        assert_eq!(in_order(&items, 3, |_| Ok(()), refusing).unwrap_err().what(), "full");
    }

    /// Tells when its thread is gone.
    struct Gone(mpsc::Sender<()>);

    impl Drop for Gone {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }

    thread_local!(static GONE: RefCell<Option<Gone>> = const { RefCell::new(None) });

    #[test]
    fn panic_ends_it_all_and_nothing_more_is_begun() {
        let (gone, is_gone) = mpsc::channel();
        let (gone, is_gone, begun) = (Mutex::new(gone), Mutex::new(is_gone), AtomicUsize::new(0));
        let work = |item: &usize| {
            begun.fetch_add(1, Ordering::Relaxed);
            if *item == 0 {
                let gone = Gone(gone.lock().unwrap().clone());
                GONE.with(|it| *it.borrow_mut() = Some(gone));
                panic!("a test lets this thread panic");
            }
            if *item == 1 {
                is_gone.lock().unwrap().recv().unwrap();
            }
            Ok(())
        };
        let items: Vec<usize> = (0..100).collect();
        let ended = catch_unwind(AssertUnwindSafe(|| in_order(&items, 2, work, |_, ()| Ok(()))));
        assert!(ended.is_err(), "it is no success");
        // The other thread may come too late for its one.
        assert!(begun.into_inner() <= 2);
    }

    #[test]
    fn work_is_begun_no_further_ahead_than_that() {
        let (threads, taken, done) = (3, AtomicUsize::new(0), AtomicUsize::new(0));
        let most = threads * AHEAD;
        let work = |item: &usize| {
            assert!(*item < taken.load(Ordering::SeqCst) + most, "{item}");
            while *item == 0 && done.load(Ordering::SeqCst) < most - 1 {
                thread::yield_now();
            }
            done.fetch_add(1, Ordering::SeqCst);
            Ok(())
        };
        let take = |_: &usize, ()| {
            taken.fetch_add(1, Ordering::SeqCst);
            Ok(())
        };
        in_order(&(0..100).collect::<Vec<usize>>(), threads, work, take).unwrap();
        assert_eq!(taken.into_inner(), 100);
    }
}
