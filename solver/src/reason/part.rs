//! What a key is made of, part by part, and what of that differs.

use std::collections::HashMap;
use std::fmt;

use lapstrake_rootfs::ContentHash;
use lapstrake_source::redacted;
use serde::{Deserialize, Serialize};

use super::below;

/// Longer texts are cut.
const TEXT: usize = 2000;

/// The same for commands and scripts, whose lines are kept apart: a change may be anywhere in them.
const SCRIPT: usize = 8000;

/// Longer names are cut.
const NAME: usize = 200;

/// What the names of inline files begin with, mounts and secret variables.
const FILE: &str = "the file ";
const MOUNT: &str = "the mount at ";
const SECRET: &str = "the secret variable ";

/// What the name of a secret begins with whose value counts. Behind the variable's in order: that is told first.
pub(super) const COUNTED: &str = "the value of the secret ";

/// What runs a command.
const SHELL: &str = "the shell";

/// Stands for a content that is not told.
const WITHHELD: u64 = 0;

/// One thing that a key is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// What.
    pub subject: Subject,
    /// As people read it; cut by [`fit`].
    pub text: String,
    /// Stands for all of it.
    pub hash: u64,
}

/// What a [`Part`] is about, in the order in which differences are told: what a step is itself
/// comes before what it stands on. The order is also that of the accounts on disk, so new ones are added
/// at the end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Subject {
    /// The command of a run.
    Command,
    /// The files that are copied; the text names the sources.
    Files,
    /// An environment variable.
    Variable(String),
    /// Anything else that is set, in words.
    Setting(String),
    /// What is mounted at a path; the text names the source.
    Mounted(String),
    /// The image at the bottom; the text is its name and its digest with a space between.
    Base,
    /// The step that made the layer of this number; the text is its name.
    Below(u32),
    /// The file that was fetched; the text is its name and its digest with a space between.
    Body,
    /// The commit that was fetched; the text is the name of its reference and its id with a space between.
    Commit,
}

/// In words.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command => f.write_str("the command"),
            Self::Files => f.write_str("what is copied"),
            Self::Variable(name) | Self::Setting(name) => f.write_str(name),
            Self::Mounted(target) => write!(f, "what is mounted at {target}"),
            Self::Base => f.write_str("the base image"),
            Self::Below(_) => f.write_str("the step before"),
            Self::Body => f.write_str("the file"),
            Self::Commit => f.write_str("the commit"),
        }
    }
}

impl Subject {
    /// Whether it is a variable whose name is that of a secret: its value is told nowhere.
    pub(crate) fn is_secret(&self) -> bool {
        matches!(self, Self::Variable(name) if super::secret::is_secret(name))
    }

    /// The shell of a command and its flags. They are in the hash of the command as well.
    pub(crate) fn shell() -> Self {
        Self::Setting(SHELL.to_owned())
    }

    fn is_shell(&self) -> bool {
        matches!(self, Self::Setting(name) if name == SHELL)
    }

    /// An inline file that a command sees.
    pub(crate) fn file(path: &str) -> Self {
        Self::Setting(format!("{FILE}{path}"))
    }

    /// What is mounted at a place, with its options.
    pub(crate) fn mount(target: &str) -> Self {
        Self::Setting(format!("{MOUNT}{target}"))
    }

    /// A variable that has the value of a secret.
    pub(crate) fn secret_variable(name: &str) -> Self {
        Self::Setting(format!("{SECRET}{name}"))
    }

    /// A secret whose value counts.
    pub(crate) fn counted_secret(id: &str) -> Self {
        Self::Setting(format!("{COUNTED}{id}"))
    }

    /// Whether its text is a list of options, as `--mount` has it.
    pub(super) fn has_options(&self) -> bool {
        let is_one = |name: &str| name.starts_with(MOUNT) || name.starts_with(SECRET);
        matches!(self, Self::Setting(name) if is_one(name))
    }

    /// Whether its text is a script, of several lines.
    fn is_script(&self) -> bool {
        match self {
            Self::Command => true,
            Self::Setting(name) => name.starts_with(FILE),
            _ => false,
        }
    }

    /// Whether it is about what a step stands on, and not about the step itself.
    pub(super) fn is_below(&self) -> bool {
        matches!(self, Self::Base | Self::Below(_))
    }
}

impl Part {
    /// A part that is known by its text.
    pub fn text(subject: Subject, text: &str) -> Self {
        Self::of(subject, text, &ContentHash::of(text.as_bytes()))
    }

    /// An environment variable. The value of one whose name is that of a secret is not kept as text.
    pub fn variable(name: &str, value: &str) -> Self {
        let subject = Subject::Variable(name.to_owned());
        let text = if subject.is_secret() { "" } else { value };
        Self::of(subject, text, &ContentHash::of(value.as_bytes()))
    }

    /// A part that `content` stands for.
    pub fn of(subject: Subject, text: &str, content: &ContentHash) -> Self {
        Self { subject, text: text.to_owned(), hash: short(content) }
    }

