//! Why the cache has no result of a step: what its key is made of beside what the key of the
//! nearest earlier execution was made of, and the first thing that differs.
//!
//! Nothing here is in a key. Hashes are shortened and texts are cut: they only tell two builds of
//! one step apart.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use lapstrake_rootfs::ContentHash;
use serde::{Deserialize, Serialize};

use crate::age::age_within;

/// Longer texts are cut.
const TEXT: usize = 200;

/// Why a step is executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Whoever builds wants it so.
    Unwanted,
    /// Nothing is known of an earlier execution.
    First,
    /// It was executed just like this, and the result is gone.
    Gone,
    /// A result was removed to make room.
    Evicted {
        /// How long ago.
        since: Duration,
        /// Whether it was that of just this; else of the same step with something else in it.
        is_same: bool,
    },
    /// Something that it is made of.
    Changed {
        /// What, in words.
        subject: String,
        /// What it was; `None` when it is new.
        before: Option<String>,
        /// What it is; `None` when it is no more.
        after: Option<String>,
    },
    /// A file that it takes.
    File {
        /// Where it lies in its source.
        path: String,
        /// How it changed.
        change: FileChange,
        /// How many other files changed.
        others: usize,
    },
    /// Its files, and it is not known which.
    Files,
    /// What is mounted for it there.
    Mounted(String),
    /// The image that it stands on.
    Base {
        /// Name and digest before.
        before: (String, String),
        /// Name and digest now.
        after: (String, String),
    },
    /// A step that it follows.
    Follows {
        /// Its name.
        step: String,
        /// Whether it is the one that was there before, with another result.
        is_same: bool,
    },
    /// Nothing that is told apart here: this program makes keys in another way than the one before.
    Otherwise,
}

/// What happened to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileChange {
    /// It was not there.
    Added,
    /// It is not there any more.
    Removed,
    /// Its content or kind.
    Content,
    /// Its permission bits alone: before, now.
    Mode(u32, u32),
}

/// One thing that a key is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// What.
    pub subject: Subject,
    /// As people read it; may be cut.
    pub text: String,
    /// Stands for all of it.
    pub hash: u64,
}

/// What a [`Part`] is about, in the order in which differences are told: what a step is itself
/// comes before what it stands on.
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
    /// What is mounted at a path.
    Mounted(String),
    /// The image at the bottom; the text is its name and its digest with a space between.
    Base,
    /// The step that made the layer of this number; the text is its name.
    Below(u32),
}

/// A file as it is kept for the next build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownFile {
    /// Where it lies in its source.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// Stands for everything else of it.
    pub hash: u64,
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
        }
    }
}

impl Part {
    /// A part that is known by its text.
    pub fn text(subject: Subject, text: &str) -> Self {
        Self::of(subject, text, &ContentHash::of(text.as_bytes()))
    }

    /// Whether it is a text, and an empty one: nothing was set.
    pub fn is_unset(&self) -> bool {
        self.text.is_empty() && self.hash == short(&ContentHash::of(b""))
    }

    /// A part that `content` stands for.
    pub fn of(subject: Subject, text: &str, content: &ContentHash) -> Self {
        Self { subject, text: cut(text), hash: short(content) }
    }
}

