//! What was typed. One file for each command; nothing here touches the machine.

mod annotation;
mod ast;
mod attest;
mod bucket;
mod build;
mod cache;
mod explain;
mod export;
mod fmt;
mod image;
mod later;
mod limit;
mod lint;
mod login;
mod lsp;
mod manifest;
mod mounts;
mod publish;
mod run;
mod search;
mod shared;
mod step;
mod value;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args as _, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

pub(crate) use ast::Ast;
pub(crate) use attest::Provenance;
pub(crate) use bucket::BucketFields;
pub(crate) use build::{
    Build, BuildCommand, BuildLogs, BuildNetwork, BuildOrCommand, Method, OnFail, Progress,
};
pub(crate) use cache::{
    CacheCommand, CacheDu, CachePrune, CacheVerify, CacheWhy, Criterion, Filter, Grouping, Size,
    WhyFormat,
};
pub(crate) use explain::Explain;
pub(crate) use export::{FilePlan, Output, OutputForm, OutputKind};
pub(crate) use fmt::Fmt;
pub(crate) use image::{
    ArchiveFormat, Diff, Export, History, ImagePrune, Images, Import, Inspect, LayerCompression,
    Load, Pull, Push, Rmi, Save, Tag,
};
pub(crate) use limit::Limits;
pub(crate) use lint::{Lint, PresetName, ReportFile, ReportFormat, Threshold};
pub(crate) use login::{Login, Logout};
pub(crate) use lsp::Lsp;
pub(crate) use manifest::{
    ManifestAnnotate, ManifestCommand, ManifestCreate, ManifestInspect, ManifestPush, ManifestRm,
};
pub(crate) use mounts::{MountsCommand, MountsExport, MountsImport, MountsLs, MountsRm};
pub(crate) use publish::exposed;
pub(crate) use run::{Bind, PullPolicy, Run, RunNetwork};
pub(crate) use search::Search;
pub(crate) use shared::{CacheFrom, CachePlace, CacheTo};
pub(crate) use step::{Allow, Secret, SecretSource, Ssh, Ulimit};
pub(crate) use value::{Assignment, Host};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;

/// Builds container images from Dockerfiles, runs them, and moves them around. No daemon.
#[derive(Debug, Parser)]
#[command(name = "lap", version, max_term_width = 100)]
#[command(
    after_help = "Exit status: 0 done, 1 failed, 130 stopped by Ctrl-C; see also lap run --help"
)]
pub(crate) struct Arguments {
    /// Directory of the store [env: LAPSTRAKE_ROOT]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Global options")]
    pub(crate) root: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Build an image from a Dockerfile
    Build(BuildOrCommand),
    /// Run a command in a new container
    Run(Box<Run>),
    /// List images
    Images(Images),
    /// Remove images
    Rmi(Rmi),
    /// Give an image another name
    Tag(Tag),
    /// Show everything about images, as JSON
    Inspect(Inspect),
    /// Show how an image was made
    History(History),
    /// Show the files that an image adds (A), changes (C) and deletes (D) against another
    Diff(Diff),
    /// Write images into an archive
    Save(Save),
    /// Read images from an archive
    Load(Load),
    /// Make an image from the tar of a root file system
    Import(Import),
    /// Write the files of an image as one tar
    Export(Export),
    /// Fetch an image from a registry
    Pull(Pull),
    /// Send an image to a registry
    Push(Push),
    /// Log in to a registry
    Login(Login),
    /// Forget the credentials for a registry
    Logout(Logout),
    /// Show how Dockerfiles are understood: one JSON document a line
    Ast(Ast),
    /// Look for repositories in a registry
    Search(Search),
    /// Lists of images for several platforms, and what registries have
    #[command(subcommand)]
    Manifest(ManifestCommand),
    /// The commands on images by their long names: image ls, image rm, …; and image prune
    #[command(subcommand)]
    Image(ImageCommand),
    /// By its long name alone: [`ImageCommand::Prune`].
    #[command(skip)]
    ImagePrune(ImagePrune),
    /// What the store holds
    #[command(subcommand)]
    Cache(CacheCommand),
    /// Bring Dockerfiles into one form
    Fmt(Fmt),
    /// Find what is likely wrong in Dockerfiles
    Lint(Lint),
    /// Speak with an editor: a language server for Dockerfiles on standard input and output
    Lsp(Lsp),
    /// Say more about a fault of a Dockerfile
    Explain(Explain),
    /// Show the version
    Version,
}

/// `lap image …`: the same commands.
#[derive(Debug, Subcommand)]
pub(crate) enum ImageCommand {
    /// Build an image from a Dockerfile
    Build(BuildOrCommand),
    /// Show how an image was made
    History(History),
    /// Make an image from the tar of a root file system
    Import(Import),
    /// Show everything about images, as JSON
    Inspect(Inspect),
    /// Read images from an archive
    Load(Load),
    /// List images
    #[command(alias = "list")]
    Ls(Images),
    /// Remove images without a name; their layers stay for later builds, until lap cache prune
    Prune(ImagePrune),
    /// Fetch an image from a registry
    Pull(Pull),
    /// Send an image to a registry
    Push(Push),
    /// Remove images
    #[command(alias = "remove")]
    Rm(Rmi),
    /// Write images into an archive
    Save(Save),
    /// Give an image another name
    Tag(Tag),
}

