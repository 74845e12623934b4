//! A command that is told something: a program and its arguments, no shell, JSON on its standard input, and not for longer
//! than [`PATIENCE`]. What it prints goes nowhere.

use crate::error::{Error, Kind, Result};
use std::io::{self, Seek, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long it may take. Then it and all that it started are asked to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// And after that they are ended.
const GRACE: Duration = Duration::from_secs(3);

const POLL: Duration = Duration::from_millis(10);

/// Runs it.
///
/// # Errors
/// `Io` where it cannot be run, fails, or does not end.
pub fn run(
    arguments: &[String],
    directory: &Path,
    hidden: &[String],
    variables: &[(&str, &str)],
    input: &str,
) -> Result<()> {
    let failed = |why: io::Error| Error::new(Kind::Io, "it could not be run").because(why);
    let mut child = started(arguments, directory, hidden, variables, input).map_err(failed)?;
    match ended(&mut child, PATIENCE).map_err(failed)? {
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(Error::new(Kind::Io, format!("it failed with {status}"))),
        None => Err(Error::new(Kind::Io, format!("it did not end within {} seconds", PATIENCE.as_secs()))),
    }
}

/// In a process group of its own: it ends with all that it started, and a Ctrl-C is not for it. What it is told stands in a
/// file, so that it may leave it unread.
fn started(
    arguments: &[String],
    directory: &Path,
    hidden: &[String],
    variables: &[(&str, &str)],
    input: &str,
) -> io::Result<Child> {
    let mut file = tempfile::tempfile()?;
    file.write_all(input.as_bytes())?;
    file.rewind()?;
    let program = arguments.first().map_or("", String::as_str);
    let mut command = match program.contains('/') {
        true => Command::new(std::path::absolute(directory.join(program))?),
        false => Command::new(program),
    };
    command.args(&arguments[1..]).stdin(file).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    if !directory.as_os_str().is_empty() {
        command.current_dir(directory);
    }
    for variable in hidden {
        command.env_remove(variable);
    }
    command.envs(variables.iter().copied()).spawn()
}

/// `None`: it took too long, and was ended.
fn ended(child: &mut Child, patience: Duration) -> io::Result<Option<ExitStatus>> {
    if let Some(status) = waited(child, patience)? {
        return Ok(Some(status));
    }
    signal(child, libc::SIGTERM);
    if waited(child, GRACE)?.is_none() {
        signal(child, libc::SIGKILL);
        child.wait()?;
    }
    Ok(None)
}

fn waited(child: &mut Child, patience: Duration) -> io::Result<Option<ExitStatus>> {
    let until = Instant::now() + patience;
    loop {
        match child.try_wait()? {
            None if Instant::now() < until => thread::sleep(POLL),
            ended => return Ok(ended),
        }
    }
}

/// To its whole group. It was not waited for, so that the number is nobody else's.
fn signal(child: &Child, signal: i32) {
    if let Ok(group) = i32::try_from(child.id()) {
        // SAFETY: kill touches no memory.
        unsafe { libc::kill(-group, signal) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Vec<String> {
        ["sh", "-c", script].map(str::to_owned).to_vec()
    }

    fn run_shell(script: &str, input: &str) -> Result<()> {
        run(&shell(script), Path::new(""), &["HOME".to_owned()], &[("TOLD", "x")], input)
    }

    #[test]
    fn command_gets_its_input_and_variables_and_no_secrets() {
        run_shell("test \"$(cat)\" = '{}' && test \"$TOLD\" = x && test -z \"$HOME\"", "{}").unwrap();
        run_shell("exit 0", &"x".repeat(1 << 20)).unwrap();
        assert!(run_shell("exit 7", "").unwrap_err().summary().contains("exit status: 7"));
        assert!(run(&["no-such-program-here".to_owned()], Path::new(""), &[], &[], "").is_err());
    }

    /// Holds pipeline/herald.rs invariant 2.
    #[test]
    fn command_that_does_not_end_is_ended_with_all_that_it_started() {
        let directory = tempfile::tempdir().unwrap();
        let mut child = started(&shell("sleep 600 & echo $! > child; wait"), directory.path(), &[], &[], "").unwrap();
        let file = directory.path().join("child");
        while std::fs::read_to_string(&file).map_or(true, |text| !text.ends_with('\n')) {
            thread::sleep(POLL);
        }
        assert_eq!(ended(&mut child, Duration::ZERO).unwrap(), None);
        let started: i32 = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
        // Nobody's child any more, it is reaped by another: until then it may still be there as a name.
        // SAFETY: kill with 0 only asks.
        while unsafe { libc::kill(started, 0) } == 0 && !is_dead(started) {
            thread::sleep(POLL);
        }
    }

    fn is_dead(process: i32) -> bool {
        let status = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        status.rsplit(") ").next().is_none_or(|rest| rest.starts_with('Z') || rest.is_empty())
    }
}
