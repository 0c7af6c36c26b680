//! Why the cache has no result of a step: what its key is made of beside what the key of the
//! nearest earlier execution was made of, and the first thing that differs.
//!
//! Nothing here is in a key. Hashes are shortened and texts are cut: they only tell two builds of
//! one step apart. Names and texts come from files, registries and other caches: whatever could leave its
//! line or move a cursor is shown escaped.

mod file;
mod part;
mod secret;

use std::fmt::{self, Write as _};
use std::time::Duration;

pub(crate) use file::compare_listings;
pub use file::{FileChange, KnownFile, Listing};
pub(crate) use part::{Difference, differences, distance, fit, withheld};
pub use part::{Part, Subject, short};

use crate::age::age_within;

/// Why a step is executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Whoever builds wants it so.
    Unwanted,
    /// Nothing is known of an earlier execution.
    First,
    /// Nothing is known of an earlier fetch.
    FirstFetch,
    /// It was executed just like this, and the result is gone.
    Gone,
    /// A cache has it, and what that sent of it is no good.
    Lost {
        /// The cache.
        cache: String,
    },
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
    /// What is mounted for it, and it is not known which file of it.
    Mounted {
        /// Where.
        target: String,
        /// Where that lies in its source.
        source: String,
    },
    /// The image that it stands on.
    Base {
        /// Name and digest before.
        before: (String, String),
        /// Name and digest now.
        after: (String, String),
    },
    /// What a branch or tag stands for.
    Moved {
        /// The reference.
        name: String,
        /// The commit before.
        before: String,
        /// The commit now.
        after: String,
    },
    /// It was fetched and is what the store had: its server does not say that it did not change.
    Again,
    /// A step that it follows.
    Follows {
        /// Its name.
        step: String,
        /// Whether it is the one that was there before, with another result.
        is_same: bool,
    },
    /// Nothing that is told: some values are not told in a cache that is shared, and one of them may have
    /// changed.
    Withheld {
        /// What they are of.
        subjects: Vec<String>,
    },
    /// Nothing that is told apart here: this program makes keys in another way than the one before.
    Otherwise,
}

/// The reason for the first of some differences. `files` compares the files of a subject, when it is about
/// those.
pub(crate) fn first(
    differences: &[Difference<'_>],
    files: impl FnOnce(&Subject) -> Option<Reason>,
) -> Reason {
    let Some((before, now)) = differences.first() else { return Reason::Otherwise };
    let Some(subject) = now.or(*before).map(|part| &part.subject) else {
        return Reason::Otherwise;
    };
    let told = |part: &Part| match part.subject.is_secret() {
        // Earlier versions kept it.
        true => String::new(),
        false => part.text.clone(),
    };
    let text = |part: &Option<&Part>| part.map(told);
    let changed = |subject: &str| Reason::Changed {
        subject: subject.to_owned(),
        before: text(before),
        after: text(now),
    };
    let both = text(before).zip(text(now));
    match (subject, both) {
        (Subject::Files, _) if text(before) != text(now) => changed("what is copied"),
        (Subject::Files, _) => files(subject).unwrap_or(Reason::Files),
        (Subject::Variable(name) | Subject::Setting(name), _) => changed(name),
        (Subject::Mounted(target), Some((before, source))) if before == source => {
            let mounted = || Reason::Mounted { target: target.clone(), source };
            files(subject).unwrap_or_else(mounted)
        }
        (Subject::Base, Some((before, after))) => {
            Reason::Base { before: named(&before), after: named(&after) }
        }
        (Subject::Commit, Some((before, after))) => {
            let ((name, before), (_, after)) = (named(&before), named(&after));
            Reason::Moved { name: branch(&name).to_owned(), before, after }
        }
        (Subject::Body, Some((before, after))) => {
            let ((_, before), (name, after)) = (named(&before), named(&after));
            Reason::Changed {
                subject: name,
                before: Some(shortened(&before)),
                after: Some(shortened(&after)),
            }
        }
        (Subject::Below(_), _) => {
            let [before, now] = [text(before), text(now)].map(Option::unwrap_or_default);
            let is_same = instruction(&before) == instruction(&now);
            Reason::Follows { step: if now.is_empty() { before } else { now }, is_same }
        }
        _ => changed(&subject.to_string()),
    }
}

/// The name of a step without its place, which moves when steps are added.
fn instruction(name: &str) -> &str {
    name.split_once(']').map_or(name, |(_, instruction)| instruction)
}

/// A name and what it stands for.
fn named(text: &str) -> (String, String) {
    let (name, digest) = text.rsplit_once(' ').unwrap_or((text, ""));
    (name.to_owned(), digest.to_owned())
}

/// As people call a reference.
fn branch(name: &str) -> &str {
    let prefixes = ["refs/heads/", "refs/tags/", "refs/"];
    prefixes.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name)
}