impl From<ImageCommand> for Command {
    fn from(command: ImageCommand) -> Self {
        match command {
            ImageCommand::Build(build) => Self::Build(build),
            ImageCommand::History(history) => Self::History(history),
            ImageCommand::Import(import) => Self::Import(import),
            ImageCommand::Inspect(inspect) => Self::Inspect(inspect),
            ImageCommand::Load(load) => Self::Load(load),
            ImageCommand::Ls(images) => Self::Images(images),
            ImageCommand::Prune(prune) => Self::ImagePrune(prune),
            ImageCommand::Pull(pull) => Self::Pull(pull),
            ImageCommand::Push(push) => Self::Push(push),
            ImageCommand::Rm(rmi) => Self::Rmi(rmi),
            ImageCommand::Save(save) => Self::Save(save),
            ImageCommand::Tag(tag) => Self::Tag(tag),
        }
    }
}

/// Understands what was typed, or tells the user why not.
pub(crate) fn parse(typed: Vec<OsString>) -> Result<Arguments, Failure> {
    if let Some(arguments) = quickly(&typed) {
        return Ok(arguments);
    }
    let error = match parsed(Arguments::command(), &typed) {
        Ok(arguments) => return Ok(arguments),
        Err(error) => error,
    };
    if error.kind() == clap::error::ErrorKind::TooManyValues
        && let Ok(arguments) = parsed(with_boolean_values(Arguments::command()), &typed)
    {
        return Ok(arguments);
    }
    // The value's own parser says what it has to be.
    match later::is_negative_number(&error) {
        true => parsed(with_negative_numbers(Arguments::command()), &typed)
            .or_else(|error| tell(&error, &typed)),
        false => tell(&error, &typed),
    }
}

fn parsed(command: clap::Command, typed: &[OsString]) -> Result<Arguments, clap::Error> {
    let matches = command.try_get_matches_from(typed)?;
    Arguments::from_arg_matches(&matches)
}

/// The same for the commands that run often, with the definition of nothing else: that of all commands takes
/// as long as what a small one does. `None` for other commands, and for whatever is not understood.
fn quickly(typed: &[OsString]) -> Option<Arguments> {
    let command = match typed.get(1)?.to_str()? {
        "build" => BuildOrCommand::augment_args(clap::Command::new("build")),
        "run" => Run::augment_args(clap::Command::new("run")),
        _ => return None,
    };
    let path = clap::value_parser!(PathBuf);
    let root = clap::Arg::new("root").long("root").global(true).value_parser(path);
    parsed(clap::Command::new("lap").arg(root).subcommand(command), typed).ok()
}

/// Help and version on standard output; wrong usage on standard error.
fn tell(error: &clap::Error, typed: &[OsString]) -> Result<Arguments, Failure> {
    let text = error.render();
    if !error.use_stderr() {
        output::stdout(&text.ansi().to_string())?;
        return Err(Failure::told(Exit::SUCCESS));
    }
    let exit = usage_exit(typed);
    if let Some(failure) = later::refusal(error, typed).or_else(|| later::second(error)) {
        return Err(failure.exit_with(exit));
    }
    output::stderr(&text.ansi().to_string());
    Err(Failure::told(exit))
}

/// Docker's: 125 for `run`, whose 1 belongs to the command. For `lint` and `fmt`, 1 says that something
/// was found.
fn usage_exit(typed: &[OsString]) -> Exit {
    match later::command_name(typed) {
        Some("run") => Exit::ENGINE,
        Some("lint" | "fmt") => Exit::USAGE,
        _ => Exit::FAILED,
    }
}

/// The same command, whose flags may be given as `--flag=true` and `--flag=false` as well. Only
/// asked for when somebody did: the help is clearer without.
fn with_boolean_values(command: clap::Command) -> clap::Command {
    let command = command.mut_args(|argument| match argument.get_action() {
        clap::ArgAction::SetTrue => argument
            .action(clap::ArgAction::Set)
            .num_args(0..=1)
            .require_equals(true)
            .default_value("false")
            .default_missing_value("true"),
        _ => argument,
    });
    command.mut_subcommands(with_boolean_values)
}

