//! Runs a command that prints a password: no shell, nothing on its standard input, no secret in its environment, and
//! not for longer than [`PATIENCE`].
//!
//! It stays in our process group, so that it may ask for a passphrase at the terminal (`pass` with a pinentry does).

use super::mistake::Mistake;
use super::password::{PASSWORD_OCTETS, TEXT_OCTETS, first_line as password_line, whole};
use super::surroundings::Surroundings;
use crate::error::sanitized;
use crate::model::Secret;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// How long a command may take: it may wait for a passphrase, but a fleet must not wait for it for ever.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long after its end the command's output may take: an agent that it left behind may hold the pipe open. A whole
/// line is not waited for; on a busy machine it may take a while until what is there is read.
const GRACE: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(5);
/// What is kept of a command's complaints.
const COMPLAINT_OCTETS: usize = 2048;

/// The first line that the command prints. Mistakes do not say which command it is.
pub(super) fn first_line(arguments: &[String], directory: &Path, hidden: &[String]) -> Result<Secret, Mistake> {
    password_line(printed((PATIENCE, PASSWORD_OCTETS, |octets| octets.contains(&b'\n')), arguments, directory, hidden)?)
}

/// All that the command prints.
pub(super) fn text(arguments: &[String], directory: &Path, hidden: &[String]) -> Result<Secret, Mistake> {
    whole(printed((PATIENCE, TEXT_OCTETS, |_| false), arguments, directory, hidden)?)
}

/// How long to wait, how much to take, and when that is enough.
type Wanted = (Duration, usize, fn(&[u8]) -> bool);

/// Whether the command's program is there to be run.
pub(super) fn find(arguments: &[String], directory: &Path, surroundings: &dyn Surroundings) -> Result<(), Mistake> {
    let program = program(arguments, directory)?;
    let search = surroundings.variable("PATH").unwrap_or_default();
    let found = match program.components().count() {
        1 => std::env::split_paths(&search).any(|folder| is_executable(&folder.join(&program))),
        _ => is_executable(&program),
    };
    let missing = || Mistake::new("there is no such program, or it may not be run");
    found.then_some(()).ok_or_else(|| missing().fix("correct its name, or give its whole path"))
}

fn printed(
    (patience, most, enough): Wanted,
    arguments: &[String],
    directory: &Path,
    hidden: &[String],
) -> Result<Octets, Mistake> {
    let failed = |error: io::Error| Mistake::new(format!("cannot be run: {error}"));
    let mut command = Command::new(program(arguments, directory)?);
    command.args(&arguments[1..]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if !directory.as_os_str().is_empty() {
        command.current_dir(directory);
    }
    hidden.iter().for_each(|variable| {
        command.env_remove(variable);
    });
    let mut child = command.spawn().map_err(failed)?;
    let answer = collected(child.stdout.take(), most, enough);
    let complaints = collected(child.stderr.take(), COMPLAINT_OCTETS, |_| false);
    let status = wait(&mut child, patience).map_err(failed)?;
    judge(status, patience, &complaints)?;
    Ok(answer.recv_timeout(GRACE).unwrap_or_default())
}

fn judge(status: Option<ExitStatus>, patience: Duration, complaints: &Receiver<Octets>) -> Result<(), Mistake> {
    let what = match status {
        Some(status) if status.success() => return Ok(()),
        Some(status) => format!("failed with {status}"),
        None => format!("did not end within {} seconds", patience.as_secs()),
    };
    let complaint = complaints.recv_timeout(GRACE).unwrap_or_default();
    match sanitized(&String::from_utf8_lossy(&complaint)) {
        words if words.is_empty() => Err(Mistake::new(what)),
        words => Err(Mistake::new(format!("{what}: {words}"))),
    }
}

type Octets = Zeroizing<Vec<u8>>;

/// Reads up to `most` octets, or until `enough`; what comes later is read too, so that the command can end, and lost.
fn collected(pipe: Option<impl Read + Send + 'static>, most: usize, enough: fn(&[u8]) -> bool) -> Receiver<Octets> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let Some(mut pipe) = pipe else { return };
        let mut octets = Zeroizing::new(Vec::with_capacity(most));
        let mut part = Zeroizing::new([0; 512]);
        while octets.len() < most && !enough(&octets) {
            let room = part.len().min(most - octets.len());
            match pipe.read(&mut part[..room]) {
                Ok(count) if count > 0 => octets.extend_from_slice(&part[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                _ => break,
            }
        }
        // The receiver may have stopped waiting; then nobody needs the octets.
        let _ = sender.send(octets);
        let _ = io::copy(&mut pipe, &mut io::sink());
    });
    receiver
}

/// `None`: it took too long and was killed.
fn wait(child: &mut Child, patience: Duration) -> io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + patience;
    loop {
        match child.try_wait()? {
            Some(status) => return Ok(Some(status)),
            None if Instant::now() >= deadline => {
                child.kill()?;
                child.wait()?;
                return Ok(None);
            }
            None => thread::sleep(POLL),
        }
    }
}

