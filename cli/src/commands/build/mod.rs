//! `lap build`.

mod agent;
mod call;
mod check;
mod context;
mod deliver;
mod execute;
mod explain;
mod faults;
mod logs;
mod metadata;
mod named;
mod provenance;
mod record;
mod report;
mod room;
mod sbom;
mod shared;
mod shell;
mod statement;
mod step;
mod steps;
mod verify;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use lapstrake_cache::Store;
use lapstrake_executor::{Cancel, Sandboxes};
use lapstrake_oci::{Annotations, Platform, Reference};
use lapstrake_parser::{Diagnostic, Dockerfile, Severity};
use lapstrake_solver::build::{Bounds, Review, Tools};
use lapstrake_solver::event::Sink;
use lapstrake_solver::graph::Network;
use lapstrake_solver::lower::{self, NamedContexts, Options};
use lapstrake_solver::op::{Agents, Contexts};
use lapstrake_solver::{Built, Request, Times};
use lapstrake_source::Secrets;
use lapstrake_transfer::Imports;

use crate::args::{Assignment, Build, BuildNetwork, Method, OnFail, Progress as ProgressFlag};
use crate::commands::limit;
use crate::diagnostics::{Format, Source};
use crate::environment::{exact, variable};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::fetcher::Fetcher;
use crate::network::DefaultNetwork;
use crate::progress::{FAINT, Mode, RESET};
use crate::session::{self, ResolvConf, Session};
use crate::signal::{self, Watch};
use crate::{output, platform};

use agent::Forwarded;
use check::{Beside, Check};
use context::{Asked, Inputs};
use deliver::Outputs;
use execute::execute;
use explain::Explanation;
use named::Named;
use provenance::Evidence;
use room::Room;

pub(super) use context::{common_ignore, ignore, ignore_at, own_ignore, read};
pub(super) use faults::Faults;
pub(super) use logs::run as logs;

/// The build argument that the environment may give as well.
const EPOCH: &str = "SOURCE_DATE_EPOCH";

/// Does what was asked for with a Dockerfile.
pub(crate) fn run(build: &Build, session: &Session) -> Result<Exit, Failure> {
    match build.method() {
        Method::Build if build.verify_reproducible => verify::run(build, session),
        Method::Build => make(build, session),
        Method::Check => call::check(build, session),
        Method::Outline => call::outline(build, session),
        Method::Targets => call::targets(build, session),
    }
}

/// Builds an image.
fn make(build: &Build, session: &Session) -> Result<Exit, Failure> {
    let mode = mode(build)?;
    shell::check(build)?;
    limit::check(&build.together)?;
    let wanted = Wanted::read(build)?;
    let caches = shared::targets(build)?;
    for path in build.iidfile.iter().chain(&build.metadata_file) {
        forget(path)?;
    }
    with_means(build, session, mode, |means| {
        let Done { built, evidence, outputs, is_told } = build_with(build, means, wanted)?;
        outputs.deliver(build, session, (&built, &evidence))?;
        shared::export_to(&caches, means, &built.steps)?;
        if mode == Mode::Quiet && !is_told && !outputs.is_on_stdout() {
            output::stdout(&format!("{}\n", built.id))?;
        }
        Ok(Exit::SUCCESS)
    })
}

/// What is to be built, as the command line says.
struct Wanted<'a> {
    named: Named,
    options: Options,
    outputs: Outputs,
    format: Format,
    /// Where base images are taken from before registries are asked, beside the store itself.
    bases: Option<&'a Store>,
}

impl Wanted<'_> {
    fn read(build: &Build) -> Result<Self, Failure> {
        let named = Named::read(&build.contexts)?;
        let options = options(build, named.contexts.clone())?;
        let outputs = Outputs::read(build, &options)?;
        let format = format(build)?;
        if format == Format::Json && outputs.is_on_stdout() {
            let message = "--format json and -o dest=- both write to standard output";
            return Err(Failure::new(message).help("write the archive into a file, with dest=FILE"));
        }
        Ok(Self { named, options, outputs, format, bases: None })
    }
}

/// A build that is over.
struct Done {
    built: Built,
    evidence: Evidence,
    outputs: Outputs,
    /// Whether the result was told among the faults.
    is_told: bool,
}

