//! Parser directives: `# key=value` at the top of the file (A2).

use crate::check::CheckOptions;
use crate::diagnostic::Diagnostic;
use crate::physical::{PhysicalLine, PhysicalLines};
use crate::span::{Span, Spanned};
use crate::syntax;
use nom::bytes::complete::take_while;
use nom::character::complete::{char, satisfy};
use nom::combinator::recognize;
use nom::sequence::{delimited, pair, terminated};
use nom::{IResult, Parser};

/// One parser directive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    /// The name as written.
    pub name: Spanned<String>,
    /// The value, without blanks around.
    pub value: Spanned<String>,
    /// What it says.
    pub kind: DirectiveKind,
    /// The whole line without its ending.
    pub span: Span,
}

/// What a parser directive says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectiveKind {
    /// `escape`: the escape character.
    Escape(char),
    /// `syntax`: the image of a frontend. Lapstrake has its own and never runs another.
    Syntax(String),
    /// `check`: options of the linter.
    Check(CheckOptions),
}

impl Directive {
    /// The image, if this is the `syntax` directive.
    pub(crate) const fn syntax(&self) -> Option<&Spanned<String>> {
        match self.kind {
            DirectiveKind::Syntax(_) => Some(&self.value),
            _ => None,
        }
    }

    /// Whether a directive may have that name.
    pub(crate) fn is_name(name: &str) -> bool {
        NAMES.iter().any(|known| known.eq_ignore_ascii_case(name))
    }

    const fn slot(&self) -> usize {
        match self.kind {
            DirectiveKind::Escape(_) => 0,
            DirectiveKind::Syntax(_) => 1,
            DirectiveKind::Check(_) => 2,
        }
    }
}

const NAMES: [&str; 3] = ["escape", "syntax", "check"];

/// Reads the directives. Leaves `lines` in front of the first line that is none.
///
/// A line with an unknown key ends them and is a comment. A second directive of one name is a
/// fault; the first holds. Behind a first line such as `#!/usr/bin/env lap` they are comments, of which
/// `syntax` and `check` hold all the same.
pub(crate) fn directives(
    lines: &mut PhysicalLines<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Directive> {
    let mut found: Vec<Directive> = Vec::new();
    let mut ahead = lines.clone();
    let is_script = lines.clone().next().is_some_and(|line| line.raw.starts_with("#!"));
    if is_script {
        ahead.next();
    }
    while let Some(directive) = ahead.next().and_then(|line| directive(&line, diagnostics)) {
        if !is_script {
            lines.clone_from(&ahead);
        } else if matches!(directive.kind, DirectiveKind::Escape(_)) {
            continue;
        }
        match found.iter().find(|earlier| earlier.slot() == directive.slot()) {
            Some(earlier) => diagnostics.push(duplicate(earlier, &directive)),
            None => found.push(directive),
        }
    }
    found
}

fn directive(line: &PhysicalLine<'_>, diagnostics: &mut Vec<Diagnostic>) -> Option<Directive> {
    let text = line.text();
    let body = text.trim_start().strip_prefix('#')?.trim_start();
    let (name, value) = name_and_value(body)?;
    let place = |part: &str, behind: usize| {
        let end = line.start + text.len() - behind;
        Spanned::new(part.to_owned(), Span::new(end - part.len(), end))
    };
    let name_place = place(name, body.len() - name.len());
    let value_place = place(value.trim_end(), value.len() - value.trim_end().len());
    let kind = match name.to_ascii_lowercase().as_str() {
        "escape" => escape(&value_place, diagnostics),
        "syntax" => syntax(&value_place, diagnostics),
        "check" => {
            let value = first_word(&value_place.value);
            let (options, faults) = CheckOptions::parse(value, value_place.span.start);
            diagnostics.extend(faults);
            DirectiveKind::Check(options)
        }
        _ => return None,
    };
    let indent = text.len() - text.trim_start().len();
    let span = Span::new(line.start + indent, line.start + text.len());
    Some(Directive { name: name_place, value: value_place, kind, span })
}

/// Splits `key = value`; the key is letters and digits, the value is not empty.
pub(crate) fn name_and_value(text: &str) -> Option<(&str, &str)> {
    let (value, name) = key_and_equals(text).ok()?;
    if value.is_empty() { None } else { Some((name, value)) }
}

fn key_and_equals(text: &str) -> IResult<&str, &str> {
    let letter = satisfy(|c| c.is_ascii_alphabetic());
    let key = recognize(pair(letter, take_while(|c: char| c.is_ascii_alphanumeric())));
    let blanks = || take_while(|c: char| c.is_ascii_whitespace());
    terminated(key, delimited(blanks(), char('='), blanks())).parse(text)
}

fn escape(value: &Spanned<String>, diagnostics: &mut Vec<Diagnostic>) -> DirectiveKind {
    match value.value.as_str() {
        "\\" => DirectiveKind::Escape('\\'),
        "`" => DirectiveKind::Escape('`'),
        other => {
            let message = format!("`{other}` cannot be the escape character");
            diagnostics.push(
                Diagnostic::error("invalid-escape-directive", value.span, message)
                    .with_help("the escape character is \\ or `"),
            );
            DirectiveKind::Escape('\\')
        }
    }
}

fn syntax(value: &Spanned<String>, diagnostics: &mut Vec<Diagnostic>) -> DirectiveKind {
    let image = first_word(&value.value);
    diagnostics.extend(syntax::foreign(image, value.span));
    DirectiveKind::Syntax(image.to_owned())
}

/// What counts of the value of `syntax` and `check`: behind a blank there may be a remark.
fn first_word(value: &str) -> &str {
    value.split(' ').next().unwrap_or_default()
}

fn duplicate(earlier: &Directive, directive: &Directive) -> Diagnostic {
    let name = directive.name.value.to_ascii_lowercase();
    let message = format!("the directive `{name}` is given twice");
    Diagnostic::error("duplicate-directive", directive.span, message)
        .with_label(earlier.span, "first given here")
}
