//! # What the image starts can be started
//!
//! Follows the first word of ENTRYPOINT, or of CMD where there is none, through PATH and the working directory to the
//! file of the context that lies there, and looks at what the kernel will see: whether it may be executed, and how
//! it begins. `exec format error` and `no such file or directory` at the start of a container often mean a script
//! without a line `#!`, or one with Windows line ends, whose interpreter then is `/bin/sh\r`.
//!
//! Of the context it looks at files that no later RUN has to do with. Where the base image is in the store, and as far
//! as nothing behind FROM could have changed that, or what was built last is known, it looks at what is in the image
//! as well: whether there is such a program, for this kind of machine, with its interpreter and its loader. Looks at
//! the stage that is built.
//!
//! ```dockerfile
//! # entrypoint.sh has the mode 644
//! FROM alpine
//! COPY entrypoint.sh /
//! ENTRYPOINT ["/entrypoint.sh"]
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM alpine
//! COPY --chmod=755 entrypoint.sh /
//! ENTRYPOINT ["/entrypoint.sh"]
//! ```
//!
//! **Fix**: unsafe, for a file without the right to be executed that is copied alone: adds `--chmod=755`.

use std::sync::Arc;

use lapstrake_parser::{
    Instruction, InstructionKind, Keyword, OtherFile, Safety, Severity, Span, Stage,
};
use lapstrake_rootfs::{Kind, TreePath, View};

use crate::copied::{self, ContextCopy};
use crate::files::Context;
use crate::finding::Findings;
use crate::program::{BUILTINS, Search};
use crate::root::Root;
use crate::rule::{Check, Rule};
use crate::shared::PATH;
use crate::start::{Brought, Program, brought, chain, is_among, program};
use crate::state::State;
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::own("entrypoint-not-runnable", Severity::Warning, Check::Stage(check));

/// Programs that change the mode or the text of files, whatever these are called.
const CHANGERS: [&str; 4] = ["chmod", "dos2unix", "sed ", "install "];

/// Names of scripts, which nothing but a copy brings.
const SCRIPTS: [&str; 4] = [".sh", ".bash", ".py", ".rb"];

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    if !subject.is_target(stage) {
        return;
    }
    let Some(program) = program(subject, stage) else { return };
    let before = findings.count();
    let head = subject
        .copies()
        .and_then(|copies| in_context(subject, (stage, &program), copies, findings));
    if findings.count() == before {
        in_image(subject, (stage, &program), head.as_deref(), findings);
    }
}