/// Builds.
fn build_with(build: &Build, means: &Means<'_>, wanted: Wanted<'_>) -> Result<Done, Failure> {
    let started = SystemTime::now();
    let Wanted { mut named, mut options, outputs, format, bases } = wanted;
    let inputs = means.inputs(build, &mut named, &mut options)?;
    let (source, undecodable) = Source::read(&inputs.name, &inputs.dockerfile);
    let mut faults = Faults::new(&source, format, means.mode);
    let fetcher = Fetcher::new(means.store, build.pull, named.layouts)?.behind(bases)?;
    let fetcher = match outputs.only_pushed(build)? {
        Some((names, form)) => fetcher.bound_for(names, form),
        None => fetcher,
    };
    let beside = Beside::of(&inputs);
    // Where it lies on this machine is nobody's business.
    let name = inputs.name.rsplit('/').next().unwrap_or_default().to_owned();
    let dockerfile = (name, inputs.dockerfile.clone());
    let project = project(&build.context, &inputs.name);
    let outcome = parse(&mut faults, undecodable, &options, &beside).and_then(|dockerfile| {
        let check = Check::new(source.text(), &dockerfile, &options, &beside)?;
        let mut request = request(&dockerfile, inputs, options, outputs.names.clone());
        for (name, files) in named.files {
            request.contexts.insert(name, files);
        }
        request.project = project;
        request.secrets = means.secrets.clone();
        request.agents.clone_from(means.agents);
        request.times = outputs.times;
        request.annotations.clone_from(&outputs.annotations);
        request.inline_cache = shared::is_inline(build);
        request.bounds = Bounds {
            group: limit::group(&build.together, means.store)?,
            timeout: build.timeout.map(|timeout| timeout.0),
            max_output: Some(build.max_log.0).filter(|size| *size > 0),
            secrets_in_layers: build.step.allow_secret_in_layer,
        };
        execute(request, means, &fetcher, &check, &mut faults)
    });
    let is_told = faults.end(outcome.as_ref().ok().map(|built| built.id.to_string()))?;
    let built = outcome?;
    let is_full = build.attestations().0.is_some_and(|told| told.is_full);
    let steps = is_full.then(|| steps::steps(&built.graph, &built.targets, &source));
    let evidence = Evidence { started, dockerfile, used: fetcher.used(), steps };
    Ok(Done { built, evidence, outputs, is_told })
}

/// How faults are shown: as the command line says, else the environment.
fn format(build: &Build) -> Result<Format, Failure> {
    Format::chosen(build.call.format.or(build.format))
}

fn mode(build: &Build) -> Result<Mode, Failure> {
    let terminal = output::stderr_is_terminal();
    match build.progress {
        _ if build.quiet => Ok(Mode::Quiet),
        ProgressFlag::Quiet => Ok(Mode::Quiet),
        ProgressFlag::Plain => Ok(Mode::Plain),
        ProgressFlag::Auto if !terminal => Ok(Mode::Plain),
        ProgressFlag::Tty if !terminal => {
            Err(Failure::new("--progress tty needs a terminal on standard error")
                .help("leave it out, or write --progress plain"))
        }
        ProgressFlag::Auto | ProgressFlag::Tty => Ok(Mode::Tty),
    }
}

fn options(build: &Build, contexts: NamedContexts) -> Result<Options, Failure> {
    let arguments = arguments(&build.arguments)?;
    let platforms = platform::several(&build.platforms)?;
    let host = |host: &crate::args::Host| (host.name.clone(), host.address.to_string());
    Ok(Options {
        as_index: as_index(&arguments, &platforms)?,
        arguments,
        labels: build.labels.iter().map(label).collect(),
        target: build.target.clone(),
        contexts,
        context_times: BTreeMap::new(),
        context_has_owners: false,
        platforms,
        build_platform: Platform::host(),
        network: match build.network {
            BuildNetwork::Default => Network::Default,
            BuildNetwork::Host => Network::Host,
            BuildNetwork::None => Network::None,
        },
        hosts: build.hosts.iter().map(host).collect(),
        run: step::options(build),
        no_cache: build.no_cache,
        no_cache_stages: build.no_cache_filter.clone(),
        every_stage: false,
        source_times: Vec::new(),
    })
}

/// Whether an argument asks for an index even of one image, as with BuildKit.
fn as_index(arguments: &BTreeMap<String, String>, platforms: &[Platform]) -> Result<bool, Failure> {
    const NAME: &str = "BUILDKIT_MULTI_PLATFORM";
    match arguments.get(NAME).map(String::as_str) {
        None | Some("") => Ok(false),
        Some("1" | "t" | "T" | "true" | "True" | "TRUE") => Ok(true),
        Some("0" | "f" | "F" | "false" | "False" | "FALSE") if platforms.len() < 2 => Ok(false),
        Some("0" | "f" | "F" | "false" | "False" | "FALSE") => {
            Err(Failure::new(format!("several platforms make an index, which {NAME}=0 rules out"))
                .help("leave the argument out, or name one platform"))
        }
        Some(other) => Err(Failure::new(format!("{NAME} is {other}, which is neither yes nor no"))
            .help("write 1 or 0")),
    }
}