/// The beginning of a hash.
pub fn short(content: &ContentHash) -> u64 {
    content.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// On one line.
fn cut(text: &str) -> String {
    let text = text.replace('\n', " ");
    match text.char_indices().nth(TEXT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// A part that differs: before and now.
type Difference<'a> = (Option<&'a Part>, Option<&'a Part>);

/// What differs, in the order in which it is told.
pub fn differences<'a>(before: &'a [Part], now: &'a [Part]) -> Vec<Difference<'a>> {
    let index = |parts: &'a [Part]| -> HashMap<&'a Subject, &'a Part> {
        parts.iter().map(|part| (&part.subject, part)).collect()
    };
    let (known, present) = (index(before), index(now));
    let changed = now.iter().filter_map(|part| match known.get(&part.subject) {
        Some(earlier) if earlier.hash == part.hash => None,
        earlier => Some((earlier.copied(), Some(part))),
    });
    let gone = before.iter().filter(|part| !present.contains_key(&part.subject));
    let mut all: Vec<_> = changed.chain(gone.map(|part| (Some(part), None))).collect();
    all.sort_by_key(|(before, now)| now.or(*before).map(|part| &part.subject));
    all
}

/// The reason for the first of some differences. `files` compares the files, when it is about those.
pub fn first(differences: &[Difference<'_>], files: impl FnOnce() -> Option<Reason>) -> Reason {
    let Some((before, now)) = differences.first() else { return Reason::Otherwise };
    let Some(subject) = now.or(*before).map(|part| &part.subject) else {
        return Reason::Otherwise;
    };
    let text = |part: &Option<&Part>| part.map(|part| part.text.clone());
    let changed = |subject: &str| Reason::Changed {
        subject: subject.to_owned(),
        before: text(before),
        after: text(now),
    };
    match subject {
        Subject::Command => changed("the command"),
        Subject::Files if text(before) != text(now) => changed("what is copied"),
        Subject::Files => files().unwrap_or(Reason::Files),
        Subject::Variable(name) | Subject::Setting(name) => changed(name),
        Subject::Mounted(target) => Reason::Mounted(target.clone()),
        Subject::Base => match (text(before), text(now)) {
            (Some(before), Some(after)) => {
                Reason::Base { before: image(&before), after: image(&after) }
            }
            _ => changed("the base"),
        },
        Subject::Below(_) => {
            let [before, now] = [text(before), text(now)].map(Option::unwrap_or_default);
            let is_same = instruction(&before) == instruction(&now);
            Reason::Follows { step: if now.is_empty() { before } else { now }, is_same }
        }
    }
}

/// The name of a step without its place, which moves when steps are added.
fn instruction(name: &str) -> &str {
    name.split_once(']').map_or(name, |(_, instruction)| instruction)
}

fn image(text: &str) -> (String, String) {
    let (name, digest) = text.split_once(' ').unwrap_or((text, ""));
    (name.to_owned(), digest.to_owned())
}

/// The first file that differs, in path order.
pub fn compare_files(before: &[KnownFile], now: &[KnownFile]) -> Option<Reason> {
    let (before, now) = without_common_ends(before, now);
    let known: HashMap<&str, &KnownFile> =
        before.iter().map(|file| (file.path.as_str(), file)).collect();
    let present: HashMap<&str, &KnownFile> =
        now.iter().map(|file| (file.path.as_str(), file)).collect();
    let changed = now.iter().filter_map(|file| {
        let change = match known.get(file.path.as_str()) {
            None => FileChange::Added,
            Some(earlier) if earlier.hash != file.hash => FileChange::Content,
            Some(earlier) if earlier.mode != file.mode => {
                FileChange::Mode(earlier.mode & 0o7777, file.mode & 0o7777)
            }
            Some(_) => return None,
        };
        Some((file.path.as_str(), change))
    });
    let gone = before.iter().filter(|file| !present.contains_key(file.path.as_str()));
    let gone = gone.map(|file| (file.path.as_str(), FileChange::Removed));
    let mut all: Vec<_> = changed.chain(gone).collect();
    all.sort_by_key(|(path, _)| *path);
    let (path, change) = *all.first()?;
    Some(Reason::File { path: path.to_owned(), change, others: all.len() - 1 })
}

/// What is left of both when they begin, and end, with the same: mostly little.
fn without_common_ends<'f>(
    before: &'f [KnownFile],
    now: &'f [KnownFile],
) -> (&'f [KnownFile], &'f [KnownFile]) {
    let first = before.iter().zip(now).take_while(|(one, other)| one == other).count();
    let (before, now) = (before.split_at(first).1, now.split_at(first).1);
    let pairs = before.iter().rev().zip(now.iter().rev());
    let last = pairs.take_while(|(one, other)| one == other).count();
    (before.split_at(before.len() - last).0, now.split_at(now.len() - last).0)
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unwanted => f.write_str("asked to run again"),
            Self::First => f.write_str("first build of this step"),
            Self::Gone => f.write_str("its earlier result is no longer in the store"),
            Self::Evicted { since, is_same: true } => {
                write!(f, "evicted {} ago", age_within(*since))
            }
            Self::Evicted { since, is_same: false } => {
                write!(f, "its earlier results were evicted {} ago", age_within(*since))
            }
            Self::Changed { subject, before, after } => match (before.as_deref(), after.as_deref())
            {
                (Some(before), Some(after)) if before == after => write!(f, "{subject} changed"),
                (Some(before), Some(after)) => {
                    write!(f, "{subject} changed: {} → {}", shown(before), shown(after))
                }
                (None, Some("")) => write!(f, "{subject} is new"),
                (Some(""), None) => write!(f, "{subject} is gone"),
                (None, Some(after)) => write!(f, "{subject} is new: {}", shown(after)),
                (Some(before), None) => write!(f, "{subject} is gone, it was {}", shown(before)),
                (None, None) => write!(f, "{subject} changed"),
            },
            Self::File { path, change, others } => {
                write!(f, "{path} {change}")?;
                match others {
                    0 => Ok(()),
                    1 => f.write_str(", and 1 other file"),
                    _ => write!(f, ", and {others} other files"),
                }
            }
            Self::Files => f.write_str("what is copied changed"),
            Self::Mounted(target) => write!(f, "what is mounted at {target} changed"),
            Self::Base { before, after } if before.0 == after.0 => {
                let (from, to) = (digest(&before.1), digest(&after.1));
                write!(f, "base image {} moved: {from} → {to}", after.0)
            }
            Self::Base { before, after } => {
                write!(f, "the base image changed: {} → {}", shown(&before.0), shown(&after.0))
            }
            Self::Follows { step, is_same: true } => {
                write!(f, "follows {step}, whose result changed")
            }
            Self::Follows { step, is_same: false } => {
                write!(f, "the steps before it changed: {step}")
            }
            Self::Otherwise => f.write_str("this version of lap makes its key in another way"),
        }
    }
}

