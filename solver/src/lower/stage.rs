//! Stages in file order, instruction by instruction.

use lapstrake_oci::{Config, Descriptor, ImageConfig, Platform};
use lapstrake_parser::{Diagnostic, Instruction, InstructionKind, Span};
use lapstrake_source::redacted;

use super::environment::Environment;
use super::fault::{Faults, fault};
use super::header::Header;
use super::origin::Origin;
use super::reach::{Reach, Trigger};
use super::scope::Scope;
use super::{
    ImagePlan, Options, argument, command, directory, expose, metadata, platform, transfer,
};
use crate::export::Step;
use crate::graph::{CopyOp, CopySource, Graph, ImageOp, NamedImage, Op, Vertex, VertexId};
use crate::image::{BaseImage, BaseImages, ImageName};
use crate::owner::name;

/// The search path of an image that sets none.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What all stages share.
pub(super) struct Build<'a> {
    pub(super) scope: &'a Scope<'a>,
    pub(super) options: &'a Options,
    pub(super) headers: &'a [Header<'a>],
    images: &'a BaseImages,
    reach: &'a Reach,
    pub(super) graph: &'a mut Graph,
    /// What the user should know that is no fault.
    pub(super) warnings: Vec<String>,
    stages: Vec<Option<Stage>>,
}

/// A stage as far as it has been lowered.
#[derive(Clone)]
pub(super) struct Stage {
    /// Its number in the Dockerfile.
    pub(super) number: usize,
    /// Its root file system.
    pub(super) rootfs: VertexId,
    /// Whether the base is not known yet: then the root file system is a stand-in.
    is_unknown: bool,
    /// What its commands run on.
    pub(super) platform: Platform,
    /// What its image says so far; history and diff ids are the base's.
    pub(super) image: ImageConfig,
    /// Descriptors of the base's layers.
    pub(super) base_layers: Vec<Descriptor>,
    /// ARGs and ENVs that are in effect.
    pub(super) environment: Environment,
    /// Declared ARGs with their values, in order of their declaration.
    pub(super) arguments: Vec<(String, Option<String>)>,
    /// What it adds to the history.
    pub(super) steps: Vec<Step>,
    /// Whether it has a CMD of its own.
    pub(super) has_cmd: bool,
    /// Where USER names the user of its commands, and SHELL their shell.
    pub(super) user_place: Option<Span>,
    pub(super) shell_place: Option<Span>,
    /// How its steps are counted.
    pub(super) counter: Counter,
}

/// The `[build 2/5]` in front of a step.
#[derive(Clone, Default)]
pub(super) struct Counter {
    label: String,
    done: usize,
    total: usize,
}

impl Counter {
    /// Counts a step that is not shown.
    pub(super) fn skip(&mut self) {
        self.done += 1;
    }

    /// The next step's name, with what it runs on.
    fn next(&mut self, platform: Option<&str>, text: &str) -> String {
        self.skip();
        let count = format!("{}/{}", self.done, self.total);
        let label = Some(self.label.as_str()).filter(|label| !label.is_empty());
        let parts: Vec<&str> = platform.into_iter().chain(label).chain([count.as_str()]).collect();
        format!("[{}] {text}", parts.join(" "))
    }
}

