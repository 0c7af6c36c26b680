//! The form of the running binary that every sandbox begins as, and that nobody can write to.
//!
//! The command could otherwise reach the binary on the host through `/proc/self/exe`
//! (CVE-2019-5736). It is the binary as an overlay without an upper directory shows it: nothing below
//! such an overlay is ever opened for writing, whatever is done to its mount, and its pages are those
//! that run already. Where there is none, it is a sealed copy in memory. Made once in a process and
//! reused.

use std::fs::{File, Metadata};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use rustix::fs::{MemfdFlags, Mode, OFlags};
use rustix::mount::MountAttrFlags;

use crate::error::{Error, Operation};
use crate::memory;
use crate::stage::{Layer, Overlay};
use crate::wire::descriptor;

/// A directory of another file system than any that a program is installed in.
const ELSEWHERE: &str = "/dev";

/// Made by whoever needs it first; the lock keeps two threads from copying at the same time.
static STAGE: Mutex<Option<Stage>> = Mutex::new(None);

struct Stage {
    file: Arc<OwnedFd>,
    /// The mount that shows it, until a sandbox has begun: see [`settle`].
    mount: Option<OwnedFd>,
}

/// Makes the stage file as an overlay if there is none yet. `spare` is a directory that holds no program,
/// as an overlay that takes no writes needs two. Where it cannot be made, [`stage_file`] makes a copy.
pub(crate) fn prepare(spare: &Path, user_attributes: bool) {
    let mut stage = lock();
    if stage.is_none() {
        *stage = read_only(spare, user_attributes);
    }
}

/// Takes the mount away that the stage file was opened through, which nobody needs any more: call it when a
/// sandbox that began as the file has been heard of.
///
/// Whoever closes a mount last waits for all processors. A process has a copy of each descriptor until it
/// executes its program, and would be the last one if the mount were closed before. So it is closed now,
/// beside everything else, by a thread that does nothing else.
pub(crate) fn settle() {
    let mount = lock().as_mut().and_then(|stage| stage.mount.take());
    if let Some(mount) = mount {
        // Without a thread it waits here.
        drop(std::thread::Builder::new().spawn(move || drop(mount)));
    }
}

/// Lets go of the stage file, which is made again when it is needed again. It is taken apart by the last
/// process that is executed from it.
pub(crate) fn release() {
    *lock() = None;
}

/// The running binary in a mount of its own that cannot be written to.
fn read_only(spare: &Path, user_attributes: bool) -> Option<Stage> {
    let own = Path::new("/proc/self/exe");
    let path = std::fs::read_link(own).ok()?;
    let (folder, name) = (path.parent()?, path.file_name()?);
    let same = |one: &Metadata, two: &Metadata| (one.dev(), one.ino()) == (two.dev(), two.ino());
    // It may have been replaced since it was started.
    let running = std::fs::metadata(own).ok()?;
    if !same(&running, &std::fs::symlink_metadata(&path).ok()?) {
        return None;
    }
    let shown = |spare: &Path| {
        let layers = [spare.to_owned(), folder.to_owned()];
        let overlay = Overlay {
            layers: &Layer::stack(&layers),
            writable: None,
            volatile: false,
            user_attributes,
        };
        overlay.detached(MountAttrFlags::MOUNT_ATTR_RDONLY)
    };
    // What lies below the program's folder, or around it, is shown there already, and no overlay shows a
    // folder twice.
    let mount = shown(spare).or_else(|_| shown(Path::new(ELSEWHERE))).ok()?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::openat(&mount, name, flags, Mode::empty()).ok()?;
    let file = rustix::io::fcntl_dupfd_cloexec(&file, descriptor::ABOVE).ok()?;
    let shown = File::from(file.try_clone().ok()?).metadata().ok()?;
    let is_same = shown.len() == running.len() && shown.is_file();
    is_same.then(|| Stage { file: Arc::new(file), mount: Some(mount) })
}

/// Open for reading only, as executing it demands.
pub(crate) fn stage_file() -> Result<Arc<OwnedFd>, Error> {
    let mut stage = lock();
    if let Some(stage) = &*stage {
        return Ok(Arc::clone(&stage.file));
    }
    let copy = sealed_copy(Path::new("/proc/self/exe"))?;
    Ok(Arc::clone(&stage.insert(copy).file))
}

/// Uses another binary than the running one; it has to call
/// [`crate::sandbox_main_if_requested`] first.
///
/// For tests and benchmarks, whose own `main` is not theirs to change.
pub fn use_stage_file(path: &Path) -> Result<(), Error> {
    *lock() = Some(sealed_copy(path)?);
    Ok(())
}

fn lock() -> std::sync::MutexGuard<'static, Option<Stage>> {
    STAGE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn sealed_copy(path: &Path) -> Result<Stage, Error> {
    let name = || path.to_string_lossy().into_owned();
    let mut binary = File::open(path).map_err(Error::system(Operation::Open, name()))?;
    let mut copy = memory::create("lap-stage", MemfdFlags::EXEC)?;
    std::io::copy(&mut binary, &mut copy).map_err(Error::system(Operation::Read, name()))?;
    memory::seal(&copy)?;
    // What is open for writing cannot be executed.
    let reader = memory::reader(&copy)?;
    drop(copy);
    // Out of the way of the numbers that the stage's descriptors get.
    let file = rustix::io::fcntl_dupfd_cloexec(&reader, descriptor::ABOVE)
        .map_err(Error::system(Operation::Create, name()))?;
    Ok(Stage { file: Arc::new(file), mount: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use lapstrake_ids::IdMap;
    use std::io::Write as _;
    use std::os::fd::AsRawFd as _;

    /// How writing fails to what a process executes, as `/proc/PID/exe` opens it.
    fn refusal(file: &OwnedFd) -> Option<i32> {
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let opened = File::options().write(true).open(path);
        opened.and_then(|mut file| file.write_all(b"x")).err()?.raw_os_error()
    }

    #[test]
    fn nobody_can_write_to_the_program() {
        let spare = tempfile::tempdir().unwrap();
        let shown = read_only(spare.path(), IdMap::current().is_namespace()).unwrap().file;
        assert_eq!(refusal(&shown), Some(libc::EROFS));
        let copy = sealed_copy(Path::new("/proc/self/exe")).unwrap().file;
        assert_eq!(refusal(&copy), Some(libc::EPERM));
        let content =
            |file: Arc<OwnedFd>| std::fs::read(format!("/proc/self/fd/{}", file.as_raw_fd()));
        assert!(content(shown).unwrap() == content(copy).unwrap(), "it is another program");
    }

    #[test]
    fn a_spare_folder_that_overlaps_does() {
        let own = std::env::current_exe().unwrap();
        for spare in [own.parent().unwrap(), Path::new("/")] {
            let shown = read_only(spare, IdMap::current().is_namespace()).unwrap();
            assert_eq!(refusal(&shown.file), Some(libc::EROFS));
        }
    }
}
