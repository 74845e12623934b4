//! What happens when the state is damaged: how a damaged database is set aside. Repairing is not done here: the servers are read again, by the pipeline.

use super::codec::{self, Flaw, SCHEMA};
use super::database::Database;
use super::directory::StateDirectory;
use super::keys;
use super::obstacle::Obstacle;
use crate::error::{Error, Kind, Result};

/// Opens the database. A damaged one is tried once more without sled's snapshots, which are copies, then set aside for
/// an empty one, and the user is told.
pub(super) fn open_or_set_aside(directory: &StateDirectory) -> Result<(Database, Option<String>)> {
    let why = match open_sound(directory) {
        Ok(database) => return Ok((database, None)),
        Err(Obstacle::System(error)) => return Err(error),
        Err(Obstacle::Damage(why)) => why,
    };
    if let Some(database) = open_without_snapshots(directory) {
        return Ok((database, None));
    }
    let aside = directory.set_aside()?;
    let database = open_sound(directory).map_err(Obstacle::into_error)?;
    let why = crate::error::sanitized(&why);
    let notice = format!(
        "the state was damaged ({why}); it was set aside as {} and will be rebuilt from the servers: nothing is lost",
        aside.display()
    );
    Ok((database, Some(notice)))
}

fn open_without_snapshots(directory: &StateDirectory) -> Option<Database> {
    if directory.is_condemned() || directory.remove_snapshots().is_err() {
        return None;
    }
    open_sound(directory).ok()
}

/// Opens the database and makes sure that it is one of ours, of a schema that we know. An empty one becomes ours.
fn open_sound(directory: &StateDirectory) -> Result<Database, Obstacle> {
    if directory.is_condemned() {
        return Err(Obstacle::Damage("found while it was in use".to_owned()));
    }
    directory.create_database().map_err(Obstacle::System)?;
    let database = Database::open(&directory.database())?;
    match read_schema(&database)? {
        Some(SCHEMA) => {}
        Some(older) if older < SCHEMA => database.migrate(older).map_err(Obstacle::System)?,
        Some(newer) => return Err(Obstacle::System(too_new(directory, newer))),
        None if directory.is_begun() => return Err(Obstacle::Damage("all of it is gone".to_owned())),
        None => begin(directory, &database).map_err(Obstacle::System)?,
    }
    Ok(database)
}

/// The schema version that the data has; `None` for an empty database.
fn read_schema(database: &Database) -> Result<Option<u8>, Obstacle> {
    let key = keys::schema();
    let Some(octets) = database.try_get(&key)? else {
        let empty = database.try_is_empty()?;
        return if empty { Ok(None) } else { Err(Obstacle::Damage("the schema version is gone".to_owned())) };
    };
    match codec::decode::<()>(&key, &octets) {
        Ok(()) => Ok(codec::version(&octets)),
        Err(Flaw::Schema(version)) => Ok(Some(version)),
        Err(flaw) => Err(Obstacle::Damage(format!("schema version: {flaw}"))),
    }
}

fn begin(directory: &StateDirectory, database: &Database) -> Result<()> {
    database.store(&keys::schema(), &())?;
    database.flush()?;
    directory.mark_begun()
}

