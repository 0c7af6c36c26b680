use std::collections::BTreeSet;
use std::os::unix::net::UnixListener;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::*;

fn never() -> bool {
    false
}

fn entry(text: &str) -> Descriptor {
    Descriptor::of(MediaType::OciManifest, text.as_bytes())
}

fn layout() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    begin(folder.path()).expect("a layout");
    folder
}

fn pipe(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::from(0o666), 0).expect("a pipe");
}

/// Each thread opens the files itself, so that they are to each other as processes are (flock(2)).
#[test]
fn tags_that_are_written_at_the_same_time_all_stay() {
    const WRITERS: usize = 8;
    for _ in 0..10 {
        let folder = tempfile::tempdir().expect("a folder");
        let start = Barrier::new(WRITERS);
        let write = |number: usize| {
            let tag = format!("t{number}");
            start.wait();
            begin(folder.path()).expect("a layout");
            name(folder.path(), &tag, entry(&tag), &never).expect("a name");
        };
        thread::scope(|scope| {
            for number in 0..WRITERS {
                scope.spawn(move || write(number));
            }
        });
        let index = index(folder.path()).expect("an index");
        let found: BTreeSet<_> = index
            .manifests
            .iter()
            .map(|found| (found.annotations[NAME].clone(), found.digest))
            .collect();
        let tags = (0..WRITERS).map(|number| format!("t{number}"));
        let expected: BTreeSet<_> =
            tags.map(|tag| (tag.clone(), Digest::of(tag.as_bytes()))).collect();
        assert_eq!(found, expected);
        let left: BTreeSet<_> = fs::read_dir(folder.path())
            .expect("a folder")
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        assert_eq!(left, ["blobs", "index.json", "oci-layout"].map(Into::into).into());
    }
}

#[test]
fn a_lock_of_another_is_waited_for_and_given_up_when_cancelled() {
    let made = layout();
    let folder = made.path();
    let held = lock(folder, &never).expect("a lock");
    let is_cancelled = AtomicBool::new(false);
    thread::scope(|scope| {
        let cancelled = || is_cancelled.load(Ordering::Relaxed);
        let waiting = scope.spawn(move || name(folder, "t", entry("t"), &cancelled));
        thread::sleep(5 * PAUSE);
        assert!(!waiting.is_finished());
        is_cancelled.store(true, Ordering::Relaxed);
        assert!(matches!(waiting.join().expect("no panic"), Err(Error::Cancelled)));
        assert!(!folder.join(INDEX_FILE).exists());
    });
    drop(held);
    name(folder, "t", entry("t"), &never).expect("a name");
}

/// Without the check the lock would be one that nobody else can see.
#[test]
fn a_layout_that_was_replaced_meanwhile_is_locked_anew() {
    let folder = layout();
    let path = folder.path().join(LAYOUT_FILE);
    let held = lock(folder.path(), &never).expect("a lock");
    thread::scope(|scope| {
        let waiting = scope.spawn(|| lock(folder.path(), &never));
        thread::sleep(5 * PAUSE);
        written(folder.path(), LAYOUT).expect("a file").persist(&path).expect("replaced");
        drop(held);
        let lock = waiting.join().expect("no panic").expect("a lock");
        let inode = |found: io::Result<fs::Metadata>| found.expect("a file").ino();
        assert_eq!(inode(lock.metadata()), inode(fs::metadata(&path)));
    });
}

#[test]
fn what_is_no_regular_file_is_refused_at_once() {
    let folder = layout();
    let digest = Digest::of(b"");
    let (index_file, blob) = (folder.path().join(INDEX_FILE), blob_path(folder.path(), &digest));
    let makers: [&dyn Fn(&Path); 3] =
        [&|path| pipe(path), &|path| drop(UnixListener::bind(path).expect("a socket")), &|path| {
            std::os::unix::fs::symlink("/dev/zero", path).expect("a link to a device")
        }];
    for make in makers {
        make(&index_file);
        make(&blob);
        for error in [
            index(folder.path()).map(drop),
            name(folder.path(), "t", entry("t"), &never),
            open_blob(folder.path(), &digest).map(drop),
        ] {
            let text = error.expect_err("refused").to_string();
            assert!(text.ends_with("is not a regular file"), "{text}");
            assert!(text.starts_with(&folder.path().display().to_string()), "{text}");
        }
        assert!(!has(folder.path(), &Descriptor::of(MediaType::OciManifest, b"")));
        fs::remove_file(&index_file).expect("removed");
        fs::remove_file(&blob).expect("removed");
    }
    fs::remove_file(folder.path().join(LAYOUT_FILE)).expect("removed");
    pipe(&folder.path().join(LAYOUT_FILE));
    let error = name(folder.path(), "t", entry("t"), &never).expect_err("refused");
    assert!(error.to_string().ends_with("oci-layout is not a regular file"), "{error}");
}
