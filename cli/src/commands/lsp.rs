//! `lap lsp`: the language server, and what it may know of this machine.

use std::fs;
use std::io::{self, BufReader};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use lapstrake_linter::Day;
use lapstrake_lsp::{ContextEntry, End, Rules, Workspace, serve};

use super::input::Input;
use super::{build, explain, lint};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;

/// Serves the editor at the other end of standard input and output.
pub(crate) fn run() -> Result<Exit, Failure> {
    let served = serve(BufReader::new(io::stdin()), output::raw_stdout(), &Machine);
    match served.map_err(|error| Failure::of_writing(&error))? {
        End::Orderly => Ok(Exit::SUCCESS),
        End::Early => Ok(Exit::FAILED),
    }
}

/// This machine.
struct Machine;

impl Workspace for Machine {
    fn rules(&self, dockerfile: Option<&Path>) -> (Rules, Option<String>) {
        let input = dockerfile.map_or(Input::Stdin, |path| Input::File(path.to_owned()));
        match lint::rules(&input) {
            Ok((rules, policy)) => (Rules { rules, policy }, None),
            Err(failure) => {
                let text = failure.text();
                output::stderr(&text);
                let what = text.trim_start_matches("error: ").lines().next().unwrap_or_default();
                let what = if what.is_empty() { "the configuration has faults" } else { what };
                let message = format!("lap: {what}; until it is mended, the usual rules look");
                (Rules { rules: lint::usual_rules(), ..Rules::default() }, Some(message))
            }
        }
    }

    fn today(&self) -> Option<Day> {
        lint::today()
    }

    fn context(&self, dockerfile: &Path, folder: &str) -> Vec<ContextEntry> {
        let context = dockerfile.parent().unwrap_or(Path::new("/"));
        entries(dockerfile, context, folder).unwrap_or_default()
    }

    fn page(&self, code: &str) -> Option<String> {
        explain::body(code).ok()
    }
}

/// The most entries of a folder that are looked at: nobody reads as many.
const MOST_ENTRIES: usize = 2_000;

/// What lies in a folder of a context, sorted. Nothing above the context is looked at.
fn entries(dockerfile: &Path, context: &Path, folder: &str) -> io::Result<Vec<ContextEntry>> {
    let context = fs::canonicalize(context)?;
    // An ignore file with a fault is for the build to tell.
    let ignore = build::ignore(dockerfile, &context).unwrap_or_default();
    let folder = fs::canonicalize(context.join(folder.trim_start_matches('/')))?;
    let Ok(inside) = folder.strip_prefix(&context) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for entry in fs::read_dir(&folder)?.take(MOST_ENTRIES) {
        let entry = entry?;
        let path = inside.join(entry.file_name());
        let path = path.as_os_str().as_bytes();
        let is_folder = entry.path().is_dir();
        let is_left_out = if is_folder { ignore.can_prune(path) } else { ignore.matches(path) };
        if let Ok(name) = entry.file_name().into_string()
            && !is_left_out
        {
            found.push(ContextEntry { name, is_folder });
        }
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}
