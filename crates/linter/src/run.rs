//! A RUN as rules about commands see it.

use std::cell::OnceCell;

use lapstrake_parser::{Instruction, InstructionKind, mount};

use crate::shell::text::Text;
use crate::shell::tree::Pipeline;
use crate::shell::{Command, Piece, Script};
use crate::subject::Subject;

/// Programs that compare what was fetched.
const CHECKERS: [&str; 10] = [
    "sha256sum",
    "sha512sum",
    "sha384sum",
    "sha1sum",
    "md5sum",
    "shasum",
    "gpg",
    "gpgv",
    "cosign",
    "minisign",
];

/// A RUN, or an ONBUILD RUN, whose commands are known.
pub(crate) struct Run<'a> {
    /// The file.
    pub(crate) subject: &'a Subject<'a>,
    /// The RUN, without its ONBUILD.
    pub(crate) instruction: &'a Instruction,
    /// What it runs.
    pub(crate) script: &'a Script,
    /// It stands behind ONBUILD.
    pub(crate) is_trigger: bool,
    texts: OnceCell<Vec<Text<'a>>>,
}

impl<'a> Run<'a> {
    /// The RUN that this instruction is, if its commands are known.
    pub(crate) fn of(subject: &'a Subject<'a>, instruction: &'a Instruction) -> Option<Self> {
        let script = subject.script(instruction)?;
        let (inner, is_trigger) = match &instruction.kind {
            InstructionKind::Onbuild(onbuild) => (onbuild.instruction.as_deref()?, true),
            _ => (instruction, false),
        };
        Some(Self { is_trigger, ..Self::new(subject, inner, script) })
    }

    /// A RUN that runs this, and stands behind no ONBUILD.
    pub(crate) const fn new(
        subject: &'a Subject<'a>,
        instruction: &'a Instruction,
        script: &'a Script,
    ) -> Self {
        Self { subject, instruction, script, is_trigger: false, texts: OnceCell::new() }
    }

    /// The same, to be looked at anew.
    pub(crate) const fn again(&self) -> Self {
        Self { texts: OnceCell::new(), ..*self }
    }

    /// The texts of the script with everything in them, sorted out when a rule asks first.
    pub(crate) fn texts(&self) -> &[Text<'a>] {
        self.texts.get_or_init(|| self.script.texts())
    }

    /// The pipelines of all texts.
    pub(crate) fn pipelines(&self) -> impl Iterator<Item = &'a Pipeline> {
        self.texts().iter().flat_map(|text| &text.pipelines).map(|(pipeline, _)| *pipeline)
    }

    /// What the words of all texts are made of, but for what is literal.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = &'a Piece> {
        self.texts().iter().flat_map(|text| &text.pieces).copied()
    }

    /// The commands of these programs.
    pub(crate) fn commands(&self, programs: &'a [&str]) -> impl Iterator<Item = &'a Command> {
        self.numbered(programs).map(|(_, command)| command)
    }

    /// The commands of these programs, with their numbers in the script.
    pub(crate) fn numbered(
        &self,
        programs: &'a [&str],
    ) -> impl Iterator<Item = (usize, &'a Command)> {
        let commands = self.script.commands.iter().enumerate();
        commands.filter(move |(_, command)| programs.contains(&command.name()))
    }

    /// True if a checksum or a signature is compared.
    pub(crate) fn checks_downloads(&self) -> bool {
        let mut commands = self.script.commands.iter();
        commands.any(|one| CHECKERS.contains(&one.base_name()) || one.has_argument("dgst"))
    }

    /// True if a cache or a temporary file system is mounted at a path with this text in it.
    pub(crate) fn has_mount(&self, path: &str) -> bool {
        let mounts = self.instruction.flags_named("mount");
        mounts.filter_map(|flag| flag.value.as_ref()).any(|word| {
            let option = |names: &[&str]| mount::option(word.as_str(), names);
            let kind = option(&["type"]).map(|(kind, _)| kind);
            let is_kept_out = matches!(kind.as_deref(), Some("cache" | "tmpfs"));
            let target = option(&["target", "dst", "destination"]);
            is_kept_out && target.is_some_and(|(target, _)| target.contains(path))
        })
    }
}
