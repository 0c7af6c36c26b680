//! `lap images --filter` and `lap image prune --filter`.

use std::time::Duration;

use jiff::Timestamp;
use lapstrake_image::ImageSummary;
use lapstrake_parser::glob::{Glob, matches};

use super::{NONE, Row};
use crate::failure::Failure;

/// What is asked for. All have to hold, but that one `reference` of several will do.
#[derive(Debug, Default)]
pub(super) struct Filters {
    dangling: Option<bool>,
    labels: Vec<(String, Option<String>)>,
    /// Not to be there.
    other_labels: Vec<(String, Option<String>)>,
    references: Vec<String>,
    /// Names of images that are older or younger, until [`Filters::resolved`].
    before: Vec<String>,
    since: Vec<String>,
    earlier_than: Option<Timestamp>,
    later_than: Option<Timestamp>,
}

impl Filters {
    pub(super) fn parse(texts: &[String]) -> Result<Self, Failure> {
        let mut filters = Self::default();
        for text in texts {
            let (key, value) = text.split_once('=').ok_or_else(|| {
                Failure::new(format!("the filter {text} has no value")).help("write KEY=VALUE")
            })?;
            let value = value.trim().to_owned();
            match key.trim() {
                "dangling" => filters.dangling = Some(boolean(&value)?),
                "label" => filters.labels.push(label(&value)),
                "label!" => filters.other_labels.push(label(&value)),
                "reference" => {
                    let bad = |_| Failure::new(format!("the pattern {value} is not well formed"));
                    Glob::new(value.as_bytes()).map_err(bad)?;
                    filters.references.push(value);
                }
                "before" => filters.before.push(value),
                "since" => filters.since.push(value),
                "until" => filters.limit_to_before(time(&value, Timestamp::now())?),
                other => {
                    return Err(Failure::new(format!("there is no filter {other}"))
                        .help("there are dangling label reference before since until"));
                }
            }
        }
        Ok(filters)
    }

    /// What Docker's `image prune` knows.
    pub(super) fn of_prune(texts: &[String]) -> Result<Self, Failure> {
        let is_known = |text: &String| {
            let key = text.split('=').next().unwrap_or_default().trim();
            ["until", "label", "label!"].contains(&key)
        };
        match texts.iter().find(|text| !is_known(text)) {
            None => Self::parse(texts),
            Some(text) => Err(Failure::new(format!("there is no filter {text} of image prune"))
                .help("there are until label label!")),
        }
    }

    /// With times in the place of the images that `before` and `since` name.
    pub(super) fn resolved(
        mut self,
        created: impl Fn(&str) -> Result<Option<String>, Failure>,
    ) -> Result<Self, Failure> {
        let time = |name: &str| -> Result<Timestamp, Failure> {
            let text = created(name)?;
            let time = text.and_then(|text| text.parse().ok());
            time.ok_or_else(|| Failure::new(format!("when {name} was made is not known")))
        };
        for name in std::mem::take(&mut self.before) {
            self.limit_to_before(time(&name)?);
        }
        for name in std::mem::take(&mut self.since) {
            let time = time(&name)?;
            self.later_than = Some(self.later_than.map_or(time, |known| known.max(time)));
        }
        Ok(self)
    }

    fn limit_to_before(&mut self, time: Timestamp) {
        self.earlier_than = Some(self.earlier_than.map_or(time, |known| known.min(time)));
    }

    pub(super) fn matches(&self, row: &Row<'_>) -> bool {
        let is_dangling = row.tag == NONE && row.image.names.is_empty();
        self.dangling.is_none_or(|wanted| wanted == is_dangling)
            && (self.references.is_empty()
                || self.references.iter().any(|pattern| is_called(row, pattern)))
            && self.fit(row.image)
    }

    /// Whether what does not depend on a name holds.
    pub(super) fn fit(&self, image: &ImageSummary) -> bool {
        let created = image.created.as_ref().and_then(|text| text.parse::<Timestamp>().ok());
        let has = |(key, value): &(String, Option<String>)| {
            let found = image.labels.get(key);
            found.is_some_and(|found| value.as_ref().is_none_or(|value| value == found))
        };
        let holds = |time: Option<Timestamp>, holds: fn(&Timestamp, &Timestamp) -> bool| {
            time.is_none_or(|limit| created.is_some_and(|created| holds(&created, &limit)))
        };
        self.labels.iter().all(has)
            && !self.other_labels.iter().any(has)
            && holds(self.earlier_than, Timestamp::lt)
            && holds(self.later_than, Timestamp::gt)
    }
}

