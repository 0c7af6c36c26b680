//! Which shell reads a RUN, and which variables are set there, as hadolint tells ShellCheck.

use std::collections::BTreeSet;
use std::rc::Rc;

use lapstrake_parser::{Instruction, InstructionKind, Stage};

use crate::root::Root;
use crate::run::Run;
use crate::shared::Shared;
use crate::shell::text::Text;
use crate::shell::walk::Role;
use crate::shell::{Command, Node, Piece, ShellWord};
use crate::subject::Subject;
use crate::suppression::shells;
use crate::variable::Variables;

/// A shell, as far as rules tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `sh`, whichever program that is: what POSIX has.
    Sh,
    /// `dash`, or `ash`.
    Dash,
    /// The `sh` of busybox, which has much of what bash has.
    Busybox,
    Bash,
    Ksh,
}

impl Dialect {
    /// The shell that a program with arguments, or a line behind `#!`, names; nothing if it is none of
    /// these.
    pub(crate) fn of(program: &str) -> Option<Self> {
        let mut words = program.split_whitespace().map(|word| word.rsplit('/').next());
        let name = words.next().flatten()?;
        match if name == "env" { words.next().flatten()? } else { name } {
            "sh" => Some(Self::Sh),
            "dash" | "ash" => Some(Self::Dash),
            "bash" => Some(Self::Bash),
            "ksh" | "ksh93" => Some(Self::Ksh),
            _ => None,
        }
    }

    /// Its program's name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sh => "sh",
            Self::Dash => "dash",
            Self::Busybox => "busybox",
            Self::Bash => "bash",
            Self::Ksh => "ksh",
        }
    }

    /// True if it takes `export a=$b` for an assignment, and does not split `$b`.
    pub(crate) fn assigns_arguments(self) -> bool {
        self != Self::Sh
    }
}

/// A RUN whose commands are known, with the shell that reads it.
pub(crate) struct ShellRun<'a> {
    /// The RUN.
    pub(crate) run: Run<'a>,
    context: Context<'a>,
}

/// What shell reads an instruction, and which variables it sees.
#[derive(Clone)]
pub(crate) struct Context<'a> {
    /// The instruction as it stands in the file, with its ONBUILD.
    pub(crate) owner: &'a Instruction,
    /// The shell of the stage; nothing if it is none that rules know.
    pub(crate) shell: Option<Dialect>,
    /// It is the `/bin/sh` of the base image, which has been looked at, and dash or busybox.
    is_known_sh: bool,
    stage: usize,
    variables: Rc<Variables<'a>>,
}

/// Arguments that each RUN has without a declaration.
const PROXIES: [&str; 8] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "FTP_PROXY",
    "ftp_proxy",
    "NO_PROXY",
    "no_proxy",
];

impl<'a> ShellRun<'a> {
    /// The texts of the RUN, each with the shell that reads it. Those for other programs are left out.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&Text<'a>, Dialect)> {
        let shell = self.context.shell;
        self.run.texts().iter().filter_map(move |text| {
            let dialect = match &text.part.interpreter {
                Some(program) => Dialect::of(program),
                None => shell,
            };
            Some((text, dialect?))
        })
    }

    /// The texts that sh reads.
    pub(crate) fn texts_in_sh(&self) -> impl Iterator<Item = &Text<'a>> {
        self.texts().filter(|(_, dialect)| *dialect == Dialect::Sh).map(|(text, _)| text)
    }

    /// The simple commands of texts that sh reads.
    pub(crate) fn commands_in_sh(&self) -> impl Iterator<Item = &'a Command> {
        self.texts_in_sh().flat_map(|text| &text.commands).map(|(command, _)| *command)
    }

    /// The commands of texts that sh reads, compound ones as well.
    pub(crate) fn nodes_in_sh(&self) -> impl Iterator<Item = &'a Node> {
        self.texts_in_sh().flat_map(|text| &text.nodes).copied()
    }

    /// What the words of texts that sh reads are made of, but for what is literal.
    pub(crate) fn pieces_in_sh(&self) -> impl Iterator<Item = &'a Piece> {
        self.texts_in_sh().flat_map(|text| &text.pieces).copied()
    }

    /// The commands of all texts that shells read, compound ones as well.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &'a Node> {
        self.texts().flat_map(|(text, _)| &text.nodes).copied()
    }

    /// The words of all texts that shells read.
    pub(crate) fn words(&self) -> impl Iterator<Item = (&'a ShellWord, Role<'a>)> {
        self.texts().flat_map(|(text, _)| &text.words).copied()
    }

    /// What `/bin/sh` of the base image is, where that reads the RUN and is known not to be bash.
    pub(crate) fn known_sh(&self) -> Option<Dialect> {
        self.context.shell.filter(|_| self.context.is_known_sh)
    }

    /// The same, told of no other shell than any sh.
    pub(crate) fn as_any_sh(&self) -> Self {
        let context = Context { shell: Some(Dialect::Sh), ..self.context.clone() };
        Self { context, run: self.run.again() }
    }

    /// The RUN as it stands in the file, with its ONBUILD.
    pub(crate) const fn owner(&self) -> &'a Instruction {
        self.context.owner
    }

    /// The stage that the RUN is in.
    pub(crate) fn stage(&self) -> Option<&'a Stage<'a>> {
        self.run.subject.stages.get(self.context.stage)
    }

    /// True if an ARG or ENV in front sets the variable, or the builder.
    pub(crate) fn has_variable(&self, name: &str) -> bool {
        self.context.has_variable(name)
    }
}

