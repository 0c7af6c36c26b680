//! That a program was seen to connect a network on this machine, since it was started, for this user: later
//! commands need not try before there is a socket.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{Mode, OFlags};

const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// Bytes; a path and some numbers.
const LONGEST: u64 = 8 << 10;

/// The file that was written or read last.
static FILE: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Whether `file` is the proof for `program`.
pub(super) fn is_there(file: &Path, program: &Path) -> bool {
    let text = text(program);
    let is_there = text.is_some() && read(file) == text;
    if is_there {
        *lock() = Some(file.to_owned());
    }
    is_there
}

/// Notes that `program` was seen to work. A file that cannot be written is no proof, and neither is one that
/// is cut off.
pub(super) fn keep(file: &Path, program: &Path) {
    if let Some(text) = text(program)
        && write(file, &text).is_ok()
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

/// What is no regular file, or too long, is no proof.
fn read(path: &Path) -> Option<String> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty()).ok()?);
    let is_small = file.metadata().is_ok_and(|file| file.is_file() && file.len() <= LONGEST);
    let mut text = String::new();
    let read = is_small.then(|| file.take(LONGEST).read_to_string(&mut text));
    read?.ok().map(|_| text)
}

/// In the place of whatever lies there.
fn write(path: &Path, text: &str) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    File::options().write(true).create_new(true).mode(0o600).open(path)?.write_all(text.as_bytes())
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