impl<'a> Build<'a> {
    pub(super) fn new(
        scope: &'a Scope<'_>,
        images: &'a BaseImages,
        headers: &'a [Header<'a>],
        reach: &'a Reach,
        graph: &'a mut Graph,
    ) -> Self {
        let stages = headers.iter().map(|_| None).collect();
        let options = scope.options;
        let warnings = Vec::new();
        Self { scope, options, headers, images, reach, graph, warnings, stages }
    }

    /// Lowers every stage that is needed. Faults of one stage do not hide those of another.
    pub(super) fn stages(&mut self, faults: &mut Vec<Diagnostic>) {
        for number in 0..self.headers.len() {
            if self.reach.stages.get(number) != Some(&true) {
                continue;
            }
            let stage = self.stage(number, faults);
            if let Some(slot) = self.stages.get_mut(number) {
                *slot = stage;
            }
        }
    }

    /// The image of a stage, once all are lowered; nothing if there is no such stage.
    pub(super) fn image_of(self, target: usize) -> Option<ImagePlan> {
        let stage = self.stages.into_iter().nth(target).flatten()?;
        let mut config = stage.image;
        config.config.labels.extend(self.options.labels.clone());
        let asked = (!self.options.platforms.is_empty()).then_some(&self.scope.platform);
        platform::settle(&mut config, asked);
        Some(ImagePlan {
            target: stage.rootfs,
            platform: asked.cloned().unwrap_or_else(|| config.platform()),
            config,
            base_layers: stage.base_layers,
            steps: stage.steps,
            epoch: self.scope.epoch.seconds(),
            stages: Vec::new(),
            number: target,
        })
    }

    /// A lowered stage; stages only refer to earlier ones.
    pub(super) fn earlier(&self, number: usize) -> Option<&Stage> {
        self.stages.get(number)?.as_ref()
    }

    pub(super) fn image(&self, name: &ImageName) -> Option<&BaseImage> {
        self.images.get(name)
    }

    fn stage(&mut self, number: usize, faults: &mut Vec<Diagnostic>) -> Option<Stage> {
        let (headers, reach) = (self.headers, self.reach);
        let header = headers.get(number)?;
        let triggers = reach.triggers.get(number).map(Vec::as_slice).unwrap_or_default();
        let mut stage = self.begin(number, header, triggers);
        for trigger in triggers {
            let from = Written { instruction: &trigger.instruction, trigger: Some(trigger) };
            if let Err(found) = self.instruction(&mut stage, from) {
                faults.extend(found.into_iter().map(|fault| trigger.relocate(fault)));
                forget(&mut stage.environment, &trigger.instruction.kind);
            }
        }
        for instruction in header.instructions {
            let from = Written { instruction, trigger: None };
            if let Err(found) = self.instruction(&mut stage, from) {
                faults.extend(found);
                forget(&mut stage.environment, &instruction.kind);
            }
        }
        Some(stage)
    }

    fn begin(&mut self, number: usize, header: &Header<'_>, triggers: &[Trigger]) -> Stage {
        let base = match &header.base {
            Origin::Scratch => Some(self.on_scratch()),
            Origin::Context(name) => Some(self.on_files(name, &header.platform)),
            Origin::Stage(base) => self.earlier(*base).cloned(),
            Origin::Image(name) => {
                let image = self.image(name).cloned();
                image.map(|image| {
                    let stage = self.on_image(&image, &header.platform);
                    let name = name.place.to_string();
                    self.graph.name_image(stage.rootfs, NamedImage { name, digest: image.digest });
                    stage
                })
            }
            Origin::Unknown => None,
        };
        let mut stage = base.unwrap_or_else(|| self.on_unknown());
        if self.scope.arguments.may_set_some() {
            stage.environment.make_partial();
        }
        stage.number = number;
        stage.has_cmd = false;
        stage.image.config.on_build.clear();
        let is_image = matches!(header.base, Origin::Image(_));
        stage.counter = counter(number, header, self.headers.len(), triggers, is_image);
        if is_image {
            stage.counter.skip();
        }
        stage
    }

    /// On a base of which nothing is known: to find the faults of the instructions.
    fn on_unknown(&mut self) -> Stage {
        let mut stage = self.on_config(ImageConfig::new(&self.scope.platform), Vec::new());
        stage.environment.make_partial();
        stage.is_unknown = true;
        stage
    }

    /// As BuildKit has it, a `--platform` in front of `scratch` says nothing.
    fn on_scratch(&mut self) -> Stage {
        self.on_nothing(&self.scope.platform)
    }

    fn on_nothing(&mut self, platform: &Platform) -> Stage {
        let mut image = ImageConfig::new(platform);
        image.config.working_dir = "/".into();
        self.on_config(image, Vec::new())
    }

    /// A stage on the files of a named context.
    fn on_files(&mut self, name: &str, platform: &Platform) -> Stage {
        let mut stage = self.on_nothing(platform);
        let context = self.tree(&Origin::Context(name.to_owned())).vertex;
        self.graph.want(context, "/");
        let op = Op::Copy(CopyOp {
            sources: vec![CopySource::Path { tree: 0, path: "/".into(), unpack: false }],
            destination: "/".into(),
            exclude: Vec::new(),
            owner: None,
            mode: None,
            keep_owner: false,
        });
        stage.rootfs = self.graph.add(Vertex {
            op,
            inputs: vec![stage.rootfs, context],
            name: Some(format!("[context {name}] load")),
            span: None,
            words: Vec::new(),
            cache: true,
        });
        let created_by = format!("COPY / / # context {name}");
        stage.steps.push(Step { created_by, vertex: Some(stage.rootfs) });
        stage
    }

    fn on_image(&mut self, image: &BaseImage, asked: &Platform) -> Stage {
        let mut stage = self.on_config(image.config.clone(), image.manifest.layers.clone());
        stage.platform = platform::of_image(&image.config, asked);
        stage
    }

    fn on_config(&mut self, mut image: ImageConfig, base_layers: Vec<Descriptor>) -> Stage {
        let config: &mut Config = &mut image.config;
        if !config.env.iter().any(|text| text.starts_with("PATH=")) {
            config.env.push(format!("PATH={DEFAULT_PATH}"));
        }
        if !config.working_dir.is_empty() && !config.working_dir.starts_with('/') {
            config.working_dir = directory::clean("/", &config.working_dir);
        }
        let layers = image.rootfs.diff_ids.clone();
        let rootfs = self.internal(Op::Image(ImageOp { layers }));
        Stage { base_layers, ..Stage::on(image, rootfs) }
    }

    /// Adds a vertex that is not shown.
    pub(super) fn internal(&mut self, op: Op) -> VertexId {
        let (inputs, words) = (Vec::new(), Vec::new());
        self.graph.add(Vertex { op, inputs, name: None, span: None, words, cache: true })
    }

    /// Adds a shown vertex on top of the stage's root file system and makes it the new one.
    pub(super) fn push(&mut self, stage: &mut Stage, from: Written<'_>, shown: Shown) {
        let history = shown.history.clone();
        stage.rootfs = self.shown(stage, stage.rootfs, from, shown);
        stage.steps.push(Step { created_by: history, vertex: Some(stage.rootfs) });
    }

    /// The same, but the layer is made on the empty file system and then laid over the stage's, so
    /// that it does not depend on that.
    pub(super) fn push_apart(&mut self, stage: &mut Stage, from: Written<'_>, shown: Shown) {
        let history = shown.history.clone();
        let scratch = self.internal(Op::Image(ImageOp { layers: Vec::new() }));
        let layer = self.shown(stage, scratch, from, shown);
        stage.rootfs = self.graph.add(Vertex {
            op: Op::Merge,
            inputs: vec![stage.rootfs, layer],
            name: None,
            span: None,
            words: Vec::new(),
            cache: true,
        });
        stage.steps.push(Step { created_by: history, vertex: Some(stage.rootfs) });
    }

    fn shown(
        &mut self,
        stage: &mut Stage,
        rootfs: VertexId,
        from: Written<'_>,
        shown: Shown,
    ) -> VertexId {
        let onbuild = if from.trigger.is_some() { "ONBUILD " } else { "" };
        let platform = self.options.has_several();
        let platform = platform.then(|| platform::shown(&stage.platform, &stage.environment));
        let text = format!("{onbuild}{}", from.summary());
        let name = stage.counter.next(platform.as_deref(), &text);
        self.graph.add(Vertex {
            op: shown.op,
            inputs: std::iter::once(rootfs).chain(shown.sources).collect(),
            name: Some(name),
            span: Some(from.place(from.instruction.span)),
            words: shown.words.into_iter().map(|span| from.place(span)).collect(),
            cache: self.takes_earlier(stage.number),
        })
    }

    /// Whether earlier results may be taken for a stage's steps.
    fn takes_earlier(&self, stage: usize) -> bool {
        let name = self.headers.get(stage).and_then(|header| header.name.as_deref());
        let is_named = |wanted: &String| name.is_some_and(|name| wanted.eq_ignore_ascii_case(name));
        !self.options.no_cache && !self.options.no_cache_stages.iter().any(is_named)
    }

    /// A name for `owner` has to be looked up in the stage's files, of which there have to be some.
    pub(super) fn check_owner(
        &self,
        stage: &Stage,
        owner: &str,
        span: Span,
    ) -> Result<(), Diagnostic> {
        let vertex = self.graph.vertex(stage.rootfs);
        let is_empty = vertex.is_some_and(|vertex| match &vertex.op {
            Op::Image(image) => image.layers.is_empty() && !stage.is_unknown,
            _ => false,
        });
        match name(owner) {
            Some(name) if is_empty => {
                let message = format!("there is no {name}: the image has no files yet");
                let help = "write ids, such as 1000:1000";
                Err(fault("unknown-owner", span, message).with_help(help))
            }
            _ => Ok(()),
        }
    }

    fn instruction(&mut self, stage: &mut Stage, from: Written<'_>) -> Result<(), Faults> {
        let escape = self.scope.escape;
        match &from.instruction.kind {
            InstructionKind::Run(form) => command::run(self, stage, from, form)?,
            InstructionKind::Copy(transfer) => transfer::copy(self, stage, from, transfer)?,
            InstructionKind::Add(transfer) => transfer::add(self, stage, from, transfer)?,
            InstructionKind::Workdir(path) => directory::workdir(self, stage, from, path)?,
            InstructionKind::Arg(declarations) => argument::arg(self, stage, declarations)?,
            InstructionKind::Env(pairs) => metadata::env(stage, pairs, escape)?,
            InstructionKind::Label(pairs) => metadata::label(stage, pairs, escape)?,
            InstructionKind::User(user) => metadata::user(stage, from, user, escape)?,
            InstructionKind::Volume(volume) => metadata::volume(stage, &volume.paths, escape)?,
            InstructionKind::Stopsignal(name) => metadata::stop_signal(stage, name, escape)?,
            InstructionKind::Expose(ports) => expose::expose(stage, ports, escape)?,
            InstructionKind::Maintainer(author) => metadata::maintainer(stage, author),
            InstructionKind::Onbuild(onbuild) => metadata::onbuild(stage, onbuild),
            InstructionKind::Healthcheck(check) => metadata::healthcheck(stage, check),
            InstructionKind::Cmd(form) => command::cmd(stage, form),
            InstructionKind::Entrypoint(form) => command::entrypoint(stage, form),
            InstructionKind::Shell(shell) => command::shell(stage, from, shell),
            // Parsing ends a stage at the next FROM.
            InstructionKind::From(_) => {}
        }
        Ok(())
    }
}

