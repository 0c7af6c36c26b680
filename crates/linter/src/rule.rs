//! The rules, and what a rule is.

use lapstrake_parser::{Instruction, Severity};

use crate::finding::Findings;
use crate::subject::Subject;
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
    /// It only looks when it is asked to by name.
    pub experimental: bool,
    /// How it looks.
    pub(crate) check: Check,
}

/// Who made a rule: its name, when it fires and what it is about are theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// BuildKit's build checks.
    BuildKit,
}

/// What a rule looks at.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Check {
    /// The whole file, once. No comment above an instruction silences it.
    File(fn(&Subject<'_>, &mut Findings<'_>)),
    /// Each instruction as it is written.
    Instruction(fn(&Subject<'_>, &Instruction, &mut Findings<'_>)),
    /// Each instruction of a stage that is needed, at its turn in the build.
    Step(fn(&Step<'_>, &mut Findings<'_>)),
}

impl Rule {
    /// One of BuildKit's checks.
    const fn buildkit(name: &'static str, check: Check) -> Self {
        let (origin, severity) = (Origin::BuildKit, Severity::Warning);
        Self { name, aliases: &[], origin, severity, experimental: false, check }
    }

    /// The same rule, looking only when it is asked to.
    const fn experimental(self) -> Self {
        Self { experimental: true, ..self }
    }

    /// The same rule, which hadolint has as well.
    const fn alias(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }

    /// True if that is its name or an alias of it, in any case of letters.
    pub fn is_named(&self, name: &str) -> bool {
        let mut names = self.aliases.iter().chain([&self.name]);
        names.any(|own| own.eq_ignore_ascii_case(name))
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

/// Every rule with the text of its file.
pub(crate) const ENTRIES: &[Entry] = buildkit::ENTRIES;

/// Every rule.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    ENTRIES.iter().map(|entry| entry.rule)
}

/// The rule of that name or alias, in any case of letters.
pub fn rule(name: &str) -> Option<&'static Rule> {
    all().find(|rule| rule.is_named(name))
}

#[cfg(test)]
mod tests;
