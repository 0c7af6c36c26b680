//! Executing the stage file.

use std::ffi::CStr;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd, RawFd};
use std::time::Duration;

use crate::error::{Error, Operation};
use crate::stage_file::stage_file;
use crate::sys::{self, Child, Spawn};
use crate::wire::descriptor;

/// Executes the stage file under a name, in new namespaces (`CLONE_NEW*`), with these descriptors as these
/// numbers. Of the numbers in [`descriptor`] it has no others, whatever this process was started with.
pub(crate) fn spawn_stage(
    name: &'static CStr,
    namespaces: i32,
    wanted: &[(&OwnedFd, RawFd)],
) -> Result<Child, Error> {
    // Above every target, so that placing one does not overwrite another.
    let lifted = wanted
        .iter()
        .map(|(end, _)| rustix::io::fcntl_dupfd_cloexec(end, descriptor::ABOVE))
        .collect::<Result<Vec<_>, _>>()
        .map_err(Error::system(Operation::Create, "descriptors"))?;
    let descriptors: Vec<_> =
        lifted.iter().zip(wanted).map(|(from, (_, to))| (from.as_raw_fd(), *to)).collect();
    let program = stage_file()?;
    let (program, meant) = (program.as_fd(), descriptor::ORDER..descriptor::ABOVE);
    let spawn = Spawn { program, name, namespaces, descriptors: &descriptors, meant };
    spawn_when_free(&spawn).map_err(Error::system(Operation::Clone, "the sandbox"))
}

/// Spawns; a process that was forked while the stage file was written, and has not executed its
/// program yet, still has it open for writing. That passes.
fn spawn_when_free(spawn: &Spawn<'_>) -> Result<Child, crate::error::Errno> {
    const ATTEMPTS: u32 = 100;
    for _ in 1..ATTEMPTS {
        match sys::spawn(spawn) {
            Err(error) if error.raw() == libc::ETXTBSY => {
                std::thread::sleep(Duration::from_millis(5));
            }
            result => return result,
        }
    }
    sys::spawn(spawn)
}
