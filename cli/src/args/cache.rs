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
    /// table, json (sizes in bytes), a template of Go for each kind, or table and one
    #[arg(long, value_name = "FORMAT", default_value = "table", hide_default_value = true)]
    pub(crate) format: String,
}

/// `lap cache prune`.
#[derive(Args, Debug)]
pub(crate) struct CachePrune {
    /// Remove also what is known of steps that images are made of, of contexts and of sources, and the
    /// logs of builds: the next build of these images runs every step again
    #[arg(short, long)]
    pub(crate) all: bool,
    /// Room that may stay in use, such as 10g; what was used last stays
    #[arg(long, alias = "max-used-space", value_name = "SIZE")]
    pub(crate) keep_storage: Option<Size>,
    /// Keep what was used since, such as 90m, 24h or 7d
    #[arg(long, value_name = "DURATION")]
    pub(crate) older_than: Option<Age>,
    /// Only what matches: type=regular, exec.cachemount, blob or internal; id=PREFIX;
    /// description=TEXT, or description~=PART; until=DURATION; unused-for=DURATION. May be given more
    /// than once
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
    /// An image by name or id; or a step by the beginning of its key, or of the id of the layer it made
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
pub(crate) enum Filter {
    Type(String),
    Id(String),
    Description(String),
    /// As a part of it.
    Describes(String),
    /// Made longer ago.
    Until(Duration),
    UnusedFor(Duration),
}

impl FromStr for Filter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (key, value) = text.split_once('=').ok_or("write KEY=VALUE")?;
        let value = value.strip_prefix('=').unwrap_or(value);
        let age = || value.parse::<Age>().map(|age| age.0);
        match key {
            "type" if ["regular", "exec.cachemount", "blob", "internal"].contains(&value) => {
                Ok(Self::Type(value.to_owned()))
            }
            "type" => Err("there are the types regular, exec.cachemount, blob and internal".into()),
            "id" => Ok(Self::Id(value.to_owned())),
            "description" => Ok(Self::Description(value.to_owned())),
            "description~" => Ok(Self::Describes(value.to_owned())),
            "until" => age().map(Self::Until),
            "unused-for" => age().map(Self::UnusedFor),
            _ => Err("there are type, id, description, until and unused-for".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_those_of_buildkit() {
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        for (text, filter) in [
            ("type=regular", Filter::Type("regular".into())),
            ("type==exec.cachemount", Filter::Type("exec.cachemount".into())),
            ("id=blake3-12", Filter::Id("blake3-12".into())),
            ("description~=RUN make", Filter::Describes("RUN make".into())),
            ("until=24h", Filter::Until(hours(24))),
            ("unused-for=7d", Filter::UnusedFor(hours(7 * 24))),
        ] {
            assert_eq!(text.parse(), Ok(filter), "{text}");
        }
        for text in ["", "type", "type=frontend", "until=x", "colour=red"] {
            assert!(text.parse::<Filter>().is_err(), "{text}");
        }
    }
}
