//! The commands on the store.

use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use lapstrake_parser::size;

use super::limit::duration;
use super::mounts::MountsCommand;

/// `lap cache`.
#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
    /// Show what the store holds, its size on disk, and how much of it no image needs
    Du(CacheDu),
    /// The folders behind RUN --mount=type=cache
    #[command(subcommand)]
    Mounts(MountsCommand),
    /// Remove what is kept for later builds alone; images, and what runs, lose nothing
    Prune(CachePrune),
    /// Say why something is in the store: what made it, what it is made of, what holds it
    Why(CacheWhy),
    /// Read everything, and show what on disk is no longer what the store says it is
    Verify(CacheVerify),
}

/// `lap cache du`.
#[derive(Args, Debug)]
pub(crate) struct CacheDu {
    /// Group it by image, stage, step, mount or age (the last use) in place of by kind. What several
    /// groups share is in the size of each, and once in the total
    #[arg(long, value_name = "WHAT")]
    pub(crate) by: Option<Grouping>,
    /// table, json (sizes in bytes), a template of Go for each kind, or table and one
    #[arg(long, value_name = "FORMAT", default_value = "table", hide_default_value = true)]
    pub(crate) format: String,
}

/// `--by`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Grouping {
    Image,
    Stage,
    Step,
    Mount,
    Age,
}

/// `lap cache prune`.
#[derive(Args, Debug)]
pub(crate) struct CachePrune {
    /// Remove also what is known of steps that images are made of, of contexts and of sources, and the
    /// logs of builds: the next build of these images runs every step again
    #[arg(short, long)]
    pub(crate) all: bool,
    /// Room that may stay in use, such as 10g; what was used last stays
    #[arg(long, aliases = ["max-used-space", "reserved-space"], value_name = "SIZE")]
    pub(crate) keep_storage: Option<Size>,
    /// Remove only as much as is needed to have that much room free on the store's disk, such as 20g
    #[arg(long, value_name = "SIZE", conflicts_with = "keep_storage")]
    pub(crate) min_free_space: Option<Size>,
    /// Keep what was used since, such as 90m, 24h or 7d
    #[arg(long, value_name = "DURATION")]
    pub(crate) older_than: Option<Age>,
    /// Only what matches: type=regular, exec.cachemount, blob or internal; id=PREFIX or id~=PART;
    /// description=TEXT or description~=PART; until=DURATION (made before); unused-for=DURATION; shared
    /// (with an image) or private; mutable (cache mounts) or immutable; inuse. A word alone or with
    /// =BOOL; != and !~= for what does not match. May be given more than once
    #[arg(long = "filter", value_name = "KEY=VALUE")]
    pub(crate) filters: Vec<Filter>,
    /// Remove nothing, and show what would be
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// As always: nothing is asked
    #[arg(short, long, hide = true)]
    pub(crate) force: bool,
}

/// `lap cache why`.
#[derive(Args, Debug)]
pub(crate) struct CacheWhy {
    /// As JSON, one object
    #[arg(long, value_name = "FORMAT", default_value = "text", hide_default_value = true)]
    pub(crate) format: WhyFormat,
    /// Of an image for several platforms, that for this one
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub(crate) platform: Option<String>,
    /// An image by name or id; or a step by how its name, its place (2/5) or its text (RUN make) begins, or the
    /// beginning of its key, or of the id of the layer it made
    #[arg(value_name = "IMAGE|STEP")]
    pub(crate) subject: String,
}

/// `--format` of `lap cache why`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WhyFormat {
    /// For people.
    Text,
    /// One object.
    Json,
}

/// `lap cache verify`.
#[derive(Args, Debug)]
pub(crate) struct CacheVerify {
    /// Drop what is damaged, so that the next build or pull makes or fetches it again; what runs keeps
    /// what it uses
    #[arg(long)]
    pub(crate) repair: bool,
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bytes = size::parse(text);
        bytes.map(Self).ok_or_else(|| "write a number of bytes with a unit, such as 10g".into())
    }
}

/// How long ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Age(pub(crate) Duration);

impl FromStr for Age {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let age = duration(text);
        age.map(Self).ok_or_else(|| "write a time such as 90m, 24h or 7d".into())
    }
}

