//! That a program was seen to connect a network on this machine, since it was started, for this user: later
//! commands need not try before there is a socket.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// The file that was written or read last.
static FILE: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Whether `file` is the proof for `program`.
pub(super) fn is_there(file: &Path, program: &Path) -> bool {
    let text = text(program);
    let is_there = text.is_some() && fs::read_to_string(file).ok() == text;
    if is_there {
        *lock() = Some(file.to_owned());
    }
    is_there
}

/// Notes that `program` was seen to work. A file that cannot be written is no proof, and neither is one that
/// is cut off.
pub(super) fn keep(file: &Path, program: &Path) {
    if let Some(text) = text(program)
        && fs::write(file, text).is_ok()
    {
        *lock() = Some(file.to_owned());
    }
}

/// It does not work any more.
pub(super) fn forget() {
    if let Some(file) = lock().take() {
        // One that stays makes the next command fail in the same way.
        let _ = fs::remove_file(file);
    }
}

fn lock() -> MutexGuard<'static, Option<PathBuf>> {
    FILE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `None` where one of it is not known.
fn text(program: &Path) -> Option<String> {
    let file = program.metadata().ok()?;
    let boot = fs::read_to_string(BOOT).ok()?;
    let user = rustix::process::geteuid().as_raw();
    let (path, boot) = (program.to_str()?, boot.trim());
    let (device, number, size) = (file.dev(), file.ino(), file.size());
    let changed = (file.ctime(), file.ctime_nsec());
    Some(format!("{path}\n{device} {number} {size} {} {}\n{boot} {user}\n", changed.0, changed.1))
}
