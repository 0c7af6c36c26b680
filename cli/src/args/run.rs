//! `lap run`.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::{Args, ValueEnum};

use super::limit::Limits;
use super::publish::Publish;
use super::step::{ByteSize, Ulimit};
use super::value::{Assignment, Host};

#[derive(Args, Debug)]
#[command(
    disable_help_flag = true,
    override_usage = "lap run [OPTIONS] IMAGE [COMMAND] [ARG]...\n       \
        lap run [OPTIONS] --step KEY [COMMAND] [ARG]..."
)]
#[command(
    after_help = "Exit status: that of the command, 128 + n when signal n killed it; 125 lap \
    itself failed, 126 the command cannot be executed, 127 it was not found"
)]
pub(crate) struct Run {
    /// Remove the container when it ends, as always for now
    #[arg(long = "rm")]
    pub(crate) remove: bool,
    /// Pass standard input on
    #[arg(short, long)]
    pub(crate) interactive: bool,
    /// Give the command a terminal
    #[arg(short = 't', long = "tty")]
    pub(crate) terminal: bool,
    /// Variable of the command; without a value, that of the environment
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    pub(crate) env: Vec<Assignment>,
    /// File with a variable on each line
    #[arg(long = "env-file", value_name = "FILE")]
    pub(crate) env_files: Vec<PathBuf>,
    /// Directory or file of the host to show inside
    #[arg(short, long = "volume", value_name = "SOURCE:TARGET[:ro]")]
    pub(crate) volumes: Vec<Bind>,
    /// Working directory; created when it is missing
    #[arg(short, long, value_name = "DIR")]
    pub(crate) workdir: Option<String>,
    /// User and group of the command
    #[arg(short, long, value_name = "USER[:GROUP]", value_parser = user)]
    pub(crate) user: Option<String>,
    /// Entrypoint instead of the image's; also clears its CMD
    #[arg(long, value_name = "COMMAND")]
    pub(crate) entrypoint: Option<String>,
    /// Network of the command: one of its own, which does not reach what listens on this machine alone
    /// (private); the host's; none; or private where it can be had, else the host's (default)
    #[arg(long, alias = "net", default_value = "default")]
    pub(crate) network: RunNetwork,
    /// Port of the command to reach on the host: on all addresses without IP, on a free port without
    /// HOST; with ranges such as 8000-8002:80-82
    #[arg(short, long, value_name = "[IP:][HOST:]PORT[/udp]")]
    pub(crate) publish: Vec<Publish>,
    /// Publish every port that the image exposes on a free port
    #[arg(short = 'P', long)]
    pub(crate) publish_all: bool,
    /// Host name inside [default: 12 random digits]
    #[arg(short = 'h', long, value_name = "NAME")]
    pub(crate) hostname: Option<String>,
    /// Line in /etc/hosts
    #[arg(long = "add-host", value_name = "HOST:IP")]
    pub(crate) hosts: Vec<Host>,
    /// When the registry is asked
    #[arg(long, default_value = "missing")]
    pub(crate) pull: PullPolicy,
    /// Platform of the image [default: this machine's, DOCKER_DEFAULT_PLATFORM]
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub(crate) platform: Option<String>,
    #[command(flatten)]
    pub(crate) together: Limits,
    /// Room in /dev/shm, the command's shared memory, such as 128m [default: 64m]
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true)]
    pub(crate) shm_size: Option<ByteSize>,
    /// Limit on a resource of each process, such as nofile=1024:4096; -1 is no limit; above the
    /// hard limit that lap has only where it may raise that
    #[arg(long = "ulimit", value_name = "NAME=SOFT[:HARD]")]
    pub(crate) limits: Vec<Ulimit>,
    /// In place of an image, what a step that failed had begun with: its files, variables, working
    /// directory and user; KEY is what the build's error says [default command: /bin/sh]
    #[arg(long, value_name = "KEY")]
    pub(crate) step: Option<String>,
    /// Do not show how the image is fetched
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Print help
    #[arg(long, action = clap::ArgAction::Help)]
    help: Option<bool>,
    /// Image, command and its arguments
    // One argument, so that everything behind the image is the command's, whatever it looks like.
    #[arg(required_unless_present = "step", trailing_var_arg = true)]
    #[arg(value_name = "IMAGE", hide = true)]
    image_and_command: Vec<OsString>,
}

