//! Limits of the command line on their way to a sandbox.

use lapstrake_cache::Store;
use lapstrake_executor::ControlGroup;

use crate::args::Limits;
use crate::failure::Failure;

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