/// The program; with a `/` in it, it is a path that starts from the directory.
fn program(arguments: &[String], directory: &Path) -> Result<PathBuf, Mistake> {
    let program = arguments.first().filter(|program| !program.is_empty());
    let program = program.ok_or_else(|| Mistake::new("the command names no program"))?;
    if !program.contains('/') {
        return Ok(PathBuf::from(program));
    }
    let absolute = std::path::absolute(directory.join(program));
    absolute.map_err(|error| Mistake::new(format!("the program's path cannot be used: {error}")))
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// Only the program is named: arguments may tell more than a log should hold.
pub(super) fn named(arguments: &[String]) -> String {
    format!("the password command `{}`", arguments.first().map_or("", String::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Vec<String> {
        ["sh", "-c", script].map(str::to_owned).to_vec()
    }

    fn run(script: &str) -> Result<Secret, Mistake> {
        first_line(&shell(script), Path::new(""), &["PATH_TO_HIDE".to_owned()])
    }

    #[test]
    fn first_line_keeps_every_character() {
        let password = run(r#"printf '%s\n%s\n' '  "q"'\\' p%20 ü$(x) ' 'second line'"#).unwrap();
        assert_eq!(password.expose(), "  \"q\"\\ p%20 ü$(x) ");
    }

    #[test]
    fn long_output_after_the_line_does_not_block() {
        let password = run("echo pw; head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2").unwrap();
        assert_eq!(password.expose(), "pw");
    }

    #[test]
    fn failing_command_shows_status_and_harmless_complaint() {
        let mistake = run(r"printf 'no such \033[31mentry' >&2; echo secret; exit 3").unwrap_err();
        let text = mistake.to_string();
        assert_eq!(text, "failed with exit status: 3: no such ?[31mentry");
    }

    #[test]
    fn empty_or_endless_output_is_a_mistake() {
        assert!(run("echo").unwrap_err().to_string().contains("is empty"));
        assert!(run("true").unwrap_err().to_string().contains("is empty"));
        assert!(run("head -c 9000 /dev/zero | tr '\\0' x").unwrap_err().to_string().contains("too long"));
    }

    #[test]
    fn reader_that_panics_is_not_waited_for() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
                std::panic::resume_unwind(Box::new("a test lets this thread panic"))
            }
        }
        let answer = collected(Some(Broken), PASSWORD_OCTETS, |_| false);
        assert_eq!(answer.recv_timeout(PATIENCE), Err(std::sync::mpsc::RecvTimeoutError::Disconnected));
    }

    #[test]
    fn slow_command_is_killed() {
        let mistake = printed((Duration::from_millis(50), 8, |_| false), &shell("exec sleep 600"), Path::new(""), &[])
            .unwrap_err();
        assert!(mistake.what.contains("did not end"), "{mistake}");
    }

    #[test]
    fn left_behind_process_does_not_hold_the_password_back() {
        let started = Instant::now();
        assert_eq!(run("echo pw; sleep 20 & exit 0").unwrap().expose(), "pw");
        assert!(started.elapsed() < Duration::from_secs(15));
    }

    #[test]
    fn hidden_variables_do_not_reach_the_command() {
        // HOME is there in every test environment; it stands for a variable that holds a password.
        let shown = first_line(&shell("echo \"[$HOME]\""), Path::new(""), &["HOME".to_owned()]).unwrap();
        assert_eq!(shown.expose(), "[]");
    }

    #[test]
    fn program_with_a_slash_starts_from_the_directory() {
        let directory = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/bin/echo", directory.path().join("say")).unwrap();
        let arguments = ["./say", "pw"].map(str::to_owned).to_vec();
        assert_eq!(first_line(&arguments, directory.path(), &[]).unwrap().expose(), "pw");
    }

    #[test]
    fn unknown_program_is_named_without_its_arguments() {
        let arguments = ["no-such-program-here", "--secret"].map(str::to_owned).to_vec();
        assert!(find(&arguments, Path::new(""), &super::super::surroundings::Process).is_err());
        assert_eq!(named(&arguments), "the password command `no-such-program-here`");
    }
}
