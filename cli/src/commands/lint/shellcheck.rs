//! `--shellcheck`: what the installed ShellCheck says of the text of RUN.
//!
//! All texts of all files are handed to one process for each processor, as files of a folder that goes away. What is
//! built in is not asked for.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Output};

use lapstrake_linter::{Foreign, ShellScript};
use lapstrake_parser::{Diagnostic, Position, Severity};
use rayon::iter::{
    IndexedParallelIterator as _, IntoParallelIterator as _, IntoParallelRefIterator as _,
    ParallelIterator as _,
};
use rayon::slice::ParallelSlice as _;
use serde::Deserialize;

use super::file::{self, Linted, Task};
use super::usage;
use crate::diagnostics::Source;
use crate::failure::Failure;

/// How many texts a process is given at most: their names have to fit into its arguments.
const MOST: usize = 1_000;

/// Codes that say nothing here: that ash is taken for dash, and that sourced files are not there.
const SENSELESS: [u32; 3] = [1090, 1091, 2187];

/// A file that has been read, with what is wrong with its bytes.
type Read = Result<(Source, Option<Diagnostic>), Failure>;

/// A text with the number of its file.
type Text = (usize, ShellScript);

/// Lints the files, ShellCheck included.
///
/// # Errors
/// When there is no ShellCheck, or it does not do what it is asked to.
pub(super) fn lint(tasks: &[Task<'_>]) -> Result<Vec<Result<Linted, Failure>>, Failure> {
    let read: Vec<Read> = tasks.par_iter().map(file::read).collect();
    let texts: Vec<Text> = read.iter().enumerate().flat_map(|(at, read)| texts(at, read)).collect();
    let size = texts.len().div_ceil(rayon::current_num_threads().max(1)).clamp(1, MOST);
    let said: Result<Vec<_>, Failure> = texts.par_chunks(size).map(ask).collect();
    let mut foreign: Vec<Vec<Foreign>> = tasks.iter().map(|_| Vec::new()).collect();
    for (at, one) in said?.into_iter().flatten() {
        if let Some(list) = foreign.get_mut(at) {
            list.push(one);
        }
    }
    let all = read.into_par_iter().zip(foreign).zip(tasks);
    let looked = all.map(|((read, foreign), task)| {
        let (source, undecodable) = read?;
        Ok(file::look(source, undecodable, task, &foreign))
    });
    Ok(looked.collect())
}

/// The texts of a file. A file with faults of the syntax has none: what its RUNs are is not sure.
fn texts(at: usize, read: &Read) -> Vec<Text> {
    let Ok((source, _)) = read else { return Vec::new() };
    let parsed = lapstrake_parser::parse(source.text());
    if parsed.diagnostics.iter().any(|one| one.severity == Severity::Error) {
        return Vec::new();
    }
    let scripts = lapstrake_linter::shell_scripts(source.text(), &parsed.dockerfile);
    scripts.into_iter().map(|script| (at, script)).collect()
}

/// What ShellCheck writes (`json1`).
#[derive(Deserialize)]
struct Said {
    comments: Vec<Comment>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Comment {
    file: String,
    line: u32,
    column: u32,
    end_line: u32,
    end_column: u32,
    level: String,
    code: u32,
    message: String,
}

/// Hands texts to ShellCheck.
fn ask(texts: &[Text]) -> Result<Vec<(usize, Foreign)>, Failure> {
    let folder = tempfile::tempdir().map_err(|error| {
        usage(Failure::new("cannot make a folder for the texts of shellcheck").because(&error))
    })?;
    for (number, (_, script)) in texts.iter().enumerate() {
        fs::write(folder.path().join(number.to_string()), &script.input).map_err(|error| {
            usage(Failure::new("cannot write a text for shellcheck").because(&error))
        })?;
    }
    let answer = start(folder.path(), texts.len())?;
    let failed = || {
        let text = String::from_utf8_lossy(&answer.stderr);
        let first = text.lines().next().unwrap_or("it says nothing");
        let failure = Failure::new(format!("shellcheck ended with {}: {first}", answer.status));
        failure.help("version 0.7 or later is needed")
    };
    // With more it has not looked at everything (shellcheck(1), "Return values").
    if !matches!(answer.status.code(), Some(0 | 1)) {
        return Err(usage(failed()));
    }
    let said: Said =
        serde_json::from_slice(&answer.stdout).map_err(|error| usage(failed().because(&error)))?;
    let found = said.comments.into_iter().filter_map(|comment| {
        let number: usize = comment.file.parse().ok()?;
        let (at, script) = texts.get(number)?;
        Some((*at, foreign(comment, script)?))
    });
    Ok(found.collect())
}

fn start(folder: &Path, texts: usize) -> Result<Output, Failure> {
    let excluded = SENSELESS.map(|code| code.to_string()).join(",");
    let mut command = Command::new("shellcheck");
    command.current_dir(folder).env_remove("SHELLCHECK_OPTS");
    command.args(["--norc", "--format=json1"]).arg(format!("--exclude={excluded}"));
    command.args((0..texts).map(|number| number.to_string()));
    command.output().map_err(|error| {
        usage(if error.kind() == ErrorKind::NotFound {
            let failure = Failure::new("`--shellcheck` needs shellcheck, which is not installed");
            failure.help("install it (`apt-get install shellcheck`), or leave the flag away")
        } else {
            Failure::new("cannot run shellcheck").because(&error)
        })
    })
}

/// A finding at its place in the file; nothing if that is built in.
fn foreign(comment: Comment, script: &ShellScript) -> Option<Foreign> {
    if lapstrake_linter::rule(&format!("SC{}", comment.code)).is_some() {
        return None;
    }
    let start = Position { line: comment.line, column: comment.column };
    let end = Position { line: comment.end_line, column: comment.end_column };
    let severity = match comment.level.as_str() {
        "error" => Severity::Error,
        "warning" => Severity::Warning,
        _ => Severity::Info,
    };
    Some(Foreign {
        number: comment.code,
        severity,
        message: comment.message.trim_end_matches(['.', ' ']).to_owned(),
        span: script.span(start, end)?,
        owner: script.owner,
    })
}
