//! `lap ast`: how Dockerfiles are understood, for programs.

mod tree;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::args::Ast;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;

/// A Dockerfile that is larger is none.
const LIMIT: u64 = 16 << 20;

/// Prints the tree of each file as JSON, one document a line. One that cannot be read is told, and
/// the others are printed.
pub(crate) fn run(ast: &Ast) -> Result<Exit, Failure> {
    let mut exit = Exit::SUCCESS;
    for path in &ast.files {
        match read(path) {
            Ok(bytes) => {
                let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
                let parsed = lapstrake_parser::parse_bytes(&bytes);
                output::stdout(&format!("{}\n", tree::document(&name, &parsed)))?;
            }
            Err(error) => {
                let failure = Failure::new(format!("cannot read {}", path.display()));
                output::stderr(&failure.because(&error).text());
                exit = Exit::FAILED;
            }
        }
    }
    Ok(exit)
}

/// The content of a file; `-` is standard input.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let size = match path.to_str() {
        Some("-") => io::stdin().lock().take(LIMIT + 1).read_to_end(&mut bytes)?,
        _ => File::open(path)?.take(LIMIT + 1).read_to_end(&mut bytes)?,
    };
    match size as u64 > LIMIT {
        true => Err(io::Error::other(format!("it is larger than {} MiB", LIMIT >> 20))),
        false => Ok(bytes),
    }
}
