//! Tokens: how they are got, how long they serve, and for whom (OAuth 2.0). Not here: how they are sent to a mail server.
//!
//! - [`endpoint`]: forms over HTTPS, and what is refused. [`assertion`]: statements that we sign.
//! - [`flow`]: what each flow asks for. [`jar`]: the tokens of a run, each asked for once.
//! - [`consent`]: what a person does once, in a browser.

pub mod assertion;
pub mod consent;
pub mod endpoint;
pub mod flow;
pub mod jar;
