//! Docker archives: `manifest.json` names configs and layers as files of the archive. Nothing in
//! it has a digest, but a config's diff ids say what its layers hold.

use lapstrake_oci::{Compression, Descriptor, Digest, Manifest, MediaType, Reference};
use lapstrake_rootfs::TreePath;
use lapstrake_rootfs::decompress::Format;
use serde::Deserialize;

use super::spool::{Spool, Spooled};
use super::{Archive, Offered, excerpt, refused};
use crate::{Error, LayerFault};

/// The most images in one archive.
const MAX_IMAGES: usize = 1024;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Option<Vec<String>>,
}

/// The images that `manifest.json` names. Their manifests are made here, always the same way.
pub(super) fn images(archive: &Archive, spool: &Spool) -> Result<Vec<Offered>, Error> {
    const MANIFEST: &str = "manifest.json";
    let bytes = archive.read(MANIFEST)?.ok_or_else(|| {
        refused("it has neither oci-layout nor manifest.json; lap import takes root file systems")
    })?;
    let items: Vec<Item> = serde_json::from_slice(&bytes)
        .map_err(|source| Error::ArchiveJson { name: MANIFEST.to_owned(), source })?;
    if items.is_empty() || items.len() > MAX_IMAGES {
        return Err(refused(format!("its manifest.json names {} images", items.len())));
    }
    items.into_iter().map(|item| image(archive, spool, item)).collect()
}

fn image(archive: &Archive, spool: &Spool, item: Item) -> Result<Offered, Error> {
    let config_bytes = archive.read(&item.config)?.ok_or_else(|| missing(&item.config))?;
    check_name(&item.config, &config_bytes)?;
    let layers = item.layers.unwrap_or_default();
    let layers: Vec<Descriptor> =
        layers.iter().map(|name| layer(spool, name)).collect::<Result<_, _>>()?;
    let config = Descriptor::of(MediaType::OciConfig, &config_bytes);
    let manifest = Manifest::new(MediaType::OciManifest, config, layers);
    let manifest_bytes = manifest.to_bytes().map_err(Error::document("the manifest"))?;
    let names = item.repo_tags.unwrap_or_default();
    let names = names.iter().map(|name| full_name(name)).collect::<Result<_, _>>()?;
    Ok(Offered { names, manifest_bytes, manifest, config_bytes })
}

/// Configs are called `DIGEST.json` or `blobs/sha256/DIGEST`; then it has to be that.
fn check_name(name: &str, bytes: &[u8]) -> Result<(), Error> {
    let stem = name.rsplit('/').next().unwrap_or(name).trim_end_matches(".json");
    let digest: Option<Digest> = format!("sha256:{stem}").parse().ok();
    match digest {
        Some(digest) if digest != Digest::of(bytes) => {
            Err(refused(format!("the content of {} is not what its name says", excerpt(name))))
        }
        _ => Ok(()),
    }
}

fn layer(spool: &Spool, name: &str) -> Result<Descriptor, Error> {
    let file = spool.find(&TreePath::from(name)).ok_or_else(|| missing(name))?;
    let Spooled { digest, size, .. } = file;
    let head = spool.head(file).map_err(Error::io("read a layer of the archive"))?;
    let compression = match Format::of(&head) {
        Format::Plain => Compression::None,
        Format::Gzip => Compression::Gzip,
        Format::Zstd => Compression::Zstd,
        Format::Bzip2 => return Err(LayerFault::Compression { format: "bzip2" }.of(digest)),
        Format::Xz => return Err(LayerFault::Compression { format: "xz" }.of(digest)),
    };
    Ok(Descriptor::new(MediaType::OciLayer(compression), digest, size))
}

fn full_name(name: &str) -> Result<String, Error> {
    let reference = Reference::parse(name).map_err(Error::document("a name in manifest.json"))?;
    match reference.digest() {
        None => Ok(reference.to_string()),
        Some(_) => Err(Error::DigestAsTag { name: excerpt(name) }),
    }
}

fn missing(name: &str) -> Error {
    refused(format!("{:?} is missing", excerpt(name)))
}
