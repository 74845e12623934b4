//! What holds of the nouns whatever they are made from. Each function panics where its property does not hold.

use super::{Flags, Uid, UidSet, utf7};
use std::collections::BTreeSet;

/// Modified UTF-7: what is decoded is encoded as it was, what is encoded is decoded as it was, and stays on its line.
pub fn names(octets: &[u8]) {
    if let Some(name) = utf7::decode(octets) {
        assert_eq!(utf7::encode(&name).as_bytes(), octets);
    }
    let name = String::from_utf8_lossy(octets);
    let encoded = utf7::encode(&name);
    assert!(encoded.bytes().all(|octet| (b' '..=b'~').contains(&octet)), "{encoded:?}");
    assert_eq!(utf7::decode(encoded.as_bytes()).as_deref(), Some(&*name));
    // Each UTF-16 unit costs less than three octets of Base64, and each shift two.
    assert!(encoded.len() <= 5 * octets.len().max(1) * 3);
}

/// Flags are a set: what is taken off and put back makes no difference, and only known system flags have a backslash.
pub fn flags(octets: &[u8]) {
    let (one, other) = octets.split_at(octets.len() / 2);
    let read = |octets| Flags::from_texts(String::from_utf8_lossy(octets).split(' '));
    let (one, other) = (read(one), read(other));
    assert_eq!(Flags::from_texts(one.texts()), one);
    assert_eq!(one.minus(&other).plus(&other), one.plus(&other));
    assert_eq!(one.plus(&other), other.plus(&one));
    assert_eq!(one.plus(&one), one);
    assert!(one.minus(&one).is_empty());
    check_flags(&one);
}

/// Only the five system flags begin with a backslash, and each keyword is there once.
pub fn check_flags(flags: &Flags) {
    let odd = |keyword: &str| keyword.is_empty() || keyword.starts_with('\\');
    assert!(!flags.keywords().any(odd), "{flags:?}");
    let different: BTreeSet<_> = flags.keywords().map(str::to_ascii_lowercase).collect();
    assert_eq!(different.len(), flags.keywords().count(), "{flags:?}");
}

/// Sets of UIDs, against a plain set: what is read, put in and taken out.
pub fn uid_sets(octets: &[u8]) {
    UidSet::parse(octets).iter().for_each(check_uids);
    let (mut set, mut plain) = (UidSet::new(), BTreeSet::new());
    for change in octets.chunks_exact(2) {
        let uid = Uid(u32::from(change[0]) + 1);
        if change[1] % 4 > 0 {
            set.insert(uid);
            plain.insert(uid);
        } else {
            set.remove(uid);
            plain.remove(&uid);
        }
        assert_eq!(set.contains(uid), plain.contains(&uid));
    }
    assert!(set.iter().eq(plain.iter().copied()), "{set} is not {plain:?}");
    let chunks = set.chunks(octets.len(), 1 + octets.len() as u64 / 8);
    assert!(chunks.iter().flat_map(UidSet::iter).eq(plain.into_iter()), "{set} in {chunks:?}");
    check_uids(&set);
}

/// A set is ascending, disjoint, without 0, and is read as it is written.
pub fn check_uids(set: &UidSet) {
    let ranges: Vec<_> = set.ranges().collect();
    assert!(ranges.iter().all(|(first, last)| first.0 > 0 && first <= last), "{set}");
    assert!(ranges.is_sorted_by(|one, other| u64::from(one.1.0) + 1 < u64::from(other.0.0)), "{set}");
    assert!(set.is_empty() || UidSet::parse(set.to_string().as_bytes()).as_ref() == Some(set), "{set}");
    assert!(set.len() <= u64::from(u32::MAX));
    let chunks = set.chunks(512, u64::from(u32::MAX));
    assert_eq!(chunks.iter().map(UidSet::len).sum::<u64>(), set.len());
}
