//! # What is fetched is for the platform that is built
//!
//! A file that is built for several platforms, as its `TARGETARCH`, `TARGETPLATFORM` or `BUILDPLATFORM` says, or a bake file, compose file or
//! pipeline that builds it, fetches programs for one of them by a URL with `amd64`, `x86_64`, `arm64` or `aarch64` in it: images for the others get programs that do not run. Looks at the URLs of
//! RUN and ADD. Quiet where the RUN asks for the architecture itself, by `uname -m` for instance, names another one, or a variable
//! of it; where it branches; and in stages of one `--platform` that is written out.
//!
//! Where the last build was made here, its times count as well: a RUN of a compiler that can compile for other machines, which
//! took more than half a minute because the stage is for another one than this, and ran emulated.
//!
//! ```dockerfile
//! FROM debian:12
//! ARG TARGETARCH
//! RUN curl -fsSLo /bin/one "https://example.com/one-$TARGETARCH"
//! RUN curl -fsSLo /bin/two https://example.com/two-amd64
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! ARG TARGETARCH
//! RUN curl -fsSLo /bin/one "https://example.com/one-$TARGETARCH"
//! RUN curl -fsSLo /bin/two "https://example.com/two-$TARGETARCH"
//! ```
//!
//! **Fix**: none: how the server calls the other architectures is for the author to find out.

use std::time::Duration;

use lapstrake_oci::Platform;
use lapstrake_parser::{Instruction, InstructionKind, Keyword, Severity, Span, Stage};

use crate::amount;
use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::run::Run;
use crate::shell::Command;
use crate::subject::Subject;

pub(super) static RULE: Rule = Rule::own("arch-hard-coded", Severity::Warning, Check::File(check))
    .confident(Confidence::Medium);

/// Variables of a file that is for several platforms.
const PLATFORM: [&str; 5] =
    ["TARGETARCH", "TARGETPLATFORM", "TARGETVARIANT", "BUILDPLATFORM", "BUILDARCH"];

/// Architectures by the names that they have in URLs.
const NAMES: [Named; 5] = [
    ("amd64", "amd64"),
    ("x86_64", "amd64"),
    ("x86-64", "amd64"),
    ("arm64", "arm64"),
    ("aarch64", "arm64"),
];

/// The name of an architecture in a URL, and which one that is.
type Named = (&'static str, &'static str);

/// What a script has in it that looks for itself, beside words with `arch` in them.
const LOOKING: [&str; 5] = ["uname", "rpm --eval", "platform", "case ", "if "];

/// Programs that make the same for any machine, or can compile for another, and words with which they do.
const PORTABLE: [(&[&str], &[&str]); 5] = [
    (&["go"], &["build", "install", "test", "vet", "generate"]),
    (&["cargo"], &["build", "install", "test"]),
    (&["npm", "pnpm", "yarn", "bun"], &["ci", "install", "i", "run", "build"]),
    (&["dotnet"], &["build", "publish", "restore"]),
    (&["mvn", "gradle", "gradlew"], &["package", "install", "build", "assemble", "verify"]),
];

/// What an emulated RUN may take.
const LONG: Duration = Duration::from_secs(30);

fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    for stage in &subject.stages {
        emulated(subject, stage, findings);
    }
    if !is_for_many(subject) {
        return;
    }
    for stage in subject.stages.iter().filter(|stage| !is_of_one_platform(subject, stage)) {
        let fetching = stage.instructions.iter().filter(|one| {
            let inner = match &one.kind {
                InstructionKind::Onbuild(onbuild) => onbuild.instruction.as_deref().unwrap_or(one),
                _ => one,
            };
            matches!(inner.kind.keyword(), Keyword::Run | Keyword::Add)
        });
        fetching.for_each(|one| look(subject, one, findings));
    }
}

/// RUNs of the stage that took long for another machine than this.
fn emulated(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    let ground = subject.ground(stage).0;
    let written = ground.from.platform.as_ref();
    let platform = written.and_then(|word| Platform::parse(&subject.global_value(word)?.text).ok());
    let own = &subject.known.build_platform.architecture;
    let platform = platform.unwrap_or_else(|| subject.known.platform.clone());
    if platform.architecture == *own {
        return;
    }
    for instruction in stage.instructions {
        let took = subject.made(instruction).and_then(|made| made.took);
        let Some(took) = took.filter(|took| *took > LONG) else { continue };
        let Some(run) = Run::of(subject, instruction) else { continue };
        let is_portable = |command: &&Command| {
            PORTABLE.iter().any(|(programs, words)| {
                programs.contains(&command.base_name()) && command.has_any_argument(words)
            })
        };
        let Some(command) = run.script.commands.iter().find(is_portable) else { continue };
        let (took, name) = (amount::seconds(took), command.base_name());
        let message = format!(
            "this took {took} in the last build: `{name}` ran emulated, as on {}",
            platform.architecture
        );
        let help =
            "start the stage from `--platform=$BUILDPLATFORM`, and have it build for `$TARGETARCH`";
        findings.add(command.span(), message).help(help).label(
            ground.from.image.span(),
            format!("for {}, on a machine of {own}", platform.architecture),
        );
    }
}

