//! # What ADD fetches is what it was
//!
//! A server may give another file tomorrow, and a branch or tag of git is moved: the same file makes another image then. With
//! `--checksum` the build ends if the file is not the expected one, and does not ask the server for one that it has. Looks at ADD of
//! `https://` and of git repositories without a commit. What comes by `http://` is told of by `clear-text`.
//!
//! ```dockerfile
//! FROM debian:12
//! ADD https://example.com/tool /usr/local/bin/tool
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! ADD --checksum=sha256:24454f830cdb571e2c4ad15481119c43b3cafd48dd869a9b2945d1036d1dc68d https://example.com/tool /usr/local/bin/tool
//! ```
//!
//! **Fix**: unsafe, where the last build is in the store and fetched one file: its checksum is named. Else none.

use lapstrake_parser::{
    Instruction, InstructionKind, Safety, Severity, Source, Span, Transfer, Word,
};
use lapstrake_rootfs::{Kind, TreePath};

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::own("unchecked-download", Severity::Info, Check::Instruction(check)).strict();

fn check(subject: &Subject<'_>, instruction: &Instruction, findings: &mut Findings<'_>) {
    let InstructionKind::Add(transfer) = &instruction.kind else { return };
    if instruction.flag("checksum").is_some() {
        return;
    }
    for word in transfer.sources.iter().map(Source::word) {
        let text = word.as_str();
        if is_git(text) {
            if !has_commit(text) {
                let draft = findings.add(word.span(), "this may be another commit tomorrow");
                draft.help("name a commit: `…#COMMIT`, or `--checksum=COMMIT`");
            }
        } else if text.starts_with("https://") {
            fetched(subject, instruction, (transfer, word), findings);
        }
    }
}

fn fetched(
    subject: &Subject<'_>,
    instruction: &Instruction,
    (transfer, word): (&Transfer, &Word),
    findings: &mut Findings<'_>,
) {
    let draft = findings.add(word.span(), "this may be another file tomorrow");
    let is_only = transfer.sources.len() == 1;
    match digest(subject, instruction).filter(|_| is_only) {
        Some(digest) => {
            let place = Span::point(instruction.keyword().span.end);
            draft
                .help(format!("the last build fetched {digest}"))
                .fix(Safety::Unsafe, [(place, format!(" --checksum={digest}"))]);
        }
        None => {
            draft.help("name what is expected: `--checksum=sha256:…`");
        }
    }
}

/// The digest of the only file in the layer that the instruction came to.
fn digest(subject: &Subject<'_>, instruction: &Instruction) -> Option<String> {
    let made = subject.made(instruction)?;
    let layer = (made.files.tree)()?.layers().first().cloned()?;
    let is_file = |kind: &Kind| matches!(kind, Kind::File { .. });
    let mut files = layer.subtree(&TreePath::root()).iter().filter(|entry| is_file(&entry.kind));
    let (only, others) = (files.next()?, files.count());
    (others == 0).then(|| (made.digests.0)(&only.path))?
}

fn is_git(source: &str) -> bool {
    let starts = ["git://", "ssh://", "git@"];
    let path = source.split(['#', '?']).next().unwrap_or_default();
    starts.iter().any(|start| source.starts_with(start))
        || (source.starts_with("https://") && path.ends_with(".git"))
}

/// True for `#COMMIT`, `ref=COMMIT` and the like, and where a variable may be one.
fn has_commit(source: &str) -> bool {
    let is_commit = |text: &str| {
        text.contains('$')
            || (matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    source.split(['#', '?', '&', '=', ':']).skip(1).any(is_commit)
}
