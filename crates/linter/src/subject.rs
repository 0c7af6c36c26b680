//! A file in the form that rules look at.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use lapstrake_parser::{Dockerfile, Instruction, InstructionKind, Keyword, Span, Stage, Word};
use lapstrake_rootfs::View;

use crate::copied::{self, ContextCopy};
use crate::environment::Environment;
use crate::files::Context;
use crate::from::may_be_stage;
use crate::known::{Known, KnownStage, Made};
use crate::policy::Policy;
use crate::secret::secrets_in;
use crate::shared::{self, Shared};
use crate::shell::{self, Script};
use crate::value::{Value, value};

/// A Dockerfile with what is known about its build.
pub(crate) struct Subject<'a> {
    /// The text of the file.
    pub(crate) source: &'a str,
    /// The text as a tree.
    pub(crate) dockerfile: &'a Dockerfile,
    /// What else is known.
    pub(crate) known: &'a Known<'a>,
    /// What the project asks for.
    pub(crate) policy: &'a Policy,
    /// The stages.
    pub(crate) stages: Vec<Stage<'a>>,
    /// The global arguments with their values.
    pub(crate) globals: Globals,
    /// What each RUN runs, with where it starts, in file order; read when a rule asks first.
    scripts: OnceCell<Vec<(usize, Script)>>,
    /// The numbers of the stages of each name, in small letters.
    stage_numbers: OnceCell<BTreeMap<String, Vec<usize>>>,
    /// For each stage the number of the one that it starts from.
    bases: OnceCell<Vec<Option<usize>>>,
    /// What secrets are in the text, looked for when a rule asks first.
    secrets: OnceCell<Vec<(&'static str, Span)>>,
    /// What can be copied, looked for when a rule asks first.
    view: OnceCell<Option<View>>,
    /// What COPY and ADD take of that.
    copies: OnceCell<Vec<ContextCopy>>,
    /// The scripts among that which are executed.
    shared: OnceCell<Vec<Shared>>,
    /// The numbers of the stages that are in the image, looked for when a rule asks first.
    shipped: OnceCell<BTreeSet<usize>>,
}

/// What FROM sees.
#[derive(Clone, Debug, Default)]
pub(crate) struct Globals {
    /// Arguments that have a value, the predefined ones among them.
    pub(crate) values: Environment,
    /// The names that are declared in front of the first FROM.
    pub(crate) declared: Vec<String>,
}

impl<'a> Subject<'a> {
    pub(crate) fn new(
        source: &'a str,
        dockerfile: &'a Dockerfile,
        known: &'a Known<'a>,
        policy: &'a Policy,
    ) -> Self {
        let stages = dockerfile.stages();
        let predefined = predefined(&stages, known);
        let globals = evaluate(dockerfile, predefined, |name| known.arguments.get(name));
        Self {
            source,
            dockerfile,
            known,
            policy,
            stages,
            globals,
            scripts: OnceCell::new(),
            stage_numbers: OnceCell::new(),
            bases: OnceCell::new(),
            secrets: OnceCell::new(),
            view: OnceCell::new(),
            copies: OnceCell::new(),
            shared: OnceCell::new(),
            shipped: OnceCell::new(),
        }
    }

    /// What COPY and ADD take of the context, with what is in it; nothing if that is not known.
    pub(crate) fn copies(&self) -> Option<(&[ContextCopy], &View, Context<'a>)> {
        let context = self.known.context?;
        let copies = self.copies.get_or_init(|| copied::copies(self));
        if copies.is_empty() {
            return None;
        }
        let view = self.view.get_or_init(|| (context.files.tree)()).as_ref()?;
        Some((copies, view, context))
    }

