//! `lap build`.

use std::path::PathBuf;
use std::str::FromStr;

use super::annotation::AnnotationFlag;
use super::attest::{self, Attest, Provenance};
use super::bucket::Covering;
use super::cache::Size;
use super::export::Output;
use super::limit::{Limits, Timeout};
use super::shared::{CacheFrom, CacheTo};
use super::step::Step;
use super::value::{Assignment, Host};
use crate::diagnostics::Format;
use clap::{ArgMatches, Args, Command, FromArgMatches, Subcommand, ValueEnum};

/// `lap build`, or one of the commands on builds.
// Not derived: clap has no enum of arguments and subcommands.
#[derive(Debug)]
pub(crate) enum BuildOrCommand {
    Build(Box<Build>),
    Command(BuildCommand),
}

impl FromArgMatches for BuildOrCommand {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        match matches.subcommand() {
            Some(_) => BuildCommand::from_arg_matches(matches).map(Self::Command),
            None => Build::from_arg_matches(matches).map(Box::new).map(Self::Build),
        }
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for BuildOrCommand {
    fn augment_args(command: Command) -> Command {
        let command = BuildCommand::augment_subcommands(Build::augment_args(command));
        command
            .subcommand_required(false)
            .disable_help_subcommand(true)
            .arg_required_else_help(false)
            .args_conflicts_with_subcommands(true)
            .subcommand_negates_reqs(true)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// Commands on builds. A folder that is called like one is written `./logs`.
#[derive(Debug, Subcommand)]
pub(crate) enum BuildCommand {
    /// Show what the steps of a build wrote, whole; for a folder of this name write ./logs
    Logs(BuildLogs),
}

/// `lap build logs`.
#[derive(Args, Debug)]
pub(crate) struct BuildLogs {
    /// The beginning of a build's id, or last; without it, the builds are listed
    pub(crate) build: Option<String>,
    /// What this step wrote alone: its number, #N in plain progress, its place (2/5), or how its text begins (RUN make)
    pub(crate) step: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Build {
    /// Name of the image; may be given more than once
    #[arg(short = 't', long = "tag", value_name = "NAME[:TAG]")]
    pub(crate) tags: Vec<String>,
    /// The Dockerfile: a path, a URL, or - for standard input [default: CONTEXT/Dockerfile]
    #[arg(short, long, value_name = "PATH")]
    pub(crate) file: Option<PathBuf>,
    /// Value of an ARG; without a value, that of the environment
    #[arg(long = "build-arg", value_name = "NAME[=VALUE]")]
    pub(crate) arguments: Vec<Assignment>,
    /// Stage to build [default: the last one]
    #[arg(long, value_name = "STAGE")]
    pub(crate) target: Option<String>,
    /// Files or an image in the place of what the Dockerfile calls NAME: a directory, the URL of a
    /// repository or archive, docker-image://IMAGE or oci-layout://DIRECTORY[:TAG|@DIGEST]; may be
    /// given more than once
    #[arg(long = "build-context", value_name = "NAME=SOURCE")]
    pub(crate) contexts: Vec<Assignment>,
    /// Label of the image
    #[arg(long = "label", value_name = "NAME=VALUE")]
    pub(crate) labels: Vec<Assignment>,
    /// Annotation of the image: TYPE is manifest, manifest-descriptor, index or index-descriptor
    #[arg(long = "annotation", value_name = "[TYPE[PLATFORM]:]KEY=VALUE")]
    pub(crate) annotations: Vec<AnnotationFlag>,
    /// Tell with the image how it came to be: true, false, mode=min, or mode=max for the Dockerfile
    /// and the values of arguments as well; for images that leave with -o or --push
    #[arg(long, value_name = "HOW", value_parser = attest::provenance)]
    pub(crate) provenance: Option<Attest>,
    /// Tell with the image what packages are in it: true or false
    #[arg(long, value_name = "BOOL", value_parser = attest::sbom)]
    pub(crate) sbom: Option<Attest>,
    /// The same in one form: type=sbom or type=provenance,mode=max
    #[arg(long = "attest", value_name = "type=TYPE[,FIELD=VALUE]")]
    pub(crate) attests: Vec<Attest>,
    /// Line in /etc/hosts of RUN
    #[arg(long = "add-host", value_name = "HOST:IP")]
    pub(crate) hosts: Vec<Host>,
    /// Network of RUN: one of its own where pasta or slirp4netns is installed, else the host's
    /// (default); the host's; or none
    #[arg(long, alias = "net", default_value = "default")]
    pub(crate) network: BuildNetwork,
    #[command(flatten)]
    pub(crate) step: Step,
    #[command(flatten)]
    pub(crate) together: Limits,
    /// How long each RUN may take, such as 90s or 1h30m
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) timeout: Option<Timeout>,
    /// How much each RUN may write to standard output and error, such as 100m; all of it is kept for lap
    /// build logs. 0 for any
    #[arg(long, value_name = "SIZE", default_value = "1g")]
    pub(crate) max_log: Size,
    /// What to do when a RUN fails: shell opens one in a sandbox like its own, with its environment,
    /// its mounts and the files it wrote, but nothing that was in memory
    #[arg(long, value_name = "WHAT", conflicts_with = "verify_reproducible")]
    pub(crate) on_fail: Option<OnFail>,
    /// Room that the store may take while this builds, such as 20g; what was used least recently goes, and
    /// when that is not enough the build fails. 0 for any [default: max-size under [store] in the
    /// configuration]
    #[arg(long, value_name = "SIZE")]
    pub(crate) max_size: Option<Size>,
    /// Run every step again
    #[arg(long)]
    pub(crate) no_cache: bool,
    /// Run every step of these stages again; with commas between, or given more than once
    #[arg(long, value_name = "STAGE", value_delimiter = ',')]
    pub(crate) no_cache_filter: Vec<String>,
    /// Cache to find steps in that are not in the store: type=local,src=DIRECTORY,
    /// type=registry,ref=NAME, or a NAME in a registry alone, also of an image with a cache, or
    /// type=s3,bucket=NAME,region=REGION,name=NAME. May be given more than once; the first
    /// one counts most
    #[arg(long, value_name = "CACHE", value_parser = Covering::<CacheFrom>::new())]
    pub(crate) cache_from: Vec<CacheFrom>,
    /// Where to keep what the steps came to for other stores: type=local,dest=DIRECTORY,
    /// type=registry,ref=NAME, type=s3,bucket=NAME,region=REGION,name=NAME, or type=inline
    /// for the image's own config; with mode=max for steps as well whose layers are not part of the
    /// image, compression=gzip|zstd|uncompressed, compression-level=N, ignore-error=true. May be given
    /// more than once
    #[arg(long, value_name = "CACHE", value_parser = Covering::<CacheTo>::new())]
    pub(crate) cache_to: Vec<CacheTo>,
    /// Build twice, each time with an empty cache, and name every file that differs; keeps nothing
    #[arg(long, conflicts_with_all = ["call", "check", "cache_from", "cache_to"])]
    pub(crate) verify_reproducible: bool,
    /// Ask the registry for base images even when they are here
    #[arg(long)]
    pub(crate) pull: bool,
    /// How progress is shown
    #[arg(long, default_value = "auto")]
    pub(crate) progress: Progress,
    /// Say of each step why it was not cached: the first thing that differs from the last time
    #[arg(long)]
    pub(crate) explain: bool,
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
    /// Where the result goes beside the store: a folder for its files, `-` for a tar of them on
    /// standard output, type=local|tar|oci|docker,dest=PATH, type=registry, type=cacheonly or
    /// type=image[,name=NAME][,push=true]. What leaves as an image takes
    /// compression=uncompressed|gzip|zstd, compression-level=N, force-compression=true for layers of
    /// bases as well, oci-mediatypes=false, annotation[-TYPE][[PLATFORM]].KEY=VALUE; type=oci also
    /// tar=false for a folder.
    /// rewrite-timestamp=true cuts the times of new files down to SOURCE_DATE_EPOCH. May be given
    /// more than once
    #[arg(short, long = "output", value_name = "OUTPUT")]
    pub(crate) outputs: Vec<Output>,
    /// Keep the image in the store, as always
    #[arg(long, hide = true)]
    pub(crate) load: bool,
    /// Send the image to the registries of its names, as -o type=registry
    #[arg(long)]
    pub(crate) push: bool,
    /// File that says what was built, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) metadata_file: Option<PathBuf>,
    /// Platform of the image; several, with commas between or given more than once, make an index
    /// of images [default: this machine's, DOCKER_DEFAULT_PLATFORM]
    #[arg(long = "platform", value_name = "OS/ARCH[/VARIANT]")]
    pub(crate) platforms: Vec<String>,
    /// File that the image's id is written to
    #[arg(long, value_name = "FILE")]
    pub(crate) iidfile: Option<PathBuf>,
    /// What COPY and ADD take files from: a directory, the URL of a repository or archive, or - for
    /// an archive, or a Dockerfile alone, on standard input
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
    /// What is to be told with the image: of its making, and whether of its packages. The flags of
    /// their own count more than the general one.
    pub(crate) fn attestations(&self) -> (Option<Provenance>, bool) {
        let all = self.attests.iter().chain(&self.provenance).chain(&self.sbom);
        all.fold((None, false), |(provenance, sbom), attest| match attest {
            Attest::Provenance(told) => (told.clone(), sbom),
            Attest::Sbom(told) => (provenance, *told),
        })
    }

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

/// `--on-fail`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnFail {
    Shell,
}

/// `--progress`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Progress {
    Auto,
    Plain,
    Tty,
    Quiet,
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
