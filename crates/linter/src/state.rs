//! What holds in a stage in front of an instruction.
//!
//! The rules are those of lowering (A8, A9), with two differences: nothing here fails, and stages
//! that no target needs count as well.

use lapstrake_parser::{ArgDeclaration, Instruction, InstructionKind, Keyword, Span, Stage};

use crate::environment::Environment;
use crate::subject::Subject;
use crate::value::value;

/// The search path of an image that sets none.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Arguments that are for the builder and never become variables.
const NOT_VARIABLES: [&str; 2] = ["BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"];

/// What holds in front of an instruction.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    /// The variables that are set: ARGs and ENVs.
    pub(crate) environment: Environment,
    /// The ARGs that are declared, with and without a value.
    pub(crate) declared: Vec<String>,
    /// False if the stage goes back to an image whose config is not known.
    pub(crate) base_is_known: bool,
    /// The paths of the stage may be those of Windows.
    pub(crate) has_drives: bool,
    /// The working directory, where that is known.
    pub(crate) directory: Option<String>,
    /// This file has set the working directory.
    pub(crate) has_workdir: bool,
    /// The shell is not the default one.
    pub(crate) has_shell: bool,
    /// The names of instructions of which only the last one counts, as far as the stage has them.
    only_last: Vec<(Keyword, Span)>,
}

impl State {
    /// What holds at the beginning of a stage. `finished` are the ends of the stages above.
    pub(crate) fn at_start(subject: &Subject<'_>, stage: &Stage<'_>, finished: &[Self]) -> Self {
        let image = subject.global_value(&stage.from.image);
        let image = image.as_ref().map(|value| value.text.as_ref()).unwrap_or_default();
        if image == "scratch" {
            let directory = Some("/".to_owned());
            return Self { base_is_known: true, directory, ..Self::on_config(&[]) };
        }
        if let Some(base) = subject.stage_named(image, stage.index).and_then(|at| finished.get(at))
        {
            return Self { only_last: Vec::new(), ..base.clone() };
        }
        match subject.known.stage(stage.index).base.filter(|_| !image.is_empty()) {
            Some(base) => Self {
                base_is_known: true,
                has_drives: base.os == "windows",
                has_shell: !base.config.shell.is_empty(),
                directory: Some(match base.config.working_dir.as_str() {
                    "" => "/".to_owned(),
                    directory => directory.to_owned(),
                }),
                ..Self::on_config(&base.config.env)
            },
            None => Self { has_drives: true, ..Self::on_config(&[]) },
        }
    }

    /// What holds at the end of a stage.
    pub(crate) fn at_end(subject: &Subject<'_>, stage: &Stage<'_>) -> Self {
        let mut lineage = subject.lineage(stage);
        lineage.reverse();
        let mut state = Self::at_start(subject, lineage.first().copied().unwrap_or(stage), &[]);
        for instruction in lineage.iter().flat_map(|stage| stage.instructions) {
            state.apply(instruction, subject);
        }
        stage.instructions.iter().for_each(|one| state.apply(one, subject));
        state
    }

    fn on_config(environment: &[String]) -> Self {
        let mut environment = Environment::from_texts(environment);
        if environment.value("PATH").is_none() {
            environment.set("PATH", DEFAULT_PATH);
        }
        Self { environment, ..Self::default() }
    }

    /// The name of the instruction that one of this kind makes void.
    pub(crate) fn voided(&self, keyword: Keyword) -> Option<Span> {
        self.only_last.iter().find(|(name, _)| *name == keyword).map(|(_, span)| *span)
    }

    /// Goes past an instruction.
    pub(crate) fn apply(&mut self, instruction: &Instruction, subject: &Subject<'_>) {
        let escape = subject.dockerfile.escape;
        match &instruction.kind {
            InstructionKind::Arg(declarations) => {
                for declaration in declarations {
                    self.declare(declaration, subject);
                }
            }
            InstructionKind::Env(pairs) => {
                // All values of one ENV are those from before it.
                let before = &self.environment;
                let set = pairs.iter().filter_map(|pair| {
                    let name = value(&pair.key, before, escape)?.text.into_owned();
                    Some((name, value(&pair.value, before, escape)?.text.into_owned()))
                });
                for (name, value) in set.collect::<Vec<_>>() {
                    self.environment.set(&name, &value);
                }
            }
            InstructionKind::Workdir(path) => {
                self.has_workdir = true;
                let path =
                    value(path, &self.environment, escape).filter(|path| path.undefined.is_empty());
                self.directory = path.and_then(|path| match path.text.starts_with('/') {
                    true => Some(path.text.into_owned()),
                    false => self.directory.as_ref().map(|above| format!("{above}/{}", path.text)),
                });
            }
            InstructionKind::Shell(_) => self.has_shell = true,
            InstructionKind::Cmd(_)
            | InstructionKind::Entrypoint(_)
            | InstructionKind::Healthcheck(_) => {
                let keyword = instruction.kind.keyword();
                self.only_last.retain(|(name, _)| *name != keyword);
                self.only_last.push((keyword, instruction.keyword().span));
            }
            _ => {}
        }
    }

    fn declare(&mut self, declaration: &ArgDeclaration, subject: &Subject<'_>) {
        let name = declaration.name.as_str();
        let escape = subject.dockerfile.escape;
        let value = match (subject.known.arguments.get(name), &declaration.value) {
            (Some(given), _) => Some(given.clone()),
            (None, Some(default)) => {
                value(default, &self.environment, escape).map(|value| value.text.into_owned())
            }
            (None, None) => subject.globals.values.value(name).map(str::to_owned),
        };
        if let Some(value) = value.filter(|_| !NOT_VARIABLES.contains(&name)) {
            self.environment.set(name, &value);
        }
        self.declared.push(name.to_owned());
    }
}
