//! The parent's side of a sandbox until its command is executed.
//!
//! The process of a sandbox takes about as long to start as a small program does to find out what is to
//! be executed. So it can begin before that is known, beside the finding out, and wait for its order.

use std::os::fd::{AsFd as _, OwnedFd, RawFd};
use std::path::Path;

use lapstrake_ids::IdMap;
use rustix::fs::OFlags;

use crate::cgroup::Group;
use crate::error::{Error, Operation, Refusal};
use crate::facts::facts;
use crate::guard;
use crate::handed;
use crate::memory::Unwritten;
use crate::network::Lease;
use crate::plan::plan;
use crate::sandbox::{Sandbox, Stdio, null, pipe};
use crate::spawn::spawn_stage;
use crate::spec::{Network, SandboxSpec, Security};
use crate::stage_file;
use crate::tmpfs::{self, MemoryMounts};
use crate::volatile;
use crate::wire::{GO_ON, Order, STAGE_NAME, descriptor};

/// What has to be known of a [`SandboxSpec`] for its process to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// As [`SandboxSpec::network`].
    pub network: Network,
    /// As [`SandboxSpec::security`].
    pub security: Security,
    /// Whether there is a [`SandboxSpec::group`].
    pub has_group: bool,
    /// Whether there is a [`SandboxSpec::terminal`].
    pub has_terminal: bool,
}

impl From<&SandboxSpec> for Shape {
    fn from(spec: &SandboxSpec) -> Self {
        Self {
            network: spec.network.clone(),
            security: spec.security,
            has_group: spec.group.is_some(),
            has_terminal: spec.terminal.is_some(),
        }
    }
}

/// A sandbox that waits to be told what it is to be. Dropping it ends it.
///
/// Like a [`Sandbox`] it dies with the thread that began it, and with this process.
#[derive(Debug)]
pub struct Begun {
    shape: Shape,
    sandbox: Sandbox,
    order: Unwritten,
    owns_stdio: bool,
    /// Reading end, writing end.
    report: OwnedFd,
    /// The reading end is kept so that writing cannot fail when the process has ended: it says why itself.
    leave: (OwnedFd, OwnedFd),
    /// What it hands out comes through here.
    out: OwnedFd,
    /// Whether its network is connected when it makes a socket.
    has_listener: bool,
}

/// Starts a command; returns once it has been executed.
///
/// Blocks for the set-up only. This process must not ignore SIGCHLD: the kernel would forget how
/// the command ended. Fails with [`Error::NotFound`] or [`Error::NotExecutable`] when the
/// program cannot be executed; then, as with any error, nothing of the sandbox is left.
pub fn start(spec: &SandboxSpec, stdio: Stdio) -> Result<Sandbox, Error> {
    let spare = spec.rootfs.lower.first().map_or(Path::new(""), |lowest| lowest);
    Begun::new(Shape::from(spec), stdio, spare)?.start(spec)
}

impl Begun {
    /// Begins a sandbox of this shape. `spare` is a directory that holds no program, such as one of the
    /// store's: what is executed is shown through an overlay, which needs two.
    pub fn new(shape: Shape, stdio: Stdio, spare: &Path) -> Result<Self, Error> {
        stage_file::prepare(spare, IdMap::own().is_namespace());
        let network = match &shape.network {
            Network::Private(connector) => Some(Lease::new(connector, shape.security)?),
            Network::Host | Network::None => None,
        };
        let owns_stdio = shape.has_terminal || !matches!(stdio, Stdio::Inherited);
        let (order, order_end) = Unwritten::new("lap-order")?;
        let (report, report_end) = pipe()?;
        let (leave_end, leave) = pipe()?;
        let (out, out_end) = handed::socket_pair()?;
        let Ends { output, stdio } = Ends::new(shape.has_terminal, stdio)?;
        let namespace = network.as_ref().map(Lease::namespace);
        let has_listener = network.as_ref().is_some_and(Lease::waits);
        let own = [
            (Some(&order_end), descriptor::ORDER),
            (Some(&report_end), descriptor::REPORT),
            (Some(&leave_end), descriptor::LEAVE),
            (namespace, descriptor::NETWORK),
            (Some(&out_end), descriptor::OUT),
        ];
        let own = own.into_iter().filter_map(|(end, number)| Some((end?, number)));
        let wanted: Vec<(&OwnedFd, RawFd)> = own.chain(stdio.iter().flatten().zip(0..)).collect();
        let child = spawn_stage(STAGE_NAME, namespaces(&shape), &wanted)?;
        // Beside its beginning.
        facts();
        let sandbox = Sandbox::new(child, output, network);
        let leave = (leave_end, leave);
        Ok(Self { shape, sandbox, order, owns_stdio, report, leave, out, has_listener })
    }

