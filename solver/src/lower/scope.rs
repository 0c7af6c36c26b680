//! The global scope: predefined arguments and the ARG instructions before the first FROM.

use lapstrake_oci::Platform;
use lapstrake_parser::{Diagnostic, Dockerfile, InstructionKind};

use super::environment::Environment;
use super::epoch::{self, Epoch};
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
    /// The time that the image is to be from.
    pub(super) epoch: Epoch,
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
        let mut scope = Self {
            options,
            platform: platform.clone(),
            arguments: predefined(dockerfile, options, platform),
            escape: dockerfile.escape,
            epoch: Epoch::Unset,
        };
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
                    Err(found) => {
                        faults.extend(found);
                        scope.arguments.set_unknown(name);
                    }
                }
            }
        }
        match epoch::epoch(dockerfile, &scope.arguments, options, scope.escape) {
            Ok(epoch) => scope.set_epoch(epoch),
            Err(found) => faults.extend(found),
        }
        scope
    }

    /// The value that the command line gives an argument. Of SOURCE_DATE_EPOCH it is what that
    /// comes to.
    pub(super) fn given(&self, name: &str) -> Option<String> {
        let given = self.options.arguments.get(name)?;
        match name {
            epoch::NAME => self.epoch.seconds().map(|seconds| seconds.to_string()),
            _ => Some(given.clone()),
        }
    }

    /// From here on the argument is a number, or not there.
    fn set_epoch(&mut self, epoch: Epoch) {
        if self.arguments.value(epoch::NAME).is_some() {
            match epoch.seconds() {
                Some(seconds) => self.arguments.set(epoch::NAME, &seconds.to_string()),
                None => self.arguments.unset(epoch::NAME),
            }
        }
        self.epoch = epoch;
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
