//! # What git clones is a commit
//!
//! A branch has another commit tomorrow, and a tag can be moved: the same file makes another image then, and a cached step has an old
//! one. Looks at `git clone` in RUN behind which no `checkout`, `reset`, `switch` or `fetch` of the same RUN names a commit. What a variable
//! holds may be one. `ADD` of a git repository is the business of `unchecked-download`.
//!
//! ```dockerfile
//! FROM alpine/git
//! RUN git clone https://example.com/tool.git /src
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM alpine/git
//! RUN git clone https://example.com/tool.git /src && git -C /src checkout 7fd1a60b01f91b314f59955a4e4d4e80d8edf11d
//! ```
//!
//! **Fix**: unsafe, where the last build is in the store with the repository as it was cloned: its commit is checked out. None for a clone
//! that is not of the whole history, which may lack it.

use lapstrake_parser::{Safety, Severity, Span};
use lapstrake_rootfs::TreePath;

use crate::finding::Findings;
use crate::known::Made;
use crate::rule::{Check, Rule};
use crate::run::Run;
use crate::shell::{Command, ShellWord};

pub(super) static RULE: Rule =
    Rule::own("unpinned-clone", Severity::Info, Check::Script(check)).strict();

/// Flags of `git` and of `git clone` that take a value.
const WITH_VALUE: [&str; 24] = [
    "C",
    "c",
    "git-dir",
    "work-tree",
    "namespace",
    "b",
    "branch",
    "revision",
    "o",
    "origin",
    "u",
    "upload-pack",
    "depth",
    "shallow-since",
    "shallow-exclude",
    "reference",
    "reference-if-able",
    "separate-git-dir",
    "template",
    "j",
    "jobs",
    "filter",
    "config",
    "server-option",
];

/// Flags that leave a part of the history away.
const PARTIAL: [&str; 4] = ["depth", "shallow-since", "shallow-exclude", "filter"];

/// Subcommands that bring another commit.
const MOVES: [&str; 5] = ["checkout", "reset", "switch", "fetch", "update-ref"];

fn check(run: &Run<'_>, findings: &mut Findings<'_>) {
    let last_move = run.numbered(&["git"]).filter(|(_, command)| moves(command)).last();
    for (at, command) in run.numbered(&["git"]) {
        let operands = command.operands(&WITH_VALUE);
        let Some(("clone", [repository, others @ ..])) =
            operands.split_first().map(|(first, rest)| (first.text.as_str(), rest))
        else {
            continue;
        };
        let is_named = ["branch", "b", "revision"].iter().any(|flag| {
            command.flag_value(&[flag]).is_some_and(|word| is_commit(word.text.rsplit('=').next()))
        });
        if is_named || last_move.is_some_and(|(move_at, _)| at < move_at) {
            continue;
        }
        let draft = findings.add(repository.span, "this may be another commit tomorrow");
        let folder = others.first().map_or_else(
            || folder_of(&repository.text),
            |word| word.is_literal.then_some(word.text.as_str()),
        );
        let commit = folder
            .zip(run.subject.made(run.instruction))
            .and_then(|(folder, made)| Some((folder, commit(made, folder)?)));
        match commit {
            Some((folder, commit)) => {
                let is_whole = !command.has_any_flag(&PARTIAL);
                let text = format!(" && git -C {folder} checkout -q {commit}");
                let edit = is_whole.then(|| (Span::point(command.span().end), text));
                draft.help(format!("the last build cloned {commit}")).fix_all(Safety::Unsafe, edit);
            }
            None => {
                let help = "check a commit out behind it, or let the builder fetch it: `ADD REPOSITORY#COMMIT`";
                draft.help(help);
            }
        }
    }
}

/// True for a command that brings a commit that is named.
fn moves(command: &Command) -> bool {
    let operands = command.operands(&["C", "c", "git-dir", "work-tree", "depth", "filter"]);
    let (first, rest) = operands.split_first().unzip();
    let is_move = first.is_some_and(|word| MOVES.contains(&word.text.as_str()));
    let rest: &[&ShellWord] = rest.unwrap_or_default();
    is_move && rest.iter().any(|word| is_commit(Some(&word.text)))
}

/// True for what is a commit, or the beginning of one, and for a variable, which may be one.
fn is_commit(text: Option<&str>) -> bool {
    text.is_some_and(|text| {
        let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
        text.contains('$') || ((7..=64).contains(&text.len()) && is_hex(text))
    })
}

/// The folder that git makes for a repository (git-clone(1)).
fn folder_of(repository: &str) -> Option<&str> {
    let path = repository.trim_end_matches('/');
    let path = path.strip_suffix("/.git").unwrap_or(path);
    let name = path.rsplit(['/', ':']).next()?;
    let name = name.strip_suffix(".git").unwrap_or(name);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    (!name.is_empty() && name.chars().all(is_plain)).then_some(name)
}

/// The commit that the last build cloned into a folder of that name, if there is one such in the layer.
fn commit(made: &Made<'_>, folder: &str) -> Option<String> {
    let layer = (made.files.tree)()?.layers().first().cloned()?;
    let end = format!("/{}/.git/HEAD", folder.trim_matches('/').trim_start_matches("./"));
    let entries = layer.subtree(&TreePath::root()).iter();
    let mut heads = entries.filter(|entry| entry.path.to_string().ends_with(&end));
    let (head, others) = (heads.next()?, heads.count());
    let git = head.path.to_string();
    let git = git.strip_suffix("/HEAD").filter(|_| others == 0)?;
    let read = |path: &str| {
        let path = TreePath::clean(format!("{git}/{path}").as_bytes());
        String::from_utf8((made.files.head)(&path)?).ok()
    };
    let head = read("HEAD")?;
    let commit = match head.trim().strip_prefix("ref: ") {
        Some(name) => read(name).or_else(|| {
            let packed = read("packed-refs")?;
            let of_name = |line: &str| Some(line.strip_suffix(name)?.trim().to_owned());
            packed.lines().find_map(of_name)
        })?,
        None => head,
    };
    let commit = commit.trim();
    let is_whole = matches!(commit.len(), 40 | 64) && is_commit(Some(commit));
    is_whole.then(|| commit.to_owned())
}