    /// Whether it is a text, and an empty one: nothing was set.
    pub fn is_unset(&self) -> bool {
        self.text.is_empty() && self.hash == short(&ContentHash::of(b""))
    }

    /// The same without what it is.
    pub(crate) fn withheld(self) -> Self {
        Self { text: String::new(), hash: WITHHELD, ..self }
    }

    /// Whether another account did not tell what it is.
    pub(crate) fn is_withheld(&self) -> bool {
        self.hash == WITHHELD
    }
}

/// The beginning of a hash.
pub fn short(content: &ContentHash) -> u64 {
    let beginning = content.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    beginning.max(WITHHELD + 1)
}

/// Makes texts fit to be kept and shown: without logins in addresses, as `cover` leaves them, those that are no
/// scripts on one line, and not too long.
pub(crate) fn fit(parts: &mut [Part], cover: &dyn Fn(String) -> String) {
    for part in parts {
        let text = redacted(&cover(std::mem::take(&mut part.text))).into_owned();
        part.text = match part.subject.is_script() {
            true => cut(&text, SCRIPT),
            false => cut(&text.replace('\n', " "), TEXT),
        };
        if let Subject::Variable(name) | Subject::Setting(name) | Subject::Mounted(name) =
            &mut part.subject
            && name.len() > NAME
        {
            *name = cut(name, NAME);
        }
    }
}

/// What an account does not tell, in words.
pub(crate) fn withheld(parts: &[Part]) -> Vec<String> {
    let withheld = parts.iter().filter(|part| part.is_withheld());
    withheld.map(|part| part.subject.to_string()).collect()
}

/// At most so many characters of a text.
pub(super) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// A part that differs: before and now.
pub(crate) type Difference<'a> = (Option<&'a Part>, Option<&'a Part>);

/// What differs, in the order in which it is told. What was not told of one of them does not, nor does what was set
/// in none of them.
pub(crate) fn differences<'a>(before: &'a [Part], now: &'a [Part]) -> Vec<Difference<'a>> {
    let index = |parts: &'a [Part]| -> HashMap<&'a Subject, &'a Part> {
        let own = parts.iter().filter(|part| !matches!(part.subject, Subject::Below(_)));
        own.map(|part| (&part.subject, part)).collect()
    };
    let (known, present) = (index(before), index(now));
    let changed = present.values().filter_map(|part| match known.get(&part.subject) {
        Some(earlier) if earlier.hash == part.hash || earlier.is_withheld() => None,
        // Earlier versions did not tell of shells.
        None if part.is_unset() || part.subject.is_shell() => None,
        earlier => Some((earlier.copied(), Some(*part))),
    });
    let gone = known.values().filter(|part| !present.contains_key(&part.subject));
    let gone = gone.filter(|part| !part.is_unset());
    let mut all: Vec<_> = changed.chain(gone.map(|part| (Some(*part), None))).collect();
    if all.iter().any(|difference| subject(difference).is_some_and(Subject::is_shell)) {
        all.retain(|(before, now)| !is_same_command(*before, *now));
    }
    all.sort_by_key(|difference| subject(difference));
    // The steps below come behind everything that a step with such has.
    all.extend(below::differences(before, now));
    all
}

/// Whether it is a command that is written as before.
fn is_same_command(before: Option<&Part>, now: Option<&Part>) -> bool {
    let is_same = |(before, now): (&Part, &Part)| {
        before.subject == Subject::Command && before.text == now.text
    };
    before.zip(now).is_some_and(is_same)
}

/// What a difference is about.
pub(super) fn subject<'a>((before, now): &Difference<'a>) -> Option<&'a Subject> {
    now.or(*before).map(|part| &part.subject)
}

/// How far two executions of a step are from each other: first by what the step is itself, then by what it
/// stands on. When a base image moves, much below may differ, and it is one reason all the same.
pub(crate) fn distance(differences: &[Difference<'_>]) -> (usize, usize) {
    let is_below = |one: &&Difference<'_>| subject(one).is_some_and(Subject::is_below);
    let below = differences.iter().filter(is_below).count();
    (differences.len() - below, below)
}

/// The first two things that are in another order, where nothing else differs.
pub(super) fn swapped<'a>(
    before: &'a [Part],
    now: &'a [Part],
) -> Option<(&'a Subject, &'a Subject)> {
    let order = |parts: &'a [Part]| -> Vec<&'a Subject> {
        let own = parts.iter().filter(|part| !part.subject.is_below() && !part.is_unset());
        own.map(|part| &part.subject).collect()
    };
    let (before, now) = (order(before), order(now));
    let sorted = |subjects: &[&'a Subject]| {
        let mut sorted = subjects.to_vec();
        sorted.sort();
        sorted
    };
    let mut pairs = before.iter().zip(&now);
    let (before_it, now_it) = pairs.find(|(before, now)| before != now)?;
    (sorted(&before) == sorted(&now)).then_some((*now_it, *before_it))
}
