//! Removing whole trees, by directory descriptors and without following links.

use std::ffi::CString;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rayon::prelude::*;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, openat, unlinkat};
use rustix::io::Errno;

/// Directories below this depth are removed one after another: each level holds a descriptor.
const PARALLEL_DEPTH: usize = 6;

/// A directory with more names than this is emptied by several threads.
const PARALLEL_NAMES: usize = 512;

/// Removes `name` in `parent`, and everything below it when it is a directory. A symbolic link is
/// removed, not followed. Nothing there is no error. Not atomic: after an error a part is gone.
///
/// # Errors
/// The first failure of the kernel's; `name` with a slash, `.` or `..` is `EINVAL`.
pub fn remove_tree(parent: BorrowedFd<'_>, name: &[u8]) -> io::Result<()> {
    if name.is_empty() || name == b"." || name == b".." || name.contains(&b'/') {
        return Err(Errno::INVAL.into());
    }
    match unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(error) => return Err(error.into()),
    }
    let directory = open_to_empty(parent, name)?;
    empty(directory, PARALLEL_DEPTH)?;
    Ok(unlinkat(parent, name, AtFlags::REMOVEDIR)?)
}

/// Removes everything in `directory`, which itself stays.
///
/// # Errors
/// As [`remove_tree`].
pub fn remove_content(directory: BorrowedFd<'_>) -> io::Result<()> {
    let own = openat(directory, c".", flags(), Mode::empty())?;
    Ok(empty(own, PARALLEL_DEPTH)?)
}

fn flags() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC
}

/// Opens a directory; one that its owner may not read is made readable first.
fn open_to_empty<N: rustix::path::Arg + Copy>(
    parent: BorrowedFd<'_>,
    name: N,
) -> rustix::io::Result<OwnedFd> {
    match openat(parent, name, flags(), Mode::empty()) {
        Err(Errno::ACCESS) => {
            let held = openat(parent, name, flags() | OFlags::PATH, Mode::empty())?;
            let path = format!("/proc/self/fd/{}", held.as_raw_fd());
            rustix::fs::chmodat(rustix::fs::CWD, path, Mode::RWXU, AtFlags::empty())?;
            openat(held, c".", flags(), Mode::empty())
        }
        other => other,
    }
}

/// Empties a tree without recursion below `depth`, so that no depth exhausts stack or descriptors:
/// a directory that is too deep is moved up and removed from there.
fn empty(directory: OwnedFd, depth: usize) -> rustix::io::Result<()> {
    let directories = unlink_files(&directory)?;
    if depth == 0 {
        return directories.iter().try_for_each(|name| empty_deep(&directory, name));
    }
    let remove = |name: &CString| {
        empty(open_to_empty(directory.as_fd(), name.as_c_str())?, depth - 1)?;
        unlinkat(&directory, name.as_c_str(), AtFlags::REMOVEDIR)
    };
    match directories.as_slice() {
        [] => Ok(()),
        [only] => remove(only),
        many => many.par_iter().try_for_each(remove),
    }
}

/// Removes the directory `name` in `top`: while it holds directories, they are moved next to it
/// (`top` stays the only place that needs a descriptor).
fn empty_deep(top: &OwnedFd, name: &CString) -> rustix::io::Result<()> {
    let mut pending = vec![name.clone()];
    let mut moved: u64 = 0;
    while let Some(name) = pending.pop() {
        let directory = open_to_empty(top.as_fd(), name.as_c_str())?;
        for child in unlink_files(&directory)? {
            let temporary = loop {
                moved += 1;
                let free = CString::new(format!(".lap-removed-{moved}")).unwrap_or_default();
                match rustix::fs::renameat_with(
                    &directory,
                    child.as_c_str(),
                    top,
                    free.as_c_str(),
                    rustix::fs::RenameFlags::NOREPLACE,
                ) {
                    Ok(()) => break free,
                    Err(Errno::EXIST) => {}
                    Err(error) => return Err(error),
                }
            };
            pending.push(temporary);
        }
        unlinkat(top, name.as_c_str(), AtFlags::REMOVEDIR)?;
    }
    Ok(())
}

