//! `lap run`.

mod environment;
mod mount;
mod port;
mod process;
mod step;

use std::cell::RefCell;
use std::path::Path;

use lapstrake_cache::{Staging, Store, Use};
use lapstrake_executor::{
    Begun, Cancel, EtcFiles, Limit, Listeners, Mount, Network, Rootfs, Sandbox, SandboxSpec,
    Security, Shape, Stdio, resolv_conf,
};
use lapstrake_oci::Platform;

use crate::args::{Run, RunNetwork, Ulimit};
use crate::attach::{self, Attached, Running};
use crate::commands::limit;
use crate::environment::exact;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::images::{self, Runnable};
use crate::network::{DefaultNetwork, Mode};
use crate::output::Stream;
use crate::session::{ResolvConf, Session};
use crate::signal::{Forwarding, Ignored};
use crate::{output, platform, terminal};

use environment::Setting;
use process::Process;

/// Runs a command in a new container.
pub(crate) fn run(run: &Run, session: &Session) -> Result<Exit, Failure> {
    let outcome = checked(run).and_then(|()| contained(run, session));
    outcome.map_err(|failure| match failure.exit() {
        Exit::FAILED => failure.exit_with(Exit::ENGINE),
        _ => failure,
    })
}

/// What can be refused before anything is opened.
fn checked(run: &Run) -> Result<(), Failure> {
    platform::one(run.platform.as_deref())?;
    limit::check(&run.together)?;
    if run.terminal && !terminal::stdin_is_terminal() {
        return Err(Failure::new("the input device is not a TTY")
            .help("-t needs a terminal on standard input: leave it out"));
    }
    Ok(())
}

fn contained(run: &Run, session: &Session) -> Result<Exit, Failure> {
    let settings = settings(run)?;
    let place = session.place()?;
    // What is to run is found out while the sandbox begins: here, as another thread would have to be woken, which
    // takes longer on an idle machine than both. Where the store is yet to be made, it begins later.
    let early = place.is_dir().then(|| Beginning::new(run, place));
    let prepared = Prepared::new(run, session, settings)?;
    let beginning = early.unwrap_or_else(|| Beginning::new(run, place))?;
    executed(run, beginning, prepared)
}

fn executed(run: &Run, beginning: Beginning, prepared: Prepared) -> Result<Exit, Failure> {
    let Prepared { store, lease, image, process, staging } = prepared;
    for message in &beginning.warnings {
        output::stderr(&format!("warning: {message}\n"));
    }
    let ports = port::listen(run, &image.config.config, &beginning.network)?;
    let mut spec = spec(run, &image, (process, &beginning), &staging)?;
    spec.group = limit::group(&run.together, &store)?;
    // Dropped last: what the command wrote goes when nothing is mounted on it any more.
    let exit = attended(run, &spec, (beginning, ports), store)
        .map_err(|failure| emulated(failure, &image))?;
    drop((staging, lease));
    Ok(exit)
}

/// Everything that is to be found out, and room for what the command writes.
struct Prepared {
    store: Store,
    lease: Use,
    image: Runnable,
    process: Process,
    staging: Staging,
}

impl Prepared {
    fn new(run: &Run, session: &Session, settings: Vec<Setting>) -> Result<Self, Failure> {
        let store = session.open_store()?;
        let lease = store.lease()?;
        let platform = platform::one(run.platform.as_deref())?;
        let image = match &run.step {
            Some(key) => step::runnable(&store, key)?,
            None => images::runnable(&store, run.image(), run.pull, platform.as_ref(), run.quiet)?,
        };
        let process = process::compose(run, &image.config.config, settings)?;
        let staging = store.stage_layer()?;
        Ok(Self { store, lease, image, process, staging })
    }
}

/// A sandbox that has begun, and its connections to the user.
struct Beginning {
    network: Network,
    /// What is to be said about the network.
    warnings: Vec<String>,
    sandbox: Begun,
    /// `None` with a terminal.
    attached: Option<Attached>,
    resolv: ResolvConf,
    ignored: Ignored,
}

impl Beginning {
    /// `place` is the folder of the store.
    fn new(run: &Run, place: &Path) -> Result<Self, Failure> {
        let mut warnings = Vec::new();
        let network = network(run, place, &mut warnings)?;
        let shape = Shape {
            network: network.clone(),
            security: Security::Sandbox,
            has_group: !run.together.group().map_err(Failure::new)?.is_empty(),
            has_terminal: run.terminal,
        };
        let (stdio, attached) = match run.terminal {
            true => (Stdio::Captured, None),
            false => {
                let (stdio, attached) = attach::pipes(run.interactive)?;
                (stdio, Some(attached))
            }
        };
        let sandbox = Begun::new(shape, stdio, place)?;
        let (resolv, ignored) = (ResolvConf::read(), Ignored::signals());
        Ok(Self { network, warnings, sandbox, attached, resolv, ignored })
    }
}

