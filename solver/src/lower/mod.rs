//! From instructions to a graph and an image config.
//!
//! Pure: the same Dockerfile, options and base images give the same plan. A base image whose
//! config is not known yet is asked for in [`Lowered::Needs`]; then lowering is called again.
//!
//! Reading order: [`scope`] (global ARGs), [`origin`] (what names stand for), [`header`] (what each
//! FROM starts from), [`reach`] (which stages the target needs), [`stage`] (instruction by instruction), then one module for
//! each kind of instruction.

mod argument;
mod command;
mod directory;
mod environment;
mod expose;
mod fault;
mod flag;
mod format;
mod header;
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
use lapstrake_parser::{Diagnostic, Dockerfile, Span};

use crate::export::Step;
use crate::graph::{Graph, Limit, Network, VertexId};
use crate::image::{BaseImages, ImageName};

use origin::Origin;

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
    /// What the image is built for.
    pub platform: Platform,
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
    /// Stages that the target does not need are planned as well.
    pub every_stage: bool,
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
    /// For an image for `platform`, built on that platform, with nothing else asked for.
    pub fn new(platform: Platform) -> Self {
        Self {
            arguments: BTreeMap::new(),
            labels: BTreeMap::new(),
            target: None,
            contexts: NamedContexts::default(),
            build_platform: platform.clone(),
            platform,
            network: Network::Default,
            hosts: Vec::new(),
            run: RunOptions::default(),
            no_cache: false,
            every_stage: false,
        }
    }
}

/// What lowering came to.
#[derive(Debug)]
pub enum Lowered {
    /// These images have to be resolved first.
    Needs(Vec<Need>),
    /// The whole plan.
    Plan(Box<Plan>),
}

/// An image that the target needs.
#[derive(Clone, Debug)]
pub struct Need {
    /// Which.
    pub name: ImageName,
    /// Where the Dockerfile names it.
    pub span: Option<Span>,
}

/// Everything that is to be done, and what the image will say of itself.
#[derive(Debug)]
pub struct Plan {
    /// The work.
    pub graph: Graph,
    /// The vertex whose root file system becomes the image.
    pub target: VertexId,
    /// The image config with the base's history and diff ids; those of the steps are to come.
    pub config: ImageConfig,
    /// Descriptors of the base's layers.
    pub base_layers: Vec<Descriptor>,
    /// What the target's stages add to the history, in order.
    pub steps: Vec<Step>,
    /// What the user should know.
    pub warnings: Vec<String>,
    /// The stages of the Dockerfile, in its order.
    pub stages: Vec<StageFacts>,
}

/// What is known of a stage once its base is: plain data, for who looks at the Dockerfile.
#[derive(Clone, Debug)]
pub struct StageFacts {
    /// Whether its instructions are carried out.
    pub is_needed: bool,
    /// The config that it begins with, if that is not another stage's.
    pub base: Option<ImageConfig>,
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

fn lowered(
    dockerfile: &Dockerfile,
    options: &Options,
    images: &BaseImages,
    is_whole: bool,
) -> Result<Lowered, Vec<Diagnostic>> {
    let mut faults = Vec::new();
    let scope = scope::Scope::new(dockerfile, options, is_whole, &mut faults);
    let headers = header::headers(dockerfile, &scope, options, &mut faults);
    match header::target(&headers, options) {
        Err(fault) => faults.push(fault),
        Ok(target) => {
            let reach = reach::reach(&headers, target, options, images, &mut faults);
            let mut build = stage::Build::new(&scope, options, images, &headers, &reach);
            build.stages(&mut faults);
            let plan = build.plan(target).filter(|_| faults.iter().all(word::is_unknown));
            if let Some(mut plan) = plan {
                plan.stages = facts(&headers, &reach, options, images);
                return Ok(match reach.needs.is_empty() {
                    true => Lowered::Plan(Box::new(plan)),
                    false => Lowered::Needs(reach.needs),
                });
            }
        }
    }
    faults.retain(|fault| !word::is_unknown(fault));
    faults.sort_by_key(|fault| fault.span);
    Err(faults)
}

fn facts(
    headers: &[header::Header<'_>],
    reach: &reach::Reach,
    options: &Options,
    images: &BaseImages,
) -> Vec<StageFacts> {
    let facts = headers.iter().zip(&reach.stages).map(|(header, is_reached)| StageFacts {
        is_needed: *is_reached && !header.is_replaced,
        base: match &header.base {
            Origin::Image(name) => images.get(name).map(|image| image.config.clone()),
            Origin::Scratch | Origin::Context(_) => Some(ImageConfig::new(&options.platform)),
            Origin::Stage(_) | Origin::Unknown => None,
        },
    });
    facts.collect()
}