/// A build argument without a value takes that of the environment, and is left out where there is
/// none. SOURCE_DATE_EPOCH always comes from there when it is not given.
fn arguments(given: &[Assignment]) -> Result<BTreeMap<String, String>, Failure> {
    let mut arguments = BTreeMap::new();
    if let Some(value) = variable(EPOCH) {
        arguments.insert(EPOCH.to_owned(), unicode(EPOCH, value)?);
    }
    for Assignment { name, value } in given {
        let value = match value {
            Some(value) => Some(value.clone()),
            None => exact(name).map(|value| unicode(name, value)).transpose()?,
        };
        match value {
            Some(value) => arguments.insert(name.clone(), value),
            None => arguments.remove(name),
        };
    }
    Ok(arguments)
}

fn unicode(name: &str, value: OsString) -> Result<String, Failure> {
    let failure = |_| Failure::new(format!("the environment's {name} is no UTF-8 text"));
    value.into_string().map_err(failure)
}

fn label(label: &Assignment) -> (String, String) {
    (label.name.clone(), label.value.clone().unwrap_or_default())
}

/// An old id must not be taken for that of a build that failed.
fn forget(iidfile: &Path) -> Result<(), Failure> {
    match fs::remove_file(iidfile) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Failure::new(format!("cannot replace {}", iidfile.display())).because(&error))
        }
        _ => Ok(()),
    }
}

/// Tells all faults that show without asking for an image; goes on when none of them is an error. What
/// the linter has to say is told then as well.
fn parse(
    faults: &mut Faults<'_>,
    undecodable: Option<Diagnostic>,
    options: &Options,
    beside: &Beside,
) -> Result<Dockerfile, Failure> {
    let parsed = lapstrake_parser::parse(faults.source().text());
    let mut found: Vec<Diagnostic> = parsed.diagnostics;
    found.extend(undecodable);
    let is_whole = found.iter().all(|fault| fault.severity != Severity::Error);
    found.extend(lower::check(&parsed.dockerfile, options, is_whole));
    check::overruled(&mut found, options);
    if found.iter().any(|fault| fault.severity == Severity::Error) {
        let check = Check::new(faults.source().text(), &parsed.dockerfile, options, beside)?;
        found.extend(check.look(is_whole));
    }
    found.sort_by_key(|fault| fault.span.start);
    // Lowering meets some of the parser's faults again.
    found.dedup_by(|later, earlier| later.code == earlier.code && later.span == earlier.span);
    faults.tell(found)?;
    Ok(parsed.dockerfile)
}

/// What tells the context and its Dockerfile from others on this machine, however they are named.
fn project(context: &Path, dockerfile: &str) -> String {
    let place = |path: &Path| path.canonicalize().or_else(|_| std::path::absolute(path));
    let folder = place(context).unwrap_or_else(|_| context.to_owned());
    let file = Path::new(dockerfile);
    let file = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let file = file.strip_prefix(&folder).unwrap_or(&file);
    format!("{}\n{}", folder.display(), file.display())
}

fn request(
    dockerfile: &Dockerfile,
    inputs: Inputs,
    options: Options,
    tags: Vec<Reference>,
) -> Request<'_> {
    let mut contexts = Contexts::default();
    contexts.insert(String::new(), inputs.context);
    let ResolvConf { host: resolv_conf, resolved: resolved_conf } = ResolvConf::read();
    Request {
        dockerfile,
        project: String::new(),
        options,
        contexts,
        secrets: Secrets::default(),
        agents: Agents::default(),
        bounds: Bounds::default(),
        tags,
        times: Times::default(),
        annotations: Annotations::default(),
        inline_cache: false,
        resolv_conf,
        resolved_conf,
    }
}

/// What a build works with.
struct Means<'a> {
    store: &'a Store,
    /// How commands on the store begin.
    command: String,
    sources: &'a lapstrake_source::Fetcher<'a>,
    imports: &'a Imports<'a>,
    secrets: &'a Secrets,
    agents: &'a Agents,
    cancel: &'a Cancel,
    watch: &'a Watch,
    mode: Mode,
    /// `--explain`.
    explain: Option<Explanation>,
    on_fail: Option<OnFail>,
    room: Option<&'a Room>,
    network: &'a DefaultNetwork,
    /// Whether what the steps write is kept for later.
    keep_logs: bool,
}