fn too_new(directory: &StateDirectory, version: u8) -> Error {
    let what =
        format!("the state {directory} was written by a newer mailferry (schema {version}, this one knows {SCHEMA})");
    Error::new(Kind::State, what).hint("use the newer mailferry, or another state directory with --state")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Scope;
    use crate::model::{MessageRecord, Side};
    use crate::store::Store;
    use crate::store::opening::open_sled;
    use crate::store::tests::{copy_of, fill, inbox, record};
    use std::fs::{self, File, OpenOptions};
    use std::io::{Read, Seek, SeekFrom, Write};
    use std::path::{Path, PathBuf};

    fn data_file(directory: &Path) -> PathBuf {
        directory.join("database/db")
    }

    /// A directory with a state of some records, closed.
    fn closed_state(records: u32) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(directory.path()).unwrap();
        fill(&store.account("alice"), Side::Source, records);
        store.flush().unwrap();
        directory
    }

    /// Opens and reads all. Tells whether all is there; what is there is as it was written, or an error is.
    fn is_whole(directory: &Path, records: u32) -> bool {
        let (store, _) = Store::open(directory).unwrap();
        let account = store.account("alice");
        let Ok(found) = account.records(Side::Source, &inbox()) else { return false };
        let found: Result<Vec<_>> = found.inspect(|found| assert!(is_as_written(found), "{found:?}")).collect();
        let Ok(found) = found else { return false };
        assert_eq!(found.len(), records as usize, "records are lost, and that was not noticed");
        true
    }

    fn is_as_written(found: &Result<MessageRecord>) -> bool {
        found.as_ref().is_ok_and(|found| *found == record(found.uid.0)) || found.is_err()
    }

    #[test]
    fn open_truncated_data_file_is_set_aside_or_noticed() {
        let sound = closed_state(5000);
        let whole = fs::metadata(data_file(sound.path())).unwrap().len();
        for eighth in 0..8 {
            let directory = copy_of(sound.path());
            let file = OpenOptions::new().write(true).open(data_file(directory.path())).unwrap();
            file.set_len(whole * eighth / 8 + eighth).unwrap();
            assert!(!is_whole(directory.path(), 5000), "{eighth} eighths");
        }
    }

    #[test]
    fn open_emptied_data_file_is_set_aside() {
        let directory = closed_state(10);
        File::create(data_file(directory.path())).unwrap();
        let (_store, notices) = Store::open(directory.path()).unwrap();
        assert!(notices[0].contains("database.damaged-1"), "{notices:?}");
        assert!(directory.path().join("database.damaged-1").is_dir());
    }

    /// Holds store/mod.rs invariant 1.
    #[test]
    fn flipped_octets_are_noticed_or_harmless() {
        const PLACES: u64 = 60;
        let sound = closed_state(5000);
        let length = fs::metadata(data_file(sound.path())).unwrap().len();
        let mut harmed = 0;
        for place in 0..PLACES {
            let directory = copy_of(sound.path());
            flip(&data_file(directory.path()), length * place / PLACES + place);
            harmed += u32::from(!is_whole(directory.path(), 5000));
        }
        assert!(harmed > 0, "no place held anything");
    }

    #[test]
    fn open_junk_in_each_file_of_the_database_is_survived() {
        let sound = closed_state(50);
        for name in fs::read_dir(sound.path().join("database")).unwrap().map(|entry| entry.unwrap().file_name()) {
            let directory = copy_of(sound.path());
            let path = directory.path().join("database").join(name);
            if path.is_file() {
                fs::write(&path, "junk, and more of it".repeat(9)).unwrap();
                is_whole(directory.path(), 50);
            }
        }
    }

    fn flip(path: &Path, offset: u64) {
        let mut file = OpenOptions::new().read(true).write(true).open(path).unwrap();
        let mut octets = [0; 8];
        file.seek(SeekFrom::Start(offset)).unwrap();
        let length = file.read(&mut octets).unwrap();
        octets.iter_mut().for_each(|octet| *octet ^= 0x55);
        file.seek(SeekFrom::Start(offset)).unwrap();
        file.write_all(&octets[..length]).unwrap();
    }

    /// What stands under the key of the schema in a state of that version.
    fn schema_value(version: u8) -> Vec<u8> {
        let mut value = vec![version, 0];
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&keys::schema());
        hasher.update(&value);
        value.extend(hasher.finalize().to_be_bytes());
        value
    }

    #[test]
    fn open_older_schema_is_migrated() {
        let directory = closed_state(3);
        let raw = open_sled(&directory.path().join("database")).ok().unwrap();
        raw.insert(keys::schema(), schema_value(1)).unwrap();
        raw.flush().unwrap();
        drop(raw);
        let (store, notices) = Store::open(directory.path()).unwrap();
        assert_eq!((store.accounts().unwrap(), notices), (Vec::<String>::new(), Vec::new()));
        drop(store);
        assert!(Store::open_existing(directory.path()).is_ok(), "it is of this version now");
    }

    #[test]
    fn open_newer_schema_is_refused_and_kept() {
        let directory = closed_state(3);
        let plant = |octets: Vec<u8>| {
            let raw = open_sled(&directory.path().join("database")).ok().unwrap();
            let before = raw.insert(keys::schema(), octets).unwrap();
            raw.flush().unwrap();
            before.unwrap().to_vec()
        };
        let ours = plant(schema_value(SCHEMA + 1));
        let error = Store::open(directory.path()).err().unwrap();
        assert!(error.what().contains("newer mailferry"), "{error}");
        assert!(!directory.path().join("database.damaged-1").exists());
        plant(ours);
        assert!(is_whole(directory.path(), 3));
    }

    #[test]
    fn open_lost_schema_is_set_aside_under_the_next_number() {
        for number in 1..3 {
            let directory = closed_state(3);
            (1..number).for_each(|n| fs::create_dir(directory.path().join(format!("database.damaged-{n}"))).unwrap());
            let raw = open_sled(&directory.path().join("database")).ok().unwrap();
            raw.remove(keys::schema()).unwrap();
            drop(raw);
            let (store, notices) = Store::open(directory.path()).unwrap();
            assert!(notices[0].contains(&format!("database.damaged-{number}")), "{notices:?}");
            assert!(store.accounts().unwrap().is_empty());
        }
    }

    #[test]
    fn damage_met_in_use_is_set_aside_at_the_next_open() {
        let directory = closed_state(3);
        let (store, _) = Store::open(directory.path()).unwrap();
        let error = store.database().guarded(|_| -> sled::Result<()> { panic!("sled met a torn page") }).unwrap_err();
        assert_eq!((error.kind(), error.reach()), (&Kind::State, Scope::Run));
        assert!(store.accounts().is_err(), "a condemned database is not used on");
        drop(store);
        let (_, notices) = Store::open(directory.path()).unwrap();
        assert_eq!(notices.len(), 1);
    }

    #[test]
    fn full_disk_is_no_damage() {
        let directory = closed_state(3);
        let (store, _) = Store::open(directory.path()).unwrap();
        let full = || sled::Error::Io(std::io::Error::from_raw_os_error(libc::ENOSPC));
        let failed = store.database().guarded(|_| Err::<(), _>(full())).unwrap_err();
        let panicked = store.database().guarded(|_| -> sled::Result<()> { panic!("{:?}", full()) }).unwrap_err();
        for error in [failed, panicked] {
            assert!(error.what().contains("could not read or write"), "{error}");
        }
        drop(store);
        assert!(Store::open(directory.path()).unwrap().1.is_empty());
    }
}
