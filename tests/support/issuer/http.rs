//! HTTP/1.1 as far as a token endpoint has it: POSTs of forms, one answer each.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

pub type Form = BTreeMap<String, String>;

pub struct Request {
    pub path: String,
    pub form: Form,
}

/// What is answered, and how.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
    /// Waited before anything is said.
    pub delay: Duration,
    /// So much of the body is said, and then the connection ends.
    pub cut_after: Option<usize>,
}

impl Reply {
    pub fn text(kind: &str, body: &str) -> Reply {
        let headers = vec![("Content-Type", kind.to_owned())];
        Reply { status: 200, headers, body: body.to_owned(), delay: Duration::ZERO, cut_after: None }
    }

    pub fn json(body: &Value) -> Reply {
        Reply::text("application/json", &body.to_string())
    }

    /// 400 with that code.
    pub fn refusal(code: &str) -> Reply {
        let body = json!({"error": code, "error_description": format!("words about {code}\r\nTrace ID: 1")});
        Reply { status: 400, ..Reply::json(&body) }
    }

    pub fn with_status(self, status: u16) -> Reply {
        Reply { status, ..self }
    }

    pub fn with_header(mut self, name: &'static str, value: &str) -> Reply {
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// The next request; `None` at the end.
pub fn read(stream: &mut impl Read) -> io::Result<Option<Request>> {
    let mut input = BufReader::new(stream);
    let mut line = String::new();
    if input.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut length = 0;
    loop {
        let mut header = String::new();
        input.read_line(&mut header)?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    input.read_exact(&mut body)?;
    let form = url::form_urlencoded::parse(&body).into_owned().collect();
    Ok(Some(Request { path, form }))
}

pub fn write(stream: &mut impl Write, reply: &Reply) -> io::Result<()> {
    thread::sleep(reply.delay);
    let length = reply.body.len();
    let mut head = format!("HTTP/1.1 {} told\r\nContent-Length: {length}\r\n", reply.status);
    reply.headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    let said = reply.cut_after.unwrap_or(length).min(length);
    stream.write_all(&reply.body.as_bytes()[..said])?;
    stream.flush()?;
    if reply.cut_after.is_some() { Err(io::ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
}