/// Says how programs of another machine can be run, if that is why it failed.
fn emulated(failure: Failure, image: &Runnable) -> Failure {
    let platform = image.config.platform();
    match failure.exit() == Exit::NOT_EXECUTABLE && !Platform::host().accepts(&platform) {
        true => failure.help(format!(
            "install the package qemu-user-static, with which the kernel runs programs for {platform}"
        )),
        false => failure,
    }
}

/// The files in order, then `-e` in order.
fn settings(run: &Run) -> Result<Vec<Setting>, Failure> {
    let mut settings = Vec::new();
    for file in &run.env_files {
        settings.extend(environment::file(file, &exact)?);
    }
    settings.extend(environment::given(&run.env, &exact));
    Ok(settings)
}

fn spec(
    run: &Run,
    image: &Runnable,
    (process, beginning): (Process, &Beginning),
    staging: &Staging,
) -> Result<SandboxSpec, Failure> {
    let rootfs = Rootfs {
        lower: image.lower.clone(),
        upper: staging.fs(),
        work: staging.work(),
        volatile: true,
    };
    let Beginning { network, resolv: ResolvConf { host, resolved }, .. } = beginning;
    let hosts = run.hosts.iter().map(|host| (host.name.clone(), host.address));
    Ok(SandboxSpec {
        env: process.env,
        cwd: process.cwd,
        create_cwd: true,
        user: process.user,
        hostname: process.hostname,
        etc: EtcFiles::Container,
        hosts: hosts.collect(),
        resolv_conf: resolv_conf(host, resolved.as_deref(), network).into(),
        network: network.clone(),
        limits: run.limits.iter().map(limited).collect(),
        mounts: shared_memory(run).into_iter().chain(mount::mounts(&run.volumes)?).collect(),
        terminal: run.terminal.then(terminal::size),
        ..SandboxSpec::new(rootfs, process.argv)
    })
}

fn network(run: &Run, place: &Path, warnings: &mut Vec<String>) -> Result<Network, Failure> {
    let mode = match run.network {
        RunNetwork::Host => return Ok(Network::Host),
        RunNetwork::None => return Ok(Network::None),
        RunNetwork::Private => Some(Mode::Private),
        RunNetwork::Default => run.publishes().then_some(Mode::Private),
    };
    let said = RefCell::new(warnings);
    let network = DefaultNetwork::new(mode, &run.hosts, place)?;
    let network = network.get(&|message| said.borrow_mut().push(message));
    network.map_err(|error| match error.downcast::<lapstrake_executor::Error>() {
        Ok(error) => (*error).into(),
        Err(error) => Failure::of(&*error),
    })
}

fn limited(limit: &Ulimit) -> Limit {
    Limit { resource: limit.resource, soft: limit.soft, hard: limit.hard }
}

/// The file system for shared memory, when it is to have another size than the usual one.
fn shared_memory(run: &Run) -> Option<Mount> {
    let size = run.shm_size?.0;
    let target = "/dev/shm".into();
    let (size, mode) = (Some(size), Some(0o1777));
    Some(Mount::Tmpfs { target, size, mode, read_only: false, executable: false })
}

/// Runs the command while the user's terminal and signals are its own.
fn attended(
    run: &Run,
    spec: &SandboxSpec,
    (beginning, ports): (Beginning, Listeners),
    store: Store,
) -> Result<Exit, Failure> {
    let mut signals = Forwarding::begin(&beginning.ignored)?;
    let (sandbox, mut running) = started(run, spec, beginning)?;
    // A container may run for days, and needs nothing of the database.
    drop(store);
    if !ports.is_empty() {
        sandbox.publish(ports)?;
    }
    running.attend(sandbox.pidfd(), &mut signals)?;
    let status = running.meant(sandbox.wait(&Cancel::new()?, &mut |_| {})?);
    lapstrake_executor::relieve_guard();
    let passed_on = running.finish();
    if !status.success() {
        for exceeded in sandbox.exceeded() {
            output::stderr(&format!("lap: the command failed: {exceeded}\n"));
        }
    }
    passed_on?;
    Ok(Exit::of(status))
}

fn started(
    run: &Run,
    spec: &SandboxSpec,
    beginning: Beginning,
) -> Result<(Sandbox, Running), Failure> {
    let Beginning { sandbox, attached, .. } = beginning;
    let sandbox = sandbox.start(spec)?;
    let running = match attached {
        Some(attached) => attached.start(&sandbox)?,
        None => attach::start_terminal(&sandbox, run.interactive, Stream::Stdout)?,
    };
    Ok((sandbox, running))
}
