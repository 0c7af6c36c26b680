//! A store to fetch into, and a look at what came.

#![allow(dead_code, reason = "every test binary uses another part of this")]

pub(crate) mod origin;
#[path = "../../../registry/tests/support/server.rs"]
pub(crate) mod server;

use std::fs;

use lapstrake_cache::Store;
use lapstrake_oci::Digest;
use lapstrake_rootfs::LayerId;
use lapstrake_source::{
    Config, Error, Fetched, Fetcher, GitReference, HttpSource, HttpUrl, Secrets,
};
use tempfile::TempDir;

/// A store in a folder of its own.
pub(crate) struct Bench {
    folder: TempDir,
    pub(crate) store: Store,
    pub(crate) secrets: Secrets,
    pub(crate) config: Config,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        Self { folder, store, secrets: Secrets::default(), config: Config::default() }
    }

    pub(crate) fn secret(&mut self, id: &str, value: &str) {
        self.secrets.insert(id.to_owned(), value.as_bytes().to_vec());
    }

    /// Each call is a command of its own.
    pub(crate) fn fetch<T>(&self, fetch: impl FnOnce(&Fetcher<'_>) -> T) -> T {
        let fetcher =
            Fetcher::new(&self.store, self.config.clone(), self.secrets.clone(), &|| false);
        fetch(&fetcher.unwrap())
    }

    pub(crate) fn http(&self, url: &str) -> Result<Fetched, Error> {
        self.fetch(|fetcher| fetcher.http(&source(url, None)))
    }

    pub(crate) fn http_with(&self, url: &str, checksum: &Digest) -> Result<Fetched, Error> {
        self.fetch(|fetcher| fetcher.http(&source(url, Some(*checksum))))
    }

    pub(crate) fn git(&self, text: &str) -> Result<Fetched, Error> {
        self.fetch(|fetcher| fetcher.git(&GitReference::parse(text).unwrap().unwrap()))
    }

    /// What is in a layer, one entry a line: kind, mode, time, path.
    pub(crate) fn list(&self, layer: &LayerId) -> Vec<String> {
        let layer = self.store.layer(layer).unwrap().unwrap();
        let entries = layer.manifest.entries().iter().skip(1);
        entries
            .map(|entry| format!("{:o} {} {}", entry.mode, entry.mtime.seconds, entry.path))
            .collect()
    }

    pub(crate) fn read(&self, layer: &LayerId, path: &str) -> String {
        let layer = self.store.layer(layer).unwrap().unwrap();
        fs::read_to_string(layer.path.join(path)).unwrap()
    }

    /// Nothing half-made lies around.
    pub(crate) fn assert_clean(&self) {
        let left: Vec<_> = fs::read_dir(self.store.root().join("tmp")).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
        let notes = fs::read_dir(self.store.root().join("locks")).unwrap();
        let locks: Vec<_> = notes.map(|entry| entry.unwrap().file_name()).collect();
        assert!(locks.iter().all(|name| name == "tmp" || name == "use"), "{locks:?}");
    }

    /// Every file of the store that holds these bytes.
    pub(crate) fn files_with(&self, bytes: &str) -> String {
        let root = self.store.root().to_str().unwrap();
        let found =
            std::process::Command::new("grep").args(["-rlaF", bytes, root]).output().unwrap();
        String::from_utf8(found.stdout).unwrap()
    }
}

pub(crate) fn source(url: &str, checksum: Option<Digest>) -> HttpSource {
    let url = HttpUrl::parse(url).unwrap();
    HttpSource { name: url.file_name(), url, checksum }
}
