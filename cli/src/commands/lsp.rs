//! `lap lsp`: the language server, and what it may know of this machine.

use std::io::{self, BufReader};
use std::path::Path;

use lapstrake_linter::Day;
use lapstrake_lsp::{End, Rules, Workspace, serve};

use super::input::Input;
use super::{explain, lint};
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

    fn page(&self, code: &str) -> Option<String> {
        explain::body(code).ok()
    }
}
