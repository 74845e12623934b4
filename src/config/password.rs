//! A password as it stands in a file, or comes from a command: its first line.

use super::mistake::Mistake;
use crate::model::Secret;
use zeroize::Zeroizing;

/// More of a file or an answer is not read: longer passwords are not known, and `/dev/zero` has no end.
pub(super) const PASSWORD_OCTETS: usize = 4096;

/// The first line without its line end; blanks are part of a password.
pub(super) fn first_line(mut octets: Zeroizing<Vec<u8>>) -> Result<Secret, Mistake> {
    match octets.iter().position(|octet| *octet == b'\n') {
        Some(end) => octets.truncate(end),
        None if octets.len() >= PASSWORD_OCTETS => {
            return Err(Mistake::new("the first line is too long for a password"));
        }
        None => {}
    }
    if octets.last() == Some(&b'\r') {
        octets.pop();
    }
    secret(octets)
}

/// More of a key or a token is not read.
pub(super) const TEXT_OCTETS: usize = 64 << 10;

/// A secret of several lines, such as a key; its last line end is no part of it.
pub(super) fn whole(mut octets: Zeroizing<Vec<u8>>) -> Result<Secret, Mistake> {
    if octets.len() >= TEXT_OCTETS {
        return Err(Mistake::new("what stands there is too long for a key or a token"));
    }
    while octets.last().is_some_and(|octet| b"\r\n".contains(octet)) {
        octets.pop();
    }
    secret(octets)
}

/// A password that can be sent: any characters but NUL, at least one (RFC 4616 2).
pub(super) fn secret(mut octets: Zeroizing<Vec<u8>>) -> Result<Secret, Mistake> {
    if octets.is_empty() {
        return Err(Mistake::new("the password is empty"));
    }
    if octets.contains(&0) {
        return Err(Mistake::new("the password there holds a NUL, which cannot be sent"));
    }
    let text = String::from_utf8(std::mem::take(&mut *octets)).map_err(|error| {
        drop(Zeroizing::new(error.into_bytes()));
        Mistake::new("the password there is not UTF-8")
    })?;
    Ok(Secret::new(text))
}
