//! What can be said with `mailferry login`.

use crate::model::Side;
use clap::Args;

#[derive(Args, Debug)]
pub struct LoginArguments {
    /// The account
    #[arg(value_name = "ACCOUNT")]
    pub account: String,

    /// Only on this side [default: those whose settings want it]
    #[arg(long, value_name = "SIDE", value_parser = side)]
    pub side: Option<Side>,

    /// By a code that is typed into a page on any device
    #[arg(long, conflicts_with = "browser")]
    pub device: bool,

    /// By a browser on this machine
    #[arg(long)]
    pub browser: bool,
}

fn side(text: &str) -> Result<Side, String> {
    let found = Side::BOTH.into_iter().find(|side| side.to_string() == text);
    found.ok_or_else(|| "either `source` or `destination`".to_owned())
}
