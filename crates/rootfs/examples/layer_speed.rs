//! Times the life of a layer of many small files: write, scan, pack, unpack, remove.
//! `cargo run --release -p lapstrake-rootfs --example layer_speed -- FOLDER [FILES [BYTES]]`
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used)]

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Instant;

use lapstrake_rootfs::tar::{Limits, apply, diff_id, write};
use lapstrake_rootfs::{LayerManifest, LayerWriter, Meta, Timestamp, TreePath, View, scan};

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    println!("{what:24} {:8.1} ms", start.elapsed().as_secs_f64() * 1e3);
    result
}

fn directory(folder: &Path, name: &str) -> OwnedFd {
    std::fs::create_dir(folder.join(name)).unwrap();
    File::open(folder.join(name)).unwrap().into()
}

fn path(at: usize) -> TreePath {
    TreePath::from(format!("usr/lib/package{}/module{}/file{at}.txt", at / 1000, at / 20).as_str())
}

fn written(dir: OwnedFd, files: usize, bytes: usize, later: bool) -> LayerManifest {
    let mut writer = LayerWriter::new(dir, View::default()).unwrap();
    let time = Timestamp { seconds: 1_700_000_000, nanoseconds: 0 };
    let (meta, parents) = (Meta::of_root(0o644, time), Meta::of_root(0o755, time));
    for at in 0..files {
        let mut content = format!("file {at}\n").into_bytes();
        content.resize(bytes, b'x');
        writer.make_parents(&path(at), &parents).unwrap();
        if later {
            writer.bytes_later(&path(at), &meta, content).unwrap();
        } else {
            writer.file(&path(at), &meta, &mut content.as_slice()).unwrap();
        }
    }
    writer.finish().unwrap()
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap();
    let folder = Path::new(&folder);
    let mut number = |default| arguments.next().map_or(default, |text| text.parse().unwrap());
    let (files, bytes) = (number(20_000), number(1000));
    timed("write, one by one", || written(directory(folder, "a"), files, bytes, false));
    let manifest = timed("write, queued", || written(directory(folder, "b"), files, bytes, true));
    let source = File::open(folder.join("a")).unwrap();
    timed("write, queued from files", || {
        let mut writer = LayerWriter::new(directory(folder, "c"), View::default()).unwrap();
        let source = std::sync::Arc::new(source.try_clone().unwrap());
        for entry in manifest.entries().iter().skip(1) {
            if entry.is_directory() {
                writer.directory(&entry.path, &Meta::of(entry)).unwrap();
                continue;
            }
            let (source, path) = (source.clone(), entry.path.clone());
            let open = move || lapstrake_rootfs::read::open_file(source.as_fd(), &path);
            let size = bytes as u64;
            writer.file_later(&entry.path, &Meta::of(entry), size, Box::new(open), None).unwrap();
        }
        writer.finish().unwrap()
    });
    let linked = std::sync::Arc::new(source.as_fd().try_clone_to_owned().unwrap());
    timed("write, linked", || {
        let mut writer = LayerWriter::new(directory(folder, "d"), View::default()).unwrap();
        for entry in manifest.entries().iter().skip(1) {
            if entry.is_directory() {
                writer.directory(&entry.path, &Meta::of(entry)).unwrap();
            } else {
                let never = Box::new(|| Err(std::io::ErrorKind::Unsupported.into()));
                writer.link_later(&entry.path, &linked, entry, never).unwrap();
            }
        }
        writer.finish().unwrap()
    });
    let scanned = timed("scan", || scan::scan(source.as_fd()).unwrap());
    assert_eq!(scanned, manifest);
    let mut tar = Vec::new();
    timed("tar to memory", || write(source.as_fd(), &manifest, &mut tar).unwrap());
    timed("diff id", || diff_id(source.as_fd(), &manifest).unwrap());
    timed("content hash", || manifest.content_hash());
    let encoded = timed("encode", || manifest.encode().unwrap());
    timed("decode", || LayerManifest::decode(&encoded).unwrap());
    timed("apply", || {
        let writer = LayerWriter::new(directory(folder, "e"), View::default()).unwrap();
        apply(tar.as_slice(), writer, &Limits::default()).unwrap()
    });
    let empty = directory(folder, "f");
    timed("scan of nothing", || scan::scan(empty.as_fd()).unwrap());
    timed("100 scans of nothing", || {
        for _ in 0..100 {
            scan::scan(empty.as_fd()).unwrap();
        }
    });
    let top = File::open(folder).unwrap();
    for name in ["a", "b", "c", "d", "e", "f"] {
        timed(&format!("remove {name}"), || {
            lapstrake_rootfs::remove::remove_tree(top.as_fd(), name.as_bytes()).unwrap();
        });
    }
}