    /// Has it execute the command of a description of its shape; returns once it has.
    ///
    /// # Errors
    /// As [`start`].
    pub fn start(self, spec: &SandboxSpec) -> Result<Sandbox, Error> {
        let Self { shape, mut sandbox, order, owns_stdio, report, leave, out, has_listener } = self;
        if Shape::from(spec) != shape {
            return Err(Error::invalid("shape", format!("{shape:?}"), Refusal::OtherShape));
        }
        let steps = plan(spec, facts())?;
        let memory_mounts = tmpfs::targets(&steps);
        let group = spec.group.as_ref().map(Group::new).transpose()?;
        let groups = group.as_ref().map(Group::doors).unwrap_or_default();
        sandbox.describe(spec, group);
        order.write(&Order { steps, owns_stdio, groups, has_listener }.encode()?)?;
        go_on(&leave.1)?;
        // The first time the guard starts here, beside the set-up in the sandbox.
        guard::watch(sandbox.pidfd())?;
        go_on(&leave.1)?;
        // Only now, so that a stage that has failed already is told by its report.
        drop(leave);
        let received = sandbox.receive(report);
        volatile::unmark(spec);
        received?;
        // In the order of the steps.
        let next = |what| handed::receive(out.as_fd(), what);
        let next_mount = || handed::receive_if_any(out.as_fd(), "file systems in memory");
        sandbox.hold(MemoryMounts::receive(memory_mounts, next_mount)?);
        if shape.has_terminal {
            sandbox.set_terminal(next("a terminal")?);
        }
        if has_listener {
            sandbox.connect_on_demand(next("a listener")?)?;
        }
        stage_file::settle();
        Ok(sandbox)
    }
}

fn go_on(leave: &OwnedFd) -> Result<(), Error> {
    rustix::io::write(leave, &[GO_ON]).map_err(Error::system(Operation::Send, "leave"))?;
    Ok(())
}

/// The parent's and the stage's ends of what connects them.
struct Ends {
    output: Option<OwnedFd>,
    /// For descriptors 0, 1 and 2.
    stdio: Option<[OwnedFd; 3]>,
}

impl Ends {
    fn new(has_terminal: bool, stdio: Stdio) -> Result<Self, Error> {
        if has_terminal {
            let null = || null(OFlags::RDWR);
            return Ok(Self { output: None, stdio: Some([null()?, null()?, null()?]) });
        }
        let (output, stdio) = match stdio {
            Stdio::Inherited => (None, None),
            Stdio::Given { stdin, stdout, stderr } => (None, Some([stdin, stdout, stderr])),
            Stdio::Captured => {
                let (output, end) = pipe()?;
                rustix::io::ioctl_fionbio(&output, true)
                    .map_err(Error::system(Operation::Configure, "output"))?;
                let second = end.try_clone().map_err(Error::system(Operation::Create, "pipe"))?;
                (Some(output), Some([null(OFlags::RDONLY)?, end, second]))
            }
        };
        Ok(Self { output, stdio })
    }
}

fn namespaces(shape: &Shape) -> i32 {
    let always = libc::CLONE_NEWNS | libc::CLONE_NEWPID | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS;
    let network = match shape.network {
        // What is to be joined is joined by the stage.
        Network::Host | Network::Private(_) => 0,
        Network::None => libc::CLONE_NEWNET,
    };
    // One that is to join a group makes its namespace there.
    let group = if shape.has_group { 0 } else { libc::CLONE_NEWCGROUP };
    always | network | group
}
