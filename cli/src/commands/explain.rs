//! `lap explain`.

use lapstrake_parser::suggest;

use crate::args::Explain;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::page::{self, Page};
use crate::{output, table};

/// Shows the page of a code, or the list of codes.
pub(crate) fn run(explain: &Explain) -> Result<Exit, Failure> {
    let text = match &explain.code {
        None => list(),
        Some(code) => text(page::of(code).ok_or_else(|| unknown(code))?),
    };
    output::stdout(&text)?;
    Ok(Exit::SUCCESS)
}

fn list() -> String {
    let rows: Vec<[String; 2]> =
        page::all().map(|page| [page.code.to_owned(), page.title().to_owned()]).collect();
    table::table(["CODE", "WHAT IS WRONG"], &rows)
}

fn unknown(code: &str) -> Failure {
    let failure = Failure::new(format!("there is no fault with the code {code}"));
    match suggest(code, page::all().map(|page| page.code)) {
        Some(near) => failure.help(format!("did you mean {near}?")),
        None => failure.help("lap explain lists all codes"),
    }
}

/// The page for a terminal: headings in bold, code indented.
fn text(page: Page) -> String {
    let mut text = String::new();
    let mut is_code = false;
    for line in page.body().lines() {
        match line.strip_prefix("```") {
            Some(_) => is_code = !is_code,
            None if is_code => text += &format!("    {line}\n"),
            None if line.starts_with('#') => {
                let heading = line.trim_start_matches(['#', ' ']);
                text += &format!("\u{1b}[1m{heading}\u{1b}[0m\n");
            }
            None => text += &format!("{line}\n"),
        }
    }
    text
}
