use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixListener;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use lapstrake_oci::{Compression, Manifest};
use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::lock::PAUSE;
use super::*;

fn never() -> bool {
    false
}

fn entry(text: &str) -> Descriptor {
    Descriptor::of(MediaType::OciManifest, text.as_bytes())
}

fn layout() -> (tempfile::TempDir, LayoutFolder) {
    let made = tempfile::tempdir().expect("a folder");
    let folder = LayoutFolder::new(made.path());
    folder.begin(&never).expect("a layout");
    (made, folder)
}

/// Names a manifest.
fn name(
    folder: &LayoutFolder,
    tag: &str,
    entry: Descriptor,
    cancelled: &dyn Fn() -> bool,
) -> Result<(), Error> {
    folder.name(vec![tagged(entry, tag)], cancelled)
}

fn lock(folder: &LayoutFolder) -> Result<File, Error> {
    lock::index(&folder.path.join(LAYOUT_FILE), PATIENCE, &never)
}

fn put(folder: &LayoutFolder, kind: MediaType, bytes: &[u8]) -> Descriptor {
    let mut file = folder.scratch().expect("a file");
    file.write_all(bytes).expect("written");
    let blob = Descriptor::of(kind, bytes);
    folder.put(file, &blob.digest).expect("a blob");
    blob
}

fn pipe(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::from(0o666), 0).expect("a pipe");
}

/// Each thread opens the files itself, so that they are to each other as processes are (flock(2)).
#[test]
fn tags_that_are_written_at_the_same_time_all_stay() {
    const WRITERS: usize = 8;
    for _ in 0..10 {
        let made = tempfile::tempdir().expect("a folder");
        let folder = LayoutFolder::new(made.path());
        let start = Barrier::new(WRITERS);
        let write = |number: usize| {
            let tag = format!("t{number}");
            start.wait();
            let _writing = folder.begin(&never).expect("a layout");
            name(&folder, &tag, entry(&tag), &never).expect("a name");
        };
        thread::scope(|scope| {
            for number in 0..WRITERS {
                scope.spawn(move || write(number));
            }
        });
        let index = folder.index().expect("readable").expect("an index");
        let found: BTreeSet<_> = index
            .manifests
            .iter()
            .map(|found| (found.annotations[NAME].clone(), found.digest))
            .collect();
        let tags = (0..WRITERS).map(|number| format!("t{number}"));
        let expected: BTreeSet<_> =
            tags.map(|tag| (tag.clone(), Digest::of(tag.as_bytes()))).collect();
        assert_eq!(found, expected);
        let left: BTreeSet<_> = fs::read_dir(made.path())
            .expect("a folder")
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        assert_eq!(left, ["blobs", "index.json", "oci-layout"].map(Into::into).into());
    }
}

#[test]
fn a_lock_of_another_is_waited_for_and_given_up_when_cancelled() {
    let (_made, folder) = layout();
    let held = lock(&folder).expect("a lock");
    let is_cancelled = AtomicBool::new(false);
    thread::scope(|scope| {
        let waiting = scope
            .spawn(|| name(&folder, "t", entry("t"), &|| is_cancelled.load(Ordering::Relaxed)));
        thread::sleep(5 * PAUSE);
        assert!(!waiting.is_finished());
        is_cancelled.store(true, Ordering::Relaxed);
        assert!(matches!(waiting.join().expect("no panic"), Err(Error::Cancelled)));
        assert!(!folder.path.join(INDEX_FILE).exists());
    });
    let path = folder.path.join(LAYOUT_FILE);
    let error = lock::index(&path, 3 * PAUSE, &never).map(drop).expect_err("held for ever");
    let text = error.to_string();
    assert!(text.starts_with(&path.display().to_string()), "{text}");
    assert!(text.contains("locked by another process"), "{text}");
    drop(held);
    name(&folder, "t", entry("t"), &never).expect("a name");
}

/// Without the check the lock would be one that nobody else can see.
#[test]
fn a_layout_that_was_replaced_meanwhile_is_locked_anew() {
    let (_made, folder) = layout();
    let path = folder.path.join(LAYOUT_FILE);
    let held = lock(&folder).expect("a lock");
    thread::scope(|scope| {
        let waiting = scope.spawn(|| lock(&folder));
        thread::sleep(5 * PAUSE);
        folder.written(LAYOUT).expect("a file").persist(&path).expect("replaced");
        drop(held);
        let lock = waiting.join().expect("no panic").expect("a lock");
        let inode = |found: io::Result<fs::Metadata>| found.expect("a file").ino();
        assert_eq!(inode(lock.metadata()), inode(fs::metadata(&path)));
    });
}