/// What is wrong with a program that the context brings, or should bring. Gives the beginning of its file, if it
/// is in the context.
fn in_context(
    subject: &Subject<'_>,
    (stage, program): (&Stage<'_>, &Program),
    (copies, view, context): (&[ContextCopy], &View, Context<'_>),
    findings: &mut Findings<'_>,
) -> Option<Vec<u8>> {
    let chain = chain(subject, stage);
    let all = &subject.dockerfile.instructions;
    let is_here = |copy: &&ContextCopy| {
        let own = all.get(copy.instruction);
        own.is_some_and(|own| is_among(own, &chain))
    };
    let copies: Vec<&ContextCopy> = copies.iter().filter(is_here).collect();
    let directory = copied::directory_at(subject, stage, usize::MAX);
    let places = program.places(directory.as_deref(), PATH);
    match brought(&copies, view, &places) {
        Some(brought) => {
            let start = all.get(brought.copy.instruction).map_or(0, |one| one.span.start);
            let later: Vec<_> =
                chain.iter().filter(|one| one.span.start > start).copied().collect();
            if !is_touched(subject, &later, &brought.entry.path, &places) {
                report(subject, (program, &brought), context, findings);
            }
            (context.files.head)(&brought.entry.path)
        }
        None => {
            let missing = places.first().filter(|_| program.text.contains('/'));
            let missing = missing.and_then(|place| missing_from(&copies, view, place));
            if let Some((copy, path)) = missing
                && !is_touched(subject, &chain, &path, &places)
            {
                report_missing(program, (copy, &path), context, findings);
            }
            None
        }
    }
}

/// What is wrong with a program by what is in the image: that of the last build, or of the base image. `head` is
/// the beginning of its file where the context has that, which counts as it is now.
fn in_image(
    subject: &Subject<'_>,
    (stage, program): (&Stage<'_>, &Program),
    head: Option<&[u8]>,
    findings: &mut Findings<'_>,
) {
    let ground = subject.ground(stage);
    // A CMD is only given to an ENTRYPOINT of the base image.
    let is_given = ground.1.base.is_some_and(|base| !base.config.entrypoint.is_empty())
        && subject.last(stage, Keyword::Entrypoint).is_none();
    // Such a module is for a runtime of another kind.
    let is_module = program.text.ends_with(".wasm");
    if is_given || is_module || (program.is_shell_form && BUILTINS.contains(&program.text.as_str()))
    {
        return;
    }
    let Some(root) = Root::before(subject, stage, None) else { return };
    let state = State::at_end(subject, stage);
    let search = Search {
        root: &root,
        path: state.environment.value("PATH").unwrap_or(PATH),
        directory: state.directory.as_deref(),
        architecture: &subject.known.platform.architecture,
    };
    let fault = match head {
        Some(head) => search.fault_of_content(head),
        None => search.fault(&program.text),
    };
    if let Some(fault) = fault {
        let what = format!("`{}` {}", program.text, fault.what);
        let label = "the files of this image, and what was built on it, are known";
        findings.add(program.span, what).help(fault.help).label(ground.0.from.image.span(), label);
    }
}

/// True if one of the instructions may change the file.
fn is_touched(
    subject: &Subject<'_>,
    instructions: &[&Instruction],
    path: &TreePath,
    places: &[TreePath],
) -> bool {
    let name = String::from_utf8_lossy(path.name()).into_owned();
    instructions.iter().any(|one| match &one.kind {
        InstructionKind::Run(_) => {
            let text = subject.source.get(one.span.range()).unwrap_or_default();
            text.contains(&name) || CHANGERS.iter().any(|program| text.contains(program))
        }
        InstructionKind::Copy(transfer) | InstructionKind::Add(transfer) => {
            let is_from = one.flag("from").is_some() || one.kind.keyword() == Keyword::Add;
            let target = transfer.destination.as_str();
            let absolute = TreePath::clean(target.as_bytes());
            let leads_there =
                |place: &TreePath| !target.starts_with('/') || place.starts_with(&absolute);
            is_from && (target.contains('$') || places.iter().any(leads_there))
        }
        _ => false,
    })
}

/// The copy of a folder that a script at this place would come with, and where it would lie in the context.
fn missing_from<'a>(
    copies: &[&'a ContextCopy],
    view: &View,
    place: &TreePath,
) -> Option<(&'a ContextCopy, TreePath)> {
    let name = String::from_utf8_lossy(place.name());
    if !SCRIPTS.iter().any(|ending| name.ends_with(ending)) {
        return None;
    }
    copies.iter().rev().find_map(|copy| {
        let below = place.below(&copy.target()?)?;
        let mut folders = copy.sources.iter().filter_map(|taken| {
            let found = taken.select(view).ok()?;
            let top = found.tops().next()?.clone();
            view.entry(&top).is_some_and(|top| top.entry.is_directory()).then_some(top)
        });
        Some((*copy, folders.next()?.join_path(&below)))
    })
}

fn report_missing(
    program: &Program,
    (copy, path): (&ContextCopy, &TreePath),
    context: Context<'_>,
    findings: &mut Findings<'_>,
) {
    let shown = path.to_string();
    let shown = shown.trim_start_matches('/');
    let message = format!("nothing brings `{}`: the context has no `{shown}`", program.text);
    let draft = findings.add(program.span, message);
    let span = copy.sources.first().map_or(program.span, |taken| taken.span);
    let draft = draft.label(span, "it would be in what is copied here");
    let hidden = context.ignore.and_then(|ignore| {
        let is_there = copied::is_hidden(path, &(context.hidden)());
        Some((ignore, ignore.patterns.exclusion(path.as_bytes()).filter(|_| is_there)?.line))
    });
    match hidden {
        Some((ignore, line)) => {
            let draft = draft.help(format!("line {line} of {} leaves it out", ignore.name));
            draft.elsewhere(&ignore.file(), ignore.span(line), "this leaves it out")
        }
        None => draft.help("name a file that is there, or copy it"),
    };
}

/// What is wrong with the file.
fn report(
    subject: &Subject<'_>,
    (program, brought): (&Program, &Brought<'_>),
    context: Context<'_>,
    findings: &mut Findings<'_>,
) {
    let entry = &brought.entry;
    let Kind::File { .. } = entry.kind else { return };
    let shown = entry.path.to_string();
    let shown = shown.trim_start_matches('/');
    let mode = brought.copy.mode.as_ref().map_or(entry.mode, |mode| mode.apply(entry.mode, false));
    let copied_from = brought.taken.span;
    if mode & 0o111 == 0 {
        let message = format!("`{}` may not be executed: its mode is {mode:o}", program.text);
        let help = format!("`chmod +x {shown}` beside the Dockerfile, or COPY --chmod=755");
        let draft = findings.add(program.span, message).help(help);
        let draft = draft.label(copied_from, "the mode comes from here");
        let keyword = subject.dockerfile.instructions.get(brought.copy.instruction);
        if let Some(keyword) = keyword.map(Instruction::keyword)
            && brought.copy.mode.is_none()
            && let [only] = brought.copy.sources.as_slice()
            && only.path.rsplit('/').next() == shown.rsplit('/').next()
        {
            let behind = Span::new(keyword.span.end, keyword.span.end);
            draft.fix(Safety::Unsafe, [(behind, " --chmod=755".to_owned())]);
        }
    }
    let Some((fault, help)) =
        (context.files.head)(&entry.path).and_then(|head| fault(&head, program.is_shell_form))
    else {
        return;
    };
    let head = (context.files.head)(&entry.path).unwrap_or_default();
    let text = String::from_utf8_lossy(&head);
    let line = text.lines().next().unwrap_or_default();
    let file = OtherFile { name: shown.to_owned(), text: text.clone().into_owned() };
    let draft = findings.add(program.span, format!("`{}` {fault}", program.text)).help(help);
    let draft = draft.label(copied_from, "it comes from here");
    draft.elsewhere(&Arc::new(file), Span::new(0, line.len()), "the kernel looks at this");
}

/// Why the kernel does not execute a file that begins like this, and what to do.
fn fault(head: &[u8], is_shell_form: bool) -> Option<(&'static str, &'static str)> {
    if head.starts_with(b"\xef\xbb\xbf#!") {
        let help = "save it without the mark: the kernel takes it for no script";
        return Some(("has a byte order mark in front of `#!`", help));
    }
    if let Some(rest) = head.strip_prefix(b"#!") {
        let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let help = "give it Unix line ends (`sed -i 's/\\r$//'`), and have git keep them with a line \
                    `*.sh text eol=lf` in .gitattributes";
        let what = "has Windows line ends: its interpreter is taken to end in a carriage return";
        return line.ends_with(b"\r").then_some((what, help));
    }
    // A shell executes what the kernel takes for no program as a script of its own.
    let is_text = !head.contains(&0) && std::str::from_utf8(head).is_ok();
    let help = "begin it with the interpreter, as in `#!/bin/sh`";
    (is_text && !is_shell_form).then_some(("is a text without a line `#!`", help))
}
