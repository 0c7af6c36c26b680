//! The inside of a sandbox, from its first instruction to the command's.
//!
//! The parent executes a copy of its binary in new namespaces, as process 1 of the sandbox. It
//! reads its order, carries the steps out one by one and, with the last one, becomes the command.
//! It is alone in its namespaces all that time, except for what mounts share with other sandboxes.
//!
//! Reading order: this file, `place` (mount targets), `mounts`, `rootfs`, `terminal`, `identity`,
//! `execute`; and `guard` and `connector`, which are no sandboxes but begin as one does.

mod connector;
mod execute;
mod groups;
mod guard;
mod identity;
mod mounts;
mod overlay;
mod place;
mod rootfs;
mod terminal;

pub(crate) use overlay::{Layer, Overlay};

use std::fs::File;
use std::io::{IoSlice, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, OwnedFd};

use rustix::event::{PollFd, PollFlags};
use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use rustix::process::{DumpableBehavior, Signal};

use crate::cgroup::Door;
use crate::error::{Error, Operation, Refusal};
use crate::network;
use crate::plan::Step;
use crate::seccomp;
use crate::sys;
use crate::tmpfs;
use crate::user::Identity;
use crate::wire::{CONNECTOR_NAME, GUARD_NAME, Order, Report, STAGE_NAME, descriptor};

use rootfs::{Inside, Outside};

/// The exit code when the set-up failed; the reason goes through the report pipe.
const SETUP_FAILED: i32 = 125;

/// Becomes the inside of a sandbox, the guard, or what connects a network, if this process was executed
/// for that; else returns at once.
///
/// Call it first in `main`, before any thread or signal handler exists. It looks at `argv[0]`
/// only; a program called so by somebody else finds no order and exits. Where SIGCHLD is ignored, as a caller may have
/// left it, it is not from now on: the end of a sandbox would be lost.
pub fn sandbox_main_if_requested() {
    let name = std::env::args_os().next().unwrap_or_default();
    match name.as_encoded_bytes() {
        name if name == STAGE_NAME.to_bytes() => std::process::exit(stage_main()),
        name if name == GUARD_NAME.to_bytes() => std::process::exit(guard::guard_main()),
        name if name == CONNECTOR_NAME.to_bytes() => {
            std::process::exit(connector::connector_main())
        }
        _ => sys::heed_children_and_errors(),
    }
}

fn stage_main() -> i32 {
    // Without the pipe there is nobody to tell.
    let Ok(report) = sys::take_inherited(descriptor::REPORT) else {
        return SETUP_FAILED;
    };
    let (Ok(leave), Ok(out)) =
        (sys::take_inherited(descriptor::LEAVE), sys::take_inherited(descriptor::OUT))
    else {
        return SETUP_FAILED;
    };
    let mut order = match may_go_on(&leave).and_then(|()| read_order()) {
        Ok(order) => order,
        Err(error) => {
            let _ = send(&report, &Report::Failed { error, traces: Vec::new() });
            return SETUP_FAILED;
        }
    };
    // A descriptor that leaked to us would be a way out, up to the kernel's look-up of the
    // interpreter of a script (CVE-2024-21626).
    if let Err(error) = close_leaked(&order.steps) {
        let error = Error::system(Operation::CloseDescriptors, "inherited descriptors")(error);
        let _ = send(&report, &Report::Failed { error, traces: Vec::new() });
        return SETUP_FAILED;
    }
    let mut stage = Stage::new(&mut order, (report, leave, out));
    // Returns only when the command was not executed.
    let error = stage.run(order.steps);
    stage.fail(error);
    SETUP_FAILED
}

/// Waits for the parent's next byte.
fn may_go_on(leave: &OwnedFd) -> Result<(), Error> {
    match rustix::io::retry_on_intr(|| rustix::io::read(leave, &mut [0; 1])) {
        Ok(0) => Err(Error::refused(Operation::Execute, "", Refusal::ParentEnded)),
        Ok(_) => Ok(()),
        Err(error) => Err(Error::system(Operation::TieToParent, "process")(error)),
    }
}

/// Closes what no step takes over.
fn close_leaked(steps: &[Step]) -> Result<(), crate::error::Errno> {
    sys::close_range(descriptor::ABOVE, i32::MAX)?;
    if !steps.iter().any(|step| matches!(step, Step::JoinNetwork)) {
        sys::close_range(descriptor::NETWORK, descriptor::NETWORK)?;
    }
    Ok(())
}

fn read_order() -> Result<Order, Error> {
    Order::decode(&read_whole_order()?)
}

