//! Fifty accounts on two private servers, six of which fail in six ways, and settings for all of them: to walk through what one
//! who looks after many accounts sees.
//!
//! ```text
//! fifty_accounts DIR
//! ```
//!
//! Prints what to type first, and runs until stdin ends; nothing but DIR outlives it.

#[path = "../tests/support/mod.rs"]
mod support;

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use support::fifty::Fifty;

fn main() -> ExitCode {
    let Some(directory) = std::env::args().nth(1).map(PathBuf::from) else {
        eprintln!("usage: fifty_accounts DIR");
        return ExitCode::FAILURE;
    };
    std::fs::create_dir_all(&directory).expect("make the directory");
    let fifty = Fifty::start(Some(directory.clone()));
    std::fs::write(directory.join("mailferry.toml"), fifty.ferry.settings()).expect("write the settings");
    println!("cd {}", directory.display());
    for (name, value) in fifty.ferry.variables() {
        println!("export {name}={value}");
    }
    println!("mailferry sync");
    let _ = io::stdout().flush();
    let _ = io::stdin().read_to_end(&mut Vec::new());
    ExitCode::SUCCESS
}