#[test]
fn what_is_no_regular_file_is_refused_at_once() {
    let (_made, folder) = layout();
    let digest = Digest::of(b"");
    let (index_file, blob) = (folder.path.join(INDEX_FILE), folder.blob(&digest));
    let makers: [&dyn Fn(&Path); 3] =
        [&|path| pipe(path), &|path| drop(UnixListener::bind(path).expect("a socket")), &|path| {
            std::os::unix::fs::symlink("/dev/zero", path).expect("a link to a device")
        }];
    for make in makers {
        make(&index_file);
        make(&blob);
        for error in [
            folder.index().map(drop),
            name(&folder, "t", entry("t"), &never),
            folder.open_blob(&digest).map(drop),
        ] {
            let text = error.expect_err("refused").to_string();
            assert!(text.ends_with("is not a regular file"), "{text}");
            assert!(text.starts_with(&folder.path.display().to_string()), "{text}");
        }
        assert!(!folder.has(&Descriptor::of(MediaType::OciManifest, b"")));
        fs::remove_file(&index_file).expect("removed");
        fs::remove_file(&blob).expect("removed");
    }
    fs::remove_file(folder.path.join(LAYOUT_FILE)).expect("removed");
    pipe(&folder.path.join(LAYOUT_FILE));
    let error = name(&folder, "t", entry("t"), &never).expect_err("refused");
    assert!(error.to_string().ends_with("oci-layout is not a regular file"), "{error}");
}

/// An index that somebody else wrote by half says so and stays as it is.
#[test]
fn half_an_index_is_not_written_over() {
    let (_made, folder) = layout();
    let path = folder.path.join(INDEX_FILE);
    fs::write(&path, br#"{"schemaVersion":2,"manif"#).expect("written");
    let error = name(&folder, "t", entry("t"), &never).expect_err("refused");
    assert!(error.to_string().contains("index.json"), "{error}");
    assert_eq!(fs::read(&path).expect("a file"), br#"{"schemaVersion":2,"manif"#);
}

/// Who names an image by its whole name leaves other images with its tag.
#[test]
fn names_take_the_place_of_their_own() {
    let whole = |text: &str, name: &str| {
        let mut entry = tagged(entry(text), "latest");
        entry.annotations.insert(FULL_NAME.to_owned(), name.to_owned());
        entry
    };
    let (one, two) = (whole("1", "h/a:latest"), whole("2", "h/b:latest"));
    assert!(!replaces(&one, &two) && replaces(&one, &whole("3", "h/a:latest")));
    let (cache, bare) = (tagged(entry("4"), "latest"), entry("5"));
    assert!(replaces(&cache, &one) && replaces(&one, &cache));
    assert!(!replaces(&tagged(entry("6"), "other"), &one));
    assert!(!replaces(&bare, &one) && !replaces(&one, &bare) && replaces(&bare, &bare));
    let mut odd = entry("7");
    odd.annotations.insert(FULL_NAME.to_owned(), "h/c:1".to_owned());
    assert!(!replaces(&bare, &odd) && !replaces(&odd, &bare));
}

/// BuildKit's `reset=true`: what no manifest of the index leads to goes, also through indexes.
#[test]
fn a_reset_leaves_what_the_index_leads_to() {
    let (_made, folder) = layout();
    let layer = MediaType::OciLayer(Compression::None);
    let image = |text: &str| {
        let blob = put(&folder, layer.clone(), text.as_bytes());
        let config = put(&folder, MediaType::OciConfig, format!("{{\"{text}\":1}}").as_bytes());
        let manifest = Manifest::new(MediaType::OciManifest, config, vec![blob]);
        put(&folder, MediaType::OciManifest, &manifest.to_bytes().expect("JSON"))
    };
    let (kept, old) = (image("kept"), image("old"));
    let index = Index::new(MediaType::OciIndex, vec![image("nested")]);
    let index = put(&folder, MediaType::OciIndex, &index.to_bytes().expect("JSON"));
    name(&folder, "t", old, &never).expect("a name");
    folder.name(vec![tagged(kept, "t"), tagged(index, "u")], &never).expect("names");
    let foreign = folder.blobs().join("README");
    fs::write(&foreign, "not ours").expect("written");
    fs::write(folder.blobs().join(".lap-killed"), "left").expect("written");
    let writing = folder.begin(&never).expect("a layout");
    // Somebody else is at it.
    let other = folder.begin(&never).expect("a layout");
    assert_eq!(folder.reset(writing, &never).expect("read"), Reset::Busy);
    let reset = folder.reset(other, &never).expect("reset");
    // Layer, config and manifest of `old`, and what was never finished.
    let bytes = "old".len() + "{\"old\":1}".len() + "left".len();
    let Reset::Removed { blobs, size } = reset else { panic!("{reset:?}") };
    assert!(blobs == 4 && size > bytes as u64, "{reset:?}");
    assert_eq!(fs::read_dir(folder.blobs()).expect("blobs").count(), 3 + 4 + 1);
    assert!(foreign.exists());
    // A manifest that cannot be read may lead to anything.
    let broken = put(&folder, MediaType::OciManifest, b"{");
    name(&folder, "v", broken, &never).expect("a name");
    let writing = folder.begin(&never).expect("a layout");
    let stray = put(&folder, layer, b"stray");
    folder.reset(writing, &never).expect_err("unreadable");
    assert!(folder.has(&stray));
}