impl Context<'_> {
    fn has_variable(&self, name: &str) -> bool {
        let here = self.owner.span.start;
        PROXIES.contains(&name) || self.variables.has(name, self.stage, here)
    }

    /// The variables that are set and have their names somewhere in a text.
    pub(crate) fn variables_in<'t>(&self, text: &'t str) -> BTreeSet<&'t str> {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        words.filter(|word| !word.is_empty() && self.has_variable(word)).collect()
    }
}

/// Every RUN whose commands are known.
pub(crate) fn shell_runs<'a>(subject: &'a Subject<'a>) -> Vec<ShellRun<'a>> {
    let contexts = contexts(subject).into_iter();
    let runs = contexts
        .filter_map(|context| Some(ShellRun { run: Run::of(subject, context.owner)?, context }));
    runs.collect()
}

/// Every script of the context that is executed, as a RUN of its own.
pub(crate) fn shared_runs<'a>(subject: &'a Subject<'a>) -> Vec<(ShellRun<'a>, &'a Shared)> {
    let shared = subject.shared();
    if shared.is_empty() {
        return Vec::new();
    }
    let variables = Rc::new(Variables::of(subject));
    let runs = shared.iter().filter_map(|shared| {
        let owner = subject.dockerfile.instructions.get(shared.instruction)?;
        let (shell, stage) = (Some(shared.dialect), shared.stage);
        let variables = Rc::clone(&variables);
        let context = Context { owner, shell, is_known_sh: false, stage, variables };
        let script = &shared.script;
        Some((ShellRun { run: Run::new(subject, owner, script), context }, shared))
    });
    runs.collect()
}

/// Every RUN and ONBUILD.
pub(crate) fn contexts<'a>(subject: &Subject<'a>) -> Vec<Context<'a>> {
    let mut contexts = Vec::new();
    let variables = Rc::new(Variables::of(subject));
    let mut named = shells(subject.source, subject.dockerfile).into_iter().peekable();
    let mut named_before = move |place: usize| {
        let mut last = None;
        while let Some((_, name)) = named.next_if(|(at, _)| *at < place) {
            last = Some(Dialect::of(name));
        }
        last
    };
    let first = subject.stages.first().map_or(0, |stage| stage.instruction.span.start);
    let named_for_all = named_before(first);
    let mut ends: Vec<(Option<Dialect>, bool)> = Vec::new();
    for stage in &subject.stages {
        let base = subject.base_of(stage).and_then(|base| ends.get(base.index));
        let (mut shell, mut is_known_sh) = match (base, named_for_all) {
            (Some(end), _) => *end,
            (None, Some(shell)) => (shell, false),
            (None, None) => of_base(subject, stage),
        };
        // What stands there still belongs to the stage above.
        named_before(stage.instruction.span.start);
        for owner in stage.instructions {
            if let Some(named) = named_before(owner.span.start) {
                (shell, is_known_sh) = (named, false);
            }
            match &owner.kind {
                InstructionKind::Shell(words) => {
                    shell = words.first().and_then(|word| Dialect::of(word.as_str()));
                    is_known_sh = false;
                }
                InstructionKind::Run(_) | InstructionKind::Onbuild(_) => {
                    let variables = Rc::clone(&variables);
                    let stage = stage.index;
                    contexts.push(Context { owner, shell, is_known_sh, stage, variables });
                    if is_known_sh && replaces_sh(subject, owner) {
                        (shell, is_known_sh) = (Some(Dialect::Sh), false);
                    }
                }
                _ => {}
            }
        }
        ends.push((shell, is_known_sh));
    }
    contexts
}

/// The shell of an image, and whether it is `/bin/sh` and known to be dash or busybox.
pub(crate) fn of_base(subject: &Subject<'_>, stage: &Stage<'_>) -> (Option<Dialect>, bool) {
    let base = subject.known.stage(stage.index).base;
    let set = base.and_then(|base| base.config.shell.first());
    let shell = set.map_or(Some(Dialect::Sh), |set| Dialect::of(set));
    if shell != Some(Dialect::Sh) {
        return (shell, false);
    }
    match Root::of_base(subject, stage).and_then(|root| sh_of(&root)) {
        Some(known) => (Some(known), known != Dialect::Bash),
        None => (shell, false),
    }
}

/// What `/bin/sh` is, if it is one of those that are known.
fn sh_of(root: &Root<'_>) -> Option<Dialect> {
    let shells = [("bash", Dialect::Bash), ("dash", Dialect::Dash), ("busybox", Dialect::Busybox)];
    let is_it = |name: &str| root.are_same("/bin/sh", &format!("/bin/{name}"));
    shells.into_iter().find(|(name, _)| is_it(name)).map(|(_, shell)| shell)
}

/// True if a command may put another program in the place of `/bin/sh`.
fn replaces_sh(subject: &Subject<'_>, instruction: &Instruction) -> bool {
    let text = subject.source.get(instruction.span.range()).unwrap_or_default();
    text.contains("bin/sh") || text.contains("dpkg-reconfigure") || text.contains("alternatives")
}