/// `KEY` or `KEY=VALUE`.
fn label(text: &str) -> (String, Option<String>) {
    match text.split_once('=') {
        Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
        None => (text.to_owned(), None),
    }
}

/// By its repository alone or with its tag; `*` does not go over slashes.
fn is_called(row: &Row<'_>, pattern: &str) -> bool {
    let name = format!("{}:{}", row.repository, row.tag);
    // That it is well formed was seen before.
    let is_match = |text: &str| matches(pattern.as_bytes(), text.as_bytes()).unwrap_or(false);
    is_match(&row.repository) || is_match(&name)
}

fn boolean(text: &str) -> Result<bool, Failure> {
    match text {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        other => Err(Failure::new(format!("{other} is neither true nor false"))),
    }
}

/// A time, seconds since 1970, or how long ago: `24h`, `1h30m`.
fn time(text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    let seconds = text.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    let known = seconds.or_else(|| text.parse().ok());
    let day = || format!("{text}T00:00:00Z").parse().ok();
    let ago = || now.checked_sub(duration(text)?).ok();
    known.or_else(day).or_else(ago).ok_or_else(|| {
        Failure::new(format!("{text} is no time")).help(
            "write 2026-01-31, 2026-01-31T12:00:00Z, seconds since 1970, or how long ago: 24h",
        )
    })
}

fn duration(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|letter: char| !letter.is_ascii_digit())?;
        let (digits, unit) = rest.split_at_checked(end)?;
        let number: u64 = digits.parse().ok()?;
        let seconds = match unit.chars().next()? {
            'h' => 3600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        total = total.checked_add(Duration::from_secs(number.checked_mul(seconds)?))?;
        rest = unit.get(1..)?;
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use lapstrake_oci::{Digest, Platform, Reference};

    use super::super::rows;
    use super::*;

    fn image(names: &[&str], created: &str, label: &str) -> ImageSummary {
        let names = names.iter().map(|name| Reference::parse(name).unwrap());
        ImageSummary {
            names: names.collect(),
            digests: Vec::new(),
            id: Digest::of(created.as_bytes()),
            manifest: Digest::of(created.as_bytes()),
            created: Some(created.to_owned()),
            platform: Platform::host(),
            labels: [("l".to_owned(), label.to_owned())].into(),
            size: 1,
        }
    }

    fn found(filters: &[&str]) -> Result<String, String> {
        let images = [
            image(&["old:1"], "2020-01-01T00:00:00Z", "a"),
            image(&["r.io/x/new:2", "new"], "2024-01-01T00:00:00Z", "b"),
            image(&[], "2022-01-01T00:00:00Z", "a"),
        ];
        let texts: Vec<String> = filters.iter().map(|text| (*text).to_owned()).collect();
        let filters = Filters::parse(&texts)
            .and_then(|filters| filters.resolved(|_| Ok(Some("2022-01-01T00:00:00Z".to_owned()))))
            .map_err(|failure| failure.text())?;
        let all = images.iter().flat_map(rows).filter(|row| filters.matches(row));
        let names = all.map(|row| format!("{}:{}", row.repository, row.tag));
        Ok(names.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn filters_mean_what_they_mean_in_docker() {
        for (filters, expected) in [
            (&["dangling=true"][..], "<none>:<none>"),
            (&["dangling=false"], "old:1 r.io/x/new:2 new:latest"),
            (&["label=l=a"], "old:1 <none>:<none>"),
            (&["label=l=a", "label=none"], ""),
            (&["label!=l=a"], "r.io/x/new:2 new:latest"),
            (&["label!=none", "label!=l"], ""),
            (&["reference=new"], "new:latest"),
            (&["reference=*:1", "reference=*/*/n*"], "old:1 r.io/x/new:2"),
            (&["before=x"], "old:1"),
            (&["since=x"], "r.io/x/new:2 new:latest"),
            (&["until=2021-01-01"], "old:1"),
            (&["until=1609459200", "label=l"], "old:1"),
            (&["until=1h30m", "dangling=1"], "<none>:<none>"),
        ] {
            assert_eq!(found(filters).as_deref(), Ok(expected), "{filters:?}");
        }
        for (filter, fault) in [
            ("dangling", "has no value"),
            ("x=y", "there is no filter x"),
            ("dangling=x", "neither true nor false"),
            ("until=soon", "soon is no time"),
            ("reference=[", "not well formed"),
        ] {
            let text = found(&[filter]).unwrap_err();
            assert!(text.contains(fault), "{text}");
        }
    }
}