/// Unlinks everything in `directory` that is no directory; returns the directories' names.
fn unlink_files(directory: &OwnedFd) -> rustix::io::Result<Vec<CString>> {
    let (mut directories, mut files) = (Vec::new(), Vec::new());
    let mut buffer = [MaybeUninit::uninit(); 16 * 1024];
    let mut names = RawDir::new(directory, &mut buffer);
    while let Some(entry) = names.next() {
        let entry = entry?;
        match (entry.file_name().to_bytes(), entry.file_type()) {
            (b"." | b"..", _) => {}
            (_, FileType::Directory) => directories.push(entry.file_name().to_owned()),
            _ => files.push(entry.file_name().to_owned()),
        }
    }
    let unlink = |name: CString| match unlinkat(directory, name.as_c_str(), AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(None),
        Err(Errno::ISDIR) => Ok(Some(name)),
        Err(error) => Err(error),
    };
    let late: Vec<Option<CString>> = if files.len() > PARALLEL_NAMES {
        files.into_par_iter().map(unlink).collect::<Result<_, _>>()?
    } else {
        files.into_iter().map(unlink).collect::<Result<_, _>>()?
    };
    directories.extend(late.into_iter().flatten());
    Ok(directories)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use rustix::fs::{CWD, RenameFlags, renameat_with};

    use super::*;
    use crate::testing::{Scratch, open_path};

    #[test]
    fn removes_everything_and_follows_nothing() {
        let scratch = Scratch::new();
        scratch.shell(
            "mkdir -p victim/sub t/a/b/c/d/e/f/g/h/i/j t/closed/in; echo x > victim/sub/f
            ln -s ../victim t/link; ln -s /etc t/a/link; mkfifo t/pipe; mknod t/null c 1 3
            for i in $(seq 700); do : > t/a/b/$i; done; touch t/a/b/c/d/e/f/g/h/i/j/.lap-removed-1
            mkdir -p t/a/b/c/d/e/f/g/.lap-removed-1/x t/a/b/c/d/e/f/g/h/.lap-removed-1
            chmod 0 t/closed t/closed/in; ln -s victim l; echo x > file",
        );
        let top = open_path(scratch.path());
        for name in [b"t".as_slice(), b"l", b"file", b"nothing"] {
            remove_tree(top.as_fd(), name).unwrap();
        }
        assert_eq!(scratch.shell("ls; cat victim/sub/f"), "victim\nx\n");
        for name in [b"".as_slice(), b".", b"..", b"victim/sub", b"/etc"] {
            assert!(remove_tree(top.as_fd(), name).is_err(), "{}", name.escape_ascii());
        }
        let victim = open_path(&scratch.path().join("victim"));
        remove_content(victim.as_fd()).unwrap();
        assert_eq!(scratch.shell("ls -A victim | wc -l; ls"), "0\nvictim\n");
    }

    /// As deep as an attacker likes, with few descriptors and little stack.
    #[test]
    fn any_depth() {
        let scratch = Scratch::new();
        scratch.python(
            "import os
os.mkdir('deep'); os.chdir('deep')
for i in range(5000):
    os.mkdir('d' * 20); open('f', 'w').close(); os.chdir('d' * 20)",
        );
        let top = open_path(scratch.path());
        remove_tree(top.as_fd(), b"deep").unwrap();
        assert_eq!(scratch.shell("ls -A"), "");
    }

    /// A directory that turns into a link to the victim, and back, while it is removed.
    #[test]
    fn a_racer_gains_nothing() {
        let scratch = Scratch::new();
        scratch.shell("mkdir victim; echo x > victim/f");
        let top = open_path(scratch.path());
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let (a, b) = (scratch.path().join("t/a"), scratch.path().join("swap"));
                while !stop.load(Ordering::Relaxed) {
                    let _ = renameat_with(CWD, &a, CWD, &b, RenameFlags::EXCHANGE);
                }
            });
            for _ in 0..1000 {
                let (a, swap) = (scratch.path().join("t/a"), scratch.path().join("swap"));
                let _ = std::fs::create_dir_all(&a);
                let _ = std::fs::write(a.join("f"), "y");
                let _ = std::os::unix::fs::symlink("victim", &swap);
                let _ = remove_tree(top.as_fd(), b"t");
            }
            stop.store(true, Ordering::Relaxed);
        });
        assert_eq!(scratch.shell("cat victim/f"), "x\n");
    }
}