impl fmt::Display for FileChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added => f.write_str("is new"),
            Self::Removed => f.write_str("is gone"),
            Self::Content => f.write_str("changed"),
            Self::Mode(before, now) => write!(f, "has mode {now:o} instead of {before:o}"),
        }
    }
}

fn shown(text: &str) -> &str {
    if text.is_empty() { "nothing" } else { text }
}

/// As much of a digest as people compare.
fn digest(text: &str) -> String {
    match text.char_indices().nth("sha256:".len() + 12) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(subject: Subject, text: &str) -> Part {
        Part::text(subject, text)
    }

    fn reason(before: &[Part], now: &[Part]) -> String {
        first(&differences(before, now), || None).to_string()
    }

    #[test]
    fn what_a_step_is_itself_comes_before_what_it_stands_on() {
        let name = || Subject::Variable("V".to_owned());
        let before = [part(Subject::Base, "a sha256:1"), part(name(), "1")];
        let now = [part(Subject::Base, "b sha256:2"), part(name(), "2")];
        assert_eq!(reason(&before, &now), "V changed: 1 → 2");
        assert_eq!(reason(&before[..1], &now), "V is new: 2");
        assert_eq!(reason(&before, &now[..1]), "V is gone, it was 1");
        assert_eq!(reason(&before[..1], &now[..1]), "the base image changed: a → b");
        assert_eq!(reason(&before, &before), "this version of lap makes its key in another way");
    }

    #[test]
    fn a_base_image_that_moved() {
        let before = [part(Subject::Base, "debian:trixie-slim sha256:0123456789abcdef")];
        let now = [part(Subject::Base, "debian:trixie-slim sha256:fedcba9876543210")];
        assert_eq!(
            reason(&before, &now),
            "base image debian:trixie-slim moved: sha256:0123456789ab… → sha256:fedcba987654…"
        );
    }

    #[test]
    fn how_long_ago_a_result_was_evicted() {
        let since = Duration::from_secs(3 * 86_400 + 5);
        let told = |is_same| Reason::Evicted { since, is_same }.to_string();
        assert_eq!(told(true), "evicted 3 days ago");
        assert_eq!(told(false), "its earlier results were evicted 3 days ago");
    }

    #[test]
    fn a_text_that_was_cut_still_counts_as_a_whole() {
        let long = "ä".repeat(300);
        let [one, other] = [format!("{long}1"), format!("{long}2")];
        let [before, now] = [one, other].map(|text| [part(Subject::Command, &text)]);
        assert_eq!(reason(&before, &now), "the command changed");
    }

    #[test]
    fn the_first_file_in_path_order() {
        let file = |path: &str, mode, hash| KnownFile { path: path.to_owned(), mode, hash };
        let before = [file("a", 0o644, 1), file("b", 0o644, 2), file("c", 0o644, 3)];
        let told = |now: &[KnownFile]| compare_files(&before, now).unwrap().to_string();
        assert_eq!(told(&before[1..]), "a is gone");
        assert_eq!(
            told(&[file("a", 0o755, 1), file("b", 0o644, 2)]),
            "a has mode 755 instead of 644, and 1 other file"
        );
        let mut all = before.to_vec();
        all.push(file("a/new", 0o644, 4));
        assert_eq!(told(&all), "a/new is new");
        all[2].hash = 9;
        all[0].hash = 9;
        assert_eq!(told(&all), "a changed, and 2 other files");
        assert_eq!(compare_files(&before, &before), None);
    }
}