fn is_for_many(subject: &Subject<'_>) -> bool {
    let declares = |one: &Instruction| match &one.kind {
        InstructionKind::Arg(names) => {
            names.iter().any(|arg| PLATFORM.contains(&arg.name.as_str()))
        }
        _ => false,
    };
    let asks = |stage: &Stage<'_>| {
        platform(stage).is_some_and(|text| PLATFORM.iter().any(|name| text.contains(name)))
    };
    let mut callers = subject.known.callers.iter();
    callers.any(|caller| caller.architectures().is_some())
        || subject.stages.iter().any(asks)
        || subject.dockerfile.instructions.iter().any(declares)
}

fn platform<'s>(stage: &'s Stage<'_>) -> Option<&'s str> {
    Some(stage.instruction.flag("platform")?.value.as_ref()?.as_str())
}

fn is_of_one_platform(subject: &Subject<'_>, stage: &Stage<'_>) -> bool {
    platform(subject.ground(stage).0).is_some_and(|platform| !platform.contains('$'))
}

fn look(subject: &Subject<'_>, instruction: &Instruction, findings: &mut Findings<'_>) {
    let text = subject.source.get(instruction.span.range()).unwrap_or_default();
    let urls = urls(text);
    if urls.is_empty() {
        return;
    }
    let mut rest = text.to_ascii_lowercase();
    for (start, url) in urls.iter().rev() {
        rest.replace_range(*start..start + url.len(), "");
    }
    let lines = rest.lines().filter(|line| !is_comment(line));
    let rest = lines.collect::<Vec<_>>().join("\n");
    if rest.contains("arch") || LOOKING.iter().any(|word| rest.contains(word)) {
        return;
    }
    let named =
        |text: &str| NAMES.iter().filter(|(name, _)| has_word(text, name)).copied().collect();
    let found = urls.iter().map(|(start, url)| (*start, *url, named(&url.to_ascii_lowercase())));
    let found: Vec<(usize, &str, Vec<Named>)> = found.collect();
    let beside: Vec<Named> = named(&rest);
    let mut all = found.iter().flat_map(|(_, _, names)| names);
    let Some((_, first)) = all.next() else { return };
    if all.chain(&beside).any(|(_, other)| other != first) {
        return;
    }
    for (start, url, names) in found {
        let Some((name, _)) = names.first().filter(|_| !has_variable_of_it(url)) else { continue };
        let start = instruction.span.start + start;
        let message =
            format!("this file is for several platforms, and this fetches what is for `{name}`");
        let draft = findings.add(Span::new(start, start + url.len()), message);
        draft.help("build the URL with `$TARGETARCH`, which ARG brings into the stage");
    }
}

/// The URLs in a text with where they start, those of comments left out.
fn urls(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut from = 0;
    for line in text.split_inclusive('\n') {
        if !is_comment(line) {
            for scheme in ["https://", "http://", "ftp://"] {
                found.extend(line.match_indices(scheme).map(|(at, _)| {
                    let rest = line.get(at..).unwrap_or_default();
                    let is_end = |c: char| c.is_whitespace() || "\"'`;|&)<>\\,".contains(c);
                    (from + at, rest.split(is_end).next().unwrap_or_default())
                }));
            }
        }
        from += line.len();
    }
    found.sort_unstable();
    found
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}

/// True if a text has the word, and neither a letter nor a digit beside it.
fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric();
    text.match_indices(word).any(|(at, _)| {
        let (before, behind) = (text.get(..at), text.get(at + word.len()..));
        !before.is_some_and(|before| before.ends_with(is_part))
            && !behind.is_some_and(|behind| behind.starts_with(is_part))
    })
}

/// True if a variable in a URL is one of the architecture by its name.
fn has_variable_of_it(url: &str) -> bool {
    url.split('$').skip(1).any(|behind| {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let behind = behind.trim_start_matches('{');
        let name = behind.split(|c: char| !is_name(c)).next().unwrap_or_default();
        let name = name.to_ascii_lowercase();
        name.contains("arch") || name.contains("platform")
    })
}
