//! The global scope: predefined arguments and the ARG instructions before the first FROM.

use lapstrake_oci::Platform;
use lapstrake_parser::{Diagnostic, Dockerfile, InstructionKind};

use super::environment::Environment;
use super::{Options, platform, word};

/// What every stage can see of the command line and the Dockerfile's head.
pub(super) struct Scope<'a> {
    pub(super) options: &'a Options,
    /// What the image is built for.
    pub(super) platform: Platform,
    /// Global arguments with a value.
    pub(super) arguments: Environment,
    /// The Dockerfile's escape character.
    pub(super) escape: char,
}

impl<'a> Scope<'a> {
    /// Evaluates the ARGs before the first stage, in order: `--build-arg`, else the default. What
    /// is built for `platform` sees the values of that.
    /// `is_whole` says that none of them is missing.
    pub(super) fn new(
        dockerfile: &Dockerfile,
        options: &'a Options,
        platform: &Platform,
        is_whole: bool,
        faults: &mut Vec<Diagnostic>,
    ) -> Self {
        let arguments = predefined(dockerfile, options, platform);
        let mut scope =
            Self { options, platform: platform.clone(), arguments, escape: dockerfile.escape };
        if !is_whole {
            scope.arguments.make_partial();
        }
        for instruction in dockerfile.global_instructions() {
            let InstructionKind::Arg(declarations) = &instruction.kind else {
                continue;
            };
            for declaration in declarations {
                let name = declaration.name.as_str();
                let given = options.arguments.get(name).cloned();
                let value = match (given, &declaration.value) {
                    (Some(given), _) => Ok(Some(given)),
                    (None, Some(default)) => {
                        word::expand(default, &scope.arguments, scope.escape).map(Some)
                    }
                    (None, None) => Ok(None),
                };
                match value {
                    Ok(Some(value)) => scope.arguments.set(name, &value),
                    Ok(None) => {}
                    Err(fault) => {
                        faults.push(fault);
                        scope.arguments.set_unknown(name);
                    }
                }
            }
        }
        scope
    }
}

fn predefined(dockerfile: &Dockerfile, options: &Options, platform: &Platform) -> Environment {
    let mut arguments = Environment::default();
    platform::set(&mut arguments, "BUILD", &options.build_platform);
    platform::set(&mut arguments, "TARGET", platform);
    let last = dockerfile.stages().last().and_then(lapstrake_parser::Stage::name);
    let target = options.target.clone().or(last).unwrap_or_else(|| "default".to_owned());
    arguments.set("TARGETSTAGE", &target);
    let overridden: Vec<String> = arguments.names().map(str::to_owned).collect();
    for name in overridden {
        if let Some(value) = options.arguments.get(&name) {
            arguments.set(&name, value);
        }
    }
    arguments
}
