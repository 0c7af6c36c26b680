//! # A RUN leaves something behind
//!
//! Each RUN has a shell of its own. The folder, variables, functions and the mask that one sets are gone in the
//! next, and a RUN of nothing else does nothing at all. What an earlier RUN has left behind stays in its layer as well: to remove
//! lists and caches in a RUN of its own makes the image no smaller.
//!
//! Where the last build was made here, its layers count as well: a RUN of commands such as `rm`, `chmod` and `mkdir`, which are there to change files,
//! and in whose layer there is nothing. What was to be changed is so already, or is not there.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN cd /src
//! RUN export MODE=fast
//! RUN make
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! WORKDIR /src
//! ENV MODE=fast
//! RUN make
//! ```
//!
//! **Fix**: none: what follows may count on what is so.

use lapstrake_parser::Severity;
use lapstrake_rootfs::TreePath;

use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::run::Run;
use crate::shell::{Command, NodeKind};

pub(super) static RULE: Rule =
    Rule::own("no-op-layer", Severity::Warning, Check::Script(check)).confident(Confidence::Medium);

/// Commands that change nothing but the shell, and what does it for what follows.
const OF_SHELL: [(&str, &str); 8] = [
    ("cd", "use WORKDIR, or join it to what is to run there by `&&`"),
    ("export", "use ENV, or join it to what is to see it by `&&`"),
    ("source", "join it to what is to see it by `&&`"),
    (".", "join it to what is to see it by `&&`"),
    ("umask", "join it to what is to see it by `&&`"),
    ("set", "use SHELL, or begin each RUN with it"),
    ("shopt", "use SHELL, or begin each RUN with it"),
    ("alias", "make a script of it"),
];

/// What is removed is in an earlier layer.
const CLEANED: [(&[&str], &str); 5] = [
    (&["apt-get", "apt", "aptitude"], "clean"),
    (&["apt-get", "apt", "aptitude"], "autoclean"),
    (&["yum", "dnf", "microdnf"], "clean"),
    (&["zypper"], "clean"),
    (&["npm", "yarn", "pnpm"], "clean"),
];

/// Commands that change files, and do nothing else.
const CHANGING: [&str; 11] =
    ["chgrp", "chmod", "chown", "install", "ln", "mkdir", "mv", "rm", "rmdir", "touch", "unlink"];

/// Folders of lists and caches.
const CACHES: [&str; 4] =
    ["/var/lib/apt/lists", "/var/cache/apt", "/var/cache/apk", "/var/cache/yum"];

fn check(run: &Run<'_>, findings: &mut Findings<'_>) {
    let [part] = run.script.parts.as_slice() else { return };
    let commands = run.script.commands.as_slice();
    let (Some(first), Some(last)) = (commands.first(), commands.last()) else { return };
    let is_bare = part.list.chains.iter().flat_map(|chain| &chain.pipelines).all(|pipeline| {
        let mut nodes = pipeline.nodes.iter();
        nodes.all(|node| matches!(node.kind, NodeKind::Simple(_)) && node.redirections.is_empty())
    });
    if !is_bare || run.has_mount("") {
        return;
    }
    let span = first.span().cover(last.span());
    let help = |command: &Command| OF_SHELL.iter().find(|(name, _)| *name == command.name());
    if commands.iter().all(|command| help(command).is_some()) {
        let text = help(first).map_or("", |(_, help)| help);
        let draft =
            findings.add(span, "this RUN does nothing: what it sets is gone in the next one");
        draft.help(text);
    } else if commands.iter().all(cleans) {
        let draft = findings.add(span, "what this removes stays in an earlier layer");
        draft.help("remove it in the RUN that has made it, or mount a cache there");
    } else if commands.iter().all(|one| is_to_change(one) || help(one).is_some())
        && came_to_nothing(run)
    {
        let draft = findings.add(span, "this RUN changed no file in the last build");
        draft.help("leave it away: what it is to change is so already, or is not there").remark();
    }
}

/// True for a command that is there to change files, and for nothing else.
fn is_to_change(command: &Command) -> bool {
    CHANGING.contains(&command.name())
        || (command.name() == "find" && command.has_argument("-delete"))
        || (command.name() == "sed" && command.has_any_flag(&["i", "in-place"]))
}

/// True if the layer of the last build is known, and there is nothing in it.
fn came_to_nothing(run: &Run<'_>) -> bool {
    // What is mounted may have been changed, which is in no layer.
    if run.is_trigger || run.instruction.flags_named("mount").next().is_some() {
        return false;
    }
    let made = run.subject.made(run.instruction).filter(|made| made.size == 0);
    let layer = made.and_then(|made| (made.files.tree)()?.layers().first().cloned());
    layer.is_some_and(|layer| layer.subtree(&TreePath::root()).iter().all(|one| one.path.is_root()))
}

fn cleans(command: &Command) -> bool {
    let name = command.name();
    let mut words =
        command.arguments().iter().filter(|word| !word.text.starts_with('-')).peekable();
    let is_cache = |path: &str| CACHES.iter().any(|cache| path.starts_with(cache));
    match name {
        "rm" => words.peek().is_some() && words.all(|word| is_cache(&word.text)),
        _ => CLEANED
            .iter()
            .any(|(programs, word)| programs.contains(&name) && command.has_argument(word)),
    }
}
