//! The word in the page's address, which opens it: whoever is on this machine may connect to a port of it.
//!
//! It is kept in a file of the state directory, so that the address is the same after the next start.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// 128 bits.
const OCTETS: usize = 16;

/// Letters of it.
const LETTERS: usize = 22;

/// The word in that file, which is made if there is none.
///
/// # Errors
/// Those of the system.
pub fn kept(file: &Path) -> io::Result<String> {
    match fs::read_to_string(file) {
        Ok(token) if is_token(token.trim_end()) => return Ok(token.trim_end().to_owned()),
        Ok(_) => fs::remove_file(file)?,
        Err(why) if why.kind() == ErrorKind::NotFound => {}
        Err(why) => return Err(why),
    }
    let token = random()?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    writeln!(file, "{token}")?;
    Ok(token)
}

/// A word that nobody guesses.
///
/// # Errors
/// Those of the system.
pub fn random() -> io::Result<String> {
    let mut octets = [0; OCTETS];
    File::open("/dev/urandom")?.read_exact(&mut octets)?;
    Ok(URL_SAFE_NO_PAD.encode(octets))
}

fn is_token(text: &str) -> bool {
    text.len() == LETTERS && text.bytes().all(|letter| letter.is_ascii_alphanumeric() || b"-_".contains(&letter))
}

/// Whether they are the same; how long it takes does not tell where they differ.
pub fn are_equal(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    one.len() == other.len() && one.iter().zip(other).fold(0, |differing, (a, b)| differing | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn token_is_kept_for_its_owner_and_what_is_none_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("token");
        let token = kept(&file).unwrap();
        assert_eq!((token.len(), kept(&file).unwrap()), (LETTERS, token.clone()));
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&file, "").unwrap();
        let other = kept(&file).unwrap();
        assert!(other.len() == LETTERS && !are_equal(&other, &token) && are_equal(&token, &token.clone()));
    }
}