    /// The secrets in the text: what they are, and where.
    pub(crate) fn secrets(&self) -> &[(&'static str, Span)] {
        self.secrets.get_or_init(|| {
            let found = secrets_in(self.source.as_bytes()).into_iter();
            found.map(|(what, range)| (what, Span::new(range.start, range.end))).collect()
        })
    }

    /// The scripts of the context that are executed.
    pub(crate) fn shared(&self) -> &[Shared] {
        self.shared.get_or_init(|| shared::scripts(self))
    }

    /// The global arguments as they are when the builder is given none.
    pub(crate) fn default_globals(&self) -> Globals {
        if self.known.arguments.is_empty() {
            return self.globals.clone();
        }
        evaluate(self.dockerfile, predefined(&self.stages, self.known), |_| None)
    }

    /// What a word of FROM comes to.
    pub(crate) fn global_value<'w>(&self, word: &'w Word) -> Option<Value<'w>> {
        value(word, &self.globals.values, self.dockerfile.escape)
    }

    /// What a RUN or ONBUILD RUN runs, if that is a shell script.
    pub(crate) fn script(&self, instruction: &Instruction) -> Option<&Script> {
        let read = || {
            let all = self.dockerfile.instructions.iter();
            all.filter_map(|one| Some((one.span.start, shell::script(one)?))).collect()
        };
        let scripts = self.scripts.get_or_init(read);
        let at = scripts.binary_search_by_key(&instruction.span.start, |(start, _)| *start).ok()?;
        scripts.get(at).map(|(_, script)| script)
    }

    /// The instructions in front of this one, in the whole file.
    fn before(&self, instruction: &Instruction) -> impl Iterator<Item = &'a Instruction> {
        let start = instruction.span.start;
        self.dockerfile.instructions.iter().take_while(move |one| one.span.start < start)
    }

    /// True if the text has a variable in it that an ARG in front declares.
    pub(crate) fn names_argument(&self, instruction: &Instruction, text: &str) -> bool {
        self.before(instruction).any(|one| match &one.kind {
            InstructionKind::Arg(names) => {
                names.iter().any(|arg| mentions(text, arg.name.as_str()))
            }
            _ => false,
        })
    }

    /// True if an ARG or ENV in front sets the name.
    pub(crate) fn sets_before(&self, instruction: &Instruction, name: &str) -> bool {
        self.before(instruction).any(|one| sets(one, name))
    }

    /// True if an ARG or ENV of the file sets the name.
    pub(crate) fn sets(&self, name: &str) -> bool {
        self.dockerfile.instructions.iter().any(|one| sets(one, name))
    }

    /// The stage that a stage starts from. A variable in its name counts with the value that is known of it.
    pub(crate) fn base_of(&self, stage: &Stage<'_>) -> Option<&Stage<'a>> {
        self.stages.get((*self.bases().get(stage.index)?)?)
    }

    fn bases(&self) -> &[Option<usize>] {
        self.bases.get_or_init(|| {
            let base = |stage: &Stage<'_>| {
                let image = self.global_value(&stage.from.image)?;
                self.stage_named(&image.text, stage.index)
            };
            self.stages.iter().map(base).collect()
        })
    }

    /// The stages that a stage goes back to, nearest first.
    pub(crate) fn lineage(&self, stage: &Stage<'_>) -> Vec<&Stage<'a>> {
        std::iter::successors(self.base_of(stage), |base| self.base_of(base)).collect()
    }

    /// True if it is the stage that is built when none is named, or the one that is named.
    pub(crate) fn is_target(&self, stage: &Stage<'_>) -> bool {
        match &self.known.target {
            Some(name) => {
                let named = self.stage_named(name, self.stages.len());
                named.or_else(|| name.parse().ok()) == Some(stage.index)
            }
            None => stage.index + 1 == self.stages.len(),
        }
    }

    /// True if something of the project names the stage as its target.
    pub(crate) fn is_called(&self, stage: &Stage<'_>) -> bool {
        let mut targets = self.known.callers.iter().filter_map(|caller| caller.target.as_ref());
        targets.any(|target| {
            let named = self.stage_named(&target.value, self.stages.len());
            named.or_else(|| target.value.parse().ok()) == Some(stage.index)
        })
    }

    /// The stage that a stage goes back to in the end, and what is known of the image under that.
    pub(crate) fn ground<'s>(&'s self, stage: &'s Stage<'a>) -> (&'s Stage<'a>, KnownStage<'s>) {
        let ground = self.lineage(stage).pop().unwrap_or(stage);
        (ground, self.known.stage(ground.index))
    }

    /// The program that reads what is in shell form, in front of an instruction of a stage.
    pub(crate) fn shell_before<'s>(&'s self, stage: &'s Stage<'a>, end: &Instruction) -> &'s str {
        let lineage = self.lineage(stage);
        let mut stages = std::iter::once(stage).chain(lineage);
        let shell = stages.find_map(|stage| {
            let mut before =
                stage.instructions.iter().rev().skip_while(|one| one.span.start >= end.span.start);
            before.find_map(|one| match &one.kind {
                InstructionKind::Shell(words) => words.first().map(Word::as_str),
                _ => None,
            })
        });
        let base = self.ground(stage).1.base;
        let usual = match base.is_some_and(|base| base.os == "windows") {
            true => "cmd",
            false => "/bin/sh",
        };
        let inherited = base.and_then(|base| base.config.shell.first()).map(String::as_str);
        shell.or(inherited).unwrap_or(usual)
    }

    /// What an instruction came to when the file was built last.
    pub(crate) fn made(&self, instruction: &Instruction) -> Option<&Made<'_>> {
        let all = self.known.stages.iter().flat_map(|stage| stage.made);
        all.into_iter().find(|made| made.at == instruction.span.start)
    }

    /// The last instruction of that name in a stage and those that it goes back to.
    pub(crate) fn last(&self, stage: &Stage<'a>, keyword: Keyword) -> Option<&'a Instruction> {
        let lineage = self.lineage(stage);
        let mut stages = std::iter::once(stage).chain(lineage);
        stages.find_map(|stage| {
            let instructions: &'a [Instruction] = stage.instructions;
            instructions.iter().rev().find(|one| one.kind.keyword() == keyword)
        })
    }

    /// True if it is the last stage, or others start from it: what hadolint takes for a stage that is in an image.
    pub(crate) fn is_last_or_base(&self, stage: &Stage<'_>) -> bool {
        let is_last = stage.index + 1 == self.stages.len();
        is_last || self.bases().contains(&Some(stage.index))
    }

    /// True if what the stage leaves is in the image that is built: it is the target, or that goes back to it. What a
    /// build argument decides may be any stage with a name.
    pub(crate) fn is_shipped(&self, stage: &Stage<'_>) -> bool {
        self.shipped.get_or_init(|| self.find_shipped()).contains(&stage.index)
    }

    fn find_shipped(&self) -> BTreeSet<usize> {
        let mut shipped = BTreeSet::new();
        let is_built = |stage: &&Stage<'a>| self.is_target(stage) || self.is_called(stage);
        let targets = self.stages.iter().filter(is_built);
        let mut open: Vec<&Stage<'a>> = targets.collect();
        while let Some(stage) = open.pop() {
            if !shipped.insert(stage.index) {
                continue;
            }
            open.extend(self.base_of(stage));
            if may_be_stage(stage.from.image.as_str()) {
                let earlier = self.stages.iter().take(stage.index);
                open.extend(earlier.filter(|one| one.from.name.is_some()));
            }
        }
        shipped
    }

    /// The stage that a name in the stage number `before` means: the last earlier one of that name.
    pub(crate) fn stage_named(&self, name: &str, before: usize) -> Option<usize> {
        let numbers = self.stage_numbers.get_or_init(|| {
            let mut numbers: BTreeMap<String, Vec<usize>> = BTreeMap::new();
            for stage in &self.stages {
                let name = stage.from.name.as_ref().map(|name| name.value.to_ascii_lowercase());
                if let Some(name) = name {
                    numbers.entry(name).or_default().push(stage.index);
                }
            }
            numbers
        });
        let numbers = numbers.get(&name.to_ascii_lowercase())?;
        let earlier = numbers.partition_point(|number| *number < before);
        numbers.get(earlier.checked_sub(1)?).copied()
    }
}

