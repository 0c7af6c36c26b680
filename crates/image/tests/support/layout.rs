//! OCI layouts and docker archives, written with the tar crate and nothing of the product's.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use lapstrake_oci::Digest;
use serde_json::{Value, json};
use tar::{Builder, EntryType, Header};

pub const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
pub const ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
pub const PLAIN: &str = "application/vnd.oci.image.layer.v1.tar";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// 2023-11-14T22:13:20Z
pub const TIME: u64 = 1_700_000_000;

/// A tar that is being made.
pub struct Tar(Builder<Vec<u8>>, u64);

impl Tar {
    pub fn new() -> Self {
        Self(Builder::new(Vec::new()), TIME)
    }

    /// The time of what follows.
    pub fn at(self, time: u64) -> Self {
        Self(self.0, time)
    }

    fn header(kind: EntryType, mode: u32, owner: (u64, u64), size: u64) -> Header {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(owner.0);
        header.set_gid(owner.1);
        header.set_size(size);
        header
    }

    /// Puts the name in as it is: the crate refuses the ones that tests of tricks need.
    fn append(mut self, mut header: Header, name: &str, content: &[u8]) -> Self {
        let field = &mut header.as_gnu_mut().unwrap().name;
        field[..name.len()].copy_from_slice(name.as_bytes());
        header.set_mtime(self.1);
        header.set_cksum();
        self.0.append(&header, content).unwrap();
        self
    }

    pub fn directory(self, name: &str, mode: u32, owner: (u64, u64)) -> Self {
        self.append(Self::header(EntryType::Directory, mode, owner, 0), name, &[])
    }

    pub fn file(self, name: &str, mode: u32, content: &[u8]) -> Self {
        let header = Self::header(EntryType::Regular, mode, (0, 0), content.len() as u64);
        self.append(header, name, content)
    }

    pub fn link(self, kind: EntryType, name: &str, target: &str) -> Self {
        // A hard link repeats the mode of its file.
        let mode = if kind == EntryType::Link { 0o4755 } else { 0o777 };
        let mut header = Self::header(kind, mode, (0, 0), 0);
        header.as_gnu_mut().unwrap().linkname[..target.len()].copy_from_slice(target.as_bytes());
        self.append(header, name, &[])
    }

    pub fn device(self, name: &str, major: u32, minor: u32) -> Self {
        let mut header = Self::header(EntryType::Char, 0o666, (0, 0), 0);
        header.set_device_major(major).unwrap();
        header.set_device_minor(minor).unwrap();
        self.append(header, name, &[])
    }

    pub fn finish(self) -> Vec<u8> {
        self.0.into_inner().unwrap()
    }
}

