//! What stands in the JSON of every command: which form it has, what was run, when, between which servers, and how it
//! ended. The forms are described in `schemas/`.

use super::quantity::exact_moment;
use serde_json::{Map, Value, json};
use std::io::{self, Write};

/// The form of the documents: raised when a field changes its meaning or goes. That fields are added does not raise it.
pub const SCHEMA: u32 = 1;

/// The run that a document is of.
#[derive(Clone, Debug, Default)]
pub struct Head {
    pub command: String,
    /// Seconds since 1970.
    pub began: i64,
    pub ended: i64,
    /// The servers, as the settings name them.
    pub source: Vec<String>,
    pub destination: Vec<String>,
    /// Of the run; the one that says most of those of its accounts.
    pub exit_status: u8,
    /// Of each account, in their order.
    pub account_statuses: Vec<u8>,
}

/// What a command says of its accounts, and of all together.
pub struct Body {
    pub accounts: Vec<Value>,
    pub further: Map<String, Value>,
}

impl Body {
    /// With these sums.
    pub fn new(accounts: Vec<Value>, totals: Value) -> Body {
        Body { accounts, further: Map::from_iter([("totals".to_owned(), totals)]) }
    }
}

/// The whole document.
pub fn document(head: &Head, body: Body) -> Value {
    let mut whole = top(head, body.further);
    let accounts = body.accounts.into_iter().enumerate().map(|(number, account)| with_status(head, number, account));
    whole.insert("accounts".to_owned(), accounts.collect());
    Value::Object(whole)
}

/// The same, written account by account: what `rest` writes stands at the end of an account, as further fields of it.
///
/// # Errors
/// What `output` and `rest` give.
pub fn write(
    output: &mut dyn Write,
    head: &Head,
    body: Body,
    mut rest: impl FnMut(&mut dyn Write, usize) -> io::Result<()>,
) -> io::Result<()> {
    let top = Value::Object(top(head, body.further)).to_string();
    write!(output, "{},\n\"accounts\":[", opened(&top))?;
    for (number, account) in body.accounts.into_iter().enumerate() {
        let account = with_status(head, number, account).to_string();
        write!(output, "{}\n{}", if number == 0 { "" } else { "," }, opened(&account))?;
        rest(output, number)?;
        output.write_all(b"}")?;
    }
    output.write_all(b"\n]}\n")
}

/// An object of at least one field, to which others are added.
fn opened(object: &str) -> &str {
    object.strip_suffix('}').unwrap_or(object)
}

fn top(head: &Head, further: Map<String, Value>) -> Map<String, Value> {
    let Head { command, began, ended, source, destination, exit_status, account_statuses: _ } = head;
    let fields = [
        ("schema", json!(SCHEMA)),
        ("command", json!(command)),
        ("version", json!(env!("CARGO_PKG_VERSION"))),
        ("began", json!(exact_moment(*began))),
        ("ended", json!(exact_moment(*ended))),
        ("source", json!(source)),
        ("destination", json!(destination)),
        ("exit_status", json!(exit_status)),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(further).collect()
}

fn with_status(head: &Head, number: usize, mut account: Value) -> Value {
    if let Some(status) = head.account_statuses.get(number) {
        account["exit_status"] = json!(status);
    }
    account
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn document_written_account_by_account_is_the_one_that_is_made_whole() {
        let head = Head { command: "verify".to_owned(), account_statuses: vec![8, 0], ..Head::default() };
        let body = || Body::new(vec![json!({ "account": "a" }), json!({ "account": "b" })], json!({ "missing": 1 }));
        let mut written = Vec::new();
        write(&mut written, &head, body(), |output, number| write!(output, ",\"listed\":[{number}]")).unwrap();
        let mut whole = document(&head, body());
        assert_eq!((&whole["accounts"][0]["exit_status"], &whole["schema"]), (&json!(8), &json!(SCHEMA)));
        for number in 0..2 {
            whole["accounts"][number]["listed"] = json!([number]);
        }
        assert_eq!(serde_json::from_slice::<Value>(&written).unwrap(), whole);
    }
}
