//! Whose the files of the state are. What belongs to another user, or is a symbolic link, is neither read nor written:
//! whoever could put it there would choose which file of ours is overwritten, or what we believe of our mail.
//!
//! It does not judge who may read them: the directory is made private by [`super::directory`].

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Why the state does not use what is at `path`; `None` where it does, or nothing is there.
pub(super) fn objection(path: &Path) -> Option<String> {
    fs::symlink_metadata(path).ok().and_then(|metadata| objection_to(&metadata))
}

/// As [`objection`], for a directory and all that is in it; names what is objected to.
pub(super) fn objection_within(directory: &Path) -> io::Result<Option<String>> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let metadata = fs::symlink_metadata(&path)?;
        if let Some(objection) = objection_to(&metadata) {
            return Ok(Some(format!("{}: {objection}", path.display())));
        }
        if metadata.is_dir()
            && let Some(objection) = objection_within(&path)?
        {
            return Ok(Some(objection));
        }
    }
    Ok(None)
}

/// Opens a file of the state for reading and writing, made if there is none.
///
/// # Errors
/// Those of the system; and where the file is not ours, which is told in words.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(libc::O_NOFOLLOW);
    let file = options.open(path).map_err(|why| match why.raw_os_error() {
        Some(libc::ELOOP) => io::Error::other(SYMBOLIC_LINK),
        _ => why,
    })?;
    match objection_to(&file.metadata()?) {
        Some(objection) => Err(io::Error::other(objection)),
        None => Ok(file),
    }
}

const SYMBOLIC_LINK: &str = "it is a symbolic link";

fn objection_to(metadata: &Metadata) -> Option<String> {
    // SAFETY: geteuid cannot fail and touches no memory.
    let user = unsafe { libc::geteuid() };
    if metadata.is_symlink() {
        Some(SYMBOLIC_LINK.to_owned())
    } else if metadata.uid() != user {
        Some(format!("it belongs to user {}, and mailferry runs as user {user}", metadata.uid()))
    } else if !metadata.is_file() && !metadata.is_dir() {
        Some("it is neither a file nor a directory".to_owned())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use crate::error::{Error, Kind};
    use crate::store::Store;
    use std::fs;
    use std::os::unix::fs::{chown, symlink};
    use std::path::{Path, PathBuf};

    /// A state of ours, closed.
    fn state() -> (tempfile::TempDir, PathBuf) {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("state");
        drop(Store::open(&path).unwrap());
        (parent, path)
    }

    #[track_caller]
    fn refused(path: &Path) -> Error {
        let errors = [Store::open(path), Store::open_existing(path)].map(|opened| opened.err().expect("a refusal"));
        assert!(errors.iter().all(|error| *error.kind() == Kind::State && error.advice().is_some()), "{errors:?}");
        let [error, _] = errors;
        error
    }

    #[test]
    fn state_that_is_a_symbolic_link_is_refused_with_and_without_a_slash() {
        let (parent, path) = state();
        let link = parent.path().join("link");
        symlink(&path, &link).unwrap();
        for link in [link.clone(), link.join("")] {
            assert!(refused(&link).line().contains("symbolic link"), "{}", link.display());
        }
        symlink(parent.path().join("nowhere"), parent.path().join("dangling")).unwrap();
        assert!(Store::open(&parent.path().join("dangling")).is_err());
        assert!(!parent.path().join("nowhere").exists());
    }

    #[test]
    fn links_within_the_state_are_refused_and_what_they_point_to_is_untouched() {
        for name in ["mailferry.lock", "database", "database/db", "database/begun", "database/conf"] {
            let (parent, path) = state();
            let (link, target) = (path.join(name), parent.path().join("target"));
            fs::rename(&link, &target).unwrap();
            let before = fs::read(&target).ok();
            symlink(&target, &link).unwrap();
            assert!(refused(&path).line().contains("symbolic link"), "{name}");
            assert_eq!(fs::read(&target).ok(), before, "{name}");
        }
    }

    #[test]
    fn what_belongs_to_another_user_is_refused() {
        for name in ["", "mailferry.lock", "database", "database/db"] {
            let (_parent, path) = state();
            let others = if name.is_empty() { path.clone() } else { path.join(name) };
            if chown(&others, Some(1), None).is_err() {
                eprintln!("only root can give a file away: not tried");
                return;
            }
            assert!(refused(&path).line().contains("belongs to user 1"), "{name}");
        }
    }
}
