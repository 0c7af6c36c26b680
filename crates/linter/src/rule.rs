//! The rules, and what a rule is.

use lapstrake_parser::{Instruction, Severity, Stage};

use crate::dialect::ShellRun;
use crate::finding::Findings;
use crate::policy::Wanted;
use crate::run::Run;
use crate::subject::Subject;
use crate::suppression::Suppressions;
use crate::walk::Step;

/// A rule about Dockerfiles.
#[derive(Debug)]
pub struct Rule {
    /// Its name, which is stable: files and configurations silence it by this name.
    pub name: &'static str,
    /// What other tools call it: such a name is as good as its own.
    pub aliases: &'static [&'static str],
    /// Who made the rule.
    pub origin: Origin,
    /// How bad it is to break it.
    pub severity: Severity,
    /// How often what it finds holds.
    pub confidence: Confidence,
    /// It only looks when it is asked to by name.
    pub experimental: bool,
    /// The presets it is in.
    pub presets: &'static [Preset],
    /// Rules that say less of the same fault: what this one has found at a place, they do not report again.
    pub(crate) instead_of: &'static [&'static str],
    /// It is about the size of the image: a stage that is not in it does not matter.
    pub(crate) of_size: bool,
    /// How it looks.
    pub(crate) check: Check,
}

/// Who made a rule: its name, when it fires and what it is about are theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// BuildKit's build checks.
    BuildKit,
    /// The rules of hadolint.
    Hadolint,
    /// The warnings of ShellCheck, which hadolint hands on.
    ShellCheck,
    /// This project.
    Lapstrake,
}

/// How often what a rule finds is what its message says, and no exception that the file does not show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// Now and then: it goes by names, or by what most authors mean.
    Low,
    /// Mostly: what is not in the file may make a difference.
    Medium,
    /// Nearly always: it follows from the file and what else is known.
    High,
}

impl Confidence {
    /// `high`, `medium`, `low`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// A choice of rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// What is wrong or costs something: few findings, each worth a look.
    Recommended,
    /// Versions, style and opinions as well.
    Strict,
    /// What hadolint looks for.
    Hadolint,
    /// What BuildKit looks for.
    BuildKit,
}

impl Preset {
    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Recommended => "recommended",
            Self::Strict => "strict",
            Self::Hadolint => "hadolint",
            Self::BuildKit => "buildkit",
        }
    }
}

