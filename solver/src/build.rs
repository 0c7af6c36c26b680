//! A build from beginning to end.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lapstrake_cache::Store;
use lapstrake_executor::{Cancel, ControlGroup, Executor};
use lapstrake_oci::{Annotations, Digest, Reference};
use lapstrake_parser::{Diagnostic, Dockerfile};
use lapstrake_source::{Fetcher, Secrets};
use lapstrake_transfer::{Imports, Step};

use crate::bases::Bases;
use crate::delivery::{self, Completed, Delivery};
use crate::digest::Digests;
use crate::error::Error;
use crate::event::{Event, Planned, Sink};
use crate::graph::{Graph, VertexId};
use crate::image::ImageSource;
use crate::journal::Journal;
use crate::lower::{self, ImagePlan, Lowered, Options, Plan};
use crate::op::{Agents, Contexts, DefaultNetwork, Layers, Value, Workshop, beside, source_time};
use crate::schedule::Results;
use crate::{arrival, export, schedule, shared};

/// How many steps run at the same time, at most. Steps mostly wait, so it is not the number of
/// processors.
const WORKERS: usize = 32;

/// What is to be built.
pub struct Request<'a> {
    /// The parsed Dockerfile, without faults.
    pub dockerfile: &'a Dockerfile,
    /// Tells it from other builds on the same store: earlier steps of the same project are what
    /// its steps are compared with. In no key.
    pub project: String,
    /// What the command line adds to it.
    pub options: Options,
    /// Folders that COPY reads.
    pub contexts: Contexts,
    /// Secrets that commands may read.
    pub secrets: Secrets,
    /// ssh agents that commands may use.
    pub agents: Agents,
    /// What commands are kept to, in no key: with other limits the result is the same.
    pub bounds: Bounds,
    /// Names of the result.
    pub tags: Vec<Reference>,
    /// What the image says of time.
    pub times: Times,
    /// What is noted on its manifests and its index.
    pub annotations: Annotations,
    /// Whether the configs of the images tell what the steps came to, for other stores.
    pub inline_cache: bool,
    /// The host's resolv.conf.
    pub resolv_conf: Vec<u8>,
    /// That of systemd-resolved with the real servers, where there is one.
    pub resolved_conf: Option<Vec<u8>>,
}

/// What each command of a build is kept to.
#[derive(Clone, Debug, Default)]
pub struct Bounds {
    /// Limits on all its processes together.
    pub group: Option<ControlGroup>,
    /// How long it may take.
    pub timeout: Option<Duration>,
    /// How many bytes it may write to standard output and error together.
    pub max_output: Option<u64>,
    /// Whether it may leave secrets that it was given in its layer; then the layer is in no cache.
    pub secrets_in_layers: bool,
}

/// What an output says of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// Nothing new in the image is later: seconds since 1970, or else SOURCE_DATE_EPOCH.
    pub epoch: Option<i64>,
    /// Whether that goes for the files of new layers too.
    pub rewrite: bool,
}

/// What a build works with.
pub struct Tools<'a> {
    /// Where everything is kept.
    pub store: &'a Store,
    /// What runs commands.
    pub executor: &'a dyn Executor,
    /// The network of commands that do not say which.
    pub network: DefaultNetwork<'a>,
    /// Where base images come from.
    pub images: &'a dyn ImageSource,
    /// Where remote sources come from.
    pub fetcher: &'a Fetcher<'a>,
    /// What other caches know.
    pub imports: &'a Imports<'a>,
    /// Stops the build.
    pub cancel: &'a Cancel,
    /// Who is told.
    pub events: Sink<'a>,
    /// Who looks at the plan before anything is executed.
    pub review: Review<'a>,
    /// Where the images go, when nothing but their names is wanted of them here.
    pub delivery: Option<&'a Delivery<'a>>,
}

/// Looks at a plan. Faults of the Dockerfile that it returns end the build.
pub type Review<'a> = &'a (dyn Fn(&Plan) -> Vec<Diagnostic> + Sync);

/// The result of a build.
#[derive(Clone, Debug)]
pub struct Built {
    /// Digest of the image config: the image's id. That of the index where there is one.
    pub id: Digest,
    /// Digest of its manifest, or of the index of the images for all platforms.
    pub document: Digest,
    /// SOURCE_DATE_EPOCH that it was built with, in seconds since 1970.
    pub epoch: Option<i64>,
    /// What its steps came to, but for those that hold secrets.
    pub steps: Vec<Step>,
    /// All that could have been done.
    pub graph: Graph,
    /// Of that, what became the images.
    pub targets: Vec<VertexId>,
}

