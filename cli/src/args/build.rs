//! `lap build`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use lapstrake_solver::{Times, lower::SECONDS};

use super::image::ArchiveFormat;
use super::step::Step;
use super::value::{Assignment, Host};
use crate::diagnostics::Format;

#[derive(Args, Debug)]
pub(crate) struct Build {
    /// Name of the image; may be given more than once
    #[arg(short = 't', long = "tag", value_name = "NAME[:TAG]")]
    pub(crate) tags: Vec<String>,
    /// The Dockerfile; - reads it from standard input [default: CONTEXT/Dockerfile]
    #[arg(short, long, value_name = "PATH")]
    pub(crate) file: Option<PathBuf>,
    /// Value of an ARG; without a value, that of the environment
    #[arg(long = "build-arg", value_name = "NAME[=VALUE]")]
    pub(crate) arguments: Vec<Assignment>,
    /// Stage to build [default: the last one]
    #[arg(long, value_name = "STAGE")]
    pub(crate) target: Option<String>,
    /// Files or an image in the place of what the Dockerfile calls NAME: a directory,
    /// docker-image://IMAGE or oci-layout://DIRECTORY[:TAG|@DIGEST]; may be given more than once
    #[arg(long = "build-context", value_name = "NAME=SOURCE")]
    pub(crate) contexts: Vec<Assignment>,
    /// Label of the image
    #[arg(long = "label", value_name = "NAME=VALUE")]
    pub(crate) labels: Vec<Assignment>,
    /// Line in /etc/hosts of RUN
    #[arg(long = "add-host", value_name = "HOST:IP")]
    pub(crate) hosts: Vec<Host>,
    /// Network of RUN
    #[arg(long, alias = "net", default_value = "default")]
    pub(crate) network: BuildNetwork,
    #[command(flatten)]
    pub(crate) step: Step,
    /// Run every step again
    #[arg(long)]
    pub(crate) no_cache: bool,
    /// Ask the registry for base images even when they are here
    #[arg(long)]
    pub(crate) pull: bool,
    /// How progress is shown
    #[arg(long, default_value = "auto")]
    pub(crate) progress: Progress,
    /// How faults of the Dockerfile are shown [default: human] [env: LAPSTRAKE_FORMAT]
    #[arg(long, value_name = "FORM")]
    pub(crate) format: Option<Format>,
    /// What to do in place of a build: check, outline or targets, with ,format=json for programs
    #[arg(long, value_name = "CALL", default_value = "build", hide_default_value = true)]
    pub(crate) call: Call,
    /// Look at the Dockerfile in place of building it, as --call check
    #[arg(long, conflicts_with = "call")]
    pub(crate) check: bool,
    /// Print only the image's id
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Where the image goes beside the store: type=oci|docker,dest=FILE (- is standard output);
    /// rewrite-timestamp=true also cuts the times of new files down to SOURCE_DATE_EPOCH
    #[arg(short, long, value_name = "OUTPUT")]
    pub(crate) output: Option<Output>,
    /// Keep the image in the store, as always
    #[arg(long, hide = true, conflicts_with = "output")]
    pub(crate) load: bool,
    /// Platform of the image; several, with commas between or given more than once, make an index
    /// of images [default: this machine's, DOCKER_DEFAULT_PLATFORM]
    #[arg(long = "platform", value_name = "OS/ARCH[/VARIANT]")]
    pub(crate) platforms: Vec<String>,
    /// File that the image's id is written to
    #[arg(long, value_name = "FILE")]
    pub(crate) iidfile: Option<PathBuf>,
    /// Directory that COPY and ADD take files from
    pub(crate) context: PathBuf,
}

/// `--call`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) format: Option<Format>,
}

/// What is done with a Dockerfile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Build,
    /// The checks that BuildKit makes.
    Check,
    /// What the target takes: arguments, secrets, agents.
    Outline,
    /// The stages that can be built.
    Targets,
}

impl Build {
    /// What is to be done.
    pub(crate) fn method(&self) -> Method {
        if self.check { Method::Check } else { self.call.method }
    }
}

impl FromStr for Call {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, options) = text.split_once(',').unwrap_or((text, ""));
        let method = match name {
            "build" => Method::Build,
            "check" | "lint" => Method::Check,
            "outline" => Method::Outline,
            "targets" => Method::Targets,
            _ => return Err("it is one of build, check, outline and targets".into()),
        };
        let mut format = None;
        for option in options.split(',').filter(|option| !option.is_empty()) {
            format = Some(match option.split_once('=') {
                Some(("format", "text")) => Format::Human,
                Some(("format", value)) => Format::from_str(value, false)
                    .map_err(|_| format!("there is no format {value}"))?,
                _ => return Err(format!("there is no option {option}")),
            });
        }
        Ok(Self { method, format })
    }
}

