//! `lap ast`: how Dockerfiles are understood, for programs.

mod tree;

use std::fs::File;
use std::io;
use std::path::Path;

use lapstrake_parser::Severity;

use super::build::{Faults, read};
use crate::args::Ast;
use crate::diagnostics::{Format, Source};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::progress::Mode;

/// Prints the tree of each file as JSON, one document a line. One that cannot be read, or that is
/// faulty, is told, and the others are printed.
pub(crate) fn run(ast: &Ast) -> Result<Exit, Failure> {
    let mut exit = Exit::SUCCESS;
    for path in &ast.files {
        if let Err(failure) = show(path) {
            output::stderr(&failure.text());
            exit = Exit::FAILED;
        }
    }
    Ok(exit)
}

/// Prints the document of a file on standard output, and its faults on standard error.
fn show(path: &Path) -> Result<(), Failure> {
    let bytes = content(path)?;
    let (source, undecodable) = Source::read(&path.display().to_string(), &bytes);
    let parsed = lapstrake_parser::parse(source.text());
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    output::stdout(&format!("{}\n", tree::document(&name, &parsed)))?;
    let mut faults = parsed.diagnostics;
    faults.extend(undecodable);
    faults.retain(|fault| fault.severity == Severity::Error);
    Faults::new(&source, Format::Human, Mode::Plain).tell(faults)
}

/// The content of a file; `-` is standard input.
fn content(path: &Path) -> Result<Vec<u8>, Failure> {
    let shown = path.display().to_string();
    match path.to_str() {
        Some("-") => read(io::stdin().lock(), "standard input"),
        _ => {
            let cannot = |error| Failure::new(format!("cannot read {shown}")).because(&error);
            read(File::open(path).map_err(cannot)?, &shown)
        }
    }
}