/// What a rule looks at.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Check {
    /// The whole file, once. No comment above an instruction silences it.
    File(fn(&Subject<'_>, &mut Findings<'_>)),
    /// Each instruction as it is written.
    Instruction(fn(&Subject<'_>, &Instruction, &mut Findings<'_>)),
    /// Each stage as it is written.
    Stage(fn(&Subject<'_>, &Stage<'_>, &mut Findings<'_>)),
    /// The commands of each RUN, those behind ONBUILD included.
    Script(fn(&Run<'_>, &mut Findings<'_>)),
    /// Each RUN in shell form, with the shell that reads it.
    Shell(fn(&ShellRun<'_>, &mut Findings<'_>)),
    /// Each instruction of a stage that is needed, at its turn in the build.
    Step(fn(&Step<'_>, &mut Findings<'_>)),
    /// The comments that silence rules, once all others have looked.
    Suppressions(fn(&Suppressions<'_>, &Wanted<'_>, &mut Findings<'_>)),
}

impl Rule {
    /// A rule that is in no preset, has one name and is right nearly always.
    const fn new(name: &'static str, origin: Origin, severity: Severity, check: Check) -> Self {
        Self {
            name,
            aliases: &[],
            origin,
            severity,
            confidence: Confidence::High,
            experimental: false,
            presets: &[],
            instead_of: &[],
            of_size: false,
            check,
        }
    }

    /// One of BuildKit's checks.
    const fn buildkit(name: &'static str, check: Check) -> Self {
        let presets = &[Preset::Recommended, Preset::Strict, Preset::BuildKit];
        Self { presets, ..Self::new(name, Origin::BuildKit, Severity::Warning, check) }
    }

    /// One of hadolint's rules, with hadolint's ids for it.
    const fn hadolint(
        name: &'static str,
        aliases: &'static [&'static str],
        severity: Severity,
        check: Check,
    ) -> Self {
        let presets = &[Preset::Strict, Preset::Hadolint];
        Self { aliases, presets, ..Self::new(name, Origin::Hadolint, severity, check) }
    }

    /// One of ShellCheck's warnings, with ShellCheck's id for it.
    const fn shellcheck(
        name: &'static str,
        aliases: &'static [&'static str],
        severity: Severity,
        check: Check,
    ) -> Self {
        Self { origin: Origin::ShellCheck, ..Self::hadolint(name, aliases, severity, check) }
    }

    /// One of ShellCheck's warnings that ShellCheck itself has to look for.
    pub(crate) const fn foreign(name: &'static str, severity: Severity) -> Self {
        let check = Check::Shell(|_, _| {});
        Self { origin: Origin::ShellCheck, ..Self::hadolint(name, &[], severity, check) }
    }

    /// One of our own.
    const fn own(name: &'static str, severity: Severity, check: Check) -> Self {
        let presets = &[Preset::Recommended, Preset::Strict];
        Self { presets, ..Self::new(name, Origin::Lapstrake, severity, check) }
    }

    /// The same rule, for everybody.
    const fn recommended(self) -> Self {
        let presets = &[Preset::Recommended, Preset::Strict, Preset::Hadolint];
        Self { presets, ..self }
    }

    /// The same rule, which is right so often.
    const fn confident(self, confidence: Confidence) -> Self {
        Self { confidence, ..self }
    }

    /// The same rule, which is about the size of the image.
    const fn of_size(self) -> Self {
        Self { of_size: true, ..self }
    }

    /// The same rule, for who asks for much.
    const fn strict(self) -> Self {
        Self { presets: &[Preset::Strict], ..self }
    }

    /// The same rule, of which there is a better one of another name.
    const fn hadolint_only(self) -> Self {
        Self { presets: &[Preset::Hadolint], ..self }
    }

    /// The same rule, in place of those where it finds something.
    const fn instead_of(self, names: &'static [&'static str]) -> Self {
        Self { instead_of: names, ..self }
    }

    /// The same rule, looking only when it is asked to.
    const fn experimental(self) -> Self {
        Self { experimental: true, ..self }
    }

    /// The same rule, which hadolint has as well.
    const fn alias(self, aliases: &'static [&'static str]) -> Self {
        let presets = &[Preset::Recommended, Preset::Strict, Preset::BuildKit, Preset::Hadolint];
        Self { aliases, presets, ..self }
    }

    /// True if that is its name or an alias of it, in any case of letters.
    pub fn is_named(&self, name: &str) -> bool {
        let mut names = self.aliases.iter().chain([&self.name]);
        names.any(|own| own.eq_ignore_ascii_case(name))
    }

    /// True if hadolint has it: then it is called by one of hadolint's ids, or ShellCheck's.
    pub(crate) fn is_hadolints(&self) -> bool {
        self.origin == Origin::ShellCheck
            || self.aliases.iter().any(|alias| alias.starts_with("DL"))
    }

    /// True if it looks at instructions one by one, as they are written, and so has something to say
    /// of a file that is not whole as well.
    pub fn sees_one_instruction(&self) -> bool {
        matches!(self.check, Check::Instruction(_))
    }

    /// The page of the one who made the rule.
    pub(crate) fn url(&self) -> Option<String> {
        match self.origin {
            // Which has no page.
            Origin::BuildKit if self.name == "InvalidBaseImagePlatform" => None,
            Origin::BuildKit => {
                Some(format!("https://docs.docker.com/go/dockerfile/rule/{}/", kebab(self.name)))
            }
            Origin::Hadolint => {
                let id = self.aliases.first()?;
                Some(format!("https://github.com/hadolint/hadolint/wiki/{id}"))
            }
            Origin::ShellCheck => {
                let id = self.aliases.first().unwrap_or(&self.name);
                Some(format!("https://www.shellcheck.net/wiki/{id}"))
            }
            Origin::Lapstrake => None,
        }
    }
}

/// `StageNameCasing` as `stage-name-casing`: no dash between capitals that follow each other.
pub(crate) fn kebab(name: &str) -> String {
    let mut kebab = String::with_capacity(name.len() + 8);
    let mut before = None;
    let mut letters = name.chars().peekable();
    while let Some(letter) = letters.next() {
        let begins = letter.is_ascii_uppercase()
            && before.is_some_and(|before: char| {
                before.is_ascii_lowercase()
                    || (before.is_ascii_uppercase()
                        && letters.peek().is_some_and(char::is_ascii_lowercase))
            });
        if begins {
            kebab.push('-');
        }
        kebab.push(letter.to_ascii_lowercase());
        before = Some(letter);
    }
    kebab
}

/// A rule with the text of its file.
pub(crate) struct Entry {
    pub(crate) rule: &'static Rule,
    pub(crate) text: &'static str,
}

/// Declares the modules of a folder, and the list of their rules. A test holds the list against the
/// files in the folder.
macro_rules! rules {
    ($folder:literal: $($module:ident)*) => {
        $(mod $module;)*

        pub(crate) const ENTRIES: &[$crate::rule::Entry] = &[$($crate::rule::Entry {
            rule: &$module::RULE,
            text: include_str!(concat!($folder, "/", stringify!($module), ".rs")),
        }),*];
    };
}

mod buildkit;
mod hadolint;
mod lapstrake;
mod shellcheck;

/// Every rule with the text of its file, in lists.
const LISTS: [&[Entry]; 4] =
    [buildkit::ENTRIES, hadolint::ENTRIES, lapstrake::ENTRIES, shellcheck::ENTRIES];

/// Every rule with the text of its file.
pub(crate) fn entries() -> impl Iterator<Item = &'static Entry> {
    LISTS.iter().flat_map(|list| list.iter())
}

/// Every rule.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    entries().map(|entry| entry.rule)
}

/// The rule of that name or alias, in any case of letters.
pub fn rule(name: &str) -> Option<&'static Rule> {
    all().find(|rule| rule.is_named(name))
}

#[cfg(test)]
mod tests;
