//! Reasons in words.

use std::fmt::{self, Write as _};

use super::part::{COUNTED, cut};
use super::{Reason, StepChange, shortened};
use crate::age::age_within;

/// As much of the name of a step as people read.
const STEP: usize = 120;

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
            Self::Gone => f.write_str("its earlier result is not in the store"),
            Self::Lost { cache } => {
                write!(f, "the cache {cache} has its result, and that cannot be used")
            }
            Self::Evicted { since, is_same: true } => {
                write!(f, "evicted {} ago", age_within(*since))
            }
            Self::Evicted { since, is_same: false } => {
                write!(f, "its earlier results were evicted {} ago", age_within(*since))
            }
            Self::Changed { subject, before, after } => {
                changed(f, subject, (before.as_deref(), after.as_deref()))
            }
            Self::File { path, change, others } => {
                write!(f, "{path} {change}")?;
                match others {
                    0 => Ok(()),
                    1 => f.write_str(", and 1 other file"),
                    _ => write!(f, ", and {others} other files"),
                }
            }
            Self::Files => f.write_str("what is copied changed"),
            Self::Links => f.write_str("hard links between the copied files changed"),
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
            Self::Follows { step, change } => {
                let step = cut(step, STEP);
                match change {
                    StepChange::Result => write!(f, "follows {step}, whose result changed"),
                    StepChange::Other => write!(f, "the steps before it changed: {step}"),
                    StepChange::New => write!(f, "a step before it is new: {step}"),
                    StepChange::Gone => write!(f, "a step before it is gone: {step}"),
                    StepChange::Moved => write!(f, "the steps before it changed places: {step}"),
                }
            }
            Self::Order { first, second } => {
                write!(f, "the order of {first} and {second} changed")
            }
            Self::Beside { project, reason } => {
                write!(f, "first build of this step here; compared with {project}: ")?;
                reason.tell(f)
            }
            Self::Withheld { subjects } => {
                let subjects = subjects.join(" or ");
                write!(f, "{subjects} may have changed: the cache does not tell")
            }
            Self::Otherwise => f.write_str("this version of lap makes its key in another way"),
        }
    }
}

/// What became of a subject with this text before and now.
fn changed(
    f: &mut Line<'_, '_>,
    subject: &str,
    texts: (Option<&str>, Option<&str>),
) -> fmt::Result {
    match texts {
        (Some(before), Some(after)) if before == after => write!(f, "{subject} changed"),
        (Some(before), Some(after)) => {
            write!(f, "{subject} changed: {} → {}", shown(before), shown(after))
        }
        (None, Some("")) if subject.starts_with(COUNTED) => {
            write!(f, "{subject} counts now (cache=digest)")
        }
        (Some(""), None) if subject.starts_with(COUNTED) => {
            write!(f, "{subject} does not count any more (cache=digest)")
        }
        (None, Some("")) => write!(f, "{subject} is new"),
        (Some(""), None) => write!(f, "{subject} is gone"),
        (None, Some(after)) => write!(f, "{subject} is new: {}", shown(after)),
        (Some(before), None) => write!(f, "{subject} is gone, it was {}", shown(before)),
        (None, None) => write!(f, "{subject} changed"),
    }
}

fn shown(text: &str) -> &str {
    if text.is_empty() { "nothing" } else { text }
}

/// As much of a commit's id as people compare.
fn commit(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}