/// A layer with everything that a tree can have.
pub fn base() -> Vec<u8> {
    let noise: Vec<u8> =
        (0..400_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    Tar::new()
        .directory("./", 0o755, (0, 0))
        .directory("./etc/", 0o750, (7, 8))
        .file("./etc/passwd", 0o644, b"root:x:0:0::/:/bin/sh\n")
        .directory("./bin/", 0o755, (0, 0))
        .file("./bin/tool", 0o4755, &noise)
        .link(EntryType::Link, "./bin/same", "./bin/tool")
        .link(EntryType::Symlink, "./bin/link", "tool")
        .directory("./dev/", 0o755, (0, 0))
        .device("./dev/null", 1, 3)
        .directory("./old/", 0o1777, (0, 0))
        .file("./old/gone", 0o600, b"gone")
        .file("./old/kept", 0o600, b"kept")
        .directory("./opaque/", 0o700, (0, 0))
        .file("./opaque/hidden", 0o600, b"hidden")
        .finish()
}

/// A layer over [`base`] that takes away, replaces, and does not name all directories it needs.
pub fn upper() -> Vec<u8> {
    Tar::new()
        .file("etc/hosts", 0o644, b"127.0.0.1 localhost\n")
        .file("old/.wh.gone", 0o600, b"")
        .directory("opaque/", 0o711, (0, 0))
        .file("opaque/.wh..wh..opq", 0o600, b"")
        .file("opaque/new", 0o600, b"new")
        .directory("home/", 0o755, (0, 0))
        .directory("home/user/", 0o700, (1000, 1000))
        .finish()
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// An OCI layout in a folder.
pub struct Layout {
    pub path: PathBuf,
    entries: Vec<Value>,
}

impl Layout {
    pub fn new(path: PathBuf) -> Self {
        fs::create_dir_all(path.join("blobs/sha256")).unwrap();
        fs::write(path.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        Self { path, entries: Vec::new() }
    }

    pub fn blob(&self, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        fs::write(self.path.join("blobs/sha256").join(digest.hex()), bytes).unwrap();
        digest
    }

    /// Adds an image of these uncompressed layers; returns the digest of its manifest.
    pub fn image(&mut self, tag: &str, layers: &[(&str, Vec<u8>)]) -> Digest {
        let diff_ids: Vec<Digest> = layers.iter().map(|(_, tar)| Digest::of(tar)).collect();
        self.image_with(tag, layers, &json!(diff_ids), "amd64")
    }

    pub fn image_with(
        &mut self,
        tag: &str,
        layers: &[(&str, Vec<u8>)],
        diff_ids: &Value,
        architecture: &str,
    ) -> Digest {
        let descriptors: Vec<Value> = layers
            .iter()
            .map(|(media_type, tar)| {
                let bytes = match *media_type {
                    GZIP => gzip(tar),
                    ZSTD => zstd::encode_all(tar.as_slice(), 3).unwrap(),
                    _ => tar.clone(),
                };
                json!({"mediaType": media_type, "digest": self.blob(&bytes), "size": bytes.len()})
            })
            .collect();
        let config = json!({
            "created": "2023-11-14T22:13:20Z", "architecture": architecture, "os": "linux",
            "config": {"Env": ["PATH=/bin"], "Cmd": ["/bin/tool"], "Labels": {"a": "b"}},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": layers.iter().map(|_| json!({
                "created": "2023-11-14T22:13:20Z", "created_by": "made here"})).collect::<Vec<_>>(),
        });
        let config = serde_json::to_vec(&config).unwrap();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "layers": descriptors,
            "config": {"mediaType": CONFIG, "digest": self.blob(&config), "size": config.len()},
        });
        let bytes = serde_json::to_vec(&manifest).unwrap();
        let digest = self.blob(&bytes);
        let annotations = json!({"org.opencontainers.image.ref.name": tag});
        self.entries.push(json!({
            "mediaType": MANIFEST, "digest": digest, "size": bytes.len(),
            "platform": {"os": "linux", "architecture": architecture}, "annotations": annotations,
        }));
        self.write();
        digest
    }

    /// Puts an index of all images so far in their place.
    pub fn fold(&mut self, tag: &str) -> Digest {
        let media_type = "application/vnd.oci.image.index.v1+json";
        let index = json!({
            "schemaVersion": 2, "mediaType": media_type, "manifests": self.entries,
        });
        let bytes = serde_json::to_vec(&index).unwrap();
        let digest = self.blob(&bytes);
        let annotations = json!({"org.opencontainers.image.ref.name": tag});
        self.entries = vec![json!({"mediaType": media_type, "digest": digest,
            "size": bytes.len(), "annotations": annotations})];
        self.write();
        digest
    }

    fn write(&self) {
        let index = json!({"schemaVersion": 2, "manifests": self.entries});
        fs::write(self.path.join("index.json"), serde_json::to_vec(&index).unwrap()).unwrap();
    }

    /// Packs the layout with GNU tar.
    pub fn pack(&self, to: &Path) {
        let (from, to) = (self.path.to_str().unwrap(), to.to_str().unwrap());
        super::run("tar", &["-C", from, "-cf", to, "."]);
    }
}

/// A docker archive as Docker wrote them before version 25.
pub fn docker_archive(names: &[&str], layers: &[Vec<u8>]) -> Tar {
    let diff_ids: Vec<Digest> = layers.iter().map(|tar| Digest::of(tar)).collect();
    let config = serde_json::to_vec(&json!({
        "architecture": "amd64", "os": "linux", "config": {"Cmd": ["/bin/tool"]},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    }))
    .unwrap();
    let name = format!("{}.json", Digest::of(&config).hex());
    let paths: Vec<String> = (0..layers.len()).map(|n| format!("{n}/layer.tar")).collect();
    let manifest = json!([{"Config": name, "RepoTags": names, "Layers": paths}]);
    let mut tar = Tar::new();
    for (path, layer) in paths.iter().zip(layers) {
        tar = tar.file(path, 0o644, layer);
    }
    tar.file(&name, 0o644, &config).file(
        "manifest.json",
        0o644,
        &serde_json::to_vec(&manifest).unwrap(),
    )
}
