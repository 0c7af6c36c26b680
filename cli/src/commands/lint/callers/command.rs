//! Commands that build: those of Docker, Podman, buildah, Kaniko and our own.

use std::path::{Path, PathBuf};

use lapstrake_linter::CommandWord;
use lapstrake_parser::{Span, Spanned};

use super::read::{Asked, is_name, is_plain, local};

/// Flags that take no value; all others take one.
const SWITCHES: [&str; 39] = [
    "all-platforms",
    "allow-all",
    "check",
    "compress",
    "debug",
    "disable-compression",
    "disable-content-trust",
    "explain",
    "force-rm",
    "help",
    "http-proxy",
    "identity-label",
    "inherit-labels",
    "insecure",
    "layers",
    "load",
    "no-cache",
    "no-hostname",
    "no-hosts",
    "no-push",
    "omit-history",
    "pull",
    "pull-always",
    "pull-never",
    "push",
    "quiet",
    "reproducible",
    "rewrite-timestamp",
    "rm",
    "save-stages",
    "single-snapshot",
    "skip-tls-verify",
    "skip-unused-stages",
    "squash",
    "squash-all",
    "stdin",
    "tls-verify",
    "use-new-run",
    "cleanup",
];

/// Short flags that take none.
const SHORT: &str = "qDh";

/// Variables that hold the root of what is built, where scripts of GitLab and GitHub begin.
const ROOTS: [&str; 4] =
    ["${CI_PROJECT_DIR}", "${GITHUB_WORKSPACE}", "${BUILD_SOURCESDIRECTORY}", "${PWD}"];

/// Whose command it is, as far as that makes a difference.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tool {
    /// The Dockerfile counts from the folder where it runs.
    Docker,
    /// The Dockerfile counts from the context, which is a flag.
    Kaniko,
}

/// The builds that the commands of a script ask for, which starts in `folder`; that is nothing once it is not known any more.
/// Places are those in the script.
pub(super) fn builds(text: &str, folder: &mut Option<PathBuf>) -> Vec<Asked> {
    let mut builds = Vec::new();
    for words in lapstrake_linter::commands(text) {
        match words.first().map(literal) {
            Some("cd") => *folder = folder.take().and_then(|here| changed(&here, &words)),
            Some("pushd" | "popd") => *folder = None,
            _ => builds.extend(folder.as_deref().and_then(|here| build(text, here, &words))),
        }
    }
    builds
}

fn changed(here: &Path, words: &[CommandWord]) -> Option<PathBuf> {
    match words {
        [_, to] => Some(here.join(path(&to.text)?)),
        _ => None,
    }
}

fn build(text: &str, here: &Path, words: &[CommandWord]) -> Option<Asked> {
    let (tool, words) = arguments(words)?;
    let given = Given::read(text, tool, words);
    let dockerfile = match (tool, given.file, given.context) {
        (Tool::Docker, Some(file), _) => path(file)?,
        (Tool::Docker, None, Some(context)) => path(context)?.join("Dockerfile"),
        (Tool::Docker, None, None) => return None,
        (Tool::Kaniko, file, context) => {
            path(context.unwrap_or("."))?.join(path(file.unwrap_or("Dockerfile"))?)
        }
    };
    Some(Asked {
        dockerfile: here.join(dockerfile),
        context: given.context.and_then(path).map(|context| here.join(context)),
        target: given.target.filter(|target| is_plain(&target.value)),
        arguments: given.arguments,
        contexts: given.contexts,
        platforms: given.platforms,
    })
}

/// A path on this machine; nothing for standard input, and for what variables hold.
fn path(text: &str) -> Option<PathBuf> {
    let text = text.strip_prefix("dir://").unwrap_or(text);
    let below = ROOTS.iter().find_map(|root| text.strip_prefix(root));
    match below.map(|below| below.trim_start_matches('/')) {
        Some("") => Some(".".into()),
        Some(below) => local(below),
        None => local(text).filter(|_| text != "-"),
    }
}

fn literal(word: &CommandWord) -> &str {
    if word.is_literal { &word.text } else { "" }
}

/// Where a part of a word stands: its first quote, say, is no part of it.
fn place(text: &str, word: &CommandWord, part: &str) -> Span {
    let written = text.get(word.span.range()).unwrap_or_default();
    let value = written.find('=').filter(|_| written.starts_with("--")).map_or(0, |at| at + 1);
    let found = written.get(value..).and_then(|rest| rest.find(part));
    found.map_or(word.span, |at| {
        let start = word.span.start + value + at;
        Span::new(start, start + part.len())
    })
}

/// Whose command it is, and what stands behind its name, if it is one that builds.
fn arguments(words: &[CommandWord]) -> Option<(Tool, &[CommandWord])> {
    let is_front = |word: &&CommandWord| {
        let text = literal(word);
        text == "sudo" || text == "env" || text.starts_with('-') || text.contains('=')
    };
    let front = words.iter().take_while(is_front).count();
    let words = words.get(front..)?;
    let program = literal(words.first()?);
    let rest: Vec<&str> = words.iter().skip(1).take(2).map(literal).collect();
    let count = match (program.rsplit('/').next()?, rest.as_slice()) {
        ("executor", _) if program.contains("kaniko") => {
            return Some((Tool::Kaniko, words.get(1..)?));
        }
        ("docker" | "podman" | "nerdctl" | "lap" | "docker-buildx", ["build", ..]) => 2,
        ("buildah", ["build" | "bud" | "build-using-dockerfile", ..]) => 2,
        ("docker" | "podman", ["image" | "builder", "build"] | ["buildx", "build" | "b"]) => 3,
        _ => return None,
    };
    Some((Tool::Docker, words.get(count..)?))
}

