//! The seeded run: each property on its seeds, and on thousands of inputs made from them.
//!
//! The seed of the run is the same at each run; `MAILFERRY_SEED=n` takes another, and replays what it found.

use super::{TARGETS, Target};
use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

/// How many inputs are made for each property.
const INPUTS: u64 = 1_000;

/// Longer inputs find little that shorter ones do not, and cost time.
const INPUT_OCTETS: usize = 2_048;

/// What protocols and formats stumble over.
const WORDS: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b"\"",
    b"\\",
    b"(",
    b")",
    b"[",
    b"]",
    b"{",
    b"}",
    b"{0}",
    b"{3}\r\n",
    b"{99999}",
    b"{4294967296}\r\n",
    b"~{1}\r\n",
    b"NIL",
    b"0",
    b"4294967295",
    b"4294967296",
    b"18446744073709551616",
    b"-1",
    b"*",
    b"* ",
    b"+ ",
    b"m1 OK ",
    b"a1 NO [",
    b"%",
    b"&",
    b"&-",
    b"&AOk-",
    b"\\*",
    b"\xff\xfe",
    b"\xc3\xa9",
    b"\xed\xa0\x80",
    b"..",
    b"INBOX",
    b"inbox",
    b":",
    b",",
    b"=",
    b"'",
    b"#",
    b"\x1b[31m",
    b"\x7f",
    b"\xe2\x80\xae",
];

/// A generator whose numbers depend on nothing but its seed (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

fn seed() -> u64 {
    match std::env::var("MAILFERRY_SEED") {
        Ok(seed) => seed.parse().expect("MAILFERRY_SEED is a number"),
        Err(_) => 1,
    }
}

fn seeds(target: &Target) -> Vec<Vec<u8>> {
    let directory = fuzz_directory().join("seeds").join(target.name);
    let files = fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut files: Vec<PathBuf> = files.map(|file| file.expect("a seed").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} has no seeds", target.name);
    files.iter().map(|file| fs::read(file).expect("a seed")).collect()
}

fn fuzz_directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// An input made from the seeds: one of them, changed at a few places.
fn input(seeds: &[Vec<u8>], numbers: &mut Numbers) -> Vec<u8> {
    let mut octets = seeds[numbers.below(seeds.len())].clone();
    for _ in 0..=numbers.below(6) {
        change(&mut octets, seeds, numbers);
    }
    octets.truncate(INPUT_OCTETS);
    octets
}

fn change(octets: &mut Vec<u8>, seeds: &[Vec<u8>], numbers: &mut Numbers) {
    let at = numbers.below(octets.len() + 1);
    let end = (at + 1 + numbers.below(8)).min(octets.len());
    match numbers.below(8) {
        0 => octets.truncate(at),
        1 => drop(octets.drain(at..end)),
        2 => octets.insert(at, numbers.next() as u8),
        3 if at < octets.len() => octets[at] ^= 1 << numbers.below(8),
        4 if at < octets.len() => octets[at] = numbers.next() as u8,
        5 => {
            let piece = octets[at..end].to_vec();
            drop(octets.splice(at..at, piece.repeat(1 + numbers.below(20))));
        }
        6 => {
            let other = &seeds[numbers.below(seeds.len())];
            octets.truncate(at);
            octets.extend_from_slice(&other[numbers.below(other.len() + 1)..]);
        }
        _ => drop(octets.splice(at..at, WORDS[numbers.below(WORDS.len())].iter().copied())),
    }
}

fn holds(target: &Target, octets: &[u8]) -> bool {
    catch_unwind(AssertUnwindSafe(|| (target.holds)(octets))).is_ok()
}

/// Looks for an exception to the property, and says which input it is.
pub(super) fn search(name: &str) {
    let target = Target::named(name);
    let seeds = seeds(target);
    for seed in &seeds {
        assert!(holds(target, seed), "{name} does not hold for its seed\n  {}", seed.escape_ascii());
    }
    let mut numbers = Numbers(seed());
    for count in 0..INPUTS {
        let octets = input(&seeds, &mut numbers);
        let seed = seed();
        let shown = octets.escape_ascii();
        assert!(holds(target, &octets), "{name} does not hold for input {count} of MAILFERRY_SEED={seed}\n  {shown}");
    }
}

#[test]
fn targets_are_what_the_fuzzer_has() {
    let files = fs::read_dir(fuzz_directory().join("targets")).expect("the fuzzer's targets");
    let name = |file: fs::DirEntry| file.path().file_stem().expect("a name").to_string_lossy().into_owned();
    let found: BTreeSet<String> = files.map(|file| name(file.expect("a file"))).collect();
    assert_eq!(found, TARGETS.iter().map(|target| target.name.to_owned()).collect());
}
