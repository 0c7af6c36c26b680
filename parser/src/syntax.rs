//! Which frontend a file asks for (A2.4).
//!
//! BuildKit fetches an image and lets it read the file. Here nothing is fetched: the frontend of the
//! language itself is built in, under all its names, and of any other one the author is told.

use crate::diagnostic::Diagnostic;
use crate::directive::name_and_value;
use crate::span::{Span, Spanned};
use nom::Parser;
use nom::bytes::complete::{tag, take_till, take_until};
use nom::character::complete::{char, multispace0};
use nom::sequence::{delimited, preceded};

/// The frontends of the language, without registry, tag and digest: a registry in front of them is
/// taken for a mirror.
const OWN: [&str; 2] = ["docker/dockerfile", "docker/dockerfile-upstream"];

/// True if the image is a frontend of this language, so that nothing else is asked for.
pub fn is_own(image: &str) -> bool {
    let name = image.split('@').next().unwrap_or(image);
    let name = match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => name,
    };
    OWN.iter().any(|own| {
        name.strip_suffix(own).is_some_and(|front| front.is_empty() || front.ends_with('/'))
    })
}

/// What to say of an image that is not [`is_own`].
pub(crate) fn foreign(image: &str, span: Span) -> Option<Diagnostic> {
    if is_own(image) {
        return None;
    }
    let message = format!("the frontend `{image}` is not run");
    let help = "the file is read as a plain Dockerfile: what the frontend adds to the language does \
                not work; take the line out if it adds nothing";
    Some(Diagnostic::warning("foreign-syntax", span, message).with_help(help))
}

/// What asks for a frontend and is no comment of a Dockerfile: `// syntax=image` lines at the top, and
/// `{"syntax": "image"}`. Such a file is for another frontend.
pub(crate) fn elsewhere(source: &str) -> Option<Spanned<String>> {
    let text = behind_interpreter(source.trim_start_matches('\u{feff}'));
    let (image, rest) = match text.trim_start().starts_with('{') {
        true => in_json(text)?,
        false => in_comments(text)?,
    };
    // Both are tails of the source.
    let start = source.len() - rest.len();
    Some(Spanned::new(image.to_owned(), Span::new(start, start + image.len())))
}

/// The text without a first line such as `#!/usr/bin/env lap`.
pub(crate) fn behind_interpreter(text: &str) -> &str {
    match text.strip_prefix("#!") {
        Some(_) => text.split_once('\n').map_or("", |(_, rest)| rest),
        None => text,
    }
}

/// The image, and the text from it on.
fn in_comments(text: &str) -> Option<(&str, &str)> {
    let mut rest = text;
    loop {
        let body = rest.strip_prefix("//")?.trim_start_matches([' ', '\t']);
        let line = body.lines().next().unwrap_or_default();
        let (name, value) = name_and_value(line)?;
        if name.eq_ignore_ascii_case("syntax") {
            let tail = body.get(line.len() - value.len()..)?;
            return Some((value.split(' ').next()?, tail));
        }
        let is_directive = ["check", "escape"].iter().any(|known| name.eq_ignore_ascii_case(known));
        if !is_directive {
            return None;
        }
        rest = body.split_once('\n')?.1;
    }
}

/// As [`in_comments`]. Not a whole reader of JSON: the first key of that name counts.
fn in_json(text: &str) -> Option<(&str, &str)> {
    let key = (take_until("\"syntax\""), tag("\"syntax\""));
    let equals = delimited(multispace0, char(':'), multispace0);
    let parsed: nom::IResult<&str, _> = preceded((key, equals), char('"')).parse(text);
    let (rest, _) = parsed.ok()?;
    let parsed: nom::IResult<&str, &str> = take_till(|c| c == '"' || c == '\n').parse(rest);
    let (_, image) = parsed.ok()?;
    (!image.is_empty()).then_some((image, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_has_several_names() {
        for own in [
            "docker/dockerfile",
            "docker/dockerfile:1",
            "docker/dockerfile:1.7-labs",
            "docker.io/docker/dockerfile:1@sha256:aa",
            "docker/dockerfile-upstream:master",
            "mirror.example:5000/hub/docker/dockerfile",
            "localhost:5000/docker/dockerfile:1",
        ] {
            assert!(is_own(own), "{own}");
        }
        for other in ["mydocker/dockerfile", "dockerfile", "docker/dockerfile/x", "r2d4/mocker", ""]
        {
            assert!(!is_own(other), "{other}");
        }
    }

    #[test]
    fn other_files_ask_in_other_ways() {
        let asks = |source: &str| {
            let found = elsewhere(source)?;
            assert_eq!(source.get(found.span.range()), Some(found.value.as_str()), "{source}");
            Some(found.value)
        };
        let asked = Some("a/b:1".to_owned());
        assert_eq!(asks("// syntax=a/b:1\n"), asked);
        assert_eq!(asks("\u{feff}//escape=`\r\n//  SYNTAX = a/b:1 more\r\nx"), asked);
        assert_eq!(asks("#!/bin/x\n// syntax=a/b:1"), asked);
        assert_eq!(asks("{\"a\": 1,\n \"syntax\" : \"a/b:1\"}"), asked);
        assert_eq!(asks("#!/bin/x\n{\"syntax\":\"a/b:1\"}"), asked);
        for none in ["", "FROM a", "// hello\n// syntax=a", "\n// syntax=a", "{\"syntax\":1}", "{"]
        {
            assert_eq!(asks(none), None, "{none}");
        }
    }
}
