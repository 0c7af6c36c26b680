//! Why the cache has no result of a step: what its key is made of beside what the key of the
//! nearest earlier execution was made of, and the first thing that differs.
//!
//! Nothing here is in a key. Hashes are shortened and texts are cut: they only tell two builds of
//! one step apart. Names and texts come from files, registries and other caches: whatever could leave its
//! line or move a cursor is shown escaped.

mod below;
mod excerpt;
mod file;
mod part;
mod secret;
mod tell;

use std::time::Duration;

pub(crate) use below::are_akin;
use below::instruction;
use excerpt::{excerpt, excerpts};
pub(crate) use file::compare_listings;
pub use file::{FileChange, KnownFile, Listing};
pub(crate) use part::{Difference, differences, distance, fit, withheld};
pub use part::{Part, Subject, short};
use part::{subject, swapped};

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
    /// Nothing of the files that are copied but which of them are one.
    Links,
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
        /// Its name; of one that is gone the earlier one.
        step: String,
        /// What became of it.
        change: StepChange,
    },
    /// Nothing but the order of some things; the first two of them.
    Order {
        /// The one that comes first now.
        first: String,
        /// The one that came first.
        second: String,
    },
    /// Nothing is known of an earlier execution in this project, but of one in another project that does just the
    /// same before this step.
    Beside {
        /// Where that one is.
        project: String,
        /// What differs from there.
        reason: Box<Reason>,
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

/// What became of a step that another one follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepChange {
    /// It came to something else.
    Result,
    /// It stands where another one stood.
    Other,
    /// It was not there.
    New,
    /// It is not there any more.
    Gone,
    /// It stood elsewhere among those that are followed.
    Moved,
}

/// The reason for the first of some differences. `files` compares the files of a subject, when it is about
/// those.
pub(crate) fn first(
    differences: &[Difference<'_>],
    files: impl FnOnce(&Subject) -> Option<Reason>,
) -> Reason {
    let Some((difference, subject)) =
        differences.first().and_then(|one| Some((one, subject(one)?)))
    else {
        return Reason::Otherwise;
    };
    let [before, now] = [difference.0, difference.1].map(|part| part.map(told));
    let both = before.clone().zip(now.clone());
    match (subject, both) {
        (Subject::Files, _) if before != now => changed(subject, before, now),
        (Subject::Files, _) => files(subject).unwrap_or(Reason::Files),
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
            let (before, after) = (Some(shortened(&before)), Some(shortened(&after)));
            Reason::Changed { subject: name, before, after }
        }
        (Subject::Below(_), _) => follows(differences, before, now),
        _ => changed(subject, before, now),
    }
}

/// The reason where only the order of parts differs, or what there is twice.
pub(crate) fn moved(before: &[Part], now: &[Part]) -> Option<Reason> {
    let (first, second) = swapped(before, now)?;
    Some(Reason::Order { first: first.to_string(), second: second.to_string() })
}

fn told(part: &Part) -> String {
    match part.subject.is_secret() {
        // Earlier versions kept it.
        true => String::new(),
        false => part.text.clone(),
    }
}

fn changed(subject: &Subject, before: Option<String>, after: Option<String>) -> Reason {
    let (before, after) = match (before, after) {
        (Some(before), Some(after)) => {
            let (before, after) = match subject.has_options() {
                true => differing(&before, &after),
                false => (before, after),
            };
            let (before, after) = excerpts(&before, &after);
            (Some(before), Some(after))
        }
        (before, after) => (before.as_deref().map(excerpt), after.as_deref().map(excerpt)),
    };
    Reason::Changed { subject: subject.to_string(), before, after }
}

/// Of two lists of options those that are not in both. What is of another type has other options.
fn differing(before: &str, after: &str) -> (String, String) {
    let [all, all_now] = [before, after].map(|text| text.split(',').collect::<Vec<_>>());
    let is_type = |option: &&&str| option.starts_with("type=");
    if let Some((one, other)) = all.iter().find(is_type).zip(all_now.iter().find(is_type))
        && one != other
    {
        return ((*one).to_owned(), (*other).to_owned());
    }
    let without = |own: &[&str], other: &[&str]| {
        let left: Vec<&str> = own.iter().filter(|one| !other.contains(one)).copied().collect();
        left.join(",")
    };
    (without(&all, &all_now), without(&all_now, &all))
}

