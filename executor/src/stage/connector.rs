//! What begins as a sandbox does and becomes the program that connects a network (`crate::network`).

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use nix::sched::CloneFlags;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::SendFlags;
use rustix::process::{Gid, Signal, Uid};

use crate::error::Error;
use crate::network::new_namespace;
use crate::sys;
use crate::wire::{self, descriptor};

/// Returns only when the program was not executed. Its descriptors are the first three and the one that
/// says that it is ready.
pub(super) fn connector_main() -> i32 {
    let own = sys::close_range(descriptor::ABOVE, i32::MAX);
    let leave = sys::take_inherited(descriptor::LEAVE);
    let (Ok(()), Ok(leave), Ok(command)) = (own, leave, command()) else {
        return super::SETUP_FAILED;
    };
    // No such descriptor: the engine has made the network namespace, and this is its user.
    let socket = sys::take_inherited(descriptor::OUT).ok();
    if let Some(Err(error)) = socket.as_ref().map(leave_users) {
        return fail(&format!("cannot make a user namespace: {error}"));
    }
    // The guard knows of it, and its users are known, when the byte comes; without one the engine has
    // ended.
    let mut byte = [0; 1];
    let is_known = rustix::io::retry_on_intr(|| rustix::io::read(&leave, &mut byte)) == Ok(1);
    // Out of reach of what is sent to the engine's process group.
    let session = rustix::process::setsid();
    if !is_known || session.is_err() || rustix::process::chdir("/").is_err() {
        return super::SETUP_FAILED;
    }
    if let Some(Err(reason)) = socket.as_ref().map(become_nobody) {
        return fail(&reason);
    }
    // Last, as who becomes another user is untied.
    if !die_with_engine().unwrap_or(false) {
        return super::SETUP_FAILED;
    }
    let mut words = command.iter().map(|word| OsStr::from_bytes(word));
    let Some(program) = words.next() else {
        return super::SETUP_FAILED;
    };
    fail(&Command::new(program).args(words).env_clear().exec().to_string())
}

/// Enters a user namespace of its own, and says so.
fn leave_users(socket: &OwnedFd) -> Result<(), Errno> {
    nix::sched::unshare(CloneFlags::CLONE_NEWUSER)
        .map_err(|error| Errno::from_raw_os_error(error as i32))?;
    rustix::net::send(socket, b"u", SendFlags::NOSIGNAL).map(|_| ())
}

/// Becomes the only user of its user namespace, makes the network namespace there and sends it to the
/// engine.
fn become_nobody(socket: &OwnedFd) -> Result<(), String> {
    let refused = |what: &'static str| move |error: Errno| format!("cannot {what}: {error}");
    rustix::thread::set_thread_groups(&[]).map_err(refused("leave root's groups"))?;
    let (root, group) = (Uid::ROOT, Gid::ROOT);
    rustix::thread::set_thread_res_gid(group, group, group).map_err(refused("change the group"))?;
    rustix::thread::set_thread_res_uid(root, root, root).map_err(refused("change the user"))?;
    let namespace = new_namespace().map_err(|error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        format!("{error}: {}", cause.unwrap_or_default())
    })?;
    rustix::stdio::dup2_stdin(&namespace).map_err(refused("place the network namespace"))?;
    super::hand_out(socket, &namespace).map_err(refused("send the network namespace"))
}

/// Has the kernel end this process with the engine, also where the guard is ended with it. False when the
/// engine has ended already: it holds the only reading end of standard error.
fn die_with_engine() -> Result<bool, Errno> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    let stderr = rustix::stdio::stderr();
    let mut log = [PollFd::new(&stderr, PollFlags::empty())];
    rustix::event::poll(&mut log, Some(&Timespec::default()))?;
    Ok(log.iter().all(|log| log.revents().is_empty()))
}

/// Standard error is kept for this.
fn fail(reason: &str) -> i32 {
    let _ = rustix::io::write(rustix::stdio::stderr(), reason.as_bytes());
    super::SETUP_FAILED
}

fn command() -> Result<Vec<crate::Bytes>, Error> {
    wire::decode_command(&super::read_whole_order()?)
}