/// What nobody knows behind an ENV that is faulty: the values of its variables; of any variable if a
/// name is not what is written. An ARG forgets its own.
fn forget(environment: &mut Environment, kind: &InstructionKind) {
    let InstructionKind::Env(pairs) = kind else { return };
    for pair in pairs {
        match pair.key.text.contains(['$', '\\', '`', '"', '\'']) {
            true => environment.make_partial(),
            false => environment.set_unknown(pair.key.as_str()),
        }
    }
}

/// An instruction and how it came into the stage.
#[derive(Clone, Copy)]
pub(super) struct Written<'a> {
    pub(super) instruction: &'a Instruction,
    pub(super) trigger: Option<&'a Trigger>,
}

impl Written<'_> {
    /// Where something at `span` of the instruction stands in this Dockerfile.
    pub(super) fn place(&self, span: Span) -> Span {
        self.trigger.and_then(|trigger| trigger.place).unwrap_or(span)
    }

    /// The instruction on one line, cut to what a progress line can show.
    fn summary(&self) -> String {
        const LIMIT: usize = 400;
        let original = self.instruction.original().trim();
        let keyword = self.instruction.keyword().value.len();
        let (keyword, rest) = original.split_at_checked(keyword).unwrap_or(("", original));
        let words: Vec<&str> = rest.split_whitespace().collect();
        let rest = words.join(" ");
        let mut text = format!("{} {}", keyword.to_uppercase(), redacted(&rest));
        if let Some((end, _)) = text.char_indices().nth(LIMIT) {
            text.truncate(end);
            text.push('…');
        }
        text
    }
}

