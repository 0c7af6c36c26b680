//! What each instruction says.

use crate::dockerfile::Instruction;
use crate::keyword::Keyword;
use crate::span::Spanned;
use crate::text::Text;
use crate::word::Word;
use smallvec::SmallVec;
use std::time::Duration;

/// A list that mostly has one element, which then needs no memory of its own.
pub type Few<T> = SmallVec<[T; 1]>;

/// The arguments of an instruction, by its name.
///
/// All text is unexpanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InstructionKind {
    /// `FROM [--platform=p] image [AS name]`.
    From(Box<FromInstruction>),
    /// `RUN command`. Its heredocs are on the instruction.
    Run(CommandForm),
    /// `CMD command`.
    Cmd(CommandForm),
    /// `ENTRYPOINT command`.
    Entrypoint(CommandForm),
    /// `COPY source… destination`.
    Copy(Transfer),
    /// `ADD source… destination`.
    Add(Transfer),
    /// `ENV key=value…`.
    Env(Few<KeyValue>),
    /// `LABEL key=value…`.
    Label(Few<KeyValue>),
    /// `ARG name[=default]…`.
    Arg(Few<ArgDeclaration>),
    /// `WORKDIR path`.
    Workdir(Word),
    /// `USER user[:group]`.
    User(Word),
    /// `EXPOSE port…`. One word may expand to several ports.
    Expose(Few<Word>),
    /// `VOLUME path…`.
    Volume(Volume),
    /// `STOPSIGNAL signal`.
    Stopsignal(Word),
    /// `SHELL ["program", "argument"…]`. Never empty.
    Shell(Vec<Word>),
    /// `HEALTHCHECK NONE` or `HEALTHCHECK CMD command`.
    Healthcheck(Box<Healthcheck>),
    /// `ONBUILD instruction`.
    Onbuild(Onbuild),
    /// `MAINTAINER name`.
    Maintainer(Word),
}

impl InstructionKind {
    /// The name of the instruction.
    pub const fn keyword(&self) -> Keyword {
        match self {
            Self::From(_) => Keyword::From,
            Self::Run(_) => Keyword::Run,
            Self::Cmd(_) => Keyword::Cmd,
            Self::Entrypoint(_) => Keyword::Entrypoint,
            Self::Copy(_) => Keyword::Copy,
            Self::Add(_) => Keyword::Add,
            Self::Env(_) => Keyword::Env,
            Self::Label(_) => Keyword::Label,
            Self::Arg(_) => Keyword::Arg,
            Self::Workdir(_) => Keyword::Workdir,
            Self::User(_) => Keyword::User,
            Self::Expose(_) => Keyword::Expose,
            Self::Volume(_) => Keyword::Volume,
            Self::Stopsignal(_) => Keyword::Stopsignal,
            Self::Shell(_) => Keyword::Shell,
            Self::Healthcheck(_) => Keyword::Healthcheck,
            Self::Onbuild(_) => Keyword::Onbuild,
            Self::Maintainer(_) => Keyword::Maintainer,
        }
    }
}

/// `FROM [--platform=p] image [AS name]` (A7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FromInstruction {
    /// The image or stage. Empty only in a faulty file.
    pub image: Word,
    /// The value of `--platform`.
    pub platform: Option<Word>,
    /// The word `AS` as written.
    pub separator: Option<Spanned<Text>>,
    /// The stage name as written; stages are looked up in lower case.
    pub name: Option<Spanned<Text>>,
}

/// The two ways to write a command (A4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandForm {
    /// Text for the shell. May be empty.
    Shell(Word),
    /// A JSON array: the argument vector. May be empty, which clears a CMD or ENTRYPOINT.
    Exec(Vec<Word>),
}

/// Sources and destination of COPY and ADD (A11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// What to take, in order. Never empty.
    pub sources: Few<Source>,
    /// Where to put it.
    pub destination: Word,
    /// True if written as a JSON array.
    pub json: bool,
}

/// One source of COPY or ADD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A path, a pattern, a URL or a git reference.
    Path(Word),
    /// A file written in place (A6.5).
    Heredoc {
        /// The marker, as in `<<EOF`.
        word: Word,
        /// Index in the instruction's `heredocs`.
        index: usize,
    },
}

impl Source {
    /// The source as written.
    pub const fn word(&self) -> &Word {
        match self {
            Self::Path(word) | Self::Heredoc { word, .. } => word,
        }
    }
}

/// The paths of VOLUME.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// The paths, blanks around them included. Never empty.
    pub paths: Few<Word>,
    /// True if written as a JSON array.
    pub json: bool,
}

/// One pair of ENV or LABEL (A9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyValue {
    /// The name. Never empty.
    pub key: Word,
    /// The value.
    pub value: Word,
    /// True for the legacy form `KEY value` with a blank in between.
    pub legacy: bool,
}

/// One name of an ARG (A8.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgDeclaration {
    /// The name. Never empty.
    pub name: Word,
    /// The default, if there is a `=`.
    pub value: Option<Word>,
}

/// `HEALTHCHECK NONE` or `HEALTHCHECK [options] CMD command` (A12).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Healthcheck {
    /// The word `NONE` or `CMD` as written.
    pub word: Word,
    /// The command, or nothing for `NONE`.
    pub command: Option<CommandForm>,
    /// The options. All unset for `NONE`.
    pub timing: HealthcheckTiming,
}

/// The options of a health check. One that is unset or zero means the runtime's default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HealthcheckTiming {
    /// `--interval`: pause between two checks.
    pub interval: Option<Duration>,
    /// `--timeout`: how long a check may take.
    pub timeout: Option<Duration>,
    /// `--start-period`: how long failures do not count.
    pub start_period: Option<Duration>,
    /// `--start-interval`: pause between two checks in that time.
    pub start_interval: Option<Duration>,
    /// `--retries`: failures in a row until the container is unhealthy.
    pub retries: Option<u32>,
}

/// `ONBUILD instruction` (A12).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Onbuild {
    /// What goes into the image config: the instruction on one line, then its heredocs.
    pub text: String,
    /// The instruction, unless it is too broken to be understood. Its `heredocs` are a copy of
    /// those on the ONBUILD.
    pub instruction: Option<Box<Instruction>>,
}
