//! `lap lint`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};
use lapstrake_linter::Preset;
use lapstrake_parser::Severity;

use crate::diagnostics::Format;
use crate::failure::Failure;

#[derive(Args, Debug)]
#[command(
    after_help = "Exit status: 0 clean, 1 something found, 2 wrong usage or configuration, or a file \
                  that cannot be read, 3 no files, 4 a file that is no Dockerfile"
)]
pub(crate) struct Lint {
    /// Dockerfiles, folders to look for them in, or - for standard input
    #[arg(value_name = "FILE|DIR|-", default_value = ".")]
    pub(crate) paths: Vec<PathBuf>,
    /// How findings are shown [env: LAPSTRAKE_FORMAT]
    #[arg(long, value_name = "FORM")]
    pub(crate) format: Option<ReportFormat>,
    /// Findings in that form into a file as well; may be given several times
    #[arg(long, value_name = "FORM=FILE")]
    pub(crate) output: Vec<ReportFile>,
    /// Make the fixes that keep what a file means, and tell what is left
    #[arg(long, conflicts_with_all = ["baseline", "diff_base"])]
    pub(crate) fix: bool,
    /// Show what --fix would change, and change nothing; the exit status is 1 if there is something
    #[arg(long, conflicts_with_all = ["fix", "baseline", "diff_base", "format", "output"])]
    pub(crate) diff: bool,
    /// Make fixes that are guesses, or that change what is built, as well
    #[arg(long = "unsafe")]
    pub(crate) is_unsafe: bool,
    /// Leave out what this report has, which `--output gitlab=FILE` wrote
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,
    /// Tell only of lines that this git revision does not have
    #[arg(long, value_name = "REV")]
    pub(crate) diff_base: Option<String>,
    /// The least severe finding that makes the exit status 1 [default: info]
    #[arg(long, value_name = "LEVEL")]
    pub(crate) failure_threshold: Option<Threshold>,
    /// Which rules look [default: recommended]
    #[arg(long, value_name = "NAME")]
    pub(crate) preset: Option<PresetName>,
    /// The configuration, in place of lapstrake.toml or .hadolint.yaml above each file
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Look for no configuration
    #[arg(long, conflicts_with = "config")]
    pub(crate) no_config: bool,
    /// The folder that COPY takes files from, for all files [default: the one that its builds name, or its own folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) context: Option<PathBuf>,
    /// Look at the files alone: ask the store for nothing
    #[arg(long)]
    pub(crate) no_store: bool,
    /// Let the installed shellcheck look at the text of RUN, for its codes that are not built in
    #[arg(long, conflicts_with = "diff")]
    pub(crate) shellcheck: bool,
    /// Show the page of a rule
    #[arg(long, value_name = "RULE", exclusive = true)]
    pub(crate) explain: Option<String>,
    /// List the rules
    #[arg(long, exclusive = true)]
    pub(crate) rules: bool,
}

/// A form in which findings are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// Drawn under the lines they are in
    Human,
    /// FILE:LINE:COLUMN: LEVEL[CODE]: MESSAGE
    #[value(alias = "tty")]
    Short,
    /// One object
    Json,
    /// Workflow commands, which GitHub Actions shows beside the lines
    Github,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// GitLab's code quality report
    #[value(alias = "gitlab_codeclimate")]
    Gitlab,
    /// Code Climate's issues, with a zero byte behind each
    Codeclimate,
    /// Checkstyle's XML
    Checkstyle,
    /// JUnit's XML
    Junit,
    /// Reviewdog's diagnostics, one object
    Rdjson,
    /// Reviewdog's diagnostics, one on each line
    Rdjsonl,
    /// SonarQube's generic issues
    Sonarqube,
    /// Tables, for comments and summaries
    Markdown,
    /// lap:FILE:LINE:COLUMN: CODE LEVEL: MESSAGE, as GNU's programs write it
    Gnu,
    /// Codacy's results, one on each line
    Codacy,
}

/// A file that findings go into, and the form they have there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReportFile {
    pub(crate) format: ReportFormat,
    pub(crate) path: PathBuf,
}

impl FromStr for ReportFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (format, path) = text.split_once('=').unwrap_or((text, ""));
        let format = ReportFormat::from_str(format, false).map_err(|_| {
            let forms = ReportFormat::value_variants().iter();
            let names: Vec<_> = forms.filter_map(ValueEnum::to_possible_value).collect();
            let names: Vec<&str> = names.iter().map(PossibleValue::get_name).collect();
            format!("`{format}` is no form; forms are {}", names.join(", "))
        })?;
        if path.is_empty() {
            return Err("the file is missing: write it as in sarif=lint.sarif".to_owned());
        }
        Ok(Self { format, path: path.into() })
    }
}

impl ReportFormat {
    /// What the command line says, else what holds for all commands.
    pub(crate) fn chosen(given: Option<Self>) -> Result<Self, Failure> {
        match given {
            Some(format) => Ok(format),
            None => Format::chosen(None).map(|format| match format {
                Format::Human => Self::Human,
                Format::Short => Self::Short,
                Format::Json => Self::Json,
            }),
        }
    }
}

/// A choice of rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum PresetName {
    /// What is wrong or costs something
    #[default]
    Recommended,
    /// Versions, style and opinions as well
    Strict,
    /// What hadolint looks for
    Hadolint,
    /// What BuildKit looks for
    Buildkit,
}

impl PresetName {
    /// The rules' own name for it.
    pub(crate) const fn preset(self) -> Preset {
        match self {
            Self::Recommended => Preset::Recommended,
            Self::Strict => Preset::Strict,
            Self::Hadolint => Preset::Hadolint,
            Self::Buildkit => Preset::BuildKit,
        }
    }
}

/// What makes `lap lint` fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Threshold {
    Error,
    Warning,
    #[default]
    Info,
    /// No finding does
    None,
}

impl Threshold {
    /// The least severe finding that counts.
    pub(crate) const fn severity(self) -> Option<Severity> {
        match self {
            Self::Error => Some(Severity::Error),
            Self::Warning => Some(Severity::Warning),
            Self::Info => Some(Severity::Info),
            Self::None => None,
        }
    }
}