/// What a command that builds is given.
#[derive(Default)]
struct Given<'w> {
    file: Option<&'w str>,
    context: Option<&'w str>,
    target: Option<Spanned<String>>,
    arguments: Vec<Spanned<String>>,
    contexts: Vec<String>,
    platforms: Vec<String>,
}

impl<'w> Given<'w> {
    fn read(text: &str, tool: Tool, words: &'w [CommandWord]) -> Self {
        let mut given = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match flag(&word.text) {
                None if tool == Tool::Docker => given.context = given.context.or(Some(&word.text)),
                None | Some(Flag::Switch) => {}
                Some(Flag::With(name, value)) => given.take((tool, name), value, (text, word)),
                Some(Flag::Before(name)) => {
                    if let Some(word) = words.next() {
                        given.take((tool, name), &word.text, (text, word));
                    }
                }
            }
        }
        given
    }

    /// `word` has the value in it.
    fn take(
        &mut self,
        (tool, name): (Tool, &str),
        value: &'w str,
        (text, word): (&str, &CommandWord),
    ) {
        let named = || {
            let name = value.split('=').next().unwrap_or_default();
            is_name(name).then(|| Spanned::new(name.to_owned(), place(text, word, name)))
        };
        match name {
            "f" | "file" | "dockerfile" => self.file = Some(value),
            "c" | "context" if tool == Tool::Kaniko => self.context = Some(value),
            "target" => {
                self.target = Some(Spanned::new(value.to_owned(), place(text, word, value)))
            }
            "build-arg" => self.arguments.extend(named()),
            "build-context" => self.contexts.extend(named().map(|name| name.value)),
            "platform" => self.platforms.extend(value.split(',').map(str::to_owned)),
            _ => {}
        }
    }
}

/// A flag as it stands in a word.
enum Flag<'w> {
    /// It has no value.
    Switch,
    /// It has its value in the word.
    With(&'w str, &'w str),
    /// The next word is its value.
    Before(&'w str),
}

/// Nothing for a word that is no flag.
fn flag(word: &str) -> Option<Flag<'_>> {
    if let Some(long) = word.strip_prefix("--") {
        return Some(match long.split_once('=') {
            Some((name, value)) => Flag::With(name, value),
            None if long.is_empty() || SWITCHES.contains(&long) => Flag::Switch,
            None => Flag::Before(long),
        });
    }
    let short = word.strip_prefix('-').filter(|short| !short.is_empty())?;
    let name = short.get(..short.chars().next()?.len_utf8())?;
    let value = short.get(name.len()..)?;
    Some(match value.strip_prefix('=').unwrap_or(value) {
        _ if SHORT.contains(name) => Flag::Switch,
        "" => Flag::Before(name),
        value => Flag::With(name, value),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each build as `DOCKERFILE TARGET: ARGUMENTS… + CONTEXTS… @ PLATFORMS…`.
    fn said(text: &str) -> Vec<String> {
        let mut folder = Some(PathBuf::new());
        let said = builds(text, &mut folder).into_iter().map(|asked| {
            for name in asked.arguments.iter().chain(&asked.target) {
                assert_eq!(text[name.span.range()], name.value, "{text}");
            }
            let target = asked.target.map(|target| target.value).unwrap_or_default();
            let arguments: Vec<_> = asked.arguments.into_iter().map(|name| name.value).collect();
            format!(
                "{} {target}: {} + {} @ {}",
                asked.dockerfile.display(),
                arguments.join(" "),
                asked.contexts.join(" "),
                asked.platforms.join(" ")
            )
        });
        said.collect()
    }

    #[test]
    fn commands_that_build_are_found() {
        for (text, expected) in [
            ("docker build .", "./Dockerfile :  +  @ "),
            ("docker build -q --no-cache -t a:b --pull app", "app/Dockerfile :  +  @ "),
            (
                "DOCKER_BUILDKIT=1 sudo -E docker image build -fdev.Dockerfile --target=dev --build-arg \\\n  A=1 \
                 --build-arg=\"B=$X y\" --build-arg C .",
                "dev.Dockerfile dev: A B C +  @ ",
            ),
            (
                "docker buildx build --platform linux/amd64,linux/arm64 --build-context d=../d -f a/b - < x",
                "a/b :  + d @ linux/amd64 linux/arm64",
            ),
            ("if a; then (buildah bud --layers -f c/Dockerfile c); fi", "c/Dockerfile :  +  @ "),
            (
                "docker buildx build . --provenance false -o type=image --ssh=default -t x:y",
                "./Dockerfile :  +  @ ",
            ),
            ("cd app && cd .. ; podman build 'b c'", "app/../b c/Dockerfile :  +  @ "),
            ("lap build --explain --check -t x $CI_PROJECT_DIR/a", "a/Dockerfile :  +  @ "),
            (
                "/kaniko/executor --context \"${CI_PROJECT_DIR}\" --dockerfile \"$CI_PROJECT_DIR/app/Dockerfile\" --no-push",
                "./app/Dockerfile :  +  @ ",
            ),
        ] {
            assert_eq!(said(text), [expected], "{text}");
        }
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        for text in [
            "docker build $DIR",
            "docker build -f $FILE .",
            "docker build - < Dockerfile",
            "docker build https://example.com/a.git",
            "docker build",
            "docker run build .",
            "docker compose build .",
            "cd $DIR && docker build .",
            "pushd a; docker build .",
            "echo docker build .",
            "docker build '",
            "docker build -f",
        ] {
            assert!(said(text).is_empty(), "{text}: {:?}", said(text));
        }
    }
}
