//! What a gauge says is what `du` says.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::process::Command;

use lapstrake_cache::{Gauge, Store};

/// Bytes on disk below the folders of `root`, by the system's own program.
fn du(root: &Path) -> u64 {
    let folders = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let output = Command::new("du").args(["-s", "-c", "-B1"]).args(folders).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().last().unwrap().split('\t').next().unwrap().parse().unwrap()
}

#[test]
fn finished_and_unfinished_files_count_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let mut gauge = Gauge::default();
    // The folders of finished things are not theirs.
    let rest = du(folder.path()) - gauge.measure(&store).unwrap();
    let is_right = |gauge: &mut Gauge| {
        assert_eq!(gauge.measure(&store).unwrap() + rest, du(folder.path()));
        assert_eq!(Gauge::default().measure(&store).unwrap() + rest, du(folder.path()));
    };
    let root = folder.path();
    fs::create_dir_all(root.join("layers/a/fs/deep")).unwrap();
    fs::write(root.join("layers/a/fs/deep/file"), vec![1; 300_000]).unwrap();
    is_right(&mut gauge);
    // A second name, in another layer and in work in progress.
    for place in ["layers/b", "tmp/x"] {
        fs::create_dir_all(root.join(place)).unwrap();
        fs::hard_link(root.join("layers/a/fs/deep/file"), root.join(place).join("file")).unwrap();
    }
    fs::write(root.join("tmp/x/other"), vec![1; 70_000]).unwrap();
    fs::write(root.join("blobs/sha256/0"), vec![1; 9_000]).unwrap();
    is_right(&mut gauge);
    // Work in progress grows and becomes a layer; what is shared stays with one name less.
    fs::write(root.join("tmp/x/other"), vec![1; 200_000]).unwrap();
    is_right(&mut gauge);
    fs::rename(root.join("tmp/x"), root.join("layers/x")).unwrap();
    fs::remove_dir_all(root.join("layers/a")).unwrap();
    is_right(&mut gauge);
    fs::remove_dir_all(root.join("layers/b")).unwrap();
    fs::remove_dir_all(root.join("layers/x")).unwrap();
    is_right(&mut gauge);
}