/// True if the text has `$name` or `${name…}` in it.
pub(crate) fn mentions(text: &str, name: &str) -> bool {
    let is_end = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    text.split('$').skip(1).any(|behind| {
        let behind = behind.strip_prefix('{').unwrap_or(behind);
        behind.strip_prefix(name).is_some_and(is_end)
    })
}

fn sets(instruction: &Instruction, name: &str) -> bool {
    match &instruction.kind {
        InstructionKind::Arg(names) => names.iter().any(|arg| arg.name.as_str() == name),
        InstructionKind::Env(pairs) => pairs.iter().any(|pair| pair.key.as_str() == name),
        _ => false,
    }
}

/// The arguments that need no declaration in front of FROM (A8.11).
fn predefined(stages: &[Stage<'_>], known: &Known<'_>) -> Environment {
    let mut values = Environment::default();
    for (prefix, platform) in [("BUILD", &known.build_platform), ("TARGET", &known.platform)] {
        for (suffix, value) in [
            ("PLATFORM", platform.to_string().as_str()),
            ("OS", &platform.os),
            ("OSVERSION", &platform.os_version),
            ("ARCH", &platform.architecture),
            ("VARIANT", &platform.variant),
        ] {
            set_predefined(&mut values, &format!("{prefix}{suffix}"), value, known);
        }
    }
    let last = stages.last().and_then(Stage::name);
    let target = known.target.clone().or(last);
    set_predefined(&mut values, "TARGETSTAGE", target.as_deref().unwrap_or("default"), known);
    values
}

fn set_predefined(values: &mut Environment, name: &str, value: &str, known: &Known<'_>) {
    values.set(name, known.arguments.get(name).map_or(value, String::as_str));
}

/// Evaluates the ARGs in front of the first FROM (A8.2). A default that cannot be expanded counts
/// as none: lowering reports it.
fn evaluate<'g>(
    dockerfile: &Dockerfile,
    predefined: Environment,
    given: impl Fn(&str) -> Option<&'g String>,
) -> Globals {
    let mut globals = Globals { values: predefined, declared: Vec::new() };
    for instruction in dockerfile.global_instructions() {
        let InstructionKind::Arg(declarations) = &instruction.kind else { continue };
        for declaration in declarations {
            let name = declaration.name.as_str();
            let default = declaration.value.as_ref();
            let value = match given(name) {
                Some(given) => Some(given.clone()),
                None => default
                    .and_then(|default| value(default, &globals.values, dockerfile.escape))
                    .map(|value| value.text.into_owned()),
            };
            if let Some(value) = value {
                globals.values.set(name, &value);
            }
            globals.declared.push(name.to_owned());
        }
    }
    globals
}