/// In one line.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tell(&mut Line(f))
    }
}

/// Takes text from elsewhere, and keeps it on its line.
struct Line<'a, 'f>(&'a mut fmt::Formatter<'f>);

impl fmt::Write for Line<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for letter in text.chars() {
            match letter {
                // Those turn the direction of what follows.
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                    write!(self.0, "{}", letter.escape_unicode())?;
                }
                letter if letter.is_control() => write!(self.0, "{}", letter.escape_default())?,
                letter => self.0.write_char(letter)?,
            }
        }
        Ok(())
    }
}

impl Reason {
    fn tell(&self, f: &mut Line<'_, '_>) -> fmt::Result {
        match self {
            Self::Unwanted => f.write_str("asked to run again"),
            Self::First => f.write_str("first build of this step"),
            Self::FirstFetch => f.write_str("fetched for the first time"),
            Self::Gone => f.write_str("its earlier result is no longer in the store"),
            Self::Lost { cache } => {
                write!(f, "the cache {cache} has its result, and that cannot be used")
            }
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
            Self::Mounted { target, source } if source.is_empty() => {
                write!(f, "what is mounted at {target} changed")
            }
            Self::Mounted { target, source } => {
                write!(f, "{source} changed, which is mounted at {target}")
            }
            Self::Base { before, after } if before.0 == after.0 => {
                let (from, to) = (shortened(&before.1), shortened(&after.1));
                write!(f, "base image {} moved: {from} → {to}", after.0)
            }
            Self::Base { before, after } => {
                write!(f, "the base image changed: {} → {}", shown(&before.0), shown(&after.0))
            }
            Self::Moved { name, before, after } => {
                write!(f, "{name} moved: {} → {}", commit(before), commit(after))
            }
            Self::Again => {
                f.write_str("its server does not say that it did not change; it is the same")
            }
            Self::Follows { step, is_same: true } => {
                write!(f, "follows {step}, whose result changed")
            }
            Self::Follows { step, is_same: false } => {
                write!(f, "the steps before it changed: {step}")
            }
            Self::Withheld { subjects } => {
                let subjects = subjects.join(" or ");
                write!(f, "{subjects} may have changed: the cache does not tell")
            }
            Self::Otherwise => f.write_str("this version of lap makes its key in another way"),
        }
    }
}

fn shown(text: &str) -> &str {
    if text.is_empty() { "nothing" } else { text }
}

/// As much of a digest as people compare.
pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().nth("sha256:".len() + 12) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// As much of a commit's id as people compare.
fn commit(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(subject: Subject, text: &str) -> Part {
        Part::text(subject, text)
    }

    fn reason(before: &[Part], now: &[Part]) -> String {
        first(&differences(before, now), |_| None).to_string()
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
        let fitted = |text: String| {
            let mut parts = [part(Subject::Command, &text)];
            fit(&mut parts, &|text| text);
            parts
        };
        let [before, now] = [one, other].map(fitted);
        assert_eq!(reason(&before, &now), "the command changed");
    }

    #[test]
    fn the_first_file_in_path_order() {
        let file = |path: &str, mode, hash| KnownFile { path: path.to_owned(), mode, hash };
        let before = [file("a", 0o644, 1), file("b", 0o644, 2), file("c", 0o644, 3)];
        let told = |now: &[KnownFile]| file::compare_files(&before, now).unwrap().to_string();
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
        assert_eq!(file::compare_files(&before, &before), None);
    }
}
