//! From instructions to a graph and an image config.
//!
//! Pure: the same Dockerfile, options and base images give the same plan. A base image whose
//! config is not known yet is asked for in [`Lowered::Needs`]; then lowering is called again.
//!
//! Reading order: [`scope`] (global ARGs), [`origin`] (what names stand for), [`header`] (what each
//! FROM starts from), [`reach`] (which stages the target needs), [`stage`] (instruction by instruction), then one module for
//! each kind of instruction.

mod argument;
mod change;
mod circle;
mod command;
mod directory;
mod environment;
mod epoch;
mod expose;
mod fault;
mod flag;
mod format;
mod header;
mod heredoc;
mod metadata;
mod mount;
mod named;
mod origin;
mod platform;
mod privilege;
mod reach;
mod remote;
mod scope;
mod stage;
mod transfer;
mod word;

use std::collections::BTreeMap;

use lapstrake_oci::{Descriptor, ImageConfig, Platform};
use lapstrake_parser::{Diagnostic, Dockerfile, Span, Stage, suggest};

use crate::export::Step;
use crate::graph::{Graph, Limit, Network, VertexId};
use crate::image::{BaseImages, ImageName};

use epoch::Epoch;
use origin::Origin;

pub use change::{CHANGES, Changed};
pub use epoch::{SECONDS, TimeSource};
pub use named::{NamedContext, NamedContexts, RESERVED};

/// What the command line adds to a Dockerfile.
#[derive(Clone, Debug)]
pub struct Options {
    /// `--build-arg`.
    pub arguments: BTreeMap<String, String>,
    /// `--label`: laid over the labels of the Dockerfile.
    pub labels: BTreeMap<String, String>,
    /// `--target`: a stage's name or number; the last stage when not given.
    pub target: Option<String>,
    /// `--build-context`.
    pub contexts: NamedContexts,
    /// The times that fetched contexts have of their own, in seconds since 1970: by name, and the
    /// build context by the empty one.
    pub context_times: BTreeMap<String, i64>,
    /// Whether the files of the build context have owners that copies keep: those of an archive do.
    pub context_has_owners: bool,
    /// `--platform`: what the image is built for, each once. None for this machine, and then the
    /// image is for what its base is for.
    pub platforms: Vec<Platform>,
    /// Whether the result is an index even for one platform.
    pub as_index: bool,
    /// What this machine is.
    pub build_platform: Platform,
    /// `--network`: what RUN sees unless it says otherwise.
    pub network: Network,
    /// `--add-host`: name and address.
    pub hosts: Vec<(String, String)>,
    /// What RUN may do, and with how much.
    pub run: RunOptions,
    /// `--no-cache`: no earlier result is taken.
    pub no_cache: bool,
    /// `--no-cache-filter`: stages of which no earlier result is taken. Names that no stage has do
    /// nothing, as with BuildKit, but for a warning.
    pub no_cache_stages: Vec<String>,
    /// Stages that the target does not need are planned as well.
    pub every_stage: bool,
    /// The times of sources that SOURCE_DATE_EPOCH names, once they were asked for: seconds since
    /// 1970, `None` for a source that has none.
    pub source_times: Vec<(TimeSource, Option<i64>)>,
}

/// What the command line says about RUN.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// `--allow`.
    pub allowed: Vec<Entitlement>,
    /// `--ulimit`.
    pub limits: Vec<Limit>,
    /// `--shm-size` in bytes.
    pub shm_size: Option<u64>,
    /// Whether this machine describes devices for CDI.
    pub has_devices: bool,
}

/// What a Dockerfile may only do when the command line allows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entitlement {
    /// `RUN --network=host`.
    NetworkHost,
    /// `RUN --security=insecure`.
    SecurityInsecure,
}

impl Entitlement {
    /// Its name in `--allow`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NetworkHost => "network.host",
            Self::SecurityInsecure => "security.insecure",
        }
    }
}