/// `--network` of a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BuildNetwork {
    Default,
    Host,
    None,
}

/// `--progress`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Progress {
    Auto,
    Plain,
    Tty,
    Quiet,
}

/// `-o`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Output {
    /// Where the image goes beside the store.
    pub(crate) archive: Option<Archive>,
    /// What it says of time.
    pub(crate) times: Times,
}

/// An archive of the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Archive {
    pub(crate) format: ArchiveFormat,
    /// A file, or `-`.
    pub(crate) destination: PathBuf,
}

impl FromStr for Output {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (mut kind, mut destination, mut times) = (None, None, Times::default());
        for field in text.split(',') {
            match field.split_once('=') {
                Some(("type", value)) => kind = Some(value),
                Some(("dest", value)) => destination = Some(value),
                Some((key @ "rewrite-timestamp", value)) => times.rewrite = boolean(key, value)?,
                Some((key @ "source-date-epoch", value)) => times.epoch = seconds(key, value)?,
                Some((key, _)) => return Err(format!("{key} is not supported yet")),
                None => return Err("only type=oci|docker|image is supported yet".into()),
            }
        }
        let format = match kind {
            Some("image" | "docker") if destination.is_none() => {
                return Ok(Self { archive: None, times });
            }
            Some("image") => return Err("type=image takes no dest".into()),
            Some("docker") => ArchiveFormat::Docker,
            Some("oci") => ArchiveFormat::Oci,
            Some(other) => return Err(format!("type={other} is not supported yet")),
            None => return Err("the type is missing: write type=oci,dest=FILE".into()),
        };
        match destination {
            Some(path) if !path.is_empty() => {
                let archive = Some(Archive { format, destination: path.into() });
                Ok(Self { archive, times })
            }
            _ => Err("the file is missing: add dest=FILE, or dest=- for standard output".into()),
        }
    }
}

fn boolean(key: &str, value: &str) -> Result<bool, String> {
    match value {
        "" | "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(format!("{key}={value} is neither true nor false")),
    }
}

/// Seconds since 1970; nothing is no time.
fn seconds(key: &str, value: &str) -> Result<Option<i64>, String> {
    if value.is_empty() {
        return Ok(None);
    }
    match value.parse() {
        Ok(seconds) if SECONDS.contains(&seconds) => Ok(Some(seconds)),
        Ok(_) => Err(format!("{key}={value} is not in the years 0 to 9999")),
        Err(_) => Err(format!("{key}={value} is no number of seconds since 1970")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_an_output() {
        let times = |text: &str| text.parse::<Output>().map(|output| output.times);
        let expected = |epoch, rewrite| Ok(Times { epoch, rewrite });
        assert_eq!(times("type=image"), expected(None, false));
        assert_eq!(times("type=image,rewrite-timestamp="), expected(None, true));
        assert_eq!(times("type=oci,dest=a,rewrite-timestamp=0"), expected(None, false));
        assert_eq!(
            times("type=docker,source-date-epoch=-5,rewrite-timestamp=true"),
            expected(Some(-5), true)
        );
        assert_eq!(times("type=image,source-date-epoch="), expected(None, false));
        for field in ["rewrite-timestamp=yes", "source-date-epoch=1e9"] {
            assert!(times(&format!("type=image,{field}")).is_err(), "{field}");
        }
        assert!(times(&format!("type=image,source-date-epoch={}", i64::MAX)).is_err());
    }

    #[test]
    fn calls() {
        let call = |method, format| Ok(Call { method, format });
        assert_eq!("check".parse(), call(Method::Check, None));
        assert_eq!("lint,format=json".parse(), call(Method::Check, Some(Format::Json)));
        assert_eq!("outline,format=text".parse(), call(Method::Outline, Some(Format::Human)));
        for text in ["", "checks", "check,json", "check,format=xml"] {
            assert!(text.parse::<Call>().is_err(), "{text}");
        }
    }

    #[test]
    fn outputs() {
        let archive = |format, path: &str| {
            let archive = Some(Archive { format, destination: path.into() });
            Ok(Output { archive, times: Times::default() })
        };
        assert_eq!("type=oci,dest=a.tar".parse(), archive(ArchiveFormat::Oci, "a.tar"));
        assert_eq!("dest=-,type=docker".parse(), archive(ArchiveFormat::Docker, "-"));
        assert_eq!("type=image".parse(), Ok(Output { archive: None, times: Times::default() }));
        for text in ["type=local,dest=x", "out", "type=oci", "type=oci,dest=", "dest=x", "push=1"] {
            assert!(text.parse::<Output>().is_err(), "{text}");
        }
    }
}