/// What [`Build::push`] adds.
pub(super) struct Shown {
    pub(super) op: Op,
    /// Inputs behind the root file system.
    pub(super) sources: Vec<VertexId>,
    /// Where the sources stand in the Dockerfile.
    pub(super) words: Vec<lapstrake_parser::Span>,
    /// The history's text.
    pub(super) history: String,
}

impl Stage {
    /// The beginning of a stage whose image says this so far.
    pub(super) fn on(image: ImageConfig, rootfs: VertexId) -> Self {
        Self {
            number: 0,
            rootfs,
            is_unknown: false,
            platform: image.platform(),
            environment: Environment::from_texts(&image.config.env),
            image,
            base_layers: Vec::new(),
            arguments: Vec::new(),
            steps: Vec::new(),
            has_cmd: false,
            user_place: None,
            shell_place: None,
            counter: Counter::default(),
        }
    }

    /// Adds a history entry without a layer.
    pub(super) fn note(&mut self, created_by: String) {
        self.steps.push(Step { created_by, vertex: None });
    }

    pub(super) fn config(&mut self) -> &mut Config {
        &mut self.image.config
    }

    /// Where commands run, as the image says it.
    pub(super) fn written_directory(&self) -> &str {
        match self.image.config.working_dir.as_str() {
            "" => "/",
            path => path,
        }
    }

    /// Where relative paths begin: absolute and clean, whatever the image says.
    pub(super) fn working_directory(&self) -> String {
        directory::clean("/", &self.image.config.working_dir)
    }
}

fn counter(
    number: usize,
    header: &Header<'_>,
    stages: usize,
    triggers: &[Trigger],
    is_image: bool,
) -> Counter {
    let label = match &header.name {
        Some(name) => name.clone(),
        None if stages == 1 => String::new(),
        None => format!("stage-{number}"),
    };
    let counts = |instruction: &&Instruction| {
        matches!(
            instruction.kind,
            InstructionKind::Run(_)
                | InstructionKind::Copy(_)
                | InstructionKind::Add(_)
                | InstructionKind::Workdir(_)
        )
    };
    let triggers = triggers.iter().map(|trigger| &trigger.instruction);
    let steps = triggers.chain(header.instructions).filter(counts).count();
    Counter { label, done: 0, total: steps + usize::from(is_image) }
}