impl Options {
    /// For an image built on and for this platform, with nothing else asked for.
    pub fn new(build_platform: Platform) -> Self {
        Self {
            arguments: BTreeMap::new(),
            labels: BTreeMap::new(),
            target: None,
            contexts: NamedContexts::default(),
            context_times: BTreeMap::new(),
            context_has_owners: false,
            platforms: Vec::new(),
            as_index: false,
            build_platform,
            network: Network::Default,
            hosts: Vec::new(),
            run: RunOptions::default(),
            no_cache: false,
            no_cache_stages: Vec::new(),
            every_stage: false,
            source_times: Vec::new(),
        }
    }

    /// What images are built for; at least one.
    pub fn targets(&self) -> &[Platform] {
        match &self.platforms[..] {
            [] => std::slice::from_ref(&self.build_platform),
            asked => asked,
        }
    }

    /// Whether the result is an index of images.
    pub fn has_several(&self) -> bool {
        self.as_index || self.platforms.len() > 1
    }
}

/// What lowering came to.
#[derive(Debug)]
pub enum Lowered {
    /// These images have to be resolved first.
    Needs(Vec<Need>),
    /// The time of this source has to be known first: [`Options::source_times`].
    Time(Box<TimeSource>),
    /// The whole plan.
    Plan(Box<Plan>),
}

/// An image that the target needs.
#[derive(Clone, Debug)]
pub struct Need {
    /// Which.
    pub name: ImageName,
    /// Where the Dockerfile names it.
    pub span: Span,
    /// The stage that may be meant, if there is no such image.
    pub near: Option<Near>,
}

/// A stage that may be meant where an image is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Near {
    /// Its name.
    pub name: String,
    /// Where it gets the name.
    pub span: Span,
}