/// The rest is looked up in the image.
fn user(text: &str) -> Result<String, String> {
    match text.starts_with('-') {
        true => Err("write a name or a number from 0, such as 1000:1000".into()),
        false => Ok(text.to_owned()),
    }
}

impl Run {
    /// The image as it was written; without meaning for a step.
    pub(crate) fn image(&self) -> &OsStr {
        self.image_and_command.first().map_or(OsStr::new(""), OsString::as_os_str)
    }

    /// Whether ports are to be reached on the host.
    pub(crate) fn publishes(&self) -> bool {
        self.publish_all || !self.publish.is_empty()
    }

    /// The command and its arguments, if any.
    pub(crate) fn command(&self) -> &[OsString] {
        let before = usize::from(self.step.is_none());
        self.image_and_command.get(before..).unwrap_or_default()
    }
}

/// `--network` of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RunNetwork {
    Default,
    Private,
    Host,
    None,
}

/// `--pull`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PullPolicy {
    Always,
    Missing,
    Never,
}

/// `-v`: a directory or file of the host, and where it appears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bind {
    /// As written: absolute, or beginning with a dot.
    pub(crate) source: PathBuf,
    pub(crate) target: String,
    pub(crate) read_only: bool,
}

impl FromStr for Bind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut fields = text.split(':');
        let (source, target) = match (fields.next(), fields.next()) {
            (Some(source), Some(target)) => (source, target),
            _ => return Err("anonymous volumes are not supported yet: write SOURCE:TARGET".into()),
        };
        let options = fields.next();
        if fields.next().is_some() {
            return Err("too many colons: write SOURCE:TARGET[:ro]".into());
        }
        check_source(source)?;
        check_target(target)?;
        let read_only = read_only(options)?;
        Ok(Self { source: source.into(), target: target.into(), read_only })
    }
}

/// Docker takes a source for a path when it begins with `/` or a dot, and for the name of a volume
/// else.
fn check_source(source: &str) -> Result<(), String> {
    if source.is_empty() {
        return Err("the source is empty".into());
    }
    if source.starts_with(['/', '.']) {
        return Ok(());
    }
    Err(format!(
        "{source:?} is the name of a volume, and named volumes are not supported yet; \
         for a directory of the host write ./{source} or an absolute path"
    ))
}

fn check_target(target: &str) -> Result<(), String> {
    if !target.starts_with('/') {
        return Err(format!("the target {target:?} has to be an absolute path"));
    }
    if Path::new(target).components().nth(1).is_none() {
        return Err("the target must not be /".into());
    }
    Ok(())
}

fn read_only(options: Option<&str>) -> Result<bool, String> {
    let mut read_only = None;
    for option in options.unwrap_or_default().split(',') {
        let now = match option {
            "ro" => true,
            "rw" => false,
            // Hints for Docker on a Mac; without effect on Linux there as well.
            "" | "consistent" | "cached" | "delegated" => continue,
            other => return Err(format!("the option {other:?} is not supported yet")),
        };
        if read_only.replace(now).is_some() {
            return Err("ro and rw are given more than once".into());
        }
    }
    Ok(read_only.unwrap_or(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_that_are_binds() {
        for (text, source, target, read_only) in [
            ("/a:/b", "/a", "/b", false),
            ("/a:/b:ro", "/a", "/b", true),
            ("/a:/b:rw,cached", "/a", "/b", false),
            ("./a:/b", "./a", "/b", false),
            (".:/b", ".", "/b", false),
            ("../x:/b/c/", "../x", "/b/c/", false),
        ] {
            let expected = Bind { source: source.into(), target: target.into(), read_only };
            assert_eq!(text.parse::<Bind>(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn volumes_that_are_refused() {
        for (text, reason) in [
            ("name:/b", "named volumes are not supported yet"),
            ("a/b:/b", "named volumes are not supported yet"),
            ("/b", "anonymous volumes"),
            (":/b", "source is empty"),
            ("/a:b", "absolute"),
            ("/a:/", "must not be /"),
            ("/a://", "must not be /"),
            ("/a:/b:z", "\"z\" is not supported yet"),
            ("/a:/b:rshared", "\"rshared\" is not supported yet"),
            ("/a:/b:ro,rw", "more than once"),
            ("/a:/b:ro:x", "too many colons"),
        ] {
            let fault = text.parse::<Bind>().unwrap_err();
            assert!(fault.contains(reason), "{text}: {fault}");
        }
    }
}
