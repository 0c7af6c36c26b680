//! `lap explain`: pages of faults and of the linter's rules.

use lapstrake_parser::suggest;

use crate::args::Explain;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::page;
use crate::{output, table};

/// Shows the page of a code, or the list of codes.
pub(crate) fn run(explain: &Explain) -> Result<Exit, Failure> {
    match &explain.code {
        None => output::stdout(&list())?,
        Some(code) => show(code)?,
    }
    Ok(Exit::SUCCESS)
}

/// Shows the page of a code or rule.
pub(super) fn show(code: &str) -> Result<(), Failure> {
    output::stdout(&text(&body(code)?))
}

/// The list of the linter's rules.
pub(super) fn rules() -> String {
    let rules = lapstrake_linter::all().map(|rule| {
        let presets: Vec<&str> = rule.presets.iter().map(|preset| preset.name()).collect();
        [
            rule.name.to_owned(),
            rule.aliases.join(" "),
            rule.severity.name().to_owned(),
            rule.confidence.name().to_owned(),
            presets.join(" "),
            lapstrake_linter::title(rule).to_owned(),
        ]
    });
    let names = ["RULE", "ALSO", "SEVERITY", "CONFIDENCE", "PRESETS", "WHAT IT WANTS"];
    table::table(names, &rules.collect::<Vec<_>>())
}

/// Whether there is a page of that code or rule.
pub(super) fn is_known(code: &str) -> bool {
    page::of(code).is_some() || lapstrake_linter::rule(code).is_some()
}

/// The page of a code or rule, in Markdown.
pub(super) fn body(code: &str) -> Result<String, Failure> {
    match (page::of(code), lapstrake_linter::rule(code)) {
        (Some(page), _) => Ok(page.body().to_owned()),
        (None, Some(rule)) => Ok(lapstrake_linter::page(rule)),
        (None, None) => Err(unknown(code)),
    }
}

fn list() -> String {
    let faults = page::all().map(|page| [page.code.to_owned(), page.title().to_owned()]);
    let faults = table::table(["CODE", "WHAT IS WRONG"], &faults.collect::<Vec<_>>());
    let rules = rules();
    format!("{faults}\n{rules}")
}

fn unknown(code: &str) -> Failure {
    let failure = Failure::new(format!("there is no fault with the code {code}"));
    let rules = lapstrake_linter::all().map(|rule| rule.name);
    match suggest(code, page::all().map(|page| page.code).chain(rules)) {
        Some(near) => failure.help(format!("did you mean {near}?")),
        None => failure.help("lap explain lists all codes"),
    }
}

/// The page for a terminal: headings in bold, code indented.
fn text(page: &str) -> String {
    let mut text = String::new();
    let mut is_code = false;
    for line in page.lines() {
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
