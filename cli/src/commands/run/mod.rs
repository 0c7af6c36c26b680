//! `lap run`.

mod environment;
mod mount;
mod port;
mod process;
mod step;

use lapstrake_cache::{Staging, Store};
use lapstrake_executor::{
    Cancel, Limit, Listeners, Mount, Network, Rootfs, Sandbox, SandboxSpec, Stdio, resolv_conf,
    start,
};
use lapstrake_oci::Platform;

use crate::args::{Run, RunNetwork, Ulimit};
use crate::attach::{self, Running};
use crate::commands::limit;
use crate::environment::exact;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::images::{self, Runnable};
use crate::network::{DefaultNetwork, Mode};
use crate::session::{ResolvConf, Session};
use crate::{output, platform, signal, terminal};

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
    if run.terminal && !terminal::stdin_is_terminal() {
        return Err(Failure::new("the input device is not a TTY")
            .help("-t needs a terminal on standard input: leave it out"));
    }
    Ok(())
}

fn contained(run: &Run, session: &Session) -> Result<Exit, Failure> {
    let settings = settings(run)?;
    let store = session.store()?;
    let _lease = store.lease()?;
    let platform = platform::one(run.platform.as_deref())?;
    let image = match &run.step {
        Some(key) => step::runnable(store, key)?,
        None => images::runnable(store, run.image(), run.pull, platform.as_ref(), run.quiet)?,
    };
    let process = process::compose(run, &image.config.config, settings)?;
    let staging = store.stage_layer()?;
    let network = network(run, store)?;
    let ports = port::listen(run, &image.config.config, &network)?;
    let mut spec = spec(run, &image, (process, network), &staging)?;
    spec.group = limit::group(&run.together, store)?;
    // Dropped last: what the command wrote goes when nothing is mounted on it any more.
    let exit = attended(run, &spec, ports).map_err(|failure| emulated(failure, &image))?;
    drop(staging);
    Ok(exit)
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
    (process, network): (Process, Network),
    staging: &Staging,
) -> Result<SandboxSpec, Failure> {
    let rootfs = Rootfs {
        lower: image.lower.clone(),
        upper: staging.fs(),
        work: staging.work(),
        volatile: true,
    };
    let ResolvConf { host, resolved } = ResolvConf::read();
    let hosts = run.hosts.iter().map(|host| (host.name.clone(), host.address));
    Ok(SandboxSpec {
        env: process.env,
        cwd: process.cwd,
        create_cwd: true,
        user: process.user,
        hostname: process.hostname,
        hosts: hosts.collect(),
        resolv_conf: resolv_conf(&host, resolved.as_deref(), &network).into(),
        network,
        limits: run.limits.iter().map(limited).collect(),
        mounts: shared_memory(run).into_iter().chain(mount::mounts(&run.volumes)?).collect(),
        terminal: run.terminal.then(terminal::size),
        ..SandboxSpec::new(rootfs, process.argv)
    })
}

fn network(run: &Run, store: &Store) -> Result<Network, Failure> {
    let mode = match run.network {
        RunNetwork::Host => return Ok(Network::Host),
        RunNetwork::None => return Ok(Network::None),
        RunNetwork::Private => Some(Mode::Private),
        RunNetwork::Default => run.publishes().then_some(Mode::Private),
    };
    let warn = |message: String| output::stderr(&format!("warning: {message}\n"));
    let network = DefaultNetwork::new(mode, store)?.get(&warn);
    network.map_err(|error| Failure::of(&*error))
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
fn attended(run: &Run, spec: &SandboxSpec, ports: Listeners) -> Result<Exit, Failure> {
    let (sandbox, running) = started(run, spec)?;
    if !ports.is_empty() {
        sandbox.publish(ports)?;
    }
    let pidfd = sandbox.pidfd().try_clone_to_owned();
    let pidfd = pidfd.map_err(|error| Failure::new("cannot watch the command").because(&error))?;
    let watch = signal::forward(pidfd, running.resize())?;
    let status = sandbox.wait(&Cancel::new()?, &mut |_| {})?;
    running.finish();
    drop(watch);
    if !status.success() {
        for exceeded in sandbox.exceeded() {
            output::stderr(&format!("lap: the command failed: {exceeded}\n"));
        }
    }
    Ok(Exit::of(status))
}

fn started(run: &Run, spec: &SandboxSpec) -> Result<(Sandbox, Running), Failure> {
    if run.terminal {
        let sandbox = start(spec, Stdio::Captured)?;
        let running = attach::start_terminal(&sandbox, run.interactive)?;
        return Ok((sandbox, running));
    }
    let (stdio, attached) = attach::pipes(run.interactive)?;
    let sandbox = start(spec, stdio)?;
    Ok((sandbox, attached.start()))
}
