//! Findings in any number of files, in the forms that other tools read.
//!
//! - [`sarif`]: for code scanning. [`codeclimate`]: for GitLab and Code Climate. [`rdjson`]: for reviewdog.
//! - [`sonarqube`]: for SonarQube. [`codacy`]: for Codacy. [`markdown`]: for people, in comments. [`gnu`]: for editors.
//! - [`checkstyle`], [`junit`]: for what shows results of tests; [`xml`] is what both are written in.

mod checkstyle;
mod codacy;
mod codeclimate;
mod gnu;
mod junit;
mod markdown;
mod rdjson;
mod sarif;
mod sonarqube;
mod xml;

use lapstrake_parser::Diagnostic;

use super::json::Finding;
use super::source::Source;
use crate::page;

pub(crate) use checkstyle::checkstyle;
pub(crate) use codacy::codacy;
pub(crate) use codeclimate::{codeclimate, fingerprints, gitlab};
pub(crate) use gnu::gnu;
pub(crate) use junit::junit;
pub(crate) use markdown::markdown;
pub(crate) use rdjson::{rdjson, rdjsonl};
pub(crate) use sarif::sarif;
pub(crate) use sonarqube::sonarqube;

/// What the tool is called, and where it is described.
const TOOL: &str = "lap lint";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A file that was looked at, and what was found in it.
pub(crate) struct Report<'a> {
    pub(crate) source: &'a Source,
    pub(crate) findings: Vec<Finding<'a>>,
}

/// All findings.
fn findings<'r>(reports: &'r [Report<'r>]) -> impl Iterator<Item = &'r Finding<'r>> {
    reports.iter().flat_map(|report| &report.findings)
}

/// The message with its causes, on one line.
fn message(diagnostic: &Diagnostic) -> String {
    let parts = std::iter::once(&diagnostic.message).chain(&diagnostic.causes);
    parts.map(String::as_str).collect::<Vec<_>>().join(": ")
}

/// The message, and what can be done.
fn message_and_help(diagnostic: &Diagnostic) -> String {
    match &diagnostic.help {
        Some(help) => format!("{}\n{help}", message(diagnostic)),
        None => message(diagnostic),
    }
}

/// What the rule or fault of a code is about.
fn title(code: &str) -> String {
    match lapstrake_linter::rule(code) {
        Some(rule) => lapstrake_linter::title(rule).to_owned(),
        None => page::of(code).map_or(code, |page| page.title()).to_owned(),
    }
}

#[cfg(test)]
mod tests;
