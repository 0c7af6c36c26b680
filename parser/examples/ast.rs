//! Prints the tree of each file named as JSON, one document a line.
#![allow(clippy::print_stdout, reason = "an example talks to its user")]

mod shape;

use std::path::Path;

fn main() -> std::io::Result<()> {
    for path in std::env::args().skip(1) {
        let parsed = lapstrake_parser::parse_bytes(&std::fs::read(&path)?);
        let name = Path::new(&path).file_name().unwrap_or_default().to_string_lossy();
        println!("{}", shape::document(&name, &parsed));
    }
    Ok(())
}
