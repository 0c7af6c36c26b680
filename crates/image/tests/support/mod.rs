//! Small images made here, and the tools that they are held against.
#![allow(dead_code, unreachable_pub)]

pub mod layout;
pub mod registry;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lapstrake_cache::{Removal, Store};
use lapstrake_image::{Images, Input, Loaded, Progress};
use lapstrake_oci::Platform;
use lapstrake_registry::ClientConfig;
use tempfile::TempDir;

/// A store and a folder for everything else.
pub struct Fixture {
    pub folder: TempDir,
    pub store: Store,
}

impl Fixture {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        Self { folder, store }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn images(&self) -> Images<'_> {
        Images::new(&self.store, ClientConfig::default())
    }

    /// Loads an archive file.
    pub fn load(&self, path: &Path) -> Result<Vec<Loaded>, lapstrake_image::Error> {
        let file = fs::File::open(path).unwrap();
        self.images().load(Input::Stream(Box::new(file)), &Platform::host(), &quiet)
    }

    /// The right to remove.
    pub fn removal(&self) -> Removal<'_> {
        self.store.removal().unwrap().unwrap()
    }

    /// Every file of the store that says what it holds: what a failure must not change.
    pub fn content(&self) -> Vec<String> {
        let mut found = Vec::new();
        for folder in ["blobs/sha256", "layers", "tmp"] {
            for entry in fs::read_dir(self.store.root().join(folder)).unwrap() {
                found.push(format!("{folder}/{}", entry.unwrap().file_name().display()));
            }
        }
        found.extend(self.store.tags().unwrap().into_iter().map(|tag| tag.name));
        found.sort();
        found
    }
}

pub fn quiet(_: Progress) {}

/// What `program` prints. A missing tool is a failure that names its Debian package.
pub fn run(program: &str, arguments: &[&str]) -> String {
    let package = match program {
        "skopeo" | "umoci" | "gzip" | "xz" | "tar" => program,
        "docker-registry" => "docker-registry",
        _ => "util-linux findutils coreutils",
    };
    let output = Command::new(program).args(arguments).output();
    let output =
        output.unwrap_or_else(|error| panic!("{program}: {error}; apt-get install -y {package}"));
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Every path below `root` with its metadata and, for files, the sha256 of the content.
pub fn tree(root: &Path) -> String {
    run("sh", &["-c", TREE, "sh", root.to_str().unwrap()])
}

/// As [`tree`], of the overlay of `lower`, lowest first, mounted where nobody else sees it.
pub fn overlay_tree(lower: &[PathBuf], folder: &Path) -> String {
    let empty = folder.join("empty");
    let point = folder.join("merged");
    for path in [&empty, &point] {
        fs::create_dir_all(path).unwrap();
    }
    // overlayfs wants two lower directories at least. The uppermost one gives the root's metadata.
    let mut stack: Vec<&str> = lower.iter().rev().map(|path| path.to_str().unwrap()).collect();
    stack.push(empty.to_str().unwrap());
    let options = format!("ro,lowerdir={}", stack.join(":"));
    let script = format!("mount -t overlay -o \"$2\" overlay \"$1\" && {TREE}");
    let point = point.to_str().unwrap();
    run("unshare", &["-m", "sh", "-c", &script, "sh", point, &options])
}

const TREE: &str = r#"cd "$1" && {
    find . -type d -printf 'd %m %U %G %T@ %p\n' -o -type l -printf 'l %U %G %T@ %p %l\n' \
        -o -type f -printf 'f %m %U %G %s %n %T@ %p\n' -o -printf '%y %m %U %G %T@ %p\n'
    find . -type f -exec sha256sum {} +
    find . \( -type b -o -type c \) -exec stat -c '%n %t:%T' {} +
} | LC_ALL=C sort"#;
