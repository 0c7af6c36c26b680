//! What the linter says of the Dockerfile of a build.

use std::sync::{Mutex, PoisonError};

use lapstrake_linter::{Finding, Known, KnownStage, Origin, Policy, Rule, Wanted};
use lapstrake_parser::check::CheckOptions;
use lapstrake_parser::ignore_file::IgnoreFile;
use lapstrake_parser::{Diagnostic, Dockerfile, Severity, syntax};
use lapstrake_solver::lower::{ImagePlan, Options, Plan, StageFacts};

use super::context::Inputs;
use crate::commands::lint;
use crate::failure::Failure;

/// The build argument that takes the place of the `check` directive.
const CHECKS: &str = "BUILDKIT_DOCKERFILE_CHECK";

/// The build argument that takes the place of the `syntax` directive.
const SYNTAX: &str = "BUILDKIT_SYNTAX";

/// What is known beside the Dockerfile before anything is planned.
pub(super) struct Beside {
    /// What of the context is left out.
    pub(super) ignore: IgnoreFile,
    /// What the project asks for: the configuration above the Dockerfile.
    policy: Policy,
}

impl Beside {
    pub(super) fn of(inputs: &Inputs) -> Self {
        let policy = inputs.folder.as_deref().map(lint::policy).unwrap_or_default();
        Self { ignore: inputs.ignore.clone(), policy }
    }
}

/// Looks at a Dockerfile before it is built.
pub(super) struct Check<'a> {
    pub(super) source: &'a str,
    pub(super) dockerfile: &'a Dockerfile,
    /// Which rules the file, or the command line in its place, wants.
    pub(super) checks: CheckOptions,
    /// What the project wants.
    policy: &'a Policy,
    /// What is known without a base image.
    pub(super) known: Known<'a>,
    /// What was found, and does not stop the build.
    pub(super) found: Mutex<Vec<Diagnostic>>,
}

impl<'a> Check<'a> {
    /// # Errors
    /// The build argument that says which checks to make is not understood.
    pub(super) fn new(
        source: &'a str,
        dockerfile: &'a Dockerfile,
        options: &Options,
        beside: &'a Beside,
    ) -> Result<Self, Failure> {
        let checks = match options.arguments.get(CHECKS) {
            None => lapstrake_linter::checks(dockerfile),
            Some(text) => lapstrake_linter::checks_from_argument(text).map_err(|faults| {
                let fault = faults.into_iter().next();
                let (message, help) = fault.map(|one| (one.message, one.help)).unwrap_or_default();
                Failure::new(format!("{CHECKS} is not understood: {message}"))
                    .help(help.unwrap_or_default())
            })?,
        };
        let known = Known {
            arguments: options.arguments.clone(),
            target: options.target.clone(),
            platform: options.targets().first().unwrap_or(&options.build_platform).clone(),
            build_platform: options.build_platform.clone(),
            stages: Vec::new(),
            ignore: Some(&beside.ignore),
            context: None,
            callers: &[],
            today: lint::today(),
        };
        let (policy, found) = (&beside.policy, Mutex::default());
        Ok(Self { source, dockerfile, checks, policy, known, found })
    }

    /// Looks at the file alone, without a base image. What would need the whole file is left out when
    /// `is_whole` is false.
    pub(super) fn look(&self, is_whole: bool) -> Vec<Diagnostic> {
        self.lint(&self.known, |rule| is_whole || rule.sees_one_instruction())
    }

    /// Looks at the file with what the plan knows of its stages. What is found is kept, or given back
    /// as faults if the file or its project asks for that.
    pub(super) fn review(&self, plan: &Plan) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for image in &plan.images {
            let more = self.lint(&self.known_of(image), |_| true);
            found.extend(more.into_iter().filter(|one| !found.contains(one)).collect::<Vec<_>>());
        }
        if self.checks.error {
            found.iter_mut().for_each(|finding| finding.severity = Severity::Error);
            return found;
        }
        // What the project calls an error stops the build, as what the parser calls one.
        if found.iter().any(|finding| finding.severity == Severity::Error) {
            return found;
        }
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = found;
        Vec::new()
    }

    /// What to say of build arguments that nothing takes, base images included.
    pub(super) fn untaken(&self, plan: &Plan) -> Option<String> {
        let mut images = plan.images.iter().map(|image| {
            let known = self.known_of(image);
            lapstrake_linter::untaken(self.source, self.dockerfile, &known)
        });
        let mut names = images.next()?;
        for others in images {
            names.retain(|name| others.contains(name));
        }
        let message = match names.as_slice() {
            [] => return None,
            [name] => format!("no ARG takes the build argument {name}"),
            names => format!("no ARG takes the build arguments {}", names.join(", ")),
        };
        Some(message)
    }

    /// What is known with the plan of an image.
    pub(super) fn known_of<'p>(&'p self, image: &'p ImagePlan) -> Known<'p> {
        let known_stage =
            |facts: &'p StageFacts| KnownStage::new(facts.is_needed, facts.base.as_ref());
        let stages = image.stages.iter().map(known_stage).collect();
        Known { stages, platform: image.platform.clone(), ..self.known.clone() }
    }

    /// What was found and not told yet.
    pub(super) fn take(&self) -> Vec<Diagnostic> {
        std::mem::take(&mut *self.found.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn lint(&self, known: &Known<'_>, wanted: impl Fn(&Rule) -> bool) -> Vec<Diagnostic> {
        let rules = lapstrake_linter::all().filter(|rule| rule.origin == Origin::BuildKit);
        let rules: Vec<&'static Rule> = rules.filter(|rule| wanted(rule)).collect();
        let wanted =
            Wanted { rules: &rules, checks: &self.checks, policy: self.policy, is_own: false };
        let found = lapstrake_linter::lint(self.source, self.dockerfile, known, &wanted);
        found.into_iter().map(|Finding { diagnostic, .. }| diagnostic).collect()
    }
}

/// Leaves out what the file says of frontends and checks where build arguments say it in its place, as
/// in BuildKit.
pub(super) fn overruled(faults: &mut Vec<Diagnostic>, options: &Options) {
    if options.arguments.contains_key(CHECKS) {
        faults.retain(|fault| fault.code != "invalid-check-directive");
    }
    if options.arguments.contains_key(SYNTAX) {
        faults.retain(|fault| fault.code != "foreign-syntax");
    }
}

/// What to say of the frontend that the command line asks for.
pub(super) fn foreign_syntax(options: &Options) -> Option<String> {
    let image = options.arguments.get(SYNTAX)?.split_whitespace().next()?;
    let message = format!(
        "{SYNTAX} asks for the frontend {image}, which is not run: the file is read as a plain \
         Dockerfile, and what the frontend adds to the language does not work"
    );
    (!syntax::is_own(image)).then_some(message)
}