/// Builds an image: lowers, executes what the cache does not know, writes config, manifest and
/// tags. The image is there with all its names, or the store is as before but for cached steps.
///
/// # Errors
/// See [`Error`]; the first one ends the build.
pub fn build(request: Request<'_>, tools: &Tools<'_>) -> Result<Built, Error> {
    let _lease = tools.store.lease().map_err(Error::Store)?;
    let (plan, bases) = plan(&request, tools)?;
    let faults = (tools.review)(&plan);
    if !faults.is_empty() {
        return Err(Error::Faults(faults));
    }
    announce(&plan, tools.events);
    let workshop = Workshop {
        graph: &plan.graph,
        project: &request.project,
        store: tools.store,
        executor: tools.executor,
        cancel: tools.cancel,
        events: tools.events,
        contexts: &request.contexts,
        fetcher: tools.fetcher,
        secrets: &request.secrets,
        agents: &request.agents,
        bounds: &request.bounds,
        imports: tools.imports,
        looked_into: OnceLock::new(),
        failed: OnceLock::new(),
        journal: Journal::default(),
        layers: Layers::new(tools.store, tools.imports, &bases),
        network: tools.network,
        resolv_conf: &request.resolv_conf,
        resolved_conf: request.resolved_conf.as_deref(),
        digests: Digests::of(digested(&plan, request.times)),
        epoch: plan.images.iter().find_map(|image| image.epoch),
    };
    let complete = || complete(&plan, &workshop, tools.delivery, request.times);
    let completed = arrival::told(tools.imports, tools.events, complete);
    // Also of a build that fails, whose own reason counts.
    let ids = || workshop.journal.ids(&plan.graph, &request.project);
    let noted = tools.store.note_uses(&ids).map_err(Error::Store);
    let completed = completed?;
    noted?;
    let steps = workshop.journal.steps(&plan);
    let export = || export::export(&plan, &completed, &workshop, &request);
    let built = match tools.imports.keep(&steps).map_err(Error::Store)? {
        false => export()?,
        // Layers came from there, and what is told of them comes while they get to disk.
        true => {
            let known = workshop.journal.known(&plan.graph, &request.project);
            let (adopted, built) =
                beside(|| shared::adopt(&known, tools.store, tools.imports), export);
            adopted.map_err(Error::Store)?;
            built?
        }
    };
    drop(workshop);
    Ok(Built { steps, targets: plan.targets(), graph: plan.graph, ..built })
}

/// Runs the graph until all layers of the images are here, or where they go. A layer that another cache
/// was to have and has not is forgotten, and the graph run again: what was executed is found, and the
/// step that the layer was of is executed now.
fn complete(
    plan: &Plan,
    workshop: &Workshop<'_>,
    delivery: Option<&Delivery<'_>>,
    times: Times,
) -> Result<Completed, Error> {
    loop {
        workshop.journal.clear();
        let completed = execute(plan, workshop).and_then(|results| {
            let elsewhere = delivery::settle(plan, &results, workshop, delivery, times)?;
            Ok(Completed { results, elsewhere })
        });
        let losses = workshop.imports.take_losses();
        if losses.is_empty() || workshop.cancel.is_cancelled() {
            return completed;
        }
        for message in losses {
            (workshop.events)(Event::Lost { message });
        }
    }
}

/// The vertices whose layers are worth digesting at once: those that mostly stay as they are.
fn digested(plan: &Plan, times: Times) -> Vec<VertexId> {
    let stay = |image: &&ImagePlan| !times.rewrite || image.epoch.or(times.epoch).is_none();
    let steps = plan.images.iter().filter(stay).flat_map(|image| &image.steps);
    steps.filter_map(|step| step.vertex).collect()
}

/// Plans the build and has the plan looked at, without executing anything. Base images are resolved.
///
/// # Errors
/// As [`build`], as far as it comes.
pub fn survey(request: &Request<'_>, tools: &Tools<'_>) -> Result<(), Error> {
    let _lease = tools.store.lease().map_err(Error::Store)?;
    let (plan, _) = plan(request, tools)?;
    let faults = (tools.review)(&plan);
    if faults.is_empty() { Ok(()) } else { Err(Error::Faults(faults)) }
}

/// Runs the graph. Once something is executed, the target's layers are digested as they come; before that no thread
/// is started: a build whose steps are all cached would wait for threads that have nothing to do.
fn execute(plan: &Plan, workshop: &Workshop<'_>) -> Result<Results<Value>, Error> {
    let begun = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let begin = || {
            if begun.swap(true, Ordering::AcqRel) {
                return;
            }
            scope.spawn(|| {
                workshop.digests.work(workshop.store, &workshop.layers, workshop.cancel);
            });
            if workshop.needs_network() {
                scope.spawn(|| workshop.find_network());
            }
        };
        let results =
            schedule::run(&plan.graph, &plan.targets(), WORKERS, &|id, vertex, inputs| {
                workshop.execute(id, vertex, inputs, &begin)
            });
        workshop.digests.close(results.is_ok());
        results
    })
}

/// Lowers again and again, each time with what the last time asked for.
fn plan<'a>(request: &Request<'_>, tools: &Tools<'a>) -> Result<(Plan, Bases<'a>), Error> {
    let mut bases = Bases::new(tools.images, tools.events);
    let mut options = request.options.clone();
    loop {
        if tools.cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        match lower::lower(request.dockerfile, &options, bases.images()) {
            Ok(Lowered::Plan(plan)) => return Ok((*plan, bases)),
            Ok(Lowered::Needs(needs)) => bases.resolve(needs, options.platforms.len() > 1)?,
            Ok(Lowered::Time(source)) => {
                let time = source_time(&source, tools.store, tools.fetcher)?;
                options.source_times.push((*source, time));
            }
            Err(faults) => return Err(Error::Faults(faults)),
        }
    }
}

fn announce(plan: &Plan, events: Sink<'_>) {
    for warning in &plan.warnings {
        events(Event::Warning { message: warning.clone() });
    }
    let needed = schedule::needed(&plan.graph, &plan.targets());
    let vertices = plan.graph.iter().zip(needed).filter(|(_, needed)| *needed);
    let vertices = vertices.filter_map(|((vertex, known), _)| {
        Some(Planned { vertex, name: known.name.clone()?, span: known.span })
    });
    events(Event::Planned { vertices: vertices.collect() });
}