/// Gives `work` what a build works with, for as long as it takes.
fn with_means<T>(
    build: &Build,
    session: &Session,
    mode: Mode,
    work: impl FnOnce(&Means<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let store = session.store()?;
    let cancel = Cancel::new()?;
    let room = room::wanted(build, store, &cancel)?;
    let result = with_lease((build, mode), session, (&cancel, room.as_ref()), work);
    if let (Some(room), true) = (&room, result.is_err()) {
        room.clear(mode);
    }
    result
}

/// The same, while what the build uses is left alone by removals.
fn with_lease<T>(
    (build, mode): (&Build, Mode),
    session: &Session,
    (cancel, room): (&Cancel, Option<&Room>),
    work: impl FnOnce(&Means<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let store = session.store()?;
    let _lease = store.lease()?;
    let secrets = step::secrets(&build.step.secrets)?;
    let forwarded = Forwarded::new(&build.step.agents, store)?;
    let watch = signal::cancel_on_signal(cancel.clone())?;
    let cancelled = || cancel.is_cancelled();
    let mut config = session::sources()?;
    config.git.ssh_agent = forwarded.agents.socket("default").map(Path::to_owned);
    let sources = lapstrake_source::Fetcher::new(store, config, secrets.clone(), &cancelled)
        .map_err(|error| Failure::of(&error))?;
    let imports = shared::imports(build, store, cancelled)?;
    let network = DefaultNetwork::new(None, &build.hosts, store.root())?.until(cancel);
    let means = Means {
        store,
        command: session.command(),
        sources: &sources,
        imports: &imports,
        secrets: &secrets,
        agents: &forwarded.agents,
        cancel,
        watch: &watch,
        mode,
        explain: build.explain.then(Explanation::default),
        on_fail: build.on_fail,
        room,
        network: &network,
        keep_logs: !build.verify_reproducible,
    };
    std::thread::scope(|scope| {
        let _watched = room.map(|room| room.watch(scope));
        work(&means)
    })
}

impl Means<'_> {
    /// Reads, and fetches, the contexts and the Dockerfile, and notes in `options` what kind of
    /// context the main one is.
    fn inputs(
        &self,
        build: &Build,
        named: &mut Named,
        options: &mut Options,
    ) -> Result<Inputs, Failure> {
        let told = |source: &str| {
            if self.mode != Mode::Quiet {
                output::stderr(&format!("fetching {source}\n"));
            }
        };
        let cancelled = || self.cancel.is_cancelled();
        let project = project(&build.context, "");
        let explain = |source: context::Fetching<'_>| self.explain_context(&project, &source);
        let remote = context::Remote {
            store: self.store,
            fetcher: self.sources,
            told: &told,
            explain: &explain,
            cancelled: &cancelled,
        };
        let asked = Asked {
            context: &build.context,
            file: build.file.as_deref(),
            arguments: &options.arguments,
        };
        let inputs = context::inputs(asked, &remote);
        let inputs = inputs.and_then(|inputs| named.fetch(&remote).map(|()| inputs));
        let inputs = inputs.map_err(|failure| match self.watch.exit() {
            Some(exit) => failure.exit_with(exit),
            None => failure,
        })?;
        options.context_has_owners = inputs.has_owners;
        options.context_times = std::mem::take(&mut named.times);
        options.context_times.extend(inputs.time.map(|time| (String::new(), time)));
        Ok(inputs)
    }

    /// Tells why a context was fetched.
    fn explain_context(
        &self,
        project: &str,
        context::Fetching { name, shown, op, fetched }: &context::Fetching<'_>,
    ) -> Result<(), Failure> {
        let reason = match &fetched.version {
            Some(version) => {
                lapstrake_solver::why::fetched_context(self.store, project, (name, op), version)?
            }
            None => None,
        };
        if let Some(explanation) = &self.explain {
            explanation.context(shown, reason.as_ref());
        }
        if let Some(reason) = reason.filter(|_| self.mode != Mode::Quiet) {
            output::stderr(&format!("{FAINT}{reason}{RESET}\n"));
        }
        Ok(())
    }

    fn tools<'t>(
        &'t self,
        images: &'t Fetcher<'t>,
        events: Sink<'t>,
        review: Review<'t>,
    ) -> Tools<'t> {
        Tools {
            store: self.store,
            executor: &Sandboxes,
            // Nothing is executed but by `execute`, which puts its own in.
            network: &|| Ok(lapstrake_executor::Network::None),
            images,
            fetcher: self.sources,
            imports: self.imports,
            cancel: self.cancel,
            events,
            review,
            delivery: None,
        }
    }
}