/// The first of `differences` is about a step below, by these names.
fn follows(differences: &[Difference<'_>], before: Option<String>, now: Option<String>) -> Reason {
    let was_there = |name: &str| {
        let mut earlier = differences.iter().filter_map(|(before, _)| *before);
        earlier.any(|part| instruction(&part.text) == instruction(name))
    };
    let (step, change) = match (before, now) {
        (Some(before), Some(now)) if instruction(&before) == instruction(&now) => {
            (now, StepChange::Result)
        }
        (_, Some(now)) if was_there(&now) => (now, StepChange::Moved),
        (Some(_), Some(now)) => (now, StepChange::Other),
        (None, Some(now)) => (now, StepChange::New),
        (before, None) => (before.unwrap_or_default(), StepChange::Gone),
    };
    Reason::Follows { step, change }
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

/// As much of a digest as people compare.
pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().nth("sha256:".len() + 12) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use lapstrake_rootfs::ContentHash;

    use super::*;

    fn part(subject: Subject, text: &str) -> Part {
        Part::text(subject, text)
    }

    fn hash(text: &str) -> ContentHash {
        ContentHash::of(text.as_bytes())
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

    /// `cache=digest` alone is new or gone: the secret is there all the same.
    #[test]
    fn a_secret_whose_value_counts() {
        let value = |text: &str| Part::of(Subject::counted_secret("a"), "", &hash(text));
        let variable = || part(Subject::secret_variable("V"), "id=a");
        let (counted, plain) = ([value("1"), variable()], [variable()]);
        let subject = "the value of the secret a";
        assert_eq!(reason(&plain, &counted), format!("{subject} counts now (cache=digest)"));
        let gone = format!("{subject} does not count any more (cache=digest)");
        assert_eq!(reason(&counted, &plain), gone);
        assert_eq!(reason(&counted, &[value("2"), variable()]), format!("{subject} changed"));
        assert_eq!(reason(&counted, &[]), "the secret variable V is gone, it was id=a");
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
        let long = "ä".repeat(9000);
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
    fn only_the_order_differs() {
        let variable = |name: &str| part(Subject::Variable(name.to_owned()), "1");
        let (a, b, c) = (variable("A"), variable("B"), variable("C"));
        let told = |before: &[&Part], now: &[&Part]| {
            let [before, now] = [before, now]
                .map(|parts| parts.iter().map(|part| (*part).clone()).collect::<Vec<_>>());
            assert!(differences(&before, &now).is_empty());
            moved(&before, &now).map(|reason| reason.to_string())
        };
        let order = |first, second| Some(format!("the order of {first} and {second} changed"));
        assert_eq!(told(&[&a, &b, &c], &[&b, &a, &c]), order("B", "A"));
        assert_eq!(told(&[&a, &b, &c], &[&a, &c, &b]), order("C", "B"));
        assert_eq!(told(&[&a, &b], &[&a, &b]), None);
        let unset = part(Subject::Setting("the user".to_owned()), "");
        assert_eq!(told(&[&unset, &a, &b], &[&a, &b]), None);
    }

    #[test]
    fn of_options_those_that_changed() {
        let mount = |text: &str| [part(Subject::Setting("the mount at /t".to_owned()), text)];
        let told = |before, now| reason(&mount(before), &mount(now));
        assert_eq!(
            told("type=cache,mode=755,uid=0,rw", "type=cache,mode=755,uid=5,rw"),
            "the mount at /t changed: uid=0 → uid=5"
        );
        assert_eq!(
            told("type=tmpfs,rw", "type=tmpfs,size=4096,rw"),
            "the mount at /t changed: nothing → size=4096"
        );
        assert_eq!(
            told("type=tmpfs,rw", "type=cache,mode=755,rw"),
            "the mount at /t changed: type=tmpfs → type=cache"
        );
    }

    #[test]
    fn steps_below_that_changed_places() {
        let below = |names: [&str; 2]| {
            let part = |(number, name): (u32, &str)| part(Subject::Below(number), name);
            (0..).zip(names).map(part).collect::<Vec<_>>()
        };
        assert_eq!(
            reason(&below(["[1/3] RUN a", "[2/3] RUN b"]), &below(["[1/3] RUN b", "[2/3] RUN a"])),
            "the steps before it changed places: [1/3] RUN b"
        );
        // A step is named, and not written out.
        let long = format!("[2/3] RUN {}", "word ".repeat(70));
        let told = reason(&below(["[1/3] RUN a", "[2/3] RUN b"]), &below(["[1/3] RUN a", &long]));
        assert!(told.starts_with("the steps before it changed: [2/3] RUN word word"), "{told}");
        assert!(told.ends_with('…') && told.chars().count() < 160, "{told}");
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
