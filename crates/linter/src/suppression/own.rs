//! `# lap: ignore=RULE,… [until=YYYY-MM-DD] REASON`: ours.

use lapstrake_parser::{Dockerfile, Span, suggest};

use super::{Dialect, Place, Suppression, comment_lines, list};
use crate::day::Day;
use crate::subject::Subject;

/// Adds what our comments silence; to `faults` those that are not understood.
pub(super) fn read<'a>(
    subject: &Subject<'a>,
    all: &mut Vec<Suppression<'a>>,
    faults: &mut Vec<(Span, String)>,
) {
    let (source, dockerfile) = (subject.source, subject.dockerfile);
    if !source.contains("lap:") {
        return;
    }
    let heredocs = dockerfile.instructions.iter().flat_map(|one| &one.heredocs);
    let bodies: Vec<Span> = heredocs.map(|heredoc| heredoc.body).collect();
    for (Span { start: at, end: behind }, line) in comment_lines(source) {
        let is_text = || bodies.iter().any(|body| body.range().contains(&at));
        let Some(words) = words(line).filter(|_| !is_text()) else { continue };
        let comment = at + line.len() - line.trim_start().len();
        let comment = Span::new(comment, comment + line.trim().len());
        let words_at = at + line.len() - words.len();
        match read_one(words) {
            Ok((names, end)) => {
                let is_over = |end: &Day| subject.known.today.is_some_and(|today| today > *end);
                let place = match end.filter(is_over) {
                    Some(end) => Place::Ended(end),
                    None => place(source, dockerfile, behind),
                };
                let blanks = words.len() - words.trim_start().len();
                let names = list(names, words_at + blanks + IGNORE.len());
                let dialect = Dialect::Lapstrake;
                all.push(Suppression { dialect, comment, names, is_for_all: false, place });
            }
            Err(fault) => faults.push((comment, fault)),
        }
    }
}

const IGNORE: &str = "ignore=";
const UNTIL: &str = "until=";

/// What stands behind `# lap:`.
fn words(line: &str) -> Option<&str> {
    line.trim_start().strip_prefix('#')?.trim_start().strip_prefix("lap:")
}

/// The list of names, and the day that is the last.
fn read_one(words: &str) -> Result<(&str, Option<Day>), String> {
    let words = words.trim();
    let Some(rest) = words.strip_prefix(IGNORE) else {
        let word = words.split(['=', ' ', '\t']).next().unwrap_or_default();
        let near = suggest(word, ["ignore"]).map(|_| "; did you mean `ignore=`?");
        return Err(format!("`{word}` is not known here{}", near.unwrap_or_default()));
    };
    let (names, rest) = rest.split_at(end_of_list(rest));
    if names.split(',').all(|name| name.trim().is_empty()) {
        return Err("the comment names no rule".to_owned());
    }
    let until = rest.split_whitespace().find_map(|word| word.strip_prefix(UNTIL));
    match until.map(|text| (text, Day::parse(text))) {
        None => Ok((names, None)),
        Some((_, Some(day))) => Ok((names, Some(day))),
        Some((text, None)) => Err(format!("`{text}` is no day; write it as `2026-01-31`")),
    }
}

/// Where the list ends: at the first blank that is not behind a comma.
fn end_of_list(text: &str) -> usize {
    let mut is_open = false;
    for (at, c) in text.char_indices() {
        match c {
            ',' => is_open = true,
            c if c.is_whitespace() && !is_open => return at,
            c if !c.is_whitespace() => is_open = false,
            _ => {}
        }
    }
    text.len()
}

/// What a comment holds for that ends at `end`.
fn place<'a>(source: &str, dockerfile: &Dockerfile, end: usize) -> Place<'a> {
    let around = dockerfile.instructions.iter().find(|one| one.span.range().contains(&end));
    if let Some(one) = around.filter(|one| one.span.start < end) {
        return Place::Inside(one.span.start..one.span.end + 1);
    }
    let Some((at, below)) =
        dockerfile.instructions.iter().enumerate().find(|(_, one)| one.span.start >= end)
    else {
        return Place::Nothing;
    };
    let between = source.get(end..below.span.start).unwrap_or_default();
    // The last piece is what stands in front of the instruction's name.
    let lines = between.split('\n').rev().skip(1);
    let is_apart = lines.into_iter().any(|line| line.trim().is_empty());
    match at {
        0 if is_apart => Place::File,
        _ => Place::Inside(below.span.start..below.span.end + 1),
    }
}