/// `--filter`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) criterion: Criterion,
    /// Whether it is to hold; else what does not match is meant.
    pub(crate) holds: bool,
}

/// What a filter asks for, in BuildKit's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Criterion {
    Type(String),
    Id(String),
    /// As a part of it.
    HasId(String),
    Description(String),
    /// As a part of it.
    Describes(String),
    /// Made longer ago.
    Until(Duration),
    UnusedFor(Duration),
    Shared,
    Mutable,
    InUse,
}

impl FromStr for Filter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((key, value)) = text.split_once('=') else { return flag(text, "true") };
        let value = value.strip_prefix('=').unwrap_or(value);
        let (key, is_negated) = match key.strip_suffix('!') {
            Some(key) => (key, true),
            None => match key.strip_suffix("!~") {
                Some(key) => return Ok(Self { holds: false, ..part(key, value)? }),
                None => (key, false),
            },
        };
        if let Some(key) = key.strip_suffix('~') {
            return part(key, value);
        }
        let age = || value.parse::<Age>().map(|age| age.0);
        let criterion = match key {
            "type" if ["regular", "exec.cachemount", "blob", "internal"].contains(&value) => {
                Criterion::Type(value.to_owned())
            }
            "type" => {
                return Err(
                    "there are the types regular, exec.cachemount, blob and internal".into()
                );
            }
            "id" => Criterion::Id(value.to_owned()),
            "description" => Criterion::Description(value.to_owned()),
            "until" => Criterion::Until(age()?),
            "unused-for" => Criterion::UnusedFor(age()?),
            key if is_negated => return Err(format!("!= does not go with {key}")),
            key => return flag(key, value),
        };
        Ok(Self { criterion, holds: !is_negated })
    }
}

fn part(key: &str, value: &str) -> Result<Filter, String> {
    let criterion = match key {
        "id" => Criterion::HasId(value.to_owned()),
        "description" => Criterion::Describes(value.to_owned()),
        _ => return Err("~= goes with id and description".into()),
    };
    Ok(Filter { criterion, holds: true })
}

/// A word that stands for itself.
fn flag(key: &str, value: &str) -> Result<Filter, String> {
    let (criterion, meant) = match key {
        "shared" => (Criterion::Shared, true),
        "private" => (Criterion::Shared, false),
        "mutable" => (Criterion::Mutable, true),
        "immutable" => (Criterion::Mutable, false),
        "inuse" => (Criterion::InUse, true),
        _ => {
            return Err("there are type, id, description, until, unused-for, shared, private, \
                        mutable, immutable and inuse"
                .into());
        }
    };
    let holds = match value {
        "true" | "1" => meant,
        "false" | "0" => !meant,
        _ => return Err(format!("write {key}, or {key}=true or false")),
    };
    Ok(Filter { criterion, holds })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_those_of_buildkit() {
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        let filter = |criterion, holds| Ok(Filter { criterion, holds });
        for (text, meant) in [
            ("type=regular", filter(Criterion::Type("regular".into()), true)),
            ("type==exec.cachemount", filter(Criterion::Type("exec.cachemount".into()), true)),
            ("type!=regular", filter(Criterion::Type("regular".into()), false)),
            ("id=blake3-12", filter(Criterion::Id("blake3-12".into()), true)),
            ("id~=12", filter(Criterion::HasId("12".into()), true)),
            ("description~=RUN make", filter(Criterion::Describes("RUN make".into()), true)),
            ("description!~=a=b", filter(Criterion::Describes("a=b".into()), false)),
            ("until=24h", filter(Criterion::Until(hours(24)), true)),
            ("unused-for=7d", filter(Criterion::UnusedFor(hours(7 * 24)), true)),
            ("private", filter(Criterion::Shared, false)),
            ("shared=false", filter(Criterion::Shared, false)),
            ("mutable", filter(Criterion::Mutable, true)),
            ("immutable=1", filter(Criterion::Mutable, false)),
            ("inuse==0", filter(Criterion::InUse, false)),
        ] {
            assert_eq!(text.parse(), meant, "{text}");
        }
        for text in [
            "",
            "type",
            "type=frontend",
            "until=x",
            "colour=red",
            "type~=x",
            "inuse!=true",
            "shared=2",
        ] {
            assert!(text.parse::<Filter>().is_err(), "{text}");
        }
    }
}