/// Everything that is to be done, and what the images will say of themselves.
#[derive(Debug)]
pub struct Plan {
    /// The work.
    pub graph: Graph,
    /// One for each platform, in the order in which they were asked for.
    pub images: Vec<ImagePlan>,
    /// Whether the result is an index of the images.
    pub is_index: bool,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// One image of a plan.
#[derive(Debug)]
pub struct ImagePlan {
    /// The vertex whose root file system becomes the image.
    pub target: VertexId,
    /// What it is for, as an index says it.
    pub platform: Platform,
    /// The image config with the base's history and diff ids; those of the steps are to come.
    pub config: ImageConfig,
    /// Descriptors of the base's layers.
    pub base_layers: Vec<Descriptor>,
    /// What the target's stages add to the history, in order.
    pub steps: Vec<Step>,
    /// SOURCE_DATE_EPOCH, in seconds since 1970.
    pub epoch: Option<i64>,
    /// The stages of the Dockerfile, in its order.
    pub stages: Vec<StageFacts>,
    /// Which of them the target is.
    pub number: usize,
}

/// What is known of a stage once its base is: plain data, for who looks at the Dockerfile.
#[derive(Clone, Debug)]
pub struct StageFacts {
    /// Whether its instructions are carried out.
    pub is_needed: bool,
    /// The config that it begins with, if that is not another stage's.
    pub base: Option<ImageConfig>,
}

impl Plan {
    /// The vertices that become images.
    pub fn targets(&self) -> Vec<VertexId> {
        self.images.iter().map(|image| image.target).collect()
    }
}

/// Lowers a Dockerfile that parsed without faults.
///
/// # Errors
/// All independent faults, in file order.
pub fn lower(
    dockerfile: &Dockerfile,
    options: &Options,
    images: &BaseImages,
) -> Result<Lowered, Vec<Diagnostic>> {
    lowered(dockerfile, options, images, true)
}

/// Faults that show without any image, beside those that parsing found, in file order.
///
/// `is_whole` says that parsing left no instruction out. What may come from an image, or from an
/// instruction that is missing or faulty, is taken for granted: no fault follows from another one.
pub fn check(dockerfile: &Dockerfile, options: &Options, is_whole: bool) -> Vec<Diagnostic> {
    lowered(dockerfile, options, &BaseImages::new(), is_whole).err().unwrap_or_default()
}

/// Lowers for one platform after the other, all into one graph: what is the same for two of them is
/// one vertex.
fn lowered(
    dockerfile: &Dockerfile,
    options: &Options,
    images: &BaseImages,
    is_whole: bool,
) -> Result<Lowered, Vec<Diagnostic>> {
    let (mut graph, mut plans) = (Graph::default(), Vec::new());
    let mut needs: Vec<Need> = Vec::new();
    let (mut time, mut warnings) = (None, unknown_stages(dockerfile, options));
    for platform in options.targets() {
        let mut faults = Vec::new();
        let scope = scope::Scope::new(dockerfile, options, platform, is_whole, &mut faults);
        let lowering = for_platform(dockerfile, &scope, images, &mut graph, &mut faults);
        let Some(lowered) = lowering.filter(|_| faults.iter().all(word::is_unknown)) else {
            faults.retain(|fault| !word::is_unknown(fault));
            faults.sort_by_key(|fault| fault.span);
            return Err(faults);
        };
        plans.push(lowered.image);
        for warning in lowered.warnings {
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
        if let Epoch::Of(source) = scope.epoch {
            time = Some(source);
        }
        for need in lowered.needs {
            if needs.iter().all(|known| known.name != need.name) {
                needs.push(need);
            }
        }
    }
    if let Some(source) = time {
        return Ok(Lowered::Time(source));
    }
    Ok(match needs.is_empty() {
        true => Lowered::Plan(Box::new(Plan {
            graph,
            images: plans,
            is_index: options.has_several(),
            warnings,
        })),
        false => Lowered::Needs(needs),
    })
}

/// What is to be said of `--no-cache-filter` where no stage has the name.
fn unknown_stages(dockerfile: &Dockerfile, options: &Options) -> Vec<String> {
    let names: Vec<String> = dockerfile.stages().iter().filter_map(Stage::name).collect();
    let is_known = |wanted: &String| names.iter().any(|name| name.eq_ignore_ascii_case(wanted));
    let unknown = options.no_cache_stages.iter().filter(|wanted| !is_known(wanted));
    let warning = |wanted: &String| {
        let near = suggest(wanted, names.iter().map(String::as_str));
        let near = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
        format!("--no-cache-filter {wanted} does nothing: no stage has this name{near}")
    };
    unknown.map(warning).collect()
}

/// What there is for one platform.
struct ForPlatform {
    /// As far as it can be known.
    image: ImagePlan,
    /// The images that are needed for more.
    needs: Vec<Need>,
    warnings: Vec<String>,
}

fn for_platform(
    dockerfile: &Dockerfile,
    scope: &scope::Scope<'_>,
    images: &BaseImages,
    graph: &mut Graph,
    faults: &mut Vec<Diagnostic>,
) -> Option<ForPlatform> {
    let headers = header::headers(dockerfile, scope, faults);
    let target =
        header::target(&headers, scope.options).map_err(|fault| faults.push(fault)).ok()?;
    let reach = reach::reach(&headers, target, scope, images, faults);
    faults.append(&mut circle::faults(&headers, &reach, scope));
    let mut build = stage::Build::new(scope, images, &headers, &reach, graph);
    build.stages(faults);
    let warnings = std::mem::take(&mut build.warnings);
    let plan = build.image_of(target)?;
    let stages = facts(&headers, &reach, images);
    Some(ForPlatform { image: ImagePlan { stages, ..plan }, needs: reach.needs, warnings })
}

fn facts(
    headers: &[header::Header<'_>],
    reach: &reach::Reach,
    images: &BaseImages,
) -> Vec<StageFacts> {
    let facts = headers.iter().zip(&reach.stages).map(|(header, is_reached)| StageFacts {
        is_needed: *is_reached && !header.is_replaced,
        base: match &header.base {
            Origin::Image(name) => images.get(name).map(|image| image.config.clone()),
            Origin::Scratch | Origin::Context(_) => Some(ImageConfig::new(&header.platform)),
            Origin::Stage(_) | Origin::Unknown => None,
        },
    });
    facts.collect()
}