fn read_whole_order() -> Result<Vec<u8>, Error> {
    let file = sys::take_inherited(descriptor::ORDER)
        .map_err(Error::system(Operation::Receive, "order"))?;
    let mut bytes = Vec::new();
    File::from(file).read_to_end(&mut bytes).map_err(Error::system(Operation::Read, "order"))?;
    Ok(bytes)
}

fn send(pipe: &OwnedFd, report: &Report) -> Result<(), Error> {
    let bytes = report.encode()?;
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        let written = rustix::io::retry_on_intr(|| rustix::io::write(pipe, rest))
            .map_err(Error::system(Operation::Send, "report"))?;
        rest = rest.get(written..).unwrap_or_default();
    }
    Ok(())
}

/// Sends a descriptor to the parent.
fn hand_out(out: &OwnedFd, sent: &OwnedFd) -> Result<(), Errno> {
    let descriptors = [sent.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
    rustix::net::sendmsg(out, &[IoSlice::new(b"d")], &mut ancillary, SendFlags::empty())?;
    Ok(())
}

/// The same for what can be done without: where too many are under way (ETOOMANYREFS, unix(7)), nothing is sent in
/// its place.
fn hand_out_if_possible(out: &OwnedFd, sent: &OwnedFd) -> Result<(), Errno> {
    match hand_out(out, sent) {
        Err(Errno::TOOMANYREFS) => rustix::net::send(out, b"d", SendFlags::empty()).map(drop),
        sent => sent,
    }
}

/// What the steps know of each other.
struct Stage {
    report: OwnedFd,
    leave: OwnedFd,
    out: OwnedFd,
    owns_stdio: bool,
    has_listener: bool,
    groups: Vec<Door>,
    /// From the mounting of the root file system until it is entered.
    outside: Option<Outside>,
    /// From then on.
    inside: Inside,
    /// For file systems in memory.
    room: tmpfs::Room,
    /// The sandbox's end of its terminal.
    terminal: Option<OwnedFd>,
    identity: Identity,
}

impl Stage {
    /// Takes everything of the order but its steps.
    fn new(order: &mut Order, (report, leave, out): (OwnedFd, OwnedFd, OwnedFd)) -> Self {
        Self {
            report,
            leave,
            out,
            owns_stdio: order.owns_stdio,
            has_listener: order.has_listener,
            groups: std::mem::take(&mut order.groups),
            outside: None,
            inside: Inside::default(),
            room: tmpfs::Room::default(),
            terminal: None,
            identity: Identity { uid: 0, gid: 0, groups: vec![0] },
        }
    }

    /// Returns only when something failed.
    fn run(&mut self, steps: Vec<Step>) -> Error {
        // Modes are given as they are meant, until Step::SetUmask.
        rustix::process::umask(Mode::empty());
        for step in steps {
            if let Err(error) = self.carry_out(step) {
                return error;
            }
        }
        out_of_order("without a step that executes the command")
    }

    fn fail(&mut self, error: Error) {
        let traces = match &self.outside {
            Some(outside) => outside.traces(),
            None => self.inside.traces.clone(),
        };
        let _ = send(&self.report, &Report::Failed { error, traces });
    }

    fn carry_out(&mut self, step: Step) -> Result<(), Error> {
        match step {
            Step::TieToParent => self.tie_to_parent(),
            Step::JoinGroup => groups::join(&self.groups),
            Step::ShowGroups { attributes } => {
                let doors = std::mem::take(&mut self.groups);
                self.outside()?.show_groups(&doors, &attributes)
            }
            Step::JoinNetwork => join_network(),
            Step::MakeMountsPrivate => rootfs::make_mounts_private(),
            Step::MountRootfs { rootfs, devices, user_attributes } => {
                self.outside = Some(Outside::mount(&rootfs, devices, user_attributes)?);
                Ok(())
            }
            Step::MountScratch { on, size } => self.outside()?.mount_scratch(&on, size),
            Step::Mount { mount, target, place } => {
                let mounted = self.outside()?.mount_on(&mount, &target, place)?;
                match self.room.takes(&mount) {
                    true => hand_out_if_possible(&self.out, &mounted)
                        .map_err(Error::system(Operation::Send, target)),
                    false => Ok(()),
                }
            }
            Step::MakeDevice { name, block, major, minor } => {
                self.outside()?.make_device(&name, block, (major, minor))
            }
            Step::BindDevice { name, required } => self.outside()?.bind_device(&name, required),
            Step::MakeLink { name, to } => self.outside()?.make_link(&name, &to),
            Step::Mask { path } => self.outside()?.mask(&path),
            Step::MakeReadOnly { path } => self.outside()?.make_read_only(&path),
            Step::OpenTerminal(size) => {
                let outside = self.outside.as_mut().ok_or_else(no_rootfs)?;
                self.terminal = Some(terminal::open(outside, &self.out, size)?);
                Ok(())
            }
            Step::EnterRootfs => self.enter_rootfs(),
            Step::SetHostname(name) => rustix::system::sethostname(name.as_bytes())
                .map_err(Error::system(Operation::SetHostname, name)),
            Step::RaiseLoopback => network::raise_loopback(),
            Step::JoinNewKeyring => join_new_keyring(),
            step => self.carry_out_inside(step),
        }
    }

    fn carry_out_inside(&mut self, step: Step) -> Result<(), Error> {
        match step {
            Step::ResolveUser(user) => {
                self.identity = identity::resolve(&user)?;
                Ok(())
            }
            Step::ChangeDirectory { path, create } => self.inside.change_directory(&path, create),
            Step::SetUmask(mask) => {
                rustix::process::umask(Mode::from_raw_mode(mask));
                Ok(())
            }
            Step::StartSession => terminal::start_session(self.terminal.take()),
            Step::SetLimits(limits) => identity::set_limits(&limits),
            Step::RefuseNewPrivileges => rustix::thread::set_no_new_privs(true)
                .map_err(Error::system(Operation::DropCapabilities, "new privileges")),
            Step::FilterSystemCalls => sys::load_filter(seccomp::default_filter())
                .map_err(Error::system(Operation::FilterSystemCalls, "system calls")),
            Step::TellOfSockets if !self.has_listener => Ok(()),
            Step::TellOfSockets => tell_of_sockets(&self.out),
            Step::BecomeUser { capabilities, ids } => {
                if self.owns_stdio {
                    identity::give_stdio(self.identity.uid);
                }
                identity::become_user(&self.identity, capabilities, &ids)
            }
            Step::Execute { argv, env, search } => self.execute(&argv, &env, &search),
            step => Err(out_of_order(&format!("{step:?} comes too late"))),
        }
    }

    /// The mounts, while they can still be changed.
    fn outside(&mut self) -> Result<&mut Outside, Error> {
        self.outside.as_mut().ok_or_else(no_rootfs)
    }

    fn enter_rootfs(&mut self) -> Result<(), Error> {
        self.outside()?;
        if let Some(outside) = self.outside.take() {
            self.inside = outside.enter()?;
        }
        Ok(())
    }

    fn tie_to_parent(&self) -> Result<(), Error> {
        let fail = || Error::system(Operation::TieToParent, "process");
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).map_err(fail())?;
        // Nobody but us and the kernel may look into this process until the command is executed.
        rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(fail())?;
        // The parent holds the only reading end: when it is gone, so is the parent.
        let mut pipe = [PollFd::new(&self.report, PollFlags::empty())];
        rustix::event::poll(&mut pipe, Some(&rustix::time::Timespec { tv_sec: 0, tv_nsec: 0 }))
            .map_err(fail())?;
        let [pipe] = pipe;
        if pipe.revents().contains(PollFlags::ERR) {
            return Err(Error::refused(Operation::Execute, "", Refusal::ParentEnded));
        }
        Ok(())
    }
}

fn out_of_order(reason: &str) -> Error {
    Error::Protocol {
        operation: Operation::Decode,
        subject: "order".to_owned(),
        reason: reason.to_owned(),
    }
}

fn no_rootfs() -> Error {
    out_of_order("no root file system is being set up")
}

fn join_network() -> Result<(), Error> {
    use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
    const SUBJECT: &str = "a network namespace";
    let namespace = sys::take_inherited(descriptor::NETWORK)
        .map_err(Error::system(Operation::Receive, SUBJECT))?;
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
        .map_err(Error::system(Operation::JoinNetwork, SUBJECT))
}

fn tell_of_sockets(out: &OwnedFd) -> Result<(), Error> {
    let listener = sys::load_filter_with_listener(&seccomp::sockets_filter())
        .map_err(Error::system(Operation::FilterSystemCalls, "sockets"))?;
    hand_out(out, &listener).map_err(Error::system(Operation::Send, "a listener"))
}

fn join_new_keyring() -> Result<(), Error> {
    match sys::join_new_keyring() {
        Err(error) if error.raw() != Errno::NOSYS.raw_os_error() => {
            Err(Error::system(Operation::JoinKeyring, "a new session keyring")(error))
        }
        _ => Ok(()),
    }
}