/// The same command, in which what looks like a negative number is the value of the option before it.
fn with_negative_numbers(command: clap::Command) -> clap::Command {
    let command = command.mut_args(|argument| match argument.get_action().takes_values() {
        true => argument.allow_negative_numbers(true),
        false => argument,
    });
    command.mut_subcommands(with_negative_numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    fn run(line: &str) -> Box<Run> {
        match parse(typed(line)).unwrap().command {
            Command::Run(run) => run,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
        with_boolean_values(Arguments::command()).debug_assert();
        with_negative_numbers(Arguments::command()).debug_assert();
    }

    #[test]
    fn what_is_understood_quickly_is_understood_the_same() {
        for line in [
            "lap run --rm -it --root /x -e A=1 b sh -c x --root /y",
            "lap run --step 0123 -- ls --help",
            "lap build --root=/x -t a --build-arg B=1 --secret id=s,env=S -m 64m .",
            "lap build logs --root /x",
        ] {
            let quick = quickly(&typed(line)).unwrap_or_else(|| panic!("{line}"));
            let whole = parsed(Arguments::command(), &typed(line)).unwrap();
            assert_eq!(format!("{quick:?}"), format!("{whole:?}"), "{line}");
        }
        for line in [
            "lap --root /x run b",
            "lap images",
            "lap run --help",
            "lap build",
            "lap run --no-such b",
        ] {
            assert!(quickly(&typed(line)).is_none(), "{line}");
        }
    }

    #[test]
    fn everything_behind_the_image_belongs_to_its_command() {
        for (line, command) in [
            ("lap run b", &[][..]),
            ("lap run b -t", &["-t"]),
            ("lap run --rm -it b sh -c ls --help", &["sh", "-c", "ls", "--help"]),
            ("lap run b -- x", &["--", "x"]),
            ("lap run b --rm=true", &["--rm=true"]),
            ("lap run -- b --root /x", &["--root", "/x"]),
        ] {
            let run = run(line);
            assert_eq!(run.image(), "b", "{line}");
            assert_eq!(run.command(), command, "{line}");
        }
    }

    #[test]
    fn short_flags_can_be_joined_and_flags_take_booleans() {
        let both = run("lap run -it -h name --rm=false b");
        assert!(both.interactive && both.terminal && !both.remove);
        assert_eq!(both.hostname.as_deref(), Some("name"));
        let build = parse(typed("lap build --pull=true --no-cache=false -q .")).unwrap().command;
        let Command::Build(build) = build else { panic!("{build:?}") };
        let BuildOrCommand::Build(build) = build else { panic!("{build:?}") };
        assert!(build.pull && !build.no_cache && build.quiet);
    }

    #[test]
    fn logs_is_a_command_and_a_folder_of_that_name_is_one_behind_a_flag_or_a_dot() {
        for (line, context) in [
            ("lap build .", Some(".")),
            ("lap build ./logs", Some("./logs")),
            ("lap build -t x logs", Some("logs")),
            ("lap build logs", None),
            ("lap image build logs last 2", None),
        ] {
            let command = match parse(typed(line)).unwrap().command {
                Command::Image(command) => command.into(),
                command => command,
            };
            let Command::Build(build) = command else { panic!("{command:?}") };
            let found = match build {
                BuildOrCommand::Build(build) => Some(build.context),
                BuildOrCommand::Command(BuildCommand::Logs(_)) => None,
            };
            assert_eq!(found, context.map(PathBuf::from), "{line}");
        }
    }

    #[test]
    fn a_second_context_is_called_so() {
        for line in ["lap build -q -t a b .", "lap build --label a b .", "lap build -q b ."] {
            let failure = parse(typed(line)).unwrap_err();
            assert!(failure.text().contains("one context, and \".\" is a second one"), "{line}");
            assert_eq!(failure.exit(), Exit::FAILED, "{line}");
        }
    }

    /// The words come from the value's own parser.
    #[test]
    fn what_looks_like_a_negative_number_is_a_value() {
        for (line, words) in [
            ("lap run -u -1 b", "a name or a number"),
            ("lap run -m -1 b", "a number of bytes"),
            ("lap run --cpus -1 b", "a number such as"),
            ("lap run --memory 8m --cgroup-parent= b", "the path of a control group"),
        ] {
            let command = with_negative_numbers(Arguments::command());
            let error = parsed(command, &typed(line)).unwrap_err();
            assert_eq!(error.kind(), clap::error::ErrorKind::ValueValidation, "{line}");
            assert!(error.to_string().contains(words), "{line}: {error}");
        }
        let error = parsed(Arguments::command(), &typed("lap run -u -1 b")).unwrap_err();
        assert!(later::is_negative_number(&error), "{error}");
        let error = parsed(Arguments::command(), &typed("lap run -x b")).unwrap_err();
        assert!(!later::is_negative_number(&error), "{error}");
        assert_eq!(run("lap run b -1").command(), ["-1"]);
    }

    #[test]
    fn flags_that_come_later_are_refused_by_name() {
        for (line, flag, exit) in [
            ("lap build --isolation a .", "--isolation", Exit::FAILED),
            ("lap build --squash=true .", "--squash", Exit::FAILED),
            ("lap build -D .", "-D", Exit::FAILED),
            ("lap run -d b", "-d", Exit::ENGINE),
            ("lap run -l a=b b", "-l", Exit::ENGINE),
            ("lap --root /x run --gpus all b", "--gpus", Exit::ENGINE),
        ] {
            let failure = parse(typed(line)).unwrap_err();
            let text = failure.text();
            assert!(text.contains(&format!("{flag} is not supported yet")), "{line}: {text}");
            assert_eq!(failure.exit(), exit, "{line}");
        }
    }
}
