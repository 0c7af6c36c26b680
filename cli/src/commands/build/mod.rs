//! `lap build`.

mod context;
mod report;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use lapstrake_executor::{Cancel, Sandboxes};
use lapstrake_oci::{Platform, Reference};
use lapstrake_parser::{Diagnostic, Dockerfile, Severity};
use lapstrake_solver::build::Tools;
use lapstrake_solver::graph::Network;
use lapstrake_solver::lower::{self, Options};
use lapstrake_solver::op::{Context, Contexts};
use lapstrake_solver::{Built, Error, Request};

use crate::args::{Assignment, Build, BuildNetwork, Output, Progress as ProgressFlag};
use crate::diagnostics::{Look, Source};
use crate::environment::exact;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::images::{self, Fetcher};
use crate::progress::{Conclusion, Mode, Progress};
use crate::session::{ResolvConf, Session};
use crate::signal::{self, Watch};
use crate::{output, platform};

use context::Inputs;

/// Builds an image.
pub(crate) fn run(build: &Build, session: &Session) -> Result<Exit, Failure> {
    let mode = mode(build)?;
    let options = options(build)?;
    let tags = build.tags.iter().map(|tag| images::new_name(tag)).collect::<Result<Vec<_>, _>>()?;
    if let Some(Output::Archive { destination, .. }) = &build.output {
        images::refuse_terminal(destination)?;
    }
    if let Some(path) = &build.iidfile {
        forget(path)?;
    }
    let inputs = context::inputs(&build.context, build.file.as_deref())?;
    let (dockerfile, source) = parse(&inputs, &options, mode)?;
    let request = request(&dockerfile, inputs, options, tags.clone());
    let built = execute(request, session, build.pull, mode, &source)?;
    deliver(build, session, &built, &tags)?;
    Ok(Exit::SUCCESS)
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

fn options(build: &Build) -> Result<Options, Failure> {
    let platform = platform::wanted(build.platform.as_deref())?;
    let host = |host: &crate::args::Host| (host.name.clone(), host.address.to_string());
    Ok(Options {
        arguments: arguments(&build.arguments)?,
        labels: build.labels.iter().map(label).collect(),
        target: build.target.clone(),
        platform,
        build_platform: Platform::host(),
        network: match build.network {
            BuildNetwork::Default => Network::Default,
            BuildNetwork::Host => Network::Host,
            BuildNetwork::None => Network::None,
        },
        hosts: build.hosts.iter().map(host).collect(),
        no_cache: build.no_cache,
    })
}

/// A build argument without a value takes that of the environment, and is left out where there is
/// none.
fn arguments(given: &[Assignment]) -> Result<BTreeMap<String, String>, Failure> {
    let mut arguments = BTreeMap::new();
    for Assignment { name, value } in given {
        let value = match value {
            Some(value) => Some(value.clone()),
            None => exact(name)
                .map(|value| value.into_string())
                .transpose()
                .map_err(|_| Failure::new(format!("the environment's {name} is no UTF-8 text")))?,
        };
        match value {
            Some(value) => arguments.insert(name.clone(), value),
            None => arguments.remove(name),
        };
    }
    Ok(arguments)
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

/// Shows all faults of the file; goes on when none of them is an error. A file with errors will not
/// be built, so what only lowering would find is looked for at once.
fn parse(inputs: &Inputs, options: &Options, mode: Mode) -> Result<(Dockerfile, Source), Failure> {
    let (text, undecodable) = lapstrake_parser::decode(&inputs.dockerfile);
    let parsed = lapstrake_parser::parse(&text);
    let mut faults: Vec<Diagnostic> = parsed.diagnostics;
    faults.extend(undecodable);
    if faults.iter().any(|fault| fault.severity == Severity::Error) {
        faults.extend(lower::check(&parsed.dockerfile, options));
    }
    faults.sort_by_key(|fault| fault.span.start);
    let source = Source::new(&inputs.name, &text);
    let errors = faults.iter().filter(|fault| fault.severity == Severity::Error).count();
    if errors > 0 || mode != Mode::Quiet {
        output::stderr(&source.draw(&faults, look()));
    }
    match errors {
        0 => Ok((parsed.dockerfile, source)),
        1 => Err(Failure::new(format!("{} has a fault", inputs.name))),
        many => Err(Failure::new(format!("{} has {many} faults", inputs.name))),
    }
}

fn look() -> Look {
    let width = output::stderr_is_terminal().then(|| output::stderr_size().1);
    Look { colour: output::stderr_takes_colour(), width }
}

fn request(
    dockerfile: &Dockerfile,
    inputs: Inputs,
    options: Options,
    tags: Vec<Reference>,
) -> Request<'_> {
    let mut contexts = Contexts::default();
    let context = Context { directory: inputs.directory, ignore: inputs.ignore };
    contexts.insert(String::new(), context);
    let ResolvConf { host: resolv_conf, resolved: resolved_conf } = ResolvConf::read();
    Request { dockerfile, options, contexts, tags, resolv_conf, resolved_conf }
}

/// Builds with progress, and tells what went wrong.
fn execute(
    request: Request<'_>,
    session: &Session,
    pull: bool,
    mode: Mode,
    source: &Source,
) -> Result<Built, Failure> {
    let store = session.store()?;
    let cancel = Cancel::new()?;
    let watch = signal::cancel_on_signal(cancel.clone())?;
    let names: Vec<String> = request.tags.iter().map(ToString::to_string).collect();
    let fetcher = Fetcher::new(store, pull)?;
    let progress = Progress::new(mode, "Building");
    let tools = Tools {
        store,
        executor: &Sandboxes,
        images: &fetcher,
        cancel: &cancel,
        events: &|event| progress.event(event),
    };
    match lapstrake_solver::build(request, &tools) {
        Ok(built) => {
            progress.finish(&Conclusion::Built { id: built.id.to_string(), names: &names });
            Ok(built)
        }
        Err(error) => Err(tell(&error, progress, &watch, source)),
    }
}

fn tell(error: &Error, progress: Progress, watch: &Watch, source: &Source) -> Failure {
    let image = match error {
        Error::Image { name, .. } => Some(name.as_str()),
        _ => None,
    };
    progress.finish(&Conclusion::Failed { reason: &report::reason(error), image });
    let report = report::report(error, source, look(), watch.exit());
    output::stderr(&report.above);
    report.failure
}

/// Writes what was asked for beside the image in the store.
fn deliver(
    build: &Build,
    session: &Session,
    built: &Built,
    tags: &[Reference],
) -> Result<(), Failure> {
    if let Some(Output::Archive { format, destination }) = &build.output {
        let images = images::local(session.store()?);
        images::write_archive(destination, |out| {
            images.save_image(&built.manifest, tags, (*format).into(), out)
        })?;
    }
    if let Some(path) = &build.iidfile {
        fs::write(path, built.id.to_string()).map_err(|error| {
            Failure::new(format!("cannot write the id to {}", path.display())).because(&error)
        })?;
    }
    let to_stdout = matches!(&build.output,
        Some(Output::Archive { destination, .. }) if destination == Path::new("-"));
    if (build.quiet || build.progress == ProgressFlag::Quiet) && !to_stdout {
        output::stdout(&format!("{}\n", built.id))?;
    }
    Ok(())
}
