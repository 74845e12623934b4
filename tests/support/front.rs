//! A server program that serves one user on its standard input and output, behind a front of ours that listens on a port,
//! logs in, and hands the conversation over.
//!
//! The front knows CAPABILITY, LOGIN and AUTHENTICATE PLAIN with an initial response; the program then says that it is
//! logged in (`* PREAUTH`), which the client does not see.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;

use super::base64;

/// Starts the program for a user who is logged in.
pub type Launch = Arc<dyn Fn(&str) -> Command + Send + Sync>;

/// Whether this user, or the master user in their name, has that password.
pub type Doorkeeper = Arc<dyn Fn(&str, &str, &str) -> bool + Send + Sync>;

/// What a front says and does.
#[derive(Clone)]
pub struct Front {
    /// Behind `* OK `.
    pub greeting: String,
    /// `doorkeeper(authorization, authentication, password)`; the first is empty for the user themselves.
    pub doorkeeper: Doorkeeper,
    pub launch: Launch,
}

impl Front {
    /// Listens on a free port until the process ends; returns the port.
    pub fn listen(self) -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let front = self.clone();
                // A client that breaks off is no fault of the front's.
                thread::spawn(move || front.serve(stream));
            }
        });
        port
    }

    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut input = BufReader::new(stream.try_clone()?);
        let mut output = stream;
        write!(output, "* OK {}\r\n", self.greeting)?;
        loop {
            let mut line = String::new();
            if input.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let (tag, command) = line.trim_end().split_once(' ').unwrap_or_default();
            match self.log_in(command) {
                Login::Accepted(user) => return self.hand_over(&user, tag, input, output),
                Login::Refused => write!(output, "{tag} NO Login failed.\r\n")?,
                Login::Goodbye => return write!(output, "* BYE\r\n{tag} OK\r\n"),
                Login::None => write!(output, "* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR\r\n{tag} OK done\r\n")?,
            }
        }
    }

    fn log_in(&self, command: &str) -> Login {
        let words: Vec<&str> = command.split(' ').collect();
        let parts: Vec<String> = match words[..] {
            ["AUTHENTICATE", "PLAIN", response] => {
                let octets = base64::decode_unpadded(response.trim_end_matches('=')).unwrap_or_default();
                octets.split(|octet| *octet == 0).map(|part| String::from_utf8_lossy(part).into_owned()).collect()
            }
            ["LOGIN", user, password] => {
                let bare = |word: &str| word.trim_matches('"').to_owned();
                vec![String::new(), bare(user), bare(password)]
            }
            ["LOGOUT"] => return Login::Goodbye,
            _ => return Login::None,
        };
        match &parts[..] {
            [authorization, authentication, password] if (self.doorkeeper)(authorization, authentication, password) => {
                Login::Accepted(if authorization.is_empty() { authentication } else { authorization }.clone())
            }
            _ => Login::Refused,
        }
    }

    fn hand_over(
        &self,
        user: &str,
        tag: &str,
        mut input: BufReader<TcpStream>,
        mut output: TcpStream,
    ) -> io::Result<()> {
        let mut program = (self.launch)(user).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut to_program = program.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut from_program = BufReader::new(program.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?);
        let mut greeting = String::new();
        while !greeting.starts_with("* PREAUTH") {
            greeting.clear();
            if from_program.read_line(&mut greeting)? == 0 {
                return end(program);
            }
        }
        write!(output, "{tag} OK LOGIN Ok.\r\n")?;
        let back = thread::spawn(move || {
            let copied = pump(&mut from_program, &mut output);
            let _ = output.shutdown(Shutdown::Both);
            copied
        });
        let _ = pump(&mut input, &mut to_program);
        // Closing its input ends the program.
        drop(to_program);
        let _ = back.join();
        end(program)
    }
}

enum Login {
    Accepted(String),
    Refused,
    Goodbye,
    /// Another command.
    None,
}

fn end(mut program: Child) -> io::Result<()> {
    let _ = program.kill();
    program.wait().map(drop)
}

/// Hands octets on as they come.
fn pump(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    let mut buffer = [0; 1 << 16];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(()),
            count => to.write_all(&buffer[..count])?,
        }
    }
}
