//! Limits of the command line on their way to a sandbox.

use lapstrake_cache::Store;
use lapstrake_executor::ControlGroup;

use crate::args::Limits;
use crate::failure::Failure;

/// Refuses more processors than there are, as Docker does: it would be no limit.
pub(crate) fn check(limits: &Limits) -> Result<(), Failure> {
    // Where they cannot be counted there are no more than anybody asks for.
    let count =
        rustix::thread::sched_getaffinity(None).map_or(usize::MAX, |set| set.count() as usize);
    match limits.surplus(count) {
        None => Ok(()),
        Some(asked) => Err(Failure::new(format!(
            "--cpus is {asked}, and of this machine's processors lap may use {count}"
        ))
        .help(format!("write a number from 0.01 to {count}"))),
    }
}

/// The control group that keeps these limits; `None` when nothing is limited.
///
/// # Errors
/// When the limits contradict each other.
pub(crate) fn group(limits: &Limits, store: &Store) -> Result<Option<ControlGroup>, Failure> {
    let parent = limits.cgroup_parent.clone();
    let limits = limits.group().map_err(Failure::new)?;
    let register = store.groups();
    let group = ControlGroup { limits, parent, register };
    match (&group.parent, group.limits.is_empty()) {
        (Some(_), true) => Err(Failure::new("--cgroup-parent is given without a limit")
            .help("add one, such as --pids-limit or --memory: only then there is a control group")),
        (None, true) => Ok(None),
        (_, false) => Ok(Some(group)),
    }
}
